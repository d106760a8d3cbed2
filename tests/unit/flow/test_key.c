/* SPDX-License-Identifier: BSD-3-Clause */
/* From packets to keys: whole, truncated and odd ones of both families. */
#include "../packet/craft.h"

#include <rte_tcp.h>

#include "flow/key.h"

static uint64_t seed;
static struct craft c;
static struct flow_key4 key4;
static struct flow_key6 key6;
static struct flow_l4 l4;

static enum flow_packet of4(void)
{
	memset(&key4, 0xee, sizeof(key4));
	memset(&l4, 0xee, sizeof(l4));
	return flow_key4_of(&c.m, &key4, &l4);
}

static enum flow_packet of6(void)
{
	memset(&key6, 0xee, sizeof(key6));
	memset(&l4, 0xee, sizeof(l4));
	return flow_key6_of(&c.m, &key6, &l4);
}

/* Ports 0x1234 and 0x5678; an ICMP header of type 0x12 with identifier 0x4321. */
static void put_l4(uint8_t *at, uint8_t proto)
{
	craft_put16(at, 0x1234);
	craft_put16(at + 2, 0x5678);
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		craft_put16(at + 4, 0x4321);
	if (proto == IPPROTO_TCP)
		at[13] = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;
}

static uint8_t *packet4(uint8_t proto, uint16_t payload)
{
	uint8_t *ip = craft_ip4(&c, "10.1.2.3", "192.0.2.9", proto, 64, payload);

	put_l4(ip + 20, proto);
	return ip;
}

static uint8_t *packet6(uint8_t proto, uint16_t payload)
{
	uint8_t *ip = craft_ip6(&c, "2001:db8::1", "2001:db8::2", proto, 64, payload);

	put_l4(ip + 40, proto);
	return ip;
}

static void check4(uint8_t proto, uint16_t sport, uint16_t dport)
{
	const struct flow_key4 want = {.src = inet_addr("10.1.2.3"), .dst = inet_addr("192.0.2.9"),
		.proto = proto, .sport = htons(sport), .dport = htons(dport)};

	assert_memory_equal(&key4, &want, sizeof(want));
	assert_int_equal(l4.proto, proto);
}

static void check6(uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct flow_key6 want = {.proto = proto, .sport = htons(sport), .dport = htons(dport)};

	inet_pton(AF_INET6, "2001:db8::1", want.src);
	inet_pton(AF_INET6, "2001:db8::2", want.dst);
	assert_memory_equal(&key6, &want, sizeof(want));
	assert_int_equal(l4.proto, proto);
}

static void test_ports(void **state)
{
	(void)state;
	packet4(IPPROTO_TCP, 20);
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(IPPROTO_TCP, 0x1234, 0x5678);
	assert_int_equal(l4.tcp_flags, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	assert_int_equal(l4.offset, 34);
	packet4(IPPROTO_UDP, 8);
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(IPPROTO_UDP, 0x1234, 0x5678);
	assert_int_equal(l4.tcp_flags, 0);
	packet4(50, 8);
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(50, 0, 0);
	packet4(47, 0);
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(47, 0, 0);

	packet6(IPPROTO_TCP, 20);
	assert_int_equal(of6(), FLOW_PACKET_PLAIN);
	check6(IPPROTO_TCP, 0x1234, 0x5678);
	assert_int_equal(l4.tcp_flags, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
	assert_int_equal(l4.offset, 54);
	packet6(IPPROTO_UDP, 8);
	assert_int_equal(of6(), FLOW_PACKET_PLAIN);
	check6(IPPROTO_UDP, 0x1234, 0x5678);
	packet6(59, 0);
	assert_int_equal(of6(), FLOW_PACKET_PLAIN);
	check6(59, 0, 0);
	/* The other family's ICMP is no ICMP. */
	packet4(IPPROTO_ICMPV6, 8)[20] = 128;
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(IPPROTO_ICMPV6, 0, 0);
	packet6(IPPROTO_ICMP, 8)[40] = 8;
	assert_int_equal(of6(), FLOW_PACKET_PLAIN);
	check6(IPPROTO_ICMP, 0, 0);
}

static void test_options(void **state)
{
	uint8_t *ip = packet4(IPPROTO_TCP, 60);

	(void)state;
	ip[0] = 0x4f;
	memset(ip + 20, 1, 40);
	put_l4(ip + 60, IPPROTO_TCP);
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	check4(IPPROTO_TCP, 0x1234, 0x5678);
	assert_int_equal(l4.offset, 74);

	/* Destination options, then hop-by-hop out of order, then UDP. */
	ip = packet6(60, 8 + 16 + 8);
	memset(ip + 40, 0, 32);
	ip[40] = 0;
	ip[48] = IPPROTO_UDP;
	ip[49] = 1;
	put_l4(ip + 64, IPPROTO_UDP);
	assert_int_equal(of6(), FLOW_PACKET_PLAIN);
	check6(IPPROTO_UDP, 0x1234, 0x5678);
	assert_int_equal(l4.offset, 78);
	c.m.data_len--;
	assert_int_equal(of6(), FLOW_PACKET_MALFORMED);
}

static void test_icmp(void **state)
{
	static const uint8_t queries[] = {0, 8, 13, 14}, errors[] = {3, 4, 5, 11, 12};
	bool query, error;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		packet4(IPPROTO_ICMP, 8)[20] = type;
		query = memchr(queries, type, sizeof(queries)) != NULL;
		error = memchr(errors, type, sizeof(errors)) != NULL;
		assert_int_equal(of4(), query ? FLOW_PACKET_PLAIN :
			error ? FLOW_PACKET_ICMP_ERROR : FLOW_PACKET_UNTRACKED);
		check4(IPPROTO_ICMP, query ? 0x4321 : 0, query ? 0x4321 : 0);
		assert_int_equal(l4.icmp_type, type);
		assert_int_equal(l4.icmp_code, 0x34);

		packet6(IPPROTO_ICMPV6, 8)[40] = type;
		query = type == 128 || type == 129;
		assert_int_equal(of6(), query ? FLOW_PACKET_PLAIN :
			type < 128 ? FLOW_PACKET_ICMP_ERROR : FLOW_PACKET_UNTRACKED);
		check6(IPPROTO_ICMPV6, query ? 0x4321 : 0, query ? 0x4321 : 0);
		assert_int_equal(l4.icmp_type, type);
	}
}

static void test_fragments(void **state)
{
	uint8_t *ip;

	(void)state;
	for (unsigned int offset = 0; offset < 0x2000; offset += 1 + unit_random(&seed) % 300) {
		packet4(IPPROTO_UDP, 8);
		craft_put16(craft_bytes(&c) + 20, 0x2000 | offset); /* MF */
		assert_int_equal(of4(), FLOW_PACKET_FRAGMENT);
		check4(IPPROTO_UDP, 0, 0);
		craft_put16(craft_bytes(&c) + 20, offset);
		assert_int_equal(of4(), offset == 0 ? FLOW_PACKET_PLAIN : FLOW_PACKET_FRAGMENT);
	}
	packet4(IPPROTO_UDP, 8);
	craft_put16(craft_bytes(&c) + 20, 0x4000); /* DF */
	assert_int_equal(of4(), FLOW_PACKET_PLAIN);
	/* Too short for a header of its own, which a later fragment does not have. */
	packet4(IPPROTO_TCP, 1);
	craft_put16(craft_bytes(&c) + 20, 5);
	assert_int_equal(of4(), FLOW_PACKET_FRAGMENT);
	check4(IPPROTO_TCP, 0, 0);

	ip = packet6(44, 16);
	memset(ip + 40, 0, 8);
	ip[40] = IPPROTO_UDP;
	put_l4(ip + 48, IPPROTO_UDP);
	craft_put16(ip + 42, 1);
	assert_int_equal(of6(), FLOW_PACKET_FRAGMENT);
	check6(IPPROTO_UDP, 0, 0);
	assert_int_equal(l4.offset, 62);
	craft_put16(ip + 42, 80);
	assert_int_equal(of6(), FLOW_PACKET_FRAGMENT);
	check6(IPPROTO_UDP, 0, 0);
}

/* Every packet cut at every length: never read beyond, and malformed exactly where the header ends
 * too early. */
static void test_truncated(void **state)
{
	static const struct { uint8_t proto, need; } protos[] = {
		{IPPROTO_TCP, 20}, {IPPROTO_UDP, 8}, {IPPROTO_ICMP, 8}, {IPPROTO_ICMPV6, 8},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(protos); i++)
		for (uint16_t len = 0; len < 24; len++) {
			bool v4 = protos[i].proto != IPPROTO_ICMPV6;
			bool v6 = protos[i].proto != IPPROTO_ICMP;
			enum flow_packet want = len < protos[i].need ? FLOW_PACKET_MALFORMED :
								       FLOW_PACKET_PLAIN;

			if (v4) {
				packet4(protos[i].proto, 24)[20] = 8;
				c.m.data_len = 34 + len;
				assert_int_equal(of4(), want);
			}
			if (v6) {
				packet6(protos[i].proto, 24)[40] = 128;
				c.m.data_len = 54 + len;
				assert_int_equal(of6(), want);
			}
		}
}

/* Whatever the bytes behind the validated header are, it stays within the packet (ASan: the packet
 * ends where its memory does), and what it returns is complete: no padding is left over. */
static void test_random_bytes(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		bool v4 = i % 2;
		uint16_t l3 = v4 ? 20 : 40, len = PKT_L2_LEN + l3 + unit_random(&seed) % 70;
		uint8_t *bytes = malloc(len), *ip = bytes + PKT_L2_LEN;
		struct rte_mbuf m = {.buf_addr = bytes, .data_len = len, .pkt_len = len,
			.nb_segs = 1};
		static const uint8_t protos[] = {0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60};
		static const uint8_t zero[16];

		assert_non_null(bytes);
		for (unsigned int k = 0; k < len; k++)
			bytes[k] = unit_random(&seed) % 4 ? 0 : unit_random(&seed);
		ip[0] = v4 ? 0x45 : 0x60;
		if (v4 && len >= PKT_L2_LEN + 60)
			ip[0] = 0x45 + unit_random(&seed) % 11;
		ip[v4 ? 9 : 6] = protos[unit_random(&seed) % sizeof(protos)];
		if (!v4 && len > PKT_L2_LEN + l3)
			ip[40] = protos[unit_random(&seed) % sizeof(protos)];
		memset(&key4, 0xee, sizeof(key4));
		memset(&key6, 0xee, sizeof(key6));
		if (v4) {
			if (flow_key4_of(&m, &key4, &l4) != FLOW_PACKET_MALFORMED) {
				assert_memory_equal(key4.zero, zero, sizeof(key4.zero));
				assert_memory_equal(&key4.src, ip + 12, 8);
			}
		} else if (flow_key6_of(&m, &key6, &l4) != FLOW_PACKET_MALFORMED) {
			assert_memory_equal(key6.zero, zero, sizeof(key6.zero));
			assert_memory_equal(key6.src, ip + 8, 32);
		}
		free(bytes);
	}
}

static void test_tuples(void **state)
{
	struct flow_tuple t;
	struct flow_key4 a;
	struct flow_key6 b;

	(void)state;
	packet4(IPPROTO_TCP, 20);
	of4();
	t = flow_tuple_of_key4(&key4);
	a = flow_key4_of_tuple(&t);
	assert_memory_equal(&a, &key4, sizeof(a));
	a = flow_key4_swapped(&a);
	t = flow_tuple_swapped(&t);
	key4 = flow_key4_of_tuple(&t);
	assert_memory_equal(&a, &key4, sizeof(a));
	assert_int_equal(a.sport, htons(0x5678));
	packet6(IPPROTO_TCP, 20);
	of6();
	t = flow_tuple_of_key6(&key6);
	b = flow_key6_of_tuple(&t);
	assert_memory_equal(&b, &key6, sizeof(b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_tuples),
	};

	seed = unit_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

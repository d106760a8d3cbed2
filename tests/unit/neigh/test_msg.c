/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP and neighbour discovery frames: what is built parses back, and each malformed one is refused. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include <rte_ip.h>

#include "neigh/msg.h"

static const struct rte_ether_addr mac_a = {{0x02, 0, 0, 0, 0, 0x0a}};
static const struct rte_ether_addr mac_b = {{0x02, 0, 0, 0, 0, 0x0b}};
static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct frame {
	uint8_t bytes[256];
	size_t len;
};

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

/* From an exact allocation, so that a sanitiser sees a read beyond the end. */
static int parse(const struct frame *f, int (*fn)(const uint8_t *, size_t, struct neigh_msg *),
	struct neigh_msg *ret)
{
	uint8_t *copy = malloc(f->len > 0 ? f->len : 1);
	int rc;

	memcpy(copy, f->bytes, f->len);
	rc = fn(copy, f->len, ret);
	free(copy);
	return rc;
}

static int arp(const struct frame *f)
{
	struct neigh_msg msg;

	return parse(f, arp_parse, &msg);
}

static struct frame arp_request(const char *sender, const char *target)
{
	struct frame f = {0};

	f.len = neigh_build_solicit(&(struct neigh_frame){.eth_dst = broadcast, .eth_src = mac_a,
		.sender = ip(sender), .target = ip(target)}, f.bytes);
	return f;
}

static struct frame arp_reply(void)
{
	struct frame f = {0};

	f.len = neigh_build_advert(&(struct neigh_frame){.eth_dst = mac_b, .eth_src = mac_a,
		.target = ip("10.0.0.1"), .to = ip("10.0.0.2"), .to_mac = mac_b}, f.bytes);
	return f;
}

static void test_arp_request(void **state)
{
	/* RFC 826's fields in order, by hand. */
	static const uint8_t want[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x0a, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x0a, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
	struct frame f = arp_request("10.0.0.2", "10.0.0.1");
	struct ip_addr sender = ip("10.0.0.2"), target = ip("10.0.0.1");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(f.len, 60);
	assert_memory_equal(f.bytes, want, sizeof(want));
	assert_int_equal(parse(&f, arp_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_SOLICIT);
	assert_true(ip_addr_equal(&msg.sender, &sender) && ip_addr_equal(&msg.target, &target));
	assert_true(msg.has_mac && rte_is_same_ether_addr(&msg.mac, &mac_a));
	f.len = 42; /* some send it without padding */
	assert_int_equal(arp(&f), 0);
}

static void test_arp_probe(void **state)
{
	struct frame f = arp_request("0.0.0.0", "10.0.0.1");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(parse(&f, arp_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_SOLICIT);
	assert_int_equal(msg.sender.family, IP_NONE);
}

static void test_arp_reply(void **state)
{
	struct frame f = arp_reply();
	struct ip_addr target = ip("10.0.0.1"), told = ip("10.0.0.2");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(parse(&f, arp_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_ADVERT);
	assert_true(msg.solicited && msg.override);
	assert_true(ip_addr_equal(&msg.target, &target) && ip_addr_equal(&msg.told, &told));
	memset(f.bytes, 0xff, 6); /* a reply to everybody answers nobody */
	assert_int_equal(parse(&f, arp_parse, &msg), 0);
	assert_false(msg.solicited);
}

static void test_arp_announcement(void **state)
{
	struct frame f = arp_request("10.0.0.2", "10.0.0.2");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(parse(&f, arp_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_ADVERT);
	assert_false(msg.solicited);
}

static void test_arp_malformed(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
	} cases[] = {
		{"hardware type", 15, 6}, {"protocol type", 17, 1}, {"hardware length", 18, 8},
		{"protocol length", 19, 16}, {"operation 0", 21, 0}, {"operation 3", 21, 3},
		{"operation 257", 20, 1}, {"multicast sender", 22, 3}, {"multicast Ethernet source", 6, 3},
		{"sender 0.0.0.2", 28, 0}, {"sender loopback", 28, 127}, {"sender multicast", 28, 224},
		{"target loopback", 38, 127}, {"target multicast", 38, 239}, {"target zero", 38, 0},
	};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f = arp_request("10.0.0.2", "10.0.0.1");
		f.bytes[cases[i].at] = cases[i].value;
		if (arp(&f) != -EBADMSG)
			fail_msg("accepted: %s", cases[i].what);
	}
	f = arp_request("10.0.0.2", "10.0.0.1");
	memset(f.bytes + 22, 0, 6);
	assert_int_equal(arp(&f), -EBADMSG);
	f = arp_reply();
	memset(f.bytes + 28, 0, 4);
	assert_int_equal(arp(&f), -EBADMSG);
	f = arp_request("10.0.0.2", "10.0.0.1");
	for (f.len = 0; f.len < 42; f.len++)
		assert_int_equal(arp(&f), -EBADMSG);
}

static struct frame nd_solicit(bool multicast)
{
	struct ip_addr target = ip("2001:db8::1"), group = nd_solicited_node(&target);
	struct frame f = {0};

	f.len = neigh_build_solicit(&(struct neigh_frame){
		.eth_dst = multicast ? nd_multicast_mac(&group) : mac_b, .eth_src = mac_a,
		.sender = ip("2001:db8::2"), .target = target}, f.bytes);
	return f;
}

static struct frame nd_advert(bool solicited)
{
	struct frame f = {0};

	f.len = neigh_build_advert(&(struct neigh_frame){.eth_dst = mac_b, .eth_src = mac_a,
		.target = ip("2001:db8::1"), .to = ip("2001:db8::2"), .solicited = solicited,
		.override = true}, f.bytes);
	return f;
}

/* Makes the checksum right again, so that a case fails for its own reason alone. */
static void fix(struct frame *f)
{
	struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *)(f->bytes + 14);
	uint16_t sum;

	h->payload_len = rte_cpu_to_be_16((uint16_t)(f->len - 54));
	if (h->proto != IPPROTO_ICMPV6) /* refused for that; DPDK's checksum takes no other here */
		return;
	memset(f->bytes + 56, 0, 2);
	sum = rte_ipv6_udptcp_cksum(h, h + 1);
	memcpy(f->bytes + 56, &sum, 2);
}

static int nd(struct frame f)
{
	struct neigh_msg msg;

	return parse(&f, nd_parse, &msg);
}

static void test_nd_solicit(void **state)
{
	struct frame f = nd_solicit(true);
	static const uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 1};
	struct ip_addr sender = ip("2001:db8::2"), target = ip("2001:db8::1");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(f.len, 86);
	assert_memory_equal(f.bytes, group_mac, 6);
	assert_int_equal(parse(&f, nd_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_SOLICIT);
	assert_true(ip_addr_equal(&msg.sender, &sender) && ip_addr_equal(&msg.target, &target));
	assert_true(msg.has_mac && rte_is_same_ether_addr(&msg.mac, &mac_a));
	assert_int_equal(nd(nd_solicit(false)), 0);
}

static void test_nd_advert(void **state)
{
	struct frame f = nd_advert(true);
	struct ip_addr target = ip("2001:db8::1");
	struct neigh_msg msg;

	(void)state;
	assert_int_equal(parse(&f, nd_parse, &msg), 0);
	assert_int_equal(msg.kind, NEIGH_MSG_ADVERT);
	assert_true(msg.solicited && msg.override && msg.has_mac);
	assert_true(ip_addr_equal(&msg.target, &target));
	assert_int_equal(f.bytes[58] & 0x80, 0x80); /* a router says so */
	f.len -= 8; /* without the option: legal */
	fix(&f);
	assert_int_equal(parse(&f, nd_parse, &msg), 0);
	assert_false(msg.has_mac);
}

static void test_nd_others(void **state)
{
	static const uint8_t types[] = {133, 134, 137};

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		struct frame f = nd_solicit(true);
		struct neigh_msg msg;

		f.bytes[54] = types[i];
		fix(&f);
		assert_int_equal(parse(&f, nd_parse, &msg), 0);
		assert_int_equal(msg.kind, NEIGH_MSG_OTHER);
	}
}

/* RFC 4861 7.1.1, 7.1.2, one by one. */
static void test_nd_malformed(void **state)
{
	struct frame f;

#define REFUSED(start, change)                                                                     \
	do {                                                                                       \
		f = (start);                                                                       \
		assert_int_equal(nd(f), 0);                                                        \
		change;                                                                            \
		assert_int_equal(nd(f), -EBADMSG);                                                 \
	} while (0)

	(void)state;
	REFUSED(nd_solicit(true), f.bytes[21] = 254);			  /* hop limit */
	REFUSED(nd_solicit(true), f.bytes[56] ^= 1);			  /* checksum */
	REFUSED(nd_solicit(true), f.bytes[55] = 1; fix(&f));		  /* code */
	REFUSED(nd_solicit(true), f.bytes[54] = 138; fix(&f));		  /* type */
	REFUSED(nd_solicit(true), f.bytes[20] = 17);			  /* next header */
	REFUSED(nd_solicit(true), f.bytes[14] = 0x40);			  /* version */
	REFUSED(nd_solicit(true), f.bytes[19]++);			  /* longer than the frame */
	REFUSED(nd_solicit(true), f.bytes[62] = 0xff; fix(&f));		  /* target multicast */
	REFUSED(nd_solicit(true), memset(f.bytes + 62, 0, 16); fix(&f));  /* target :: */
	REFUSED(nd_solicit(true), memset(f.bytes + 62, 0, 15); fix(&f));  /* target ::1 */
	REFUSED(nd_solicit(true), f.bytes[79] = 0; fix(&f));		  /* option of length 0 */
	REFUSED(nd_solicit(true), f.bytes[79] = 2; fix(&f));		  /* option beyond the end */
	REFUSED(nd_solicit(true), f.len -= 1; fix(&f));			  /* option cut */
	REFUSED(nd_solicit(true), f.len -= 7; fix(&f));			  /* option of one byte */
	REFUSED(nd_solicit(true), f.len -= 9; fix(&f));			  /* ICMP below 24 bytes */
	REFUSED(nd_solicit(true), f.bytes[80] |= 1; fix(&f));		  /* multicast MAC */
	REFUSED(nd_solicit(true), memset(f.bytes + 80, 0, 6); fix(&f));	  /* zero MAC */
	REFUSED(nd_solicit(true), f.bytes[22] = 0xff; fix(&f));		  /* multicast source */
	REFUSED(nd_solicit(true), f.bytes[6] |= 1);			  /* Ethernet multicast source */
	REFUSED(nd_solicit(true), memset(f.bytes + 22, 0, 16); fix(&f));  /* ::, with an option */
	REFUSED(nd_advert(true), f.bytes[38] = 0xff; fix(&f));		  /* solicited, to a group */
	REFUSED(nd_advert(false), memset(f.bytes + 22, 0, 16); fix(&f));  /* from :: */
	REFUSED(nd_advert(true), f.bytes[62] = 0xff; fix(&f));		  /* target multicast */
	REFUSED(nd_advert(true), f.bytes[79] = 0; fix(&f));
	for (size_t len = 0; len < 86; len++) {
		f = nd_solicit(true);
		f.len = len;
		assert_int_equal(nd(f), -EBADMSG);
	}
#undef REFUSED
	/* A probe for duplicates is :: to the solicited-node group, without an option; to the target
	 * itself it is malformed. */
	f = nd_solicit(true);
	memset(f.bytes + 22, 0, 16);
	f.len -= 8;
	fix(&f);
	assert_int_equal(nd(f), 0);
	f = nd_solicit(false);
	memset(f.bytes + 22, 0, 16);
	f.len -= 8;
	fix(&f);
	assert_int_equal(nd(f), -EBADMSG);
	/* Unknown options are skipped (7.1). */
	f = nd_solicit(true);
	memcpy(f.bytes + f.len, (uint8_t[16]){99, 2}, 16);
	f.len += 16;
	fix(&f);
	assert_int_equal(nd(f), 0);
}

/* Bytes changed and lengths cut at random: whatever comes out, nothing is read beyond the end. */
static void test_random(void **state)
{
	uint64_t seed = unit_seed();

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		struct frame f = i & 1 ? nd_solicit(i & 2) : arp_request("10.0.0.2", "10.0.0.1");
		bool is_nd = i & 1;
		struct neigh_msg msg;

		for (unsigned int k = unit_random(&seed) % 4; k > 0; k--)
			f.bytes[12 + unit_random(&seed) % (f.len - 12)] = (uint8_t)unit_random(&seed);
		f.len = unit_random(&seed) % 4 == 0 ? unit_random(&seed) % 120 : f.len;
		if (is_nd && f.len >= 58)
			fix(&f);
		if (parse(&f, is_nd ? nd_parse : arp_parse, &msg) == 0) {
			assert_true(f.len >= 42);
			assert_true(!msg.has_mac || rte_is_valid_assigned_ether_addr(&msg.mac));
			assert_false(ip_addr_is_multicast(&msg.target));
		}
	}
}

static void test_addresses(void **state)
{
	struct ip_addr a = nd_link_local(&mac_a), want = ip("fe80::ff:fe00:a");

	(void)state;
	assert_true(ip_addr_equal(&a, &want));
	a = ip("2001:db8::12:3456");
	a = nd_solicited_node(&a);
	want = ip("ff02::1:ff12:3456");
	assert_true(ip_addr_equal(&a, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp_request),
		cmocka_unit_test(test_arp_probe),
		cmocka_unit_test(test_arp_reply),
		cmocka_unit_test(test_arp_announcement),
		cmocka_unit_test(test_arp_malformed),
		cmocka_unit_test(test_nd_solicit),
		cmocka_unit_test(test_nd_advert),
		cmocka_unit_test(test_nd_others),
		cmocka_unit_test(test_nd_malformed),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

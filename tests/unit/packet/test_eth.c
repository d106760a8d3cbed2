/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/packet/eth: whose frames pass, and why the others do not. */
#include "packet/craft.h"

static uint64_t macs[RTE_MAX_ETHPORTS];

static uint8_t input(struct craft *c)
{
	struct rte_mbuf *m = &c->m;
	uint8_t next = 0xff;

	eth_input_burst(macs, &m, 1, &next);
	return next;
}

static void passes(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "10.0.0.1", "10.0.0.2", 17, 64, 8);
	assert_int_equal(input(&c), ETH_NEXT_IP4);
	craft_ip6(&c, "2001:db8::1", "2001:db8::2", 17, 64, 8);
	assert_int_equal(input(&c), ETH_NEXT_IP6);
	craft_init(&c, 60);
	craft_eth(&c, 0x0806);
	assert_int_equal(input(&c), ETH_NEXT_PUNT);
	memset(craft_bytes(&c), 0xff, 6);
	assert_int_equal(input(&c), ETH_NEXT_PUNT);
}

static void own_mac_is_the_ingress_ports(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "10.0.0.1", "10.0.0.2", 17, 64, 8);
	c.m.port = 1; /* another port, with another address */
	assert_int_equal(input(&c), ETH_NEXT_DROP);
	assert_int_equal(craft_reason(&c), DROP_ETH_NOT_FOR_US);
}

static void drops(void **state)
{
	static const struct {
		uint8_t at, value;
		uint16_t len;
		enum drop_reason reason;
	} cases[] = {
		{5, 0x02, 42, DROP_ETH_NOT_FOR_US},
		{0, 0x06, 42, DROP_ETH_NOT_FOR_US},
		{12, 0x81, 42, DROP_ETH_TYPE}, /* 0x8100: the port strips VLANs */
		{12, 0x00, 42, DROP_ETH_TYPE}, /* an 802.3 length */
		{0, 0x02, 13, DROP_ETH_SHORT},
		{0, 0x02, 0, DROP_ETH_SHORT},
		{0, 0x03, 42, DROP_IP4_DESTINATION}, /* RFC 1812 5.3.4 */
	};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		struct craft c;

		craft_ip4(&c, "10.0.0.1", "10.0.0.2", 17, 64, 8);
		craft_bytes(&c)[cases[i].at] = cases[i].value;
		c.m.data_len = c.m.pkt_len = cases[i].len;
		assert_int_equal(input(&c), ETH_NEXT_DROP);
		assert_int_equal(craft_reason(&c), cases[i].reason);
	}
}

static void ip6_groups(void **state)
{
	struct craft c;

	(void)state;
	craft_ip6(&c, "fe80::1", "ff02::1:ff00:1", 58, 255, 24);
	memcpy(craft_bytes(&c), "\x33\x33\xff\x00\x00\x01", 6);
	assert_int_equal(input(&c), ETH_NEXT_IP6);
	craft_ip6(&c, "2001:db8::1", "2001:db8::2", 17, 64, 8);
	memcpy(craft_bytes(&c), "\x33\x33\xff\x00\x00\x01", 6);
	assert_int_equal(input(&c), ETH_NEXT_DROP);
	assert_int_equal(craft_reason(&c), DROP_IP6_DESTINATION);
}

static void whole_bursts(void **state)
{
	static struct craft c[PKT_BURST_MAX];
	struct rte_mbuf *pkts[PKT_BURST_MAX];
	uint8_t next[PKT_BURST_MAX + 1];

	(void)state;
	for (unsigned int n = 0; n <= PKT_BURST_MAX; n += 1 + n / 3) {
		for (unsigned int i = 0; i < n; i++) {
			if (i % 3 == 0)
				craft_ip4(&c[i], "10.0.0.1", "10.0.0.2", 17, 64, 8);
			else
				craft_ip6(&c[i], "2001:db8::1", "2001:db8::2", 17, 64, 8);
			pkts[i] = &c[i].m;
		}
		next[n] = 0xaa;
		eth_input_burst(macs, pkts, n, next);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(next[i], i % 3 == 0 ? ETH_NEXT_IP4 : ETH_NEXT_IP6);
		assert_int_equal(next[n], 0xaa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes),	cmocka_unit_test(own_mac_is_the_ingress_ports),
		cmocka_unit_test(drops),	cmocka_unit_test(ip6_groups),
		cmocka_unit_test(whole_bursts),
	};
	struct rte_ether_addr mac;

	memcpy(&mac, CRAFT_MAC_US, 6);
	macs[0] = eth_mac_word(&mac);
	macs[1] = macs[0] + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

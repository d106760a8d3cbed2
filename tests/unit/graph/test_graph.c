/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole walk: what goes in at one port and what comes out where. */
#include <rte_graph.h>

#include "rig.h"

static void assert_out(unsigned int i, uint16_t port, struct craft *want)
{
	assert_true(i < rig.n_out);
	assert_int_equal(rig.out[i].port, port);
	assert_int_equal(rig.out[i].len, want->m.pkt_len);
	assert_memory_equal(rig.out[i].bytes, craft_bytes(want), want->m.pkt_len);
}

/* The frame as it leaves towards the neighbour on a port. */
static void sent_to_neighbour(struct craft *c, unsigned int port)
{
	uint8_t *p = craft_bytes(c);

	memcpy(p, (uint8_t[]){2, 0, 0, 0, port, 2}, 6);
	memcpy(p + 6, &rig.port[port]->mac, 6);
	if (p[14] >> 4 == 4) {
		p[14 + 8]--;
		craft_ip4_sum(p + 14);
	} else {
		p[14 + 7]--;
	}
}

static void forwards(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	sent_to_neighbour(&c, 1);
	assert_int_equal(rig.n_out, 1);
	assert_out(0, 1, &c);
	craft_ip6(&c, "2001:db8:101::5", "2001:db8:100::7", 17, 64, 26);
	rig_in(1, &c);
	rig_walk();
	sent_to_neighbour(&c, 0);
	assert_int_equal(rig.n_out, 2);
	assert_out(1, 0, &c);
	assert_int_equal(rig_drops_all(), 0);
}

static void hairpin(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.0.0.7", 17, 2, 26);
	rig_in(0, &c);
	rig_walk();
	sent_to_neighbour(&c, 0);
	assert_out(0, 0, &c);
}

/* Both families, both ports, drops and punts in one burst; order within a port is kept. */
static void mixed_burst(void **state)
{
	unsigned int seen[2] = {0}, sent = 0;
	struct craft c;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		uint8_t *ip;

		switch (i % 5) {
		case 0:
			ip = craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
			break;
		case 1:
			ip = craft_ip6(&c, "2001:db8:101::5", "2001:db8:100::7", 17, 64, 26) + 20;
			break;
		case 2:
			ip = craft_ip4(&c, "192.0.0.5", "192.0.0.7", 17, 64, 26);
			break;
		case 3:
			ip = craft_ip4(&c, "192.0.0.5", "203.0.113.7", 17, 64, 26);
			break;
		default:
			ip = craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
			ip[10] ^= 1;
		}
		craft_put16(ip + 20, i);
		rig_in(i % 2, &c);
		sent += i % 5 < 3;
	}
	rig_walk();
	assert_int_equal(rig.n_out, sent);
	assert_int_equal(rig_drops(DROP_BLACKHOLE), 200);
	assert_int_equal(rig_drops(DROP_IP4_CHECKSUM), 200);
	assert_int_equal(rig_drops_all(), 400);
	for (unsigned int i = 0; i < rig.n_out; i++)
		seen[rig.out[i].port]++;
	assert_int_equal(seen[1], 200);
	assert_int_equal(seen[0], 400);
}

static void order_is_kept(void **state)
{
	struct craft c;

	(void)state;
	for (unsigned int i = 0; i < 700; i++) {
		uint8_t *ip = craft_ip4(&c, "192.0.0.5", i % 3 ? "192.0.1.7" : "192.0.0.7", 17, 64, 26);

		craft_put16(ip + 20, i);
		rig_in(0, &c);
	}
	rig_walk();
	for (unsigned int i = 1, last[2] = {0}; i < rig.n_out; i++) {
		unsigned int id = craft_get16(rig.out[i].bytes + 34), port = rig.out[i].port;

		assert_true(id > last[port] || last[port] == 0);
		last[port] = id;
	}
	assert_int_equal(rig.n_out, 700);
}

/* An ICMP error back to 192.0.0.5 or 2001:db8:100::5 on port 0, about the frame `cause`. */
static const uint8_t *assert_icmp(unsigned int i, struct craft *cause, uint8_t type, uint8_t code)
{
	const uint8_t *p = rig.out[i].bytes, *ip = p + 14;
	bool v4 = craft_bytes(cause)[14] >> 4 == 4;
	unsigned int header = v4 ? 20 : 40;
	struct in_addr own4;
	struct in6_addr own6;

	assert_true(i < rig.n_out);
	assert_int_equal(rig.out[i].port, 0);
	assert_memory_equal(p, ((uint8_t[]){2, 0, 0, 0, 0, 2}), 6);
	assert_memory_equal(p + 6, &rig.port[0]->mac, 6);
	assert_int_equal(craft_get16(p + 12), v4 ? 0x0800 : 0x86dd);
	inet_pton(AF_INET, "10.0.0.1", &own4);
	inet_pton(AF_INET6, "2001:db8:0::1", &own6);
	if (v4) {
		assert_int_equal(ip[8], PKT_ORIGIN_TTL);
		assert_int_equal(ip[9], 1);
		assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
		assert_int_equal(craft_get16(ip + 2) + 14, rig.out[i].len);
		assert_memory_equal(ip + 12, &own4, 4);
		assert_memory_equal(ip + 16, craft_bytes(cause) + 14 + 12, 4);
		assert_int_equal(craft_get16(ip + 22), craft_icmp4_sum(ip));
	} else {
		assert_int_equal(ip[7], PKT_ORIGIN_TTL);
		assert_int_equal(ip[6], 58);
		assert_int_equal(craft_get16(ip + 4) + 54, rig.out[i].len);
		assert_memory_equal(ip + 8, &own6, 16);
		assert_memory_equal(ip + 24, craft_bytes(cause) + 14 + 8, 16);
		assert_int_equal(craft_get16(ip + 42), craft_icmp6_sum(ip));
	}
	assert_int_equal(ip[header], type);
	assert_int_equal(ip[header + 1], code);
	assert_memory_equal(ip + header + 8, craft_bytes(cause) + 14,
		rig.out[i].len - 14 - header - 8);
	return ip + header;
}

static void errors(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 1, 26);
	rig_in(0, &c);
	rig_walk();
	assert_icmp(0, &c, 11, 0);
	assert_int_equal(rig_drops(DROP_IP4_TTL), 1);

	craft_ip4(&c, "192.0.0.5", "198.51.100.1", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_icmp(1, &c, 3, 0);
	assert_int_equal(rig_drops(DROP_DISCARD), 1);

	craft_ip4(&c, "192.0.0.5", "8.8.8.8", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_icmp(2, &c, 3, 0);
	assert_int_equal(rig_drops(DROP_NO_ROUTE), 1);

	craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7", 17, 1, 26);
	rig_in(0, &c);
	rig_walk();
	assert_icmp(3, &c, 3, 0);
	assert_int_equal(rig_drops(DROP_IP6_HOP_LIMIT), 1);

	craft_ip6(&c, "2001:db8:100::5", "2001:db9::7", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_icmp(4, &c, 1, 0);
	assert_int_equal(rig_drops(DROP_NO_ROUTE), 2);
	assert_int_equal(rig_drops_all(), 5);
}

static void too_big(void **state)
{
	const uint8_t *icmp;
	struct craft c;
	uint8_t *ip = craft_ip4(&c, "192.0.0.5", "192.168.0.7", 17, 64, 1281);

	(void)state;
	craft_put16(ip + 6, 0x4000);
	craft_ip4_sum(ip);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.n_out, 1);
	icmp = assert_icmp(0, &c, 3, 4);
	assert_int_equal(craft_get16(icmp + 6), 1300);
	assert_int_equal(rig.out[0].len, 14 + 576);
	assert_int_equal(rig_drops(DROP_IP4_DF), 1);

	craft_ip6(&c, "2001:db8:100::5", "2001:db8:200::7", 17, 64, 1300);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.n_out, 2);
	icmp = assert_icmp(1, &c, 2, 0);
	assert_int_equal(craft_get16(icmp + 4), 0);
	assert_int_equal(craft_get16(icmp + 6), 1300);
	assert_int_equal(rig.out[1].len, 14 + 1280);
	assert_int_equal(rig_drops_all(), 2);
}

/* With an option that is copied to all fragments, one that is not, and an offset of its own. */
static void fragments(void **state)
{
	static const uint8_t options[12] = {0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0};
	struct craft c;
	uint8_t *ip = craft_ip4(&c, "192.0.0.5", "192.168.0.7", 17, 64, 1448 + 12);
	uint8_t again[1448];
	unsigned int at = 0;

	(void)state;
	ip[0] = 0x48;
	memcpy(ip + 20, options, sizeof(options));
	craft_put16(ip + 6, 0x2000 | 100);
	craft_ip4_sum(ip);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.n_out, 2);
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *f = rig.out[i].bytes + 14;
		unsigned int header = (f[0] & 0xf) * 4, len = craft_get16(f + 2) - header;

		assert_int_equal(rig.out[i].port, 1);
		assert_memory_equal(rig.out[i].bytes, ((uint8_t[]){2, 0, 0, 0, 1, 2}), 6);
		assert_true(craft_get16(f + 2) <= 1300);
		assert_int_equal(rig.out[i].len, 14 + craft_get16(f + 2));
		assert_int_equal(craft_sum(f, header, NULL, 0), 0);
		assert_int_equal(craft_get16(f + 4), 0x1234);
		assert_int_equal(f[8], 63);
		assert_int_equal(header, i == 0 ? 32 : 24);
		assert_memory_equal(f + 20, options, i == 0 ? 12 : 4);
		/* More fragments follow, behind the last one too: the packet was one itself. */
		assert_int_equal(craft_get16(f + 6), 0x2000 | (100 + at / 8));
		memcpy(again + at, f + header, len);
		at += len;
	}
	assert_int_equal(at, 1448);
	assert_memory_equal(again, ip + 32, 1448);
	assert_int_equal(rig_drops_all(), 0);
}

static void no_error_about_errors(void **state)
{
	struct craft c;
	uint8_t *ip = craft_ip4(&c, "192.0.0.5", "192.0.1.7", 1, 1, 26);

	(void)state;
	ip[20] = 11;
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.n_out, 0);
	assert_int_equal(rig_drops(DROP_IP4_TTL), 1);
	assert_int_equal(rig_drops_all(), 1);
}

static void errors_are_rationed(void **state)
{
	struct craft c;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 1, 26);
		rig_in(0, &c);
	}
	rig_walk();
	assert_in_range(rig.n_out, 100, 150); /* the burst, and a few for the time that passed */
	assert_int_equal(rig_drops(DROP_IP4_TTL), 1000);
	assert_int_equal(rig_drops(DROP_ICMP_RATE), 1000 - rig.n_out);
}

static void answers_echo(void **state)
{
	struct craft c;
	uint8_t *ip = craft_ip4(&c, "192.0.0.5", "10.0.1.1", 1, 1, 26);
	const uint8_t *reply = rig.out[0].bytes + 14;

	(void)state;
	ip[20] = 8;
	ip[21] = 0;
	craft_put16(ip + 22, craft_icmp4_sum(ip));
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.n_out, 1);
	assert_int_equal(rig.out[0].port, 0);
	assert_memory_equal(rig.out[0].bytes, ((uint8_t[]){2, 0, 0, 0, 0, 2}), 6);
	assert_int_equal(reply[8], 64);
	assert_int_equal(reply[20], 0);
	assert_int_equal(craft_sum(reply, 20, NULL, 0), 0);
	assert_int_equal(craft_get16(reply + 22), craft_icmp4_sum(reply));
	assert_memory_equal(reply + 12, ip + 16, 4);
	assert_memory_equal(reply + 16, ip + 12, 4);
	assert_memory_equal(reply + 24, ip + 24, 22);
	assert_int_equal(rig_drops_all(), 0);
}

static void assert_punted(enum punt_class class, struct craft *c)
{
	assert_int_equal(rig.n_punted[class], 1);
	assert_int_equal(rig.punted[class][0].len, c->m.pkt_len);
	assert_memory_equal(rig.punted[class][0].bytes, craft_bytes(c), c->m.pkt_len);
	assert_int_equal(rig.punted[class][0].port, 0);
	assert_int_equal(rig.n_out, 0);
	assert_int_equal(rig_drops_all(), 0);
	rig.n_punted[class] = 0;
}

static void punts(void **state)
{
	struct craft c;
	uint8_t *ip;

	(void)state;
	craft_init(&c, 60);
	craft_eth(&c, 0x0806);
	memset(craft_bytes(&c), 0xff, 6);
	rig_in(0, &c);
	rig_walk();
	assert_punted(PUNT_NEIGH, &c);

	ip = craft_ip6(&c, "fe80::1", "ff02::1:ff00:1", 58, 255, 24);
	memcpy(craft_bytes(&c), "\x33\x33\xff\x00\x00\x01", 6);
	ip[40] = 135;
	rig_in(0, &c);
	rig_walk();
	assert_punted(PUNT_NEIGH, &c);

	ip = craft_ip6(&c, "fe80::1", "2001:db8:0::1", 58, 255, 24);
	ip[40] = 136;
	craft_put16(ip + 42, craft_icmp6_sum(ip));
	rig_in(0, &c);
	rig_walk();
	assert_punted(PUNT_NEIGH, &c);

	craft_ip4(&c, "192.0.0.5", "10.0.1.1", 6, 1, 20); /* BGP with a TTL of 1 */
	rig_in(0, &c);
	rig_walk();
	assert_punted(PUNT_LOCAL, &c);

	craft_ip4(&c, "192.0.0.5", "10.0.1.77", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.punted_meta[PUNT_GLEAN][0].inject, PUNT_INJECT_FORWARD);
	assert_int_equal(rig.conf.nh->nh[rig.punted_meta[PUNT_GLEAN][0].nh].kind, NH_GLEAN);
	assert_punted(PUNT_GLEAN, &c);
}

static void punt_rings_are_bounded(void **state)
{
	struct craft c;
	unsigned int taken;

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		craft_ip4(&c, "192.0.0.5", "10.0.1.1", 6, 1, 20);
		rig_in(0, &c);
	}
	rig_walk();
	taken = rig.n_punted[PUNT_LOCAL];
	assert_true(taken >= RIG_PUNT_RING - 1 && taken < 500);
	assert_int_equal(rig_drops(DROP_PUNT_FULL), 500 - taken);
}

static void waits_for_its_neighbour(void **state)
{
	struct nh_table *t = (struct nh_table *)rig.conf.nh;
	struct craft c;

	(void)state;
	nh_set_pending(t, rig.neighbour[1]);
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(rig.punted_meta[PUNT_GLEAN][0].nh, rig.neighbour[1]);
	assert_punted(PUNT_GLEAN, &c);

	nh_set_resolved(t, rig.neighbour[1], &(struct rte_ether_addr){{2, 0, 0, 0, 1, 2}},
		&rig.port[1]->mac);
	rig_inject(&c, PUNT_INJECT_FORWARD, rig.neighbour[1]);
	rig_walk();
	sent_to_neighbour(&c, 1);
	assert_int_equal(rig.n_out, 1);
	assert_out(0, 1, &c);
	assert_int_equal(rig_drops_all(), 0);
}

static void injects(void **state)
{
	struct craft c, cause;

	(void)state;
	craft_ip6(&c, "2001:db8:0::1", "2001:db8:100::7", 6, 255, 20);
	memset(craft_bytes(&c), 0, 14);
	rig_inject(&c, PUNT_INJECT_OUTPUT, rig.neighbour6[0]);
	rig_walk();
	sent_to_neighbour(&c, 0);
	craft_bytes(&c)[14 + 7] = 255;
	craft_put16(craft_bytes(&c) + 12, 0x86dd);
	assert_out(0, 0, &c);

	craft_init(&c, 42);
	craft_eth(&c, 0x0806);
	c.m.port = 1;
	rig_inject(&c, PUNT_INJECT_TX, NH_NONE);
	rig_walk();
	assert_out(1, 1, &c);

	craft_ip4(&cause, "192.0.0.5", "10.0.1.77", 17, 64, 26);
	c = cause;
	*pkt_meta(&c.m) = (struct pkt_meta){.icmp_type = 3, .icmp_code = 1,
		.drop_reason = DROP_NEIGH_FAILED};
	rig_inject(&c, PUNT_INJECT_ICMP, NH_NONE);
	rig_walk();
	assert_icmp(2, &cause, 3, 1);
	assert_int_equal(rig_drops(DROP_NEIGH_FAILED), 1);
	assert_int_equal(rig_drops_all(), 1);
}

/* The kernel's packet above the MTU: it hears of it from its own address. */
static void kernel_learns_the_mtu(void **state)
{
	struct craft c;
	uint8_t *ip = craft_ip4(&c, "10.0.0.1", "192.168.0.7", 6, 64, 1400);
	const uint8_t *punted = rig.punted[PUNT_LOCAL][0].bytes + 14;

	(void)state;
	craft_put16(ip + 6, 0x4000);
	craft_ip4_sum(ip);
	rig_inject(&c, PUNT_INJECT_OUTPUT, rig.narrow);
	rig_walk();
	assert_int_equal(rig.n_out, 0);
	assert_int_equal(rig.n_punted[PUNT_LOCAL], 1);
	assert_int_equal(punted[20], 3);
	assert_int_equal(punted[21], 4);
	assert_int_equal(craft_get16(punted + 26), 1300);
	assert_int_equal(rig_drops(DROP_IP4_DF), 1);
}

static void full_and_absent_ports(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
	for (unsigned int i = 0; i < 50; i++) {
		craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
		rig_in(0, &c);
	}
	rig.tx_room = 20;
	rig_walk();
	assert_int_equal(rig.n_out, 20);
	assert_int_equal(rig_drops(DROP_TX_FULL), 30);

	rig.port[1]->link_up = false;
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	rig.port[1]->link_up = true;
	assert_int_equal(rig_drops(DROP_PORT_DOWN), 1);

	c.m.port = 9;
	rig_inject(&c, PUNT_INJECT_TX, NH_NONE);
	c.m.port = 60000;
	rig_inject(&c, PUNT_INJECT_TX, NH_NONE);
	rig_walk();
	assert_int_equal(rig_drops(DROP_PORT_DOWN), 3);
}

/* Frames of noise behind good beginnings; returns how many. */
static unsigned int noise_in(uint64_t seed)
{
	unsigned int in = 0;

	for (unsigned int round = 0; round < 400; round++) {
		for (unsigned int i = 0; i < 8; i++, in++) {
			uint64_t r = unit_random(&seed);
			struct craft c;
			uint8_t *ip = r & 1 ? craft_ip4(&c, "192.0.0.5", "192.0.1.7", r >> 8, 64, 60) :
					      craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7",
						      (r >> 8) % 64, 64, 60);
			unsigned int flips = r >> 32 & 7;

			while (flips-- > 0) {
				uint64_t at = unit_random(&seed);

				craft_bytes(&c)[at % 114] = at >> 32;
			}
			if (r & 2)
				craft_ip4_sum(ip);
			c.m.data_len = c.m.pkt_len = r & 4 ? c.m.pkt_len : (r >> 40) % 115;
			rig_in(i % 2, &c);
		}
		rig_walk();
	}
	return in;
}

/* Each packet is sent, punted or dropped, once; rig_teardown() sees that no buffer is lost. */
static void noise_is_accounted_for(void **state)
{
	static const struct port_address none[RTE_MAX_ETHPORTS];
	unsigned int in;

	(void)state;
	rig.worker->addresses = none; /* no ICMP errors, which would be packets more */
	in = noise_in(unit_seed());
	assert_int_equal(in, rig.n_out + rig.n_punted[PUNT_LOCAL] + rig.n_punted[PUNT_NEIGH] +
				     rig.n_punted[PUNT_GLEAN] + rig_drops_all());
	assert_true(rig.n_out > 0 && rig_drops_all() > 0);
	assert_int_equal(rig_drops(DROP_NONE), 0);
}

static void noise_with_errors(void **state)
{
	(void)state;
	assert_true(noise_in(unit_seed()) > 0);
	assert_int_equal(rig_drops(DROP_NONE), 0);
}

static void counts_by_node(void **state)
{
	struct node_stats nodes[GRAPH_NODES_MAX] = {0};
	bool seen = false;
	struct craft c;

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
		rig_in(0, &c);
		rig_walk(); /* one packet a walk, so that some walks are timed */
	}
	worker_add_node_stats(rig.worker, nodes, RTE_DIM(nodes));
	for (unsigned int i = 0; i < RTE_DIM(nodes); i++)
		if (strcmp(nodes[i].name, "ip4_lookup") == 0) {
			assert_int_equal(nodes[i].packets, 300);
			assert_int_equal(nodes[i].calls, 300);
			assert_true(nodes[i].cycles > 0);
			seen = true;
		}
	assert_true(seen);
	assert_int_equal(rig.worker->stats.packets, 300);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(forwards), T(hairpin), T(mixed_burst), T(order_is_kept), T(errors), T(too_big),
		T(fragments), T(no_error_about_errors), T(errors_are_rationed), T(answers_echo),
		T(punts), T(punt_rings_are_bounded), T(waits_for_its_neighbour), T(injects),
		T(kernel_learns_the_mtu), T(full_and_absent_ports), T(noise_is_accounted_for), T(noise_with_errors), T(counts_by_node),
	};
	int ret;

	rig_start();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return ret;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets go by the flow stage, and where they go on. */
#include <rte_cycles.h>

#include "nat/state.h"
#include "rig.h"

static struct nat *nat;

/* No rules: which packets come by is set by hand. */
static int setup_workers(void **state, unsigned int workers)
{
	static const uint16_t port_ids[] = {0, 1};
	struct config conf = {.ports = rig.port_conf, .n_ports = 2, .flows.max_sessions = 1000};
	char err[200] = "";

	nat = nat_new(
		&(struct nat_conf){
			.config = &conf, .port_ids = port_ids, .workers = workers, .fib = rig.conf.fib,
			.nh = rig.conf.nh, .tsc_hz = rte_get_tsc_hz(),
		},
		err, sizeof(err));
	if (nat == NULL) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	rig.conf.nat = nat;
	return rig_setup(state);
}

static int setup(void **state)
{
	return setup_workers(state, 1);
}

static int setup_two(void **state)
{
	return setup_workers(state, 2);
}

static int teardown(void **state)
{
	int ret = rig_teardown(state);

	rig.conf.nat = NULL;
	nat_free(nat);
	return ret;
}

/* Packets that a node has seen. */
static uint64_t through(const char *name)
{
	struct node_stats nodes[GRAPH_NODES_MAX] = {0};

	worker_add_node_stats(rig.worker, nodes, RTE_DIM(nodes));
	for (unsigned int i = 0; i < RTE_DIM(nodes); i++)
		if (strcmp(nodes[i].name, name) == 0)
			return nodes[i].packets;
	fail_msg("no node %s", name);
	return 0;
}

static void by_ingress_port(void **state)
{
	struct craft c;

	(void)state;
	nat->rules->flow_ports = 1;
	for (unsigned int port = 0; port < 2; port++) {
		craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
		rig_in(port, &c);
		craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7", 17, 64, 26);
		rig_in(port, &c);
	}
	rig_walk();
	assert_int_equal(rig.n_out, 4);
	assert_int_equal(rig_drops_all(), 0);
	assert_int_equal(through("flow4"), 1);
	assert_int_equal(through("flow6"), 1);
}

/* An address of the pools' alone: what no flow knows ends there. */
static void by_pool_address(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.168.9.9", 17, 64, 26);
	rig_in(0, &c);
	craft_ip6(&c, "2001:db8:100::5", "2001:db8:9::9", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(through("flow4"), 1);
	assert_int_equal(through("flow6"), 1);
	assert_int_equal(rig_drops(DROP_NAT_NO_MAPPING), 2);
	assert_int_equal(rig_drops_all(), 2);
}

/* Our own address may be a pool's too: what no flow knows is ours, and so is the echo's answer. */
static void by_own_address(void **state)
{
	uint8_t *icmp;
	struct craft c;

	(void)state;
	((struct nh *)rig.conf.nh->nh)[rig.own[0]].nat = 1;
	craft_ip4(&c, "192.0.0.5", "10.0.0.1", 17, 64, 26);
	rig_in(0, &c);
	icmp = craft_ip4(&c, "192.0.0.5", "10.0.0.1", 1, 64, 26) + 20;
	icmp[0] = 8;
	icmp[1] = 0;
	craft_put16(icmp + 2, craft_icmp4_sum(icmp - 20));
	rig_in(0, &c);
	craft_ip4(&c, "192.0.0.5", "10.0.1.1", 17, 64, 26);
	rig_in(0, &c);
	rig_walk();
	((struct nh *)rig.conf.nh->nh)[rig.own[0]].nat = 0;
	assert_int_equal(through("flow4"), 2);
	assert_int_equal(rig.n_punted[PUNT_LOCAL], 2);
	assert_int_equal(rig.n_out, 1);
	assert_int_equal(rig.out[0].bytes[34], 0);
	assert_int_equal(rig_drops_all(), 0);
}

/* Errors of our own pass the flow stage, which knows how their receiver sees the packet inside. */
static void own_errors(void **state)
{
	struct craft c;

	(void)state;
	craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 1, 26);
	rig_in(0, &c);
	craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7", 17, 1, 26);
	rig_in(0, &c);
	rig_walk();
	assert_int_equal(through("flow4"), 1);
	assert_int_equal(through("flow6"), 1);
	assert_int_equal(rig.n_out, 2);
	assert_int_equal(rig.out[0].bytes[34], 11);
	assert_int_equal(rig.out[1].bytes[54], 3);
}

/* Packets that the flow stage had kept go on by its source, with the edge they were given. */
static void released(void **state)
{
	struct craft c;

	(void)state;
	for (unsigned int v4 = 0; v4 < 2; v4++) {
		struct nat_released *q = &nat_worker(nat, 0)->released[v4];
		struct rte_mbuf *m;

		if (v4)
			craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
		else
			craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7", 17, 64, 26);
		for (unsigned int i = 0; i < 2; i++) {
			m = rte_pktmbuf_alloc(rig.conf.pool);
			assert_non_null(m);
			memcpy(rte_pktmbuf_append(m, c.m.pkt_len), craft_bytes(&c), c.m.pkt_len);
			m->port = 0;
			pkt_meta(m)->flow = PKT_FLOW_DONE;
			pkt_meta(m)->drop_reason = DROP_FRAG_TIMEOUT;
			q->pkts[q->tail] = m;
			q->next[q->tail++] = i == 0 ? FLOW_NEXT_LOOKUP : FLOW_NEXT_DROP;
		}
	}
	rig_walk();
	assert_int_equal(rig.n_out, 2);
	assert_int_equal(rig.out[0].bytes[14] >> 4, 4);
	assert_int_equal(rig.out[1].bytes[14] >> 4, 6);
	assert_int_equal(rig_drops(DROP_FRAG_TIMEOUT), 2);
}

/* --- two workers --- */

static struct punt *second_punt;

/* A second worker, without queues of its own: what it gets is handed over. */
static struct worker *second_new(struct handoff **ret_handoff)
{
	struct worker_conf conf = rig.conf;
	struct worker *w;

	conf.workers = 2;
	conf.punt = second_punt = punt_new(2, RIG_PUNT_RING, conf.pool);
	assert_non_null(conf.punt);
	*ret_handoff = handoff_new(2);
	assert_non_null(*ret_handoff);
	w = worker_new(&conf, 1, 0, "second", graph_nodes);
	assert_non_null(w);
	rte_rcu_qsbr_thread_register(rig.conf.qsbr, 1);
	rte_rcu_qsbr_thread_online(rig.conf.qsbr, 1);
	rig.worker->handoff = w->handoff = *ret_handoff;
	return w;
}

static void second_free(struct worker *second, struct handoff *handoff)
{
	worker_free(second);
	handoff_free(handoff);
	punt_free(second_punt);
	rte_rcu_qsbr_thread_offline(rig.conf.qsbr, 1);
	rte_rcu_qsbr_thread_unregister(rig.conf.qsbr, 1);
}

static void handed_over(void **state)
{
	struct handoff *handoff;
	struct worker *second = second_new(&handoff);
	unsigned int last[2] = {0};
	struct craft c;

	(void)state;
	nat->rules->flow_ports = 1;
	nat->rules->stateful_ports = 1;
	for (unsigned int i = 1; i <= 600; i++) {
		bool v6 = i % 3 == 0;
		uint8_t *l4 = v6 ? craft_ip6(&c, "2001:db8:100::5", "2001:db8:101::7", 17, 64, 26) + 40 :
				   craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26) + 20;

		craft_put16(l4, i % 128); /* owners change every 64 ports */
		craft_put16(l4 + 2, 1);
		craft_put16(l4 + 8, i);
		rig_in(0, &c);
		rig_walk();
		while (worker_pass(second))
			;
	}
	assert_int_equal(rig.n_out, 600);
	assert_int_equal(rig_drops_all(), 0);
	for (unsigned int i = 0; i < rig.n_out; i++) {
		bool v6 = rig.out[i].bytes[14] >> 4 == 6;
		unsigned int at = craft_get16(rig.out[i].bytes + (v6 ? 54 : 34) + 8);

		assert_true(at > last[v6]);
		last[v6] = at;
	}
	assert_int_equal(through("handoff"), 4 * 64 + 25);
	second_free(second, handoff);
}

/* Nobody takes them: beyond the ring they are counted drops, and no buffer is lost. */
static void handoff_is_bounded(void **state)
{
	struct handoff *handoff;
	struct worker *second = second_new(&handoff);
	struct craft c;

	(void)state;
	nat->rules->flow_ports = 1;
	nat->rules->stateful_ports = 1;
	for (unsigned int i = 0; i < 2500; i++) {
		uint8_t *l4 = craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26) + 20;

		craft_put16(l4, 64 + i % 64);
		craft_put16(l4 + 2, 1);
		rig_in(0, &c);
	}
	rig_walk();
	assert_int_equal(rig.n_out, 0);
	assert_int_equal(rig_drops(DROP_HANDOFF_FULL), 2500 - 2047);
	assert_int_equal(rig_drops_all(), 2500 - 2047);
	second_free(second, handoff);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(by_ingress_port), T(by_pool_address), T(by_own_address), T(own_errors), T(released),
		cmocka_unit_test_setup_teardown(handed_over, setup_two, teardown),
		cmocka_unit_test_setup_teardown(handoff_is_bounded, setup_two, teardown),
	};
	int ret;

	rig_start();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return ret;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers on an lcore of their own: start, traffic, idleness, stop. */
#include <unistd.h>

#include <rte_cycles.h>

#include "rig.h"

static bool wait_for_out(unsigned int n)
{
	for (unsigned int ms = 0; ms < 5000; ms++) {
		if (__atomic_load_n(&rig.n_out, __ATOMIC_ACQUIRE) >= n)
			return true;
		usleep(1000);
	}
	return false;
}

/* One writer's grace period: does the worker let it end? */
static bool grace_period_ends(void)
{
	uint64_t token = rte_rcu_qsbr_start(rig.conf.qsbr);

	for (unsigned int ms = 0; ms < 5000; ms++) {
		if (rte_rcu_qsbr_check(rig.conf.qsbr, token, false) == 1)
			return true;
		usleep(1000);
	}
	return false;
}

static void run_with(enum config_poll poll)
{
	struct worker_conf conf = rig.conf;
	struct worker_stats stats;
	struct worker_set *s;
	struct node_stats nodes[GRAPH_NODES_MAX];
	char err[256] = "";
	struct craft c;

	conf.poll = poll;
	s = workers_start(&conf, err, sizeof(err));
	if (s == NULL)
		fail_msg("%s", err);
	assert_int_equal(workers_count(s), 1);
	for (unsigned int i = 1; i <= 20; i++) {
		craft_ip4(&c, "192.0.0.5", "192.0.1.7", 17, 64, 26);
		rig_in(0, &c);
		assert_true(wait_for_out(i));
		assert_true(grace_period_ends());
		usleep(2000);
	}
	worker_get_stats(s, 0, &stats);
	assert_int_equal(stats.packets, 20);
	assert_true(stats.idle_loops > 0 && stats.loops > stats.idle_loops);
	assert_true(stats.busy_cycles > 0 && stats.busy_cycles <= stats.total_cycles);
	if (poll == CONFIG_POLL_ADAPTIVE)
		assert_true(stats.sleeps > 20); /* each pause of 2 ms holds several */
	else
		assert_int_equal(stats.sleeps, 0);
	assert_in_range(workers_node_stats(s, nodes, RTE_DIM(nodes)), 15, GRAPH_NODES_MAX);
	workers_stop(s);
	assert_int_equal(rig_drops_all(), 0);
}

static void busy(void **state)
{
	(void)state;
	run_with(CONFIG_POLL_BUSY);
}

static void adaptive(void **state)
{
	(void)state;
	run_with(CONFIG_POLL_ADAPTIVE);
}

static void start_stop_again(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		char err[256] = "";
		struct worker_set *s = workers_start(&rig.conf, err, sizeof(err));

		if (s == NULL)
			fail_msg("%s", err);
		workers_stop(s);
	}
	workers_stop(NULL);
}

static void refuses_more_workers_than_lcores(void **state)
{
	struct worker_conf conf = rig.conf;
	char err[256] = "";

	(void)state;
	conf.workers = 2;
	assert_null(workers_start(&conf, err, sizeof(err)));
	assert_non_null(strstr(err, "lcore"));
	conf.workers = 0;
	assert_null(workers_start(&conf, err, sizeof(err)));
}

static int setup(void **state)
{
	int ret = rig_setup(state);

	worker_free(rig.worker); /* workers_start() makes its own */
	rig.worker = NULL;
	return ret;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(busy), T(adaptive), T(start_stop_again), T(refuses_more_workers_than_lcores),
	};
	int ret;

	rig_start();
	/* The worker registers by itself. */
	rte_rcu_qsbr_thread_offline(rig.conf.qsbr, 0);
	rte_rcu_qsbr_thread_unregister(rig.conf.qsbr, 0);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop();
	return ret;
}

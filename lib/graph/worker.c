/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers: set up by the control thread, then each runs its loop on its own lcore: one walk of the
 * graph, one report of quiescence, and in adaptive mode a rest where there is nothing to do.
 */
#include "graph/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "graph/graph_priv.h"
#include "packet/eth.h"

/* ICMP errors a worker sends: enough for traceroutes, too few to be of use to a reflector. */
#define ICMP_ERRORS_PER_SECOND 1000
#define ICMP_ERRORS_BURST 100

/* Adaptive mode: an idle worker polls on for a while with growing pauses, then sleeps. */
#define IDLE_POLL_US 100
#define IDLE_PAUSES_MAX 64
#define IDLE_SLEEP_MIN_US 50
#define IDLE_SLEEP_MAX_US 200

struct worker_set {
	unsigned int n;
	struct handoff *handoff; /* NULL: no flows, or one worker */
	struct worker *worker[PUNT_WORKERS_MAX];
};

static struct port_address port_addresses[RTE_MAX_ETHPORTS];
static rte_spinlock_t tx_locks[RTE_MAX_ETHPORTS];

void workers_set_port_address(uint16_t port_id, const struct ip_addr *addr)
{
	struct port_address *a;

	if (port_id >= RTE_MAX_ETHPORTS)
		return;
	a = &port_addresses[port_id];
	if (addr->family == IP_V4) {
		memcpy(a->v4, addr->bytes, sizeof(a->v4));
		a->has_v4 = true;
	} else if (addr->family == IP_V6) {
		memcpy(a->v6, addr->bytes, sizeof(a->v6));
		a->has_v6 = true;
	}
}

void worker_drop(struct worker *w, enum drop_reason reason, struct rte_mbuf **pkts, unsigned int n)
{
	drop_count(w->index + 1, reason, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

/* A worker polls its own queue of each port, where the device has that many, and sends through it;
 * beyond that it shares a transmit queue, locked. */
static void queues_assign(struct worker *w, unsigned int workers)
{
	for (struct port *p = port_next(NULL); p != NULL; p = port_next(p)) {
		if (p->id >= RTE_MAX_ETHPORTS || p->queues == 0)
			continue;
		w->macs[p->id] = eth_mac_word(&p->mac);
		w->tx[p->id] = (struct worker_queue){
			.port = p,
			.queue = w->index % p->queues,
			.lock = workers > p->queues ? &tx_locks[p->id] : NULL,
		};
		if (w->index < p->queues)
			w->rx[w->n_rx++] = (struct worker_queue){.port = p, .queue = w->index};
	}
}

struct worker *worker_new(const struct worker_conf *conf, unsigned int index, unsigned int lcore,
	const char *graph_name, const char *const *nodes)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);
	int ret;

	if (w == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	w->fib = conf->fib;
	w->nh = conf->nh;
	w->punt = conf->punt;
	w->qsbr = conf->qsbr;
	w->pool = conf->pool;
	w->poll = conf->poll;
	w->index = index;
	w->lcore = lcore;
	w->addresses = port_addresses;
	if (conf->nat != NULL)
		w->nat = nat_worker(conf->nat, index);
	else
		nodes += nodes == graph_nodes ? GRAPH_NODES_NAT : 0;
	queues_assign(w, conf->workers);
	icmp_bucket_init(&w->icmp_budget, rte_get_tsc_hz(), ICMP_ERRORS_PER_SECOND,
		ICMP_ERRORS_BURST, rte_rdtsc());
	ret = graph_create(w, graph_name, nodes);
	if (ret != 0) {
		rte_free(w);
		errno = -ret;
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	graph_destroy(w);
	rte_free(w);
}

bool worker_pass(struct worker *w)
{
	uint64_t taken = w->taken, now;

	w->stats.loops++;
	if (w->nat != NULL) {
		nat_begin(w->nat, w->now);
		w->flow_ports = nat_flow_ports(w->nat);
	}
	if (unlikely(w->until_timed-- == 0)) {
		w->until_timed = GRAPH_TIMED_WALKS - 1;
		graph_walk_timed(w);
	} else {
		graph_walk(w);
	}
	rte_rcu_qsbr_quiescent(w->qsbr, w->index);

	now = rte_rdtsc();
	w->stats.total_cycles += now - w->now;
	if (likely(w->taken != taken))
		w->stats.busy_cycles += now - w->now;
	else
		w->stats.idle_loops++;
	w->now = now;
	return w->taken != taken;
}

/*
 * Offline while asleep, so that the control thread need not wait for this worker to free memory. The
 * worker holds no table pointer across this call.
 */
static void rest(struct worker *w, unsigned int us)
{
	struct timespec ts = {.tv_nsec = us * 1000};

	rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
	nanosleep(&ts, NULL);
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
	w->stats.sleeps++;
}

static int worker_main(void *arg)
{
	struct worker *w = arg;
	const uint64_t idle_poll = rte_get_tsc_hz() / 1000000 * IDLE_POLL_US;
	uint64_t busy_at = rte_rdtsc();
	unsigned int pauses = 1, sleep_us = IDLE_SLEEP_MIN_US;

	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* 1 us: the default adds 50 to each sleep */
	w->stats.lcore = w->lcore;
	w->stats.cpu = (unsigned int)sched_getcpu();
	rte_rcu_qsbr_thread_register(w->qsbr, w->index);
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
	w->now = rte_rdtsc();

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		if (likely(worker_pass(w)) || w->poll == CONFIG_POLL_BUSY) {
			busy_at = w->now;
			pauses = 1;
			sleep_us = IDLE_SLEEP_MIN_US;
			continue;
		}
		if (w->now - busy_at < idle_poll) {
			for (unsigned int i = 0; i < pauses; i++)
				rte_pause();
			pauses = RTE_MIN(pauses * 2, (unsigned int)IDLE_PAUSES_MAX);
			continue;
		}
		rest(w, sleep_us);
		sleep_us = RTE_MIN(sleep_us * 2, (unsigned int)IDLE_SLEEP_MAX_US);
	}

	rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
	rte_rcu_qsbr_thread_unregister(w->qsbr, w->index);
	return 0;
}

struct worker_set *workers_start(const struct worker_conf *conf, char *err, size_t err_len)
{
	struct worker_set *s = calloc(1, sizeof(*s));
	unsigned int lcore = -1;

	if (s == NULL || conf->workers < 1 || conf->workers > PUNT_WORKERS_MAX) {
		snprintf(err, err_len, "cannot have %u workers", conf->workers);
		errno = s == NULL ? ENOMEM : EINVAL;
		free(s);
		return NULL;
	}
	if (conf->nat != NULL && conf->workers > 1) {
		s->handoff = handoff_new(conf->workers);
		if (s->handoff == NULL) {
			snprintf(err, err_len, "no memory for the rings between workers");
			goto fail;
		}
	}
	for (unsigned int i = 0; i < conf->workers; i++) {
		char name[RTE_GRAPH_NAMESIZE];

		lcore = rte_get_next_lcore(lcore, 1, 0);
		if (lcore >= RTE_MAX_LCORE) {
			snprintf(err, err_len, "%u workers, but EAL has only %u lcores for them",
				conf->workers, i);
			errno = ENODEV;
			goto fail;
		}
		snprintf(name, sizeof(name), "worker-%u", i);
		s->worker[i] = worker_new(conf, i, lcore, name, graph_nodes);
		if (s->worker[i] == NULL) {
			snprintf(err, err_len, "cannot build the graph of worker %u: %s", i,
				strerror(errno));
			goto fail;
		}
		s->worker[i]->handoff = s->handoff;
		s->n++;
	}
	for (unsigned int i = 0; i < s->n; i++) {
		int ret = rte_eal_remote_launch(worker_main, s->worker[i], s->worker[i]->lcore);

		if (ret != 0) {
			snprintf(err, err_len, "lcore %u is busy", s->worker[i]->lcore);
			errno = -ret;
			goto fail;
		}
	}
	return s;

fail:;
	int saved = errno;

	workers_stop(s);
	errno = saved;
	return NULL;
}

void workers_stop(struct worker_set *s)
{
	if (s == NULL)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		__atomic_store_n(&s->worker[i]->stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < s->n; i++) {
		rte_eal_wait_lcore(s->worker[i]->lcore);
		worker_free(s->worker[i]);
	}
	handoff_free(s->handoff);
	free(s);
}

unsigned int workers_count(const struct worker_set *s)
{
	return s->n;
}

void worker_get_stats(const struct worker_set *s, unsigned int w, struct worker_stats *ret_stats)
{
	*ret_stats = s->worker[w]->stats;
}

void worker_add_node_stats(const struct worker *w, struct node_stats *stats, size_t max)
{
	struct rte_node *node;
	rte_graph_off_t off;
	rte_node_t i;

	rte_graph_foreach_node(i, off, w->graph, node) {
		const struct node_time *t = &w->time[node->id];

		if (i >= max)
			return;
		snprintf(stats[i].name, sizeof(stats[i].name), "%s", node->name);
		stats[i].calls += node->total_calls;
		stats[i].packets += node->total_objs;
		/* The timed walks stand for all of them. */
		if (t->packets > 0)
			stats[i].cycles += (double)t->cycles / t->packets * node->total_objs;
	}
}

size_t workers_node_stats(const struct worker_set *s, struct node_stats *ret_stats, size_t max)
{
	memset(ret_stats, 0, max * sizeof(*ret_stats));
	for (unsigned int i = 0; i < s->n; i++)
		worker_add_node_stats(s->worker[i], ret_stats, max);
	return s->n > 0 ? s->worker[0]->graph->nb_nodes : 0;
}

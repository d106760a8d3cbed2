/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers: lcores that each poll their queues and walk their own rte_graph. The graph's map is in
 * graph.c. Started and stopped by the control thread.
 */
#ifndef GRAPH_WORKER_H
#define GRAPH_WORKER_H

#include <rte_rcu_qsbr.h>

#include "config/config.h"
#include "fib/fib.h"
#include "fib/nh.h"
#include "punt/punt.h"

struct nat;
struct worker_set;

/* What every node needs; shared by all workers, which only read it. */
struct worker_conf {
	struct fib *fib;
	struct nh_table *nh;
	struct punt *punt;
	struct nat *nat; /* NULL: no flow is tracked */
	struct rte_rcu_qsbr *qsbr; /* sized for the workers; each registers with its index as thread id */
	struct rte_mempool *pool;
	enum config_poll poll;
	unsigned int workers; /* 1..; worker w runs on the w-th EAL worker lcore */
};

/* Builds a graph for every worker over the ports that are open and launches the lcores. */
struct worker_set *workers_start(const struct worker_conf *conf, char *err, size_t err_len);
/* Stops the lcores, drains and frees the graphs. */
void workers_stop(struct worker_set *s);

/* Source addresses of the ICMP errors that leave through a port. Control thread, before the start. */
void workers_set_port_address(uint16_t port_id, const struct ip_addr *addr);

struct worker_stats {
	unsigned int lcore, cpu;
	uint64_t loops, idle_loops; /* walks, and walks that found no packet */
	uint64_t packets;	    /* received */
	uint64_t busy_cycles, total_cycles; /* TSC ticks since start */
	uint64_t sleeps;	    /* adaptive mode */
};
unsigned int workers_count(const struct worker_set *s);
void worker_get_stats(const struct worker_set *s, unsigned int w, struct worker_stats *ret_stats);

/* Per node, summed over workers. */
struct node_stats {
	char name[64];
	uint64_t calls, packets, cycles;
};
/* Fills up to max; returns how many nodes there are. */
size_t workers_node_stats(const struct worker_set *s, struct node_stats *ret_stats, size_t max);

#endif

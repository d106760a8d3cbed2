/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between workers and the control thread. Each has one producer and one consumer: worker w
 * on one side, the control thread on the other.
 */
#include "punt/punt_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "drop/drop.h"
#include "packet/meta.h"

#define CONTROL_THREAD 0 /* its slot of the drop counters */

static struct rte_ring *ring_new(unsigned int size)
{
	static unsigned int serial; /* ring names are global in DPDK */
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "punt-%u", serial++);
	return rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void ring_free(struct rte_ring *ring)
{
	struct rte_mbuf *m;

	while (ring != NULL && rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(ring);
}

struct punt *punt_new(unsigned int workers, unsigned int ring_size, struct rte_mempool *pool)
{
	struct punt *p;

	if (workers == 0 || workers > PUNT_WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	p = rte_zmalloc("punt", sizeof(*p) + workers * sizeof(p->worker[0]), RTE_CACHE_LINE_SIZE);
	if (p == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	p->workers = workers;
	p->pool = pool;
	for (unsigned int i = 0; i < PORT_MAX; i++)
		p->tun[i].fd = -1;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0) {
		int err = errno;

		punt_free(p);
		errno = err;
		return NULL;
	}
	for (unsigned int w = 0; w < workers; w++) {
		struct punt_worker *pw = &p->worker[w];
		bool ok = (pw->from_control = ring_new(ring_size)) != NULL;

		for (unsigned int c = 0; c < PUNT_CLASS_MAX && ok; c++)
			ok = (pw->to_control[c] = ring_new(ring_size)) != NULL;
		if (!ok) {
			int err = rte_errno;

			punt_free(p);
			errno = err;
			return NULL;
		}
	}
	return p;
}

void punt_free(struct punt *p)
{
	if (p == NULL)
		return;
	for (unsigned int w = 0; w < p->workers; w++) {
		ring_free(p->worker[w].from_control);
		for (unsigned int c = 0; c < PUNT_CLASS_MAX; c++)
			ring_free(p->worker[w].to_control[c]);
	}
	for (unsigned int i = 0; i < PORT_MAX; i++)
		punt_tun_close(&p->tun[i]);
	if (p->epoll >= 0)
		close(p->epoll);
	rte_pktmbuf_free(p->spare);
	free(p->addrs);
	rte_free(p);
}

void punt_set_ops(struct punt *p, enum punt_class c, const struct punt_ops *ops)
{
	p->ops[c] = ops != NULL ? *ops : (struct punt_ops){0};
}

unsigned int punt_to_control(struct punt *p, unsigned int w, enum punt_class c,
	struct rte_mbuf **pkts, unsigned int n)
{
	struct punt_worker *pw = &p->worker[w];
	unsigned int taken = rte_ring_sp_enqueue_burst(pw->to_control[c], (void **)pkts, n, NULL);

	if (taken < n)
		pw->refused[c] += n - taken;
	return taken;
}

unsigned int punt_from_control(struct punt *p, unsigned int w, struct rte_mbuf **pkts,
	unsigned int n)
{
	return rte_ring_sc_dequeue_burst(p->worker[w].from_control, (void **)pkts, n, NULL);
}

void punt_inject(struct punt *p, struct rte_mbuf *m)
{
	const struct pkt_meta *meta = pkt_meta(m);
	/* What goes to one neighbour or port stays in order, on one worker. */
	unsigned int w = (meta->inject == PUNT_INJECT_TX ? m->port : meta->nh) % p->workers;

	if (rte_ring_sp_enqueue(p->worker[w].from_control, m) == 0) {
		p->stats.injected++;
		return;
	}
	p->stats.inject_full++;
	drop_count(CONTROL_THREAD, DROP_PUNT_FULL, 1);
	rte_pktmbuf_free(m);
}

static void deliver(struct punt *p, enum punt_class c, struct rte_mbuf **pkts, unsigned int n)
{
	p->stats.taken[c] += n;
	if (p->ops[c].input != NULL) {
		p->ops[c].input(p->ops[c].arg, pkts, n);
	} else if (c == PUNT_LOCAL) {
		punt_tun_write(p, pkts, n);
	} else {
		drop_count(CONTROL_THREAD, DROP_PUNT_NO_KERNEL, n);
		rte_pktmbuf_free_bulk(pkts, n);
	}
}

/* The budget is one for all workers, so the first in line changes from poll to poll. */
static unsigned int drain(struct punt *p, enum punt_class c)
{
	struct rte_mbuf *pkts[PUNT_POLL_PACKETS];
	unsigned int left = PUNT_POLL_PACKETS;

	for (unsigned int i = 0; i < p->workers && left > 0; i++) {
		struct rte_ring *ring = p->worker[(p->turn + i) % p->workers].to_control[c];
		unsigned int n = rte_ring_sc_dequeue_burst(ring, (void **)pkts, left, NULL);

		if (n > 0)
			deliver(p, c, pkts, n);
		left -= n;
	}
	return PUNT_POLL_PACKETS - left;
}

unsigned int punt_poll(struct punt *p)
{
	unsigned int moved = 0;

	for (unsigned int c = 0; c < PUNT_CLASS_MAX; c++)
		moved += drain(p, c);
	p->turn = (p->turn + 1) % p->workers;
	for (uint16_t i = 0; i < PORT_MAX; i++)
		if (p->tun[i].fd >= 0)
			moved += punt_tun_read(p, i);
	return moved;
}

int punt_fd(const struct punt *p)
{
	return p->epoll;
}

void punt_set_resolve(struct punt *p, punt_resolve_fn resolve, void *arg)
{
	p->resolve = resolve;
	p->resolve_arg = arg;
}

void punt_get_stats(const struct punt *p, struct punt_stats *ret_stats)
{
	*ret_stats = p->stats;
	for (unsigned int c = 0; c < PUNT_CLASS_MAX; c++)
		for (unsigned int w = 0; w < p->workers; w++)
			ret_stats->refused[c] +=
				__atomic_load_n(&p->worker[w].refused[c], __ATOMIC_RELAXED);
}

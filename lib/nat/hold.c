/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYNs that nobody asked for. They are kept silent for six seconds, in which the inside may open the
 * same connection itself (RFC 5382 REQ-4, simultaneous open); after that the sender is told that there
 * is nobody. Bounded; what does not fit is not answered. Workers.
 */
#include <errno.h>
#include <stdlib.h>

#include "nat/session_priv.h"
#include "packet/icmp.h"

#define HELD_MAX 256 /* a power of two */
#define HOLD_MS 6000

struct held {
	struct rte_mbuf *m;
	uint32_t deadline_ms;
	uint8_t reason;
	struct flow_tuple tuple;
};

struct nat_hold {
	uint32_t head, tail; /* ever put, ever taken; all wait equally long, so they leave in order */
	struct held held[HELD_MAX];
};

int nat_hold_init(struct nat_worker *w)
{
	w->hold = calloc(1, sizeof(*w->hold));
	return w->hold != NULL ? 0 : -ENOMEM;
}

void nat_hold_fini(struct nat_worker *w)
{
	struct nat_hold *h = w->hold;

	if (h == NULL)
		return;
	for (; h->tail != h->head; h->tail++)
		rte_pktmbuf_free(h->held[h->tail % HELD_MAX].m);
	free(h);
	w->hold = NULL;
}

bool nat_hold(struct nat_worker *w, struct rte_mbuf *m, const struct flow_tuple *tuple, uint8_t reason)
{
	struct nat_hold *h = w->hold;

	if (h->head - h->tail == HELD_MAX)
		return false;
	h->held[h->head++ % HELD_MAX] = (struct held){
		.m = m, .deadline_ms = w->now_ms + HOLD_MS, .reason = reason, .tuple = *tuple};
	return true;
}

static uint8_t verdict(const struct nat_worker *w, const struct held *held)
{
	struct pkt_meta *meta = pkt_meta(held->m);
	bool v4 = held->tuple.src.family == IP_V4;

	meta->drop_reason = held->reason;
	meta->icmp_info = 0;
	/* The connection was opened meanwhile: the old SYN is dropped silently. */
	if (w->rules->suppress_icmp || flow_find(w->flows, &held->tuple) != FLOW_NONE)
		return FLOW_NEXT_DROP;
	meta->icmp_type = v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE;
	meta->icmp_code = v4 ? ICMP4_PORT : ICMP6_PORT;
	return FLOW_NEXT_ICMP;
}

unsigned int nat_hold_due(struct nat_worker *w, struct rte_mbuf **ret_pkts, uint8_t *ret_next,
	unsigned int max, bool *ret_v4)
{
	struct nat_hold *h = w->hold;
	unsigned int n = 0;

	for (; n < max && h->tail != h->head; h->tail++, n++) {
		const struct held *held = &h->held[h->tail % HELD_MAX];
		bool v4 = held->tuple.src.family == IP_V4;

		if ((int32_t)(held->deadline_ms - w->now_ms) > 0 || (n > 0 && v4 != *ret_v4))
			break;
		*ret_v4 = v4;
		ret_pkts[n] = held->m;
		ret_next[n] = verdict(w, held);
	}
	return n;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst at the flow stage. Workers. Before it: validation, the lookup of an address of lib/nat's, or
 * another worker. Behind it: the rewrite with an adjacency that the flow knows, or the lookup.
 *
 * All keys first, then all lookups, so that their loads overlap; then each packet of a known flow, whose
 * cache line is there by now. What is not known, or no key, is miss.c's.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "nat/burst_priv.h"
#include "packet/flow_hash.h"
#include "packet/ip6_hdr.h"

#define IP4_L4 (PKT_L2_LEN + sizeof(struct rte_ipv4_hdr))
#define TCP_KEPT (RTE_TCP_FIN_FLAG | RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG)

/* --- keys --- */

/* The common packet: TCP or UDP behind a header without options, whole. */
static inline bool key4_plain(const struct rte_mbuf *m, struct flow_key4 *key, struct flow_l4 *l4)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const struct rte_ipv4_hdr *ip = (const void *)(frame + PKT_L2_LEN);
	uint8_t proto = ip->next_proto_id;
	bool tcp = proto == IPPROTO_TCP;
	uint64_t addresses, rest;
	uint32_t ports;

	if (unlikely(ip->version_ihl != RTE_IPV4_VHL_DEF || (!tcp && proto != IPPROTO_UDP) ||
		    (ip->fragment_offset &
			    RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) ||
		    m->data_len < IP4_L4 + (tcp ? sizeof(struct rte_tcp_hdr) :
						  sizeof(struct rte_udp_hdr))))
		return false;
	/* Both addresses and both ports lie side by side. Few wide stores: this is for every packet. */
	memcpy(&addresses, &ip->src_addr, sizeof(addresses));
	memcpy(&ports, &ip->dst_addr + 1, sizeof(ports));
	rest = rte_cpu_to_le_64(rte_le_to_cpu_32(ports) | (uint64_t)proto << 32);
	memcpy(key, &addresses, sizeof(addresses));
	memcpy(&key->sport, &rest, sizeof(rest));
	*l4 = (struct flow_l4){.offset = IP4_L4, .proto = proto,
		.tcp_flags = tcp ? frame[IP4_L4 + 13] : 0};
	return true;
}

/* Whether there is a key k of packet i after all. */
static __rte_noinline bool odd(struct nat_burst *b, unsigned int i, unsigned int k,
	enum flow_packet kind)
{
	struct flow_tuple t;

	t = b->v4 ? flow_tuple_of_key4(&b->keys.v4[k]) : flow_tuple_of_key6(&b->keys.v6[k]);
	if (!nat_burst_odd(b, i, kind, &t))
		return false;
	if (b->v4)
		b->keys.v4[k] = flow_key4_of_tuple(&t);
	else
		b->keys.v6[k] = flow_key6_of_tuple(&t);
	return true;
}

static __rte_always_inline void keys_make(struct nat_burst *b, unsigned int n, bool v4)
{
	struct rte_mbuf **pkts = b->pkts;
	unsigned int k = 0;

	for (unsigned int i = 0; i < n; i++) {
		enum flow_packet kind;

		b->who[k] = i;
		if (v4 && likely(key4_plain(pkts[i], &b->keys.v4[k], &b->l4[i]))) {
			k++;
			continue;
		}
		kind = v4 ? flow_key4_of(pkts[i], &b->keys.v4[k], &b->l4[i]) :
			    flow_key6_of(pkts[i], &b->keys.v6[k], &b->l4[i]);
		if (likely(kind == FLOW_PACKET_PLAIN) || odd(b, i, k, kind))
			k++;
	}
	b->n_keys = k;
}

/* --- known flows --- */

/* TCP that may change its session's state. */
static uint8_t tcp_step(struct nat_burst *b, unsigned int i, uint32_t ref)
{
	struct nat_worker *w = b->w;
	struct flow_table *t = w->flows;
	struct flow_record *r = &t->records[ref >> 1];
	bool check = w->rules->tcp_window && t->windows != NULL, earlier;
	struct flow_tcp tcp;

	if (b->l4[i].offset == 0) /* a later fragment: the first has said all */
		return FLOW_NEXT_REWRITE;
	if (flow_tcp_parse(b->pkts[i], b->l4[i].offset, &tcp) != 0)
		return nat_drop(b->pkts[i], DROP_FLOW_MALFORMED);
	switch (flow_tcp_step(r, ref & 1, &tcp, check ? &t->windows[ref >> 1] : NULL, w->now_ms,
		&earlier)) {
	case FLOW_TCP_DROP_FLAGS:
		return nat_drop(b->pkts[i], DROP_FLOW_TCP_FLAGS);
	case FLOW_TCP_DROP_WINDOW:
		return nat_drop(b->pkts[i], DROP_FLOW_TCP_WINDOW);
	case FLOW_TCP_PASS:
		break;
	}
	if (earlier)
		flow_timer_arm(t, ref >> 1, flow_deadline_ms(&w->rules->timeouts, r));
	return FLOW_NEXT_REWRITE;
}

static __rte_noinline uint8_t change_state(struct nat_burst *b, unsigned int i, uint32_t ref)
{
	struct flow_side *s = flow_side(b->w->flows, ref);

	if (s->proto == IPPROTO_TCP)
		return tcp_step(b, i, ref);
	s->state = flow_other_side(b->w->flows, ref)->state = FLOW_STATE_REPLIED;
	if (!(s->flags & FLOW_F_NO_REFRESH))
		s->seen_ms = b->w->now_ms;
	return FLOW_NEXT_REWRITE;
}

/* Nothing about the session changes but that it was used. */
static inline bool is_steady(const struct flow_side *s, uint32_t ref, uint8_t tcp_flags)
{
	if (s->proto == IPPROTO_TCP)
		return !(s->flags & FLOW_F_TRACKED) && (tcp_flags & TCP_KEPT) == RTE_TCP_ACK_FLAG;
	return s->state == FLOW_STATE_REPLIED || (ref & 1) == FLOW_ORIGINAL;
}

static __rte_always_inline void hit(struct nat_burst *b, unsigned int i, uint32_t ref, bool first,
	bool v4)
{
	struct flow_side *s = flow_side(b->w->flows, ref);
	const struct flow_l4 *l4 = &b->l4[i];
	struct rte_mbuf *m = b->pkts[i];

	if (likely(!first && is_steady(s, ref, l4->tcp_flags))) {
		if (likely(!(s->flags & FLOW_F_NO_REFRESH)))
			s->seen_ms = b->w->now_ms;
	} else if (s->proto == IPPROTO_TCP || !first) {
		b->next[i] = change_state(b, i, ref);
		if (b->next[i] != FLOW_NEXT_REWRITE)
			return;
	}
	flow_side_count(s, m->pkt_len - PKT_L2_LEN);
	if (likely(s->flags & FLOW_F_NAT)) {
		if (v4)
			nat_rewrite4(m, s, l4->offset, l4->offset != 0);
		else
			nat_rewrite6(m, s, flow_other_side(b->w->flows, ref), l4->offset,
				l4->offset != 0);
	}
	pkt_meta(m)->nh = s->nh;
	b->next[i] = FLOW_NEXT_REWRITE;
	if (unlikely(s->fib_generation != b->generation)) {
		b->stale[b->n_stale] = s;
		b->stale_who[b->n_stale++] = i;
	}
}

void nat_burst_hit(struct nat_burst *b, unsigned int i, uint32_t ref, bool first)
{
	hit(b, i, ref, first, b->v4);
}

static __rte_always_inline void hits(struct nat_burst *b, bool v4)
{
	const struct flow_table *t = b->w->flows;

	if (!v4) /* what the packet becomes is on the other side */
		for (unsigned int k = 0; k < b->n_keys; k++)
			if (likely(b->ref[k] != FLOW_NONE))
				rte_prefetch0(flow_other_side(t, b->ref[k]));
	for (unsigned int k = 0; k < b->n_keys; k++) {
		if (likely(b->ref[k] != FLOW_NONE))
			hit(b, b->who[k], b->ref[k], false, v4);
		else
			b->missed[b->n_missed++] = k;
	}
}

/* --- next hops --- */

static void lookup(const struct nat_burst *b, uint32_t *ret_nh)
{
	union {
		uint32_t v4[PKT_BURST_MAX];
		struct fib_v6_key v6[PKT_BURST_MAX];
	} dst;

	for (unsigned int j = 0; j < b->n_stale; j++) {
		const uint8_t *ip = rte_pktmbuf_mtod_offset(b->pkts[b->stale_who[j]],
			const uint8_t *, PKT_L2_LEN);
		rte_be64_t words[2];

		if (b->v4) {
			dst.v4[j] = rte_be_to_cpu_32(((const struct rte_ipv4_hdr *)ip)->dst_addr);
			continue;
		}
		memcpy(words, ((const struct pkt_ip6_hdr *)ip)->dst_addr, sizeof(words));
		dst.v6[j].hi = rte_be_to_cpu_64(words[0]);
		dst.v6[j].lo = rte_be_to_cpu_64(words[1]);
	}
	if (b->v4)
		fib_lookup_v4_burst(b->w->fib, dst.v4, ret_nh, b->n_stale);
	else
		fib_lookup_v6_burst(b->w->fib, dst.v6, ret_nh, b->n_stale);
}

/*
 * Packets that are what they become, by their destination. An adjacency, resolved or not, is kept until
 * the FIB changes; what is none leads back to the lookup, each packet anew.
 */
static __rte_noinline void resolve(struct nat_burst *b)
{
	const struct nh_table *t = b->w->nh;
	uint32_t nh[PKT_BURST_MAX];

	lookup(b, nh);
	for (unsigned int j = 0; j < b->n_stale; j++) {
		unsigned int i = b->stale_who[j];
		struct rte_mbuf *m = b->pkts[i];
		uint8_t kind = __atomic_load_n(&t->nh[nh[j]].kind, __ATOMIC_ACQUIRE);

		if (kind == NH_ECMP) {
			nh[j] = nh_group_pick(t, nh[j], b->v4 ? flow_hash_v4(m) : flow_hash_v6(m));
			kind = __atomic_load_n(&t->nh[nh[j]].kind, __ATOMIC_ACQUIRE);
		}
		if (kind != NH_FORWARD && kind != NH_PENDING && kind != NH_GLEAN) {
			b->next[i] = nat_pass(m);
			continue;
		}
		b->stale[j]->nh = nh[j];
		b->stale[j]->fib_generation = b->generation;
		pkt_meta(m)->nh = nh[j];
	}
}

/* --- bursts --- */

static __rte_always_inline void burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next, bool v4)
{
	struct nat_burst b;

	b.w = w;
	b.pkts = pkts;
	b.next = next;
	b.generation = fib_generation(w->fib);
	b.v4 = v4;
	b.n_keys = b.n_missed = b.n_stale = 0;
	keys_make(&b, n, v4);
	if (v4)
		flow_find4_burst(w->flows, b.keys.v4, b.hash, b.ref, b.n_keys);
	else
		flow_find6_burst(w->flows, b.keys.v6, b.hash, b.ref, b.n_keys);
	hits(&b, v4);
	if (unlikely(b.n_missed > 0))
		nat_burst_missed(&b);
	if (unlikely(b.n_stale > 0))
		resolve(&b);
}

static __rte_noinline void burst4(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	burst(w, pkts, n, next, true);
}

static __rte_noinline void burst6(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	burst(w, pkts, n, next, false);
}

void nat4_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	burst4(w, pkts, n, next);
	nat_release_fragments(w, burst4, burst6);
}

void nat6_burst(struct nat_worker *w, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	burst6(w, pkts, n, next);
	nat_release_fragments(w, burst4, burst6);
}

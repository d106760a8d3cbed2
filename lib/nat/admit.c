/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a packet that no record knows may open a session, and what becomes of it if not. Workers. */
#include <rte_tcp.h>

#include "nat/session_priv.h"
#include "packet/icmp.h"

static struct nat_verdict pass(void)
{
	return (struct nat_verdict){.next = FLOW_NEXT_LOOKUP, .ref = FLOW_NONE};
}

static bool is_syn(const struct flow_tuple *tuple, const struct flow_l4 *l4)
{
	return tuple->proto == IPPROTO_TCP && flow_tcp_opens(l4->tcp_flags) == 1;
}

/* Nobody asked for it: RFC 5382 REQ-4 wants a SYN answered late, if at all. */
struct nat_verdict nat_unsolicited(struct nat_worker *w, struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4, uint8_t reason)
{
	if (is_syn(tuple, l4) && nat_hold(w, m, tuple, reason))
		return (struct nat_verdict){.next = FLOW_NEXT_HELD, .ref = FLOW_NONE};
	return nat_verdict_drop(reason);
}

/* Requests open a session, answers that nobody asked for do not. */
static bool icmp_opens(const struct flow_tuple *tuple, const struct flow_l4 *l4)
{
	if (tuple->proto == IPPROTO_ICMP)
		return l4->icmp_type == ICMP4_ECHO ||
			l4->icmp_type == ICMP4_TIMESTAMP;
	if (tuple->proto == IPPROTO_ICMPV6)
		return l4->icmp_type == ICMP6_ECHO;
	return true;
}

static uint8_t opens(const struct nat_worker *w, const struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4)
{
	struct flow_tcp tcp;

	if (tuple->sport == tuple->dport && ip_addr_equal(&tuple->src, &tuple->dst))
		return DROP_FLOW_LOOP;
	if (tuple->proto == IPPROTO_TCP) {
		int ret = flow_tcp_opens(l4->tcp_flags);

		if (ret < 0)
			return DROP_FLOW_TCP_FLAGS;
		if (ret == 0 && (!w->rules->adopt_midflow || l4->tcp_flags & RTE_TCP_RST_FLAG))
			return DROP_FLOW_MIDFLOW;
		/* The session could not follow a header that it cannot read. */
		if (l4->offset != 0 && flow_tcp_parse(m, l4->offset, &tcp) != 0)
			return DROP_FLOW_MALFORMED;
	}
	return icmp_opens(tuple, l4) ? DROP_NONE : DROP_FLOW_MIDFLOW;
}

/* FLOW_NEXT_REWRITE: go on and make the session. */
struct nat_verdict nat_admit(struct nat_worker *w, struct rte_mbuf *m,
	const struct flow_tuple *tuple, const struct flow_l4 *l4, const struct nat_plan *p)
{
	bool translated = p->dnat != NAT_RULE_NONE || p->binding != FLOW_NONE;
	bool stateful = m->port < NAT_PORTS_MAX && (w->rules->stateful_ports & 1u << m->port) != 0;
	uint8_t reason;

	if (!translated && (p->ours || p->pool != NAT_POOL_NONE || stateful)) {
		switch (nat_plan_nh_kind(w, &tuple->dst)) {
		case NH_NAT:
			return nat_unsolicited(w, m, tuple, l4, DROP_NAT_NO_MAPPING);
		case NH_LOCAL: /* nvad's own answers do not come by here */
		case NH_NO_ROUTE:
		case NH_BLACKHOLE:
		case NH_DISCARD:
			return pass();
		}
	}
	if (!translated && p->pool == NAT_POOL_NONE && !stateful)
		return pass();
	reason = opens(w, m, tuple, l4);
	if (reason != DROP_NONE)
		return nat_verdict_drop(reason);
	return (struct nat_verdict){.next = FLOW_NEXT_REWRITE};
}

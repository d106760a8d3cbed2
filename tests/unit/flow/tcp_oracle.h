/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC 6146 3.5.2.2 as it is written, V6 for the original side and V4 for the reply's, with what nvad
 * does otherwise (flow/state.h) marked by its letter:
 *	a  not established, and its timer the opening one, until both sides have acknowledged
 *	b  a RST ends a session in every state
 *	c  what follows a RST brings it back to where it was
 *	d  a SYN on a session that is closed or reset opens it anew
 */
#ifndef TESTS_TCP_ORACLE_H
#define TESTS_TCP_ORACLE_H

#include <rte_tcp.h>

#include "flow/state.h"

enum rfc_state { V6_INIT, RFC_ESTABLISHED, V4_FIN_RCV, V6_FIN_RCV, V4_FIN_V6_FIN_RCV, TRANS };

struct oracle {
	enum rfc_state state;
	enum rfc_state reset_from; /* c */
	bool acked[2], fin[2];	   /* a; c */
	uint32_t ends_ms;
};

static inline bool oracle_opening(const struct oracle *o)
{
	return (o->state == RFC_ESTABLISHED || o->state == V4_FIN_RCV || o->state == V6_FIN_RCV) &&
	       !(o->acked[0] && o->acked[1]);
}

static inline enum flow_state oracle_state(const struct oracle *o)
{
	static const enum flow_state of[] = {
		[V6_INIT] = FLOW_TCP_SYN,
		[RFC_ESTABLISHED] = FLOW_TCP_ESTABLISHED,
		[V4_FIN_RCV] = FLOW_TCP_FIN_REPLY,
		[V6_FIN_RCV] = FLOW_TCP_FIN_ORIGINAL,
		[V4_FIN_V6_FIN_RCV] = FLOW_TCP_FIN_BOTH,
		[TRANS] = FLOW_TCP_RESET,
	};

	return oracle_opening(o) ? FLOW_TCP_OPENING : of[o->state]; /* a */
}

/* "The lifetime is set to TCP_EST" */
static inline void oracle_est(struct oracle *o, const struct flow_timeouts *t, uint32_t now)
{
	o->ends_ms = now + (oracle_opening(o) ? t->tcp_opening_ms : t->tcp_established_ms);
}

static inline void oracle_open(struct oracle *o, const struct flow_timeouts *t, bool v6, bool ack,
	uint32_t now)
{
	*o = (struct oracle){.state = v6 ? V6_INIT : RFC_ESTABLISHED, .acked = {false, ack && !v6}};
	o->ends_ms = now + t->tcp_opening_ms;
}

/* Of a RST in any state. */
static inline void oracle_reset(struct oracle *o, const struct flow_timeouts *t, uint32_t now)
{
	if (o->state == TRANS)
		return;
	o->reset_from = o->state; /* b */
	o->state = TRANS;
	o->ends_ms = now + t->tcp_reset_ms;
}

static inline void oracle_step(struct oracle *o, const struct flow_timeouts *t, bool v6, uint8_t flags,
	uint32_t now)
{
	bool syn = flags & RTE_TCP_SYN_FLAG, fin = flags & RTE_TCP_FIN_FLAG, ack = flags & RTE_TCP_ACK_FLAG;
	bool was_trans = o->state == TRANS;

	if (flags & RTE_TCP_RST_FLAG) {
		oracle_reset(o, t, now);
		return;
	}
	if (syn && !ack && (was_trans || o->state == V4_FIN_V6_FIN_RCV)) {
		oracle_open(o, t, v6, false, now); /* d */
		return;
	}
	if (was_trans)
		o->state = o->reset_from; /* c; RFC: ESTABLISHED */
	if (o->state != V6_INIT || (syn && !v6)) {
		o->acked[!v6] |= ack;
		o->fin[!v6] |= fin;
	}
	switch (o->state) {
	case V6_INIT:
		if (syn && !v6) {
			o->state = RFC_ESTABLISHED;
			oracle_est(o, t, now);
		} else if (syn || was_trans) {
			o->ends_ms = now + t->tcp_opening_ms;
		}
		return;
	case RFC_ESTABLISHED:
		if (fin)
			o->state = v6 ? V6_FIN_RCV : V4_FIN_RCV;
		oracle_est(o, t, now);
		return;
	case V4_FIN_RCV:
	case V6_FIN_RCV:
		if (fin && v6 == (o->state == V4_FIN_RCV)) {
			o->state = V4_FIN_V6_FIN_RCV;
			o->ends_ms = now + t->tcp_closing_ms;
		} else {
			oracle_est(o, t, now);
		}
		return;
	case V4_FIN_V6_FIN_RCV:
		if (was_trans)
			o->ends_ms = now + t->tcp_closing_ms; /* c */
		return;
	case TRANS:
		return;
	}
}

#endif

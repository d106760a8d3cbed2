/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a session lives without packets. */
#include "flow/state.h"

#include <netinet/in.h>

const char *const flow_state_names[FLOW_STATE_MAX] = {
	[FLOW_STATE_NEW] = "new",
	[FLOW_STATE_REPLIED] = "replied",
	[FLOW_TCP_SYN] = "syn",
	[FLOW_TCP_OPENING] = "opening",
	[FLOW_TCP_ESTABLISHED] = "established",
	[FLOW_TCP_FIN_ORIGINAL] = "fin-original",
	[FLOW_TCP_FIN_REPLY] = "fin-reply",
	[FLOW_TCP_FIN_BOTH] = "fin-both",
	[FLOW_TCP_RESET] = "reset",
	[FLOW_TCP_ADOPTED] = "adopted",
};

static uint32_t tcp_timeout_ms(const struct flow_timeouts *t, enum flow_state state)
{
	switch (state) {
	case FLOW_TCP_ESTABLISHED:
	case FLOW_TCP_FIN_ORIGINAL: /* half-closed: the other way may go on for hours */
	case FLOW_TCP_FIN_REPLY:
		return t->tcp_established_ms;
	case FLOW_TCP_FIN_BOTH:
		return t->tcp_closing_ms;
	case FLOW_TCP_RESET:
		return t->tcp_reset_ms;
	default:
		return t->tcp_opening_ms;
	}
}

uint32_t flow_timeout_ms(const struct flow_timeouts *t, uint8_t proto, enum flow_state state)
{
	switch (proto) {
	case IPPROTO_TCP:
		return tcp_timeout_ms(t, state);
	case IPPROTO_UDP:
		return state == FLOW_STATE_NEW ? t->udp_new_ms : t->udp_ms;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return t->icmp_ms;
	default:
		return t->other_ms;
	}
}

#define APART_MAX_MS (1u << 30)

void flow_keep_close(struct flow_record *r)
{
	struct flow_side *o = &r->side[FLOW_ORIGINAL], *a = &r->side[FLOW_REPLY];
	int32_t apart = (int32_t)(a->seen_ms - o->seen_ms);

	if (apart > (int32_t)APART_MAX_MS)
		o->seen_ms = a->seen_ms - APART_MAX_MS;
	else if (apart < -(int32_t)APART_MAX_MS)
		a->seen_ms = o->seen_ms - APART_MAX_MS;
}

uint32_t flow_deadline_ms(const struct flow_timeouts *t, const struct flow_record *r)
{
	const struct flow_side *o = &r->side[FLOW_ORIGINAL], *a = &r->side[FLOW_REPLY];
	uint32_t seen = (int32_t)(a->seen_ms - o->seen_ms) > 0 ? a->seen_ms : o->seen_ms;

	return seen + flow_timeout_ms(t, o->proto, o->state);
}

enum flow_state flow_state_first(uint8_t proto, uint8_t tcp_flags)
{
	if (proto != IPPROTO_TCP)
		return FLOW_STATE_NEW;
	return flow_tcp_opens(tcp_flags) == 1 ? FLOW_TCP_SYN : FLOW_TCP_ADOPTED;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP on a session: what a segment says, and what that does to the session. */
#include <errno.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "flow/window.h"
#include "packet/eth.h"
#include "packet/ip6_ext.h"
#include "packet/ip6_hdr.h"

#define OPT_END 0
#define OPT_NOP 1
#define OPT_SCALE 3 /* RFC 7323 2.2 */

#define FIN RTE_TCP_FIN_FLAG
#define SYN RTE_TCP_SYN_FLAG
#define RST RTE_TCP_RST_FLAG
#define ACK RTE_TCP_ACK_FLAG
#define URG RTE_TCP_URG_FLAG

/* Options that make no sense are ignored from there on, as hosts do. */
static void parse_options(const uint8_t *opt, unsigned int len, struct flow_tcp *tcp)
{
	while (len > 0 && opt[0] != OPT_END) {
		unsigned int n = 1;

		if (opt[0] != OPT_NOP) {
			if (len < 2 || opt[1] < 2 || opt[1] > len)
				return;
			n = opt[1];
			if (opt[0] == OPT_SCALE && n == 3) {
				tcp->has_scale = true;
				tcp->scale = opt[2];
			}
		}
		opt += n;
		len -= n;
	}
}

/* Where the IP packet ends, from the frame's start; where it is the first of fragments, how far it may
 * reach: the window must not be taken for smaller than it is. 0: malformed. */
static uint32_t packet_end(const struct rte_mbuf *m, unsigned int l4_offset)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip6_payload payload;

	if (frame[PKT_L2_LEN] >> 4 == 4) {
		const struct rte_ipv4_hdr *ip = (const void *)(frame + PKT_L2_LEN);

		if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG))
			return PKT_L2_LEN + UINT16_MAX;
		return PKT_L2_LEN + rte_be_to_cpu_16(ip->total_length);
	}

	const struct pkt_ip6_hdr *ip = (const void *)(frame + PKT_L2_LEN);
	uint32_t end = PKT_L2_LEN + sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);

	if (l4_offset > PKT_L2_LEN + sizeof(*ip)) {
		if (ip6_payload_find(m, &payload) < 0)
			return 0;
		if (payload.fragment)
			return l4_offset + UINT16_MAX;
	}
	return end;
}

int flow_tcp_parse(const struct rte_mbuf *m, unsigned int l4_offset, struct flow_tcp *ret_tcp)
{
	const struct rte_tcp_hdr *h;
	struct flow_tcp tcp;
	unsigned int header;
	uint32_t end;

	if (m->data_len < l4_offset + sizeof(*h))
		return -EBADMSG;
	h = rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, l4_offset);
	header = (h->data_off >> 4) * 4;
	end = packet_end(m, l4_offset);
	if (header < sizeof(*h) || m->data_len < l4_offset + header || end < l4_offset + header)
		return -EBADMSG;
	tcp = (struct flow_tcp){
		.flags = h->tcp_flags,
		.window = rte_be_to_cpu_16(h->rx_win),
		.seq = rte_be_to_cpu_32(h->sent_seq),
		.ack = rte_be_to_cpu_32(h->recv_ack),
		.len = end - l4_offset - header,
	};
	if (tcp.flags & SYN)
		parse_options((const uint8_t *)(h + 1), header - sizeof(*h), &tcp);
	*ret_tcp = tcp;
	return 0;
}

/* RFC 9293 3.5, 3.10: every segment but a SYN or RST has ACK; SYN, FIN and RST exclude one another. PSH and
 * the ECN flags stand with all, as in Linux. */
static bool flags_valid(uint8_t flags)
{
	switch (flags & (FIN | SYN | RST | ACK)) {
	case SYN:
	case ACK:
	case FIN | ACK:
		return true;
	case SYN | ACK:
	case RST:
	case RST | ACK:
		return !(flags & URG);
	default:
		return false;
	}
}

int flow_tcp_opens(uint8_t flags)
{
	if (!flags_valid(flags))
		return -1;
	return (flags & (SYN | ACK)) == SYN;
}

static void set_state(struct flow_record *r, enum flow_dir dir, enum flow_state state, bool windows)
{
	uint8_t tracked = state == FLOW_TCP_ESTABLISHED && !windows ? 0 : FLOW_F_TRACKED;

	/* Both are the same on both sides; the other is another cache line. */
	if (r->side[dir].state == state && (r->side[dir].flags & FLOW_F_TRACKED) == tracked)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		r->side[i].state = state;
		r->side[i].flags = (r->side[i].flags & ~FLOW_F_TRACKED) | tracked;
	}
}

static void forget(struct flow_record *r)
{
	for (unsigned int i = 0; i < 2; i++)
		r->side[i].flags &= ~(FLOW_F_ACKED | FLOW_F_FIN | FLOW_F_SYN);
}

/* Nothing but SYNs of the original side so far. */
static bool unanswered(const struct flow_record *r)
{
	return !((r->side[FLOW_ORIGINAL].flags | r->side[FLOW_REPLY].flags) & FLOW_F_ACKED) &&
	       !(r->side[FLOW_REPLY].flags & FLOW_F_SYN);
}

/* Where a connection is by what its ends have sent; while one has not acknowledged, `otherwise`. */
static enum flow_state settled(const struct flow_record *r, enum flow_state otherwise)
{
	uint8_t o = r->side[FLOW_ORIGINAL].flags, a = r->side[FLOW_REPLY].flags;

	if (!(o & a & FLOW_F_ACKED))
		return otherwise;
	if (o & a & FLOW_F_FIN)
		return FLOW_TCP_FIN_BOTH;
	if (o & FLOW_F_FIN)
		return FLOW_TCP_FIN_ORIGINAL;
	return a & FLOW_F_FIN ? FLOW_TCP_FIN_REPLY : FLOW_TCP_ESTABLISHED;
}

/* The state behind a segment that is no RST. */
static enum flow_state next_state(struct flow_record *r, enum flow_dir dir, uint8_t flags)
{
	enum flow_state state = r->side[dir].state;
	bool opens = (flags & (SYN | ACK)) == SYN;

	if (opens && (state == FLOW_TCP_FIN_BOTH || state == FLOW_TCP_RESET)) {
		forget(r);
		if (dir == FLOW_ORIGINAL)
			return FLOW_TCP_SYN;
		r->side[dir].flags |= FLOW_F_SYN;
		return FLOW_TCP_OPENING;
	}
	if (state == FLOW_TCP_ESTABLISHED && !(flags & FIN))
		return state;
	if (state == FLOW_TCP_RESET)
		state = unanswered(r) ? FLOW_TCP_SYN : FLOW_TCP_OPENING;
	if (state == FLOW_TCP_SYN && (dir == FLOW_ORIGINAL || !(flags & SYN)))
		return state;
	if (state == FLOW_TCP_SYN)
		state = FLOW_TCP_OPENING;
	if (flags & SYN && dir == FLOW_REPLY)
		r->side[dir].flags |= FLOW_F_SYN;
	if (flags & ACK)
		r->side[dir].flags |= FLOW_F_ACKED;
	if (flags & FIN)
		r->side[dir].flags |= FLOW_F_FIN;
	return settled(r, state);
}

/* Whether a segment that was let through, and is no RST, keeps the session. */
static bool refreshes(enum flow_state before, enum flow_state after, uint8_t flags)
{
	if (before == FLOW_TCP_SYN)
		return flags & SYN;
	return before != FLOW_TCP_FIN_BOTH || after != FLOW_TCP_FIN_BOTH;
}

enum flow_tcp_verdict flow_tcp_step(struct flow_record *r, enum flow_dir dir,
	const struct flow_tcp *tcp, struct flow_window *w, uint32_t now_ms, bool *ret_earlier)
{
	struct flow_side *side = &r->side[dir];
	enum flow_state was = side->state, state;

	*ret_earlier = false;
	if (!flags_valid(tcp->flags))
		return FLOW_TCP_DROP_FLAGS;
	if (w != NULL) {
		bool anew = flow_tcp_opens(tcp->flags) == 1 &&
			    (was == FLOW_TCP_FIN_BOTH || was == FLOW_TCP_RESET);
		bool first = was == FLOW_TCP_ADOPTED &&
			     !((side->flags | r->side[!dir].flags) & FLOW_F_ACKED);

		if (anew || first)
			*w = (struct flow_window){0};
		switch (flow_window_step(w, was, dir, tcp)) {
		case FLOW_WINDOW_IN:
			break;
		case FLOW_WINDOW_OUT:
			return FLOW_TCP_DROP_WINDOW;
		case FLOW_WINDOW_UNSURE:
			return FLOW_TCP_PASS;
		case FLOW_WINDOW_REOPEN:
			forget(r);
			was = FLOW_TCP_OPENING;
			set_state(r, dir, was, true);
			*ret_earlier = true;
			break;
		}
	}
	if (tcp->flags & RST) {
		state = FLOW_TCP_RESET;
	} else {
		state = next_state(r, dir, tcp->flags);
		if (!(side->flags & FLOW_F_NO_REFRESH) && refreshes(was, state, tcp->flags))
			side->seen_ms = now_ms;
	}
	set_state(r, dir, state, w != NULL);
	if (state != was && (state == FLOW_TCP_RESET || state == FLOW_TCP_FIN_BOTH)) {
		side->seen_ms = now_ms; /* the short time begins, whoever began it */
		*ret_earlier = true;
	}
	return FLOW_TCP_PASS;
}

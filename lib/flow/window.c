/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a segment is within its window, as far as who stands between the two ends can know: both have
 * seen at most what passed here. The bounds are van Rooij's:
 *	I    it begins at or before what the receiver allowed (a closed window is probed with one byte,
 *	     RFC 9293 3.8.6.1)
 *	II   it ends not much before what the sender has sent
 *	III  it acknowledges nothing that the receiver has not sent
 *	IV   and nothing long acknowledged
 * "Much" and "long" are a window and WINDOW_SLACK: retransmissions, keepalives (one before the end),
 * SACK's holes, which the acknowledgement does not move over, and packets that overtook one another.
 *
 * RSTs are judged by RFC 5961 3.2: exactly the next number that the receiver waits for, as far as known
 * here, or it is passed for the receiver to challenge and ends nothing.
 */
#include "flow/window.h"

#include <rte_common.h>
#include <rte_tcp.h>

#define WINDOW_SLACK 66000
#define SYN_DATA_MAX 1460 /* TCP Fast Open: the answer may acknowledge the SYN without its data */
#define SCALE_MAX 14	  /* RFC 7323 2.3 */

/* flow_window.side.flags */
#define SEEN 0x01
#define SCALE 0x02   /* has the window option; it counts where both have it (RFC 7323 2.2) */
#define SCALED 0x04  /* win is not a SYN's, which is never scaled */
#define ACK_SEEN 0x08 /* max_ack is valid */
#define ADOPTED 0x10 /* joined amid the connection: more may be on its way than was seen here */
#define SYN_AGAIN 0x20 /* a SYN was passed that does not belong to the connection known here */

#define before(a, b) ((int32_t)((uint32_t)(a) - (uint32_t)(b)) < 0)
#define after(a, b) before(b, a)

static uint32_t later(uint32_t a, uint32_t b)
{
	return before(a, b) ? b : a;
}

static unsigned int scale_of(const struct flow_window *w, enum flow_dir dir)
{
	return w->side[0].flags & w->side[1].flags & SCALE ? w->side[dir].scale : 0;
}

static uint32_t window_of(const struct flow_window *w, enum flow_dir dir)
{
	uint32_t win = w->side[dir].win;

	return w->side[dir].flags & SCALED ? win << scale_of(w, dir) : win;
}

static uint32_t end_of(const struct flow_tcp *tcp)
{
	return tcp->seq + tcp->len + !!(tcp->flags & RTE_TCP_SYN_FLAG) +
	       !!(tcp->flags & RTE_TCP_FIN_FLAG);
}

/* The first segment of a side. */
static void begin(struct flow_window *w, enum flow_dir dir, const struct flow_tcp *tcp)
{
	typeof(&w->side[0]) s = &w->side[dir], o = &w->side[!dir];

	if (tcp->flags & RTE_TCP_SYN_FLAG) {
		s->flags = SEEN | (tcp->has_scale ? SCALE : 0);
		s->scale = RTE_MIN(tcp->scale, SCALE_MAX);
		s->end = end_of(tcp);
		/* What the other's SYN allowed; a server with Fast Open sends before its ACK. */
		s->max_end = s->end + (o->flags & SEEN ? window_of(w, !dir) : 0);
		s->win = tcp->window;
		s->max_ack = 0;
	} else {
		bool known = s->flags & ADOPTED; /* by what the other has said */

		/* The scale was agreed unseen: the largest. */
		s->flags |= SEEN | SCALE | SCALED | ADOPTED;
		s->scale = SCALE_MAX;
		s->max_end = known ? later(s->max_end, end_of(tcp)) :
				     end_of(tcp) + ((uint32_t)tcp->window << SCALE_MAX);
		s->end = known ? later(s->end, end_of(tcp)) : end_of(tcp);
		s->win = tcp->window;
	}
	if (!(o->flags & SEEN) && tcp->flags & RTE_TCP_ACK_FLAG) {
		o->flags = SCALE | SCALED | ADOPTED;
		o->scale = SCALE_MAX;
		o->win = UINT16_MAX; /* until it says */
		o->end = tcp->ack;
		o->max_end = tcp->ack;
	}
}

/* The segment is good. */
static void advance(struct flow_window *w, enum flow_dir dir, const struct flow_tcp *tcp)
{
	typeof(&w->side[0]) s = &w->side[dir], o = &w->side[!dir];
	uint32_t win = tcp->window;

	s->end = later(s->end, end_of(tcp));
	s->flags &= ~SYN_AGAIN;
	if (tcp->flags & RTE_TCP_SYN_FLAG) {
		s->win = RTE_MAX(s->win, tcp->window);
	} else {
		if (!(s->flags & SCALED)) {
			unsigned int scale = scale_of(w, dir);

			s->win = (s->win + (1u << scale) - 1) >> scale;
			s->flags |= SCALED;
		}
		s->win = RTE_MAX(s->win, tcp->window);
		win <<= scale_of(w, dir);
	}
	if (!(tcp->flags & RTE_TCP_ACK_FLAG))
		return;
	s->max_ack = s->flags & ACK_SEEN ? later(s->max_ack, tcp->ack) : tcp->ack;
	s->flags |= ACK_SEEN;
	o->max_end = later(o->max_end, tcp->ack + win);
}

static bool ack_in(const struct flow_window *w, enum flow_dir dir, uint32_t ack)
{
	typeof(&w->side[0]) o = &w->side[!dir];
	uint32_t highest = o->flags & ADOPTED ? later(o->end, o->max_end) : o->end;

	/* An adopted side that has not spoken: all is news. */
	if (!(o->flags & SEEN))
		return true;
	return !after(ack, highest) && !before(ack, o->end - window_of(w, dir) - WINDOW_SLACK);
}

static bool seq_in(const struct flow_window *w, enum flow_dir dir, const struct flow_tcp *tcp)
{
	typeof(&w->side[0]) s = &w->side[dir];

	return !after(tcp->seq, s->max_end) &&
	       !before(end_of(tcp), s->end - window_of(w, !dir) - WINDOW_SLACK);
}

/* Of an answer to a SYN. */
static bool acks_syn(const struct flow_window *w, enum flow_dir dir, uint32_t ack)
{
	return w->side[!dir].end - ack <= SYN_DATA_MAX;
}

static enum flow_window_verdict reset(struct flow_window *w, enum flow_dir dir,
	const struct flow_tcp *tcp)
{
	typeof(&w->side[0]) s = &w->side[dir], o = &w->side[!dir];

	if (!(s->flags & SEEN))
		return FLOW_WINDOW_UNSURE;
	if (!seq_in(w, dir, tcp) || (o->flags & ACK_SEEN && before(tcp->seq, o->max_ack)))
		return FLOW_WINDOW_OUT;
	/* The end of what was sent: acknowledged it may be a moment later. */
	if ((o->flags & ACK_SEEN && tcp->seq == o->max_ack) || tcp->seq == s->end)
		return FLOW_WINDOW_IN;
	return FLOW_WINDOW_UNSURE;
}

/* Nothing but SYNs of the original side was seen. */
static bool unanswered(const struct flow_window *w)
{
	return (w->side[FLOW_ORIGINAL].flags & (SEEN | ADOPTED)) == SEEN &&
	       !(w->side[FLOW_REPLY].flags & (SEEN | ADOPTED));
}

/* Of the connection's first SYN nothing but itself is known. */
static enum flow_window_verdict opening(struct flow_window *w, enum flow_dir dir,
	const struct flow_tcp *tcp)
{
	if (dir == FLOW_ORIGINAL) {
		if (tcp->flags & RTE_TCP_SYN_FLAG && !(tcp->flags & RTE_TCP_ACK_FLAG)) {
			*w = (struct flow_window){0};
			begin(w, dir, tcp);
			return FLOW_WINDOW_IN;
		}
		/* It may answer what the other end sent of a connection older than this. */
		if (tcp->flags & RTE_TCP_RST_FLAG && tcp->seq == w->side[dir].end)
			return FLOW_WINDOW_IN;
		return FLOW_WINDOW_UNSURE;
	}
	if (tcp->flags & RTE_TCP_RST_FLAG)
		return tcp->flags & RTE_TCP_ACK_FLAG && acks_syn(w, dir, tcp->ack) ? FLOW_WINDOW_IN :
										    FLOW_WINDOW_OUT;
	/* The challenge of a connection older than this (RFC 5961 4.2), which has to arrive. */
	if (!(tcp->flags & RTE_TCP_SYN_FLAG))
		return FLOW_WINDOW_UNSURE;
	if (tcp->flags & RTE_TCP_ACK_FLAG && !acks_syn(w, dir, tcp->ack))
		return FLOW_WINDOW_OUT;
	begin(w, dir, tcp);
	advance(w, dir, tcp);
	return FLOW_WINDOW_IN;
}

enum flow_window_verdict flow_window_step(struct flow_window *w, enum flow_state state,
	enum flow_dir dir, const struct flow_tcp *tcp)
{
	typeof(&w->side[0]) s = &w->side[dir], o = &w->side[!dir];

	if (state == FLOW_TCP_SYN || unanswered(w))
		return opening(w, dir, tcp);
	if (tcp->flags & RTE_TCP_RST_FLAG)
		return reset(w, dir, tcp);
	if (tcp->flags & RTE_TCP_SYN_FLAG && s->flags & SEEN && end_of(tcp) != s->end) {
		/* Not one sent again. An end that lost the connection; the other will challenge it, or
		 * answer if it has lost it as well. */
		if (!(tcp->flags & RTE_TCP_ACK_FLAG)) {
			s->flags |= SYN_AGAIN;
			return FLOW_WINDOW_UNSURE;
		}
		if (o->flags & SYN_AGAIN) {
			*w = (struct flow_window){0};
			begin(w, dir, tcp);
			advance(w, dir, tcp);
			return FLOW_WINDOW_REOPEN;
		}
	}
	if (!(s->flags & SEEN))
		begin(w, dir, tcp);
	if (!seq_in(w, dir, tcp) ||
	    (tcp->flags & RTE_TCP_ACK_FLAG && !ack_in(w, dir, tcp->ack)))
		return FLOW_WINDOW_OUT;
	advance(w, dir, tcp);
	return FLOW_WINDOW_IN;
}

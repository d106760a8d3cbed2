/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a session: TCP after RFC 6146 3.5.2 and RFC 7857 2, everything else by its idle time.
 * Pure functions of a record; the worker that owns it calls them.
 *
 * Beside RFC 6146:
 * - A connection whose SYNs crossed or were answered is established only once both ends have
 *   acknowledged (FLOW_TCP_OPENING till then), so that a flood of SYNs that servers answer does not get
 *   the long timer.
 * - A RST ends a session in every state, not only an established one (RFC 7857 2.2), and what brings it
 *   back brings it back to where it was, FINs included.
 * - A SYN on a session that is closed or reset opens it anew: ports are reused within TIME-WAIT.
 */
#ifndef FLOW_STATE_H
#define FLOW_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/record.h"

enum flow_state {
	FLOW_STATE_NEW,		/* UDP, ICMP, others: packets of the original side only */
	FLOW_STATE_REPLIED,	/* ...and of the reply side */
	FLOW_TCP_SYN,		/* INIT: a SYN of the original side */
	FLOW_TCP_OPENING,	/* SYNs of both sides */
	FLOW_TCP_ESTABLISHED,
	FLOW_TCP_FIN_ORIGINAL,	/* FIN RCV */
	FLOW_TCP_FIN_REPLY,
	FLOW_TCP_FIN_BOTH,	/* V4 FIN + V6 FIN RCV */
	FLOW_TCP_RESET,		/* TRANS: a RST that may be forged; a packet brings it back */
	FLOW_TCP_ADOPTED,	/* picked up amid the connection: sides unknown, established once both are seen */
	FLOW_STATE_MAX,
};
extern const char *const flow_state_names[FLOW_STATE_MAX]; /* "syn", "established"... for --json */

/* Idle times in ms. Defaults and their source: config.h. */
struct flow_timeouts {
	uint32_t tcp_opening_ms, tcp_established_ms, tcp_closing_ms, tcp_reset_ms;
	uint32_t udp_ms, udp_new_ms, icmp_ms, other_ms;
};

uint32_t flow_timeout_ms(const struct flow_timeouts *t, uint8_t proto, enum flow_state state);

/* When the session ends if nothing more comes: idle time from the later of the two sides' last
 * refreshes. Modulo 2^32. */
uint32_t flow_deadline_ms(const struct flow_timeouts *t, const struct flow_record *r);
/* Which of the two is the later shows only within half the clock's round, 25 days; one side may be silent
 * for longer. Pulls its time along; whenever the session's timer wakes. */
void flow_keep_close(struct flow_record *r);

/* What a side has sent and allowed, for the checks (after "Real Stateful TCP Packet Filtering in IP
 * Filter", G. van Rooij, as Linux and pf do them). Zero: nothing seen yet. window.c. */
struct flow_window {
	struct {
		uint32_t end;	  /* highest sequence number sent, plus one */
		uint32_t max_end; /* highest that the other end allowed */
		uint32_t max_ack; /* highest that it acknowledged */
		uint16_t win;	  /* largest window advertised, as in the header */
		uint8_t scale;	  /* of its window option */
		uint8_t flags;	  /* window.c's own */
	} side[2];
};
static_assert(sizeof(struct flow_window) == 32, "half a cache line");

/* What a TCP header says, host byte order. */
struct flow_tcp {
	uint8_t flags; /* RTE_TCP_*_FLAG */
	uint8_t scale; /* window scale option of a SYN */
	bool has_scale;
	uint16_t window; /* as in the header */
	uint32_t seq, ack;
	uint32_t len; /* of the segment's data, from the IP header's length */
};
/* Reads the header and, of SYNs, the options, within the first segment. l4_offset from the frame's
 * start. The data of a first fragment counts as the most that its packet may have. 0 or -EBADMSG. */
struct rte_mbuf;
int flow_tcp_parse(const struct rte_mbuf *m, unsigned int l4_offset, struct flow_tcp *ret_tcp);

enum flow_tcp_verdict {
	FLOW_TCP_PASS,
	FLOW_TCP_DROP_FLAGS,  /* a combination no TCP sends (RFC 9293 3.5; Linux tcp_valid_flags) */
	FLOW_TCP_DROP_WINDOW, /* out of window, where that is checked */
};

/* Whether a segment may begin a session: 1 a SYN, 0 one amid a connection, -1 invalid flags. */
int flow_tcp_opens(uint8_t flags);

/* The state of a session that this packet begins (a SYN, or whatever was adopted). */
enum flow_state flow_state_first(uint8_t proto, uint8_t tcp_flags);

/*
 * A TCP packet on a session's side, the first one too: moves the state on both sides, keeps their
 * FLOW_F_TRACKED, refreshes seen_ms of its side where the packet keeps the session, and moves the window.
 * w NULL: windows are not checked.
 *
 * Nothing that is dropped refreshes, nor does a RST (RFC 7857 7.1), whose first starts the short timer,
 * nor what comes once both ends have sent their FIN (RFC 6146 3.5.2.2). ret_earlier: the session now
 * ends sooner than its timer may know: the caller arms it again at flow_deadline_ms().
 */
enum flow_tcp_verdict flow_tcp_step(struct flow_record *r, enum flow_dir dir,
	const struct flow_tcp *tcp, struct flow_window *w, uint32_t now_ms, bool *ret_earlier);

#endif

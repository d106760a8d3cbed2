/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session with one peer: RFC 4271 8's state machine as a pure function of (state, event, now) to
 * (actions, next deadline). It does no I/O and reads no clock, so that tests run it under virtual
 * time; transport.c carries its actions out.
 *
 * A peer has up to two TCP connections while the two sides connect at once; each is one half here,
 * with its own state and timers, and collision detection (6.8) leaves one.
 */
#ifndef BGP_SESSION_H
#define BGP_SESSION_H

#include "bgp/codec.h"

#define BGP_NEVER UINT64_MAX
#define BGP_BACKOFF_MAX_S 60 /* between attempts at a peer with which every session ends in an error */
#define BGP_STABLE_S 60	     /* a session that lasted as long clears the back-off */

enum bgp_side { BGP_OUT, BGP_IN }; /* who opened the TCP connection: we, or the peer */

enum bgp_action_kind {
	BGP_DO_CONNECT, /* open the connection BGP_OUT; answer with _connected or _closed */
	BGP_DO_SEND,	/* bytes on side */
	BGP_DO_CLOSE,	/* side, after what was sent before; it is gone from the session already */
	BGP_DO_UP,	/* Established on side */
	BGP_DO_DOWN,	/* no longer */
	BGP_DO_UPDATE,	/* deliver actions->update; then release its attrs */
	BGP_DO_REFRESH, /* family */
};

struct bgp_actions {
	struct bgp_action {
		enum bgp_action_kind kind;
		uint8_t side, family;
		uint16_t at, n_bytes; /* in bytes[] */
	} list[12];
	unsigned int n;
	size_t n_bytes;
	struct bgp_update update; /* valid until the decoder is used again */
	uint8_t bytes[2 * BGP_MESSAGE_MAX + 512];
};

struct bgp_session_conf {
	uint32_t local_as, remote_as;
	rte_be32_t local_id;
	uint32_t hold_s, connect_retry_s;
	bool passive, ipv4, ipv6;
};

struct bgp_session {
	struct bgp_session_conf conf;
	struct bgp_decoder *decoder; /* shared by all sessions */
	/* Set by the caller before an event: timers run for this share of their length, 750..1000
	 * (RFC 4271 10). */
	uint16_t jitter_permille;

	bool running;	       /* between start and stop */
	bool idle_hold;	       /* Idle until retry_at: refuses connections */
	unsigned int failures; /* sessions in a row that ended in an error */
	uint64_t retry_at_ms;  /* connect, or give the attempt up, or leave idle_hold */
	struct bgp_half {
		enum bgp_state state; /* BGP_IDLE: no connection; BGP_CONNECT: BGP_OUT on its way */
		struct bgp_open open; /* the peer's; from OpenConfirm on */
		uint64_t hold_at_ms, keepalive_at_ms;
		uint32_t hold_s;
	} half[2];

	/* For the operator and the owner; the negotiated values are of the established session. */
	enum bgp_state state;
	uint64_t state_since_ms, established_count;
	uint64_t messages_in, updates_in, errors_withdrawn;
	struct bgp_codec codec;
	struct bgp_open remote;
	uint32_t hold_s, keepalive_s;
	uint8_t sent_code, sent_subcode, received_code, received_subcode;
	char last_error[160];
	uint64_t last_error_ms;
	bool error_is_over; /* the session was established since */
};

void bgp_session_init(struct bgp_session *s, const struct bgp_session_conf *conf,
	struct bgp_decoder *decoder, uint64_t now_ms);

/* Each event overwrites *ret_actions, which is to be carried out in order. */
void bgp_session_start(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions);
/* Cease with the subcode to every connection that is up; then Idle until started again. */
void bgp_session_stop(struct bgp_session *s, uint8_t subcode, uint64_t now_ms,
	struct bgp_actions *ret_actions);
/* Cease, and another attempt after the longest back-off: the peer's table does not fit. */
void bgp_session_cease(struct bgp_session *s, uint8_t subcode, uint64_t now_ms,
	struct bgp_actions *ret_actions);
/* The peer's TCP connection came in. False: refuse it. True: it is BGP_IN from now on. */
bool bgp_session_accept(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions);
void bgp_session_connected(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions);
/* A connection failed or was closed by the peer. `why` is text for the operator. */
void bgp_session_closed(struct bgp_session *s, enum bgp_side side, const char *why, uint64_t now_ms,
	struct bgp_actions *ret_actions);
/* One whole message, as bgp_frame() measured it. */
void bgp_session_input(struct bgp_session *s, enum bgp_side side, const uint8_t *msg, size_t len,
	uint64_t now_ms, struct bgp_actions *ret_actions);
/* bgp_frame() found an error. */
void bgp_session_bad_frame(struct bgp_session *s, enum bgp_side side, const struct bgp_error *error,
	uint64_t now_ms, struct bgp_actions *ret_actions);
/* Time has come to bgp_session_deadline(), or any other time. */
void bgp_session_tick(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions);
uint64_t bgp_session_deadline(const struct bgp_session *s); /* BGP_NEVER: none */

#endif

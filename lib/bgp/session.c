/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC 4271 8: the states of a session, its timers and what each message does to them. Pure; control
 * thread. Before it: transport's bytes, framed. After it: actions for transport, updates for the RIB.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "bgp/session.h"

#define OPENSENT_HOLD_MS (240 * 1000) /* RFC 4271 8.2.2: "a large value", 4 minutes */
#define MAX_FAILURES 16		      /* enough for the longest back-off */

static const struct bgp_error collision = {.code = BGP_ERR_CEASE, .subcode = BGP_CEASE_COLLISION,
	.text = "another connection with the peer is kept"};

static void begin(struct bgp_actions *acts)
{
	acts->n = 0;
	acts->n_bytes = 0;
}

static void act(struct bgp_actions *acts, enum bgp_action_kind kind, uint8_t side)
{
	/* No event makes more: at most two halves with three actions each, one of them for the RIB. */
	if (acts->n < RTE_DIM(acts->list))
		acts->list[acts->n++] = (struct bgp_action){.kind = kind, .side = side};
}

static struct buf_writer send_begin(struct bgp_actions *acts)
{
	return buf_writer(acts->bytes + acts->n_bytes, sizeof(acts->bytes) - acts->n_bytes);
}

static void send_end(struct bgp_actions *acts, uint8_t side, const struct buf_writer *w)
{
	if (w->failed)
		return;
	act(acts, BGP_DO_SEND, side);
	acts->list[acts->n - 1].at = (uint16_t)acts->n_bytes;
	acts->list[acts->n - 1].n_bytes = (uint16_t)w->len;
	acts->n_bytes += w->len;
}

static uint64_t after(const struct bgp_session *s, uint64_t now_ms, uint64_t seconds)
{
	return now_ms + seconds * s->jitter_permille;
}

static bool is_up(const struct bgp_half *h)
{
	return h->state >= BGP_OPENSENT;
}

/* For the operator: what went wrong last, and when. */
__attribute__((format(printf, 3, 4))) static void note_error(struct bgp_session *s,
	uint64_t now_ms, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->last_error, sizeof(s->last_error), fmt, ap);
	va_end(ap);
	s->last_error_ms = now_ms;
	s->error_is_over = false;
}

/* At the end of each event. */
static void settle(struct bgp_session *s, uint64_t now_ms)
{
	enum bgp_state state = s->half[BGP_OUT].state > s->half[BGP_IN].state ?
		s->half[BGP_OUT].state :
		s->half[BGP_IN].state;

	if (state == BGP_IDLE && s->running && !s->idle_hold)
		state = BGP_ACTIVE;
	if (state != s->state) {
		s->state = state;
		s->state_since_ms = now_ms;
	}
}

/* The next attempt, longer and longer while sessions end in errors. */
static void schedule_retry(struct bgp_session *s, uint64_t now_ms)
{
	uint64_t max = RTE_MAX(s->conf.connect_retry_s, (uint32_t)BGP_BACKOFF_MAX_S);
	uint64_t wait = s->conf.connect_retry_s;
	unsigned int i;

	for (i = 1; i < s->failures && wait < max; i++)
		wait *= 2;
	s->retry_at_ms = after(s, now_ms, RTE_MIN(wait, max));
}

/* Ends a half. The connection is closed by transport unless it is gone (`close`). */
static void drop(struct bgp_session *s, uint8_t side, bool close, uint64_t now_ms,
	struct bgp_actions *acts)
{
	struct bgp_half *h = &s->half[side];
	bool established = h->state == BGP_ESTABLISHED;

	if (h->state == BGP_IDLE)
		return;
	if (established && now_ms - s->state_since_ms >= BGP_STABLE_S * 1000)
		s->failures = 0;
	*h = (struct bgp_half){.hold_at_ms = BGP_NEVER, .keepalive_at_ms = BGP_NEVER};
	if (close)
		act(acts, BGP_DO_CLOSE, side);
	if (established)
		act(acts, BGP_DO_DOWN, side);
	if (s->half[!side].state == BGP_IDLE)
		schedule_retry(s, now_ms);
}

/* The session, not a mere connection, ended in an error: the next attempts come more slowly. Only
 * errors of protocol make it Idle; a peer that ceases or fell silent may come back at any time. */
static void count_failure(struct bgp_session *s, uint8_t code, uint64_t now_ms,
	struct bgp_actions *acts)
{
	if (s->failures < MAX_FAILURES)
		s->failures++;
	if (is_up(&s->half[BGP_OUT]) || is_up(&s->half[BGP_IN]))
		return; /* the other half goes on */
	s->idle_hold = s->failures > 1 && code != BGP_ERR_CEASE && code != BGP_ERR_HOLD_TIMER;
	if (s->idle_hold)
		drop(s, BGP_OUT, true, now_ms, acts);
	schedule_retry(s, now_ms);
	settle(s, now_ms);
}

static void send_notification(struct bgp_session *s, uint8_t side, const struct bgp_error *e,
	uint64_t now_ms, struct bgp_actions *acts)
{
	struct buf_writer w = send_begin(acts);
	char text[96];

	bgp_encode_notification(&w, e);
	send_end(acts, side, &w);
	if (e == &collision)
		return; /* a normal event: not for the operator */
	s->sent_code = e->code;
	s->sent_subcode = e->subcode;
	note_error(s, now_ms, "sent %s%s%s",
		bgp_error_format(e->code, e->subcode, text, sizeof(text)),
		e->text != NULL ? ": " : "", e->text != NULL ? e->text : "");
}

/* An error on a half: NOTIFICATION, close, back off. */
static void fail(struct bgp_session *s, uint8_t side, const struct bgp_error *e, uint64_t now_ms,
	struct bgp_actions *acts)
{
	send_notification(s, side, e, now_ms, acts);
	drop(s, side, true, now_ms, acts);
	count_failure(s, e->code, now_ms, acts);
}

static void fail_code(struct bgp_session *s, uint8_t side, uint8_t code, uint8_t subcode,
	const char *text, uint64_t now_ms, struct bgp_actions *acts)
{
	const struct bgp_error e = {.code = code, .subcode = subcode, .text = text};

	fail(s, side, &e, now_ms, acts);
}

static void send_keepalive(struct bgp_session *s, uint8_t side, uint64_t now_ms,
	struct bgp_actions *acts)
{
	struct bgp_half *h = &s->half[side];
	struct buf_writer w = send_begin(acts);

	bgp_encode_keepalive(&w);
	send_end(acts, side, &w);
	h->keepalive_at_ms = h->hold_s > 0 ? after(s, now_ms, RTE_MAX(h->hold_s / 3, 1u)) : BGP_NEVER;
}

static void restart_hold(struct bgp_half *h, uint64_t now_ms)
{
	h->hold_at_ms = h->hold_s > 0 ? now_ms + h->hold_s * UINT64_C(1000) : BGP_NEVER;
}

/* The TCP connection is there: OPEN goes out first. */
static void open_half(struct bgp_session *s, uint8_t side, uint64_t now_ms, struct bgp_actions *acts)
{
	const struct bgp_session_conf *c = &s->conf;
	struct buf_writer w = send_begin(acts);

	bgp_encode_open(&w, &(struct bgp_open){.as = c->local_as, .id = c->local_id,
		.hold_s = (uint16_t)c->hold_s, .as4 = true, .refresh = true, .ipv4 = c->ipv4,
		.ipv6 = c->ipv6});
	send_end(acts, side, &w);
	s->half[side] = (struct bgp_half){.state = BGP_OPENSENT,
		.hold_at_ms = now_ms + OPENSENT_HOLD_MS, .keepalive_at_ms = BGP_NEVER};
}

static void try_connect(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *acts)
{
	s->idle_hold = false;
	s->retry_at_ms = BGP_NEVER;
	if (s->conf.passive || is_up(&s->half[BGP_OUT]))
		return;
	s->retry_at_ms = after(s, now_ms, s->conf.connect_retry_s);
	/* With the peer's own connection this far there is no need of another. */
	if (s->half[BGP_IN].state >= BGP_OPENCONFIRM)
		return;
	s->half[BGP_OUT].state = BGP_CONNECT;
	act(acts, BGP_DO_CONNECT, BGP_OUT);
}

void bgp_session_init(struct bgp_session *s, const struct bgp_session_conf *conf,
	struct bgp_decoder *decoder, uint64_t now_ms)
{
	*s = (struct bgp_session){.conf = *conf, .decoder = decoder, .jitter_permille = 1000,
		.retry_at_ms = BGP_NEVER, .state_since_ms = now_ms};
	s->half[BGP_OUT].hold_at_ms = s->half[BGP_OUT].keepalive_at_ms = BGP_NEVER;
	s->half[BGP_IN].hold_at_ms = s->half[BGP_IN].keepalive_at_ms = BGP_NEVER;
}

void bgp_session_start(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions)
{
	begin(ret_actions);
	if (!s->running) {
		s->running = true;
		s->failures = 0;
		try_connect(s, now_ms, ret_actions);
	}
	settle(s, now_ms);
}

void bgp_session_stop(struct bgp_session *s, uint8_t subcode, uint64_t now_ms,
	struct bgp_actions *ret_actions)
{
	const struct bgp_error e = {.code = BGP_ERR_CEASE, .subcode = subcode};
	uint8_t side;

	begin(ret_actions);
	for (side = BGP_OUT; side <= BGP_IN; side++) {
		if (is_up(&s->half[side]))
			send_notification(s, side, &e, now_ms, ret_actions);
		drop(s, side, true, now_ms, ret_actions);
	}
	s->running = false;
	s->idle_hold = false;
	s->retry_at_ms = BGP_NEVER;
	settle(s, now_ms);
}

void bgp_session_cease(struct bgp_session *s, uint8_t subcode, uint64_t now_ms,
	struct bgp_actions *ret_actions)
{
	bgp_session_stop(s, subcode, now_ms, ret_actions);
	s->running = true;
	s->idle_hold = true;
	s->failures = MAX_FAILURES;
	schedule_retry(s, now_ms);
	settle(s, now_ms);
}

bool bgp_session_accept(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions)
{
	begin(ret_actions);
	if (!s->running || s->idle_hold || s->state == BGP_ESTABLISHED || is_up(&s->half[BGP_IN]))
		return false;
	open_half(s, BGP_IN, now_ms, ret_actions);
	settle(s, now_ms);
	return true;
}

void bgp_session_connected(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions)
{
	begin(ret_actions);
	s->retry_at_ms = BGP_NEVER;
	open_half(s, BGP_OUT, now_ms, ret_actions);
	settle(s, now_ms);
}

void bgp_session_closed(struct bgp_session *s, enum bgp_side side, const char *why, uint64_t now_ms,
	struct bgp_actions *ret_actions)
{
	begin(ret_actions);
	if (s->half[side].state == BGP_IDLE)
		return;
	/* The NOTIFICATION that came before says more than the end of the connection. */
	if (s->half[!side].state < BGP_OPENCONFIRM)
		note_error(s, now_ms, "%s: %s",
			s->half[side].state == BGP_CONNECT ? "cannot connect" : "connection lost", why);
	drop(s, side, false, now_ms, ret_actions);
	settle(s, now_ms);
}

/* Whether the connection that we opened is the one to keep (RFC 4271 6.8, RFC 6286 2.3). */
static bool keeps_out(const struct bgp_session *s, const struct bgp_open *open)
{
	uint32_t local = rte_be_to_cpu_32(s->conf.local_id), remote = rte_be_to_cpu_32(open->id);

	return local != remote ? local > remote : s->conf.local_as > open->as;
}

/* True where the half that received the OPEN goes on. */
static bool survives_collision(struct bgp_session *s, uint8_t side, const struct bgp_open *open,
	uint64_t now_ms, struct bgp_actions *acts)
{
	uint8_t loser;

	if (s->half[!side].state < BGP_OPENCONFIRM)
		return true;
	if (s->half[!side].state == BGP_ESTABLISHED)
		loser = side;
	else
		loser = keeps_out(s, open) ? BGP_IN : BGP_OUT;
	send_notification(s, loser, &collision, now_ms, acts);
	drop(s, loser, true, now_ms, acts);
	return loser != side;
}

static void open_received(struct bgp_session *s, uint8_t side, const uint8_t *msg, size_t len,
	uint64_t now_ms, struct bgp_actions *acts)
{
	static const uint8_t families[] = {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1};
	const struct bgp_session_conf *c = &s->conf;
	struct bgp_half *h = &s->half[side];
	struct bgp_error e = {.code = BGP_ERR_OPEN};
	struct bgp_open open;

	if (bgp_decode_open(msg, len, &open, &e) < 0) {
		fail(s, side, &e, now_ms, acts);
		return;
	}
	if (open.as != c->remote_as) {
		e.subcode = BGP_OPEN_BAD_PEER_AS;
		e.text = "the peer is of another AS than configured";
	} else if (c->local_as == c->remote_as && open.id == c->local_id) {
		e.subcode = BGP_OPEN_BAD_ID;
		e.text = "the peer has our own BGP Identifier";
	} else if (!(c->ipv4 && open.ipv4) && !(c->ipv6 && open.ipv6)) {
		e = (struct bgp_error){.code = BGP_ERR_OPEN,
			.subcode = BGP_OPEN_UNSUPPORTED_CAPABILITY, .text = "no family in common",
			.data = families + (c->ipv4 ? 0 : 6),
			.n_data = (c->ipv4 ? 6 : 0) + (c->ipv6 ? 6 : 0)};
	}
	if (e.subcode != 0) {
		fail(s, side, &e, now_ms, acts);
		return;
	}
	if (!survives_collision(s, side, &open, now_ms, acts))
		return;
	h->open = open;
	h->hold_s = RTE_MIN(c->hold_s, (uint32_t)open.hold_s);
	h->state = BGP_OPENCONFIRM;
	send_keepalive(s, side, now_ms, acts);
	restart_hold(h, now_ms);
}

static void establish(struct bgp_session *s, uint8_t side, uint64_t now_ms, struct bgp_actions *acts)
{
	const struct bgp_session_conf *c = &s->conf;
	struct bgp_half *h = &s->half[side];

	h->state = BGP_ESTABLISHED;
	restart_hold(h, now_ms);
	s->remote = h->open;
	s->hold_s = h->hold_s;
	s->keepalive_s = h->hold_s > 0 ? RTE_MAX(h->hold_s / 3, 1u) : 0;
	s->codec = (struct bgp_codec){.as4 = h->open.as4, .ipv4 = c->ipv4 && h->open.ipv4,
		.ipv6 = c->ipv6 && h->open.ipv6, .ebgp = c->local_as != c->remote_as,
		.remote_as = c->remote_as, .local_id = c->local_id};
	s->established_count++;
	s->error_is_over = true;
	s->retry_at_ms = BGP_NEVER;
	if (s->half[!side].state == BGP_CONNECT)
		drop(s, !side, true, now_ms, acts);
	act(acts, BGP_DO_UP, side);
}

static void update_received(struct bgp_session *s, uint8_t side, const uint8_t *msg, size_t len,
	uint64_t now_ms, struct bgp_actions *acts)
{
	enum bgp_verdict verdict;
	struct bgp_error e;

	s->updates_in++;
	verdict = bgp_decode_update(s->decoder, &s->codec, msg, len, &acts->update, &e);
	if (verdict == BGP_RESET) {
		fail(s, side, &e, now_ms, acts);
		return;
	}
	if (verdict == BGP_WITHDRAW || e.subcode == BGP_UPDATE_BAD_NEXT_HOP) {
		s->errors_withdrawn++;
		note_error(s, now_ms, "UPDATE treated as withdrawal (RFC 7606), %" PRIu64 " so far: %s",
			s->errors_withdrawn, e.text);
	}
	restart_hold(&s->half[side], now_ms);
	act(acts, BGP_DO_UPDATE, side);
}

static void notification_received(struct bgp_session *s, uint8_t side, const uint8_t *msg, size_t len,
	uint64_t now_ms, struct bgp_actions *acts)
{
	struct bgp_error e = {0};
	char text[96];
	bool collided;

	bgp_decode_notification(msg, len, &e); /* bgp_frame() has seen to its length */
	collided = e.code == BGP_ERR_CEASE && e.subcode == BGP_CEASE_COLLISION;
	if (!collided || s->half[!side].state < BGP_OPENSENT) {
		s->received_code = e.code;
		s->received_subcode = e.subcode;
		note_error(s, now_ms, "received %s",
			bgp_error_format(e.code, e.subcode, text, sizeof(text)));
	}
	drop(s, side, true, now_ms, acts);
	if (!collided)
		count_failure(s, e.code, now_ms, acts);
}

/* What is out of place in each state (RFC 6608). */
static void unexpected(struct bgp_session *s, uint8_t side, uint64_t now_ms, struct bgp_actions *acts)
{
	static const uint8_t subcodes[] = {[BGP_OPENSENT] = BGP_FSM_OPENSENT,
		[BGP_OPENCONFIRM] = BGP_FSM_OPENCONFIRM, [BGP_ESTABLISHED] = BGP_FSM_ESTABLISHED};

	fail_code(s, side, BGP_ERR_FSM, subcodes[s->half[side].state], NULL, now_ms, acts);
}

void bgp_session_input(struct bgp_session *s, enum bgp_side side, const uint8_t *msg, size_t len,
	uint64_t now_ms, struct bgp_actions *ret_actions)
{
	struct bgp_half *h = &s->half[side];
	uint8_t type = msg[BGP_HEADER_BYTES - 1];

	begin(ret_actions);
	if (!is_up(h))
		return;
	s->messages_in++;
	if (type == BGP_MSG_NOTIFICATION) {
		notification_received(s, side, msg, len, now_ms, ret_actions);
	} else if (h->state == BGP_OPENSENT && type == BGP_MSG_OPEN) {
		open_received(s, side, msg, len, now_ms, ret_actions);
	} else if (h->state == BGP_OPENCONFIRM && type == BGP_MSG_KEEPALIVE) {
		establish(s, side, now_ms, ret_actions);
	} else if (h->state == BGP_ESTABLISHED && type == BGP_MSG_UPDATE) {
		update_received(s, side, msg, len, now_ms, ret_actions);
	} else if (h->state == BGP_ESTABLISHED && type == BGP_MSG_KEEPALIVE) {
		restart_hold(h, now_ms);
	} else if (h->state == BGP_ESTABLISHED && type == BGP_MSG_ROUTE_REFRESH) {
		restart_hold(h, now_ms);
		act(ret_actions, BGP_DO_REFRESH, side);
		ret_actions->list[0].family = bgp_decode_refresh(msg, len);
		if (ret_actions->list[0].family == IP_NONE)
			ret_actions->n = 0;
	} else {
		unexpected(s, side, now_ms, ret_actions);
	}
	settle(s, now_ms);
}

void bgp_session_bad_frame(struct bgp_session *s, enum bgp_side side, const struct bgp_error *error,
	uint64_t now_ms, struct bgp_actions *ret_actions)
{
	begin(ret_actions);
	if (is_up(&s->half[side]))
		fail(s, side, error, now_ms, ret_actions);
	settle(s, now_ms);
}

void bgp_session_tick(struct bgp_session *s, uint64_t now_ms, struct bgp_actions *ret_actions)
{
	struct bgp_half *h;
	uint8_t side;

	begin(ret_actions);
	for (side = BGP_OUT; side <= BGP_IN; side++) {
		h = &s->half[side];
		if (!is_up(h))
			continue;
		if (now_ms >= h->hold_at_ms && s->half[!side].state == BGP_ESTABLISHED) {
			send_notification(s, side, &collision, now_ms, ret_actions);
			drop(s, side, true, now_ms, ret_actions);
		} else if (now_ms >= h->hold_at_ms) {
			fail_code(s, side, BGP_ERR_HOLD_TIMER, 0, NULL, now_ms, ret_actions);
		} else if (now_ms >= h->keepalive_at_ms) {
			send_keepalive(s, side, now_ms, ret_actions);
		}
	}
	if (s->running && now_ms >= s->retry_at_ms) {
		if (s->half[BGP_OUT].state == BGP_CONNECT) {
			note_error(s, now_ms, "cannot connect: no answer");
			drop(s, BGP_OUT, true, now_ms, ret_actions);
		}
		try_connect(s, now_ms, ret_actions);
	}
	settle(s, now_ms);
}

uint64_t bgp_session_deadline(const struct bgp_session *s)
{
	uint64_t at = s->running ? s->retry_at_ms : BGP_NEVER;
	int side;

	for (side = BGP_OUT; side <= BGP_IN; side++) {
		at = RTE_MIN(at, s->half[side].hold_at_ms);
		at = RTE_MIN(at, s->half[side].keepalive_at_ms);
	}
	return at;
}

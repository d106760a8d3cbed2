/* SPDX-License-Identifier: BSD-3-Clause */
/* The session machine under virtual time, and the treatment of malformed messages in each state. */
#include "unit.h"

#include "bgp/session.h"
#include "jsonl.h"

#define LOCAL_AS 64510
#define REMOTE_AS 64500
#define REMOTE_ID 0x0a630101u /* 10.99.1.1, as in bgp-malformed.jsonl */

static struct bgp_decoder decoder;
static struct bgp_actions acts;
static uint64_t now;

static struct bgp_session_conf default_conf(void)
{
	return (struct bgp_session_conf){.local_as = LOCAL_AS, .remote_as = REMOTE_AS,
		.local_id = rte_cpu_to_be_32(0x0a630102), .hold_s = 90, .connect_retry_s = 5,
		.ipv4 = true, .ipv6 = true};
}

static void session_new(struct bgp_session *s, const struct bgp_session_conf *conf)
{
	now = 1000000;
	bgp_session_init(s, conf, &decoder, now);
	bgp_session_start(s, now, &acts);
}

static const struct bgp_action *find(enum bgp_action_kind kind, uint8_t side)
{
	unsigned int i;

	for (i = 0; i < acts.n; i++)
		if (acts.list[i].kind == kind && acts.list[i].side == side)
			return &acts.list[i];
	return NULL;
}

/* Type of the first message sent on the side, 0 where none. */
static uint8_t sent(uint8_t side)
{
	const struct bgp_action *a = find(BGP_DO_SEND, side);

	return a != NULL ? acts.bytes[a->at + 18] : 0;
}

static void assert_sent_notification(uint8_t side, uint8_t code, uint8_t subcode)
{
	const struct bgp_action *a = find(BGP_DO_SEND, side);

	assert_non_null(a);
	assert_int_equal(acts.bytes[a->at + 18], BGP_MSG_NOTIFICATION);
	assert_int_equal(acts.bytes[a->at + 19], code);
	assert_int_equal(acts.bytes[a->at + 20], subcode);
	assert_non_null(find(BGP_DO_CLOSE, side));
}

static struct bgp_open remote_open(void)
{
	return (struct bgp_open){.as = REMOTE_AS, .id = rte_cpu_to_be_32(REMOTE_ID), .hold_s = 180,
		.as4 = true, .refresh = true, .ipv4 = true, .ipv6 = true};
}

static void input(struct bgp_session *s, uint8_t side, const uint8_t *msg, size_t len)
{
	struct bgp_error e;
	/* An own allocation of just the message's size: ASan sees a read beyond it. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int n;

	memcpy(copy, msg, len);
	n = bgp_frame(copy, len, &e);
	if (n < 0)
		bgp_session_bad_frame(s, side, &e, now, &acts);
	else if (n == 0)
		acts.n = 0;
	else
		bgp_session_input(s, side, copy, (size_t)n, now, &acts);
	free(copy);
}

static void input_open(struct bgp_session *s, uint8_t side, const struct bgp_open *open)
{
	uint8_t msg[BGP_MESSAGE_MAX];
	struct buf_writer w = buf_writer(msg, sizeof(msg));

	bgp_encode_open(&w, open);
	input(s, side, msg, w.len);
}

static void input_keepalive(struct bgp_session *s, uint8_t side)
{
	uint8_t msg[64];
	struct buf_writer w = buf_writer(msg, sizeof(msg));

	bgp_encode_keepalive(&w);
	input(s, side, msg, w.len);
}

static void input_notification(struct bgp_session *s, uint8_t side, uint8_t code, uint8_t subcode)
{
	uint8_t msg[64];
	struct buf_writer w = buf_writer(msg, sizeof(msg));

	bgp_encode_notification(&w, &(struct bgp_error){.code = code, .subcode = subcode});
	input(s, side, msg, w.len);
}

static void to_opensent(struct bgp_session *s)
{
	struct bgp_session_conf conf = default_conf();

	session_new(s, &conf);
	assert_int_equal(s->state, BGP_CONNECT);
	assert_non_null(find(BGP_DO_CONNECT, BGP_OUT));
	bgp_session_connected(s, now, &acts);
	assert_int_equal(s->state, BGP_OPENSENT);
	assert_int_equal(sent(BGP_OUT), BGP_MSG_OPEN);
}

static void to_openconfirm(struct bgp_session *s)
{
	struct bgp_open open = remote_open();

	to_opensent(s);
	input_open(s, BGP_OUT, &open);
	assert_int_equal(s->state, BGP_OPENCONFIRM);
	assert_int_equal(sent(BGP_OUT), BGP_MSG_KEEPALIVE);
}

static void to_established(struct bgp_session *s)
{
	to_openconfirm(s);
	input_keepalive(s, BGP_OUT);
	assert_int_equal(s->state, BGP_ESTABLISHED);
	assert_non_null(find(BGP_DO_UP, BGP_OUT));
}

static void test_handshake(void **state)
{
	struct bgp_session s;

	(void)state;
	to_established(&s);
	assert_int_equal(s.hold_s, 90);
	assert_int_equal(s.keepalive_s, 30);
	assert_true(s.codec.as4 && s.codec.ipv4 && s.codec.ipv6 && s.codec.ebgp);
	assert_int_equal(bgp_session_deadline(&s), now + 30000);
	bgp_session_stop(&s, BGP_CEASE_SHUTDOWN, now, &acts);
	assert_sent_notification(BGP_OUT, 6, 2);
	assert_non_null(find(BGP_DO_DOWN, BGP_OUT));
	assert_int_equal(s.state, BGP_IDLE);
	assert_true(bgp_session_deadline(&s) == BGP_NEVER);
}

static void test_passive(void **state)
{
	struct bgp_session_conf conf = default_conf();
	struct bgp_open open = remote_open();
	struct bgp_session s;

	(void)state;
	conf.passive = true;
	session_new(&s, &conf);
	assert_int_equal(s.state, BGP_ACTIVE);
	assert_int_equal(acts.n, 0);
	assert_true(bgp_session_deadline(&s) == BGP_NEVER);
	assert_true(bgp_session_accept(&s, now, &acts));
	assert_int_equal(sent(BGP_IN), BGP_MSG_OPEN);
	input_open(&s, BGP_IN, &open);
	input_keepalive(&s, BGP_IN);
	assert_int_equal(s.state, BGP_ESTABLISHED);
	assert_false(bgp_session_accept(&s, now, &acts));
}

/* Time goes from deadline to deadline; the peer's KEEPALIVEs stop after ten minutes. */
static void test_hold_timer(void **state)
{
	unsigned int keepalives = 0;
	uint64_t start, last = 0;
	struct bgp_session s;

	(void)state;
	to_established(&s);
	start = now;
	while (s.state == BGP_ESTABLISHED) {
		assert_true(bgp_session_deadline(&s) > now);
		now = bgp_session_deadline(&s);
		s.jitter_permille = (uint16_t)(750 + now % 251);
		bgp_session_tick(&s, now, &acts);
		if (sent(BGP_OUT) == BGP_MSG_KEEPALIVE) {
			keepalives++;
			if (now - start < 600000) {
				input_keepalive(&s, BGP_OUT);
				last = now;
			}
		}
	}
	assert_sent_notification(BGP_OUT, 4, 0);
	assert_non_null(find(BGP_DO_DOWN, BGP_OUT));
	assert_int_equal(now - last, 90000);
	assert_in_range(keepalives, 22, 34); /* every 22.5 to 30 s */
	assert_int_equal(s.state, BGP_ACTIVE);
}

static void test_hold_zero(void **state)
{
	struct bgp_open open = remote_open();
	struct bgp_session s;

	(void)state;
	to_opensent(&s);
	open.hold_s = 0;
	input_open(&s, BGP_OUT, &open);
	input_keepalive(&s, BGP_OUT);
	assert_int_equal(s.state, BGP_ESTABLISHED);
	assert_true(bgp_session_deadline(&s) == BGP_NEVER);
}

static void test_opensent_timeout(void **state)
{
	struct bgp_session s;

	(void)state;
	to_opensent(&s);
	assert_int_equal(bgp_session_deadline(&s), now + 240000);
	now += 240000;
	bgp_session_tick(&s, now, &acts);
	assert_sent_notification(BGP_OUT, 4, 0);
	assert_null(find(BGP_DO_DOWN, BGP_OUT));
}

static void test_connect_retry(void **state)
{
	struct bgp_session_conf conf = default_conf();
	struct bgp_session s;

	(void)state;
	session_new(&s, &conf);
	bgp_session_closed(&s, BGP_OUT, "refused", now, &acts);
	assert_int_equal(s.state, BGP_ACTIVE);
	assert_int_equal(bgp_session_deadline(&s), now + 5000);
	now += 5000;
	bgp_session_tick(&s, now, &acts);
	assert_non_null(find(BGP_DO_CONNECT, BGP_OUT));
	/* No answer: given up and tried again. */
	now += 5000;
	bgp_session_tick(&s, now, &acts);
	assert_int_equal(acts.list[0].kind, BGP_DO_CLOSE);
	assert_int_equal(acts.list[1].kind, BGP_DO_CONNECT);
}

/* Both OPENs are in: the connection of the side with the higher identifier stays. */
static void collide(bool local_higher, bool in_first)
{
	struct bgp_session_conf conf = default_conf();
	struct bgp_open open = remote_open();
	uint8_t first = in_first ? BGP_IN : BGP_OUT, keep = local_higher ? BGP_OUT : BGP_IN;
	struct bgp_session s;

	conf.local_id = rte_cpu_to_be_32(local_higher ? REMOTE_ID + 1 : REMOTE_ID - 1);
	session_new(&s, &conf);
	bgp_session_connected(&s, now, &acts);
	assert_true(bgp_session_accept(&s, now, &acts));
	input_open(&s, first, &open);
	assert_int_equal(s.state, BGP_OPENCONFIRM);
	input_open(&s, !first, &open);
	assert_sent_notification(!keep, 6, 7);
	assert_int_equal(s.half[keep].state, BGP_OPENCONFIRM);
	assert_int_equal(s.half[!keep].state, BGP_IDLE);
	input_keepalive(&s, keep);
	assert_int_equal(s.state, BGP_ESTABLISHED);
	assert_int_equal(s.failures, 0);
	assert_int_equal(bgp_session_deadline(&s), now + 30000);
}

static void test_collisions(void **state)
{
	struct bgp_session_conf conf = default_conf();
	struct bgp_open open = remote_open();
	struct bgp_session s;

	(void)state;
	collide(false, false);
	collide(false, true);
	collide(true, false);
	collide(true, true);

	/* Established wins over whatever comes later. */
	session_new(&s, &conf);
	bgp_session_connected(&s, now, &acts);
	assert_true(bgp_session_accept(&s, now, &acts));
	input_open(&s, BGP_IN, &open);
	input_keepalive(&s, BGP_IN);
	assert_int_equal(s.state, BGP_ESTABLISHED);
	input_open(&s, BGP_OUT, &open);
	assert_sent_notification(BGP_OUT, 6, 7);
	assert_null(find(BGP_DO_DOWN, BGP_IN));
	assert_int_equal(s.half[BGP_IN].state, BGP_ESTABLISHED);

	/* Equal identifiers: the larger AS keeps its own (RFC 6286 2.3). */
	conf.local_id = rte_cpu_to_be_32(REMOTE_ID);
	session_new(&s, &conf);
	bgp_session_connected(&s, now, &acts);
	bgp_session_accept(&s, now, &acts);
	input_open(&s, BGP_IN, &open);
	input_open(&s, BGP_OUT, &open);
	assert_int_equal(s.half[BGP_OUT].state, BGP_OPENCONFIRM);
	assert_int_equal(s.half[BGP_IN].state, BGP_IDLE);

	/* The peer decides: its Cease takes one, the other goes on. */
	session_new(&s, &conf);
	bgp_session_connected(&s, now, &acts);
	bgp_session_accept(&s, now, &acts);
	input_open(&s, BGP_IN, &open);
	input_notification(&s, BGP_OUT, 6, 7);
	input_keepalive(&s, BGP_IN);
	assert_int_equal(s.state, BGP_ESTABLISHED);
	assert_string_equal(s.last_error, "");

	/* An attempt under way is dropped when the peer's connection is established. */
	session_new(&s, &conf);
	bgp_session_accept(&s, now, &acts);
	input_open(&s, BGP_IN, &open);
	input_keepalive(&s, BGP_IN);
	assert_non_null(find(BGP_DO_CLOSE, BGP_OUT));
	assert_int_equal(s.state, BGP_ESTABLISHED);
}

static void test_unexpected(void **state)
{
	static const uint8_t update[23] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 23, BGP_MSG_UPDATE};
	struct bgp_open open = remote_open();
	struct bgp_session s;

	(void)state;
	to_opensent(&s);
	input(&s, BGP_OUT, update, sizeof(update));
	assert_sent_notification(BGP_OUT, 5, 1);
	to_opensent(&s);
	input_keepalive(&s, BGP_OUT);
	assert_sent_notification(BGP_OUT, 5, 1);
	to_openconfirm(&s);
	input(&s, BGP_OUT, update, sizeof(update));
	assert_sent_notification(BGP_OUT, 5, 2);
	to_openconfirm(&s);
	input_open(&s, BGP_OUT, &open);
	assert_sent_notification(BGP_OUT, 5, 2);
	to_established(&s);
	input_open(&s, BGP_OUT, &open);
	assert_sent_notification(BGP_OUT, 5, 3);
	assert_non_null(find(BGP_DO_DOWN, BGP_OUT));
}

/* A peer that is wrong again and again is tried less and less, and is Idle in between. */
static void test_backoff(void **state)
{
	static const unsigned int waits[] = {5, 10, 20, 40, 60, 60, 60};
	struct bgp_session_conf conf = default_conf();
	struct bgp_open open = remote_open();
	struct bgp_session s;
	unsigned int i;

	(void)state;
	open.as = 65000;
	session_new(&s, &conf);
	for (i = 0; i < RTE_DIM(waits); i++) {
		bgp_session_connected(&s, now, &acts);
		input_open(&s, BGP_OUT, &open);
		assert_sent_notification(BGP_OUT, 2, 2);
		assert_int_equal(s.state, i == 0 ? BGP_ACTIVE : BGP_IDLE);
		assert_int_equal(bgp_session_accept(&s, now, &acts), i == 0);
		if (i == 0)
			bgp_session_closed(&s, BGP_IN, "x", now, &acts);
		assert_int_equal(bgp_session_deadline(&s), now + waits[i] * 1000);
		now = bgp_session_deadline(&s);
		bgp_session_tick(&s, now, &acts);
		assert_non_null(find(BGP_DO_CONNECT, BGP_OUT));
	}
	/* A session that lasts clears it. */
	open = remote_open();
	bgp_session_connected(&s, now, &acts);
	input_open(&s, BGP_OUT, &open);
	input_keepalive(&s, BGP_OUT);
	now += BGP_STABLE_S * 1000;
	input_notification(&s, BGP_OUT, 6, 4);
	assert_int_equal(s.state, BGP_ACTIVE);
	assert_int_equal(bgp_session_deadline(&s), now + 5000);
	assert_string_equal(s.last_error, "received Cease: Administrative Reset");

	/* Over the limit of prefixes: the longest wait at once. */
	to_established(&s);
	bgp_session_cease(&s, BGP_CEASE_MAX_PREFIXES, now, &acts);
	assert_sent_notification(BGP_OUT, 6, 1);
	assert_int_equal(s.state, BGP_IDLE);
	assert_int_equal(bgp_session_deadline(&s), now + 60000);
}

static void test_refresh(void **state)
{
	uint8_t msg[64];
	struct buf_writer w = buf_writer(msg, sizeof(msg));
	struct bgp_session s;

	(void)state;
	to_established(&s);
	bgp_encode_refresh(&w, IP_V6);
	input(&s, BGP_OUT, msg, w.len);
	assert_non_null(find(BGP_DO_REFRESH, BGP_OUT));
	assert_int_equal(acts.list[0].family, IP_V6);
	msg[20] = 99;
	input(&s, BGP_OUT, msg, w.len);
	assert_int_equal(acts.n, 0);
	assert_int_equal(s.state, BGP_ESTABLISHED);
}

/* Random events in random order: no crash, no more actions than fit, always a deadline or a reason. */
static void test_random_events(void **state)
{
	struct bgp_session_conf conf = default_conf();
	struct bgp_open open = remote_open();
	struct bgp_session s;
	unsigned int i;
	uint8_t side;

	(void)state;
	srand((unsigned int)unit_seed());
	session_new(&s, &conf);
	for (i = 0; i < 200000; i++) {
		side = (uint8_t)(rand() & 1);
		open.id = rte_cpu_to_be_32(REMOTE_ID + (uint32_t)(rand() % 3));
		s.jitter_permille = (uint16_t)(750 + rand() % 251);
		switch (rand() % 9) {
		case 0:
			if (s.half[BGP_OUT].state == BGP_CONNECT)
				bgp_session_connected(&s, now, &acts);
			break;
		case 1:
			bgp_session_accept(&s, now, &acts);
			break;
		case 2:
			if (s.half[side].state != BGP_IDLE && rand() % 8 == 0)
				bgp_session_closed(&s, side, "random", now, &acts);
			break;
		case 3:
		case 4:
			input_open(&s, side, &open);
			break;
		case 5:
		case 6:
			input_keepalive(&s, side);
			break;
		case 7:
			if (rand() % 16 == 0)
				input_notification(&s, side, 6, (uint8_t)(rand() % 10));
			break;
		default:
			if (bgp_session_deadline(&s) != BGP_NEVER)
				now = RTE_MAX(now, bgp_session_deadline(&s));
			bgp_session_tick(&s, now, &acts);
		}
		assert_true(acts.n < RTE_DIM(acts.list));
		assert_false(s.half[0].state >= BGP_OPENCONFIRM &&
			s.half[1].state >= BGP_OPENCONFIRM);
		assert_true(bgp_session_deadline(&s) != BGP_NEVER);
		assert_true(bgp_session_deadline(&s) > now || bgp_session_deadline(&s) + 1 > now);
	}
}

/* ---- bgp-malformed.jsonl ---- */

static bool has(const struct ip_prefix *list, size_t n, const char *text)
{
	struct ip_prefix p;
	size_t i;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	for (i = 0; i < n; i++)
		if (ip_prefix_equal(&list[i], &p))
			return true;
	return false;
}

#define V4 "198.51.100.0/24"
#define V6 "2001:db8:1::/48"

/* What is withdrawn for an error is counted and explained. */
static void test_bad_next_hop_is_told(void **state)
{
	static const uint8_t msg[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0, 47, BGP_MSG_UPDATE, 0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2,
		6, 2, 1, 0, 0, 0xfb, 0xf4, 0x40, 3, 4, 127, 0, 0, 1, 24, 198, 51, 100};
	struct bgp_session s;

	(void)state;
	to_established(&s);
	input(&s, BGP_OUT, msg, sizeof(msg));
	assert_int_equal(s.state, BGP_ESTABLISHED);
	assert_int_equal(acts.update.n_unreach, 1);
	assert_int_equal(acts.update.n_reach, 0);
	assert_int_equal(s.errors_withdrawn, 1);
	assert_non_null(strstr(s.last_error, "NEXT_HOP"));
	assert_false(s.error_is_over); /* though it came in the very millisecond of the establishment */
}

/* Whether what happened is the one treatment that `want` names. */
static bool treated(const struct bgp_session *s, const char *phase, const char *want,
	const struct bgp_attrs *baseline)
{
	bool update = find(BGP_DO_UPDATE, BGP_OUT) != NULL, established = s->state == BGP_ESTABLISHED;
	const struct bgp_update *u = &acts.update;
	static const uint8_t propagated[] = {0xe0, 199, 3, 'x', 'y', 'z'};
	unsigned int code, subcode;

	if (sscanf(want, "notification %u/%u", &code, &subcode) == 2)
		return sent(BGP_OUT) == BGP_MSG_NOTIFICATION && s->sent_code == code &&
			s->sent_subcode == subcode && find(BGP_DO_CLOSE, BGP_OUT) != NULL;
	if (strcmp(want, "close") == 0)
		return find(BGP_DO_CLOSE, BGP_OUT) != NULL;
	if (strcmp(phase, "open") == 0)
		return strcmp(want, "accept") == 0 && s->state == BGP_OPENCONFIRM;
	if (!established)
		return false;
	if (strcmp(want, "ignored") == 0)
		return !update || (u->n_reach == 0 && u->n_unreach == 0);
	if (!update)
		return false;
	if (strcmp(want, "withdraw") == 0)
		return !has(u->reach, u->n_reach, V4) && has(u->unreach, u->n_unreach, V4);
	if (strcmp(want, "withdraw6") == 0)
		return !has(u->reach, u->n_reach, V6) && has(u->unreach, u->n_unreach, V6);
	if (strcmp(want, "withdraw (loop)") == 0) /* the RIB's business: it finds the loop */
		return has(u->reach, u->n_reach, V4) && bgp_as_path_has(u->attrs, LOCAL_AS);
	if (strcmp(want, "accept6") == 0)
		return has(u->reach, u->n_reach, V6) && u->next_hop_v6.family == IP_V6;
	if (!has(u->reach, u->n_reach, V4) || u->next_hop_v4.family != IP_V4)
		return false;
	if (strcmp(want, "accept (v6 route not used)") == 0)
		return !has(u->reach, u->n_reach, V6);
	if (strcmp(want, "accept (attribute discarded)") == 0)
		return u->attrs == baseline;
	if (strcmp(want, "accept+propagate") == 0)
		return u->attrs->unknown_bytes == sizeof(propagated) &&
			memcmp(u->attrs->unknown, propagated, sizeof(propagated)) == 0;
	return strcmp(want, "accept") == 0 || strcmp(want, "accept/discard") == 0;
}

static void test_malformed(void **state)
{
	char line[16384], id[16], phase[16], expect[256], *want, *rest;
	FILE *f = jsonl_open("bgp-malformed.jsonl");
	const struct bgp_attrs *baseline = NULL;
	unsigned int lines = 0, wrong = 0;
	uint8_t msg[2 * BGP_MESSAGE_MAX];
	struct bgp_session s;
	size_t len;
	bool ok;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		jsonl_get(line, "id", id, sizeof(id));
		jsonl_get(line, "phase", phase, sizeof(phase));
		jsonl_get(line, "expect", expect, sizeof(expect));
		len = jsonl_hex(line, msg, sizeof(msg));
		if (strcmp(phase, "established") == 0)
			to_established(&s);
		else if (strcmp(phase, "openconfirm") == 0)
			to_openconfirm(&s);
		else
			to_opensent(&s);
		input(&s, BGP_OUT, msg, len);
		if (strcmp(id, "U00") == 0)
			baseline = bgp_attrs_ref(acts.update.attrs);
		ok = false;
		for (want = expect; want != NULL; want = rest) {
			rest = strstr(want, " or ");
			if (rest != NULL) {
				*rest = '\0';
				rest += 4;
			}
			ok |= treated(&s, phase, want, baseline);
		}
		if (!ok)
			print_message("%s: %s; now %s, sent %u/%u, %s\n", id,
				jsonl_get(line, "expect", expect, sizeof(expect)),
				bgp_state_name(s.state), s.sent_code, s.sent_subcode, s.last_error);
		if (find(BGP_DO_UPDATE, BGP_OUT) != NULL)
			bgp_attrs_unref(acts.update.attrs);
		wrong += !ok;
		lines++;
	}
	fclose(f);
	bgp_attrs_unref(baseline);
	assert_int_equal(wrong, 0);
	assert_true(lines > 100);
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_passive),
		cmocka_unit_test(test_hold_timer),
		cmocka_unit_test(test_hold_zero),
		cmocka_unit_test(test_opensent_timeout),
		cmocka_unit_test(test_connect_retry),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_unexpected),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_random_events),
		cmocka_unit_test(test_bad_next_hop_is_told),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

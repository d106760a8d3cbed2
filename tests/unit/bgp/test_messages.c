/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that other implementations sent or test with (tests/data/README.md names the sources).
 * Each must decode without a crash; one of sound structure must not cost a session, with exceptions
 * that are listed by what earns them.
 */
#include "unit.h"

#include "bgp/codec.h"
#include "jsonl.h"

static struct bgp_decoder decoder;

struct tally {
	unsigned int messages, accepted, withdrawn, reset, unexpected;
};

/* 0: fine; else the error's code. */
static uint8_t decode(const uint8_t *msg, size_t len, bool as4, struct bgp_error *e,
	enum bgp_verdict *ret_verdict)
{
	const struct bgp_codec codec = {.as4 = as4, .ipv4 = true, .ipv6 = true};
	struct bgp_update u;
	struct bgp_open open;

	*ret_verdict = BGP_RESET;
	*e = (struct bgp_error){0};
	if (bgp_frame(msg, len, e) <= 0)
		return e->code != 0 ? e->code : BGP_ERR_HEADER;
	switch (msg[18]) {
	case BGP_MSG_OPEN:
		if (bgp_decode_open(msg, len, &open, e) < 0)
			return e->code;
		break;
	case BGP_MSG_UPDATE:
		*ret_verdict = bgp_decode_update(&decoder, &codec, msg, len, &u, e);
		if (*ret_verdict == BGP_RESET)
			return e->code;
		bgp_attrs_unref(u.attrs);
		return 0;
	case BGP_MSG_NOTIFICATION:
		bgp_decode_notification(msg, len, e);
		break;
	case BGP_MSG_ROUTE_REFRESH:
		bgp_decode_refresh(msg, len);
		break;
	}
	*ret_verdict = BGP_ACCEPT;
	return 0;
}

/* The texts of errors that some sound-looking messages of the collections do earn. */
static bool is_earned(const struct bgp_error *e)
{
	static const char *const texts[] = {
		/* ADD-PATH or another AFI's NLRI, which were negotiated where they come from */
		"impossible prefix length", "impossible prefix in a multiprotocol attribute",
		/* RFC 8950, likewise */
		"length of the next hop in MP_REACH_NLRI",
		/* attributes alone, as encoders' tests write them; RFC 7606 5.2 */
		"attribute flags", "COMMUNITIES not a multiple of 4 octets",
		"unsupported optional parameter", "hold time of 1 or 2 seconds", "BGP Identifier 0",
		"AS 0 (RFC 7607)",
		/* a capture made to break parsers, with attributes 0 and 171 */
		"unknown well-known attribute",
		/* ROUTE-REFRESH with RFC 5291's filters, negotiated where it comes from */
		"length does not fit the message type",
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (e->text != NULL && strcmp(e->text, texts[i]) == 0)
			return true;
	return false;
}

static void run(FILE *f, struct tally *t)
{
	char line[65536], shape[64], id[64];
	uint8_t msg[16384], *copy;
	enum bgp_verdict verdict, verdict2;
	struct bgp_error e, e2;
	uint8_t code;
	size_t len;

	while (fgets(line, sizeof(line), f) != NULL) {
		len = jsonl_hex(line, msg, sizeof(msg));
		copy = malloc(len + 1);
		memcpy(copy, msg, len);
		code = decode(copy, len, true, &e, &verdict);
		/* Of the collection's sessions it is not known whether ASes have 2 octets or 4. */
		if (decode(copy, len, false, &e2, &verdict2) == 0 && verdict2 < verdict) {
			code = 0;
			verdict = verdict2;
		}
		t->messages++;
		t->accepted += verdict == BGP_ACCEPT;
		t->withdrawn += verdict == BGP_WITHDRAW;
		t->reset += verdict == BGP_RESET;
		jsonl_get(line, "shape", shape, sizeof(shape));
		if (code != 0 && strcmp(shape, "ok") == 0 && !is_earned(&e)) {
			t->unexpected++;
			print_message("%s: %u/%u %s\n", jsonl_get(line, "id", id, sizeof(id)), code,
				e.subcode, e.text);
		}
		free(copy);
	}
	print_message("%u messages: %u accepted, %u treated as withdrawal, %u reset\n", t->messages,
		t->accepted, t->withdrawn, t->reset);
	assert_int_equal(bgp_attrs_count(), 0);
}

static void test_selection(void **state)
{
	FILE *f = jsonl_open("bgp-messages.jsonl");
	struct tally t = {0};

	(void)state;
	assert_non_null(f);
	run(f, &t);
	fclose(f);
	assert_true(t.messages > 500);
	assert_int_equal(t.unexpected, 0);
	assert_true(t.accepted > 0 && t.reset < t.messages / 10);
}

/* The whole collection, where NVAD_SHARED_DATA names the folder that holds it. */
static void test_collection(void **state)
{
	const char *dir = getenv("NVAD_SHARED_DATA");
	struct tally t = {0};
	char command[600];
	FILE *f;

	(void)state;
	snprintf(command, sizeof(command), "gzip -dc '%s/bgp-messages.jsonl.gz' 2>/dev/null",
		dir != NULL ? dir : "../shared/data");
	f = popen(command, "r");
	assert_non_null(f);
	run(f, &t);
	pclose(f);
	if (t.messages == 0) {
		print_message("skipped: no bgp-messages.jsonl.gz in NVAD_SHARED_DATA\n");
		skip();
	}
	assert_int_equal(t.unexpected, 0);
	assert_true(t.reset < t.messages / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_collection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

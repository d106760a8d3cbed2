/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `flows` and ports[].stateful: what it becomes, defaults, and what is refused. */
#include "unit.h"

#include "config/config.h"
#include "samples.h"

static struct config *load(const char *text)
{
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c == NULL)
		fail_msg("%u:%u: %s (%s)", e.line, e.column, e.message, e.hint);
	return c;
}

static void test_defaults(void **state)
{
	struct config *c = load(PORT);
	(void)state;

	assert_int_equal(c->flows.max_sessions, 0); /* nothing needs sessions: no memory for them */
	assert_int_equal(c->flows.tcp_established_s, 7440);
	assert_int_equal(c->flows.tcp_opening_s, 240);
	assert_int_equal(c->flows.tcp_closing_s, 240);
	assert_int_equal(c->flows.tcp_reset_s, 10);
	assert_int_equal(c->flows.udp_s, 300);
	assert_int_equal(c->flows.udp_new_s, 300);
	assert_int_equal(c->flows.icmp_s, 60);
	assert_int_equal(c->flows.other_s, 600);
	assert_false(c->flows.adopt_midflow || c->flows.tcp_window || c->flows.suppress_icmp);
	assert_true(c->flows.inbound_refreshes);
	assert_false(c->ports[0].stateful);
	config_free(c);

	c = load(PORT "    stateful: true\n");
	assert_true(c->ports[0].stateful);
	assert_int_equal(c->flows.max_sessions, 131072);
	config_free(c);
	c = load(PORT "nat: {snat: [{name: r, exempt: true}]}\n");
	assert_int_equal(c->flows.max_sessions, 131072);
	config_free(c);
	c = load(PORT "flows: {max_sessions: 0}\n");
	assert_int_equal(c->flows.max_sessions, 0);
	config_free(c);
}

static void test_every_key(void **state)
{
	struct config *c = load(PORT "flows:\n"
				"  max_sessions: 16777216\n"
				"  tcp_midflow: adopt\n"
				"  tcp_window_check: true\n"
				"  inbound_refreshes: false\n"
				"  refused: silent\n"
				"  timeouts: {tcp_established: 2h, tcp_opening: 1s, tcp_closing: 2s,\n"
				"    tcp_reset: 3s, udp: 4s, udp_new: 5s, icmp: 6s, other: 168h}\n");
	(void)state;

	assert_int_equal(c->flows.max_sessions, 16777216);
	assert_true(c->flows.adopt_midflow && c->flows.tcp_window && c->flows.suppress_icmp);
	assert_false(c->flows.inbound_refreshes);
	assert_int_equal(c->flows.tcp_established_s, 7200);
	assert_int_equal(c->flows.tcp_opening_s, 1);
	assert_int_equal(c->flows.tcp_closing_s, 2);
	assert_int_equal(c->flows.tcp_reset_s, 3);
	assert_int_equal(c->flows.udp_s, 4);
	assert_int_equal(c->flows.udp_new_s, 5);
	assert_int_equal(c->flows.icmp_s, 6);
	assert_int_equal(c->flows.other_s, 604800);
	config_free(c);
	/* Each timeout alone leaves the others their defaults. */
	c = load(PORT "flows: {timeouts: {udp: 120s}, tcp_midflow: drop, refused: answer}\n");
	assert_int_equal(c->flows.udp_s, 120);
	assert_int_equal(c->flows.udp_new_s, 300);
	assert_false(c->flows.adopt_midflow || c->flows.suppress_icmp);
	config_free(c);
}

static void test_errors(void **state)
{
	(void)state;
#define FLOWS(k) PORT "flows: {" k "}\n"
	EXPECT_ERRORS(
		{PORT "    stateful: «yes»\n", "neither true nor false", "quotes"},
		{FLOWS("«max_session»: 1"), "unknown key 'max_session'", "did you mean 'max_sessions'?"},
		{FLOWS("max_sessions: «16777217»"), "out of range", "16777216"},
		{FLOWS("max_sessions: «1M»"), "not a number", "unit"},
		{FLOWS("tcp_midflow: «addopt»"), "no value for 'tcp_midflow'", "did you mean adopt?"},
		{FLOWS("refused: «drop»"), "no value for 'refused'", "one of: answer, silent"},
		{FLOWS("timeouts: {udp: «300»}"), "300 has no unit", "write 300s"},
		{FLOWS("timeouts: {udp: «0s»}"), "out of range", "from 1s to 604800s"},
		{FLOWS("timeouts: {udp: «169h»}"), "out of range", "from 1s"},
		{FLOWS("timeouts: {«tcp»: 1s}"), "unknown key 'tcp'", "tcp_established, tcp_opening"},
		{PORT "    stateful: true\nflows: {max_sessions: «0»}\n", "no room for sessions", "131072"},
		{PORT "system: {workers: 3}\nflows: {max_sessions: «2»}\n"
		      "nat: {snat: [{name: r, exempt: true}]}\n", "no room", "one for each worker"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

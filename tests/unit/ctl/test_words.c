/* SPDX-License-Identifier: BSD-3-Clause */
/* From a request line to a command and its arguments: what is found, and what is said otherwise. */
#include "fixture.h"

#include "ctl/server.h"

static struct ctl_call call;
static json_t *request;

static int parse(const char *line)
{
	return ctl_request_parse(line, strlen(line), &test_table, NULL, &call, &request);
}

static void done(void)
{
	ctl_call_fini(&call);
	json_decref(request);
	request = NULL;
}

static void expect_command(const char *line, const char *words)
{
	assert_int_equal(parse(line), 0);
	assert_string_equal(call.command->words, words);
	done();
}

static void expect_error(const char *line, const char *code, const char *message, const char *hint)
{
	assert_int_equal(parse(line), -1);
	assert_string_equal(call.error_code, code);
	assert_non_null(strstr(call.error, message));
	if (strstr(call.hint, hint) == NULL)
		fail_msg("hint '%s' lacks '%s'", call.hint, hint);
	done();
}

static void test_full_and_abbreviated(void **state)
{
	(void)state;
	expect_command("{\"command\":\"show count\"}", "show count");
	expect_command("{\"command\":\"  show   count  \"}", "show count");
	expect_command("{\"words\":[\"show\",\"count\"]}", "show count");
	expect_command("{\"words\":[\"s\",\"c\"]}", "show count");
	expect_command("{\"words\":[\"sh\",\"b\",\"fau\"]}", "show bgp fault");
	expect_command("{\"words\":[\"show\",\"?\"]}", "help");
	expect_command("{\"words\":[\"?\"]}", "help");
}

/* A command that is the beginning of another, and has keywords of its own. */
static void test_longer_command(void **state)
{
	(void)state;
	expect_command("{\"command\":\"show flows\"}", "show flows");
	expect_command("{\"command\":\"show flows summary\"}", "show flows summary");
	expect_command("{\"words\":[\"sh\",\"fl\",\"sum\"]}", "show flows summary");
	expect_command("{\"command\":\"show flows source 10.0.0.0/8\"}", "show flows");
	expect_command("{\"command\":\"show flows so 10.0.0.0/8\"}", "show flows");
	expect_command("{\"command\":\"show flows worst ever\"}", "show flows worst ever");
	/* A value is none of the words. */
	expect_command("{\"command\":\"show flows colour summary\"}", "show flows");
	/* What may be a keyword is one. */
	expect_error("{\"command\":\"show flows s\"}", "bad-argument", "'s'", "[source PREFIX]");
	expect_error("{\"command\":\"show flows worst\"}", "incomplete", "what", "ever");
	expect_error("{\"command\":\"show flows nonsense\"}", "bad-argument", "'nonsense'", "show flows");
	expect_error("{\"command\":\"show flows summary state\"}", "bad-argument", "'state'", "summary");
	expect_error("{\"words\":[\"show\",\"flows\",\"\"]}", "bad-argument", "''", "show flows");
}

static void test_errors_say_what_would_be_right(void **state)
{
	(void)state;
	expect_error("{\"words\":[\"shwo\"]}", "unknown-command", "unknown word 'shwo'",
		"did you mean 'show'?");
	expect_error("{\"words\":[\"show\",\"zebra\"]}", "unknown-command", "'zebra'", "count, echo, bgp");
	expect_error("{\"words\":[\"show\",\"bgp\",\"fa\"]}", "ambiguous", "failure, fault", "more of");
	expect_error("{\"words\":[\"show\",\"bgp\"]}", "incomplete", "what", "failure, fault");
	expect_error("{\"words\":[]}", "incomplete", "no command", "help, complete, show");
	expect_error("{\"words\":[\"\"]}", "unknown-command", "''", "");
	expect_error("{\"words\":[\"show\",\"echo\"]}", "incomplete", "a name",
		"show echo NAME [PREFIX] [all]");
	expect_error("{\"words\":[\"show\",\"count\",\"x\"]}", "bad-argument", "unexpected word 'x'",
		"show count [rows NUMBER]");
	expect_error("{\"words\":[\"show\",\"count\",\"rows\"]}", "incomplete", "needs a value", "NUMBER");
	expect_error("{\"words\":[\"show\",\"count\",\"rows\",\"010\"]}", "bad-argument", "'010'",
		"decimal");
	expect_error("{\"words\":[\"show\",\"count\",\"rows\",\"1\",\"rows\",\"2\"]}", "bad-argument",
		"'rows' twice", "once");
	expect_error("{\"words\":[\"show\",\"echo\",\"a\",\"10.0.0.1/8\"]}", "bad-argument", "10.0.0.1/8",
		"did you mean 10.0.0.0/8?");
	expect_error("{\"words\":[\"show\",\"echo\",\"a\",\"10.0.0.0/33\"]}", "bad-argument",
		"is not a prefix", "10.0.0.0/16");
}

static void test_requests_that_are_none(void **state)
{
	char deep[20000];
	(void)state;

	expect_error("", "bad-request", "not JSON", "one JSON object a line");
	expect_error("garbage", "bad-request", "not JSON", "");
	expect_error("[]", "bad-request", "not a JSON object", "");
	expect_error("{}", "bad-request", "'command' or 'words'", "");
	expect_error("{\"command\":1}", "bad-request", "not a string", "");
	expect_error("{\"words\":\"show\"}", "bad-request", "not a list", "");
	expect_error("{\"words\":[1]}", "bad-request", "not a string", "");
	expect_error("{\"words\":[\"show\"],\"command\":\"show\"}", "bad-request", "either", "");
	expect_error("{\"word\":[]}", "bad-request", "unknown key 'word'", "command, words, args");
	expect_error("{\"words\":[\"a\"],\"words\":[\"b\"]}", "bad-request", "not JSON", "");
	expect_error("{\"command\":\"show count\",\"args\":[]}", "bad-request", "'args'", "");
	expect_error("{\"command\":\"show count\",\"args\":{\"rows\":null}}", "bad-request", "neither", "");
	expect_error("{\"command\":\"show count\",\"args\":{\"no\":\"1\"}}", "bad-argument",
		"no argument 'no'", "show count");
	expect_error("{\"command\":\"a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h\"}",
		"bad-request", "too many words", "");

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	expect_error(deep, "bad-request", "not JSON", "");
	assert_int_equal(ctl_request_parse("{\"words\":[\"a\0b\"]}", 17, &test_table, NULL, &call,
				 &request), -1);
	done();
}

static void test_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"words\":[\"show\",\"echo\",\"all\",\"all\",\"10.0.0.7\"]}"), -1);
	done();
	assert_int_equal(parse("{\"words\":[\"show\",\"echo\",\"n\",\"al\",\"10.0.0.7\"]}"), 0);
	assert_string_equal(call.args[0].text, "n");
	assert_true(call.args[1].host);
	assert_int_equal(call.args[1].prefix.len, 32);
	assert_true(call.args[2].set);
	done();
	assert_int_equal(parse("{\"command\":\"show echo\",\"args\":{\"name\":\"n\",\"all\":true,"
			       "\"prefix\":\"fd00::/8\"}}"), 0);
	assert_false(call.args[1].host);
	assert_int_equal(call.args[1].prefix.len, 8);
	assert_true(call.args[2].set);
	done();
	assert_int_equal(parse("{\"command\":\"show count\",\"args\":{\"rows\":12}}"), 0);
	assert_int_equal(call.args[0].number, 12);
	done();
}

static json_t *run_whole(const char *line)
{
	json_t *reply;

	assert_int_equal(parse(line), 0);
	assert_int_equal(call.command->run(&call), 0);
	reply = ctl_reply_take(&call, false);
	assert_non_null(reply);
	done();
	return reply;
}

static const char *cell(const json_t *reply, size_t row, const char *column)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(reply, "rows"), row), column));
}

static void test_help_and_completion(void **state)
{
	json_t *r;
	(void)state;

	r = run_whole("{\"command\":\"help\"}");
	assert_int_equal(json_array_size(json_object_get(r, "rows")), test_table.n);
	assert_string_equal(cell(r, 3, "command"), "show echo NAME [PREFIX] [all]");
	json_decref(r);

	r = run_whole("{\"words\":[\"show\",\"echo\",\"?\"]}");
	assert_int_equal(json_array_size(json_object_get(r, "rows")), 4);
	assert_string_equal(cell(r, 0, "help"), "echoes");
	assert_string_equal(cell(r, 2, "help"), "a prefix");
	json_decref(r);

	/* Too many arguments for a line: named one by one below it. */
	r = run_whole("{\"command\":\"help show flows\"}");
	assert_string_equal(cell(r, 0, "command"), "show flows [FILTER...]");
	assert_string_equal(cell(r, 1, "command"), "show flows summary");
	assert_string_equal(cell(r, 3, "command"), "  source PREFIX");
	json_decref(r);

	r = run_whole("{\"command\":\"complete show\"}");
	assert_int_equal(json_array_size(json_object_get(r, "rows")), 5);
	assert_string_equal(cell(r, 2, "word"), "bgp");
	assert_string_equal(cell(r, 0, "help"), "counts");
	json_decref(r);

	r = run_whole("{\"command\":\"complete show count\"}");
	assert_string_equal(cell(r, 0, "word"), "rows");
	json_decref(r);
}

static void expect_completion(const char *words, const char *want)
{
	char line[200], got[200] = "";
	json_t *r, *row;
	size_t i;

	snprintf(line, sizeof(line), "{\"command\":\"complete %s\"}", words);
	r = run_whole(line);
	json_array_foreach(json_object_get(r, "rows"), i, row) {
		strcat(got, i == 0 ? "" : " ");
		strcat(got, json_string_value(json_object_get(row, "word")));
	}
	assert_string_equal(got, want);
	json_decref(r);
}

static void test_completion_of_values(void **state)
{
	(void)state;
	expect_completion("show flows", "source colour state summary worst");
	expect_completion("show flows colour", "red green");
	expect_completion("show flows col", "red green");
	expect_completion("show flows colour red", "source state");
	expect_completion("show flows source", "");
	expect_completion("show flows source 10.0.0.0/8 colour", "red green");
	expect_completion("show flows source 10.0.0.0/8 state x", "colour");
	expect_completion("show flows summary", "");
	expect_completion("show echo name", "all");
}

static void test_reply_schema(void **state)
{
	json_t *r = run_whole("{\"command\":\"show count\",\"args\":{\"rows\":2}}");
	json_t *columns = json_object_get(r, "columns");
	(void)state;

	assert_int_equal(json_integer_value(json_object_get(r, "schema")), CTL_SCHEMA);
	assert_string_equal(json_string_value(json_object_get(r, "command")), "show count");
	assert_true(json_is_false(json_object_get(r, "more")));
	assert_int_equal(json_array_size(columns), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(columns, 0), "type")),
		"number");
	assert_int_equal(json_array_size(json_object_get(r, "rows")), 2);
	/* What a handler does not put is null, not absent. */
	assert_true(json_is_null(json_object_get(
		json_array_get(json_object_get(r, "rows"), 0), "absent")));
	json_decref(r);
}

static void test_text_that_is_not_utf8(void **state)
{
	json_t *s = ctl_json_text("a\xff\xfe");
	(void)state;

	assert_string_equal(json_string_value(s), "a??");
	json_decref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_and_abbreviated),
		cmocka_unit_test(test_errors_say_what_would_be_right),
		cmocka_unit_test(test_requests_that_are_none),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_help_and_completion),
		cmocka_unit_test(test_longer_command),
		cmocka_unit_test(test_completion_of_values),
		cmocka_unit_test(test_reply_schema),
		cmocka_unit_test(test_text_that_is_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

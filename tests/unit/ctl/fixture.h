/* SPDX-License-Identifier: BSD-3-Clause */
/* A small table of commands that need no module, and helpers on calls. */
#ifndef TEST_CTL_FIXTURE_H
#define TEST_CTL_FIXTURE_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"

/* Emits `rows` rows (default 3), each with its number and some text. */
static inline int test_run_count(struct ctl_call *call)
{
	const struct ctl_value *rows = ctl_arg(call, "rows");
	uint64_t n = rows->set ? rows->number : 3, *at = call->state;

	if (at == NULL)
		at = call->state = calloc(1, sizeof(*at));
	for (; *at < n; (*at)++) {
		if (ctl_slice_full(call))
			return 1;
		ctl_row_begin(call);
		ctl_put_u64(call, "number", *at);
		ctl_put_str(call, "text", "a row of some length, as a route would have");
	}
	return 0;
}

static inline int test_run_echo(struct ctl_call *call)
{
	const struct ctl_value *p = ctl_arg(call, "prefix");

	ctl_row_begin(call);
	ctl_put_str(call, "name", ctl_arg(call, "name")->text);
	if (p->set)
		ctl_put_prefix(call, "prefix", &p->prefix);
	ctl_put_bool(call, "all", ctl_arg(call, "all")->set);
	return 0;
}

static inline int test_run_fail(struct ctl_call *call)
{
	return ctl_fail(call, "not-found", "look elsewhere", "there is no %s", "such thing");
}

/* Waits so many times before each of two rows, as one does who asks others. */
struct test_waiting {
	unsigned int calls, rows;
};
static unsigned int test_wait_calls, test_wait_ended;

static inline int test_run_wait(struct ctl_call *call)
{
	const struct ctl_value *times = ctl_arg(call, "times");
	struct test_waiting *w = call->state;

	if (w == NULL)
		w = call->state = calloc(1, sizeof(*w));
	test_wait_calls++;
	if (w->calls++ < times->number)
		return CTL_WAIT;
	w->calls = 0;
	ctl_row_begin(call);
	ctl_put_u64(call, "number", ++w->rows);
	return w->rows < 2 ? CTL_MORE : CTL_END;
}

static inline void test_end_wait(void *state)
{
	free(state);
	test_wait_ended++;
}

static inline int test_run_change(struct ctl_call *call)
{
	ctl_row_begin(call);
	ctl_put_u64(call, "number", call->uid);
	return 0;
}

static inline void test_complete_colours(const struct ctl_context *context, json_t *rows)
{
	(void)context;
	json_array_append_new(rows, json_pack("{s:s, s:s}", "word", "red", "help", "a colour"));
	json_array_append_new(rows, json_pack("{s:s, s:s}", "word", "green", "help", "a colour"));
}

static const struct ctl_arg test_flows_args[] = {
	{"source", CTL_ARG_PREFIX, .keyword = true, .help = "from"},
	{"colour", CTL_ARG_NAME, .keyword = true, .help = "paint", .complete = test_complete_colours},
	{"state", CTL_ARG_NAME, .keyword = true, .help = "state"},
};
static const struct ctl_arg test_wait_args[] = {
	{"times", CTL_ARG_NUMBER, .required = true, .help = "how often"},
};
static const struct ctl_arg test_count_args[] = {
	{"rows", CTL_ARG_NUMBER, .keyword = true, .help = "how many"},
};
static const struct ctl_arg test_echo_args[] = {
	{"name", CTL_ARG_NAME, .required = true, .help = "a name"},
	{"prefix", CTL_ARG_PREFIX, .help = "a prefix"},
	{"all", CTL_ARG_FLAG, .help = "everything"},
};
static const struct ctl_arg test_words_args[] = {
	{"words", CTL_ARG_WORDS, .help = "words"},
};
static const struct ctl_column test_count_columns[] = {
	{"number", "NUMBER", CTL_NUMBER, ""},
	{"text", "TEXT", CTL_TEXT, ""},
	{"absent", "ABSENT", CTL_TEXT, ""},
};
static const struct ctl_column test_echo_columns[] = {
	{"name", "NAME", CTL_TEXT, ""},
	{"prefix", "PREFIX", CTL_TEXT, ""},
	{"all", "ALL", CTL_BOOL, ""},
};
static const struct ctl_column test_help_columns[] = {
	{"command", "COMMAND", CTL_TEXT, ""},
	{"help", "HELP", CTL_TEXT, ""},
};
static const struct ctl_column test_complete_columns[] = {
	{"word", "WORD", CTL_TEXT, ""},
	{"help", "HELP", CTL_TEXT, ""},
};

static const struct ctl_command test_commands[] = {
	{"help", "helps", .run = ctl_run_help, .args = test_words_args, .n_args = 1,
		.columns = test_help_columns, .n_columns = 2},
	{"complete", "completes", .run = ctl_run_complete, .args = test_words_args, .n_args = 1,
		.columns = test_complete_columns, .n_columns = 2},
	{"show count", "counts", .run = test_run_count, .args = test_count_args, .n_args = 1,
		.columns = test_count_columns, .n_columns = 3},
	{"show echo", "echoes", .run = test_run_echo, .args = test_echo_args, .n_args = 3,
		.columns = test_echo_columns, .n_columns = 3},
	{"show bgp failure", "fails", .run = test_run_fail, .columns = test_echo_columns,
		.n_columns = 3},
	{"show bgp fault", "fails", .run = test_run_fail, .columns = test_echo_columns,
		.n_columns = 3},
	{"show flows", "flows", .brief = "[FILTER...]", .run = test_run_change, .args = test_flows_args, .n_args = 3,
		.columns = test_count_columns, .n_columns = 3},
	{"show flows summary", "sums", .run = test_run_change, .columns = test_count_columns,
		.n_columns = 3},
	{"show flows worst ever", "the worst", .run = test_run_change, .columns = test_count_columns,
		.n_columns = 3},
	{"show wait", "waits", .run = test_run_wait, .end = test_end_wait, .args = test_wait_args,
		.n_args = 1, .columns = test_count_columns, .n_columns = 3},
	{"modify", "changes", .changes = true, .run = test_run_change, .columns = test_count_columns,
		.n_columns = 3},
};
static const struct ctl_table test_table = {.commands = test_commands,
	.n = sizeof(test_commands) / sizeof(test_commands[0])};

#endif

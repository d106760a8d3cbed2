/* SPDX-License-Identifier: BSD-3-Clause */
/* The real table is consistent: what scripts and people rely on. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/server.h"

static void test_commands(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ctl_commands.n; i++) {
		const struct ctl_command *c = &ctl_commands.commands[i];

		assert_true(strlen(c->words) > 0 && strlen(c->help) > 0);
		assert_non_null(c->run);
		assert_in_range(c->n_columns, 1, CTL_COLUMNS_MAX);
		assert_true(c->n_args <= CTL_ARGS_MAX);
		/* Words that are the beginning of another command's: what follows must tell them apart. */
		for (unsigned int k = 0; k < ctl_commands.n; k++) {
			const char *w = ctl_commands.commands[k].words;
			size_t len = strlen(c->words);

			if (k == i || strncmp(w, c->words, len) != 0 || (w[len] != '\0' && w[len] != ' '))
				continue;
			assert_int_equal(w[len], ' ');
			for (unsigned int a = 0; a < c->n_args; a++) {
				assert_true(c->args[a].keyword || c->args[a].type == CTL_ARG_FLAG);
				assert_int_not_equal(
					strncmp(c->args[a].name, w + len + 1, strlen(c->args[a].name)), 0);
			}
		}
	}
}

static void test_columns(void **state)
{
	static const char *const units[] = {"", "s", "ms", "bytes", "percent"};
	(void)state;

	for (unsigned int i = 0; i < ctl_commands.n; i++) {
		const struct ctl_command *c = &ctl_commands.commands[i];

		for (unsigned int k = 0; k < c->n_columns; k++) {
			const struct ctl_column *col = &c->columns[k];
			bool known = false;

			for (const char *p = col->name; *p != '\0'; p++)
				assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) ||
					*p == '_');
			assert_true(strlen(col->title) > 0);
			for (unsigned int u = 0; u < 5; u++)
				known = known || strcmp(units[u], col->unit) == 0;
			assert_true(known);
			for (unsigned int j = 0; j < k; j++)
				assert_string_not_equal(col->name, c->columns[j].name);
		}
	}
}

static void test_arguments(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ctl_commands.n; i++) {
		const struct ctl_command *c = &ctl_commands.commands[i];

		for (unsigned int k = 0; k < c->n_args; k++) {
			assert_true(strlen(c->args[k].help) > 0);
			/* Words swallow the rest, so they come last. */
			if (c->args[k].type == CTL_ARG_WORDS)
				assert_int_equal(k, c->n_args - 1);
		}
	}
}

/* Columns that the topology tests and users' scripts read. */
static void test_stable_names(void **state)
{
	static const struct {
		const char *words, *columns;
	} stable[] = {
		{"show version", "name version dpdk uptime_s pid buffers buffers_in_use"},
		{"show interfaces", "name kind link mac mtu addresses rx_packets rx_bytes tx_packets "
			"tx_bytes rx_missed rx_errors tx_errors error"},
		{"show neighbors", "interface address mac state age_ms held"},
		{"show bgp summary", "peer address as state uptime_s received selected advertised "
			"messages_in messages_out last_error"},
		{"show route", "prefix source peer next_hop as_path communities selected multipath usable "
			"reason age_s"},
		{"show fib lookup", "address prefix kind interface next_hop mac mtu members"},
		{"show flows", "worker protocol state source source_port destination destination_port to_source "
			"to_source_port to_destination to_destination_port packets reply_packets bytes "
			"reply_bytes idle_ms expires_ms rule"},
		{"show flows summary", "capacity sessions peak created expired cleared full memory_bytes "
			"handed_over fragments_held changing"},
		{"show nat rules", "name kind match action sessions peak created exhausted limited"},
		{"show nat pools", "name addresses ports mapping capacity sessions peak bindings "
			"bindings_peak exhausted"},
		{"show nat bindings", "worker protocol inside inside_port outside outside_port sessions idle_ms "
			"expires_ms rule"},
		{"flow clear", "cleared"},
		{"show graph", "node calls packets cycles_per_packet packets_per_call"},
		{"show drops", "reason packets text hint"},
		{"show workers", "worker lcore cpu packets busy_percent loops idle_percent sleeps"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(stable) / sizeof(stable[0]); i++) {
		const struct ctl_command *c = NULL;
		char list[400], *save = NULL;

		for (unsigned int k = 0; k < ctl_commands.n; k++)
			if (strcmp(ctl_commands.commands[k].words, stable[i].words) == 0)
				c = &ctl_commands.commands[k];
		assert_non_null(c);
		strcpy(list, stable[i].columns);
		for (char *w = strtok_r(list, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
			bool found = false;

			for (unsigned int k = 0; k < c->n_columns; k++)
				found = found || strcmp(c->columns[k].name, w) == 0;
			if (!found)
				fail_msg("%s lacks the column %s", c->words, w);
		}
	}
}

/* Nothing runs: every command answers, with rows or with a reason, and breaks nothing. */
static void test_nothing_runs(void **state)
{
	static const char *const lines[] = {
		"help", "complete show", "show version", "show interfaces", "show neighbors",
		"show bgp summary", "show bgp peer x", "show route", "show route 10.0.0.0/8 longer",
		"show fib lookup 10.0.0.1", "show fib summary", "show graph", "show drops", "show drops all",
		"show workers", "show punt", "show xdp", "show flows", "show flows summary", "show nat rules",
		"show nat pools", "show nat bindings", "flow clear all", "reload",
	};
	struct config conf = {0};
	struct ctl_context context = {.conf = &conf};
	(void)state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ctl_call call;
		json_t *request, *reply;
		char line[128];
		int ret;

		snprintf(line, sizeof(line), "{\"command\":\"%s\"}", lines[i]);
		assert_int_equal(ctl_request_parse(line, strlen(line), &ctl_commands, &context, &call,
					 &request), 0);
		ret = call.command->run(&call);
		if (ret < 0) {
			assert_string_equal(call.error_code, "not-running");
		} else {
			assert_int_equal(ret, 0);
			reply = ctl_reply_take(&call, false);
			assert_non_null(reply);
			json_decref(reply);
		}
		ctl_call_fini(&call);
		json_decref(request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_stable_names),
		cmocka_unit_test(test_nothing_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

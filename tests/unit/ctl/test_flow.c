/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands about flows, translation and the configuration against a module that the test plays: what is
 * asked of it, how its answers are shown, and that nothing is left open.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/server.h"
#include "nat/nat.h"

/* --- the module --- */

struct nat {
	bool busy;
	unsigned int rows, silent; /* rows that a query has; how often it has none for now */
	unsigned int open, asked;
	enum nat_query_op op;
	struct nat_filter filter; /* of the last query */
} nat;

struct nat_query {
	unsigned int given, silent;
};

struct nat_query *nat_query_new(struct nat *n, enum nat_query_op op, const struct nat_filter *filter)
{
	if (n->busy) {
		errno = EBUSY;
		return NULL;
	}
	n->op = op;
	n->filter = *filter;
	n->open++;
	n->asked++;
	return calloc(1, sizeof(struct nat_query));
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static struct nat_flow row(unsigned int i)
{
	static const uint8_t protos[] = {6, 17, 1, 47, 200};
	struct nat_flow f = {
		.kind = FLOW_SESSION,
		.state = FLOW_TCP_ESTABLISHED,
		.worker = 1,
		.original = {.src = addr("10.1.0.4"), .dst = addr("192.0.2.1"), .proto = protos[i % 5],
			.sport = rte_cpu_to_be_16(1000), .dport = rte_cpu_to_be_16(443)},
		.reply = {.src = addr("10.9.0.9"), .dst = addr("198.51.100.1"), .proto = protos[i % 5],
			.sport = rte_cpu_to_be_16(8443), .dport = rte_cpu_to_be_16(2000)},
		.packets = {10, 20},
		.bytes = {1000, 2000},
		.idle_ms = 5,
		.expires_ms = i,
		.sessions = i % 2,
		.held = i % 2 == 0,
	};

	if (i % 2 == 0)
		strcpy(f.rule, "egress");
	return f;
}

int nat_query_read(struct nat_query *q, struct nat_flow *ret_rows, unsigned int max,
	unsigned int *ret_n)
{
	unsigned int n = nat.rows - q->given;

	*ret_n = 0;
	if (q->silent++ < nat.silent)
		return 1;
	q->silent = 0;
	if (nat.op == NAT_QUERY_CLEAR)
		n = n < 100 ? n : 100;
	else
		n = n < max ? n : max;
	for (unsigned int i = 0; nat.op == NAT_QUERY_SHOW && i < n; i++)
		ret_rows[i] = row(q->given + i);
	q->given += n;
	*ret_n = n;
	return q->given < nat.rows;
}

void nat_query_free(struct nat_query *q)
{
	nat.open -= q != NULL;
	free(q);
}

unsigned int nat_rules_count(const struct nat *n)
{
	(void)n;
	return 3;
}

void nat_rule_get(const struct nat *n, unsigned int i, struct nat_rule_view *ret_view)
{
	static const char *const names[] = {"internal", "egress", "web"};
	(void)n;

	*ret_view = (struct nat_rule_view){.name = names[i], .exempt = i == 0, .dnat = i == 2,
		.match = "what", .action = "does",
		.use = {.sessions = 1, .peak = 2, .created = 3, .exhausted = 4, .limited = 5}};
}

unsigned int nat_pools_count(const struct nat *n)
{
	(void)n;
	return 1;
}

void nat_pool_get(const struct nat *n, unsigned int i, struct nat_pool_view *ret_view)
{
	(void)n;
	(void)i;
	*ret_view = (struct nat_pool_view){.name = "outside", .addresses = "198.51.100.1", .n_addresses = 1,
		.port_first = 1024, .port_last = 65535, .ports = 64511, .endpoint_independent = true,
		.use = {.sessions = 1, .peak = 2, .bindings = 3, .bindings_peak = 4, .exhausted = 5}};
}

void nat_get_flow_stats(const struct nat *n, struct nat_flow_stats *ret_stats)
{
	(void)n;
	*ret_stats = (struct nat_flow_stats){.sessions = 5, .table = {.capacity = 100, .used = 8, .peak = 9, .full = 2,
		.no_place = 1}, .memory_bytes = 16000, .created = 50, .expired = 40, .cleared = 5,
		.handed_over = 7, .fragments_held = 3, .changing = true};
}

/* --- calls --- */

static const struct config conf;
static struct ctl_context context = {.conf = &conf, .nat = &nat};
static struct ctl_call call;
static json_t *request;
static unsigned int waits, slices;

/* The rows of a request, or NULL with call's error; call is over, but its texts are there. */
static json_t *ask(const char *command)
{
	json_t *rows = json_array(), *reply;
	char line[400], code[24], error[640], hint[CTL_USAGE_LEN];
	int ret;

	waits = slices = 0;
	snprintf(line, sizeof(line), "{\"command\":\"%s\"}", command);
	ret = ctl_request_parse(line, strlen(line), &ctl_commands, &context, &call, &request);
	if (ret == 0) {
		call.uid = 1000;
		while ((ret = call.command->run(&call)) > 0) {
			waits += ret == CTL_WAIT;
			if (ret == CTL_WAIT)
				continue;
			slices++;
			reply = ctl_reply_take(&call, true);
			assert_int_equal(json_array_size(json_object_get(reply, "rows")), CTL_SLICE_ROWS);
			json_array_extend(rows, json_object_get(reply, "rows"));
			json_decref(reply);
		}
	}
	if (ret == 0) {
		bool truncated = call.truncated;

		reply = ctl_reply_take(&call, false);
		assert_non_null(reply);
		json_array_extend(rows, json_object_get(reply, "rows"));
		assert_int_equal(json_is_true(json_object_get(reply, "truncated")), truncated);
		json_object_set_new(reply, "x", json_null());
		json_decref(reply);
	} else {
		json_decref(rows);
		rows = NULL;
	}
	memcpy(code, call.error_code, sizeof(code));
	memcpy(error, call.error, sizeof(error));
	memcpy(hint, call.hint, sizeof(hint));
	bool truncated = call.truncated;

	ctl_call_fini(&call);
	json_decref(request);
	request = NULL;
	assert_int_equal(nat.open, 0);
	memcpy(call.error_code, code, sizeof(code));
	memcpy(call.error, error, sizeof(error));
	memcpy(call.hint, hint, sizeof(hint));
	call.truncated = truncated;
	return rows;
}

static void expect_rows(const char *command, unsigned int n)
{
	json_t *rows = ask(command);

	if (rows == NULL)
		fail_msg("%s: %s", command, call.error);
	assert_int_equal(json_array_size(rows), n);
	json_decref(rows);
}

static void expect_error(const char *command, const char *code, const char *error, const char *hint)
{
	assert_null(ask(command));
	assert_string_equal(call.error_code, code);
	if (strstr(call.error, error) == NULL || strstr(call.hint, hint) == NULL)
		fail_msg("%s: '%s' lacks '%s', or '%s' lacks '%s'", command, call.error, error, call.hint,
			hint);
}

/* The first row as the text that JSON has for it. */
static void expect_first(const char *command, const char *want)
{
	json_t *rows = ask(command), *wanted = json_loads(want, 0, NULL);

	assert_non_null(rows);
	assert_non_null(wanted);
	if (!json_equal(json_array_get(rows, 0), wanted))
		fail_msg("%s: %s", command, json_dumps(json_array_get(rows, 0), 0));
	json_decref(rows);
	json_decref(wanted);
}

static int setup(void **state)
{
	(void)state;
	nat = (struct nat){.rows = 3};
	return 0;
}

static void test_flow_rows(void **state)
{
	(void)state;
	expect_first("show flows",
		"{\"worker\":1,\"protocol\":\"tcp\",\"state\":\"established\",\"source\":\"10.1.0.4\","
		"\"source_port\":1000,\"destination\":\"192.0.2.1\",\"destination_port\":443,"
		"\"to_source\":\"198.51.100.1\",\"to_source_port\":2000,\"to_destination\":\"10.9.0.9\","
		"\"to_destination_port\":8443,\"packets\":10,\"reply_packets\":20,\"bytes\":1000,"
		"\"reply_bytes\":2000,\"idle_ms\":5,\"expires_ms\":0,\"rule\":\"egress\"}");
	json_t *rows = (nat.rows = 5, ask("show flows"));

	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "protocol")), "udp");
	assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "rule")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "protocol")), "icmp");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 2), "source_port")), 1000);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 3), "protocol")), "gre");
	assert_true(json_is_null(json_object_get(json_array_get(rows, 3), "source_port")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 4), "protocol")), "200");
	json_decref(rows);
}

static void test_paging(void **state)
{
	(void)state;
	nat.rows = 5000;
	nat.silent = 2;
	expect_rows("show flows", 1000);
	assert_true(call.truncated);
	assert_non_null(strstr(call.hint, "limit 0"));
	expect_rows("show flows limit 0", 5000);
	assert_false(call.truncated);
	assert_int_equal(slices, 5000 / CTL_SLICE_ROWS);
	assert_true(waits >= 2 * 5000 / CTL_SLICE_ROWS);
	expect_rows("show flows limit 5000", 5000);
	assert_false(call.truncated);
	expect_rows("show flows limit 4999", 4999);
	assert_true(call.truncated);
	expect_rows("show flows limit 1", 1);
	nat.rows = 0;
	expect_rows("show flows", 0);
	nat.busy = true;
	expect_error("show flows", "busy", "too many", "try again");
}

static bool any(const struct nat_filter *f)
{
	static const struct nat_filter none = NAT_FILTER_ANY;

	return memcmp(f, &none, sizeof(none)) == 0;
}

#define ASSERT_PREFIX(p, text) assert_string_equal(IP_PREFIX_TEXT(p), text)

static void test_filters(void **state)
{
	(void)state;
	expect_rows("show flows", 3);
	assert_true(any(&nat.filter));
	expect_rows("show flows source 10.1.0.0/16 destination 192.0.2.1 translated 198.51.100.0/24 address "
		    "fd00::/8 protocol udp port 53 state established rule web worker 1 limit 7", 3);
	ASSERT_PREFIX(&nat.filter.source, "10.1.0.0/16");
	ASSERT_PREFIX(&nat.filter.destination, "192.0.2.1/32");
	ASSERT_PREFIX(&nat.filter.translated, "198.51.100.0/24");
	ASSERT_PREFIX(&nat.filter.address, "fd00::/8");
	assert_int_equal(nat.filter.proto, 17);
	assert_int_equal(nat.filter.port, 53);
	assert_int_equal(nat.filter.state, FLOW_TCP_ESTABLISHED);
	assert_int_equal(nat.filter.worker, 1);
	assert_int_equal(nat.filter.kind, 0);
	assert_string_equal(nat.filter.rule, "web");
	expect_rows("sh fl so 10.1.0.4 prot 89", 3);
	assert_int_equal(nat.filter.proto, 89);
	expect_rows("show flows protocol icmp6", 3);
	assert_int_equal(nat.filter.proto, 58);
	nat.asked = 0;
	expect_error("show flows protocol tpc", "bad-argument", "'tpc' is no protocol", "sctp");
	expect_error("show flows protocol 256", "bad-argument", "'256'", "255");
	expect_error("show flows port 65536", "bad-argument", "65536", "65535");
	expect_error("show flows state establish", "bad-argument", "'establish'", "established");
	expect_error("show flows rule nosuch", "not-found", "'nosuch'", "show nat rules");
	expect_error("show flows rule 0123456789012345678901234567890123456789", "not-found", "0123", "");
	expect_error("show flows source 10.0.0.1/8", "bad-argument", "10.0.0.1/8", "10.0.0.0/8");
	expect_error("show flows source", "incomplete", "needs a value", "show flows");
	expect_error("show flows source 10.0.0.1 source 10.0.0.2", "bad-argument", "twice", "once");
	expect_error("show flows 10.0.0.1", "bad-argument", "unexpected", "[source PREFIX]");
	assert_int_equal(nat.asked, 0);
}

static void test_bindings(void **state)
{
	(void)state;
	expect_first("show nat bindings",
		"{\"worker\":1,\"protocol\":\"tcp\",\"inside\":\"10.1.0.4\",\"inside_port\":1000,"
		"\"outside\":\"198.51.100.1\",\"outside_port\":2000,\"sessions\":0,\"idle_ms\":5,"
		"\"expires_ms\":0,\"held\":true,\"rule\":\"egress\"}");
	json_t *rows = ask("show nat bindings address 10.1.0.0/16 rule egress limit 2");

	assert_int_equal(json_array_size(rows), 2);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "expires_ms")));
	json_decref(rows);
	assert_true(call.truncated);
	assert_int_equal(nat.filter.kind, FLOW_BINDING);
	ASSERT_PREFIX(&nat.filter.address, "10.1.0.0/16");
	assert_string_equal(nat.filter.rule, "egress");
	expect_error("show nat bindings rule nosuch", "not-found", "nosuch", "show nat rules");
}

static void test_rules_pools_summary(void **state)
{
	json_t *rows;
	(void)state;

	expect_first("show nat rules",
		"{\"name\":\"internal\",\"kind\":\"exempt\",\"match\":\"what\",\"action\":\"does\","
		"\"sessions\":1,\"peak\":2,\"created\":3,\"exhausted\":4,\"limited\":5}");
	rows = ask("show nat rules");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "kind")), "snat");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "kind")), "dnat");
	json_decref(rows);
	expect_first("show nat pools",
		"{\"name\":\"outside\",\"addresses\":\"198.51.100.1\",\"ports\":\"1024-65535\","
		"\"mapping\":\"endpoint-independent\",\"capacity\":64511,\"sessions\":1,\"peak\":2,"
		"\"bindings\":3,\"bindings_peak\":4,\"exhausted\":5}");
	expect_first("show flows summary",
		"{\"capacity\":100,\"sessions\":5,\"records\":8,\"peak\":9,\"created\":50,\"expired\":40,\"cleared\":5,"
		"\"full\":3,\"memory_bytes\":16000,\"handed_over\":7,\"fragments_held\":3,"
		"\"changing\":true}");
}

static void test_clear(void **state)
{
	(void)state;
	nat.rows = 250;
	nat.silent = 3;
	expect_first("flow clear source 10.1.0.0/16", "{\"cleared\":250}");
	assert_int_equal(nat.op, NAT_QUERY_CLEAR);
	ASSERT_PREFIX(&nat.filter.source, "10.1.0.0/16");
	assert_int_equal(nat.asked, 1);
	/* Everything: the sessions, then the bindings, which are not counted. */
	expect_first("flow clear all", "{\"cleared\":250}");
	assert_int_equal(nat.asked, 3);
	assert_int_equal(nat.filter.kind, FLOW_BINDING);
	expect_first("flow clear rule web", "{\"cleared\":250}");
	assert_string_equal(nat.filter.rule, "web");
	nat.asked = 0;
	expect_error("flow clear", "incomplete", "needs a filter", "flow clear all");
	expect_error("flow clear all source 10.0.0.0/8", "bad-argument", "contradict", "either");
	expect_error("flow clear rule nosuch", "not-found", "nosuch", "");
	expect_error("flow clear limit 5", "bad-argument", "unexpected", "flow clear");
	assert_int_equal(nat.asked, 0);
}

static void test_changes_are_marked(void **state)
{
	static const char *const changing[] = {"flow clear", "reload"};
	(void)state;

	for (unsigned int i = 0; i < ctl_commands.n; i++) {
		const struct ctl_command *c = &ctl_commands.commands[i];
		bool want = false;

		for (unsigned int k = 0; k < 2; k++)
			want = want || strcmp(c->words, changing[k]) == 0;
		assert_int_equal(c->changes, want);
		assert_int_equal(strncmp(c->words, "show ", 5) == 0 && c->changes, 0);
	}
}

/* A client that leaves amid it: the query is given back. */
static void test_left_open(void **state)
{
	static const char *const lines[] = {"show flows", "flow clear all", "show nat bindings"};
	(void)state;

	nat.rows = 1000;
	nat.silent = 1;
	for (unsigned int i = 0; i < 3; i++) {
		char line[100];

		snprintf(line, sizeof(line), "{\"command\":\"%s\"}", lines[i]);
		assert_int_equal(ctl_request_parse(line, strlen(line), &ctl_commands, &context, &call,
					 &request), 0);
		assert_int_equal(call.command->run(&call), CTL_WAIT);
		assert_int_equal(nat.open, 1);
		ctl_call_fini(&call);
		json_decref(request);
		assert_int_equal(nat.open, 0);
	}
}

/* No command's usage is so long that the helps of all stand beyond the screen. */
static void test_help_fits(void **state)
{
	json_t *rows = ask("help"), *row;
	size_t i;
	(void)state;

	json_array_foreach(rows, i, row)
		assert_true(strlen(json_string_value(json_object_get(row, "command"))) <= 64);
	json_decref(rows);
}

static void test_completion(void **state)
{
	json_t *rows;
	(void)state;

	expect_rows("complete show flows rule", 3);
	expect_rows("complete show flows state", FLOW_STATE_MAX);
	expect_rows("complete flow clear protocol", 8);
	expect_rows("complete show nat", 3);
	expect_rows("complete show nat bindings", 3);
	rows = ask("complete show nat bindings rule");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "word")), "egress");
	json_decref(rows);
}

/* --- reload --- */

static const char base[] = "system: {workers: 1}\n"
			   "ports:\n"
			   "  - name: inside\n"
			   "    device: {kind: 'null'}\n"
			   "    addresses: [10.0.1.4/24]\n";

static const char *apply_error;
static int apply_ret;
static unsigned int applied;

static int apply(void *arg, struct config *config, char *err, size_t err_len)
{
	(void)arg;
	applied++;
	if (apply_ret < 0) {
		snprintf(err, err_len, "%s", apply_error);
		return apply_ret;
	}
	config_free((struct config *)context.conf);
	context.conf = config;
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_reload(void **state)
{
	char path[] = "/tmp/nvad-test-reload-XXXXXX", text[sizeof(base) + 200], at[100];
	struct ctl_reload reload = {.path = path, .apply = apply};
	struct config_error e;
	json_t *rows;
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	close(fd);
	expect_error("reload", "not-running", "not running", "");
	context.reload = &reload;
	context.conf = config_load_string(base, strlen(base), "running", &e);
	assert_non_null(context.conf);
	/* A file that is wrong: where, and what would be right. */
	snprintf(text, sizeof(text), "%sbpg: {}\n", base);
	write_file(path, text);
	snprintf(at, sizeof(at), "%s:6:1: ", path);
	expect_error("reload", "bad-config", at, "bgp");
	/* A difference that needs a restart. */
	snprintf(text, sizeof(text), "system: {workers: 2}\n%s", strchr(base, '\n') + 1);
	write_file(path, text);
	expect_error("reload", "restart", "system.workers", "nothing was changed; a restart of nvad");
	assert_int_equal(applied, 0);
	/* As it was. */
	write_file(path, base);
	rows = ask("reload");
	assert_non_null(rows);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "file")), path);
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "changed")), 0);
	json_decref(rows);
	assert_int_equal(applied, 1);
	/* What the module says. */
	apply_ret = -EBUSY;
	apply_error = "not yet";
	expect_error("reload", "busy", "not yet", "again");
	apply_ret = -EINVAL;
	expect_error("reload", "restart", "not yet", "nothing was changed; a restart of nvad");
	apply_ret = -ENOMEM;
	expect_error("reload", "failed", "not yet", "nothing was changed");
	unlink(path);
	expect_error("reload", "bad-config", path, "");
	config_free((struct config *)context.conf);
	context.conf = &conf;
	context.reload = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_flow_rows, setup),
		cmocka_unit_test_setup(test_paging, setup),
		cmocka_unit_test_setup(test_filters, setup),
		cmocka_unit_test_setup(test_bindings, setup),
		cmocka_unit_test_setup(test_rules_pools_summary, setup),
		cmocka_unit_test_setup(test_clear, setup),
		cmocka_unit_test_setup(test_changes_are_marked, setup),
		cmocka_unit_test_setup(test_left_open, setup),
		cmocka_unit_test_setup(test_help_fits, setup),
		cmocka_unit_test_setup(test_completion, setup),
		cmocka_unit_test_setup(test_reload, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

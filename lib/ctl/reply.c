/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows to JSON. A handler that puts a column which its command does not declare is a defect. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"

static const char *const type_names[] = {
	[CTL_TEXT] = "text",
	[CTL_NUMBER] = "number",
	[CTL_BOOL] = "bool",
	[CTL_LIST] = "list",
	[CTL_ROWS] = "rows",
};

int ctl_fail(struct ctl_call *call, const char *code, const char *hint, const char *fmt, ...)
{
	va_list ap;

	snprintf(call->error_code, sizeof(call->error_code), "%s", code);
	snprintf(call->hint, sizeof(call->hint), "%s", hint);
	va_start(ap, fmt);
	vsnprintf(call->error, sizeof(call->error), fmt, ap);
	va_end(ap);
	return -1;
}

int ctl_not_running(struct ctl_call *call, const char *what)
{
	return ctl_fail(call, "not-running", "the configuration has no such section, or nvad is starting",
		"%s is not running", what);
}

void ctl_row_begin(struct ctl_call *call)
{
	const struct ctl_command *c = call->command;

	if (call->rows == NULL)
		call->rows = json_array();
	call->row = json_object();
	if (call->row == NULL || json_array_append_new(call->rows, call->row) < 0) {
		call->failed_memory = true;
		call->row = NULL;
		return;
	}
	for (unsigned int i = 0; i < c->n_columns; i++)
		if (json_object_set_new_nocheck(call->row, c->columns[i].name, json_null()) < 0)
			call->failed_memory = true;
}

bool ctl_slice_full(const struct ctl_call *call)
{
	return json_array_size(call->rows) >= CTL_SLICE_ROWS;
}

static bool is_declared(const struct ctl_command *c, const char *column)
{
	for (unsigned int i = 0; i < c->n_columns; i++)
		if (strcmp(c->columns[i].name, column) == 0)
			return true;
	return false;
}

void ctl_put_json(struct ctl_call *call, const char *column, json_t *value)
{
	assert(is_declared(call->command, column));
	if (call->row == NULL || value == NULL ||
		json_object_set_new_nocheck(call->row, column, value) < 0)
		call->failed_memory = true;
}

json_t *ctl_json_text(const char *text)
{
	json_t *s = json_string(text);
	char *copy;

	if (s != NULL)
		return s;
	copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *p = copy; *p != '\0'; p++)
		if ((*p & 0x80) != 0)
			*p = '?';
	s = json_string(copy);
	free(copy);
	return s;
}

void ctl_put_str(struct ctl_call *call, const char *column, const char *text)
{
	ctl_put_json(call, column, text != NULL ? ctl_json_text(text) : json_null());
}

void ctl_put_u64(struct ctl_call *call, const char *column, uint64_t value)
{
	/* JSON integers are signed here; a counter gets that far in centuries. */
	ctl_put_json(call, column, json_integer((json_int_t)(value & INT64_MAX)));
}

void ctl_put_real(struct ctl_call *call, const char *column, double value)
{
	ctl_put_json(call, column, json_real((double)(int64_t)(value * 100 + 0.5) / 100));
}

void ctl_put_bool(struct ctl_call *call, const char *column, bool value)
{
	ctl_put_json(call, column, json_boolean(value));
}

void ctl_put_addr(struct ctl_call *call, const char *column, const struct ip_addr *addr)
{
	if (addr->family != IP_NONE)
		ctl_put_str(call, column, IP_ADDR_TEXT(addr));
}

void ctl_put_prefix(struct ctl_call *call, const char *column, const struct ip_prefix *prefix)
{
	ctl_put_str(call, column, IP_PREFIX_TEXT(prefix));
}

json_t *ctl_json_mac(const struct rte_ether_addr *mac)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];
	const uint8_t *b = mac->addr_bytes;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		b[5]);
	return json_string(text);
}

void ctl_put_mac(struct ctl_call *call, const char *column, const struct rte_ether_addr *mac)
{
	ctl_put_json(call, column, ctl_json_mac(mac));
}

static json_t *columns_json(const struct ctl_command *c)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < c->n_columns; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s}", "name", c->columns[i].name, "title",
				c->columns[i].title, "type", type_names[c->columns[i].type], "unit",
				c->columns[i].unit));
	return list;
}

json_t *ctl_reply_take(struct ctl_call *call, bool more)
{
	json_t *rows = call->rows != NULL ? call->rows : json_array();
	json_t *reply;

	call->rows = call->row = NULL;
	if (call->failed_memory) {
		json_decref(rows);
		return NULL;
	}
	reply = json_pack("{s:i, s:s, s:s, s:o, s:o, s:b}", "schema", CTL_SCHEMA, "command",
		call->command->words, "layout", call->command->record ? "record" : "table", "columns",
		columns_json(call->command), "rows", rows, "more", more);
	if (reply != NULL && call->truncated)
		json_object_set_new(reply, "truncated", json_true());
	if (reply != NULL && call->hint[0] != '\0')
		json_object_set_new(reply, "hint", ctl_json_text(call->hint));
	return reply;
}

json_t *ctl_reply_error(const char *code, const char *message, const char *hint)
{
	return json_pack("{s:i, s:{s:s, s:o, s:o}}", "schema", CTL_SCHEMA, "error", "code", code,
		"message", ctl_json_text(message), "hint", ctl_json_text(hint));
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replies for people (tables and records) or for programs (--json). A table of many slices is shown
 * slice by slice, so that a full routing table costs no memory here either.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvactl.h"

#define COLUMNS_MAX 40
#define CELL_MAX 2048

struct view {
	const struct options *o;
	int status;
	int write_error; /* errno, or 0 */
	unsigned int slices;
	uint64_t rows;
	unsigned int width[COLUMNS_MAX];
	bool hidden[COLUMNS_MAX]; /* nothing in it */
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

/* Characters, not bytes. */
static unsigned int chars(const char *s)
{
	unsigned int n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void format_age(char *buf, size_t len, uint64_t s)
{
	if (s < 60)
		snprintf(buf, len, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, len, "%" PRIu64 "m%02us", s / 60, (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(buf, len, "%" PRIu64 "h%02um", s / 3600, (unsigned int)(s / 60 % 60));
	else
		snprintf(buf, len, "%" PRIu64 "d%02uh", s / 86400, (unsigned int)(s / 3600 % 24));
}

static void format_number(char *buf, size_t len, const json_t *v, const char *unit)
{
	double d = json_number_value(v);

	if (strcmp(unit, "s") == 0)
		format_age(buf, len, (uint64_t)d);
	else if (strcmp(unit, "ms") == 0 && d < 1000)
		snprintf(buf, len, "%.0fms", d);
	else if (strcmp(unit, "ms") == 0)
		format_age(buf, len, (uint64_t)(d / 1000));
	else if (strcmp(unit, "percent") == 0)
		snprintf(buf, len, "%.1f%%", d);
	else if (strcmp(unit, "bytes") == 0 && d >= 1 << 20)
		snprintf(buf, len, "%.1f MiB", d / (1 << 20));
	else if (strcmp(unit, "bytes") == 0 && d >= 1 << 10)
		snprintf(buf, len, "%.1f KiB", d / (1 << 10));
	else if (json_is_integer(v))
		snprintf(buf, len, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		snprintf(buf, len, "%.1f", d);
}

/* A value as text. What came from a BGP peer may hold anything: no control characters pass. */
static void format_cell(char buf[CELL_MAX], const json_t *v, const char *unit)
{
	const json_t *item;
	size_t used = 0, i;

	if (json_is_number(v)) {
		format_number(buf, CELL_MAX, v, unit);
	} else if (json_is_boolean(v)) {
		snprintf(buf, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
	} else if (json_is_array(v)) {
		buf[0] = '\0';
		json_array_foreach(v, i, item) {
			char one[CELL_MAX];

			if (used >= CELL_MAX)
				break;
			format_cell(one, item, "");
			used += (size_t)snprintf(buf + used, CELL_MAX - used, "%s%s", i == 0 ? "" : ",",
				one);
		}
	} else {
		const char *s = json_string_value(v);

		snprintf(buf, CELL_MAX, "%s", s != NULL ? s : "");
	}
	if (buf[0] == '\0')
		strcpy(buf, "-");
	for (char *p = buf; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

static void put_padded(const char *text, unsigned int width, bool right, const char *colour, bool last)
{
	int pad = (int)width - (int)chars(text);

	if (pad < 0)
		pad = 0;
	printf("%*s%s%s%s%*s", right ? pad : 0, "", colour, text, colour[0] != '\0' ? "\033[0m" : "",
		right || last ? 0 : pad, "");
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

/* Green for what is well and red for what is not; only where it says so by itself too. */
static const char *cell_colour(const struct view *v, const char *column, const char *text)
{
	static const char *const well[] = {"Established", "up", "reachable", NULL};
	static const char *const not_well[] = {"Idle", "Connect", "Active", "OpenSent", "OpenConfirm",
		"down", "incomplete", "probe", "failed", NULL};

	if (!v->o->colour)
		return "";
	if (strcmp(column, "state") == 0 || strcmp(column, "link") == 0) {
		if (is_one_of(text, well))
			return "\033[32m";
		if (is_one_of(text, not_well))
			return "\033[31m";
	}
	if (strcmp(column, "error") == 0 || strcmp(column, "last_error") == 0)
		return strcmp(text, "-") != 0 ? "\033[31m" : "";
	return "";
}

/* Widths and what to hide, from the slice and those before it. */
static void measure(struct view *v, const json_t *columns, const json_t *rows, bool whole)
{
	size_t c, r;
	const json_t *column, *row;

	json_array_foreach(columns, c, column) {
		const char *name = text_of(column, "name"), *unit = text_of(column, "unit");
		bool empty = true;

		if (c >= COLUMNS_MAX)
			break;
		if (v->width[c] < chars(text_of(column, "title")))
			v->width[c] = chars(text_of(column, "title"));
		json_array_foreach(rows, r, row) {
			char cell[CELL_MAX];

			format_cell(cell, json_object_get(row, name), unit);
			if (v->width[c] < chars(cell))
				v->width[c] = chars(cell);
			empty = empty && strcmp(cell, "-") == 0;
		}
		/* Of a listing that goes on, the rest is not known yet. */
		v->hidden[c] = whole && empty && json_array_size(rows) > 0;
	}
}

static void put_line(const struct view *v, const json_t *columns, const json_t *row)
{
	const json_t *column;
	bool first = true;
	size_t c, last = 0;

	json_array_foreach(columns, c, column)
		if (c < COLUMNS_MAX && !v->hidden[c])
			last = c;
	json_array_foreach(columns, c, column) {
		bool number = strcmp(text_of(column, "type"), "number") == 0;
		const char *name = text_of(column, "name");
		char cell[CELL_MAX];

		if (c >= COLUMNS_MAX || v->hidden[c])
			continue;
		if (!first)
			printf("  ");
		first = false;
		if (row == NULL) {
			put_padded(text_of(column, "title"), v->width[c], number,
				v->o->colour ? "\033[1m" : "", c == last);
			continue;
		}
		format_cell(cell, json_object_get(row, name), text_of(column, "unit"));
		put_padded(cell, v->width[c], number, cell_colour(v, name, cell), c == last);
	}
	putchar('\n');
}

/* A list of objects inside a record: their keys are its titles. */
static void put_nested(const json_t *list)
{
	unsigned int width[COLUMNS_MAX] = {0};
	const json_t *row, *value;
	const char *key;
	char cell[CELL_MAX];
	size_t r, c;

	json_array_foreach(list, r, row) {
		c = 0;
		json_object_foreach((json_t *)row, key, value) {
			format_cell(cell, value, "");
			if (c < COLUMNS_MAX && width[c] < chars(cell))
				width[c] = chars(cell);
			if (c < COLUMNS_MAX && width[c] < chars(key))
				width[c] = chars(key);
			c++;
		}
	}
	for (int line = -1; line < (int)json_array_size(list); line++) {
		row = json_array_get(list, line < 0 ? 0 : (size_t)line);
		c = 0;
		printf("   ");
		json_object_foreach((json_t *)row, key, value) {
			format_cell(cell, value, "");
			printf(" ");
			if (c < COLUMNS_MAX)
				put_padded(line < 0 ? key : cell, width[c] + 1, json_is_number(value), "",
					c + 1 == json_object_size(row));
			c++;
		}
		putchar('\n');
	}
}

static void put_record(const struct view *v, const json_t *columns, const json_t *row)
{
	unsigned int width = 0;
	const json_t *column;
	char cell[CELL_MAX];
	size_t c;

	json_array_foreach(columns, c, column)
		if (width < chars(text_of(column, "title")))
			width = chars(text_of(column, "title"));
	json_array_foreach(columns, c, column) {
		const json_t *value = json_object_get(row, text_of(column, "name"));

		if (json_is_null(value))
			continue;
		if (strcmp(text_of(column, "type"), "rows") == 0) {
			if (json_array_size(value) > 0) {
				printf("%s:\n", text_of(column, "title"));
				put_nested(value);
			}
			continue;
		}
		format_cell(cell, value, text_of(column, "unit"));
		printf("%s%*s  ", text_of(column, "title"),
			(int)(width - chars(text_of(column, "title"))), "");
		put_padded(cell, 0, false, cell_colour(v, text_of(column, "name"), cell), true);
		putchar('\n');
	}
}

static void put_people(struct view *v, const json_t *reply, bool more)
{
	const json_t *columns = json_object_get(reply, "columns");
	const json_t *rows = json_object_get(reply, "rows");
	const json_t *row;
	size_t r;

	if (strcmp(text_of(reply, "layout"), "record") == 0) {
		json_array_foreach(rows, r, row)
			put_record(v, columns, row);
	} else {
		measure(v, columns, rows, v->slices == 0 && !more);
		if (v->slices == 0 && json_array_size(rows) > 0)
			put_line(v, columns, NULL);
		json_array_foreach(rows, r, row)
			put_line(v, columns, row);
	}
	v->rows += json_array_size(rows);
	if (!more && v->rows == 0)
		printf("(none)\n");
}

/* One object, written as its rows come: {"schema":1,"command":...,"rows":[...]}. */
static void put_json(struct view *v, const json_t *reply, bool more)
{
	const json_t *rows = json_object_get(reply, "rows"), *row;
	size_t r;

	if (v->slices == 0) {
		printf("{\"schema\":1,\"command\":");
		json_dumpf(json_object_get(reply, "command"), stdout, JSON_ENCODE_ANY);
		printf(",\"rows\":[");
	}
	json_array_foreach(rows, r, row) {
		printf(v->rows++ == 0 ? "\n" : ",\n");
		json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
	}
	if (more)
		return;
	printf("\n]%s}\n", json_is_true(json_object_get(reply, "truncated")) ? ",\"truncated\":true" : "");
}

static void put_hint(const char *hint)
{
	if (hint[0] != '\0')
		fprintf(stderr, "  %s\n", hint);
}

/* Not a command, or not one that could be: the user's slip rather than nvad's refusal. */
static bool is_usage(const char *code)
{
	static const char *const codes[] = {"unknown-command", "ambiguous", "incomplete",
		"bad-argument", "bad-request"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

/* The first one, while errno still says which. */
static void note_write_error(struct view *v)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && v->write_error == 0)
		v->write_error = errno != 0 ? errno : EIO;
}

static bool on_slice(void *arg, const json_t *reply, bool more)
{
	const json_t *error = json_object_get(reply, "error");
	struct view *v = arg;

	if (error != NULL) {
		v->status = is_usage(text_of(error, "code")) ? STATUS_USAGE : STATUS_REFUSED;
		if (v->o->json && v->slices == 0) {
			json_dumpf(reply, stdout, JSON_COMPACT);
			putchar('\n');
		} else if (v->o->json) {
			printf("\n],\"error\":"); /* the object is open: close it, marked as cut */
			json_dumpf(error, stdout, JSON_COMPACT);
			printf("}\n");
		}
		fprintf(stderr, "nvactl: %s\n", text_of(error, "message"));
		put_hint(text_of(error, "hint"));
		return false;
	}
	if (v->o->json)
		put_json(v, reply, more);
	else
		put_people(v, reply, more);
	v->slices++;
	note_write_error(v);
	if (!more && !v->o->json)
		put_hint(text_of(reply, "hint"));
	/* A reader that went away (a pager, head): no need for the rest. */
	return v->write_error == 0 && !interrupted;
}

int run_words(const struct options *o, const char *const *words, unsigned int n_words)
{
	struct view v = {.o = o, .status = STATUS_OK};
	char err[512];

	if (client_ask(o->socket, words, n_words, on_slice, &v, err, sizeof(err)) < 0 && !interrupted) {
		fprintf(stderr, "nvactl: %s\n", err);
		v.status = STATUS_USAGE;
	}
	note_write_error(&v);
	if (v.write_error != 0 && v.write_error != EPIPE) {
		fprintf(stderr, "nvactl: the answer could not be written: %s\n", strerror(v.write_error));
		v.status = STATUS_REFUSED;
	}
	return v.status;
}

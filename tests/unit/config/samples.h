/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Samples of configurations that are refused or warned of: what is said, what would be right, and that
 * the caret stands under exactly the token that is meant. In the texts, that token is between « and ».
 */
#ifndef TESTS_CONFIG_SAMPLES_H
#define TESTS_CONFIG_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define OPEN "«"
#define CLOSE "»"

struct sample {
	const char *text, *message, *hint;
};

static inline unsigned int chars(const char *s, size_t bytes)
{
	unsigned int n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (s[i] & 0xc0) != 0x80;
	return n;
}

/* Takes the marks out of the text; where they stood. */
static inline char *unmark(const char *text, unsigned int *ret_line, unsigned int *ret_column,
	unsigned int *ret_width)
{
	const char *open = strstr(text, OPEN), *close = strstr(text, CLOSE), *start;
	size_t head, token;
	char *out = calloc(1, strlen(text) + 1);

	assert_non_null(open);
	assert_non_null(close);
	head = (size_t)(open - text);
	token = (size_t)(close - open) - strlen(OPEN);
	memcpy(out, text, head);
	memcpy(out + head, open + strlen(OPEN), token);
	strcpy(out + head + token, close + strlen(CLOSE));
	*ret_line = 1;
	start = text;
	for (const char *p = text; p < open; p++)
		if (*p == '\n') {
			(*ret_line)++;
			start = p + 1;
		}
	*ret_column = 1 + chars(start, (size_t)(open - start));
	*ret_width = chars(open + strlen(OPEN), token);
	if (*ret_width == 0)
		*ret_width = 1;
	return out;
}

/* The printed caret line: spaces and then ^~~~ under the token. */
static inline void check_picture(const struct config_error *e, unsigned int column, unsigned int width)
{
	char *out = NULL, *line, *save = NULL;
	unsigned int at, n = 0;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	char head[400];

	config_error_print(e, f, false);
	fclose(f);
	snprintf(head, sizeof(head), "t.yaml:%u:%u: %s: %s", e->line, column,
		e->warning ? "warning" : "error", e->message);
	line = strtok_r(out, "\n", &save);
	assert_string_equal(line, head);
	line = strtok_r(NULL, "\n", &save);
	assert_non_null(strstr(line, e->source));
	line = strtok_r(NULL, "\n", &save);
	assert_memory_equal(line, "      | ", 8);
	at = (unsigned int)strspn(line + 8, " ") + 1;
	assert_int_equal(at, column);
	assert_int_equal(line[7 + at], '^');
	n = 1 + (unsigned int)strspn(line + 8 + at, "~");
	assert_int_equal(n, width);
	free(out);
}

static inline void check(const struct config_error *e, const struct sample *s, unsigned int line,
	unsigned int column, unsigned int width)
{
	if (strstr(e->message, s->message) == NULL)
		fail_msg("for:\n%s\ngot '%s', not '%s'", s->text, e->message, s->message);
	if (strstr(e->hint, s->hint) == NULL)
		fail_msg("for:\n%s\nthe hint is '%s', not '%s'", s->text, e->hint, s->hint);
	if (e->line != line || e->column != column || e->width != width)
		fail_msg("for:\n%s\n'%s' at %u:%u width %u, not %u:%u width %u", s->text, e->message,
			e->line, e->column, e->width, line, column, width);
	assert_string_equal(e->file, "t.yaml");
	assert_true(e->hint[0] != '\0');
	check_picture(e, column, width);
}

static inline void expect_error(const struct sample *s)
{
	unsigned int line, column, width;
	char *text = unmark(s->text, &line, &column, &width);
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c != NULL)
		fail_msg("accepted:\n%s", text);
	check(&e, s, line, column, width);
	free(text);
}

static inline void expect_warning(const struct sample *s)
{
	unsigned int line, column, width;
	char *text = unmark(s->text, &line, &column, &width);
	struct config_error e;
	struct config *c = config_load_string(text, strlen(text), "t.yaml", &e);

	if (c == NULL)
		fail_msg("refused: %u:%u %s\n%s", e.line, e.column, e.message, text);
	for (size_t i = 0; i < c->n_warnings; i++)
		if (strstr(c->warnings[i].message, s->message) != NULL) {
			assert_true(c->warnings[i].warning);
			check(&c->warnings[i], s, line, column, width);
			config_free(c);
			free(text);
			return;
		}
	fail_msg("no warning '%s' for:\n%s", s->message, s->text);
}

#define EXPECT_ERRORS(...)                                                                         \
	do {                                                                                       \
		static const struct sample samples[] = {__VA_ARGS__};                              \
		for (size_t i_ = 0; i_ < sizeof(samples) / sizeof(samples[0]); i_++)               \
			expect_error(&samples[i_]);                                                \
	} while (0)

/* What most samples stand behind. */
#define NULL_DEVICE "    device: {kind: null}\n"
#define PORT "ports:\n  - name: a\n" NULL_DEVICE
#define NET PORT "    addresses: [10.0.1.4/24, fd00:1::4/64]\n"
#define UNDERLAY NET "underlay:\n  routes:\n    - {prefix: 10.9.0.0/24, via: 10.0.1.1}\n"
#define BGP UNDERLAY "bgp:\n  as: 64800\n  peers:\n    - name: p\n"
#define PEER BGP "      address: 10.0.1.9\n      as: 64900\n"
#define EXPORT PEER "      export:\n"

#endif

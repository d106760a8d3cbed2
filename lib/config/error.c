/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of a configuration: where they stand in the text, and how they look to a person. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_priv.h"

/* Characters (not bytes) in UTF-8 text that was checked before. */
static unsigned int count_chars(const char *text, size_t bytes)
{
	unsigned int n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (text[i] & 0xc0) != 0x80;
	return n;
}

void error_mask(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void error_place(struct config_error *e, const char *name, const char *text, size_t len, size_t pos,
	size_t bytes)
{
	size_t start, end, from, n;

	if (pos > len)
		pos = len;
	start = pos;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	end = pos;
	while (end < len && text[end] != '\n' && text[end] != '\r')
		end++;
	if (bytes > end - pos)
		bytes = end - pos;

	snprintf(e->file, sizeof(e->file), "%s", name);
	e->line = 1;
	for (size_t i = 0; i < start; i++)
		e->line += text[i] == '\n';
	e->column = 1 + count_chars(text + start, pos - start);
	e->width = count_chars(text + pos, bytes);
	if (e->width == 0)
		e->width = 1;

	/* A long line is cut around the token. */
	from = pos - start > 160 ? pos - 80 : start;
	while (from > start && (text[from] & 0xc0) == 0x80)
		from--;
	n = end - from < sizeof(e->source) - 1 ? end - from : sizeof(e->source) - 1;
	while (from + n < end && n > 0 && (text[from + n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)text[from + i];

		e->source[i] = ch == '\t' ? ' ' : ch < 0x20 || ch == 0x7f ? '?' : (char)ch;
	}
	e->source[n] = '\0';
	e->source_column = 1 + count_chars(text + from, pos - from);
}

static void fill(struct loader *l, struct config_error *e, const struct yaml_node *at,
	const char *fmt, va_list ap)
{
	memset(e, 0, sizeof(*e));
	error_place(e, l->name, l->text, l->len, at->pos, at->bytes);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	error_mask(e->message);
	l->current = e;
}

int load_fail(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(l, l->error, at, fmt, ap);
	va_end(ap);
	return -1;
}

void load_warn(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
{
	struct config_error *e = &l->scratch;
	struct config *c = l->c;
	va_list ap;

	if (c->n_warnings < CONFIG_WARNINGS_MAX) {
		struct config_error *grown =
			realloc(c->warnings, (c->n_warnings + 1) * sizeof(*grown));

		if (grown != NULL) {
			c->warnings = grown;
			e = &grown[c->n_warnings++];
		}
	}
	va_start(ap, fmt);
	fill(l, e, at, fmt, ap);
	va_end(ap);
	e->warning = true;
}

int load_hint(struct loader *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->current->hint, sizeof(l->current->hint), fmt, ap);
	error_mask(l->current->hint);
	va_end(ap);
	return -1;
}

int load_no_memory(struct loader *l)
{
	memset(l->error, 0, sizeof(*l->error));
	snprintf(l->error->file, sizeof(l->error->file), "%s", l->name);
	snprintf(l->error->message, sizeof(l->error->message), "out of memory");
	l->current = l->error;
	return -1;
}

void config_error_print(const struct config_error *e, void *stdio_file, bool colour)
{
	const char *bold = colour ? "\033[1m" : "", *off = colour ? "\033[0m" : "";
	const char *mark = !colour ? "" : e->warning ? "\033[1;33m" : "\033[1;31m";
	unsigned int shown;
	FILE *f = stdio_file;

	fprintf(f, "%s%s:", bold, e->file);
	if (e->line > 0)
		fprintf(f, "%u:%u:", e->line, e->column);
	fprintf(f, "%s %s%s:%s %s\n", off, mark, e->warning ? "warning" : "error", off, e->message);
	if (e->line > 0) {
		shown = count_chars(e->source, strlen(e->source));
		fprintf(f, "%5u | %s\n      | %*s%s^", e->line, e->source,
			(int)e->source_column - 1, "", mark);
		for (unsigned int i = 1; i < e->width && e->source_column + i <= shown; i++)
			fputc('~', f);
		fprintf(f, "%s\n", off);
	}
	if (e->hint[0] != '\0')
		fprintf(f, "      = %s\n", e->hint);
}

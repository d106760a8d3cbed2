/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives libfyaml's event parser and builds the tree of yaml_priv.h. The document API is not used: it
 * resolves aliases and merges keys on its own, and loses where a key stood.
 */
#include "yaml_priv.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

struct builder {
	const char *text;
	size_t len;
	bool is_text; /* checked to be UTF-8 */
	struct yaml_problem *problem;
	struct yaml_node *all; /* newest first */
	unsigned int n_nodes;

	struct yaml_node *root;
	struct {
		struct yaml_node *node;
		struct yaml_node *key; /* of a mapping, read, its value awaited */
	} stack[YAML_MAX_DEPTH];
	unsigned int depth;
	unsigned int documents;
};

__attribute__((format(printf, 5, 6))) static int problem_set(struct builder *b, size_t pos,
	size_t bytes, const char *hint, const char *fmt, ...)
{
	struct yaml_problem *p = b->problem;
	va_list ap;

	p->not_text = !b->is_text;
	p->pos = pos < b->len ? pos : b->len;
	p->bytes = bytes;
	va_start(ap, fmt);
	vsnprintf(p->message, sizeof(p->message), fmt, ap);
	va_end(ap);
	snprintf(p->hint, sizeof(p->hint), "%s", hint);
	return -1;
}

/* libfyaml wants valid text; saying where it is not beats its own message. */
static int check_bytes(struct builder *b)
{
	const uint8_t *t = (const uint8_t *)b->text;

	if (b->len > YAML_MAX_BYTES)
		return problem_set(b, 0, 0, "a configuration has at most 4 MiB", "the file is too long");
	for (size_t i = 0; i < b->len;) {
		unsigned int more = t[i] < 0x80 ? 0 : t[i] >= 0xc2 && t[i] < 0xe0 ? 1
			: (t[i] & 0xf0) == 0xe0					  ? 2
			: t[i] >= 0xf0 && t[i] < 0xf5				  ? 3
										  : 9;

		/* As a line's end of its own it is Mac OS 9's, and libfyaml leaks on some. */
		if (t[i] == '\r' && (i + 1 == b->len || t[i + 1] != '\n'))
			return problem_set(b, i, 1, "end lines with a newline (or CR and newline)",
				"a carriage return without a newline");
		if (t[i] < 0x20 && t[i] != '\n' && t[i] != '\t' && t[i] != '\r')
			return problem_set(b, i, 1, "is this a text file?",
				"control character 0x%02x", t[i]);
		if (t[i] == 0x7f || more == 9 || i + more >= b->len)
			return problem_set(b, i, 1, "save the file as UTF-8",
				"byte 0x%02x is not valid UTF-8 text", t[i]);
		for (unsigned int k = 1; k <= more; k++)
			if ((t[i + k] & 0xc0) != 0x80)
				return problem_set(b, i, 1, "save the file as UTF-8",
					"byte 0x%02x is not valid UTF-8 text", t[i]);
		i += 1 + more;
	}
	b->is_text = true;
	return 0;
}

static struct yaml_node *node_new(struct builder *b, enum yaml_type type, size_t pos, size_t bytes)
{
	struct yaml_node *n;

	if (b->n_nodes >= YAML_MAX_NODES) {
		problem_set(b, pos, bytes, "a configuration has at most 200000 values",
			"too many values");
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		problem_set(b, pos, bytes, "", "out of memory");
		return NULL;
	}
	n->type = type;
	n->pos = pos;
	n->bytes = bytes;
	n->all = b->all;
	b->all = n;
	b->n_nodes++;
	return n;
}

static int take_key(struct builder *b, struct yaml_node *map, struct yaml_node *key)
{
	if (key->type != YAML_SCALAR)
		return problem_set(b, key->pos, 1, "a key is a word followed by ':'",
			"a list or mapping cannot be a key");
	if (map->n_children >= YAML_MAX_KEYS)
		return problem_set(b, key->pos, key->bytes, "", "too many keys in one mapping");
	for (const struct yaml_node *v = map->first; v != NULL; v = v->next)
		if (strcmp(v->key->text, key->text) == 0)
			return problem_set(b, key->pos, key->bytes,
				"each key may stand once: delete one of the two",
				"duplicate key '%.64s'", key->text);
	b->stack[b->depth - 1].key = key;
	return 0;
}

/* Puts a node where it belongs: at the root, in a sequence, as a key or as a key's value. */
static int attach(struct builder *b, struct yaml_node *n)
{
	struct yaml_node *parent, *key;

	if (b->depth == 0) {
		b->root = n;
		return 0;
	}
	parent = b->stack[b->depth - 1].node;
	key = b->stack[b->depth - 1].key;
	if (parent->type == YAML_MAPPING && key == NULL)
		return take_key(b, parent, n);
	if (parent->type == YAML_MAPPING) {
		n->key = key;
		b->stack[b->depth - 1].key = NULL;
		/* An absent value is shown where its key stands. */
		if (n->type == YAML_SCALAR && n->plain && n->text[0] == '\0') {
			n->pos = key->pos;
			n->bytes = key->bytes;
		}
	}
	if (parent->last != NULL)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->n_children++;
	return 0;
}

static int push(struct builder *b, struct yaml_node *n)
{
	if (n == NULL || attach(b, n) < 0)
		return -1;
	if (b->depth == YAML_MAX_DEPTH)
		return problem_set(b, n->pos, 1, "check the brackets and the indentation",
			"nested too deeply");
	b->stack[b->depth].node = n;
	b->stack[b->depth].key = NULL;
	b->depth++;
	return 0;
}

static int on_scalar(struct builder *b, struct fy_token *value, size_t pos, size_t bytes)
{
	struct yaml_node *n = node_new(b, YAML_SCALAR, pos, bytes);
	size_t len = 0;
	const char *text = fy_token_get_text(value, &len);

	if (n == NULL)
		return -1;
	if (text == NULL)
		len = 0;
	if (len > 0 && memchr(text, '\0', len) != NULL)
		return problem_set(b, pos, bytes, "", "a NUL character in a value");
	n->plain = fy_token_scalar_style(value) == FYSS_PLAIN;
	/* The marks of a quoted scalar leave its quotes out. */
	if (!n->plain && pos > 0 && (b->text[pos - 1] == '"' || b->text[pos - 1] == '\'')) {
		n->pos--;
		n->bytes += 2;
	}
	n->text = malloc(len + 1);
	if (n->text == NULL)
		return problem_set(b, pos, bytes, "", "out of memory");
	if (len > 0)
		memcpy(n->text, text, len);
	n->text[len] = '\0';
	return attach(b, n);
}

static size_t mark_pos(const struct builder *b, const struct fy_mark *m)
{
	return m == NULL || m->input_pos > b->len ? b->len : m->input_pos;
}

static int refuse_decoration(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
	/* The marks of both begin behind their sigil. */
	if (anchor != NULL) {
		size_t pos = mark_pos(b, fy_token_start_mark(anchor));

		return problem_set(b, pos > 0 ? pos - 1 : 0,
			mark_pos(b, fy_token_end_mark(anchor)) - pos + 1,
			"write the value out where it is used", "YAML anchors are not accepted");
	}
	if (tag != NULL) {
		size_t pos = mark_pos(b, fy_token_start_mark(tag));

		return problem_set(b, pos, mark_pos(b, fy_token_end_mark(tag)) - pos,
			"delete it: the type follows from the key", "YAML tags are not accepted");
	}
	return 0;
}

static int on_event(struct builder *b, struct fy_event *e)
{
	size_t pos = mark_pos(b, fy_event_start_mark(e));
	size_t end = mark_pos(b, fy_event_end_mark(e));
	size_t bytes = end > pos ? end - pos : 0;

	switch (e->type) {
	case FYET_DOCUMENT_START:
		if (fy_document_state_version_explicit(e->document_start.document_state) ||
			fy_document_state_tags_explicit(e->document_start.document_state))
			return problem_set(b, 0, 0, "delete the line that begins with '%'",
				"YAML directives are not accepted");
		if (++b->documents > 1)
			return problem_set(b, pos, bytes, "delete the '---' between them",
				"more than one YAML document in the file");
		return 0;
	case FYET_ALIAS:
		return problem_set(b, pos > 0 ? pos - 1 : 0, bytes + 1,
			"write the value out where it is used", "YAML aliases are not accepted");
	case FYET_SCALAR:
		if (refuse_decoration(b, e->scalar.anchor, e->scalar.tag) < 0)
			return -1;
		return on_scalar(b, e->scalar.value, pos, bytes);
	case FYET_SEQUENCE_START:
		if (refuse_decoration(b, e->sequence_start.anchor, e->sequence_start.tag) < 0)
			return -1;
		return push(b, node_new(b, YAML_SEQUENCE, pos, 1));
	case FYET_MAPPING_START:
		if (refuse_decoration(b, e->mapping_start.anchor, e->mapping_start.tag) < 0)
			return -1;
		return push(b, node_new(b, YAML_MAPPING, pos, 1));
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

/* The first collected error of libfyaml's, placed in our text. */
static void take_syntax_error(struct builder *b, struct fy_diag *diag)
{
	struct fy_diag_error *e;
	void *iter = NULL;
	size_t pos = 0;

	e = fy_diag_errors_iterate(diag, &iter);
	if (e == NULL) {
		problem_set(b, 0, 0, "", "not a YAML file");
		return;
	}
	for (int line = 1; line < e->line; line++) {
		const char *nl = memchr(b->text + pos, '\n', b->len - pos);

		/* It counts a last line without its newline as ended. */
		pos = nl != NULL ? (size_t)(nl + 1 - b->text) : b->len;
	}
	if (e->column > 1 && pos < b->len)
		pos += (size_t)e->column - 1;
	problem_set(b, pos, 1, "check the indentation, brackets and quotes here and just above",
		"not valid YAML: %s", e->msg);
}

static int run_parser(struct builder *b)
{
	struct fy_diag_cfg diag_conf;
	struct fy_parse_cfg conf = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};
	struct fy_parser *parser = NULL;
	struct fy_event *e;
	int ret = -1;

	fy_diag_cfg_default(&diag_conf);
	diag_conf.fp = NULL;
	diag_conf.level = FYET_ERROR;
	conf.diag = fy_diag_create(&diag_conf);
	if (conf.diag == NULL)
		return problem_set(b, 0, 0, "", "out of memory");
	fy_diag_set_collect_errors(conf.diag, true);
	parser = fy_parser_create(&conf);
	if (parser == NULL || fy_parser_set_string(parser, b->text, b->len) != 0) {
		problem_set(b, 0, 0, "", "out of memory");
		goto out;
	}
	ret = 0;
	while (ret == 0 && (e = fy_parser_parse(parser)) != NULL) {
		ret = on_event(b, e);
		fy_parser_event_free(parser, e);
	}
	if (ret == 0 && fy_parser_get_stream_error(parser)) {
		take_syntax_error(b, conf.diag);
		ret = -1;
	}
out:
	if (parser != NULL)
		fy_parser_destroy(parser);
	fy_diag_destroy(conf.diag);
	return ret;
}

static void free_all(struct yaml_node *n)
{
	while (n != NULL) {
		struct yaml_node *next = n->all;

		free(n->text);
		free(n);
		n = next;
	}
}

struct yaml_node *yaml_parse(const char *text, size_t len, struct yaml_problem *ret_problem)
{
	struct builder b = {.text = text, .len = len, .problem = ret_problem};
	struct yaml_node *head;

	if (check_bytes(&b) < 0)
		return NULL;
	/* libfyaml reports no document at all for a file of comments only. */
	if (run_parser(&b) < 0)
		goto fail;
	if (b.root == NULL) {
		b.root = node_new(&b, YAML_SCALAR, 0, 0);
		if (b.root == NULL || (b.root->text = strdup("")) == NULL)
			goto fail;
		b.root->plain = true;
	}
	/* The handle leads the list of all nodes, so that it alone is needed to free them. */
	head = node_new(&(struct builder){.problem = ret_problem}, YAML_SCALAR, 0, 0);
	if (head == NULL)
		goto fail;
	head->all = b.all;
	head->first = b.root;
	return head;
fail:
	free_all(b.all);
	return NULL;
}

void yaml_free(struct yaml_node *handle)
{
	free_all(handle);
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
	for (const struct yaml_node *v = mapping->first; v != NULL; v = v->next)
		if (v->key != NULL && strcmp(v->key->text, key) == 0)
			return v;
	return NULL;
}

const char *yaml_describe(const struct yaml_node *n)
{
	switch (n->type) {
	case YAML_SEQUENCE:
		return "a list";
	case YAML_MAPPING:
		return "a mapping";
	default:
		return n->plain && n->text[0] == '\0' ? "nothing" : "a single value";
	}
}

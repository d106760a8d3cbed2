/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML text to a tree of plain nodes that know where they stand in the text. Only what a configuration
 * needs: one document of mappings, sequences and scalars, without anchors, aliases, tags or directives,
 * so that no input grows while it is read.
 */
#ifndef CONFIG_YAML_PRIV_H
#define CONFIG_YAML_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_MAX_BYTES (4u << 20)
#define YAML_MAX_DEPTH 12
#define YAML_MAX_NODES 200000
#define YAML_MAX_KEYS 64 /* in one mapping; bounds the search for duplicates too */

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_type type;
	bool plain;	      /* a scalar without quotes */
	size_t pos, bytes;    /* in the text: of the scalar, or of the first key or item */
	char *text;	      /* scalar; no NUL inside */
	struct yaml_node *key; /* of a mapping's value */
	struct yaml_node *first, *last, *next; /* children in the file's order */
	size_t n_children;
	struct yaml_node *all; /* every node of the tree, for yaml_free() */
};

struct yaml_problem {
	size_t pos, bytes;
	char message[256];
	char hint[256];
	bool not_text; /* the bytes are no UTF-8: not to be shown as they are */
};

/* A handle whose `first` is the root, or NULL with *ret_problem. An empty document: a plain "". */
struct yaml_node *yaml_parse(const char *text, size_t len, struct yaml_problem *ret_problem);
void yaml_free(struct yaml_node *handle);

/* The value of a key in a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

/* "a mapping", "a list", "a value" or "nothing". */
const char *yaml_describe(const struct yaml_node *n);

#endif

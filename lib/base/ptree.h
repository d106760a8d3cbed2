/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path-compressed binary trie keyed by prefix, for the control plane's tables: Adj-RIB-In,
 * Loc-RIB, the underlay. One tree holds both families. Not for workers.
 *
 * The node is embedded in the caller's entry (ptree_entry()), which owns it; the tree allocates only
 * the branch nodes that no entry stands at. Order of iteration: IPv4 before IPv6, a prefix before
 * those that it covers, then by address: the order of ip_prefix_cmp().
 */
#ifndef BASE_PTREE_H
#define BASE_PTREE_H

#include <stddef.h>

#include "base/addr.h"

struct ptree_node {
	struct ip_prefix prefix;
	bool is_entry; /* false: a branch node of the tree's own */
	struct ptree_node *parent;
	struct ptree_node *child[2];
};

struct ptree {
	struct ptree_node *root[2]; /* IPv4, IPv6 */
	size_t count;		    /* entries */
};

#define ptree_entry(node, type, member) ((type *)((char *)(node) - offsetof(type, member)))

void ptree_init(struct ptree *t);

/* Inserts node under node->prefix (canonical). Returns 0, -EEXIST, -ENOMEM. */
int ptree_insert(struct ptree *t, struct ptree_node *node);

/* Takes the entry out; its memory stays the caller's. Never fails. */
void ptree_remove(struct ptree *t, struct ptree_node *node);

/* The entry with exactly this prefix, or NULL. */
struct ptree_node *ptree_find(const struct ptree *t, const struct ip_prefix *prefix);

/* The longest entry that covers the address, or NULL. */
struct ptree_node *ptree_match(const struct ptree *t, const struct ip_addr *addr);

/* The longest entry that covers the prefix and is shorter than it, or NULL. */
struct ptree_node *ptree_covering(const struct ptree *t, const struct ip_prefix *prefix);

/* The first entry in order at or after prefix; NULL prefix: the first of all. */
struct ptree_node *ptree_first_from(const struct ptree *t, const struct ip_prefix *prefix);

/* The next entry in order, or NULL. */
struct ptree_node *ptree_next(const struct ptree *t, const struct ptree_node *node);

#define PTREE_FOREACH(t, node)                                                                     \
	for ((node) = ptree_first_from((t), NULL); (node) != NULL; (node) = ptree_next((t), (node)))

/* Entries inside `within`, itself included, in order. */
#define PTREE_FOREACH_WITHIN(t, within, node)                                                      \
	for ((node) = ptree_first_from((t), (within));                                             \
		(node) != NULL && ip_prefix_covers((within), &(node)->prefix);                     \
		(node) = ptree_next((t), (node)))

#endif

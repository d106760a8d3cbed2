/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path-compressed binary trie (ptree.h). Each node's prefix covers those of its children, and bit
 * number `len` of a child's address tells which child it is. A branch node has two children always;
 * one that loses a child is spliced out.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/ptree.h"

static struct ptree_node **root_of(struct ptree *t, uint8_t family)
{
	return &t->root[family == IP_V6];
}

static inline uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_64(v);
}

/* How many leading bits two addresses share, at most max. */
static unsigned int common_bits(const struct ip_addr *a, const struct ip_addr *b, unsigned int max)
{
	uint64_t x = load_be64(a->bytes) ^ load_be64(b->bytes);
	unsigned int n;

	if (x != 0) {
		n = (unsigned int)__builtin_clzll(x);
	} else {
		x = load_be64(a->bytes + 8) ^ load_be64(b->bytes + 8);
		n = x != 0 ? 64 + (unsigned int)__builtin_clzll(x) : 128;
	}
	return n < max ? n : max;
}

void ptree_init(struct ptree *t)
{
	*t = (struct ptree){0};
}

/* Puts `node` where `old` hangs (or at the root), keeping old's parent. */
static void replace_child(struct ptree *t, struct ptree_node *old, struct ptree_node *node)
{
	struct ptree_node *parent = old->parent;

	if (parent == NULL)
		*root_of(t, old->prefix.addr.family) = node;
	else
		parent->child[parent->child[1] == old] = node;
	if (node != NULL)
		node->parent = parent;
}

static void adopt(struct ptree_node *parent, struct ptree_node *child)
{
	parent->child[ip_addr_bit(&child->prefix.addr, parent->prefix.len)] = child;
	child->parent = parent;
}

int ptree_insert(struct ptree *t, struct ptree_node *node)
{
	const struct ip_prefix *p = &node->prefix;
	struct ptree_node *at = *root_of(t, p->addr.family), *branch, *parent = NULL;
	unsigned int common = 0;

	node->is_entry = true;
	node->parent = node->child[0] = node->child[1] = NULL;

	/* Down to the node where the new prefix parts from the tree, or ends. */
	while (at != NULL) {
		unsigned int max = at->prefix.len < p->len ? at->prefix.len : p->len;

		common = common_bits(&at->prefix.addr, &p->addr, max);
		if (common < at->prefix.len || at->prefix.len == p->len)
			break;
		parent = at;
		at = at->child[ip_addr_bit(&p->addr, at->prefix.len)];
	}

	if (at == NULL) {
		if (parent == NULL)
			*root_of(t, p->addr.family) = node;
		else
			adopt(parent, node);
	} else if (at->prefix.len == p->len && common == p->len) {
		if (at->is_entry)
			return -EEXIST;
		replace_child(t, at, node);
		adopt(node, at->child[0]);
		adopt(node, at->child[1]);
		free(at);
	} else if (common == p->len) {
		replace_child(t, at, node);
		adopt(node, at);
	} else {
		branch = calloc(1, sizeof(*branch));
		if (branch == NULL)
			return -ENOMEM;
		branch->prefix = (struct ip_prefix){.addr = p->addr, .len = (uint8_t)common};
		ip_prefix_canonicalise(&branch->prefix);
		replace_child(t, at, branch);
		adopt(branch, at);
		adopt(branch, node);
	}
	t->count++;
	return 0;
}

/* Takes a branch node with fewer than two children out of the tree. */
static void splice(struct ptree *t, struct ptree_node *branch)
{
	struct ptree_node *only = branch->child[0] != NULL ? branch->child[0] : branch->child[1];

	replace_child(t, branch, only);
	free(branch);
}

void ptree_remove(struct ptree *t, struct ptree_node *node)
{
	struct ptree_node *parent = node->parent, *branch;

	t->count--;
	if (node->child[0] != NULL && node->child[1] != NULL) {
		/* The fork stays: a branch node takes the entry's place. Were there no memory for
		 * it, one child could not be kept; malloc of 56 bytes failing is fatal here as
		 * everywhere on Linux. */
		branch = calloc(1, sizeof(*branch));
		if (branch == NULL)
			abort();
		branch->prefix = node->prefix;
		replace_child(t, node, branch);
		adopt(branch, node->child[0]);
		adopt(branch, node->child[1]);
	} else {
		replace_child(t, node, node->child[0] != NULL ? node->child[0] : node->child[1]);
		if (parent != NULL && !parent->is_entry &&
			(parent->child[0] == NULL || parent->child[1] == NULL))
			splice(t, parent);
	}
	node->parent = node->child[0] = node->child[1] = NULL;
}

struct ptree_node *ptree_find(const struct ptree *t, const struct ip_prefix *p)
{
	struct ptree_node *at = t->root[p->addr.family == IP_V6];

	while (at != NULL && at->prefix.len < p->len)
		at = at->child[ip_addr_bit(&p->addr, at->prefix.len)];
	return at != NULL && at->is_entry && ip_prefix_equal(&at->prefix, p) ? at : NULL;
}

/* The longest entry that covers the first max_len bits of an address. */
static struct ptree_node *longest(const struct ptree *t, const struct ip_addr *addr,
	unsigned int max_len)
{
	struct ptree_node *at = t->root[addr->family == IP_V6], *best = NULL;
	unsigned int bits = ip_family_bits(addr->family);

	while (at != NULL && at->prefix.len <= max_len && ip_prefix_contains(&at->prefix, addr)) {
		if (at->is_entry)
			best = at;
		if (at->prefix.len == bits)
			break;
		at = at->child[ip_addr_bit(addr, at->prefix.len)];
	}
	return best;
}

struct ptree_node *ptree_match(const struct ptree *t, const struct ip_addr *addr)
{
	return longest(t, addr, ip_family_bits(addr->family));
}

struct ptree_node *ptree_covering(const struct ptree *t, const struct ip_prefix *p)
{
	return p->len == 0 ? NULL : longest(t, &p->addr, p->len - 1u);
}

/* In preorder: the node after `at` once its subtree is done. */
static struct ptree_node *skip_subtree(const struct ptree_node *at)
{
	for (; at->parent != NULL; at = at->parent) {
		if (at->parent->child[0] == at && at->parent->child[1] != NULL)
			return at->parent->child[1];
	}
	return NULL;
}

static struct ptree_node *step(const struct ptree_node *at)
{
	if (at->child[0] != NULL)
		return at->child[0];
	if (at->child[1] != NULL)
		return at->child[1];
	return skip_subtree(at);
}

static struct ptree_node *to_entry(struct ptree_node *at)
{
	while (at != NULL && !at->is_entry)
		at = step(at);
	return at;
}

/* Entries of one family at or after p in preorder, which is the order of ip_prefix_cmp(). */
static struct ptree_node *first_in(struct ptree_node *at, const struct ip_prefix *p)
{
	while (at != NULL && ip_prefix_cmp(&at->prefix, p) < 0) {
		/* Everything in a subtree that does not cover p lies before p as its root does. */
		if (ip_prefix_covers(&at->prefix, p))
			at = step(at);
		else
			at = skip_subtree(at);
	}
	return to_entry(at);
}

struct ptree_node *ptree_first_from(const struct ptree *t, const struct ip_prefix *p)
{
	struct ptree_node *found;

	if (p == NULL) {
		found = to_entry(t->root[0]);
	} else if (p->addr.family == IP_V6) {
		return first_in(t->root[1], p);
	} else {
		found = first_in(t->root[0], p);
	}
	return found != NULL ? found : to_entry(t->root[1]);
}

struct ptree_node *ptree_next(const struct ptree *t, const struct ptree_node *node)
{
	struct ptree_node *next = to_entry(step(node));

	return next != NULL || node->prefix.addr.family == IP_V6 ? next : to_entry(t->root[1]);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host routes of neighbours found on connected prefixes (NH_GLEAN). They are no routes of the RIB's:
 * such a host route stands in the FIB exactly while the RIB's longest match for the address is the
 * connected prefix of the neighbour's port. Any RIB route of the same prefix, or a more specific one
 * than the connected prefix, takes the traffic instead. Control thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "fibsync/fibsync_priv.h"

#define host_of(n) ptree_entry((n), struct fs_host, node)

static struct fs_host *find(const struct fibsync *s, const struct ip_prefix *prefix)
{
	struct ptree_node *n = s->hosts.count > 0 ? ptree_find(&s->hosts, prefix) : NULL;

	return n != NULL ? host_of(n) : NULL;
}

/* The longest prefix that the RIB has put into the FIB and that covers the address. */
static const struct rib_entry *rib_match(const struct fibsync *s, const struct ip_addr *addr)
{
	const struct ptree *tree = s->rib != NULL ? rib_tree(s->rib) : NULL;
	struct ptree_node *n = tree != NULL ? ptree_match(tree, addr) : NULL;

	for (; n != NULL; n = ptree_covering(tree, &n->prefix)) {
		const struct rib_entry *e = ptree_entry(n, struct rib_entry, node);

		if (e->sink != NULL)
			return e;
	}
	return NULL;
}

static bool is_due(const struct fibsync *s, const struct fs_host *h)
{
	const struct rib_entry *e = rib_match(s, &h->node.prefix.addr);
	const struct fs_path *p = e != NULL ? e->sink : NULL;

	return p != NULL && p->kind == NH_GLEAN && p->port == s->conf.nh->nh[h->nh].port &&
		e->node.prefix.len < h->node.prefix.len;
}

static void set_installed(struct fibsync *s, struct fs_host *h, bool installed)
{
	s->n_hosts += (uint64_t)installed - (uint64_t)h->installed;
	h->installed = installed;
}

static bool write_host(struct fibsync *s, struct fs_host *h)
{
	int ret = fibsync_write(s, &h->node.prefix, h->nh);

	if (ret < 0) {
		s->host_failed = true;
		fibsync_complain(s, &h->node.prefix, ret);
		return false;
	}
	set_installed(s, h, true);
	return true;
}

static void review(struct fibsync *s, struct fs_host *h)
{
	bool due = is_due(s, h);

	if (due && !h->installed) {
		write_host(s, h);
	} else if (!due && h->installed) {
		fibsync_erase(s, &h->node.prefix);
		set_installed(s, h, false);
	}
}

bool host_take_over(struct fibsync *s, const struct ip_prefix *prefix)
{
	struct fs_host *h = find(s, prefix);

	return h != NULL && is_due(s, h) && write_host(s, h);
}

void host_replaced(struct fibsync *s, const struct ip_prefix *prefix)
{
	struct fs_host *h = find(s, prefix);

	if (h != NULL)
		set_installed(s, h, false);
}

void hosts_review(struct fibsync *s, const struct ip_prefix *prefix)
{
	struct ptree_node *n;

	/* A route that covers a whole connected prefix is nobody's longest match inside it. */
	if (s->hosts.count == 0 || !underlay_is_connected(s, prefix))
		return;
	PTREE_FOREACH_WITHIN(&s->hosts, prefix, n)
		review(s, host_of(n));
}

void hosts_retry(struct fibsync *s)
{
	struct ptree_node *n;

	s->host_failed = false;
	PTREE_FOREACH(&s->hosts, n)
		review(s, host_of(n));
}

static void add(struct fibsync *s, const struct ip_prefix *prefix, uint32_t nh)
{
	struct fs_host *h = find(s, prefix);

	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return; /* each packet goes by the glean entry, then */
		h->node.prefix = *prefix;
		if (ptree_insert(&s->hosts, &h->node) < 0) {
			free(h);
			return;
		}
	}
	h->nh = nh;
	if (is_due(s, h))
		write_host(s, h);
}

void fibsync_host_route(void *arg, const struct ip_addr *addr, uint32_t nh, bool is_add)
{
	struct ip_prefix prefix = ip_prefix_host(addr);
	struct fibsync *s = arg;
	struct fs_host *h;

	if (is_add) {
		add(s, &prefix, nh);
		return;
	}
	h = find(s, &prefix);
	if (h == NULL)
		return;
	if (h->installed) {
		fibsync_erase(s, &prefix);
		set_installed(s, h, false);
	}
	ptree_remove(&s->hosts, &h->node);
	free(h);
}

void hosts_free(struct fibsync *s)
{
	struct ptree_node *n;

	while ((n = ptree_first_from(&s->hosts, NULL)) != NULL)
		fibsync_host_route(s, &n->prefix.addr, NH_NONE, false);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From Loc-RIB to FIB: the RIB's observer, and the only writer of lib/fib. Between lib/rib, which says
 * what is selected for a prefix, and the workers, who look up. Each change is one fib_add() that
 * replaces, never a delete and an add, so that no packet meets a hole. Control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fibsync/fibsync_priv.h"

#define RETRY_SLICE 1024

#define hop_of(n) ptree_entry((n), struct fs_hop, node)

struct fibsync *fibsync_new(const struct fibsync_conf *conf)
{
	struct fibsync *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = *conf;
	ptree_init(&s->underlay);
	ptree_init(&s->hops);
	ptree_init(&s->hosts);
	ptree_init(&s->failed);
	return s;
}

void fibsync_free(struct fibsync *s)
{
	if (s == NULL)
		return;
	hosts_free(s);
	underlay_free(s);
	free(s);
}

void fibsync_set_rib(struct fibsync *s, struct rib *rib)
{
	s->rib = rib;
}

void fibsync_complain(struct fibsync *s, const struct ip_prefix *prefix, int error)
{
	uint64_t now = clock_now_ms();

	if (s->last_log_ms != 0 && now - s->last_log_ms < 10000)
		return;
	s->last_log_ms = now;
	log_error("fibsync", "%s is not forwarded as the RIB says: %s (%zu prefixes wait for room)",
		IP_PREFIX_TEXT(prefix), strerror(-error), s->failed.count);
}

int fibsync_write(struct fibsync *s, const struct ip_prefix *prefix, uint32_t nh)
{
	s->n_writes++;
	return fib_add(s->conf.fib, prefix, nh);
}

void fibsync_erase(struct fibsync *s, const struct ip_prefix *prefix)
{
	s->n_writes++;
	fib_del(s->conf.fib, prefix);
}

/* Next hops that the RIB tracks. */

/* Returns whether it resolves otherwise than before. */
static bool resolve(struct fibsync *s, struct fs_hop *h)
{
	struct fs_gateway gateways[CONFIG_VIA_MAX];
	unsigned int n = underlay_resolve(s, &h->node.prefix.addr, gateways, NULL), got = 0;
	struct fs_path *old = h->path;
	bool changed;

	h->path = n > 0 ? path_to_gateways(s, gateways, n, &got) : NULL;
	h->partial = got < n || (n > 0 && h->path == NULL);
	changed = h->path != old;
	path_unref(s, old);
	return changed;
}

static bool on_track(void *arg, struct rib_hop *hop)
{
	struct ip_prefix prefix = ip_prefix_host(&hop->addr);
	struct fibsync *s = arg;
	struct ptree_node *n = ptree_find(&s->hops, &prefix);
	struct fs_hop *h;

	if (n != NULL) {
		h = hop_of(n);
	} else {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return false;
		h->node.prefix = prefix;
		if (ptree_insert(&s->hops, &h->node) < 0) {
			free(h);
			return false;
		}
		resolve(s, h);
	}
	h->refs++;
	hop->sink = h;
	return h->path != NULL;
}

static void on_untrack(void *arg, struct rib_hop *hop)
{
	struct fibsync *s = arg;
	struct fs_hop *h = hop->sink;

	hop->sink = NULL;
	if (h == NULL || --h->refs > 0)
		return;
	ptree_remove(&s->hops, &h->node);
	path_unref(s, h->path);
	free(h);
}

void fibsync_review_hops(struct fibsync *s, bool only_unresolved)
{
	struct ptree_node *n;

	PTREE_FOREACH(&s->hops, n) {
		struct fs_hop *h = hop_of(n);

		if (only_unresolved && h->path != NULL && !h->partial)
			continue;
		if (resolve(s, h))
			rib_next_hop_changed(s->rib, &n->prefix.addr, h->path != NULL);
	}
	/* All are marked before the first is decided: no route moves twice. */
	if (s->rib != NULL)
		rib_run(s->rib, RIB_SLICE);
}

void fibsync_port_changed(struct fibsync *s, uint16_t port_id, bool up)
{
	if (port_id >= PORT_MAX || s->down[port_id] == !up)
		return;
	s->down[port_id] = !up;
	if (s->rib != NULL)
		rib_port_changed(s->rib, port_id, up);
	fibsync_review_hops(s, false);
}

/* Routes. */

static void set_failed(struct fibsync *s, const struct ip_prefix *prefix, bool failed)
{
	struct ptree_node *n = s->failed.count > 0 ? ptree_find(&s->failed, prefix) : NULL;
	struct fs_failed *f;

	if (failed && n == NULL) {
		f = calloc(1, sizeof(*f));
		if (f == NULL)
			return;
		f->node.prefix = *prefix;
		if (ptree_insert(&s->failed, &f->node) < 0)
			free(f);
	} else if (!failed && n != NULL) {
		ptree_remove(&s->failed, n);
		free(ptree_entry(n, struct fs_failed, node));
	}
}

/* The path of the best with its multipaths: mostly one that exists already. */
static struct fs_path *via_path(struct fibsync *s, const struct rib_entry *e)
{
	struct fs_path *paths[NH_GROUP_MEMBERS_MAX], *p;
	const struct rib_route *r;
	unsigned int n = 0, i;

	for (r = e->routes; r != NULL && (r->best || r->multipath) && n < NH_GROUP_MEMBERS_MAX;
		r = r->next) {
		const struct fs_hop *h = r->hop->sink;

		if (h == NULL || h->path == NULL)
			continue;
		for (i = 0; i < n && paths[i] != h->path; i++)
			;
		if (i == n)
			paths[n++] = h->path;
	}
	if (n == 0)
		return NULL;
	if (n == 1)
		return path_ref(paths[0]);
	p = path_union(s, paths, n);
	/* No room for another group: one path is better than none. */
	return p != NULL ? p : path_ref(paths[0]);
}

/* What the FIB should hold for an entry: a reference, or NULL with *ret_none saying whether that is
 * as it should be. */
static struct fs_path *wanted_path(struct fibsync *s, const struct rib_entry *e, bool *ret_none)
{
	const struct rib_route *best = e->routes;

	*ret_none = best == NULL || !best->best;
	if (*ret_none)
		return NULL;
	switch (best->action) {
	case RIB_VIA:
		return via_path(s, e);
	case RIB_GLEAN:
		return path_special(s, NH_GLEAN, best->hop->port, NULL);
	case RIB_HOST:
		return path_special(s, NH_LOCAL, best->hop->port, &e->node.prefix.addr);
	case RIB_NAT:
		return path_special(s, NH_NAT, 0, NULL);
	case RIB_BLACKHOLE:
		return path_special(s, NH_BLACKHOLE, 0, NULL);
	default:
		return path_special(s, NH_DISCARD, 0, NULL);
	}
}

static void withdraw(struct fibsync *s, struct rib_entry *e)
{
	struct fs_path *old = e->sink;

	set_failed(s, &e->node.prefix, false);
	if (old == NULL)
		return;
	e->sink = NULL;
	s->n_routes--;
	if (!host_take_over(s, &e->node.prefix))
		fibsync_erase(s, &e->node.prefix);
	path_unref(s, old);
	hosts_review(s, &e->node.prefix);
}

static void on_changed(void *arg, struct rib_entry *e)
{
	struct fibsync *s = arg;
	struct fs_path *old = e->sink, *path;
	bool none;
	int ret;

	path = wanted_path(s, e, &none);
	if (none) {
		withdraw(s, e);
		return;
	}
	if (path == old && path != NULL) {
		path_unref(s, path);
		set_failed(s, &e->node.prefix, false);
		return;
	}
	ret = path != NULL ? fibsync_write(s, &e->node.prefix, path->nh) : -ENOSPC;
	set_failed(s, &e->node.prefix, ret < 0);
	if (ret < 0) {
		/* What stood there before stays; fibsync_run() tries again. */
		fibsync_complain(s, &e->node.prefix, ret);
		path_unref(s, path);
		return;
	}
	e->sink = path;
	s->n_routes += old == NULL;
	path_unref(s, old);
	host_replaced(s, &e->node.prefix);
	hosts_review(s, &e->node.prefix);
}

int fibsync_set_nat(struct fibsync *s, const struct ip_addr *addr, bool nat)
{
	struct ip_prefix host = ip_prefix_host(addr);
	struct ptree_node *n = ptree_find(rib_tree(s->rib), &host);
	const struct fs_path *p = n != NULL ? ptree_entry(n, struct rib_entry, node)->sink : NULL;

	if (p == NULL || p->kind != NH_LOCAL)
		return -ENOENT;
	__atomic_store_n(&s->conf.nh->nh[p->nh].nat, nat, __ATOMIC_RELAXED);
	return 0;
}

void fibsync_rib_ops(struct fibsync *s, struct rib_ops *ret_ops)
{
	*ret_ops = (struct rib_ops){
		.changed = on_changed, .track = on_track, .untrack = on_untrack, .arg = s};
}

static void retry_failed(struct fibsync *s)
{
	unsigned int budget = RETRY_SLICE;
	struct ptree_node *n, *entry;
	struct ip_prefix prefix;

	n = ptree_first_from(&s->failed, &s->retry_from);
	for (; n != NULL && budget > 0; budget--) {
		prefix = n->prefix;
		n = ptree_next(&s->failed, n);
		entry = ptree_find(rib_tree(s->rib), &prefix);
		if (entry != NULL)
			on_changed(s, ptree_entry(entry, struct rib_entry, node));
		else
			set_failed(s, &prefix, false);
	}
	s->retry_from = n != NULL ? n->prefix : (struct ip_prefix){.addr.family = IP_V4};
}

void fibsync_run(struct fibsync *s, uint64_t now_ms)
{
	if (s->rib == NULL || now_ms - s->last_run_ms < 1000)
		return;
	s->last_run_ms = now_ms;
	fibsync_review_hops(s, true);
	if (s->failed.count > 0)
		retry_failed(s);
	if (s->host_failed)
		hosts_retry(s);
}

void fibsync_get_stats(const struct fibsync *s, struct fibsync_stats *ret_stats)
{
	struct ptree_node *n;

	*ret_stats = (struct fibsync_stats){
		.routes = s->n_routes + s->n_hosts,
		.hosts = s->n_hosts,
		.paths = s->n_paths,
		.writes = s->n_writes,
		.failed = s->failed.count,
	};
	PTREE_FOREACH(&s->hops, n)
		ret_stats->unresolved += hop_of(n)->path == NULL;
}

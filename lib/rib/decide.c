/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decision process (RFC 4271 9.1.2.2), by elimination: each step keeps the routes that are as good
 * as its best and the others fall out with the step as their reason. MED is only comparable within one
 * neighbour AS, so that a pairwise sort would depend on the order in which routes arrived; a set that
 * shrinks step by step does not (what other speakers call deterministic MED).
 */
#include "rib/decide.h"
#include "rib/rib_priv.h"

static const struct {
	const char *name, *text;
} reasons[DECIDE_REASON_MAX] = {
#define X(name, word, text) {word, text},
	DECIDE_REASONS(X)
#undef X
};

const char *decide_reason_name(unsigned int reason)
{
	return reason < DECIDE_REASON_MAX ? reasons[reason].name : "?";
}

const char *decide_reason_text(unsigned int reason)
{
	return reason < DECIDE_REASON_MAX ? reasons[reason].text : "?";
}

static int cmp_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int cmp_source(const struct rib_route *a, const struct rib_route *b)
{
	return cmp_u32(a->source, b->source);
}

/* 9.1.1. An external peer's LOCAL_PREF is none of ours (5.1.5): all its routes get the default. */
static uint32_t local_pref(const struct rib_route *r)
{
	return !r->hop->peer->ebgp && r->attrs->has_local_pref ? r->attrs->local_pref : 100;
}

static int cmp_local_pref(const struct rib_route *a, const struct rib_route *b)
{
	return cmp_u32(local_pref(b), local_pref(a));
}

static int cmp_path_length(const struct rib_route *a, const struct rib_route *b)
{
	return cmp_u32(a->attrs->as_path_length, b->attrs->as_path_length);
}

static int cmp_origin(const struct rib_route *a, const struct rib_route *b)
{
	return cmp_u32(a->attrs->origin, b->attrs->origin);
}

/* neighborAS(m) of 9.1.2.2 c, with its rule for paths that name none. */
static uint32_t neighbour_as(const struct rib_route *r)
{
	const struct rib_peer *p = r->hop->peer;

	if (r->attrs->neighbour_as != 0)
		return r->attrs->neighbour_as;
	return p->ebgp ? p->remote_as : p->local_as;
}

/* A missing MED is the lowest possible value (9.1.2.2 c). */
static uint32_t med(const struct rib_route *r)
{
	return r->attrs->has_med ? r->attrs->med : 0;
}

static int cmp_ibgp(const struct rib_route *a, const struct rib_route *b)
{
	return b->hop->peer->ebgp - a->hop->peer->ebgp;
}

static int cmp_router_id(const struct rib_route *a, const struct rib_route *b)
{
	return cmp_u32(a->hop->peer->remote_id, b->hop->peer->remote_id);
}

static int cmp_peer_address(const struct rib_route *a, const struct rib_route *b)
{
	return ip_addr_cmp(&a->hop->peer->conf->address, &b->hop->peer->conf->address);
}

static int cmp_next_hop(const struct rib_route *a, const struct rib_route *b)
{
	int c = ip_addr_cmp(&a->hop->addr, &b->hop->addr);

	return c != 0 ? c : cmp_u32(a->hop->port, b->hop->port);
}

typedef int (*cmp_fn)(const struct rib_route *, const struct rib_route *);

/* One step: what is worse than the best of those still in falls out. */
static void keep_best(struct rib_route *list, enum decide_reason reason, cmp_fn cmp)
{
	struct rib_route *r, *best = NULL;

	for (r = list; r != NULL; r = r->next) {
		if (r->reason == DECIDE_NONE && (best == NULL || cmp(r, best) < 0))
			best = r;
	}
	for (r = list; r != NULL; r = r->next) {
		if (r->reason == DECIDE_NONE && cmp(r, best) > 0)
			r->reason = reason;
	}
}

/* Step c: each route that another of the same neighbour AS beats falls out, all at once. */
static void keep_best_med(struct rib_route *list)
{
	struct rib_route *r, *other;

	for (r = list; r != NULL; r = r->next) {
		if (r->reason != DECIDE_NONE)
			continue;
		for (other = list; other != NULL; other = other->next) {
			/* One that this step has ruled out itself still rules out others. */
			if ((other->reason == DECIDE_NONE || other->reason == DECIDE_MED) &&
				med(other) < med(r) && neighbour_as(other) == neighbour_as(r)) {
				r->reason = DECIDE_MED;
				break;
			}
		}
	}
}

static bool is_usable(const struct rib_route *r)
{
	switch (r->action) {
	case RIB_VIA:
		return r->hop->resolves && !r->hop->own;
	case RIB_GLEAN:
		return r->hop->resolves;
	default:
		return true;
	}
}

static unsigned int rank(const struct rib_route *r)
{
	return r->best ? 0 : r->multipath ? 1 : 2u + DECIDE_REASON_MAX - r->reason;
}

static int cmp_order(const struct rib_route *a, const struct rib_route *b)
{
	int c = cmp_u32(rank(a), rank(b));

	if (c == 0)
		c = cmp_source(a, b);
	if (c == 0 && a->source == RIB_BGP)
		c = cmp_router_id(a, b);
	if (c == 0 && a->source == RIB_BGP)
		c = cmp_peer_address(a, b);
	return c != 0 ? c : cmp_next_hop(a, b);
}

static void sort(struct rib_route **routes)
{
	struct rib_route *rest = *routes, *r, **at;

	*routes = NULL;
	while ((r = rest) != NULL) {
		rest = r->next;
		for (at = routes; *at != NULL && cmp_order(*at, r) <= 0; at = &(*at)->next)
			;
		r->next = *at;
		*at = r;
	}
}

/* The best is first: those that fell out only at the last, arbitrary steps share its traffic, each
 * next hop once, as far as there is room. */
static void share(struct rib_route **routes, unsigned int maximum_paths)
{
	struct rib_route *best = *routes, *r, *other;
	unsigned int n = 1;

	if (best->action != RIB_VIA)
		return;
	if (best->source != RIB_BGP)
		maximum_paths = UINT32_MAX;
	for (r = best->next; r != NULL && n < maximum_paths; r = r->next) {
		if (r->reason < DECIDE_ROUTER_ID || r->action != RIB_VIA)
			continue;
		for (other = best; other != r; other = other->next) {
			if ((other->best || other->multipath) &&
				ip_addr_equal(&other->hop->addr, &r->hop->addr))
				break;
		}
		if (other != r)
			continue;
		r->multipath = true;
		r->reason = DECIDE_EQUAL;
		n++;
	}
	sort(routes);
}

void decide(struct rib_route **routes, unsigned int maximum_paths)
{
	struct rib_route *list = *routes, *r;
	unsigned int usable = 0;

	for (r = list; r != NULL; r = r->next) {
		r->usable = is_usable(r);
		r->best = r->multipath = false;
		r->reason = r->usable ? DECIDE_NONE : DECIDE_UNUSABLE;
		usable += r->usable;
	}
	if (list == NULL || list->next == NULL) {
		if (usable > 0)
			list->best = true;
		return;
	}
	if (usable > 0) {
		struct rib_route *in = list;

		keep_best(list, DECIDE_SOURCE, cmp_source);
		while (in->reason != DECIDE_NONE)
			in = in->next;
		if (in->source == RIB_BGP) {
			keep_best(list, DECIDE_LOCAL_PREF, cmp_local_pref);
			keep_best(list, DECIDE_PATH_LENGTH, cmp_path_length); /* a */
			keep_best(list, DECIDE_ORIGIN, cmp_origin);	      /* b */
			keep_best_med(list);				      /* c */
			keep_best(list, DECIDE_IBGP, cmp_ibgp);		      /* d */
			/* e, the interior cost: the underlay has no metric, all are equal. */
			keep_best(list, DECIDE_ROUTER_ID, cmp_router_id);	/* f */
			keep_best(list, DECIDE_PEER_ADDRESS, cmp_peer_address); /* g */
		} else {
			keep_best(list, DECIDE_NEXT_HOP, cmp_next_hop);
		}
		for (r = list; r != NULL; r = r->next) {
			if (r->reason == DECIDE_NONE) {
				r->best = true;
				break;
			}
		}
	}
	sort(routes);
	if (usable > 1)
		share(routes, maximum_paths);
}

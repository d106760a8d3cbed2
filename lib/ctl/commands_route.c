/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about routes: Loc-RIB, and what the FIB makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "rib/decide.h"

#define DEFAULT_LIMIT 1000
/* Entries looked at in one slice, whether they are shown or not. */
#define SLICE_ENTRIES 4096

static const char *const source_names[] = {
	[RIB_CONNECTED] = "connected",
	[RIB_LOCAL] = "local",
	[RIB_STATIC] = "static",
	[RIB_BGP] = "bgp",
};

static const char *const action_names[] = {
	[RIB_VIA] = "via",
	[RIB_GLEAN] = "connected",
	[RIB_HOST] = "local",
	[RIB_BLACKHOLE] = "blackhole",
	[RIB_NAT] = "nat",
	[RIB_DISCARD] = "discard",
};

/* Where the listing stands: the prefix of the next entry, since entries come and go between slices. */
struct route_cursor {
	struct ip_prefix from;
	bool started;
	uint64_t shown;
};

static void put_bgp_columns(struct ctl_call *call, const struct rib_route *r)
{
	char text[512] = "";

	if (r->hop->peer != NULL)
		ctl_put_str(call, "peer", bgp_peer_conf(rib_peer_bgp(r->hop->peer))->name);
	if (r->attrs == NULL)
		return;
	ctl_put_str(call, "as_path", bgp_as_path_format(r->attrs, text, sizeof(text)));
	text[0] = '\0';
	ctl_put_str(call, "communities", bgp_communities_format(r->attrs, text, sizeof(text)));
}

static void put_route(struct ctl_call *call, const struct rib_entry *e, const struct rib_route *r)
{
	uint64_t now = clock_now_ms();
	bool selected = r->usable && (r->best || r->multipath);

	ctl_row_begin(call);
	ctl_put_prefix(call, "prefix", &e->node.prefix);
	ctl_put_bool(call, "selected", selected);
	ctl_put_bool(call, "multipath", r->multipath);
	ctl_put_bool(call, "usable", r->usable);
	ctl_put_str(call, "source", source_names[r->source]);
	ctl_put_str(call, "action", action_names[r->action]);
	if (r->action == RIB_GLEAN || r->action == RIB_HOST)
		ctl_put_str(call, "interface", ctl_port_name(r->hop->port));
	ctl_put_addr(call, "next_hop", &r->hop->addr);
	put_bgp_columns(call, r);
	ctl_put_u64(call, "age_s", now > r->since_ms ? (now - r->since_ms) / 1000 : 0);
	ctl_put_str(call, "reason", decide_reason_name(r->reason));
	if (!selected)
		ctl_put_str(call, "reason_text", decide_reason_text(r->reason));
}

static bool is_wanted(const struct rib_route *r, const char *peer)
{
	const struct config_peer *conf;

	if (peer == NULL)
		return true;
	if (r->hop->peer == NULL)
		return false;
	conf = bgp_peer_conf(rib_peer_bgp(r->hop->peer));
	return strcmp(conf->name, peer) == 0 || strcmp(IP_ADDR_TEXT(&conf->address), peer) == 0;
}

/* Shows an entry's routes; false where the limit is reached. */
static bool put_entry(struct ctl_call *call, const struct rib_entry *e, struct route_cursor *at)
{
	const struct ctl_value *limit = ctl_arg(call, "limit"), *peer = ctl_arg(call, "peer");
	uint64_t max = limit->set ? limit->number : DEFAULT_LIMIT;

	for (const struct rib_route *r = e->routes; r != NULL; r = r->next) {
		if (!is_wanted(r, peer->set ? peer->text : NULL))
			continue;
		if (max != 0 && at->shown == max) {
			call->truncated = true;
			snprintf(call->hint, sizeof(call->hint),
				"there is more: add 'limit N', or 'limit 0' for all");
			return false;
		}
		put_route(call, e, r);
		at->shown++;
	}
	return true;
}

/* The one entry that was asked for: of exactly this prefix, or the longest that holds the address. */
static int show_one(struct ctl_call *call, const struct ptree *tree, const struct ctl_value *v)
{
	struct ptree_node *node = v->host ? ptree_match(tree, &v->addr) : ptree_find(tree, &v->prefix);
	struct route_cursor at = {0};

	if (node == NULL)
		return ctl_fail(call, "not-found", v->host ? "no route covers the address"
			: "show route PREFIX longer lists what lies inside; show route ADDRESS what covers",
			"no route for %s", v->text);
	put_entry(call, ptree_entry(node, struct rib_entry, node), &at);
	return 0;
}

static int show_many(struct ctl_call *call, const struct ptree *tree, const struct ctl_value *within)
{
	struct route_cursor *at = call->state;
	struct ptree_node *node;
	unsigned int looked = 0;

	if (at == NULL) {
		at = call->state = calloc(1, sizeof(*at));
		if (at == NULL)
			return ctl_fail(call, "no-memory", "", "out of memory");
	}
	if (!at->started)
		node = ptree_first_from(tree, within->set ? &within->prefix : NULL);
	else
		node = ptree_first_from(tree, &at->from);
	at->started = true;
	for (; node != NULL; node = ptree_next(tree, node)) {
		if (within->set && !ip_prefix_covers(&within->prefix, &node->prefix))
			break;
		if (ctl_slice_full(call) || looked++ == SLICE_ENTRIES) {
			at->from = node->prefix;
			return 1;
		}
		if (!put_entry(call, ptree_entry(node, struct rib_entry, node), at))
			break;
	}
	return 0;
}

int ctl_show_route(struct ctl_call *call)
{
	const struct ctl_value *prefix = ctl_arg(call, "prefix");
	const struct ctl_context *ctx = call->context;
	bool longer = ctl_arg(call, "longer")->set;
	const struct ctl_value *peer = ctl_arg(call, "peer");

	if (ctx->rib == NULL)
		return ctl_not_running(call, "the RIB");
	if (peer->set && (ctx->bgp == NULL || bgp_peer_by_name(ctx->bgp, peer->text) == NULL))
		return ctl_fail(call, "not-found", "show bgp summary lists the peers",
			"no peer has the name or address '%.64s'", peer->text);
	if (longer && !prefix->set)
		return ctl_fail(call, "incomplete", "show route PREFIX longer", "'longer' than what?");
	if (prefix->set && !longer)
		return show_one(call, rib_tree(ctx->rib), prefix);
	return show_many(call, rib_tree(ctx->rib), prefix);
}

/* --- FIB --- */

static const char *const kind_names[NH_KIND_MAX] = {
	[NH_NO_ROUTE] = "no-route",
	[NH_FORWARD] = "forward",
	[NH_PENDING] = "pending",
	[NH_GLEAN] = "connected",
	[NH_LOCAL] = "local",
	[NH_BLACKHOLE] = "blackhole",
	[NH_DISCARD] = "discard",
	[NH_ECMP] = "ecmp",
	[NH_NAT] = "nat",
};

static json_t *member_json(const struct nh *m, unsigned int buckets)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:f}", "kind", kind_names[m->kind], "next_hop",
		IP_ADDR_TEXT(&m->addr), "interface", ctl_port_name(m->port), "mac",
		m->kind == NH_FORWARD ? ctl_json_mac(&m->dst_mac) : json_null(), "share_percent",
		100.0 * buckets / NH_GROUP_BUCKETS);
}

/* The group's members, each with its share of the buckets. */
static json_t *members_json(const struct nh_table *t, const struct nh *group)
{
	uint32_t member[NH_GROUP_MEMBERS_MAX];
	unsigned int buckets[NH_GROUP_MEMBERS_MAX] = {0}, n = 0;
	json_t *list = json_array();

	for (unsigned int b = 0; b < NH_GROUP_BUCKETS; b++) {
		uint32_t index = t->buckets[group->group][b];
		unsigned int k = 0;

		while (k < n && member[k] != index)
			k++;
		if (k == n && n == NH_GROUP_MEMBERS_MAX)
			continue;
		if (k == n)
			member[n++] = index;
		buckets[k]++;
	}
	for (unsigned int k = 0; k < n; k++)
		json_array_append_new(list, member_json(&t->nh[member[k]], buckets[k]));
	return list;
}

/* The prefix that the lookup hit: the longest of the address's that is in the table. */
static bool find_prefix(const struct fib *fib, const struct ip_addr *addr, struct ip_prefix *ret_prefix)
{
	uint32_t nh;

	for (int len = (int)ip_family_bits(addr->family); len >= 0; len--) {
		struct ip_prefix p = {.addr = *addr, .len = (uint8_t)len};

		ip_prefix_canonicalise(&p);
		if (fib_get(fib, &p, &nh) == 0) {
			*ret_prefix = p;
			return true;
		}
	}
	return false;
}

int ctl_show_fib_lookup(struct ctl_call *call)
{
	const struct ip_addr *addr = &ctl_arg(call, "address")->addr;
	const struct ctl_context *ctx = call->context;
	struct ip_prefix prefix;
	const struct nh *nh;

	if (ctx->fib == NULL || ctx->nh == NULL)
		return ctl_not_running(call, "the FIB");
	nh = &ctx->nh->nh[fib_lookup(ctx->fib, addr)];
	ctl_row_begin(call);
	ctl_put_addr(call, "address", addr);
	if (find_prefix(ctx->fib, addr, &prefix))
		ctl_put_prefix(call, "prefix", &prefix);
	ctl_put_str(call, "kind", nh->kind < NH_KIND_MAX ? kind_names[nh->kind] : "?");
	ctl_put_json(call, "members", nh->kind == NH_ECMP ? members_json(ctx->nh, nh) : json_array());
	switch (nh->kind) {
	case NH_FORWARD:
		ctl_put_mac(call, "mac", &nh->dst_mac);
		/* fall through */
	case NH_PENDING:
		ctl_put_addr(call, "next_hop", &nh->addr);
		ctl_put_u64(call, "mtu", nh->mtu_bytes);
		/* fall through */
	case NH_GLEAN:
	case NH_LOCAL:
		ctl_put_str(call, "interface", ctl_port_name(nh->port));
		break;
	default:
		break;
	}
	return 0;
}

int ctl_show_fib_summary(struct ctl_call *call)
{
	const struct ctl_context *ctx = call->context;
	struct fib_stats f;

	if (ctx->fib == NULL)
		return ctl_not_running(call, "the FIB");
	fib_get_stats(ctx->fib, &f);
	ctl_row_begin(call);
	ctl_put_u64(call, "v4_routes", f.v4_routes);
	ctl_put_u64(call, "v4_bytes", f.v4_bytes);
	ctl_put_u64(call, "v6_routes", f.v6_routes);
	ctl_put_u64(call, "v6_bytes", f.v6_bytes);
	ctl_put_u64(call, "deferred", f.deferred);
	if (ctx->fibsync != NULL) {
		struct fibsync_stats s;

		fibsync_get_stats(ctx->fibsync, &s);
		ctl_put_u64(call, "failed", s.failed);
		ctl_put_u64(call, "unresolved", s.unresolved);
		ctl_put_u64(call, "paths", s.paths);
	}
	if (ctx->rib != NULL) {
		struct rib_counts r;

		rib_get_counts(ctx->rib, &r);
		ctl_put_u64(call, "rib_prefixes", r.prefixes);
		ctl_put_u64(call, "rib_routes", r.routes);
		ctl_put_u64(call, "rib_selected", r.selected);
		ctl_put_u64(call, "rib_bytes", r.bytes);
	}
	return 0;
}

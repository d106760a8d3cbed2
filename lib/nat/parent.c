/* SPDX-License-Identifier: BSD-3-Clause */
/* What sessions share and outlives them: how it counts and ends; inside addresses under a limit; joints.
 * Workers. */
#include <string.h>

#include "nat/session_priv.h"

/* A host with nothing left goes when its tokens are full again: they would be a new one's. */
#define HOST_IDLE_MS 1000
#define TOKEN 1000
#define RATE_MAX (UINT32_MAX / TOKEN)

const struct nat_ruleset *nat_rules_of(const struct nat_worker *w, const struct flow_cold *c)
{
	return ((c->flags ^ w->rules->version) & NAT_COLD_VERSION) == 0 ? w->rules : w->old;
}

/* --- use --- */

static void use_add(struct nat_use *u, uint8_t kind, bool created)
{
	if (kind == FLOW_BINDING) {
		if (++u->bindings > u->bindings_peak)
			u->bindings_peak = u->bindings;
		return;
	}
	if (++u->sessions > u->peak)
		u->peak = u->sessions;
	u->created += created;
}

static void use_take(struct nat_use *u, uint8_t kind)
{
	if (kind == FLOW_BINDING)
		u->bindings--;
	else
		u->sessions--;
}

static bool is_counted(const struct flow_cold *c)
{
	return c->rule != NAT_RULE_NONE && (c->kind != FLOW_HOST || (c->flags & NAT_COLD_JOINT) != 0);
}

void nat_use_begin(struct nat_worker *w, uint32_t record, uint16_t rule, uint8_t flags, bool created)
{
	struct flow_cold *c = &w->flows->cold[record];

	c->rule = rule;
	c->flags = (flags & ~NAT_COLD_VERSION) | (w->rules->version & NAT_COLD_VERSION);
	if (!is_counted(c))
		return;
	use_add(nat_use_rule(w, w->rules, rule), c->kind, created);
	if (flags & NAT_COLD_POOL)
		use_add(nat_use_pool(w, w->rules, w->rules->rules[rule].pool), c->kind, created);
}

void nat_use_end(struct nat_worker *w, uint32_t record)
{
	const struct flow_cold *c = &w->flows->cold[record];
	const struct nat_ruleset *r;

	if (!is_counted(c))
		return;
	r = nat_rules_of(w, c);
	use_take(nat_use_rule(w, r, c->rule), c->kind);
	if (c->flags & NAT_COLD_POOL)
		use_take(nat_use_pool(w, r, r->rules[c->rule].pool), c->kind);
}

/* --- keys --- */

/* FNV-1a, for a name in 16 bits. */
static rte_be16_t tag_of(const char *name, uint32_t salt)
{
	uint32_t h = 2166136261u ^ salt;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return (rte_be16_t)(h ^ h >> 16);
}

rte_be16_t nat_pool_tag(const struct nat_pool *pool)
{
	return tag_of(pool->name, 0);
}

/* Rules of one pool with endpoint-independent mapping share bindings, so their hosts are one too. */
static rte_be16_t host_tag(const struct nat_ruleset *r, const struct nat_rule *rule)
{
	return rule->mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT ? nat_pool_tag(&r->pools[rule->pool])
								: tag_of(rule->name, 1);
}

uint32_t nat_parent_make(struct nat_worker *w, enum flow_kind kind, const struct flow_tuple *original,
	const struct flow_tuple *reply, uint32_t reply_hash)
{
	uint32_t rec = flow_alloc(w->flows, kind);
	struct flow_record *r;

	if (rec == FLOW_NONE)
		return FLOW_NONE;
	r = &w->flows->records[rec];
	flow_side_set_tuple(&r->side[FLOW_ORIGINAL], original);
	flow_side_set_tuple(&r->side[FLOW_REPLY], reply);
	r->side[FLOW_ORIGINAL].seen_ms = r->side[FLOW_REPLY].seen_ms = w->now_ms;
	if (flow_insert(w->flows, rec, flow_hash(w->flows, original), reply_hash) < 0) {
		flow_remove(w->flows, rec);
		return FLOW_NONE;
	}
	return rec;
}

void nat_parent_ref(struct nat_worker *w, uint32_t parent)
{
	if (parent != FLOW_NONE)
		++*nat_parent_refs(w->flows, parent);
}

static void unref(struct nat_worker *w, uint32_t parent)
{
	if (parent != FLOW_NONE && --*nat_parent_refs(w->flows, parent) == 0)
		nat_parent_unused(w, parent);
}

/* --- hosts --- */

static uint32_t host_find(struct nat_worker *w, uint16_t rule, const struct flow_tuple *tuple)
{
	const struct nat_rule *limits = &w->rules->rules[rule];
	struct flow_tuple key = {.src = tuple->src, .dst = nat_no_address(tuple->src.family),
		.sport = host_tag(w->rules, limits)};
	uint32_t at = flow_find(w->flows, &key), host;

	if (at != FLOW_NONE) {
		struct flow_cold *c = &w->flows->cold[at >> 1];

		c->rule = rule;
		c->flags = (c->flags & ~NAT_COLD_VERSION) | (w->rules->version & NAT_COLD_VERSION);
		return at >> 1;
	}
	host = nat_parent_make(w, FLOW_HOST, &key, &key, 0);
	if (host == FLOW_NONE)
		return FLOW_NONE;
	nat_use_begin(w, host, rule, 0, false);
	*nat_parent_tokens(w->flows, host) = RTE_MIN(limits->rate, RATE_MAX) * TOKEN;
	flow_timer_arm(w->flows, host, w->now_ms + HOST_IDLE_MS);
	return host;
}

static bool host_take_token(struct nat_worker *w, uint32_t host, uint32_t rate)
{
	uint32_t *seen_ms = &w->flows->records[host].side[FLOW_ORIGINAL].seen_ms;
	uint32_t *tokens = nat_parent_tokens(w->flows, host);
	uint64_t most, have;

	rate = RTE_MIN(rate, RATE_MAX);
	most = (uint64_t)rate * TOKEN;
	have = *tokens + (uint64_t)(w->now_ms - *seen_ms) * rate; /* TOKEN of them a session, per ms */
	have = RTE_MIN(have, most);
	*seen_ms = w->now_ms;
	*tokens = (uint32_t)(have < TOKEN ? have : have - TOKEN);
	return have >= TOKEN;
}

uint8_t nat_host_get(struct nat_worker *w, uint16_t rule, const struct flow_tuple *tuple,
	uint32_t *ret_host)
{
	const struct nat_rule *limits = &w->rules->rules[rule];

	*ret_host = FLOW_NONE;
	if (limits->max_sessions == 0 && limits->rate == 0)
		return DROP_NONE;
	*ret_host = host_find(w, rule, tuple);
	if (*ret_host == FLOW_NONE)
		return DROP_FLOW_FULL;
	if (limits->max_sessions != 0 &&
		*nat_parent_sessions(w->flows, *ret_host) >= limits->max_sessions) {
		nat_use_rule(w, w->rules, rule)->limited++;
		return DROP_NAT_LIMIT;
	}
	if (limits->rate != 0 && !host_take_token(w, *ret_host, limits->rate)) {
		nat_use_rule(w, w->rules, rule)->limited++;
		return DROP_NAT_RATE;
	}
	return DROP_NONE;
}

/* --- joints --- */

uint32_t nat_joint_new(struct nat_worker *w, uint16_t rule, uint32_t source, uint32_t destination)
{
	uint32_t joint = flow_alloc(w->flows, FLOW_HOST);

	if (joint == FLOW_NONE)
		return FLOW_NONE;
	nat_use_begin(w, joint, rule, NAT_COLD_JOINT | NAT_COLD_POOL, true);
	w->flows->cold[joint].parent = source;
	*nat_joint_other(w->flows, joint) = destination;
	nat_parent_ref(w, source);
	nat_parent_ref(w, destination);
	return joint;
}

/* --- sessions come and go --- */

static void count_up(struct nat_worker *w, uint32_t parent)
{
	for (; parent != FLOW_NONE; parent = w->flows->cold[parent].parent) {
		++*nat_parent_sessions(w->flows, parent);
		if (w->flows->cold[parent].flags & NAT_COLD_JOINT)
			count_up(w, *nat_joint_other(w->flows, parent));
	}
}

static void count_down(struct nat_worker *w, uint32_t parent, uint32_t seen_ms)
{
	for (; parent != FLOW_NONE; parent = w->flows->cold[parent].parent) {
		struct flow_side *s = w->flows->records[parent].side;
		const struct flow_cold *c = &w->flows->cold[parent];

		--*nat_parent_sessions(w->flows, parent);
		/* By their ages: the last session before may have ended more than half the clock's
		 * round ago. */
		if (c->kind == FLOW_BINDING && w->now_ms - seen_ms < w->now_ms - s->seen_ms)
			s[FLOW_ORIGINAL].seen_ms = s[FLOW_REPLY].seen_ms = seen_ms;
		if (c->flags & NAT_COLD_JOINT)
			count_down(w, *nat_joint_other(w->flows, parent), seen_ms);
	}
}

void nat_parent_join(struct nat_worker *w, uint32_t parent)
{
	nat_parent_ref(w, parent);
	count_up(w, parent);
}

void nat_parent_leave(struct nat_worker *w, uint32_t parent, uint32_t seen_ms)
{
	count_down(w, parent, seen_ms);
	unref(w, parent);
}

void nat_parent_end(struct nat_worker *w, uint32_t record)
{
	struct flow_cold *c = &w->flows->cold[record];
	uint32_t parent = c->parent, other = FLOW_NONE;

	if (*nat_parent_refs(w->flows, record) > 0) {
		nat_use_end(w, record);
		nat_use_begin(w, record, NAT_RULE_NONE, c->flags | NAT_COLD_DEAD, false);
		return;
	}
	if (c->flags & NAT_COLD_JOINT)
		other = *nat_joint_other(w->flows, record);
	if (c->kind == FLOW_BINDING) {
		struct flow_tuple outside;

		flow_side_get_tuple(&w->flows->records[record].side[FLOW_REPLY], &outside);
		nat_alloc_freed(w, &outside);
	}
	nat_use_end(w, record);
	flow_remove(w->flows, record);
	unref(w, parent);
	unref(w, other);
}

void nat_parent_unused(struct nat_worker *w, uint32_t record)
{
	const struct flow_cold *c = &w->flows->cold[record];

	if (c->flags & (NAT_COLD_JOINT | NAT_COLD_PEER) ||
		(c->kind == FLOW_BINDING && c->flags & NAT_COLD_DEAD))
		nat_parent_end(w, record);
	else if (c->kind == FLOW_HOST)
		flow_timer_arm(w->flows, record, w->now_ms + HOST_IDLE_MS);
	else
		flow_timer_arm(w->flows, record,
			flow_deadline_ms(&w->rules->timeouts, &w->flows->records[record]));
}

/* A parent's timer wakes also while it is in use: then it is armed again by who leaves last. */
void nat_parent_due(struct nat_worker *w, uint32_t record)
{
	struct flow_side *s = w->flows->records[record].side;
	struct flow_cold *c = &w->flows->cold[record];
	uint32_t deadline_ms, idle_ms = w->now_ms - s[FLOW_ORIGINAL].seen_ms;

	if (*nat_parent_refs(w->flows, record) > 0)
		return;
	if (c->kind == FLOW_HOST) /* by its age: it may have begun more than half the clock's round ago */
		deadline_ms = w->now_ms + HOST_IDLE_MS - RTE_MIN(idle_ms, (uint32_t)HOST_IDLE_MS);
	else if (c->flags & NAT_COLD_HELD)
		deadline_ms = s[FLOW_REPLY].seen_ms + NAT_PORT_HOLD_MS;
	else
		deadline_ms = flow_deadline_ms(&w->rules->timeouts, &w->flows->records[record]);
	if ((int32_t)(deadline_ms - w->now_ms) <= 0) {
		if (c->kind == FLOW_HOST || c->flags & NAT_COLD_HELD ||
			s[FLOW_ORIGINAL].proto == IPPROTO_TCP) {
			nat_parent_end(w, record);
			return;
		}
		c->flags |= NAT_COLD_HELD;
		s[FLOW_REPLY].seen_ms = w->now_ms;
		deadline_ms = w->now_ms + NAT_PORT_HOLD_MS;
	}
	flow_timer_arm(w->flows, record, deadline_ms);
}

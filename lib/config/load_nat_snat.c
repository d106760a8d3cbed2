/* SPDX-License-Identifier: BSD-3-Clause */
/* nat.snat: whose source is translated, and from which pool. */
#include "load_nat_priv.h"

static const char *const mapping_names[] = {
	[CONFIG_NAT_ENDPOINT_DEPENDENT] = "endpoint-dependent",
	[CONFIG_NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

static const char *const filtering_names[] = {
	[CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[CONFIG_NAT_FILTER_ADDRESS] = "address",
	[CONFIG_NAT_FILTER_ADDRESS_PORT] = "address-and-port",
	NULL,
};

static const char *const selection_names[] = {
	[CONFIG_NAT_PORTS_PRESERVE] = "preserve",
	[CONFIG_NAT_PORTS_RANDOM] = "random",
	NULL,
};

static_assert(sizeof(enum config_nat_mapping) == sizeof(unsigned int) &&
	sizeof(enum config_nat_filtering) == sizeof(unsigned int) &&
	sizeof(enum config_nat_ports) == sizeof(unsigned int), "KEY_ENUM stores an unsigned int");

static int load_snat_destination(struct loader *l, const struct yaml_node *node, void *match)
{
	return refuse_any(l, node) < 0 ? -1 : load_match_destination(l, node, match);
}

#define FIELD(f) offsetof(struct config_snat, f)
static const struct key snat_keys[] = {
	{"name", KEY_NAME, .required = true, .offset = FIELD(name), .max = CONFIG_NAME_LEN},
	{"ingress", KEY_CUSTOM, .offset = FIELD(match), .load = load_match_ingress},
	{"source", KEY_CUSTOM, .offset = FIELD(match), .load = load_match_source},
	{"destination", KEY_CUSTOM, .offset = FIELD(match), .load = load_snat_destination},
	{"protocols", KEY_CUSTOM, .offset = FIELD(match), .load = load_match_protocols},
	{"exempt", KEY_BOOL, .offset = FIELD(exempt)},
	{"pool", KEY_CUSTOM, .offset = FIELD(pool), .load = load_pool_name},
	{"mapping", KEY_ENUM, .offset = FIELD(mapping), .names = mapping_names},
	{"filtering", KEY_ENUM, .offset = FIELD(filtering), .names = filtering_names},
	{"port_selection", KEY_ENUM, .offset = FIELD(port_selection), .names = selection_names},
	{"max_sessions", KEY_U32, .offset = FIELD(max_sessions), .min = 1, .max = CONFIG_MAX_SESSIONS},
	{"new_sessions_per_second", KEY_U32, .offset = FIELD(rate), .min = 1, .max = 10000000},
};
#undef FIELD

/* Which families a list of prefixes has, as bits; an empty one has both. */
static unsigned int families(const struct ip_prefix *list, size_t n)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= 1u << list[i].addr.family;
	return n > 0 ? bits : 1u << IP_V4 | 1u << IP_V6;
}

static int check_exempt(struct loader *l, const struct yaml_node *node, const struct config_snat *s)
{
	static const char *const others[] = {"pool", "mapping", "filtering", "port_selection",
		"max_sessions", "new_sessions_per_second"};
	const struct config_nat_match *m = &s->match;

	for (size_t i = 0; i < RTE_DIM(others); i++) {
		const struct yaml_node *v = yaml_get(node, others[i]);

		if (v == NULL)
			continue;
		load_fail(l, v->key, "'%s' beside 'exempt: true'", others[i]);
		return load_hint(l, "what is exempt is not translated: delete one of the two");
	}
	if ((families(m->source, m->n_source) & families(m->destination, m->n_destination)) == 0) {
		load_fail(l, yaml_get(node, "destination"), "source and destination have no family in common");
		return load_hint(l, "no packet is of IPv4 and IPv6: this rule would match nothing");
	}
	return 0;
}

static int check_translation(struct loader *l, const struct yaml_node *node, const struct config_snat *s)
{
	const struct yaml_node *exempt = yaml_get(node, "exempt"), *pool = yaml_get(node, "pool");
	const struct yaml_node *filtering = yaml_get(node, "filtering");
	bool independent = s->mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT;
	const struct config_nat_pool *p;

	if (pool == NULL) {
		load_fail(l, exempt != NULL ? exempt : yaml_get(node, "name"),
			"rule '%s' has no pool", s->name);
		return load_hint(l, "add 'pool: NAME', or 'exempt: true' for what is not translated");
	}
	p = &l->c->nat.pools[s->pool];
	if (check_match_family(l, yaml_get(node, "source"), p->addresses[0].family, "the pool") < 0 ||
		check_match_family(l, yaml_get(node, "destination"), p->addresses[0].family,
			"the pool") < 0)
		return -1;
	if (filtering != NULL && !independent) {
		load_fail(l, filtering->key, "'filtering' without endpoint-independent mapping");
		return load_hint(l, "without a binding only the answers of whom was sent to come in: "
			"add 'mapping: endpoint-independent', or delete this");
	}
	/* nat_owner() knows a binding's flows by their inside address. */
	if (independent && s->match.n_source == 0 && l->c->system.workers > 1) {
		load_fail(l, yaml_get(node, "mapping"),
			"endpoint-independent mapping with %u workers needs 'source'",
			l->c->system.workers);
		return load_hint(l, "workers share flows out by the inside address: say which are inside");
	}
	return use_pool(l, pool, s->pool, s->name, independent);
}

int load_snat(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat *nat = object;

	if (load_list(l, node, "rules", CONFIG_NAT_RULES_MAX) < 0)
		return -1;
	nat->snat = load_array(l, node, sizeof(*nat->snat));
	if (nat->snat == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		struct config_snat *s = &nat->snat[nat->n_snat++];

		if (load_mapping(l, v, snat_keys, RTE_DIM(snat_keys), s) < 0 ||
			check_rule_name(l, v, s->name) < 0 ||
			(s->exempt ? check_exempt(l, v, s) : check_translation(l, v, s)) < 0)
			return -1;
		warn_shadowed_snat(l, v);
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the configuration, which is checked, to the rules that workers read. Control thread; a ruleset
 * is built apart and published as a whole.
 */
#include "nat/rules.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fib/mix.h"
#include "rules_priv.h"

static_assert(NAT_TCP == (int)CONFIG_TCP && NAT_UDP == (int)CONFIG_UDP &&
	NAT_ICMP == (int)CONFIG_ICMP && NAT_OTHER == (int)CONFIG_OTHER, "protocol bits are copied");

/* NULL for want of memory; else a copy that is not NULL even where n is 0. */
static void *copy_list(const void *list, size_t n, size_t item_bytes)
{
	void *copy = calloc(n > 0 ? n : 1, item_bytes);

	if (copy != NULL && n > 0)
		memcpy(copy, list, n * item_bytes);
	return copy;
}

static uint32_t share(uint32_t limit, unsigned int workers)
{
	return (uint32_t)(((uint64_t)limit + workers - 1) / workers);
}

static uint64_t backend_hash(const struct nat_backend *b)
{
	uint64_t w[2];

	memcpy(w, b->addr.bytes, sizeof(w));
	return mix64(mix64(mix64(w[0] + b->addr.family) + w[1]) + b->port);
}

/* Rendezvous hashing, as a next-hop group's (fib/nh.c): a backend's claim on a bucket depends on
 * nothing but the two, so that one that leaves or comes moves only its own buckets. */
static void fill_buckets(struct nat_rule *rule)
{
	uint64_t hash[NAT_BACKEND_BUCKETS];

	assert(rule->n_backends >= 1 && rule->n_backends <= NAT_BACKEND_BUCKETS);
	for (unsigned int i = 0; i < rule->n_backends; i++)
		hash[i] = backend_hash(&rule->backends[i]);
	for (unsigned int b = 0; b < NAT_BACKEND_BUCKETS; b++) {
		uint64_t best = 0;

		for (unsigned int i = 0; i < rule->n_backends; i++) {
			uint64_t h = mix64(hash[i] ^ mix64(b + 1));

			if (i > 0 && h <= best)
				continue;
			best = h;
			rule->buckets[b] = (uint8_t)i;
		}
	}
}

static int copy_match(struct nat_rule *rule, const struct config_nat_match *m, const uint16_t *port_ids)
{
	rule->protos = m->protocols != 0 ? m->protocols : NAT_PROTO_ANY;
	rule->ports = m->ports == 0 ? UINT32_MAX : 0;
	for (unsigned int i = 0; i < NAT_PORTS_MAX; i++)
		if ((m->ports & 1u << i) != 0)
			rule->ports |= 1u << port_ids[i];
	rule->source.list = copy_list(m->source, m->n_source, sizeof(*m->source));
	rule->source.n = (unsigned int)m->n_source;
	rule->destination.list = copy_list(m->destination, m->n_destination, sizeof(*m->destination));
	rule->destination.n = (unsigned int)m->n_destination;
	return rule->source.list == NULL || rule->destination.list == NULL ? -ENOMEM : 0;
}

static int add_snat(struct nat_ruleset *r, const struct config_snat *s, const uint16_t *port_ids)
{
	struct nat_rule *rule = &r->rules[r->n_rules++];

	*rule = (struct nat_rule){
		.exempt = s->exempt,
		.pool = s->exempt ? NAT_POOL_NONE : (uint16_t)s->pool,
		.mapping = s->mapping,
		.filtering = s->filtering,
		.selection = s->port_selection,
		.max_sessions = share(s->max_sessions, r->workers),
		.rate = share(s->rate, r->workers),
		.all_max_sessions = s->max_sessions,
		.all_rate = s->rate,
	};
	memcpy(rule->name, s->name, sizeof(rule->name));
	r->n_snat++;
	if (!s->exempt && s->mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT)
		r->pools[s->pool].endpoint_independent = true;
	return copy_match(rule, &s->match, port_ids);
}

static int add_dnat(struct nat_ruleset *r, const struct config_dnat *d, const uint16_t *port_ids)
{
	struct nat_rule *rule = &r->rules[r->n_rules++];

	*rule = (struct nat_rule){
		.dnat = true,
		.pool = d->has_snat ? (uint16_t)d->snat_pool : NAT_POOL_NONE,
		.port_first = d->port_first,
		.port_last = d->port_last,
		.snat_hairpin_only = d->snat_hairpin_only,
		.by_source = d->by_source,
		.backends = calloc(d->n_to, sizeof(*rule->backends)),
		.n_backends = (unsigned int)d->n_to,
	};
	memcpy(rule->name, d->name, sizeof(rule->name));
	if (rule->backends == NULL || copy_match(rule, &d->match, port_ids) < 0)
		return -ENOMEM;
	assert(rule->destination.n == 1);
	if (rule->port_first != 0)
		rule->protos &= NAT_TCP | NAT_UDP;
	for (unsigned int i = 0; i < rule->n_backends; i++)
		rule->backends[i] = (struct nat_backend){d->to[i].addr, d->to[i].port};
	fill_buckets(rule);
	return 0;
}

static int add_pools_and_rules(struct nat_ruleset *r, const struct config_nat *c,
	const uint16_t *port_ids)
{
	r->pools = calloc(c->n_pools > 0 ? c->n_pools : 1, sizeof(*r->pools));
	r->rules = calloc(c->n_snat + c->n_dnat + 1, sizeof(*r->rules));
	if (r->pools == NULL || r->rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_pools; i++) {
		const struct config_nat_pool *from = &c->pools[i];
		struct nat_pool *pool = &r->pools[r->n_pools++];

		memcpy(pool->name, from->name, sizeof(pool->name));
		pool->addresses = copy_list(from->addresses, from->n_addresses,
			sizeof(*from->addresses));
		pool->n_addresses = (unsigned int)from->n_addresses;
		pool->port_first = from->port_first;
		pool->port_last = from->port_last;
		if (pool->addresses == NULL)
			return -ENOMEM;
	}
	for (size_t i = 0; i < c->n_snat; i++)
		if (add_snat(r, &c->snat[i], port_ids) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < c->n_dnat; i++)
		if (add_dnat(r, &c->dnat[i], port_ids) < 0)
			return -ENOMEM;
	return 0;
}

/* --- the whole --- */

/*
 * Where packets come in that rules or tracking may want. Answers to DNAT without SNAT come from the
 * backend's own address by whatever port, so that then all ports are watched; and so they are where
 * one is stateful, for the answers.
 */
static void find_flow_ports(struct nat_ruleset *r, const struct config *c, const uint16_t *port_ids)
{
	uint32_t all = 0;
	bool watch_all;

	for (size_t i = 0; i < c->n_ports; i++) {
		all |= 1u << port_ids[i];
		if (c->ports[i].stateful)
			r->stateful_ports |= 1u << port_ids[i];
	}
	watch_all = r->stateful_ports != 0;
	for (unsigned int i = 0; i < r->n_rules; i++) {
		const struct nat_rule *rule = &r->rules[i];

		if (rule->dnat)
			watch_all |= rule->pool == NAT_POOL_NONE || rule->snat_hairpin_only;
		else if (!rule->exempt)
			r->flow_ports |= rule->ports & all;
	}
	if (watch_all)
		r->flow_ports = all;
}

static void copy_flows(struct nat_ruleset *r, const struct config_flows *f)
{
	r->timeouts = (struct flow_timeouts){
		.tcp_opening_ms = f->tcp_opening_s * 1000,
		.tcp_established_ms = f->tcp_established_s * 1000,
		.tcp_closing_ms = f->tcp_closing_s * 1000,
		.tcp_reset_ms = f->tcp_reset_s * 1000,
		.udp_ms = f->udp_s * 1000,
		.udp_new_ms = f->udp_new_s * 1000,
		.icmp_ms = f->icmp_s * 1000,
		.other_ms = f->other_s * 1000,
	};
	r->adopt_midflow = f->adopt_midflow;
	r->tcp_window = f->tcp_window;
	r->inbound_refreshes = f->inbound_refreshes;
	r->suppress_icmp = f->suppress_icmp;
}

static int copy_port_names(struct nat_ruleset *r, const struct config *c, const uint16_t *port_ids)
{
	r->port_names = calloc(NAT_PORTS_MAX, sizeof(*r->port_names));
	if (r->port_names == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_ports; i++)
		memcpy(r->port_names[port_ids[i]], c->ports[i].name, CONFIG_NAME_LEN);
	return 0;
}

struct nat_ruleset *nat_ruleset_new(const struct config *c, const uint16_t *port_ids,
	unsigned int workers, uint32_t version, char *err, size_t err_len)
{
	struct nat_ruleset *r;
	size_t use_bytes;

	assert(workers >= 1);
	for (size_t i = 0; i < c->n_ports; i++)
		if (port_ids[i] >= NAT_PORTS_MAX) {
			snprintf(err, err_len, "port '%s' is DPDK's number %u; rules know those below %u",
				c->ports[i].name, port_ids[i], NAT_PORTS_MAX);
			errno = EINVAL;
			return NULL;
		}
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		goto no_memory;
	r->version = version;
	r->workers = workers;
	copy_flows(r, &c->flows);
	if (copy_port_names(r, c, port_ids) < 0 || add_pools_and_rules(r, &c->nat, port_ids) < 0 ||
		nat_matcher_build(r) < 0 || nat_address_set_build(r) < 0)
		goto no_memory;
	find_flow_ports(r, c, port_ids);
	use_bytes = ((size_t)workers * nat_use_stride(r) + 8) * sizeof(*r->use);
	r->use = aligned_alloc(64, use_bytes);
	if (r->use == NULL)
		goto no_memory;
	memset(r->use, 0, use_bytes);
	return r;

no_memory:
	nat_ruleset_free(r);
	snprintf(err, err_len, "out of memory for the rules");
	errno = ENOMEM;
	return NULL;
}

void nat_ruleset_free(struct nat_ruleset *r)
{
	if (r == NULL)
		return;
	for (unsigned int i = 0; i < r->n_rules; i++) {
		free(r->rules[i].source.list);
		free(r->rules[i].destination.list);
		free(r->rules[i].backends);
	}
	for (unsigned int i = 0; i < r->n_pools; i++)
		free(r->pools[i].addresses);
	nat_matcher_free(r->matcher);
	nat_address_set_free(r->addresses);
	free(r->port_names);
	free(r->rules);
	free(r->pools);
	free(r->use);
	free(r);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* nat.dnat: which destinations are translated, and to what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "load_nat_priv.h"

static const char *const balance_names[] = {"flow", "source", NULL};
static const char *const when_names[] = {"always", "hairpin", NULL};

/* Enumerations in the file, bools in the struct; what `to` says, before it is held against the rest. */
struct draft {
	struct config_dnat d;
	unsigned int balance, when;
	uint8_t to_len; /* of a prefix; 0: addresses */
};

/* --- to --- */

/* "10.1.0.10:8443" or "[fd00::10]:8443" in two. false: neither. */
static bool split_port(const char *text, struct ip_addr *ret_addr, uint16_t *ret_port)
{
	char addr[IP_ADDR_STRLEN];
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[';
	uint64_t port;
	size_t len;

	if (colon == NULL || (brackets && (colon == text || colon[-1] != ']')))
		return false;
	len = (size_t)(colon - text) - (brackets ? 2 : 0);
	if (len >= sizeof(addr) || scalar_parse_u64(colon + 1, 1, UINT16_MAX, &port) < 0)
		return false;
	memcpy(addr, text + (brackets ? 1 : 0), len);
	addr[len] = '\0';
	*ret_port = (uint16_t)port;
	return ip_addr_parse(addr, ret_addr) == 0 && brackets == (ret_addr->family == IP_V6);
}

static int add_backend(struct loader *l, const struct yaml_node *node, struct draft *d,
	const struct config_nat_backend *b)
{
	const struct config_port *own = port_owning(l->c, &b->addr);

	if (load_unicast(l, node, &b->addr) < 0)
		return -1;
	if (own != NULL) {
		load_fail(l, node, "%s is the own address of port '%s'", IP_ADDR_TEXT(&b->addr), own->name);
		return load_hint(l, "translate to another host: what is for nvad itself needs no rule");
	}
	for (size_t i = 0; i < d->d.n_to; i++)
		if (ip_addr_equal(&d->d.to[i].addr, &b->addr) && d->d.to[i].port == b->port) {
			load_fail(l, node, "duplicate backend %s", node->text);
			return load_hint(l, "list each once: backends get equal shares");
		}
	d->d.to[d->d.n_to++] = *b;
	return 0;
}

static int load_backend(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat_backend b = {0};
	struct draft *d = object;
	struct ip_prefix prefix;

	if (load_want_scalar(l, node, "10.1.0.10:8443") < 0)
		return -1;
	if (strchr(node->text, '/') != NULL) {
		if (load_prefix(l, node, &prefix) < 0)
			return -1;
		b.addr = prefix.addr;
		if (prefix.len != ip_family_bits(prefix.addr.family))
			d->to_len = prefix.len;
	} else if (ip_addr_parse(node->text, &b.addr) < 0 && !split_port(node->text, &b.addr, &b.port)) {
		load_fail(l, node, "'%.64s' is no destination to translate to", node->text);
		return load_hint(l, "as in 10.1.0.10, 10.1.0.10:8443, fd00::10 or \"[fd00::10]:8443\"");
	}
	if (d->d.n_to > 0 && d->to_len != 0) {
		load_fail(l, node, "a prefix beside another destination");
		return load_hint(l, "a prefix is translated 1:1 to one prefix");
	}
	return add_backend(l, node, d, &b);
}

static int load_to(struct loader *l, const struct yaml_node *node, void *object)
{
	struct draft *d = object;

	d->d.to = load_array(l, node, sizeof(*d->d.to));
	if (d->d.to == NULL)
		return -1;
	return load_one_or_list(l, node, "backends", CONFIG_NAT_SPAN_MAX, load_backend, d);
}

static int load_dnat_destination(struct loader *l, const struct yaml_node *node, void *object)
{
	struct draft *d = object;

	if (load_want_scalar(l, node, "10.0.2.4") < 0)
		return -1;
	return load_match_destination(l, node, &d->d.match);
}

static int load_destination_ports(struct loader *l, const struct yaml_node *node, void *object)
{
	struct draft *d = object;

	return load_port_range(l, node, &d->d.port_first, &d->d.port_last);
}

#define FIELD(f) offsetof(struct draft, f)
static const struct key dnat_keys[] = {
	{"name", KEY_NAME, .required = true, .offset = FIELD(d.name), .max = CONFIG_NAME_LEN},
	{"ingress", KEY_CUSTOM, .offset = FIELD(d.match), .load = load_match_ingress},
	{"source", KEY_CUSTOM, .offset = FIELD(d.match), .load = load_match_source},
	{"destination", KEY_CUSTOM, .required = true, .load = load_dnat_destination},
	{"destination_ports", KEY_CUSTOM, .load = load_destination_ports},
	{"protocols", KEY_CUSTOM, .offset = FIELD(d.match), .load = load_match_protocols},
	{"to", KEY_CUSTOM, .required = true, .load = load_to},
	{"balance", KEY_ENUM, .offset = FIELD(balance), .names = balance_names},
	{"snat", KEY_CUSTOM, .offset = FIELD(d.snat_pool), .load = load_pool_name},
	{"snat_when", KEY_ENUM, .offset = FIELD(when), .names = when_names},
};
#undef FIELD

/* --- the rule as a whole --- */

/* The item of `to` that became backend i. */
static const struct yaml_node *to_item(const struct yaml_node *rule, size_t i)
{
	const struct yaml_node *to = yaml_get(rule, "to"), *v = to;

	if (to->type == YAML_SCALAR)
		return to;
	for (v = to->first; i > 0; i--)
		v = v->next;
	return v;
}

/* fd00::10:80 is an address like others, and hardly meant beside destination_ports. */
static void warn_bare_v6(struct loader *l, const struct yaml_node *at, const struct config_dnat *dnat)
{
	const char *colon = strrchr(at->text, ':');
	uint64_t port;

	if (colon == NULL || colon == at->text || colon[-1] == ':' ||
		scalar_parse_u64(colon + 1, 1, UINT16_MAX, &port) < 0)
		return;
	if (port != dnat->port_first && port < 100)
		return;
	load_warn(l, at, "%s is an address, without a port", at->text);
	load_hint(l, "for port %s write \"[%.*s]:%s\"", colon + 1, (int)(colon - at->text), at->text,
		colon + 1);
}

static int check_ports(struct loader *l, const struct yaml_node *rule, struct draft *d)
{
	const struct yaml_node *protocols = yaml_get(rule, "protocols");
	struct config_dnat *dnat = &d->d;

	for (size_t i = 0; i < dnat->n_to; i++) {
		unsigned int n = dnat->port_last - dnat->port_first;

		if (dnat->to[i].port == 0 && dnat->port_first != 0 && dnat->to[i].addr.family == IP_V6)
			warn_bare_v6(l, to_item(rule, i), dnat);
		if (dnat->to[i].port == 0)
			continue;
		if (dnat->port_first == 0) {
			load_fail(l, to_item(rule, i), "a port to translate to, and none to translate");
			return load_hint(l, "add 'destination_ports: %u'", dnat->to[i].port);
		}
		if (dnat->to[i].port + n > UINT16_MAX) {
			load_fail(l, to_item(rule, i), "%u ports from %u on end beyond 65535", n + 1,
				dnat->to[i].port);
			return load_hint(l, "the range %u-%u is shifted to begin at this port",
				dnat->port_first, dnat->port_last);
		}
	}
	if (dnat->port_first == 0)
		return 0;
	if (dnat->match.protocols == 0)
		dnat->match.protocols = CONFIG_TCP | CONFIG_UDP;
	if ((dnat->match.protocols & (CONFIG_ICMP | CONFIG_OTHER)) == 0)
		return 0;
	load_fail(l, protocols, "only tcp and udp have ports");
	return load_hint(l, "take 'icmp' and 'other' out, or make another rule without "
		"'destination_ports' for them");
}

static int check_destination(struct loader *l, const struct yaml_node *rule, const struct draft *d)
{
	const struct yaml_node *at = yaml_get(rule, "destination");
	const struct ip_prefix *p = &d->d.match.destination[0];
	unsigned int bits = ip_family_bits(p->addr.family);

	if (check_match_family(l, yaml_get(rule, "source"), p->addr.family, at->text) < 0)
		return -1;
	if (bits - p->len > 8) {
		load_fail(l, at, "%s has more than %u addresses", at->text, CONFIG_NAT_SPAN_MAX);
		return load_hint(l, "at least /%u", bits - 8);
	}
	if ((d->to_len != 0 ? d->to_len : bits) != p->len) {
		load_fail(l, yaml_get(rule, "to"), "%s is translated to what is not of its length", at->text);
		return load_hint(l, p->len == bits ? "an address is translated to addresses"
			: "a prefix is translated 1:1 to one prefix of the same length, as in 10.1.0.0/%u",
			p->len);
	}
	for (unsigned int i = 0; i < 1u << (bits - p->len); i++) {
		struct ip_addr a = p->addr;

		a.bytes[bits / 8 - 1] |= (uint8_t)i;
		if (check_outside_address(l, at, &a) < 0)
			return -1;
	}
	return 0;
}

static int check_backends(struct loader *l, const struct yaml_node *rule, const struct draft *d)
{
	const struct ip_prefix *p = &d->d.match.destination[0];
	const char *destination = yaml_get(rule, "destination")->text;

	for (size_t i = 0; i < d->d.n_to; i++) {
		const struct yaml_node *at = to_item(rule, i);

		if (d->d.to[i].addr.family != p->addr.family) {
			load_fail(l, at, "%s and %s are of different families", at->text, destination);
			return load_hint(l, "IPv4 is not translated to IPv6, nor back");
		}
		if (ip_prefix_contains(p, &d->d.to[i].addr)) {
			load_fail(l, at, "%s is translated to itself", destination);
			return load_hint(l, "'to' is the host behind: an address of its own");
		}
	}
	return 0;
}

static int check_snat(struct loader *l, const struct yaml_node *rule, const struct config_dnat *d)
{
	const struct yaml_node *snat = yaml_get(rule, "snat"), *when = yaml_get(rule, "snat_when");

	if (snat == NULL) {
		if (when == NULL)
			return 0;
		load_fail(l, when->key, "'snat_when' without 'snat'");
		return load_hint(l, "add 'snat: POOL', or delete it");
	}
	if (l->c->nat.pools[d->snat_pool].addresses[0].family != d->match.destination[0].addr.family) {
		load_fail(l, snat, "the pool and %s are of different families",
			yaml_get(rule, "destination")->text);
		return load_hint(l, "IPv4 and IPv6 are translated by rules and pools of their own");
	}
	return use_pool(l, snat, d->snat_pool, d->name, false);
}

static int load_rule(struct loader *l, const struct yaml_node *node, struct config_dnat *dnat)
{
	struct draft d = {.to_len = 0};
	int ret = load_mapping(l, node, dnat_keys, RTE_DIM(dnat_keys), &d);

	/* What was read so far is the configuration's to free, whatever comes. */
	*dnat = d.d;
	if (ret < 0)
		return -1;
	dnat->by_source = d.balance == 1;
	dnat->has_snat = yaml_get(node, "snat") != NULL;
	dnat->snat_hairpin_only = d.when == 1;
	d.d = *dnat;
	if (check_rule_name(l, node, dnat->name) < 0 || check_ports(l, node, &d) < 0 ||
		check_backends(l, node, &d) < 0 || check_destination(l, node, &d) < 0 ||
		check_snat(l, node, dnat) < 0)
		return -1;
	dnat->match.protocols = d.d.match.protocols;
	return 0;
}

int load_dnat(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config_nat *nat = object;

	if (load_list(l, node, "rules", CONFIG_NAT_RULES_MAX) < 0)
		return -1;
	nat->dnat = load_array(l, node, sizeof(*nat->dnat));
	if (nat->dnat == NULL)
		return -1;
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		if (load_rule(l, v, &nat->dnat[nat->n_dnat++]) < 0 || check_dnat_claims(l, v) < 0)
			return -1;
		warn_shadowed_dnat(l, v);
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What rules of both kinds match, and the values that they are written with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "config/suggest.h"
#include "load_nat_priv.h"

int load_one_or_list(struct loader *l, const struct yaml_node *node, const char *what, size_t max,
	load_item_fn fn, void *object)
{
	if (node->type == YAML_SCALAR)
		return fn(l, node, object);
	if (load_list(l, node, what, max) < 0)
		return -1;
	if (node->n_children == 0) {
		load_fail(l, node, "an empty list of %s", what);
		return load_hint(l, "name at least one, or delete the key");
	}
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next)
		if (fn(l, v, object) < 0)
			return -1;
	return 0;
}

int load_port_range(struct loader *l, const struct yaml_node *node, uint16_t *ret_first,
	uint16_t *ret_last)
{
	char text[16];
	uint64_t first, last;
	char *dash;

	if (load_want_scalar(l, node, "8000-8010") < 0)
		return -1;
	snprintf(text, sizeof(text), "%s", node->text);
	dash = strchr(text, '-');
	if (dash != NULL)
		*dash = '\0';
	if (strlen(node->text) >= sizeof(text) || scalar_parse_u64(text, 1, UINT16_MAX, &first) < 0 ||
		scalar_parse_u64(dash != NULL ? dash + 1 : text, 1, UINT16_MAX, &last) < 0) {
		load_fail(l, node, "'%.64s' is neither a port nor a range of ports", node->text);
		return load_hint(l, "from 1 to 65535, as in 443 or 8000-8010");
	}
	if (last < first) {
		load_fail(l, node, "the range %s ends before it begins", node->text);
		return load_hint(l, "did you mean %u-%u?", (unsigned int)last, (unsigned int)first);
	}
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return 0;
}

int load_prefix_or_addr(struct loader *l, const struct yaml_node *node, struct ip_prefix *ret_prefix)
{
	struct ip_addr a;

	if (load_want_scalar(l, node, "10.0.0.0/16") < 0)
		return -1;
	if (strchr(node->text, '/') != NULL)
		return load_prefix(l, node, ret_prefix);
	if (ip_addr_parse(node->text, &a) < 0) {
		load_fail(l, node, "'%.64s' is neither an address nor a prefix", node->text);
		return load_hint(l, "as in 10.0.0.0/16, 10.0.1.4, fd00::/48 or fd00::4");
	}
	*ret_prefix = ip_prefix_host(&a);
	return 0;
}

/* "any" is what a rule without the key matches. */
int refuse_any(struct loader *l, const struct yaml_node *node)
{
	static const char *const words[] = {"any", "all", "*"};

	for (size_t i = 0; node->type == YAML_SCALAR && i < RTE_DIM(words); i++) {
		if (strcmp(node->text, words[i]) != 0)
			continue;
		load_fail(l, node, "'%s' is written by leaving the key out", node->text);
		return load_hint(l, "delete it: a rule without this key matches any");
	}
	return 0;
}

/* --- ingress --- */

static int load_port_name(struct loader *l, const struct yaml_node *node, void *object)
{
	const char *names[CONFIG_PORTS_MAX], *meant;
	struct config_nat_match *m = object;
	const struct config *c = l->c;

	if (load_want_scalar(l, node, c->ports[0].name) < 0)
		return -1;
	for (size_t i = 0; i < c->n_ports; i++) {
		names[i] = c->ports[i].name;
		if (strcmp(names[i], node->text) != 0)
			continue;
		if ((m->ports & 1u << i) != 0) {
			load_fail(l, node, "duplicate port '%s'", node->text);
			return load_hint(l, "list each once");
		}
		m->ports |= 1u << i;
		return 0;
	}
	load_fail(l, node, "there is no port '%.64s'", node->text);
	meant = suggest_word(node->text, names, c->n_ports);
	return load_hint(l, meant != NULL ? "did you mean '%s'?" : "the name of one of the ports, as '%s'",
		meant != NULL ? meant : names[0]);
}

int load_match_ingress(struct loader *l, const struct yaml_node *node, void *match)
{
	if (refuse_any(l, node) < 0)
		return -1;
	return load_one_or_list(l, node, "ports", CONFIG_PORTS_MAX, load_port_name, match);
}

/* --- source, destination --- */

struct prefixes {
	struct ip_prefix *list;
	size_t *n;
};

static int load_match_prefix(struct loader *l, const struct yaml_node *node, void *object)
{
	struct prefixes *p = object;
	struct ip_prefix prefix;

	if (load_prefix_or_addr(l, node, &prefix) < 0)
		return -1;
	for (size_t i = 0; i < *p->n; i++)
		if (ip_prefix_equal(&p->list[i], &prefix)) {
			load_fail(l, node, "duplicate prefix %s", node->text);
			return load_hint(l, "list each once");
		}
	p->list[(*p->n)++] = prefix;
	return 0;
}

static int load_prefixes(struct loader *l, const struct yaml_node *node, struct ip_prefix **list,
	size_t *n)
{
	struct prefixes p = {.n = n};

	p.list = *list = load_array(l, node, sizeof(**list));
	if (*list == NULL)
		return -1;
	return load_one_or_list(l, node, "prefixes", CONFIG_NAT_PREFIXES_MAX, load_match_prefix, &p);
}

int load_match_source(struct loader *l, const struct yaml_node *node, void *match)
{
	struct config_nat_match *m = match;

	if (refuse_any(l, node) < 0)
		return -1;
	return load_prefixes(l, node, &m->source, &m->n_source);
}

int load_match_destination(struct loader *l, const struct yaml_node *node, void *match)
{
	struct config_nat_match *m = match;

	return load_prefixes(l, node, &m->destination, &m->n_destination);
}

int check_match_family(struct loader *l, const struct yaml_node *list, uint8_t family, const char *of)
{
	const struct yaml_node *v = list == NULL || list->type == YAML_SCALAR ? list : list->first;

	/* Read once already: what is in the list parses. */
	for (; v != NULL; v = list->type == YAML_SCALAR ? NULL : v->next) {
		if ((strchr(v->text, ':') != NULL) == (family == IP_V6))
			continue;
		load_fail(l, v, "%s and %s are of different families", v->text, of);
		return load_hint(l, "IPv4 and IPv6 are translated by rules and pools of their own");
	}
	return 0;
}

/* --- protocols --- */

static int load_protocol(struct loader *l, const struct yaml_node *node, void *object)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "other", NULL};
	static const struct key key = {"protocols", KEY_ENUM, .names = names};
	struct config_nat_match *m = object;
	unsigned int i = 0;

	if (load_value(l, node, &key, &i) < 0)
		return -1;
	if ((m->protocols & 1u << i) != 0) {
		load_fail(l, node, "duplicate protocol %s", node->text);
		return load_hint(l, "list each once");
	}
	m->protocols |= (uint8_t)(1u << i);
	return 0;
}

int load_match_protocols(struct loader *l, const struct yaml_node *node, void *match)
{
	if (refuse_any(l, node) < 0)
		return -1;
	return load_one_or_list(l, node, "protocols", 4, load_protocol, match);
}

/* --- names --- */

int check_rule_name(struct loader *l, const struct yaml_node *rule, const char *name)
{
	const struct config_nat *n = &l->c->nat;
	bool found = false;

	/* Operators filter by a rule's name: one namespace for both kinds. */
	for (size_t i = 0; i < n->n_snat; i++)
		found |= n->snat[i].name != name && strcmp(n->snat[i].name, name) == 0;
	for (size_t i = 0; i < n->n_dnat; i++)
		found |= n->dnat[i].name != name && strcmp(n->dnat[i].name, name) == 0;
	if (!found)
		return 0;
	load_fail(l, yaml_get(rule, "name"), "duplicate rule name '%s'", name);
	return load_hint(l, "each rule needs a name of its own, SNAT and DNAT together");
}

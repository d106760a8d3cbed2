/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules as an operator reads them. Control thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rules_priv.h"

/* Text that grows up to its buffer's end; what no longer fits shows as "..." there. */
struct text {
	char *buf;
	size_t len, used;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->used >= t->len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->len - t->used, fmt, ap);
	va_end(ap);
	t->used += (size_t)n;
	if (t->used >= t->len && t->len > 4)
		strcpy(t->buf + t->len - 4, "...");
}

static const char *gap(const struct text *t)
{
	return t->used > 0 ? " " : "";
}

static void put_prefixes(struct text *t, const char *word, const struct nat_prefixes *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const struct ip_prefix *prefix = &p->list[i];
		bool host = prefix->len == ip_family_bits(prefix->addr.family);

		put(t, "%s%s%s", i > 0 ? ", " : gap(t), i > 0 ? "" : word,
			host ? IP_ADDR_TEXT(&prefix->addr) : IP_PREFIX_TEXT(prefix));
	}
}

static void put_match(struct text *t, const struct nat_ruleset *r, const struct nat_rule *rule)
{
	static const char *const protos[] = {"tcp", "udp", "icmp", "other"};
	const char *comma = "";

	for (unsigned int i = 0; i < 4 && rule->protos != NAT_PROTO_ANY; i++)
		if ((rule->protos & 1u << i) != 0) {
			put(t, "%s%s", comma, protos[i]);
			comma = ", ";
		}
	put_prefixes(t, "from ", &rule->source);
	put_prefixes(t, "to ", &rule->destination);
	if (rule->port_first != 0)
		put(t, " port %u", rule->port_first);
	if (rule->port_first != rule->port_last)
		put(t, "-%u", rule->port_last);
	if (rule->ports != UINT32_MAX) {
		comma = "";
		put(t, "%sby ", gap(t));
		for (unsigned int i = 0; i < NAT_PORTS_MAX; i++)
			if ((rule->ports & 1u << i) != 0) {
				put(t, "%s%s", comma, r->port_names[i]);
				comma = ", ";
			}
	}
	if (t->used == 0)
		put(t, "any");
}

static void put_snat(struct text *t, const struct nat_ruleset *r, const struct nat_rule *rule)
{
	static const char *const filters[] = {
		[CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT] = "endpoint-independent",
		[CONFIG_NAT_FILTER_ADDRESS] = "address",
		[CONFIG_NAT_FILTER_ADDRESS_PORT] = "address-and-port",
	};

	if (rule->exempt) {
		put(t, "exempt");
		return;
	}
	put(t, "snat from %s", r->pools[rule->pool].name);
	if (rule->mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT)
		put(t, ", endpoint-independent, filtering %s", filters[rule->filtering]);
	if (rule->selection == CONFIG_NAT_PORTS_RANDOM)
		put(t, ", random ports");
	if (rule->all_max_sessions != 0)
		put(t, ", at most %u sessions an address", rule->all_max_sessions);
	if (rule->all_rate != 0)
		put(t, ", at most %u new a second and address", rule->all_rate);
}

static void put_dnat(struct text *t, const struct nat_ruleset *r, const struct nat_rule *rule)
{
	const struct ip_prefix *from = &rule->destination.list[0];
	unsigned int bits = ip_family_bits(from->addr.family);

	put(t, "to ");
	for (unsigned int i = 0; i < rule->n_backends; i++) {
		const struct nat_backend *b = &rule->backends[i];
		bool brackets = b->port != 0 && b->addr.family == IP_V6;

		put(t, "%s%s%s%s", i > 0 ? ", " : "", brackets ? "[" : "", IP_ADDR_TEXT(&b->addr),
			brackets ? "]" : "");
		if (from->len != bits)
			put(t, "/%u", from->len);
		if (b->port != 0)
			put(t, ":%u", b->port);
	}
	if (rule->by_source && rule->n_backends > 1)
		put(t, " by source");
	if (rule->pool != NAT_POOL_NONE)
		put(t, ", snat from %s%s", r->pools[rule->pool].name,
			rule->snat_hairpin_only ? " in hairpins" : "");
}

void nat_rule_text(const struct nat_ruleset *r, const struct nat_rule *rule, char *match,
	char *action, size_t len)
{
	struct text m = {.buf = match, .len = len}, a = {.buf = action, .len = len};

	match[0] = action[0] = '\0';
	put_match(&m, r, rule);
	if (rule->dnat)
		put_dnat(&a, r, rule);
	else
		put_snat(&a, r, rule);
}

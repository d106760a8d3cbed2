/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a YAML mapping by a table of keys, strictly: every value is checked, nothing is guessed. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "config/suggest.h"
#include "load_priv.h"

#define KEYS_MAX 32

static int unknown_key(struct loader *l, const struct yaml_node *key, const struct key *keys,
	size_t n)
{
	const char *names[KEYS_MAX], *meant;
	char list[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		names[i] = keys[i].name;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
				i == 0 ? "" : ", ", keys[i].name);
	}
	load_fail(l, key, "unknown key '%.64s'", key->text);
	meant = suggest_word(key->text, names, n);
	return meant != NULL ? load_hint(l, "did you mean '%s'?", meant)
			     : load_hint(l, "the keys here are: %s", list);
}

int load_mapping(struct loader *l, const struct yaml_node *node, const struct key *keys, size_t n,
	void *object)
{
	if (node->type != YAML_MAPPING) {
		load_fail(l, node, "%s where keys are wanted", yaml_describe(node));
		return load_hint(l, "write '%s: ...', indented below", keys[0].name);
	}
	for (const struct yaml_node *v = node->first; v != NULL; v = v->next) {
		size_t i = 0;

		while (i < n && strcmp(keys[i].name, v->key->text) != 0)
			i++;
		if (i == n)
			return unknown_key(l, v->key, keys, n);
	}
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *v = yaml_get(node, keys[i].name);

		if (v == NULL && keys[i].required) {
			/* Shown at the mapping's first key, for want of a token of its own. */
			const struct yaml_node *at =
				node->first != NULL && node->first->key != NULL ? node->first->key : node;

			load_fail(l, at, "the key '%s' is missing here", keys[i].name);
			return load_hint(l, "add '%s: ...' at this indentation", keys[i].name);
		}
		if (v == NULL)
			continue;
		if (v->type == YAML_SCALAR && v->plain && v->text[0] == '\0') {
			load_fail(l, v, "the key '%s' has no value", keys[i].name);
			return load_hint(l, "give it one, or delete the key");
		}
		if (load_value(l, v, &keys[i], (char *)object + keys[i].offset) < 0)
			return -1;
	}
	return 0;
}

int load_want_scalar(struct loader *l, const struct yaml_node *node, const char *wants)
{
	if (node->type == YAML_SCALAR)
		return 0;
	load_fail(l, node, "%s where a single value is wanted", yaml_describe(node));
	return load_hint(l, "for example: %s", wants);
}

int load_list(struct loader *l, const struct yaml_node *node, const char *what, size_t max)
{
	if (node->type != YAML_SEQUENCE) {
		load_fail(l, node, "%s where a list of %s is wanted", yaml_describe(node), what);
		return load_hint(l, "begin each item with '- ', or write [a, b]");
	}
	if (node->n_children > max) {
		load_fail(l, node, "%zu %s are too many", node->n_children, what);
		return load_hint(l, "at most %zu", max);
	}
	return 0;
}

void *load_array(struct loader *l, const struct yaml_node *list, size_t item_bytes)
{
	void *p = calloc(list->n_children > 0 ? list->n_children : 1, item_bytes);

	if (p == NULL)
		load_no_memory(l);
	return p;
}

static int load_number(struct loader *l, const struct yaml_node *node, const struct key *key,
	uint64_t *ret_value)
{
	int ret = node->plain ? scalar_parse_u64(node->text, key->min, key->max, ret_value) : -EINVAL;

	if (ret == 0)
		return 0;
	if (!node->plain)
		load_fail(l, node, "quoted text where a number is wanted");
	else if (ret == -ERANGE)
		load_fail(l, node, "%.64s is out of range", node->text);
	else
		load_fail(l, node, "'%.64s' is not a number", node->text);
	return load_hint(l, "a decimal number from %" PRIu64 " to %" PRIu64
		", without leading zeros, sign or unit", key->min, key->max);
}

static int load_bool(struct loader *l, const struct yaml_node *node, bool *ret_value)
{
	if (node->plain && scalar_parse_bool(node->text, ret_value) == 0)
		return 0;
	load_fail(l, node, "'%.64s' is neither true nor false", node->text);
	return load_hint(l, "write true or false, without quotes");
}

static int load_text(struct loader *l, const struct yaml_node *node, const struct key *key, char *field)
{
	size_t len = strlen(node->text);

	if (len == 0) {
		load_fail(l, node, "empty text for '%s'", key->name);
		return load_hint(l, "give it a value, or delete the key");
	}
	if (len >= key->max) {
		load_fail(l, node, "too long for '%s'", key->name);
		return load_hint(l, "at most %" PRIu64 " bytes; this has %zu", key->max - 1, len);
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)node->text[i];

		if (key->type == KEY_NAME ? !isalnum(ch) && strchr("_.-", ch) == NULL : iscntrl(ch)) {
			load_fail(l, node, "'%.64s' holds a character that '%s' may not have",
				iscntrl(ch) ? "the text" : node->text, key->name);
			return load_hint(l, key->type == KEY_NAME
				? "letters, digits, '_', '.' and '-'" : "printable characters only");
		}
	}
	if (key->type == KEY_PATH && node->text[0] != '/') {
		load_fail(l, node, "'%.64s' is not an absolute path", node->text);
		return load_hint(l, "begin it with '/', as in /run/nvad.sock");
	}
	memcpy(field, node->text, len + 1);
	return 0;
}

static int load_mac(struct loader *l, const struct yaml_node *node, struct rte_ether_addr *ret_mac)
{
	struct rte_ether_addr mac;

	if (scalar_parse_mac(node->text, mac.addr_bytes) < 0) {
		load_fail(l, node, "'%.64s' is not a MAC address", node->text);
		return load_hint(l, "six octets, as in 12:34:56:78:9a:bc");
	}
	if ((mac.addr_bytes[0] & 1) != 0 || rte_is_zero_ether_addr(&mac)) {
		load_fail(l, node, "%s is not the address of one station", node->text);
		return load_hint(l, "neither all zero nor a multicast address (odd first octet)");
	}
	*ret_mac = mac;
	return 0;
}

static int load_seconds(struct loader *l, const struct yaml_node *node, const struct key *key,
	uint32_t *ret_value)
{
	uint64_t ms, bare;

	if (scalar_parse_duration_ms(node->text, key->min * 1000, key->max * 1000, &ms) == 0) {
		if (ms % 1000 == 0) {
			*ret_value = (uint32_t)(ms / 1000);
			return 0;
		}
		load_fail(l, node, "%.64s is not a whole number of seconds", node->text);
	} else if (scalar_parse_u64(node->text, 0, UINT32_MAX, &bare) == 0) {
		load_fail(l, node, "%s has no unit", node->text);
		return load_hint(l, "write %ss for seconds", node->text);
	} else if (scalar_parse_duration_ms(node->text, 0, UINT64_MAX, &ms) == 0) {
		load_fail(l, node, "%.64s is out of range", node->text);
	} else {
		load_fail(l, node, "'%.64s' is not a duration", node->text);
	}
	return load_hint(l, "from %" PRIu64 "s to %" PRIu64 "s, as in 30s or 5m (s, m, h)", key->min, key->max);
}

static int load_enum(struct loader *l, const struct yaml_node *node, const struct key *key,
	unsigned int *ret_value)
{
	char list[160] = "";
	size_t used = 0, n = 0;
	const char *meant;

	for (; key->names[n] != NULL; n++) {
		if (strcmp(key->names[n], node->text) == 0) {
			*ret_value = (unsigned int)n;
			return 0;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
				n == 0 ? "" : ", ", key->names[n]);
	}
	load_fail(l, node, "'%.64s' is no value for '%s'", node->text, key->name);
	meant = suggest_word(node->text, key->names, n);
	return meant != NULL ? load_hint(l, "did you mean %s? (%s)", meant, list)
			     : load_hint(l, "one of: %s", list);
}

int load_value(struct loader *l, const struct yaml_node *node, const struct key *key, void *field)
{
	uint64_t number = 0;

	if (key->type == KEY_CUSTOM)
		return key->load(l, node, field);
	if (node->type != YAML_SCALAR) {
		load_fail(l, node, "%s where '%s' wants a single value", yaml_describe(node), key->name);
		return load_hint(l, "write it behind the key, on the same line");
	}
	switch (key->type) {
	case KEY_U8:
		if (load_number(l, node, key, &number) < 0)
			return -1;
		*(uint8_t *)field = (uint8_t)number;
		return 0;
	case KEY_U16:
		if (load_number(l, node, key, &number) < 0)
			return -1;
		*(uint16_t *)field = (uint16_t)number;
		return 0;
	case KEY_U32:
		if (load_number(l, node, key, &number) < 0)
			return -1;
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case KEY_BOOL:
		return load_bool(l, node, field);
	case KEY_ADDR:
		return load_addr(l, node, field);
	case KEY_MAC:
		return load_mac(l, node, field);
	case KEY_SECONDS:
		return load_seconds(l, node, key, field);
	case KEY_ENUM:
		return load_enum(l, node, key, field);
	default:
		return load_text(l, node, key, field);
	}
}

int load_addr(struct loader *l, const struct yaml_node *node, struct ip_addr *ret_addr)
{
	if (load_want_scalar(l, node, "10.0.1.4") < 0)
		return -1;
	if (ip_addr_parse(node->text, ret_addr) == 0)
		return 0;
	load_fail(l, node, "'%.64s' is not an IP address", node->text);
	return load_hint(l, strchr(node->text, '/') != NULL
		? "an address alone, without a prefix length" : "as in 10.0.1.4 or fd00:1::4");
}

int load_unicast(struct loader *l, const struct yaml_node *node, const struct ip_addr *addr)
{
	const char *what = ip_addr_is_unspecified(addr) ? "the unspecified address"
		: ip_addr_is_multicast(addr)		? "a multicast address"
		: ip_addr_is_loopback(addr)		? "a loopback address"
							: NULL;

	if (what == NULL && addr->family == IP_V4 && addr->bytes[0] >= 240)
		what = "reserved (RFC 1112)";
	if (what == NULL && addr->family == IP_V4 && addr->bytes[0] == 0)
		what = "reserved (RFC 1122)";
	if (what == NULL)
		return 0;
	load_fail(l, node, "%s is %s", IP_ADDR_TEXT(addr), what);
	return load_hint(l, "the unicast address of one host is wanted");
}

int load_prefix(struct loader *l, const struct yaml_node *node, struct ip_prefix *ret_prefix)
{
	struct ip_prefix p;
	int ret;

	if (load_want_scalar(l, node, "10.0.0.0/16") < 0)
		return -1;
	ret = ip_prefix_parse(node->text, &p);
	if (ret == 0) {
		*ret_prefix = p;
		return 0;
	}
	if (ret == -EDOM) {
		load_fail(l, node, "%.64s has bits set beyond its length", node->text);
		return load_hint(l, "did you mean %s?", IP_PREFIX_TEXT(&p));
	}
	load_fail(l, node, "'%.64s' is not a prefix", node->text);
	return load_hint(l, "ADDRESS/LENGTH, as in 10.0.0.0/16 or fd00::/48");
}

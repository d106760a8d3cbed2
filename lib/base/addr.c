/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes: order, containment, text. Pure functions, any thread. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_jhash.h>

#include "base/addr.h"
#include "base/scalar.h"

int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int ip_prefix_cmp(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int c = ip_addr_cmp(&a->addr, &b->addr);

	return c != 0 ? c : (int)a->len - (int)b->len;
}

uint32_t ip_addr_hash(const struct ip_addr *a, uint32_t seed)
{
	uint32_t words[5] = {a->family};

	memcpy(&words[1], a->bytes, sizeof(a->bytes));
	return rte_jhash_32b(words, 5, seed);
}

bool ip_prefix_canonicalise(struct ip_prefix *p)
{
	unsigned int bits = ip_family_bits(p->addr.family);
	bool changed = false;

	for (unsigned int i = p->len / 8; i < bits / 8; i++) {
		uint8_t keep = i == p->len / 8u ? (uint8_t)(0xff00 >> p->len % 8) : 0;

		changed |= (p->addr.bytes[i] & ~keep) != 0;
		p->addr.bytes[i] &= keep;
	}
	return changed;
}

struct ip_prefix ip_prefix_host(const struct ip_addr *a)
{
	return (struct ip_prefix){.addr = *a, .len = ip_family_bits(a->family)};
}

bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool ip_prefix_covers(const struct ip_prefix *p, const struct ip_prefix *inner)
{
	return p->len <= inner->len && ip_prefix_contains(p, &inner->addr);
}

bool ip_addr_is_unspecified(const struct ip_addr *a)
{
	return memcmp(a->bytes, (uint8_t[16]){0}, sizeof(a->bytes)) == 0;
}

bool ip_addr_is_multicast(const struct ip_addr *a)
{
	return a->family == IP_V4 ? a->bytes[0] >> 4 == 0xe : a->bytes[0] == 0xff;
}

bool ip_addr_is_loopback(const struct ip_addr *a)
{
	static const uint8_t loopback6[16] = {[15] = 1};

	return a->family == IP_V4 ? a->bytes[0] == 127 : memcmp(a->bytes, loopback6, 16) == 0;
}

bool ip_addr_is_link_local(const struct ip_addr *a)
{
	if (a->family == IP_V4)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

int ip_addr_parse(const char *text, struct ip_addr *ret_addr)
{
	uint8_t bytes[16];

	/* inet_pton refuses octal, leading zeros, short forms, zones and blanks. */
	if (inet_pton(AF_INET, text, bytes) == 1) {
		rte_be32_t v4;

		memcpy(&v4, bytes, sizeof(v4));
		*ret_addr = ip_addr_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*ret_addr = ip_addr_v6(bytes);
		return 0;
	}
	return -EINVAL;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	char addr[IP_ADDR_STRLEN];
	struct ip_prefix p = {0};
	uint64_t len;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(addr))
		return -EINVAL;
	snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text);
	if (ip_addr_parse(addr, &p.addr) != 0)
		return -EINVAL;
	if (scalar_parse_u64(slash + 1, 0, ip_family_bits(p.addr.family), &len) != 0)
		return -EINVAL;
	p.len = (uint8_t)len;
	bool host_bits = ip_prefix_canonicalise(&p);
	*ret_prefix = p;
	return host_bits ? -EDOM : 0;
}

const char *ip_addr_format(const struct ip_addr *a, char buf[IP_ADDR_STRLEN])
{
	if (a->family != IP_V4 && a->family != IP_V6)
		snprintf(buf, IP_ADDR_STRLEN, "-");
	else
		inet_ntop(a->family == IP_V4 ? AF_INET : AF_INET6, a->bytes, buf, IP_ADDR_STRLEN);
	return buf;
}

const char *ip_prefix_format(const struct ip_prefix *p, char buf[IP_PREFIX_STRLEN])
{
	ip_addr_format(&p->addr, buf);
	snprintf(buf + strlen(buf), IP_PREFIX_STRLEN - strlen(buf), "/%u", p->len);
	return buf;
}

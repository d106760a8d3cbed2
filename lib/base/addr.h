/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 and IPv6 addresses and prefixes in one type.
 *
 * Bytes are kept in network order from bytes[0]; an IPv4 address uses the first four and leaves the
 * rest zero, so that two equal values are equal bytes and can be hashed and compared as memory.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

enum ip_family {
	IP_NONE = 0, /* no address: the value of a zeroed struct */
	IP_V4 = 4,
	IP_V6 = 6,
};

struct ip_addr {
	uint8_t family; /* enum ip_family */
	uint8_t bytes[16];
};

struct ip_prefix {
	struct ip_addr addr; /* bits beyond len are zero: ip_prefix_canonicalise() */
	uint8_t len;	     /* 0..32 or 0..128 */
};

/* Text of the longest address or prefix, with its NUL. */
#define IP_ADDR_STRLEN 46
#define IP_PREFIX_STRLEN 50

static inline struct ip_addr ip_addr_v4(rte_be32_t v4)
{
	struct ip_addr a = {.family = IP_V4};

	memcpy(a.bytes, &v4, sizeof(v4));
	return a;
}

static inline struct ip_addr ip_addr_v6(const void *v6)
{
	struct ip_addr a = {.family = IP_V6};

	memcpy(a.bytes, v6, sizeof(a.bytes));
	return a;
}

/* The IPv4 address in network order; only for family IP_V4. */
static inline rte_be32_t ip_addr_be32(const struct ip_addr *a)
{
	rte_be32_t v4;

	memcpy(&v4, a->bytes, sizeof(v4));
	return v4;
}

/* 32, 128, or 0 for IP_NONE. */
static inline unsigned int ip_family_bits(uint8_t family)
{
	return family == IP_V4 ? 32 : family == IP_V6 ? 128 : 0;
}

static inline bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Family first, then address, then length; <0, 0, >0 as memcmp. */
int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b);
int ip_prefix_cmp(const struct ip_prefix *a, const struct ip_prefix *b);

/* For hash tables in memory; the family counts. Not for what crosses a wire or a restart. */
uint32_t ip_addr_hash(const struct ip_addr *a, uint32_t seed);

/* Bit i of the address, from the most significant; i < ip_family_bits(). */
static inline unsigned int ip_addr_bit(const struct ip_addr *a, unsigned int i)
{
	return (a->bytes[i / 8] >> (7 - i % 8)) & 1;
}

/* Clears the bits beyond the length. Returns true where some were set. */
bool ip_prefix_canonicalise(struct ip_prefix *p);

/* The prefix of full length that holds just this address. */
struct ip_prefix ip_prefix_host(const struct ip_addr *a);

/* Whether the prefix covers the address, or the whole of the other prefix (itself included). */
bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);
bool ip_prefix_covers(const struct ip_prefix *p, const struct ip_prefix *inner);

bool ip_addr_is_unspecified(const struct ip_addr *a);
bool ip_addr_is_multicast(const struct ip_addr *a);  /* 224.0.0.0/4, ff00::/8 */
bool ip_addr_is_loopback(const struct ip_addr *a);   /* 127.0.0.0/8, ::1 */
bool ip_addr_is_link_local(const struct ip_addr *a); /* 169.254.0.0/16, fe80::/10 */

/*
 * Text to value. The whole string must be consumed; no octal, no leading zeros, no blanks.
 * ip_prefix_parse wants ADDRESS/LENGTH and refuses set host bits with -EDOM, leaving the canonical
 * prefix in *ret_prefix so that the caller can say what would be right.
 * Returns 0, or -EINVAL with the output untouched.
 */
int ip_addr_parse(const char *text, struct ip_addr *ret_addr);
int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix);

/* Value to text (RFC 5952 for IPv6), into the caller's buffer, which is also returned. */
const char *ip_addr_format(const struct ip_addr *a, char buf[IP_ADDR_STRLEN]);
const char *ip_prefix_format(const struct ip_prefix *p, char buf[IP_PREFIX_STRLEN]);

/* For use inside one call's arguments only: the buffer lives to the end of the enclosing block. */
#define IP_ADDR_TEXT(a) ip_addr_format((a), (char[IP_ADDR_STRLEN]){0})
#define IP_PREFIX_TEXT(p) ip_prefix_format((p), (char[IP_PREFIX_STRLEN]){0})

#endif

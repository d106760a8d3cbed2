/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP made here: errors (RFC 1812 4.3.2, RFC 4443 2.4) and echo replies. Workers. Both are built in
 * the packet that caused them, in its headroom, so that nothing is allocated.
 */
#ifndef PACKET_ICMP_H
#define PACKET_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_SOURCE_QUENCH = 4,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
	ICMP4_TIMESTAMP = 13,
	ICMP4_TIMESTAMP_REPLY = 14,

	ICMP4_NET = 0, /* codes of ICMP4_UNREACHABLE */
	ICMP4_HOST = 1,
	ICMP4_PORT = 3,
	ICMP4_FRAG_NEEDED = 4,
	ICMP4_PROHIBITED = 13,
};

enum {
	ICMP6_UNREACHABLE = 1,
	ICMP6_PACKET_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_INFORMATIONAL = 128, /* first type that is no error */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_ND_FIRST = 133, /* router solicitation ... */
	ICMP6_ND_LAST = 137,  /* ... redirect */

	ICMP6_NO_ROUTE = 0, /* codes of ICMP6_UNREACHABLE */
	ICMP6_PROHIBITED = 1,
	ICMP6_ADDRESS = 3,
	ICMP6_PORT = 4,
};

/* The longest error, as an IP packet. */
#define ICMP4_ERROR_MAX 576
#define ICMP6_ERROR_MAX 1280

/*
 * Whether an error may be sent about the packet: not about an ICMP error or redirect, a fragment but
 * the first, or a packet to or from anything but a unicast address. Reads the version from the packet.
 */
bool icmp_error_allowed(const struct rte_mbuf *m);

/*
 * Turns the packet into the error that meta.icmp_type, icmp_code and icmp_info ask for, from `source`
 * (network order, 4 or 16 bytes) to the packet's source. Returns 0, or -ENOSPC with the packet
 * untouched where its buffer is shared or has no room in front.
 */
int icmp4_error_build(struct rte_mbuf *m, const void *source);
int icmp6_error_build(struct rte_mbuf *m, const void *source);

/* A budget of errors (RFC 1812 4.3.2.8, RFC 4443 2.4 f): `burst` at once, `rate` a second. */
struct icmp_bucket {
	uint64_t cycles_per_error;
	uint64_t cycles_max; /* saved up: burst * cycles_per_error */
	uint64_t saved;
	uint64_t last;
};
void icmp_bucket_init(struct icmp_bucket *b, uint64_t tsc_hz, unsigned int rate,
	unsigned int burst, uint64_t now);
/* Takes one error out, where one is left. now: TSC. */
bool icmp_bucket_take(struct icmp_bucket *b, uint64_t now);

#endif

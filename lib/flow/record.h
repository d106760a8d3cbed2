/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is kept of a flow: a record of two sides, one for the packets of each direction, one cache line
 * each, so that an established packet touches its bucket and its side (IPv6 with translation: both
 * sides) and nothing else. What only timers and rules need lies apart (struct flow_cold).
 *
 * Records belong to one worker; nobody else reads or writes them.
 *
 * side[FLOW_ORIGINAL] has the tuple of the first packet as it arrived, side[FLOW_REPLY] that of the
 * answers as they arrive. What a packet of one side becomes is the other side's tuple with its ends
 * swapped; IPv4 sides hold it in `to`, so that they need not look.
 *
 * A record is one of
 *	a session  a connection or query: both sides
 *	a binding  an endpoint-independent mapping (RFC 4787 4.1): the original side is
 *		   {inside address:port -> 0:0}, the reply side {0:0 -> external address:port};
 *		   its sessions name it as parent, and it outlives the last by its own timer
 *	a host	   an inside address under a limit: {address:0 -> 0:0}, protocol 0, original side only
 */
#ifndef FLOW_RECORD_H
#define FLOW_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

enum flow_dir { FLOW_ORIGINAL, FLOW_REPLY };
enum flow_kind { FLOW_FREE, FLOW_SESSION, FLOW_BINDING, FLOW_HOST };

/* flow_side.flags */
#define FLOW_F_NAT 0x01	   /* the tuple changes */
/* TCP: each packet goes through flow_tcp_step(), not just those whose flags among SYN, FIN, RST and ACK
 * are not ACK alone. flow_tcp_step() keeps it; who makes a session sets it for TCP. */
#define FLOW_F_TRACKED 0x02
#define FLOW_F_NO_REFRESH 0x04 /* packets of this side do not keep the session (RFC 4787 REQ-6) */
#define FLOW_F_ACKED 0x08 /* flow_tcp_step()'s own: the side has acknowledged */
#define FLOW_F_FIN 0x10	  /* ...has sent its FIN */
#define FLOW_F_SYN 0x20	  /* ...the reply side: has sent its SYN */

struct flow_side {
	/* Bytes of IP packets in the low 56 bits, packets modulo 256 in the high 8; and packets / 256.
	 * flow_side_count(), flow_side_packets(), flow_side_bytes(). */
	uint64_t count;
	uint32_t packets_256;
	uint32_t seen_ms;	 /* the worker's clock at the last packet that keeps the session */
	uint32_t nh;		 /* adjacency for what the packet becomes... */
	uint32_t fib_generation; /* ...valid while the FIB has this generation */
	uint8_t proto;
	uint8_t family; /* enum ip_family */
	uint8_t flags;
	uint8_t state;		 /* enum flow_state, the same on both sides */
	rte_be16_t sport, dport; /* ICMP queries: both the identifier; without ports 0 */
	union {
		struct {
			rte_be32_t src, dst;
			struct {
				rte_be32_t src, dst;
				rte_be16_t sport, dport;
			} to;
			/* RFC 1624: what to add to ~checksum, folded (packet/checksum.h). */
			uint16_t ip_delta, l4_delta;
		} v4;
		struct {
			uint8_t src[16], dst[16];
		} v6;
	};
} __attribute__((aligned(64)));
static_assert(sizeof(struct flow_side) == 64, "a side is one cache line");

struct flow_record {
	struct flow_side side[2];
};

#define FLOW_NONE UINT32_MAX

struct flow_cold {
	uint32_t next, prev; /* of the timer wheel */
	uint32_t parent;     /* session: its binding or host; binding: its host; else FLOW_NONE */
	uint16_t rule;	     /* nat's own: what made it, NAT_RULE_NONE for plain tracking */
	uint8_t kind;	     /* enum flow_kind */
	uint8_t flags;	     /* nat's own */
};
static_assert(sizeof(struct flow_cold) == 16, "a session is 128 + 16 bytes and two table slots");

/* A side of a record as one number: what the table finds. */
static inline uint32_t flow_ref(uint32_t record, enum flow_dir dir)
{
	return record << 1 | dir;
}

static inline void flow_side_count(struct flow_side *s, uint32_t bytes)
{
	s->count += bytes + (1ULL << 56);
	if (__builtin_expect(s->count >> 56 == 0, 0))
		s->packets_256++;
}

static inline uint64_t flow_side_packets(const struct flow_side *s)
{
	return (uint64_t)s->packets_256 << 8 | s->count >> 56;
}

static inline uint64_t flow_side_bytes(const struct flow_side *s)
{
	return s->count << 8 >> 8;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* What nat/rewrite.h reads, made once for each session; and what is rare in it. */
#include "nat/rewrite.h"

#include "base/addr.h"

#ifndef IPPROTO_DCCP
#define IPPROTO_DCCP 33
#endif

/* Both at the same place; the pseudo-header is part of them (RFC 3828 3.1, RFC 4340 9.1). */
enum { UDPLITE_DCCP_CHECK = 6 };

static bool is_icmp(const struct flow_side *s)
{
	return s->proto == (s->family == IP_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

void nat_rewrite_l4_other(uint8_t *l4, unsigned int room, uint8_t proto, uint8_t icmp,
	rte_be16_t ident, uint16_t delta)
{
	unsigned int at = proto == icmp ? NAT_ICMP_CHECK : UDPLITE_DCCP_CHECK;
	uint16_t check;

	if (proto != icmp && proto != IPPROTO_UDPLITE && proto != IPPROTO_DCCP)
		return;
	if (room < 8)
		return;
	if (proto == icmp)
		memcpy(l4 + NAT_ICMP_IDENT, &ident, sizeof(ident));
	memcpy(&check, l4 + at, sizeof(check));
	check = proto == IPPROTO_UDPLITE ? nat_check_add_udp(check, delta) :
					   nat_check_add(check, delta);
	/* An echo reply of zeros alone needs 0xffff, and to any other it is the same as 0. */
	if (check == 0 && proto == icmp && l4[0] == 0 && l4[1] == 0 && ident == 0)
		check = 0xffff;
	memcpy(l4 + at, &check, sizeof(check));
}

static void prepare4(struct flow_side *s, const struct flow_side *other)
{
	uint64_t before = checksum_add(0, &s->v4.src, 8), after;

	s->v4.to.src = other->v4.dst;
	s->v4.to.dst = other->v4.src;
	s->v4.to.sport = other->dport;
	s->v4.to.dport = other->sport;
	after = checksum_add(0, &s->v4.to.src, 8);
	s->v4.ip_delta = nat_delta(before, after);
	if (is_icmp(s)) /* RFC 792: no pseudo-header; one identifier */
		s->v4.l4_delta = nat_delta(s->sport, s->v4.to.sport);
	else
		s->v4.l4_delta = nat_delta(before + s->sport + s->dport,
			after + s->v4.to.sport + s->v4.to.dport);
}

static bool changes(const struct flow_side *s, const struct flow_side *other)
{
	if (s->sport != other->dport || s->dport != other->sport)
		return true;
	if (s->family == IP_V4)
		return s->v4.src != other->v4.dst || s->v4.dst != other->v4.src;
	return memcmp(s->v6.src, other->v6.dst, sizeof(s->v6.src)) != 0 ||
	       memcmp(s->v6.dst, other->v6.src, sizeof(s->v6.dst)) != 0;
}

void nat_rewrite_prepare(struct flow_record *r)
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		struct flow_side *s = &r->side[dir];
		const struct flow_side *other = &r->side[!dir];

		s->flags &= ~FLOW_F_NAT;
		if (changes(s, other))
			s->flags |= FLOW_F_NAT;
		if (s->family == IP_V4)
			prepare4(s, other);
	}
}

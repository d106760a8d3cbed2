/* SPDX-License-Identifier: BSD-3-Clause */
/* Tuples in and out of a record's sides. */
#include "flow/table.h"

void flow_side_get_tuple(const struct flow_side *s, struct flow_tuple *ret_tuple)
{
	*ret_tuple = (struct flow_tuple){
		.src = s->family == IP_V4 ? ip_addr_v4(s->v4.src) : ip_addr_v6(s->v6.src),
		.dst = s->family == IP_V4 ? ip_addr_v4(s->v4.dst) : ip_addr_v6(s->v6.dst),
		.proto = s->proto,
		.sport = s->sport,
		.dport = s->dport,
	};
}

void flow_side_set_tuple(struct flow_side *s, const struct flow_tuple *tuple)
{
	s->family = tuple->src.family;
	s->proto = tuple->proto;
	s->sport = tuple->sport;
	s->dport = tuple->dport;
	if (s->family == IP_V4) {
		s->v4.src = ip_addr_be32(&tuple->src);
		s->v4.dst = ip_addr_be32(&tuple->dst);
	} else {
		memcpy(s->v6.src, tuple->src.bytes, sizeof(s->v6.src));
		memcpy(s->v6.dst, tuple->dst.bytes, sizeof(s->v6.dst));
	}
}

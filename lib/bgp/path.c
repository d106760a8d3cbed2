/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AS_PATH on the wire: checking it, and putting the path together again that a speaker of 2-octet AS
 * numbers has split in two (RFC 6793). Pure; any thread.
 */
#include "bgp/update_priv.h"

enum { AS_CONFED_SEQUENCE = 3, AS_CONFED_SET = 4 }; /* RFC 5065 */

const char *bgp_path_read(uint8_t *out, size_t cap, struct buf_reader r, unsigned int as_bytes,
	bool drop_confed, uint16_t *ret_bytes)
{
	struct buf_writer w = buf_writer(out, cap);
	struct buf_reader segment;
	uint8_t type, n;
	uint32_t as;
	bool drop;

	while (r.len > 0) {
		type = buf_get_u8(&r);
		n = buf_get_u8(&r);
		segment = buf_sub(&r, (size_t)n * as_bytes);
		if (r.failed)
			return "AS_PATH segment overruns";
		if (n == 0)
			return "empty AS_PATH segment";
		drop = drop_confed && (type == AS_CONFED_SEQUENCE || type == AS_CONFED_SET);
		if (!drop && type != BGP_AS_SET && type != BGP_AS_SEQUENCE)
			return "AS_PATH segment type";
		if (drop)
			continue;
		buf_put(&w, (uint8_t[]){type, n}, 2);
		while (segment.len > 0) {
			as = as_bytes == 4 ? buf_get_u32(&segment) : buf_get_u16(&segment);
			if (as == 0)
				return "AS 0 in AS_PATH (RFC 7607)";
			buf_put_u32(&w, as);
		}
	}
	if (w.failed)
		return "AS_PATH too long";
	*ret_bytes = (uint16_t)w.len;
	return NULL;
}

static unsigned int path_count(const uint8_t *path, uint16_t bytes)
{
	unsigned int at, count = 0;

	for (at = 0; at < bytes; at += 2 + 4u * path[at + 1])
		count += path[at] == BGP_AS_SET ? 1 : path[at + 1];
	return count;
}

uint16_t bgp_path_merge(uint8_t *path, size_t cap, uint16_t bytes, const uint8_t *as4,
	uint16_t as4_bytes)
{
	unsigned int have = path_count(path, bytes), known = path_count(as4, as4_bytes), keep;
	struct buf_writer w = buf_writer(path, cap);
	uint8_t *last = NULL;

	if (as4_bytes == 0 || known > have)
		return bytes;
	for (keep = have - known; keep > 0; keep -= last[0] == BGP_AS_SET ? 1 : last[1]) {
		last = path + w.len;
		if (last[0] == BGP_AS_SEQUENCE && last[1] > keep)
			last[1] = (uint8_t)keep;
		w.len += 2 + 4u * last[1];
	}
	/* One sequence where it can be one: equal paths should be equal bytes. */
	if (last != NULL && last[0] == BGP_AS_SEQUENCE && as4[0] == BGP_AS_SEQUENCE &&
		last[1] + as4[1] <= 255) {
		last[1] += as4[1];
		as4 += 2;
		as4_bytes -= 2;
	}
	buf_put(&w, as4, as4_bytes);
	return (uint16_t)w.len;
}

bool bgp_next_hop_sane(const struct ip_addr *nh)
{
	if (nh->family == IP_V4)
		return nh->bytes[0] != 0 && nh->bytes[0] != 127 && nh->bytes[0] < 224;
	return !ip_addr_is_unspecified(nh) && !ip_addr_is_loopback(nh) && !ip_addr_is_multicast(nh);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/frag.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/meta.h"

#define HEADER_MAX 60
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_COPIED 0x80

/* The header of the fragments behind the first: of the options only those marked as copied. */
static uint8_t header_of_rest(const uint8_t *first, uint8_t len, uint8_t rest[HEADER_MAX])
{
	uint8_t out = sizeof(struct rte_ipv4_hdr);

	memcpy(rest, first, out);
	for (uint8_t in = out, size; in < len && first[in] != OPTION_END; in += size) {
		size = first[in] == OPTION_NOP ? 1 : in + 1 < len ? first[in + 1] : 0;
		if (size == 0 || in + size > len)
			break;
		if (first[in] & OPTION_COPIED) {
			memcpy(rest + out, first + in, size);
			out += size;
		}
	}
	while (out % 4 != 0)
		rest[out++] = OPTION_END;
	rest[0] = 4 << 4 | out / 4;
	return out;
}

static void fragment_fill(struct rte_mbuf *f, struct rte_mbuf *m, const uint8_t *header,
	uint8_t header_len, uint32_t from, uint32_t len, uint16_t fragment_field)
{
	uint8_t *frame = rte_pktmbuf_mtod(f, uint8_t *);
	struct rte_ipv4_hdr *ip = (void *)(frame + PKT_L2_LEN);
	uint8_t *payload = frame + PKT_L2_LEN + header_len;
	const void *src;

	memcpy(frame, rte_pktmbuf_mtod(m, void *), PKT_L2_LEN);
	memcpy(ip, header, header_len);
	src = rte_pktmbuf_read(m, from, len, payload);
	if (src != payload)
		memcpy(payload, src, len);
	ip->total_length = rte_cpu_to_be_16(header_len + len);
	ip->fragment_offset = rte_cpu_to_be_16(fragment_field);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, header_len));
	f->data_len = PKT_L2_LEN + header_len + len;
	f->pkt_len = f->data_len;
	f->port = m->port;
	*pkt_meta(f) = *pkt_meta(m);
}

int ip4_fragment(struct rte_mbuf *m, uint16_t mtu_bytes, struct rte_mempool *pool,
	struct rte_mbuf **ret_frags, unsigned int max)
{
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN);
	const struct rte_ipv4_hdr *ip = (const void *)header;
	uint8_t header_len = rte_ipv4_hdr_len(ip), rest[HEADER_MAX];
	uint16_t field = rte_be_to_cpu_16(ip->fragment_offset);
	uint32_t payload_len = m->pkt_len - PKT_L2_LEN - header_len, share;
	unsigned int n;

	if (mtu_bytes < header_len + 8 ||
		mtu_bytes + PKT_L2_LEN + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(pool))
		return -EMSGSIZE;
	/* RFC 791 3.1: beyond 64 KiB there is no offset, the sum would run over into the flags. */
	if ((field & RTE_IPV4_HDR_OFFSET_MASK) + payload_len / 8 > RTE_IPV4_HDR_OFFSET_MASK)
		return -EMSGSIZE;
	share = (mtu_bytes - header_len) & ~7u;
	n = (payload_len + share - 1) / share;
	if (n > max)
		return -EMSGSIZE;
	if (rte_pktmbuf_alloc_bulk(pool, ret_frags, n) != 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t at = i * share, len = RTE_MIN(share, payload_len - at);
		/* The last fragment's MF is the packet's own, which may be a fragment itself. */
		uint16_t more = i + 1 < n ? RTE_IPV4_HDR_MF_FLAG : 0;
		uint32_t from = PKT_L2_LEN + header_len + at;
		uint16_t field_i = (field | more) + at / 8;

		if (i == 0)
			fragment_fill(ret_frags[i], m, header, header_len, from, len, field_i);
		else
			fragment_fill(ret_frags[i], m, rest,
				header_of_rest(header, header_len, rest), from, len, field_i);
	}
	return n;
}

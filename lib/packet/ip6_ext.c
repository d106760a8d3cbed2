/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/ip6_ext.h"

#include <errno.h>
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "packet/eth.h"
#include "packet/ip6_hdr.h"

#define HEADERS_MAX 8

int ip6_payload_find_at(const uint8_t *ip, uint32_t len, struct ip6_payload *ret_payload)
{
	const struct pkt_ip6_hdr *hdr = (const void *)ip;
	struct ip6_payload p = {.offset = sizeof(*hdr), .proto = hdr->proto};

	for (unsigned int i = 0; i <= HEADERS_MAX; i++) {
		const uint8_t *ext = ip + p.offset;

		switch (p.proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_FRAGMENT:
		case IPPROTO_AH:
			break;
		default:
			*ret_payload = p;
			return 0;
		}
		if (p.offset + 8 > len)
			return -EBADMSG;
		if (p.proto == IPPROTO_FRAGMENT) {
			p.fragment = true;
			p.fragment_offset = (ext[2] << 8 | ext[3]) >> 3;
			p.offset += 8;
		} else if (p.proto == IPPROTO_AH) {
			p.offset += (ext[1] + 2u) * 4; /* RFC 4302 2.2 */
		} else {
			p.offset += (ext[1] + 1u) * 8;
		}
		p.proto = ext[0];
		if (p.offset > len)
			return -EBADMSG;
		if (p.fragment_offset != 0) {
			*ret_payload = p;
			return 0;
		}
	}
	return -EBADMSG;
}

int ip6_payload_find(const struct rte_mbuf *m, struct ip6_payload *ret_payload)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN);
	struct ip6_payload p;

	if (ip6_payload_find_at(ip, m->data_len - PKT_L2_LEN, &p) != 0)
		return -EBADMSG;
	p.offset += PKT_L2_LEN;
	*ret_payload = p;
	return 0;
}

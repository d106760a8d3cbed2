/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/local.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "drop/drop.h"
#include "packet/checksum.h"
#include "packet/eth.h"
#include "packet/icmp.h"
#include "packet/ip.h"
#include "packet/ip6_hdr.h"
#include "packet/meta.h"

/* RFC 1624 eqn. 3 for the message's first word: the type changes, the code (0) stays. */
static void type_change(struct rte_icmp_hdr *icmp, uint8_t type)
{
	uint16_t was = rte_cpu_to_be_16(icmp->icmp_type << 8 | icmp->icmp_code);
	uint16_t is = rte_cpu_to_be_16(type << 8 | icmp->icmp_code);
	uint64_t sum = (uint16_t)~icmp->icmp_cksum;

	sum += (uint16_t)~was;
	sum += is;
	icmp->icmp_cksum = ~checksum_fold(sum);
	icmp->icmp_type = type;
}

static uint8_t malformed(struct rte_mbuf *m)
{
	pkt_meta(m)->drop_reason = DROP_ICMP_MALFORMED;
	return IP_LOCAL_DROP;
}

static uint8_t ip4_local_one(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, PKT_L2_LEN);
	struct rte_icmp_hdr *icmp = (void *)(ip + 1);
	uint32_t len = m->pkt_len - PKT_L2_LEN - sizeof(*ip);
	rte_be32_t own;

	if (ip->next_proto_id != IPPROTO_ICMP || ip->version_ihl != RTE_IPV4_VHL_DEF ||
		m->nb_segs != 1 ||
		(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)))
		return IP_LOCAL_PUNT;
	if (len < sizeof(*icmp) || checksum_fold(checksum_add(0, icmp, len)) != 0xffff)
		return malformed(m);
	if (icmp->icmp_type != ICMP4_ECHO)
		return IP_LOCAL_PUNT;
	type_change(icmp, ICMP4_ECHO_REPLY);
	own = ip->dst_addr;
	ip->dst_addr = ip->src_addr;
	ip->src_addr = own;
	ip->time_to_live = PKT_ORIGIN_TTL + 1;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	return IP_LOCAL_LOOKUP;
}

void ip4_local_burst(struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++)
		next[i] = ip4_local_one(pkts[i]);
}

static uint8_t ip6_local_one(struct rte_mbuf *m)
{
	struct pkt_ip6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct pkt_ip6_hdr *, PKT_L2_LEN);
	struct rte_icmp_hdr *icmp = (void *)(ip + 1);
	uint32_t len = m->pkt_len - PKT_L2_LEN - sizeof(*ip);
	uint64_t sum;
	uint8_t own[16];

	if (ip->proto != IPPROTO_ICMPV6 || m->nb_segs != 1)
		return IP_LOCAL_PUNT;
	sum = checksum_add(rte_cpu_to_be_32(len) + (uint64_t)RTE_BE32(IPPROTO_ICMPV6), ip->src_addr, 32);
	if (len < 4 || checksum_fold(checksum_add(sum, icmp, len)) != 0xffff)
		return malformed(m);
	if (icmp->icmp_type >= ICMP6_ND_FIRST && icmp->icmp_type <= ICMP6_ND_LAST)
		return IP_LOCAL_NEIGH;
	if (icmp->icmp_type != ICMP6_ECHO)
		return IP_LOCAL_PUNT;
	if (len < sizeof(*icmp))
		return malformed(m);
	/* Source and destination change places: the pseudo-header's sum stays. */
	type_change(icmp, ICMP6_ECHO_REPLY);
	memcpy(own, ip->dst_addr, sizeof(own));
	memcpy(ip->dst_addr, ip->src_addr, sizeof(own));
	memcpy(ip->src_addr, own, sizeof(own));
	ip->hop_limits = PKT_ORIGIN_TTL + 1;
	return IP_LOCAL_LOOKUP;
}

void ip6_local_burst(struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++)
		next[i] = ip6_local_one(pkts[i]);
}

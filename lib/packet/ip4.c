/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4: input, lookup, rewrite (packet/ip.h). The common packet takes one predicted branch in each
 * loop; what is not common goes through a function that says exactly why. */
#include <rte_byteorder.h>
#include <rte_ip.h>

#include "packet/checksum.h"
#include "packet/flow_hash.h"
#include "packet/ip_priv.h"

#define IP4_MIN_LEN (PKT_L2_LEN + sizeof(struct rte_ipv4_hdr))
#define VERSION_IHL_PLAIN 0x45

/* First octets that no unicast packet on a wire has, as source or destination: 0, 127, 224 and up. */
static const uint8_t octet_martian[256] = {[0] = 1, [127] = 1, [224 ... 255] = 1};

static uint8_t input_drop(struct rte_mbuf *m, enum drop_reason reason)
{
	pkt_meta(m)->drop_reason = reason;
	return IP_INPUT_DROP;
}

/* Ethernet padding: the packet ends where its header says. */
static inline void trim(struct rte_mbuf *m, uint32_t len)
{
	if (likely(m->nb_segs == 1)) {
		m->data_len = len;
		m->pkt_len = len;
	} else {
		uint32_t excess = m->pkt_len - len;

		/* At most a frame's padding and in the last segment, or there is nothing to save. */
		if (rte_pktmbuf_lastseg(m)->data_len > excess)
			rte_pktmbuf_trim(m, excess);
	}
}

static __attribute__((noinline)) uint8_t ip4_input_slow(struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, PKT_L2_LEN);
	uint32_t room, header_len, total_len;

	if (m->data_len < IP4_MIN_LEN)
		return input_drop(m, DROP_IP4_SHORT);
	if (ip->version_ihl >> 4 != 4)
		return input_drop(m, DROP_IP4_VERSION);
	header_len = (ip->version_ihl & 0xf) * 4;
	if (header_len < sizeof(*ip) || header_len + PKT_L2_LEN > m->data_len)
		return input_drop(m, DROP_IP4_HEADER_LEN);
	room = m->pkt_len - PKT_L2_LEN;
	total_len = rte_be_to_cpu_16(ip->total_length);
	if (total_len < header_len || total_len > room)
		return input_drop(m, DROP_IP4_SHORT);
	if (checksum_fold(checksum_add(0, ip, header_len)) != 0xffff)
		return input_drop(m, DROP_IP4_CHECKSUM);
	if (octet_martian[ip->src_addr & 0xff])
		return input_drop(m, DROP_IP4_SOURCE);
	if (octet_martian[ip->dst_addr & 0xff])
		return input_drop(m, DROP_IP4_DESTINATION);
	if (total_len < room)
		trim(m, PKT_L2_LEN + total_len);
	return IP_INPUT_LOOKUP;
}

void ip4_input_burst(const struct fib *fib, struct rte_mbuf **pkts, unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN);
		uint64_t head, middle;
		uint32_t dst, total_len, bad;

		/* The header as two words and a half: octets 0-7, 8-15, 16-19. */
		memcpy(&head, ip, sizeof(head));
		memcpy(&middle, ip + 8, sizeof(middle));
		memcpy(&dst, ip + 16, sizeof(dst));
		total_len = rte_be_to_cpu_16((uint16_t)(head >> 16));

		bad = (uint8_t)head ^ VERSION_IHL_PLAIN;
		bad |= checksum_fold32((uint32_t)head + (head >> 32) + (uint32_t)middle +
				       (middle >> 32) + dst) ^ 0xffff;
		bad |= octet_martian[(uint8_t)(middle >> 32)] | octet_martian[(uint8_t)dst];
		bad |= total_len < sizeof(struct rte_ipv4_hdr);
		bad |= total_len + PKT_L2_LEN != m->pkt_len;
		bad |= m->data_len < IP4_MIN_LEN;
		next[i] = likely(bad == 0) ? IP_INPUT_LOOKUP : ip4_input_slow(m);
		fib_prefetch_v4(fib, rte_be_to_cpu_32(dst));
	}
}

static __attribute__((noinline)) uint8_t ip4_lookup_slow(const struct nh_table *t,
	struct rte_mbuf *m, uint32_t index)
{
	uint8_t kind = nh_kind(&t->nh[index]);

	if (kind == NH_ECMP) {
		index = nh_group_pick(t, index, flow_hash_v4(m));
		kind = nh_kind(&t->nh[index]);
	}
	pkt_meta(m)->nh = index;
	return ip_lookup_exception(m, &t->nh[index], kind, ICMP4_UNREACHABLE, ICMP4_NET);
}

void ip4_lookup_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next)
{
	uint32_t dst[PKT_BURST_MAX], index[PKT_BURST_MAX];

	if (unlikely(n == 0))
		return;

	for (unsigned int i = 0; i < n; i++)
		dst[i] = rte_be_to_cpu_32(rte_pktmbuf_mtod_offset(pkts[i],
			const struct rte_ipv4_hdr *, PKT_L2_LEN)->dst_addr);
	fib_lookup_v4_burst(fib, dst, index, n);
	for (unsigned int i = 0; i < n; i++) {
		if (likely(nh_kind(&nh->nh[index[i]]) == NH_FORWARD)) {
			pkt_meta(pkts[i])->nh = index[i];
			next[i] = IP_LOOKUP_REWRITE;
		} else {
			next[i] = ip4_lookup_slow(nh, pkts[i], index[i]);
		}
	}
}

/* One off the TTL, which is the upper byte of its word: RFC 1624 with m' = m - 0x0100. */
static inline void ttl_decrement(struct rte_ipv4_hdr *ip)
{
	uint32_t sum = ip->hdr_checksum + (uint32_t)RTE_BE16(0x0100);

	ip->hdr_checksum = sum + (sum >= 0xffff);
	ip->time_to_live--;
}

static void header_move(struct rte_mbuf *m, const struct nh *nh)
{
	l2_rewrite(rte_pktmbuf_mtod(m, uint8_t *), nh);
	m->port = nh->port;
}

static __attribute__((noinline)) uint8_t ip4_rewrite_slow(const struct nh_table *t,
	struct rte_mbuf *m)
{
	const struct nh *nh = &t->nh[pkt_meta(m)->nh];
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, PKT_L2_LEN);
	uint8_t kind = nh_kind(nh);

	pkt_meta(m)->inject = 0;
	if (kind != NH_FORWARD)
		return ip_rewrite_exception(m, kind);
	if (ip->time_to_live <= 1) {
		icmp_wanted(m, DROP_IP4_TTL, ICMP4_TIME_EXCEEDED, 0, 0);
		return IP_REWRITE_ICMP;
	}
	if (m->pkt_len - PKT_L2_LEN > nh->mtu_bytes) {
		if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) {
			icmp_wanted(m, DROP_IP4_DF, ICMP4_UNREACHABLE, ICMP4_FRAG_NEEDED,
				nh->mtu_bytes);
			return IP_REWRITE_ICMP;
		}
		ttl_decrement(ip);
		header_move(m, nh);
		return IP_REWRITE_FRAG;
	}
	ttl_decrement(ip);
	header_move(m, nh);
	return IP_REWRITE_TX;
}

void ip4_rewrite_burst(const struct nh_table *t, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct nh *nh = &t->nh[pkt_meta(m)->nh];
		struct rte_ipv4_hdr *ip =
			rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, PKT_L2_LEN);

		if (likely(ip->time_to_live > 1 && nh_kind(nh) == NH_FORWARD &&
			   m->pkt_len - PKT_L2_LEN <= nh->mtu_bytes)) {
			ttl_decrement(ip);
			header_move(m, nh);
			next[i] = IP_REWRITE_TX;
		} else {
			next[i] = ip4_rewrite_slow(t, m);
		}
	}
}

static uint8_t ip_output_one(const struct nh_table *t, struct rte_mbuf *m)
{
	const struct nh *nh = &t->nh[pkt_meta(m)->nh];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t kind = nh_kind(nh);
	bool v4 = frame[PKT_L2_LEN] >> 4 == 4;
	rte_be16_t type = v4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	uint8_t verdict = IP_REWRITE_TX;

	if (kind != NH_FORWARD)
		return ip_rewrite_exception(m, kind);
	if (m->pkt_len - PKT_L2_LEN > nh->mtu_bytes) {
		const struct rte_ipv4_hdr *ip = (const void *)(frame + PKT_L2_LEN);

		if (!v4) {
			icmp_wanted(m, DROP_IP6_TOO_BIG, ICMP6_PACKET_TOO_BIG, 0, nh->mtu_bytes);
			return IP_REWRITE_ICMP;
		}
		if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) {
			icmp_wanted(m, DROP_IP4_DF, ICMP4_UNREACHABLE, ICMP4_FRAG_NEEDED,
				nh->mtu_bytes);
			return IP_REWRITE_ICMP;
		}
		verdict = IP_REWRITE_FRAG;
	}
	memcpy(frame + 12, &type, sizeof(type));
	header_move(m, nh);
	return verdict;
}

void ip_output_burst(const struct nh_table *t, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++)
		next[i] = ip_output_one(t, pkts[i]);
}

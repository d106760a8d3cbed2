/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6: input, lookup, rewrite (packet/ip.h); in the manner of ip4.c. */
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "packet/flow_hash.h"
#include "packet/ip_priv.h"

#define IP6_MIN_LEN (PKT_L2_LEN + sizeof(struct pkt_ip6_hdr))

static uint8_t input_drop(struct rte_mbuf *m, enum drop_reason reason)
{
	pkt_meta(m)->drop_reason = reason;
	return IP_INPUT_DROP;
}

static uint64_t word(const uint8_t *bytes)
{
	uint64_t be;

	memcpy(&be, bytes, sizeof(be));
	return rte_be_to_cpu_64(be);
}

static bool is_link_local(const uint8_t *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* Types 133 to 137. */
static bool is_neighbour_discovery(const struct rte_mbuf *m, const struct pkt_ip6_hdr *ip)
{
	const uint8_t *icmp = (const uint8_t *)(ip + 1);

	return ip->proto == IPPROTO_ICMPV6 && m->data_len > IP6_MIN_LEN &&
	       icmp[0] >= ICMP6_ND_FIRST && icmp[0] <= ICMP6_ND_LAST;
}

static bool hop_by_hop_fits(const struct rte_mbuf *m, const struct pkt_ip6_hdr *ip,
	uint32_t payload_len)
{
	const uint8_t *ext = (const uint8_t *)(ip + 1);

	return payload_len >= 8 && m->data_len >= IP6_MIN_LEN + 8 &&
	       (ext[1] + 1u) * 8 <= payload_len;
}

/* RFC 4291 2.5.6, 2.7: what stays on its link. */
static uint8_t ip6_input_scope(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf *m,
	const struct pkt_ip6_hdr *ip)
{
	bool unspecified = word(ip->src_addr) == 0 && word(ip->src_addr + 8) == 0;

	if (ip->src_addr[0] == 0xff)
		return input_drop(m, DROP_IP6_SOURCE);
	if (word(ip->src_addr) == 0 && word(ip->src_addr + 8) == 1)
		return input_drop(m, DROP_IP6_SOURCE);
	if (word(ip->dst_addr) == 0 && word(ip->dst_addr + 8) <= 1)
		return input_drop(m, DROP_IP6_DESTINATION);
	if (ip->dst_addr[0] == 0xff || is_link_local(ip->dst_addr)) {
		if (!is_neighbour_discovery(m, ip))
			return input_drop(m, DROP_IP6_DESTINATION);
		/* RFC 4861 7.1: it must come from this link. lib/neigh checks the rest. */
		return ip->hop_limits == 255 ? IP_INPUT_PUNT : input_drop(m, DROP_ND_MALFORMED);
	}
	if (unspecified)
		return input_drop(m, DROP_IP6_SOURCE);
	if (is_link_local(ip->src_addr)) {
		struct ip_addr dst = ip_addr_v6(ip->dst_addr);

		if (nh_kind(&nh->nh[fib_lookup(fib, &dst)]) != NH_LOCAL)
			return input_drop(m, DROP_IP6_SOURCE);
	}
	return IP_INPUT_LOOKUP;
}

static __attribute__((noinline)) uint8_t ip6_input_slow(const struct fib *fib,
	const struct nh_table *nh, struct rte_mbuf *m)
{
	const struct pkt_ip6_hdr *ip =
		rte_pktmbuf_mtod_offset(m, const struct pkt_ip6_hdr *, PKT_L2_LEN);
	uint32_t room, len, payload_len;

	if (m->data_len < IP6_MIN_LEN)
		return input_drop(m, DROP_IP6_SHORT);
	if (*(const uint8_t *)ip >> 4 != 6)
		return input_drop(m, DROP_IP6_VERSION);
	room = m->pkt_len - PKT_L2_LEN;
	payload_len = rte_be_to_cpu_16(ip->payload_len);
	len = sizeof(*ip) + payload_len;
	if (len > room)
		return input_drop(m, DROP_IP6_SHORT);
	if (ip->proto == IPPROTO_HOPOPTS && !hop_by_hop_fits(m, ip, payload_len))
		return input_drop(m, DROP_IP6_EXT_HEADER);
	if (len < room && rte_pktmbuf_lastseg(m)->data_len >= room - len)
		rte_pktmbuf_trim(m, room - len);
	return ip6_input_scope(fib, nh, m, ip);
}

/* First octets that need a closer look: 0 (::, ::1, mapped), fe and ff (link-local, groups). */
static inline bool octet_special(uint8_t octet)
{
	return (uint8_t)(octet + 2) < 3;
}

void ip6_input_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct pkt_ip6_hdr *ip =
			rte_pktmbuf_mtod_offset(m, const struct pkt_ip6_hdr *, PKT_L2_LEN);
		uint32_t bad;

		fib_prefetch_v6(fib, word(ip->dst_addr));
		bad = (*(const uint8_t *)ip >> 4) ^ 6;
		bad |= rte_be_to_cpu_16(ip->payload_len) + IP6_MIN_LEN != m->pkt_len;
		bad |= m->data_len < IP6_MIN_LEN;
		bad |= ip->proto == IPPROTO_HOPOPTS;
		bad |= octet_special(ip->src_addr[0]) | octet_special(ip->dst_addr[0]);
		next[i] = likely(bad == 0) ? IP_INPUT_LOOKUP : ip6_input_slow(fib, nh, m);
	}
}

static __attribute__((noinline)) uint8_t ip6_lookup_slow(const struct nh_table *t,
	struct rte_mbuf *m, uint32_t index)
{
	uint8_t kind = nh_kind(&t->nh[index]);

	if (kind == NH_ECMP) {
		index = nh_group_pick(t, index, flow_hash_v6(m));
		kind = nh_kind(&t->nh[index]);
	}
	pkt_meta(m)->nh = index;
	return ip_lookup_exception(m, &t->nh[index], kind, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE);
}

void ip6_lookup_burst(const struct fib *fib, const struct nh_table *nh, struct rte_mbuf **pkts,
	unsigned int n, uint8_t *next)
{
	struct fib_v6_key dst[PKT_BURST_MAX];
	uint32_t index[PKT_BURST_MAX];

	if (unlikely(n == 0))
		return;

	for (unsigned int i = 0; i < n; i++) {
		const struct pkt_ip6_hdr *ip =
			rte_pktmbuf_mtod_offset(pkts[i], const struct pkt_ip6_hdr *, PKT_L2_LEN);

		dst[i].hi = word(ip->dst_addr);
		dst[i].lo = word(ip->dst_addr + 8);
	}
	fib_lookup_v6_burst(fib, dst, index, n);
	for (unsigned int i = 0; i < n; i++) {
		if (likely(nh_kind(&nh->nh[index[i]]) == NH_FORWARD)) {
			pkt_meta(pkts[i])->nh = index[i];
			next[i] = IP_LOOKUP_REWRITE;
		} else {
			next[i] = ip6_lookup_slow(nh, pkts[i], index[i]);
		}
	}
}

static inline void ip6_forward(struct rte_mbuf *m, struct pkt_ip6_hdr *ip, const struct nh *nh)
{
	ip->hop_limits--;
	l2_rewrite(rte_pktmbuf_mtod(m, uint8_t *), nh);
	m->port = nh->port;
}

static __attribute__((noinline)) uint8_t ip6_rewrite_slow(const struct nh_table *t,
	struct rte_mbuf *m)
{
	const struct nh *nh = &t->nh[pkt_meta(m)->nh];
	struct pkt_ip6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct pkt_ip6_hdr *, PKT_L2_LEN);
	uint8_t kind = nh_kind(nh);

	pkt_meta(m)->inject = 0;
	if (kind != NH_FORWARD)
		return ip_rewrite_exception(m, kind);
	if (ip->hop_limits <= 1) {
		icmp_wanted(m, DROP_IP6_HOP_LIMIT, ICMP6_TIME_EXCEEDED, 0, 0);
		return IP_REWRITE_ICMP;
	}
	if (m->pkt_len - PKT_L2_LEN > nh->mtu_bytes) {
		icmp_wanted(m, DROP_IP6_TOO_BIG, ICMP6_PACKET_TOO_BIG, 0, nh->mtu_bytes);
		return IP_REWRITE_ICMP;
	}
	ip6_forward(m, ip, nh);
	return IP_REWRITE_TX;
}

void ip6_rewrite_burst(const struct nh_table *t, struct rte_mbuf **pkts, unsigned int n,
	uint8_t *next)
{
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const struct nh *nh = &t->nh[pkt_meta(m)->nh];
		struct pkt_ip6_hdr *ip =
			rte_pktmbuf_mtod_offset(m, struct pkt_ip6_hdr *, PKT_L2_LEN);

		if (likely(ip->hop_limits > 1 && nh_kind(nh) == NH_FORWARD &&
			   m->pkt_len - PKT_L2_LEN <= nh->mtu_bytes)) {
			ip6_forward(m, ip, nh);
			next[i] = IP_REWRITE_TX;
		} else {
			next[i] = ip6_rewrite_slow(t, m);
		}
	}
}

/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only) */
/*
 * Part of steer.bpf.c: whether a packet to one of the kernel's addresses is translation's, by its
 * destination port, by the identifier of an ICMP answer, or by the packet that an ICMP error is about,
 * which then was sent from here. BGP (port 179 at either end) stays the kernel's whatever the ports.
 */

static __always_inline int has_bit(const struct xdp_nat_ports *nat, __u32 proto, __be16 port)
{
	__u32 host = bpf_ntohs(port);

	return nat->bits[proto][(host >> 3) & 0x1fff] >> (host & 7) & 1;
}

static __always_inline int is_bgp(const __be16 *ports)
{
	return ports[0] == bpf_htons(179) || ports[1] == bpf_htons(179);
}

/* The packet inside an ICMP error, at its upper-layer header: its source is the translated end. */
static __always_inline int is_nat_inside(struct cursor *c, __u8 proto, const struct xdp_nat_ports *nat)
{
	__be16 *l4 = take(c, 8); /* what every error holds: RFC 792 */

	if (l4 == NULL)
		return 0;
	switch (proto) {
	case IPPROTO_TCP:
		return !is_bgp(l4) && has_bit(nat, XDP_NAT_TCP, l4[0]);
	case IPPROTO_UDP:
		return has_bit(nat, XDP_NAT_UDP, l4[0]);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return has_bit(nat, XDP_NAT_ICMP, l4[2]);
	default:
		return nat->other;
	}
}

static __always_inline int is_nat_icmp4(struct cursor *c, const struct xdp_nat_ports *nat)
{
	__u8 *icmp = take(c, 8);
	struct iphdr *ip;

	if (icmp == NULL)
		return 0;
	switch (icmp[0]) {
	case 8: /* echo and timestamp */
	case 13:
		return nat->echo;
	case 0: /* their replies */
	case 14:
		return has_bit(nat, XDP_NAT_ICMP, *(__be16 *)(icmp + 4));
	case 3: /* unreachable, source quench, time exceeded, parameter problem */
	case 4:
	case 11:
	case 12:
		ip = take(c, sizeof(*ip));
		if (ip == NULL || ip->version != 4 || ip->ihl < 5)
			return 0;
		if (ip->frag_off & bpf_htons(0x1fff)) /* no ports: whose it is only nvad may know */
			return 1;
		return skip(c, (ip->ihl - 5) * 4) == 0 && is_nat_inside(c, ip->protocol, nat);
	default:
		return 0;
	}
}

static __always_inline int is_nat_icmp6(struct cursor *c, const struct xdp_nat_ports *nat)
{
	__u8 *icmp = take(c, 8);
	struct ipv6hdr *ip;

	if (icmp == NULL)
		return 0;
	if (icmp[0] == 128)
		return nat->echo;
	if (icmp[0] == 129)
		return has_bit(nat, XDP_NAT_ICMP, *(__be16 *)(icmp + 4));
	if (icmp[0] < 1 || icmp[0] > 4) /* RFC 4443 3: the errors */
		return 0;
	ip = take(c, sizeof(*ip));
	if (ip == NULL || ip->version != 6)
		return 0;
	return ip->nexthdr == IPV6_FRAGMENT || is_nat_inside(c, ip->nexthdr, nat);
}

/* c: at the upper-layer header; a copy, so that whoever comes next begins there, too. */
static __always_inline int is_nat(struct cursor c, __u8 proto, const struct xdp_nat_ports *nat)
{
	__be16 *ports;

	switch (proto) {
	case IPPROTO_TCP:
		ports = take(&c, 4);
		return ports != NULL && !is_bgp(ports) && has_bit(nat, XDP_NAT_TCP, ports[1]);
	case IPPROTO_UDP:
		ports = take(&c, 4);
		return ports != NULL && has_bit(nat, XDP_NAT_UDP, ports[1]);
	case IPPROTO_ICMP:
		return is_nat_icmp4(&c, nat);
	case IPPROTO_ICMPV6:
		return is_nat_icmp6(&c, nat);
	default:
		return nat->other;
	}
}

/* SPDX-License-Identifier: (BSD-3-Clause OR GPL-2.0-only) */
/*
 * The XDP program of an af_xdp port: transit goes to nvad's socket on the same queue, and what the
 * kernel must have goes on to it. Runs in the driver's receive path, once a frame; nvad changes the
 * maps while it runs (lib/xdp/steer.c). All reads are checked against data_end.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

#define VLAN_TAGS_MAX 2
#define EXTENSIONS_MAX 6
#define ICMP6_ND_FIRST 133 /* router solicitation */
#define ICMP6_ND_SOLICIT 135
#define ICMP6_ND_LAST 137  /* redirect */
#define IPV6_FRAGMENT 44

/* The name and type are the driver's contract: it puts socket q under key q. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* Local addresses, IPv4 as ::ffff:a.b.c.d, to the classes (1 << XDP_CLASS_*) that are the kernel's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_ADDRESSES_MAX);
	__type(key, struct xdp_addr_key);
	__type(value, __u32);
} nvad_addrs SEC(".maps");

/* One word: the classes that are switched off. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nvad_off SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_CLASS_MAX);
	__type(key, __u32);
	__type(value, struct xdp_class_counters);
} nvad_counters SEC(".maps");

/* Of local addresses: what is nvad's all the same, because it translates there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* 24 KiB each */
	__uint(max_entries, XDP_NAT_ADDRESSES_MAX);
	__type(key, struct xdp_addr_key);
	__type(value, struct xdp_nat_ports);
} nvad_nat SEC(".maps");

struct cursor {
	void *at, *end;
};

struct verdict {
	__u32 class;
	__u32 kernel; /* classes that the kernel may have */
};

/* The next n bytes, n constant, or NULL. */
static __always_inline void *take(struct cursor *c, __u32 n)
{
	void *p = c->at;

	if (p + n > c->end)
		return NULL;
	c->at = p + n;
	return p;
}

/*
 * Skips n bytes, 0..2040. The mask is for the verifier, which has to see the bound on the register
 * that it adds; the barrier keeps the compiler from proving the mask needless. 0, or -1 at the end.
 */
static __always_inline int skip(struct cursor *c, __u32 n)
{
	asm volatile("" : "+r"(n));
	n &= 0x7ff;
	if (c->at + n > c->end)
		return -1;
	c->at += n;
	return 0;
}

static __always_inline __u32 class_of_ports(struct cursor *c, __u8 proto)
{
	__be16 *ports = take(c, 4);

	if (ports == NULL)
		return XDP_CLASS_MALFORMED;
	if (proto == IPPROTO_TCP) {
		if (ports[0] == bpf_htons(179) || ports[1] == bpf_htons(179))
			return XDP_CLASS_BGP;
		if (ports[0] == bpf_htons(22) || ports[1] == bpf_htons(22))
			return XDP_CLASS_SSH;
	} else if (ports[1] == bpf_htons(500) || ports[1] == bpf_htons(4500)) {
		return XDP_CLASS_IKE;
	}
	return XDP_CLASS_LOCAL;
}

static __always_inline __u32 class_of_local(struct cursor *c, __u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return class_of_ports(c, proto);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return XDP_CLASS_ICMP;
	default:
		return XDP_CLASS_LOCAL;
	}
}

#include "steer_nat.h"

/* Who answers questions for an address: nvad, where it is one that the kernel does not have. */
static __always_inline __u32 kernel_of(struct xdp_addr_key *key)
{
	__u32 *mask = bpf_map_lookup_elem(&nvad_addrs, key);

	return mask != NULL ? *mask : XDP_CLASSES_ALL;
}

static __always_inline struct verdict classify_arp(struct cursor *c)
{
	struct verdict v = {.class = XDP_CLASS_NEIGH, .kernel = XDP_CLASSES_ALL};
	struct xdp_addr_key key = {.words[2] = bpf_htonl(0xffff)};
	__u8 *arp = take(c, 28); /* of Ethernet and IPv4: RFC 826 */

	if (arp != NULL && arp[7] == 1) { /* a request */
		__builtin_memcpy(&key.words[3], arp + 24, 4);
		v.kernel = kernel_of(&key);
	}
	return v;
}

static __always_inline int is_azure(__be32 addr)
{
	return addr == bpf_htonl(0xa83f8110) /* 168.63.129.16 */ ||
		addr == bpf_htonl(0xa9fea9fe) /* 169.254.169.254 */;
}

static __always_inline struct verdict classify_v4(struct cursor *c)
{
	struct verdict v = {.class = XDP_CLASS_MALFORMED, .kernel = XDP_CLASSES_ALL};
	struct iphdr *ip = take(c, sizeof(*ip));
	struct xdp_addr_key key = {};
	struct xdp_nat_ports *nat;
	__u32 *mask;

	if (ip == NULL || ip->version != 4 || ip->ihl < 5)
		return v;
	if (is_azure(ip->saddr) || is_azure(ip->daddr)) {
		v.class = XDP_CLASS_AZURE;
		return v;
	}
	/* 224.0.0.0/24 and the limited broadcast never leave the link (RFC 5771 4, RFC 919 7). */
	if ((ip->daddr & bpf_htonl(0xffffff00)) == bpf_htonl(0xe0000000) ||
		ip->daddr == bpf_htonl(0xffffffff)) {
		v.class = XDP_CLASS_LOCAL;
		return v;
	}
	key.words[2] = bpf_htonl(0xffff);
	key.words[3] = ip->daddr;
	mask = bpf_map_lookup_elem(&nvad_addrs, &key);
	if (mask == NULL) {
		v.class = XDP_CLASS_TRANSIT;
		return v;
	}
	v.kernel = *mask;
	nat = bpf_map_lookup_elem(&nvad_nat, &key);
	/* Only the first fragment has ports: all fragments of a packet have to go one way. The kernel's
	 * own traffic is hardly ever cut up, translated traffic is. */
	if (ip->frag_off & bpf_htons(0x3fff)) {
		v.class = nat != NULL ? XDP_CLASS_NAT : XDP_CLASS_LOCAL;
		return v;
	}
	if (skip(c, (ip->ihl - 5) * 4) < 0)
		return v;
	v.class = nat != NULL && is_nat(*c, ip->protocol, nat) ? XDP_CLASS_NAT
							       : class_of_local(c, ip->protocol);
	return v;
}

/* To the header behind the extension headers (RFC 8200 4); -1 where it is not there. */
static __always_inline int skip_extensions(struct cursor *c, __u8 next)
{
#pragma unroll
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		__u8 *ext;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return next;
		ext = take(c, 8);
		if (ext == NULL)
			return -1;
		next = ext[0];
		if (skip(c, (__u32)ext[1] * 8) < 0)
			return -1;
	}
	return next;
}

static __always_inline struct verdict classify_v6(struct cursor *c)
{
	struct verdict v = {.class = XDP_CLASS_MALFORMED, .kernel = XDP_CLASSES_ALL};
	struct ipv6hdr *ip = take(c, sizeof(*ip));
	struct xdp_nat_ports *nat = NULL;
	struct xdp_addr_key key;
	__u32 *mask;
	__u8 *icmp;
	int next;

	if (ip == NULL || ip->version != 6)
		return v;
	if (ip->nexthdr == IPPROTO_ICMPV6) {
		icmp = c->at;
		if ((void *)(icmp + 1) > c->end)
			return v;
		if (*icmp >= ICMP6_ND_FIRST && *icmp <= ICMP6_ND_LAST) {
			v.class = XDP_CLASS_NEIGH;
			if (*icmp == ICMP6_ND_SOLICIT && c->at + 24 <= c->end) {
				__builtin_memcpy(&key, icmp + 8, sizeof(key));
				v.kernel = kernel_of(&key);
			}
			return v;
		}
	}
	__builtin_memcpy(&key, &ip->daddr, sizeof(key));
	/* fe80::/10, and ff01::, ff02::: never forwarded (RFC 4291 2.5.6, 2.7). */
	if ((key.words[0] & bpf_htonl(0xffc00000)) != bpf_htonl(0xfe800000) &&
		(key.words[0] & bpf_htonl(0xff0f0000)) != bpf_htonl(0xff010000) &&
		(key.words[0] & bpf_htonl(0xff0f0000)) != bpf_htonl(0xff020000)) {
		mask = bpf_map_lookup_elem(&nvad_addrs, &key);
		if (mask == NULL) {
			v.class = XDP_CLASS_TRANSIT;
			return v;
		}
		v.kernel = *mask;
		nat = bpf_map_lookup_elem(&nvad_nat, &key);
	}
	next = skip_extensions(c, ip->nexthdr);
	if (next < 0)
		return v;
	if (nat != NULL && (next == IPV6_FRAGMENT || is_nat(*c, next, nat)))
		v.class = XDP_CLASS_NAT;
	else
		v.class = next == IPV6_FRAGMENT ? XDP_CLASS_LOCAL : class_of_local(c, next);
	return v;
}

static __always_inline struct verdict classify(struct xdp_md *ctx)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	struct verdict v = {.class = XDP_CLASS_MALFORMED, .kernel = XDP_CLASSES_ALL};
	struct ethhdr *eth = take(&c, sizeof(*eth));
	__be16 type, *tag;

	if (eth == NULL)
		return v;
	type = eth->h_proto;
#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		tag = take(&c, 4);
		if (tag == NULL)
			return v;
		type = tag[1];
	}
	if (type == bpf_htons(ETH_P_IP))
		return classify_v4(&c);
	if (type == bpf_htons(ETH_P_IPV6))
		return classify_v6(&c);
	if (type == bpf_htons(ETH_P_ARP))
		return classify_arp(&c);
	v.class = XDP_CLASS_TRANSIT;
	return v;
}

SEC("xdp")
int nvad_steer(struct xdp_md *ctx)
{
	__u32 zero = 0, bytes = ctx->data_end - ctx->data;
	struct verdict v = classify(ctx);
	__u32 *off = bpf_map_lookup_elem(&nvad_off, &zero);
	struct xdp_class_counters *n = bpf_map_lookup_elem(&nvad_counters, &v.class);
	long action;

	if (off == NULL || n == NULL)
		return XDP_ABORTED;
	if (v.class < XDP_CLASS_TRANSIT && (v.kernel & ~*off & (1u << v.class))) {
		n->kernel_packets++;
		n->kernel_bytes += bytes;
		return XDP_PASS;
	}
	/* Without a socket the frame is lost: the kernel must not forward behind nvad's back. */
	action = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_DROP);
	if (action == XDP_REDIRECT) {
		n->socket_packets++;
		n->socket_bytes += bytes;
	} else {
		n->lost_packets++;
		n->lost_bytes += bytes;
	}
	return action;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: BSD-3-Clause */
/* What the XDP program and nvad agree on: the classes, and the layout of the maps. */
#ifndef XDP_BPF_STEER_H
#define XDP_BPF_STEER_H

/* One class a packet, the first that fits. */
enum xdp_class {
	XDP_CLASS_BGP,	     /* to a local address: TCP with 179 as either port */
	XDP_CLASS_SSH,	     /* TCP with 22 as either port */
	XDP_CLASS_IKE,	     /* UDP with 500 or 4500 as destination */
	XDP_CLASS_ICMP,	     /* ICMP and ICMPv6 but neighbour discovery */
	XDP_CLASS_LOCAL,     /* anything else to a local address, link-local and link-scope multicast */
	XDP_CLASS_NEIGH,     /* ARP and IPv6 neighbour discovery, whatever the address */
	XDP_CLASS_AZURE,     /* from or to 168.63.129.16 or 169.254.169.254 */
	XDP_CLASS_TRANSIT,   /* everything else: always nvad's */
	XDP_CLASS_NAT,	     /* to a local address, and translation's by its port: always nvad's */
	XDP_CLASS_MALFORMED, /* too short for its headers: nvad's, which counts the drop */
	XDP_CLASS_MAX,
};

#define XDP_CLASSES_ALL ((1u << XDP_CLASS_TRANSIT) - 1)
#define XDP_ADDRESSES_MAX 1024
#define XDP_NAT_ADDRESSES_MAX 64

#include <linux/types.h>

/* An address: IPv6, or IPv4 as ::ffff:a.b.c.d; network order. */
struct xdp_addr_key {
	__be32 words[4];
};

enum xdp_nat_proto { XDP_NAT_TCP, XDP_NAT_UDP, XDP_NAT_ICMP, XDP_NAT_PROTO_MAX };

/* What of a local address is translation's. */
struct xdp_nat_ports {
	/* A bit a destination port, in host order; of ICMP a bit an identifier of what is answered. */
	__u8 bits[XDP_NAT_PROTO_MAX][65536 / 8];
	__u8 echo;  /* ICMP queries, too: 0 or 1 */
	__u8 other; /* protocols without ports */
	__u8 zero[2];
};

/* A value of the map of counters, one a class and CPU. */
struct xdp_class_counters {
	__u64 kernel_packets, kernel_bytes; /* passed to the kernel */
	__u64 socket_packets, socket_bytes; /* redirected to nvad */
	__u64 lost_packets, lost_bytes;	    /* dropped: no socket on the queue they came in by */
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ARP and neighbour discovery as one kind of message, since one state machine serves both. Pure
 * functions of bytes, no state: any thread. Private to lib/neigh and its tests.
 *
 *   ARP request, neighbour solicitation        NEIGH_MSG_SOLICIT
 *   ARP reply, ARP announcement (sender is target), neighbour advertisement  NEIGH_MSG_ADVERT
 *   router solicitation and advertisement, redirect: valid, and of no use to us  NEIGH_MSG_OTHER
 */
#ifndef NEIGH_MSG_H
#define NEIGH_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/addr.h"

enum neigh_msg_kind { NEIGH_MSG_SOLICIT, NEIGH_MSG_ADVERT, NEIGH_MSG_OTHER };

struct neigh_msg {
	enum neigh_msg_kind kind;
	struct rte_ether_addr eth_src; /* who put the frame on the wire */
	/* SOLICIT: who asks, IP_NONE for a probe for duplicates. ADVERT: same as target. */
	struct ip_addr sender;
	/* SOLICIT: who is asked for. ADVERT: whose MAC is told. */
	struct ip_addr target;
	/* ADVERT of ARP: the address that it is told to; IP_NONE in neighbour discovery. */
	struct ip_addr told;
	bool has_mac;
	struct rte_ether_addr mac; /* the sender's, resp. the target's */
	bool solicited, override;  /* ADVERT; RFC 4861 4.4 */
};

/*
 * A frame from its Ethernet header on, with EtherType ARP or IPv6, all `len` bytes in one piece.
 * 0, or -EBADMSG with nothing written: malformed, by RFC 826 or RFC 4861 7.1.
 */
int arp_parse(const uint8_t *frame, size_t len, struct neigh_msg *ret_msg);
int nd_parse(const uint8_t *frame, size_t len, struct neigh_msg *ret_msg);

/* Every frame built here fits; a padded ARP has 60 bytes, a solicitation with its option 86. */
#define NEIGH_FRAME_MAX 86

struct neigh_frame {
	struct rte_ether_addr eth_dst, eth_src; /* the latter goes into the message too */
	struct ip_addr sender;			/* IP_NONE: 0.0.0.0 or :: */
	struct ip_addr target;
	struct ip_addr to; /* ADVERT: ARP's target address, the IPv6 destination */
	struct rte_ether_addr to_mac; /* ARP replies */
	bool solicited, override;	      /* neighbour advertisements; always sent with R */
};

/* Write a frame of the target's family, return its length. */
size_t neigh_build_solicit(const struct neigh_frame *f, uint8_t frame[NEIGH_FRAME_MAX]);
size_t neigh_build_advert(const struct neigh_frame *f, uint8_t frame[NEIGH_FRAME_MAX]);

size_t arp_build(const struct neigh_frame *f, uint16_t op, uint8_t frame[NEIGH_FRAME_MAX]);
size_t nd_build(const struct neigh_frame *f, uint8_t type, uint8_t frame[NEIGH_FRAME_MAX]);

/* ff02::1:ffXX:XXXX, and the Ethernet address of an IPv6 multicast group (RFC 2464 7). */
struct ip_addr nd_solicited_node(const struct ip_addr *addr);
struct rte_ether_addr nd_multicast_mac(const struct ip_addr *group);
/* fe80:: with the interface identifier of a MAC (RFC 4291 appendix A). */
struct ip_addr nd_link_local(const struct rte_ether_addr *mac);

#endif

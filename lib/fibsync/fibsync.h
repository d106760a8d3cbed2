/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From Loc-RIB to FIB: resolves next hops through the underlay (connected prefixes and the
 * configuration's underlay routes, which no BGP-learned route enters) down to adjacencies and ECMP
 * groups, and is the only writer of lib/fib. Control thread.
 */
#ifndef FIBSYNC_FIBSYNC_H
#define FIBSYNC_FIBSYNC_H

#include "fib/fib.h"
#include "fib/nh.h"
#include "neigh/neigh.h"
#include "rib/rib.h"

struct fibsync;

struct fibsync_conf {
	struct fib *fib;
	struct nh_table *nh;
	struct neigh_table *neigh;
};

/* Free the RIB first: its last routes leave the FIB through here. */
struct fibsync *fibsync_new(const struct fibsync_conf *conf);
void fibsync_free(struct fibsync *s);
/* The RIB's observer, for rib_new(); and the RIB, once it exists. */
void fibsync_rib_ops(struct fibsync *s, struct rib_ops *ret_ops);
void fibsync_set_rib(struct fibsync *s, struct rib *rib);

/* The underlay. A via must lie on a connected prefix. 0 or -errno. */
int fibsync_underlay_connected(struct fibsync *s, const struct ip_prefix *prefix, uint16_t port);
int fibsync_underlay_route(struct fibsync *s, const struct config_route *route);
/* A port went up or down: what resolves through it is decided again, in the RIB too. Ports count as
 * up until this says otherwise. */
void fibsync_port_changed(struct fibsync *s, uint16_t port_id, bool up);

/* One of our own addresses is lib/nat's too, or no more: packets to it go to the flow stage first. 0, or
 * -ENOENT where the address is not our own. */
int fibsync_set_nat(struct fibsync *s, const struct ip_addr *addr, bool nat);

/* From time to time (about every 100 ms): tries again what was refused for want of room, and next
 * hops that do not resolve. Does nothing more than once a second. */
void fibsync_run(struct fibsync *s, uint64_t now_ms);

/* neigh_conf.host_route. nh stays neigh's own and valid until the call with add false. */
void fibsync_host_route(void *s, const struct ip_addr *addr, uint32_t nh, bool add);

/* The adjacency for an address by the underlay (for punt_set_resolve), NH_NONE where none. */
uint32_t fibsync_resolve(void *s, const struct ip_addr *dst);
/* For `show`: the next hop's gateway and port; 0 or -ENOENT. */
int fibsync_underlay_lookup(struct fibsync *s, const struct ip_addr *dst, struct ip_prefix *ret_route,
	uint16_t *ret_port, struct ip_addr *ret_gateway);

struct fibsync_stats {
	uint64_t routes;    /* in the FIB, host routes of neighbours included */
	uint64_t hosts;	    /* of these, host routes of neighbours */
	uint64_t paths;	    /* distinct adjacencies, groups and others that routes lead to */
	uint64_t writes;    /* to the FIB since start */
	uint64_t failed;    /* refused for want of room: the FIB is not what the RIB says */
	uint64_t unresolved; /* tracked next hops that do not resolve */
};
void fibsync_get_stats(const struct fibsync *s, struct fibsync_stats *ret_stats);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decision process (RFC 4271 9.1.2), pure: no I/O, no memory. Control thread.
 * Between adj_in.c, which keeps the candidates, and loc_rib.c, which announces the result.
 */
#ifndef RIB_DECIDE_H
#define RIB_DECIDE_H

#include "rib/rib.h"

/* At which step a route fell out: X(name, short name, text), in the order of the steps. */
#define DECIDE_REASONS(X)                                                                          \
	X(NONE, "best", "selected")                                                                \
	X(EQUAL, "equal", "as good as the best; shares its traffic")                               \
	X(UNUSABLE, "unusable", "next hop does not resolve or is our own (9.1.2.1)")               \
	X(SOURCE, "source", "connected, local and static routes come before BGP")                  \
	X(LOCAL_PREF, "local-pref", "lower degree of preference (9.1.1)")                          \
	X(PATH_LENGTH, "path-length", "longer AS path (9.1.2.2 a)")                                \
	X(ORIGIN, "origin", "higher origin (9.1.2.2 b)")                                           \
	X(MED, "med", "higher MED from the same neighbour AS (9.1.2.2 c)")                         \
	X(IBGP, "ibgp", "learned by iBGP, the best by eBGP (9.1.2.2 d)")                           \
	X(ROUTER_ID, "router-id", "higher BGP identifier (9.1.2.2 f)")                             \
	X(PEER_ADDRESS, "peer-address", "higher peer address (9.1.2.2 g)")                         \
	X(NEXT_HOP, "next-hop", "not BGP's: higher next hop address")

enum decide_reason {
#define X(name, word, text) DECIDE_##name,
	DECIDE_REASONS(X)
#undef X
	DECIDE_REASON_MAX,
};

const char *decide_reason_name(unsigned int reason);
const char *decide_reason_text(unsigned int reason);

/*
 * Orders the routes of one prefix: the best first, then its multipaths, then the others by the step at
 * which they fell out, latest first. Sets usable, best, multipath and reason of each.
 * With no usable route, none is best. maximum_paths bounds BGP's multipaths.
 */
void decide(struct rib_route **routes, unsigned int maximum_paths);

#endif

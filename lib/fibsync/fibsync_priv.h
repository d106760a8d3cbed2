/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What fibsync's own files share: underlay.c says over which gateways an address is reached, path.c
 * turns that into a next-hop index shared by all who need it, host.c keeps neighbours' host routes,
 * fibsync.c writes the FIB.
 */
#ifndef FIBSYNC_FIBSYNC_PRIV_H
#define FIBSYNC_FIBSYNC_PRIV_H

#include "config/config.h"
#include "fibsync/fibsync.h"

#define FS_PATH_BUCKETS 4096

/* A neighbour to send to. */
struct fs_gateway {
	struct ip_addr addr;
	uint16_t port;
	uint32_t nh; /* its adjacency, once acquired */
};

/* What routes lead to: one next-hop index, and the references that keep it alive. */
struct fs_path {
	struct fs_path *hash_next;
	uint32_t hash;
	uint32_t refs; /* of FIB routes and tracked next hops */
	uint32_t nh;
	uint8_t kind;  /* enum nh_kind; NH_FORWARD for one adjacency in whatever state */
	uint8_t n;     /* members, ordered by nh: each with a reference of lib/neigh's */
	uint16_t port; /* NH_GLEAN, NH_LOCAL */
	struct ip_addr addr; /* NH_LOCAL */
	struct fs_gateway members[];
};

/* A next hop that the RIB tracks. */
struct fs_hop {
	struct ptree_node node; /* its host prefix */
	uint32_t refs;
	struct fs_path *path; /* NULL: does not resolve */
	bool partial;	      /* a gateway is missing for want of room */
};

/* Either a connected prefix or a configured route. */
struct fs_underlay {
	struct ptree_node node;
	bool connected;
	uint16_t port;
	enum config_route_kind kind;
	unsigned int n_via;
	struct ip_addr via[CONFIG_VIA_MAX];
};

struct fs_host {
	struct ptree_node node;
	uint32_t nh; /* lib/neigh's */
	bool installed;
};

/* A prefix whose route the FIB refused. */
struct fs_failed {
	struct ptree_node node;
};

struct fibsync {
	struct fibsync_conf conf;
	struct rib *rib;
	struct ptree underlay, hops, hosts, failed;
	bool down[PORT_MAX];
	struct fs_path *paths[FS_PATH_BUCKETS];
	struct ip_prefix retry_from; /* where the next round over `failed` goes on */
	bool host_failed;
	uint64_t last_run_ms, last_log_ms;
	uint64_t n_routes, n_hosts, n_paths, n_writes;
};

/* underlay.c: the gateways for an address, at most CONFIG_VIA_MAX; 0 where it does not resolve.
 * ret_route (may be NULL) is the underlay's route. */
unsigned int underlay_resolve(const struct fibsync *s, const struct ip_addr *addr,
	struct fs_gateway *ret_gateways, struct ip_prefix *ret_route);
bool underlay_is_connected(const struct fibsync *s, const struct ip_prefix *prefix);
void underlay_free(struct fibsync *s);

/* path.c: each returns a reference, or NULL for want of room. */
struct fs_path *path_ref(struct fs_path *p);
void path_unref(struct fibsync *s, struct fs_path *p); /* NULL is legal */
/* Those of the gateways that lib/neigh has room for; ret_n says how many. */
struct fs_path *path_to_gateways(struct fibsync *s, struct fs_gateway *gateways, unsigned int n,
	unsigned int *ret_n);
struct fs_path *path_union(struct fibsync *s, struct fs_path *const *paths, unsigned int n);
struct fs_path *path_special(struct fibsync *s, enum nh_kind kind, uint16_t port,
	const struct ip_addr *addr);

/* host.c */
/* Writes the neighbour's host route if there is one for the prefix and it is due; false: none. */
bool host_take_over(struct fibsync *s, const struct ip_prefix *prefix);
/* The RIB's own route has replaced a host route of the same prefix in the FIB. */
void host_replaced(struct fibsync *s, const struct ip_prefix *prefix);
/* The RIB's route for a prefix came, went or changed: the host routes inside it follow. */
void hosts_review(struct fibsync *s, const struct ip_prefix *prefix);
/* All of them again, after one was refused for want of room. */
void hosts_retry(struct fibsync *s);
void hosts_free(struct fibsync *s);

/* fibsync.c: the two writers of the FIB. 0 or -errno. */
int fibsync_write(struct fibsync *s, const struct ip_prefix *prefix, uint32_t nh);
void fibsync_erase(struct fibsync *s, const struct ip_prefix *prefix);
/* A line for the operator, at most one in ten seconds. */
void fibsync_complain(struct fibsync *s, const struct ip_prefix *prefix, int error);
/* Resolves the tracked next hops again; the RIB is told of those that changed, and runs a slice. */
void fibsync_review_hops(struct fibsync *s, bool only_unresolved);

#endif

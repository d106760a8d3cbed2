/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside lib/neigh. table.c owns the entries, timer.c orders their deadlines, state.c moves them from
 * state to state, input.c hands it what workers punt, kernel.c what the kernel says over netlink.
 */
#ifndef NEIGH_NEIGH_PRIV_H
#define NEIGH_NEIGH_PRIV_H

#include "base/ptree.h"
#include "drop/drop.h"
#include "neigh/msg.h"
#include "neigh/neigh.h"

#define NEIGH_CONTROL_THREAD 0 /* its slot of the drop counters */
#define NEIGH_NEVER UINT64_MAX
#define NEIGH_NO_TIMER UINT32_MAX

/*
 * A neighbour holds one reference on its adjacency; whoever else uses it (a route, a group) holds
 * another. So it is in use while nh[].refs > 1, and may be forgotten when it is not.
 */
struct neigh_entry {
	struct neigh_entry *chain; /* in its hash bucket */
	uint32_t nh;
	uint32_t timer; /* place in the heap, or NEIGH_NO_TIMER */
	uint64_t deadline_ms;
	uint16_t port_id;
	uint8_t state; /* enum neigh_state */
	uint8_t probes_left;
	bool gleaned;  /* made by a packet: gets a host route once it answers */
	bool routed;   /* the host route stands */
	bool resolved; /* the adjacency is NH_FORWARD */
	bool ask_all;  /* PROBE: not the known MAC alone */
	struct ip_addr addr;
	struct rte_ether_addr mac;
	uint64_t confirmed_ms; /* or made */
	uint64_t used_ms; /* a worker last asked for it, or a user let go of it */
	uint64_t tried_ms; /* last asked on the wire */
	uint16_t held_first, held_count; /* a ring of conf.hold_packets */
	struct rte_mbuf *held[];
};

struct neigh_port {
	const struct port *port; /* NULL: not ours */
	struct config_address *addrs;
	size_t n_addrs;
	struct ip_addr link_local; /* made of the MAC, for a port without IPv6 addresses */
	int ifindex;		   /* of the kernel's device, where the kernel owns the addresses */
	uint8_t announces_left;
	uint64_t announce_ms;
};

struct neigh_table {
	struct neigh_conf conf;
	uint64_t now_ms; /* of the last neigh_run() */
	struct neigh_entry **buckets;
	uint32_t bucket_mask;
	uint32_t hash_seed;
	struct neigh_entry **by_nh; /* conf.nh->size */
	struct neigh_entry **heap;  /* earliest deadline first */
	uint32_t heap_len, heap_cap;
	uint32_t held;
	struct neigh_port ports[PORT_MAX]; /* by port id */
	struct ptree proxies; /* host prefixes of neigh_proxy_add() */
	struct mnl_socket *nl;		   /* kernel.c; NULL until a port needs it */
	struct neigh_stats stats;
};

/* table.c */
struct neigh_entry *neigh_find(const struct neigh_table *t, uint16_t port_id,
	const struct ip_addr *addr);
/* A new entry, NEIGH_INCOMPLETE and without a timer. NULL with errno where a limit is reached. */
struct neigh_entry *neigh_entry_new(struct neigh_table *t, uint16_t port_id,
	const struct ip_addr *addr, bool gleaned);
void neigh_entry_free(struct neigh_table *t, struct neigh_entry *e);
bool neigh_in_use(const struct neigh_table *t, const struct neigh_entry *e);
/* Whether the port owns the address; whether the address is one of its connected prefixes'. */
bool neigh_port_owns(const struct neigh_port *np, const struct ip_addr *addr);
/* Whether others on the port take the address for ours: the port's own, or a proxy's. */
bool neigh_answers(const struct neigh_table *t, const struct neigh_port *np,
	const struct ip_addr *addr);
const struct config_address *neigh_port_prefix(const struct neigh_port *np,
	const struct ip_addr *addr);

/* timer.c: a binary heap. */
int neigh_timer_set(struct neigh_table *t, struct neigh_entry *e, uint64_t deadline_ms);
void neigh_timer_clear(struct neigh_table *t, struct neigh_entry *e);
struct neigh_entry *neigh_timer_first(const struct neigh_table *t);

/* state.c */
void neigh_start(struct neigh_table *t, struct neigh_entry *e); /* a new entry: ask */
void neigh_reachable(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac);
/* Unresolved, and somebody says, unasked, where it is: used at once, and checked there. */
void neigh_suspect(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac);
/* Resolved, and somebody says that it is elsewhere: everybody is asked, the answer decides. */
void neigh_doubt(struct neigh_table *t, struct neigh_entry *e);
void neigh_fail(struct neigh_table *t, struct neigh_entry *e);
void neigh_timer_fire(struct neigh_table *t, struct neigh_entry *e);
/* A packet for the neighbour: sent on, held, or a counted drop. */
void neigh_forward(struct neigh_table *t, struct neigh_entry *e, struct rte_mbuf *m);
void neigh_drop_held(struct neigh_table *t, struct neigh_entry *e, enum drop_reason reason);
/* A static entry is there from the start; a kernel's one follows the kernel. */
void neigh_set_static(struct neigh_table *t, struct neigh_entry *e, const struct rte_ether_addr *mac);
void neigh_kernel_update(struct neigh_table *t, struct neigh_entry *e,
	const struct rte_ether_addr *mac);

/* send.c */
void neigh_send_solicit(struct neigh_table *t, const struct neigh_entry *e, bool unicast);
void neigh_send_reply(struct neigh_table *t, const struct neigh_port *np,
	const struct neigh_msg *solicit);
void neigh_send_announce(struct neigh_table *t, const struct neigh_port *np);

/* kernel.c: 0 or -errno. */
int neigh_kernel_open(struct neigh_table *t, struct neigh_port *np);
void neigh_kernel_close(struct neigh_table *t);
void neigh_kernel_ask(struct neigh_table *t, const struct neigh_entry *e);
void neigh_kernel_poll(struct neigh_table *t);

#endif

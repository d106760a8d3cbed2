/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole graph on two null ports whose rx and tx the test plays itself: frames in, frames out, byte
 * for byte. The worker walks in the test's own thread, or on an lcore by workers_start().
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "graph/graph_priv.h"
#include "packet/craft.h"

#define RIG_QUEUE_MAX 4096
#define RIG_PUNT_RING 64

struct rig_frame {
	uint16_t port, len;
	uint8_t bytes[2048];
};

/* What the addresses are, on both ports N = 0, 1:
 *	10.0.N.1, 2001:db8:N::1		our own; the rest of their /24 and /64 is connected
 *	10.0.N.2, 2001:db8:N::2		a neighbour, MAC 02:00:00:00:0N:02, MTU 1500
 *	192.0.N.0/24, 2001:db8:10N::/48	routes over the neighbour
 *	192.168.0.0/24, 2001:db8:200::/48 over a path on port 1 with an MTU of 1300
 *	192.168.9.9, 2001:db8:9::9	lib/nat's
 *	198.51.100.0/24			discard; 203.0.113.0/24 blackhole; else no route
 */
struct rig {
	struct worker_conf conf;
	struct worker *worker;
	struct port *port[2];
	struct config_port port_conf[2];
	uint32_t neighbour[2], neighbour6[2], narrow, narrow6;
	uint32_t own[2], own6[2];
	/* Punted packets by class, as the control thread saw them; meta as it was. */
	struct rig_frame punted[PUNT_CLASS_MAX][256];
	struct pkt_meta punted_meta[PUNT_CLASS_MAX][256];
	unsigned int n_punted[PUNT_CLASS_MAX];
	struct rig_frame out[RIG_QUEUE_MAX];
	unsigned int n_out;
	unsigned int tx_room; /* packets that tx takes before it is full */
	uint64_t drops_before[DROP_REASON_MAX];
	unsigned int avail_before;
};

extern struct rig rig;

/* EAL, ports, tables; once. */
void rig_start(void);
void rig_stop(void);
/* For cmocka: clears what was captured; and fails where an mbuf was lost. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Puts a crafted frame before port N (its destination MAC made the port's). */
void rig_in(unsigned int port, struct craft *c);
/* Walks until nothing moves, then polls the punt rings. */
void rig_walk(void);
/* Injects a copy of the frame as the control thread would. */
void rig_inject(struct craft *c, enum punt_inject how, uint32_t nh);
/* Packets dropped for this reason since the test began. */
uint64_t rig_drops(enum drop_reason reason);
uint64_t rig_drops_all(void);

#endif

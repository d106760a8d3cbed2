/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a running nvad. Everything here belongs to the control thread. */
#ifndef APP_NVAD_H
#define APP_NVAD_H

#include <event2/event.h>

#include "bgp/bgp.h"
#include "config/config.h"
#include "ctl/ctl.h"
#include "fib/fib.h"
#include "fib/nh.h"
#include "fibsync/fibsync.h"
#include "graph/worker.h"
#include "nat/nat.h"
#include "neigh/neigh.h"
#include "punt/punt.h"
#include "rib/rib.h"

struct nvad {
	const struct config *conf;
	const char *config_path;
	struct event_base *base;
	struct rte_mempool *pool;
	struct rte_rcu_qsbr *qsbr;
	struct nh_table *nh;
	struct fib *fib;
	struct punt *punt;
	struct neigh_table *neigh;
	struct fibsync *fibsync;
	struct rib *rib;
	struct nat *nat; /* NULL: no flow is tracked */
	uint16_t port_ids[PORT_MAX]; /* ethdev ids by index in conf->ports */
	struct ip_addr *attracted;   /* lib/nat's addresses, sorted */
	size_t n_attracted;
	struct config *applied; /* what nvad_apply() took last; NULL: conf is all */
	struct worker_set *workers;
	struct bgp *bgp;
	struct ctl *ctl;
	struct ctl_context ctl_context;
	struct ctl_reload reload;
};

/*
 * Starts every part, in the order of the packet's walk and then the route's. EAL runs already.
 * 0, or -errno with a text for the operator in err; the caller calls nvad_stop() in either case.
 */
int nvad_start(struct nvad *n, char *err, size_t err_len);

/* Withdraws from the peers (CEASE), then stops what was started, in reverse. */
void nvad_stop(struct nvad *n);

/* flows.c, in between: after the ports and routes, and after the workers. */
int nvad_flows_start(struct nvad *n, char *err, size_t err_len);
void nvad_flows_stop(struct nvad *n);

/*
 * Takes the parts of a new configuration that can change while nvad runs: flows, nat, and which ports are
 * stateful. The caller has checked that nothing else differs. 0 and the configuration is ours; or -errno
 * with a text (-EBUSY: an earlier one is still being carried out), and nothing has changed.
 */
int nvad_apply(struct nvad *n, struct config *config, char *err, size_t err_len);

/* The control loop's timers; until a signal or a fatal error ends it. */
int nvad_run(struct nvad *n);

#endif

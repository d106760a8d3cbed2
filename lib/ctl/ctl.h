/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operator's door: a unix socket that takes one JSON request a line and answers with rows
 * (docs/nvactl.md has the protocol). Control thread; most commands read the modules and change nothing.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <event2/event.h>
#include <rte_mempool.h>

#include "bgp/bgp.h"
#include "config/config.h"
#include "fib/fib.h"
#include "fib/nh.h"
#include "fibsync/fibsync.h"
#include "graph/worker.h"
#include "nat/nat.h"
#include "neigh/neigh.h"
#include "punt/punt.h"
#include "rib/rib.h"

struct ctl;

/* What `reload` needs of the program. */
struct ctl_reload {
	const char *path; /* of the configuration file */
	/*
	 * Applies flows, nat and ports[].stateful of a configuration that differs in nothing else, owns it
	 * from then on, and shows it as ctl_context.conf. 0, or -errno with a text: -EBUSY while an earlier change is still being
	 * carried out, -EINVAL for what needs a restart; then nothing changed and the caller owns it.
	 */
	int (*apply)(void *arg, struct config *config, char *err, size_t err_len);
	void *arg;
};

/* What commands look at. A part that does not run is NULL, and its commands say so. */
struct ctl_context {
	const struct config *conf; /* never NULL */
	struct fib *fib;
	struct nh_table *nh;
	struct punt *punt;
	struct neigh_table *neigh;
	struct fibsync *fibsync;
	struct rib *rib;
	struct bgp *bgp;
	struct worker_set *workers;
	struct nat *nat;
	const struct ctl_reload *reload;
	const struct rte_mempool *pool; /* packet buffers */
};

/*
 * Listens on conf->system.socket, mode 0660, group conf->system.socket_group. A socket file that
 * nobody listens on is replaced. The context must outlive the server. SIGPIPE must be ignored.
 * NULL with errno and a text for the operator in err.
 */
struct ctl *ctl_new(struct event_base *base, const struct ctl_context *context, char *err,
	size_t err_len);
/* Closes the clients and removes the socket file where it is still ours. NULL is legal. */
void ctl_free(struct ctl *c);

#endif

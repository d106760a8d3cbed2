/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection tracking and NAT in a running nvad: whether it is there, the addresses that it attracts,
 * and what of the configuration is taken up while it runs. Control thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "base/log.h"
#include "nvad.h"

static bool is_wanted(const struct config *c)
{
	bool stateful = false;

	for (size_t i = 0; i < c->n_ports; i++)
		stateful |= c->ports[i].stateful;
	return stateful || c->flows.max_sessions > 0 || c->nat.n_pools + c->nat.n_snat + c->nat.n_dnat > 0;
}

/* --- addresses --- */

struct address_list {
	struct ip_addr *list;
	size_t n, room;
	bool failed;
};

static void collect(void *arg, const struct ip_addr *addr)
{
	struct address_list *l = arg;
	struct ip_addr *more;

	if (l->n == l->room) {
		l->room = l->room * 2 + 16;
		more = realloc(l->list, l->room * sizeof(l->list[0]));
		l->failed |= more == NULL;
		if (more == NULL) {
			l->room = l->n;
			return;
		}
		l->list = more;
	}
	l->list[l->n++] = *addr;
}

static int cmp_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

/* Our own addresses are marked; others get a route to the flow stage, and neighbours an answer. */
static int attract(struct nvad *n, const struct ip_addr *addr)
{
	struct ip_prefix host = ip_prefix_host(addr);
	int rc;

	if (fibsync_set_nat(n->fibsync, addr, true) == 0)
		return 0;
	rc = rib_add(n->rib, &host, RIB_LOCAL, RIB_NAT, NULL, 0);
	if (rc == 0)
		rc = neigh_proxy_add(n->neigh, addr);
	return rc;
}

static void let_go(struct nvad *n, const struct ip_addr *addr)
{
	struct ip_prefix host = ip_prefix_host(addr);

	if (fibsync_set_nat(n->fibsync, addr, false) == 0)
		return;
	rib_del(n->rib, &host, RIB_LOCAL, NULL);
	neigh_proxy_del(n->neigh, addr);
}

/* The addresses that the rules have now, in place of those before. Each is logged that fails: the rest
 * of the rules works without it. */
static void attract_all(struct nvad *n, const struct config *config)
{
	struct address_list now = {0};
	size_t i = 0, k = 0;
	int steered;

	nat_addresses(n->nat, collect, &now);
	if (now.failed)
		log_error("nat", "no memory for the list of addresses: some are not attracted");
	if (now.n > 0)
		qsort(now.list, now.n, sizeof(now.list[0]), cmp_addr);
	while (i < now.n || k < n->n_attracted) {
		int cmp = i == now.n ? 1 : k == n->n_attracted ? -1 :
			cmp_addr(&now.list[i], &n->attracted[k]);

		if (cmp < 0) {
			int rc = attract(n, &now.list[i]);

			if (rc != 0)
				log_error("nat", "%s is not attracted: %s",
					IP_ADDR_TEXT(&now.list[i]), strerror(-rc));
		} else if (cmp > 0) {
			let_go(n, &n->attracted[k]);
		}
		i += cmp <= 0;
		k += cmp >= 0;
	}
	steered = port_steer_nat(config, now.list, now.n);
	if (steered != 0)
		log_error("nat", "the XDP programs do not give nvad all that it translates: %s",
			strerror(-steered));
	free(n->attracted);
	n->attracted = now.list;
	n->n_attracted = now.n;
}

/* --- life --- */

int nvad_flows_start(struct nvad *n, char *err, size_t err_len)
{
	if (!is_wanted(n->conf))
		return 0;
	n->nat = nat_new(
		&(struct nat_conf){
			.config = n->conf,
			.port_ids = n->port_ids,
			.workers = n->conf->system.workers,
			.qsbr = n->qsbr,
			.fib = n->fib,
			.nh = n->nh,
			.tsc_hz = rte_get_tsc_hz(),
		},
		err, err_len);
	if (n->nat == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	attract_all(n, n->conf);
	return 0;
}

void nvad_flows_stop(struct nvad *n)
{
	nat_free(n->nat);
	n->nat = NULL;
	free(n->attracted);
	config_free(n->applied);
}

int nvad_apply(struct nvad *n, struct config *config, char *err, size_t err_len)
{
	int rc;

	if (n->nat == NULL) {
		if (is_wanted(config)) {
			snprintf(err, err_len, "rules and stateful ports where there were none at the start "
				"(flows.max_sessions in the file at the start reserves memory for them)");
			return -EINVAL;
		}
	} else {
		rc = nat_set_config(n->nat, config, err, err_len);
		if (rc != 0)
			return rc;
		attract_all(n, config);
	}
	/* n->conf itself lives on: others look into it. */
	config_free(n->applied);
	n->applied = config;
	n->ctl_context.conf = config;
	return 0;
}

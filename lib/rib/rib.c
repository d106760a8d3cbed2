/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RIB's front: its life, its peers, and the calls that lib/bgp makes. The work is in adj_in.c,
 * loc_rib.c, hop.c and adj_out.c. Control thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "rib/rib_priv.h"

struct rib *rib_new(const struct rib_ops *ops, unsigned int maximum_paths)
{
	struct rib *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->ops = *ops;
	r->maximum_paths = maximum_paths > 0 ? maximum_paths : 1;
	ptree_init(&r->tree);
	slab_init(&r->entries, sizeof(struct rib_entry));
	slab_init(&r->routes, sizeof(struct rib_route));
	if (hops_init(r) < 0) {
		free(r);
		errno = ENOMEM;
		return NULL;
	}
	return r;
}

void rib_free(struct rib *r)
{
	struct ptree_node *n;
	struct rib_peer *p;

	if (r == NULL)
		return;
	while ((n = ptree_first_from(&r->tree, NULL)) != NULL) {
		struct rib_entry *e = ptree_entry(n, struct rib_entry, node);
		bool last;

		do {
			last = e->routes->next == NULL;
			route_free(r, e->routes);
		} while (!last);
	}
	while ((p = r->peers) != NULL) {
		r->peers = p->next;
		adj_out_fini(&p->out);
		free(p);
	}
	hops_fini(r);
	slab_fini(&r->entries);
	slab_fini(&r->routes);
	free(r);
}

static struct rib_peer *peer_new(struct rib *r, struct bgp_peer *bgp)
{
	struct rib_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->rib = r;
	p->bgp = bgp;
	p->conf = bgp_peer_conf(bgp);
	rib_link_init(&p->hops);
	adj_out_init(&p->out);
	p->next = r->peers;
	r->peers = p;
	bgp_peer_set_data(bgp, p);
	return p;
}

static void on_peer_down(void *arg, struct bgp_peer *bgp)
{
	struct rib_peer *p = bgp_peer_data(bgp);
	struct rib *r = arg;

	if (p == NULL)
		return;
	p->up = false;
	adj_out_fini(&p->out);
	hops_flush(r, p);
	rib_run(r, RIB_SLICE);
}

static void on_peer_up(void *arg, struct bgp_peer *bgp)
{
	struct rib_peer *p = bgp_peer_data(bgp);
	struct bgp_peer_info info;
	struct rib *r = arg;

	if (p == NULL)
		p = peer_new(r, bgp);
	if (p == NULL)
		return; /* its updates are refused, which closes the session */
	if (p->up)
		on_peer_down(r, bgp);
	bgp_peer_get_info(bgp, &info);
	p->up = true;
	p->ebgp = info.ebgp;
	p->remote_id = rte_be_to_cpu_32(info.remote_id);
	p->remote_as = info.remote_as;
	p->local_as = info.local_as;
	adj_out_export(p, &info);
	if (p->out.pending > 0)
		bgp_peer_kick(bgp);
}

static int on_update(void *arg, struct bgp_peer *bgp, const struct bgp_update *u)
{
	struct rib_peer *p = bgp_peer_data(bgp);

	return p != NULL && p->up ? adj_in_update(arg, p, u) : -ENOMEM;
}

static void on_refresh(void *arg, struct bgp_peer *bgp, uint8_t family)
{
	struct rib_peer *p = bgp_peer_data(bgp);

	(void)arg;
	if (p == NULL || !p->up)
		return;
	adj_out_refresh(&p->out, family);
	if (p->out.pending > 0)
		bgp_peer_kick(bgp);
}

static size_t on_pull(void *arg, struct bgp_peer *bgp, struct bgp_advert *ret_adverts, size_t max)
{
	struct rib_peer *p = bgp_peer_data(bgp);

	(void)arg;
	return p != NULL ? adj_out_pull(&p->out, ret_adverts, max) : 0;
}

void rib_bgp_ops(struct rib *r, struct bgp_ops *ret_ops)
{
	*ret_ops = (struct bgp_ops){
		.peer_up = on_peer_up,
		.peer_down = on_peer_down,
		.update = on_update,
		.refresh = on_refresh,
		.pull = on_pull,
		.arg = r,
	};
}

const struct bgp_peer *rib_peer_bgp(const struct rib_peer *p)
{
	return p->bgp;
}

void rib_peer_get_counts(const struct bgp_peer *bgp, struct rib_peer_counts *ret_counts)
{
	const struct rib_peer *p = bgp_peer_data(bgp);

	*ret_counts = (struct rib_peer_counts){0};
	if (p == NULL)
		return;
	*ret_counts = (struct rib_peer_counts){
		.received = p->received,
		.selected = p->selected,
		.advertised = p->out.advertised,
		.looped = p->looped,
		.pending = p->out.pending,
	};
}

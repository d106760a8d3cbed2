/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adj-RIB-Out: what a peer should be told and what it has been told, per prefix; the difference is the
 * queue that the session pulls from. Nothing is announced that the peer's `exports` do not list, and
 * nothing twice unchanged. Control thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "rib/rib_priv.h"

struct out_entry {
	struct ptree_node node;
	struct rib_link queue;		      /* linked to itself while not queued */
	const struct bgp_attrs *want, *sent;  /* NULL: nothing */
	struct ip_addr want_next_hop, sent_next_hop;
	bool again;			      /* the peer asked for it */
};

#define out_of(n) ptree_entry((n), struct out_entry, node)

void adj_out_init(struct adj_out *o)
{
	ptree_init(&o->entries);
	rib_link_init(&o->queue);
	o->advertised = o->pending = 0;
}

static void out_free(struct adj_out *o, struct out_entry *e)
{
	rib_link_remove(&e->queue);
	ptree_remove(&o->entries, &e->node);
	bgp_attrs_unref(e->want);
	bgp_attrs_unref(e->sent);
	free(e);
}

void adj_out_fini(struct adj_out *o)
{
	struct ptree_node *n;

	while ((n = ptree_first_from(&o->entries, NULL)) != NULL)
		out_free(o, out_of(n));
	adj_out_init(o);
}

/* Queues the entry, or takes it off the queue, as there is something to say or not. */
static void requeue(struct adj_out *o, struct out_entry *e)
{
	bool differs = e->again || e->want != e->sent ||
		(e->want != NULL && !ip_addr_equal(&e->want_next_hop, &e->sent_next_hop));
	bool queued = !rib_link_empty(&e->queue);

	if (differs && !queued) {
		rib_link_append(&o->queue, &e->queue);
		o->pending++;
	} else if (!differs && queued) {
		rib_link_remove(&e->queue);
		o->pending--;
	}
	if (!differs && e->want == NULL)
		out_free(o, e);
}

int adj_out_set(struct adj_out *o, const struct ip_prefix *prefix, const struct ip_addr *next_hop,
	const struct bgp_attrs *attrs)
{
	struct ptree_node *n = ptree_find(&o->entries, prefix);
	struct out_entry *e;
	int ret;

	if (n == NULL) {
		if (attrs == NULL)
			return 0;
		e = calloc(1, sizeof(*e));
		if (e == NULL)
			return -ENOMEM;
		e->node.prefix = *prefix;
		rib_link_init(&e->queue);
		ret = ptree_insert(&o->entries, &e->node);
		if (ret < 0) {
			free(e);
			return ret;
		}
	} else {
		e = out_of(n);
	}
	if (attrs != NULL) {
		bgp_attrs_ref(attrs);
		e->want_next_hop = *next_hop;
	} else {
		e->again = false;
	}
	bgp_attrs_unref(e->want);
	e->want = attrs;
	requeue(o, e);
	return 0;
}

void adj_out_refresh(struct adj_out *o, uint8_t family)
{
	struct ptree_node *n;

	PTREE_FOREACH(&o->entries, n) {
		struct out_entry *e = out_of(n);

		if (n->prefix.addr.family != family || e->want == NULL)
			continue;
		e->again = true;
		requeue(o, e);
	}
}

size_t adj_out_pull(struct adj_out *o, struct bgp_advert *ret_adverts, size_t max)
{
	size_t n;

	for (n = 0; n < max && !rib_link_empty(&o->queue); n++) {
		struct out_entry *e = rib_link_entry(o->queue.next, struct out_entry, queue);
		struct bgp_advert *a = &ret_adverts[n];

		*a = (struct bgp_advert){.prefix = e->node.prefix};
		rib_link_remove(&e->queue);
		o->pending--;
		o->advertised += (e->want != NULL) - (e->sent != NULL);
		if (e->want == NULL) {
			out_free(o, e);
			continue;
		}
		a->next_hop = e->want_next_hop;
		a->attrs = bgp_attrs_ref(e->want);
		bgp_attrs_unref(e->sent);
		e->sent = bgp_attrs_ref(e->want);
		e->sent_next_hop = e->want_next_hop;
		e->again = false;
	}
	return n;
}

/* 5.1.2: AS_SEQUENCEs of up to 255 in wire form, 4 octets each. Returns the bytes. */
static uint16_t put_as_path(uint8_t *to, uint32_t as, unsigned int count)
{
	rte_be32_t be = rte_cpu_to_be_32(as);
	uint8_t *p = to;

	while (count > 0) {
		unsigned int n = count < 255 ? count : 255;

		*p++ = BGP_AS_SEQUENCE;
		*p++ = (uint8_t)n;
		for (count -= n; n > 0; n--, p += sizeof(be))
			memcpy(p, &be, sizeof(be));
	}
	return (uint16_t)(p - to);
}

static const struct bgp_attrs *export_attrs(const struct config_export *x,
	const struct bgp_peer_info *info)
{
	uint8_t path[2 * 2 + 256 * 4];
	struct bgp_attrs a = {
		.origin = BGP_ORIGIN_IGP,
		.has_med = x->has_med,
		.med = x->med,
		.communities = x->communities,
		.n_communities = (uint16_t)x->n_communities,
		.as_path = path,
	};

	if (info->ebgp) {
		a.as_path_length = (uint16_t)(1u + x->prepend);
		a.as_path_bytes = put_as_path(path, info->local_as, a.as_path_length);
		a.neighbour_as = a.origin_as = info->local_as;
	} else {
		/* 5.1.2: no AS of ours towards an internal peer; 5.1.5: LOCAL_PREF is a must. */
		a.has_local_pref = true;
		a.local_pref = 100;
	}
	return bgp_attrs_intern(&a);
}

/* The export's own next hop, else the peer's "self", else our end of the connection. */
static const struct ip_addr *export_next_hop(const struct config_peer *conf,
	const struct config_export *x, const struct bgp_peer_info *info)
{
	uint8_t family = x->prefix.addr.family;
	const struct ip_addr *self = family == IP_V4 ? &conf->next_hop_v4 : &conf->next_hop_v6;

	if (x->next_hop.family == family)
		return &x->next_hop;
	if (x->next_hop.family != IP_NONE)
		return NULL;
	if (self->family == family)
		return self;
	return info->local_addr.family == family ? &info->local_addr : NULL;
}

void adj_out_export(struct rib_peer *p, const struct bgp_peer_info *info)
{
	const struct config_peer *conf = p->conf;
	const struct bgp_attrs *attrs;
	const struct ip_addr *next_hop;
	size_t i;

	for (i = 0; i < conf->n_exports; i++) {
		const struct config_export *x = &conf->exports[i];
		bool v4 = x->prefix.addr.family == IP_V4;

		if (v4 ? !info->ipv4 : !info->ipv6) {
			log_warning("rib", "peer %s: %s is not announced: the session does not carry %s",
				conf->name, IP_PREFIX_TEXT(&x->prefix), v4 ? "IPv4" : "IPv6");
			continue;
		}
		next_hop = export_next_hop(conf, x, info);
		if (next_hop == NULL) {
			log_warning("rib", "peer %s: %s is not announced: no %s next hop of our own over "
				"this session; configure one", conf->name, IP_PREFIX_TEXT(&x->prefix),
				v4 ? "IPv4" : "IPv6");
			continue;
		}
		attrs = export_attrs(x, info);
		if (attrs == NULL || adj_out_set(&p->out, &x->prefix, next_hop, attrs) < 0)
			log_error("rib", "peer %s: %s is not announced: out of memory", conf->name,
				IP_PREFIX_TEXT(&x->prefix));
		bgp_attrs_unref(attrs);
	}
}

void rib_peer_foreach_out(const struct bgp_peer *peer,
	void (*fn)(void *arg, const struct bgp_advert *advert), void *arg)
{
	const struct rib_peer *p = bgp_peer_data(peer);
	struct ptree_node *n;

	if (p == NULL)
		return;
	PTREE_FOREACH(&p->out.entries, n) {
		const struct out_entry *e = out_of(n);
		struct bgp_advert a = {
			.prefix = n->prefix, .next_hop = e->sent_next_hop, .attrs = e->sent};

		if (e->sent != NULL)
			fn(arg, &a);
	}
}

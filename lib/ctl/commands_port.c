/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about ports, neighbours, and what passes between nvad and the kernel. */
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "port/port.h"
#include "xdp/xdp.h"

const char *ctl_port_name(uint16_t port_id)
{
	const struct port *p = port_by_id(port_id);

	return p != NULL ? p->name : "?";
}

static void put_addresses(struct ctl_call *call, const struct config_port *conf)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_addresses; i++) {
		/* The address with its length, host bits and all. */
		struct ip_prefix p = {.addr = conf->addresses[i].addr, .len = conf->addresses[i].len};

		json_array_append_new(list, json_string(IP_PREFIX_TEXT(&p)));
	}
	ctl_put_json(call, "addresses", list);
}

int ctl_show_interfaces(struct ctl_call *call)
{
	const struct config *conf = call->context->conf;

	for (size_t i = 0; i < conf->n_ports; i++) {
		const struct config_port *c = &conf->ports[i];
		const struct port *p = port_by_name(c->name);
		struct port_stats s;

		ctl_row_begin(call);
		ctl_put_str(call, "name", c->name);
		ctl_put_str(call, "kind", port_kind_name(c->device.kind));
		put_addresses(call, c);
		if (p == NULL) {
			ctl_put_str(call, "link", "down");
			ctl_put_str(call, "error", "the port is not open");
			continue;
		}
		ctl_put_str(call, "link", p->link_up ? "up" : "down");
		ctl_put_mac(call, "mac", &p->mac);
		ctl_put_u64(call, "mtu", p->mtu_bytes);
		ctl_put_str(call, "error", p->error);
		if (port_get_stats(p, &s) < 0)
			continue;
		ctl_put_u64(call, "rx_packets", s.rx_packets);
		ctl_put_u64(call, "rx_bytes", s.rx_bytes);
		ctl_put_u64(call, "tx_packets", s.tx_packets);
		ctl_put_u64(call, "tx_bytes", s.tx_bytes);
		ctl_put_u64(call, "rx_missed", s.rx_missed);
		ctl_put_u64(call, "rx_errors", s.rx_errors + s.rx_no_buffer);
		ctl_put_u64(call, "tx_errors", s.tx_errors);
	}
	return 0;
}

/* --- neighbours: a copy, sorted once and then sent in slices --- */

struct neigh_list {
	size_t n, cap, at;
	bool failed;
	struct neigh_info info[];
};

static void collect_neigh(void *arg, const struct neigh_info *info)
{
	struct neigh_list **list = arg, *l = *list;

	if (l->n == l->cap) {
		size_t cap = l->cap * 2;
		struct neigh_list *grown = realloc(l, sizeof(*l) + cap * sizeof(l->info[0]));

		if (grown == NULL) {
			l->failed = true;
			return;
		}
		grown->cap = cap;
		*list = l = grown;
	}
	l->info[l->n++] = *info;
}

static int compare_neigh(const void *a, const void *b)
{
	const struct neigh_info *x = a, *y = b;

	if (x->port_id != y->port_id)
		return x->port_id < y->port_id ? -1 : 1;
	return ip_addr_cmp(&x->addr, &y->addr);
}

static const char *neigh_state_text(enum neigh_state s)
{
	switch (s) {
	case NEIGH_INCOMPLETE:
		return "incomplete";
	case NEIGH_REACHABLE:
		return "reachable";
	case NEIGH_PROBE:
		return "probe";
	case NEIGH_FAILED:
		return "failed";
	case NEIGH_STATIC:
		return "static";
	case NEIGH_KERNEL:
		return "kernel";
	}
	return "?";
}

int ctl_show_neighbors(struct ctl_call *call)
{
	struct neigh_list *l = call->state;

	if (call->context->neigh == NULL)
		return ctl_not_running(call, "the neighbour table");
	if (l == NULL) {
		l = calloc(1, sizeof(*l) + 64 * sizeof(l->info[0]));
		if (l == NULL)
			return ctl_fail(call, "no-memory", "", "out of memory");
		l->cap = 64;
		neigh_foreach(call->context->neigh, collect_neigh, &l);
		call->state = l;
		if (l->failed)
			return ctl_fail(call, "no-memory", "", "out of memory");
		qsort(l->info, l->n, sizeof(l->info[0]), compare_neigh);
	}
	for (; l->at < l->n; l->at++) {
		const struct neigh_info *i = &l->info[l->at];

		if (ctl_slice_full(call))
			return 1;
		ctl_row_begin(call);
		ctl_put_str(call, "interface", ctl_port_name(i->port_id));
		ctl_put_addr(call, "address", &i->addr);
		if (!rte_is_zero_ether_addr(&i->mac))
			ctl_put_mac(call, "mac", &i->mac);
		ctl_put_str(call, "state", neigh_state_text(i->state));
		if (i->state != NEIGH_STATIC)
			ctl_put_u64(call, "age_ms", i->age_ms);
		ctl_put_u64(call, "held", i->held);
	}
	return 0;
}

static void put_counter(struct ctl_call *call, const char *name, uint64_t packets, const char *text)
{
	ctl_row_begin(call);
	ctl_put_str(call, "name", name);
	ctl_put_u64(call, "packets", packets);
	ctl_put_str(call, "text", text);
}

int ctl_show_punt(struct ctl_call *call)
{
	struct punt_stats s;

	if (call->context->punt == NULL)
		return ctl_not_running(call, "the punt path");
	punt_get_stats(call->context->punt, &s);
	put_counter(call, "local", s.taken[PUNT_LOCAL], "to our own addresses");
	put_counter(call, "neigh", s.taken[PUNT_NEIGH], "ARP and neighbour discovery");
	put_counter(call, "glean", s.taken[PUNT_GLEAN], "waiting for a neighbour");
	put_counter(call, "local-refused", s.refused[PUNT_LOCAL], "dropped: its queue was full");
	put_counter(call, "neigh-refused", s.refused[PUNT_NEIGH], "dropped: its queue was full");
	put_counter(call, "glean-refused", s.refused[PUNT_GLEAN], "dropped: its queue was full");
	put_counter(call, "to-kernel", s.to_kernel, "handed to kernel sockets");
	put_counter(call, "from-kernel", s.from_kernel, "sent by kernel sockets");
	put_counter(call, "injected", s.injected, "put into the walk by the control thread");
	put_counter(call, "inject-full", s.inject_full, "dropped: the worker's queue was full");
	return 0;
}

int ctl_show_xdp(struct ctl_call *call)
{
	for (const struct port *p = port_next(NULL); p != NULL; p = port_next(p)) {
		if (p->steer == NULL)
			continue;
		for (unsigned int c = 0; c < XDP_CLASS_MAX; c++) {
			struct xdp_class_counters n;

			if (xdp_steer_counters(p->steer, (enum xdp_class)c, &n) < 0)
				continue;
			ctl_row_begin(call);
			ctl_put_str(call, "interface", p->name);
			ctl_put_str(call, "class", xdp_class_name((enum xdp_class)c));
			ctl_put_u64(call, "kernel_packets", n.kernel_packets);
			ctl_put_u64(call, "kernel_bytes", n.kernel_bytes);
			ctl_put_u64(call, "socket_packets", n.socket_packets);
			ctl_put_u64(call, "socket_bytes", n.socket_bytes);
			ctl_put_u64(call, "lost_packets", n.lost_packets);
			ctl_put_u64(call, "lost_bytes", n.lost_bytes);
		}
	}
	return 0;
}

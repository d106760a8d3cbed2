/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What translation takes from the kernel on af_xdp ports: of an address that is the kernel's, the ports
 * that pools and DNAT rules use; and the questions by ARP and neighbour discovery for an address that is
 * nobody's but nvad's. Control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "port/port_priv.h"
#include "xdp/xdp.h"

/* Addresses of nvad's own that the programs know, to take back what a new configuration lacks. */
static struct ip_addr *own;
static size_t n_own;

static void set_bits(struct xdp_nat_ports *p, enum xdp_nat_proto proto, unsigned int first,
	unsigned int last)
{
	for (unsigned int port = first; port <= last; port++)
		p->bits[proto][port / 8] |= (uint8_t)(1u << port % 8);
}

static bool pool_is_used(const struct config_nat *nat, size_t pool)
{
	bool used = false;

	for (size_t i = 0; i < nat->n_snat; i++)
		used |= !nat->snat[i].exempt && nat->snat[i].pool == pool;
	for (size_t i = 0; i < nat->n_dnat; i++)
		used |= nat->dnat[i].has_snat && nat->dnat[i].snat_pool == pool;
	return used;
}

static bool add_pool(const struct config_nat_pool *pool, const struct ip_addr *addr,
	struct xdp_nat_ports *p)
{
	bool found = false;

	for (size_t i = 0; i < pool->n_addresses; i++)
		found |= ip_addr_equal(&pool->addresses[i], addr);
	if (!found)
		return false;
	for (int proto = 0; proto < XDP_NAT_PROTO_MAX; proto++)
		set_bits(p, proto, pool->port_first, pool->port_last);
	/* A pool that goes down to there does not take ssh; a DNAT rule, which names it, may. */
	p->bits[XDP_NAT_TCP][22 / 8] &= (uint8_t)~(1u << 22 % 8);
	return true;
}

static bool add_dnat(const struct config_dnat *d, const struct ip_addr *addr, struct xdp_nat_ports *p)
{
	unsigned int first = d->port_first, last = first != 0 ? d->port_last : UINT16_MAX;
	uint8_t protocols = d->match.protocols != 0 ? d->match.protocols :
		first != 0 ? CONFIG_TCP | CONFIG_UDP :
		CONFIG_TCP | CONFIG_UDP | CONFIG_ICMP | CONFIG_OTHER;

	if (!ip_prefix_contains(&d->match.destination[0], addr))
		return false;
	if ((protocols & CONFIG_TCP) != 0)
		set_bits(p, XDP_NAT_TCP, first, last);
	if ((protocols & CONFIG_UDP) != 0)
		set_bits(p, XDP_NAT_UDP, first, last);
	if ((protocols & CONFIG_ICMP) != 0) {
		set_bits(p, XDP_NAT_ICMP, 0, UINT16_MAX);
		p->echo = 1;
	}
	if ((protocols & CONFIG_OTHER) != 0)
		p->other = 1;
	return true;
}

bool port_nat_ports(const struct config_nat *nat, const struct ip_addr *addr,
	struct xdp_nat_ports *ret_ports)
{
	bool any = false;

	memset(ret_ports, 0, sizeof(*ret_ports));
	for (size_t i = 0; i < nat->n_dnat; i++)
		any |= add_dnat(&nat->dnat[i], addr, ret_ports);
	for (size_t i = 0; i < nat->n_pools; i++)
		any |= pool_is_used(nat, i) && add_pool(&nat->pools[i], addr, ret_ports);
	return any;
}

/* --- the kernel's addresses --- */

static int steer_kernel_addresses(const struct config *c, struct xdp_nat_ports *ports)
{
	int rc = 0;

	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++) {
			const struct ip_addr *addr = &c->ports[i].addresses[k].addr;
			bool any = c->ports[i].device.kind == CONFIG_DEVICE_AF_XDP &&
				port_nat_ports(&c->nat, addr, ports);

			for (struct port *p = NULL; (p = port_next(p)) != NULL;) {
				int one = p->steer == NULL ? 0 :
					xdp_steer_set_nat(p->steer, addr, any ? ports : NULL);

				rc = rc == 0 ? one : rc;
			}
		}
	return rc;
}

/* --- nvad's own --- */

static bool is_asked_for(const struct config *c, const struct ip_addr *addr)
{
	bool connected = false;

	for (size_t i = 0; i < c->n_ports; i++)
		for (size_t k = 0; k < c->ports[i].n_addresses; k++) {
			const struct config_address *a = &c->ports[i].addresses[k];
			struct ip_prefix net = {.addr = a->addr, .len = a->len};

			if (ip_addr_equal(&a->addr, addr))
				return false;
			ip_prefix_canonicalise(&net);
			connected |= c->ports[i].device.kind == CONFIG_DEVICE_AF_XDP &&
				ip_prefix_contains(&net, addr);
		}
	return connected;
}

static int for_each_steer(const struct ip_addr *addr, bool add)
{
	int rc = 0;

	for (struct port *p = NULL; (p = port_next(p)) != NULL;) {
		int one = p->steer == NULL ? 0 :
			add ? xdp_steer_add_address(p->steer, addr, 0) :
			xdp_steer_del_address(p->steer, addr);

		rc = rc == 0 ? one : rc;
	}
	return rc;
}

static int steer_own_addresses(const struct config *c, const struct ip_addr *addrs, size_t n)
{
	struct ip_addr *now = calloc(n + 1, sizeof(*now));
	size_t n_now = 0;
	int rc = 0;

	if (now == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n_own; i++)
		for_each_steer(&own[i], false);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (!is_asked_for(c, &addrs[i]))
			continue;
		rc = for_each_steer(&addrs[i], true);
		now[n_now++] = addrs[i];
	}
	free(own);
	own = now;
	n_own = n_now;
	return rc;
}

int port_steer_nat(const struct config *c, const struct ip_addr *addrs, size_t n)
{
	struct xdp_nat_ports *ports = NULL;
	int rc, rc_own;

	if (port_next(NULL) == NULL)
		return 0;
	ports = malloc(sizeof(*ports));
	if (ports == NULL)
		return -ENOMEM;
	rc = steer_kernel_addresses(c, ports);
	rc_own = steer_own_addresses(c, addrs, n);
	free(ports);
	return rc != 0 ? rc : rc_own;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions without sockets: what the RIB asks of a peer, answered from a struct. Include once. */
#ifndef TESTS_RIB_FAKE_BGP_H
#define TESTS_RIB_FAKE_BGP_H

#include "rib/rib.h"
#include "unit.h"

struct bgp_peer {
	struct config_peer conf;
	struct bgp_peer_info info;
	void *data;
	unsigned int kicks;
};

void bgp_peer_kick(struct bgp_peer *p)
{
	p->kicks++;
}

void bgp_peer_set_data(struct bgp_peer *p, void *data)
{
	p->data = data;
}

void *bgp_peer_data(const struct bgp_peer *p)
{
	return p->data;
}

const struct config_peer *bgp_peer_conf(const struct bgp_peer *p)
{
	return &p->conf;
}

void bgp_peer_get_info(const struct bgp_peer *p, struct bgp_peer_info *ret_info)
{
	*ret_info = p->info;
}

#define LOCAL_AS 65001

static inline struct ip_addr addr(const char *text)
{
	struct ip_addr a = {0};

	if (ip_addr_parse(text, &a) < 0)
		fail_msg("%s is no address", text);
	return a;
}

static inline struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = {0};

	if (ip_prefix_parse(text, &p) < 0)
		fail_msg("%s is no prefix", text);
	return p;
}

/* A peer at `address`, which is its BGP identifier too where it is IPv4. */
static inline struct bgp_peer fake_peer(const char *address, uint32_t as)
{
	struct bgp_peer p = {
		.conf = {.address = addr(address), .as = as, .ipv4 = true, .ipv6 = true},
		.info = {.state = BGP_ESTABLISHED, .remote_as = as, .local_as = LOCAL_AS,
			.ebgp = as != LOCAL_AS, .ipv4 = true, .ipv6 = true, .as4 = true, .refresh = true,
			.local_addr = addr("10.0.0.4")},
	};

	snprintf(p.conf.name, sizeof(p.conf.name), "%.31s", address);
	if (p.conf.address.family == IP_V4)
		p.info.remote_id = ip_addr_be32(&p.conf.address);
	return p;
}

/* Attributes with a path of one AS_SEQUENCE; the other fields from *base where it is given. */
static inline const struct bgp_attrs *attrs_path(const struct bgp_attrs *base, unsigned int n,
	const uint32_t *as)
{
	struct bgp_attrs a = base != NULL ? *base : (struct bgp_attrs){0};
	uint8_t path[2 + 4 * 16];
	const struct bgp_attrs *ret;

	path[0] = BGP_AS_SEQUENCE;
	path[1] = (uint8_t)n;
	for (unsigned int i = 0; i < n; i++) {
		rte_be32_t be = rte_cpu_to_be_32(as[i]);

		memcpy(&path[2 + 4 * i], &be, 4);
	}
	a.as_path = path;
	a.as_path_bytes = (uint16_t)(n > 0 ? 2 + 4 * n : 0);
	a.as_path_length = (uint16_t)n;
	a.neighbour_as = n > 0 ? as[0] : 0;
	a.origin_as = n > 0 ? as[n - 1] : 0;
	ret = bgp_attrs_intern(&a);
	assert_non_null(ret);
	return ret;
}

#define ATTRS(base, ...)                                                                           \
	attrs_path((base), sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t),                   \
		(uint32_t[]){__VA_ARGS__})

/* One prefix announced, or withdrawn where attrs is NULL. Gives attrs back. */
static inline int fake_update(struct rib *r, struct bgp_peer *p, const struct ip_prefix *pfx,
	const char *next_hop, const struct bgp_attrs *attrs)
{
	struct bgp_update u = {.attrs = attrs};
	struct bgp_ops ops;
	int ret;

	rib_bgp_ops(r, &ops);
	if (attrs != NULL) {
		struct ip_addr nh = addr(next_hop);

		*(nh.family == IP_V4 ? &u.next_hop_v4 : &u.next_hop_v6) = nh;
		u.reach = pfx;
		u.n_reach = 1;
	} else {
		u.unreach = pfx;
		u.n_unreach = 1;
	}
	ret = ops.update(ops.arg, p, &u);
	bgp_attrs_unref(attrs);
	return ret;
}

static inline void fake_up(struct rib *r, struct bgp_peer *p)
{
	struct bgp_ops ops;

	rib_bgp_ops(r, &ops);
	ops.peer_up(ops.arg, p);
}

static inline void fake_down(struct rib *r, struct bgp_peer *p)
{
	struct bgp_ops ops;

	rib_bgp_ops(r, &ops);
	ops.peer_down(ops.arg, p);
}

#endif

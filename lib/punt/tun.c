/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TUN interface of a port: the kernel's end of the addresses that nvad owns. Control thread.
 *
 * To the kernel: an IP packet for one of our addresses, its Ethernet header left off. From the kernel:
 * an IP packet, given room for an Ethernet header and a next hop, injected as PUNT_INJECT_OUTPUT.
 */
#include "punt/punt_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_ip.h>

#include "base/log.h"
#include "drop/drop.h"
#include "packet/meta.h"

#define CONTROL_THREAD 0

struct ip_ends {
	struct ip_addr dst;
	uint16_t ether_type; /* host order */
};

/* `head` bytes of the packet's `len` are at ip. False where they are no whole IP packet. */
static bool ip_ends_parse(const uint8_t *ip, size_t head, size_t len, struct ip_ends *ret_ends)
{
	if (head >= sizeof(struct rte_ipv4_hdr) && ip[0] >> 4 == 4) {
		const struct rte_ipv4_hdr *h = (const struct rte_ipv4_hdr *)ip;

		if (rte_be_to_cpu_16(h->total_length) > len)
			return false;
		ret_ends->dst = ip_addr_v4(h->dst_addr);
		ret_ends->ether_type = RTE_ETHER_TYPE_IPV4;
		return true;
	}
	if (head >= sizeof(struct rte_ipv6_hdr) && ip[0] >> 4 == 6) {
		const struct rte_ipv6_hdr *h = (const struct rte_ipv6_hdr *)ip;

		if (rte_be_to_cpu_16(h->payload_len) + sizeof(*h) > len)
			return false;
		ret_ends->dst = ip_addr_v6(&h->dst_addr);
		ret_ends->ether_type = RTE_ETHER_TYPE_IPV6;
		return true;
	}
	return false;
}

/*
 * The interface that carries the destination, whatever port the packet came in by (the weak host
 * model, RFC 1122 3.3.4.2); two ports may share a link-local address, so the ingress port goes first.
 */
static const struct punt_tun *tun_of(const struct punt *p, const struct ip_addr *dst, uint16_t ingress)
{
	const struct punt_addr *found = NULL;

	for (size_t i = 0; i < p->n_addrs; i++) {
		const struct punt_addr *a = &p->addrs[i];

		if (!ip_addr_equal(&a->addr, dst))
			continue;
		if (found == NULL || a->port_id == ingress)
			found = a;
	}
	return found != NULL ? &p->tun[found->port_id] : NULL;
}

static void drop(struct rte_mbuf *m, enum drop_reason reason)
{
	drop_count(CONTROL_THREAD, reason, 1);
	rte_pktmbuf_free(m);
}

static void write_one(struct punt *p, struct rte_mbuf *m)
{
	struct iovec iov[16];
	unsigned int segs = 0;
	const struct punt_tun *tun;
	struct ip_ends ends;

	if (m->data_len < PUNT_L2_LEN || m->nb_segs > RTE_DIM(iov) ||
		!ip_ends_parse(rte_pktmbuf_mtod_offset(m, const uint8_t *, PUNT_L2_LEN),
			m->data_len - PUNT_L2_LEN, m->pkt_len - PUNT_L2_LEN, &ends)) {
		drop(m, DROP_PUNT_MALFORMED);
		return;
	}
	tun = tun_of(p, &ends.dst, m->port);
	if (tun == NULL || tun->fd < 0) {
		drop(m, DROP_PUNT_NO_KERNEL);
		return;
	}
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
		iov[segs++] = (struct iovec){.iov_base = rte_pktmbuf_mtod(s, void *),
			.iov_len = s->data_len};
	iov[0].iov_base = (char *)iov[0].iov_base + PUNT_L2_LEN;
	iov[0].iov_len -= PUNT_L2_LEN;
	if (writev(tun->fd, iov, (int)segs) < 0) {
		/* The interface was set down or taken away by the operator. */
		drop(m, DROP_PUNT_NO_KERNEL);
		return;
	}
	p->stats.to_kernel++;
	rte_pktmbuf_free(m);
}

void punt_tun_write(struct punt *p, struct rte_mbuf **pkts, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		write_one(p, pkts[i]);
}

/* A packet of the kernel's in p->spare, behind the room for its Ethernet header. */
static void inject_spare(struct punt *p, uint16_t port_id, uint16_t len)
{
	struct rte_mbuf *m = p->spare;
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, PUNT_L2_LEN + len);
	struct pkt_meta *meta = pkt_meta(m);
	struct ip_ends ends;

	p->spare = NULL;
	p->stats.from_kernel++;
	if (!ip_ends_parse((const uint8_t *)(eth + 1), len, len, &ends) ||
		ip_addr_is_multicast(&ends.dst)) {
		drop(m, DROP_PUNT_MALFORMED);
		return;
	}
	memset(eth, 0, sizeof(*eth)); /* the rewrite fills in the MACs */
	eth->ether_type = rte_cpu_to_be_16(ends.ether_type);
	m->port = port_id;
	*meta = (struct pkt_meta){
		.nh = p->resolve != NULL ? p->resolve(p->resolve_arg, &ends.dst) : 0,
		.inject = PUNT_INJECT_OUTPUT,
	};
	if (meta->nh == 0) {
		drop(m, DROP_NO_ROUTE);
		return;
	}
	punt_inject(p, m);
}

unsigned int punt_tun_read(struct punt *p, uint16_t port_id)
{
	struct punt_tun *tun = &p->tun[port_id];
	unsigned int n;

	for (n = 0; n < PUNT_POLL_READS; n++) {
		ssize_t len;

		if (p->spare == NULL)
			p->spare = rte_pktmbuf_alloc(p->pool);
		if (p->spare == NULL) /* the kernel's queue holds the packet till there is one */
			break;
		/* A packet that does not fit is cut by the read; its length field then gives it away. */
		len = read(tun->fd, rte_pktmbuf_mtod_offset(p->spare, void *, PUNT_L2_LEN),
			rte_pktmbuf_tailroom(p->spare) - PUNT_L2_LEN);
		if (len < 0 && errno == EBADFD) {
			/* It will say so for ever, and be readable. */
			log_error("punt", "interface %s was removed: the kernel is cut off from the "
				"port until nvad is restarted", tun->name);
			punt_tun_close(tun);
		}
		if (len <= 0)
			break;
		inject_spare(p, port_id, (uint16_t)len);
	}
	return n;
}

void punt_tun_close(struct punt_tun *tun)
{
	if (tun->fd >= 0)
		close(tun->fd);
	tun->fd = -1;
}

/* What the kernel would do on the interface of its own accord, and what must not be in the way. */
static void set_sysctls(const char *ifname, bool has_v6)
{
	const struct {
		const char *name;
		const char *value;
	} knobs[] = {
		/* Loose: packets come in by the owner of their destination, not by the way back. */
		{"ipv4/conf/%s/rp_filter", "2"},
		{"ipv4/conf/%s/forwarding", "0"},
		{"ipv4/conf/%s/accept_redirects", "0"},
		{"ipv6/conf/%s/disable_ipv6", has_v6 ? "0" : "1"},
		{"ipv6/conf/%s/forwarding", "0"},
		{"ipv6/conf/%s/accept_ra", "0"},
		{"ipv6/conf/%s/autoconf", "0"},
		{"ipv6/conf/%s/router_solicitations", "0"},
		{"ipv6/conf/%s/addr_gen_mode", "1"}, /* no link-local address of the kernel's own */
	};

	for (size_t i = 0; i < RTE_DIM(knobs); i++) {
		char path[128] = "/proc/sys/net/";
		size_t at = strlen(path);
		int fd;

		snprintf(path + at, sizeof(path) - at, knobs[i].name, ifname);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, knobs[i].value, 1) != 1)
			log_debug("punt", "%s: cannot set to %s: %s", path, knobs[i].value,
				strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static int tun_open(const char *name, struct punt_tun *ret_tun, char *err, size_t err_len)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		snprintf(err, err_len, "/dev/net/tun: %s; nvad needs the kernel's tun module and "
			"CAP_NET_ADMIN", strerror(errno));
		return -errno;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		int rc = -errno;

		snprintf(err, err_len, "interface %s: %s; %s", name, strerror(errno),
			rc == -EPERM ? "CAP_NET_ADMIN is missing"
			: rc == -EBUSY ? "another process holds it; is a second nvad running?"
				       : "is the name in use? see punt_interface");
		close(fd);
		return rc;
	}
	*ret_tun = (struct punt_tun){.fd = fd, .ifindex = if_nametoindex(ifr.ifr_name)};
	memcpy(ret_tun->name, ifr.ifr_name, sizeof(ret_tun->name));
	return 0;
}

int punt_port_add(struct punt *p, uint16_t port_id, const struct config_port *conf, char *err,
	size_t err_len)
{
	struct punt_addr *addrs;
	struct punt_tun tun;
	bool has_v6 = false;
	/* The kernel's packets are read into one mbuf. */
	unsigned int room = rte_pktmbuf_data_room_size(p->pool) - RTE_PKTMBUF_HEADROOM - PUNT_L2_LEN;
	int rc;

	if (port_id >= PORT_MAX || p->tun[port_id].fd >= 0) {
		snprintf(err, err_len, "port %s: has a punt interface already", conf->name);
		return -EEXIST;
	}
	addrs = realloc(p->addrs, (p->n_addrs + conf->n_addresses + 1) * sizeof(*addrs));
	if (addrs == NULL) {
		snprintf(err, err_len, "port %s: out of memory", conf->name);
		return -ENOMEM;
	}
	p->addrs = addrs;
	rc = tun_open(conf->punt_interface, &tun, err, err_len);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < conf->n_addresses; i++)
		has_v6 |= conf->addresses[i].addr.family == IP_V6;
	tun.mtu_bytes = RTE_MIN(room, conf->mtu_bytes);
	set_sysctls(tun.name, has_v6);
	rc = punt_rtnl_link_up(tun.ifindex, tun.mtu_bytes);
	if (rc != 0) {
		snprintf(err, err_len, "interface %s: cannot be brought up with MTU %u: %s", tun.name,
			tun.mtu_bytes, strerror(-rc));
		goto fail;
	}
	for (size_t i = 0; i < conf->n_addresses; i++) {
		const struct config_address *a = &conf->addresses[i];

		rc = punt_rtnl_addr_add(tun.ifindex, &a->addr, a->len);
		if (rc != 0) {
			snprintf(err, err_len, "interface %s: address %s/%u: %s", tun.name,
				IP_ADDR_TEXT(&a->addr), a->len, strerror(-rc));
			goto fail;
		}
	}
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, tun.fd, &(struct epoll_event){.events = EPOLLIN}) < 0) {
		rc = -errno;
		snprintf(err, err_len, "interface %s: %s", tun.name, strerror(errno));
		goto fail;
	}
	for (size_t i = 0; i < conf->n_addresses; i++)
		p->addrs[p->n_addrs++] = (struct punt_addr){
			.addr = conf->addresses[i].addr, .port_id = port_id};
	p->tun[port_id] = tun;
	return 0;
fail:
	punt_tun_close(&tun);
	return rc;
}

int punt_route_add(struct punt *p, uint16_t port_id, const struct ip_prefix *prefix)
{
	if (port_id >= PORT_MAX || p->tun[port_id].fd < 0)
		return -ENODEV;
	return punt_rtnl_route_add(p->tun[port_id].ifindex, prefix);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening and closing ports, and the table of those that are open. Control thread; workers only
 * index rte_ethdev by port->id. Before it: args.c says what DPDK is asked for.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "port/port_priv.h"
#include "xdp/xdp.h"

#define PORT_DESCRIPTORS 1024

static struct port_priv *ports[PORT_MAX];

struct port *port_by_id(uint16_t id)
{
	return id < PORT_MAX && ports[id] != NULL ? &ports[id]->port : NULL;
}

struct port *port_next(const struct port *p)
{
	for (unsigned int i = p != NULL ? p->id + 1u : 0; i < PORT_MAX; i++) {
		if (ports[i] != NULL)
			return &ports[i]->port;
	}
	return NULL;
}

struct port *port_by_name(const char *name)
{
	struct port *p = NULL;

	while ((p = port_next(p)) != NULL) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

static bool has_netdev(enum config_device_kind kind)
{
	return kind == CONFIG_DEVICE_TAP || kind == CONFIG_DEVICE_AF_PACKET ||
		kind == CONFIG_DEVICE_AF_XDP;
}

static bool is_hardware(enum config_device_kind kind)
{
	return kind == CONFIG_DEVICE_PCI || kind == CONFIG_DEVICE_VMBUS;
}

static int check_duplicate(const struct config_port *conf, const struct port_device *dev, char *err,
	size_t err_len)
{
	for (const struct port *p = NULL; (p = port_next(p)) != NULL;) {
		const struct port_priv *o = (const struct port_priv *)p;

		if (strcmp(p->name, conf->name) == 0)
			return port_fail(err, err_len, EEXIST,
				"port %s: there is a port of that name already", conf->name);
		if (strcmp(o->key, dev->key) == 0)
			return port_fail(err, err_len, EEXIST, "port %s: %s is port %s already",
				conf->name, dev->key, p->name);
	}
	return 0;
}

/* The pool's buffers hold whole frames: nvad forwards no chains. */
static int check_pool(const struct config_port *conf, struct rte_mempool *pool, char *err,
	size_t err_len)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	if (port_frame_bytes(conf->mtu_bytes) <= room)
		return 0;
	return port_fail(err, err_len, EMSGSIZE,
		"port %s: an MTU of %u needs packet buffers of %u bytes, these hold %u", conf->name,
		conf->mtu_bytes, port_frame_bytes(conf->mtu_bytes), room);
}

/* What DPDK would refuse with a bare number is told here with its name. */
static int check_netdev(const struct config_port *conf, char *err, size_t err_len)
{
	const char *ifname = conf->device.interface;
	const char *kind = port_kind_name(conf->device.kind);
	bool exists = netdev_index(ifname) > 0;

	if (!netdev_may_configure())
		return port_fail(err, err_len, EPERM,
			"port %s: kind %s needs CAP_NET_ADMIN and CAP_NET_RAW; run nvad as root or with "
			"these capabilities", conf->name, kind);
	if (conf->device.kind == CONFIG_DEVICE_TAP && exists)
		return port_fail(err, err_len, EEXIST,
			"port %s: kind tap makes the interface %s, but there is one; remove it (ip link "
			"del %s), choose another name, or use kind af_packet on it", conf->name, ifname,
			ifname);
	if (conf->device.kind != CONFIG_DEVICE_TAP && !exists)
		return port_fail(err, err_len, ENODEV,
			"port %s: there is no interface %s in this network namespace; ip link shows "
			"those that there are", conf->name, ifname);
	return 0;
}

static int check_file(const struct config_port *conf, char *err, size_t err_len)
{
	const char *path = conf->device.rx_file;

	if (path[0] != '\0' && access(path, R_OK) < 0)
		return port_fail(err, err_len, errno, "port %s: cannot read %s: %s", conf->name, path,
			strerror(errno));
	return 0;
}

/* The kernel's side, before the driver takes the device. */
static int prepare_netdev(struct port_priv *pp, const struct config_port *conf, uint16_t queues,
	char *err, size_t err_len)
{
	const char *ifname = conf->device.interface;
	unsigned int channels;
	int rc = check_netdev(conf, err, err_len);

	if (rc < 0)
		return rc;
	snprintf(pp->port.kernel_ifname, sizeof(pp->port.kernel_ifname), "%s", ifname);
	if (conf->device.kind == CONFIG_DEVICE_TAP)
		return 0;
	rc = netdev_set_up(ifname, true);
	if (rc < 0)
		return port_fail(err, err_len, -rc, "port %s: cannot set interface %s up: %s",
			conf->name, ifname, strerror(-rc));
	if (conf->device.kind == CONFIG_DEVICE_AF_PACKET) {
		pp->netdev = kernel_netdev_mute(ifname, err, err_len);
		return pp->netdev != NULL ? 0 : -errno;
	}
	rc = netdev_limit_channels(ifname, queues, &channels);
	if (rc < 0)
		return port_fail(err, err_len, -rc,
			"port %s: interface %s spreads its packets over %u queues, nvad can read %u, and "
			"the rest cannot be switched off (%s); see ethtool -l %s and the number of "
			"workers", conf->name, ifname, channels, queues, strerror(-rc), ifname);
	return xdp_steer_prepare(ifname, err, err_len);
}

/* A socket that a crashed server left, and nobody listens on, would be "in use" for the driver. */
static void remove_stale_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path) || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

static int find_ethdev(const char *name, const struct config_device *d)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	uint16_t id;

	RTE_ETH_FOREACH_DEV(id) {
		if (name[0] != '\0') {
			if (rte_eth_dev_info_get(id, &info) == 0 &&
				strcmp(rte_dev_name(info.device), name) == 0)
				return id;
		} else if (rte_eth_macaddr_get(id, &mac) == 0 && rte_is_same_ether_addr(&mac, &d->mac)) {
			return id;
		}
	}
	return -ENODEV;
}

static int probe(const struct config_port *conf, const struct port_device *dev, char *err,
	size_t err_len)
{
	const struct config_device *d = &conf->device;
	int id = -ENODEV, rc;

	/* EAL has probed at its start what hardware it was allowed to see. */
	if (is_hardware(d->kind))
		id = find_ethdev(dev->name, d);
	if (id >= 0)
		return id;
	if (dev->name[0] == '\0') {
		char mac[RTE_ETHER_ADDR_FMT_SIZE];

		rte_ether_format_addr(mac, sizeof(mac), &d->mac);
		return port_fail(err, err_len, ENODEV,
			"port %s: no %s device with MAC %s that DPDK can drive; dpdk-devbind.py --status "
			"shows the devices and their drivers", conf->name, dev->bus, mac);
	}
	rc = rte_eal_hotplug_add(dev->bus, dev->name, dev->args);
	if (rc == -EFAULT)
		return port_fail(err, err_len, ENODEV,
			"port %s: DPDK has no driver for %s; is its plugin installed (librte_net_*.so)?",
			conf->name, dev->name);
	/* Many drivers say just -1, which would read as a lack of permission. */
	if (rc == -1)
		rc = -EIO;
	if (rc < 0)
		return port_fail(err, err_len, -rc,
			"port %s: DPDK cannot open %s with '%s'%s%s; the driver's own message is above",
			conf->name, dev->name, dev->args, rc != -EIO ? ": " : "",
			rc != -EIO ? strerror(-rc) : "");
	id = find_ethdev(dev->name, d);
	if (id < 0)
		return port_fail(err, err_len, ENODEV,
			"port %s: %s is there, but it is no network device", conf->name, dev->name);
	return id;
}

/* These declare frames of 1518 bytes as their longest, and yet carry what fits their buffers, which
 * args.c sizes. */
static bool understates_frames(enum config_device_kind kind)
{
	return kind == CONFIG_DEVICE_AF_PACKET || kind == CONFIG_DEVICE_MEMIF;
}

static uint32_t longest_mtu(const struct port *p, const struct rte_eth_dev_info *info)
{
	uint32_t by_frame = info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;

	if (is_hardware(p->kind) || info->max_mtu < by_frame)
		return info->max_mtu;
	return by_frame;
}

/* What ethdev is told. */
static uint16_t ethdev_mtu(const struct port *p, const struct rte_eth_dev_info *info)
{
	uint32_t most = longest_mtu(p, info);

	return p->mtu_bytes > most ? most : p->mtu_bytes;
}

/*
 * Offloads are asked for only where hardware does the work: a software driver that "offers" a
 * checksum computes it as slowly as the data path does, which looks at the mbuf's flags and does what
 * is missing. VLAN tags stay in the frame, so that a tagged packet is never taken for an untagged one.
 */
static void negotiate(struct port *p, const struct rte_eth_dev_info *info, uint16_t queues,
	struct rte_eth_conf *ret_conf)
{
	struct rte_eth_conf conf = {.rxmode.mtu = ethdev_mtu(p, info)};

	if (is_hardware(p->kind))
		conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	p->queues = RTE_MIN(info->max_rx_queues, info->max_tx_queues);
	p->queues = RTE_MIN(queues, p->queues);
	if (p->queues > 1 && info->flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	p->rx_offloads = conf.rxmode.offloads;
	p->tx_offloads = conf.txmode.offloads;
	*ret_conf = conf;
}

static int set_mtu(const struct port *p, const struct rte_eth_dev_info *info, char *err,
	size_t err_len)
{
	int rc;

	if (p->kernel_ifname[0] != '\0')
		rc = netdev_set_mtu(p->kernel_ifname, p->mtu_bytes);
	else
		rc = rte_eth_dev_set_mtu(p->id, ethdev_mtu(p, info));
	/* Drivers that move frames in memory have no MTU to set; their buffers were sized for it. */
	if (rc == -ENOTSUP && !is_hardware(p->kind))
		rc = 0;
	if (rc < 0)
		return port_fail(err, err_len, -rc,
			"port %s: the device refuses an MTU of %u bytes: %s; set a smaller one (ports: mtu)",
			p->name, p->mtu_bytes, strerror(-rc));
	return 0;
}

static int configure(struct port *p, uint16_t queues, struct rte_mempool *pool, char *err,
	size_t err_len)
{
	uint16_t rxd = PORT_DESCRIPTORS, txd = PORT_DESCRIPTORS;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	const char *step = "describe itself";
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc < 0)
		goto fail;
	if (p->mtu_bytes < info.min_mtu ||
		(p->mtu_bytes > longest_mtu(p, &info) && !understates_frames(p->kind)))
		return port_fail(err, err_len, EINVAL,
			"port %s: an MTU of %u bytes is not possible on this device, which takes %u to %u",
			p->name, p->mtu_bytes, info.min_mtu, longest_mtu(p, &info));
	negotiate(p, &info, queues, &conf);
	step = "take its configuration";
	rc = rte_eth_dev_configure(p->id, p->queues, p->queues, &conf);
	if (rc < 0)
		goto fail;
	rc = set_mtu(p, &info, err, err_len);
	if (rc < 0)
		return rc;
	step = "size its rings";
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rxd, &txd);
	step = "set up its queues";
	for (uint16_t q = 0; rc == 0 && q < p->queues; q++) {
		rc = rte_eth_rx_queue_setup(p->id, q, rxd, rte_eth_dev_socket_id(p->id), NULL, pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(p->id, q, txd, rte_eth_dev_socket_id(p->id), NULL);
	}
	if (rc < 0)
		goto fail;
	return 0;
fail:
	return port_fail(err, err_len, -rc,
		"port %s: the device does not %s: %s; the driver's own message is above", p->name, step,
		strerror(-rc));
}

/*
 * net_tap gives the port the MAC of its own kernel end. Two neighbours with one MAC take each other
 * for a duplicate (RFC 4862 5.4), so the kernel's end gets another. After the start, which sets it
 * anew; down and up, so that the kernel's link-local address follows.
 */
static void part_tap_macs(const struct port *p)
{
	struct rte_ether_addr kernel = p->mac;
	int rc;

	kernel.addr_bytes[5] ^= 1;
	rc = netdev_set_up(p->kernel_ifname, false);
	if (rc == 0)
		rc = netdev_set_mac(p->kernel_ifname, &kernel);
	if (rc == 0)
		rc = netdev_set_up(p->kernel_ifname, true);
	if (rc < 0)
		log_warning("port", "port %s: cannot give the kernel's end %s a MAC of its own: %s",
			p->name, p->kernel_ifname, strerror(-rc));
}

static int start(struct port_priv *pp, const struct config_port *conf, char *err, size_t err_len)
{
	struct port *p = &pp->port;
	int rc = rte_eth_macaddr_get(p->id, &p->mac);

	if (rc == 0)
		rc = rte_eth_dev_start(p->id);
	if (rc < 0 && p->kind == CONFIG_DEVICE_MEMIF)
		return port_fail(err, err_len, ECONNREFUSED,
			"port %s: nobody serves the memif at %s; start the server's side first, or give "
			"this side the role of the server", p->name, conf->device.socket);
	if (rc < 0)
		return port_fail(err, err_len, rc == -1 ? EIO : -rc,
			"port %s: the device does not start: %s; the driver's own message is above",
			p->name, strerror(rc == -1 ? EIO : -rc));
	pp->started = true;
	if (p->kind == CONFIG_DEVICE_TAP)
		part_tap_macs(p);
	/* Frames to others are nothing to us; groups (neighbour discovery) are. Virtual devices
	 * deliver everything and know neither. */
	if (is_hardware(p->kind)) {
		rte_eth_promiscuous_disable(p->id);
		rte_eth_allmulticast_enable(p->id);
	}
	return 0;
}

static int steer_add(struct xdp_steer *s, const struct port_priv *owner)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < owner->n_addrs; i++)
		rc = xdp_steer_add_address(s, &owner->addrs[i], XDP_CLASSES_ALL);
	return rc;
}

/*
 * The configured addresses are the kernel's from the first packet on, and by whichever port their
 * packets come in: the kernel is one host on all of its devices (RFC 1122 3.3.4.2).
 */
static int steer(struct port_priv *pp, const struct config_port *conf, char *err, size_t err_len)
{
	struct port *p = &pp->port;
	int rc;

	pp->addrs = calloc(conf->n_addresses + 1, sizeof(*pp->addrs));
	if (pp->addrs == NULL)
		return port_fail(err, err_len, ENOMEM, "port %s: no memory", p->name);
	for (size_t i = 0; i < conf->n_addresses; i++)
		pp->addrs[pp->n_addrs++] = conf->addresses[i].addr;
	p->steer = xdp_steer_open(p->kernel_ifname, err, err_len);
	if (p->steer == NULL)
		return -errno;
	rc = steer_add(p->steer, pp);
	for (struct port *o = NULL; rc == 0 && (o = port_next(o)) != NULL;) {
		if (o->steer == NULL)
			continue;
		rc = steer_add(p->steer, (struct port_priv *)o);
		if (rc == 0)
			rc = steer_add(o->steer, pp);
	}
	if (rc < 0)
		return port_fail(err, err_len, -rc,
			"port %s: cannot tell the XDP programs the port's addresses (%u at most): %s",
			p->name, XDP_ADDRESSES_MAX, strerror(-rc));
	p->kernel_owns_addresses = true;
	return 0;
}

static void unsteer(struct port_priv *pp)
{
	for (struct port *o = NULL; (o = port_next(o)) != NULL;) {
		for (size_t i = 0; o->steer != NULL && i < pp->n_addrs; i++)
			xdp_steer_del_address(o->steer, &pp->addrs[i]);
	}
	xdp_steer_close(pp->port.steer);
	free(pp->addrs);
}

static int open_device(struct port_priv *pp, const struct config_port *conf, uint16_t queues,
	struct rte_mempool *pool, char *err, size_t err_len)
{
	bool own_xdp = conf->device.kind == CONFIG_DEVICE_AF_XDP;
	const char *xdp_prog = own_xdp ? xdp_steer_path() : NULL;
	struct rte_eth_dev_info info;
	struct port_device dev;
	int rc;

	if (own_xdp && xdp_prog == NULL)
		return port_fail(err, err_len, errno, "port %s: cannot hand the XDP program on: %s",
			conf->name, strerror(errno));
	if (own_xdp && netdev_channels(conf->device.interface) < queues)
		queues = netdev_channels(conf->device.interface);
	rc = port_device_build(conf, queues, xdp_prog, &dev, err, err_len);
	if (rc == 0)
		rc = check_duplicate(conf, &dev, err, err_len);
	if (rc == 0)
		rc = check_pool(conf, pool, err, err_len);
	if (rc == 0 && has_netdev(conf->device.kind))
		rc = prepare_netdev(pp, conf, queues, err, err_len);
	if (rc == 0 && conf->device.kind == CONFIG_DEVICE_PCAP)
		rc = check_file(conf, err, err_len);
	if (rc < 0)
		return rc;
	if (conf->device.kind == CONFIG_DEVICE_MEMIF && conf->device.server)
		remove_stale_socket(conf->device.socket);
	snprintf(pp->key, sizeof(pp->key), "%s", dev.key);

	rc = probe(conf, &dev, err, err_len);
	pp->n_packet_fds = port_packet_sockets(pp->packet_fds);
	if (rc < 0)
		return rc;
	if (conf->device.kind == CONFIG_DEVICE_AF_PACKET && pp->n_packet_fds == 0)
		log_warning("port", "port %s: the kernel puts IPv4 fragments together before nvad sees "
			"them: what is larger than the MTU is lost", conf->name);
	pp->port.id = rc;
	if (rte_eth_dev_info_get(rc, &info) == 0)
		snprintf(pp->device, sizeof(pp->device), "%s", rte_dev_name(info.device));
	snprintf(pp->bus, sizeof(pp->bus), "%s", dev.bus);
	if (rc >= PORT_MAX)
		return port_fail(err, err_len, ENOSPC, "port %s: no more than %d ports", conf->name,
			PORT_MAX);
	rc = configure(&pp->port, queues, pool, err, err_len);
	if (rc == 0)
		rc = start(pp, conf, err, err_len);
	if (rc == 0 && own_xdp)
		rc = steer(pp, conf, err, err_len);
	return rc;
}

static void close_device(struct port_priv *pp)
{
	if (pp->started)
		rte_eth_dev_stop(pp->port.id);
	unsteer(pp);
	if (pp->bus[0] != '\0') {
		rte_eth_dev_close(pp->port.id);
		rte_eal_hotplug_remove(pp->bus, pp->device);
	}
	kernel_netdev_free(pp->netdev);
	free(pp);
}

/* A file has one order. The two sides of a memif must have the same number, which nobody negotiates:
 * what goes into a queue that the peer does not read is lost without a word. */
static bool has_one_queue(enum config_device_kind kind)
{
	return kind == CONFIG_DEVICE_PCAP || kind == CONFIG_DEVICE_MEMIF;
}

struct port *port_open(const struct config_port *conf, uint16_t queues, struct rte_mempool *pool,
	char *err, size_t err_len)
{
	struct port_priv *pp = calloc(1, sizeof(*pp));
	struct port *p;
	int rc;

	if (pp == NULL)
		return NULL;
	p = &pp->port;
	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	p->kind = conf->device.kind;
	p->mtu_bytes = conf->mtu_bytes;
	port_log_hold();
	rc = open_device(pp, conf, has_one_queue(p->kind) ? 1 : queues, pool, err, err_len);
	port_log_release(rc < 0);
	if (rc < 0) {
		close_device(pp);
		errno = -rc;
		return NULL;
	}
	ports[p->id] = pp;
	if (p->kernel_ifname[0] != '\0')
		pp->ifindex = netdev_index(p->kernel_ifname);
	port_poll_link(p);
	return p;
}

void port_close(struct port *p)
{
	if (p == NULL)
		return;
	ports[p->id] = NULL;
	close_device((struct port_priv *)p);
}

bool port_poll_link(struct port *p)
{
	struct port_priv *pp = (struct port_priv *)p;
	bool was = p->link_up;

	pp->overruns += port_packet_overruns(pp->packet_fds, pp->n_packet_fds);
	p->error[0] = '\0';
	/* These drivers call their link up whatever the netdev does. */
	if (p->kernel_ifname[0] != '\0') {
		int flags = netdev_get_flags(p->kernel_ifname);
		bool same = netdev_index(p->kernel_ifname) == pp->ifindex;

		p->link_up = same && flags >= 0 && (flags & IFF_UP) && (flags & IFF_RUNNING);
		if (flags < 0)
			snprintf(p->error, sizeof(p->error), "interface %s is gone", p->kernel_ifname);
		else if (!same)
			snprintf(p->error, sizeof(p->error), "interface %s is another one now: restart nvad",
				p->kernel_ifname);
		else if (!(flags & IFF_UP))
			snprintf(p->error, sizeof(p->error), "interface %s was set down",
				p->kernel_ifname);
	} else {
		struct rte_eth_link link = {0};
		int rc = rte_eth_link_get_nowait(p->id, &link);

		p->link_up = rc == 0 && link.link_status == RTE_ETH_LINK_UP;
		if (rc == -ENODEV || rte_eth_dev_is_removed(p->id))
			snprintf(p->error, sizeof(p->error), "the device is gone");
	}
	return p->link_up != was;
}

int port_get_stats(const struct port *p, struct port_stats *ret_stats)
{
	struct rte_eth_stats s;
	int rc = rte_eth_stats_get(p->id, &s);

	if (rc < 0)
		return rc;
	*ret_stats = (struct port_stats){
		.rx_packets = s.ipackets, .rx_bytes = s.ibytes, 
		.rx_missed = s.imissed + ((const struct port_priv *)p)->overruns,
		.rx_errors = s.ierrors, .rx_no_buffer = s.rx_nombuf,
		.tx_packets = s.opackets, .tx_bytes = s.obytes, .tx_errors = s.oerrors,
	};
	return 0;
}

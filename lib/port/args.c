/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the configuration to DPDK's device name and arguments, one kind a case. Pure; port_open
 * (port.c) comes after it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_packet.h>

#include "port/port_priv.h"

/* The driver copies into mbufs and drops what does not fit its own frames. */
#define TPACKET_OVERHEAD 64 /* TPACKET2_HDRLEN and the alignment behind it, rounded up */

static const struct {
	const char *name, *driver;
} kinds[] = {
	[CONFIG_DEVICE_TAP] = {"tap", "net_tap"},
	[CONFIG_DEVICE_AF_PACKET] = {"af_packet", "net_af_packet"},
	[CONFIG_DEVICE_AF_XDP] = {"af_xdp", "net_af_xdp"},
	[CONFIG_DEVICE_MEMIF] = {"memif", "net_memif"},
	[CONFIG_DEVICE_PCAP] = {"pcap", "net_pcap"},
	[CONFIG_DEVICE_NULL] = {"null", "net_null"},
	[CONFIG_DEVICE_RING] = {"ring", "net_ring"},
	[CONFIG_DEVICE_PCI] = {"pci", ""},
	[CONFIG_DEVICE_VMBUS] = {"vmbus", ""},
};

const char *port_kind_name(enum config_device_kind kind)
{
	return (size_t)kind < RTE_DIM(kinds) ? kinds[kind].name : "?";
}

int port_fail(char *err, size_t err_len, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -code;
}

struct args {
	struct port_device *dev;
	size_t len;
	bool failed; /* too long, or a value that DPDK's syntax cannot carry */
};

static void arg(struct args *a, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void arg(struct args *a, const char *key, const char *fmt, ...)
{
	char *at = a->dev->args + a->len;
	size_t room = sizeof(a->dev->args) - a->len;
	char value[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	/* DPDK's kvargs has no quoting. */
	if (n < 0 || (size_t)n >= sizeof(value) || strpbrk(value, ",=[]\"") != NULL) {
		a->failed = true;
		return;
	}
	n = snprintf(at, room, "%s%s=%s", a->len > 0 ? "," : "", key, value);
	if (n < 0 || (size_t)n >= room)
		a->failed = true;
	else
		a->len += n;
}

static void arg_mac(struct args *a, const struct config_device *d)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	if (!d->has_mac)
		return;
	rte_ether_format_addr(mac, sizeof(mac), &d->mac);
	arg(a, "mac", "%s", mac);
}

static uint32_t power_of_two(uint32_t least, uint32_t n)
{
	uint32_t p = least;

	while (p < n)
		p <<= 1;
	return p;
}

/* af_packet's frame: a power of two, so that frames fill the kernel's blocks without a rest. */
static uint32_t af_packet_frame_bytes(uint16_t mtu_bytes)
{
	return power_of_two(2048, port_frame_bytes(mtu_bytes) + TPACKET_OVERHEAD);
}

static void build_vdev(struct args *a, const struct config_port *conf, uint16_t queues,
	const char *xdp_prog)
{
	const struct config_device *d = &conf->device;
	uint32_t frame = af_packet_frame_bytes(conf->mtu_bytes);

	switch (d->kind) {
	case CONFIG_DEVICE_TAP:
		arg(a, "iface", "%s", d->interface);
		arg_mac(a, d);
		break;
	case CONFIG_DEVICE_AF_PACKET:
		arg(a, "iface", "%s", d->interface);
		arg(a, "qpairs", "%u", queues);
		if (frame > 2048) {
			arg(a, "blocksz", "%u", frame > 4096 ? frame : 4096);
			arg(a, "framesz", "%u", frame);
		} else {
			/* Four times the driver's default, 4 MB each way: 512 frames are 7 ms of a
			 * Gbit/s, less than another process may have the CPU for. */
			arg(a, "framecnt", "2048");
		}
		break;
	case CONFIG_DEVICE_AF_XDP:
		arg(a, "iface", "%s", d->interface);
		arg(a, "start_queue", "0");
		arg(a, "queue_count", "%u", queues);
		/* Without it each rx burst is a system call. */
		arg(a, "busy_budget", "0");
		if (xdp_prog != NULL)
			arg(a, "xdp_prog", "%s", xdp_prog);
		break;
	case CONFIG_DEVICE_MEMIF:
		arg(a, "role", "%s", d->server ? "server" : "client");
		arg(a, "id", "%u", d->memif_id);
		arg(a, "socket", "%s", d->socket);
		arg(a, "socket-abstract", "no");
		arg_mac(a, d);
		if (port_frame_bytes(conf->mtu_bytes) > 2048)
			arg(a, "bsize", "%u", power_of_two(2048, port_frame_bytes(conf->mtu_bytes)));
		break;
	case CONFIG_DEVICE_PCAP:
		if (d->rx_file[0] != '\0')
			arg(a, "rx_pcap", "%s", d->rx_file);
		if (d->tx_file[0] != '\0')
			arg(a, "tx_pcap", "%s", d->tx_file);
		break;
	default:
		break;
	}
}

static int check(const struct config_port *conf, char *err, size_t err_len)
{
	const struct config_device *d = &conf->device;
	const char *kind = port_kind_name(d->kind);

	switch (d->kind) {
	case CONFIG_DEVICE_TAP:
	case CONFIG_DEVICE_AF_PACKET:
	case CONFIG_DEVICE_AF_XDP:
		if (d->interface[0] == '\0')
			return port_fail(err, err_len, EINVAL,
				"port %s: kind %s needs the name of an interface", conf->name, kind);
		return 0;
	case CONFIG_DEVICE_MEMIF:
		if (d->socket[0] == '\0')
			return port_fail(err, err_len, EINVAL,
				"port %s: kind memif needs the path of a socket", conf->name);
		return 0;
	case CONFIG_DEVICE_PCAP:
		if (d->rx_file[0] == '\0' && d->tx_file[0] == '\0')
			return port_fail(err, err_len, EINVAL,
				"port %s: kind pcap needs a file to read or one to write", conf->name);
		return 0;
	case CONFIG_DEVICE_NULL:
	case CONFIG_DEVICE_RING:
		return 0;
	case CONFIG_DEVICE_PCI:
	case CONFIG_DEVICE_VMBUS:
		if (d->address[0] == '\0' && !d->has_mac)
			return port_fail(err, err_len, EINVAL,
				"port %s: kind %s needs the device's address or MAC", conf->name, kind);
		if (d->address[0] == '\0' && d->devargs[0] != '\0')
			return port_fail(err, err_len, EINVAL,
				"port %s: devargs need the device's bus address; its MAC is not enough",
				conf->name);
		return 0;
	}
	return port_fail(err, err_len, EINVAL, "port %s: unknown kind of device", conf->name);
}

/* What two ports cannot share. */
static void build_key(const struct config_port *conf, struct port_device *dev)
{
	const struct config_device *d = &conf->device;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	switch (d->kind) {
	case CONFIG_DEVICE_TAP:
	case CONFIG_DEVICE_AF_PACKET:
	case CONFIG_DEVICE_AF_XDP:
		snprintf(dev->key, sizeof(dev->key), "interface %s", d->interface);
		break;
	case CONFIG_DEVICE_MEMIF:
		snprintf(dev->key, sizeof(dev->key), "memif %u on %.100s", d->memif_id, d->socket);
		break;
	case CONFIG_DEVICE_PCI:
	case CONFIG_DEVICE_VMBUS:
		rte_ether_format_addr(mac, sizeof(mac), &d->mac);
		snprintf(dev->key, sizeof(dev->key), "device %s", d->address[0] ? d->address : mac);
		break;
	default:
		snprintf(dev->key, sizeof(dev->key), "device %s", dev->name);
	}
}

int port_device_build(const struct config_port *conf, uint16_t queues, const char *xdp_prog,
	struct port_device *ret_device, char *err, size_t err_len)
{
	const struct config_device *d = &conf->device;
	struct port_device dev = {0};
	struct args a = {.dev = &dev};
	int rc = check(conf, err, err_len);

	if (rc < 0)
		return rc;
	if (d->kind == CONFIG_DEVICE_PCI || d->kind == CONFIG_DEVICE_VMBUS) {
		snprintf(dev.bus, sizeof(dev.bus), "%s", kinds[d->kind].name);
		snprintf(dev.name, sizeof(dev.name), "%s", d->address);
	} else {
		snprintf(dev.bus, sizeof(dev.bus), "vdev");
		snprintf(dev.name, sizeof(dev.name), "%s_%s", kinds[d->kind].driver, conf->name);
		build_vdev(&a, conf, queues, xdp_prog);
	}
	if (!a.failed && d->devargs[0] != '\0') {
		int n = snprintf(dev.args + a.len, sizeof(dev.args) - a.len, "%s%s",
			a.len > 0 ? "," : "", d->devargs);

		a.failed = n < 0 || (size_t)n >= sizeof(dev.args) - a.len;
	}
	if (a.failed)
		return port_fail(err, err_len, EINVAL,
			"port %s: a name or path of the device is too long, or holds one of , = [ ] \" "
			"which DPDK's device arguments cannot carry", conf->name);
	build_key(conf, &dev);
	*ret_device = dev;
	return 0;
}

uint16_t port_data_room(const struct config *conf)
{
	uint32_t bytes = 2048; /* what the drivers expect at least */

	for (size_t i = 0; i < conf->n_ports; i++) {
		const struct config_port *p = &conf->ports[i];
		uint32_t want = port_frame_bytes(p->mtu_bytes);

		if (p->device.kind == CONFIG_DEVICE_AF_PACKET)
			want = af_packet_frame_bytes(p->mtu_bytes);
		bytes = want > bytes ? want : bytes;
	}
	bytes += RTE_PKTMBUF_HEADROOM;
	return bytes < UINT16_MAX ? bytes : UINT16_MAX;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of lib/port, and for its unit tests. Control thread. */
#ifndef PORT_PORT_PRIV_H
#define PORT_PORT_PRIV_H

#include <sched.h>

#include "port/port.h"

#define PORT_PACKET_SOCKETS 64 /* one a queue */

/* One open port; `port` comes first, so that the public pointer is this one. */
struct port_priv {
	struct port port;
	char bus[8], device[64]; /* for the removal */
	char key[128];		 /* what may be opened once: "netdev eth0" */
	bool started;
	int ifindex; /* of kernel_ifname when the driver took it: the name alone may come back */
	struct kernel_netdev *netdev; /* af_packet: what was done to the netdev, to be undone */
	int packet_fds[PORT_PACKET_SOCKETS]; /* af_packet: the driver's own, to ask for overruns */
	unsigned int n_packet_fds;
	uint64_t overruns;
	struct ip_addr *addrs;	      /* af_xdp: the kernel's, for the XDP programs of all ports */
	size_t n_addrs;
};

/* Writes "WHAT" into err and returns -code. */
int port_fail(char *err, size_t err_len, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* args.c: pure. The bus, the device's name on it and its arguments. 0 or -errno with a text. */
struct port_device {
	char bus[8];	/* "vdev", "pci", "vmbus" */
	char name[64];	/* "" for a device that is known by MAC */
	char args[1024];
	char key[128];
};
int port_device_build(const struct config_port *conf, uint16_t queues, const char *xdp_prog,
	struct port_device *ret_device, char *err, size_t err_len);
/* The frame that an MTU makes: Ethernet header and two VLAN tags. */
static inline uint32_t port_frame_bytes(uint16_t mtu_bytes)
{
	return mtu_bytes + sizeof(struct rte_ether_hdr) + 2 * sizeof(struct rte_vlan_hdr);
}

/* eal_args.c: pure. What EAL is started with. */
#define PORT_EAL_ARGS_MAX 128
struct port_eal_args {
	int argc;
	char *argv[PORT_EAL_ARGS_MAX + 1]; /* on the heap: port_eal_args_free() */
	bool huge_pages;
	bool shared_cpus; /* a worker shares its CPU with another or with the control thread */
};
/* `cpus` are those that the process may use, `free_huge_mb` what the kernel has left in huge pages. */
int port_eal_args_build(const struct config *conf, const char *prog, const cpu_set_t *cpus,
	uint64_t free_huge_mb, struct port_eal_args *ret_args, char *err, size_t err_len);
void port_eal_args_free(struct port_eal_args *a);

/* eal.c: DPDK's lines in between are logged at their level where it failed, at debug where not. */
void port_log_hold(void);
void port_log_release(bool failed);

/* fanout.c: the sockets that the af_packet driver opened since the last call, corrected not to have the
 * kernel put fragments together; and the packets that found their rings full since the last call. */
unsigned int port_packet_sockets(int ret_fds[PORT_PACKET_SOCKETS]);
uint64_t port_packet_overruns(const int *fds, unsigned int n);

/* steer_nat.c: pure. What of an address the rules use; false: nothing. */
struct xdp_nat_ports;
bool port_nat_ports(const struct config_nat *nat, const struct ip_addr *addr,
	struct xdp_nat_ports *ret_ports);

/* netdev.c: the kernel's side of a port. 0 or -errno. */
int netdev_index(const char *ifname);		      /* > 0, or -errno */
int netdev_get_flags(const char *ifname);	      /* IFF_*, or -errno */
int netdev_set_up(const char *ifname, bool up);
int netdev_set_mtu(const char *ifname, uint16_t mtu_bytes);
int netdev_set_mac(const char *ifname, const struct rte_ether_addr *mac);
/* How many queues an AF_XDP driver may open: the combined channels, 1 where the device has none. */
unsigned int netdev_channels(const char *ifname);
/* Makes the device receive on no more than `queues` queues, so that no packet comes in by one that
 * nobody reads. -errno, with the number that it has, where it cannot. */
int netdev_limit_channels(const char *ifname, unsigned int queues, unsigned int *ret_channels);
bool netdev_may_configure(void); /* CAP_NET_ADMIN and CAP_NET_RAW */

/*
 * kernel_mute.c: keeps the kernel's own stack off a netdev that af_packet shares with it: frames are
 * dropped behind the packet sockets, IPv6 is off, all multicast is let in. Undone by _free.
 */
struct kernel_netdev;
struct kernel_netdev *kernel_netdev_mute(const char *ifname, char *err, size_t err_len);
void kernel_netdev_free(struct kernel_netdev *n);

#endif

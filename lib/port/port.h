/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports: DPDK ethdevs of any kind behind one face. Opened, configured and started by the control
 * thread; workers use rte_eth_rx_burst and rte_eth_tx_burst on port->id directly.
 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "config/config.h"

#define PORT_MAX 32

struct xdp_steer;

struct port {
	uint16_t id;	    /* ethdev id; also the index in the port table */
	char name[32];	    /* the operator's name */
	enum config_device_kind kind;
	struct rte_ether_addr mac;
	uint16_t mtu_bytes; /* longest IP packet */
	uint16_t queues;    /* rx and tx queues each, one per worker */
	uint64_t rx_offloads, tx_offloads; /* RTE_ETH_*_OFFLOAD_* in force */
	bool kernel_owns_addresses; /* af_xdp: the kernel answers ARP/ND, BGP, ssh on the device */
	char kernel_ifname[16];	    /* af_xdp, af_packet, tap: the netdev; "" otherwise */
	struct xdp_steer *steer;    /* af_xdp with our own program (xdp/xdp.h); else NULL */
	bool link_up;
	char error[128];	    /* why the port is not usable, "" where it is */
};

/*
 * Starts EAL as the configuration asks: one lcore for the control thread (the caller's) and one a
 * worker, huge pages or not, only the buses that a configured device needs; rte_log goes to
 * base/log.h from then on. Once a process, before the first port_open. 0 or -errno with a text.
 */
int port_eal_init(const struct config *conf, const char *prog, char *err, size_t err_len);

/* The data room that the ports' mempool needs, RTE_PKTMBUF_HEADROOM included: the pool given to
 * port_open serves all ports. */
uint16_t port_data_room(const struct config *conf);

/*
 * Opens a port as configured, with `queues` queues (fewer where the device has fewer), and starts it.
 * On failure returns NULL, sets errno and leaves a text for the operator in err (what, where, what to do).
 */
struct port *port_open(const struct config_port *conf, uint16_t queues, struct rte_mempool *pool,
	char *err, size_t err_len);
void port_close(struct port *p); /* stops, closes, frees; NULL is legal */
const char *port_kind_name(enum config_device_kind kind); /* as in the configuration: "af_packet" */

struct port *port_by_id(uint16_t id);	       /* or NULL */
struct port *port_by_name(const char *name);   /* or NULL */
struct port *port_next(const struct port *p);  /* iteration: NULL gives the first */

/* Re-reads link state (polled from a timer; no interrupt is assumed). True where it changed. */
bool port_poll_link(struct port *p);

/*
 * Tells the XDP programs of all af_xdp ports what translation needs: of the ports' own addresses, which
 * are the kernel's, what pools and DNAT rules of the configuration use comes to nvad; and so do the
 * questions by ARP and ND for `addrs` (nat_addresses()). Replaces what was said before. 0 or -errno: the
 * rest is in force all the same.
 */
int port_steer_nat(const struct config *c, const struct ip_addr *addrs, size_t n);

struct port_stats {
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_no_buffer;
	uint64_t tx_packets, tx_bytes, tx_errors;
};
int port_get_stats(const struct port *p, struct port_stats *ret_stats);

#endif

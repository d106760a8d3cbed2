/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering on AF_XDP devices: the XDP program of lib/xdp/bpf sends transit traffic to nvad's sockets
 * and leaves to the kernel what it must have, by maps that change at run time. Control thread.
 *
 * The driver (net_af_xdp) loads and attaches the program from xdp_steer_path() and puts its sockets
 * into the map "xsks_map"; xdp_steer_open() then finds the program on the device and its other maps.
 */
#ifndef XDP_XDP_H
#define XDP_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "xdp/bpf/steer.h"

struct xdp_steer;

/*
 * Takes a program of ours that a crash left on the device off it; one of somebody else is -EBUSY.
 * 0 or -errno with a text for the operator in err.
 */
int xdp_steer_prepare(const char *ifname, char *err, size_t err_len);

/* A file name under which this process may read the program, for the driver's xdp_prog=; valid until
 * the process ends. NULL with errno. */
const char *xdp_steer_path(void);

/* After the driver attached the program. NULL with errno and a text. */
struct xdp_steer *xdp_steer_open(const char *ifname, char *err, size_t err_len);

/* Takes the program off the device where it is still there; NULL is legal. */
void xdp_steer_close(struct xdp_steer *s);

/*
 * Makes an address local: its packets go by class to the kernel where the class's bit is in
 * `kernel_classes` (XDP_CLASSES_ALL) and the class is enabled, else to nvad; so do the questions for it
 * by ARP and neighbour discovery. Again: replaces.
 * 0 or -errno (-E2BIG: more than XDP_ADDRESSES_MAX).
 */
int xdp_steer_add_address(struct xdp_steer *s, const struct ip_addr *addr, uint32_t kernel_classes);
int xdp_steer_del_address(struct xdp_steer *s, const struct ip_addr *addr);

/*
 * What of a local address nvad translates: that comes to nvad, before any class but `azure` and
 * `neighbour`. Replaces what was before, at once; NULL: nothing. 0 or -errno (-E2BIG: more than
 * XDP_NAT_ADDRESSES_MAX).
 */
int xdp_steer_set_nat(struct xdp_steer *s, const struct ip_addr *addr,
	const struct xdp_nat_ports *ports);

/* Whether packets of a class go to the kernel at all; all classes do at first. 0 or -errno. */
int xdp_steer_set_class(struct xdp_steer *s, enum xdp_class class, bool enabled);

/* Summed over CPUs. 0 or -errno. */
int xdp_steer_counters(const struct xdp_steer *s, enum xdp_class class,
	struct xdp_class_counters *ret_counters);

const char *xdp_class_name(enum xdp_class class); /* "bgp", "transit"... */

#endif

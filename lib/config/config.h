/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration as the program sees it: checked, complete with defaults, immutable.
 * conf/nvad.yaml is the commented example; lib/config/load.c the schema.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "base/addr.h"

#define CONFIG_NAME_LEN 32 /* with NUL; names are [A-Za-z0-9_.-]+ */

enum config_poll {
	CONFIG_POLL_ADAPTIVE, /* backs off when idle */
	CONFIG_POLL_BUSY,
};

enum config_huge_pages {
	CONFIG_HUGE_AUTO, /* use them where there are some, else --no-huge */
	CONFIG_HUGE_YES,
	CONFIG_HUGE_NO,
};

struct config_system {
	unsigned int workers; /* default 1 */
	enum config_poll poll;
	enum config_huge_pages huge_pages;
	uint32_t memory_mb;	 /* EAL's memory; default 512 */
	uint32_t packet_buffers; /* mbufs; default 32768 */
	char socket[108];	 /* default /run/nvad.sock */
	char socket_group[32];	 /* group that may use it; "" (default): root only */
	uint32_t max_v4_groups;	 /* FIB; default 65536 */
};

enum config_device_kind {
	CONFIG_DEVICE_TAP,
	CONFIG_DEVICE_AF_PACKET,
	CONFIG_DEVICE_AF_XDP,
	CONFIG_DEVICE_MEMIF,
	CONFIG_DEVICE_PCAP,
	CONFIG_DEVICE_NULL,
	CONFIG_DEVICE_RING,
	CONFIG_DEVICE_PCI,   /* by address or MAC */
	CONFIG_DEVICE_VMBUS, /* netvsc by MAC or device id */
};

struct config_device {
	enum config_device_kind kind;
	char interface[16];  /* tap, af_packet, af_xdp: the netdev */
	char address[64];    /* pci, vmbus: bus address; or "" and mac is set */
	struct rte_ether_addr mac;
	bool has_mac;
	char socket[108];    /* memif */
	bool server;	     /* memif role */
	uint32_t memif_id;
	char rx_file[256], tx_file[256]; /* pcap */
	char devargs[256];   /* appended raw, any kind */
};

struct config_neighbour {
	struct ip_addr addr;
	struct rte_ether_addr mac;
};

struct config_port {
	char name[CONFIG_NAME_LEN];
	struct config_device device;
	uint16_t mtu_bytes; /* default 1500 */
	struct config_address {
		struct ip_addr addr;
		uint8_t len;
	} *addresses;
	size_t n_addresses;
	struct config_neighbour *neighbours; /* static: a gateway's fixed MAC */
	size_t n_neighbours;
	char punt_interface[16]; /* kernel interface for local traffic; default "nv-" + port name, cut */
	bool punt;		 /* default true; always false for af_xdp, where XDP passes to the kernel */
	bool stateful;		 /* transit that comes in here is tracked, rules or not; default false */
};

enum config_route_kind {
	CONFIG_ROUTE_VIA,
	CONFIG_ROUTE_BLACKHOLE,
	CONFIG_ROUTE_DISCARD,
};

#define CONFIG_VIA_MAX 8

struct config_route {
	struct ip_prefix prefix;
	enum config_route_kind kind;
	struct ip_addr via[CONFIG_VIA_MAX]; /* on connected prefixes; main table: or by the underlay */
	unsigned int n_via;
};

/* What is announced to one peer: nothing that is not listed. */
struct config_export {
	struct ip_prefix prefix;
	uint8_t prepend;	  /* additional copies of the local AS */
	uint32_t *communities;	  /* host order, as<<16|value */
	size_t n_communities;
	bool has_med;
	uint32_t med;
	struct ip_addr next_hop; /* family IP_NONE: self */
};

struct config_peer {
	char name[CONFIG_NAME_LEN];
	struct ip_addr address;
	struct ip_addr local_address; /* IP_NONE: the address of the port that leads there */
	struct ip_addr next_hop_v4, next_hop_v6; /* "self" in exports; IP_NONE: our end of the session */
	uint32_t as;
	uint8_t ttl;		 /* of our packets: 1 for a connected eBGP peer, else 64 or `multihop` */
	uint32_t hold_s;	 /* 0 or >= 3; default 180 */
	uint32_t connect_retry_s; /* default 5 */
	bool passive;
	uint16_t port;		 /* default 179 */
	bool ipv4, ipv6;	 /* families offered; both by default */
	uint32_t max_prefixes;	 /* 0: no limit; above it the session is closed (Cease, RFC 4486) */
	struct config_export *exports;
	size_t n_exports;
};

struct config_bgp {
	bool enabled;
	uint32_t as;
	rte_be32_t router_id;
	uint16_t port;		   /* listening port; default 179, 0: do not listen */
	unsigned int maximum_paths; /* ECMP; default 8 */
	struct config_peer *peers;
	size_t n_peers;
};

/* Where and what, for a person: rendered with the line and a caret by config_error_print(). */
struct config_error {
	bool warning;
	char file[256];
	unsigned int line, column; /* from 1, in characters; 0 where the file as a whole is meant */
	unsigned int width;	   /* of the token that is meant, in characters; >= 1 */
	char message[256];	   /* what is wrong */
	char hint[256];		   /* what would be right */
	char source[256];	   /* the line's text, cut to what surrounds the token */
	unsigned int source_column; /* of the token in `source`, from 1 */
};

/* Connection tracking. Times are idle times. */
struct config_flows {
	uint32_t max_sessions; /* all workers together; default 131072 where a rule or stateful port is, else 0 */
	uint32_t tcp_established_s; /* default 7440 (RFC 5382 REQ-5) */
	uint32_t tcp_opening_s;	    /* default 240 */
	uint32_t tcp_closing_s;	    /* default 240 (RFC 7857 2.1) */
	uint32_t tcp_reset_s;	    /* default 10 */
	uint32_t udp_s;		    /* default 300 (RFC 4787 REQ-5) */
	uint32_t udp_new_s;	    /* before an answer; default 300 */
	uint32_t icmp_s;	    /* default 60 (RFC 5508 REQ-2) */
	uint32_t other_s;	    /* default 600 */
	bool adopt_midflow;	    /* `tcp_midflow: adopt`; default drop */
	bool tcp_window;	    /* `tcp_window_check`; default false */
	bool inbound_refreshes;	    /* default true (RFC 4787 REQ-6) */
	bool suppress_icmp;	    /* answer refused flows by silence (RFC 5508 REQ-9); default false */
};

enum config_nat_mapping { CONFIG_NAT_ENDPOINT_DEPENDENT, CONFIG_NAT_ENDPOINT_INDEPENDENT };
/* Who may send to a binding (RFC 4787 5); only for endpoint-independent mapping. */
enum config_nat_filtering {
	CONFIG_NAT_FILTER_ENDPOINT_INDEPENDENT, /* default */
	CONFIG_NAT_FILTER_ADDRESS,		/* an address that the inside has sent to */
	CONFIG_NAT_FILTER_ADDRESS_PORT,
};
enum config_nat_ports { CONFIG_NAT_PORTS_PRESERVE, CONFIG_NAT_PORTS_RANDOM };
enum config_proto_bit { CONFIG_TCP = 1, CONFIG_UDP = 2, CONFIG_ICMP = 4, CONFIG_OTHER = 8 };

struct config_nat_pool {
	char name[CONFIG_NAME_LEN];
	struct ip_addr *addresses; /* of one family */
	size_t n_addresses;
	uint16_t port_first, port_last; /* default 1024-65535 */
};

/* What a rule matches, of the packet as it comes in. Empty lists: any. */
struct config_nat_match {
	uint32_t ports;	  /* ingress: bit by index in config.ports; 0: any */
	struct ip_prefix *source, *destination;
	size_t n_source, n_destination;
	uint8_t protocols; /* enum config_proto_bit; 0: any */
};

struct config_snat {
	char name[CONFIG_NAME_LEN];
	struct config_nat_match match;
	bool exempt;	 /* `exempt: true` instead of a pool: not translated */
	size_t pool;	 /* index in pools */
	enum config_nat_mapping mapping;
	enum config_nat_filtering filtering;
	enum config_nat_ports port_selection;
	uint32_t max_sessions; /* per inside address; 0: no limit */
	uint32_t rate;	       /* `new_sessions_per_second`, per inside address; 0: no limit */
};

struct config_dnat {
	char name[CONFIG_NAME_LEN];
	struct config_nat_match match; /* destination: one address or prefix (1:1 where `to` is a prefix) */
	uint16_t port_first, port_last; /* `destination_ports`; 0: every port */
	struct config_nat_backend {
		struct ip_addr addr;
		uint16_t port; /* 0: the port stays; a range is shifted to begin here */
	} *to;
	size_t n_to;
	bool by_source; /* `balance: source`; default flow */
	bool has_snat;
	size_t snat_pool;
	bool snat_hairpin_only; /* `snat_when: hairpin`; default always */
};

struct config_nat {
	struct config_nat_pool *pools;
	size_t n_pools;
	struct config_snat *snat; /* the first that matches */
	size_t n_snat;
	struct config_dnat *dnat;
	size_t n_dnat;
};

struct config {
	struct config_system system;
	struct config_port *ports;
	size_t n_ports;
	struct config_route *underlay_routes; /* resolve next hops, BGP peers, tunnel endpoints */
	size_t n_underlay_routes;
	struct config_route *routes; /* main table */
	size_t n_routes;
	struct config_flows flows;
	struct config_nat nat;
	struct config_bgp bgp;
	struct config_error *warnings; /* what is legal but hardly meant; for the caller to print */
	size_t n_warnings;
};


/*
 * Reads and checks a file. Returns NULL with the first error in *ret_error. The caller owns the
 * configuration and frees it with config_free(). Touches nothing but the file.
 */
struct config *config_load(const char *path, struct config_error *ret_error);
struct config *config_load_string(const char *text, size_t len, const char *name,
	struct config_error *ret_error);
void config_free(struct config *c);

/* What of a configuration changed that can be applied while nvad runs. */
struct config_changes {
	bool flows, nat; /* sections */
	bool stateful;	 /* ports[].stateful */
};
/*
 * Compares two configurations. True where they differ in nothing but *ret_changes; else `restart` names
 * what else differs, as in "system.workers, port inside: mtu".
 */
bool config_compare(const struct config *a, const struct config *b, struct config_changes *ret_changes,
	char *restart, size_t restart_len);

/* "FILE:LINE:COLUMN: error: MESSAGE", the line, a caret, and the hint; coloured where `colour`. */
void config_error_print(const struct config_error *e, void *stdio_file, bool colour);

#endif

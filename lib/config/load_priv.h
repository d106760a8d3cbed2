/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the loader share: errors at a node, the table-driven reading of mappings. */
#ifndef CONFIG_LOAD_PRIV_H
#define CONFIG_LOAD_PRIV_H

#include "config/config.h"
#include "yaml_priv.h"

/* Limits on what a file may hold, beside those on its text (yaml_priv.h). */
#define CONFIG_PORTS_MAX 32
#define CONFIG_ADDRESSES_MAX 64
#define CONFIG_NEIGHBOURS_MAX 1024
#define CONFIG_ROUTES_MAX 4096
#define CONFIG_PEERS_MAX 64
#define CONFIG_EXPORTS_MAX 4096
#define CONFIG_COMMUNITIES_MAX 64
#define CONFIG_WARNINGS_MAX 64
#define CONFIG_POOLS_MAX 64
#define CONFIG_NAT_RULES_MAX 512 /* of each kind */
#define CONFIG_NAT_PREFIXES_MAX 64
#define CONFIG_NAT_SPAN_MAX 256 /* addresses of a pool, of a DNAT rule's destination; backends */
#define CONFIG_RESERVED_PORT 65330 /* Azure's: never a source port */
#define CONFIG_MAX_SESSIONS (16u << 20)

struct loader {
	const char *name; /* of the file */
	const char *text;
	size_t len;
	struct config *c;
	struct config_error *error;   /* the first error */
	struct config_error *current; /* the error or warning that load_hint() completes */
	struct config_error scratch;  /* a warning beyond the limit */
	const struct yaml_node *bgp_as;
	const struct yaml_node *max_sessions; /* of `flows` */
	struct loader_pool {
		const struct yaml_node *name;
		const char *user; /* the first rule that uses it */
		bool independent; /* its mapping */
	} pools[CONFIG_POOLS_MAX];
};

/* error.c */
void error_place(struct config_error *e, const char *name, const char *text, size_t len, size_t pos,
	size_t bytes);
/* Masks control characters: quoted values may hold any, and messages go to a terminal. */
void error_mask(char *text);
/* Both leave the hint empty. load_fail() and load_hint() return -1, to be returned at once. */
int load_fail(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void load_warn(struct loader *l, const struct yaml_node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int load_hint(struct loader *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* keys.c */
enum key_type {
	KEY_U8, /* a decimal number from min to max, as uint8_t; and so on */
	KEY_U16,
	KEY_U32,
	KEY_BOOL,
	KEY_TEXT,    /* printable text into char[max] */
	KEY_NAME,    /* [A-Za-z0-9_.-]+ into char[max] */
	KEY_PATH,    /* absolute path into char[max] */
	KEY_ADDR,    /* struct ip_addr */
	KEY_MAC,     /* a station's address: struct rte_ether_addr */
	KEY_SECONDS, /* a duration of whole seconds, min to max, as uint32_t */
	KEY_ENUM,    /* one of names, its index as unsigned int */
	KEY_CUSTOM,
};

struct key {
	const char *name;
	enum key_type type;
	bool required;
	size_t offset; /* in the object */
	uint64_t min, max;
	const char *const *names; /* KEY_ENUM: NULL-terminated */
	int (*load)(struct loader *l, const struct yaml_node *value, void *object); /* KEY_CUSTOM */
};

/* Reads a mapping into an object, in the order of the keys in the table. */
int load_mapping(struct loader *l, const struct yaml_node *node, const struct key *keys, size_t n,
	void *object);
/* Checks that the node is a list of at most max items; `what` names it in errors. */
int load_list(struct loader *l, const struct yaml_node *node, const char *what, size_t max);
/* An array for a list's items, zeroed; NULL with an error for want of memory. */
void *load_array(struct loader *l, const struct yaml_node *list, size_t item_bytes);

int load_value(struct loader *l, const struct yaml_node *node, const struct key *key, void *field);
int load_addr(struct loader *l, const struct yaml_node *node, struct ip_addr *ret_addr);
int load_prefix(struct loader *l, const struct yaml_node *node, struct ip_prefix *ret_prefix);
int load_unicast(struct loader *l, const struct yaml_node *node, const struct ip_addr *addr);
/* Fails unless the node is a single value; `wants` is an example of what would be right. */
int load_want_scalar(struct loader *l, const struct yaml_node *node, const char *wants);
int load_no_memory(struct loader *l);

/* load_ports.c, load_routes.c, load_bgp.c, load_flows.c, load_nat.c: the sections, in this order. */
int load_ports(struct loader *l, const struct yaml_node *node, void *config);
int load_underlay(struct loader *l, const struct yaml_node *node, void *config);
int load_routes(struct loader *l, const struct yaml_node *node, void *config);
int load_bgp(struct loader *l, const struct yaml_node *node, void *config);
int load_flows(struct loader *l, const struct yaml_node *node, void *config);
int load_nat(struct loader *l, const struct yaml_node *node, void *config);

void flows_defaults(struct config_flows *f);
/* After all sections: how many sessions there may be depends on the rules. */
int flows_finish(struct loader *l);

/* The port with a connected prefix that holds the address; or whose own address it is. Or NULL. */
const struct config_port *port_connected(const struct config *c, const struct ip_addr *addr);
const struct config_port *port_owning(const struct config *c, const struct ip_addr *addr);
/* The port through which the underlay reaches an address: connected, or by the longest route. */
const struct config_port *port_towards(const struct config *c, const struct ip_addr *addr);
struct ip_prefix address_prefix(const struct config_address *a);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the section `nat` share. */
#ifndef CONFIG_LOAD_NAT_PRIV_H
#define CONFIG_LOAD_NAT_PRIV_H

#include "load_priv.h"

/* --- load_nat_match.c --- */

/* The value, or each of a list of 1 to max, into an object. */
typedef int (*load_item_fn)(struct loader *l, const struct yaml_node *node, void *object);
int load_one_or_list(struct loader *l, const struct yaml_node *node, const char *what, size_t max,
	load_item_fn fn, void *object);

/* "443" or "8000-8010", host byte order. */
int load_port_range(struct loader *l, const struct yaml_node *node, uint16_t *ret_first,
	uint16_t *ret_last);
/* A prefix, or an address as the prefix that holds just it. */
int load_prefix_or_addr(struct loader *l, const struct yaml_node *node, struct ip_prefix *ret_prefix);

/* Fails where the value is the word "any", with what to do instead. */
int refuse_any(struct loader *l, const struct yaml_node *node);

/* Keys of a rule; the object is a struct config_nat_match. */
int load_match_ingress(struct loader *l, const struct yaml_node *node, void *match);
int load_match_source(struct loader *l, const struct yaml_node *node, void *match);
int load_match_destination(struct loader *l, const struct yaml_node *node, void *match);
int load_match_protocols(struct loader *l, const struct yaml_node *node, void *match);

/* Every prefix in the list is of the family; `of` says whose family it is. */
int check_match_family(struct loader *l, const struct yaml_node *list, uint8_t family, const char *of);
/* No rule before this one, the last in its list, has its name. */
int check_rule_name(struct loader *l, const struct yaml_node *rule, const char *name);

/* --- load_nat_pools.c --- */

int load_pools(struct loader *l, const struct yaml_node *node, void *nat);
/* A pool's name, its index as size_t. */
int load_pool_name(struct loader *l, const struct yaml_node *node, void *index);
/* Notes that a rule uses the pool; rules of different mapping may not share one. */
int use_pool(struct loader *l, const struct yaml_node *at, size_t pool, const char *rule,
	bool independent);
/* Fails where the address is some other host's: a gateway, a neighbour, a peer. */
int check_outside_address(struct loader *l, const struct yaml_node *node, const struct ip_addr *a);

/* --- load_nat_snat.c, load_nat_dnat.c --- */

int load_snat(struct loader *l, const struct yaml_node *node, void *nat);
int load_dnat(struct loader *l, const struct yaml_node *node, void *nat);

/* --- load_nat_overlap.c --- */

/* Warn where a rule before the last one leaves nothing for it. */
void warn_shadowed_snat(struct loader *l, const struct yaml_node *rule);
void warn_shadowed_dnat(struct loader *l, const struct yaml_node *rule);
/* What the last DNAT rule takes away from BGP, from the kernel's sockets, from pools. */
int check_dnat_claims(struct loader *l, const struct yaml_node *rule);

#endif

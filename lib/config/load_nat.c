/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `nat`: pools, then the rules that use them. */
#include "load_nat_priv.h"

static const struct key nat_keys[] = {
	{"pools", KEY_CUSTOM, .load = load_pools},
	{"snat", KEY_CUSTOM, .load = load_snat},
	{"dnat", KEY_CUSTOM, .load = load_dnat},
};

int load_nat(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;

	if (load_mapping(l, node, nat_keys, RTE_DIM(nat_keys), &c->nat) < 0)
		return -1;
	for (size_t i = 0; i < c->nat.n_pools; i++) {
		if (l->pools[i].user != NULL)
			continue;
		load_warn(l, l->pools[i].name, "no rule uses pool '%s'", c->nat.pools[i].name);
		load_hint(l, "name it in a rule's 'pool' or 'snat', or delete it");
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about translation: rules and pools with their use. Bindings are in commands_flow.c. */
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "nat/nat.h"

int ctl_show_nat_rules(struct ctl_call *call)
{
	const struct nat *nat = call->context->nat;
	struct nat_rule_view v;

	if (nat == NULL)
		return ctl_not_running(call, "address translation");
	for (unsigned int i = 0; i < nat_rules_count(nat); i++) {
		nat_rule_get(nat, i, &v);
		ctl_row_begin(call);
		ctl_put_str(call, "name", v.name);
		ctl_put_str(call, "kind", v.dnat ? "dnat" : v.exempt ? "exempt" : "snat");
		ctl_put_str(call, "match", v.match);
		ctl_put_str(call, "action", v.action);
		ctl_put_u64(call, "sessions", v.use.sessions);
		ctl_put_u64(call, "peak", v.use.peak);
		ctl_put_u64(call, "created", v.use.created);
		ctl_put_u64(call, "exhausted", v.use.exhausted);
		ctl_put_u64(call, "limited", v.use.limited);
	}
	return 0;
}

int ctl_show_nat_pools(struct ctl_call *call)
{
	const struct nat *nat = call->context->nat;
	struct nat_pool_view v;
	char ports[16];

	if (nat == NULL)
		return ctl_not_running(call, "address translation");
	for (unsigned int i = 0; i < nat_pools_count(nat); i++) {
		nat_pool_get(nat, i, &v);
		snprintf(ports, sizeof(ports), "%u-%u", v.port_first, v.port_last);
		ctl_row_begin(call);
		ctl_put_str(call, "name", v.name);
		ctl_put_str(call, "addresses", v.addresses);
		ctl_put_str(call, "ports", ports);
		ctl_put_str(call, "mapping",
			v.endpoint_independent ? "endpoint-independent" : "endpoint-dependent");
		ctl_put_u64(call, "capacity", v.ports);
		ctl_put_u64(call, "sessions", v.use.sessions);
		ctl_put_u64(call, "peak", v.use.peak);
		ctl_put_u64(call, "bindings", v.use.bindings);
		ctl_put_u64(call, "bindings_peak", v.use.bindings_peak);
		ctl_put_u64(call, "exhausted", v.use.exhausted);
	}
	return 0;
}

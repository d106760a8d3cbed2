/* SPDX-License-Identifier: BSD-3-Clause */
/* The handlers that table.c names, by file. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl/command.h"

/* commands_system.c */
int ctl_show_version(struct ctl_call *call);
int ctl_show_workers(struct ctl_call *call);
int ctl_show_graph(struct ctl_call *call);
int ctl_show_drops(struct ctl_call *call);

/* commands_port.c */
int ctl_show_interfaces(struct ctl_call *call);
int ctl_show_neighbors(struct ctl_call *call);
int ctl_show_punt(struct ctl_call *call);
int ctl_show_xdp(struct ctl_call *call);
const char *ctl_port_name(uint16_t port_id); /* "?" where there is no such port */

/* commands_bgp.c */
int ctl_show_bgp_summary(struct ctl_call *call);
int ctl_show_bgp_peer(struct ctl_call *call);
void ctl_complete_peer(const struct ctl_context *context, json_t *rows);

/* commands_flow.c */
int ctl_show_flows(struct ctl_call *call);
int ctl_show_flows_summary(struct ctl_call *call);
int ctl_show_nat_bindings(struct ctl_call *call);
int ctl_flow_clear(struct ctl_call *call);
void ctl_end_listing(void *state);
void ctl_end_clearing(void *state);
void ctl_complete_protocol(const struct ctl_context *context, json_t *rows);
void ctl_complete_state(const struct ctl_context *context, json_t *rows);
void ctl_complete_rule(const struct ctl_context *context, json_t *rows);

/* commands_nat.c */
int ctl_show_nat_rules(struct ctl_call *call);
int ctl_show_nat_pools(struct ctl_call *call);

/* commands_reload.c */
int ctl_reload(struct ctl_call *call);

/* commands_route.c */
int ctl_show_route(struct ctl_call *call);
int ctl_show_fib_lookup(struct ctl_call *call);
int ctl_show_fib_summary(struct ctl_call *call);

#endif

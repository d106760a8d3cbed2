/* SPDX-License-Identifier: BSD-3-Clause */
/* Between flow_filter.c and the commands about flows. */
#ifndef CTL_FLOW_FILTER_H
#define CTL_FLOW_FILTER_H

#include "ctl/command.h"
#include "nat/nat.h"

/* The filter of a call's arguments (FLOW_FILTERS in table.c). 0, or -1 with the call's error. */
int ctl_flow_filter(struct ctl_call *call, struct nat_filter *ret_filter);
/* A rule that is there, for a filter. 0, or -1 with the call's error. */
int ctl_flow_rule(struct ctl_call *call, const char *text, char ret_name[CONFIG_NAME_LEN]);
/* NULL where it has none. */
const char *ctl_protocol_name(uint8_t number);

#endif

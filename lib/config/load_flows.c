/* SPDX-License-Identifier: BSD-3-Clause */
/* The section `flows`: connection tracking. */
#include "load_priv.h"

#define DEFAULT_SESSIONS 131072
#define LONGEST_S 604800 /* a week: worker clocks are of 32 bits in ms */

static const char *const midflow_names[] = {"drop", "adopt", NULL};
static const char *const refused_names[] = {"answer", "silent", NULL};

/* Enumerations in the file, bools in the struct. */
struct draft {
	struct config_flows f;
	unsigned int midflow, refused;
};

#define TIMEOUT(name, field)                                                                       \
	{name, KEY_SECONDS, .offset = offsetof(struct config_flows, field), .min = 1, .max = LONGEST_S}
static const struct key timeout_keys[] = {
	TIMEOUT("tcp_established", tcp_established_s),
	TIMEOUT("tcp_opening", tcp_opening_s),
	TIMEOUT("tcp_closing", tcp_closing_s),
	TIMEOUT("tcp_reset", tcp_reset_s),
	TIMEOUT("udp", udp_s),
	TIMEOUT("udp_new", udp_new_s),
	TIMEOUT("icmp", icmp_s),
	TIMEOUT("other", other_s),
};
#undef TIMEOUT

static int load_timeouts(struct loader *l, const struct yaml_node *node, void *object)
{
	return load_mapping(l, node, timeout_keys, RTE_DIM(timeout_keys), object);
}

static int load_max_sessions(struct loader *l, const struct yaml_node *node, void *field)
{
	const struct key key = {"max_sessions", KEY_U32, .max = CONFIG_MAX_SESSIONS};

	l->max_sessions = node;
	return load_value(l, node, &key, field);
}

#define FIELD(x) offsetof(struct draft, x)
static const struct key flows_keys[] = {
	{"max_sessions", KEY_CUSTOM, .offset = FIELD(f.max_sessions), .load = load_max_sessions},
	{"tcp_midflow", KEY_ENUM, .offset = FIELD(midflow), .names = midflow_names},
	{"tcp_window_check", KEY_BOOL, .offset = FIELD(f.tcp_window)},
	{"inbound_refreshes", KEY_BOOL, .offset = FIELD(f.inbound_refreshes)},
	{"refused", KEY_ENUM, .offset = FIELD(refused), .names = refused_names},
	{"timeouts", KEY_CUSTOM, .offset = FIELD(f), .load = load_timeouts},
};
#undef FIELD

void flows_defaults(struct config_flows *f)
{
	*f = (struct config_flows){
		.tcp_established_s = 7440,
		.tcp_opening_s = 240,
		.tcp_closing_s = 240,
		.tcp_reset_s = 10,
		.udp_s = 300,
		.udp_new_s = 300,
		.icmp_s = 60,
		.other_s = 600,
		.inbound_refreshes = true,
	};
}

int load_flows(struct loader *l, const struct yaml_node *node, void *object)
{
	struct config *c = object;
	struct draft d = {.f = c->flows};

	if (load_mapping(l, node, flows_keys, RTE_DIM(flows_keys), &d) < 0)
		return -1;
	c->flows = d.f;
	c->flows.adopt_midflow = d.midflow == 1;
	c->flows.suppress_icmp = d.refused == 1;
	return 0;
}

int flows_finish(struct loader *l)
{
	struct config *c = l->c;
	bool wanted = c->nat.n_snat + c->nat.n_dnat > 0;

	for (size_t i = 0; i < c->n_ports; i++)
		wanted |= c->ports[i].stateful;
	if (l->max_sessions == NULL)
		c->flows.max_sessions = wanted ? DEFAULT_SESSIONS : 0;
	if (!wanted || c->flows.max_sessions >= c->system.workers)
		return 0;
	load_fail(l, l->max_sessions, "no room for sessions, which rules or a stateful port need");
	return load_hint(l, "at least one for each worker; or delete the key: the default is %u",
		DEFAULT_SESSIONS);
}

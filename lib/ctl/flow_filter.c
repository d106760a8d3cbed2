/* SPDX-License-Identifier: BSD-3-Clause */
/* By what show flows and flow clear choose: their arguments as a filter of lib/nat, and what may be
 * completed there. */
#include <stdio.h>
#include <string.h>

#include "base/scalar.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "ctl/flow_filter.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmp6", 58}, {"gre", 47}, {"esp", 50}, {"ah", 51},
	{"sctp", 132},
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static void complete_word(json_t *rows, const char *word, const char *help)
{
	json_array_append_new(rows, json_pack("{s:s, s:s}", "word", word, "help", help));
}

const char *ctl_protocol_name(uint8_t number)
{
	for (unsigned int i = 0; i < N_PROTOCOLS; i++)
		if (protocols[i].number == number)
			return protocols[i].name;
	return NULL;
}

void ctl_complete_protocol(const struct ctl_context *context, json_t *rows)
{
	(void)context;
	for (unsigned int i = 0; i < N_PROTOCOLS; i++)
		complete_word(rows, protocols[i].name, "a protocol");
}

void ctl_complete_state(const struct ctl_context *context, json_t *rows)
{
	(void)context;
	for (unsigned int i = 0; i < FLOW_STATE_MAX; i++)
		complete_word(rows, flow_state_names[i], "a session's state");
}

void ctl_complete_rule(const struct ctl_context *context, json_t *rows)
{
	struct nat_rule_view rule;

	for (unsigned int i = 0; context->nat != NULL && i < nat_rules_count(context->nat); i++) {
		nat_rule_get(context->nat, i, &rule);
		complete_word(rows, rule.name, "a translation rule");
	}
}

/* --- filters --- */

static int parse_protocol(struct ctl_call *call, const char *text, int *ret_proto)
{
	uint64_t number;

	for (unsigned int i = 0; i < N_PROTOCOLS; i++)
		if (strcmp(protocols[i].name, text) == 0) {
			*ret_proto = protocols[i].number;
			return 0;
		}
	if (scalar_parse_u64(text, 0, 255, &number) < 0)
		return ctl_fail(call, "bad-argument",
			"tcp, udp, icmp, icmp6, gre, esp, ah, sctp, or a number from 0 to 255",
			"'%.64s' is no protocol", text);
	*ret_proto = (int)number;
	return 0;
}

static int parse_state(struct ctl_call *call, const char *text, int *ret_state)
{
	char names[200];
	size_t used = 0;

	for (int i = 0; i < FLOW_STATE_MAX; i++) {
		if (strcmp(flow_state_names[i], text) == 0) {
			*ret_state = i;
			return 0;
		}
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
				i > 0 ? ", " : "", flow_state_names[i]);
	}
	return ctl_fail(call, "bad-argument", names, "'%.64s' is no state of a session", text);
}

int ctl_flow_rule(struct ctl_call *call, const char *text, char ret_name[CONFIG_NAME_LEN])
{
	const struct nat *nat = call->context->nat;
	struct nat_rule_view rule;

	for (unsigned int i = 0; i < nat_rules_count(nat); i++) {
		nat_rule_get(nat, i, &rule);
		if (strcmp(rule.name, text) == 0) {
			snprintf(ret_name, CONFIG_NAME_LEN, "%s", text);
			return 0;
		}
	}
	return ctl_fail(call, "not-found", "show nat rules lists them", "no rule has the name '%.64s'",
		text);
}

int ctl_flow_filter(struct ctl_call *call, struct nat_filter *ret_filter)
{
	struct nat_filter *f = ret_filter;
	const struct ctl_value *port = ctl_arg(call, "port"), *worker = ctl_arg(call, "worker");
	const struct ctl_value *proto = ctl_arg(call, "protocol"), *state = ctl_arg(call, "state");
	const struct worker_set *workers = call->context->workers;
	const struct ctl_value *rule = ctl_arg(call, "rule");

	*f = (struct nat_filter)NAT_FILTER_ANY;
	f->source = ctl_arg(call, "source")->prefix;
	f->destination = ctl_arg(call, "destination")->prefix;
	f->translated = ctl_arg(call, "translated")->prefix;
	f->address = ctl_arg(call, "address")->prefix;
	if (port->set && port->number > UINT16_MAX)
		return ctl_fail(call, "bad-argument", "a port, or the identifier of an ICMP query: 0 to 65535",
			"there is no port %s", port->text);
	if (port->set)
		f->port = (int)port->number;
	if (worker->set && workers != NULL && worker->number >= workers_count(workers))
		return ctl_fail(call, "not-found", "show workers lists them", "there is no worker %s",
			worker->text);
	if (worker->set)
		f->worker = (int)worker->number;
	if (proto->set && parse_protocol(call, proto->text, &f->proto) < 0)
		return -1;
	if (state->set && parse_state(call, state->text, &f->state) < 0)
		return -1;
	return rule->set ? ctl_flow_rule(call, rule->text, f->rule) : 0;
}

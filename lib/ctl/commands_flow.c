/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands about flows: sessions, bindings, and their end. Workers are asked and answer a little at a
 * time (nat/query.c); a listing goes on as they do and as its client reads, and disturbs neither.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "ctl/flow_filter.h"

#define DEFAULT_LIMIT 1000

/* --- listings --- */

struct listing {
	struct nat_query *query;
	uint64_t shown, max; /* max 0: all */
	struct nat_flow rows[CTL_SLICE_ROWS];
};

void ctl_end_listing(void *state)
{
	struct listing *l = state;

	nat_query_free(l->query);
	free(l);
}

static struct nat_query *ask(struct ctl_call *call, enum nat_query_op op, const struct nat_filter *f)
{
	struct nat_query *q = nat_query_new(call->context->nat, op, f);

	if (q == NULL)
		ctl_fail(call, errno == EBUSY ? "busy" : "no-memory", "end another listing, or try again",
			errno == EBUSY ? "too many listings of flows at once" : "out of memory");
	return q;
}

static int start_listing(struct ctl_call *call, const struct nat_filter *f)
{
	const struct ctl_value *limit = ctl_arg(call, "limit");
	struct listing *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return ctl_fail(call, "no-memory", "", "out of memory");
	call->state = l;
	l->max = limit->set ? limit->number : DEFAULT_LIMIT;
	l->query = ask(call, NAT_QUERY_SHOW, f);
	return l->query != NULL ? 0 : -1;
}

static int go_on_listing(struct ctl_call *call, void (*put)(struct ctl_call *, const struct nat_flow *))
{
	struct listing *l = call->state;
	unsigned int room = CTL_SLICE_ROWS - (unsigned int)json_array_size(call->rows), n;
	int more = nat_query_read(l->query, l->rows, room, &n);

	for (unsigned int i = 0; i < n; i++) {
		if (l->max != 0 && l->shown == l->max) {
			call->truncated = true;
			snprintf(call->hint, sizeof(call->hint),
				"there is more: add 'limit N', or 'limit 0' for all");
			return CTL_END;
		}
		put(call, &l->rows[i]);
		l->shown++;
	}
	if (!more)
		return CTL_END;
	return ctl_slice_full(call) ? CTL_MORE : CTL_WAIT;
}

static void put_protocol(struct ctl_call *call, uint8_t number)
{
	const char *name = ctl_protocol_name(number);
	char text[8];

	snprintf(text, sizeof(text), "%u", number);
	ctl_put_str(call, "protocol", name != NULL ? name : text);
}

/* An address with its port; ICMP's identifier stands as port, and others have none. */
static void put_end(struct ctl_call *call, const char *column, const char *port_column,
	const struct ip_addr *addr, uint8_t proto, rte_be16_t port)
{
	ctl_put_addr(call, column, addr);
	if (proto == 6 || proto == 17 || proto == 1 || proto == 58)
		ctl_put_u64(call, port_column, rte_be_to_cpu_16(port));
}

static void put_flow(struct ctl_call *call, const struct nat_flow *f)
{
	const struct flow_tuple *o = &f->original, *r = &f->reply;

	ctl_row_begin(call);
	ctl_put_u64(call, "worker", f->worker);
	put_protocol(call, o->proto);
	if (f->state < FLOW_STATE_MAX)
		ctl_put_str(call, "state", flow_state_names[f->state]);
	put_end(call, "source", "source_port", &o->src, o->proto, o->sport);
	put_end(call, "destination", "destination_port", &o->dst, o->proto, o->dport);
	put_end(call, "to_source", "to_source_port", &r->dst, o->proto, r->dport);
	put_end(call, "to_destination", "to_destination_port", &r->src, o->proto, r->sport);
	ctl_put_u64(call, "packets", f->packets[FLOW_ORIGINAL]);
	ctl_put_u64(call, "reply_packets", f->packets[FLOW_REPLY]);
	ctl_put_u64(call, "bytes", f->bytes[FLOW_ORIGINAL]);
	ctl_put_u64(call, "reply_bytes", f->bytes[FLOW_REPLY]);
	ctl_put_u64(call, "idle_ms", f->idle_ms);
	ctl_put_u64(call, "expires_ms", f->expires_ms);
	if (f->rule[0] != '\0')
		ctl_put_str(call, "rule", f->rule);
}

int ctl_show_flows(struct ctl_call *call)
{
	struct nat_filter f;

	if (call->context->nat == NULL)
		return ctl_not_running(call, "connection tracking");
	if (call->state == NULL && (ctl_flow_filter(call, &f) < 0 || start_listing(call, &f) < 0))
		return -1;
	return go_on_listing(call, put_flow);
}

static void put_binding(struct ctl_call *call, const struct nat_flow *f)
{
	uint8_t proto = f->original.proto;

	ctl_row_begin(call);
	ctl_put_u64(call, "worker", f->worker);
	put_protocol(call, proto);
	put_end(call, "inside", "inside_port", &f->original.src, proto, f->original.sport);
	put_end(call, "outside", "outside_port", &f->reply.dst, proto, f->reply.dport);
	ctl_put_u64(call, "sessions", f->sessions);
	if (f->sessions == 0) { /* else it lives as long as they do */
		ctl_put_u64(call, "idle_ms", f->idle_ms);
		ctl_put_u64(call, "expires_ms", f->expires_ms);
	}
	ctl_put_bool(call, "held", f->held);
	if (f->rule[0] != '\0')
		ctl_put_str(call, "rule", f->rule);
}

int ctl_show_nat_bindings(struct ctl_call *call)
{
	struct nat_filter f = NAT_FILTER_ANY;
	const struct ctl_value *rule;

	if (call->context->nat == NULL)
		return ctl_not_running(call, "address translation");
	if (call->state == NULL) {
		rule = ctl_arg(call, "rule");
		f.kind = FLOW_BINDING;
		f.address = ctl_arg(call, "address")->prefix;
		if ((rule->set && ctl_flow_rule(call, rule->text, f.rule) < 0) || start_listing(call, &f) < 0)
			return -1;
	}
	return go_on_listing(call, put_binding);
}

int ctl_show_flows_summary(struct ctl_call *call)
{
	struct nat_flow_stats s;

	if (call->context->nat == NULL)
		return ctl_not_running(call, "connection tracking");
	nat_get_flow_stats(call->context->nat, &s);
	ctl_row_begin(call);
	ctl_put_u64(call, "capacity", s.table.capacity);
	ctl_put_u64(call, "sessions", s.sessions);
	ctl_put_u64(call, "records", s.table.used);
	ctl_put_u64(call, "peak", s.table.peak);
	ctl_put_u64(call, "created", s.created);
	ctl_put_u64(call, "expired", s.expired);
	ctl_put_u64(call, "cleared", s.cleared);
	ctl_put_u64(call, "full", s.table.full + s.table.no_place);
	ctl_put_u64(call, "memory_bytes", s.memory_bytes);
	ctl_put_u64(call, "handed_over", s.handed_over);
	ctl_put_u64(call, "fragments_held", s.fragments_held);
	ctl_put_bool(call, "changing", s.changing);
	return 0;
}

/* --- clear --- */

struct clearing {
	struct nat_query *query;
	bool sessions_done; /* and now, where all is meant, the bindings that they leave behind */
	uint64_t cleared;
	uid_t uid;
	char filter[400];
};

/* Whoever asked may have left: what was ended stays ended, and is told. */
void ctl_end_clearing(void *state)
{
	struct clearing *c = state;

	if (c->query != NULL || c->sessions_done)
		log_info("ctl", "flow clear%s: %llu sessions ended, for uid %u", c->filter,
			(unsigned long long)c->cleared, (unsigned int)c->uid);
	nat_query_free(c->query);
	free(c);
}

/* " source 10.0.0.0/8 protocol tcp" */
static bool filter_text(const struct ctl_call *call, char *buf, size_t len)
{
	const struct ctl_command *command = call->command;
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < command->n_args && used < len; i++) {
		const struct ctl_value *v = &call->args[i];

		if (!v->set)
			continue;
		used += (size_t)snprintf(buf + used, len - used, " %s%s%s", command->args[i].name,
			command->args[i].keyword ? " " : "", command->args[i].keyword ? v->text : "");
	}
	return used > 0;
}

static int start_clearing(struct ctl_call *call)
{
	struct clearing *c;
	struct nat_filter f;
	char text[sizeof(c->filter)];
	bool all = ctl_arg(call, "all")->set, any = filter_text(call, text, sizeof(text));

	if (!any)
		return ctl_fail(call, "incomplete", "flow clear rule NAME, or flow clear all",
			"'flow clear' needs a filter, or 'all'");
	if (all && strcmp(text, " all") != 0)
		return ctl_fail(call, "bad-argument", "either a filter, or all",
			"'all' and a filter contradict each other");
	if (ctl_flow_filter(call, &f) < 0)
		return -1;
	c = call->state = calloc(1, sizeof(*c));
	if (c == NULL)
		return ctl_fail(call, "no-memory", "", "out of memory");
	c->uid = call->uid;
	snprintf(c->filter, sizeof(c->filter), "%s", text);
	c->query = ask(call, NAT_QUERY_CLEAR, &f);
	return c->query != NULL ? 0 : -1;
}

int ctl_flow_clear(struct ctl_call *call)
{
	struct nat_filter bindings = NAT_FILTER_ANY;
	struct clearing *c;
	unsigned int n;

	if (call->context->nat == NULL)
		return ctl_not_running(call, "connection tracking");
	if (call->state == NULL && start_clearing(call) < 0)
		return -1;
	c = call->state;
	bindings.kind = FLOW_BINDING;
	if (nat_query_read(c->query, NULL, 0, &n) > 0) {
		c->cleared += c->sessions_done ? 0 : n;
		return CTL_WAIT;
	}
	c->cleared += c->sessions_done ? 0 : n;
	if (!c->sessions_done && ctl_arg(call, "all")->set) {
		c->sessions_done = true;
		nat_query_free(c->query);
		c->query = ask(call, NAT_QUERY_CLEAR, &bindings);
		return c->query != NULL ? CTL_WAIT : -1;
	}
	ctl_row_begin(call);
	ctl_put_u64(call, "cleared", c->cleared);
	return CTL_END;
}

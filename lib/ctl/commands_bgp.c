/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about BGP peers. */
#include <stdio.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"

static uint64_t seconds_since(uint64_t then_ms)
{
	uint64_t now = clock_now_ms();

	return now > then_ms ? (now - then_ms) / 1000 : 0;
}

static void get_counts(const struct ctl_context *ctx, const struct bgp_peer *peer,
	struct rib_peer_counts *ret_counts)
{
	*ret_counts = (struct rib_peer_counts){0};
	if (ctx->rib != NULL)
		rib_peer_get_counts(peer, ret_counts);
}

int ctl_show_bgp_summary(struct ctl_call *call)
{
	const struct ctl_context *ctx = call->context;

	if (ctx->bgp == NULL)
		return ctl_not_running(call, "BGP");
	for (struct bgp_peer *p = bgp_peer_next(ctx->bgp, NULL); p != NULL;
		p = bgp_peer_next(ctx->bgp, p)) {
		const struct config_peer *conf = bgp_peer_conf(p);
		struct rib_peer_counts counts;
		struct bgp_peer_info info;

		bgp_peer_get_info(p, &info);
		get_counts(ctx, p, &counts);
		ctl_row_begin(call);
		ctl_put_str(call, "peer", conf->name);
		ctl_put_addr(call, "address", &conf->address);
		ctl_put_u64(call, "as", conf->as);
		ctl_put_str(call, "state", bgp_state_name(info.state));
		if (info.state == BGP_ESTABLISHED)
			ctl_put_u64(call, "uptime_s", seconds_since(info.state_since_ms));
		ctl_put_u64(call, "received", counts.received);
		ctl_put_u64(call, "selected", counts.selected);
		ctl_put_u64(call, "advertised", counts.advertised);
		ctl_put_u64(call, "messages_in", info.messages_in);
		ctl_put_u64(call, "messages_out", info.messages_out);
		ctl_put_str(call, "last_error", info.error_is_over ? "" : info.last_error);
	}
	return 0;
}

void ctl_complete_peer(const struct ctl_context *context, json_t *rows)
{
	if (context->bgp == NULL)
		return;
	for (struct bgp_peer *p = bgp_peer_next(context->bgp, NULL); p != NULL;
		p = bgp_peer_next(context->bgp, p))
		json_array_append_new(rows, json_pack("{s:s, s:s}", "word", bgp_peer_conf(p)->name,
			"help", "a BGP peer"));
}

static void put_session(struct ctl_call *call, const struct config_peer *conf,
	const struct bgp_peer_info *i)
{
	struct ip_addr id = ip_addr_v4(i->remote_id);

	ctl_put_str(call, "peer", conf->name);
	ctl_put_addr(call, "address", &conf->address);
	ctl_put_str(call, "state", bgp_state_name(i->state));
	if (i->state == BGP_ESTABLISHED)
		ctl_put_u64(call, "uptime_s", seconds_since(i->state_since_ms));
	ctl_put_u64(call, "state_age_s", seconds_since(i->state_since_ms));
	ctl_put_u64(call, "remote_as", i->remote_as != 0 ? i->remote_as : conf->as);
	ctl_put_u64(call, "local_as", i->local_as);
	ctl_put_bool(call, "ebgp", i->ebgp);
	if (i->remote_id != 0)
		ctl_put_addr(call, "remote_id", &id);
	ctl_put_addr(call, "local_address", &i->local_addr);
	ctl_put_u64(call, "ttl", conf->ttl);
	/* What was negotiated, once it was. */
	if (i->state < BGP_OPENCONFIRM)
		return;
	ctl_put_bool(call, "ipv4", i->ipv4);
	ctl_put_bool(call, "ipv6", i->ipv6);
	ctl_put_bool(call, "as4", i->as4);
	ctl_put_bool(call, "refresh", i->refresh);
	ctl_put_u64(call, "hold_s", i->hold_s);
	ctl_put_u64(call, "keepalive_s", i->keepalive_s);
}

/* "code/subcode", as RFC 4271 4.5 numbers them; null where there was none. */
static void put_notification(struct ctl_call *call, const char *column, uint8_t code, uint8_t subcode)
{
	char text[16];

	if (code == 0)
		return;
	snprintf(text, sizeof(text), "%u/%u", code, subcode);
	ctl_put_str(call, column, text);
}

static void put_advert(void *arg, const struct bgp_advert *a)
{
	char path[512] = "", communities[512] = "";
	json_t *list = arg;

	if (a->attrs == NULL)
		return;
	bgp_as_path_format(a->attrs, path, sizeof(path));
	bgp_communities_format(a->attrs, communities, sizeof(communities));
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "prefix",
		IP_PREFIX_TEXT(&a->prefix), "next_hop", IP_ADDR_TEXT(&a->next_hop), "as_path", path,
		"communities", communities));
}

int ctl_show_bgp_peer(struct ctl_call *call)
{
	const struct ctl_context *ctx = call->context;
	const char *name = ctl_arg(call, "name")->text;
	struct rib_peer_counts counts;
	struct bgp_peer_info info;
	struct bgp_peer *p;
	json_t *adverts;

	if (ctx->bgp == NULL)
		return ctl_not_running(call, "BGP");
	p = bgp_peer_by_name(ctx->bgp, name);
	if (p == NULL)
		return ctl_fail(call, "not-found", "show bgp summary lists the peers",
			"no peer has the name or address '%.64s'", name);
	bgp_peer_get_info(p, &info);
	get_counts(ctx, p, &counts);
	ctl_row_begin(call);
	put_session(call, bgp_peer_conf(p), &info);
	ctl_put_u64(call, "established_count", info.established_count);
	ctl_put_u64(call, "messages_in", info.messages_in);
	ctl_put_u64(call, "messages_out", info.messages_out);
	ctl_put_u64(call, "updates_in", info.updates_in);
	ctl_put_u64(call, "updates_out", info.updates_out);
	put_notification(call, "sent_notification", info.sent_code, info.sent_subcode);
	put_notification(call, "received_notification", info.received_code, info.received_subcode);
	ctl_put_str(call, "last_error", info.last_error);
	if (info.last_error[0] != '\0')
		ctl_put_u64(call, "last_error_age_s", seconds_since(info.last_error_ms));
	ctl_put_u64(call, "received", counts.received);
	ctl_put_u64(call, "selected", counts.selected);
	ctl_put_u64(call, "looped", counts.looped);
	ctl_put_u64(call, "advertised", counts.advertised);
	ctl_put_u64(call, "pending", counts.pending);
	ctl_put_u64(call, "max_prefixes", bgp_peer_conf(p)->max_prefixes);
	/* As many as the configuration exports to one peer: bounded by its loader. */
	adverts = json_array();
	if (ctx->rib != NULL && adverts != NULL)
		rib_peer_foreach_out(p, put_advert, adverts);
	ctl_put_json(call, "adverts", adverts);
	return 0;
}

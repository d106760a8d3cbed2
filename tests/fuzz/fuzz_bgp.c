/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BGP's codec and session machine. The first octet chooses what was negotiated and the state to begin
 * in; then come messages, either whole with their headers, or as [type, length, body] so that the
 * fuzzer need not guess markers and lengths. What decodes must survive encoding and decoding again.
 */
#include <stdlib.h>

#include "bgp/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AS2 = 0x01, NO_IPV4 = 0x02, NO_IPV6 = 0x04, IBGP = 0x08, RAW = 0x10, STATE_SHIFT = 5 };

static struct bgp_decoder decoder, decoder2;
static struct bgp_actions acts;

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* Each reachable prefix as an advert, encoded and decoded: the same prefixes and attributes. */
static void check_again(const struct bgp_codec *codec, const struct bgp_update *u)
{
	static struct bgp_advert adverts[BGP_MESSAGE_MAX];
	uint8_t msg[BGP_MESSAGE_MAX];
	struct bgp_update again;
	struct bgp_error e;
	struct buf_writer w;
	size_t i, n, at;

	for (i = 0; i < u->n_reach; i++)
		adverts[i] = (struct bgp_advert){.prefix = u->reach[i], .attrs = u->attrs,
			.next_hop = u->reach[i].addr.family == IP_V4 ? u->next_hop_v4 : u->next_hop_v6};
	for (at = 0; at < u->n_reach; at += n) {
		w = buf_writer(msg, sizeof(msg));
		n = bgp_encode_update(&w, codec, &adverts[at], u->n_reach - at);
		check(!w.failed && n > 0 && bgp_frame(msg, w.len, &e) == (int)w.len);
		check(bgp_decode_update(&decoder2, codec, msg, w.len, &again, &e) == BGP_ACCEPT);
		if (again.attrs == NULL) /* too large for a message: withdrawn instead */
			continue;
		/* AS4_PATH leaves out what a peer of 2-octet ASes did not need to be told. */
		check(again.attrs == u->attrs || !codec->as4);
		check(again.n_reach == n);
		for (i = 0; i < n; i++)
			check(ip_prefix_equal(&again.reach[i], &adverts[at + i].prefix));
		bgp_attrs_unref(again.attrs);
	}
}

static void take_actions(struct bgp_session *s)
{
	unsigned int i;

	check(acts.n < RTE_DIM(acts.list));
	for (i = 0; i < acts.n; i++) {
		if (acts.list[i].kind != BGP_DO_UPDATE)
			continue;
		check((acts.update.attrs != NULL) == (acts.update.n_reach > 0));
		check_again(&s->codec, &acts.update);
		bgp_attrs_unref(acts.update.attrs);
	}
}

static void start(struct bgp_session *s, uint8_t flags, uint64_t now)
{
	const struct bgp_session_conf conf = {.local_as = flags & IBGP ? 64500 : 64510,
		.remote_as = 64500, .local_id = rte_cpu_to_be_32(0x0a630102), .hold_s = 90,
		.connect_retry_s = 5, .ipv4 = !(flags & NO_IPV4), .ipv6 = !(flags & NO_IPV6)};
	const struct bgp_open open = {.as = 64500, .id = rte_cpu_to_be_32(0x0a630101), .hold_s = 90,
		.as4 = !(flags & AS2), .refresh = true, .ipv4 = true, .ipv6 = true};
	uint8_t msg[128], state = flags >> STATE_SHIFT;
	struct buf_writer w = buf_writer(msg, sizeof(msg));

	bgp_session_init(s, &conf, &decoder, now);
	bgp_session_start(s, now, &acts);
	bgp_session_connected(s, now, &acts);
	if (state == 1)
		return;
	bgp_encode_open(&w, &open);
	bgp_session_input(s, BGP_OUT, msg, w.len, now, &acts);
	if (state == 2)
		return;
	w = buf_writer(msg, sizeof(msg));
	bgp_encode_keepalive(&w);
	bgp_session_input(s, BGP_OUT, msg, w.len, now, &acts);
}

/* The next message into its own allocation, so that a read beyond its end is seen; NULL: no more. */
static uint8_t *next_message(struct buf_reader *r, bool raw, size_t *ret_len)
{
	uint8_t *msg, type;
	size_t len;

	if (r->len < 3)
		return NULL;
	if (raw) {
		len = r->len < BGP_HEADER_BYTES ? r->len : (size_t)r->data[16] << 8 | r->data[17];
		if (len == 0 || len > r->len)
			len = r->len;
		msg = malloc(len);
		memcpy(msg, buf_take(r, len), len);
		*ret_len = len;
		return msg;
	}
	type = buf_get_u8(r);
	len = RTE_MIN((size_t)buf_get_u16(r), r->len);
	len = RTE_MIN(len, (size_t)BGP_MESSAGE_MAX - BGP_HEADER_BYTES);
	*ret_len = len + BGP_HEADER_BYTES;
	msg = malloc(*ret_len);
	memset(msg, 0xff, 16);
	msg[16] = (uint8_t)(*ret_len >> 8);
	msg[17] = (uint8_t)*ret_len;
	msg[18] = type;
	memcpy(msg + BGP_HEADER_BYTES, buf_take(r, len), len);
	return msg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf_reader r = buf_reader(data, size);
	uint8_t flags = buf_get_u8(&r), *msg;
	struct bgp_session s;
	struct bgp_error e;
	uint64_t now = 1000;
	size_t len;
	int n;

	start(&s, flags, now);
	while ((msg = next_message(&r, flags & RAW, &len)) != NULL) {
		acts.n = 0;
		n = bgp_frame(msg, len, &e);
		check(n <= (int)len);
		if (n < 0)
			bgp_session_bad_frame(&s, BGP_OUT, &e, now, &acts);
		else if (n > 0)
			bgp_session_input(&s, BGP_OUT, msg, (size_t)n, now, &acts);
		take_actions(&s);
		free(msg);
		now += 1000;
		bgp_session_tick(&s, now, &acts);
		take_actions(&s);
	}
	check(bgp_attrs_count() == 0);
	return 0;
}

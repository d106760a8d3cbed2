/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BGP messages to and from bytes: pure functions, no clock, no I/O, no state but the decoder's scratch.
 * message.c has the header, OPEN, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH; update_decode.c and
 * update_encode.c have UPDATE. Before them: transport's bytes. After them: session.c.
 */
#ifndef BGP_CODEC_H
#define BGP_CODEC_H

#include "base/buf.h"
#include "bgp/attr.h"
#include "bgp/bgp.h"

#define BGP_HEADER_BYTES 19
#define BGP_MESSAGE_MAX 4096 /* RFC 4271 4.1 */
#define BGP_AS_TRANS 23456   /* RFC 6793 9 */

enum bgp_message_type {
	BGP_MSG_OPEN = 1, BGP_MSG_UPDATE, BGP_MSG_NOTIFICATION, BGP_MSG_KEEPALIVE,
	BGP_MSG_ROUTE_REFRESH,
};

enum bgp_error_code {
	BGP_ERR_HEADER = 1, BGP_ERR_OPEN, BGP_ERR_UPDATE, BGP_ERR_HOLD_TIMER, BGP_ERR_FSM,
	BGP_ERR_CEASE,
};

/* Subcodes that are used by name outside the decoder (RFC 4486, RFC 6608). */
enum bgp_error_subcode {
	BGP_OPEN_BAD_PEER_AS = 2, BGP_OPEN_BAD_ID = 3, BGP_OPEN_UNSUPPORTED_CAPABILITY = 7,
	BGP_UPDATE_BAD_NEXT_HOP = 8,
	BGP_FSM_OPENSENT = 1, BGP_FSM_OPENCONFIRM = 2, BGP_FSM_ESTABLISHED = 3,
	BGP_CEASE_MAX_PREFIXES = 1, BGP_CEASE_SHUTDOWN = 2, BGP_CEASE_REJECTED = 5,
	BGP_CEASE_COLLISION = 7, BGP_CEASE_RESOURCES = 8,
};

/*
 * What is wrong, as a NOTIFICATION would say it: code 0 means nothing is. `data` is the
 * NOTIFICATION's, and lies in the message that was decoded or in static memory.
 */
struct bgp_error {
	uint8_t code, subcode;
	uint16_t n_data;
	const uint8_t *data;
	const char *text; /* static, for the operator */
};

/* A header in front of len bytes. Returns the message's length, 0 where more bytes are needed, or
 * -EBADMSG with *ret_error filled (RFC 4271 6.1). */
int bgp_frame(const uint8_t *data, size_t len, struct bgp_error *ret_error);

/* What both sides of an OPEN say; `as` is the 4-octet one. */
struct bgp_open {
	uint32_t as;
	rte_be32_t id;
	uint16_t hold_s;
	bool as4, refresh;
	bool ipv4, ipv6;      /* families; IPv4 alone where the peer names none (RFC 4760 8) */
	bool any_family;      /* it named families, known ones or not */
};

/*
 * Encoders write one whole message. Those into a buf_writer need up to BGP_MESSAGE_MAX bytes there.
 * Decoders take one whole message as bgp_frame() measured it.
 */
void bgp_encode_open(struct buf_writer *w, const struct bgp_open *open);
void bgp_encode_keepalive(struct buf_writer *w);
void bgp_encode_notification(struct buf_writer *w, const struct bgp_error *error);
void bgp_encode_refresh(struct buf_writer *w, uint8_t family);

/* RFC 4271 6.2, but for what needs the configuration: AS and identifier of the peer. 0 or -EBADMSG. */
int bgp_decode_open(const uint8_t *msg, size_t len, struct bgp_open *ret_open,
	struct bgp_error *ret_error);
/* *ret_error is what the peer says; its data points into msg. 0, or -EBADMSG: too short to say. */
int bgp_decode_notification(const uint8_t *msg, size_t len, struct bgp_error *ret_error);
/* The family to send again, or IP_NONE for what is to be ignored (RFC 2918, RFC 7313). */
uint8_t bgp_decode_refresh(const uint8_t *msg, size_t len);

/* "OPEN Message Error: Bad Peer AS" and the like into buf, which is returned. */
const char *bgp_error_format(uint8_t code, uint8_t subcode, char *buf, size_t len);

/* ---- UPDATE ---- */

/* What was negotiated, as far as it bears on UPDATEs. */
struct bgp_codec {
	bool as4, ipv4, ipv6, ebgp;
	uint32_t remote_as;
	rte_be32_t local_id; /* RFC 4456 8: routes that this speaker itself reflected */
};

enum bgp_verdict {
	BGP_ACCEPT,
	BGP_WITHDRAW, /* treat-as-withdraw (RFC 7606 2): the update holds withdrawals only */
	BGP_RESET,    /* NOTIFICATION and close */
};

/* Scratch for one decoded UPDATE. As many prefixes as 4096 bytes can hold, in units of one octet. */
struct bgp_decoder {
	struct ip_prefix prefixes[BGP_MESSAGE_MAX];
	uint8_t as_path[2 * BGP_MESSAGE_MAX];
	uint8_t as4_path[BGP_MESSAGE_MAX];
	uint32_t communities[BGP_MESSAGE_MAX / 4];
	struct bgp_large_community large[BGP_MESSAGE_MAX / 12];
	uint8_t unknown[BGP_MESSAGE_MAX];
};

/*
 * Decodes one UPDATE. *ret_update is valid unless the verdict is BGP_RESET, and lives until the
 * decoder is used again; ret_update->attrs is a reference that the caller releases, or NULL where
 * nothing is reachable. *ret_error says what was wrong: always for BGP_RESET and BGP_WITHDRAW, and
 * with BGP_ACCEPT where an attribute or a prefix was discarded, or the prefixes of an unusable next
 * hop withdrawn; its code is 0 where the message is faultless.
 */
enum bgp_verdict bgp_decode_update(struct bgp_decoder *d, const struct bgp_codec *codec,
	const uint8_t *msg, size_t len, struct bgp_update *ret_update,
	struct bgp_error *ret_error);

/* Orders adverts so that those that can share an UPDATE are neighbours; each prefix at most once. */
void bgp_adverts_sort(struct bgp_advert *adverts, size_t n);

/*
 * Writes one UPDATE with as many of the adverts, from the first, as share its attributes and next
 * hop (or are withdrawals of the same family) and fit. Returns how many, at least 1. An advert of a
 * family that was not negotiated is skipped: then nothing may have been written. Where attributes
 * leave no room for a prefix, the prefix is withdrawn instead (RFC 4271 9.2).
 */
size_t bgp_encode_update(struct buf_writer *w, const struct bgp_codec *codec,
	const struct bgp_advert *adverts, size_t n);
/* RFC 4724 2. */
void bgp_encode_end_of_rib(struct buf_writer *w, uint8_t family);

#endif

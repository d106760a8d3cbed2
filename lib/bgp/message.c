/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BGP's message header, OPEN with its capabilities, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH, to and
 * from bytes. Pure; any thread.
 */
#include <errno.h>
#include <stdio.h>

#include "bgp/codec.h"

#define AFI_IPV4 1
#define AFI_IPV6 2
#define SAFI_UNICAST 1

enum { PARAM_CAPABILITIES = 2, PARAM_EXTENDED = 255 }; /* RFC 5492, RFC 9072 */
enum { CAP_MP = 1, CAP_REFRESH = 2, CAP_AS4 = 65 };

static int fail(struct bgp_error *e, uint8_t code, uint8_t subcode, const void *data, size_t n,
	const char *text)
{
	*e = (struct bgp_error){.code = code, .subcode = subcode, .data = data,
		.n_data = (uint16_t)n, .text = text};
	return -EBADMSG;
}

int bgp_frame(const uint8_t *data, size_t len, struct bgp_error *ret_error)
{
	static const uint16_t min[] = {[BGP_MSG_OPEN] = 29, [BGP_MSG_UPDATE] = 23,
		[BGP_MSG_NOTIFICATION] = 21, [BGP_MSG_KEEPALIVE] = 19, [BGP_MSG_ROUTE_REFRESH] = 23};
	static const uint16_t max[] = {[BGP_MSG_OPEN] = BGP_MESSAGE_MAX,
		[BGP_MSG_UPDATE] = BGP_MESSAGE_MAX, [BGP_MSG_NOTIFICATION] = BGP_MESSAGE_MAX,
		[BGP_MSG_KEEPALIVE] = 19, [BGP_MSG_ROUTE_REFRESH] = 23};
	struct buf_reader r = buf_reader(data, len);
	uint16_t length;
	uint8_t type;
	size_t i;

	/* A wrong marker shows at its first octet: do not wait for bytes that may never come. */
	for (i = 0; i < 16 && i < len; i++)
		if (data[i] != 0xff)
			return fail(ret_error, BGP_ERR_HEADER, 1, NULL, 0, "marker is not all ones");
	if (len < BGP_HEADER_BYTES)
		return 0;
	buf_take(&r, 16);
	length = buf_get_u16(&r);
	type = buf_get_u8(&r);
	if (length < BGP_HEADER_BYTES || length > BGP_MESSAGE_MAX)
		return fail(ret_error, BGP_ERR_HEADER, 2, data + 16, 2, "length not in 19..4096");
	if (type < BGP_MSG_OPEN || type > BGP_MSG_ROUTE_REFRESH)
		return fail(ret_error, BGP_ERR_HEADER, 3, data + 18, 1, "unknown message type");
	if (length < min[type] || length > max[type])
		return fail(ret_error, BGP_ERR_HEADER, 2, data + 16, 2,
			"length does not fit the message type");
	return len < length ? 0 : length;
}

static size_t header_begin(struct buf_writer *w, uint8_t type)
{
	uint8_t *marker = buf_reserve(w, 16);

	if (marker != NULL)
		memset(marker, 0xff, 16);
	buf_put_u16(w, 0);
	buf_put_u8(w, type);
	return w->len - BGP_HEADER_BYTES;
}

static void header_end(struct buf_writer *w, size_t start)
{
	buf_patch_u16(w, start + 16, (uint16_t)(w->len - start));
}

static void put_mp_capability(struct buf_writer *w, uint16_t afi)
{
	buf_put(w, (uint8_t[]){CAP_MP, 4, 0, (uint8_t)afi, 0, SAFI_UNICAST}, 6);
}

void bgp_encode_open(struct buf_writer *w, const struct bgp_open *open)
{
	size_t start = header_begin(w, BGP_MSG_OPEN), params;

	buf_put_u8(w, 4);
	buf_put_u16(w, open->as > 0xffff ? BGP_AS_TRANS : (uint16_t)open->as);
	buf_put_u16(w, open->hold_s);
	buf_put(w, &open->id, 4);
	params = w->len;
	buf_put(w, (uint8_t[]){0, PARAM_CAPABILITIES, 0}, 3);
	if (open->ipv4)
		put_mp_capability(w, AFI_IPV4);
	if (open->ipv6)
		put_mp_capability(w, AFI_IPV6);
	if (open->refresh)
		buf_put(w, (uint8_t[]){CAP_REFRESH, 0}, 2);
	if (open->as4) {
		buf_put(w, (uint8_t[]){CAP_AS4, 4}, 2);
		buf_put_u32(w, open->as);
	}
	if (!w->failed && w->len - params == 3) {
		w->len -= 2; /* no capability, no parameter */
	} else if (!w->failed) {
		w->data[params] = (uint8_t)(w->len - params - 1);
		w->data[params + 2] = (uint8_t)(w->len - params - 3);
	}
	header_end(w, start);
}

static int decode_capabilities(struct buf_reader r, struct bgp_open *o, struct bgp_error *e)
{
	struct buf_reader cap;
	uint16_t afi, safi;
	uint8_t code;

	while (r.len > 0) {
		code = buf_get_u8(&r);
		cap = buf_sub(&r, buf_get_u8(&r));
		if (r.failed)
			return fail(e, BGP_ERR_OPEN, 0, NULL, 0, "capability overruns its parameter");
		switch (code) {
		case CAP_MP:
			if (cap.len != 4)
				return fail(e, BGP_ERR_OPEN, 0, NULL, 0,
					"multiprotocol capability is not 4 octets");
			afi = buf_get_u16(&cap);
			safi = buf_get_u16(&cap) & 0xff; /* an octet is reserved, ignored */
			o->any_family = true;
			o->ipv4 |= afi == AFI_IPV4 && safi == SAFI_UNICAST;
			o->ipv6 |= afi == AFI_IPV6 && safi == SAFI_UNICAST;
			break;
		case CAP_REFRESH:
			o->refresh = true;
			break;
		case CAP_AS4:
			if (cap.len != 4)
				return fail(e, BGP_ERR_OPEN, 0, NULL, 0,
					"4-octet AS capability is not 4 octets");
			o->as4 = true;
			o->as = buf_get_u32(&cap);
			break;
		}
	}
	return 0;
}

/* Optional parameters, in RFC 4271's form or in RFC 9072's with two-octet lengths. */
static int decode_parameters(struct buf_reader *r, struct bgp_open *o, struct bgp_error *e)
{
	struct buf_reader params, param;
	size_t len = buf_get_u8(r);
	bool extended = false;
	uint8_t type;
	int rc;

	if (len == 255 && r->len >= 3 && r->data[0] == PARAM_EXTENDED) {
		buf_get_u8(r);
		len = buf_get_u16(r);
		extended = true;
	}
	params = buf_sub(r, len);
	if (params.failed || r->len > 0)
		return fail(e, BGP_ERR_OPEN, 0, NULL, 0, "optional parameters do not fill the message");
	while (params.len > 0) {
		type = buf_get_u8(&params);
		param = buf_sub(&params, extended ? buf_get_u16(&params) : buf_get_u8(&params));
		if (params.failed)
			return fail(e, BGP_ERR_OPEN, 0, NULL, 0, "optional parameter overruns");
		if (type != PARAM_CAPABILITIES)
			return fail(e, BGP_ERR_OPEN, 4, NULL, 0, "unsupported optional parameter");
		rc = decode_capabilities(param, o, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int bgp_decode_open(const uint8_t *msg, size_t len, struct bgp_open *ret_open,
	struct bgp_error *ret_error)
{
	static const uint8_t version[] = {0, 4};
	struct buf_reader r = buf_reader(msg, len);
	struct bgp_open o = {0};
	int rc;

	buf_take(&r, BGP_HEADER_BYTES);
	if (buf_get_u8(&r) != 4)
		return fail(ret_error, BGP_ERR_OPEN, 1, version, 2, "unsupported version");
	o.as = buf_get_u16(&r);
	o.hold_s = buf_get_u16(&r);
	o.id = rte_cpu_to_be_32(buf_get_u32(&r));
	rc = decode_parameters(&r, &o, ret_error);
	if (rc < 0)
		return rc;
	if (o.as == 0)
		return fail(ret_error, BGP_ERR_OPEN, BGP_OPEN_BAD_PEER_AS, NULL, 0, "AS 0 (RFC 7607)");
	if (o.id == 0)
		return fail(ret_error, BGP_ERR_OPEN, BGP_OPEN_BAD_ID, NULL, 0, "BGP Identifier 0");
	if (o.hold_s == 1 || o.hold_s == 2)
		return fail(ret_error, BGP_ERR_OPEN, 6, NULL, 0, "hold time of 1 or 2 seconds");
	if (!o.any_family)
		o.ipv4 = true;
	*ret_open = o;
	return 0;
}

void bgp_encode_keepalive(struct buf_writer *w)
{
	header_end(w, header_begin(w, BGP_MSG_KEEPALIVE));
}

void bgp_encode_notification(struct buf_writer *w, const struct bgp_error *error)
{
	size_t start = header_begin(w, BGP_MSG_NOTIFICATION), room;

	buf_put_u8(w, error->code);
	buf_put_u8(w, error->subcode);
	room = BGP_MESSAGE_MAX - BGP_HEADER_BYTES - 2;
	buf_put(w, error->data, error->n_data < room ? error->n_data : room);
	header_end(w, start);
}

int bgp_decode_notification(const uint8_t *msg, size_t len, struct bgp_error *ret_error)
{
	struct buf_reader r = buf_reader(msg, len);
	struct bgp_error e = {.text = ""};

	buf_take(&r, BGP_HEADER_BYTES);
	e.code = buf_get_u8(&r);
	e.subcode = buf_get_u8(&r);
	if (r.failed)
		return -EBADMSG;
	e.n_data = (uint16_t)r.len;
	e.data = r.data;
	*ret_error = e;
	return 0;
}

void bgp_encode_refresh(struct buf_writer *w, uint8_t family)
{
	size_t start = header_begin(w, BGP_MSG_ROUTE_REFRESH);

	buf_put(w, (uint8_t[]){0, family == IP_V6 ? AFI_IPV6 : AFI_IPV4, 0, SAFI_UNICAST}, 4);
	header_end(w, start);
}

uint8_t bgp_decode_refresh(const uint8_t *msg, size_t len)
{
	struct buf_reader r = buf_reader(msg, len);
	uint16_t afi;
	uint8_t subtype, safi;

	buf_take(&r, BGP_HEADER_BYTES);
	afi = buf_get_u16(&r);
	subtype = buf_get_u8(&r); /* RFC 7313: 0 asks, 1 and 2 frame an answer, others are ignored */
	safi = buf_get_u8(&r);
	if (r.failed || subtype != 0 || safi != SAFI_UNICAST)
		return IP_NONE;
	return afi == AFI_IPV4 ? IP_V4 : afi == AFI_IPV6 ? IP_V6 : IP_NONE;
}

const char *bgp_error_format(uint8_t code, uint8_t subcode, char *buf, size_t len)
{
	static const char *const codes[] = {NULL, "Message Header Error", "OPEN Message Error",
		"UPDATE Message Error", "Hold Timer Expired", "Finite State Machine Error", "Cease",
		"ROUTE-REFRESH Message Error"};
	static const char *const subcodes[][12] = {
		[BGP_ERR_HEADER] = {[1] = "Connection Not Synchronized", "Bad Message Length",
			"Bad Message Type"},
		[BGP_ERR_OPEN] = {[1] = "Unsupported Version Number", "Bad Peer AS",
			"Bad BGP Identifier", "Unsupported Optional Parameter",
			[6] = "Unacceptable Hold Time", "Unsupported Capability", [11] = "Role Mismatch"},
		[BGP_ERR_UPDATE] = {[1] = "Malformed Attribute List",
			"Unrecognized Well-known Attribute", "Missing Well-known Attribute",
			"Attribute Flags Error", "Attribute Length Error", "Invalid ORIGIN Attribute",
			[8] = "Invalid NEXT_HOP Attribute", "Optional Attribute Error",
			"Invalid Network Field", "Malformed AS_PATH"},
		[BGP_ERR_FSM] = {[1] = "Unexpected Message in OpenSent State",
			"Unexpected Message in OpenConfirm State",
			"Unexpected Message in Established State"},
		[BGP_ERR_CEASE] = {[1] = "Maximum Number of Prefixes Reached",
			"Administrative Shutdown", "Peer De-configured", "Administrative Reset",
			"Connection Rejected", "Other Configuration Change",
			"Connection Collision Resolution", "Out of Resources", "Hard Reset",
			"BFD Down"},
	};
	const char *c = code < 8 ? codes[code] : NULL;
	const char *s = code <= BGP_ERR_CEASE && subcode < 12 ? subcodes[code][subcode] : NULL;

	if (c == NULL)
		snprintf(buf, len, "code %u subcode %u", code, subcode);
	else if (s == NULL && subcode != 0)
		snprintf(buf, len, "%s: subcode %u", c, subcode);
	else
		snprintf(buf, len, "%s%s%s", c, s != NULL ? ": " : "", s != NULL ? s : "");
	return buf;
}

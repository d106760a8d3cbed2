/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adverts to UPDATEs: as many prefixes as share attributes and next hop go into one message of at
 * most 4096 bytes. IPv4 uses the message's own fields, IPv6 the multiprotocol attributes (RFC 4760).
 * Pure; any thread. Before it: bgp_ops.pull. After it: transport's output buffer.
 */
#include <stdlib.h>

#include "bgp/update_priv.h"

static int advert_cmp(const void *a, const void *b)
{
	const struct bgp_advert *x = a, *y = b;
	int rc;

	/* Withdrawals have the lowest pointer, NULL, and so go first. */
	if (x->attrs != y->attrs)
		return (uintptr_t)x->attrs < (uintptr_t)y->attrs ? -1 : 1;
	if (x->prefix.addr.family != y->prefix.addr.family)
		return x->prefix.addr.family - y->prefix.addr.family;
	rc = x->attrs != NULL ? ip_addr_cmp(&x->next_hop, &y->next_hop) : 0;
	return rc != 0 ? rc : ip_prefix_cmp(&x->prefix, &y->prefix);
}

void bgp_adverts_sort(struct bgp_advert *adverts, size_t n)
{
	qsort(adverts, n, sizeof(*adverts), advert_cmp);
}

static bool same_group(const struct bgp_advert *a, const struct bgp_advert *b)
{
	return a->attrs == b->attrs && a->prefix.addr.family == b->prefix.addr.family &&
		(a->attrs == NULL || ip_addr_equal(&a->next_hop, &b->next_hop));
}

static void put_attr_header(struct buf_writer *w, uint8_t flags, uint8_t type, size_t len)
{
	if (len > 255)
		flags |= BGP_ATTR_EXTENDED;
	buf_put_u8(w, flags);
	buf_put_u8(w, type);
	if (len > 255)
		buf_put_u16(w, (uint16_t)len);
	else
		buf_put_u8(w, (uint8_t)len);
}

static void put_attr_u32(struct buf_writer *w, uint8_t flags, uint8_t type, uint32_t v)
{
	put_attr_header(w, flags, type, 4);
	buf_put_u32(w, v);
}

/* For a speaker of 2-octet ASes: AS_TRANS for what does not fit (RFC 6793 4.2.2). True: some did not. */
static bool put_as_path2(struct buf_writer *w, const struct bgp_attrs *a)
{
	struct buf_reader r = buf_reader(a->as_path, a->as_path_bytes), seg;
	size_t ases = 0, n, i;
	bool trans = false;
	uint32_t as;

	for (; r.len > 0; ases += n) {
		buf_get_u8(&r);
		n = buf_get_u8(&r);
		buf_take(&r, 4 * n);
	}
	/* Each segment has 2 octets of header, and 4 an AS that become 2. */
	put_attr_header(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_AS_PATH, a->as_path_bytes - 2 * ases);
	r = buf_reader(a->as_path, a->as_path_bytes);
	while (r.len > 0) {
		buf_put_u8(w, buf_get_u8(&r));
		n = buf_get_u8(&r);
		buf_put_u8(w, (uint8_t)n);
		seg = buf_sub(&r, 4 * n);
		for (i = 0; i < n; i++) {
			as = buf_get_u32(&seg);
			trans |= as > 0xffff;
			buf_put_u16(w, as > 0xffff ? BGP_AS_TRANS : (uint16_t)as);
		}
	}
	return trans;
}

static void put_aggregator(struct buf_writer *w, const struct bgp_attrs *a, bool as4)
{
	const uint8_t flags = BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE;
	bool big = a->aggregator_as > 0xffff;

	put_attr_header(w, flags, BGP_ATTR_AGGREGATOR, as4 ? 8 : 6);
	if (as4)
		buf_put_u32(w, a->aggregator_as);
	else
		buf_put_u16(w, big ? BGP_AS_TRANS : (uint16_t)a->aggregator_as);
	buf_put(w, &a->aggregator_addr, 4);
	if (as4 || !big)
		return;
	put_attr_header(w, flags, BGP_ATTR_AS4_AGGREGATOR, 8);
	buf_put_u32(w, a->aggregator_as);
	buf_put(w, &a->aggregator_addr, 4);
}

static void put_communities(struct buf_writer *w, const struct bgp_attrs *a)
{
	const uint8_t flags = BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE;
	unsigned int i;

	if (a->n_communities > 0)
		put_attr_header(w, flags, BGP_ATTR_COMMUNITIES, 4u * a->n_communities);
	for (i = 0; i < a->n_communities; i++)
		buf_put_u32(w, a->communities[i]);
	if (a->n_ext > 0)
		put_attr_header(w, flags, BGP_ATTR_EXT, 8u * a->n_ext);
	buf_put(w, a->ext, 8u * a->n_ext);
	if (a->n_large > 0)
		put_attr_header(w, flags, BGP_ATTR_LARGE, 12u * a->n_large);
	for (i = 0; i < a->n_large; i++) {
		buf_put_u32(w, a->large[i].global);
		buf_put_u32(w, a->large[i].local1);
		buf_put_u32(w, a->large[i].local2);
	}
}

/* All but the next hop and the prefixes. LOCAL_PREF is for internal peers (RFC 4271 5.1.5). */
static void put_attributes(struct buf_writer *w, const struct bgp_codec *codec,
	const struct bgp_attrs *a)
{
	bool as4_path = false;

	put_attr_header(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_ORIGIN, 1);
	buf_put_u8(w, a->origin);
	if (codec->as4) {
		put_attr_header(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_AS_PATH, a->as_path_bytes);
		buf_put(w, a->as_path, a->as_path_bytes);
	} else {
		as4_path = put_as_path2(w, a);
	}
	if (a->has_med)
		put_attr_u32(w, BGP_ATTR_OPTIONAL, BGP_ATTR_MED, a->med);
	if (!codec->ebgp)
		put_attr_u32(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_LOCAL_PREF,
			a->has_local_pref ? a->local_pref : 100);
	if (a->atomic_aggregate)
		put_attr_header(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_ATOMIC_AGGREGATE, 0);
	if (a->has_aggregator)
		put_aggregator(w, a, codec->as4);
	put_communities(w, a);
	if (as4_path) {
		put_attr_header(w, BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, BGP_ATTR_AS4_PATH,
			a->as_path_bytes);
		buf_put(w, a->as_path, a->as_path_bytes);
	}
	buf_put(w, a->unknown, a->unknown_bytes);
}

/* Prefixes of one group from the front, while they fit. Returns how many. */
static size_t put_prefixes(struct buf_writer *w, const struct bgp_advert *adverts, size_t n)
{
	size_t i, bytes;

	for (i = 0; i < n && !w->failed; i++) {
		bytes = (adverts[i].prefix.len + 7u) / 8;
		if (!same_group(adverts, &adverts[i]) || w->cap - w->len < 1 + bytes)
			break;
		buf_put_u8(w, adverts[i].prefix.len);
		buf_put(w, adverts[i].prefix.addr.bytes, bytes);
	}
	return w->failed ? 0 : i;
}

/* A multiprotocol attribute with the extended length, which its prefixes settle. Returns where. */
static size_t mp_begin(struct buf_writer *w, uint8_t type)
{
	buf_put_u8(w, BGP_ATTR_OPTIONAL | BGP_ATTR_EXTENDED);
	buf_put_u8(w, type);
	buf_put_u16(w, 0);
	buf_put_u16(w, BGP_AFI_IPV6);
	buf_put_u8(w, BGP_SAFI_UNICAST);
	return w->len - 5;
}

static void mp_end(struct buf_writer *w, size_t at)
{
	buf_patch_u16(w, at, (uint16_t)(w->len - at - 2));
}

static size_t put_withdrawn(struct buf_writer *w, const struct bgp_advert *adverts, size_t n)
{
	struct buf_writer cut = *w;
	size_t at, mp, done;

	if (adverts->prefix.addr.family == IP_V4) {
		at = w->len;
		buf_put_u16(w, 0);
		cut = *w;
		cut.cap -= 2; /* for the attributes' length */
		done = put_prefixes(&cut, adverts, n);
		w->len = cut.len;
		buf_patch_u16(w, at, (uint16_t)(w->len - at - 2));
		buf_put_u16(w, 0);
		return done;
	}
	buf_put_u16(w, 0);
	at = w->len;
	buf_put_u16(w, 0);
	mp = mp_begin(w, BGP_ATTR_MP_UNREACH);
	done = put_prefixes(w, adverts, n);
	mp_end(w, mp);
	buf_patch_u16(w, at, (uint16_t)(w->len - at - 2));
	return done;
}

/* MP_REACH_NLRI should come first (RFC 7606 5.1), but the others say how much room it has: they are
 * written to the side and follow. */
static size_t put_reachable_v6(struct buf_writer *w, const struct bgp_codec *codec,
	const struct bgp_advert *adverts, size_t n)
{
	uint8_t attrs[BGP_MESSAGE_MAX];
	struct buf_writer tail = buf_writer(attrs, sizeof(attrs)), cut;
	size_t at, mp, done;

	put_attributes(&tail, codec, adverts->attrs);
	buf_put_u16(w, 0);
	at = w->len;
	buf_put_u16(w, 0);
	mp = mp_begin(w, BGP_ATTR_MP_REACH);
	buf_put_u8(w, 16);
	buf_put(w, adverts->next_hop.bytes, 16);
	buf_put_u8(w, 0);
	if (tail.failed || w->failed || w->cap - w->len < tail.len)
		return 0;
	cut = *w;
	cut.cap -= tail.len;
	done = put_prefixes(&cut, adverts, n);
	w->len = cut.len;
	mp_end(w, mp);
	buf_put(w, attrs, tail.len);
	buf_patch_u16(w, at, (uint16_t)(w->len - at - 2));
	return done;
}

static size_t put_reachable_v4(struct buf_writer *w, const struct bgp_codec *codec,
	const struct bgp_advert *adverts, size_t n)
{
	size_t at;

	buf_put_u16(w, 0);
	at = w->len;
	buf_put_u16(w, 0);
	put_attributes(w, codec, adverts->attrs);
	put_attr_header(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_NEXT_HOP, 4);
	buf_put(w, adverts->next_hop.bytes, 4);
	buf_patch_u16(w, at, (uint16_t)(w->len - at - 2));
	return put_prefixes(w, adverts, n);
}

static size_t header_begin(struct buf_writer *w)
{
	uint8_t *marker = buf_reserve(w, 16);

	if (marker != NULL)
		memset(marker, 0xff, 16);
	buf_put_u16(w, 0);
	buf_put_u8(w, BGP_MSG_UPDATE);
	return w->len - BGP_HEADER_BYTES;
}

size_t bgp_encode_update(struct buf_writer *w, const struct bgp_codec *codec,
	const struct bgp_advert *adverts, size_t n)
{
	uint8_t family = adverts->prefix.addr.family;
	struct bgp_advert gone;
	struct buf_writer m;
	size_t start, done;

	if (family == IP_V4 ? !codec->ipv4 : !codec->ipv6)
		return 1;
	m = *w;
	start = header_begin(&m);
	if (m.cap - start > BGP_MESSAGE_MAX)
		m.cap = start + BGP_MESSAGE_MAX;
	/* A next hop of the other family cannot be said: such an advert is a withdrawal, too. */
	if (adverts->attrs == NULL || adverts->next_hop.family != family)
		done = 0;
	else if (family == IP_V4)
		done = put_reachable_v4(&m, codec, adverts, n);
	else
		done = put_reachable_v6(&m, codec, adverts, n);
	if (done == 0) {
		m.len = start + BGP_HEADER_BYTES;
		m.failed = false;
		if (adverts->attrs != NULL) {
			gone = (struct bgp_advert){.prefix = adverts->prefix};
			adverts = &gone;
			n = 1;
		}
		done = put_withdrawn(&m, adverts, n);
	}
	buf_patch_u16(&m, start + 16, (uint16_t)(m.len - start));
	w->len = m.len;
	w->failed |= m.failed;
	return done > 0 ? done : 1;
}

void bgp_encode_end_of_rib(struct buf_writer *w, uint8_t family)
{
	size_t start = header_begin(w), mp;

	buf_put_u16(w, 0);
	buf_put_u16(w, family == IP_V6 ? 7 : 0);
	if (family == IP_V6) {
		mp = mp_begin(w, BGP_ATTR_MP_UNREACH);
		mp_end(w, mp);
	}
	buf_patch_u16(w, start + 16, (uint16_t)(w->len - start));
}

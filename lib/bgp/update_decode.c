/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UPDATE from bytes to struct bgp_update, with the error handling of RFC 7606: the worst that is found
 * decides (3 (h)). Two passes: the path attributes first, each by its own function of a table, then
 * the prefixes, because what the attributes are worth decides whether a prefix is reached or
 * withdrawn. Pure but for the interning of attributes; control thread.
 */
#include <errno.h>

#include "bgp/update_priv.h"

struct parse {
	struct bgp_decoder *d;
	const struct bgp_codec *codec;
	struct bgp_attrs proto;
	enum bgp_verdict verdict;
	struct bgp_error error;
	size_t n; /* prefixes in d->prefixes */

	uint64_t seen[4]; /* attribute types */
	struct buf_reader as4_path, next_hop;
	struct mp {
		const uint8_t *whole; /* the attribute, for the NOTIFICATION; NULL: none, or ignored */
		uint16_t whole_bytes;
		uint8_t family;
		struct ip_addr next_hop;
		bool next_hop_ok;
		struct buf_reader nlri;
	} reach, unreach;
	bool has_reach; /* some NLRI is there, be its family negotiated or not (RFC 7606 5.2) */
	bool as4_aggregator;
	uint32_t as4_aggregator_as;
	rte_be32_t as4_aggregator_addr;
};

struct attr {
	uint8_t flags, type;
	const uint8_t *whole;
	uint16_t whole_bytes;
	struct buf_reader value;
};

/* Keeps the first of the gravest. BGP_ACCEPT here means that something was discarded. */
static void note(struct parse *p, enum bgp_verdict verdict, uint8_t subcode, const struct attr *a,
	const char *text)
{
	if (p->error.code != 0 && verdict <= p->verdict)
		return;
	p->verdict = verdict;
	p->error = (struct bgp_error){.code = BGP_ERR_UPDATE, .subcode = subcode, .text = text};
	if (a != NULL) {
		p->error.data = a->whole;
		p->error.n_data = a->whole_bytes;
	}
}

static void get_origin(struct parse *p, struct attr *a)
{
	if (a->value.len != 1) {
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "ORIGIN is not 1 octet");
		return;
	}
	p->proto.origin = buf_get_u8(&a->value);
	if (p->proto.origin > BGP_ORIGIN_INCOMPLETE)
		note(p, BGP_WITHDRAW, SUB_ORIGIN, a, "ORIGIN is none of 0, 1, 2");
}

static void get_as_path(struct parse *p, struct attr *a)
{
	const char *wrong = bgp_path_read(p->d->as_path, sizeof(p->d->as_path), a->value,
		p->codec->as4 ? 4 : 2, false, &p->proto.as_path_bytes);

	p->proto.as_path = p->d->as_path;
	if (wrong != NULL)
		note(p, BGP_WITHDRAW, SUB_AS_PATH, a, wrong);
}

static void get_next_hop(struct parse *p, struct attr *a)
{
	p->next_hop = a->value;
}

static void get_med(struct parse *p, struct attr *a)
{
	p->proto.has_med = a->value.len == 4;
	p->proto.med = buf_get_u32(&a->value);
	if (!p->proto.has_med)
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "MULTI_EXIT_DISC is not 4 octets");
}

static void get_local_pref(struct parse *p, struct attr *a)
{
	p->proto.has_local_pref = a->value.len == 4;
	p->proto.local_pref = buf_get_u32(&a->value);
	if (!p->proto.has_local_pref)
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "LOCAL_PREF is not 4 octets");
}

static void get_atomic_aggregate(struct parse *p, struct attr *a)
{
	p->proto.atomic_aggregate = a->value.len == 0;
	if (a->value.len != 0)
		note(p, BGP_ACCEPT, SUB_ATTR_LENGTH, a, "ATOMIC_AGGREGATE is not empty: discarded");
}

static void get_aggregator(struct parse *p, struct attr *a)
{
	if (a->value.len != (p->codec->as4 ? 8 : 6)) {
		note(p, BGP_ACCEPT, SUB_ATTR_LENGTH, a, "length of AGGREGATOR: discarded");
		return;
	}
	p->proto.aggregator_as = p->codec->as4 ? buf_get_u32(&a->value) : buf_get_u16(&a->value);
	p->proto.aggregator_addr = rte_cpu_to_be_32(buf_get_u32(&a->value));
	p->proto.has_aggregator = p->proto.aggregator_as != 0;
	if (p->proto.aggregator_as == 0)
		note(p, BGP_ACCEPT, SUB_OPTIONAL, a, "AGGREGATOR of AS 0 (RFC 7607): discarded");
}

static void get_communities(struct parse *p, struct attr *a)
{
	uint32_t *c = p->d->communities;

	if (a->value.len == 0 || a->value.len % 4 != 0) {
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "COMMUNITIES not a multiple of 4 octets");
		return;
	}
	p->proto.communities = c;
	while (a->value.len > 0)
		c[p->proto.n_communities++] = buf_get_u32(&a->value);
}

/* RFC 8092 5: duplicates are removed. */
static void get_large(struct parse *p, struct attr *a)
{
	struct bgp_large_community c, *list = p->d->large;
	unsigned int i;

	if (a->value.len == 0 || a->value.len % 12 != 0) {
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a,
			"LARGE_COMMUNITY not a multiple of 12 octets");
		return;
	}
	p->proto.large = list;
	while (a->value.len > 0) {
		c.global = buf_get_u32(&a->value);
		c.local1 = buf_get_u32(&a->value);
		c.local2 = buf_get_u32(&a->value);
		for (i = 0; i < p->proto.n_large; i++)
			if (memcmp(&list[i], &c, sizeof(c)) == 0)
				break;
		if (i == p->proto.n_large)
			list[p->proto.n_large++] = c;
	}
}

static void get_ext(struct parse *p, struct attr *a)
{
	if (a->value.len == 0 || a->value.len % 8 != 0) {
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a,
			"EXTENDED COMMUNITIES not a multiple of 8 octets");
		return;
	}
	p->proto.n_ext = (uint16_t)(a->value.len / 8);
	p->proto.ext = a->value.data;
}

/* From an internal peer only; checked, and not kept: nvad reflects nothing. */
static void get_originator_id(struct parse *p, struct attr *a)
{
	if (a->value.len != 4)
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "ORIGINATOR_ID is not 4 octets");
	else if (rte_cpu_to_be_32(buf_get_u32(&a->value)) == p->codec->local_id)
		note(p, BGP_WITHDRAW, SUB_OPTIONAL, a, "ORIGINATOR_ID is our own (RFC 4456 8)");
}

static void get_cluster_list(struct parse *p, struct attr *a)
{
	if (a->value.len == 0 || a->value.len % 4 != 0)
		note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, a, "CLUSTER_LIST not a multiple of 4 octets");
}

static uint8_t mp_family(const struct parse *p, uint16_t afi, uint8_t safi)
{
	if (safi != BGP_SAFI_UNICAST)
		return IP_NONE;
	if (afi == BGP_AFI_IPV4 && p->codec->ipv4)
		return IP_V4;
	return afi == BGP_AFI_IPV6 && p->codec->ipv6 ? IP_V6 : IP_NONE;
}

/* RFC 4760 3. An unusable next hop costs its own family; a length that is wrong hides where the NLRI
 * begin, and resets (RFC 7606 7.11). A link-local address behind the global one is left (RFC 2545). */
static void get_mp_reach(struct parse *p, struct attr *a)
{
	struct buf_reader r = a->value, nh;
	uint16_t afi = buf_get_u16(&r);
	uint8_t safi = buf_get_u8(&r);
	struct mp *m = &p->reach;

	nh = buf_sub(&r, buf_get_u8(&r));
	buf_get_u8(&r);
	if (r.failed) {
		note(p, BGP_RESET, SUB_OPTIONAL, a, "MP_REACH_NLRI is too short");
		return;
	}
	p->has_reach |= r.len > 0;
	m->family = mp_family(p, afi, safi);
	if (m->family == IP_NONE)
		return;
	if (m->family == IP_V4 ? nh.len != 4 : nh.len != 16 && nh.len != 32) {
		note(p, BGP_RESET, SUB_OPTIONAL, a, "length of the next hop in MP_REACH_NLRI");
		return;
	}
	m->whole = a->whole;
	m->whole_bytes = a->whole_bytes;
	m->nlri = r;
	m->next_hop = m->family == IP_V4 ? ip_addr_v4(rte_cpu_to_be_32(buf_get_u32(&nh))) :
					   ip_addr_v6(buf_take(&nh, 16));
	m->next_hop_ok = bgp_next_hop_sane(&m->next_hop);
}

/* RFC 4760 4. */
static void get_mp_unreach(struct parse *p, struct attr *a)
{
	struct buf_reader r = a->value;
	uint16_t afi = buf_get_u16(&r);
	uint8_t safi = buf_get_u8(&r);

	if (r.failed) {
		note(p, BGP_RESET, SUB_OPTIONAL, a, "MP_UNREACH_NLRI is too short");
		return;
	}
	p->unreach.family = mp_family(p, afi, safi);
	if (p->unreach.family == IP_NONE)
		return;
	p->unreach.whole = a->whole;
	p->unreach.whole_bytes = a->whole_bytes;
	p->unreach.nlri = r;
}

/* RFC 6793 6: malformed is discarded, as from a speaker of 4-octet ASes (see discard_early). */
static void get_as4_path(struct parse *p, struct attr *a)
{
	p->as4_path = a->value;
}

static void get_as4_aggregator(struct parse *p, struct attr *a)
{
	if (a->value.len != 8) {
		note(p, BGP_ACCEPT, SUB_ATTR_LENGTH, a, "AS4_AGGREGATOR is not 8 octets: discarded");
		return;
	}
	p->as4_aggregator_as = buf_get_u32(&a->value);
	p->as4_aggregator_addr = rte_cpu_to_be_32(buf_get_u32(&a->value));
	p->as4_aggregator = p->as4_aggregator_as != 0;
}

/* Passed on whole, with the partial bit (RFC 4271 5); type 0 is reserved and goes no further. */
static void keep_unknown(struct parse *p, const struct attr *a)
{
	uint8_t *at = p->d->unknown + p->proto.unknown_bytes;

	if ((a->flags & BGP_ATTR_TRANSITIVE) == 0 || a->type == 0)
		return;
	p->proto.unknown = p->d->unknown;
	memcpy(at, a->whole, a->whole_bytes);
	at[0] |= BGP_ATTR_PARTIAL;
	p->proto.unknown_bytes += a->whole_bytes;
}

/* A tunnel that does not parse would reset careless speakers further on (RFC 9012 13). */
static void get_tunnel_encapsulation(struct parse *p, struct attr *a)
{
	struct buf_reader r = a->value;

	while (r.len > 0 && !r.failed) {
		buf_get_u16(&r);
		buf_take(&r, buf_get_u16(&r));
	}
	if (r.failed)
		note(p, BGP_ACCEPT, SUB_OPTIONAL, a, "malformed TUNNEL_ENCAPSULATION: discarded");
	else
		keep_unknown(p, a);
}

static const struct attr_type {
	uint8_t flags; /* the optional and transitive bits it must have */
	void (*get)(struct parse *p, struct attr *a);
} types[] = {
	[BGP_ATTR_ORIGIN] = {BGP_ATTR_TRANSITIVE, get_origin},
	[BGP_ATTR_AS_PATH] = {BGP_ATTR_TRANSITIVE, get_as_path},
	[BGP_ATTR_NEXT_HOP] = {BGP_ATTR_TRANSITIVE, get_next_hop},
	[BGP_ATTR_MED] = {BGP_ATTR_OPTIONAL, get_med},
	[BGP_ATTR_LOCAL_PREF] = {BGP_ATTR_TRANSITIVE, get_local_pref},
	[BGP_ATTR_ATOMIC_AGGREGATE] = {BGP_ATTR_TRANSITIVE, get_atomic_aggregate},
	[BGP_ATTR_AGGREGATOR] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_aggregator},
	[BGP_ATTR_COMMUNITIES] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_communities},
	[BGP_ATTR_ORIGINATOR_ID] = {BGP_ATTR_OPTIONAL, get_originator_id},
	[BGP_ATTR_CLUSTER_LIST] = {BGP_ATTR_OPTIONAL, get_cluster_list},
	[BGP_ATTR_MP_REACH] = {BGP_ATTR_OPTIONAL, get_mp_reach},
	[BGP_ATTR_MP_UNREACH] = {BGP_ATTR_OPTIONAL, get_mp_unreach},
	[BGP_ATTR_EXT] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_ext},
	[BGP_ATTR_AS4_PATH] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_as4_path},
	[BGP_ATTR_AS4_AGGREGATOR] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_as4_aggregator},
	[BGP_ATTR_TUNNEL] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_tunnel_encapsulation},
	[BGP_ATTR_LARGE] = {BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, get_large},
};

/* What the sender had no business to send is dropped before anybody looks at its form. */
static bool discard_early(const struct bgp_codec *codec, uint8_t type)
{
	switch (type) {
	case BGP_ATTR_LOCAL_PREF: /* RFC 7606 7.5, 7.9, 7.10 */
	case BGP_ATTR_ORIGINATOR_ID:
	case BGP_ATTR_CLUSTER_LIST:
	case BGP_ATTR_PREFIX_SID: /* RFC 8669 6 */
		return codec->ebgp;
	case BGP_ATTR_AS4_PATH: /* RFC 6793 6 */
	case BGP_ATTR_AS4_AGGREGATOR:
		return codec->as4;
	case BGP_ATTR_PMSI_TUNNEL: /* RFC 6514: of no use on unicast routes */
		return true;
	}
	return false;
}

static void get_attribute(struct parse *p, struct attr *a)
{
	const uint8_t class = BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE;
	bool mp = a->type == BGP_ATTR_MP_REACH || a->type == BGP_ATTR_MP_UNREACH;
	uint64_t bit = UINT64_C(1) << (a->type & 63);
	const struct attr_type *t;

	if ((p->seen[a->type >> 6] & bit) != 0) {
		if (mp) /* RFC 7606 3 (g) */
			note(p, BGP_RESET, SUB_ATTR_LIST, NULL, "two MP_REACH or MP_UNREACH_NLRI");
		else
			note(p, BGP_ACCEPT, SUB_ATTR_LIST, a, "attribute twice: second one discarded");
		return;
	}
	p->seen[a->type >> 6] |= bit;
	if (discard_early(p->codec, a->type)) {
		note(p, BGP_ACCEPT, SUB_OPTIONAL, a, "attribute out of place: discarded");
		return;
	}
	t = a->type < RTE_DIM(types) ? &types[a->type] : NULL;
	if (t == NULL || t->get == NULL) {
		if ((a->flags & BGP_ATTR_OPTIONAL) != 0)
			keep_unknown(p, a);
		else
			note(p, BGP_RESET, SUB_UNKNOWN_WELL_KNOWN, a, "unknown well-known attribute");
		return;
	}
	/* RFC 7606 3 (c); the prefixes of a multiprotocol attribute are needed to withdraw them. */
	if ((a->flags & class) != t->flags) {
		note(p, BGP_WITHDRAW, SUB_ATTR_FLAGS, a, "attribute flags");
		if (!mp)
			return;
	}
	t->get(p, a);
}

static void get_attributes(struct parse *p, struct buf_reader r)
{
	struct attr a;

	while (r.len > 0) {
		a.whole = r.data;
		a.flags = buf_get_u8(&r);
		a.type = buf_get_u8(&r);
		a.value = buf_sub(&r, a.flags & BGP_ATTR_EXTENDED ? buf_get_u16(&r) : buf_get_u8(&r));
		if (r.failed) { /* RFC 7606 4 */
			note(p, BGP_WITHDRAW, SUB_ATTR_LENGTH, NULL, "attribute overruns the attributes");
			return;
		}
		a.whole_bytes = (uint16_t)(r.data - a.whole);
		get_attribute(p, &a);
	}
}

/* Appends the field's prefixes. False where a length is impossible (RFC 7606 5.3). */
static bool get_prefixes(struct parse *p, struct buf_reader r, uint8_t family)
{
	unsigned int max = ip_family_bits(family), len, bytes;
	struct ip_prefix *out = p->d->prefixes + p->n;
	const uint8_t *src;

	while (r.len > 0) {
		len = buf_get_u8(&r);
		bytes = (len + 7) / 8;
		src = buf_take(&r, bytes);
		if (len > max || src == NULL)
			return false;
		memset(out, 0, sizeof(*out));
		out->addr.family = family;
		out->len = (uint8_t)len;
		memcpy(out->addr.bytes, src, bytes);
		if (len % 8 != 0) /* RFC 4271 4.3: trailing bits are irrelevant */
			out->addr.bytes[bytes - 1] &= (uint8_t)(0xff00 >> len % 8);
		if (len >= (family == IP_V4 ? 4 : 8) && ip_addr_is_multicast(&out->addr))
			note(p, BGP_ACCEPT, SUB_NETWORK, NULL, "multicast prefix: ignored"); /* 6.3 */
		else
			out++;
	}
	p->n = (size_t)(out - p->d->prefixes);
	return true;
}

/* RFC 6793 4.2.3: what a speaker of 2-octet ASes has carried along of the longer ones. */
static void merge_as4(struct parse *p)
{
	struct bgp_attrs *a = &p->proto;
	uint16_t bytes;

	if (p->codec->as4)
		return;
	if (a->has_aggregator && p->as4_aggregator) {
		if (a->aggregator_as != BGP_AS_TRANS)
			return; /* neither AS4_ attribute is to be used then */
		a->aggregator_as = p->as4_aggregator_as;
		a->aggregator_addr = p->as4_aggregator_addr;
	}
	if (p->as4_path.data == NULL || a->as_path == NULL || p->verdict != BGP_ACCEPT)
		return;
	if (bgp_path_read(p->d->as4_path, sizeof(p->d->as4_path), p->as4_path, 4, true, &bytes) != NULL)
		note(p, BGP_ACCEPT, SUB_OPTIONAL, NULL, "malformed AS4_PATH: discarded");
	else
		a->as_path_bytes = bgp_path_merge(p->d->as_path, sizeof(p->d->as_path),
			a->as_path_bytes, p->d->as4_path, bytes);
}

static bool has_attr(const struct parse *p, uint8_t type)
{
	return (p->seen[0] >> type & 1) != 0;
}

/* What must be there beside reachable prefixes: RFC 7606 3 (d), RFC 4271 5 and 6.3. */
static void check_attributes(struct parse *p)
{
	static const uint8_t missing[] = {BGP_ATTR_ORIGIN, BGP_ATTR_AS_PATH, BGP_ATTR_LOCAL_PREF};
	const uint8_t *path = p->proto.as_path;
	rte_be32_t first;
	size_t i;

	for (i = 0; i < RTE_DIM(missing) - p->codec->ebgp; i++) {
		if (!has_attr(p, missing[i])) {
			note(p, BGP_WITHDRAW, SUB_MISSING,
				&(struct attr){.whole = &missing[i], .whole_bytes = 1},
				"ORIGIN, AS_PATH or LOCAL_PREF is missing");
			return;
		}
	}
	if (!p->codec->ebgp || p->verdict != BGP_ACCEPT)
		return;
	if (p->proto.as_path_bytes > 0) {
		memcpy(&first, path + 2, 4);
		if (path[0] == BGP_AS_SEQUENCE && rte_be_to_cpu_32(first) == p->codec->remote_as)
			return;
	}
	note(p, BGP_WITHDRAW, SUB_AS_PATH, NULL, "AS_PATH does not begin with the peer's AS");
}

/* NEXT_HOP counts only beside NLRI of its own field (RFC 4760 3). True where they are reachable. */
static bool check_next_hop(struct parse *p, struct bgp_update *u)
{
	struct ip_addr nh;

	if (!has_attr(p, BGP_ATTR_NEXT_HOP) || p->next_hop.len != 4) {
		note(p, BGP_WITHDRAW, has_attr(p, BGP_ATTR_NEXT_HOP) ? SUB_ATTR_LENGTH : SUB_MISSING,
			NULL, "NEXT_HOP is missing or not 4 octets");
		return false;
	}
	nh = ip_addr_v4(rte_cpu_to_be_32(buf_get_u32(&p->next_hop)));
	if (!bgp_next_hop_sane(&nh)) {
		note(p, BGP_ACCEPT, SUB_NEXT_HOP, NULL, "NEXT_HOP is no host's: routes withdrawn");
		return false;
	}
	if (u->next_hop_v4.family != IP_NONE && !ip_addr_equal(&u->next_hop_v4, &nh)) {
		note(p, BGP_WITHDRAW, SUB_NEXT_HOP, NULL, "NEXT_HOP and MP_REACH_NLRI differ");
		return false;
	}
	u->next_hop_v4 = nh;
	return true;
}

static bool get_mp_prefixes(struct parse *p, const struct mp *m)
{
	if (m->whole == NULL || get_prefixes(p, m->nlri, m->family))
		return true;
	note(p, BGP_RESET, SUB_OPTIONAL,
		&(struct attr){.whole = m->whole, .whole_bytes = m->whole_bytes},
		"impossible prefix in a multiprotocol attribute");
	return false;
}

/* Second pass: withdrawn prefixes first, then those whose next hop is no use, then the rest. */
static void get_all_prefixes(struct parse *p, struct bgp_update *u, struct buf_reader withdrawn,
	struct buf_reader nlri)
{
	bool mp_ok = p->reach.whole != NULL && p->reach.next_hop_ok, nlri_ok = false, ok;

	if (mp_ok)
		*(p->reach.family == IP_V4 ? &u->next_hop_v4 : &u->next_hop_v6) = p->reach.next_hop;
	if (p->reach.whole != NULL && !mp_ok)
		note(p, BGP_ACCEPT, SUB_NEXT_HOP, NULL, "next hop of MP_REACH_NLRI is no host's: "
			"routes withdrawn");
	if (nlri.len > 0)
		nlri_ok = check_next_hop(p, u);

	ok = get_prefixes(p, withdrawn, IP_V4) && get_mp_prefixes(p, &p->unreach);
	ok = ok && (mp_ok || get_mp_prefixes(p, &p->reach));
	ok = ok && (nlri_ok || get_prefixes(p, nlri, IP_V4));
	u->n_unreach = p->n;
	ok = ok && (!mp_ok || get_mp_prefixes(p, &p->reach));
	ok = ok && (!nlri_ok || get_prefixes(p, nlri, IP_V4));
	if (!ok)
		note(p, BGP_RESET, SUB_NETWORK, NULL, "impossible prefix length");
	u->unreach = p->d->prefixes;
	u->reach = p->d->prefixes + u->n_unreach;
	u->n_reach = p->n - u->n_unreach;
}

/* RFC 4724 2. */
static void check_end_of_rib(struct parse *p, struct bgp_update *u, size_t v4_bytes, size_t attr_bytes)
{
	if (v4_bytes > 0)
		return;
	u->end_of_rib_v4 = attr_bytes == 0 && p->codec->ipv4;
	if (p->unreach.whole == NULL || p->unreach.nlri.len > 0 ||
		p->unreach.whole_bytes != attr_bytes)
		return;
	if (p->unreach.family == IP_V6)
		u->end_of_rib_v6 = true;
	else
		u->end_of_rib_v4 = true;
}

enum bgp_verdict bgp_decode_update(struct bgp_decoder *d, const struct bgp_codec *codec,
	const uint8_t *msg, size_t len, struct bgp_update *ret_update, struct bgp_error *ret_error)
{
	struct parse p = {.d = d, .codec = codec};
	struct buf_reader r = buf_reader(msg, len), withdrawn, attrs;
	struct bgp_update u = {0};

	buf_take(&r, BGP_HEADER_BYTES);
	withdrawn = buf_sub(&r, buf_get_u16(&r));
	attrs = buf_sub(&r, buf_get_u16(&r));
	if (r.failed || len > BGP_MESSAGE_MAX) {
		note(&p, BGP_RESET, SUB_ATTR_LIST, NULL, "lengths of the fields exceed the message");
		*ret_error = p.error;
		return BGP_RESET;
	}
	p.has_reach = r.len > 0;
	if (!codec->ipv4) /* not negotiated: ignored (RFC 4760 7) */
		withdrawn.len = r.len = 0;
	get_attributes(&p, attrs);
	merge_as4(&p);
	get_all_prefixes(&p, &u, withdrawn, r);
	if (u.n_reach > 0)
		check_attributes(&p);
	check_end_of_rib(&p, &u, withdrawn.len + r.len, attrs.len);

	/* RFC 7606 5.2: without a prefix in sight it is not certain that the parser saw them all. */
	if (p.verdict == BGP_WITHDRAW && !p.has_reach)
		p.verdict = BGP_RESET;
	if (p.verdict == BGP_WITHDRAW) {
		u.n_unreach += u.n_reach;
		u.n_reach = 0;
	}
	if (p.verdict != BGP_RESET && u.n_reach > 0) {
		u.attrs = bgp_attrs_intern(&p.proto);
		if (u.attrs == NULL) {
			p.error = (struct bgp_error){.code = BGP_ERR_CEASE,
				.subcode = BGP_CEASE_RESOURCES, .text = "no room for path attributes"};
			p.verdict = BGP_RESET;
		}
	}
	*ret_error = p.error;
	if (p.verdict != BGP_RESET)
		*ret_update = u;
	return p.verdict;
}

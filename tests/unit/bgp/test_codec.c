/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec: OPEN, random adverts through encoder and decoder, packing, speakers of 2-octet ASes. */
#include "unit.h"

#include "bgp/codec.h"
#include "bgp/update_priv.h"

static struct bgp_decoder decoder;

static void test_open(void **state)
{
	struct bgp_open in, out;
	uint8_t msg[BGP_MESSAGE_MAX];
	struct bgp_error e;
	struct buf_writer w;
	unsigned int bits;

	(void)state;
	for (bits = 0; bits < 16; bits++) {
		in = (struct bgp_open){.as = bits & 1 ? 398656 : 64510, .id = 0x01020304,
			.hold_s = 180, .as4 = bits & 1, .refresh = bits & 2, .ipv4 = bits & 4,
			.ipv6 = bits & 8, .any_family = bits & 12};
		w = buf_writer(msg, sizeof(msg));
		bgp_encode_open(&w, &in);
		assert_false(w.failed);
		assert_int_equal(bgp_frame(msg, w.len, &e), w.len);
		assert_int_equal(bgp_decode_open(msg, w.len, &out, &e), 0);
		if (!in.any_family)
			in.ipv4 = true; /* RFC 4760 8 */
		assert_int_equal(out.as, in.as);
		assert_int_equal(out.id, in.id);
		assert_int_equal(out.hold_s, 180);
		assert_int_equal(out.as4, in.as4);
		assert_int_equal(out.refresh, in.refresh);
		assert_int_equal(out.ipv4, in.ipv4);
		assert_int_equal(out.ipv6, in.ipv6);
	}
}

static void test_frame(void **state)
{
	uint8_t msg[64];
	struct buf_writer w = buf_writer(msg, sizeof(msg));
	struct bgp_error e;
	size_t n;

	(void)state;
	bgp_encode_keepalive(&w);
	assert_int_equal(w.len, 19);
	for (n = 0; n < 19; n++)
		assert_int_equal(bgp_frame(msg, n, &e), 0);
	assert_int_equal(bgp_frame(msg, 64, &e), 19);
	msg[3] = 0;
	assert_true(bgp_frame(msg, 4, &e) < 0);
	assert_int_equal(e.code, 1);
	assert_int_equal(e.subcode, 1);
	msg[3] = 0xff;
	msg[16] = 0x10;
	msg[17] = 1;
	assert_true(bgp_frame(msg, 19, &e) < 0);
	assert_int_equal(e.subcode, 2);
	assert_int_equal(e.n_data, 2);
	assert_memory_equal(e.data, msg + 16, 2);
}

static void test_notification(void **state)
{
	static uint8_t long_data[BGP_MESSAGE_MAX];
	const struct bgp_error in = {.code = 3, .subcode = 5, .data = long_data,
		.n_data = sizeof(long_data)};
	uint8_t msg[BGP_MESSAGE_MAX];
	struct buf_writer w = buf_writer(msg, sizeof(msg));
	struct bgp_error out, e;
	char text[80];

	(void)state;
	bgp_encode_notification(&w, &in);
	assert_false(w.failed);
	assert_int_equal(bgp_frame(msg, w.len, &e), BGP_MESSAGE_MAX);
	assert_int_equal(bgp_decode_notification(msg, w.len, &out), 0);
	assert_int_equal(out.code, 3);
	assert_int_equal(out.subcode, 5);
	assert_int_equal(out.n_data, BGP_MESSAGE_MAX - 21);
	assert_string_equal(bgp_error_format(3, 5, text, sizeof(text)),
		"UPDATE Message Error: Attribute Length Error");
	assert_string_equal(bgp_error_format(4, 0, text, sizeof(text)), "Hold Timer Expired");
	assert_string_equal(bgp_error_format(6, 99, text, sizeof(text)), "Cease: subcode 99");
	assert_string_equal(bgp_error_format(200, 1, text, sizeof(text)), "code 200 subcode 1");
}

/* ---- adverts ---- */

static uint32_t random_as(bool small)
{
	return (uint32_t)(small ? 1 + rand() % 65534 : 1 + rand() % 400000);
}

static const struct bgp_attrs *random_attrs(uint32_t first_as, bool ebgp, bool small)
{
	static uint8_t as_path[2048], ext[80], unknown[200];
	static uint32_t communities[300];
	static struct bgp_large_community large[10];
	struct buf_writer w = buf_writer(as_path, sizeof(as_path)), u = buf_writer(unknown, 200);
	struct bgp_attrs p = {.as_path = as_path, .communities = communities, .large = large,
		.ext = ext, .unknown = unknown};
	unsigned int i, n, segments = (unsigned int)rand() % 3;

	p.origin = (uint8_t)(rand() % 3);
	n = 1 + (unsigned int)rand() % 5;
	buf_put(&w, (uint8_t[]){BGP_AS_SEQUENCE, (uint8_t)n}, 2);
	buf_put_u32(&w, first_as);
	for (i = 1; i < n; i++)
		buf_put_u32(&w, random_as(small));
	while (segments-- > 0) {
		n = 1 + (unsigned int)rand() % (rand() % 8 == 0 ? 100 : 5);
		buf_put(&w, (uint8_t[]){1 + rand() % 2, (uint8_t)n}, 2);
		while (n-- > 0)
			buf_put_u32(&w, random_as(small));
	}
	p.as_path_bytes = (uint16_t)w.len;
	p.has_med = rand() % 2;
	p.med = (uint32_t)rand();
	p.has_local_pref = !ebgp;
	p.local_pref = (uint32_t)rand() % 1000;
	p.atomic_aggregate = rand() % 4 == 0;
	p.has_aggregator = rand() % 4 == 0;
	p.aggregator_as = random_as(small);
	p.aggregator_addr = (uint32_t)rand();
	p.n_communities = (uint16_t)(rand() % (rand() % 8 == 0 ? 300 : 4));
	for (i = 0; i < p.n_communities; i++)
		communities[i] = (uint32_t)rand();
	p.n_large = (uint16_t)(rand() % 3);
	for (i = 0; i < p.n_large; i++)
		large[i] = (struct bgp_large_community){i, (uint32_t)rand(), (uint32_t)rand()};
	p.n_ext = (uint16_t)(rand() % 3);
	for (i = 0; i < 8u * p.n_ext; i++)
		ext[i] = (uint8_t)rand();
	if (rand() % 4 == 0) {
		n = (unsigned int)rand() % 100;
		buf_put(&u, (uint8_t[]){0xe0, 200, (uint8_t)n}, 3);
		memset(buf_reserve(&u, n), 7, n);
	}
	p.unknown_bytes = (uint16_t)u.len;
	return bgp_attrs_intern(&p);
}

/* Distinct prefixes: i stands in the address. */
static struct ip_prefix numbered_prefix(uint8_t family, uint32_t i)
{
	struct ip_prefix p = {.addr.family = family};
	rte_be32_t be = rte_cpu_to_be_32(i << 8 | (uint32_t)rand() % 256);

	memcpy(p.addr.bytes + (family == IP_V6 ? 4 : 0), &be, 4);
	if (family == IP_V6)
		p.addr.bytes[0] = 0x20;
	p.len = (uint8_t)(family == IP_V6 ? 56 + rand() % 73 : 24 + rand() % 9);
	ip_prefix_canonicalise(&p);
	return p;
}

static struct ip_addr random_next_hop(uint8_t family)
{
	struct ip_addr a = {.family = family};

	a.bytes[0] = family == IP_V6 ? 0xfd : 10;
	a.bytes[family == IP_V6 ? 15 : 3] = (uint8_t)(rand() % 3);
	return a;
}

enum { N = 2000 };

struct seen {
	unsigned int reached, withdrawn;
};

/* Looks up each decoded prefix by its number and compares it with what was announced. */
static void check_update(const struct bgp_update *u, struct bgp_advert *const *by_number,
	struct seen *seen)
{
	const struct bgp_advert *a;
	const struct ip_addr *nh;
	const struct ip_prefix *p;
	rte_be32_t be;
	size_t i;

	for (i = 0; i < u->n_reach + u->n_unreach; i++) {
		p = i < u->n_unreach ? &u->unreach[i] : &u->reach[i - u->n_unreach];
		memcpy(&be, p->addr.bytes + (p->addr.family == IP_V6 ? 4 : 0), 4);
		be = rte_be_to_cpu_32(be) >> 8;
		assert_true(be < N);
		a = by_number[be];
		assert_true(ip_prefix_equal(p, &a->prefix));
		if (i < u->n_unreach) {
			assert_null(a->attrs);
			seen[be].withdrawn++;
			continue;
		}
		nh = p->addr.family == IP_V4 ? &u->next_hop_v4 : &u->next_hop_v6;
		assert_ptr_equal(u->attrs, a->attrs);
		assert_true(ip_addr_equal(nh, &a->next_hop));
		seen[be].reached++;
	}
}

static void round_trip(bool as4, bool ebgp)
{
	static struct bgp_advert adverts[N], *by_number[N];
	static struct seen seen[N];
	const struct bgp_codec codec = {.as4 = as4, .ipv4 = true, .ipv6 = true, .ebgp = ebgp,
		.remote_as = 65000};
	const struct bgp_attrs *sets[8];
	unsigned int messages = 0, groups;
	uint8_t msg[BGP_MESSAGE_MAX];
	struct bgp_update u;
	struct bgp_error e;
	struct buf_writer w;
	uint8_t family;
	size_t i;

	groups = 1 + (unsigned int)rand() % 8;
	for (i = 0; i < groups; i++)
		sets[i] = random_attrs(65000, ebgp, false);
	for (i = 0; i < N; i++) {
		family = rand() % 2 ? IP_V4 : IP_V6;
		adverts[i] = (struct bgp_advert){.prefix = numbered_prefix(family, (uint32_t)i)};
		if (rand() % 8 != 0) {
			adverts[i].attrs = sets[(unsigned int)rand() % groups];
			adverts[i].next_hop = random_next_hop(family);
		}
		seen[i] = (struct seen){0};
	}
	bgp_adverts_sort(adverts, N);
	for (i = 0; i < N; i++) {
		rte_be32_t be;

		memcpy(&be, adverts[i].prefix.addr.bytes +
			(adverts[i].prefix.addr.family == IP_V6 ? 4 : 0), 4);
		by_number[rte_be_to_cpu_32(be) >> 8] = &adverts[i];
	}
	for (i = 0; i < N; messages++) {
		w = buf_writer(msg, sizeof(msg));
		i += bgp_encode_update(&w, &codec, &adverts[i], N - i);
		assert_false(w.failed);
		assert_int_equal(bgp_frame(msg, w.len, &e), w.len);
		assert_int_equal(bgp_decode_update(&decoder, &codec, msg, w.len, &u, &e), BGP_ACCEPT);
		assert_int_equal(e.code, 0);
		check_update(&u, by_number, seen);
		bgp_attrs_unref(u.attrs);
	}
	assert_true(i == N);
	for (i = 0; i < N; i++) {
		assert_int_equal(seen[i].reached, by_number[i]->attrs != NULL);
		assert_int_equal(seen[i].withdrawn, by_number[i]->attrs == NULL);
	}
	/* At most a group for each of attributes x family x next hop, each of a few full messages. */
	assert_true(messages < 2 + groups * 6 + N * 17 / 1500);
	for (i = 0; i < groups; i++)
		bgp_attrs_unref(sets[i]);
	assert_int_equal(bgp_attrs_count(), 0);
}

static void test_round_trip(void **state)
{
	unsigned int i;

	(void)state;
	srand((unsigned int)unit_seed());
	for (i = 0; i < 100; i++)
		round_trip(true, i % 2);
	/* Towards a speaker of 2-octet ASes and back: AS4_PATH brings the path through whole. */
	for (i = 0; i < 100; i++)
		round_trip(false, i % 2);
}

/* 4096 bytes of /32: header 23, attributes, then 5 a prefix. */
static void test_packing(void **state)
{
	enum { MANY = 1000 };
	static struct bgp_advert adverts[MANY];
	const struct bgp_codec codec = {.as4 = true, .ipv4 = true, .ebgp = true, .remote_as = 65000};
	static const uint8_t path[] = {2, 1, 0, 0, 0xfd, 0xe8};
	const struct bgp_attrs proto = {.as_path = path, .as_path_bytes = sizeof(path)};
	const struct bgp_attrs *a = bgp_attrs_intern(&proto);
	uint8_t msg[BGP_MESSAGE_MAX];
	struct buf_writer w = buf_writer(msg, sizeof(msg));
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		adverts[i] = (struct bgp_advert){.attrs = a,
			.prefix = {.addr = ip_addr_v4((uint32_t)i + 1), .len = 32},
			.next_hop = ip_addr_v4(rte_cpu_to_be_32(0x0a000001))};
	/* ORIGIN 4, AS_PATH 9, NEXT_HOP 7 */
	assert_int_equal(bgp_encode_update(&w, &codec, adverts, MANY), (4096 - 23 - 20) / 5);
	for (i = 0; i < MANY; i++)
		adverts[i].attrs = NULL;
	w = buf_writer(msg, sizeof(msg));
	assert_int_equal(bgp_encode_update(&w, &codec, adverts, MANY), (4096 - 23) / 5);
	/* A family that was not negotiated is skipped. */
	adverts[0].prefix.addr.family = IP_V6;
	w = buf_writer(msg, sizeof(msg));
	assert_int_equal(bgp_encode_update(&w, &codec, adverts, MANY), 1);
	assert_int_equal(w.len, 0);
	bgp_attrs_unref(a);
}

/* Attributes that fill a message by themselves: the prefix is withdrawn (RFC 4271 9.2). */
static void test_too_large(void **state)
{
	static uint32_t communities[1020];
	const struct bgp_codec codec = {.as4 = true, .ipv4 = true, .ipv6 = true, .ebgp = true,
		.remote_as = 65000};
	struct bgp_attrs proto = {.communities = communities, .n_communities = 1020};
	const struct bgp_attrs *a = bgp_attrs_intern(&proto);
	struct bgp_advert adverts[2] = {
		{.prefix = numbered_prefix(IP_V4, 1), .next_hop = random_next_hop(IP_V4), .attrs = a},
		{.prefix = numbered_prefix(IP_V6, 2), .next_hop = random_next_hop(IP_V6), .attrs = a}};
	uint8_t msg[BGP_MESSAGE_MAX];
	struct bgp_update u;
	struct bgp_error e;
	struct buf_writer w;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		w = buf_writer(msg, sizeof(msg));
		assert_int_equal(bgp_encode_update(&w, &codec, &adverts[i], 1), 1);
		assert_int_equal(bgp_decode_update(&decoder, &codec, msg, w.len, &u, &e), BGP_ACCEPT);
		assert_int_equal(u.n_unreach, 1);
		assert_int_equal(u.n_reach, 0);
		assert_true(ip_prefix_equal(&u.unreach[0], &adverts[i].prefix));
	}
	bgp_attrs_unref(a);
}

static void test_end_of_rib(void **state)
{
	const struct bgp_codec codec = {.as4 = true, .ipv4 = true, .ipv6 = true};
	uint8_t msg[64], family;
	struct bgp_update u;
	struct bgp_error e;
	struct buf_writer w;

	(void)state;
	for (family = IP_V4; family <= IP_V6; family += 2) {
		w = buf_writer(msg, sizeof(msg));
		bgp_encode_end_of_rib(&w, family);
		assert_int_equal(bgp_frame(msg, w.len, &e), w.len);
		assert_int_equal(bgp_decode_update(&decoder, &codec, msg, w.len, &u, &e), BGP_ACCEPT);
		assert_int_equal(u.end_of_rib_v4, family == IP_V4);
		assert_int_equal(u.end_of_rib_v6, family == IP_V6);
		assert_null(u.attrs);
	}
}

/* RFC 6793 4.2.3 by example: AS_PATH, AS4_PATH, and what becomes of them. */
static void test_merge(void **state)
{
	static const struct {
		uint8_t path[40], path_len, as4[40], as4_len, want[40], want_len;
	} cases[] = {
		/* 100 23456 23456 with 70000 80000: the leading 100 is kept, in one sequence. */
		{{2, 3, 0, 0, 0, 100, 0, 0, 0x5b, 0xa0, 0, 0, 0x5b, 0xa0}, 14,
			{2, 2, 0, 1, 0x11, 0x70, 0, 1, 0x38, 0x80}, 10,
			{2, 3, 0, 0, 0, 100, 0, 1, 0x11, 0x70, 0, 1, 0x38, 0x80}, 14},
		/* AS4_PATH longer than AS_PATH: ignored. */
		{{2, 1, 0, 0, 0, 100}, 6, {2, 2, 0, 0, 0, 1, 0, 0, 0, 2}, 10,
			{2, 1, 0, 0, 0, 100}, 6},
		/* A set counts as one and is kept whole. */
		{{1, 2, 0, 0, 0, 5, 0, 0, 0, 6, 2, 1, 0, 0, 0x5b, 0xa0}, 16,
			{2, 1, 0, 1, 0x11, 0x70}, 6,
			{1, 2, 0, 0, 0, 5, 0, 0, 0, 6, 2, 1, 0, 1, 0x11, 0x70}, 16},
		/* Equal length: the AS4_PATH alone. */
		{{2, 1, 0, 0, 0x5b, 0xa0}, 6, {2, 1, 0, 1, 0x11, 0x70}, 6,
			{2, 1, 0, 1, 0x11, 0x70}, 6},
	};
	uint8_t path[80];
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		memcpy(path, cases[i].path, cases[i].path_len);
		assert_int_equal(bgp_path_merge(path, sizeof(path), cases[i].path_len, cases[i].as4,
			cases[i].as4_len), cases[i].want_len);
		assert_memory_equal(path, cases[i].want, cases[i].want_len);
	}
}

/* Every single-byte change of a valid UPDATE, and every length of it, gets some verdict, without a
 * read outside (each copy is an allocation of its own, for ASan). */
static void test_mutations(void **state)
{
	const struct bgp_codec codec = {.as4 = true, .ipv4 = true, .ipv6 = true, .ebgp = true,
		.remote_as = 65000};
	const struct bgp_attrs *a;
	struct bgp_advert advert = {.prefix = numbered_prefix(IP_V6, 1),
		.next_hop = random_next_hop(IP_V6)};
	uint8_t msg[BGP_MESSAGE_MAX], *copy;
	unsigned int verdicts[3] = {0}, round, v;
	struct bgp_update u;
	struct bgp_error e;
	struct buf_writer w;
	size_t at;

	(void)state;
	srand((unsigned int)unit_seed());
	for (round = 0; round < 10; round++) {
		a = random_attrs(65000, true, false);
		advert.attrs = a;
		w = buf_writer(msg, sizeof(msg));
		bgp_encode_update(&w, &codec, &advert, 1);
		for (at = BGP_HEADER_BYTES; at < w.len; at++) {
			copy = malloc(w.len);
			memcpy(copy, msg, w.len);
			copy[at] ^= (uint8_t)(1 + rand() % 255);
			v = bgp_decode_update(&decoder, &codec, copy, w.len, &u, &e);
			verdicts[v]++;
			assert_true(v == BGP_ACCEPT || e.code != 0);
			if (v != BGP_RESET) {
				assert_true(u.n_reach == 0 || v == BGP_ACCEPT);
				bgp_attrs_unref(u.attrs);
			}
			free(copy);
		}
		bgp_attrs_unref(a);
	}
	assert_true(verdicts[0] > 0 && verdicts[1] > 0 && verdicts[2] > 0);
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_notification),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_packing),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_end_of_rib),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

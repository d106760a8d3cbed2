/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The BGP codec on a full table: the real prefixes, in random order, with attributes from a seed at
 * about 6.4 prefixes a set, are encoded to UPDATEs, and these decoded with their attributes interned
 * and held, as a RIB would hold them. The baseline is bgp_frame() over the same bytes.
 *
 * bench_bgp [--json] [PREFIXES]
 */
#include <err.h>
#include <getopt.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bgp/codec.h"
#include "prefixes.h"
#include "report.h"

#define RUNS 7

struct table {
	struct bgp_advert *adverts;
	size_t n;
	uint8_t *bytes;
	size_t n_bytes, n_messages;
	const struct bgp_attrs **held;
};

static const struct bgp_codec codec = {.as4 = true, .ipv4 = true, .ipv6 = true, .ebgp = true,
	.remote_as = 64500};
static struct bgp_decoder decoder;

static double ms_since(uint64_t start_ns)
{
	return (double)(clock_now_ns() - start_ns) / 1e6;
}

static const struct bgp_attrs *make_attrs(uint64_t *seed)
{
	unsigned int hops = 3 + (unsigned int)(prefixes_random(seed) % 4), i;
	uint8_t path[2 + 4 * 8] = {BGP_AS_SEQUENCE, (uint8_t)hops};
	uint32_t communities[8];
	struct bgp_attrs a = {.as_path = path, .as_path_bytes = (uint16_t)(2 + 4 * hops),
		.communities = communities};
	const struct bgp_attrs *made;
	rte_be32_t as;

	for (i = 0; i < hops; i++) {
		as = rte_cpu_to_be_32(i == 0 ? 64500 : 1 + (uint32_t)(prefixes_random(seed) % 400000));
		memcpy(path + 2 + 4 * i, &as, 4);
	}
	a.n_communities = (uint16_t)(prefixes_random(seed) % 8);
	for (i = 0; i < a.n_communities; i++)
		communities[i] = (uint32_t)prefixes_random(seed);
	made = bgp_attrs_intern(&a);
	if (made == NULL)
		err(1, "attributes");
	return made;
}

static void table_make(struct table *t, const struct prefixes *list)
{
	struct ip_addr nh = {.family = list->p[0].addr.family, .bytes = {0x20, 1}};
	const struct bgp_attrs *attrs = NULL;
	uint64_t seed = 1;
	size_t i, left = 0;

	t->n = list->n;
	t->adverts = calloc(t->n, sizeof(*t->adverts));
	t->bytes = malloc(t->n * 256 + BGP_MESSAGE_MAX);
	t->held = calloc(t->n, sizeof(*t->held));
	if (t->adverts == NULL || t->bytes == NULL || t->held == NULL)
		err(1, "table");
	for (i = 0; i < t->n; i++) {
		if (left-- == 0) {
			attrs = make_attrs(&seed);
			left = prefixes_random(&seed) % 12; /* 1..12 prefixes: 6.5 */
		} else {
			bgp_attrs_ref(attrs);
		}
		t->adverts[i] = (struct bgp_advert){.prefix = list->p[i], .next_hop = nh,
			.attrs = attrs};
	}
}

static double encode(struct table *t)
{
	uint64_t start = clock_now_ns();
	struct buf_writer w;
	size_t i;

	t->n_bytes = t->n_messages = 0;
	for (i = 0; i < t->n; t->n_messages++) {
		w = buf_writer(t->bytes + t->n_bytes, BGP_MESSAGE_MAX);
		i += bgp_encode_update(&w, &codec, &t->adverts[i], t->n - i);
		t->n_bytes += w.len;
	}
	return ms_since(start);
}

static double frame(struct table *t)
{
	uint64_t start = clock_now_ns();
	struct bgp_error e;
	size_t at, n = 0;

	for (at = 0; at < t->n_bytes; n++)
		at += (size_t)bgp_frame(t->bytes + at, t->n_bytes - at, &e);
	if (n != t->n_messages)
		errx(1, "%zu messages of %zu", n, t->n_messages);
	return ms_since(start);
}

static double decode(struct table *t)
{
	uint64_t start = clock_now_ns();
	size_t at, n = 0, reached = 0;
	struct bgp_update u;
	struct bgp_error e;
	double ms;
	int len;

	for (at = 0; at < t->n_bytes; at += (size_t)len) {
		len = bgp_frame(t->bytes + at, t->n_bytes - at, &e);
		if (bgp_decode_update(&decoder, &codec, t->bytes + at, (size_t)len, &u, &e) !=
			BGP_ACCEPT)
			errx(1, "%s", e.text);
		t->held[n++] = u.attrs;
		reached += u.n_reach;
	}
	ms = ms_since(start);
	if (reached != t->n)
		errx(1, "%zu prefixes of %zu", reached, t->n);
	while (n > 0)
		bgp_attrs_unref(t->held[--n]);
	return ms;
}

static void bench(struct report *r, const char *family, const struct prefixes *list)
{
	double encoded[RUNS], framed[RUNS], decoded[RUNS];
	struct table t = {0};
	char name[32];
	size_t i;

	table_make(&t, list);
	for (i = 0; i < RUNS; i++)
		encoded[i] = encode(&t);
	/* The decoder has to make the attributes anew, not to find them. */
	for (i = 0; i < t.n; i++)
		bgp_attrs_unref(t.adverts[i].attrs);
	for (i = 0; i < RUNS; i++) {
		framed[i] = frame(&t);
		decoded[i] = decode(&t);
	}
	snprintf(name, sizeof(name), "encode-%s-full", family);
	report_add(r, name, "ms", encoded, RUNS, framed, RUNS);
	snprintf(name, sizeof(name), "decode-%s-full", family);
	report_add(r, name, "ms", decoded, RUNS, framed, RUNS);
	report_note(r, "%s: %zu prefixes in %zu UPDATEs, %zu bytes", family, t.n, t.n_messages,
		t.n_bytes);
	free(t.adverts);
	free(t.bytes);
	free(t.held);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"json", 0, 0, 'j'}, {0}};
	struct report *r = report_new("bgp");
	struct prefixes v4, v6;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return 2;
		json = true;
	}
	prefixes_load(argv[optind], &v4, &v6);
	bench(r, "v4", &v4);
	bench(r, "v6", &v6);
	report_note(r, "baseline: bgp_frame() over the same bytes");
	report_print(r, json);
	report_free(r);
	free(v4.p);
	free(v6.p);
	return 0;
}

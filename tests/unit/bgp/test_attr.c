/* SPDX-License-Identifier: BSD-3-Clause */
/* Interned attributes: identity, references, growth, the limit, what follows from the path, text. */
#include <errno.h>

#include "unit.h"

#include "bgp/attr.h"

static const uint8_t path[] = {2, 2, 0, 0, 0xff, 0xeb, 0, 0, 0xfd, 0xe9, 1, 2, 0, 0, 0, 7, 0, 0, 0, 8};
static const uint32_t communities[] = {65535u << 16 | 65282, 65517u << 16 | 65517};

static struct bgp_attrs sample(void)
{
	return (struct bgp_attrs){.origin = BGP_ORIGIN_IGP, .as_path = path,
		.as_path_bytes = sizeof(path), .communities = communities, .n_communities = 2};
}

static void test_identity(void **state)
{
	struct bgp_attrs proto = sample();
	const struct bgp_attrs *a, *b, *c;

	(void)state;
	a = bgp_attrs_intern(&proto);
	assert_non_null(a);
	assert_ptr_not_equal(a->as_path, proto.as_path);
	proto.med = 5; /* without has_med it does not count */
	proto.refs = 77;
	b = bgp_attrs_intern(&proto);
	assert_ptr_equal(a, b);
	assert_int_equal(a->refs, 2);
	proto.has_med = true;
	c = bgp_attrs_intern(&proto);
	assert_ptr_not_equal(a, c);
	assert_int_equal(bgp_attrs_count(), 2);
	bgp_attrs_unref(c);
	bgp_attrs_unref(b);
	assert_int_equal(bgp_attrs_count(), 1);
	assert_ptr_equal(bgp_attrs_ref(a), a);
	bgp_attrs_unref(a);
	bgp_attrs_unref(a);
	bgp_attrs_unref(NULL);
	assert_int_equal(bgp_attrs_count(), 0);
}

/* Each member makes a difference. */
static void test_members(void **state)
{
	static const struct bgp_large_community large = {1, 2, 3};
	static const uint8_t ext[8] = {0, 2}, unknown[] = {0xe0, 199, 0};
	const struct bgp_attrs *all[12];
	struct bgp_attrs p;
	size_t n = 0, i;

	(void)state;
#define TRY(change)                                                                                \
	do {                                                                                       \
		p = sample();                                                                      \
		change;                                                                            \
		all[n++] = bgp_attrs_intern(&p);                                                   \
	} while (0)
	TRY((void)0);
	TRY(p.origin = BGP_ORIGIN_EGP);
	TRY(p.has_med = true);
	TRY(p.has_local_pref = true);
	TRY(p.atomic_aggregate = true);
	TRY(p.has_aggregator = true);
	TRY((p.has_aggregator = true, p.aggregator_as = 1));
	TRY(p.as_path_bytes = 10);
	TRY(p.n_communities = 1);
	TRY((p.large = &large, p.n_large = 1));
	TRY((p.ext = ext, p.n_ext = 1));
	TRY((p.unknown = unknown, p.unknown_bytes = sizeof(unknown)));
#undef TRY
	assert_int_equal(bgp_attrs_count(), n);
	assert_int_equal(all[9]->large[0].local2, 3);
	assert_memory_equal(all[10]->ext, ext, 8);
	assert_memory_equal(all[11]->unknown, unknown, 3);
	for (i = 0; i < n; i++)
		bgp_attrs_unref(all[i]);
	assert_int_equal(bgp_attrs_count(), 0);
}

static void test_path(void **state)
{
	static const uint8_t bad[][6] = {{2}, {2, 0}, {2, 2, 0, 0, 0, 1}, {2, 1, 0, 0, 0}};
	static const uint8_t bad_bytes[] = {1, 2, 6, 5};
	struct bgp_attrs proto = sample(), empty = {0};
	const struct bgp_attrs *a = bgp_attrs_intern(&proto), *e = bgp_attrs_intern(&empty);
	size_t i;

	(void)state;
	assert_int_equal(a->as_path_length, 3);
	assert_int_equal(a->neighbour_as, 65515);
	assert_int_equal(a->origin_as, 0);
	assert_int_equal(e->as_path_length, 0);
	assert_int_equal(e->neighbour_as, 0);
	assert_true(bgp_as_path_has(a, 8));
	assert_false(bgp_as_path_has(a, 9));
	assert_false(bgp_as_path_has(e, 8));
	assert_true(bgp_attrs_has_community(a, BGP_COMMUNITY_NO_ADVERTISE));
	assert_false(bgp_attrs_has_community(a, BGP_COMMUNITY_NO_EXPORT));
	bgp_attrs_unref(a);
	bgp_attrs_unref(e);
	for (i = 0; i < sizeof(bad_bytes); i++) {
		proto.as_path = bad[i];
		proto.as_path_bytes = bad_bytes[i];
		errno = 0;
		assert_null(bgp_attrs_intern(&proto));
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(bgp_attrs_count(), 0);
}

static void test_growth_and_limit(void **state)
{
	enum { N = 100000 };
	const struct bgp_attrs **all = malloc(N * sizeof(*all));
	struct bgp_attrs proto = sample();
	uint32_t i;

	(void)state;
	proto.has_med = true;
	bgp_attrs_set_limit(N);
	for (i = 0; i < N; i++) {
		proto.med = i;
		all[i] = bgp_attrs_intern(&proto);
		assert_non_null(all[i]);
	}
	assert_int_equal(bgp_attrs_count(), N);
	proto.med = N;
	errno = 0;
	assert_null(bgp_attrs_intern(&proto));
	assert_int_equal(errno, EOVERFLOW);
	for (i = 0; i < N; i++) {
		proto.med = i;
		assert_ptr_equal(bgp_attrs_intern(&proto), all[i]);
		bgp_attrs_unref(all[i]);
		bgp_attrs_unref(all[i]);
	}
	bgp_attrs_set_limit(BGP_ATTRS_LIMIT);
	assert_int_equal(bgp_attrs_count(), 0);
	free(all);
}

static void test_format(void **state)
{
	struct bgp_attrs proto = sample(), empty = {0};
	char buf[64];
	size_t len;

	(void)state;
	assert_string_equal(bgp_as_path_format(&proto, buf, sizeof(buf)), "65515 65001 {7,8}");
	assert_string_equal(bgp_communities_format(&proto, buf, sizeof(buf)),
		"65535:65282 65517:65517");
	assert_string_equal(bgp_as_path_format(&empty, buf, sizeof(buf)), "");
	assert_string_equal(bgp_as_path_format(&proto, buf, 14), "65515...");
	assert_string_equal(bgp_communities_format(&proto, buf, 16), "65535:65282...");
	for (len = 1; len < sizeof(buf); len++) {
		memset(buf, 'x', sizeof(buf));
		bgp_as_path_format(&proto, buf, len);
		assert_true(strlen(buf) < len);
		bgp_communities_format(&proto, buf, len);
		assert_true(strlen(buf) < len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_growth_and_limit),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

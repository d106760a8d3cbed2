/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table against a plain model; full tables; tags that many keys share. */
#include "unit.h"

#include <errno.h>

#include <netinet/in.h>

#include <rte_cycles.h>

#include "flow/table_priv.h"

static uint64_t seed;

static struct flow_table *table_new(uint32_t capacity, bool aes)
{
	struct flow_table_conf conf = {.capacity = capacity};
	struct flow_table *t;

	for (unsigned int i = 0; i < sizeof(conf.secret); i++)
		conf.secret[i] = (uint8_t)unit_random(&seed);
	t = flow_table_new(&conf);
	assert_non_null(t);
	if (!aes)
		t->priv->aes = false;
	return t;
}

static struct ip_addr address(uint8_t family, uint32_t a)
{
	uint8_t v6[16] = {0x20, 1, 0xd, 0xb8};

	if (family == IP_V4)
		return ip_addr_v4(rte_cpu_to_be_32(0x0a000000 + a));
	memcpy(v6 + 12, &a, 4);
	return ip_addr_v6(v6);
}

/* One of `range` ^ 2 tuples of either family: few enough to meet again. */
static struct flow_tuple random_tuple(uint32_t range)
{
	uint8_t family = unit_random(&seed) % 2 ? IP_V4 : IP_V6;
	struct flow_tuple t = {
		.src = address(family, unit_random(&seed) % range),
		.dst = address(family, 1),
		.proto = unit_random(&seed) % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.sport = unit_random(&seed) % range,
		.dport = 443,
	};

	return t;
}

/* The i-th of many different tuples. */
static struct flow_tuple nth_tuple(uint8_t family, uint32_t i)
{
	return (struct flow_tuple){.src = address(family, i), .dst = address(family, 0x800000),
		.proto = IPPROTO_TCP, .sport = (rte_be16_t)(i * 7), .dport = 80};
}

static uint32_t insert(struct flow_table *t, enum flow_kind kind, const struct flow_tuple *original,
	const struct flow_tuple *reply)
{
	uint32_t record = flow_alloc(t, kind);

	if (record == FLOW_NONE)
		return record;
	flow_side_set_tuple(&t->records[record].side[FLOW_ORIGINAL], original);
	flow_side_set_tuple(&t->records[record].side[FLOW_REPLY], reply);
	if (flow_insert(t, record, flow_hash(t, original), flow_hash(t, reply)) == 0)
		return record;
	flow_remove(t, record);
	return FLOW_NONE;
}

/* What the counts in the buckets say is so. */
static void check_buckets(const struct flow_table *t)
{
	uint16_t *elsewhere = calloc(t->n_buckets, sizeof(*elsewhere));

	assert_non_null(elsewhere);
	for (uint32_t b = 0; b < t->n_buckets; b++) {
		const struct flow_bucket *bucket = &t->buckets[b];

		for (unsigned int s = 0; s < BUCKET_SLOTS; s++) {
			uint32_t hash, home;

			if (bucket->tags[s] == 0) {
				assert_int_equal(bucket->away >> s & 1, 0);
				continue;
			}
			hash = hash_side(t, flow_side(t, bucket->refs[s]));
			home = bucket_home(t->n_buckets, hash);
			assert_int_equal(bucket->tags[s], bucket_tag(hash));
			assert_int_equal(bucket->away >> s & 1, home != b);
			if (home != b) {
				assert_int_equal(bucket_other(t->n_buckets, home, bucket_tag(hash)), b);
				elsewhere[home]++;
			}
		}
	}
	for (uint32_t b = 0; b < t->n_buckets; b++)
		assert_int_equal(t->buckets[b].elsewhere, elsewhere[b]);
	free(elsewhere);
}

struct model {
	struct flow_table *t;
	struct {
		bool used;
		uint8_t kind;
		struct flow_tuple side[2];
	} *record;
	uint32_t used;
};

static uint32_t model_find(const struct model *m, const struct flow_tuple *key)
{
	for (uint32_t i = 0; i < m->t->capacity; i++) {
		if (!m->record[i].used)
			continue;
		for (unsigned int dir = 0; dir < (m->record[i].kind == FLOW_HOST ? 1 : 2); dir++)
			if (memcmp(&m->record[i].side[dir], key, sizeof(*key)) == 0)
				return flow_ref(i, dir);
	}
	return FLOW_NONE;
}

static void model_insert(struct model *m, uint32_t range)
{
	enum flow_kind kind = unit_random(&seed) % 8 == 0 ? FLOW_HOST : FLOW_SESSION;
	struct flow_tuple a = random_tuple(range), b = random_tuple(range);
	uint32_t record;

	if (memcmp(&a, &b, sizeof(a)) == 0 || model_find(m, &a) != FLOW_NONE ||
		model_find(m, &b) != FLOW_NONE)
		return;
	record = insert(m->t, kind, &a, &b);
	if (m->used == m->t->capacity) {
		assert_int_equal(record, FLOW_NONE);
		return;
	}
	assert_true(record < m->t->capacity);
	assert_false(m->record[record].used);
	m->record[record].used = true;
	m->record[record].kind = kind;
	m->record[record].side[0] = a;
	m->record[record].side[1] = b;
	m->used++;
}

static void model_remove(struct model *m)
{
	uint32_t record = unit_random(&seed) % m->t->capacity;

	if (!m->record[record].used)
		return;
	flow_remove(m->t, record);
	m->record[record].used = false;
	m->used--;
}

static void model_find_burst(const struct model *m, uint32_t range)
{
	unsigned int n = unit_random(&seed) % 65, n4 = 0, n6 = 0;
	uint32_t ref[64], hash[64], want4[64], want6[64];
	struct flow_key4 key4[64] = {0};
	struct flow_key6 key6[64] = {0};

	for (unsigned int i = 0; i < n; i++) {
		struct flow_tuple key = random_tuple(range);
		uint32_t want = model_find(m, &key);

		assert_int_equal(flow_find(m->t, &key), want);
		if (key.src.family == IP_V4) {
			key4[n4] = flow_key4_of_tuple(&key);
			want4[n4++] = want;
		} else {
			key6[n6] = flow_key6_of_tuple(&key);
			want6[n6++] = want;
		}
	}
	flow_find4_burst(m->t, key4, hash, ref, n4);
	for (unsigned int i = 0; i < n4; i++) {
		struct flow_tuple key = flow_tuple_of_key4(&key4[i]);

		assert_int_equal(ref[i], want4[i]);
		assert_int_equal(hash[i], flow_hash(m->t, &key));
	}
	flow_find6_burst(m->t, key6, hash, ref, n6);
	for (unsigned int i = 0; i < n6; i++) {
		struct flow_tuple key = flow_tuple_of_key6(&key6[i]);

		assert_int_equal(ref[i], want6[i]);
		assert_int_equal(hash[i], flow_hash(m->t, &key));
	}
}

static void model_run(uint32_t capacity, bool aes, unsigned int operations)
{
	struct model m = {.t = table_new(capacity, aes)};
	uint32_t range = capacity < 16 ? 4 : 16 + capacity / 16;
	struct flow_table_stats stats;

	m.record = calloc(capacity, sizeof(*m.record));
	assert_non_null(m.record);
	for (unsigned int i = 0; i < operations; i++) {
		unsigned int what = unit_random(&seed) % 16;

		if (what < 8) /* fills up, then stays nearly full, then empties */
			i * 4 / operations < 3 ? model_insert(&m, range) : model_remove(&m);
		else if (what < 14)
			i * 4 / operations < 3 && unit_random(&seed) % 2 ? model_insert(&m, range) :
									   model_remove(&m);
		else
			model_find_burst(&m, range);
		assert_int_equal(m.t->used, m.used);
		if (i % 512 == 0)
			check_buckets(m.t);
	}
	flow_table_get_stats(m.t, &stats);
	assert_int_equal(stats.no_place, 0);
	assert_true(stats.peak >= stats.used && stats.peak <= capacity);
	for (uint32_t i = 0; i < capacity; i++)
		if (m.record[i].used)
			flow_remove(m.t, i);
	assert_int_equal(m.t->used, 0);
	for (uint32_t b = 0; b < m.t->n_buckets; b++) {
		assert_int_equal(bucket_match(&m.t->buckets[b], 0), 0x3ff);
		assert_int_equal(m.t->buckets[b].elsewhere, 0);
	}
	flow_table_free(m.t);
	free(m.record);
}

static void test_model(void **state)
{
	static const uint32_t capacities[] = {1, 2, 3, 10, 29, 100, 400};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(capacities); i++) {
		model_run(capacities[i], true, 8000);
		model_run(capacities[i], false, 8000);
	}
}

static struct flow_tuple fill_tuple(uint32_t i)
{
	return nth_tuple(i % 3 == 0 ? IP_V6 : IP_V4, i);
}

/* Makes all records sessions; returns the ticks of the worst insert. */
static uint64_t fill(struct flow_table *t, uint64_t *ret_total)
{
	uint64_t worst = 0;

	*ret_total = 0;
	for (uint32_t i = 0; i < t->capacity; i++) {
		struct flow_tuple a = fill_tuple(i), b = flow_tuple_swapped(&a);
		uint64_t start = rte_rdtsc(), ticks;

		assert_int_not_equal(insert(t, FLOW_SESSION, &a, &b), FLOW_NONE);
		ticks = rte_rdtsc() - start;
		*ret_total += ticks;
		worst = RTE_MAX(worst, ticks);
	}
	return worst;
}

/* Every record that the table has can be used, at every size; the last finds a place as the first did,
 * also in a table that has been full before. */
static void test_fills_up(void **state)
{
	static const uint32_t capacities[] = {1, 2, 5, 17, 64, 1000, 4099, 131072, 300007};

	(void)state;
	for (unsigned int c = 0; c < RTE_DIM(capacities); c++) {
		struct flow_table *t = table_new(capacities[c], c % 2);
		struct flow_table_stats stats;
		uint64_t worst, total;
		struct flow_tuple a, b;

		fill(t, &total);
		for (uint32_t i = 0; i < t->capacity; i++)
			flow_remove(t, i);
		worst = fill(t, &total);
		a = fill_tuple(t->capacity);
		b = flow_tuple_swapped(&a);
		assert_int_equal(insert(t, FLOW_SESSION, &a, &b), FLOW_NONE);
		flow_table_get_stats(t, &stats);
		assert_int_equal(stats.used, t->capacity);
		assert_int_equal(stats.full, 1);
		assert_int_equal(stats.no_place, 0);
		assert_true(t->priv->most_probed <= 42); /* one move more than the first 22 allow */
		for (uint32_t i = 0; i < t->capacity; i++) {
			a = fill_tuple(i);
			b = flow_tuple_swapped(&a);
			assert_int_equal(flow_find(t, &a) & 1, FLOW_ORIGINAL);
			assert_int_equal(flow_find(t, &b), flow_find(t, &a) | FLOW_REPLY);
		}
		print_message("%u records, %.1f bytes each: insert %lu ticks, worst %lu; "
			"%lu keys moved, %u buckets probed at most\n",
			t->capacity, (double)flow_table_bytes(t) / t->capacity,
			(unsigned long)(total / t->capacity), (unsigned long)worst,
			(unsigned long)stats.moved, t->priv->most_probed);
		flow_table_free(t);
	}
}

static void test_bytes_per_session(void **state)
{
	struct flow_table *t = table_new(131072, true); /* the default */

	(void)state;
	assert_true(flow_table_bytes(t) <= 160ul * 131072);
	flow_table_free(t);
}

static void test_tags_by_vector_and_one_by_one(void **state)
{
	struct flow_bucket b = {0};

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		uint16_t tag = unit_random(&seed) % 4;

		for (unsigned int s = 0; s < BUCKET_SLOTS; s++)
			b.tags[s] = unit_random(&seed) % 4;
		/* What lies behind the tags never matches. */
		b.elsewhere = b.away = tag;
		b.refs[0] = b.refs[1] = tag | tag << 16;
		assert_int_equal(bucket_match(&b, tag), bucket_match_scalar(&b, tag));
	}
}

/* A key's two buckets are each other's other one, at any number of buckets. */
static void test_other_bucket(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000000; i++) {
		uint32_t n = 1 + unit_random(&seed) % (i % 2 ? 64 : 5000000);
		uint32_t hash = unit_random(&seed), home = bucket_home(n, hash);
		uint32_t other = bucket_other(n, home, bucket_tag(hash));

		assert_true(home < n && other < n);
		assert_int_equal(bucket_other(n, other, bucket_tag(hash)), home);
	}
}

/* As many keys of one hash as their two buckets hold; the next finds no place and does no harm. */
static void test_same_tag(void **state)
{
	struct flow_table *t = table_new(1000, true);
	uint32_t records[2 * BUCKET_SLOTS + 1], hash = 0;
	struct flow_table_stats stats;
	unsigned int n = 0;

	(void)state;
	do
		hash = unit_random(&seed);
	while (bucket_other(t->n_buckets, bucket_home(t->n_buckets, hash), bucket_tag(hash)) ==
		bucket_home(t->n_buckets, hash));
	for (; n <= 2 * BUCKET_SLOTS; n++) {
		records[n] = flow_alloc(t, FLOW_SESSION);
		/* The reply's hash does not matter here. */
		if (flow_insert(t, records[n], hash, unit_random(&seed)) != 0)
			break;
	}
	assert_int_equal(n, 2 * BUCKET_SLOTS);
	flow_table_get_stats(t, &stats);
	assert_int_equal(stats.no_place, 1);
	assert_int_equal(t->buckets[bucket_home(t->n_buckets, hash)].elsewhere >= BUCKET_SLOTS - 1, 1);
	for (unsigned int i = 0; i < n; i++)
		assert_true(bucket_take(t, hash, flow_ref(records[i], FLOW_ORIGINAL)));
	assert_false(bucket_take(t, hash, flow_ref(records[0], FLOW_ORIGINAL)));
	flow_table_free(t);
}

/* Keys that a tag alone cannot tell apart: each is found as itself. */
static void test_candidates_are_compared(void **state)
{
	struct flow_table *t = table_new(64, true);
	struct flow_tuple a = nth_tuple(IP_V4, 1), b = flow_tuple_swapped(&a), absent;
	uint32_t hash[1], ref[1], liar = flow_alloc(t, FLOW_SESSION), record;
	struct flow_key4 key;

	(void)state;
	/* Another record under a's hash, before a. */
	absent = nth_tuple(IP_V4, 2);
	flow_side_set_tuple(&t->records[liar].side[FLOW_ORIGINAL], &absent);
	assert_int_equal(flow_insert(t, liar, flow_hash(t, &a), flow_hash(t, &b)), 0);
	key = flow_key4_of_tuple(&a);
	flow_find4_burst(t, &key, hash, ref, 1);
	assert_int_equal(ref[0], FLOW_NONE);
	record = insert(t, FLOW_SESSION, &a, &b);
	flow_find4_burst(t, &key, hash, ref, 1);
	assert_int_equal(ref[0], flow_ref(record, FLOW_ORIGINAL));
	assert_int_equal(flow_find(t, &b), flow_ref(record, FLOW_REPLY));
	flow_table_free(t);
}

/* The same bits in both families, and as another protocol, are other keys. */
static void test_families_and_protocols(void **state)
{
	struct flow_table *t = table_new(64, true);
	struct flow_tuple key = {.src = ip_addr_v4(0), .dst = ip_addr_v4(0), .proto = IPPROTO_ICMP};
	struct flow_tuple key6 = {.src = {.family = IP_V6}, .dst = {.family = IP_V6},
		.proto = IPPROTO_ICMP};
	uint32_t v4, v6, host;

	(void)state;
	v4 = insert(t, FLOW_HOST, &key, &key);
	assert_int_equal(flow_find(t, &key6), FLOW_NONE);
	v6 = insert(t, FLOW_HOST, &key6, &key6);
	key.proto = 0;
	assert_int_equal(flow_find(t, &key), FLOW_NONE);
	host = insert(t, FLOW_HOST, &key, &key);
	assert_int_equal(flow_find(t, &key), flow_ref(host, FLOW_ORIGINAL));
	key.proto = IPPROTO_ICMP;
	assert_int_equal(flow_find(t, &key), flow_ref(v4, FLOW_ORIGINAL));
	assert_int_equal(flow_find(t, &key6), flow_ref(v6, FLOW_ORIGINAL));
	flow_remove(t, v4);
	assert_int_equal(flow_find(t, &key), FLOW_NONE);
	assert_int_equal(flow_find(t, &key6), flow_ref(v6, FLOW_ORIGINAL));
	flow_table_free(t);
}

/* A record that was never inserted can be given back; a new one is zero whatever it was before. */
static void test_records(void **state)
{
	struct flow_table_conf conf = {.capacity = 2, .windows = true};
	struct flow_table *t = flow_table_new(&conf);
	static const struct flow_record zero;
	uint32_t record;

	(void)state;
	assert_non_null(t->windows);
	for (unsigned int i = 0; i < 5; i++) {
		record = flow_alloc(t, FLOW_BINDING);
		assert_memory_equal(&t->records[record], &zero, sizeof(zero));
		assert_int_equal(t->cold[record].kind, FLOW_BINDING);
		assert_int_equal(t->cold[record].parent, FLOW_NONE);
		memset(&t->records[record], 0xa5, sizeof(zero));
		t->cold[record].parent = t->cold[record].rule = 7;
		flow_remove(t, record);
		assert_int_equal(t->cold[record].kind, FLOW_FREE);
	}
	flow_table_free(t);
	flow_table_free(NULL);

	conf.capacity = 0;
	t = flow_table_new(&conf);
	assert_non_null(t);
	assert_int_equal(flow_alloc(t, FLOW_SESSION), FLOW_NONE);
	flow_table_free(t);
	conf.capacity = FLOW_CAPACITY_MAX;
	assert_null(flow_table_new(&conf));
	assert_int_equal(errno, EINVAL);
}

/* Hashes depend on the secret and on every bit of a key, whichever hash it is. */
static void test_hash_is_keyed(void **state)
{
	(void)state;
	for (unsigned int aes = 0; aes < 2; aes++) {
		struct flow_table *t = table_new(8, aes), *o = table_new(8, aes);
		struct flow_tuple key = nth_tuple(IP_V6, 5), key4 = nth_tuple(IP_V4, 5);
		uint32_t hash = flow_hash(t, &key), hash4 = flow_hash(t, &key4);

		assert_int_not_equal(hash, flow_hash(o, &key));
		assert_int_not_equal(hash4, flow_hash(o, &key4));
		for (unsigned int bit = 0; bit < 128; bit++) {
			key.src.bytes[bit / 8] ^= 1 << bit % 8;
			assert_int_not_equal(hash, flow_hash(t, &key));
			key.src.bytes[bit / 8] ^= 1 << bit % 8;
			key.dst.bytes[bit / 8] ^= 1 << bit % 8;
			assert_int_not_equal(hash, flow_hash(t, &key));
			key.dst.bytes[bit / 8] ^= 1 << bit % 8;
			if (bit < 32) {
				key4.dst.bytes[bit / 8] ^= 1 << bit % 8;
				assert_int_not_equal(hash4, flow_hash(t, &key4));
				key4.dst.bytes[bit / 8] ^= 1 << bit % 8;
			}
		}
		for (unsigned int bit = 0; bit < 16; bit++) {
			key.sport ^= 1 << bit;
			assert_int_not_equal(hash, flow_hash(t, &key));
			key.sport ^= 1 << bit;
			key4.dport ^= 1 << bit;
			assert_int_not_equal(hash4, flow_hash(t, &key4));
			key4.dport ^= 1 << bit;
		}
		flow_table_free(t);
		flow_table_free(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_fills_up),
		cmocka_unit_test(test_bytes_per_session),
		cmocka_unit_test(test_tags_by_vector_and_one_by_one),
		cmocka_unit_test(test_other_bucket),
		cmocka_unit_test(test_same_tag),
		cmocka_unit_test(test_candidates_are_compared),
		cmocka_unit_test(test_families_and_protocols),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_hash_is_keyed),
	};

	seed = unit_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

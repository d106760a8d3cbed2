/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table's hash: keyed, so that who chooses tuples cannot choose buckets. AES rounds under the
 * secret where the processor has them (three: after two, differences in four bytes can still leave a
 * column of the state alone); else SipHash-1-3 (Aumasson and Bernstein, 2012). A table uses one.
 */
#include "flow/siphash.h"
#include "flow/table_priv.h"

static void hash4_burst_sip(const struct flow_table *t, const struct flow_key4 *keys,
	uint32_t *ret_hash, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		ret_hash[i] = sip_hash(t->secret, &keys[i], sizeof(keys[i]) / 8);
		flow_prefetch(t, ret_hash[i]);
	}
}

static void hash6_burst_sip(const struct flow_table *t, const struct flow_key6 *keys,
	uint32_t *ret_hash, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		ret_hash[i] = sip_hash(t->secret, &keys[i], sizeof(keys[i]) / 8);
		flow_prefetch(t, ret_hash[i]);
	}
}

#ifdef __SSE2__
#define AES __attribute__((target("aes,sse4.2")))

AES static inline __m128i aes_rounds(__m128i x, __m128i secret, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++)
		x = _mm_aesenc_si128(x, secret);
	return x;
}

AES static inline uint32_t aes_hash4(__m128i key, __m128i secret)
{
	return (uint32_t)_mm_cvtsi128_si32(aes_rounds(_mm_xor_si128(key, secret), secret, 3));
}

/* A chain over three blocks. Two rounds stand between blocks: what may cancel there is a difference
 * that the attacker guesses under an unknown key, 2^-30 at best. */
AES static inline uint32_t aes_hash6(__m128i src, __m128i dst, __m128i ports, __m128i secret)
{
	__m128i x = aes_rounds(_mm_xor_si128(src, secret), secret, 2);

	x = aes_rounds(_mm_xor_si128(x, dst), secret, 2);
	return (uint32_t)_mm_cvtsi128_si32(aes_rounds(_mm_xor_si128(x, ports), secret, 3));
}

AES static void hash4_burst_aes(const struct flow_table *t, const struct flow_key4 *keys,
	uint32_t *ret_hash, unsigned int n)
{
	const __m128i secret = _mm_loadu_si128((const __m128i *)t->secret);

	for (unsigned int i = 0; i < n; i++) {
		ret_hash[i] = aes_hash4(_mm_load_si128((const __m128i *)&keys[i]), secret);
		rte_prefetch0(&t->buckets[bucket_home(t->n_buckets, ret_hash[i])]);
	}
}

AES static void hash6_burst_aes(const struct flow_table *t, const struct flow_key6 *keys,
	uint32_t *ret_hash, unsigned int n)
{
	const __m128i secret = _mm_loadu_si128((const __m128i *)t->secret);

	for (unsigned int i = 0; i < n; i++) {
		const __m128i *block = (const __m128i *)&keys[i];

		ret_hash[i] = aes_hash6(_mm_load_si128(block), _mm_load_si128(block + 1),
			_mm_load_si128(block + 2), secret);
		rte_prefetch0(&t->buckets[bucket_home(t->n_buckets, ret_hash[i])]);
	}
}

/* The keys are put together in registers: from memory just written in pieces they would have to wait. */
AES static uint32_t aes_hash_of(const struct flow_table *t, uint8_t family, const void *src,
	const void *dst, rte_be16_t sport, rte_be16_t dport, uint8_t proto)
{
	const __m128i secret = _mm_loadu_si128((const __m128i *)t->secret);
	uint64_t tail = (uint64_t)proto << 32 | (uint32_t)dport << 16 | sport;
	uint32_t src4, dst4;

	if (family != IP_V4)
		return aes_hash6(_mm_loadu_si128(src), _mm_loadu_si128(dst),
			_mm_cvtsi64_si128((long long)tail), secret);
	memcpy(&src4, src, 4);
	memcpy(&dst4, dst, 4);
	return aes_hash4(_mm_set_epi64x((long long)tail, (long long)((uint64_t)dst4 << 32 | src4)),
		secret);
}
#endif

void hash4_burst(const struct flow_table *t, const struct flow_key4 *keys, uint32_t *ret_hash,
	unsigned int n)
{
#ifdef __SSE2__
	if (likely(t->priv->aes)) {
		hash4_burst_aes(t, keys, ret_hash, n);
		return;
	}
#endif
	hash4_burst_sip(t, keys, ret_hash, n);
}

void hash6_burst(const struct flow_table *t, const struct flow_key6 *keys, uint32_t *ret_hash,
	unsigned int n)
{
#ifdef __SSE2__
	if (likely(t->priv->aes)) {
		hash6_burst_aes(t, keys, ret_hash, n);
		return;
	}
#endif
	hash6_burst_sip(t, keys, ret_hash, n);
}

static uint32_t sip_hash_of(const struct flow_table *t, uint8_t family, const void *src,
	const void *dst, rte_be16_t sport, rte_be16_t dport, uint8_t proto)
{
	struct flow_key4 k4 = {.sport = sport, .dport = dport, .proto = proto};
	struct flow_key6 k6 = {.sport = sport, .dport = dport, .proto = proto};

	if (family == IP_V4) {
		memcpy(&k4.src, src, 4);
		memcpy(&k4.dst, dst, 4);
		return sip_hash(t->secret, &k4, sizeof(k4) / 8);
	}
	memcpy(k6.src, src, sizeof(k6.src));
	memcpy(k6.dst, dst, sizeof(k6.dst));
	return sip_hash(t->secret, &k6, sizeof(k6) / 8);
}

static uint32_t hash_of(const struct flow_table *t, uint8_t family, const void *src,
	const void *dst, rte_be16_t sport, rte_be16_t dport, uint8_t proto)
{
#ifdef __SSE2__
	if (likely(t->priv->aes))
		return aes_hash_of(t, family, src, dst, sport, dport, proto);
#endif
	return sip_hash_of(t, family, src, dst, sport, dport, proto);
}

uint32_t flow_hash(const struct flow_table *t, const struct flow_tuple *key)
{
	return hash_of(t, key->src.family, key->src.bytes, key->dst.bytes, key->sport, key->dport,
		key->proto);
}

uint32_t hash_side(const struct flow_table *t, const struct flow_side *s)
{
	const uint8_t *src = s->family == IP_V4 ? (const uint8_t *)&s->v4.src : s->v6.src;
	const uint8_t *dst = s->family == IP_V4 ? (const uint8_t *)&s->v4.dst : s->v6.dst;

	return hash_of(t, s->family, src, dst, s->sport, s->dport, s->proto);
}

void flow_prefetch(const struct flow_table *t, uint32_t hash)
{
	rte_prefetch0(&t->buckets[bucket_home(t->n_buckets, hash)]);
}

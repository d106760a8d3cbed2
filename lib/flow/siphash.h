/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_SIPHASH_H
#define FLOW_SIPHASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t sip_rotate(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = sip_rotate(v[1], 13) ^ v[0];
	v[0] = sip_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = sip_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = sip_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = sip_rotate(v[1], 17) ^ v[2];
	v[2] = sip_rotate(v[2], 32);
}

/* SipHash-1-3 of `words` 64-bit words; the length is fixed for each kind of key, and so is not mixed
 * in but by `words`. */
static inline uint32_t sip_hash(const uint8_t secret[16], const void *key, unsigned int words)
{
	uint64_t k[2], m, v[4];

	memcpy(k, secret, sizeof(k));
	v[0] = k[0] ^ 0x736f6d6570736575u;
	v[1] = k[1] ^ 0x646f72616e646f6du;
	v[2] = k[0] ^ 0x6c7967656e657261u;
	v[3] = k[1] ^ 0x7465646279746573u;
	for (unsigned int i = 0; i <= words; i++) {
		m = (uint64_t)words << 59;
		if (i < words)
			memcpy(&m, (const uint8_t *)key + 8 * i, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (unsigned int i = 0; i < 3; i++)
		sip_round(v);
	m = v[0] ^ v[1] ^ v[2] ^ v[3];
	return (uint32_t)(m ^ m >> 32);
}

#endif

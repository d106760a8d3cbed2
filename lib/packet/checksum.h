/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071), over bytes in memory order: sums and results are big-endian
 * words as they stand in the packet. A correct header or message folds to 0xffff. */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds n bytes to a running sum; only the last part of a message may have an odd length. */
static inline uint64_t checksum_add(uint64_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t word;
	uint16_t half;

	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	if (n >= 2) {
		memcpy(&half, p, sizeof(half));
		sum += half;
		p += 2;
		n -= 2;
	}
	if (n > 0) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

/* A sum of a few 32-bit words to 16 bits. */
static inline uint32_t checksum_fold32(uint64_t sum)
{
	uint32_t s;

	s = (uint32_t)sum + (uint32_t)(sum >> 32);
	s += s < (uint32_t)sum;
	s += s >> 16 | s << 16;
	return s >> 16;
}

static inline uint16_t checksum_fold(uint64_t sum)
{
	return checksum_fold32((uint32_t)sum + (sum >> 32));
}

#endif

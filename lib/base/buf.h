/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded byte reader and writer, in the manner of OpenBSD's ibuf: the only way in which the control
 * plane touches foreign bytes. A failed read or write moves nothing and latches `failed`, so that a
 * parser may check once at the end of a run of reads.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf_reader {
	const uint8_t *data;
	size_t len; /* bytes left */
	bool failed;
};

static inline struct buf_reader buf_reader(const void *data, size_t len)
{
	return (struct buf_reader){.data = data, .len = len};
}

/* The next n bytes, consumed, or NULL. They live as long as the underlying memory. */
static inline const uint8_t *buf_take(struct buf_reader *r, size_t n)
{
	const uint8_t *p = r->data;

	if (r->failed || n > r->len) {
		r->failed = true;
		return NULL;
	}
	r->data += n;
	r->len -= n;
	return p;
}

/* Big-endian integers; 0 when too few bytes are left. */
static inline uint8_t buf_get_u8(struct buf_reader *r)
{
	const uint8_t *p = buf_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t buf_get_u16(struct buf_reader *r)
{
	const uint8_t *p = buf_take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t buf_get_u32(struct buf_reader *r)
{
	const uint8_t *p = buf_take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Splits off a reader for the next n bytes; a failed one where fewer are left. */
static inline struct buf_reader buf_sub(struct buf_reader *r, size_t n)
{
	const uint8_t *p = buf_take(r, n);

	return (struct buf_reader){.data = p, .len = p ? n : 0, .failed = p == NULL};
}

struct buf_writer {
	uint8_t *data;
	size_t len; /* bytes written */
	size_t cap;
	bool failed;
};

static inline struct buf_writer buf_writer(void *data, size_t cap)
{
	return (struct buf_writer){.data = data, .cap = cap};
}

/* Room for n more bytes, counted as written, or NULL. */
static inline uint8_t *buf_reserve(struct buf_writer *w, size_t n)
{
	if (w->failed || n > w->cap - w->len) {
		w->failed = true;
		return NULL;
	}
	w->len += n;
	return w->data + w->len - n;
}

static inline void buf_put(struct buf_writer *w, const void *src, size_t n)
{
	uint8_t *p = buf_reserve(w, n);

	if (p != NULL && n > 0)
		memcpy(p, src, n);
}

static inline void buf_put_u8(struct buf_writer *w, uint8_t v)
{
	buf_put(w, &v, 1);
}

static inline void buf_put_u16(struct buf_writer *w, uint16_t v)
{
	buf_put(w, (uint8_t[]){v >> 8, v & 0xff}, 2);
}

static inline void buf_put_u32(struct buf_writer *w, uint32_t v)
{
	buf_put(w, (uint8_t[]){v >> 24, v >> 16, v >> 8, v}, 4);
}

/* Overwrites two bytes already written at `at`: a length that is known only later. */
static inline void buf_patch_u16(struct buf_writer *w, size_t at, uint16_t v)
{
	if (w->failed || at + 2 > w->len) {
		w->failed = true;
		return;
	}
	w->data[at] = v >> 8;
	w->data[at + 1] = v & 0xff;
}

#endif

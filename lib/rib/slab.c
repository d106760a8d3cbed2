/* SPDX-License-Identifier: BSD-3-Clause */
/* slab.h. Under AddressSanitizer each object is malloc's own, so that a stale pointer is found. */
#include <stdlib.h>
#include <string.h>

#include "rib/slab.h"

#define BLOCK_OBJECTS 4096

void slab_init(struct slab *s, size_t size)
{
	*s = (struct slab){.size = size < sizeof(void *) ? sizeof(void *) : size};
}

void slab_fini(struct slab *s)
{
	void *b;

	while ((b = s->blocks) != NULL) {
		memcpy(&s->blocks, b, sizeof(void *));
		free(b);
	}
	*s = (struct slab){.size = s->size};
}

#ifdef __SANITIZE_ADDRESS__

void *slab_alloc(struct slab *s)
{
	void *p = calloc(1, s->size);

	s->used += p != NULL;
	return p;
}

void slab_free(struct slab *s, void *object)
{
	s->used--;
	free(object);
}

#else

static int grow(struct slab *s)
{
	/* A cache line in front holds the chain and keeps 64-byte objects in one line each. */
	size_t bytes = (64 + BLOCK_OBJECTS * s->size + 63) & ~(size_t)63;
	char *b = aligned_alloc(64, bytes);
	unsigned int i;

	if (b == NULL)
		return -1;
	memcpy(b, &s->blocks, sizeof(void *));
	s->blocks = b;
	for (i = BLOCK_OBJECTS; i-- > 0;) {
		char *object = b + 64 + i * s->size;

		memcpy(object, &s->free, sizeof(void *));
		s->free = object;
	}
	return 0;
}

void *slab_alloc(struct slab *s)
{
	void *p;

	if (s->free == NULL && grow(s) < 0)
		return NULL;
	p = s->free;
	memcpy(&s->free, p, sizeof(void *));
	s->used++;
	return memset(p, 0, s->size);
}

void slab_free(struct slab *s, void *object)
{
	memcpy(object, &s->free, sizeof(void *));
	s->free = object;
	s->used--;
}

#endif

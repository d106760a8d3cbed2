/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of one size from large blocks with a free list: no malloc header per route, and none of its
 * fragmentation. Blocks go back only with the whole slab. Control thread.
 */
#ifndef RIB_SLAB_H
#define RIB_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	size_t size;   /* of an object; at least a pointer's */
	void *free;    /* chained through their first word */
	void *blocks;  /* likewise */
	uint64_t used; /* objects in use */
};

void slab_init(struct slab *s, size_t size);
void slab_fini(struct slab *s);
/* A zeroed object, or NULL. */
void *slab_alloc(struct slab *s);
void slab_free(struct slab *s, void *object);

#endif

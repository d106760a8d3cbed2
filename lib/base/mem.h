/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zeroed memory in bulk for tables that are read at random, where 4 KiB pages would make each
 * access a TLB miss as well. Straight from the kernel, so that tables work without EAL too.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#define MEM_HUGE_PAGE ((size_t)2 << 20)

/* On reserved huge pages where enough are free, else as mem_alloc_lazy. NULL and errno. */
void *mem_alloc_huge(size_t bytes);
/* Taken page by page as touched; `bytes` is just a bound. NULL and errno. */
void *mem_alloc_lazy(size_t bytes);
/* The same `bytes` as at allocation; mem_free(NULL, n) is legal. */
void mem_free(void *p, size_t bytes);

#endif

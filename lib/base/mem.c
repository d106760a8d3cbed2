/* SPDX-License-Identifier: BSD-3-Clause */
/* Bulk memory on huge pages: see mem.h. */
#include "base/mem.h"

#include <sys/mman.h>

#include <rte_common.h>

void *mem_alloc_huge(size_t bytes)
{
	void *p = mmap(NULL, RTE_ALIGN_CEIL(bytes, MEM_HUGE_PAGE), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return p != MAP_FAILED ? p : mem_alloc_lazy(bytes);
}

void *mem_alloc_lazy(size_t bytes)
{
	size_t size = RTE_ALIGN_CEIL(bytes, MEM_HUGE_PAGE), slack;
	/* One huge page more than needed, to cut an aligned piece out of it. */
	char *p = mmap(NULL, size + MEM_HUGE_PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	slack = RTE_PTR_ALIGN_CEIL(p, MEM_HUGE_PAGE) - p;
	if (slack > 0)
		munmap(p, slack);
	if (slack < MEM_HUGE_PAGE)
		munmap(p + slack + size, MEM_HUGE_PAGE - slack);
	/* Only advice: a kernel without transparent huge pages serves small ones. */
	(void)madvise(p + slack, size, MADV_HUGEPAGE);
	return p + slack;
}

void mem_free(void *p, size_t bytes)
{
	if (p != NULL)
		munmap(p, RTE_ALIGN_CEIL(bytes, MEM_HUGE_PAGE));
}

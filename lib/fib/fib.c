/* SPDX-License-Identifier: BSD-3-Clause */
/* The front of both tables: families, checks, statistics. See fib.h. */
#include "fib/fib.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fib/dir24_8.h"
#include "fib/poptrie.h"

struct fib {
	struct dir24_8 v4;
	struct poptrie v6;
	uint32_t generation; /* written by the control thread, read by workers */
};

static uint32_t v4_of(const struct ip_addr *a)
{
	return rte_be_to_cpu_32(ip_addr_be32(a));
}

static struct fib_v6_key v6_of(const struct ip_addr *a)
{
	rte_be64_t w[2];

	memcpy(w, a->bytes, sizeof(w));
	return (struct fib_v6_key){.hi = rte_be_to_cpu_64(w[0]), .lo = rte_be_to_cpu_64(w[1])};
}

/* A host bit would lead a range beyond the table. */
static void check_prefix(const struct ip_prefix *p)
{
	struct ip_prefix canonical = *p;

	assert(p->addr.family == IP_V4 || p->addr.family == IP_V6);
	assert(p->len <= ip_family_bits(p->addr.family));
	assert(!ip_prefix_canonicalise(&canonical));
	(void)canonical;
}

struct fib *fib_new(const struct fib_conf *conf)
{
	struct fib *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	rc = dir24_8_init(&f->v4, conf->max_v4_groups, conf->qsbr);
	if (rc != 0)
		goto no_v4;
	rc = poptrie_init(&f->v6, conf->max_v6_nodes, conf->qsbr);
	if (rc != 0)
		goto no_v6;
	return f;

no_v6:
	dir24_8_fini(&f->v4);
no_v4:
	free(f);
	errno = -rc;
	return NULL;
}

void fib_free(struct fib *f)
{
	if (f == NULL)
		return;
	dir24_8_fini(&f->v4);
	poptrie_fini(&f->v6);
	free(f);
}

/* The change stands in the table before the new generation is seen. */
static int changed(struct fib *f, int rc)
{
	if (rc == 0)
		__atomic_store_n(&f->generation, f->generation + 1, __ATOMIC_RELEASE);
	return rc;
}

uint32_t fib_generation(const struct fib *f)
{
	return __atomic_load_n(&f->generation, __ATOMIC_ACQUIRE);
}

int fib_add(struct fib *f, const struct ip_prefix *prefix, uint32_t nh)
{
	struct fib_v6_key k;

	check_prefix(prefix);
	assert(nh < NH_INDEX_MAX);
	if (prefix->addr.family == IP_V4)
		return changed(f, dir24_8_add(&f->v4, v4_of(&prefix->addr), prefix->len, nh));
	k = v6_of(&prefix->addr);
	return changed(f, poptrie_add(&f->v6, k.hi, k.lo, prefix->len, nh));
}

int fib_del(struct fib *f, const struct ip_prefix *prefix)
{
	struct fib_v6_key k;

	check_prefix(prefix);
	if (prefix->addr.family == IP_V4)
		return changed(f, dir24_8_del(&f->v4, v4_of(&prefix->addr), prefix->len));
	k = v6_of(&prefix->addr);
	return changed(f, poptrie_del(&f->v6, k.hi, k.lo, prefix->len));
}

int fib_get(const struct fib *f, const struct ip_prefix *prefix, uint32_t *ret_nh)
{
	struct fib_v6_key k;

	check_prefix(prefix);
	if (prefix->addr.family == IP_V4)
		return dir24_8_get(&f->v4, v4_of(&prefix->addr), prefix->len, ret_nh);
	k = v6_of(&prefix->addr);
	return poptrie_get(&f->v6, k.hi, k.lo, prefix->len, ret_nh);
}

void fib_get_stats(const struct fib *f, struct fib_stats *ret_stats)
{
	*ret_stats = (struct fib_stats){
		.v4_routes = f->v4.routes.count,
		.v6_routes = f->v6.routes.count,
		.v4_bytes = dir24_8_bytes(&f->v4),
		.v6_bytes = poptrie_bytes(&f->v6),
		.deferred = f->v4.defer.count + f->v6.defer.count,
	};
}

void fib_reclaim(struct fib *f)
{
	dir24_8_reclaim(&f->v4);
	poptrie_reclaim(&f->v6);
}

uint32_t fib_lookup(const struct fib *f, const struct ip_addr *addr)
{
	struct fib_v6_key k;

	if (addr->family == IP_V4)
		return dir24_8_lookup(&f->v4, v4_of(addr)) & ENTRY_NH_MASK;
	if (addr->family != IP_V6)
		return NH_NONE;
	k = v6_of(addr);
	return poptrie_lookup(&f->v6, k.hi, k.lo) & ENTRY_NH_MASK;
}

void fib_lookup_v4_burst(const struct fib *f, const uint32_t *addr, uint32_t *ret_nh, unsigned int n)
{
	dir24_8_lookup_burst(&f->v4, addr, ret_nh, n);
}

void fib_lookup_v6_burst(const struct fib *f, const struct fib_v6_key *addr, uint32_t *ret_nh,
	unsigned int n)
{
	poptrie_lookup_burst(&f->v6, addr, ret_nh, n);
}

void fib_prefetch_v4(const struct fib *f, uint32_t addr)
{
	dir24_8_prefetch(&f->v4, addr);
}

void fib_prefetch_v6(const struct fib *f, uint64_t hi)
{
	poptrie_prefetch(&f->v6, hi);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * External endpoints. There is no second account of what is in use: an endpoint is free where the flow
 * table has no record with the reply's tuple, so that a port serves as many destinations as there are
 * (RFC 7857 6), and nothing can go out of step. Workers.
 *
 * Each address is tried in the order: the packet's own port, a few at random, then on in a random order
 * until so many have been looked at that the rest is given up; small ranges are looked at whole. The
 * random order is a walk in odd steps over the next power of two: ports in use stay scattered, and one
 * in 1 / (1 - fill) tries hits. A scan in order would grow clusters and take the square of that.
 */
#include <errno.h>
#include <netinet/in.h>

#include <rte_common.h>

#include "fib/mix.h"
#include "nat/nat_priv.h"

#define BATCH 16	 /* candidates looked up at once */
#define SCAN_MAX 1024	 /* looked at of one address */
#define SCAN_TOTAL 4096	 /* ...of all addresses, beside a few for each */
#define PARTIAL_MS 10	 /* an address not looked at whole is left alone for so long */
#define EXHAUSTED_MS 1000 /* ...one that is full, unless a session there ends (nat_alloc_freed()) */
#define CLASS_END 1024	 /* RFC 4787 REQ-3: well-known ports stay such */

/* Ports of one worker, numbered without gaps. */
struct range {
	uint32_t first; /* number of the first */
	uint32_t step;	/* 2 where parity is kept */
	uint32_t count;
};

struct attempt {
	struct nat_worker *w;
	struct flow_tuple *reply;
	struct range range;
	uint32_t lo, hi; /* the ports that range came from */
	bool icmp, reserved; /* an identifier; NAT_PORT_RESERVED is no candidate */
	bool binding;
	int parity; /* -1: any */
	uint32_t budget;
	uint32_t *ret_hash;
};

/* A port of this worker's as its number: runs of 64, closed up. */
static uint32_t port_number(const struct nat_worker *w, uint32_t port)
{
	return w->workers == 1 ? port : (port >> 6) / w->workers << 6 | (port & 63);
}

static uint16_t port_of(const struct nat_worker *w, uint32_t number)
{
	return (uint16_t)(((number >> 6) * w->workers + w->index) << 6 | (number & 63));
}

static struct range range_of(const struct nat_worker *w, uint32_t lo, uint32_t hi, int parity)
{
	struct range r = {.step = parity < 0 ? 1 : 2};
	uint32_t ahead = 0, behind = 0, last;

	if (w->workers > 1) {
		ahead = (w->index + w->workers - (lo >> 6) % w->workers) % w->workers;
		behind = ((hi >> 6) % w->workers + w->workers - w->index) % w->workers;
	}

	if (ahead > 0)
		lo = ((lo >> 6) + ahead) << 6;
	if (behind > 0) {
		if (behind > hi >> 6)
			return r;
		hi = ((hi >> 6) - behind) << 6 | 63;
	}
	if (lo > hi)
		return r;
	r.first = port_number(w, lo);
	last = port_number(w, hi);
	if (parity >= 0 && (int)(r.first & 1) != parity)
		r.first++;
	if (last >= r.first)
		r.count = (last - r.first) / r.step + 1;
	return r;
}

/* --- what was found exhausted --- */

static uint64_t exhausted_key(const struct flow_tuple *reply)
{
	/* ICMP: the remote has no identifier of its own. */
	bool icmp = reply->proto == IPPROTO_ICMP || reply->proto == IPPROTO_ICMPV6;
	uint64_t s[2], d[2];

	memcpy(s, reply->src.bytes, sizeof(s));
	memcpy(d, reply->dst.bytes, sizeof(d));
	return mix64(s[0] ^ s[1] * 3 ^ mix64(d[0] + d[1] * 5 + reply->proto +
			((uint64_t)(icmp ? 0 : reply->sport) << 32)));
}

static unsigned int exhausted_slot(const struct nat_worker *w, uint64_t key)
{
	return key % RTE_DIM(w->exhausted);
}

static uint32_t exhausted_hash(const struct attempt *a, uint64_t key, int parity)
{
	return (uint32_t)(mix64(key ^ (uint64_t)(parity + 1) << 40 ^ a->lo << 16 ^ a->hi) >> 32);
}

/* Nothing is remembered for longer: what is further ahead was half the clock's round ago. */
static bool is_ahead(const struct nat_worker *w, uint32_t until_ms)
{
	return until_ms - w->now_ms - 1 < EXHAUSTED_MS;
}

static bool is_exhausted(const struct attempt *a)
{
	const struct nat_worker *w = a->w;
	unsigned int slot;
	uint64_t key;

	if (!is_ahead(w, w->exhausted_until_ms))
		return false;
	key = exhausted_key(a->reply);
	slot = exhausted_slot(w, key);
	return is_ahead(w, w->exhausted[slot].until_ms) &&
		(w->exhausted[slot].hash == exhausted_hash(a, key, a->parity) ||
			w->exhausted[slot].hash == exhausted_hash(a, key, -1));
}

static void set_exhausted(const struct attempt *a, uint32_t ms)
{
	struct nat_worker *w = a->w;
	uint64_t key = exhausted_key(a->reply);
	unsigned int slot = exhausted_slot(w, key);

	w->exhausted[slot].hash = exhausted_hash(a, key, a->parity);
	w->exhausted[slot].until_ms = w->now_ms + ms;
	if (!is_ahead(w, w->exhausted_until_ms) || ms > w->exhausted_until_ms - w->now_ms)
		w->exhausted_until_ms = w->now_ms + ms;
}

void nat_alloc_forget(struct nat_worker *w)
{
	w->exhausted_until_ms = w->now_ms;
	for (unsigned int i = 0; i < RTE_DIM(w->exhausted); i++)
		w->exhausted[i].until_ms = w->now_ms;
}

void nat_alloc_freed(struct nat_worker *w, const struct flow_tuple *reply)
{
	if (is_ahead(w, w->exhausted_until_ms))
		w->exhausted[exhausted_slot(w, exhausted_key(reply))].until_ms = w->now_ms;
}

/* --- candidates --- */

static void set_port(const struct attempt *a, uint16_t port)
{
	a->reply->dport = rte_cpu_to_be_16(port);
	if (a->icmp && !a->binding)
		a->reply->sport = a->reply->dport;
}

static bool is_allowed(const struct attempt *a, uint16_t port)
{
	return !(a->reserved && port == NAT_PORT_RESERVED) &&
		!nat_is_dnat_endpoint(a->w->rules, &a->reply->dst, a->reply->proto,
			rte_cpu_to_be_16(port));
}

/* The first of these ports that is free; false: none. */
static bool try_ports(const struct attempt *a, const uint16_t *ports, unsigned int n)
{
	union {
		struct flow_key4 v4[BATCH];
		struct flow_key6 v6[BATCH];
	} keys;
	uint32_t hash[BATCH], ref[BATCH];

	if (a->reply->src.family == IP_V4) {
		for (unsigned int i = 0; i < n; i++) {
			set_port(a, ports[i]);
			keys.v4[i] = flow_key4_of_tuple(a->reply);
		}
		flow_find4_burst(a->w->flows, keys.v4, hash, ref, n);
	} else {
		for (unsigned int i = 0; i < n; i++) {
			set_port(a, ports[i]);
			keys.v6[i] = flow_key6_of_tuple(a->reply);
		}
		flow_find6_burst(a->w->flows, keys.v6, hash, ref, n);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (ref[i] != FLOW_NONE || !is_allowed(a, ports[i]))
			continue;
		set_port(a, ports[i]);
		*a->ret_hash = hash[i];
		return true;
	}
	return false;
}

/* RFC 7857 9, RFC 6888 REQ-15: who sees ports must not tell the next. The generator alone is linear, and
 * its low bits would give it away. */
static uint64_t unpredictable(struct nat_worker *w)
{
	return mix64(nat_random(w));
}

/* In random order; 1 and 3 at first, because most often the first is free. `most`: give up then. */
static bool try_random(struct attempt *a, uint32_t most, bool *ret_whole)
{
	uint64_t random = unpredictable(a->w);
	uint32_t mask = rte_align32pow2(a->range.count) - 1;
	uint32_t at = (uint32_t)random, step = (uint32_t)(random >> 32) | 1;
	unsigned int n = 0, want = 1, looked = 0;
	uint16_t ports[BATCH];

	for (uint32_t i = 0; i <= mask && looked < most; i++) {
		at = (at + step) & mask;
		if (at >= a->range.count)
			continue;
		ports[n++] = port_of(a->w, a->range.first + at * a->range.step);
		looked++;
		if (n < want)
			continue;
		if (try_ports(a, ports, n))
			return true;
		want = want == 1 ? 3 : BATCH;
		n = 0;
	}
	a->budget -= RTE_MIN(a->budget, looked);
	*ret_whole = looked == a->range.count;
	return n > 0 && try_ports(a, ports, n);
}

static bool in_range(const struct attempt *a, uint16_t port)
{
	return port >= a->lo && port <= a->hi &&
		nat_port_owner(port, a->w->workers) == a->w->index &&
		(a->parity < 0 || (port & 1) == a->parity);
}

static bool try_address(struct attempt *a, bool preserve, uint16_t own)
{
	uint32_t most = RTE_MIN((uint32_t)SCAN_MAX, a->budget);
	bool whole;

	if (a->range.count == 0 || is_exhausted(a))
		return false;
	if (preserve && in_range(a, own) && try_ports(a, &own, 1))
		return true;
	if (try_random(a, RTE_MAX(most, 4u), &whole))
		return true;
	set_exhausted(a, whole ? EXHAUSTED_MS : PARTIAL_MS);
	return false;
}

/* The address is all there is to choose. */
static bool try_portless(const struct attempt *a)
{
	uint16_t none = 0;

	return try_ports(a, &none, 1);
}

static bool is_unspecified_remote(const struct flow_tuple *reply)
{
	return reply->sport == 0 && ip_addr_is_unspecified(&reply->src);
}

/* The ports that a pool has for this tuple. */
static void set_range(struct attempt *a, const struct nat_pool *pool, const struct flow_tuple *tuple)
{
	uint16_t own = rte_be_to_cpu_16(tuple->sport);

	a->lo = pool->port_first;
	a->hi = pool->port_last;
	a->parity = -1;
	if (!a->icmp) {
		a->reserved = true;
		if (a->lo < CLASS_END && a->hi >= CLASS_END) {
			if (own < CLASS_END)
				a->hi = CLASS_END - 1;
			else
				a->lo = CLASS_END;
		}
		a->lo = RTE_MAX(a->lo, 1u);
	}
	a->parity = tuple->proto == IPPROTO_UDP ? own & 1 : -1;
	a->range = range_of(a->w, a->lo, a->hi, a->parity);
}

static struct attempt attempt_of(struct nat_worker *w, const struct nat_pool *pool,
	const struct flow_tuple *tuple, struct flow_tuple *reply)
{
	struct attempt a = {
		.w = w, .reply = reply, .budget = SCAN_TOTAL,
		.icmp = tuple->proto == IPPROTO_ICMP || tuple->proto == IPPROTO_ICMPV6,
		.binding = is_unspecified_remote(reply),
	};

	if (nat_has_ports(tuple->proto))
		set_range(&a, pool, tuple);
	return a;
}

bool nat_alloc_guess(struct nat_worker *w, const struct nat_pool *pool,
	enum config_nat_ports selection, const struct flow_tuple *tuple, struct flow_tuple *reply)
{
	struct attempt a = attempt_of(w, pool, tuple, reply);
	uint16_t port = rte_be_to_cpu_16(tuple->sport);

	if (a.range.count == 0)
		return false;
	if (selection != CONFIG_NAT_PORTS_PRESERVE || !in_range(&a, port))
		port = port_of(w, a.range.first + a.range.step *
			(uint32_t)((unpredictable(w) >> 32) * a.range.count >> 32));
	reply->dst = *nat_pool_address(pool, &tuple->src);
	set_port(&a, port);
	return is_allowed(&a, port);
}

/* Each address of the pool in turn, from the inside's own on. */
static bool try_addresses(struct attempt *a, const struct nat_pool *pool,
	enum config_nat_ports selection, const struct flow_tuple *tuple)
{
	unsigned int first = (unsigned int)(nat_pool_address(pool, &tuple->src) - pool->addresses);
	/* A binding's address is the inside's, come what may (RFC 4787 REQ-2). */
	unsigned int n = a->binding ? 1 : pool->n_addresses;
	bool portless = !nat_has_ports(tuple->proto);
	bool preserve = selection == CONFIG_NAT_PORTS_PRESERVE;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = first + i;

		a->reply->dst = pool->addresses[at < pool->n_addresses ? at : at - pool->n_addresses];
		if (portless ? try_portless(a) :
			       try_address(a, preserve, rte_be_to_cpu_16(tuple->sport)))
			return true;
	}
	return false;
}

int nat_alloc_endpoint(struct nat_worker *w, const struct nat_pool *pool,
	enum config_nat_ports selection, const struct flow_tuple *tuple, struct flow_tuple *reply,
	uint32_t *ret_hash)
{
	struct attempt a = attempt_of(w, pool, tuple, reply);

	a.ret_hash = ret_hash;
	if (try_addresses(&a, pool, selection, tuple))
		return 0;
	if (a.parity < 0)
		return -EADDRINUSE;
	/* A port of the wrong parity is better than none: hosts that prefer even ones (Linux does)
	 * must not leave half of the pool idle. */
	a.parity = -1;
	a.range = range_of(w, a.lo, a.hi, -1);
	a.budget = SCAN_TOTAL;
	return try_addresses(&a, pool, selection, tuple) ? 0 : -EADDRINUSE;
}

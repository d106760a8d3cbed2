/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual reassembly. A packet is on one of two lists, each in the order of its times: those that wait
 * for their first fragment, and those whose ports are known or that are bad. What came of each packet
 * is kept to the byte, so that a fragment sent twice is told from one that overlaps.
 */
#include "flow/reass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "drop/drop.h"
#include "flow/fragment.h"
#include "flow/siphash.h"
#include "packet/eth.h"
#include "packet/meta.h"

#define NONE UINT16_MAX
#define EXPIRE_MAX 32 /* packets in one call */

struct key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t family;
	uint8_t proto; /* IPv6: 0 (RFC 8200 4.5) */
	uint8_t zero[2];
};
static_assert(sizeof(struct key) % 8 == 0, "whole words to hash, no padding");

struct part {
	uint16_t offset; /* bit 0: on its way back from reass_released() */
	uint16_t len;
};
#define RELEASED 1

struct fifo {
	uint16_t first, last;
};

/* A list through packets[].older and .newer. */
struct list {
	uint16_t oldest, newest;
};

struct packet {
	struct key key;
	uint16_t chain; /* next of its bucket, or of the free ones */
	uint16_t older, newer;
	uint16_t pending; /* parts that are RELEASED */
	uint32_t since_ms;
	uint32_t total; /* bytes; 0: the last has not come */
	uint32_t covered;
	rte_be16_t ports[2];
	uint8_t upper;
	bool known, bad;
	uint8_t n_parts;
	struct fifo held;
	struct part parts[REASS_FRAGMENTS_MAX];
};

struct slot {
	struct rte_mbuf *m;
	uint16_t next;
};

struct reass {
	uint64_t secret[2];
	struct list waiting, known;
	struct fifo released, ended, free_slots;
	uint16_t free_packets;
	uint16_t n_held;
	uint16_t buckets[REASS_PACKETS];
	struct slot slots[REASS_HELD_MAX];
	struct packet packets[REASS_PACKETS];
};

struct reass *reass_new(const uint8_t secret[16])
{
	struct reass *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	memcpy(r->secret, secret, sizeof(r->secret));
	r->waiting = r->known = (struct list){NONE, NONE};
	r->released = r->ended = (struct fifo){NONE, NONE};
	r->free_slots = (struct fifo){0, REASS_HELD_MAX - 1};
	for (unsigned int i = 0; i < REASS_HELD_MAX; i++)
		r->slots[i].next = i + 1 < REASS_HELD_MAX ? i + 1 : NONE;
	for (unsigned int i = 0; i < REASS_PACKETS; i++) {
		r->packets[i].chain = i + 1 < REASS_PACKETS ? i + 1 : NONE;
		r->buckets[i] = NONE;
	}
	return r;
}

/* --- fragments that are kept --- */

static void fifo_append(struct reass *r, struct fifo *to, uint16_t slot)
{
	r->slots[slot].next = NONE;
	if (to->first == NONE)
		to->first = slot;
	else
		r->slots[to->last].next = slot;
	to->last = slot;
}

static uint16_t fifo_take(struct reass *r, struct fifo *from)
{
	uint16_t slot = from->first;

	if (slot != NONE)
		from->first = r->slots[slot].next;
	return slot;
}

static unsigned int fifo_give(struct reass *r, struct fifo *from, struct rte_mbuf **ret_pkts,
	unsigned int max)
{
	unsigned int n = 0;
	uint16_t slot;

	while (n < max && (slot = fifo_take(r, from)) != NONE) {
		ret_pkts[n++] = r->slots[slot].m;
		fifo_append(r, &r->free_slots, slot);
		r->n_held--;
	}
	return n;
}

/* There is a free one: n_held was looked at. */
static void keep(struct reass *r, struct fifo *where, struct rte_mbuf *m)
{
	uint16_t slot = fifo_take(r, &r->free_slots);

	r->slots[slot].m = m;
	fifo_append(r, where, slot);
	r->n_held++;
}

static void end_held(struct reass *r, struct packet *p, enum drop_reason reason)
{
	uint16_t slot;

	while ((slot = fifo_take(r, &p->held)) != NONE) {
		pkt_meta(r->slots[slot].m)->drop_reason = reason;
		fifo_append(r, &r->ended, slot);
	}
}

/* --- packets --- */

static struct packet *at(struct reass *r, uint16_t i)
{
	return i == NONE ? NULL : &r->packets[i];
}

static struct list *list_of(struct reass *r, const struct packet *p)
{
	return p->known || p->bad ? &r->known : &r->waiting;
}

static void list_remove(struct reass *r, struct list *l, struct packet *p)
{
	if (p->older == NONE)
		l->oldest = p->newer;
	else
		r->packets[p->older].newer = p->newer;
	if (p->newer == NONE)
		l->newest = p->older;
	else
		r->packets[p->newer].older = p->older;
}

static void list_append(struct reass *r, struct list *l, struct packet *p, uint32_t now_ms)
{
	uint16_t i = p - r->packets;

	p->since_ms = now_ms;
	p->older = l->newest;
	p->newer = NONE;
	if (l->newest == NONE)
		l->oldest = i;
	else
		r->packets[l->newest].newer = i;
	l->newest = i;
}

static uint16_t *bucket(struct reass *r, const struct key *k)
{
	uint32_t hash = sip_hash((const uint8_t *)r->secret, k, sizeof(*k) / 8);

	return &r->buckets[hash % REASS_PACKETS];
}

static void packet_free(struct reass *r, struct packet *p)
{
	uint16_t i = p - r->packets, *link = bucket(r, &p->key);

	while (*link != i)
		link = &r->packets[*link].chain;
	*link = p->chain;
	list_remove(r, list_of(r, p), p);
	p->chain = r->free_packets;
	r->free_packets = i;
}

static struct packet *packet_find(struct reass *r, const struct key *k)
{
	struct packet *p = at(r, *bucket(r, k));

	while (p != NULL && memcmp(&p->key, k, sizeof(*k)) != 0)
		p = at(r, p->chain);
	return p;
}

static struct packet *packet_new(struct reass *r, const struct key *k, uint32_t now_ms)
{
	struct packet *oldest = at(r, r->known.oldest), *p;
	uint16_t *head = bucket(r, k);

	if (r->free_packets == NONE && oldest != NULL && oldest->pending == 0)
		packet_free(r, oldest);
	if (r->free_packets == NONE)
		return NULL;
	p = &r->packets[r->free_packets];
	r->free_packets = p->chain;
	*p = (struct packet){.key = *k, .chain = *head, .held = {NONE, NONE}};
	*head = p - r->packets;
	list_append(r, &r->waiting, p, now_ms);
	return p;
}

/* Known, or bad: nothing waits from now on. */
static void packet_settle(struct reass *r, struct packet *p, bool bad, uint32_t now_ms)
{
	list_remove(r, list_of(r, p), p);
	if (bad)
		p->bad = true;
	else
		p->known = true;
	list_append(r, &r->known, p, now_ms);
}

static uint8_t packet_spoil(struct reass *r, struct packet *p, enum drop_reason reason,
	uint32_t now_ms)
{
	end_held(r, p, reason);
	p->pending = 0; /* they end as they come back */
	packet_settle(r, p, true, now_ms);
	return reason;
}

static void packet_expire(struct reass *r, struct packet *p, uint32_t now_ms)
{
	if (p->pending > 0) { /* the caller is late */
		list_remove(r, list_of(r, p), p);
		list_append(r, list_of(r, p), p, now_ms);
		return;
	}
	end_held(r, p, DROP_FRAG_TIMEOUT);
	packet_free(r, p);
}

static bool is_over(const struct packet *p, uint32_t now_ms)
{
	return p != NULL && (int32_t)(now_ms - p->since_ms) >= REASS_TIMEOUT_MS;
}

/* --- what arrives --- */

static struct part *part_find(struct packet *p, const struct fragment *f)
{
	for (unsigned int i = 0; i < p->n_parts; i++)
		if ((p->parts[i].offset & ~RELEASED) == f->offset && p->parts[i].len == f->len)
			return &p->parts[i];
	return NULL;
}

/* Whether the fragment and what came before can be of one packet. */
static bool fits(const struct packet *p, const struct fragment *f)
{
	uint32_t end = f->offset + f->len;

	if (p->total != 0 && (end > p->total || !f->more))
		return false;
	for (unsigned int i = 0; i < p->n_parts; i++) {
		uint32_t begins = p->parts[i].offset & ~RELEASED, ends = begins + p->parts[i].len;

		if (f->offset < ends && begins < end)
			return false;
		if (!f->more && ends > end)
			return false;
	}
	return true;
}

static struct part *part_add(struct packet *p, const struct fragment *f)
{
	struct part *part = &p->parts[p->n_parts++];

	*part = (struct part){.offset = f->offset, .len = f->len};
	p->covered += f->len;
	if (!f->more)
		p->total = f->offset + f->len;
	return part;
}

static void ports_of(struct packet *p, struct flow_tuple *tuple, rte_be16_t ret_ports[2])
{
	tuple->proto = p->upper;
	memcpy(ret_ports, p->ports, sizeof(p->ports));
}

static void first_came(struct reass *r, struct packet *p, const struct fragment *f, uint32_t now_ms)
{
	uint16_t slot;

	memcpy(p->ports, f->ports, sizeof(p->ports));
	p->upper = f->upper;
	packet_settle(r, p, false, now_ms);
	while ((slot = fifo_take(r, &p->held)) != NONE)
		fifo_append(r, &r->released, slot);
	for (unsigned int i = 0; i < p->n_parts; i++)
		p->parts[i].offset |= RELEASED;
	p->pending = p->n_parts;
}

static void forget_if_whole(struct reass *r, struct packet *p)
{
	if (p->total != 0 && p->covered == p->total && p->pending == 0)
		packet_free(r, p);
}

/* A fragment that its packet has already. */
static enum reass_verdict again(struct reass *r, struct packet *p, struct part *part,
	struct flow_tuple *tuple, rte_be16_t ret_ports[2], uint8_t *ret_reason)
{
	if (!(part->offset & RELEASED)) {
		*ret_reason = DROP_FRAG_MALFORMED;
		return REASS_DROP;
	}
	part->offset &= ~RELEASED;
	p->pending--;
	ports_of(p, tuple, ret_ports);
	forget_if_whole(r, p);
	return REASS_KNOWN;
}

/* One that is new. */
static enum reass_verdict add(struct reass *r, struct packet *p, const struct fragment *f,
	struct rte_mbuf *m, uint32_t now_ms, uint8_t *ret_reason)
{
	/* Not before those that came before it. */
	bool wait = f->offset != 0 && (!p->known || p->pending > 0);
	struct part *part;

	if (!fits(p, f)) {
		*ret_reason = packet_spoil(r, p, DROP_FRAG_MALFORMED, now_ms);
		return REASS_DROP;
	}
	if (p->n_parts == REASS_FRAGMENTS_MAX) {
		*ret_reason = packet_spoil(r, p, DROP_FRAG_FULL, now_ms);
		return REASS_DROP;
	}
	if (wait && r->n_held == REASS_HELD_MAX) {
		*ret_reason = DROP_FRAG_FULL;
		if (p->n_parts == 0)
			packet_free(r, p);
		return REASS_DROP;
	}
	if (f->offset == 0)
		first_came(r, p, f, now_ms);
	part = part_add(p, f);
	if (!wait)
		return REASS_KNOWN;
	if (p->known) {
		part->offset |= RELEASED;
		p->pending++;
	}
	keep(r, p->known ? &r->released : &p->held, m);
	return REASS_HELD;
}

static struct key key_of(const struct flow_tuple *t, const struct fragment *f, bool v4)
{
	struct key k = {.id = f->id, .family = v4, .proto = v4 ? f->proto : 0};

	memcpy(k.src, t->src.bytes, sizeof(k.src));
	memcpy(k.dst, t->dst.bytes, sizeof(k.dst));
	return k;
}

enum reass_verdict reass_input(struct reass *r, struct rte_mbuf *m, struct flow_tuple *tuple,
	uint32_t now_ms, rte_be16_t ret_ports[2], uint8_t *ret_reason)
{
	bool v4 = *rte_pktmbuf_mtod_offset(m, const uint8_t *, PKT_L2_LEN) >> 4 == 4;
	enum reass_verdict verdict;
	struct fragment f;
	struct packet *p;
	struct part *part;
	struct key key;

	*ret_reason = DROP_FRAG_MALFORMED;
	if (fragment_parse(m, &f) < 0)
		return REASS_DROP;
	if (fragment_without_ports(v4, f.proto) || (f.offset == 0 && !f.more)) {
		memcpy(ret_ports, f.ports, sizeof(f.ports));
		if (f.offset == 0)
			tuple->proto = f.upper;
		return REASS_KNOWN;
	}
	key = key_of(tuple, &f, v4);
	p = packet_find(r, &key);
	if (p != NULL && is_over(p, now_ms)) {
		packet_expire(r, p, now_ms);
		p = packet_find(r, &key);
	}
	if (p == NULL)
		p = packet_new(r, &key, now_ms);
	if (p == NULL) {
		*ret_reason = DROP_FRAG_FULL;
		return REASS_DROP;
	}
	if (p->bad)
		return REASS_DROP;
	part = part_find(p, &f);
	if (part != NULL)
		return again(r, p, part, tuple, ret_ports, ret_reason);
	verdict = add(r, p, &f, m, now_ms, ret_reason);
	if (verdict == REASS_KNOWN) {
		ports_of(p, tuple, ret_ports);
		forget_if_whole(r, p);
	}
	return verdict;
}

unsigned int reass_released(struct reass *r, struct rte_mbuf **ret_pkts, unsigned int max)
{
	return fifo_give(r, &r->released, ret_pkts, max);
}

unsigned int reass_expired(struct reass *r, uint32_t now_ms, struct rte_mbuf **ret_pkts,
	unsigned int max)
{
	for (unsigned int i = 0; i < EXPIRE_MAX && is_over(at(r, r->waiting.oldest), now_ms); i++)
		packet_expire(r, at(r, r->waiting.oldest), now_ms);
	for (unsigned int i = 0; i < EXPIRE_MAX && is_over(at(r, r->known.oldest), now_ms); i++)
		packet_expire(r, at(r, r->known.oldest), now_ms);
	return fifo_give(r, &r->ended, ret_pkts, max);
}

unsigned int reass_held(const struct reass *r)
{
	return r->n_held;
}

void reass_free(struct reass *r)
{
	if (r == NULL)
		return;
	while (r->waiting.oldest != NONE)
		packet_expire(r, at(r, r->waiting.oldest), 0);
	for (struct fifo *f = &r->released; f != NULL; f = f == &r->released ? &r->ended : NULL)
		for (uint16_t i = f->first; i != NONE; i = r->slots[i].next)
			rte_pktmbuf_free(r->slots[i].m);
	free(r);
}

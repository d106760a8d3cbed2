/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers in two threads with rings between them, and a control thread that replaces the rules,
 * lists flows and reads counters all the while. Each worker is also the network around it: it sends
 * packets of its share of the flows, in both directions, and receives what comes out of the flow stage
 * at it. What is checked of each packet that comes out:
 *	outbound  its source is the pool's, and the same external endpoint for the flow's whole life
 *	inbound	  it is translated back to its flow's inside endpoint, whichever worker it came in at
 *	order	  per flow and direction, packets leave in the order in which they came
 * and at the end: none was lost, one session for each flow, no more.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <rte_tcp.h>

#include "nat/engine.h"

#define WORKERS 2
#define FLOWS 600
#define RING 1024
#define BURST 32
#define PACKETS 2048 /* of each worker */
#define ROUNDS_DEFAULT 4000

struct payload {
	uint32_t flow, seq;
	uint32_t inbound;
};

struct flow {
	struct flow_tuple in; /* as the inside sends it */
	uint64_t outside;     /* 1 << 48 | address << 16 | port, once it is known; any thread */
	unsigned int from[2]; /* the worker where packets of each direction come in */
	uint32_t sent[2];     /* by that worker */
	uint32_t seen[2];     /* by the owner's thread: the last that left */
	unsigned int owner;   /* where it left first, plus 1; any thread */
	uint8_t fragments;    /* datagrams come in two */
};

struct packet {
	struct craft c;
	bool busy; /* set by whose it is, cleared by who receives it */
};

/* One producer, one consumer. */
struct ring {
	struct rte_mbuf *pkts[RING];
	uint32_t head __attribute__((aligned(64)));
	uint32_t tail __attribute__((aligned(64)));
};

struct thread {
	pthread_t id;
	unsigned int index;
	uint64_t seed;
	struct packet *packets;
	unsigned int at;
	uint64_t in, out, dropped[DROP_REASON_MAX];
	bool stopped; /* sends no more */
};

static struct engine e;
static struct flow flows[FLOWS];
static struct ring rings[WORKERS][WORKERS]; /* [from][to] */
static struct thread threads[WORKERS];
static unsigned int rounds;
static uint64_t clock_tsc;
static unsigned int running; /* threads that still send */

static struct packet *packet_of(struct rte_mbuf *m)
{
	return (struct packet *)((char *)m - offsetof(struct packet, c.m));
}

static void give_back(struct thread *t, struct rte_mbuf *m)
{
	__atomic_add_fetch(&t->out, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&packet_of(m)->busy, false, __ATOMIC_RELEASE);
}

static struct packet *take_packet(struct thread *t)
{
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct packet *p = &t->packets[t->at++ % PACKETS];

		if (!__atomic_load_n(&p->busy, __ATOMIC_ACQUIRE)) {
			p->busy = true;
			return p;
		}
	}
	return NULL;
}

/* Half full: the other must get ahead, or packets are lost. */
static bool is_crowded(const struct ring *r)
{
	return r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) > RING / 2;
}

static bool put(struct ring *r, struct rte_mbuf *m)
{
	if (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == RING)
		return false;
	r->pkts[r->head % RING] = m;
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	return true;
}

static unsigned int take(struct ring *r, struct rte_mbuf **pkts, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && r->tail + n != __atomic_load_n(&r->head, __ATOMIC_ACQUIRE)) {
		pkts[n] = r->pkts[(r->tail + n) % RING];
		n++;
	}
	__atomic_store_n(&r->tail, r->tail + n, __ATOMIC_RELEASE);
	return n;
}

/* --- packets in --- */

static struct flow_tuple inbound_tuple(const struct flow *f, uint64_t outside)
{
	struct flow_tuple t = flow_tuple_swapped(&f->in);

	t.dst = ip_addr_v4((rte_be32_t)(outside >> 16));
	t.dport = (rte_be16_t)outside;
	if (t.proto == IPPROTO_ICMP)
		t.sport = t.dport;
	return t;
}

/* The second half of a datagram becomes a packet of its own. */
static struct rte_mbuf *cut(struct thread *t, struct packet *p, uint16_t id)
{
	uint8_t *ip = craft_bytes(&p->c) + 14, *rest;
	uint16_t len = frame_l4_len(ip), half = 24;
	struct packet *second = take_packet(t);

	craft_put16(ip + 4, id);
	if (second == NULL) {
		craft_ip4_sum(ip);
		return NULL;
	}
	memcpy(craft_bytes(&second->c), craft_bytes(&p->c), 34);
	rest = craft_bytes(&second->c) + 14;
	memcpy(rest + 20, ip + 20 + half, len - half);
	craft_put16(rest + 2, 20 + len - half);
	craft_put16(rest + 6, half / 8);
	second->c.m.data_len = second->c.m.pkt_len = 34 + len - half;
	craft_put16(ip + 2, 20 + half);
	craft_put16(ip + 6, 0x2000);
	p->c.m.data_len = p->c.m.pkt_len = 34 + half;
	craft_ip4_sum(ip);
	craft_ip4_sum(rest);
	return &second->c.m;
}

static void set_tcp(uint8_t *ip, bool inbound, uint32_t seq)
{
	uint8_t syn = inbound ? RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG : RTE_TCP_SYN_FLAG;

	/* The first of each direction opens; more of them do no harm while no answer was seen. */
	ip[20 + 13] = seq <= 8 ? syn : RTE_TCP_ACK_FLAG;
}

/* Up to two packets of one flow; how many. */
static unsigned int send_one(struct thread *t, struct rte_mbuf **pkts)
{
	uint64_t r = unit_random(&t->seed), outside;
	unsigned int i = r % FLOWS, inbound = r >> 32 & 1;
	struct flow *f = &flows[i];
	struct payload load = {.flow = i, .inbound = inbound};
	struct flow_tuple tuple;
	struct packet *p;
	uint8_t *ip;

	outside = __atomic_load_n(&f->outside, __ATOMIC_ACQUIRE);
	if (f->from[inbound] != t->index || (inbound && outside == 0))
		return 0;
	p = take_packet(t);
	if (p == NULL)
		return 0;
	load.seq = ++f->sent[inbound];
	tuple = inbound ? inbound_tuple(f, outside) : f->in;
	ip = frame_make(&p->c, &tuple, 60);
	if (tuple.proto == IPPROTO_TCP)
		set_tcp(ip, inbound, load.seq);
	if (tuple.proto == IPPROTO_ICMP && inbound)
		ip[20] = 0; /* the answer */
	memcpy(ip + 20 + 24, &load, sizeof(load));
	memcpy(ip + 20 + 36, &load, sizeof(load));
	if (f->fragments)
		memcpy(ip + 20 + 8, &load, sizeof(load));
	frame_sum(ip);
	p->c.m.port = inbound ? OUTSIDE : INSIDE;
	pkts[0] = &p->c.m;
	if (!f->fragments)
		return 1;
	pkts[1] = cut(t, p, (uint16_t)load.seq);
	if (pkts[1] == NULL) {
		/* No room for the other half: it goes whole. */
		return 1;
	}
	pkts[1]->port = p->c.m.port;
	pkt_meta(pkts[1])->flow = 0;
	return 2;
}

/* --- packets out --- */

static void learn(struct flow *f, struct flow_tuple *out)
{
	uint64_t is = 1ull << 48 | (uint64_t)ip_addr_be32(&out->src) << 16 | out->sport, was = 0;

	if (!__atomic_compare_exchange_n(&f->outside, &was, is, false, __ATOMIC_ACQ_REL,
		    __ATOMIC_ACQUIRE))
		assert_true(was == is);
}

static void check_out(struct thread *t, struct rte_mbuf *m)
{
	static const char *const pool[] = {"192.0.2.8", "192.0.2.9", "192.0.2.10"};
	struct packet *p = packet_of(m);
	uint8_t *ip = craft_bytes(&p->c) + 14;
	struct flow_tuple out = engine_tuple(&p->c), want;
	unsigned int first = 0;
	struct payload load;
	struct flow *f;
	bool known = false;

	memcpy(&load, ip + 20 + 24, sizeof(load));
	assert_true(load.flow < FLOWS);
	f = &flows[load.flow];
	if (load.inbound) {
		want = flow_tuple_swapped(&f->in);
		engine_assert_tuple(&out, &want);
	} else {
		for (unsigned int i = 0; i < RTE_DIM(pool); i++) {
			struct ip_addr a = build_addr(pool[i]);

			known |= ip_addr_equal(&out.src, &a);
		}
		assert_true(known && ip_addr_equal(&out.dst, &f->in.dst));
		learn(f, &out);
	}
	if (!__atomic_compare_exchange_n(&f->owner, &first, t->index + 1, false, __ATOMIC_RELAXED,
		    __ATOMIC_RELAXED))
		assert_int_equal(first, t->index + 1);
	if (f->fragments == 0) {
		assert_true(load.seq > f->seen[load.inbound]);
		f->seen[load.inbound] = load.seq;
	}
}

/* Halves: the addresses; of the first the port too. They are no whole to be summed. */
static void check_fragment(struct rte_mbuf *m)
{
	struct packet *p = packet_of(m);
	uint8_t *ip = craft_bytes(&p->c) + 14;
	bool second = craft_get16(ip + 6) & 0x1fff;
	struct payload load;
	struct flow *f;

	memcpy(&load, ip + 20 + (second ? 12 : 8), sizeof(load));
	assert_true(load.flow < FLOWS);
	f = &flows[load.flow];
	assert_int_equal(craft_sum(ip, 20, NULL, 0), 0);
	if (!second && load.inbound) {
		assert_memory_equal(ip + 20 + 2, &f->in.sport, 2);
	} else if (!second) {
		struct flow_tuple out = {.src.family = IP_V4};

		memcpy(out.src.bytes, ip + 12, 4);
		memcpy(&out.sport, ip + 20, 2);
		learn(f, &out);
	}
	if (load.inbound)
		assert_memory_equal(ip + 16, f->in.src.bytes, 4);
	else
		assert_memory_equal(ip + 16, f->in.dst.bytes, 4);
}

static void receive(struct thread *t, struct rte_mbuf **pkts, const uint8_t *next, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *ip = rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, 14);

		switch (next[i]) {
		case FLOW_NEXT_HELD:
			continue;
		case FLOW_NEXT_HANDOFF:
			assert_int_equal(pkt_meta(pkts[i])->owner, !t->index);
			if (put(&rings[t->index][!t->index], pkts[i]))
				continue;
			t->dropped[DROP_HANDOFF_FULL]++;
			break;
		case FLOW_NEXT_REWRITE:
			if (craft_get16(ip + 6) & 0x3fff)
				check_fragment(pkts[i]);
			else
				check_out(t, pkts[i]);
			break;
		default:
			t->dropped[pkt_meta(pkts[i])->drop_reason]++;
		}
		give_back(t, pkts[i]);
	}
}

static void burst(struct thread *t, struct rte_mbuf **pkts, unsigned int n)
{
	struct nat_worker *w = nat_worker(e.nat, t->index);
	struct rte_mbuf *freed[BURST];
	uint8_t next[2 * BURST];
	unsigned int got;

	nat4_burst(w, pkts, n, next);
	receive(t, pkts, next, n);
	while ((got = nat_released(w, true, freed, next, BURST)) > 0)
		receive(t, freed, next, got);
}

static void pass(struct thread *t, bool sends)
{
	struct nat_worker *w = nat_worker(e.nat, t->index);
	struct rte_mbuf *pkts[2 * BURST];
	uint8_t next[BURST];
	unsigned int n = 0, got;

	/* The clock is slow: nothing may time out in the test but what it waits for. */
	nat_begin(w, __atomic_load_n(&clock_tsc, __ATOMIC_RELAXED));
	while ((got = nat_released(w, true, pkts, next, BURST)) > 0)
		receive(t, pkts, next, got);
	for (unsigned int i = 0; sends && i < BURST; i++)
		n += send_one(t, pkts + n);
	__atomic_add_fetch(&t->in, n, __ATOMIC_RELAXED);
	if (n > 0)
		burst(t, pkts, n);
	n = take(&rings[!t->index][t->index], pkts, BURST);
	if (n > 0)
		burst(t, pkts, n);
}

static void *run(void *arg)
{
	struct thread *t = arg;

	for (unsigned int i = 0; i < rounds;) {
		bool sends = !is_crowded(&rings[t->index][!t->index]);

		pass(t, sends);
		i += sends;
		if (!sends)
			sched_yield();
	}
	__atomic_sub_fetch(&running, 1, __ATOMIC_ACQ_REL);
	/* On until both have nothing left, fragments that wait included. */
	while (!__atomic_load_n(&t->stopped, __ATOMIC_ACQUIRE)) {
		pass(t, false);
		usleep(20);
	}
	return NULL;
}

/* --- the control thread --- */

/* The same rules in other words and other company: whose sessions there are must not notice. */
static struct config *some_config(unsigned int version)
{
	struct config *c = engine_config();
	size_t pool = build_pool(c, "192.0.2.8 192.0.2.9 192.0.2.10"), other;
	struct config_snat *s;

	c->flows.max_sessions = 4000;
	if (version % 3 == 1) {
		other = build_pool(c, "192.0.2.11");
		build_snat(c, "172.16.0.0/12", NULL, other);
	}
	if (version % 2 == 1)
		build_dnat(c, "192.0.2.12", "10.0.9.9");
	s = build_snat(c, "10.0.0.0/9", NULL, pool);
	s->match.ports = 1;
	if (version % 2 == 1)
		s->port_selection = CONFIG_NAT_PORTS_RANDOM;
	s = build_snat(c, "10.128.0.0/9", NULL, build_pool(c, "192.0.2.10 192.0.2.9"));
	/* Endpoint-independent mapping has a pool of its own. */
	c->nat.pools[c->nat.n_pools - 1].addresses[0] = build_addr("192.0.2.10");
	c->nat.pools[c->nat.n_pools - 1].n_addresses = 1;
	c->nat.pools[pool].n_addresses = 2;
	snprintf(c->nat.pools[pool].name, CONFIG_NAME_LEN, "shared");
	snprintf(c->nat.pools[c->nat.n_pools - 1].name, CONFIG_NAME_LEN, "own");
	s->match.ports = 1;
	s->mapping = CONFIG_NAT_ENDPOINT_INDEPENDENT;
	return c;
}

static void flows_make(uint64_t *seed)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_UDP};

	for (unsigned int i = 0; i < FLOWS; i++) {
		uint64_t r = unit_random(seed);
		char src[32], dst[32];

		/* No two alike: the source port says which. */
		snprintf(src, sizeof(src), "10.%u.0.%u", (i & 4) ? 128 : 0, (unsigned int)(r % 50) + 10);
		snprintf(dst, sizeof(dst), "203.0.113.%u", (unsigned int)(r >> 8) % 20 + 1);
		/* A host numbers its datagrams: two flows with the same far end would do so apart,
		 * and mix their fragments up. */
		if (i % 4 == 3)
			snprintf(dst, sizeof(dst), "203.0.113.%u", i / 4 + 100);
		flows[i] = (struct flow){.from = {r >> 20 & 1, r >> 21 & 1}, .fragments = i % 4 == 3};
		flows[i].in = build_tuple(protos[i % 4], src, 2000 + 83 * i % 50000, dst,
			(r >> 32) % 60000 + 1);
		if (flows[i].in.proto == IPPROTO_ICMP)
			flows[i].in.dport = flows[i].in.sport;
	}
}

static bool all_is_back(void)
{
	uint64_t in = 0, out = 0;

	for (unsigned int i = 0; i < WORKERS; i++) {
		in += __atomic_load_n(&threads[i].in, __ATOMIC_RELAXED);
		out += __atomic_load_n(&threads[i].out, __ATOMIC_RELAXED);
	}
	return in == out;
}

static unsigned int control(void)
{
	unsigned int version = 0, changes = 0, waited = 0;
	struct nat_flow_stats s;

	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0 || !all_is_back()) {
		struct config *c = some_config(version + 1);
		char err[200] = "";
		int rc = nat_set_config(e.nat, c, err, sizeof(err));

		if (rc == 0) {
			version++;
			changes++;
		} else if (rc != -EBUSY) {
			fail_msg("%s", err);
		}
		build_free(c);
		nat_poll(e.nat, 0);
		nat_get_flow_stats(e.nat, &s);
		assert_true(s.table.used <= s.table.capacity);
		usleep(500);
		if (__atomic_load_n(&running, __ATOMIC_ACQUIRE) == 0) {
			/* What waits for a first fragment that was lost is let go of. */
			__atomic_add_fetch(&clock_tsc, 100 * TICKS_PER_MS, __ATOMIC_RELAXED);
			assert_true(waited++ < 4000);
		}
	}
	return changes;
}

static void two_workers(void **state)
{
	uint64_t seed = unit_seed(), in = 0;
	struct config *c = some_config(0);
	unsigned int used = 0, changes;
	struct nat_flow_stats s;

	(void)state;
	rounds = getenv("NVAD_TEST_ROUNDS") != NULL ? (unsigned int)atoi(getenv("NVAD_TEST_ROUNDS")) :
						      ROUNDS_DEFAULT;
	engine_start(&e, c, WORKERS);
	clock_tsc = e.tsc;
	flows_make(&seed);
	running = WORKERS;
	for (unsigned int i = 0; i < WORKERS; i++) {
		threads[i] = (struct thread){.index = i, .seed = unit_random(&seed)};
		threads[i].packets = calloc(PACKETS, sizeof(struct packet));
		assert_non_null(threads[i].packets);
		for (unsigned int k = 0; k < PACKETS; k++)
			craft_init(&threads[i].packets[k].c, 0);
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i].id, NULL, run, &threads[i]), 0);
	changes = control();
	for (unsigned int i = 0; i < WORKERS; i++) {
		__atomic_store_n(&threads[i].stopped, true, __ATOMIC_RELEASE);
		pthread_join(threads[i].id, NULL);
		in += threads[i].in;
		for (unsigned int r = 0; r < DROP_REASON_MAX; r++) {
			if (threads[i].dropped[r] > 0)
				print_message("worker %u: %lu packets dropped: %s\n", i,
					(unsigned long)threads[i].dropped[r], drop_info[r].name);
			assert_int_equal(threads[i].dropped[r], 0);
		}
	}
	for (unsigned int i = 0; i < FLOWS; i++)
		used += flows[i].outside != 0;
	nat_get_flow_stats(e.nat, &s);
	print_message("%lu packets, %lu handed over, %u flows, %u changes of rules\n", (unsigned long)in,
		(unsigned long)s.handed_over, used, changes);
	assert_int_equal(s.created, used);
	assert_int_equal(s.cleared, 0);
	assert_true(used > FLOWS / 2 && s.handed_over > in / 8 && changes > 2);
	for (unsigned int i = 0; i < WORKERS; i++)
		free(threads[i].packets);
	engine_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(two_workers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

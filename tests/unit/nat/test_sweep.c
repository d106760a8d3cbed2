/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queries and new rules over the records of workers: with workers that run when the test says so, and
 * with workers in threads that meanwhile begin and end records of their own. Sessions here are no more
 * than records: what ends one, and what new rules think of it, is counted by the test.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "nat/session_priv.h"
#include "nat/sweep_priv.h"

#define WORKERS_MAX 2
#define CAPACITY 6000
#define TIMEOUT_MS 300000

/* --- what stands for the rest of the module --- */

struct rig {
	struct nat_worker worker[WORKERS_MAX];
	struct flow_table table[WORKERS_MAX];
	struct {
		uint64_t ended;
		uint8_t last_kind; /* of what was looked at again */
		bool out_of_order;
		const struct nat_ruleset *old; /* what revalidate must be told */
	} seen[WORKERS_MAX];
};

static struct rig *rig_of(struct nat *n)
{
	return (struct rig *)n;
}

struct nat_worker *nat_worker(struct nat *n, unsigned int worker)
{
	return &rig_of(n)->worker[worker];
}

static struct nat_query *query(struct rig *n, enum nat_query_op op, const struct nat_filter *f)
{
	return nat_query_new((struct nat *)n, op, f);
}

uint32_t flow_timeout_ms(const struct flow_timeouts *t, uint8_t proto, enum flow_state state)
{
	(void)t;
	(void)proto;
	(void)state;
	return TIMEOUT_MS;
}

uint32_t flow_deadline_ms(const struct flow_timeouts *t, const struct flow_record *r)
{
	(void)t;
	return r->side[FLOW_ORIGINAL].seen_ms + TIMEOUT_MS;
}

void nat_session_end(struct nat_worker *w, uint32_t record)
{
	struct flow_cold *c = &w->flows->cold[record];

	assert_int_not_equal(c->kind, FLOW_FREE);
	/* Some bindings are still in use: they end later. */
	if (c->kind == FLOW_BINDING && record % 3 == 0)
		c->flags |= NAT_COLD_DEAD;
	else
		c->kind = FLOW_FREE;
	rig_of(w->nat)->seen[w->index].ended++;
}

/* Rules of odd index are gone tomorrow. */
bool nat_session_revalidate(struct nat_worker *w, uint32_t record, const struct nat_ruleset *old)
{
	struct flow_cold *c = &w->flows->cold[record];

	assert_ptr_equal(old, rig_of(w->nat)->seen[w->index].old);
	assert_int_equal((c->flags ^ old->version) & NAT_COLD_VERSION, 0);
	assert_true(old->rules[c->rule].name[0] != '\0');
	if (c->kind < rig_of(w->nat)->seen[w->index].last_kind)
		rig_of(w->nat)->seen[w->index].out_of_order = true;
	rig_of(w->nat)->seen[w->index].last_kind = c->kind;
	if (c->rule % 2 == 1 && !(c->flags & NAT_COLD_DEAD))
		return false;
	c->flags = (c->flags & NAT_COLD_DEAD) | (w->rules->version & NAT_COLD_VERSION);
	return true;
}

/* --- building --- */

static struct nat_ruleset *ruleset(uint32_t version)
{
	struct nat_ruleset *r = calloc(1, sizeof(*r));

	r->version = version;
	r->n_rules = 4;
	r->rules = calloc(r->n_rules, sizeof(*r->rules));
	for (unsigned int i = 0; i < r->n_rules; i++)
		snprintf(r->rules[i].name, sizeof(r->rules[i].name), "rule-%u-v%u", i, version);
	return r;
}

static void ruleset_free(struct nat_ruleset *r)
{
	memset(r->rules, 0x5a, r->n_rules * sizeof(*r->rules));
	free(r->rules);
	free(r);
}

static struct rig *nat_of(unsigned int workers, uint32_t capacity, const struct nat_ruleset *rules)
{
	struct rig *n = aligned_alloc(64, (sizeof(*n) + 63) / 64 * 64);

	memset(n, 0, sizeof(*n));
	for (unsigned int i = 0; i < workers; i++) {
		struct nat_worker *w = &n->worker[i];

		n->table[i].capacity = capacity;
		n->table[i].records = aligned_alloc(64, capacity * sizeof(struct flow_record));
		n->table[i].cold = calloc(capacity, sizeof(struct flow_cold));
		memset(n->table[i].records, 0, capacity * sizeof(struct flow_record));
		*w = (struct nat_worker){.flows = &n->table[i], .rules = rules, .index = i,
			.workers = workers, .nat = (struct nat *)n, .now_ms = 1000000,
			.ms_mul = UINT64_MAX / 2000000}; /* about; only sleep is told by it */
		assert_int_equal(nat_sweep_init(w), 0);
	}
	return n;
}

static void nat_done(struct rig *n)
{
	for (unsigned int i = 0; i < WORKERS_MAX && n->worker[i].flows != NULL; i++) {
		nat_sweep_fini(&n->worker[i]);
		free(n->table[i].records);
		free(n->table[i].cold);
	}
	free(n);
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void add(struct nat_worker *w, uint32_t record, uint8_t kind, uint16_t rule, const char *src,
	uint16_t sport, const char *dst, uint16_t dport, const char *to_src, uint16_t to_sport)
{
	struct flow_record *r = &w->flows->records[record];
	struct flow_tuple o = {.src = addr(src), .dst = addr(dst), .proto = 6,
		.sport = rte_cpu_to_be_16(sport), .dport = rte_cpu_to_be_16(dport)};
	struct flow_tuple reply = flow_tuple_swapped(&o);

	reply.dst = addr(to_src);
	reply.dport = rte_cpu_to_be_16(to_sport);
	memset(r, 0, sizeof(*r));
	flow_side_set_tuple(&r->side[FLOW_ORIGINAL], &o);
	flow_side_set_tuple(&r->side[FLOW_REPLY], &reply);
	r->side[0].seen_ms = w->now_ms - 2000;
	w->flows->cold[record] = (struct flow_cold){.kind = kind, .rule = rule,
		.flags = w->rules->version & NAT_COLD_VERSION};
}

/* A session that its number tells from all others. */
static void add_numbered(struct nat_worker *w, uint32_t record, uint32_t number, uint16_t rule)
{
	char text[32];

	snprintf(text, sizeof(text), "10.0.%u.%u", number >> 8 & 255, number & 255);
	add(w, record, FLOW_SESSION, rule, text, (uint16_t)(number >> 16), "192.0.2.1", 443,
		"198.51.100.1", (uint16_t)(1024 + number % 60000));
}

static uint32_t number_of(const struct nat_flow *f)
{
	return (uint32_t)rte_be_to_cpu_16(f->original.sport) << 16 |
		(uint32_t)f->original.src.bytes[2] << 8 | f->original.src.bytes[3];
}

/* Reads to the end, the workers' passes in between; returns the number of rows. */
static unsigned int read_all(struct rig *n, unsigned int workers, struct nat_query *q,
	struct nat_flow *rows, unsigned int max)
{
	unsigned int n_rows = 0, got;

	for (unsigned int calls = 0; nat_query_read(q, rows + n_rows, max - n_rows, &got) > 0; calls++) {
		assert_true(calls < 10000);
		n_rows += got;
		for (unsigned int w = 0; w < workers; w++)
			nat_sweep_run(&n->worker[w]);
	}
	return n_rows + got;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

/* --- tests --- */

static void test_row(void **state)
{
	struct nat_ruleset *rules = ruleset(1);
	struct rig *n = nat_of(1, 100, rules);
	struct nat_worker *w = &n->worker[0];
	struct flow_record *r = &w->flows->records[7];
	const struct nat_filter any = NAT_FILTER_ANY;
	struct nat_flow row[2];
	struct nat_query *q;
	(void)state;

	add(w, 7, FLOW_SESSION, 2, "10.1.0.4", 1234, "192.0.2.1", 443, "198.51.100.1", 5000);
	r->side[0].state = r->side[1].state = FLOW_TCP_ESTABLISHED;
	for (unsigned int i = 0; i < 300; i++)
		flow_side_count(&r->side[0], 100);
	flow_side_count(&r->side[1], 1500);
	q = query(n, NAT_QUERY_SHOW, &any);
	assert_non_null(q);
	assert_int_equal(read_all(n, 1, q, row, 2), 1);
	assert_int_equal(row[0].kind, FLOW_SESSION);
	assert_int_equal(row[0].state, FLOW_TCP_ESTABLISHED);
	assert_int_equal(row[0].worker, 0);
	assert_string_equal(row[0].rule, "rule-2-v1");
	assert_string_equal(IP_ADDR_TEXT(&row[0].original.src), "10.1.0.4");
	assert_string_equal(IP_ADDR_TEXT(&row[0].reply.dst), "198.51.100.1");
	assert_int_equal(row[0].reply.dport, rte_cpu_to_be_16(5000));
	assert_int_equal(row[0].packets[FLOW_ORIGINAL], 300);
	assert_int_equal(row[0].bytes[FLOW_ORIGINAL], 30000);
	assert_int_equal(row[0].packets[FLOW_REPLY], 1);
	assert_int_equal(row[0].bytes[FLOW_REPLY], 1500);
	assert_int_equal(row[0].idle_ms, 2000);
	assert_int_equal(row[0].expires_ms, TIMEOUT_MS - 2000);
	nat_query_free(q);
	/* The clock passes 2^32, and a session that is overdue has no negative time left. */
	w->now_ms = 500;
	r->side[0].seen_ms = 500u - 1000;
	q = query(n, NAT_QUERY_SHOW, &any);
	assert_int_equal(read_all(n, 1, q, row, 2), 1);
	assert_int_equal(row[0].idle_ms, 1000);
	nat_query_free(q);
	r->side[0].seen_ms = w->now_ms - TIMEOUT_MS - 1;
	q = query(n, NAT_QUERY_SHOW, &any);
	assert_int_equal(read_all(n, 1, q, row, 2), 1);
	assert_int_equal(row[0].expires_ms, 0);
	assert_int_equal(row[0].idle_ms, TIMEOUT_MS + 1);
	nat_query_free(q);
	nat_done(n);
	ruleset_free(rules);
}

/* A binding has its number of sessions; one that is over still has its port for a while. */
static void test_binding_row(void **state)
{
	struct nat_ruleset *rules = ruleset(1);
	struct rig *n = nat_of(1, 10, rules);
	struct nat_worker *w = &n->worker[0];
	struct nat_filter bindings = NAT_FILTER_ANY;
	struct nat_flow row[2];
	struct nat_query *q;
	(void)state;

	bindings.kind = FLOW_BINDING;
	add(w, 3, FLOW_BINDING, 0, "10.1.0.4", 1000, "0.0.0.0", 0, "198.51.100.1", 5000);
	*nat_parent_sessions(w->flows, 3) = 7;
	q = query(n, NAT_QUERY_SHOW, &bindings);
	assert_int_equal(read_all(n, 1, q, row, 2), 1);
	assert_int_equal(row[0].kind, FLOW_BINDING);
	assert_int_equal(row[0].sessions, 7);
	assert_false(row[0].held);
	assert_int_equal(row[0].original.sport, rte_cpu_to_be_16(1000));
	assert_int_equal(row[0].reply.dport, rte_cpu_to_be_16(5000));
	nat_query_free(q);
	*nat_parent_sessions(w->flows, 3) = 0;
	w->flows->cold[3].flags |= NAT_COLD_HELD;
	w->flows->records[3].side[FLOW_ORIGINAL].seen_ms = w->now_ms - 400000;
	w->flows->records[3].side[FLOW_REPLY].seen_ms = w->now_ms - 100000;
	q = query(n, NAT_QUERY_SHOW, &bindings);
	assert_int_equal(read_all(n, 1, q, row, 2), 1);
	assert_true(row[0].held);
	assert_int_equal(row[0].sessions, 0);
	assert_int_equal(row[0].idle_ms, 400000);
	assert_int_equal(row[0].expires_ms, 20000);
	nat_query_free(q);
	nat_done(n);
	ruleset_free(rules);
}

/* Rows that a filter finds among five; and a CLEAR with it ends as many. */
static void check_filter(const struct nat_filter *f, unsigned int want)
{
	struct nat_ruleset *rules = ruleset(1);
	struct rig *n = nat_of(2, 100, rules);
	struct nat_flow rows[10];
	struct nat_query *q;
	unsigned int ended = 0, got;
	int more;

	add(&n->worker[0], 0, FLOW_SESSION, 0, "10.1.0.4", 1000, "192.0.2.1", 443, "198.51.100.1", 5000);
	add(&n->worker[0], 50, FLOW_SESSION, 1, "10.1.0.5", 1001, "192.0.2.2", 443, "198.51.100.1", 5001);
	add(&n->worker[0], 99, FLOW_SESSION, 1, "10.2.0.5", 1001, "192.0.2.2", 80, "10.2.0.5", 1001);
	add(&n->worker[1], 3, FLOW_SESSION, NAT_RULE_NONE, "fd00::1", 9, "fd00::2", 80, "fd00::1", 9);
	add(&n->worker[1], 4, FLOW_BINDING, 0, "10.1.0.4", 1000, "0.0.0.0", 0, "198.51.100.1", 5000);
	n->worker[0].flows->records[50].side[0].state = FLOW_TCP_SYN;
	n->worker[0].flows->records[99].side[0].proto = 17;
	q = query(n, NAT_QUERY_SHOW, f);
	assert_int_equal(read_all(n, 2, q, rows, 10), want);
	nat_query_free(q);
	q = query(n, NAT_QUERY_CLEAR, f);
	do {
		nat_sweep_run(&n->worker[0]);
		nat_sweep_run(&n->worker[1]);
		more = nat_query_read(q, NULL, 0, &got);
		ended += got;
	} while (more);
	nat_query_free(q);
	assert_int_equal(ended, want);
	assert_int_equal(n->seen[0].ended + n->seen[1].ended, want);
	assert_int_equal(n->worker[0].counters.cleared + n->worker[1].counters.cleared,
		f->kind == FLOW_BINDING ? 0 : want);
	q = query(n, NAT_QUERY_SHOW, f);
	assert_int_equal(read_all(n, 2, q, rows, 10), 0);
	nat_query_free(q);
	nat_done(n);
	ruleset_free(rules);
}

#define CHECK_FILTER(want, ...)                                                                    \
	do {                                                                                       \
		struct nat_filter f = NAT_FILTER_ANY;                                              \
		__VA_ARGS__;                                                                       \
		check_filter(&f, want);                                                            \
	} while (0)

static void test_filters(void **state)
{
	(void)state;
	CHECK_FILTER(4, (void)0);
	CHECK_FILTER(1, f.kind = FLOW_BINDING);
	CHECK_FILTER(0, f.kind = FLOW_HOST);
	CHECK_FILTER(1, f.family = IP_V6);
	CHECK_FILTER(3, f.family = IP_V4);
	CHECK_FILTER(2, f.source = prefix("10.1.0.0/16"));
	CHECK_FILTER(1, f.source = prefix("10.1.0.5/32"));
	CHECK_FILTER(1, f.source = prefix("fd00::1/128"));
	CHECK_FILTER(0, f.source = prefix("192.0.2.0/24"));
	CHECK_FILTER(2, f.destination = prefix("192.0.2.2/32"));
	CHECK_FILTER(2, f.translated = prefix("198.51.100.0/24"));
	CHECK_FILTER(0, f.translated = prefix("10.2.0.5/32")); /* it is not translated */
	CHECK_FILTER(2, f.address = prefix("198.51.100.1/32"));
	CHECK_FILTER(2, f.address = prefix("192.0.2.2/32"));
	CHECK_FILTER(1, f.address = prefix("fd00::2/128"));
	CHECK_FILTER(3, f.proto = 6);
	CHECK_FILTER(1, f.proto = 17);
	CHECK_FILTER(2, f.port = 443);
	CHECK_FILTER(1, f.port = 5001);
	CHECK_FILTER(1, f.port = 9);
	CHECK_FILTER(0, f.port = 0);
	CHECK_FILTER(1, f.state = FLOW_TCP_SYN);
	CHECK_FILTER(3, f.worker = 0);
	CHECK_FILTER(1, f.worker = 1);
	CHECK_FILTER(0, f.worker = 7);
	CHECK_FILTER(2, strcpy(f.rule, "rule-1-v1"));
	CHECK_FILTER(0, strcpy(f.rule, "rule-1"));
	CHECK_FILTER(1, strcpy(f.rule, "rule-1-v1"); f.port = 80);
}

/* One pass copies so many and no more, however much is asked, and stops where nobody reads. */
static void test_slice_and_back_pressure(void **state)
{
	struct nat_ruleset *rules = ruleset(1);
	struct rig *n = nat_of(1, 2000, rules);
	const struct nat_filter any = NAT_FILTER_ANY;
	struct nat_flow *rows = calloc(4000, sizeof(*rows));
	struct nat_filter none = NAT_FILTER_ANY;
	unsigned int got, first, asleep = 0;
	struct nat_query *q[2];
	(void)state;

	for (uint32_t i = 0; i < 2000; i++)
		add_numbered(&n->worker[0], i, i, 0);
	n->worker[0].ms_mul = 0; /* no pass seems late */
	q[0] = query(n, NAT_QUERY_SHOW, &any);
	q[1] = query(n, NAT_QUERY_SHOW, &any);
	nat_sweep_run(&n->worker[0]);
	assert_int_equal(nat_query_read(q[0], rows, 4000, &got), 1);
	assert_in_range(got, 1, NAT_SWEEP_MAX);
	assert_int_equal(nat_query_read(q[1], rows, 4000, &got), 1);
	assert_int_equal(got, 0); /* the other's turn comes */
	nat_sweep_run(&n->worker[0]);
	assert_int_equal(nat_query_read(q[1], rows, 4000, &first), 1);
	assert_in_range(first, 1, NAT_SWEEP_MAX);
	for (unsigned int i = 0; i < 100; i++)
		nat_sweep_run(&n->worker[0]);
	assert_int_equal(nat_query_read(q[0], rows, 4000, &got), 1);
	assert_int_equal(got, NAT_PART_ROWS);
	nat_query_free(q[0]); /* given up amid it */
	nat_sweep_run(&n->worker[0]);
	assert_int_equal(first + read_all(n, 1, q[1], rows, 4000), 2000);
	nat_query_free(q[1]);
	/* A worker that sleeps between its passes takes more at once. */
	n->worker[0].ms_mul = UINT64_MAX; /* every pass seems late */
	none.port = 1;
	q[0] = query(n, NAT_QUERY_SHOW, &none);
	while (nat_query_read(q[0], rows, 4000, &got) > 0) {
		nat_sweep_run(&n->worker[0]);
		asleep++;
	}
	assert_in_range(asleep, 3, 8);
	nat_query_free(q[0]);
	nat_done(n);
	ruleset_free(rules);
	free(rows);
}

/* Mailboxes come back once the workers have seen that nobody reads them. */
static void test_abandoned(void **state)
{
	struct nat_ruleset *rules = ruleset(1);
	struct rig *n = nat_of(2, 1000, rules);
	const struct nat_filter any = NAT_FILTER_ANY;
	struct nat_query *q[NAT_QUERIES_MAX];
	struct nat_flow *rows = calloc(2000, sizeof(*rows));
	(void)state;

	for (uint32_t i = 0; i < 1000; i++)
		add_numbered(&n->worker[i % 2], i, i, 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < NAT_QUERIES_MAX; i++)
			assert_non_null(q[i] = query(n, NAT_QUERY_SHOW, &any));
		errno = 0;
		assert_null(query(n, NAT_QUERY_SHOW, &any));
		assert_int_equal(errno, EBUSY);
		for (unsigned int i = 0; i < NAT_QUERIES_MAX; i++)
			nat_query_free(q[i]);
		assert_null(query(n, NAT_QUERY_SHOW, &any));
		nat_sweep_run(&n->worker[0]);
		assert_null(query(n, NAT_QUERY_SHOW, &any)); /* the second sleeps */
		nat_sweep_run(&n->worker[1]);
	}
	q[0] = query(n, NAT_QUERY_SHOW, &any);
	assert_int_equal(read_all(n, 2, q[0], rows, 2000), 1000);
	nat_query_free(q[0]);
	nat_query_free(NULL);
	/* The workers are stopped with queries open: nobody answers, and nothing is left behind. */
	q[0] = query(n, NAT_QUERY_SHOW, &any);
	q[1] = query(n, NAT_QUERY_CLEAR, &any);
	nat_sweep_run(&n->worker[0]);
	nat_query_free(q[0]);
	nat_query_free(q[1]);
	nat_done(n);
	ruleset_free(rules);
	free(rows);
}

static void test_new_rules(void **state)
{
	struct nat_ruleset *old = ruleset(1), *new = ruleset(2);
	struct rig *n = nat_of(1, 1000, old);
	struct nat_worker *w = &n->worker[0];
	const struct nat_filter any = NAT_FILTER_ANY;
	struct nat_flow *rows = calloc(2000, sizeof(*rows));
	unsigned int passes = 0, odd = 0;
	struct nat_query *q;
	(void)state;

	w->ms_mul = 0;
	for (uint32_t i = 0; i < 900; i++) {
		add_numbered(w, i, i, (uint16_t)(i % 4));
		w->flows->cold[i].kind = i % 10 == 1 ? FLOW_BINDING : i % 10 == 2 ? FLOW_HOST : FLOW_SESSION;
	}
	assert_true(!nat_sweep_through(w, 2));
	n->seen[0].old = old;
	n->seen[0].last_kind = FLOW_SESSION;
	w->rules = new;
	nat_sweep_rules(w, old);
	/* What begins now is of the new rules, and not looked at, odd or not. */
	for (uint32_t i = 900; i < 1000; i++)
		add_numbered(w, i, i, 1);
	q = query(n, NAT_QUERY_SHOW, &any);
	nat_query_free(q);
	while (!nat_sweep_through(w, 2)) {
		nat_sweep_run(w);
		passes++;
		assert_true(passes < 1000);
	}
	assert_in_range(passes, 900 / NAT_SWEEP_MAX, 60);
	ruleset_free(old); /* nobody reads it any more */
	assert_false(n->seen[0].out_of_order);
	assert_int_equal(n->seen[0].ended, 450);
	assert_int_equal(w->counters.cleared, 360); /* sessions: the others are not counted */
	for (uint32_t i = 0; i < 1000; i++)
		if (w->flows->cold[i].kind != FLOW_FREE)
			assert_int_equal(w->flows->cold[i].flags & NAT_COLD_VERSION, 2 & NAT_COLD_VERSION);
	q = query(n, NAT_QUERY_SHOW, &any);
	assert_int_equal(read_all(n, 1, q, rows, 2000), 100 + 900 * 8 / 10 - 360);
	for (unsigned int i = 0; i < 460; i++) {
		odd += strcmp(rows[i].rule, "rule-1-v2") == 0;
		assert_string_equal(strstr(rows[i].rule, "-v2"), "-v2");
	}
	assert_int_equal(odd, 100);
	nat_query_free(q);
	nat_done(n);
	ruleset_free(new);
	free(rows);
}

/* --- with threads --- */

#define STABLE 4000 /* records of a worker that stay, below those that come and go */

struct loop {
	pthread_t thread;
	struct nat_worker *w;
	atomic_bool stop;
	_Atomic(const struct nat_ruleset *) published;
	uint64_t random;
};

/* One pass of a worker: its clock, its rules, some records that come and go, and what is asked. */
static void *loop_main(void *arg)
{
	struct loop *l = arg;
	struct nat_worker *w = l->w;

	while (!atomic_load(&l->stop)) {
		const struct nat_ruleset *published = atomic_load(&l->published);
		uint64_t dice = unit_random(&l->random);

		w->now_ms++;
		if (published != w->rules) {
			rig_of(w->nat)->seen[w->index].old = w->rules;
			rig_of(w->nat)->seen[w->index].last_kind = 0;
			w->rules = published;
			nat_sweep_rules(w, rig_of(w->nat)->seen[w->index].old);
		}
		for (unsigned int i = 0; i < 8; i++) {
			uint32_t r = STABLE + (uint32_t)(unit_random(&l->random) % (CAPACITY - STABLE));

			if (w->flows->cold[r].kind == FLOW_FREE)
				add_numbered(w, r, 1u << 24 | r, (uint16_t)(r % 4));
			else
				nat_session_end(w, r);
		}
		nat_sweep_run(w);
		if (dice % 64 == 0)
			usleep(200);
	}
	return NULL;
}

static void loops_start(struct loop *l, struct rig *n, const struct nat_ruleset *rules, uint64_t seed)
{
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		for (uint32_t r = 0; r < STABLE; r++)
			add_numbered(&n->worker[i], r, i * STABLE + r, 0);
		l[i].w = &n->worker[i];
		atomic_store(&l[i].stop, false);
		atomic_store(&l[i].published, rules);
		l[i].random = seed + i;
		assert_int_equal(pthread_create(&l[i].thread, NULL, loop_main, &l[i]), 0);
	}
}

static void loops_stop(struct loop *l)
{
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		atomic_store(&l[i].stop, true);
		pthread_join(l[i].thread, NULL);
	}
}

/* Reads a query to its end: every record that stays is there once. */
static void check_whole(struct nat_query *q)
{
	uint8_t *times = calloc(WORKERS_MAX * STABLE, 1);
	struct nat_flow rows[100];
	unsigned int got = 0;
	int more;

	do {
		more = nat_query_read(q, rows, 100, &got);
		for (unsigned int i = 0; i < got; i++) {
			uint32_t number = number_of(&rows[i]);

			assert_string_equal(IP_ADDR_TEXT(&rows[i].original.dst), "192.0.2.1");
			assert_memory_equal(rows[i].rule, "rule-", 5);
			if (number < WORKERS_MAX * STABLE)
				times[number]++;
		}
		if (more && got == 0)
			usleep(100);
	} while (more);
	for (unsigned int i = 0; i < WORKERS_MAX * STABLE; i++)
		assert_int_equal(times[i], 1);
	free(times);
}

static void test_threads(void **state)
{
	struct nat_ruleset *rules = ruleset(1), *old = NULL;
	struct rig *n = nat_of(WORKERS_MAX, CAPACITY, rules);
	struct loop loops[WORKERS_MAX];
	uint64_t random = unit_seed();
	const struct nat_filter any = NAT_FILTER_ANY;
	struct nat_query *open[4] = {0};
	(void)state;

	loops_start(loops, n, rules, random);
	for (unsigned int round = 0; round < 60; round++) {
		unsigned int k = unit_random(&random) % 4, got;
		struct nat_flow rows[50];
		struct nat_query *q;

		/* One that is opened, read a little and given up at any time. */
		if (open[k] != NULL && unit_random(&random) % 2 == 0)
			nat_query_read(open[k], rows, 50, &got);
		nat_query_free(open[k]);
		open[k] = unit_random(&random) % 4 != 0 ? query(n, NAT_QUERY_SHOW, &any) : NULL;
		if (old == NULL && unit_random(&random) % 2 == 0) {
			struct nat_ruleset *new = ruleset(rules->version + 1);

			old = rules;
			rules = new;
			for (unsigned int i = 0; i < WORKERS_MAX; i++)
				atomic_store(&loops[i].published, new);
		}
		while ((q = query(n, NAT_QUERY_SHOW, &any)) == NULL)
			usleep(100);
		check_whole(q);
		nat_query_free(q);
		if (old != NULL && nat_sweep_through(&n->worker[0], rules->version) &&
			nat_sweep_through(&n->worker[1], rules->version)) {
			ruleset_free(old);
			old = NULL;
		}
	}
	for (unsigned int k = 0; k < 4; k++)
		nat_query_free(open[k]);
	loops_stop(loops);
	assert_true(rules->version > 2);
	nat_done(n);
	ruleset_free(rules);
	if (old != NULL)
		ruleset_free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_binding_row),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_slice_and_back_pressure),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_new_rules),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

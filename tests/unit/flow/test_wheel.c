/* SPDX-License-Identifier: BSD-3-Clause */
/* The timer wheel against a list of deadlines, also where the clock wraps. */
#include "unit.h"

#include "flow/table_priv.h"

#define RECORDS 2000u
#define NEVER INT64_MAX

static uint64_t seed;

static struct flow_table *table_new(uint32_t capacity)
{
	struct flow_table_conf conf = {.capacity = capacity};
	struct flow_table *t = flow_table_new(&conf);

	assert_non_null(t);
	return t;
}

/* Time goes on in 64 bits here, and modulo 2^32 in the table. */
struct model {
	struct flow_table *t;
	int64_t now;
	int64_t deadline[RECORDS]; /* NEVER: no timer */
	bool exists[RECORDS];
	unsigned int woken, early;
};

static int64_t random_idle(void)
{
	switch (unit_random(&seed) % 8) {
	case 0:
		return 0;
	case 1:
		return -(int64_t)(unit_random(&seed) % 5000); /* over already */
	case 2:
		return 7440000;
	case 3: /* beyond the wheel */
		return 8192 * 1024 + (int64_t)(unit_random(&seed) % (UINT32_C(1) << 30));
	default:
		return (int64_t)(unit_random(&seed) % 300000);
	}
}

static void model_arm(struct model *m, uint32_t i)
{
	m->deadline[i] = m->now + random_idle();
	flow_timer_arm(m->t, i, (uint32_t)m->deadline[i]);
}

static void model_step(struct model *m)
{
	uint32_t i = unit_random(&seed) % RECORDS, record;

	if (m->exists[i] && unit_random(&seed) % 4 == 0) {
		flow_remove(m->t, i);
		m->exists[i] = false;
		m->deadline[i] = NEVER;
	} else if (m->exists[i]) {
		model_arm(m, i);
	} else {
		record = flow_alloc(m->t, FLOW_SESSION);
		assert_true(record < RECORDS && !m->exists[record]);
		m->exists[record] = true;
		model_arm(m, record);
	}
}

/* Takes what is due in pieces; what wakes early by the wheel's length is armed again. */
static void model_due(struct model *m)
{
	uint32_t due[64];
	unsigned int n, max = 1 + unit_random(&seed) % RTE_DIM(due);

	do {
		n = flow_timer_due(m->t, (uint32_t)m->now, due, max);
		assert_true(n <= max);
		for (unsigned int i = 0; i < n; i++) {
			assert_true(m->exists[due[i]]);
			assert_true(m->deadline[due[i]] != NEVER);
			if (m->deadline[due[i]] > m->now) {
				/* Only what was armed for longer than the wheel turns. */
				m->early++;
				assert_true(m->deadline[due[i]] - m->now > 1024);
				flow_timer_arm(m->t, due[i], (uint32_t)m->deadline[due[i]]);
			} else {
				m->woken++;
				m->deadline[due[i]] = NEVER;
			}
		}
	} while (n == max);
	for (unsigned int i = 0; i < RECORDS; i++)
		assert_true(m->deadline[i] == NEVER || m->deadline[i] > m->now - FLOW_TICK_MS);
}

static void run(int64_t start)
{
	struct model m = {.t = table_new(RECORDS), .now = start};

	for (unsigned int i = 0; i < RECORDS; i++)
		m.deadline[i] = NEVER;
	assert_int_equal(flow_timer_due(m.t, (uint32_t)m.now, NULL, 0), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int k = unit_random(&seed) % 4; k > 0; k--)
			model_step(&m);
		/* Now and then nobody looks for longer than the wheel. */
		m.now += unit_random(&seed) % (i % 4000 == 0 ? 20000000 : 3000);
		model_due(&m);
	}
	assert_true(m.woken > 1000);
	m.now += UINT32_C(1) << 30;
	model_due(&m);
	for (unsigned int i = 0; i < RECORDS; i++)
		if (m.exists[i])
			flow_remove(m.t, i);
	for (unsigned int i = 0; i < WHEEL_SLOTS * WHEEL_CHAINS; i++)
		assert_int_equal(m.t->priv->wheel.head[i], FLOW_NONE);
	flow_table_free(m.t);
}

static void test_model(void **state)
{
	(void)state;
	run(0);
	run(unit_random(&seed) % UINT32_MAX);
}

static void test_model_clock_wraps(void **state)
{
	(void)state;
	run(UINT32_MAX - 10000000);
	run(UINT32_MAX - 1000);
}

/* A deadline just before, on and behind a tick's edge. */
static void test_edges(void **state)
{
	static const uint32_t starts[] = {0, UINT32_MAX - 1000000};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(starts); i++) {
		struct flow_table *t = table_new(4);
		uint32_t due[4], r = flow_alloc(t, FLOW_SESSION);
		uint32_t base = RTE_ALIGN_FLOOR(starts[i], FLOW_TICK_MS);

		for (uint32_t off = 1; off < 2100; off++) {
			uint32_t edge = RTE_ALIGN_CEIL(off, FLOW_TICK_MS);

			assert_int_equal(flow_timer_due(t, base, due, 4), 0);
			flow_timer_arm(t, r, base + off);
			assert_int_equal(flow_timer_due(t, base + edge - 1, due, 4), 0);
			assert_int_equal(flow_timer_due(t, base + edge, due, 4), 1);
			assert_int_equal(due[0], r);
			base += 4096;
		}
		flow_table_free(t);
	}
}

/* Nothing is known of the clock before it is read; what was armed is not lost, and none sticks. */
static void test_armed_before_the_clock(void **state)
{
	static const uint32_t clocks[] = {0, 5000, 1u << 30, 0x80000001, 0xfffffff0};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(clocks); i++) {
		struct flow_table *t = table_new(8);
		uint32_t due[8];

		for (unsigned int k = 0; k < 8; k++)
			flow_timer_arm(t, flow_alloc(t, FLOW_SESSION), clocks[i] + 1000 * k);
		assert_int_equal(flow_timer_due(t, clocks[i], due, 8), 8);
		flow_timer_arm(t, 3, clocks[i] + 300000);
		assert_int_equal(flow_timer_due(t, clocks[i] + 299999, due, 8), 0);
		assert_int_equal(flow_timer_due(t, clocks[i] + 300000 + 1024, due, 8), 1);
		flow_table_free(t);
	}
}

/* A clock that goes back stops timers and no more. */
static void test_clock_goes_back(void **state)
{
	struct flow_table *t = table_new(1);
	uint32_t due[1], r = flow_alloc(t, FLOW_SESSION);

	(void)state;
	assert_int_equal(flow_timer_due(t, 1000000, due, 1), 0);
	flow_timer_arm(t, r, 1002000);
	assert_int_equal(flow_timer_due(t, 900000, due, 1), 0);
	assert_int_equal(flow_timer_due(t, 1003520, due, 1), 1);
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_clock_wraps),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_armed_before_the_clock),
		cmocka_unit_test(test_clock_goes_back),
	};

	seed = unit_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator ends, amid traffic. */
#include "nat/rfc.h"

/* Ends all of a kind; how many. */
static unsigned int clear(uint8_t kind)
{
	struct nat_filter f = NAT_FILTER_ANY;
	unsigned int n, sum = 0;
	struct nat_query *q;
	int more;

	f.kind = kind;
	q = nat_query_new(e.nat, NAT_QUERY_CLEAR, &f);
	assert_non_null(q);
	do {
		engine_pass(&e, 1);
		more = nat_query_read(q, NULL, 0, &n);
		sum += n;
	} while (more);
	nat_query_free(q);
	return sum;
}

/* `flow clear all` ends sessions, then bindings. What an inside endpoint has begun in between stays, and
 * it may begin more. */
static void binding_in_use(void **state)
{
	struct flow_tuple a = build_tuple(IPPROTO_UDP, "10.0.0.7", 4000, "203.0.113.5", 53), b = a, x, y;

	(void)state;
	rfc_start_independent();
	b.dst.bytes[3] = 99;
	rfc_out(&a);
	rfc_out(&b);
	assert_int_equal(clear(FLOW_SESSION), 2);
	x = rfc_out(&a);
	assert_int_equal(clear(FLOW_BINDING), 0);
	y = rfc_out(&b);
	assert_true(rfc_same_source(&x, &y));
	rfc_back(&b, &y, 0);
	/* And what nobody uses goes. */
	assert_int_equal(clear(FLOW_SESSION), 2);
	assert_int_equal(clear(FLOW_BINDING), 1);
	assert_int_equal(engine_sessions(&e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(binding_in_use, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

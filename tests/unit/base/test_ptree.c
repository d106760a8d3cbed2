/* SPDX-License-Identifier: BSD-3-Clause */
/* The prefix tree against an array that is searched from end to end. */
#include <errno.h>

#include "base/ptree.h"
#include "unit.h"

#define N 600

struct entry {
	struct ptree_node node;
	bool in;
};

static struct entry entries[N];

/* Prefixes from a small space, so that they nest and collide. */
static struct ip_prefix random_prefix(uint64_t *rng)
{
	uint64_t r = unit_random(rng);
	struct ip_prefix p = {.addr.family = r & 1 ? IP_V4 : IP_V6};
	unsigned int bits = ip_family_bits(p.addr.family);

	for (unsigned int i = 0; i < bits / 8; i++)
		p.addr.bytes[i] = (uint8_t)(unit_random(rng) & 0x81);
	p.len = (uint8_t)((r >> 8) % (bits + 1));
	if (r & 2)
		p.len = p.len % 17; /* short ones nest most */
	ip_prefix_canonicalise(&p);
	return p;
}

static struct entry *model_find(const struct ip_prefix *p)
{
	for (int i = 0; i < N; i++) {
		if (entries[i].in && ip_prefix_equal(&entries[i].node.prefix, p))
			return &entries[i];
	}
	return NULL;
}

static struct entry *model_longest(const struct ip_addr *a, int max_len)
{
	struct entry *best = NULL;

	for (int i = 0; i < N; i++) {
		struct entry *e = &entries[i];

		if (e->in && e->node.prefix.len <= max_len && ip_prefix_contains(&e->node.prefix, a) &&
			(best == NULL || e->node.prefix.len > best->node.prefix.len))
			best = e;
	}
	return best;
}

static struct entry *model_first_from(const struct ip_prefix *p)
{
	struct entry *best = NULL;

	for (int i = 0; i < N; i++) {
		struct entry *e = &entries[i];

		if (e->in && (p == NULL || ip_prefix_cmp(&e->node.prefix, p) >= 0) &&
			(best == NULL || ip_prefix_cmp(&e->node.prefix, &best->node.prefix) < 0))
			best = e;
	}
	return best;
}

static void check_order(const struct ptree *t)
{
	const struct ptree_node *node, *last = NULL;
	size_t count = 0;

	PTREE_FOREACH(t, node) {
		if (last != NULL)
			assert_true(ip_prefix_cmp(&last->prefix, &node->prefix) < 0);
		last = node;
		count++;
	}
	assert_int_equal(count, t->count);
}

static void random_operations_match_the_model(void **state)
{
	uint64_t rng = unit_seed();
	struct ptree t;
	(void)state;

	ptree_init(&t);
	for (int round = 0; round < 20000; round++) {
		struct entry *e = &entries[unit_random(&rng) % N], *m;
		struct ip_prefix p = random_prefix(&rng);
		int max = p.len == 0 ? -1 : p.len - 1;

		if (e->in) {
			ptree_remove(&t, &e->node);
			e->in = false;
		} else {
			e->node.prefix = random_prefix(&rng);
			bool there = model_find(&e->node.prefix) != NULL;

			assert_int_equal(ptree_insert(&t, &e->node), there ? -EEXIST : 0);
			e->in = !there;
		}
		m = model_find(&p);
		assert_ptr_equal(ptree_find(&t, &p), m ? &m->node : NULL);
		m = model_longest(&p.addr, 128);
		assert_ptr_equal(ptree_match(&t, &p.addr), m ? &m->node : NULL);
		m = model_longest(&p.addr, max);
		assert_ptr_equal(ptree_covering(&t, &p), m ? &m->node : NULL);
		m = model_first_from(&p);
		assert_ptr_equal(ptree_first_from(&t, &p), m ? &m->node : NULL);
		if (round % 500 == 0)
			check_order(&t);
	}
	for (int i = 0; i < N; i++) {
		if (entries[i].in)
			ptree_remove(&t, &entries[i].node);
	}
	assert_null(t.root[0]);
	assert_null(t.root[1]);
	assert_int_equal(t.count, 0);
}

static void within_stays_within(void **state)
{
	static const char *const texts[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16",
		"11.0.0.0/8", "::/0", "2001:db8::/32"};
	struct entry e[7];
	struct ptree_node *node;
	struct ptree t;
	struct ip_prefix within;
	char seen[256] = "";
	(void)state;

	ptree_init(&t);
	for (int i = 6; i >= 0; i--) {
		assert_int_equal(ip_prefix_parse(texts[i], &e[i].node.prefix), 0);
		assert_int_equal(ptree_insert(&t, &e[i].node), 0);
	}
	assert_int_equal(ip_prefix_parse("10.1.0.0/16", &within), 0);
	PTREE_FOREACH_WITHIN(&t, &within, node) {
		strcat(strcat(seen, IP_PREFIX_TEXT(&node->prefix)), " ");
	}
	assert_string_equal(seen, "10.1.0.0/16 10.1.2.0/24 ");
	for (int i = 0; i < 7; i++)
		ptree_remove(&t, &e[i].node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_match_the_model),
		cmocka_unit_test(within_stays_within),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

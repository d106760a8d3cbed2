/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RIB against a model that knows only the last thing that each peer said of each prefix, and
 * decides from scratch: the best by RFC 4271 9.1.2.2 in its literal form of removals from a set.
 * What is compared is what the observer was told, so that a missing `changed` call shows.
 */
#include "fake_bgp.h"
#include "rib/decide.h"
#include "rib/rib_priv.h"

#define PEERS 6
#define PREFIXES 40
#define NEXT_HOPS 5
#define STEPS 60000
#define MAX_PATHS 3

struct said {
	bool valid;
	unsigned int next_hop;
	const struct bgp_attrs *attrs;
};

static struct bgp_peer peers[PEERS];
static bool peer_up[PEERS];
static struct said said[PEERS][PREFIXES];
static bool local[PREFIXES];
static bool resolves[NEXT_HOPS];
static struct ip_prefix prefixes[PREFIXES];

/* What the observer holds: the peers whose routes are selected, best first. */
static struct selection {
	unsigned int n;
	const struct bgp_peer *peer[PEERS]; /* NULL: the local route */
} told[PREFIXES];

static const char *next_hop_text(unsigned int i)
{
	static const char *text[NEXT_HOPS] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"};

	return text[i];
}

static bool track(void *arg, struct rib_hop *hop)
{
	(void)arg;
	return resolves[hop->addr.bytes[3] - 1];
}

static void untrack(void *arg, struct rib_hop *hop)
{
	(void)arg;
	(void)hop;
}

static void changed(void *arg, struct rib_entry *e)
{
	struct selection *s = NULL;

	(void)arg;
	for (int i = 0; i < PREFIXES; i++) {
		if (ip_prefix_equal(&prefixes[i], &e->node.prefix))
			s = &told[i];
	}
	assert_non_null(s);
	s->n = 0;
	for (const struct rib_route *r = e->routes; r != NULL && (r->best || r->multipath); r = r->next)
		s->peer[s->n++] = r->hop->peer != NULL ? rib_peer_bgp(r->hop->peer) : NULL;
}

/* The model. */

static uint32_t pref_of(int p, const struct said *x)
{
	return !peers[p].info.ebgp && x->attrs->has_local_pref ? x->attrs->local_pref : 100;
}

static uint32_t as_of(int p, const struct said *x)
{
	return x->attrs->neighbour_as != 0 ? x->attrs->neighbour_as : peers[p].info.remote_as;
}

/* Whether a removes b at the step; 9.1.2.2's "if any other route ... remove from consideration". */
static bool removes(int step, int a, int b, int prefix_index)
{
	const struct said *x = &said[a][prefix_index], *y = &said[b][prefix_index];

	switch (step) {
	case 0:
		return pref_of(a, x) > pref_of(b, y);
	case 1:
		return x->attrs->as_path_length < y->attrs->as_path_length;
	case 2:
		return x->attrs->origin < y->attrs->origin;
	case 3:
		return as_of(a, x) == as_of(b, y) && (x->attrs->has_med ? x->attrs->med : 0) <
			(y->attrs->has_med ? y->attrs->med : 0);
	case 4:
		return peers[a].info.ebgp && !peers[b].info.ebgp;
	case 5:
		return rte_be_to_cpu_32(peers[a].info.remote_id) < rte_be_to_cpu_32(peers[b].info.remote_id);
	default:
		return ip_addr_cmp(&peers[a].conf.address, &peers[b].conf.address) < 0;
	}
}

static bool arbitrary_less(int a, int b, int i)
{
	return removes(5, a, b, i) || (!removes(5, b, a, i) && removes(6, a, b, i));
}

static struct selection model(int i)
{
	bool in[PEERS], was[PEERS], used[NEXT_HOPS] = {0};
	struct selection s = {0};

	if (local[i]) {
		s.n = 1;
		return s;
	}
	for (int p = 0; p < PEERS; p++)
		in[p] = said[p][i].valid && resolves[said[p][i].next_hop];
	for (int step = 0; step <= 4; step++) {
		memcpy(was, in, sizeof(in));
		for (int b = 0; b < PEERS; b++) {
			for (int a = 0; a < PEERS; a++) {
				if (was[a] && was[b] && removes(step, a, b, i))
					in[b] = false;
			}
		}
	}
	/* The best is the least of these; the others share by the same order, each next hop once. */
	while (s.n < MAX_PATHS) {
		int least = -1;

		for (int p = 0; p < PEERS; p++) {
			if (in[p] && !used[said[p][i].next_hop] &&
				(least < 0 || arbitrary_less(p, least, i)))
				least = p;
		}
		if (least < 0)
			break;
		used[said[least][i].next_hop] = true;
		in[least] = false;
		s.peer[s.n++] = &peers[least];
	}
	return s;
}

static void check(const struct rib *r, int step)
{
	uint64_t selected[PEERS] = {0}, received[PEERS] = {0}, total = 0;
	struct rib_peer_counts counts;
	struct rib_counts all;

	for (int i = 0; i < PREFIXES; i++) {
		struct selection want = model(i);

		if (want.n != told[i].n || memcmp(want.peer, told[i].peer, want.n * sizeof(want.peer[0])) != 0)
			fail_msg("step %d: %s: %u selected, %u wanted", step, IP_PREFIX_TEXT(&prefixes[i]),
				told[i].n, want.n);
		total += want.n > 0;
		for (int p = 0; p < PEERS; p++) {
			received[p] += said[p][i].valid;
			for (unsigned int k = 0; k < want.n; k++)
				selected[p] += want.peer[k] == &peers[p];
		}
	}
	rib_get_counts(r, &all);
	assert_int_equal(all.selected, total);
	for (int p = 0; p < PEERS; p++) {
		rib_peer_get_counts(&peers[p], &counts);
		assert_int_equal(counts.received, received[p]);
		assert_int_equal(counts.selected, selected[p]);
	}
}

static const struct bgp_attrs *random_attrs(uint64_t *rng, const struct bgp_peer *p)
{
	uint32_t path[4] = {p->info.ebgp ? p->info.remote_as : 100 + (uint32_t)(unit_random(rng) % 2), 7, 8, 9};
	uint64_t x = unit_random(rng);
	struct bgp_attrs base = {
		.origin = (uint8_t)(x % 2),
		.has_med = x & 16,
		.med = x & 16 ? (uint32_t)(x >> 8) % 3 : 0,
		.has_local_pref = !p->info.ebgp,
		.local_pref = p->info.ebgp ? 0 : 99 + (uint32_t)(x >> 16) % 3,
	};

	return attrs_path(&base, (p->info.ebgp ? 1u : 0u) + (unsigned int)((x >> 32) % 2), path);
}

static void one_step(struct rib *r, uint64_t *rng)
{
	int p = (int)(unit_random(rng) % PEERS), i = (int)(unit_random(rng) % PREFIXES);
	unsigned int what = unit_random(rng) % 1000, nh = unit_random(rng) % NEXT_HOPS;
	struct said *x = &said[p][i];
	struct ip_addr a;

	if (what < 10) {
		peer_up[p] = !peer_up[p];
		if (peer_up[p])
			fake_up(r, &peers[p]);
		else
			fake_down(r, &peers[p]);
		for (i = 0; i < PREFIXES && !peer_up[p]; i++) {
			bgp_attrs_unref(said[p][i].attrs);
			said[p][i] = (struct said){0};
		}
	} else if (what < 40) {
		resolves[nh] = !resolves[nh];
		a = addr(next_hop_text(nh));
		rib_next_hop_changed(r, &a, resolves[nh]);
		while (rib_run(r, 3))
			;
	} else if (what < 60) {
		if (local[i])
			assert_int_equal(rib_del(r, &prefixes[i], RIB_STATIC, NULL), 0);
		else
			assert_int_equal(rib_add(r, &prefixes[i], RIB_STATIC, RIB_BLACKHOLE, NULL, 0), 0);
		local[i] = !local[i];
	} else if (peer_up[p]) {
		bgp_attrs_unref(x->attrs);
		*x = (struct said){0};
		if (what < 300) {
			fake_update(r, &peers[p], &prefixes[i], NULL, NULL);
			return;
		}
		*x = (struct said){true, nh, random_attrs(rng, &peers[p])};
		fake_update(r, &peers[p], &prefixes[i], next_hop_text(nh), bgp_attrs_ref(x->attrs));
	}
}

static void test_random(void **state)
{
	static const struct rib_ops ops = {.changed = changed, .track = track, .untrack = untrack};
	/* Two of AS 100, one of 101, two internal; two share an identifier. */
	static const uint32_t as[PEERS] = {100, 100, 101, 102, LOCAL_AS, LOCAL_AS};
	struct rib *r = rib_new(&ops, MAX_PATHS);
	uint64_t rng = unit_seed();
	char text[64];

	(void)state;
	for (int i = 0; i < PREFIXES; i++) {
		/* Nested pairs: a prefix and its first half. */
		snprintf(text, sizeof(text), "10.%d.0.0/%d", i & ~1, 15 + (i & 1));
		prefixes[i] = prefix(text);
	}
	for (int p = 0; p < PEERS; p++) {
		snprintf(text, sizeof(text), "10.1.0.%d", p + 1);
		peers[p] = fake_peer(text, as[p]);
	}
	peers[2].info.remote_id = peers[3].info.remote_id;
	for (int i = 0; i < NEXT_HOPS; i++)
		resolves[i] = true;

	for (int step = 0; step < STEPS; step++) {
		one_step(r, &rng);
		if (step % 7 == 0 || step > STEPS - 100)
			check(r, step);
	}
	for (int p = 0; p < PEERS; p++) {
		for (int i = 0; i < PREFIXES; i++)
			bgp_attrs_unref(said[p][i].attrs);
	}
	rib_free(r);
	for (int i = 0; i < PREFIXES; i++)
		assert_int_equal(told[i].n, 0); /* all left the FIB */
	assert_int_equal(bgp_attrs_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

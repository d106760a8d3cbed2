/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random packets, time, ends and changes of rules, against a model that reads the configuration, knows
 * the sessions that were begun, and nothing else: which rule, which translation, when a session must
 * live and when it must have ended. After each step all that is counted is counted anew
 * (session_rig.h), and in the end nothing is left.
 */
#include "session_rig.h"

#define CAPACITY 600
#define ROUNDS 24
#define STEPS 500
#define LATE_MS (FLOW_TICK_MS + 500 + 100) /* a timer, and the rig's step */

/* A session as the model knows it. */
struct known {
	uint32_t rec;
	unsigned int worker;
	struct flow_tuple original, reply;
	uint16_t ingress;
	uint32_t seen_ms;
	bool inbound; /* through a binding */
	bool two;     /* another rule translated its source */
};

static struct rig g;
static struct config *config;
static struct known known[RIG_WORKERS * CAPACITY];
static unsigned int n_known;
static uint64_t seed;
static uint32_t version;
/* That a reason, or an outcome, was seen at all. */
static unsigned int verdicts[FLOW_NEXT_MAX + 1], reasons[DROP_REASON_MAX], stayed, left_by_rules;

static unsigned int chance(unsigned int n)
{
	return (unsigned int)(unit_random(&seed) % n);
}

/* --- configurations --- */

/* Pools stay as they are, but for their ports. 1 and 3 are endpoint-independent. */
static const bool pool_binds[] = {false, true, false, true};
static const bool pool_v6[] = {false, false, true, true};

static void random_pools(struct config *c)
{
	static const char *addresses[] = {"192.0.2.1 192.0.2.2", "192.0.2.3", "2001:db8::1",
		"2001:db8::2 2001:db8::3"};

	for (unsigned int i = 0; i < 4; i++) {
		struct config_nat_pool *p;

		build_pool(c, addresses[i]);
		p = &c->nat.pools[i];
		p->port_first = (uint16_t)(5000 + chance(3) * 10);
		p->port_last = (uint16_t)(p->port_first + (g.workers > 1 ? 64 * g.workers : 0) + chance(30));
	}
}

static uint32_t random_ports(void)
{
	return chance(3) == 0 ? 0 : 1 + chance(3); /* p0 outside, p1 inside */
}

static void random_snat(struct config *c)
{
	static const char *source4[] = {"10.0.0.0/8", "10.0.0.0/30", "10.0.0.4/30", NULL};
	static const char *source6[] = {"fd00::/8", "fd00::/126", NULL};
	static const char *destination[] = {NULL, "198.51.100.0/30 2001:db8:f::/64", "10.0.0.0/8"};
	unsigned int pool = chance(4);
	struct config_snat *s = build_snat(c, pool_v6[pool] ? source6[chance(3)] : source4[chance(4)],
		destination[chance(3)], pool);

	s->match.ports = random_ports();
	s->match.protocols = chance(4) == 0 ? (uint8_t)(1 + chance(15)) : 0;
	s->exempt = chance(6) == 0;
	s->mapping = pool_binds[pool] ? CONFIG_NAT_ENDPOINT_INDEPENDENT : CONFIG_NAT_ENDPOINT_DEPENDENT;
	s->filtering = chance(3);
	s->port_selection = chance(2);
	s->max_sessions = chance(3) == 0 ? 1 + chance(12) : 0;
}

static void random_dnat(struct config *c)
{
	static const char *destination[] = {"192.0.2.9", "192.0.2.1", "192.0.2.3", "203.0.113.16/30",
		"2001:db8::9"};
	unsigned int i = chance(5);
	struct config_dnat *d = build_dnat(c, destination[i], i == 4 ? "fd00::1:1 fd00::1:2" :
		i == 3 ? "10.0.1.16" : chance(2) ? "10.0.1.1" : "10.0.1.1 10.0.1.2 10.0.1.3");

	d->match.ports = random_ports();
	if (i != 3 && chance(3) > 0) {
		d->port_first = (uint16_t)(i == 0 ? 80 : 5010);
		d->port_last = (uint16_t)(d->port_first + chance(4));
		for (unsigned int k = 0; k < d->n_to && chance(2); k++)
			d->to[k].port = 8080;
	}
	d->by_source = chance(2);
	if (i != 4 && chance(3) == 0) {
		d->has_snat = true;
		d->snat_pool = 0;
		d->snat_hairpin_only = chance(2);
	}
}

/* Half of the time much like the one before. */
static struct config *random_config(void)
{
	uint64_t fork = unit_random(&seed);
	struct config *c = build_config();
	unsigned int n_snat = 1 + chance(4), n_dnat = chance(4);
	static uint64_t before;

	if (before != 0 && chance(2))
		fork = before;
	before = fork;
	{
		uint64_t saved = seed;

		seed = fork;
		random_pools(c);
		for (unsigned int i = 0; i < n_snat; i++)
			random_snat(c);
		for (unsigned int i = 0; i < n_dnat; i++)
			random_dnat(c);
		seed = saved;
	}
	return c;
}

static struct nat_ruleset *rules_of(const struct config *c)
{
	char err[200] = "";
	struct nat_ruleset *r = nat_ruleset_new(c, build_port_ids, g.workers, ++version, err, sizeof(err));

	if (r == NULL)
		fail_msg("%s", err);
	r->timeouts = rig_timeouts();
	r->stateful_ports = chance(3) == 0 ? 1u << RIG_INSIDE : 0;
	return r;
}

/* --- what a configuration says, from its text --- */

struct want {
	const struct config_dnat *dnat;
	const struct config_snat *snat; /* not where the DNAT rule has a pool of its own */
	int pool;			/* -1: the source stays */
	bool stateful;
};

static unsigned int proto_bit(uint8_t proto)
{
	return proto == IPPROTO_TCP ? CONFIG_TCP : proto == IPPROTO_UDP ? CONFIG_UDP :
		proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? CONFIG_ICMP : CONFIG_OTHER;
}

static bool within(const struct ip_prefix *list, size_t n, const struct ip_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (ip_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

static bool matches(const struct config_nat_match *m, uint16_t ingress, const struct flow_tuple *t)
{
	unsigned int index = ingress == build_port_ids[0] ? 0 : ingress == build_port_ids[1] ? 1 : 2;

	return (m->ports == 0 || (m->ports & 1u << index) != 0) &&
		(m->protocols == 0 || (m->protocols & proto_bit(t->proto)) != 0) &&
		within(m->source, m->n_source, &t->src) &&
		within(m->destination, m->n_destination, &t->dst);
}

static bool dnat_has(const struct config_dnat *d, uint8_t proto, rte_be16_t port)
{
	uint16_t p = RIG_PORT(port);

	if (d->match.protocols != 0 && !(d->match.protocols & proto_bit(proto)))
		return false;
	return d->port_first == 0 || ((proto == IPPROTO_TCP || proto == IPPROTO_UDP) &&
		p >= d->port_first && p <= d->port_last);
}

static bool is_inside(const struct ip_addr *a)
{
	return a->bytes[0] == (a->family == IP_V4 ? 10 : 0xfd);
}

static struct want want_of(const struct config *c, uint16_t ingress, const struct flow_tuple *t)
{
	struct want w = {.pool = -1,
		.stateful = (g.rules->stateful_ports & 1u << ingress) != 0};

	for (size_t i = 0; i < c->nat.n_dnat && w.dnat == NULL; i++)
		if (matches(&c->nat.dnat[i].match, ingress, t) &&
			dnat_has(&c->nat.dnat[i], t->proto, t->dport))
			w.dnat = &c->nat.dnat[i];
	/* All backends are inside; routes say so. */
	if (w.dnat != NULL && w.dnat->has_snat && (!w.dnat->snat_hairpin_only || ingress == RIG_INSIDE)) {
		w.pool = (int)w.dnat->snat_pool;
		return w;
	}
	for (size_t i = 0; i < c->nat.n_snat && w.snat == NULL; i++)
		if (matches(&c->nat.snat[i].match, ingress, t) && (c->nat.snat[i].exempt ||
				pool_v6[c->nat.snat[i].pool] == (t->src.family == IP_V6)))
			w.snat = &c->nat.snat[i];
	if (w.snat != NULL && !w.snat->exempt)
		w.pool = (int)w.snat->pool;
	return w;
}

static bool wants_binding(const struct want *w, uint8_t proto)
{
	return w->snat != NULL && w->pool >= 0 && pool_binds[w->pool] && proto != IPPROTO_GRE;
}

/* --- checks of one session --- */

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool dnat_gives(const struct config_dnat *d, const struct flow_tuple *o, const struct flow_tuple *r)
{
	for (size_t i = 0; i < d->n_to; i++) {
		struct ip_addr addr = d->to[i].addr;
		uint16_t port = RIG_PORT(o->dport);

		if (d->match.destination[0].len == 30) /* .16/30 to .16/30 */
			addr.bytes[3] = (uint8_t)((addr.bytes[3] & 0xfc) | (o->dst.bytes[3] & 3));
		if (d->port_first != 0 && d->to[i].port != 0)
			port = (uint16_t)(port - d->port_first + d->to[i].port);
		if (ip_addr_equal(&addr, &r->src) && (is_icmp(o->proto) || port == RIG_PORT(r->sport)))
			return true;
	}
	return false;
}

static bool endpoint_allowed(const struct config *c, unsigned int pool, const struct flow_tuple *o,
	const struct ip_addr *addr, uint16_t port, bool fresh)
{
	const struct config_nat_pool *p = &c->nat.pools[pool];
	bool there = false;

	for (size_t i = 0; i < p->n_addresses; i++)
		there |= ip_addr_equal(&p->addresses[i], addr);
	for (size_t i = 0; i < c->nat.n_dnat; i++)
		if (within(c->nat.dnat[i].match.destination, 1, addr) &&
			dnat_has(&c->nat.dnat[i], o->proto, rte_cpu_to_be_16(port)))
			return false;
	if (!there || o->proto == IPPROTO_GRE)
		return there;
	if (port < p->port_first || port > p->port_last)
		return false;
	if (!fresh)
		return true;
	return nat_port_owner(port, g.workers) == nat_owner(g.rules, o);
}

/* An address of the rules' own: what nothing translates goes nowhere. */
static bool is_ours(const struct config *c, const struct ip_addr *a)
{
	for (size_t i = 0; i < c->nat.n_pools; i++)
		for (size_t k = 0; k < c->nat.pools[i].n_addresses; k++)
			if (ip_addr_equal(&c->nat.pools[i].addresses[k], a))
				return true;
	for (size_t i = 0; i < c->nat.n_dnat; i++)
		if (within(c->nat.dnat[i].match.destination, 1, a))
			return true;
	return false;
}

/* Whether these rules make this session as it is, and where it is. fresh: just now, so that its port is
 * as the allocator must choose it, unless a binding had it. */
static bool agrees(const struct config *c, const struct want *w, const struct known *k, bool fresh,
	bool bound)
{
	const struct flow_tuple *o = &k->original, *r = &k->reply;
	bool same_id = is_icmp(o->proto);

	if (nat_owner(g.rules, o) != k->worker || (!fresh && nat_owner(g.rules, r) != k->worker) ||
		(w->dnat == NULL && !k->inbound && is_ours(c, &o->dst)))
		return false;
	if (w->dnat != NULL) {
		if (k->inbound || !dnat_gives(w->dnat, o, r))
			return false;
	} else if (!k->inbound && !(ip_addr_equal(&r->src, &o->dst) && (same_id || r->sport == o->dport))) {
		return false;
	}
	if (k->two != ((w->dnat != NULL || k->inbound) && w->snat != NULL && w->pool >= 0))
		return false;
	if (w->pool < 0)
		return ip_addr_equal(&r->dst, &o->src) && (same_id || r->dport == o->sport) &&
			(w->dnat != NULL || k->inbound || w->stateful);
	return endpoint_allowed(c, (unsigned int)w->pool, o, &r->dst, RIG_PORT(r->dport), fresh && !bound) ||
		(k->inbound && same_id);
}

/* RFC 4787 REQ-1 and the other way round: one inside endpoint, one external one. */
static void check_mapping(const struct known *k)
{
	for (unsigned int i = 0; i < n_known; i++) {
		const struct known *e = &known[i];
		bool in, out;

		if (e->inbound || e->original.proto != k->original.proto || e->worker != k->worker ||
			!is_inside(&e->original.src))
			continue;
		in = e->original.sport == k->original.sport &&
			ip_addr_equal(&e->original.src, &k->original.src);
		out = e->reply.dport == k->reply.dport && ip_addr_equal(&e->reply.dst, &k->reply.dst);
		if (ip_addr_equal(&e->reply.dst, &e->original.src))
			continue;
		if (out)
			assert_true(in);
	}
}

/* The live binding of an external endpoint, by looking at all records. */
static uint32_t scan_binding(const struct nat_worker *w, const struct flow_tuple *t)
{
	for (uint32_t i = 0; i < w->flows->capacity; i++) {
		struct flow_tuple outside;

		if (w->flows->cold[i].kind != FLOW_BINDING)
			continue;
		flow_side_get_tuple(&w->flows->records[i].side[FLOW_REPLY], &outside);
		if (outside.proto == t->proto && outside.dport == t->dport &&
			ip_addr_equal(&outside.dst, &t->dst))
			return i;
	}
	return FLOW_NONE;
}

/* Sessions that a host has, by what the model knows: those that count, at least. */
static unsigned int sessions_from(const struct flow_tuple *t, unsigned int worker)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_known; i++) {
		if (known[i].worker != worker)
			continue;
		/* Hairpinned to itself: twice. */
		n += ip_addr_equal(&known[i].original.src, &t->src);
		n += ip_addr_equal(&known[i].reply.src, &t->src);
	}
	return n;
}

static void print_known(const struct known *k)
{
	fprintf(stderr, "worker %u proto %u in by %u%s%s: %s %u -> %s %u, answer %s %u -> %s %u\n", k->worker,
		k->original.proto, k->ingress, k->inbound ? " inbound" : "", k->two ? " two" : "",
		IP_ADDR_TEXT(&k->original.src), RIG_PORT(k->original.sport),
		IP_ADDR_TEXT(&k->original.dst), RIG_PORT(k->original.dport),
		IP_ADDR_TEXT(&k->reply.src), RIG_PORT(k->reply.sport), IP_ADDR_TEXT(&k->reply.dst),
		RIG_PORT(k->reply.dport));
}

/* An endpoint of the pool that is free for this tuple, of the same parity where that is wanted. */
static bool find_free(const struct nat_worker *w, unsigned int pool, const struct flow_tuple *t,
	bool parity, struct flow_tuple *ret_reply)
{
	const struct config_nat_pool *p = &config->nat.pools[pool];

	for (size_t a = 0; a < p->n_addresses; a++)
		for (unsigned int port = p->port_first; port <= p->port_last; port++) {
			struct flow_tuple reply = flow_tuple_swapped(t);

			if ((parity && (port ^ RIG_PORT(t->sport)) % 2 != 0) ||
				!endpoint_allowed(config, pool, t, &p->addresses[a], (uint16_t)port, true))
				continue;
			reply.dst = p->addresses[a];
			reply.dport = rte_cpu_to_be_16((uint16_t)port);
			if (is_icmp(t->proto))
				reply.sport = reply.dport;
			*ret_reply = reply;
			if (flow_find(w->flows, &reply) == FLOW_NONE)
				return true;
		}
	return false;
}

/* Endpoint-dependent, and not to a binding or backend, whose tuples are not the original's. */
static bool is_plain_snat(const struct nat_worker *w, const struct want *want, const struct flow_tuple *t)
{
	return want->pool >= 0 && !wants_binding(want, t->proto) && want->dnat == NULL &&
		scan_binding(w, t) == FLOW_NONE && t->proto != IPPROTO_GRE;
}

/* NAT_NO_PORT of an endpoint-dependent rule: there was none indeed. */
static void check_exhausted(const struct nat_worker *w, const struct want *want, const struct flow_tuple *t)
{
	struct flow_tuple reply;

	if (is_plain_snat(w, want, t) && find_free(w, (unsigned int)want->pool, t, false, &reply)) {
		print_known(&(struct known){.original = *t, .reply = reply});
		fail_msg("free, until %u now %u", w->exhausted_until_ms, w->now_ms);
	}
}

/* RFC 4787 REQ-4: of the other parity only where there is none of this. */
static void check_parity(const struct nat_worker *w, const struct want *want, const struct known *k)
{
	const struct flow_tuple *t = &k->original;
	struct flow_tuple reply;

	if (t->proto == IPPROTO_UDP && is_plain_snat(w, want, t) &&
		(RIG_PORT(k->reply.dport) ^ RIG_PORT(t->sport)) % 2 != 0)
		assert_false(find_free(w, (unsigned int)want->pool, t, true, &reply));
}

/* --- steps --- */

static struct ip_addr random_addr(bool v6, bool source)
{
	static const char *v4_text[] = {"10.0.0.%u", "10.0.0.%u", "198.51.100.%u", "198.51.100.%u",
		"10.0.1.%u", "203.0.113.1%u", "192.0.2.%u", "192.0.2.9"};
	static const char *v6_text[] = {"fd00::%u", "fd00::%u", "2001:db8:f::%u", "2001:db8:f::%u",
		"fd00::1:%u", "2001:db8::9", "2001:db8::%u", "2001:db8::%u"};
	char text[40];

	snprintf(text, sizeof(text), (v6 ? v6_text : v4_text)[chance(source ? 5 : 8)], 1 + chance(7));
	return build_addr(text);
}

static struct flow_tuple random_tuple(void)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE};
	bool v6 = chance(3) == 0;
	struct flow_tuple t = {.src = random_addr(v6, true), .dst = random_addr(v6, false), .proto = protos[chance(5)],
		.sport = rte_cpu_to_be_16((uint16_t)(5000 + chance(6))),
		.dport = rte_cpu_to_be_16((uint16_t)(chance(3) == 0 ? 80 + chance(3) : 5000 + chance(40)))};

	if (n_known > 0 && chance(4) == 0) { /* of somebody's, or near it */
		const struct known *k = &known[chance(n_known)];

		t = chance(2) ? k->original : k->reply;
		if (chance(2) && t.proto != IPPROTO_GRE)
			t.sport = rte_cpu_to_be_16((uint16_t)(5000 + chance(6)));
	}
	if (t.proto == IPPROTO_ICMP && t.src.family == IP_V6)
		t.proto = IPPROTO_ICMPV6;
	if (is_icmp(t.proto))
		t.dport = t.sport;
	if (t.proto == IPPROTO_GRE)
		t.sport = t.dport = 0;
	return t;
}

static const struct known *find_known(const struct flow_tuple *t)
{
	for (unsigned int i = 0; i < n_known; i++)
		if (memcmp(&known[i].original, t, sizeof(*t)) == 0 ||
			memcmp(&known[i].reply, t, sizeof(*t)) == 0)
			return &known[i];
	return NULL;
}

static bool is_attracted(const struct ip_addr *a)
{
	return fib_lookup(g.fib, a) == g.nh_nat;
}

/* Whether a session was begun from the inside while the binding's filtering was by address. */
static bool is_peer_of(const struct nat_worker *w, uint32_t session, uint32_t binding)
{
	const struct flow_cold *cold = w->flows->cold;
	uint32_t parent = cold[session].parent;

	return config->nat.snat[cold[binding].rule].filtering == CONFIG_NAT_FILTER_ADDRESS &&
		parent != FLOW_NONE && nat_is_peer(&cold[parent]) && cold[parent].parent == binding;
}

static void check_refusal(const struct nat_worker *w, const struct nat_verdict *v, const struct want *want,
	const struct flow_tuple *t, uint32_t binding)
{
	reasons[v->drop_reason]++;
	switch (v->drop_reason) {
	case DROP_NAT_NO_MAPPING:
		assert_true(is_attracted(&t->dst) && want->dnat == NULL);
		assert_true(binding == FLOW_NONE || t->proto == IPPROTO_GRE ||
			(w->flows->cold[binding].flags & (NAT_COLD_HELD | NAT_COLD_DEAD)) != 0);
		break;
	case DROP_NAT_FILTERED:
		assert_int_not_equal(binding, FLOW_NONE);
		for (unsigned int i = 0; i < n_known; i++) /* the inside knows no such address */
			if (known[i].worker == w->index && is_peer_of(w, known[i].rec, binding))
				assert_false(ip_addr_equal(&known[i].reply.src, &t->src));
		break;
	case DROP_NAT_NO_PORT:
		check_exhausted(w, want, t);
		break;
	case DROP_NAT_LIMIT:
		if (binding == FLOW_NONE)
			assert_true(sessions_from(t, w->index) >= (want->snat->max_sessions +
				g.workers - 1) / g.workers);
		break;
	case DROP_FLOW_FULL:
		assert_true(w->flows->used + 4 >= w->flows->capacity);
		break;
	case DROP_FLOW_LOOP:
		break;
	default:
		fail_msg("reason %s", drop_info[v->drop_reason].name);
	}
}

static void step_packet(void)
{
	struct flow_tuple t = random_tuple();
	uint16_t ingress = is_inside(&t.src) ? RIG_INSIDE : RIG_OUTSIDE;
	unsigned int worker = nat_owner(g.rules, &t);
	struct nat_worker *w = g.w[worker];
	struct want want = want_of(config, ingress, &t);
	const struct known *old = find_known(&t);
	uint64_t created = w->counters.created;
	struct nat_verdict v = rig_new(&g, ingress, &t);
	uint32_t binding = scan_binding(w, &t);
	struct known k = {.worker = worker, .ingress = ingress, .original = t, .seen_ms = w->now_ms};

	verdicts[v.next]++;
	if (old != NULL && old->worker == worker) {
		assert_int_equal(v.next, FLOW_NEXT_REWRITE);
		assert_int_equal(v.ref >> 1, old->rec);
		assert_int_equal(w->counters.created, created);
		return;
	}
	if (v.next == FLOW_NEXT_DROP || v.next == FLOW_NEXT_ICMP) {
		check_refusal(w, &v, &want, &t, binding);
		return;
	}
	if (v.next == FLOW_NEXT_LOOKUP) {
		assert_true(want.dnat == NULL && want.pool < 0 && !want.stateful);
		return;
	}
	if (v.next == FLOW_NEXT_HELD)
		return;
	assert_int_equal(w->counters.created, created + 1);
	assert_int_equal(v.ref & 1, FLOW_ORIGINAL);
	k.rec = v.ref >> 1;
	k.reply = rig_reply(w, &v);
	assert_null(find_known(&k.reply));
	k.inbound = want.dnat == NULL && !(ip_addr_equal(&k.reply.src, &t.dst) &&
			(is_icmp(t.proto) || k.reply.sport == t.dport));
	k.two = (want.dnat != NULL || k.inbound) && want.snat != NULL && want.pool >= 0;
	if (k.inbound)
		assert_int_not_equal(binding, FLOW_NONE);
	if (!agrees(config, &want, &k, true, wants_binding(&want, t.proto))) {
		print_known(&k);
		fail_msg("dnat %s snat %s pool %d stateful %d", want.dnat ? want.dnat->name : "-",
			want.snat ? want.snat->name : "-", want.pool, want.stateful);
	}
	if (!k.inbound && wants_binding(&want, t.proto))
		check_mapping(&k);
	check_parity(w, &want, &k);
	known[n_known++] = k;
}

static void forget(unsigned int i)
{
	known[i] = known[--n_known];
}

static bool is_there(const struct known *k)
{
	return flow_find(g.w[k->worker]->flows, &k->original) == flow_ref(k->rec, FLOW_ORIGINAL);
}

static void step_end(void)
{
	unsigned int i;

	if (n_known == 0)
		return;
	i = chance(n_known);
	nat_session_end(g.w[known[i].worker], known[i].rec);
	assert_false(is_there(&known[i]));
	forget(i);
}

static void step_refresh(void)
{
	struct known *k;

	if (n_known == 0)
		return;
	k = &known[chance(n_known)];
	k->seen_ms = g.w[0]->now_ms;
	g.w[k->worker]->flows->records[k->rec].side[chance(2)].seen_ms = k->seen_ms;
}

static uint32_t deadline_of(const struct known *k)
{
	struct flow_timeouts t = rig_timeouts();

	return k->seen_ms + (k->original.proto == IPPROTO_TCP ? t.tcp_opening_ms :
		k->original.proto == IPPROTO_UDP ? t.udp_new_ms :
		is_icmp(k->original.proto) ? t.icmp_ms : t.other_ms);
}

static void step_time(void)
{
	uint32_t now;

	rig_advance(&g, chance(4) ? chance(3000) : chance(400000));
	now = g.w[0]->now_ms;
	for (unsigned int i = 0; i < n_known;) {
		int32_t over = (int32_t)(now - deadline_of(&known[i]));

		if (is_there(&known[i])) {
			assert_true(over < LATE_MS);
			i++;
		} else {
			assert_true(over >= 0);
			forget(i);
		}
	}
}

static void check_all(void)
{
	for (unsigned int i = 0; i < g.workers; i++)
		rig_check(&g, g.w[i]);
	for (unsigned int i = 0; i < n_known; i++)
		assert_true(is_there(&known[i]));
}

/* --- new rules --- */

/* After all were looked at again. */
static void check_change(void)
{
	for (unsigned int i = 0; i < n_known;) {
		const struct known *k = &known[i];
		struct want want = want_of(config, k->ingress, &k->original);
		bool yes = agrees(config, &want, k, false, false);

		/* Bindings may end for reasons of their own. */
		if (is_there(k) ? !yes : yes && !k->inbound) {
			print_known(k);
			fail_msg("%s", is_there(k) ? "stayed" : "ended");
		}
		if (is_there(k)) {
			stayed++;
			i++;
		} else {
			left_by_rules++;
			forget(i);
		}
	}
}

static void look_again(struct nat_worker *w, uint8_t kind, bool packets)
{
	for (uint32_t i = 0; i < w->flows->capacity; i++) {
		if (w->flows->cold[i].kind == kind && nat_rules_of(w, &w->flows->cold[i]) == w->old &&
			!nat_session_revalidate(w, i, w->old))
			nat_session_end(w, i);
		if (packets && chance(60) == 0) {
			/* Sessions that this pass has ended are not the model's any more. */
			for (unsigned int k = 0; k < n_known;) {
				if (is_there(&known[k]))
					k++;
				else
					forget(k);
			}
			step_packet();
		}
	}
}

static void step_rules(void)
{
	struct nat_ruleset *old = g.rules;
	bool packets = chance(2);

	build_free(config);
	config = random_config();
	rig_set_rules(&g, rules_of(config));
	for (unsigned int i = 0; i < g.workers; i++) {
		g.w[i]->old = old;
		nat_alloc_forget(g.w[i]);
	}
	for (unsigned int i = 0; i < g.workers; i++) {
		static const uint8_t kinds[] = {FLOW_SESSION, FLOW_BINDING, FLOW_HOST};

		for (unsigned int k = 0; k < 3; k++)
			look_again(g.w[i], kinds[k], packets && g.workers == 1);
		rig_check(&g, g.w[i]);
		rig_check_use(&g, g.w[i], old);
		for (unsigned int u = 0; u < old->n_rules + old->n_pools; u++) {
			const struct nat_use *use = &old->use[i * nat_use_stride(old) + u];

			assert_int_equal(use->sessions, 0);
			assert_int_equal(use->bindings, 0);
		}
		g.w[i]->old = NULL;
	}
	nat_ruleset_free(old);
	check_change();
}

static void run(unsigned int workers)
{
	struct nat_ruleset *first;

	n_known = 0;
	g.workers = workers;
	config = random_config();
	first = rules_of(config);
	rig_init(&g, first, workers, CAPACITY, (uint32_t)unit_random(&seed));
	for (unsigned int i = 0; i < STEPS; i++) {
		unsigned int what = chance(100);

		if (what < 84)
			step_packet();
		else if (what < 90)
			step_end();
		else if (what < 94)
			step_refresh();
		else if (what < 98)
			step_time();
		else
			step_rules();
		check_all();
	}
	/* Held SYNs are the test's own packet. */
	for (unsigned int i = 0; i < workers; i++) {
		struct rte_mbuf *pkts[64];
		uint8_t next[64];
		bool v4;

		g.w[i]->now_ms += 6000;
		while (nat_hold_due(g.w[i], pkts, next, 64, &v4) > 0)
			;
	}
	rig_advance(&g, 1500000); /* sessions, bindings, what holds their ports */
	rig_check_empty(&g);
	build_free(config);
	rig_fini(&g);
}

static void test_model(void **state)
{
	static const uint8_t must[] = {DROP_NAT_NO_MAPPING, DROP_NAT_FILTERED, DROP_NAT_NO_PORT,
		DROP_NAT_LIMIT, DROP_FLOW_LOOP};

	(void)state;
	seed = unit_seed();
	for (unsigned int round = 0; round < ROUNDS; round++)
		run(round % 3 == 2 ? 2 : 1);
	for (unsigned int i = 0; i < sizeof(must); i++)
		assert_true(reasons[must[i]] > 0);
	assert_true(verdicts[FLOW_NEXT_REWRITE] > 1000 && verdicts[FLOW_NEXT_LOOKUP] > 100 &&
		verdicts[FLOW_NEXT_HELD] > 0);
	assert_true(stayed > 100 && left_by_rules > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

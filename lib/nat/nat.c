/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The module's life: memory for all workers at the start; rules, replaced while workers go on; and what
 * a worker does once a pass, before its bursts (burst.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "nat/burst_priv.h"
#include "nat/state.h"
#include "nat/untouched.h"

#define LOG_INTERVAL_MS 10000
#define HOSTS_MAX 65536

/* --- workers --- */

struct nat_worker *nat_worker(struct nat *n, unsigned int worker)
{
	return n->worker[worker];
}

uint32_t nat_flow_ports(const struct nat_worker *w)
{
	return w->rules->flow_ports;
}

static void take_rules(struct nat_worker *w, const struct nat_ruleset *rules)
{
	w->old = w->rules;
	w->rules = rules;
	nat_alloc_forget(w);
	nat_sweep_rules(w, w->old);
}

void nat_begin(struct nat_worker *w, uint64_t tsc)
{
	const struct nat_ruleset *rules = __atomic_load_n(&w->nat->rules, __ATOMIC_ACQUIRE);
	uint32_t due[NAT_EXPIRE_MAX];
	unsigned int n;

	w->now_ms = (uint32_t)((unsigned __int128)tsc * w->ms_mul >> 64);
	if (unlikely(rules != w->rules))
		take_rules(w, rules);
	n = flow_timer_due(w->flows, w->now_ms, due, NAT_EXPIRE_MAX);
	for (unsigned int i = 0; i < n; i++)
		nat_session_due(w, due[i]);
	nat_sweep_run(w);
	/* The sweep let go of them as it told the control thread; nobody has looked since. */
	if (unlikely(w->old != NULL) && nat_sweep_through(w, w->rules->version))
		w->old = NULL;
	nat_release_due(w);
}

/* --- memory --- */

/* Records of one worker: sessions, and where rules want them bindings and inside addresses. */
static uint32_t capacity(const struct nat_conf *conf)
{
	const struct config *c = conf->config;
	uint64_t sessions = (c->flows.max_sessions + conf->workers - 1) / conf->workers;
	uint64_t records = sessions;
	bool bindings = false, hosts = false;

	for (size_t i = 0; i < c->nat.n_snat; i++) {
		const struct config_snat *s = &c->nat.snat[i];

		bindings |= s->mapping == CONFIG_NAT_ENDPOINT_INDEPENDENT && !s->exempt;
		hosts |= s->max_sessions > 0 || s->rate > 0;
	}
	records += bindings ? sessions : 0;
	records += hosts ? RTE_MIN(sessions, (uint64_t)HOSTS_MAX) : 0;
	return RTE_MAX(records, (uint64_t)1);
}

static int get_random(void *to, size_t len)
{
	return getrandom(to, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static void worker_free(struct nat_worker *w)
{
	if (w == NULL)
		return;
	for (unsigned int v4 = 0; v4 < 2; v4++) {
		struct nat_released *q = &w->released[v4];

		for (; q->head != q->tail; q->head++)
			rte_pktmbuf_free(q->pkts[q->head % NAT_RELEASED_MAX]);
	}
	nat_hold_fini(w);
	nat_sweep_fini(w);
	free(w->untouched);
	reass_free(w->reass);
	flow_table_free(w->flows);
	free(w);
}

/* NULL with errno. */
static struct nat_worker *worker_new(struct nat *n, const struct nat_conf *conf, unsigned int index)
{
	struct flow_table_conf table = {.capacity = capacity(conf), .windows = n->windows};
	struct nat_worker *w = aligned_alloc(64, sizeof(*w));
	int rc;

	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->fib = conf->fib;
	w->nh = conf->nh;
	w->index = index;
	w->workers = conf->workers;
	w->nat = n;
	w->rules = n->rules;
	w->ms_mul = ((unsigned __int128)1000 << 64) / conf->tsc_hz;
	rc = get_random(w->random, sizeof(w->random));
	if (rc == 0)
		rc = get_random(table.secret, sizeof(table.secret));
	if (rc != 0) {
		free(w);
		errno = -rc;
		return NULL;
	}
	w->flows = flow_table_new(&table);
	w->untouched = w->flows != NULL ? calloc(1, sizeof(*w->untouched)) : NULL;
	w->reass = w->untouched != NULL ? reass_new(table.secret) : NULL;
	if (w->reass != NULL && (rc = nat_sweep_init(w)) == 0 && (rc = nat_hold_init(w)) == 0)
		return w;
	rc = rc != 0 ? -rc : errno;
	worker_free(w);
	errno = rc;
	return NULL;
}

static struct nat_use *carried_new(const struct nat_ruleset *r)
{
	return calloc(r->n_rules + r->n_pools + 1, sizeof(struct nat_use));
}

struct nat *nat_new(const struct nat_conf *conf, char *err, size_t err_len)
{
	struct nat *n = calloc(1, sizeof(*n) + conf->workers * sizeof(n->worker[0]));
	int rc = ENOMEM;

	if (n == NULL)
		goto fail;
	n->workers = conf->workers;
	n->n_ports = conf->config->n_ports;
	n->max_sessions = conf->config->flows.max_sessions;
	n->windows = conf->config->flows.tcp_window;
	n->port_ids = calloc(n->n_ports + 1, sizeof(n->port_ids[0]));
	if (n->port_ids == NULL)
		goto fail;
	memcpy(n->port_ids, conf->port_ids, n->n_ports * sizeof(n->port_ids[0]));
	n->rules = nat_ruleset_new(conf->config, n->port_ids, n->workers, 1, err, err_len);
	if (n->rules == NULL) {
		rc = errno;
		nat_free(n);
		errno = rc;
		return NULL;
	}
	n->carried = carried_new(n->rules);
	for (unsigned int i = 0; n->carried != NULL && i < n->workers; i++) {
		n->worker[i] = worker_new(n, conf, i);
		if (n->worker[i] == NULL) {
			rc = errno;
			goto fail;
		}
	}
	if (n->carried != NULL)
		return n;
fail:
	snprintf(err, err_len, "%s: no memory for %u sessions (flows.max_sessions)", strerror(rc),
		conf->config->flows.max_sessions);
	nat_free(n);
	errno = rc;
	return NULL;
}

void nat_free(struct nat *n)
{
	if (n == NULL)
		return;
	for (unsigned int i = 0; i < n->workers; i++)
		worker_free(n->worker[i]);
	nat_ruleset_free(n->rules);
	nat_ruleset_free(n->old);
	free(n->carried);
	free(n->carried_old);
	free(n->port_ids);
	free(n);
}

/* --- rules --- */

int nat_set_config(struct nat *n, const struct config *config, char *err, size_t err_len)
{
	const struct config_flows *f = &config->flows;
	struct nat_ruleset *rules;
	struct nat_use *carried;

	if (n->old != NULL) {
		snprintf(err, err_len, "an earlier change is still being carried out");
		return -EBUSY;
	}
	/* Without a rule or stateful port there is no default. */
	if (f->max_sessions != 0 && f->max_sessions != n->max_sessions) {
		snprintf(err, err_len, "flows.max_sessions, %u now", n->max_sessions);
		return -EINVAL;
	}
	if (f->tcp_window && !n->windows) {
		snprintf(err, err_len, "flows.tcp_window_check, which takes memory at the start");
		return -EINVAL;
	}
	rules = nat_ruleset_new(config, n->port_ids, n->workers, n->rules->version + 1, err, err_len);
	if (rules == NULL)
		return errno != 0 ? -errno : -EINVAL;
	carried = carried_new(rules);
	if (carried == NULL) {
		nat_ruleset_free(rules);
		snprintf(err, err_len, "no memory");
		return -ENOMEM;
	}
	n->old = n->rules;
	n->carried_old = n->carried;
	n->carried = carried;
	__atomic_store_n(&n->rules, rules, __ATOMIC_RELEASE);
	return 0;
}

/* What was counted under the old set stays with the rules and pools of the same name. */
static void carry(struct nat *n)
{
	const struct nat_ruleset *r = n->rules;

	for (unsigned int i = 0; i < r->n_rules; i++)
		nat_use_carry(n, nat_rule_of_name(n->old, &r->rules[i]), i);
	for (unsigned int i = 0; i < r->n_pools; i++)
		nat_use_carry(n, nat_pool_of_name(n->old, r->pools[i].name), r->n_rules + i);
}

static bool all_through(const struct nat *n)
{
	for (unsigned int i = 0; i < n->workers; i++)
		if (!nat_sweep_through(n->worker[i], n->rules->version))
			return false;
	return true;
}

/* Requests for ports and sessions that were refused; at most a line in ten seconds. */
static void tell(struct nat *n, uint64_t now_ms)
{
	struct nat_use all = nat_use_total(n);

	if (all.exhausted == n->logged_exhausted && all.limited == n->logged_limited)
		return;
	if (n->logged_ms != 0 && now_ms - n->logged_ms < LOG_INTERVAL_MS)
		return;
	log_warning("nat", "refused since the last such line: %lu packets for want of a port, %lu for a "
			"limit (nvactl show nat rules)",
		(unsigned long)(all.exhausted - n->logged_exhausted),
		(unsigned long)(all.limited - n->logged_limited));
	n->logged_ms = now_ms;
	n->logged_exhausted = all.exhausted;
	n->logged_limited = all.limited;
}

void nat_poll(struct nat *n, uint64_t now_ms)
{
	if (n->old != NULL && all_through(n)) {
		carry(n);
		nat_ruleset_free(n->old);
		free(n->carried_old);
		n->old = NULL;
		n->carried_old = NULL;
	}
	tell(n, now_ms);
}

void nat_addresses(const struct nat *n, nat_address_fn fn, void *arg)
{
	nat_ruleset_addresses(n->rules, fn, arg);
}

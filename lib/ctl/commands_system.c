/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the process, its workers and their graph, and the dropped packets. */
#include <stdlib.h>
#include <unistd.h>

#include <rte_version.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"
#include "drop/drop.h"
#include "nvad_version.h"

static uint64_t start_ns;

/* The process's start, near enough: before main(). */
__attribute__((constructor)) static void note_start(void)
{
	start_ns = clock_now_ns();
}

int ctl_show_version(struct ctl_call *call)
{
	const struct rte_mempool *pool = call->context->pool;

	ctl_row_begin(call);
	ctl_put_str(call, "name", "nvad");
	ctl_put_str(call, "version", NVAD_VERSION);
	ctl_put_str(call, "dpdk", rte_version());
	ctl_put_u64(call, "uptime_s", (clock_now_ns() - start_ns) / 1000000000u);
	ctl_put_u64(call, "pid", (uint64_t)getpid());
	if (pool == NULL)
		return 0;
	ctl_put_u64(call, "buffers", pool->size);
	ctl_put_u64(call, "buffers_in_use", rte_mempool_in_use_count(pool));
	return 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

int ctl_show_workers(struct ctl_call *call)
{
	struct worker_set *workers = call->context->workers;
	struct worker_stats s;

	if (workers == NULL)
		return ctl_not_running(call, "the set of workers");
	for (unsigned int w = 0; w < workers_count(workers); w++) {
		worker_get_stats(workers, w, &s);
		ctl_row_begin(call);
		ctl_put_u64(call, "worker", w);
		ctl_put_u64(call, "lcore", s.lcore);
		ctl_put_u64(call, "cpu", s.cpu);
		ctl_put_u64(call, "packets", s.packets);
		ctl_put_real(call, "busy_percent", percent(s.busy_cycles, s.total_cycles));
		ctl_put_u64(call, "loops", s.loops);
		ctl_put_real(call, "idle_percent", percent(s.idle_loops, s.loops));
		ctl_put_u64(call, "sleeps", s.sleeps);
	}
	return 0;
}

#define NODES_MAX 512

int ctl_show_graph(struct ctl_call *call)
{
	const struct ctl_context *ctx = call->context;
	struct node_stats *nodes;
	size_t n;

	if (ctx->workers == NULL)
		return ctl_not_running(call, "the set of workers");
	nodes = calloc(NODES_MAX, sizeof(*nodes));
	if (nodes == NULL)
		return ctl_fail(call, "no-memory", "", "out of memory");
	n = workers_node_stats(ctx->workers, nodes, NODES_MAX);
	for (size_t i = 0; i < n && i < NODES_MAX; i++) {
		const struct node_stats *s = &nodes[i];

		ctl_row_begin(call);
		ctl_put_str(call, "node", s->name);
		ctl_put_u64(call, "calls", s->calls);
		ctl_put_u64(call, "packets", s->packets);
		if (s->cycles > 0) /* else no walk that was timed came through it yet */
			ctl_put_real(call, "cycles_per_packet", (double)s->cycles / (double)s->packets);
		if (s->calls > 0)
			ctl_put_real(call, "packets_per_call", (double)s->packets / (double)s->calls);
	}
	free(nodes);
	return 0;
}

int ctl_show_drops(struct ctl_call *call)
{
	bool all = ctl_arg(call, "all")->set;

	for (unsigned int r = 0; r < DROP_REASON_MAX; r++) {
		uint64_t n = drop_total((enum drop_reason)r);

		if (n == 0 && !all)
			continue;
		ctl_row_begin(call);
		ctl_put_str(call, "reason", drop_info[r].name);
		ctl_put_u64(call, "packets", n);
		ctl_put_str(call, "text", drop_info[r].text);
		ctl_put_str(call, "hint", drop_info[r].hint);
	}
	return 0;
}

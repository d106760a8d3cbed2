/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-process rig of the forwarding benchmarks: workers' graphs on this core, walked by hand, and
 * one port, a null device whose rx copies frames from a table, as a NIC would deliver them, and whose
 * tx frees them. Windows of the case and of the baseline alternate. Exits where something fails.
 */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph_priv.h"
#include "report.h"

#define RIG_FRAME_LEN 64 /* as DPDK counts: without the FCS 60 would do */

struct rig_frame {
	uint8_t bytes[RIG_FRAME_LEN];
} __attribute__((aligned(64)));

struct rig {
	const char *bench;
	struct worker_conf conf; /* tables of next hops, packets, RCU; the FIB is the bench's */
	struct port *port;
	unsigned int windows, ms;
	unsigned int repeated, disturbed; /* windows that others cut into */
	bool json;
	const char *only; /* --only: the one case to run */
	/* --over: device arguments of a port in place of the table of frames. Its frames are to
	 * 02:00:00:00:00:01; --sessions says of how many sessions they are. */
	const char *over;
	unsigned int over_sessions;
	struct report *report;
};

__attribute__((noreturn, format(printf, 2, 3))) void rig_die(const struct rig *rig, const char *fmt, ...);

/* Options, EAL, the port and the tables. memory_mb: to have free as huge pages, or to take of small ones.
 * ret_data: where there is a table of prefixes to name; else NULL. */
void rig_open(struct rig *rig, const char *bench, int argc, char **argv, unsigned int memory_mb,
	const char **ret_data);
/* Prints the report. */
void rig_close(struct rig *rig);

bool rig_wants(const struct rig *rig, const char *name);

/* Zeroed memory for n frames. */
struct rig_frame *rig_frames_new(const struct rig *rig, uint32_t n);

/* What the port delivers next: n frames, over and over, or once. */
void rig_deliver(const struct rig_frame *frames, uint32_t n, bool once);
uint32_t rig_delivered(void); /* of these, modulo n where they come over and over */
/* Sees what the port sends, before it is freed; NULL: nobody looks. */
typedef void (*rig_look_fn)(void *arg, const uint8_t *frame, uint32_t len);
void rig_look(rig_look_fn fn, void *arg);

/* An adjacency on the port. */
uint32_t rig_neighbour(struct rig *rig, unsigned int i);
/* A graph of all nodes, and nvad's own rx and tx nodes and nothing between. */
struct worker *rig_walk_new(struct rig *rig, const char *name, struct nat *nat);
struct worker *rig_empty_new(struct rig *rig);

/* A window in which the thread had its CPU for 99 %, of a few tries; the last where none had.
 * Ticks a packet. */
double rig_window(struct rig *rig, struct worker *w);
/* Nanoseconds that this thread was ready and another had its CPU. */
uint64_t rig_waited_ns(void);
/* Windows of both in turn, and the nodes' times of `walk`. */
void rig_case(struct rig *rig, const char *name, struct worker *walk, struct worker *base);
void rig_note_nodes(struct rig *rig, const char *name, struct worker *w);
/* A rig that drops would look fast. */
void rig_check_no_drops(const struct rig *rig, const char *name);

#endif

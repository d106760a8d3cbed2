/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a benchmark says: cases with their samples and those of the baseline of the same run, as a
 * table for people or as one JSON object (the format of scripts/bench) for programs.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct report;

/* `bench` is the NAME of `scripts/bench NAME`. Exits on want of memory, as all of this does. */
struct report *report_new(const char *bench);
void report_free(struct report *r);

/*
 * One line. Value is the median of n (>= 1) samples, shown with their least and greatest; baseline
 * is the median of n_base samples, ratio = value / baseline; n_base 0: no baseline. All is copied.
 */
void report_add(struct report *r, const char *name, const char *unit, const double *samples,
	size_t n, const double *base, size_t n_base);
/* A remark for people, under the table; not in the JSON. */
void report_note(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* To stdout. Colour only where it is a terminal and NO_COLOR is not set. */
void report_print(const struct report *r, bool json);

#endif

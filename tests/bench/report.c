/* SPDX-License-Identifier: BSD-3-Clause */
/* Output of the benchmarks: see report.h. */
#include "report.h"

#include <err.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_cycles.h>

struct report_case {
	char *name, *unit;
	double value, min, max, baseline; /* baseline NAN: none */
};

struct report {
	char *bench;
	struct report_case *cases;
	size_t n;
	char **notes;
	size_t n_notes;
};

static void *must(void *p)
{
	if (p == NULL)
		err(1, "report");
	return p;
}

struct report *report_new(const char *bench)
{
	struct report *r = must(calloc(1, sizeof(*r)));

	r->bench = must(strdup(bench));
	return r;
}

void report_free(struct report *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->cases[i].name);
		free(r->cases[i].unit);
	}
	for (size_t i = 0; i < r->n_notes; i++)
		free(r->notes[i]);
	free(r->notes);
	free(r->cases);
	free(r->bench);
	free(r);
}

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double *sorted(const double *samples, size_t n)
{
	double *s = must(malloc(n * sizeof(*s)));

	memcpy(s, samples, n * sizeof(*s));
	qsort(s, n, sizeof(*s), cmp_double);
	return s;
}

static double median(const double *s, size_t n)
{
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

void report_add(struct report *r, const char *name, const char *unit, const double *samples,
	size_t n, const double *base, size_t n_base)
{
	double *s = sorted(samples, n), *b = n_base > 0 ? sorted(base, n_base) : NULL;

	r->cases = must(realloc(r->cases, (r->n + 1) * sizeof(*r->cases)));
	r->cases[r->n++] = (struct report_case){
		.name = must(strdup(name)),
		.unit = must(strdup(unit)),
		.value = median(s, n),
		.min = s[0],
		.max = s[n - 1],
		.baseline = b != NULL ? median(b, n_base) : NAN,
	};
	free(s);
	free(b);
}

void report_note(struct report *r, const char *fmt, ...)
{
	va_list ap;

	r->notes = must(realloc(r->notes, (r->n_notes + 1) * sizeof(*r->notes)));
	va_start(ap, fmt);
	if (vasprintf(&r->notes[r->n_notes], fmt, ap) < 0)
		err(1, "report");
	va_end(ap);
	r->n_notes++;
}

/* "CPU model, N cores, TSC M MHz" */
static void machine_text(char *buf, size_t len)
{
	char line[256], model[128] = "unknown CPU";
	FILE *f = fopen("/proc/cpuinfo", "r");
	unsigned int i, p;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "model name : %127[^\n]", model) == 1)
			break;
	if (f != NULL && fseek(f, 0, SEEK_SET) == 0)
		while (fgets(line, sizeof(line), f) != NULL) {
			/* Cloud machines hide the model's name behind a bare "AMD EPYC". */
			if (sscanf(line, "cpu family : %u", &p) == 1) {
				i = strlen(model);
				snprintf(model + i, sizeof(model) - i, " family %u", p);
			} else if (sscanf(line, "model : %u", &p) == 1) {
				i = strlen(model);
				snprintf(model + i, sizeof(model) - i, " model %u", p);
				break;
			}
		}
	if (f != NULL)
		fclose(f);
	snprintf(buf, len, "%s, %ld cores", model, sysconf(_SC_NPROCESSORS_ONLN));
	if (rte_get_tsc_hz() != 0) /* EAL has measured it */
		snprintf(buf + strlen(buf), len - strlen(buf), ", TSC %.0f MHz",
			rte_get_tsc_hz() / 1e6);
}

/* Four significant digits, for JSON too: more would be noise. */
static double rounded(double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", v);
	return strtod(text, NULL);
}

static void print_json(const struct report *r, const char *machine)
{
	json_t *cases = json_array(), *top;

	for (size_t i = 0; i < r->n; i++) {
		const struct report_case *c = &r->cases[i];
		bool has_base = !isnan(c->baseline);

		json_array_append_new(cases, must(json_pack("{s:s, s:s, s:f, s:f, s:f, s:o, s:o}",
			"name", c->name, "unit", c->unit, "value", rounded(c->value),
			"min", rounded(c->min), "max", rounded(c->max),
			"baseline", has_base ? json_real(rounded(c->baseline)) : json_null(),
			"ratio", has_base && c->baseline != 0 ?
				json_real(rounded(c->value / c->baseline)) : json_null())));
	}
	top = must(json_pack("{s:s, s:s, s:o}", "bench", r->bench, "machine", machine,
		"cases", cases));
	json_dumpf(top, stdout, JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(top);
}

/* Like %.4g, but never with an exponent. */
static const char *number(double v, char buf[24])
{
	double a = fabs(v);

	if (isnan(v))
		snprintf(buf, 24, "-");
	else
		snprintf(buf, 24, "%.*f", a >= 1000 || a == 0 ? 0 : a >= 100 ? 1 : a >= 10 ? 2 : 3,
			v);
	return buf;
}

static void print_table(const struct report *r, const char *machine)
{
	bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	const char *bold = colour ? "\033[1m" : "", *dim = colour ? "\033[2m" : "";
	const char *off = colour ? "\033[0m" : "";
	int wn = 4, wu = 4;
	char t[5][24];

	for (size_t i = 0; i < r->n; i++) {
		wn = (int)strlen(r->cases[i].name) > wn ? (int)strlen(r->cases[i].name) : wn;
		wu = (int)strlen(r->cases[i].unit) > wu ? (int)strlen(r->cases[i].unit) : wu;
	}
	printf("%s%s%s on %s\n", bold, r->bench, off, machine);
	printf("%s%-*s  %10s  %10s  %10s  %10s  %7s  %-*s%s\n", dim, wn, "case", "median", "min",
		"max", "baseline", "ratio", wu, "unit", off);
	for (size_t i = 0; i < r->n; i++) {
		const struct report_case *c = &r->cases[i];

		printf("%-*s  %s%10s%s  %10s  %10s  %10s  %7s  %-*s\n", wn, c->name, bold,
			number(c->value, t[0]), off, number(c->min, t[1]), number(c->max, t[2]),
			number(c->baseline, t[3]),
			number(c->baseline != 0 ? c->value / c->baseline : NAN, t[4]), wu, c->unit);
	}
	for (size_t i = 0; i < r->n_notes; i++)
		printf("%s%s%s\n", dim, r->notes[i], off);
}

void report_print(const struct report *r, bool json)
{
	char machine[256];

	machine_text(machine, sizeof(machine));
	if (json)
		print_json(r, machine);
	else
		print_table(r, machine);
	fflush(stdout);
}

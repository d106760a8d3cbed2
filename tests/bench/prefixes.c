/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefixes from a file: see prefixes.h. */
#include "prefixes.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t prefixes_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* The file, or xz's output. *ret_pid is xz's, or 0. */
static FILE *open_list(const char *file, pid_t *ret_pid)
{
	size_t len = strlen(file);
	int fd[2];
	FILE *f;

	*ret_pid = 0;
	if (access(file, R_OK) != 0)
		err(1, "%s", file);
	if (len < 3 || strcmp(file + len - 3, ".xz") != 0) {
		f = fopen(file, "r");
		if (f == NULL)
			err(1, "%s", file);
		return f;
	}
	if (pipe(fd) != 0 || (*ret_pid = fork()) < 0)
		err(1, "xz");
	if (*ret_pid == 0) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execlp("xz", "xz", "-dc", "--", file, (char *)NULL);
		warn("xz");
		_exit(127);
	}
	close(fd[1]);
	f = fdopen(fd[0], "r");
	if (f == NULL)
		err(1, "xz");
	return f;
}

static void append(struct prefixes *list, const struct ip_prefix *p)
{
	if ((list->n & (list->n - 1)) == 0) {
		list->p = realloc(list->p, (list->n > 0 ? 2 * list->n : 1) * sizeof(*list->p));
		if (list->p == NULL)
			err(1, "prefixes");
	}
	list->p[list->n++] = *p;
}

static void shuffle(struct prefixes *list)
{
	uint64_t state = 1;

	for (size_t i = list->n; i > 1; i--) {
		size_t j = prefixes_random(&state) % i;
		struct ip_prefix swap = list->p[i - 1];

		list->p[i - 1] = list->p[j];
		list->p[j] = swap;
	}
}

void prefixes_load(const char *file, struct prefixes *ret_v4, struct prefixes *ret_v6)
{
	char line[128];
	size_t number = 0;
	pid_t pid;
	FILE *f;
	int status;

	if (file == NULL)
		file = BENCH_DATA "/prefixes.txt.xz";
	*ret_v4 = *ret_v6 = (struct prefixes){0};
	f = open_list(file, &pid);
	while (fgets(line, sizeof(line), f) != NULL) {
		struct ip_prefix p;

		number++;
		line[strcspn(line, "\r\n")] = '\0';
		if (ip_prefix_parse(line, &p) != 0)
			errx(1, "%s:%zu: not a prefix: %s", file, number, line);
		append(p.addr.family == IP_V4 ? ret_v4 : ret_v6, &p);
	}
	fclose(f);
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		errx(1, "%s: xz cannot unpack it", file);
	if (ret_v4->n == 0 || ret_v6->n == 0)
		errx(1, "%s: wants prefixes of both families", file);
	shuffle(ret_v4);
	shuffle(ret_v6);
}

void prefixes_draw(const struct prefixes *list, uint64_t seed, struct ip_addr *ret_addr, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct ip_prefix *p = &list->p[prefixes_random(&seed) % list->n];
		unsigned int bits = ip_family_bits(p->addr.family);
		uint64_t r[2] = {prefixes_random(&seed), prefixes_random(&seed)};
		const uint8_t *random = (const uint8_t *)r;

		ret_addr[i] = p->addr;
		for (unsigned int b = p->len; b < bits; b++)
			ret_addr[i].bytes[b / 8] |= random[b / 8] & (0x80 >> b % 8);
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 63

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment, three rows of the table at a time. */
unsigned int suggest_distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_MAX + 1];
	unsigned int *before = rows[0], *prev = rows[1], *cur = rows[2];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= lb; j++)
		prev[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *t = before;

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
				prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[lb];
}

const char *suggest_word(const char *word, const char *const *words, size_t n)
{
	size_t len = strlen(word);
	unsigned int best = len <= 3 ? 2 : len <= 6 ? 3 : 4; /* exclusive */
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = suggest_distance(word, words[i]);

		if (d < best && d < strlen(words[i])) {
			best = d;
			found = words[i];
		}
	}
	return found;
}

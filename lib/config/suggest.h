/* SPDX-License-Identifier: BSD-3-Clause */
/* "Did you mean": the word of a list that is the fewest slips of the finger away. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours between two words, at most 63 long;
 * longer ones are far from everything. */
unsigned int suggest_distance(const char *a, const char *b);

/* The closest of the words that is close enough to be meant, or NULL. */
const char *suggest_word(const char *word, const char *const *words, size_t n);

#endif

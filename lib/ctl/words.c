/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From words to a command and its arguments, and the other way: help and completion. All of it follows
 * from the table, so that a command is described in one place.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scalar.h"
#include "config/suggest.h"
#include "ctl/command.h"

#define WORD_LEN 32

/* The i-th word of a command's words into buf; false where it has fewer. */
static bool word_at(const char *words, unsigned int i, char buf[WORD_LEN])
{
	size_t len;

	for (; i > 0; i--) {
		words = strchr(words, ' ');
		if (words == NULL)
			return false;
		words++;
	}
	len = strcspn(words, " ");
	assert(len < WORD_LEN);
	memcpy(buf, words, len);
	buf[len] = '\0';
	return true;
}

/* The commands of the table that are still meant, and how many of their words were matched. */
struct match {
	const struct ctl_table *table;
	bool alive[64];
	unsigned int depth;
	const struct ctl_command *whole; /* the one whose words are all there */
};

static void match_init(struct match *m, const struct ctl_table *table)
{
	assert(table->n <= 64);
	*m = (struct match){.table = table};
	for (unsigned int i = 0; i < table->n; i++)
		m->alive[i] = true;
}

/* The distinct words that may come next, at most 64; returns how many. */
static unsigned int next_words(const struct match *m, char words[64][WORD_LEN])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->table->n; i++) {
		char w[WORD_LEN];
		unsigned int k = 0;

		if (!m->alive[i] || !word_at(m->table->commands[i].words, m->depth, w))
			continue;
		while (k < n && strcmp(words[k], w) != 0)
			k++;
		if (k == n)
			memcpy(words[n++], w, WORD_LEN);
	}
	return n;
}

static void join(char words[64][WORD_LEN], unsigned int n, const char *prefix, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < n && used < len; i++)
		if (strncmp(words[i], prefix, strlen(prefix)) == 0)
			used += (size_t)snprintf(buf + used, len - used, "%s%s", used == 0 ? "" : ", ",
				words[i]);
}

static int fail_unknown(struct ctl_call *call, const char *word, char words[64][WORD_LEN],
	unsigned int n)
{
	const char *list[64], *meant;
	char text[200], hint[240];

	for (unsigned int i = 0; i < n; i++)
		list[i] = words[i];
	join(words, n, "", text, sizeof(text));
	meant = suggest_word(word, list, n);
	if (meant != NULL)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", meant);
	else
		snprintf(hint, sizeof(hint), "what may stand here: %s", text);
	return ctl_fail(call, "unknown-command", hint, "unknown word '%.64s'", word);
}

/* Takes one more word into the match. 0, or -1 with the call's error. */
static int match_word(struct ctl_call *call, struct match *m, const char *word)
{
	char words[64][WORD_LEN], text[200];
	unsigned int n = next_words(m, words), hits = 0;
	const char *found = NULL;

	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0) {
			found = words[i];
			hits = 1;
			break;
		}
		if (word[0] != '\0' && strncmp(words[i], word, strlen(word)) == 0) {
			found = words[i];
			hits++;
		}
	}
	if (hits == 0)
		return fail_unknown(call, word, words, n);
	if (hits > 1) {
		join(words, n, word, text, sizeof(text));
		return ctl_fail(call, "ambiguous", "write more of the word", "'%.64s' may be %s", word,
			text);
	}
	m->whole = NULL;
	for (unsigned int i = 0; i < m->table->n; i++) {
		char w[WORD_LEN];

		m->alive[i] = m->alive[i] && word_at(m->table->commands[i].words, m->depth, w) &&
			strcmp(w, found) == 0;
		if (m->alive[i] && !word_at(m->table->commands[i].words, m->depth + 1, w))
			m->whole = &m->table->commands[i];
	}
	m->depth++;
	return 0;
}

/* Whether a word belongs to the command's own words. Where a command is whole, it may go on to a longer
 * one ("show flows", "show flows summary"), but the names of its arguments come first. */
static bool goes_on(const struct match *m, const char *word)
{
	char words[64][WORD_LEN];
	unsigned int n;

	if (m->whole == NULL)
		return true;
	for (unsigned int i = 0; i < m->whole->n_args; i++)
		if (strncmp(m->whole->args[i].name, word, strlen(word)) == 0)
			return false;
	n = next_words(m, words);
	for (unsigned int i = 0; i < n; i++)
		if (strncmp(words[i], word, strlen(word)) == 0)
			return true;
	return false;
}

/* --- arguments --- */

static int arg_index(const struct ctl_command *c, const char *name)
{
	for (unsigned int i = 0; i < c->n_args; i++)
		if (strcmp(c->args[i].name, name) == 0)
			return (int)i;
	return -1;
}

const struct ctl_value *ctl_arg(const struct ctl_call *call, const char *name)
{
	int i = arg_index(call->command, name);

	assert(i >= 0);
	return &call->args[i];
}

static int parse_prefix(struct ctl_call *call, const char *text, struct ctl_value *v)
{
	char hint[80];
	int ret;

	if (ip_addr_parse(text, &v->addr) == 0) {
		v->host = true;
		v->prefix = ip_prefix_host(&v->addr);
		return 0;
	}
	ret = ip_prefix_parse(text, &v->prefix);
	if (ret == 0)
		return 0;
	if (ret == -EDOM) {
		snprintf(hint, sizeof(hint), "did you mean %s?", IP_PREFIX_TEXT(&v->prefix));
		return ctl_fail(call, "bad-argument", hint, "%.64s has bits set beyond its length", text);
	}
	return ctl_fail(call, "bad-argument", "as in 10.0.0.0/16, or an address",
		"'%.64s' is not a prefix", text);
}

static int set_value(struct ctl_call *call, unsigned int i, const char *text)
{
	const struct ctl_arg *a = &call->command->args[i];
	struct ctl_value v = {.set = true, .text = text};

	if (call->args[i].set)
		return ctl_fail(call, "bad-argument", "give it once", "'%s' twice", a->name);
	switch (a->type) {
	case CTL_ARG_NUMBER:
		if (scalar_parse_u64(text, 0, UINT32_MAX, &v.number) < 0)
			return ctl_fail(call, "bad-argument", "a decimal number up to 4294967295",
				"'%.64s' is no value for %s", text, a->name);
		break;
	case CTL_ARG_ADDRESS:
		if (ip_addr_parse(text, &v.addr) < 0)
			return ctl_fail(call, "bad-argument", "as in 10.0.1.4 or fd00::4",
				"'%.64s' is not an address", text);
		break;
	case CTL_ARG_PREFIX:
		if (parse_prefix(call, text, &v) < 0)
			return -1;
		break;
	default:
		break;
	}
	call->args[i] = v;
	return 0;
}

int ctl_call_set(struct ctl_call *call, const char *name, const char *text)
{
	int i = arg_index(call->command, name);
	char usage[CTL_USAGE_LEN];

	ctl_command_usage(call->command, usage, sizeof(usage));
	if (i < 0 || call->command->args[i].type == CTL_ARG_WORDS)
		return ctl_fail(call, "bad-argument", usage, "'%s' has no argument '%.64s'",
			call->command->words, name);
	if (call->command->args[i].type == CTL_ARG_FLAG && strcmp(text, "true") != 0)
		return ctl_fail(call, "bad-argument", usage, "'%.64s' is true or not there", name);
	return set_value(call, (unsigned int)i, text);
}

int ctl_call_check(struct ctl_call *call)
{
	char usage[CTL_USAGE_LEN];

	for (unsigned int i = 0; i < call->command->n_args; i++) {
		if (!call->command->args[i].required || call->args[i].set)
			continue;
		ctl_command_usage(call->command, usage, sizeof(usage));
		return ctl_fail(call, "incomplete", usage, "'%s' needs %s", call->command->words,
			call->command->args[i].help);
	}
	return 0;
}

/*
 * The argument that a word stands for: a flag or keyword by its name or an unambiguous beginning of
 * it, else the first positional one that has no value yet. -1: none.
 */
static int arg_for_word(const struct ctl_call *call, const char *word)
{
	const struct ctl_command *c = call->command;
	int found = -1, hits = 0, positional = -1;

	for (unsigned int i = 0; i < c->n_args; i++) {
		const struct ctl_arg *a = &c->args[i];
		bool named = a->type == CTL_ARG_FLAG || a->keyword;

		if (!named && !call->args[i].set && positional < 0)
			positional = (int)i;
		if (named && strcmp(a->name, word) == 0)
			return (int)i;
		if (named && word[0] != '\0' && strncmp(a->name, word, strlen(word)) == 0) {
			found = (int)i;
			hits++;
		}
	}
	/* What might be a name is one while a required one is missing. */
	if (positional >= 0 && (c->args[positional].required || hits != 1))
		return positional;
	return hits == 1 ? found : -1;
}

static int take_args(struct ctl_call *call, const char *const *words, unsigned int n)
{
	char usage[CTL_USAGE_LEN];

	ctl_command_usage(call->command, usage, sizeof(usage));
	for (unsigned int k = 0; k < n; k++) {
		int i = arg_for_word(call, words[k]);
		const struct ctl_arg *a;

		if (i < 0)
			return ctl_fail(call, "bad-argument", usage, "unexpected word '%.64s'", words[k]);
		a = &call->command->args[i];
		if (a->type == CTL_ARG_WORDS) {
			for (; k < n; k++)
				call->words[call->n_words++] = words[k];
			return 0;
		}
		if (a->keyword && ++k == n)
			return ctl_fail(call, "incomplete", usage, "'%s' needs a value", a->name);
		if (set_value(call, (unsigned int)i, words[k]) < 0)
			return -1;
	}
	return 0;
}

int ctl_call_init(struct ctl_call *call, const struct ctl_table *table,
	const struct ctl_context *context, const char *const *words, unsigned int n_words)
{
	struct match m;
	unsigned int k = 0;
	char next[64][WORD_LEN], text[200];

	*call = (struct ctl_call){.context = context, .table = table};
	if (n_words > CTL_WORDS_MAX)
		return ctl_fail(call, "bad-request", "", "more than %u words", CTL_WORDS_MAX);
	if (n_words > 0 && strcmp(words[n_words - 1], "?") == 0) {
		match_init(&m, table);
		if (match_word(call, &m, "help") < 0)
			return -1;
		call->command = m.whole;
		return take_args(call, words, n_words - 1);
	}
	match_init(&m, table);
	while (k < n_words && goes_on(&m, words[k]))
		if (match_word(call, &m, words[k++]) < 0)
			return -1;
	if (m.whole == NULL) {
		join(next, next_words(&m, next), "", text, sizeof(text));
		return ctl_fail(call, "incomplete", text, n_words == 0 ? "no command" : "and what?");
	}
	call->command = m.whole;
	return take_args(call, words + k, n_words - k);
}

void ctl_call_fini(struct ctl_call *call)
{
	if (call->state != NULL && call->command->end != NULL)
		call->command->end(call->state);
	else
		free(call->state);
	json_decref(call->rows);
	*call = (struct ctl_call){0};
}

/* --- help and completion --- */

static void upper(const char *name, char *buf, size_t len)
{
	size_t i;

	for (i = 0; name[i] != '\0' && i + 1 < len; i++)
		buf[i] = (char)toupper((unsigned char)name[i]);
	buf[i] = '\0';
}

/* "NAME", "longer", "limit NUMBER", "source PREFIX", "WORDS..." */
static void arg_usage(const struct ctl_arg *a, char *buf, size_t len)
{
	char big[WORD_LEN];

	upper(a->name, big, sizeof(big));
	if (a->type == CTL_ARG_FLAG)
		snprintf(buf, len, "%s", a->name);
	else if (a->keyword)
		snprintf(buf, len, "%s %s", a->name, a->type == CTL_ARG_NUMBER ? "NUMBER" :
			a->type == CTL_ARG_PREFIX ? "PREFIX" : big);
	else
		snprintf(buf, len, "%s%s", big, a->type == CTL_ARG_WORDS ? "..." : "");
}

void ctl_command_usage(const struct ctl_command *c, char *buf, size_t len)
{
	size_t used = (size_t)snprintf(buf, len, "%s", c->words);

	for (unsigned int i = 0; i < c->n_args && used < len; i++) {
		char arg[2 * WORD_LEN];

		arg_usage(&c->args[i], arg, sizeof(arg));
		used += (size_t)snprintf(buf + used, len - used, c->args[i].required ? " %s" : " [%s]",
			arg);
	}
}

/* Help on words: the commands that begin with them; on a whole command its arguments too. */
int ctl_run_help(struct ctl_call *call)
{
	struct match m;
	char text[CTL_USAGE_LEN];

	match_init(&m, call->table);
	for (unsigned int i = 0; i < call->n_words && goes_on(&m, call->words[i]); i++)
		if (match_word(call, &m, call->words[i]) < 0)
			return -1;
	for (unsigned int i = 0; i < call->table->n; i++) {
		const struct ctl_command *c = &call->table->commands[i];

		if (!m.alive[i])
			continue;
		if (c->brief != NULL)
			snprintf(text, sizeof(text), "%s %s", c->words, c->brief);
		else
			ctl_command_usage(c, text, sizeof(text));
		ctl_row_begin(call);
		ctl_put_str(call, "command", text);
		ctl_put_str(call, "help", c->help);
	}
	for (unsigned int i = 0; m.whole != NULL && i < m.whole->n_args; i++) {
		char arg[2 * WORD_LEN];

		arg_usage(&m.whole->args[i], arg, sizeof(arg));
		snprintf(text, sizeof(text), "  %s", arg);
		ctl_row_begin(call);
		ctl_put_str(call, "command", text);
		ctl_put_str(call, "help", m.whole->args[i].help);
	}
	return 0;
}

/* What may stand behind the arguments of a command that are there: its other arguments, or the value
 * that the last one still wants. */
static void complete_args(struct ctl_call *call, const struct ctl_command *c, const char *const *words,
	unsigned int n)
{
	struct ctl_call seen = {.command = c};

	if (call->rows == NULL)
		call->rows = json_array();
	for (unsigned int k = 0; k < n; k++) {
		int i = arg_for_word(&seen, words[k]);

		if (i < 0 || c->args[i].type == CTL_ARG_WORDS)
			continue;
		seen.args[i].set = true;
		if (!c->args[i].keyword || ++k < n)
			continue;
		if (c->args[i].complete != NULL)
			c->args[i].complete(call->context, call->rows);
		return;
	}
	for (unsigned int i = 0; i < c->n_args; i++) {
		const struct ctl_arg *a = &c->args[i];

		if (seen.args[i].set)
			continue;
		if (a->type == CTL_ARG_FLAG || a->keyword) {
			ctl_row_begin(call);
			ctl_put_str(call, "word", a->name);
			ctl_put_str(call, "help", a->help);
		} else if (a->complete != NULL) {
			a->complete(call->context, call->rows);
		}
	}
}

/* What may stand after the words; the client picks by what was typed of the next one. */
int ctl_run_complete(struct ctl_call *call)
{
	char words[64][WORD_LEN];
	unsigned int n, taken = 0;
	struct match m;

	match_init(&m, call->table);
	for (; taken < call->n_words && goes_on(&m, call->words[taken]); taken++)
		if (match_word(call, &m, call->words[taken]) < 0)
			return -1;
	if (m.whole != NULL)
		complete_args(call, m.whole, call->words + taken, call->n_words - taken);
	n = taken == call->n_words ? next_words(&m, words) : 0;
	for (unsigned int i = 0; i < n; i++) {
		struct match next = m;

		match_word(call, &next, words[i]);
		ctl_row_begin(call);
		ctl_put_str(call, "word", words[i]);
		if (next.whole != NULL)
			ctl_put_str(call, "help", next.whole->help);
	}
	return 0;
}

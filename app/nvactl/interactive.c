/* SPDX-License-Identifier: BSD-3-Clause */
/* The prompt: lines with history and completion by libedit. nvad itself says what may be completed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <editline/readline.h>

#include "nvactl.h"

#define HISTORY_LINES 500

/* libedit's completion has no argument of ours. */
static const struct options *options;
static json_t *candidates; /* rows {word, help} */
volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* NULL at the end of input. Ctrl-C leaves the line for a fresh one. */
static char *read_line(void)
{
	char *line;

	for (;;) {
		interrupted = 0;
		line = readline("nvad> ");
		if (line != NULL || !interrupted)
			return line;
		putchar('\n');
	}
}

int split_words(char *line, const char *words[WORDS_MAX])
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " \t\n", &save); w != NULL; w = strtok_r(NULL, " \t\n", &save)) {
		if (n == WORDS_MAX)
			return -1;
		words[n++] = w;
	}
	return n;
}

static bool keep_rows(void *arg, const json_t *reply, bool more)
{
	json_t *rows = json_object_get(reply, "rows");
	(void)arg;

	if (rows != NULL)
		json_array_extend(candidates, rows);
	return more;
}

static char *next_candidate(const char *text, int state)
{
	static size_t at;

	if (state == 0)
		at = 0;
	while (at < json_array_size(candidates)) {
		const json_t *row = json_array_get(candidates, at++);
		const char *word = json_string_value(json_object_get(row, "word"));

		if (word != NULL && strncmp(word, text, strlen(text)) == 0)
			return strdup(word);
	}
	return NULL;
}

static char **complete(const char *text, int start, int end)
{
	const char *words[WORDS_MAX + 1] = {"complete"};
	char *before = strndup(rl_line_buffer, (size_t)start);
	char err[512];
	int n;
	(void)end;

	rl_attempted_completion_over = 1; /* no file names */
	if (before == NULL)
		return NULL;
	n = split_words(before, words + 1);
	json_decref(candidates);
	candidates = json_array();
	if (n >= 0 && n < WORDS_MAX - 1)
		client_ask(options->socket, words, (unsigned int)n + 1, keep_rows, NULL, err, sizeof(err));
	free(before);
	return rl_completion_matches(text, next_candidate);
}

int run_interactive(const struct options *o)
{
	const struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART: reads end */
	const char *home = getenv("HOME");
	const char *words[WORDS_MAX];
	char path[512] = "";
	int status = STATUS_OK;
	char *line;

	options = o;
	sigaction(SIGINT, &sa, NULL);
	rl_readline_name = "nvactl";
	rl_attempted_completion_function = complete;
	using_history();
	stifle_history(HISTORY_LINES);
	if (home != NULL && snprintf(path, sizeof(path), "%s/.nvactl_history", home) < (int)sizeof(path))
		read_history(path);
	printf("nvactl at %s. Tab completes, 'help' lists the commands, 'quit' or Ctrl-D leaves.\n",
		o->socket);
	while ((line = read_line()) != NULL) {
		int n;

		if (line[strspn(line, " \t")] != '\0')
			add_history(line);
		n = split_words(line, words);
		if (n == 1 && (strcmp(words[0], "quit") == 0 || strcmp(words[0], "exit") == 0)) {
			free(line);
			break;
		}
		if (n < 0)
			fprintf(stderr, "nvactl: more than %d words\n", WORDS_MAX);
		else if (n > 0)
			status = run_words(o, words, (unsigned int)n);
		free(line);
	}
	if (line == NULL)
		putchar('\n');
	if (path[0] != '\0')
		write_history(path);
	json_decref(candidates);
	return status;
}

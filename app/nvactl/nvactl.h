/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of nvactl: client.c talks to nvad, render.c shows replies, interactive.c reads lines. */
#ifndef APP_NVACTL_H
#define APP_NVACTL_H

#include <signal.h>
#include <stdbool.h>

#include <jansson.h>

#define DEFAULT_SOCKET "/run/nvad.sock"
#define WORDS_MAX 32

/* Exit status. */
enum {
	STATUS_OK = 0,
	STATUS_REFUSED = 1, /* nvad refused, or found nothing; or the answer could not be written */
	STATUS_USAGE = 2,   /* not a command, or no nvad to ask */
};

struct options {
	const char *socket;
	bool json;
	bool colour;
};

/* --- client.c --- */

/* Called for each slice of a reply; `more` follows. Returns false to stop. */
typedef bool (*client_slice_fn)(void *arg, const json_t *reply, bool more);

/*
 * Asks one question on a connection of its own. 0 where the reply was taken to its end;
 * an error reply of nvad's goes to fn too. Otherwise -1 with a text in err: what, where, what to do.
 */
int client_ask(const char *socket, const char *const *words, unsigned int n_words,
	client_slice_fn fn, void *arg, char *err, size_t err_len);

/* --- render.c --- */

/* Asks, and shows the answer on stdout or the error on stderr. Returns an exit status. */
int run_words(const struct options *o, const char *const *words, unsigned int n_words);

/* --- interactive.c --- */

extern volatile sig_atomic_t interrupted; /* Ctrl-C at the prompt: ends the answer, not nvactl */

/* Lines from a terminal until its end. Returns an exit status. */
int run_interactive(const struct options *o);

/* Splits at blanks, in place. Returns the number of words, or -1 where there are too many. */
int split_words(char *line, const char *words[WORDS_MAX]);

#endif

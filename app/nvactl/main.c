/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvactl: asks the running nvad and shows what it says. It knows no command itself: words go to nvad,
 * which finds what is meant, helps, and corrects.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvactl.h"
#include "nvad_version.h"

static void print_help(void)
{
	printf("nvactl %s - look into a running nvad\n"
	       "\n"
	       "usage: nvactl [--socket PATH] [--json] WORDS...\n"
	       "       nvactl [--socket PATH]             a prompt with history and completion\n"
	       "\n"
	       "  -s, --socket PATH   nvad's socket (default: " DEFAULT_SOCKET ")\n"
	       "  -j, --json          one JSON object: {\"schema\":1,\"command\":...,\"rows\":[...]}\n"
	       "  -V, --version\n"
	       "\n"
	       "Words may be abbreviated: nvactl sh bgp sum. For help on any: nvactl help show,\n"
	       "or nvactl show '?'. The commands: nvactl help.\n"
	       "\n"
	       "Exit status: 0 answered; 1 refused or not found; 2 no such command, or no nvad there.\n",
		NVAD_VERSION);
}

static int usage(const char *message, const char *word)
{
	fprintf(stderr, "nvactl: %s%s\n  try: nvactl --help\n", message, word);
	return STATUS_USAGE;
}

/* Quoted words may hold several. */
static int run_arguments(const struct options *o, int argc, char **argv)
{
	const char *words[WORDS_MAX], *part[WORDS_MAX];
	unsigned int n = 0;

	for (int i = 0; i < argc; i++) {
		int got = split_words(argv[i], part);

		if (got < 0 || n + (unsigned int)got > WORDS_MAX)
			return usage("too many words", "");
		for (int k = 0; k < got; k++)
			words[n++] = part[k];
	}
	return n == 0 ? usage("no command", "") : run_words(o, words, n);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	struct options o = {.socket = DEFAULT_SOCKET};
	int c;

	/* '+': options stand before the words. */
	while ((c = getopt_long(argc, argv, "+s:jhV", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'j':
			o.json = true;
			break;
		case 'h':
			print_help();
			return STATUS_OK;
		case 'V':
			printf("nvactl %s\n", NVAD_VERSION);
			return STATUS_OK;
		default:
			return usage("see the options", "");
		}
	}
	/* An option behind the words is a common slip of the hand, and harmless. */
	while (argc > optind && (strcmp(argv[argc - 1], "--json") == 0 || strcmp(argv[argc - 1], "-j") == 0)) {
		o.json = true;
		argc--;
	}
	signal(SIGPIPE, SIG_IGN);
	o.colour = !o.json && isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	if (optind < argc)
		return run_arguments(&o, argc - optind, argv + optind);
	if (o.json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return usage("no command, and no terminal to ask on", "");
	return run_interactive(&o);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a command is: words, arguments, help, the schema of its reply, and a handler that emits rows.
 * table.c holds them all; commands_*.c the handlers by subject; words.c finds the command for what
 * was typed; server.c runs it.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>
#include <rte_ether.h>

#include "base/addr.h"

struct ctl_context;

#define CTL_SCHEMA 1
#define CTL_WORDS_MAX 32	 /* in a request */
#define CTL_ARGS_MAX 16
#define CTL_COLUMNS_MAX 40
#define CTL_USAGE_LEN 400
#define CTL_SLICE_ROWS 128	 /* about a millisecond's work: then others have their turn */

enum ctl_arg_type {
	CTL_ARG_FLAG,	 /* the word itself */
	CTL_ARG_NUMBER,	 /* decimal */
	CTL_ARG_NAME,	 /* any word */
	CTL_ARG_ADDRESS,
	CTL_ARG_PREFIX,	 /* or an address, which means the longest prefix that holds it */
	CTL_ARG_WORDS,	 /* all that follow */
};

struct ctl_arg {
	const char *name;
	enum ctl_arg_type type;
	bool required;
	bool keyword; /* its value stands behind its name: "limit 10" */
	const char *help;
	/* What may be completed here, one row {word, help} each; NULL: nothing is known. */
	void (*complete)(const struct ctl_context *context, json_t *rows);
};

struct ctl_value {
	bool set;
	bool host; /* CTL_ARG_PREFIX: an address was given */
	const char *text;
	uint64_t number;
	struct ip_addr addr;
	struct ip_prefix prefix;
};

enum ctl_column_type { CTL_TEXT, CTL_NUMBER, CTL_BOOL, CTL_LIST, CTL_ROWS };

struct ctl_column {
	const char *name;  /* JSON key; never changes its meaning */
	const char *title; /* for people */
	enum ctl_column_type type;
	const char *unit; /* "s", "ms", "bytes", "percent" or "" */
};

enum ctl_run { CTL_END, CTL_MORE, CTL_WAIT };

struct ctl_call;

struct ctl_command {
	/* "show bgp summary". May be the beginning of another's where it has keywords and flags alone:
	 * "show flows", "show flows summary". */
	const char *words;
	const char *help;
	/* Its arguments in a list of commands, where there are too many to name each; NULL: each. */
	const char *brief;
	bool record;  /* one row that is better shown as a list of fields */
	bool changes; /* not only looks: for root and nvad's own user alone */
	const struct ctl_arg *args;
	unsigned int n_args;
	const struct ctl_column *columns;
	unsigned int n_columns;
	/*
	 * Emits rows. Returns CTL_END; CTL_MORE where ctl_slice_full() said so and there is more: then
	 * it is called again, with call->state as it left it; CTL_WAIT where there will be more that
	 * is not there yet: then it is called again in a millisecond, its rows still with it; -1 after ctl_fail().
	 * Between two calls anything may change: keep keys in the state, not pointers into modules.
	 */
	int (*run)(struct ctl_call *call);
	void (*end)(void *state); /* frees call->state, whichever way the call ended; NULL: free() */
};

struct ctl_table {
	const struct ctl_command *commands;
	unsigned int n;
};
extern const struct ctl_table ctl_commands;

/* One command being answered. */
struct ctl_call {
	const struct ctl_context *context;
	const struct ctl_table *table;
	const struct ctl_command *command;
	struct ctl_value args[CTL_ARGS_MAX]; /* as in command->args */
	const char *words[CTL_WORDS_MAX];    /* what CTL_ARG_WORDS took */
	unsigned int n_words;

	void *state; /* the handler's own; command->end()ed */
	uid_t uid;   /* who asks */

	json_t *rows, *row;
	bool failed_memory;
	bool truncated; /* a limit of the command's was reached: the listing is not whole */
	char error_code[24], error[640], hint[CTL_USAGE_LEN];
};

/* --- words.c --- */

/*
 * Finds the command for the words and reads its arguments; words may be abbreviated while they stay
 * unambiguous, and "?" at the end asks for help. The words must live as long as the call.
 * 0, or -1 with the call's error set.
 */
int ctl_call_init(struct ctl_call *call, const struct ctl_table *table,
	const struct ctl_context *context, const char *const *words, unsigned int n_words);
/* Sets an argument by name from text (or "true" for a flag). 0, or -1 with the error set. */
int ctl_call_set(struct ctl_call *call, const char *name, const char *text);
/* Checks that what is required is there. */
int ctl_call_check(struct ctl_call *call);
void ctl_call_fini(struct ctl_call *call);
/* The handlers of `help` and `complete`. */
int ctl_run_help(struct ctl_call *call);
int ctl_run_complete(struct ctl_call *call);
/* "show route [PREFIX] [longer] [limit N]" */
void ctl_command_usage(const struct ctl_command *command, char *buf, size_t len);

/* The argument of this name; a handler asks only for what its command declares. */
const struct ctl_value *ctl_arg(const struct ctl_call *call, const char *name);

/* --- reply.c --- */

/* Always returns -1. code is stable, for programs; hint may be "". */
int ctl_fail(struct ctl_call *call, const char *code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int ctl_not_running(struct ctl_call *call, const char *what);

/* Begins a row; the columns that are not put are null. */
void ctl_row_begin(struct ctl_call *call);
bool ctl_slice_full(const struct ctl_call *call);
void ctl_put_str(struct ctl_call *call, const char *column, const char *text); /* NULL: null */
void ctl_put_u64(struct ctl_call *call, const char *column, uint64_t value);
void ctl_put_real(struct ctl_call *call, const char *column, double value); /* two decimals */
void ctl_put_bool(struct ctl_call *call, const char *column, bool value);
void ctl_put_addr(struct ctl_call *call, const char *column, const struct ip_addr *addr);
void ctl_put_prefix(struct ctl_call *call, const char *column, const struct ip_prefix *prefix);
void ctl_put_mac(struct ctl_call *call, const char *column, const struct rte_ether_addr *mac);
/* Any value, whose reference is taken: lists and nested rows. */
void ctl_put_json(struct ctl_call *call, const char *column, json_t *value);
/* A JSON string of any bytes: what is not UTF-8 becomes '?'. */
json_t *ctl_json_text(const char *text);
json_t *ctl_json_mac(const struct rte_ether_addr *mac); /* in lower case */

/* The slice that was emitted, as one object; takes the rows off the call. NULL: out of memory. */
json_t *ctl_reply_take(struct ctl_call *call, bool more);
json_t *ctl_reply_error(const char *code, const char *message, const char *hint);

#endif

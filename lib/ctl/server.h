/* SPDX-License-Identifier: BSD-3-Clause */
/* The server behind ctl.h, with its table and limits open for tests. */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include <event2/event.h>

#include "ctl/command.h"

struct ctl_server_conf {
	const char *path, *group;
	const struct ctl_table *table;
	const struct ctl_context *context;
	unsigned int max_clients;   /* beyond them: an error and goodbye */
	unsigned int max_line;	    /* bytes of a request */
	unsigned int read_timeout_ms;  /* a client that says nothing */
	unsigned int write_timeout_ms; /* a client that does not read its answer */
};

#define CTL_MAX_CLIENTS 32
#define CTL_MAX_LINE 65536
#define CTL_READ_TIMEOUT_MS 60000
#define CTL_WRITE_TIMEOUT_MS 10000

struct ctl *ctl_server_new(struct event_base *base, const struct ctl_server_conf *conf, char *err,
	size_t err_len);

/* One request line to a call that can run: 0, or -1 with the call's error. *ret_request keeps what
 * the call's words point into; json_decref() it after ctl_call_fini(). Pure. */
int ctl_request_parse(const char *line, size_t len, const struct ctl_table *table,
	const struct ctl_context *context, struct ctl_call *call, json_t **ret_request);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP windows, for tcp.c. */
#ifndef FLOW_WINDOW_H
#define FLOW_WINDOW_H

#include "flow/state.h"

enum flow_window_verdict {
	FLOW_WINDOW_IN,
	FLOW_WINDOW_OUT,
	FLOW_WINDOW_UNSURE, /* to be passed, but believed in nothing */
	FLOW_WINDOW_REOPEN, /* answers a SYN that was passed as unsure: a new connection of both */
};

/* Judges the segment by what was seen before, and remembers it unless it is out or unsure. */
enum flow_window_verdict flow_window_step(struct flow_window *w, enum flow_state state,
	enum flow_dir dir, const struct flow_tcp *tcp);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file, read again while nvad runs. What can be applied (flows, nat, ports[].stateful)
 * is; where anything else differs nothing is, so that the file and what runs never agree by half.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "ctl/commands.h"
#include "ctl/ctl.h"

static int fail_config(struct ctl_call *call, const struct config_error *e)
{
	if (e->line == 0)
		return ctl_fail(call, "bad-config", e->hint, "%s: %s", e->file, e->message);
	return ctl_fail(call, "bad-config", e->hint, "%s:%u:%u: %s", e->file, e->line, e->column,
		e->message);
}

static int fail_restart(struct ctl_call *call, const char *what)
{
	return ctl_fail(call, "restart", "nothing was changed; a restart of nvad applies the whole file, and "
		"ends all sessions", "this cannot change while nvad runs: %s", what);
}

static int fail_apply(struct ctl_call *call, int rc, const char *err)
{
	switch (rc) {
	case -EBUSY:
		return ctl_fail(call, "busy", "try again in a moment", "%s", err);
	case -EINVAL:
		return fail_restart(call, err);
	default:
		return ctl_fail(call, "failed", "nothing was changed", "%s", err);
	}
}

static json_t *changed_list(const struct config_changes *changes)
{
	json_t *list = json_array();

	if (changes->flows)
		json_array_append_new(list, json_string("flows"));
	if (changes->nat)
		json_array_append_new(list, json_string("nat"));
	if (changes->stateful)
		json_array_append_new(list, json_string("ports.stateful"));
	return list;
}

static json_t *warnings_list(const struct config *conf)
{
	json_t *list = json_array();
	char text[600];

	for (size_t i = 0; i < conf->n_warnings; i++) {
		const struct config_error *e = &conf->warnings[i];

		snprintf(text, sizeof(text), "%s:%u:%u: %s", e->file, e->line, e->column, e->message);
		json_array_append_new(list, ctl_json_text(text));
	}
	return list;
}

/* Takes the configuration. */
static int apply(struct ctl_call *call, struct config *new)
{
	const struct ctl_reload *r = call->context->reload;
	struct config_changes changes;
	json_t *warnings;
	char text[320] = "";
	int ret;

	if (!config_compare(call->context->conf, new, &changes, text, sizeof(text))) {
		config_free(new);
		return fail_restart(call, text);
	}
	warnings = warnings_list(new);
	ret = r->apply(r->arg, new, text, sizeof(text));
	if (ret < 0) {
		config_free(new);
		json_decref(warnings);
		return fail_apply(call, ret, text);
	}
	ctl_row_begin(call);
	ctl_put_str(call, "file", r->path);
	ctl_put_json(call, "changed", changed_list(&changes));
	ctl_put_json(call, "warnings", warnings);
	return 0;
}

int ctl_reload(struct ctl_call *call)
{
	const struct ctl_reload *r = call->context->reload;
	struct config_error e;
	struct config *new;
	int ret;

	if (r == NULL)
		return ctl_not_running(call, "what would take a new configuration");
	new = config_load(r->path, &e);
	ret = new != NULL ? apply(call, new) : fail_config(call, &e);
	if (ret < 0)
		log_warning("ctl", "reload for uid %u refused: %s", (unsigned int)call->uid, call->error);
	else
		log_info("ctl", "reload of %s for uid %u", r->path, (unsigned int)call->uid);
	return ret;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request lines of any bytes, against the real table with nothing running: an answer or an error, each
 * of which is JSON on one line.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(json_t *reply)
{
	char *text = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL;

	if (text == NULL || strchr(text, '\n') != NULL)
		abort();
	free(text);
	json_decref(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config conf;
	static const struct ctl_context context = {.conf = &conf};
	char *line = malloc(size > 0 ? size : 1);
	struct ctl_call call;
	json_t *request;
	int ret;

	memcpy(line, data, size);
	ret = ctl_request_parse(line, size, &ctl_commands, &context, &call, &request);
	if (ret == 0)
		ret = call.command->run(&call);
	if (ret < 0)
		check_reply(ctl_reply_error(call.error_code, call.error, call.hint));
	else
		check_reply(ctl_reply_take(&call, ret > 0));
	ctl_call_fini(&call);
	json_decref(request);
	free(line);
	return 0;
}

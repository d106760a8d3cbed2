/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request line: {"command": "show route", "args": {"prefix": "10.0.0.0/8"}} from programs, or
 * {"words": ["sh", "ro", "10.0.0.0/8"]} from nvactl. Pure; whatever the bytes are.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/server.h"

static int bad(struct ctl_call *call, const char *hint, const char *message)
{
	return ctl_fail(call, "bad-request", hint, "%s", message);
}

/* The words of "words", or of "command" split at blanks. The strings are the request's. */
static int collect_words(struct ctl_call *call, json_t *request, const char **words,
	unsigned int *ret_n)
{
	json_t *list = json_object_get(request, "words");
	json_t *command = json_object_get(request, "command");
	unsigned int n = 0;
	json_t *item;
	size_t i;

	if ((list == NULL) == (command == NULL))
		return bad(call, "{\"command\": \"show version\"}, or {\"words\": [\"show\", \"version\"]}",
			"either 'command' or 'words' is wanted");
	if (command != NULL) {
		/* Split in place of the request: a list that it owns from here on. */
		const char *p = json_string_value(command);

		if (p == NULL)
			return bad(call, "", "'command' is not a string");
		list = json_array();
		json_object_set_new(request, "words", list);
		for (; *p != '\0'; p += strspn(p, " ")) {
			size_t len = strcspn(p, " ");

			if (len > 0)
				json_array_append_new(list, json_stringn(p, len));
			p += len;
		}
	}
	if (!json_is_array(list))
		return bad(call, "", "'words' is not a list");
	if (json_array_size(list) > CTL_WORDS_MAX)
		return bad(call, "", "too many words");
	json_array_foreach(list, i, item) {
		if (!json_is_string(item))
			return bad(call, "", "a word is not a string");
		words[n++] = json_string_value(item);
	}
	*ret_n = n;
	return 0;
}

static int take_named_args(struct ctl_call *call, json_t *request)
{
	json_t *args = json_object_get(request, "args"), *value;
	const char *name;
	char number[24];

	if (args == NULL)
		return 0;
	if (!json_is_object(args))
		return bad(call, "", "'args' is not an object");
	json_object_foreach(args, name, value) {
		const char *text = json_string_value(value);

		if (json_is_true(value)) {
			text = "true";
		} else if (json_is_integer(value)) {
			/* Kept with the request, as every other value is. */
			json_t *kept;

			snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				json_integer_value(value));
			kept = json_string(number);
			json_array_append_new(json_object_get(request, "words"), kept);
			text = json_string_value(kept);
		}
		if (text == NULL)
			return bad(call, "", "an argument is neither text, a number nor true");
		if (ctl_call_set(call, name, text) < 0)
			return -1;
	}
	return 0;
}

int ctl_request_parse(const char *line, size_t len, const struct ctl_table *table,
	const struct ctl_context *context, struct ctl_call *call, json_t **ret_request)
{
	const char *words[CTL_WORDS_MAX];
	json_error_t error;
	unsigned int n = 0;
	const char *key;
	json_t *value;
	char text[200];

	*call = (struct ctl_call){.context = context, .table = table};
	*ret_request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (*ret_request == NULL) {
		snprintf(text, sizeof(text), "not JSON: column %d: %s", error.column, error.text);
		return bad(call, "one JSON object a line, as in {\"command\": \"show version\"}", text);
	}
	if (!json_is_object(*ret_request))
		return bad(call, "as in {\"command\": \"show version\"}", "not a JSON object");
	json_object_foreach(*ret_request, key, value)
		if (strcmp(key, "words") != 0 && strcmp(key, "command") != 0 && strcmp(key, "args") != 0)
			return ctl_fail(call, "bad-request", "the keys are: command, words, args",
				"unknown key '%.64s'", key);
	if (collect_words(call, *ret_request, words, &n) < 0 ||
		ctl_call_init(call, table, context, words, n) < 0 ||
		take_named_args(call, *ret_request) < 0)
		return -1;
	return ctl_call_check(call);
}

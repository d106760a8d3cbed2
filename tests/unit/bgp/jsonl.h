/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the message collections: one JSON object a line, of plain string members. */
#ifndef TEST_BGP_JSONL_H
#define TEST_BGP_JSONL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The member's text, cut to the buffer; "" where there is none. */
static inline const char *jsonl_get(const char *line, const char *key, char *buf, size_t len)
{
	char quoted[64];
	const char *at, *end;

	snprintf(quoted, sizeof(quoted), "\"%s\": \"", key);
	at = strstr(line, quoted);
	buf[0] = '\0';
	if (at == NULL)
		return buf;
	at += strlen(quoted);
	end = strchr(at, '"');
	snprintf(buf, len, "%.*s", end != NULL ? (int)(end - at) : 0, at);
	return buf;
}

/* The member "hex" as bytes; how many. */
static inline size_t jsonl_hex(const char *line, uint8_t *ret_bytes, size_t cap)
{
	const char *at = strstr(line, "\"hex\": \"");
	unsigned int byte;
	size_t n = 0;

	for (at = at != NULL ? at + 8 : ""; n < cap && sscanf(at, "%2x", &byte) == 1; at += 2)
		ret_bytes[n++] = (uint8_t)byte;
	return n;
}

static inline FILE *jsonl_open(const char *name)
{
	const char *dir = getenv("NVAD_TEST_DATA");
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "tests/data", name);
	return fopen(path, "r");
}

#endif

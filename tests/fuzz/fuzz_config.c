/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A configuration file of any bytes: a configuration, or an error that can be shown. The error's place
 * must lie in the text and its picture must be printable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets some memory of scalars that it refuses; the process ends then anyway. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_error(const struct config_error *e, const char *text, size_t size)
{
	unsigned int lines = 1;
	char *out = NULL;
	size_t len = 0;
	FILE *f;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	require(e->line >= 1 && e->line <= lines && e->column >= 1 && e->width >= 1);
	require(e->message[0] != '\0');
	f = open_memstream(&out, &len);
	config_error_print(e, f, false);
	fclose(f);
	for (size_t i = 0; i < len; i++)
		require((unsigned char)out[i] >= 0x20 || out[i] == '\n');
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long as said: a sanitiser sees a read beyond. */
	char *text = malloc(size > 0 ? size : 1);
	struct config_error e;
	struct config *c;

	memcpy(text, data, size);
	c = config_load_string(text, size, "fuzz", &e);
	if (c == NULL)
		check_error(&e, text, size);
	for (size_t i = 0; c != NULL && i < c->n_warnings; i++)
		check_error(&c->warnings[i], text, size);
	config_free(c);
	free(text);
	return 0;
}

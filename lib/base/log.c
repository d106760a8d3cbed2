/* SPDX-License-Identifier: BSD-3-Clause */
/* The log: formats one line and writes it with one write(2), so that threads do not interleave. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static enum log_level threshold = LOG_LEVEL_INFO;

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

static const char *level_colour(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "\033[31m";
	case LOG_LEVEL_WARNING:
		return "\033[33m";
	default:
		return "\033[2m";
	}
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&threshold, level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
	return level <= __atomic_load_n(&threshold, __ATOMIC_RELAXED);
}

/* What starts the line, by where it goes: journald, a terminal, or a file. */
static int prefix(char *buf, size_t len, enum log_level level, const char *module)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	if (getenv("JOURNAL_STREAM") != NULL)
		return snprintf(buf, len, "<%d>%s: ", level, module);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
	if (isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL)
		return snprintf(buf, len, "%s.%03ld %s%s\033[0m %s: ", stamp, now.tv_nsec / 1000000,
			level_colour(level), level_name(level), module);
	return snprintf(buf, len, "%s.%03ld %s %s: ", stamp, now.tv_nsec / 1000000, level_name(level),
		module);
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int head, body;
	size_t end;

	if (!log_enabled(level))
		return;
	head = prefix(line, sizeof(line) / 2, level, module);
	va_start(ap, fmt);
	body = vsnprintf(line + head, sizeof(line) - 1 - (size_t)head, fmt, ap);
	va_end(ap);
	if (body < 0)
		return;
	end = (size_t)head + strlen(line + head);
	/* Peers and operators can put bytes into messages: keep the log to one line of text. */
	for (size_t i = (size_t)head; i < end; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[end++] = '\n';
	if (write(STDERR_FILENO, line, end) < 0)
		return; /* nowhere left to complain */
}

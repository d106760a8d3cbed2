/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: one line an event, to stderr. Under journald (JOURNAL_STREAM) each line carries its
 * priority as "<N>"; on a terminal it is coloured. Any thread but a worker's data path.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/* The values are syslog(3) priorities. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* `module` is the lib's name. The line needs no newline; control characters are escaped. */
void log_write(enum log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(module, ...) log_write(LOG_LEVEL_ERROR, (module), __VA_ARGS__)
#define log_warning(module, ...) log_write(LOG_LEVEL_WARNING, (module), __VA_ARGS__)
#define log_info(module, ...) log_write(LOG_LEVEL_INFO, (module), __VA_ARGS__)
#define log_debug(module, ...)                                                                     \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
			log_write(LOG_LEVEL_DEBUG, (module), __VA_ARGS__);                         \
	} while (0)

#endif

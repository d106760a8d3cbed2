/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict text to number: the whole string, decimal digits only, no sign, no octal, no leading zero,
 * no blank, no trailing junk. For configuration files and operators' words.
 * All return 0, -EINVAL (not such a value) or -ERANGE (outside the bounds), output untouched.
 */
#ifndef BASE_SCALAR_H
#define BASE_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

int scalar_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* A number with a unit, which is required: "250ms", "30s", "5m", "2h". */
int scalar_parse_duration_ms(const char *text, uint64_t min_ms, uint64_t max_ms,
	uint64_t *ret_ms);

/* "true" or "false", as in YAML 1.2's core schema, and nothing else. */
int scalar_parse_bool(const char *text, bool *ret_value);

/* Six hexadecimal octets separated by ':'. */
int scalar_parse_mac(const char *text, uint8_t ret_mac[6]);

#endif

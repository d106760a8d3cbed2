/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict scalars. Pure functions, any thread. */
#include <errno.h>
#include <string.h>

#include "base/scalar.h"

/* Reads digits from *text and moves it behind them. */
static int take_digits(const char **text, uint64_t *ret_value)
{
	const char *s = *text;
	uint64_t v = 0;

	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	*text = s;
	*ret_value = v;
	return 0;
}

int scalar_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t v;
	int rc = take_digits(&text, &v);

	/* Digits that overflow may still be followed by junk, but out of range is true as well. */
	if (rc != 0)
		return rc;
	if (*text != '\0')
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*ret_value = v;
	return 0;
}

int scalar_parse_duration_ms(const char *text, uint64_t min_ms, uint64_t max_ms, uint64_t *ret_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	uint64_t v;
	int rc = take_digits(&text, &v);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(v, units[i].ms, &v) || v < min_ms || v > max_ms)
			return -ERANGE;
		*ret_ms = v;
		return 0;
	}
	return -EINVAL;
}

int scalar_parse_bool(const char *text, bool *ret_value)
{
	bool is_true = strcmp(text, "true") == 0;

	if (!is_true && strcmp(text, "false") != 0)
		return -EINVAL;
	*ret_value = is_true;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int scalar_parse_mac(const char *text, uint8_t ret_mac[6])
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(text[3 * i]), lo = hex_digit(text[3 * i + 1]);

		if (hi < 0 || lo < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

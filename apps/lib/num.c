/* SPDX-License-Identifier: MIT */
/* Numbers as people write and read them: contract in num.h. */
#include "num.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

bool parse_decimal(const char *s, uint64_t scale, uint64_t *v)
{
	uint64_t n = 0;
	bool digits = false, point = false;

	for (; *s; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)*s))
			return false;
		digits = true;
		if (point && scale == 1)
			continue; /* finer than can be told apart */
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return false;
		if (point)
			scale /= 10;
	}
	return digits && !__builtin_mul_overflow(n, scale, v);
}

bool parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *v)
{
	for (const char *p = s; *p; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	return parse_decimal(s, 1, v) && *v >= min && *v <= max;
}

bool parse_uint(const char *s, unsigned min, unsigned max, unsigned *v)
{
	uint64_t n;

	if (!parse_number(s, min, max, &n))
		return false;
	*v = (unsigned)n;
	return true;
}

bool parse_quantity(const char *s, unsigned step, uint64_t *v)
{
	static const char units[] = "kmgt";
	char text[24];
	size_t n = 0;
	uint64_t factor = 1;

	for (; s[n] && !isalpha((unsigned char)s[n]); n++) {
		if (n == sizeof(text) - 1)
			return false;
		text[n] = s[n];
	}
	text[n] = '\0';
	if (s[n]) {
		unsigned u = 0;

		while (units[u] && units[u] != tolower((unsigned char)s[n]))
			u++;
		if (!units[u] || s[n + 1])
			return false;
		for (u++; u; u--)
			factor *= step;
	}
	if (!parse_decimal(text, 1000, v) || *v > UINT64_MAX / factor)
		return false;
	*v = *v * factor / 1000;
	return true;
}

const char *decimal(char buf[DECIMAL_BYTES], uint64_t v, uint64_t scale, unsigned digits)
{
	uint64_t unit = 1;

	for (unsigned i = 0; i < digits; i++)
		unit *= 10;
	if (unit < scale) {
		v = (v + scale / unit / 2) / (scale / unit);
		scale = unit;
	}
	if (digits)
		snprintf(buf, DECIMAL_BYTES, "%llu.%0*llu", (unsigned long long)(v / scale),
			 (int)digits, (unsigned long long)(v % scale * (unit / scale)));
	else
		snprintf(buf, DECIMAL_BYTES, "%llu", (unsigned long long)(v / scale));
	return buf;
}

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

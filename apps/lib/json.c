/* SPDX-License-Identifier: MIT */
/* Reading JSON where it lies: contract in json.h. */
#include "json.h"

#include <ctype.h>
#include <string.h>

#define MAX_DEPTH 16

static const char *blank(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++) {
		if ((unsigned char)*p < ' ')
			return NULL;
		if (*p == '\\') {
			p++;
			if (!*p || !strchr("\"\\/bfnrtu", *p))
				return NULL;
			for (int i = 0; *p == 'u' && i < 4; i++)
				if (!isxdigit((unsigned char)p[1 + i]))
					return NULL;
		}
	}
	return *p ? p + 1 : NULL;
}

static const char *skip_digits(const char *p)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

static const char *skip_number(const char *p)
{
	p = skip_digits(p + (*p == '-'));
	if (p && *p == '.')
		p = skip_digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = skip_digits(p + (*p == '-' || *p == '+'));
	}
	return p;
}

static const char *skip_word(const char *p)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < 3; i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	return NULL;
}

static const char *skip_value(const char *p, unsigned depth);

/* An object's or array's members. */
static const char *skip_members(const char *p, unsigned depth)
{
	bool object = *p == '{';
	char close = object ? '}' : ']';

	if (depth == MAX_DEPTH)
		return NULL;
	p = blank(p + 1);
	if (*p == close)
		return p + 1;
	for (;;) {
		if (object) {
			p = *p == '"' ? skip_string(p) : NULL;
			p = p ? blank(p) : NULL;
			if (!p || *p != ':')
				return NULL;
			p = blank(p + 1);
		}
		p = skip_value(p, depth + 1);
		p = p ? blank(p) : NULL;
		if (!p || (*p != ',' && *p != close))
			return NULL;
		if (*p == close)
			return p + 1;
		p = blank(p + 1);
	}
}

/* Behind the value at p; NULL: it is malformed. */
static const char *skip_value(const char *p, unsigned depth)
{
	if (*p == '{' || *p == '[')
		return skip_members(p, depth);
	if (*p == '"')
		return skip_string(p);
	if (*p == '-' || isdigit((unsigned char)*p))
		return skip_number(p);
	return skip_word(p);
}

bool json_valid(const char *text)
{
	const char *end = skip_value(blank(text), 0);

	return end && !*blank(end);
}

static bool key_is(const char *p, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(p + 1, key, n) && p[1 + n] == '"';
}

const char *json_get(const char *object, const char *key)
{
	const char *p = object ? blank(object) : "";

	if (*p != '{')
		return NULL;
	p = blank(p + 1);
	while (*p == '"') {
		bool found = key_is(p, key);
		const char *end;

		p = blank(blank(skip_string(p)) + 1);
		if (found)
			return p;
		end = skip_value(p, 0);
		if (!end)
			return NULL;
		p = blank(end);
		if (*p == ',')
			p = blank(p + 1);
	}
	return NULL;
}

const char *json_first(const char *array)
{
	const char *p = array ? blank(array) : "";

	if (*p != '[')
		return NULL;
	p = blank(p + 1);
	return *p == ']' ? NULL : p;
}

const char *json_next(const char *v)
{
	const char *p = skip_value(v, 0);

	p = p ? blank(p) : "";
	return *p == ',' ? blank(p + 1) : NULL;
}

bool json_true(const char *v)
{
	return json_number(v, 1, 0) != 0;
}

/* digits * 10^exponent; false: it does not fit. */
static bool scaled(uint64_t digits, long exponent, int64_t *v)
{
	for (; exponent > 0 && digits; exponent--)
		if (__builtin_mul_overflow(digits, 10, &digits))
			return false;
	for (; exponent < 0 && digits; exponent++)
		digits /= 10;
	*v = (int64_t)digits;
	return digits <= INT64_MAX;
}

int64_t json_number(const char *v, int64_t scale, int64_t def)
{
	const char *p = v ? v + (*v == '-') : "";
	long exponent = 0, e = 0;
	uint64_t digits = 0;
	bool point = false;
	int64_t n;

	if (*p == 't' || *p == 'f')
		return *p == 't' ? scale : 0;
	if (!isdigit((unsigned char)*p))
		return def;
	for (; isdigit((unsigned char)*p) || *p == '.'; p++) {
		if (*p == '.') {
			point = true;
		} else if (digits < UINT64_MAX / 100) {
			digits = digits * 10 + (uint64_t)(*p - '0');
			exponent -= point;
		} else {
			exponent += !point; /* finer than can be kept */
		}
	}
	if (*p == 'e' || *p == 'E') {
		bool negative = *++p == '-';

		for (p += *p == '-' || *p == '+'; isdigit((unsigned char)*p) && e < 1000; p++)
			e = e * 10 + (*p - '0');
		exponent += negative ? -e : e;
	}
	for (; scale > 1; scale /= 10)
		exponent++;
	if (!scaled(digits, exponent, &n))
		return def;
	return *v == '-' ? -n : n;
}

bool json_string(const char *v, char *buf, size_t size)
{
	static const char escapes[] = "b\bf\fn\nr\rt\t";
	size_t n = 0;

	if (!v || *v != '"')
		return false;
	for (const char *p = v + 1; *p != '"'; p++) {
		char c = *p;

		if (c == '\\') {
			const char *e = strchr(escapes, *++p);

			c = e && *e && !((e - escapes) & 1) ? e[1] : *p;
			if (*p == 'u') {
				c = '?';
				p += 4;
			}
		}
		if (n + 1 < size)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return true;
}

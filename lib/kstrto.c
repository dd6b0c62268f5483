/* SPDX-License-Identifier: MIT */
/* Numbers from text, strict and lenient. Any context. */
#include <lib/kstrto.h>

#include <errno.h>
#include <lib/string.h>

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	return 99;
}

/* Skip the prefix of base 16 (which must be followed by a digit), settle base 0. */
static const char *take_prefix(const char *s, unsigned *base)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16;

	if (*base == 0)
		*base = hex ? 16 : s[0] == '0' ? 8 : 10;
	return hex && *base == 16 ? s + 2 : s;
}

/* Digits of s in `base` into *out; returns where they end. *overflow tells that *out saturated. */
static const char *take_digits(const char *s, unsigned base, u64 *out, bool *overflow)
{
	u64 v = 0;

	*overflow = false;
	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit_value(*s), &v))
			*overflow = true;
	}
	*out = *overflow ? ~0ull : v;
	return s;
}

u64 strtoull_overflow(const char *s, const char **end, unsigned base, bool *overflow)
{
	const char *digits = take_prefix(s, &base), *stop;
	u64 v;

	stop = take_digits(digits, base, &v, overflow);
	if (end)
		*end = stop == digits ? s : stop;
	return v;
}

u64 simple_strtoull(const char *s, const char **end, unsigned base)
{
	bool overflow;

	return strtoull_overflow(s, end, base, &overflow);
}

int kstrtou64(const char *s, unsigned base, u64 *out)
{
	const char *digits, *end;
	bool overflow;
	u64 v;

	if (*s == '+')
		s++;
	digits = take_prefix(s, &base);
	end = take_digits(digits, base, &v, &overflow);
	if (end == digits)
		return -EINVAL;
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	if (overflow)
		return -ERANGE;
	*out = v;
	return 0;
}

int kstrtos64(const char *s, unsigned base, s64 *out)
{
	bool negative = *s == '-';
	u64 v, limit = negative ? 1ull << 63 : (1ull << 63) - 1;
	int err;

	if (negative && s[1] == '+')
		return -EINVAL;
	err = kstrtou64(s + negative, base, &v);
	if (err)
		return err;
	if (v > limit)
		return -ERANGE;
	*out = (s64)(negative ? -v : v);
	return 0;
}

static int unsigned_upto(const char *s, unsigned base, u64 max, u64 *out)
{
	int err = kstrtou64(s, base, out);

	return err ? err : *out > max ? -ERANGE : 0;
}

int kstrtou32(const char *s, unsigned base, u32 *out)
{
	u64 v;
	int err = unsigned_upto(s, base, 0xffffffff, &v);

	if (!err)
		*out = (u32)v;
	return err;
}

int kstrtou16(const char *s, unsigned base, u16 *out)
{
	u64 v;
	int err = unsigned_upto(s, base, 0xffff, &v);

	if (!err)
		*out = (u16)v;
	return err;
}

int kstrtou8(const char *s, unsigned base, u8 *out)
{
	u64 v;
	int err = unsigned_upto(s, base, 0xff, &v);

	if (!err)
		*out = (u8)v;
	return err;
}

int kstrtos32(const char *s, unsigned base, s32 *out)
{
	s64 v;
	int err = kstrtos64(s, base, &v);

	if (err)
		return err;
	if (v != (s32)v)
		return -ERANGE;
	*out = (s32)v;
	return 0;
}

int kstrtobool(const char *s, bool *out)
{
	static const char *const words[2][5] = {{"0", "n", "no", "off", "false"},
						{"1", "y", "yes", "on", "true"}};
	size_t len = strcspn(s, "\n");

	if (s[len] && s[len + 1])
		return -EINVAL;
	for (int value = 0; value < 2; value++) {
		for (size_t i = 0; i < ARRAY_SIZE(words[0]); i++) {
			const char *w = words[value][i];

			if (strlen(w) == len && !strncasecmp(s, w, len)) {
				*out = value;
				return 0;
			}
		}
	}
	return -EINVAL;
}

u64 memparse(const char *s, const char **end)
{
	const char *stop;
	u64 v = simple_strtoull(s, &stop, 0);
	unsigned shift = 0;

	if (stop != s) {
		switch (*stop | 0x20) {
		case 't':
			shift = 40;
			break;
		case 'g':
			shift = 30;
			break;
		case 'm':
			shift = 20;
			break;
		case 'k':
			shift = 10;
			break;
		}
	}
	if (shift)
		stop++;
	if (end)
		*end = stop;
	return v > ~0ull >> shift ? ~0ull : v << shift;
}

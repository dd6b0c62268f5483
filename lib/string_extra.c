/* SPDX-License-Identifier: MIT */
/* The string functions that C lacks; both homes, any context. */
#include <lib/string.h>

#include <errno.h>

ssize_t strscpy(char *dst, const char *src, size_t size)
{
	size_t len;

	if (!size)
		return -E2BIG;
	len = strnlen(src, size);
	if (len == size) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return (ssize_t)len;
}

void *memchr_inv(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++) {
		if (*p != (u8)c)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *skip_spaces(const char *s)
{
	while (is_space(*s))
		s++;
	return (char *)(uintptr_t)s;
}

char *strim(char *s)
{
	size_t len = strlen(s);

	while (len && is_space(s[len - 1]))
		len--;
	s[len] = '\0';
	return skip_spaces(s);
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool mem_equal_ct(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;
	unsigned diff = 0;

	while (n--)
		diff |= (unsigned)(*p++ ^ *q++);
	OPTIMIZER_HIDE_VAR(diff);
	return diff == 0;
}

void memzero_explicit(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

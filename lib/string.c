/* SPDX-License-Identifier: MIT */
/*
 * The standard memory and string functions, for bare metal only (a hosted build has its C
 * library's). Any context. Copies move eight bytes at a time in an unrolled loop: `rep movsb` is
 * fast on new CPUs but slow in emulators, and vector registers are not ours to use. Built with
 * -fno-tree-loop-distribute-patterns, or the compiler would turn the loops into calls of
 * themselves.
 */
#include <lib/types.h>
#include <string.h>

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp

#define WORD_BYTES sizeof(u64)

/* Unaligned 64-bit access, which x86 does at full speed within a cache line. */
static __always_inline u64 load64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, WORD_BYTES);
	return v;
}

static __always_inline void store64(u8 *p, u64 v)
{
	__builtin_memcpy(p, &v, WORD_BYTES);
}

/* At most 16 bytes: all loads come before the first store, so overlap does no harm. */
static __always_inline void copy_upto_16(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 head = load64(s), tail = load64(s + n - 8);

		store64(d, head);
		store64(d + n - 8, tail);
	} else if (n >= 4) {
		u32 head, tail;

		__builtin_memcpy(&head, s, 4);
		__builtin_memcpy(&tail, s + n - 4, 4);
		__builtin_memcpy(d, &head, 4);
		__builtin_memcpy(d + n - 4, &tail, 4);
	} else if (n) {
		u8 head = s[0], mid = s[n / 2], tail = s[n - 1];

		d[0] = head;
		d[n / 2] = mid;
		d[n - 1] = tail;
	}
}

/* Upwards; right for overlap too if d is below s. The ragged end is read before it is written. */
static __always_inline void copy_up(u8 *d, const u8 *s, size_t n)
{
	u64 last0 = load64(s + n - 16), last1 = load64(s + n - 8);
	u8 *end = d + n;

	for (; n > 32; n -= 32, d += 32, s += 32) {
		u64 a = load64(s), b = load64(s + 8);

		store64(d, a);
		store64(d + 8, b);
		a = load64(s + 16);
		b = load64(s + 24);
		store64(d + 16, a);
		store64(d + 24, b);
	}
	if (n > 16) {
		u64 a = load64(s), b = load64(s + 8);

		store64(d, a);
		store64(d + 8, b);
	}
	store64(end - 16, last0);
	store64(end - 8, last1);
}

static __always_inline void copy_down(u8 *d, const u8 *s, size_t n)
{
	u64 first0 = load64(s), first1 = load64(s + 8);

	while (n > 32) {
		u64 a = load64(s + n - 8), b = load64(s + n - 16);
		u64 c = load64(s + n - 24), e = load64(s + n - 32);

		store64(d + n - 8, a);
		store64(d + n - 16, b);
		store64(d + n - 24, c);
		store64(d + n - 32, e);
		n -= 32;
	}
	if (n > 16) {
		u64 a = load64(s + n - 8), b = load64(s + n - 16);

		store64(d + n - 8, a);
		store64(d + n - 16, b);
	}
	store64(d, first0);
	store64(d + 8, first1);
}

static __always_inline void copy_16(u8 *d, const u8 *s)
{
	store64(d, load64(s));
	store64(d + 8, load64(s + 8));
}

/* 17 to 64 bytes that do not overlap, from both ends. */
static __always_inline void copy_upto_64(u8 *d, const u8 *s, size_t n)
{
	copy_16(d, s);
	if (n > 32) {
		copy_16(d + 16, s + 16);
		copy_16(d + n - 32, s + n - 32);
	}
	copy_16(d + n - 16, s + n - 16);
}

static noinline void *copy_more(void *dst, const void *src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	if (n > 64)
		return copy_more(dst, src, n);
	if (n <= 16)
		copy_upto_16(dst, src, n);
	else
		copy_upto_64(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if (n <= 16)
		copy_upto_16(dst, src, n);
	else if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 v = (u8)c * 0x0101010101010101ull;
	u8 *d = dst, *end = d + n;

	if (n < 8) {
		while (d < end)
			*d++ = (u8)c;
		return dst;
	}
	for (; n > 32; n -= 32, d += 32) {
		store64(d, v);
		store64(d + 8, v);
		store64(d + 16, v);
		store64(d + 24, v);
	}
	for (; n > 8; n -= 8, d += 8)
		store64(d, v);
	store64(end - 8, v);
	return dst;
}

static int compare_words(u64 x, u64 y)
{
	return x == y ? 0 : __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	if (n < WORD_BYTES) {
		for (; n; n--, p++, q++)
			if (*p != *q)
				return *p - *q;
		return 0;
	}
	for (; n > WORD_BYTES; n -= WORD_BYTES, p += WORD_BYTES, q += WORD_BYTES)
		if (load64(p) != load64(q))
			return compare_words(load64(p), load64(q));
	/* The last word begins in the one before, which is equal. */
	return compare_words(load64(p + n - WORD_BYTES), load64(q + n - WORD_BYTES));
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++) {
		if (*p == (u8)c)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

void *memrchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	while (n--) {
		if (p[n] == (u8)c)
			return (void *)(uintptr_t)(p + n);
	}
	return NULL;
}

void *memmem(const void *hay, size_t hay_len, const void *needle, size_t needle_len)
{
	const u8 *p = hay;

	if (!needle_len)
		return (void *)(uintptr_t)hay;
	while (hay_len >= needle_len) {
		const u8 *hit = memchr(p, *(const u8 *)needle, hay_len - needle_len + 1);

		if (!hit)
			return NULL;
		if (!memcmp(hit, needle, needle_len))
			return (void *)(uintptr_t)hit;
		hay_len -= (size_t)(hit + 1 - p);
		p = hit + 1;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	while (n && *a && *a == *b) {
		a++;
		b++;
		n--;
	}
	return n ? (u8)*a - (u8)*b : 0;
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	while (n && *a && lower((u8)*a) == lower((u8)*b)) {
		a++;
		b++;
		n--;
	}
	return n ? lower((u8)*a) - lower((u8)*b) : 0;
}

int strcasecmp(const char *a, const char *b)
{
	return strncasecmp(a, b, (size_t)-1);
}

char *strchrnul(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return (char *)(uintptr_t)s;
}

char *strchr(const char *s, int c)
{
	char *p = strchrnul(s, c);

	return *p == (char)c ? p : NULL;
}

char *strrchr(const char *s, int c)
{
	return memrchr(s, c, strlen(s) + 1);
}

char *strstr(const char *hay, const char *needle)
{
	return memmem(hay, strlen(hay), needle, strlen(needle));
}

char *strcasestr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (;; hay++) {
		if (!strncasecmp(hay, needle, n))
			return (char *)(uintptr_t)hay;
		if (!*hay)
			return NULL;
	}
}

size_t strspn(const char *s, const char *accept)
{
	size_t n = 0;

	while (s[n] && strchr(accept, s[n]))
		n++;
	return n;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !strchr(reject, s[n]))
		n++;
	return n;
}

char *strpbrk(const char *s, const char *accept)
{
	s += strcspn(s, accept);
	return *s ? (char *)(uintptr_t)s : NULL;
}

char *strtok_r(char *restrict s, const char *restrict delim, char **restrict save)
{
	if (!s)
		s = *save;
	s += strspn(s, delim);
	*save = s + strcspn(s, delim);
	if (!*s)
		return NULL;
	if (**save)
		*(*save)++ = '\0';
	return s;
}

char *strsep(char **s, const char *delim)
{
	char *start = *s, *end;

	if (!start)
		return NULL;
	end = start + strcspn(start, delim);
	*s = *end ? end + 1 : NULL;
	*end = '\0';
	return start;
}

char *strcpy(char *restrict dst, const char *restrict src)
{
	memcpy(dst, src, strlen(src) + 1);
	return dst;
}

char *strncpy(char *restrict dst, const char *restrict src, size_t n)
{
	size_t len = strnlen(src, n);

	memcpy(dst, src, len);
	memset(dst + len, 0, n - len);
	return dst;
}

char *strcat(char *restrict dst, const char *restrict src)
{
	strcpy(dst + strlen(dst), src);
	return dst;
}

char *strncat(char *restrict dst, const char *restrict src, size_t n)
{
	size_t at = strlen(dst), len = strnlen(src, n);

	memcpy(dst + at, src, len);
	dst[at + len] = '\0';
	return dst;
}

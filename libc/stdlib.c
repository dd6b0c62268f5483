/* SPDX-License-Identifier: MIT */
/* Heap, numbers, sorting and searching for apps. Thread context. */
#include <stdlib.h>

#include <ctype.h>
#include <errno.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/kstrto.h>
#include <limits.h>
#include <string.h>

void *malloc(size_t size)
{
	void *p = kmalloc(size ? size : 1, GFP_KERNEL);

	if (!p)
		errno = ENOMEM;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = kcalloc(n ? n : 1, size ? size : 1, GFP_KERNEL);

	if (!p)
		errno = ENOMEM;
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = krealloc(old, size ? size : 1, GFP_KERNEL);

	if (!p)
		errno = ENOMEM;
	return p;
}

void free(void *p)
{
	kfree(p);
}

void abort(void)
{
	panic("abort() called by an app");
}

int abs(int v)
{
	return v < 0 ? -v : v;
}

struct number {
	u64 magnitude;
	bool negative, overflow;
};

/* The number at s. *end as strtoul's. */
static struct number parse(const char *s, char **end, int base)
{
	struct number n;
	const char *p = s, *stop;

	while (isspace((unsigned char)*p))
		p++;
	n.negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	n.magnitude = strtoull_overflow(p, &stop, (unsigned)base, &n.overflow);
	if (end)
		*end = (char *)(uintptr_t)(stop == p ? s : stop);
	return n;
}

unsigned long long strtoull(const char *restrict s, char **restrict end, int base)
{
	struct number n = parse(s, end, base);

	if (n.overflow) {
		errno = ERANGE;
		return ULLONG_MAX;
	}
	return n.negative ? -n.magnitude : n.magnitude;
}

long long strtoll(const char *restrict s, char **restrict end, int base)
{
	struct number n = parse(s, end, base);
	u64 limit = (u64)LLONG_MAX + n.negative;

	if (n.magnitude > limit) {
		errno = ERANGE;
		return n.negative ? LLONG_MIN : LLONG_MAX;
	}
	return (long long)(n.negative ? -n.magnitude : n.magnitude);
}

unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
	return strtoull(s, end, base);
}

long strtol(const char *restrict s, char **restrict end, int base)
{
	return strtoll(s, end, base);
}

int atoi(const char *s)
{
	return (int)strtol(s, NULL, 10);
}

static void swap_bytes(char *a, char *b, size_t n)
{
	while (n--) {
		char t = *a;

		*a++ = *b;
		*b++ = t;
	}
}

/* Let the element at root sink in the heap of n elements. */
static void sift_down(char *base, size_t root, size_t n, size_t size,
		      int (*cmp)(const void *, const void *))
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= n)
			return;
		if (child + 1 < n && cmp(base + child * size, base + (child + 1) * size) < 0)
			child++;
		if (cmp(base + root * size, base + child * size) >= 0)
			return;
		swap_bytes(base + root * size, base + child * size, size);
		root = child;
	}
}

/* Heap sort: no recursion, no memory, never quadratic. */
void qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	char *b = base;

	for (size_t i = n / 2; i-- > 0;)
		sift_down(b, i, n, size, cmp);
	for (size_t end = n; end-- > 1;) {
		swap_bytes(b, b + end * size, size);
		sift_down(b, 0, end, size, cmp);
	}
}

void *bsearch(const void *key, const void *base, size_t n, size_t size,
	      int (*cmp)(const void *, const void *))
{
	const char *lo = base;

	while (n) {
		const char *mid = lo + n / 2 * size;
		int order = cmp(key, mid);

		if (order == 0)
			return (void *)(uintptr_t)mid;
		if (order > 0) {
			lo = mid + size;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return NULL;
}

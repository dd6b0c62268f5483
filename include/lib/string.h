/* SPDX-License-Identifier: MIT */
/* The standard <string.h> plus the few string functions that C lacks. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <lib/types.h>
#include <string.h>
#include <sys/types.h>

/*
 * Copy src into dst of `size` bytes, always terminated. Returns the length copied, or -E2BIG if
 * src did not fit (dst then holds as much as fits) or size is 0.
 */
ssize_t strscpy(char *dst, const char *src, size_t size);

/* First byte of [s, s + n) that is not c, or NULL if there is none. */
void *memchr_inv(const void *s, int c, size_t n);

/* s from its first character that is not white space. */
char *skip_spaces(const char *s);
/* The same, and white space at the end is cut off in place. */
char *strim(char *s);

/* True if s begins with prefix. */
bool str_has_prefix(const char *s, const char *prefix);

/* memcmp() == 0 whose time does not depend on where the two differ: for keys and cookies. */
bool mem_equal_ct(const void *a, const void *b, size_t n);

/* Overwrite with zeros in a way that the compiler may not drop: for key material. */
void memzero_explicit(void *p, size_t n);

/* Clear a structure of constant size, a multiple of 8 bytes, by as many stores: where it is short
 * and often done, a string instruction takes longer to start. */
static __always_inline void clear_words(void *p, size_t bytes)
{
	u64 *word = (u64 *)p;

#pragma GCC unroll 32
	for (size_t i = 0; i < bytes / sizeof(*word); i++) {
		word[i] = 0;
		barrier(); /* else it would be recognized */
	}
}

#endif

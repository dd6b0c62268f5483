/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text. The kstrto* parsers are strict: the whole string must be the number (one
 * final newline is let pass), no white space in front, base 0 takes 0x, 0 and decimal. They
 * return 0, -EINVAL for bad text, -ERANGE for a value that does not fit; *out is set on 0 only.
 */
#ifndef LIB_KSTRTO_H
#define LIB_KSTRTO_H

#include <lib/types.h>

int kstrtou64(const char *s, unsigned base, u64 *out) __must_check;
int kstrtos64(const char *s, unsigned base, s64 *out) __must_check;
int kstrtou32(const char *s, unsigned base, u32 *out) __must_check;
int kstrtos32(const char *s, unsigned base, s32 *out) __must_check;
int kstrtou16(const char *s, unsigned base, u16 *out) __must_check;
int kstrtou8(const char *s, unsigned base, u8 *out) __must_check;
/* 1/0, y/n, yes/no, on/off, true/false, in any case. */
int kstrtobool(const char *s, bool *out) __must_check;

/*
 * The leading number of s; *end (if wanted) tells where it stops. No digits: 0 and *end == s.
 * Too large a value saturates at ~0.
 */
u64 simple_strtoull(const char *s, const char **end, unsigned base);
/* The same, and tells whether the value was too large. */
u64 strtoull_overflow(const char *s, const char **end, unsigned base, bool *overflow);

/* A size with an optional suffix K, M, G or T (powers of 1024), as on Linux's command line. */
u64 memparse(const char *s, const char **end);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Assertions are for our own bugs, never for input. ASSERT is in every build and on no hot path;
 * DEBUG_ASSERT exists in -DDEBUG builds (all hosted sanitizer builds are). The home provides
 * assert_fail: bare metal panics with a backtrace, hosted aborts the process.
 */
#ifndef LIB_ASSERT_H
#define LIB_ASSERT_H

#include <lib/compiler.h>

void assert_fail(const char *expr, const char *file, int line) __noreturn __cold;

#define ASSERT(cond)                                            \
	do {                                                    \
		if (unlikely(!(cond)))                          \
			assert_fail(#cond, __FILE__, __LINE__); \
	} while (0)

#ifdef DEBUG
#define DEBUG_ASSERT(cond) ASSERT(cond)
#else
#define DEBUG_ASSERT(cond)         \
	do {                       \
		if (0 && (cond)) { \
		}                  \
	} while (0)
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* assert() for apps: the kernel's, which names the place and stops the machine. */
#include <lib/assert.h>

#undef assert
#ifdef NDEBUG
#define assert(cond) ((void)0)
#else
#define assert(cond) ((cond) ? (void)0 : assert_fail(#cond, __FILE__, __LINE__))
#endif

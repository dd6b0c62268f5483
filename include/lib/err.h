/* SPDX-License-Identifier: MIT */
/*
 * Pointers that may carry a negative errno. Used where a function has several reasons to fail;
 * one with a single reason returns NULL.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include <errno.h>
#include <lib/types.h>

#define MAX_ERRNO 4095

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)-MAX_ERRNO;
}

static inline bool IS_ERR_OR_NULL(const void *p)
{
	return !p || IS_ERR(p);
}

static inline int PTR_ERR_OR_ZERO(const void *p)
{
	return IS_ERR(p) ? (int)PTR_ERR(p) : 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What all wrappers share: a system call's -errno becomes -1 with errno set. */
#ifndef LIBC_INT_H
#define LIBC_INT_H

#include <errno.h>

static inline long libc_ret(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Copies of data on its way between packets and applications, which may be long.
 */
#ifndef HOME_COPY_H
#define HOME_COPY_H

#include <lib/types.h>
#include <string.h>

#define COPY_VECTOR_BYTES 256u /* from here on vectors pay */

/* memcpy() by vectors. Any context but hardirq. */
void copy_vectors(void *dst, const void *src, size_t n);

static inline void home_copy(void *dst, const void *src, size_t n)
{
	if (n >= COPY_VECTOR_BYTES)
		copy_vectors(dst, src, n);
	else
		memcpy(dst, src, n);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The smallest or largest of the samples taken within the last `window` ticks, in constant space:
 * the best three are kept in order of time, each the best since the one before it, so that when the
 * first grows too old the next takes its place. Exact while the best is younger than the window; an
 * older best is replaced by one at most a quarter of the window too late. Time is any u32 that only
 * advances (modulo 2^32). No locks: the caller's.
 */
#ifndef LIB_MINMAX_H
#define LIB_MINMAX_H

#include <lib/types.h>

struct minmax {
	struct minmax_sample {
		u32 t, v;
	} s[3];
};

static inline u32 minmax_get(const struct minmax *m)
{
	return m->s[0].v;
}

/* Forget everything but this sample. */
static inline u32 minmax_reset(struct minmax *m, u32 t, u32 v)
{
	m->s[0] = m->s[1] = m->s[2] = (struct minmax_sample){t, v};
	return v;
}

/* Take a sample in; returns the minimum (maximum) then. */
u32 minmax_running_min(struct minmax *m, u32 window, u32 t, u32 v);
u32 minmax_running_max(struct minmax *m, u32 window, u32 t, u32 v);

#endif

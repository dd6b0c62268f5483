/* SPDX-License-Identifier: MIT */
/*
 * Windowed minimum and maximum, see <lib/minmax.h>. Both are one algorithm: a maximum is the
 * minimum of the complements.
 */
#include <lib/minmax.h>

/* The oldest two candidates may have run out of the window, or grown stale within it. */
static u32 age(struct minmax *m, u32 window, const struct minmax_sample *now)
{
	u32 dt = now->t - m->s[0].t;

	if (dt > window) {
		m->s[0] = m->s[1];
		m->s[1] = m->s[2];
		m->s[2] = *now;
		if (now->t - m->s[0].t > window) {
			m->s[0] = m->s[1];
			m->s[1] = m->s[2];
			m->s[2] = *now;
		}
	} else if (m->s[1].t == m->s[0].t && dt > window / 4) {
		m->s[2] = m->s[1] = *now; /* a quarter passed without a second choice */
	} else if (m->s[2].t == m->s[1].t && dt > window / 2) {
		m->s[2] = *now; /* half of it passed without a third */
	}
	return m->s[0].v;
}

static u32 running(struct minmax *m, u32 window, u32 t, u32 v, u32 flip)
{
	struct minmax_sample now = {t, v};

	if ((v ^ flip) <= (m->s[0].v ^ flip) || now.t - m->s[2].t > window)
		return minmax_reset(m, t, v);
	if ((v ^ flip) <= (m->s[1].v ^ flip))
		m->s[2] = m->s[1] = now;
	else if ((v ^ flip) <= (m->s[2].v ^ flip))
		m->s[2] = now;
	return age(m, window, &now);
}

u32 minmax_running_min(struct minmax *m, u32 window, u32 t, u32 v)
{
	return running(m, window, t, v, 0);
}

u32 minmax_running_max(struct minmax *m, u32 window, u32 t, u32 v)
{
	return running(m, window, t, v, ~0u);
}

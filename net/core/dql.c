/* SPDX-License-Identifier: MIT */
/*
 * Dynamic queue limits: how many bytes to keep in a device's ring, found by watching it. The limit
 * grows when the ring ran empty while the stack was held back (starved), and shrinks by the least
 * slack seen in a while. So the ring holds what keeps the device busy between two completions, and
 * what waits longer waits in the qdisc, where it can be ordered. After Herbert's and Linux's dql.
 *
 * dql_queued() runs under the queue's transmit lock, dql_completed() in the device's NAPI poll;
 * each writes its own counters. All counters wrap.
 */
#include <kernel/time.h>

#include "core_int.h"

#define DQL_MAX_OBJECT    (UINT32_MAX / 16)
#define DQL_MAX_LIMIT     ((UINT32_MAX / 2) - DQL_MAX_OBJECT)
#define DQL_SLACK_HOLD_NS NSEC_PER_SEC

/* a - b, not below zero, in wrapping counters. */
static u32 posdiff(u32 a, u32 b)
{
	return (s32)(a - b) > 0 ? a - b : 0;
}

void dql_reset(struct dql *d)
{
	u32 lo = d->min_limit, hi = d->max_limit;

	*d = (struct dql){.min_limit = lo, .max_limit = hi, .lowest_slack = UINT32_MAX};
	d->slack_start_ns = ktime_get_ns();
}

void dql_init(struct dql *d)
{
	d->min_limit = 0;
	d->max_limit = DQL_MAX_LIMIT;
	dql_reset(d);
}

void dql_queued(struct dql *d, u32 bytes)
{
	d->last_obj_cnt = bytes;
	barrier(); /* last_obj_cnt is seen no later than the count that includes it */
	WRITE_ONCE(d->num_queued, d->num_queued + bytes);
}

int dql_avail(const struct dql *d)
{
	return (int)(READ_ONCE(d->adj_limit) - READ_ONCE(d->num_queued));
}

/* The ring was the bottleneck, or ran dry: how much more would have been of use. */
static u32 dql_grow(const struct dql *d, u32 completed)
{
	return posdiff(completed, d->prev_num_queued) + d->prev_ovlimit;
}

/* Bytes that lay in the ring without need at the fullest moment of this interval. */
static u32 dql_slack(const struct dql *d, u32 completed)
{
	u32 slack = posdiff(d->limit + d->prev_ovlimit, 2 * (completed - d->num_completed));
	u32 slack_last = d->prev_ovlimit ? posdiff(d->prev_last_obj_cnt, d->prev_ovlimit) : 0;

	return max(slack, slack_last);
}

void dql_completed(struct dql *d, u32 bytes)
{
	u32 num_queued = READ_ONCE(d->num_queued), completed = d->num_completed + bytes;
	u32 limit = d->limit, ovlimit = posdiff(num_queued - d->num_completed, limit);
	u32 inprogress = num_queued - completed;
	u32 prev_inprogress = d->prev_num_queued - d->num_completed;
	bool all_prev_completed = (s32)(completed - d->prev_num_queued) >= 0;

	if ((ovlimit && !inprogress) || (d->prev_ovlimit && all_prev_completed)) {
		limit += dql_grow(d, completed);
		d->slack_start_ns = ktime_get_ns();
		d->lowest_slack = UINT32_MAX;
	} else if (inprogress && prev_inprogress && !all_prev_completed) {
		u64 now = ktime_get_ns();

		d->lowest_slack = min(d->lowest_slack, dql_slack(d, completed));
		if (now - d->slack_start_ns > DQL_SLACK_HOLD_NS) {
			limit = posdiff(limit, d->lowest_slack);
			d->slack_start_ns = now;
			d->lowest_slack = UINT32_MAX;
		}
	}
	limit = clamp(limit, d->min_limit, d->max_limit);
	if (limit != d->limit) {
		d->limit = limit;
		ovlimit = 0;
	}
	WRITE_ONCE(d->adj_limit, limit + completed);
	d->prev_ovlimit = ovlimit;
	d->prev_last_obj_cnt = d->last_obj_cnt;
	d->num_completed = completed;
	d->prev_num_queued = num_queued;
}

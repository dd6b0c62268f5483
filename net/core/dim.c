/* SPDX-License-Identifier: MIT */
/*
 * Dynamic interrupt moderation. Polls are looked at in windows of DIM_POLLS. Where an interrupt
 * brings a packet or two, the traffic waits for answers: the delay goes down a level. Where it
 * brings several, one level up makes fewer interrupts of them; but if packets then come more
 * slowly, somebody's window waits for what is held back, so the step is taken back and not tried
 * again for a while. Context: the queue's NAPI poll.
 */
#include <net/dim.h>

#include <kernel/time.h>
#include <lib/compiler.h>
#include <lib/minmax.h>

#define DIM_POLLS   64u
#define DIM_FEW     2u  /* packets a poll: fewer than that are answered at once ... */
#define DIM_PLENTY  32u /* ... and with so many there are few interrupts as it is */
#define DIM_HOLD    32u /* windows */
#define DIM_IDLE_NS (100 * NSEC_PER_MSEC)

static const u16 level_usecs[] = {8, 16, 32, 64, 128, 256};

u32 dim_usecs(const struct dim *d)
{
	return level_usecs[d->level];
}

void dim_start(struct dim *d, u32 usecs)
{
	*d = (struct dim){.level = 0};
	while (d->level + 1u < ARRAY_SIZE(level_usecs) && level_usecs[d->level] < usecs)
		d->level++;
}

/* The level that follows from a window at rate. */
static u8 choose(struct dim *d, u64 rate)
{
	u32 each = d->packets / d->polls;

	if (d->hold)
		d->hold--;
	if (each < DIM_FEW)
		return d->level ? (u8)(d->level - 1) : 0;
	if (d->stepped_up && rate < d->rate - d->rate / 8) {
		d->hold = DIM_HOLD;
		return (u8)(d->level - 1);
	}
	/* One that a silence ended says nothing of how fast packets come. */
	if (d->polls == DIM_POLLS && each < DIM_PLENTY && !d->hold &&
	    d->level + 1u < ARRAY_SIZE(level_usecs))
		return (u8)(d->level + 1);
	return d->level;
}

bool dim_poll_ended(struct dim *d, u32 packets, u64 now_ns)
{
	u64 span_ns = now_ns - d->begin_ns, rate;
	u8 level;

	d->polls++;
	d->packets += packets;
	if (d->polls < DIM_POLLS && span_ns < DIM_IDLE_NS)
		return false;
	rate = (u64)d->packets * NSEC_PER_SEC / max(span_ns, (u64)1);
	level = choose(d, rate);
	d->rate = rate;
	d->stepped_up = level > d->level;
	d->polls = d->packets = 0;
	d->begin_ns = now_ns;
	if (level == d->level)
		return false;
	d->level = level;
	return true;
}

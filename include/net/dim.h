/* SPDX-License-Identifier: MIT */
/*
 * Dynamic interrupt moderation: how long a receive queue's interrupts are held back, by what its
 * polls found of late. For drivers (adaptive-rx of ethtool -C). One poll at a time.
 */
#ifndef NET_DIM_H
#define NET_DIM_H

#include <lib/types.h>

struct dim {
	u8 level, hold;     /* of the table of delays; windows without a step up */
	bool stepped_up;    /* in the window before */
	u32 polls, packets; /* of this window */
	u64 begin_ns;
	u64 rate; /* packets a second in the window before */
};

/* Start at the level next to usecs. */
void dim_start(struct dim *d, u32 usecs);
/* A poll that an interrupt caused has ended with so many packets. True: dim_usecs() has changed. */
bool dim_poll_ended(struct dim *d, u32 packets, u64 now_ns);
u32 dim_usecs(const struct dim *d);

#endif

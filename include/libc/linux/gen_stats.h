/* SPDX-License-Identifier: MIT */
/* Statistics in rtnetlink's messages, as of qdiscs: attributes inside TCA_STATS2. */
#ifndef _LINUX_GEN_STATS_H
#define _LINUX_GEN_STATS_H

#include <lib/types.h>

enum {
	TCA_STATS_UNSPEC,
	TCA_STATS_BASIC,
	TCA_STATS_RATE_EST,
	TCA_STATS_QUEUE,
	TCA_STATS_APP,
};

struct gnet_stats_basic {
	u64 bytes;
	u32 packets;
};

struct gnet_stats_queue {
	u32 qlen;
	u32 backlog;
	u32 drops;
	u32 requeues;
	u32 overlimits;
};

#endif

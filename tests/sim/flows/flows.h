/* SPDX-License-Identifier: MIT */
/*
 * Flows that share a bottleneck, measured: two stacks (flows.c) and the path between them (path.c).
 */
#ifndef FLOWS_H
#define FLOWS_H

#include "../sim.h"

#define MAX_FLOWS 16u
#define FLOW_PORT 10000u /* of the sender, plus the flow's number */

struct path_config {
	u64 rate_bps;   /* Ethernet frames without preamble and gap */
	u32 loss_ppm;   /* by chance, of the frames of the sender */
	unsigned queue; /* frames, before the bottleneck */
	const char *qdisc;
	u64 rtt_ns[MAX_FLOWS]; /* without queue */
};

/* Join a, the sender's device, and b. The bottleneck is on the way to b; the way back only takes
 * time. config is copied. */
void path_create(struct net_device *a, struct net_device *b, const struct path_config *config);

struct path_stats {
	u64 lost, queue_dropped;
};
void path_get_stats(struct path_stats *s);

#endif

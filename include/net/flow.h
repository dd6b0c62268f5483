/* SPDX-License-Identifier: MIT */
/*
 * flowi4: the key of an IPv4 route lookup, all of it that a rule or a tie-break looks at.
 */
#ifndef NET_FLOW_H
#define NET_FLOW_H

#include <lib/types.h>

struct flowi4 {
	be32 daddr, saddr; /* saddr 0: to be chosen; filled in by the lookup */
	u32 oif, iif;      /* interface index, 0: any */
	u32 mark;
	u8 tos, proto, scope, flags;
	be16 sport, dport;
};

#endif

/* SPDX-License-Identifier: MIT */
/* The POSIX-side name of <linux/route.h>, which code of the stack includes instead: to it,
 * <net/route.h> is the routing table. */
#ifndef _NET_ROUTE_H
#define _NET_ROUTE_H

#include <linux/route.h>

#endif

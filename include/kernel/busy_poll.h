/* SPDX-License-Identifier: MIT */
/*
 * Looking at a device in place of sleeping until it interrupts, as poll() and epoll_wait() do it:
 * what they ask of the network. Files name the receive queue that feeds them (struct poll_table).
 */
#ifndef KERNEL_BUSY_POLL_H
#define KERNEL_BUSY_POLL_H

#include <lib/types.h>

struct busy_poll_ops {
	/* How long to look before sleeping: net.core.busy_poll, in ns; 0: not at all. */
	u64 (*limit_ns)(void);
	/* Poll receive queue id until done(arg), or limit_ns have passed; 0: once. Thread. */
	void (*loop)(u32 id, u64 limit_ns, bool (*done)(const void *arg), const void *arg);
};
extern const struct busy_poll_ops *busy_poll_ops; /* [I] NULL: there is no network */

static inline u64 busy_poll_limit_ns(void)
{
	return busy_poll_ops ? busy_poll_ops->limit_ns() : 0;
}

#endif

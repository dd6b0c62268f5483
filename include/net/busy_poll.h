/* SPDX-License-Identifier: MIT */
/*
 * Busy polling (SO_BUSY_POLL, net.core.busy_read and busy_poll): a thread that would sleep for
 * packets polls the NAPI that brings them, for some microseconds and with its interrupt masked.
 */
#ifndef NET_BUSY_POLL_H
#define NET_BUSY_POLL_H

#include <net/sock.h>

#define BUSY_POLL_BUDGET 8 /* packets at a look, unless SO_BUSY_POLL_BUDGET says otherwise */

/* May a call on sk that would block look at the device first? */
static inline bool sk_can_busy_loop(const struct sock *sk)
{
	return READ_ONCE(sk->sk_ll_usec);
}

/* Poll the NAPI that sk's last packet came by until there is something to read, or sk_ll_usec are
 * over; once: a single time. Socket unlocked, thread context. */
void sk_busy_loop(struct sock *sk, bool once);

/* Poll the NAPI of that id, up to budget packets at a look, until done(arg) or for limit_ns; 0:
 * once. prefer: softirqs leave it to the thread where they can (SO_PREFER_BUSY_POLL). Returns early
 * where the CPU has nothing of that id (any more). Thread context. */
void napi_busy_loop(u32 id, u64 limit_ns, int budget, bool prefer, bool (*done)(const void *arg),
		    const void *arg);

/* sk gets skb, from that NAPI. */
static inline void sk_mark_napi_id(struct sock *sk, const struct sk_buff *skb)
{
	if (unlikely(READ_ONCE(sk->sk_napi_id) != skb->napi_id) && skb->napi_id)
		WRITE_ONCE(sk->sk_napi_id, skb->napi_id);
}

#endif

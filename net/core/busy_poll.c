/* SPDX-License-Identifier: MIT */
/*
 * Busy polling: a thread takes a NAPI that nobody polls, as the scheduler would (NAPI_STATE_SCHED),
 * and polls it until what it waits for has come or its time is over. With NAPI_STATE_IN_BUSY_POLL
 * set, napi_complete_done() says no, so the queue's interrupt stays masked between two looks; the
 * last poll is one without it, which unmasks. While another CPU, or a softirq, polls that NAPI the
 * thread only watches.
 *
 * Context: threads; preemption is off while a NAPI is held, so it is given back as soon as another
 * thread wants the CPU.
 */
#include <net/busy_poll.h>

#include <kernel/busy_poll.h>
#include <kernel/init.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#include "core_int.h"

#define BETWEEN_US 1 /* from one look to the next */

const struct busy_poll_ops *busy_poll_ops;

static bool napi_take(struct napi_struct *n)
{
	unsigned long old = READ_ONCE(n->state);

	return !(old & (1ul << NAPI_STATE_SCHED | 1ul << NAPI_STATE_DISABLE)) &&
	       cmpxchg(&n->state, old,
		       old | 1ul << NAPI_STATE_SCHED | 1ul << NAPI_STATE_IN_BUSY_POLL) == old;
}

static void count(const struct napi_struct *n, int work)
{
	if (work > 0)
		NET_MIB(dev_net(n->dev))->linux_[LINUX_MIB_BUSYPOLLRXPACKETS] += (u64)work;
}

/* One look, n being ours. Softirqs that it raised have run on return. */
static void look(struct napi_struct *n, int budget)
{
	local_bh_disable();
	count(n, napi_poll_once(n, budget));
	local_bh_enable();
}

/* The last poll unmasks the interrupt; where it leaves work, the softirq has it. prefer: the thread
 * will poll again, so both are put off where the device's settings allow it. */
static void napi_give_back(struct napi_struct *n, int budget, bool prefer)
{
	bool put_off;
	int work;

	local_bh_disable();
	clear_bit(NAPI_STATE_IN_BUSY_POLL, &n->state);
	put_off = prefer && napi_defer_for_thread(n);
	work = napi_poll_once(n, budget);
	count(n, work);
	if (work == budget && put_off)
		napi_complete_deferred(n, work);
	else if (work == budget)
		__napi_schedule(n);
	local_bh_enable();
}

/* Poll n until over(), or somebody else wants the CPU. Rcu read side. */
static bool busy_turn(struct napi_struct *n, int budget, bool prefer, u64 until_ns,
		      bool (*done)(const void *arg), const void *arg)
{
	bool ours = false, over;

	for (;;) {
		ours = ours || napi_take(n);
		if (ours)
			look(n, budget);
		else if (prefer) /* the softirq that has it is to leave it to us */
			set_bit(NAPI_STATE_PREFER_BUSY_POLL, &n->state);
		over = !until_ns || done(arg) || ktime_get_ns() >= until_ns;
		if (over || need_resched())
			break;
		udelay(BETWEEN_US);
	}
	if (ours)
		napi_give_back(n, budget, prefer);
	return over;
}

void napi_busy_loop(u32 id, u64 limit_ns, int budget, bool prefer, bool (*done)(const void *arg),
		    const void *arg)
{
	u64 until_ns = limit_ns ? ktime_get_ns() + limit_ns : 0;
	struct napi_struct *n;
	bool over;

	do {
		rcu_read_lock();
		n = napi_by_id(id);
		over = !n || busy_turn(n, budget, prefer, until_ns, done, arg);
		rcu_read_unlock();
		if (!over)
			thread_yield();
	} while (!over && !done(arg) && ktime_get_ns() < until_ns);
}

/* -- sockets ------------------------------------------------------------------------------------
 */

static bool sk_readable(const void *arg)
{
	const struct sock *sk = arg;

	return !skb_queue_empty(&sk->sk_receive_queue) || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN;
}

void sk_busy_loop(struct sock *sk, bool once)
{
	u64 limit_ns = once ? 0 : READ_ONCE(sk->sk_ll_usec) * NSEC_PER_USEC;
	int budget = READ_ONCE(sk->sk_busy_poll_budget);

	napi_busy_loop(READ_ONCE(sk->sk_napi_id), limit_ns, budget ? budget : BUSY_POLL_BUDGET,
		       sk->sk_prefer_busy_poll, sk_readable, sk);
}

/* -- poll() and epoll_wait() ----------------------------------------------------------------------
 */

static u64 poll_limit_ns(void)
{
	const struct netns_core *core = current_net()->core;

	return core ? (u64)READ_ONCE(core->busy_poll) * NSEC_PER_USEC : 0;
}

static void poll_loop(u32 id, u64 limit_ns, bool (*done)(const void *arg), const void *arg)
{
	napi_busy_loop(id, limit_ns, BUSY_POLL_BUDGET, false, done, arg);
}

static const struct busy_poll_ops ops = {.limit_ns = poll_limit_ns, .loop = poll_loop};

static int busy_poll_init(void)
{
	busy_poll_ops = &ops;
	return 0;
}
DEFINE_INITCALL(INIT_CORE, busy_poll_init);

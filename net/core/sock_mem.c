/* SPDX-License-Identifier: MIT */
/*
 * What packets cost their socket, and sockets their protocol. A socket takes whole pages from the
 * protocol's account ahead of need (sk_forward_alloc) and charges each skb's truesize to them;
 * whole pages that it does not need any more it gives back at once. The account has three marks, as
 * in Linux's tcp_mem: below low all is well; above pressure senders and receivers are held to their
 * share, until it is below low again; above high nobody gets more.
 *
 * So that packets do not make CPUs pass the account's cache line to and fro, each CPU keeps what it
 * took and gave back to itself (mem_reserve) until that comes to a good number of pages. The total
 * that is held against the marks is late by that much at most; sk_memory_allocated() is exact.
 */
#include <net/sock.h>

#include <errno.h>
#include <kernel/percpu.h>
#include <kernel/preempt.h>
#include <kernel/softirq.h>
#include <lib/assert.h>

#define RESERVE_PAGES_MAX 256 /* 1 MiB, as Linux */
#define RESERVE_SHIFT     10  /* and of the high mark this part */
#define MIN_PARTS         16  /* see sk_within_share() */
#define MAX_PARTS         256

static DEFINE_PER_CPU(s32, mem_reserve[NR_SK_MEM_ACCOUNTS]);

static int sk_mem_pages(int bytes)
{
	return (int)(((u32)bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static s32 reserve_limit(const struct proto *prot)
{
	return (s32)clamp_t(long, READ_ONCE(prot->sysctl_mem[2]) >> RESERVE_SHIFT, 1,
			    RESERVE_PAGES_MAX);
}

/* Take pages from prot's account, or give back a negative number of them; what it stands at then,
 * as far as this CPU knows. */
static inline s64 account(struct proto *prot, s32 pages)
{
	s32 limit = reserve_limit(prot), *reserve, mine;
	s64 all;

	local_bh_disable();
	reserve = &this_cpu(mem_reserve)[prot->mem_account];
	mine = *reserve + pages;
	if (unlikely(mine >= limit || mine <= -limit)) {
		all = atomic_add_return(mine, prot->memory_allocated);
		mine = 0;
	} else {
		all = atomic_read(prot->memory_allocated) + mine;
	}
	*reserve = mine;
	local_bh_enable();
	return all;
}

long sk_memory_allocated(const struct proto *prot)
{
	s64 all;

	if (!prot->memory_allocated)
		return 0;
	all = atomic_read(prot->memory_allocated);
	for_each_cpu(cpu)
		all += READ_ONCE(per_cpu(mem_reserve, cpu)[prot->mem_account]);
	return (long)max(all, (s64)0);
}

static inline void leave_memory_pressure(struct sock *sk)
{
	const struct proto *prot = sk->sk_prot;

	if (unlikely(prot->memory_pressure && READ_ONCE(*prot->memory_pressure)))
		prot->leave_memory_pressure(sk);
}

/* Up to its guaranteed minimum a socket always gets memory. */
static bool sk_below_minimum(const struct sock *sk, int size, int kind)
{
	const struct proto *prot = sk->sk_prot;

	if (kind == SK_MEM_RECV)
		return (u32)atomic_read(&sk->sk_rmem_alloc) < prot->rmem_min;
	if (sk->sk_type == SOCK_STREAM)
		return (u32)(sk->sk_wmem_queued + size) <= prot->wmem_min;
	return (u32)atomic_read(&sk->sk_wmem_alloc) < prot->wmem_min;
}

/* Under pressure: no more than a part of what is left, as many parts as there are sockets up to
 * MAX_PARTS (Choudhury and Hahne's dynamic threshold). However many sit on all that they can get,
 * what is left is so many times what the last of them got: newcomers, and those that give back what
 * they take, find memory. Equal shares of the total, as in Linux, leave nothing. */
static bool sk_within_share(const struct sock *sk, s64 allocated)
{
	const struct proto *prot = sk->sk_prot;
	s64 parts = clamp_t(s64, atomic_read(&prot->sockets_allocated), MIN_PARTS, MAX_PARTS);
	int bytes = sk->sk_wmem_queued + atomic_read(&sk->sk_rmem_alloc) + sk->sk_forward_alloc;

	return sk_mem_pages(bytes) * parts <= prot->sysctl_mem[2] - allocated;
}

/* The account stands above its low mark. */
static noinline bool sk_mem_allowed(struct sock *sk, s64 allocated, int size, int kind)
{
	struct proto *prot = sk->sk_prot;

	if (allocated > prot->sysctl_mem[1] && prot->enter_memory_pressure)
		prot->enter_memory_pressure(sk);
	if (allocated > prot->sysctl_mem[2])
		return false;
	if (sk_below_minimum(sk, size, kind))
		return true;
	return !prot->memory_pressure || !READ_ONCE(*prot->memory_pressure) ||
	       sk_within_share(sk, allocated);
}

bool __sk_mem_schedule(struct sock *sk, int size, int kind)
{
	struct proto *prot = sk->sk_prot;
	int pages = sk_mem_pages(size - sk->sk_forward_alloc);
	s64 all;

	if (!prot->memory_allocated)
		return true;
	sk->sk_forward_alloc += pages << PAGE_SHIFT;
	all = account(prot, pages);
	if (likely(all <= prot->sysctl_mem[0])) {
		leave_memory_pressure(sk);
		return true;
	}
	if (sk_mem_allowed(sk, all, size, kind))
		return true;
	sk->sk_forward_alloc -= pages << PAGE_SHIFT;
	account(prot, -pages);
	return false;
}

void sk_forced_mem_schedule(struct sock *sk, int size)
{
	int pages = sk_mem_pages(size - sk->sk_forward_alloc);

	if (!sk->sk_prot->memory_allocated || size <= sk->sk_forward_alloc)
		return;
	sk->sk_forward_alloc += pages << PAGE_SHIFT;
	account(sk->sk_prot, pages);
}

void sk_mem_reclaim(struct sock *sk)
{
	int pages = sk->sk_forward_alloc >> PAGE_SHIFT;

	if (!sk->sk_prot->memory_allocated || pages <= 0)
		return;
	sk->sk_forward_alloc -= pages << PAGE_SHIFT;
	if (account(sk->sk_prot, -pages) <= sk->sk_prot->sysctl_mem[0])
		leave_memory_pressure(sk);
}

void sock_mem_marks(long marks[3])
{
	struct meminfo mi;
	long pressure;

	meminfo_get(&mi); /* counts pages */
	pressure = max((long)(mi.total / 8), 128L);
	marks[0] = pressure / 4 * 3;
	marks[1] = pressure;
	marks[2] = marks[0] * 2;
}

bool sk_under_memory_limit(const struct sock *sk)
{
	const struct proto *prot = sk->sk_prot;

	return atomic_read(prot->memory_allocated) <= READ_ONCE(prot->sysctl_mem[2]);
}

bool sk_memory_admits(const struct sock *sk)
{
	const struct proto *prot = sk->sk_prot;
	long high = READ_ONCE(prot->sysctl_mem[2]);

	return atomic_read(prot->memory_allocated) <= high + high / 8;
}

/* A datagram's pages, which belong to it and not to its socket: it is queued without the socket's
 * lock. */
static void datagram_rfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	atomic_sub((s32)skb->truesize, &sk->sk_rmem_alloc);
	account(sk->sk_prot, -sk_mem_pages((int)skb->truesize));
}

bool skb_set_owner_datagram(struct sk_buff *skb, struct sock *sk)
{
	struct proto *prot = sk->sk_prot;
	int pages = sk_mem_pages((int)skb->truesize);

	if (!prot->memory_allocated) {
		skb_set_owner_r(skb, sk);
		return true;
	}
	if (account(prot, pages) > READ_ONCE(prot->sysctl_mem[2])) {
		account(prot, -pages);
		return false;
	}
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = datagram_rfree;
	atomic_add((s32)skb->truesize, &sk->sk_rmem_alloc);
	return true;
}

void sock_rfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	atomic_sub((s32)skb->truesize, &sk->sk_rmem_alloc);
	if (sk->sk_prot->memory_allocated)
		sk_mem_uncharge(sk, (int)skb->truesize);
}

void skb_set_owner_r(struct sk_buff *skb, struct sock *sk)
{
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = sock_rfree;
	atomic_add((s32)skb->truesize, &sk->sk_rmem_alloc);
	if (sk->sk_prot->memory_allocated)
		sk_mem_charge(sk, (int)skb->truesize);
}

void skb_set_owner_w(struct sk_buff *skb, struct sock *sk)
{
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = sock_wfree;
	atomic_add((s32)skb->truesize, &sk->sk_wmem_alloc);
}

bool skb_completion_awaited(const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;

	/* An application waits for its memory. A stream's is acknowledged, and the poll that
	 * receives that takes back what was sent. */
	if (unlikely(skb_shinfo(skb)->ubuf) && !(sk && sk->sk_type == SOCK_STREAM))
		return true;
	return skb->destructor && (!sk || atomic_read(&sk->sk_wmem_alloc) > sk_tx_unawaited(sk));
}

struct sk_buff *sock_alloc_send_skb(struct sock *sk, u32 size, bool noblock, int *err)
{
	u64 timeo = sock_sndtimeo(sk, noblock);
	struct sk_buff *skb;

	for (;;) {
		struct wait_entry e = {0};

		*err = sock_error(sk);
		if (*err)
			return NULL;
		*err = -EPIPE;
		if (sk->sk_shutdown & SEND_SHUTDOWN)
			return NULL;
		if (atomic_read(&sk->sk_wmem_alloc) < sk->sk_sndbuf)
			break;
		*err = -EAGAIN;
		if (!timeo)
			return NULL;
		prepare_to_wait(sk->sk_wq, &e, false);
		if (atomic_read(&sk->sk_wmem_alloc) >= sk->sk_sndbuf)
			timeo = schedule_timeout_ns(timeo);
		finish_wait(sk->sk_wq, &e);
	}
	skb = alloc_skb(size, GFP_KERNEL);
	*err = skb ? 0 : -ENOBUFS;
	if (skb)
		skb_set_owner_w(skb, sk);
	return skb;
}

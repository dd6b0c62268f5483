/* SPDX-License-Identifier: MIT */
/*
 * Socks of every protocol: making and ending them, the owner lock with its backlog, wake-ups,
 * the cached route. Called by protocols from threads and softirqs.
 *
 * Life: sk_refcnt counts users; sk_wmem_alloc holds 1 for all of them together plus the truesize
 * of packets below in qdisc and driver, whose destructor gives it back. The memory goes after a
 * grace period once both are zero, since lookups read it under rcu.
 */
#include <net/sock.h>

#include <errno.h>
#include <kernel/log.h>
#include <kernel/softirq.h>
#include <kernel/uio.h>
#include <lib/assert.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>

static u64 next_ino = 1;

/* ---- wake-ups ----------------------------------------------------------------------------- */

/* sk_wq is cleared when the socket is orphaned; its memory outlives readers by rcu. */
static void sk_wake(struct sock *sk, u32 key)
{
	struct wait_queue *wq;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	smp_mb(); /* the condition before the look at the queue: pairs with prepare_to_wait() */
	if (wq && wait_queue_active(wq))
		wake_up_poll(wq, key);
	rcu_read_unlock();
}

static void sock_def_wakeup(struct sock *sk)
{
	struct wait_queue *wq;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (wq)
		wake_up_all(wq);
	rcu_read_unlock();
}

static void sock_def_readable(struct sock *sk)
{
	sk_wake(sk, EPOLLIN | EPOLLPRI | EPOLLRDNORM);
}

static void sock_def_write_space(struct sock *sk)
{
	/* Wait until half of the buffer is free, so that writers do not wake for crumbs. */
	if (atomic_read(&sk->sk_wmem_alloc) * 2 <= sk->sk_sndbuf)
		sk_wake(sk, EPOLLOUT | EPOLLWRNORM);
}

static void sock_def_error_report(struct sock *sk)
{
	sk_wake(sk, EPOLLERR);
}

/* ---- life --------------------------------------------------------------------------------- */

static void proto_defaults(struct proto *prot)
{
	if (!prot->state_change)
		prot->state_change = sock_def_wakeup;
	if (!prot->data_ready)
		prot->data_ready = sock_def_readable;
	if (!prot->write_space)
		prot->write_space = sock_def_write_space;
	if (!prot->error_report)
		prot->error_report = sock_def_error_report;
}

static struct kmem_cache *proto_slab(struct proto *prot)
{
	struct kmem_cache *c = READ_ONCE(prot->slab);

	if (likely(c))
		return c;
	proto_defaults(prot);
	c = kmem_cache_create(prot->name, prot->obj_size, 64, prot->slab_flags, NULL);
	if (c && cmpxchg(&prot->slab, NULL, c)) {
		kmem_cache_destroy(c);
		c = READ_ONCE(prot->slab);
	}
	return c;
}

/* What a new socket has of its own, be it a clone: not the callbacks, they are the protocol's. */
static void sock_init_common(struct sock *sk)
{
	skb_queue_head_init(&sk->sk_receive_queue);
	skb_queue_head_init(&sk->sk_write_queue);
	skb_queue_head_init(&sk->sk_error_queue);
	spin_lock_init(&sk->sk_lock.slock);
	wait_queue_init(&sk->sk_lock.wq);
	sk->sk_lock.owned = false;
	memset(&sk->sk_backlog, 0, sizeof(sk->sk_backlog));
	atomic_set(&sk->sk_wmem_alloc, 1);
	sk->sk_ino = __atomic_fetch_add(&next_ino, 1, __ATOMIC_RELAXED);
}

struct sock *sk_alloc(struct net *net, u16 family, struct proto *prot, unsigned gfp)
{
	struct kmem_cache *slab = proto_slab(prot);
	struct sock *sk = slab ? kmem_cache_alloc(slab, gfp | GFP_ZERO) : NULL;

	if (!sk)
		return NULL;
	sk->sk_family = family;
	sk->sk_prot = prot;
	sk->sk_net = net;
	sk->sk_state = TCP_CLOSE; /* whatever the protocol */
	sk->sk_rcvbuf = net->core->rmem_default;
	sk->sk_sndbuf = net->core->wmem_default;
	sk->sk_rcvlowat = 1;
	sk->sk_ll_usec = (u32)net->core->busy_read;
	sk->sk_rcvtimeo_ns = WAIT_FOREVER;
	sk->sk_sndtimeo_ns = WAIT_FOREVER;
	sk->sk_pacing_rate = ~0ull;
	sk->sk_max_pacing_rate = ~0ull;
	sk->sk_pacing_shift = 10;
	sk->sk_incoming_cpu = CPU_ANY;
	sock_init_common(sk);
	refcount_set(&sk->sk_refcnt, 1);
	atomic_inc(&prot->sockets_allocated);
	return sk;
}

struct sock *sk_clone_lock(const struct sock *sk, unsigned gfp)
{
	struct sock *newsk = kmem_cache_alloc(proto_slab(sk->sk_prot), gfp);

	if (!newsk)
		return NULL;
	memcpy_long(newsk, sk, sk->sk_prot->obj_size);
	memset(&newsk->sk_node, 0, sizeof(newsk->sk_node));
	memset(&newsk->sk_bind_node, 0, sizeof(newsk->sk_bind_node));
	sock_init_common(newsk);
	newsk->tcp_rtx_queue = RB_ROOT;
	newsk->sk_send_head = NULL;
	newsk->sk_dst_cache = NULL;
	newsk->sk_wmem_queued = 0;
	newsk->sk_forward_alloc = 0;
	newsk->sk_tsq_flags = 0;
	newsk->sk_tskey = newsk->sk_zckey = 0;
	atomic_set(&newsk->sk_omem_alloc, 0);
	newsk->sk_err = newsk->sk_err_soft = 0;
	newsk->sk_shutdown = 0;
	newsk->sk_ack_backlog = newsk->sk_max_ack_backlog = 0;
	atomic_set(&newsk->sk_drops, 0);
	newsk->sk_socket = NULL;
	newsk->sk_wq = NULL;
	newsk->sk_userlocks &= (u8) ~(SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK);
	newsk->sk_incoming_cpu = smp_processor_id();
	sock_reset_flag(newsk, SOCK_DONE);
	sock_reset_flag(newsk, SOCK_NOSPACE);
	refcount_set(&newsk->sk_refcnt, 2);
	atomic_inc(&newsk->sk_prot->sockets_allocated);
	bh_lock_sock(newsk);
	return newsk;
}

static void sk_free_rcu(struct rcu_head *head)
{
	struct sock *sk = container_of(head, struct sock, sk_rcu);

	if (sk->sk_prot->free)
		sk->sk_prot->free(sk);
	kmem_cache_free(sk->sk_prot->slab, sk);
}

/* Both counts are zero: nobody but rcu readers can still see sk. */
static void sk_destroy(struct sock *sk)
{
	if (!skb_queue_empty(&sk->sk_receive_queue))
		skb_queue_purge_reason(&sk->sk_receive_queue, SKB_DROP_REASON_SOCKET_CLOSED);
	if (!skb_queue_empty(&sk->sk_error_queue))
		skb_queue_purge_reason(&sk->sk_error_queue, SKB_CONSUMED);
	sk_dst_reset(sk);
	sk_mem_reclaim(sk);
	WARN_ON_ONCE(atomic_read(&sk->sk_rmem_alloc));
	WARN_ON_ONCE(sk->sk_wmem_queued);
	WARN_ON_ONCE(sk->sk_forward_alloc && sk->sk_prot->memory_allocated);
	atomic_dec(&sk->sk_prot->sockets_allocated);
	call_rcu(&sk->sk_rcu, sk_free_rcu);
}

void sock_put(struct sock *sk)
{
	if (refcount_dec_and_test(&sk->sk_refcnt) && atomic_dec_and_test(&sk->sk_wmem_alloc))
		sk_destroy(sk);
}

/* A packet of sk left the driver; the last one of a closed socket takes the socket with it. */
void sock_wfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	s32 len = (s32)skb->truesize;

	if (!sock_flag(sk, SOCK_USE_WRITE_QUEUE)) {
		/* Keep one byte back so that sk stays while write_space looks at it. */
		atomic_sub(len - 1, &sk->sk_wmem_alloc);
		sk->sk_write_space(sk);
		len = 1;
	}
	if (atomic_sub_return(len, &sk->sk_wmem_alloc) == 0)
		sk_destroy(sk);
}

void sk_common_release(struct sock *sk)
{
	if (sk->sk_prot->destroy)
		sk->sk_prot->destroy(sk);
	if (sk->sk_prot->unhash)
		sk->sk_prot->unhash(sk);
	sock_orphan(sk);
	sock_put(sk);
}

void skb_set_demuxed(struct sk_buff *skb, struct sock *sk)
{
	skb->sk = sk;
	skb->destructor = sock_edemux;
}

struct sock *skb_steal_sock(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	skb->sk = NULL;
	skb->destructor = NULL;
	return sk;
}

void sock_edemux(struct sk_buff *skb)
{
	sock_put(skb->sk);
}

void sock_orphan(struct sock *sk)
{
	sock_set_flag(sk, SOCK_DEAD);
	sk->sk_socket = NULL;
	rcu_assign_pointer(sk->sk_wq, NULL);
}

void sock_graft(struct sock *sk, struct socket *sock)
{
	sock->sk = sk;
	sk->sk_socket = sock;
	rcu_assign_pointer(sk->sk_wq, &sock->wq);
}

/* ---- the owner lock ------------------------------------------------------------------------ */

/* Another thread owns sk: sleep until it lets go. slock held on entry and exit. */
static noinline void lock_sock_slow(struct sock *sk) __must_hold(sk->sk_lock.slock)
{
	struct wait_entry e = {0};

	for (;;) {
		prepare_to_wait(&sk->sk_lock.wq, &e, true);
		spin_unlock_bh(&sk->sk_lock.slock);
		schedule();
		spin_lock_bh(&sk->sk_lock.slock);
		if (!sk->sk_lock.owned)
			break;
	}
	finish_wait(&sk->sk_lock.wq, &e);
}

void lock_sock(struct sock *sk)
{
	might_sleep();
	spin_lock_bh(&sk->sk_lock.slock);
	if (unlikely(sk->sk_lock.owned))
		lock_sock_slow(sk);
	sk->sk_lock.owned = true;
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* Handle what softirqs left while a thread owned sk. slock held; dropped while handling. */
static noinline void sk_run_backlog(struct sock *sk) __must_hold(sk->sk_lock.slock)
{
	struct sk_buff *skb, *next;

	while ((skb = sk->sk_backlog.head)) {
		sk->sk_backlog.head = sk->sk_backlog.tail = NULL;
		spin_unlock_bh(&sk->sk_lock.slock);
		for (; skb; skb = next) {
			next = skb->next;
			skb->next = skb->prev = NULL;
			sk->sk_prot->backlog_rcv(sk, skb);
		}
		spin_lock_bh(&sk->sk_lock.slock);
	}
	/* Only now: a flood that refills the backlog meanwhile meets the limit and ends. */
	sk->sk_backlog.len = 0;
}

void release_sock(struct sock *sk)
{
	spin_lock_bh(&sk->sk_lock.slock);
	DEBUG_ASSERT(sk->sk_lock.owned);
	if (unlikely(sk->sk_backlog.head))
		sk_run_backlog(sk);
	if (unlikely(READ_ONCE(sk->sk_tsq_flags)))
		sk->sk_prot->release_cb(sk);
	sk->sk_lock.owned = false;
	if (unlikely(wait_queue_active(&sk->sk_lock.wq)))
		wake_up(&sk->sk_lock.wq);
	spin_unlock_bh(&sk->sk_lock.slock);
}

bool sk_add_backlog(struct sock *sk, struct sk_buff *skb, u32 limit)
{
	u32 queued = sk->sk_backlog.len + (u32)atomic_read(&sk->sk_rmem_alloc);

	if (queued > limit)
		return false;
	skb->next = NULL;
	if (sk->sk_backlog.tail)
		sk->sk_backlog.tail->next = skb;
	else
		sk->sk_backlog.head = skb;
	sk->sk_backlog.tail = skb;
	sk->sk_backlog.len += skb->truesize;
	return true;
}

void sk_reset_timer(struct sock *sk, struct timer *t, u64 expires_ns)
{
	if (!timer_mod(t, expires_ns))
		sock_hold(sk);
}

void sk_stop_timer(struct sock *sk, struct timer *t)
{
	if (timer_del(t))
		sock_put(sk);
}

/* ---- route --------------------------------------------------------------------------------- */

struct dst_entry *sk_dst_check(struct sock *sk)
{
	struct dst_entry *dst = rcu_dereference(sk->sk_dst_cache);

	if (dst && dst->check && !dst->check(dst)) {
		sk_dst_reset(sk);
		return NULL;
	}
	return dst;
}

void sk_dst_set(struct sock *sk, struct dst_entry *dst)
{
	struct dst_entry *old = xchg(&sk->sk_dst_cache, dst);

	sk->sk_dst_pending_confirm = false;
	if (old)
		dst_release(old);
}

void sk_setup_caps(struct sock *sk, struct dst_entry *dst)
{
	const struct net_device *dev = dst->dev;

	sk->sk_route_caps = dev->features;
	if (sk->sk_route_caps & NETIF_F_GSO)
		sk->sk_route_caps |= NETIF_F_TSO | NETIF_F_TSO6;
	/* Room for the headers, within what an IP length can say. */
	sk->sk_gso_max_size = min(dev->gso_max_size, GSO_MAX_SIZE) - (MAX_TCP_HEADER + 1);
	sk->sk_gso_max_segs = dev->gso_max_segs;
}

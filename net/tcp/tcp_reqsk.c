/* SPDX-License-Identifier: MIT */
/*
 * The life of a half-open request: its references (one of the hash, one of the wheel), its place in
 * a listener's count of young and old ones, and the time at which its SYN-ACK is sent again. Each
 * CPU has a wheel of lists with one timer, so that a request pays for two pointers and a tick;
 * which CPU's it is in does not change. Softirq; a listener is never locked. Two CPUs that find the
 * same request are told apart by who takes it out of the hash; what the wheel's lock guards is
 * marked [w].
 */
#include "tcp_int.h"

struct kmem_cache *tcp_request_cache;

static struct tcp_saving_request *saving(struct tcp_request_sock *req)
{
	return container_of(req, struct tcp_saving_request, req);
}

static void free_rcu(struct rcu_head *head)
{
	struct tcp_request_sock *req = container_of(head, struct tcp_request_sock, rcu);

	if (!req->saves_syn) {
		kmem_cache_free(tcp_request_cache, req);
		return;
	}
	kfree(saving(req)->syn);
	kfree(saving(req));
}

void tcp_req_put(struct tcp_request_sock *req)
{
	if (!refcount_dec_and_test(&req->key.refcnt))
		return;
	sock_put(req->listener);
	call_rcu(&req->rcu, free_rcu);
}

void tcp_key_put(struct sock_key *key)
{
	if (key->state == TCP_NEW_SYN_RECV)
		tcp_req_put(tcp_rsk(key));
	else if (key->state == TCP_TIME_WAIT)
		tcp_tw_put(tcp_twsk(key));
	else
		sock_put(container_of(key, struct sock, __sk_common.skc_key));
}

/* The headers of a SYN, with that of the link or without. */
static struct tcp_saved_syn *save_syn(const struct sk_buff *skb, bool link)
{
	const u8 *from = link ? skb_mac_header(skb) : skb_network_header(skb);
	u32 len = (u32)((const u8 *)skb_transport_header(skb) - from) + tcp_hdrlen(skb);
	struct tcp_saved_syn *syn = kmalloc(sizeof(*syn) + len, GFP_ATOMIC);

	if (!syn)
		return NULL;
	syn->len = len;
	memcpy(syn->bytes, from, len);
	return syn;
}

struct tcp_request_sock *tcp_req_alloc(const struct tcp_request_sock *from,
				       const struct sk_buff *skb)
{
	u8 save = READ_ONCE(tcp_sk(from->listener)->save_syn);
	struct tcp_request_sock *req;

	if (likely(!save))
		req = kmem_cache_alloc(tcp_request_cache, GFP_ATOMIC);
	else
		req = kmalloc(sizeof(struct tcp_saving_request), GFP_ATOMIC);
	if (!req)
		return NULL;
	*req = *from;
	if (unlikely(save)) {
		req->saves_syn = 1;
		saving(req)->syn = save_syn(skb, save == 2 && skb_mac_header_was_set(skb));
	}
	sock_hold(req->listener);
	refcount_set(&req->key.refcnt, 1);
	req->key.wheel_cpu = (u16)smp_processor_id(); /* a softirq: it stays here */
	return req;
}

struct tcp_saved_syn *tcp_req_take_syn(struct tcp_request_sock *req)
{
	struct tcp_saved_syn *syn;

	if (likely(!req->saves_syn))
		return NULL;
	syn = saving(req)->syn;
	saving(req)->syn = NULL;
	return syn;
}

/* ---- the wheel -------------------------------------------------------------------------------
 */

static u64 tick_ns(u64 tick)
{
	return tick * TCP_REQ_TICK_NS;
}

/* The tick at or after ns. */
static u64 ns_tick(u64 ns)
{
	return (ns + TCP_REQ_TICK_NS - 1) / TCP_REQ_TICK_NS;
}

static struct tcp_req_wheel *wheel_of(const struct tcp_request_sock *req)
{
	return &tcp_net(req->listener)->req_wheel[req->key.wheel_cpu];
}

/* How long the SYN-ACK that was sent last has for its answer. */
static u64 synack_delay_ns(const struct tcp_request_sock *req)
{
	return (u64)min_t(u64, (u64)TCP_TIMEOUT_INIT_US << min(req->num_timeout + 0u, 16u),
			  tcp_rto_max_us(req->listener)) *
	       NSEC_PER_USEC;
}

static void wheel_add(struct tcp_req_wheel *w, struct tcp_request_sock *req) __must_hold(w->lock)
{
	u64 tick = ns_tick(ktime_get_ns() + synack_delay_ns(req));

	req->key.wheel_tick = (u16)tick;
	hlist_add_head(&req->slot, &w->slot[tick % TCP_REQ_SLOTS]);
	w->count++;
	timer_reduce(&w->timer, tick_ns(tick));
}

static void wheel_del(struct tcp_req_wheel *w, struct tcp_request_sock *req) __must_hold(w->lock)
{
	hlist_del(&req->slot);
	req->slot.pprev = NULL;
	w->count--;
}

static void young_del(struct tcp_request_sock *req)
{
	if (!req->young)
		return;
	req->young = 0;
	atomic_dec(&tcp_sk(req->listener)->accept_queue.young);
}

void tcp_req_start(struct tcp_request_sock *req)
{
	struct tcp_req_wheel *w = wheel_of(req);

	spin_lock(&w->lock);
	if (!req->gone) {
		atomic_inc(&tcp_sk(req->listener)->accept_queue.young);
		req->young = 1;
		refcount_inc(&req->key.refcnt);
		wheel_add(w, req);
	}
	spin_unlock(&w->lock);
}

void tcp_req_left_hash(struct tcp_request_sock *req)
{
	struct tcp_req_wheel *w = wheel_of(req);
	bool was_in;
	u8 bits;

	atomic_dec(&tcp_sk(req->listener)->accept_queue.qlen);
	spin_lock_bh(&w->lock);
	req->gone = 1;
	young_del(req);
	bits = req->source_bits;
	was_in = !hlist_unhashed(&req->slot);
	if (was_in)
		wheel_del(w, req);
	spin_unlock_bh(&w->lock);
	tcp_source_put(tcp_net(req->listener), req->key.daddr, TCP_SOURCE_SYN, bits);
	if (was_in)
		tcp_req_put(req);
	tcp_req_put(req);
}

bool tcp_req_drop(struct tcp_request_sock *req)
{
	if (!tcp_ehash_remove(tcp_net(req->listener), &req->key))
		return false;
	tcp_req_left_hash(req);
	return true;
}

/* ---- time runs out ---------------------------------------------------------------------------
 */

/* How often a SYN-ACK is sent again. Where the backlog is more than half full, the old give way:
 * fewer attempts the fewer young ones there are, two at least. */
static u32 synack_tries(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = tp->syn_retries ? tp->syn_retries : (u32)tcp_net(sk)->tcp_synack_retries;
	u32 qlen = (u32)atomic_read(&tp->accept_queue.qlen);
	u32 young = (u32)max(atomic_read(&tp->accept_queue.young), 0) << 1;

	tries = min(tries, TCP_MAX_TIMEOUTS);
	if (qlen << 1 <= max(8u, READ_ONCE(sk->sk_max_ack_backlog)))
		return tries;
	for (; tries > 2 && qlen >= young; young <<= 1)
		tries--;
	return tries;
}

/* Send again or wait on, while it may live. False: it is over. */
static bool synack_again(struct tcp_request_sock *req)
{
	struct sock *sk = req->listener;
	u32 tries = synack_tries(sk), defer = READ_ONCE(tcp_sk(sk)->accept_queue.defer_accept);
	/* With TCP_DEFER_ACCEPT one that has its ACK is left alone until the time is nearly up. */
	bool waits_for_data = defer && req->acked;

	if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return false;
	if (req->num_timeout >= tries && !(waits_for_data && req->num_timeout < defer))
		return false;
	if (!waits_for_data || req->num_timeout + 1u >= defer)
		tcp_resend_synack(req);
	return true;
}

/* req was taken out of its slot; the slot's reference is ours. */
static void req_timeout(struct tcp_req_wheel *w, struct tcp_request_sock *req)
{
	bool lives = synack_again(req);

	if (!lives)
		tcp_req_drop(req);
	spin_lock(&w->lock);
	lives = lives && !req->gone;
	if (lives) {
		req->num_timeout++;
		young_del(req);
		wheel_add(w, req);
	}
	spin_unlock(&w->lock);
	if (!lives)
		tcp_req_put(req);
}

/* The next request of that tick's slot which is due, taken out; NULL: none. */
static struct tcp_request_sock *take_due(struct tcp_req_wheel *w, u64 tick, u64 now)
{
	struct tcp_request_sock *req, *found = NULL;

	spin_lock(&w->lock);
	hlist_for_each_entry(req, &w->slot[tick % TCP_REQ_SLOTS], slot) {
		if ((s16)(u16)(req->key.wheel_tick - (u16)now) <= 0) {
			found = req;
			wheel_del(w, req);
			break;
		}
	}
	spin_unlock(&w->lock);
	return found;
}

/* For the first slot that is not empty, or a turn from now at the latest. */
static void arm(struct tcp_req_wheel *w)
{
	u64 tick = w->now;

	spin_lock(&w->lock);
	if (w->count) {
		for (tick++; tick < w->now + TCP_REQ_SLOTS; tick++)
			if (!hlist_empty(&w->slot[tick % TCP_REQ_SLOTS]))
				break;
		timer_reduce(&w->timer, tick_ns(tick));
	}
	spin_unlock(&w->lock);
}

static void wheel_timer(struct timer *t)
{
	struct tcp_req_wheel *w = container_of(t, struct tcp_req_wheel, timer);
	u64 now = ktime_get_ns() / TCP_REQ_TICK_NS, first = w->now + 1;
	struct tcp_request_sock *req;

	if (now >= first + TCP_REQ_SLOTS)
		first = now - TCP_REQ_SLOTS + 1;
	for (u64 tick = first; tick <= now; tick++)
		while ((req = take_due(w, tick, now)))
			req_timeout(w, req);
	w->now = now;
	arm(w);
}

u32 tcp_req_when_ms(const struct tcp_request_sock *req)
{
	s32 ticks = (s16)(u16)(req->key.wheel_tick - ktime_get_ns() / TCP_REQ_TICK_NS);

	return (u32)((u64)max(ticks, 0) * TCP_REQ_TICK_NS / NSEC_PER_MSEC);
}

int tcp_req_init(struct netns_tcp *nt)
{
	nt->req_wheel = kvzalloc(num_online_cpus() * sizeof(*nt->req_wheel), GFP_KERNEL);
	if (!nt->req_wheel)
		return -ENOMEM;
	for_each_cpu(cpu) {
		struct tcp_req_wheel *w = &nt->req_wheel[cpu];

		spin_lock_init(&w->lock);
		timer_setup(&w->timer, wheel_timer);
		w->now = ktime_get_ns() / TCP_REQ_TICK_NS;
	}
	return 0;
}

void tcp_req_exit(struct netns_tcp *nt)
{
	for_each_cpu(cpu)
		timer_del_sync(&nt->req_wheel[cpu].timer);
	kvfree(nt->req_wheel, num_online_cpus() * sizeof(*nt->req_wheel));
}

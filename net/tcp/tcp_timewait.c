/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT (RFC 9293 sections 3.6.1, 3.10.7.4; RFC 6191; RFC 1337): for 60 s a small record stands
 * in the place of the connection. So it does in that of a closed one that waits for the peer's FIN,
 * FIN-WAIT-2, as in Linux: however many peers keep theirs back, none has a socket. Records sit in a
 * wheel of one-second slots, worked off by one timer a net. References: one of the hash, one of the
 * slot. Softirq.
 */
#include "tcp_int.h"

struct kmem_cache *tcp_tw_cache;

static void tw_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(tcp_tw_cache, container_of(head, struct tcp_tw_sock, rcu));
}

void tcp_tw_put(struct tcp_tw_sock *tw)
{
	if (refcount_dec_and_test(&tw->key.refcnt))
		call_rcu(&tw->rcu, tw_free_rcu);
}

/* ---- the wheel
 * ----------------------------------------------------------------------------------- */

static void slot_add(struct netns_tcp *nt, struct tcp_tw_sock *tw, u32 seconds)
{
	spin_lock_bh(&nt->tw_lock);
	tw->ends_s = tcp_now_s() + seconds;
	tw->in_slot = true;
	hlist_add_head(&tw->slot_node, &nt->tw_slot[tw->ends_s % TCP_TW_SLOTS].head);
	if (!timer_pending(&nt->tw_timer)) {
		nt->tw_second = tcp_now_s();
		timer_mod(&nt->tw_timer, ktime_get_ns() + TCP_TW_SLOT_NS);
	}
	spin_unlock_bh(&nt->tw_lock);
}

static bool slot_remove(struct netns_tcp *nt, struct tcp_tw_sock *tw)
{
	bool was_in;

	spin_lock_bh(&nt->tw_lock);
	was_in = tw->in_slot;
	if (was_in)
		hlist_del(&tw->slot_node);
	tw->in_slot = false;
	spin_unlock_bh(&nt->tw_lock);
	return was_in;
}

/* A duplicate of the last segments, or the peer's FIN at last: wait the whole time again. */
static void restart(struct netns_tcp *nt, struct tcp_tw_sock *tw)
{
	if (slot_remove(nt, tw))
		slot_add(nt, tw, TCP_TIMEWAIT_LEN_S);
}

/* Who took it out of the slot gives up the slot's and the hash's references. */
static void end(struct netns_tcp *nt, struct tcp_tw_sock *tw)
{
	tcp_tw_put_port(nt, tw);
	tcp_ehash_remove(nt, &tw->key); /* unless a new connection has its place already */
	tcp_tw_put(tw);
	atomic_dec(&nt->tw_count);
	tcp_tw_put(tw);
}

void tcp_tw_kill(struct netns_tcp *nt, struct tcp_tw_sock *tw)
{
	if (slot_remove(nt, tw)) {
		NET_INC_STATS(nt->net, LINUX_MIB_TIMEWAITKILLED);
		end(nt, tw);
	}
}

/* The next record of the slot that ends by `now`, taken out; NULL: none. */
static struct tcp_tw_sock *slot_take(struct netns_tcp *nt, u32 slot, u32 now)
{
	struct tcp_tw_sock *tw, *found = NULL;

	spin_lock_bh(&nt->tw_lock);
	hlist_for_each_entry(tw, &nt->tw_slot[slot].head, slot_node) {
		if ((s32)(tw->ends_s - now) <= 0) {
			found = tw;
			hlist_del(&tw->slot_node);
			tw->in_slot = false;
			break;
		}
	}
	spin_unlock_bh(&nt->tw_lock);
	return found;
}

static void tw_timer(struct timer *t)
{
	struct netns_tcp *nt = container_of(t, struct netns_tcp, tw_timer);
	u32 now = tcp_now_s(), first = nt->tw_second;
	struct tcp_tw_sock *tw;

	if (now - first >= TCP_TW_SLOTS)
		first = now - TCP_TW_SLOTS + 1;
	for (u32 s = first; s != now + 1; s++) {
		while ((tw = slot_take(nt, s % TCP_TW_SLOTS, now))) {
			NET_INC_STATS(nt->net, LINUX_MIB_TIMEWAITED);
			end(nt, tw);
		}
	}
	spin_lock_bh(&nt->tw_lock);
	nt->tw_second = now;
	if (atomic_read(&nt->tw_count))
		timer_mod(&nt->tw_timer, ktime_get_ns() + TCP_TW_SLOT_NS);
	spin_unlock_bh(&nt->tw_lock);
}

void tcp_tw_init(struct netns_tcp *nt)
{
	spin_lock_init(&nt->tw_lock);
	timer_setup(&nt->tw_timer, tw_timer);
}

void tcp_tw_exit(struct netns_tcp *nt)
{
	struct tcp_tw_sock *tw;

	timer_del_sync(&nt->tw_timer);
	for (u32 i = 0; i < TCP_TW_SLOTS; i++)
		while ((tw = slot_take(nt, i, tcp_now_s() + 2 * TCP_TW_SLOTS)))
			end(nt, tw);
}

/* ---- from a socket to a record
 * ---------------------------------------------------------------------- */

/* What the socket has offered still, in units of the scale: rounded up, as it is not taken back. */
static u16 offered(const struct tcp_sock *tp)
{
	u8 ws = tp->rx_opt.rcv_wscale;

	return (u16)min(ALIGN(tcp_receive_window(tp), 1u << ws) >> ws, 65535u);
}

static struct tcp_tw_sock *tw_make(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_tw_sock *tw = kmem_cache_alloc(tcp_tw_cache, GFP_ATOMIC | GFP_ZERO);

	if (!tw)
		return NULL;
	tw->key = sk->__sk_common.skc_key;
	tw->key.node = (struct hlist_node){0};
	tw->key.state = TCP_TIME_WAIT;
	refcount_set(&tw->key.refcnt, 2);
	tw->rcv_nxt = tp->rcv_nxt;
	tw->snd_nxt = tp->snd_nxt;
	tw->ts_offset = tp->tsoffset;
	tw->ts_recent = tp->rx_opt.ts_recent;
	tw->ts_recent_stamp_s = tp->rx_opt.tstamp_ok ? tp->rx_opt.ts_recent_stamp_s : 0;
	tw->rcv_wscale = tp->rx_opt.rcv_wscale;
	tw->rcv_wnd = offered(tp);
	tw->tos = inet_sk(sk)->tos;
	return tw;
}

void tcp_time_wait(struct sock *sk, u8 state)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct tcp_tw_sock *tw = NULL;
	u32 seconds = TCP_TIMEWAIT_LEN_S;

	if (atomic_read(&nt->tw_count) < nt->tcp_max_tw_buckets)
		tw = tw_make(sk);
	if (!tw) {
		/* Without memory the port is free at once: better than to keep a socket. */
		TCP_STAT(sk, LINUX_MIB_TCPTIMEWAITOVERFLOW);
	} else {
		tw->fin_wait2 = state == TCP_FIN_WAIT2;
		if (tw->fin_wait2)
			seconds = min(tcp_fin_time_s(sk), seconds);
		tcp_tw_take_port(sk, tw);
		atomic_inc(&nt->tw_count);
		tcp_ehash_insert(nt, &tw->key, &sk->__sk_common.skc_key);
		slot_add(nt, tw, seconds);
	}
	tcp_done(sk);
}

void tcp_await_fin(struct sock *sk)
{
	u32 seconds = tcp_fin_time_s(sk);

	if (seconds > TCP_TIMEWAIT_LEN_S)
		tcp_reset_keepalive_timer(sk, (u64)(seconds - TCP_TIMEWAIT_LEN_S) * USEC_PER_SEC);
	else
		tcp_time_wait(sk, TCP_FIN_WAIT2);
}

/* ---- segments for a record
 * ----------------------------------------------------------------------------- */

/* RFC 6191: a SYN that is provably newer may open the connection again. */
static bool syn_is_newer(const struct tcp_tw_sock *tw, const struct sk_buff *skb,
			 const struct tcp_options *o)
{
	if (seq_after(TCP_SKB_CB(skb)->seq, tw->rcv_nxt))
		return true;
	return tw->ts_recent_stamp_s && o->has & TCP_OPT_TS && (s32)(o->tsval - tw->ts_recent) > 0;
}

/* An ACK of where we are, unless there were too many of late. */
static enum tcp_tw_status answer(struct netns_tcp *nt, struct tcp_tw_sock *tw,
				 const struct sk_buff *skb, unsigned skipped)
{
	return tcp_oow_rate_ok(nt->net, skb, skipped, &tw->last_oow_ack_ms) ? TCP_TW_ACK
									    : TCP_TW_DROP;
}

/* The FIN that was waited for. Another CPU may have a copy of it in hand: who sees the new rcv_nxt
 * sees that this is TIME-WAIT. */
static void fin_came(struct netns_tcp *nt, struct tcp_tw_sock *tw, seq32 rcv_nxt,
		     const struct tcp_options *o)
{
	spin_lock_bh(&nt->tw_lock);
	tw->fin_wait2 = false;
	if (tw->ts_recent_stamp_s && o->has & TCP_OPT_TS) {
		tw->ts_recent = o->tsval;
		tw->ts_recent_stamp_s = tcp_now_s() | 1;
	}
	smp_store_release(&tw->rcv_nxt.v, rcv_nxt.v);
	spin_unlock_bh(&nt->tw_lock);
	restart(nt, tw);
}

/* What a socket in FIN-WAIT-2 does that nobody owns; skb is in the window. Text has no reader and
 * is answered by a reset (RFC 9293 section 3.6.1); what may be forged (RFC 5961) by an ACK. */
static enum tcp_tw_status fin_wait2_process(struct netns_tcp *nt, struct tcp_tw_sock *tw,
					    seq32 rcv_nxt, struct sk_buff *skb,
					    const struct tcp_options *o, enum skb_drop_reason *why)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (cb->flags & TCPHDR_RST && seq_eq(cb->seq, rcv_nxt)) {
		tcp_tw_kill(nt, tw);
		*why = SKB_DROP_REASON_TCP_RESET;
		return TCP_TW_DROP;
	}
	if (cb->flags & (TCPHDR_RST | TCPHDR_SYN))
		return answer(nt, tw, skb, LINUX_MIB_TCPACKSKIPPEDFINWAIT2);
	if (!(cb->flags & TCPHDR_ACK) || !seq_after(cb->end_seq, rcv_nxt))
		return TCP_TW_DROP;
	if (!(cb->flags & TCPHDR_FIN) || !seq_eq(cb->end_seq, seq_add(rcv_nxt, 1))) {
		*why = SKB_DROP_REASON_TCP_ABORT_ON_DATA;
		return TCP_TW_RST;
	}
	fin_came(nt, tw, cb->end_seq, o);
	*why = SKB_CONSUMED;
	return TCP_TW_ACK;
}

enum tcp_tw_status tcp_timewait_process(struct netns_tcp *nt, struct tcp_tw_sock *tw,
					struct sk_buff *skb, seq32 *isn, enum skb_drop_reason *why)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	seq32 rcv_nxt = SEQ32(smp_load_acquire(&tw->rcv_nxt.v)); /* before fin_wait2 */
	struct tcp_options o;
	bool paws, in_window;

	tcp_parse_skb(skb, &o);
	paws = tw->ts_recent_stamp_s && o.has & TCP_OPT_TS &&
	       tcp_paws_older(o.tsval, tw->ts_recent, tw->ts_recent_stamp_s);
	in_window = tcp_seq_acceptable(cb->seq, cb->end_seq, rcv_nxt,
				       (u32)tw->rcv_wnd << tw->rcv_wscale);
	if (tw->fin_wait2) {
		if (!paws && in_window)
			return fin_wait2_process(nt, tw, rcv_nxt, skb, &o, why);
		if (cb->flags & TCPHDR_RST)
			return TCP_TW_DROP;
		return answer(nt, tw, skb, LINUX_MIB_TCPACKSKIPPEDFINWAIT2);
	}
	if (!paws && cb->flags & TCPHDR_RST) {
		/* RFC 1337: by default a reset ends it, if it is exact (RFC 5961). */
		if (seq_eq(cb->seq, tw->rcv_nxt) && !nt->tcp_rfc1337)
			tcp_tw_kill(nt, tw);
		*why = SKB_DROP_REASON_TCP_RESET;
		return TCP_TW_DROP;
	}
	if (!paws && (cb->flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN &&
	    syn_is_newer(tw, skb, &o)) {
		*isn = seq_add(tw->snd_nxt, 65535 + 2);
		return TCP_TW_SYN;
	}
	if (paws)
		NET_INC_STATS(nt->net, LINUX_MIB_PAWSESTABREJECTED);
	if (cb->flags & TCPHDR_RST)
		return TCP_TW_DROP;
	/* A bare ACK in place needs no answer; all else does, and its sender still lives. */
	if (!paws && in_window && seq_eq(cb->seq, cb->end_seq))
		return TCP_TW_DROP;
	if (cb->flags & TCPHDR_ACK)
		restart(nt, tw);
	return answer(nt, tw, skb, LINUX_MIB_TCPACKSKIPPEDTIMEWAIT);
}

void tcp_tw_ack(struct net *net, struct tcp_tw_sock *tw, const struct sk_buff *skb,
		struct sk_buff **room)
{
	struct tcp_ack_reply r = {.seq = tw->snd_nxt,
				  .ack = tw->rcv_nxt,
				  .win = tw->rcv_wnd,
				  .tsval = (u32)ktime_get_ms() + tw->ts_offset,
				  .tsecr = tw->ts_recent,
				  .ts = tw->ts_recent_stamp_s != 0,
				  .tos = tw->tos};

	tcp_send_ack_reply(net, skb, &r, room);
}

/* RFC 6191 section 2, from the active side: with timestamps a second later is new enough. */
bool tcp_tw_may_reuse(struct sock *sk, struct tcp_tw_sock *tw)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tw->fin_wait2 || !tw->ts_recent_stamp_s || !tcp_net(sk)->tcp_tw_reuse ||
	    tcp_now_s() - tw->ts_recent_stamp_s <= 1)
		return false;
	if (tcp_net(sk)->tcp_tw_reuse == 2 && be32_get(sk->sk_daddr) >> 24 != 127)
		return false;
	tp->write_seq = seq_add(tw->snd_nxt, 65535 + 2);
	if (!tp->write_seq.v)
		tp->write_seq = SEQ32(1);
	tp->rx_opt.ts_recent = tw->ts_recent;
	tp->rx_opt.ts_recent_stamp_s = tw->ts_recent_stamp_s;
	TCP_STAT(sk, LINUX_MIB_TIMEWAITRECYCLED);
	return true;
}

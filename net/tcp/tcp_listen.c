/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: the queue of connections that wait for accept(), and the making of a child
 * from a half-open record. Children are added in softirq while the listener is not locked: the
 * queue has a lock of its own (taken after the child's).
 */
#include "tcp_int.h"

/* ---- a child
 * ------------------------------------------------------------------------------------- */

/* What the memcpy of sk_clone_lock() took from the listener and is not the child's. */
static void child_reset(struct sock *child)
{
	struct tcp_sock *tp = tcp_sk(child);

	inet_sk(child)->inet_opt = NULL;
	inet_sk(child)->mc_list = (struct list_head)LIST_HEAD_INIT(inet_sk(child)->mc_list);
	tp->tb = NULL;
	tp->hash_moved = false;
	tp->out_of_order_queue = RB_ROOT;
	INIT_LIST_HEAD(&tp->accept_node);
	tp->saved_syn = NULL;
	tp->lsn = NULL;
	tp->fastopen_rsk = NULL;
	tp->fastopen_req = NULL;
	tcp_init_timers(child);
	tcp_rtt_init(child);
	tcp_cong_init(child);
	INIT_LIST_HEAD(&tp->tsorted_sent_queue);
	child->sk_state = TCP_SYN_RECV;
	sock_set_flag(child, SOCK_USE_WRITE_QUEUE);
}

static void child_init(struct sock *child, const struct tcp_request_sock *req,
		       struct dst_entry *dst, u32 window_clamp)
{
	struct tcp_sock *tp = tcp_sk(child);
	u32 rtt_us;

	tp->rcv_nxt = tp->rcv_wup = tp->copied_seq = seq_add(req->rcv_isn, 1);
	tp->snd_una = req->snt_isn;
	tp->snd_nxt = tp->snd_sml = tp->write_seq = tp->pushed_seq = seq_add(req->snt_isn, 1);
	tp->snd_wl1 = req->rcv_isn;
	tp->rcv_wnd = tp->rcv_ssthresh = req->rcv_wnd;
	tp->ecn_flags = req->ecn_ok ? TCP_ECN_OK : 0;
	tp->window_clamp = window_clamp;
	tp->rx_opt.tstamp_ok = req->tstamp_ok;
	tp->rx_opt.ts_recent = req->ts_recent;
	tp->rx_opt.ts_recent_stamp_s = req->tstamp_ok ? tcp_now_s() | 1 : 0;
	tp->rx_opt.sack_ok = req->sack_ok ? TCP_SACK_SEEN : 0;
	tp->rx_opt.num_sacks = 0;
	tp->has_dsack = false;
	tp->rx_opt.wscale_ok = req->wscale_ok;
	tp->rx_opt.snd_wscale = req->snd_wscale;
	tp->rx_opt.rcv_wscale = req->rcv_wscale;
	tp->rx_opt.mss_clamp = req->mss;
	tp->tsoffset = req->tstamp_ok ? tcp_req_ts_off(req) : 0;
	tp->tcp_header_len = sizeof(struct tcphdr);
	tp->tcp_header_len += req->tstamp_ok ? TCPOLEN_TSTAMP_ALIGNED : 0;
	tp->total_retrans = req->num_timeout;
	if (req->num_timeout) { /* was it needless? tcp_try_undo_spurious_syn() */
		tp->total_rto = req->num_timeout;
		tp->undo_marker = req->snt_isn;
		tp->undo_valid = true;
	}
	tcp_mstamp_refresh(tp);
	tp->af->init_child(child, req);
	sk_dst_set(child, dst);
	sk_setup_caps(child, dst);
	tp->advmss = tcp_advertise_mss(child, dst);
	tcp_sync_mss(child, dst_mtu(dst));
	rtt_us = tcp_req_rtt_us(req, tp->tcp_mstamp_us);
	if (rtt_us)
		tcp_rtt_sample(child, rtt_us);
}

/* Never visible to anyone: undo the clone. Unlocks it. */
void tcp_child_abandon(struct sock *child)
{
	sock_set_flag(child, SOCK_DEAD);
	tcp_set_state(child, TCP_CLOSE);
	tcp_destroy_sock(child);
	bh_unlock_sock(child);
	sock_put(child);
	sock_put(child);
}

bool tcp_accept_queue_add(struct sock *sk, struct sock *child)
{
	struct tcp_accept_queue *q = &tcp_sk(sk)->accept_queue;
	bool open;

	spin_lock_bh(&q->lock);
	open = sk->sk_state == TCP_LISTEN;
	if (open) {
		list_add_tail(&tcp_sk(child)->accept_node, &q->head);
		WRITE_ONCE(sk->sk_ack_backlog, sk->sk_ack_backlog + 1);
	}
	spin_unlock_bh(&q->lock);
	return open;
}

struct sock *tcp_make_child(struct sock *sk, struct tcp_request_sock *req, bool hashed,
			    enum skb_drop_reason *why)
{
	struct dst_entry *dst;
	struct tcp_initial_window w;
	struct sock *child;
	u8 bits;

	/* Where nobody gets memory a new one could not even be served. */
	*why = SKB_DROP_REASON_PROTO_MEM;
	if (!sk_memory_admits(sk))
		goto drop;
	dst = tcp_sk(sk)->af->route_req(sk, req);
	*why = SKB_DROP_REASON_IP_OUTNOROUTES;
	if (!dst)
		goto drop;
	*why = SKB_DROP_REASON_TCP_SOURCE_LIMIT;
	if (!tcp_source_get(tcp_net(sk), req->key.daddr, TCP_SOURCE_CONN, &bits)) {
		dst_release(dst);
		goto drop;
	}
	*why = SKB_DROP_REASON_NOMEM;
	child = sk_clone_lock(sk, GFP_ATOMIC);
	if (!child) {
		tcp_source_put(tcp_net(sk), req->key.daddr, TCP_SOURCE_CONN, bits);
		dst_release(dst);
		goto drop;
	}
	tcp_sk(child)->source_bits = bits;
	if (req->cookie) {
		tcp_req_window(req, sk, dst, &w);
		tcp_req_set_window(req, &w);
	}
	child_reset(child);
	child_init(child, req, dst, tcp_initial_clamp(sk, req->rcv_wscale));
	child->sk_hash = req->key.hash;
	if (!tcp_inherit_port(sk, child)) {
		tcp_child_abandon(child);
		goto drop;
	}
	/* Two CPUs may have got so far with the same request: one wins. */
	if (!tcp_ehash_insert(tcp_net(sk), &child->__sk_common.skc_key,
			      hashed ? &req->key : NULL)) {
		*why = SKB_DROP_REASON_TCP_OLD_ACK;
		tcp_child_abandon(child);
		return NULL;
	}
	tcp_sk(child)->saved_syn = tcp_req_take_syn(req);
	if (hashed)
		tcp_req_left_hash(req);
	TCP_INC_STATS(sock_net(sk), PASSIVEOPENS);
	return child;
drop:
	TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
	return NULL;
}

struct sock *tcp_create_child(struct sock *sk, struct tcp_request_sock *req,
			      enum skb_drop_reason *why)
{
	struct sock *child = tcp_make_child(sk, req, !req->cookie, why);

	if (!child || tcp_accept_queue_add(sk, child))
		return child;
	*why = SKB_DROP_REASON_TCP_CLOSE;
	tcp_send_active_reset(child, GFP_ATOMIC);
	tcp_child_abandon(child);
	return NULL;
}

void tcp_child_process(struct sock *parent, struct sock *child, struct sk_buff *skb)
{
	tcp_sk(child)->segs_in++;
	if (!sock_owned_by_user(child)) {
		tcp_do_rcv(child, skb);
		if (child->sk_state != TCP_SYN_RECV)
			parent->sk_data_ready(parent);
	} else if (!sk_add_backlog(child, skb, (u32)child->sk_rcvbuf)) {
		TCP_STAT(child, LINUX_MIB_TCPBACKLOGDROP);
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_BACKLOG);
	}
	bh_unlock_sock(child);
	sock_put(child);
}

/* ---- listen(), accept(), close()
 * -------------------------------------------------------------------- */

struct tcp_listener *tcp_listener_get(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_listener *l = tp->lsn;

	if (l)
		return l;
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (l) {
		spin_lock_init(&l->queue.lock);
		INIT_LIST_HEAD(&l->queue.head);
		tp->lsn = l;
	}
	return l;
}

void tcp_listener_free(struct sock *sk)
{
	kfree(tcp_sk(sk)->saved_syn);
	kfree(tcp_sk(sk)->lsn);
}

int tcp_listen_start(struct sock *sk, int backlog)
{
	struct tcp_listener *l = tcp_listener_get(sk);
	int err = 0;

	if (!l)
		return -ENOBUFS;
	/* sk_max_ack_backlog is set already. */
	if (tcp_net(sk)->tcp_fastopen & TFO_SERVER_ENABLE &&
	    tcp_net(sk)->tcp_fastopen & TFO_SERVER_WO_SOCKOPT1 && !l->fastopen_max_qlen)
		l->fastopen_max_qlen = (u32)max(backlog, 0);
	sk->sk_ack_backlog = 0;
	tcp_sk(sk)->accept_queue.cpu = smp_processor_id();
	/* Among sharers of the port only one may listen (unless REUSEPORT): claim it as such. */
	tcp_set_state(sk, TCP_LISTEN);
	if (!sk->sk_num)
		err = tcp_get_port(sk, 0);
	else if (!tcp_port_may_listen(sk))
		err = -EADDRINUSE;
	if (err) {
		tcp_set_state(sk, TCP_CLOSE);
		return err;
	}
	inet_sk(sk)->inet_sport = be16_make(sk->sk_num);
	sk_dst_reset(sk);
	tcp_listen_hash(sk);
	return 0;
}

static struct sock *accept_dequeue(struct sock *sk)
{
	struct tcp_accept_queue *q = &tcp_sk(sk)->accept_queue;
	struct tcp_sock *child = NULL;

	spin_lock_bh(&q->lock);
	if (!list_empty(&q->head)) {
		child = list_first_entry(&q->head, struct tcp_sock, accept_node);
		list_del_init(&child->accept_node);
		WRITE_ONCE(sk->sk_ack_backlog, sk->sk_ack_backlog - 1);
	}
	spin_unlock_bh(&q->lock);
	return child ? &child->inet.sk : NULL;
}

struct sock *tcp_accept(struct sock *sk, int flags)
{
	const struct list_head *queue;
	struct sock *child = NULL;
	u64 timeo;
	int err = -EINVAL;

	/* The queue has a lock of its own: the listener's is for who must wait. */
	if (READ_ONCE(sk->sk_state) == TCP_LISTEN && (child = accept_dequeue(sk)))
		return child;
	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & O_NONBLOCK);
	if (sk->sk_state == TCP_LISTEN) {
		queue = &tcp_sk(sk)->accept_queue.head;
		sk_wait_event_exclusive(sk, &timeo,
					!list_empty(queue) || sk->sk_state != TCP_LISTEN);
		child = accept_dequeue(sk);
		err = sk->sk_state == TCP_LISTEN ? -EAGAIN : -EINVAL;
	}
	release_sock(sk);
	return child ? child : ERR_PTR(err);
}

/* Nobody accepted it. */
static void child_reject(struct sock *child)
{
	sock_hold(child);
	local_bh_disable();
	bh_lock_sock(child);
	sock_orphan(child);
	atomic_inc(&child->sk_prot->orphan_count);
	if (child->sk_state != TCP_CLOSE) {
		tcp_send_active_reset(child, GFP_ATOMIC);
		tcp_done(child);
	} else {
		tcp_orphan_done(child);
	}
	bh_unlock_sock(child);
	local_bh_enable();
	sock_put(child);
}

static void drop_own_request(struct netns_tcp *nt, const struct sock *listener, u32 chain)
{
	for (;;) {
		struct tcp_request_sock *found = NULL;
		struct hlist_node *n;

		spin_lock_bh(tcp_ehash_lockp(nt, chain));
		for (n = nt->ehash.chain[chain].first; n && !found; n = n->next) {
			struct sock_key *key = container_of(n, struct sock_key, node);

			if (key->state == TCP_NEW_SYN_RECV && tcp_rsk(key)->listener == listener &&
			    refcount_inc_not_zero(&key->refcnt))
				found = tcp_rsk(key);
		}
		spin_unlock_bh(tcp_ehash_lockp(nt, chain));
		if (!found)
			return;
		tcp_req_drop(found);
		tcp_req_put(found);
	}
}

/* The state is CLOSE already: nothing new is queued. */
void tcp_listen_stop(struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct sock *child;

	for (u32 i = 0; i <= nt->ehash.mask && atomic_read(&tcp_sk(sk)->accept_queue.qlen); i++)
		if (!hlist_empty(&nt->ehash.chain[i]))
			drop_own_request(nt, sk, i);
	/* Whoever was about to add a child has left this lock, or sees the state. */
	while ((child = accept_dequeue(sk)))
		child_reject(child);
}

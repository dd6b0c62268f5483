/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets: making and ending them (close, shutdown, linger, orphans), poll, and the
 * registration with the socket layer. Thread context unless said otherwise.
 *
 * One reference is the connection's own: it goes with tcp_orphan_done(), when the socket is both
 * CLOSEd and without a descriptor.
 */
#include <kernel/mm.h>
#include <kernel/sysctl.h>
#include <sys/ioctl.h>

#include "tcp_int.h"

#ifndef DEBUG /* locks are larger there */
static_assert(sizeof(struct tcp_sock) <= 1600, "20 to a slab, and docs/memory.md says so");
#endif

static atomic64_t tcp_memory_allocated; /* pages, of all nets: memory is one */
static bool tcp_memory_pressure;
static u64 tcp_pressure_since_ns; /* [a] */
static long tcp_mem[3];           /* low, pressure, high, in pages: net.ipv4.tcp_mem */
static struct ctl_header tcp_mem_ctl;

int tcp_init_sock(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->af = &tcp_ipv4_ops;
	tp->out_of_order_queue = RB_ROOT;
	tcp_init_timers(sk);
	tcp_rtt_init(sk);
	tcp_cong_init(sk);
	tp->mss_cache = TCP_MSS_DEFAULT;
	tp->scaling_ratio = TCP_DEFAULT_RATIO;
	tp->tcp_header_len = sizeof(struct tcphdr);
	INIT_LIST_HEAD(&tp->accept_node);
	sk->tcp_rtx_queue = RB_ROOT;
	sk->sk_sndbuf = tcp_net(sk)->tcp_wmem[1];
	sk->sk_rcvbuf = tcp_net(sk)->tcp_rmem[1];
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	return 0;
}

/* ---- ending -------------------------------------------------------------------------------------
 */

void tcp_write_queue_purge(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&sk->sk_write_queue)))
		tcp_wmem_free_skb(sk, skb);
	while ((skb = tcp_rtx_queue_head(sk))) {
		tcp_rb_unlink(skb, &sk->tcp_rtx_queue);
		tcp_wmem_free_skb(sk, skb);
	}
	tcp_scoreboard_reset(tp);
	tp->backoff = 0;
	tcp_disarm(sk);
}

void tcp_destroy_sock(struct sock *sk)
{
	tcp_fastopen_remove(sk);
	tcp_fastopen_free_req(tcp_sk(sk));
	tcp_cc_stop(sk);
	tcp_clear_timers(sk);
	tcp_write_queue_purge(sk);
	tcp_ofo_purge(sk, SKB_DROP_REASON_SOCKET_CLOSED);
	if (tcp_sk(sk)->tb)
		tcp_put_port(sk);
}

void tcp_orphan_done(struct sock *sk)
{
	atomic_dec(&sk->sk_prot->orphan_count);
	tcp_unhash(sk);
	tcp_destroy_sock(sk);
	sock_put(sk);
}

bool tcp_too_many_orphans(struct sock *sk)
{
	if (atomic_read(&sk->sk_prot->orphan_count) > tcp_net(sk)->tcp_max_orphans)
		return true;
	return sk->sk_wmem_queued > SOCK_MIN_SNDBUF && !sk_under_memory_limit(sk);
}

/* Throw unread data away; how many bytes there were. */
static u32 drop_unread(struct sock *sk)
{
	struct sk_buff *skb;
	u32 bytes = 0;

	while ((skb = __skb_dequeue(&sk->sk_receive_queue))) {
		if (seq_after(TCP_SKB_CB(skb)->end_seq, tcp_sk(sk)->copied_seq))
			bytes += (u32)seq_diff(TCP_SKB_CB(skb)->end_seq, tcp_sk(sk)->copied_seq) -
				 !!(TCP_SKB_CB(skb)->flags & TCPHDR_FIN);
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_CLOSED);
	}
	return bytes;
}

/* What close() does to a connection: a reset where data is lost anyway (RFC 2525 2.17), or a FIN.
 */
static void close_connection(struct sock *sk, u64 timeout_ns)
{
	u32 unread = drop_unread(sk);
	bool synced = tcp_state_facts(sk->sk_state) & TCPF_SYNCED || tcp_sk(sk)->fastopen_rsk;

	if (sk->sk_state == TCP_CLOSE)
		return;
	if (synced && unread) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONCLOSE);
		tcp_send_active_reset(sk, GFP_KERNEL);
		tcp_set_state(sk, TCP_CLOSE);
	} else if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime_ns) {
		tcp_disconnect(sk, 0);
	} else if (tcp_close_state(sk)) {
		tcp_send_fin(sk);
	}
	if (timeout_ns && sk->sk_socket)
		sk_wait_event(sk, &timeout_ns,
			      !tcp_state_in(sk, TCPS(FIN_WAIT1) | TCPS(CLOSING) | TCPS(LAST_ACK)));
}

/* From now on nobody owns a descriptor. Bottom halves off, slock held, not owned. */
static void orphaned(struct sock *sk)
{
	if (sk->sk_state == TCP_FIN_WAIT2) {
		if (tcp_sk(sk)->linger2_s < 0) {
			TCP_STAT(sk, LINUX_MIB_TCPABORTONLINGER);
			tcp_send_active_reset(sk, GFP_ATOMIC);
			tcp_set_state(sk, TCP_CLOSE);
		} else {
			tcp_await_fin(sk);
			return;
		}
	}
	if (sk->sk_state != TCP_CLOSE && tcp_too_many_orphans(sk)) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONMEMORY);
		tcp_send_active_reset(sk, GFP_ATOMIC);
		tcp_set_state(sk, TCP_CLOSE);
	}
	if (sk->sk_state == TCP_CLOSE)
		tcp_orphan_done(sk);
}

void tcp_close(struct sock *sk, u64 timeout_ns)
{
	u8 before;

	lock_sock(sk);
	sk->sk_shutdown = SHUTDOWN_MASK;
	if (sk->sk_state == TCP_LISTEN) {
		tcp_set_state(sk, TCP_CLOSE);
		tcp_listen_stop(sk);
	} else {
		close_connection(sk, timeout_ns);
	}
	before = sk->sk_state;
	sock_hold(sk);
	sock_orphan(sk);
	atomic_inc(&sk->sk_prot->orphan_count);
	release_sock(sk);
	local_bh_disable();
	bh_lock_sock(sk);
	/* A softirq, or the backlog just worked off, may have ended it meanwhile. */
	if (before == TCP_CLOSE || sk->sk_state != TCP_CLOSE)
		orphaned(sk);
	bh_unlock_sock(sk);
	local_bh_enable();
	sock_put(sk);
}

void tcp_shutdown(struct sock *sk, int how)
{
	if (!(how & SEND_SHUTDOWN) ||
	    !tcp_state_in(sk, TCPS(ESTABLISHED) | TCPS(SYN_RECV) | TCPS(CLOSE_WAIT)))
		return;
	if (tcp_close_state(sk))
		tcp_send_fin(sk);
}

/* Is a reset owed to the peer when the connection is torn down in this state (RFC 9293 3.10.5)? */
static bool abort_needs_reset(const struct sock *sk)
{
	return tcp_state_in(sk, TCPS(ESTABLISHED) | TCPS(CLOSE_WAIT) | TCPS(FIN_WAIT1) |
					TCPS(FIN_WAIT2) | TCPS(SYN_RECV) | TCPS(CLOSING) |
					TCPS(LAST_ACK));
}

/* Back to a socket that was never connected, bound as it was. */
static void reset_fields(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_rtt_init(sk);
	tcp_cong_init(sk);
	tp->window_clamp = 0;
	tp->snd_wnd = 0;
	tp->total_retrans = 0;
	tp->retransmits = 0;
	tp->probes_out = 0;
	kfree(tp->saved_syn);
	tp->saved_syn = NULL;
	tp->ack = (__typeof__(tp->ack)){0};
	tp->rx_opt.sack_ok = 0;
	tcp_sack_reset(tp);
	tp->urg_data = 0;
	tp->urg_mode = false;
	tp->defer_connect = tp->syn_fastopen = tp->syn_fastopen_exp = false;
	tp->syn_data = tp->syn_data_acked = false;
	tp->fastopen_client_fail = TFO_STATUS_UNSPEC;
	tp->rx_opt.saw_tstamp = tp->rx_opt.tstamp_ok = tp->rx_opt.wscale_ok = 0;
	tp->rx_opt.snd_wscale = tp->rx_opt.rcv_wscale = 0;
	tp->bytes_sent = tp->bytes_acked = tp->bytes_received = tp->bytes_retrans = 0;
	/* The next connection's numbers begin beyond anything that this one could still send. */
	tp->write_seq = seq_add(tp->write_seq, tp->max_window + 2);
	tp->max_window = 0;
	tp->rcv_shrunk = 0;
	if (!tp->write_seq.v)
		tp->write_seq = SEQ32(1);
}

int tcp_disconnect(struct sock *sk, int flags)
{
	u8 old = sk->sk_state;

	(void)flags;
	if (old == TCP_LISTEN) {
		tcp_set_state(sk, TCP_CLOSE);
		tcp_listen_stop(sk);
		sk->sk_state_change(sk); /* all who wait in accept(), not one of them */
	} else if (abort_needs_reset(sk)) {
		tcp_send_active_reset(sk, GFP_KERNEL);
		sk->sk_err = ECONNRESET;
	} else if (old == TCP_SYN_SENT) {
		sk->sk_err = ECONNRESET;
	}
	if (sk->sk_state != TCP_CLOSE)
		tcp_set_state(sk, TCP_CLOSE);
	tcp_fastopen_remove(sk);
	tcp_fastopen_free_req(tcp_sk(sk));
	tcp_clear_timers(sk);
	drop_unread(sk);
	tcp_ofo_purge(sk, SKB_DROP_REASON_SOCKET_CLOSED);
	tcp_write_queue_purge(sk);
	sk->sk_daddr = BE32(0);
	sk->sk_dport = BE16(0);
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		sk->sk_rcv_saddr = inet_sk(sk)->inet_saddr = BE32(0);
	sk->sk_shutdown = 0;
	sock_reset_flag(sk, SOCK_DONE);
	sk_dst_reset(sk);
	reset_fields(sk);
	sk->sk_error_report(sk);
	return 0;
}

/* ---- readiness
 * ------------------------------------------------------------------------------------- */

void tcp_write_space(struct sock *sk)
{
	struct wait_queue *wq;

	if (!tcp_stream_is_writable(sk))
		return;
	sock_reset_flag(sk, SOCK_NOSPACE);
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (wq && wait_queue_active(wq))
		wake_up_poll(wq, EPOLLOUT | EPOLLWRNORM);
	rcu_read_unlock();
}

static bool readable(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s32 avail = seq_diff(tp->rcv_nxt, tp->copied_seq);

	/* At the mark the byte is no data to be read in line. */
	if (unlikely(tcp_urg_at(sk, tp->copied_seq)) && !sock_flag(sk, SOCK_URGINLINE))
		avail--;
	return avail > 0 && avail >= min(max(sk->sk_rcvlowat, 1), sk->sk_rcvbuf / 2);
}

u32 tcp_poll(struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state), down = READ_ONCE(sk->sk_shutdown);
	u32 mask = 0;

	if (unlikely(state == TCP_LISTEN))
		return list_empty(&tcp_sk(sk)->accept_queue.head) ? 0 : EPOLLIN | EPOLLRDNORM;
	if (unlikely(down == SHUTDOWN_MASK || state == TCP_CLOSE))
		mask |= EPOLLHUP;
	if (unlikely(down & RCV_SHUTDOWN))
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCP_SYN_SENT &&
	    (state != TCP_SYN_RECV || READ_ONCE(tcp_sk(sk)->fastopen_rsk))) {
		if (readable(sk))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (tcp_urg_pending(sk))
			mask |= EPOLLPRI;
		if (likely(down & SEND_SHUTDOWN || tcp_stream_is_writable(sk))) {
			mask |= EPOLLOUT | EPOLLWRNORM;
		} else {
			sock_set_flag(sk, SOCK_NOSPACE);
			smp_mb(); /* the flag before the second look: room made meanwhile */
			if (tcp_stream_is_writable(sk))
				mask |= EPOLLOUT | EPOLLWRNORM;
		}
	}
	/* The SYN is sent by the first write. */
	if (unlikely(state == TCP_SYN_SENT) && tcp_sk(sk)->defer_connect)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(sk->sk_err) || !skb_queue_empty(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}

u32 tcp_inq(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s32 n = seq_diff(tp->rcv_nxt, tp->copied_seq);

	if (n > 0 && sock_flag(sk, SOCK_DONE))
		n--; /* the FIN is no byte */
	if (n <= 0)
		return 0;
	if (sock_flag(sk, SOCK_URGINLINE))
		return (u32)n;
	/* Up to the mark; nothing at it. */
	return tcp_urg_at(sk, tp->copied_seq) ? 0 : tcp_urg_clip(sk, tp->copied_seq, (u32)n);
}

int tcp_ioctl(struct sock *sk, unsigned cmd, void *arg)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int n = 0;

	if (sk->sk_state == TCP_LISTEN)
		return -EINVAL;
	lock_sock(sk);
	switch (cmd) {
	case SIOCINQ:
		if (!tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV)))
			n = (int)tcp_inq(sk);
		break;
	case SIOCATMARK:
		n = tcp_urg_at(sk, tp->copied_seq);
		break;
	case SIOCOUTQ:
		if (!tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV) | TCPS(CLOSE)))
			n = seq_diff(tp->write_seq, tp->snd_una);
		break;
	default:
		release_sock(sk);
		return -ENOTTY;
	}
	release_sock(sk);
	*(int *)arg = max(n, 0);
	return 0;
}

/* ---- registration
 * ------------------------------------------------------------------------------------ */

static int tcp_connect_call(struct sock *sk, const struct sockaddr *addr, socklen_t len)
{
	return tcp_sk(sk)->af->connect(sk, addr, len);
}

static void enter_memory_pressure(struct sock *sk)
{
	if (READ_ONCE(tcp_memory_pressure) || xchg(&tcp_memory_pressure, true))
		return;
	WRITE_ONCE(tcp_pressure_since_ns, ktime_get_ns());
	TCP_STAT(sk, LINUX_MIB_TCPMEMORYPRESSURES);
}

static void leave_memory_pressure(struct sock *sk)
{
	if (xchg(&tcp_memory_pressure, false))
		TCP_STAT_ADD(sk, LINUX_MIB_TCPMEMORYPRESSURESCHRONO,
			     (ktime_get_ns() - READ_ONCE(tcp_pressure_since_ns)) / NSEC_PER_MSEC);
}

struct proto tcp_prot = {
	.write_space = tcp_write_space,
	.free = tcp_listener_free,
	.name = "TCP",
	.obj_size = sizeof(struct tcp_sock),
	.max_header = MAX_TCP_HEADER,
	.init = tcp_init_sock,
	.destroy = tcp_destroy_sock,
	.close = tcp_close,
	.get_port = tcp_get_port,
	.hash = tcp_hash,
	.unhash = tcp_unhash,
	.connect = tcp_connect_call,
	.disconnect = tcp_disconnect,
	.listen = tcp_listen_start,
	.accept = tcp_accept,
	.shutdown = tcp_shutdown,
	.setsockopt = tcp_setsockopt,
	.getsockopt = tcp_getsockopt,
	.sendmsg = tcp_sendmsg,
	.recvmsg = tcp_recvmsg,
	.sendpage = tcp_sendpage,
	.poll = tcp_poll,
	.ioctl = tcp_ioctl,
	.backlog_rcv = tcp_do_rcv,
	.release_cb = tcp_release_cb,
	.enter_memory_pressure = enter_memory_pressure,
	.leave_memory_pressure = leave_memory_pressure,
	.mem_account = SK_MEM_TCP,
	.keepalive = tcp_set_keepalive,
	.memory_allocated = &tcp_memory_allocated,
	.memory_pressure = &tcp_memory_pressure,
	.sysctl_mem = tcp_mem,
	.rmem_min = 4096,
	.wmem_min = 4096,
};

static const struct inet_protosw tcp_protosw = {
	.family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .prot = &tcp_prot};
INET_PROTOSW(tcp_protosw);

static const struct ctl_table tcp_mem_row = {
	.name = "tcp_mem", .count = 3, .mode = 0644, .max = SOCK_MEM_MARK_MAX, .ops = &ctl_ulong};

/* What all nets share: caches, and the memory account. 0 or -ENOMEM. */
static int shared_init(void)
{
	if (tcp_tw_cache)
		return 0;
	sock_mem_marks(tcp_mem);
	sysctl_register(&tcp_mem_ctl, "net/ipv4", &tcp_mem_row, 1, tcp_mem);
	tcp_bind_cache =
		kmem_cache_create("tcp_bind_bucket", sizeof(struct tcp_bind_bucket), 0, 0, NULL);
	tcp_request_cache =
		kmem_cache_create("request_sock_TCP", sizeof(struct tcp_request_sock), 0, 0, NULL);
	tcp_tw_cache = kmem_cache_create("tw_sock_TCP", sizeof(struct tcp_tw_sock), 0, 0, NULL);
	tcp_source_cache = kmem_cache_create("tcp_source", TCP_SOURCE_BYTES, 0, 0, NULL);
	return tcp_bind_cache && tcp_request_cache && tcp_tw_cache && tcp_source_cache ? 0
										       : -ENOMEM;
}

/* 0 or -ENOMEM, with nothing made. */
static int tables_init(struct netns_tcp *nt)
{
	if (tcp_early_init(nt))
		return -ENOMEM;
	if (tcp_hash_init(nt))
		goto no_hash;
	if (tcp_req_init(nt))
		goto no_requests;
	return 0;
no_requests:
	tcp_hash_exit(nt);
no_hash:
	free_percpu(nt->early);
	return -ENOMEM;
}

static int tcp_net_init(struct net *net)
{
	int err = shared_init();

	if (err)
		return err;
	net->tcp = kvzalloc(sizeof(*net->tcp), GFP_KERNEL);
	if (!net->tcp)
		return -ENOMEM;
	net->tcp->net = net;
	err = tables_init(net->tcp);
	if (err) {
		kvfree(net->tcp, sizeof(*net->tcp));
		net->tcp = NULL;
		return err;
	}
	tcp_tw_init(net->tcp);
	tcp_admission_init(net->tcp);
	spin_lock_init(&net->tcp->fastopen_lock);
	tcp_fastopen_init(net->tcp);
	tcp_sysctl_init(net->tcp);
	return tcp_proc_init(net);
}

static void tcp_net_exit(struct net *net)
{
	tcp_proc_exit(net);
	tcp_tw_exit(net->tcp);
	tcp_req_exit(net->tcp);
	sysctl_unregister(&net->tcp->ctl);
	sysctl_unregister(&net->tcp->cc_ctl);
	synchronize_rcu();
	tcp_hash_exit(net->tcp);
	free_percpu(net->tcp->early);
	kvfree(net->tcp, sizeof(*net->tcp));
	net->tcp = NULL;
}

static const struct pernet_ops tcp_net_ops = {
	.order = PERNET_TRANSPORT, .name = "tcp", .init = tcp_net_init, .exit = tcp_net_exit};
PERNET_OPS(tcp_net_ops);

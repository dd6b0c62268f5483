/* SPDX-License-Identifier: MIT */
/*
 * /proc/net/tcp in Linux's format: listeners, connections, half-open requests and TIME-WAIT
 * records, each by its key. Thread context; rows are printed with a hash chain locked.
 */
#include <kernel/vfs.h>

#include "tcp_int.h"

static u32 ms_until(u64 when_ns)
{
	u64 now = ktime_get_ns();

	return when_ns > now ? (u32)((when_ns - now) / NSEC_PER_MSEC) : 0;
}

static void sock_timer_view(const struct sock *sk, struct tcp_timer_view *v)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	v->retransmits = tp->retransmits;
	if (tp->pending != TCP_PEND_NONE) {
		v->active = tp->pending == TCP_PEND_PROBE0 ? 4 : 1;
		v->when_ms = ms_until(tp->timeout_ns);
	} else if (timer_pending(&sk->sk_timer)) {
		v->active = 2;
		v->when_ms = ms_until(sk->sk_timer.expires_ns);
	}
}

u8 tcp_key_state(const struct sock_key *key)
{
	if (key->state == TCP_NEW_SYN_RECV)
		return TCP_SYN_RECV;
	if (key->state == TCP_TIME_WAIT &&
	    container_of(key, const struct tcp_tw_sock, key)->fin_wait2)
		return TCP_FIN_WAIT2;
	return key->state;
}

void tcp_timer_view(const struct sock_key *key, struct tcp_timer_view *v)
{
	const struct tcp_tw_sock *tw = container_of(key, const struct tcp_tw_sock, key);
	const struct tcp_request_sock *req = container_of(key, const struct tcp_request_sock, key);

	*v = (struct tcp_timer_view){0};
	if (key->state == TCP_TIME_WAIT) {
		v->active = 3;
		v->when_ms = (u32)max((s32)(tw->ends_s - tcp_now_s()), 0) * 1000;
	} else if (key->state == TCP_NEW_SYN_RECV) {
		v->active = 1;
		v->retransmits = req->num_timeout;
		v->when_ms = tcp_req_when_ms(req);
	} else {
		sock_timer_view(tcp_key_sock(key), v);
	}
}

struct row {
	struct seq_file *m;
	unsigned n;
};

static void show_key(const struct sock_key *key, void *arg)
{
	struct row *r = arg;
	struct tcp_timer_view t;
	u8 state = tcp_key_state(key);
	u32 tx = 0, rx = 0;
	u64 ino = 0;

	tcp_timer_view(key, &t);
	if (key->state != TCP_TIME_WAIT && key->state != TCP_NEW_SYN_RECV) {
		const struct sock *sk = tcp_key_sock(key);
		const struct tcp_sock *tp = tcp_sk(sk);

		tx = (u32)max(seq_diff(tp->write_seq, tp->snd_una), 0);
		rx = state == TCP_LISTEN ? sk->sk_ack_backlog
					 : (u32)max(seq_diff(tp->rcv_nxt, tp->copied_seq), 0);
		ino = sk->sk_ino;
	}
	seq_printf(r->m, "%4u: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5d %8d %llu %d\n",
		   r->n++, key->rcv_saddr.wire, key->num, key->daddr.wire, be16_get(key->dport),
		   state, tx, rx, t.active, t.when_ms / 10, t.retransmits, 0, 0,
		   (unsigned long long)ino, refcount_read(&key->refcnt));
}

static void tcp_show(struct seq_file *m)
{
	struct row r = {.m = m};

	seq_puts(m, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt  "
		    " uid  timeout inode\n");
	tcp_for_each(m->private, show_key, &r);
}

int tcp_proc_init(struct net *net)
{
	return proc_net_create(net, "tcp", tcp_show, NULL, NULL);
}

void tcp_proc_exit(struct net *net)
{
	proc_net_remove(net, "tcp");
}

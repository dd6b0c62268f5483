/* SPDX-License-Identifier: MIT */
/*
 * The active open (RFC 9293 section 3.10.1): our SYN and what it offers. Socket lock held, thread.
 */
#include "tcp_int.h"

static void connect_init(struct sock *sk, const struct dst_entry *dst)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct netns_tcp *nt = tcp_net(sk);
	struct tcp_initial_window w;

	tp->tcp_header_len =
		(u16)(sizeof(struct tcphdr) + (nt->tcp_timestamps ? TCPOLEN_TSTAMP_ALIGNED : 0));
	if (tp->rx_opt.user_mss)
		tp->rx_opt.mss_clamp = tp->rx_opt.user_mss;
	tp->max_window = 0;
	tcp_sync_mss(sk, dst_mtu(dst));
	tp->advmss = tcp_advertise_mss(sk, dst);
	tcp_select_initial_window(sk,
				  tp->advmss -
					  (tp->rx_opt.ts_recent_stamp_s
						   ? tp->tcp_header_len - (u32)sizeof(struct tcphdr)
						   : 0),
				  dst->initrwnd, nt->tcp_window_scaling, &w);
	tp->rcv_wnd = tp->rcv_ssthresh = w.wnd;
	tp->window_clamp = w.clamp;
	tp->rx_opt.rcv_wscale = w.wscale & 15u;
	tp->ack.rcv_mss = (u16)min(TCP_MSS_DEFAULT, (u32)tp->advmss);
	tp->snd_wnd = 0;
	tp->snd_una = tp->snd_sml = tp->snd_nxt = tp->write_seq;
	tp->rcv_nxt = tp->rcv_wup = tp->copied_seq = SEQ32(0);
	tp->retransmits = 0;
	tp->total_rto = tp->total_rto_recoveries = 0;
	tcp_rtt_init(sk);
	sk->sk_err = 0;
	sock_reset_flag(sk, SOCK_DONE);
}

int tcp_connect(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	struct dst_entry *dst;
	int err = -EHOSTUNREACH;

	dst = tp->af->route(sk, &err);
	if (!dst)
		return err;
	skb = tcp_alloc_skb(0, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	connect_init(sk, dst);
	tcp_init_skb(skb, tp->write_seq, TCPHDR_SYN);
	tp->write_seq = TCP_SKB_CB(skb)->end_seq;
	tp->snd_nxt = tp->pushed_seq = tp->write_seq;
	tcp_ecn_send_syn(sk, skb);
	tcp_wmem_charge(sk, skb);
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	tp->packets_out++;
	tcp_mstamp_refresh(tp);
	tp->retrans_stamp_ms = tcp_time_stamp(tp);
	TCP_INC_STATS(sock_net(sk), ACTIVEOPENS);
	if (tp->fastopen_req)
		tcp_fastopen_send_syn(sk, skb);
	else
		tcp_transmit_skb(sk, skb, true, GFP_KERNEL); /* a failure: the timer tries again */
	tcp_arm(sk, TCP_PEND_RETRANS, tp->rto_us);
	return 0;
}

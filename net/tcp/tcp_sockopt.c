/* SPDX-License-Identifier: MIT */
/*
 * setsockopt() and getsockopt() at level IPPROTO_TCP, and TCP_INFO. Other levels go to IP. Thread
 * context; the socket is locked here.
 */
#include "tcp_int.h"

/* ---- setting ------------------------------------------------------------------------------------
 */

static int set_in_range(u32 *field, int val, int lo, int hi)
{
	if (val < lo || val > hi)
		return -EINVAL;
	*field = (u32)val;
	return 0;
}

static int set_u16_in_range(u16 *field, int val, int lo, int hi)
{
	if (val < lo || val > hi)
		return -EINVAL;
	*field = (u16)val;
	return 0;
}

static int set_u8_in_range(u8 *field, int val, int lo, int hi)
{
	if (val < lo || val > hi)
		return -EINVAL;
	*field = (u8)val;
	return 0;
}

/* A time that the application gives in units of unit_us. */
static int set_time(u32 *field_us, int val, u32 unit_us, u32 lo_us, u32 hi_us)
{
	if (val < 0 || (u64)(u32)val * unit_us < lo_us || (u64)(u32)val * unit_us > hi_us)
		return -EINVAL;
	*field_us = (u32)val * unit_us;
	return 0;
}

static void set_nodelay(struct sock *sk, bool on)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!on) {
		tp->nonagle &= (u8)~TCP_NAGLE_OFF;
		return;
	}
	tp->nonagle |= TCP_NAGLE_OFF;
	tcp_mstamp_refresh(tp);
	tcp_push_pending(sk, tcp_current_mss(sk), tp->nonagle | TCP_NAGLE_PUSH);
}

static void set_cork(struct sock *sk, bool on)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (on) {
		tp->nonagle |= TCP_NAGLE_CORK;
		return;
	}
	tp->nonagle &= (u8)~TCP_NAGLE_CORK;
	tcp_mstamp_refresh(tp);
	tcp_push_pending(sk, tcp_current_mss(sk), tp->nonagle | TCP_NAGLE_PUSH);
}

static int set_keepidle(struct sock *sk, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int err = set_u16_in_range(&tp->keepalive_time_s, val, 1, TCP_MAX_KEEPIDLE);

	if (!err && sock_flag(sk, SOCK_KEEPOPEN) && !tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)))
		tcp_reset_keepalive_timer(sk, (u64)val * USEC_PER_SEC);
	return err;
}

static int set_maxseg(struct tcp_sock *tp, int val)
{
	if (val && (val < (int)TCP_MIN_MSS || val > 32767))
		return -EINVAL;
	tp->rx_opt.user_mss = (u16)val;
	return 0;
}

static int set_window_clamp(struct sock *sk, int val)
{
	if (val < 0 || (!val && sk->sk_state != TCP_CLOSE))
		return -EINVAL;
	if (val)
		tcp_set_window_clamp(sk, (u32)val);
	else
		tcp_sk(sk)->window_clamp = 0;
	return 0;
}

static int set_fastopen(struct sock *sk, int val)
{
	if (val < 0 || !tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)))
		return -EINVAL;
	if (!tcp_listener_get(sk))
		return -ENOBUFS;
	tcp_sk(sk)->lsn->fastopen_max_qlen = min((u32)val, (u32)sock_net(sk)->core->somaxconn);
	return 0;
}

static int set_fastopen_connect(struct sock *sk, int val)
{
	if (val < 0 || val > 1)
		return -EINVAL;
	if (!(tcp_net(sk)->tcp_fastopen & TFO_CLIENT_ENABLE))
		return -EOPNOTSUPP;
	if (sk->sk_state != TCP_CLOSE)
		return -EINVAL;
	tcp_sk(sk)->fastopen_connect = val;
	return 0;
}

static int set_int(struct sock *sk, int name, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	switch (name) {
	case TCP_NODELAY:
		set_nodelay(sk, val);
		return 0;
	case TCP_CORK:
		set_cork(sk, val);
		return 0;
	case TCP_QUICKACK:
		tcp_set_quickack(sk, val);
		return 0;
	case TCP_MAXSEG:
		return set_maxseg(tp, val);
	case TCP_KEEPIDLE:
		return set_keepidle(sk, val);
	case TCP_KEEPINTVL:
		return set_u16_in_range(&tp->keepalive_intvl_s, val, 1, TCP_MAX_KEEPINTVL);
	case TCP_KEEPCNT:
		return set_u8_in_range(&tp->keepalive_probes, val, 1, TCP_MAX_KEEPCNT);
	case TCP_SYNCNT:
		return set_u8_in_range(&tp->syn_retries, val, 1, TCP_MAX_SYNCNT);
	case TCP_DEFER_ACCEPT:
		if (!tcp_listener_get(sk))
			return -ENOBUFS;
		WRITE_ONCE(tp->accept_queue.defer_accept, tcp_defer_accept_set(val));
		return 0;
	case TCP_LINGER2:
		tp->linger2_s = val < 0 ? -1 : min(val, 120);
		return 0;
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(sk, val);
	case TCP_USER_TIMEOUT:
		return set_in_range(&tp->user_timeout_ms, val, 0, INT32_MAX);
	case TCP_FASTOPEN:
		return set_fastopen(sk, val);
	case TCP_FASTOPEN_CONNECT:
		return set_fastopen_connect(sk, val);
	case TCP_FASTOPEN_NO_COOKIE:
		if (val < 0 || val > 1 || !tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)))
			return -EINVAL;
		tp->fastopen_no_cookie = val;
		return 0;
	case TCP_INQ:
		if (val < 0 || val > 1)
			return -EINVAL;
		tp->recvmsg_inq = val;
		return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
		if (val < 0 || val > 1)
			return -EINVAL;
		tp->thin_lto = val;
		return 0;
	case TCP_THIN_DUPACK: /* RACK does without; Linux takes it for old programs, too */
		return val < 0 || val > 1 ? -EINVAL : 0;
	case TCP_NOTSENT_LOWAT:
		tp->notsent_lowat = (u32)val;
		sk->sk_write_space(sk);
		return 0;
	case TCP_SAVE_SYN:
		return set_u8_in_range(&tp->save_syn, val, 0, 2);
	case TCP_RTO_MAX_MS:
		return set_time(&tp->rto_max_us, val, 1000, USEC_PER_SEC, 120 * USEC_PER_SEC);
	case TCP_RTO_MIN_US:
		return set_time(&tp->rto_min_us, val, 1, TCP_TIMEOUT_MIN_US, 200000);
	case TCP_DELACK_MAX_US:
		return set_time(&tp->delack_max_us, val, 1, TCP_TIMEOUT_MIN_US,
				TCP_DELACK_MAX_MS * 1000);
	default:
		return -ENOPROTOOPT;
	}
}

static int set_congestion(struct sock *sk, const char *val, socklen_t len)
{
	char name[TCP_CA_NAME_MAX] = {0};
	int err;

	if (len < 1)
		return -EINVAL;
	memcpy(name, val, min(len, (socklen_t)sizeof(name) - 1));
	lock_sock(sk);
	err = tcp_cc_set(sk, name);
	release_sock(sk);
	return err;
}

int tcp_setsockopt(struct sock *sk, int level, int name, const void *val, socklen_t len)
{
	int v, err;

	if (level != IPPROTO_TCP)
		return ip_setsockopt(sk, level, name, val, len);
	if (name == TCP_CONGESTION)
		return set_congestion(sk, val, len);
	if (name == TCP_FASTOPEN_KEY) {
		lock_sock(sk);
		err = -ENOBUFS;
		if (tcp_listener_get(sk))
			err = tcp_fastopen_set_key(&tcp_sk(sk)->lsn->fastopen_ctx, val, len);
		release_sock(sk);
		return err;
	}
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	lock_sock(sk);
	err = set_int(sk, name, v);
	release_sock(sk);
	return err;
}

/* ---- getting ------------------------------------------------------------------------------------
 */

static void info_figures(const struct sock *sk, struct tcp_info *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	info->tcpi_pmtu = tp->pmtu_cookie;
	info->tcpi_rtt = tp->srtt_us >> 3;
	info->tcpi_rttvar = tp->rttvar_us >> 2;
	info->tcpi_min_rtt = tcp_min_rtt(tp);
	info->tcpi_snd_ssthresh = tp->snd_ssthresh;
	info->tcpi_snd_cwnd = tp->snd_cwnd;
	info->tcpi_advmss = tp->advmss;
	info->tcpi_rcv_rtt = tp->rcv_rtt.rtt_us >> 3;
	info->tcpi_rcv_space = tp->rcvq_space.space;
	info->tcpi_rcv_ssthresh = tp->rcv_ssthresh;
	info->tcpi_total_retrans = tp->total_retrans;
	info->tcpi_pacing_rate = sk->sk_pacing_rate;
	info->tcpi_max_pacing_rate = sk->sk_max_pacing_rate;
	info->tcpi_bytes_sent = tp->bytes_sent;
	info->tcpi_bytes_acked = tp->bytes_acked;
	info->tcpi_bytes_received = tp->bytes_received;
	info->tcpi_bytes_retrans = tp->bytes_retrans;
	info->tcpi_segs_out = tp->segs_out;
	info->tcpi_segs_in = tp->segs_in;
	info->tcpi_data_segs_out = tp->data_segs_out;
	info->tcpi_data_segs_in = tp->data_segs_in;
	info->tcpi_notsent_bytes = (u32)max(seq_diff(tp->write_seq, tp->snd_nxt), 0);
	info->tcpi_rcv_ooopack = tp->rcv_ooopack;
	info->tcpi_delivered = tp->delivered;
	info->tcpi_delivered_ce = tp->delivered_ce;
	info->tcpi_dsack_dups = tp->dsack_dups;
	info->tcpi_reord_seen = tp->reord_seen;
	info->tcpi_total_rto = tp->total_rto;
	info->tcpi_total_rto_recoveries = tp->total_rto_recoveries;
	info->tcpi_total_rto_time = tp->total_rto_time_ms;
	if (tp->rate_delivered && tp->rate_interval_us)
		info->tcpi_delivery_rate = (u64)tp->rate_delivered * tp->mss_cache * USEC_PER_SEC /
					   tp->rate_interval_us;
	info->tcpi_delivery_rate_app_limited = tp->rate_app_limited;
	info->tcpi_snd_wnd = tp->snd_wnd;
	info->tcpi_rcv_wnd = tp->rcv_wnd;
	tcp_chrono_info(tp, info);
}

void tcp_get_info(struct sock *sk, struct tcp_info *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_now_ms();

	memset(info, 0, sizeof(*info));
	info->tcpi_state = sk->sk_state;
	if (sk->sk_state == TCP_LISTEN) {
		info->tcpi_unacked = sk->sk_ack_backlog;
		info->tcpi_sacked = sk->sk_max_ack_backlog;
		return;
	}
	info->tcpi_ca_state = tp->ca_state;
	info->tcpi_retransmits = tp->retransmits;
	info->tcpi_probes = tp->probes_out;
	info->tcpi_backoff = tp->backoff;
	info->tcpi_options = tp->rx_opt.tstamp_ok ? TCPI_OPT_TIMESTAMPS : 0;
	info->tcpi_options |= tcp_is_sack(tp) ? TCPI_OPT_SACK : 0;
	info->tcpi_options |= tp->ecn_flags & TCP_ECN_OK ? TCPI_OPT_ECN : 0;
	info->tcpi_options |= tp->ecn_flags & TCP_ECN_SEEN ? TCPI_OPT_ECN_SEEN : 0;
	info->tcpi_options |= tp->syn_data_acked ? TCPI_OPT_SYN_DATA : 0;
	info->tcpi_fastopen_client_fail = tp->fastopen_client_fail & 3u;
	if (tp->rx_opt.wscale_ok) {
		info->tcpi_options |= TCPI_OPT_WSCALE;
		info->tcpi_snd_wscale = tp->rx_opt.snd_wscale;
		info->tcpi_rcv_wscale = tp->rx_opt.rcv_wscale;
	}
	info->tcpi_rto = tp->rto_us;
	info->tcpi_ato = tp->ack.ato_ms * 1000;
	info->tcpi_snd_mss = tp->mss_cache;
	info->tcpi_rcv_mss = tp->ack.rcv_mss;
	info->tcpi_unacked = tp->packets_out;
	info->tcpi_sacked = tp->sacked_out;
	info->tcpi_lost = tp->lost_out;
	info->tcpi_reordering = tp->reordering;
	info->tcpi_retrans = tp->retrans_out;
	info->tcpi_last_data_sent = now - tp->lsndtime_ms;
	info->tcpi_last_data_recv = now - tp->ack.lrcvtime_ms;
	info->tcpi_last_ack_recv = now - tp->rcv_tstamp_ms;
	info_figures(sk, info);
}

static int get_int(const struct sock *sk, int name, int *v)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	switch (name) {
	case TCP_NODELAY:
		*v = !!(tp->nonagle & TCP_NAGLE_OFF);
		return 0;
	case TCP_CORK:
		*v = !!(tp->nonagle & TCP_NAGLE_CORK);
		return 0;
	case TCP_QUICKACK:
		*v = !tp->ack.pingpong;
		return 0;
	case TCP_MAXSEG:
		*v = tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)) && tp->rx_opt.user_mss
			     ? tp->rx_opt.user_mss
			     : (int)tp->mss_cache;
		return 0;
	case TCP_KEEPIDLE:
		*v = (int)tcp_keepalive_time_s(tp);
		return 0;
	case TCP_KEEPINTVL:
		*v = (int)tcp_keepalive_intvl_s(tp);
		return 0;
	case TCP_KEEPCNT:
		*v = (int)tcp_keepalive_probes(tp);
		return 0;
	case TCP_SYNCNT:
		*v = tp->syn_retries ? tp->syn_retries : tcp_net(sk)->tcp_syn_retries;
		return 0;
	case TCP_DEFER_ACCEPT:
		*v = tp->lsn ? tcp_defer_accept_get(tp->accept_queue.defer_accept) : 0;
		return 0;
	case TCP_LINGER2:
		*v = tp->linger2_s < 0 ? -1 : (int)tcp_fin_time_s(sk);
		return 0;
	case TCP_WINDOW_CLAMP:
		*v = (int)tp->window_clamp;
		return 0;
	case TCP_USER_TIMEOUT:
		*v = (int)tp->user_timeout_ms;
		return 0;
	case TCP_FASTOPEN:
		*v = tp->lsn ? (int)tp->lsn->fastopen_max_qlen : 0;
		return 0;
	case TCP_FASTOPEN_CONNECT:
		*v = tp->fastopen_connect;
		return 0;
	case TCP_FASTOPEN_NO_COOKIE:
		*v = tp->fastopen_no_cookie;
		return 0;
	case TCP_INQ:
		*v = tp->recvmsg_inq;
		return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
		*v = tp->thin_lto;
		return 0;
	case TCP_THIN_DUPACK:
		*v = 0;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*v = (int)tp->notsent_lowat;
		return 0;
	case TCP_SAVE_SYN:
		*v = tp->save_syn;
		return 0;
	case TCP_RTO_MAX_MS:
		*v = (int)(tcp_rto_max_us(sk) / 1000);
		return 0;
	case TCP_RTO_MIN_US:
		*v = (int)tcp_rto_min_us(sk);
		return 0;
	case TCP_DELACK_MAX_US:
		*v = (int)(tp->delack_max_us ? tp->delack_max_us : TCP_DELACK_MAX_MS * 1000);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int put_value(void *val, socklen_t *len, const void *from, size_t size)
{
	*len = min(*len, (socklen_t)size);
	memcpy(val, from, *len);
	return 0;
}

static int get_cc_info(struct sock *sk, void *val, socklen_t *len)
{
	const struct tcp_congestion_ops *ops = tcp_sk(sk)->ca_ops;
	union tcp_cc_info info;
	size_t size = 0;
	int attr;

	if (ops->get_info)
		size = ops->get_info(sk, ~0u, &attr, &info);
	return put_value(val, len, &info, size);
}

/* Once: what has been read is gone. Where there is none, no bytes. */
static int get_saved_syn(struct tcp_sock *tp, void *val, socklen_t *len)
{
	struct tcp_saved_syn *syn = tp->saved_syn;

	if (!syn) {
		*len = 0;
		return 0;
	}
	if (*len < syn->len) {
		*len = syn->len;
		return -EINVAL;
	}
	tp->saved_syn = NULL;
	put_value(val, len, syn->bytes, syn->len);
	kfree(syn);
	return 0;
}

int tcp_getsockopt(struct sock *sk, int level, int name, void *val, socklen_t *len)
{
	struct tcp_info info;
	int v, err;

	if (level != IPPROTO_TCP)
		return ip_getsockopt(sk, level, name, val, len);
	if (name == TCP_CONGESTION)
		return put_value(val, len, tcp_sk(sk)->ca_ops->name, TCP_CA_NAME_MAX);
	if (name == TCP_FASTOPEN_KEY) {
		u8 keys[2 * TCP_FASTOPEN_KEY_LENGTH];

		return put_value(val, len, keys, tcp_fastopen_get_key(tcp_fastopen_ctx(sk), keys));
	}
	lock_sock(sk);
	if (name == TCP_CC_INFO) {
		err = get_cc_info(sk, val, len);
	} else if (name == TCP_SAVED_SYN) {
		err = get_saved_syn(tcp_sk(sk), val, len);
	} else if (name == TCP_INFO) {
		tcp_get_info(sk, &info);
		err = put_value(val, len, &info, sizeof(info));
	} else {
		err = get_int(sk, name, &v);
		if (!err)
			err = put_value(val, len, &v, sizeof(v));
	}
	release_sock(sk);
	return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * The short ways of a message while nothing is in flight (tcp_short.c), of a segment that comes as
 * predicted (tcp_input.c) and of the usual ACK (tcp_ack.c) do what the long ones do: an application
 * that writes and reads now and then, and a peer that acknowledges all of it, a part, late, twice,
 * with a changing window or not at all, and sends text, in order and out of it, by a seed; played
 * twice, the second time with the short ways shut. All that is sent and read is the same, and so
 * are TCP_INFO and what congestion control was told after every step, and every counter in the end.
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

#define SEEDS  150u
#define STEPS  120u
#define FLIGHT 40000u
/* All plays begin at a multiple of it, so that ticks of the timers' wheels fall alike. */
#define EPOCH_NS (NSEC_PER_MSEC << 24)

struct play {
	u64 random;
	u32 written, acked, sent; /* ends, relative */
	u32 next, past;           /* what the peer sends next; behind the text that it has sent */
	u32 alone, usual;         /* messages with nothing in flight; ACKs for a single segment */
	u32 texts;                /* in order */
	u32 first;                /* number of the peer's first byte */
	int flags;                /* of what is written */
	u8 tcp_flags;             /* of what the peer sends */
};

struct record {
	struct tcp_info info[STEPS];
	u64 wire[STEPS]; /* digest of what was sent in that step */
	u64 told[STEPS]; /* ... and of what the congestion control was told till then */
	u64 mib[__LINUX_MIB_MAX];
};

static u32 below(struct play *p, u32 n)
{
	p->random = p->random * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(p->random >> 33) % n;
}

static u64 digest(u64 so_far, const u64 *parts, u32 n)
{
	for (u32 i = 0; i < n; i++)
		so_far = (so_far ^ parts[i]) * 0x9e3779b97f4a7c15ull + (so_far >> 29);
	return so_far;
}

/* What the stack sent since then. */
static u64 listen_to(struct play *p)
{
	u64 sum = 0;
	struct peer_seg s;

	while (peer_next(&s)) {
		u64 parts[] = {s.flags, s.seq, s.ack, s.len, s.win};

		sum = digest(sum, parts, ARRAY_SIZE(parts));
		p->sent = max(p->sent, s.seq + s.len);
	}
	return sum;
}

/* A congestion control that looks at all it is told. */
static u64 told;

static u32 spy_cwnd(struct sock *sk)
{
	return tcp_sk(sk)->snd_cwnd;
}

static void spy_acked(struct sock *sk, const struct ack_sample *s)
{
	u64 parts[] = {s->pkts_acked, (u64)s->rtt_us, s->in_flight};

	(void)sk;
	told = digest(told, parts, ARRAY_SIZE(parts));
}

static void spy_control(struct sock *sk, u32 ack, u32 flag, const struct rate_sample *rs)
{
	u64 now_us = tcp_sk(sk)->tcp_mstamp_us;
	u64 parts[] = {ack - tcp_sk(sk)->write_seq.v,
		       flag & ~(u32)FLAG_ORIG_SACK_ACKED, /* of use while recovering only */
		       rs->prior_us ? now_us - rs->prior_us : 0,
		       rs->prior_delivered,
		       (u64)rs->delivered,
		       (u64)rs->delivered_ce,
		       (u64)rs->interval_us,
		       rs->snd_interval_us,
		       rs->rcv_interval_us,
		       (u64)rs->rtt_us,
		       rs->losses,
		       rs->acked_sacked,
		       rs->prior_in_flight,
		       rs->is_app_limited,
		       rs->is_retrans,
		       rs->is_ack_delayed};

	told = digest(told, parts, ARRAY_SIZE(parts));
}

static const struct tcp_congestion_ops spy = {
	.name = "spy",
	.ssthresh = spy_cwnd,
	.undo_cwnd = spy_cwnd,
	.pkts_acked = spy_acked,
	.cong_control = spy_control,
};
TCP_CONGESTION_CONTROL(spy);

static void acknowledge(struct play *p, u32 ack)
{
	const struct rb_node *only = peer_sock->sk->tcp_rtx_queue.node;
	static const u16 windows[] = {65535, 65535, 65535, 30000, 2000, 300};

	p->usual += only && !only->left && !only->right && ack == p->sent && ack > p->acked;
	peer_send((struct peer_seg){.flags = TCPHDR_ACK | p->tcp_flags,
				    .seq = p->next,
				    .ack = ack,
				    .win = windows[below(p, ARRAY_SIZE(windows))]});
	p->acked = max(p->acked, ack);
}

/* With an ACK of all or of nothing new; at times behind a hole, which is filled later. */
static void send_text(struct play *p)
{
	u32 len = 1 + below(p, below(p, 4) ? 300 : PEER_MSS),
	    ack = below(p, 2) ? p->sent : p->acked;
	u32 seq = below(p, 8) ? p->next : p->past + below(p, 2000);

	p->texts += seq == p->next;
	peer_send((struct peer_seg){
		.flags = (u8)(TCPHDR_ACK | p->tcp_flags | (below(p, 2) ? TCPHDR_PSH : 0)),
		.seq = seq,
		.ack = ack,
		.len = len,
		.win = 65535});
	p->acked = ack;
	p->past = max(p->past, seq + len);
	p->next = (u32)peer_tp()->rcv_nxt.v - p->first + 1;
}

static void read_some(struct play *p)
{
	static u8 data[6000];
	struct iovec v = {data, 1 + below(p, sizeof(data))};
	struct msghdr m = {0};
	struct iov_iter it;
	ssize_t n;

	iov_iter_init(&it, &v, 1, v.iov_len);
	n = peer_sock->ops->recvmsg(peer_sock, &m, &it, MSG_DONTWAIT);
	told = digest(told, (u64[]){(u64)n, p->next}, 2);
	host_run_for(0);
}

static void write_some(struct play *p, u32 len)
{
	static u8 data[6000];
	const struct tcp_sock *tp = peer_tp();
	struct iovec v = {data, len};
	struct msghdr m = {0};
	struct iov_iter it;

	p->alone += !tp->packets_out && !tcp_send_head(peer_sock->sk) && len < PEER_MSS &&
		    len <= tp->snd_wnd;
	iov_iter_init(&it, &v, 1, len);
	assert_int_equal(peer_sock->ops->sendmsg(peer_sock, &m, &it, MSG_DONTWAIT | p->flags), len);
	host_run_for(0);
	p->written += len;
}

static void step(struct play *p)
{
	switch (below(p, 14)) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (p->written - p->acked < FLIGHT)
			write_some(p, 1 + below(p, below(p, 4) ? 900 : 5000));
		break;
	case 4:
	case 5:
	case 6:
		acknowledge(p, p->sent);
		break;
	case 7:
		acknowledge(p, p->acked + below(p, p->sent - p->acked + 1));
		break;
	case 8:
		if (p->sent - p->acked > 2000)
			peer_sack(p->acked, 1, p->sent - 1000, p->sent);
		break;
	case 10:
	case 11:
		send_text(p);
		break;
	case 12:
	case 13:
		read_some(p);
		break;
	default:
		peer_wait_ms(below(p, 8) ? below(p, 30) : below(p, 700));
	}
	host_run_for(below(p, 3000000));
}

/* Returns the play as it ended. */
static struct play play(const char *cc, u64 seed, bool short_ways, struct record *r)
{
	struct play p = {.random = seed, .written = 1, .acked = 1, .sent = 1, .next = 1, .past = 1};
	struct tcp_sock *tp;

	memset(r, 0, sizeof(*r));
	told = 0;
	peer_start();
	host_run_for(EPOCH_NS - ktime_get_ns() % EPOCH_NS);
	peer_connects((struct peer_offer){.sack = true});
	peer_net.tcp->tcp_frto = 0;             /* it takes a probe of the MTU into account */
	peer_net.tcp->tcp_retrans_collapse = 0; /* and this one the room behind a message */
	tp = peer_tp();
	lock_sock(peer_sock->sk);
	assert_int_equal(tcp_cc_set(peer_sock->sk, cc), 0);
	if (!short_ways) { /* shut while a probe of the path's MTU is on its way, for ever here */
		tp->mtup.probe_size = 1;
		tp->mtup.probe_start = tp->mtup.probe_end = seq_add(tp->snd_una, 1u << 30);
		p.flags = MSG_CONFIRM;    /* without meaning to a stream, but not known to be */
		p.tcp_flags = TCPHDR_ECE; /* the same, where ECN was not agreed on */
	}
	release_sock(peer_sock->sk);
	p.first = tp->rcv_nxt.v;
	tp->nonagle = (u8)(seed & 1 ? TCP_NAGLE_OFF : 0);
	for (u32 i = 0; i < STEPS && peer_sock->sk->sk_state == TCP_ESTABLISHED; i++) {
		step(&p);
		r->wire[i] = listen_to(&p);
		r->told[i] = told;
		tcp_get_info(peer_sock->sk, &r->info[i]);
	}
	for (u32 i = 0; i < __LINUX_MIB_MAX; i++)
		r->mib[i] = peer_mib(i);
	peer_stop();
	return p;
}

static void same_both_ways(const char *cc)
{
	static struct record a, b;
	u32 usual = 0, alone = 0, texts = 0;

	for (u64 seed = 1; seed <= SEEDS; seed++) {
		struct play p = play(cc, seed, true, &a);

		usual += p.usual;
		alone += p.alone;
		texts += p.texts;
		play(cc, seed, false, &b);
		for (u32 i = 0; i < STEPS; i++) {
			assert_int_equal(a.wire[i], b.wire[i]);
			assert_int_equal(a.told[i], b.told[i]);
			assert_memory_equal(&a.info[i], &b.info[i], sizeof(a.info[i]));
		}
		assert_memory_equal(a.mib, b.mib, sizeof(a.mib));
	}
	assert_true(usual > SEEDS * 4 && alone > SEEDS * 4 && texts > SEEDS * 4);
}

static void test_same_with_cubic(void **state)
{
	(void)state;
	same_both_ways("cubic");
}

static void test_same_with_reno(void **state)
{
	(void)state;
	same_both_ways("reno");
}

static void test_same_rate_samples(void **state)
{
	(void)state;
	same_both_ways("spy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_with_cubic),
		cmocka_unit_test(test_same_with_reno),
		cmocka_unit_test(test_same_rate_samples),
	};

	host_init_config(&(struct host_config){.seed = 1, .mem_bytes = 64 << 20});
	return cmocka_run_group_tests(tests, NULL, NULL);
}

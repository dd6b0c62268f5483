/* SPDX-License-Identifier: MIT */
/* Ours, not the host's: the stack's own struct tcphdr follows. */
#include "../../include/libc/netinet/tcp.h"

#include "tcp_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"

#define STACK_PORT 80
#define CALL_PORT  81 /* where it connects from */
#define PEER_PORT  5000
#define PEER_LAST  9
#define PEER_ISN   0xfffffff0u /* text goes round */

struct net peer_net;
struct socket *peer_sock;

static struct tap *tap;
static struct socket *listener;
static u32 stack_isn;
static u16 stack_port;
static struct peer_offer how;

/* ---- frames ------------------------------------------------------------------------------------
 */

static u32 put_options(u8 *p, const struct peer_seg *s)
{
	u8 *start = p;

	if (s->flags & TCPHDR_SYN) {
		put_be32(p, 0x02040000u | PEER_MSS);
		p += 4;
		if (how.sack) {
			put_be32(p, 0x01010402);
			p += 4;
		}
		if (how.wscale) {
			put_be32(p, 0x01030300);
			p += 4;
		}
	}
	if (s->ts) {
		put_be32(p, 0x0101080a);
		put_be32(p + 4, s->tsval);
		put_be32(p + 8, s->tsecr);
		p += 12;
	}
	if (s->nsack) {
		put_be32(p, 0x01010500u | (2 + 8 * s->nsack));
		p += 4;
	}
	for (u32 i = 0; i < s->nsack; i++, p += 8) {
		put_be32(p, stack_isn + s->sack[i].start);
		put_be32(p + 4, stack_isn + s->sack[i].end);
	}
	return (u32)(p - start);
}

void peer_send(struct peer_seg s)
{
	u8 seg[2048] = {0}, frame[2100], pseudo[12] = {0};
	u32 from = tap_ip("10.0.0.9"), to = tap_ip("10.0.0.1"), hdr, len;

	put_be16(seg, PEER_PORT);
	put_be16(seg + 2, stack_port);
	put_be32(seg + 4, PEER_ISN + s.seq);
	if (s.flags & TCPHDR_ACK)
		put_be32(seg + 8, stack_isn + s.ack);
	hdr = 20 + put_options(seg + 20, &s);
	seg[12] = (u8)(hdr / 4 << 4);
	seg[13] = s.flags;
	put_be16(seg + 14, (u16)(s.win ? s.win : how.win ? how.win : 65535));
	for (u32 i = 0; i < s.len; i++)
		seg[hdr + i] = (u8)(s.seq + i);
	len = hdr + s.len;
	put_be32(pseudo, from);
	put_be32(pseudo + 4, to);
	pseudo[9] = 6;
	put_be16(pseudo + 10, (u16)len);
	put_be16(seg + 16, tap_csum(seg, len, (u16)~tap_csum(pseudo, 12, 0)));
	tap_inject(tap, frame, tap_make_ip(frame, tap, PEER_LAST, from, to, 6, 1, 0, seg, len));
}

static void get_options(const u8 *p, u32 len, struct peer_seg *s)
{
	for (u32 i = 0; i < len && p[i];) {
		u32 n = p[i] == 1 ? 1 : p[i + 1];

		if (p[i] == 8) {
			s->ts = true;
			s->tsval = get_be32(p + i + 2);
			s->tsecr = get_be32(p + i + 6);
		} else if (p[i] == 5) {
			s->nsack = (n - 2) / 8;
			for (u32 b = 0; b < s->nsack; b++) {
				s->sack[b].start = get_be32(p + i + 2 + 8 * b) - PEER_ISN;
				s->sack[b].end = get_be32(p + i + 6 + 8 * b) - PEER_ISN;
			}
		}
		assert_true(n);
		i += n;
	}
}

bool peer_next(struct peer_seg *s)
{
	const struct tap_frame *f;
	const u8 *th;
	u32 hdr;

	while ((f = tap_next(tap))) {
		if (get_be16(f->data + 12) == ETH_P_ARP && get_be16(f->data + 20) == 1)
			tap_arp(tap, 2, PEER_LAST);
		else if (get_be16(f->data + 12) == ETH_P_IP && f->data[23] == 6)
			break;
	}
	if (!f)
		return false;
	th = f->data + 34;
	hdr = (th[12] >> 4) * 4u;
	*s = (struct peer_seg){.flags = th[13],
			       .ack = get_be32(th + 8) - PEER_ISN,
			       .len = get_be16(f->data + 16) - 20u - hdr,
			       .win = get_be16(th + 14)};
	if (s->flags & TCPHDR_SYN)
		stack_isn = get_be32(th + 4);
	s->seq = get_be32(th + 4) - stack_isn;
	get_options(th + 20, hdr - 20, s);
	return true;
}

/* ---- what tests say ----------------------------------------------------------------------------
 */

void peer_text(u32 seq, u32 len)
{
	peer_send((struct peer_seg){.flags = TCPHDR_ACK, .seq = seq, .ack = 1, .len = len});
}

void peer_ack(u32 ack)
{
	peer_send((struct peer_seg){.flags = TCPHDR_ACK, .seq = 1, .ack = ack});
}

void peer_sack(u32 ack, u32 n, ...)
{
	struct peer_seg s = {.flags = TCPHDR_ACK, .seq = 1, .ack = ack, .nsack = n};
	va_list ap;

	va_start(ap, n);
	for (u32 i = 0; i < n; i++) {
		s.sack[i].start = va_arg(ap, u32);
		s.sack[i].end = va_arg(ap, u32);
	}
	va_end(ap);
	peer_send(s);
}

void peer_want_text(u32 seq, u32 len)
{
	struct peer_seg s;

	if (!peer_next(&s))
		fail_msg("nothing sent where text %u:%u was expected", seq, seq + len);
	if (s.seq != seq || s.len != len)
		fail_msg("sent %u:%u, not %u:%u", s.seq, s.seq + s.len, seq, seq + len);
}

void peer_want_ack(u32 ack, u32 n, ...)
{
	struct peer_seg s;
	va_list ap;

	assert_true(peer_next(&s));
	assert_int_equal(s.len, 0);
	assert_int_equal(s.ack, ack);
	assert_int_equal(s.nsack, n);
	va_start(ap, n);
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(s.sack[i].start, va_arg(ap, u32));
		assert_int_equal(s.sack[i].end, va_arg(ap, u32));
	}
	va_end(ap);
}

void peer_want_none(void)
{
	struct peer_seg s;

	if (peer_next(&s))
		fail_msg("sent %u:%u ack %u flags %#x, where nothing was expected", s.seq,
			 s.seq + s.len, s.ack, s.flags);
}

void peer_forget(void)
{
	struct peer_seg s;

	while (peer_next(&s))
		;
}

void peer_app_writes(u32 len)
{
	static u8 data[100000];
	struct iovec v = {data, len};
	struct msghdr m = {0};
	struct iov_iter it;

	iov_iter_init(&it, &v, 1, len);
	assert_int_equal(peer_sock->ops->sendmsg(peer_sock, &m, &it, MSG_DONTWAIT), len);
	host_run_for(0);
}

void peer_wait_ms(u64 ms)
{
	host_run_for(ms * NSEC_PER_MSEC);
}

struct tcp_sock *peer_tp(void)
{
	return tcp_sk(peer_sock->sk);
}

u64 peer_mib(unsigned id)
{
	return peer_net.mib[0]->linux_[id];
}

/* ---- begin and end -----------------------------------------------------------------------------
 */

void peer_start(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(STACK_PORT).wire};

	assert_int_equal(net_init(&peer_net, "peer"), 0);
	tap = tap_new(&peer_net, 1, "10.0.0.1", 24);
	assert_int_equal(sock_create_kern(&peer_net, AF_INET, SOCK_STREAM, 0, &listener), 0);
	assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(listener->ops->listen(listener, 4), 0);
	tap_arp(tap, 1, PEER_LAST);
}

void peer_stop(void)
{
	if (peer_sock)
		sock_release(peer_sock);
	peer_sock = NULL;
	sock_release(listener);
	peer_wait_ms(400000);
	peer_forget();
	tap_free(tap);
	net_exit(&peer_net);
	host_check();
}

void peer_connects(struct peer_offer offer)
{
	struct peer_seg s = {.flags = TCPHDR_SYN, .ts = offer.ts, .tsval = 1};
	struct sock *sk;

	how = offer;
	stack_port = STACK_PORT;
	peer_forget();
	peer_send(s);
	assert_true(peer_next(&s));
	assert_int_equal(s.flags, TCPHDR_SYN | TCPHDR_ACK);
	peer_wait_ms(10);
	peer_send((struct peer_seg){.flags = TCPHDR_ACK,
				    .seq = 1,
				    .ack = 1,
				    .ts = offer.ts,
				    .tsval = 2,
				    .tsecr = s.tsval});
	sk = tcp_prot.accept(listener->sk, O_NONBLOCK);
	assert_false(IS_ERR(sk));
	assert_int_equal(sock_create_kern(&peer_net, AF_INET, SOCK_STREAM, 0, &peer_sock), 0);
	sk->sk_prot->close(peer_sock->sk, 0);
	sock_graft(sk, peer_sock);
	peer_sock->state = SS_CONNECTED;
}

void peer_is_called(struct peer_offer offer)
{
	struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = be16_make(CALL_PORT).wire};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = be16_make(PEER_PORT).wire,
				 .sin_addr.s_addr = be32_make(tap_ip("10.0.0.9")).wire};

	how = offer;
	stack_port = CALL_PORT;
	peer_forget();
	assert_int_equal(sock_create_kern(&peer_net, AF_INET, SOCK_STREAM, 0, &peer_sock), 0);
	assert_int_equal(peer_sock->ops->bind(peer_sock, (const void *)&me, sizeof(me)), 0);
	assert_int_equal(
		peer_sock->ops->connect(peer_sock, (const void *)&to, sizeof(to), O_NONBLOCK),
		-EINPROGRESS);
	host_run_for(0);
}

int peer_setup(void **state)
{
	(void)state;
	peer_start();
	return 0;
}

int peer_teardown(void **state)
{
	(void)state;
	peer_stop();
	return 0;
}

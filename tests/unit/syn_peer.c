/* SPDX-License-Identifier: MIT */
#include "../../include/libc/netinet/tcp.h"

#include <fcntl.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

#define PEER_LAST 9

struct net net;
struct tap *tap;
struct socket *listener;
struct syn_answer answer;
u32 peer_addr;
bool peer_bad_csum;

static void read_answer(const u8 *th)
{
	u32 hdr = (th[12] >> 4) * 4u;

	memset(&answer, 0, offsetof(__typeof__(answer), count));
	answer.count++;
	answer.flags = th[13];
	answer.seq = get_be32(th + 4);
	answer.ack = get_be32(th + 8);
	answer.win = get_be16(th + 14);
	for (u32 i = 20; i < hdr && th[i];) {
		if (th[i] == 8) {
			answer.ts = true;
			answer.tsval = get_be32(th + i + 2);
		}
		if (th[i] == 2)
			answer.mss = get_be16(th + i + 2);
		answer.wscale |= th[i] == 3;
		answer.sack |= th[i] == 4;
		i += th[i] == 1 ? 1 : th[i + 1];
	}
}

/* Look at all that was sent; how many TCP segments there were. */
unsigned look(void)
{
	const struct tap_frame *f;

	answer.count = 0;
	while ((f = tap_next(tap))) {
		if (get_be16(f->data + 12) == ETH_P_ARP && get_be16(f->data + 20) == 1)
			tap_arp(tap, 2, PEER_LAST);
		else if (get_be16(f->data + 12) == ETH_P_IP && f->data[23] == 6)
			read_answer(f->data + 34);
	}
	return answer.count;
}

void send_segment(u16 port, u8 flags, u32 seq, u32 ack, u32 tsecr, bool options, u32 len)
{
	static const u8 syn_options[] = {
		2, 4, 5, 0xa0, 4, 2, 8, 10, 0, 0, PEER_TS >> 8, PEER_TS & 255,
		0, 0, 0, 0,    1, 3, 3, 5};
	u8 seg[256] = {0}, frame[400], pseudo[12] = {0};
	u32 from = peer_addr, to = tap_ip("10.0.0.1"), hdr = 20;

	put_be16(seg, port);
	put_be16(seg + 2, 80);
	put_be32(seg + 4, seq);
	put_be32(seg + 8, ack);
	if (options && flags & TCPHDR_SYN) {
		memcpy(seg + 20, syn_options, sizeof(syn_options));
		hdr += (u32)sizeof(syn_options);
	} else if (options) {
		put_be32(seg + 20, 0x0101080a);
		put_be32(seg + 24, PEER_TS + 1);
		put_be32(seg + 28, tsecr);
		hdr += 12;
	}
	seg[12] = (u8)(hdr / 4 << 4);
	seg[13] = flags;
	put_be16(seg + 14, 1000);
	memset(seg + hdr, 'x', len);
	len += hdr;
	put_be32(pseudo, from);
	put_be32(pseudo + 4, to);
	pseudo[9] = 6;
	put_be16(pseudo + 10, (u16)len);
	put_be16(seg + 16, tap_csum(seg, len, (u16)~tap_csum(pseudo, 12, 0)));
	seg[16] ^= peer_bad_csum;
	tap_inject(tap, frame, tap_make_ip(frame, tap, PEER_LAST, from, to, 6, 1, 0, seg, len));
	look();
}

void syn(u16 port)
{
	send_segment(port, TCPHDR_SYN, PEER_ISN, 0, 0, true, 0);
}

/* The ACK of the SYN-ACK that was seen last, with len bytes of text. */
void ack(u16 port, u32 len)
{
	send_segment(port, TCPHDR_ACK, PEER_ISN + 1, answer.seq + 1, answer.tsval, answer.ts, len);
}

u64 mib(unsigned id)
{
	return net.mib[0]->linux_[id];
}

u32 half_open(void)
{
	return (u32)atomic_read(&tcp_sk(listener->sk)->accept_queue.qlen);
}

struct socket *accept_one(void)
{
	struct sock *sk = tcp_prot.accept(listener->sk, O_NONBLOCK);
	struct socket *s;

	if (IS_ERR(sk))
		return NULL;
	assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, &s), 0);
	s->sk->sk_prot->close(s->sk, 0);
	sock_graft(sk, s);
	s->state = SS_CONNECTED;
	return s;
}

int syn_setup(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(80).wire};
	struct fib_config far = {.gateway = be32_make(tap_ip("10.0.0.9"))};

	(void)state;
	assert_int_equal(net_init(&net, "listen"), 0);
	net.tcp->tcp_orphan_retries = 1; /* what the peer forgets is gone at the test's end */
	tap = tap_new(&net, 1, "10.0.0.1", 24);
	rtnl_lock();
	assert_int_equal(fib_add(&net, &far), 0);
	rtnl_unlock();
	peer_addr = tap_ip("10.0.0.9");
	assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, &listener), 0);
	assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(listener->ops->listen(listener, BACKLOG), 0);
	tap_arp(tap, 2, PEER_LAST);
	look();
	return 0;
}

int syn_teardown(void **state)
{
	(void)state;
	sock_release(listener);
	host_run_for(300 * NSEC_PER_SEC);
	tap_free(tap);
	net_exit(&net);
	host_check();
	return 0;
}

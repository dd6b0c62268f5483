/* SPDX-License-Identifier: MIT */
#include "../../include/libc/netinet/tcp.h"

#include "tcp_peer.h"

#include <fcntl.h>
#include <kernel/syscalls.h>
#include <linux/if_ether.h>
#include <net/sock.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../net/tcp/tcp_int.h"

#define ISN 1000000u
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static u8 text[65536];

void tcp_peer_send(struct tcp_peer *p, const struct tcp_peer_seg *seg)
{
	static u8 th[60 + sizeof(text)];
	bool out = p->listener < 0;
	u32 head = 20 + seg->options_len, len = seg->len;

	memset(th, 0, 20);
	put_be16(th, out ? TCP_MY_PORT : TCP_PEER_PORT);
	put_be16(th + 2, out ? TCP_PEER_PORT : TCP_MY_PORT);
	put_be32(th + 4, seg->seq);
	put_be32(th + 8, seg->ack);
	th[12] = (u8)(head / 4 << 4);
	th[13] = seg->flags;
	put_be16(th + 14, seg->window);
	put_be16(th + 18, seg->urgent);
	if (seg->options_len)
		memcpy(th + 20, seg->options, seg->options_len);
	for (u32 i = 0; i < len; i++)
		th[head + i] = (u8)((seg->seq + i) * 13 + ((seg->seq + i) >> 8));
	put_be16(th + 16, fuzz_transport_csum(FUZZ_PEER, FUZZ_ME, IPPROTO_TCP, th, head + len));
	fuzz_send_ip(p->s, IPPROTO_TCP, 0, 0, th, head + len);
	tcp_peer_listen(p);
}

void tcp_peer_say(struct tcp_peer *p, u8 flags, u32 len)
{
	u8 ts[12] = {1, 1, 8, 10, 0, 0, 0, 1};
	struct tcp_peer_seg seg = {
		.seq = p->seq, .ack = p->ack, .flags = flags, .window = 60000, .len = len};

	if (p->ts) {
		put_be32(ts + 8, p->tsecr);
		seg.options = ts;
		seg.options_len = sizeof(ts);
	}
	tcp_peer_send(p, &seg);
}

static void read_segment(struct tcp_peer *p, const u8 *th, u32 len)
{
	u32 head = (th[12] >> 4) * 4u;
	u8 flags = th[13];

	if (flags & ACK)
		p->seq = get_be32(th + 8);
	if (!(flags & RST))
		p->ack = get_be32(th + 4) + (len - head) + !!(flags & SYN) + !!(flags & FIN);
	for (u32 i = 20; i + 10 <= head && th[i];) {
		if (th[i] == 8)
			p->tsecr = get_be32(th + i + 2);
		i += th[i] == 1 ? 1 : th[i + 1] ? th[i + 1] : 40;
	}
}

void tcp_peer_listen(struct tcp_peer *p)
{
	const struct tap_frame *f;

	while ((f = tap_next(p->s->tap))) {
		const u8 *ip = f->data + ETH_HLEN;

		if (f->len < ETH_HLEN + 40 || get_be16(f->data + 12) != ETH_P_IP ||
		    ip[9] != IPPROTO_TCP)
			continue;
		read_segment(p, ip + 20, get_be16(ip + 2) - 20u);
		if (p->dead && !(ip[20 + 13] & RST)) {
			struct tcp_peer_seg rst = {
				.seq = p->seq, .ack = p->ack, .flags = RST | ACK};

			tcp_peer_send(p, &rst);
		}
	}
}

static int new_socket(void)
{
	int fd = sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		abort();
	return fd;
}

void tcp_peer_accept(struct tcp_peer *p)
{
	if (p->listener >= 0 && p->sock < 0)
		p->sock = sys_accept4(p->listener, NULL, NULL, SOCK_NONBLOCK);
}

void tcp_peer_close(struct tcp_peer *p)
{
	if (p->sock >= 0)
		sys_close(p->sock);
	p->sock = -1;
	tcp_peer_listen(p);
}

static void start_listener(struct tcp_peer *p)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(TCP_MY_PORT)};

	p->listener = new_socket();
	if (sys_bind(p->listener, (const void *)&any, sizeof(any)) || sys_listen(p->listener, 2))
		abort();
}

static void start_connect(struct tcp_peer *p)
{
	struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(TCP_PEER_PORT)};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(TCP_MY_PORT),
				 .sin_addr.s_addr = htonl(FUZZ_PEER)};

	p->sock = new_socket();
	if (sys_bind(p->sock, (const void *)&me, sizeof(me)))
		abort();
	sys_connect(p->sock, (const void *)&to, sizeof(to));
	tcp_peer_listen(p);
}

static void send_syn(struct tcp_peer *p, u8 choice)
{
	static const u8 all[20] = {2, 4,  0x05, 0xb4, 1, 1, 4, 2, 1, 1,
				   8, 10, 0,    0,    0, 1, 0, 0, 0, 0};
	u8 options[24] = {0};
	struct tcp_peer_seg syn = {.seq = ISN, .flags = SYN, .window = 30000, .options = options};

	if (choice & 1)
		memcpy(options, all, 4);
	else
		memset(options, 1, 4);
	memcpy(options + 4, all + 4, 16);
	if (!(choice & 2))
		memset(options + 4, 1, 4);
	if (!(choice & 4))
		memset(options + 8, 1, 12);
	memset(options + 20, 1, 4);
	if (choice & 8)
		memcpy(options + 20, (u8[]){1, 3, 3, choice >> 4}, 4);
	p->ts = choice & 4;
	syn.options_len = sizeof(options);
	tcp_peer_send(p, &syn);
}

/* The rest of the way, from ESTABLISHED on. */
static void go_on(struct tcp_peer *p, enum tcp_peer_state state)
{
	switch (state) {
	case PEER_FIN_WAIT1:
	case PEER_FIN_WAIT2:
	case PEER_TIME_WAIT:
	case PEER_CLOSING: {
		u32 unsent = p->ack;

		sys_shutdown(p->sock, SHUT_WR);
		tcp_peer_listen(p);
		if (state == PEER_CLOSING)
			p->ack = unsent;
		if (state != PEER_FIN_WAIT1)
			tcp_peer_say(p, state == PEER_FIN_WAIT2 ? ACK : FIN | ACK, 0);
		break;
	}
	case PEER_CLOSE_WAIT:
	case PEER_LAST_ACK:
		tcp_peer_say(p, FIN | ACK, 0);
		if (state == PEER_LAST_ACK)
			sys_shutdown(p->sock, SHUT_WR);
		break;
	default:
		break;
	}
	tcp_peer_listen(p);
}

void tcp_peer_begin(struct tcp_peer *p, struct fuzz_stack *s, enum tcp_peer_state state, u8 options)
{
	*p = (struct tcp_peer){.s = s, .seq = ISN, .listener = -1, .sock = -1};
	set_current_net(&s->net);
	if (state == PEER_SYN_SENT) {
		start_connect(p);
		return;
	}
	start_listener(p);
	if (state == PEER_LISTEN)
		return;
	send_syn(p, options);
	if (state == PEER_SYN_RECV)
		return;
	tcp_peer_say(p, ACK, 0);
	tcp_peer_accept(p);
	if (p->sock >= 0)
		go_on(p, state);
}

/* After that long against a host that answers everything by RST, nothing may be left. */
static void show_left(const struct sock_key *key, void *arg)
{
	(void)arg;
	fprintf(stderr, "fuzz: a connection is left, in state %u\n", key->state);
	if (key->state != TCP_TIME_WAIT && key->state != TCP_NEW_SYN_RECV) {
		const struct tcp_sock *tp = tcp_sk(tcp_key_sock(key));

		fprintf(stderr,
			"  pending %u in %lld ms, %u retransmits, %d unacknowledged, out %u\n",
			tp->pending, (long long)(tp->timeout_ns - ktime_get_ns()) / 1000000,
			tp->retransmits, seq_diff(tp->write_seq, tp->snd_una), tp->packets_out);
	}
	abort();
}

void tcp_peer_end(struct tcp_peer *p)
{
	p->dead = true;
	if (p->listener >= 0)
		sys_close(p->listener);
	tcp_peer_close(p);
	for (unsigned i = 0; i < 40; i++)
		tcp_peer_run_ms(p, 5000);
	tcp_for_each(&p->s->net, show_left, NULL);
	set_current_net(NULL);
}

void tcp_peer_read(struct tcp_peer *p, u32 len, int flags)
{
	if (p->sock < 0)
		return;
	sys_recvfrom(p->sock, text, min(len, (u32)sizeof(text)), flags, NULL, NULL);
	tcp_peer_listen(p);
}

void tcp_peer_write(struct tcp_peer *p, u32 len, int flags)
{
	if (p->sock < 0)
		return;
	sys_sendto(p->sock, text, min(len, (u32)sizeof(text)), flags | MSG_NOSIGNAL, NULL, 0);
	tcp_peer_listen(p);
}

void tcp_peer_run_ms(struct tcp_peer *p, u64 ms)
{
	fuzz_run_ms(ms);
	tcp_peer_listen(p);
}

/* SPDX-License-Identifier: MIT */
/*
 * ICMP messages that quote packets of a TCP connection, of a UDP socket, or of nobody, truncated
 * and bent (RFC 792, RFC 1122 section 3.2.2, RFC 1191, RFC 5927). What is no answer to something
 * that was sent must change nothing.
 */
#include <net/sock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tcp_peer.h"

#define UDP_PORT 9999

static u32 quote_tcp(const struct tcp_peer *p, struct input *in, u8 *th)
{
	bool out = p->listener < 0;

	put_be16(th, out ? TCP_PEER_PORT : TCP_MY_PORT);
	put_be16(th + 2, out ? TCP_MY_PORT : TCP_PEER_PORT);
	put_be32(th + 4, p->ack - in_u16(in));
	memset(th + 8, 0, 12);
	return 20;
}

static u32 quote_udp(struct input *in, u8 *uh)
{
	put_be16(uh, UDP_PORT);
	put_be16(uh + 2, in_u16(in));
	put_be16(uh + 4, 30);
	put_be16(uh + 6, 0);
	return 8;
}

/* The packet of ours that the message is about. */
static u32 quote(struct tcp_peer *p, struct input *in, u8 how, u8 *ip)
{
	u32 len = 20;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put_be16(ip + 2, how & 1 ? in_u16(in) : 1500);
	ip[8] = 64;
	ip[9] = how & 2 ? IPPROTO_UDP : how & 4 ? in_u8(in) : IPPROTO_TCP;
	put_be32(ip + 12, FUZZ_ME);
	put_be32(ip + 16, FUZZ_PEER);
	if (how & 8)
		ip[0] = in_u8(in);
	if (how & 16)
		put_be16(ip + 6, in_u16(in));
	len += ip[9] == IPPROTO_UDP ? quote_udp(in, ip + 20) : quote_tcp(p, in, ip + 20);
	return len;
}

static void message(struct tcp_peer *p, struct input *in)
{
	u8 icmp[8 + 128] = {0}, how = in_u8(in);
	u32 len;

	icmp[0] = how & 0x80 ? in_u8(in) : 3;
	icmp[1] = in_u8(in) % 20;
	put_be32(icmp + 4, how & 0x40 ? in_u32(in) : in_u16(in));
	len = 8 + quote(p, in, how, icmp + 8);
	if (how & 0x20)
		len = min(len, (u32)in_u8(in));
	put_be16(icmp + 2, 0);
	if (len >= 4)
		put_be16(icmp + 2, tap_csum(icmp, len, 0));
	fuzz_send_ip(p->s, IPPROTO_ICMP, 0, 0, icmp, len);
	tcp_peer_listen(p);
}

static struct socket *udp_socket(struct fuzz_stack *s)
{
	struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(UDP_PORT)};
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(FUZZ_PEER)};
	struct socket *k;

	if (sock_create_kern(&s->net, AF_INET, SOCK_DGRAM, 0, &k) ||
	    k->ops->bind(k, (const void *)&me, sizeof(me)) ||
	    k->ops->connect(k, (const void *)&to, sizeof(to), 0))
		abort();
	return k;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_stack *s = fuzz_begin();
	struct socket *udp = udp_socket(s);
	struct input in = {data, size};
	struct tcp_peer p;

	tcp_peer_begin(&p, s, in_u8(&in) % PEER_STATES, 0x0f);
	while (in.left) {
		u8 op = in_u8(&in);

		if (op >= 0xf0)
			tcp_peer_run_ms(&p, 1ull << (op & 15));
		else if (op >= 0xc0)
			tcp_peer_write(&p, in_u16(&in), 0);
		else
			message(&p, &in);
	}
	sock_release(udp);
	tcp_peer_end(&p);
	fuzz_end(s);
	return 0;
}

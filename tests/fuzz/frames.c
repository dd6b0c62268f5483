/* SPDX-License-Identifier: MIT */
/*
 * Whole frames: Ethernet, ARP, IPv4 with options, ICMP, UDP, TCP, as any bytes. The input says of
 * each frame whether addresses and sums are made right, so that both the checks and what is behind
 * them are met. A UDP and a TCP socket listen.
 */
#include <linux/if_ether.h>
#include <net/sock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum { FIX_LINK = 1, FIX_ADDRESSES = 2, FIX_IP_SUM = 4, FIX_SUM = 8, FIX_LENGTH = 16 };

static const struct {
	u8 proto, sum_at;
} transports[] = {{IPPROTO_TCP, 16}, {IPPROTO_UDP, 6}, {IPPROTO_ICMP, 2}};

static void fix_transport(u8 *ip, u32 ihl, u32 len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(transports); i++) {
		u8 *th = ip + ihl;
		u8 at = transports[i].sum_at;

		if (ip[9] != transports[i].proto || len < at + 2u)
			continue;
		put_be16(th + at, 0);
		put_be16(th + at, ip[9] == IPPROTO_ICMP
					  ? tap_csum(th, len, 0)
					  : fuzz_transport_csum(get_be32(ip + 12),
								get_be32(ip + 16), ip[9], th, len));
	}
}

static void fix_ip(u8 *ip, u32 len, u8 fix)
{
	u32 ihl = (ip[0] & 15u) * 4;

	if (fix & FIX_LENGTH)
		put_be16(ip + 2, (u16)len);
	if (fix & FIX_ADDRESSES) {
		put_be32(ip + 12, FUZZ_PEER);
		put_be32(ip + 16, FUZZ_ME);
	}
	if (ihl < 20 || ihl > len)
		return;
	if (fix & FIX_SUM)
		fix_transport(ip, ihl, len - ihl);
	put_be16(ip + 10, 0);
	if (fix & FIX_IP_SUM)
		put_be16(ip + 10, tap_csum(ip, ihl, 0));
}

static void send_frame(struct fuzz_stack *s, struct input *in)
{
	static u8 frame[2048];
	u8 fix = in_u8(in);
	u32 len = in_bytes(in, frame, in_u16(in) % sizeof(frame));

	if (fix & FIX_LINK && len >= 14)
		memcpy(frame, s->tap->dev->dev_addr, 6);
	if (len >= 34 && get_be16(frame + 12) == ETH_P_IP)
		fix_ip(frame + 14, len - 14, fix);
	if (len >= ETH_HLEN)
		tap_inject(s->tap, frame, len);
}

static struct socket *bound(struct fuzz_stack *s, int type, u16 port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct socket *k;

	if (sock_create_kern(&s->net, AF_INET, type, 0, &k) ||
	    k->ops->bind(k, (const void *)&any, sizeof(any)) ||
	    (type == SOCK_STREAM && k->ops->listen(k, 4)))
		abort();
	return k;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_stack *s = fuzz_begin();
	struct input in = {data, size};
	struct socket *tcp = bound(s, SOCK_STREAM, 80), *udp = bound(s, SOCK_DGRAM, 7);

	while (in.left) {
		u8 op = in_u8(&in);

		if (op >= 0xf0)
			fuzz_run_ms(1ull << (op & 15));
		else
			send_frame(s, &in);
	}
	sock_release(tcp);
	sock_release(udp);
	fuzz_run_ms(200000); /* half-open connections, fragments and neighbours end */
	fuzz_end(s);
	return 0;
}

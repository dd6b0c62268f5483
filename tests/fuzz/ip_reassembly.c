/* SPDX-License-Identifier: MIT */
/*
 * Fragments in any order, with holes, overlaps and lying lengths (RFC 791, RFC 815, RFC 5722). A
 * datagram that comes out has the bytes that were sent for its places, and only where no two
 * fragments of it disagreed about their place; the memory of the rest comes back.
 */
#include <kernel/uio.h>
#include <net/sock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define PORT 7777

static struct socket *udp;
static u8 datagram[65536], payload[65536];

/* What a datagram holds at a place, by its id. */
static u8 at(u16 id, u32 place)
{
	return (u8)(place * 7 + (place >> 8) + id * 31);
}

static void send_piece(struct fuzz_stack *s, struct input *in)
{
	u16 id = in_u8(in) % 4;
	u16 frag = in_u16(in) & 0x3fff; /* more fragments, and the offset in units of 8 bytes */
	u32 offset = (frag & 0x1fffu) * 8, len = in_u16(in) % 4096;

	for (u32 i = 0; i < len; i++)
		payload[i] = at(id, offset + i);
	if (!offset && len >= 8) {
		u16 total = in_u16(in);

		put_be16(payload, 999);
		put_be16(payload + 2, PORT);
		put_be16(payload + 4, total); /* the input may get it right */
		put_be16(payload + 6, 0);
	}
	fuzz_send_ip(s, IPPROTO_UDP, id, frag, payload, len);
}

static void receive(void)
{
	struct iovec v = {datagram, sizeof(datagram)};
	struct msghdr m = {0};
	struct iov_iter it;
	ssize_t n;

	iov_iter_init(&it, &v, 1, sizeof(datagram));
	n = udp->ops->recvmsg(udp, &m, &it, MSG_DONTWAIT);
	for (ssize_t i = 0; i < n; i++) {
		u16 id = 0;

		while (id < 4 && datagram[i] != at(id, (u32)i + 8))
			id++;
		if (id == 4)
			abort(); /* a byte that nobody sent for this place */
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct fuzz_stack *s = fuzz_begin();
	struct input in = {data, size};

	if (sock_create_kern(&s->net, AF_INET, SOCK_DGRAM, 0, &udp) ||
	    udp->ops->bind(udp, (const void *)&any, sizeof(any)))
		abort();
	while (in.left) {
		u8 op = in_u8(&in);

		if (op >= 0xf0)
			fuzz_run_ms((op & 15u) * 3000);
		else
			send_piece(s, &in);
		receive();
	}
	sock_release(udp);
	fuzz_run_ms(60000); /* longer than a fragment waits */
	fuzz_end(s);
	return 0;
}

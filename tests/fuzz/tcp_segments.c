/* SPDX-License-Identifier: MIT */
/*
 * Segments into every state of a connection (RFC 9293 section 3.10), near the numbers that it
 * expects, with any flags, window and options; an application that reads, writes, sets options and
 * closes at any moment; time. The stack asserts its invariants after each event; in the end all
 * memory must come back.
 */
#include "../../include/libc/netinet/tcp.h"

#include <kernel/syscalls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp_peer.h"

static void segment(struct tcp_peer *p, struct input *in)
{
	u8 how = in_u8(in), options[40];
	u16 delta = in_u16(in), back = in_u16(in);
	struct tcp_peer_seg seg = {.flags = in_u8(in), .window = in_u16(in), .options = options};

	/* Mostly near what is expected; sometimes anywhere. */
	seg.seq = p->seq + (how & 1 ? (u32)(s32)(s16)delta : how & 2 ? (u32)delta << 16 : 0);
	seg.ack = p->ack + (how & 4 ? (u32)(s32)(s16)back : how & 8 ? (u32)back << 16 : 0);
	if (how & 16)
		seg.len = in_u16(in) % 9000;
	if (how & 32)
		seg.urgent = in_u16(in);
	if (how & 64) {
		seg.options_len = in_u8(in) % 11 * 4;
		memset(options, 0, sizeof(options));
		in_bytes(in, options, seg.options_len);
	} else if (p->ts) {
		memcpy(options, (u8[]){1, 1, 8, 10}, 4);
		put_be32(options + 4, 1u + (how & 128 ? in_u8(in) : 0u));
		put_be32(options + 8, p->tsecr);
		seg.options_len = 12;
	}
	tcp_peer_send(p, &seg);
}

/* The option's value is small numbers or a time, which is what most of them are. */
static void set_option(struct tcp_peer *p, struct input *in)
{
	static const u8 socket_names[] = {SO_KEEPALIVE, SO_SNDBUF, SO_RCVBUF,   SO_RCVLOWAT,
					  SO_OOBINLINE, SO_LINGER, SO_REUSEADDR};
	u8 which = in_u8(in);
	int value[2] = {(s16)in_u16(in), in_u8(in)};

	if (p->sock < 0)
		return;
	if (which & 0x80)
		sys_setsockopt(p->sock, SOL_SOCKET, socket_names[which % ARRAY_SIZE(socket_names)],
			       value, which % ARRAY_SIZE(socket_names) == 5 ? 8 : 4);
	else
		sys_setsockopt(p->sock, IPPROTO_TCP, which % 40, value, 4);
}

static void application(struct tcp_peer *p, struct input *in)
{
	u8 what = in_u8(in);

	switch (what % 8) {
	case 0:
	case 1:
		tcp_peer_write(p, in_u16(in), what & 8 ? MSG_MORE : what & 16 ? MSG_OOB : 0);
		break;
	case 2:
	case 3:
		tcp_peer_read(p, in_u16(in), what & 8 ? MSG_PEEK : what & 16 ? MSG_TRUNC : 0);
		break;
	case 4:
		tcp_peer_accept(p);
		break;
	case 5:
		set_option(p, in);
		break;
	case 6:
		if (p->sock >= 0)
			sys_shutdown(p->sock, what / 8 % 3);
		break;
	case 7:
		if (p->listener >= 0)
			tcp_peer_close(p);
		break;
	}
	tcp_peer_listen(p);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_stack *s = fuzz_begin();
	struct input in = {data, size};
	struct tcp_peer p;
	u8 state = in_u8(&in);

	tcp_peer_begin(&p, s, state % PEER_STATES, in_u8(&in));
	while (in.left) {
		u8 op = in_u8(&in);

		if (op >= 0xe0)
			tcp_peer_run_ms(&p, 1ull << (op & 15));
		else if (op >= 0xa0)
			application(&p, &in);
		else
			segment(&p, &in);
	}
	tcp_peer_end(&p);
	fuzz_end(s);
	return 0;
}

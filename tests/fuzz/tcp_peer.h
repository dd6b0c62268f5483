/* SPDX-License-Identifier: MIT */
/*
 * A TCP host made by hand, on the other side of the stack's wire: brings one connection into any
 * state, then sends what the input says, relative to the numbers the stack itself uses.
 */
#ifndef TESTS_FUZZ_TCP_PEER_H
#define TESTS_FUZZ_TCP_PEER_H

#include "wire.h"

#define TCP_PEER_PORT 5000
#define TCP_MY_PORT   80

struct tcp_peer {
	struct fuzz_stack *s;
	int listener, sock; /* descriptors; sock: the connection's, once there is one; -1: none */
	u32 seq;            /* what the stack waits for, by its last segment's ACK */
	u32 ack;            /* what follows the last byte it sent */
	u32 tsecr;          /* its last timestamp */
	bool ts;            /* timestamps are in use */
	bool dead;          /* all that the stack sends is answered by RST */
};

struct tcp_peer_seg {
	u32 seq, ack;
	u8 flags;
	u16 window, urgent;
	const u8 *options;
	u32 options_len; /* multiple of 4, at most 40 */
	u32 len;         /* of text, which is the sequence number's pattern */
};

enum tcp_peer_state {
	PEER_LISTEN,
	PEER_SYN_RECV,
	PEER_ESTABLISHED,
	PEER_FIN_WAIT1,
	PEER_FIN_WAIT2,
	PEER_CLOSE_WAIT,
	PEER_CLOSING,
	PEER_LAST_ACK,
	PEER_TIME_WAIT,
	PEER_SYN_SENT,
	PEER_STATES
};

/* With SYN options chosen by the bits of options: MSS, SACK permitted, timestamps, window scale. */
void tcp_peer_begin(struct tcp_peer *p, struct fuzz_stack *s, enum tcp_peer_state state,
		    u8 options);
/* Release the sockets and let everything that is left time out. */
void tcp_peer_end(struct tcp_peer *p);

void tcp_peer_send(struct tcp_peer *p, const struct tcp_peer_seg *seg);
/* A segment with the numbers that the stack waits for. */
void tcp_peer_say(struct tcp_peer *p, u8 flags, u32 len);
/* Read what the stack has sent. */
void tcp_peer_listen(struct tcp_peer *p);
/* An application's accept(), where somebody waits. */
void tcp_peer_accept(struct tcp_peer *p);
void tcp_peer_close(struct tcp_peer *p);
/* An application that reads and writes, without waiting. */
void tcp_peer_read(struct tcp_peer *p, u32 len, int flags);
void tcp_peer_write(struct tcp_peer *p, u32 len, int flags);
void tcp_peer_run_ms(struct tcp_peer *p, u64 ms);

#endif

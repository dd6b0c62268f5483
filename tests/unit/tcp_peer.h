/* SPDX-License-Identifier: MIT */
/*
 * The other end of one TCP connection, played by the test: it makes segments by hand and looks at
 * each one that the stack sends. Numbers are relative to the two initial sequence numbers, so that
 * the first byte of text is number 1 in both directions. The stack is 10.0.0.1, the peer 10.0.0.9.
 */
#ifndef TESTS_TCP_PEER_H
#define TESTS_TCP_PEER_H

#include <net/tcp.h>

#include "net_tap.h"

#define PEER_MSS 1000u

struct peer_block {
	u32 start, end;
};

/* One segment, in either direction. */
struct peer_seg {
	u8 flags;
	u32 seq, ack, len, win;
	bool ts;
	u32 tsval, tsecr;
	u32 nsack;
	struct peer_block sack[4];
};

/* How the peer opens: what it offers in its SYN. */
struct peer_offer {
	bool sack, ts, wscale; /* the last: by 0, so that the stack's window is scaled */
	u32 win;               /* 0: 65535; not scaled */
};

extern struct net peer_net;
extern struct socket *peer_sock; /* the stack's socket */

void peer_start(void);
void peer_stop(void);
/* The same as a cmocka test's setup and teardown. */
int peer_setup(void **state);
int peer_teardown(void **state);
/* A listener accepts the peer's connection; peer_sock is the accepted one. */
void peer_connects(struct peer_offer offer);
/* The stack opens a connection to the peer; its SYN is the next segment. */
void peer_is_called(struct peer_offer offer);

/* The peer sends. */
void peer_send(struct peer_seg s);
void peer_text(u32 seq, u32 len);
void peer_ack(u32 ack);
void peer_sack(u32 ack, u32 n, ...); /* n pairs start, end */

/* The next segment that the stack has sent, false: none. */
bool peer_next(struct peer_seg *s);
/* It is text [seq, seq + len), or a bare ACK of that number with n blocks. Nothing is there. */
void peer_want_text(u32 seq, u32 len);
void peer_want_ack(u32 ack, u32 n, ...);
void peer_want_none(void);
void peer_forget(void);

/* The application writes len bytes; time goes on. */
void peer_app_writes(u32 len);
void peer_wait_ms(u64 ms);
struct tcp_sock *peer_tp(void);
u64 peer_mib(unsigned id);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Peers of a listener, played by the test: they send SYNs and other segments by hand, from one
 * address or many, and look at the last answer. The stack is 10.0.0.1, its listener at port 80, the
 * peer 10.0.0.9 unless peer_addr says otherwise; that is also the way to all other addresses.
 */
#ifndef TESTS_SYN_PEER_H
#define TESTS_SYN_PEER_H

#include <net/tcp.h>

#include "net_tap.h"

#define PEER_ISN 1000u
#define PEER_TS  5000u
#define BACKLOG  4

extern struct net net;
extern struct tap *tap;
extern struct socket *listener;
extern u32 peer_addr; /* host order */
extern bool peer_bad_csum;

/* What the stack answered last. */
extern struct syn_answer {
	u8 flags;
	u32 seq, ack, tsval, win, mss;
	bool ts, wscale, sack;
	unsigned count; /* TCP segments seen */
} answer;

int syn_setup(void **state);
int syn_teardown(void **state);

/* The peer's port sends; answers were looked at on return. */
void send_segment(u16 port, u8 flags, u32 seq, u32 ack, u32 tsecr, bool options, u32 len);
void syn(u16 port);
/* The ACK of the SYN-ACK that was seen last, with len bytes of text. */
void ack(u16 port, u32 len);
/* Look at all that was sent; how many TCP segments there were. */
unsigned look(void);

u64 mib(unsigned id); /* LINUX_MIB_* */
u32 half_open(void);
struct socket *accept_one(void); /* NULL: none waits */

#endif

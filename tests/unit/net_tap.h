/* SPDX-License-Identifier: MIT */
/*
 * A network device for tests: what the stack sends on it is kept for looking at, and handed to the
 * device it is wired to; frames made by the test are received on it. Addresses 02:00:00:00:00:NN.
 */
#ifndef TESTS_NET_TAP_H
#define TESTS_NET_TAP_H

#include <net/netdevice.h>

#define TAP_FRAMES 256

struct tap_frame {
	u32 len;
	u8 data[];
};

struct tap {
	struct net_device *dev;
	struct tap *peer;
	struct tap_frame *sent[TAP_FRAMES]; /* ring of what was sent, oldest first */
	unsigned nsent, next;
	u64 total_sent;
	/* Before a frame goes to the peer: false loses it. May be NULL. */
	bool (*pass)(struct tap *t, u8 *data, u32 len);
	bool csum_done; /* the peer gets CHECKSUM_UNNECESSARY */
	struct napi_struct napi;
	struct sk_buff_head received;
	bool use_gro;  /* deliver through napi_gro_receive() */
	bool use_poll; /* ... in a poll, with what else has arrived until then */
};

/* In net, with that last byte of the address, registered and up; addr (dotted) may be NULL. */
struct tap *tap_new(struct net *net, u8 last, const char *addr, u8 prefixlen);
void tap_free(struct tap *t);
void tap_wire(struct tap *a, struct tap *b);
/* A frame arrives: Ethernet header and all. Everything it causes has happened on return. */
void tap_inject(struct tap *t, const void *frame, u32 len);
/* It arrives, no more: with bottom halves off, several come to be in one poll. */
void tap_receive(struct tap *t, const void *frame, u32 len);
/* The oldest frame sent and not looked at yet; NULL: none. Valid until TAP_FRAMES more. */
const struct tap_frame *tap_next(struct tap *t);
void tap_forget(struct tap *t);

/* An Ethernet and IPv4 header around payload; returns the frame's length. frag: the field. */
u32 tap_make_ip(u8 *frame, const struct tap *to, u8 from_last, u32 saddr, u32 daddr, u8 proto,
		u16 id, u16 frag, const void *payload, u32 len);
u16 tap_csum(const void *data, u32 len, u32 start);
u32 tap_ip(const char *dotted); /* host order */

/* 10.0.0.`last`, at 02:00:00:00:00:`last`, sends an ARP packet (op 1: asks, 2: answers)
 * to 10.0.0.1. */
void tap_arp(struct tap *t, u16 op, u8 last);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share: bytes of the input taken one by one, a stack of its own for each
 * input, and the host on the other side of its wire, which speaks as the input tells it to.
 */
#ifndef TESTS_FUZZ_WIRE_H
#define TESTS_FUZZ_WIRE_H

#include <lib/types.h>
#include <net/netdevice.h>

#include "net_tap.h"

#define FUZZ_ME   0x0a000001u /* 10.0.0.1, the stack */
#define FUZZ_PEER 0x0a000002u

/* The input that is left. Past its end everything is zero. */
struct input {
	const u8 *p;
	size_t left;
};

u8 in_u8(struct input *in);
u16 in_u16(struct input *in);
u32 in_u32(struct input *in);
/* Up to n bytes to `to`; returns how many there were. */
u32 in_bytes(struct input *in, u8 *to, u32 n);

/* A fresh stack with one device, 10.0.0.1/24, that knows the peer's link address. The first call
 * brings the hosted home up. */
struct fuzz_stack {
	struct net net;
	struct tap *tap;
};
struct fuzz_stack *fuzz_begin(void);
/* Take it down. Ends the process where something was left held, or memory was not given back. */
void fuzz_end(struct fuzz_stack *s);

/* An IPv4 packet from the peer, with good header sum. */
void fuzz_send_ip(struct fuzz_stack *s, u8 proto, u16 id, u16 frag, const void *payload, u32 len);
/* Sum for a transport header whose own sum field is zero. */
u16 fuzz_transport_csum(u32 saddr, u32 daddr, u8 proto, const void *data, u32 len);
void fuzz_run_ms(u64 ms);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif

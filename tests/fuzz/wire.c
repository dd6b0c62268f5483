/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <net/ip.h>
#include <net/neighbour.h>
#include <net/netns_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define SETTLE_RUNS 8 /* caches and pools have their size after that many inputs */

static struct fuzz_stack stack;
static u64 runs, memory_before;

u8 in_u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

u16 in_u16(struct input *in)
{
	u16 high = in_u8(in);

	return (u16)(high << 8 | in_u8(in));
}

u32 in_u32(struct input *in)
{
	u32 high = in_u16(in);

	return high << 16 | in_u16(in);
}

u32 in_bytes(struct input *in, u8 *to, u32 n)
{
	if (n > in->left)
		n = (u32)in->left;
	memcpy(to, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

static void know_peer(void)
{
	static const u8 mac[8] = {2, 0, 0, 0, 0, 2};
	be32 key = be32_make(FUZZ_PEER);
	struct neighbour *n = neigh_create(arp_table(&stack.net), &key, stack.tap->dev);

	if (!n)
		abort();
	neigh_update(n, mac, NUD_PERMANENT, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
	neigh_release(n);
}

struct fuzz_stack *fuzz_begin(void)
{
	if (!runs++) {
		host_init(1);
		host_log_level(LOG_CRIT);
	}
	if (runs > SETTLE_RUNS)
		memory_before = host_memory_in_use();
	if (net_init(&stack.net, "fuzz"))
		abort();
	stack.tap = tap_new(&stack.net, 1, "10.0.0.1", 24);
	know_peer();
	tap_forget(stack.tap);
	return &stack;
}

void fuzz_end(struct fuzz_stack *s)
{
	u64 now;

	tap_free(s->tap);
	net_exit(&s->net);
	host_run_for(NSEC_PER_MSEC);
	host_check();
	now = host_memory_in_use();
	if (runs > SETTLE_RUNS && now > memory_before) {
		fprintf(stderr, "fuzz: %llu bytes were not given back\n",
			(unsigned long long)(now - memory_before));
		abort();
	}
}

void fuzz_send_ip(struct fuzz_stack *s, u8 proto, u16 id, u16 frag, const void *payload, u32 len)
{
	static u8 frame[34 + 65535];

	tap_inject(
		s->tap, frame,
		tap_make_ip(frame, s->tap, 2, FUZZ_PEER, FUZZ_ME, proto, id, frag, payload, len));
}

u16 fuzz_transport_csum(u32 saddr, u32 daddr, u8 proto, const void *data, u32 len)
{
	u32 start =
		(saddr >> 16) + (saddr & 0xffff) + (daddr >> 16) + (daddr & 0xffff) + proto + len;

	return tap_csum(data, len, start);
}

void fuzz_run_ms(u64 ms)
{
	host_run_for(ms * NSEC_PER_MSEC);
}

/* SPDX-License-Identifier: MIT */
/*
 * Numbers that a third party must not guess: initial sequence numbers (RFC 6528: a keyed hash of
 * the flow plus a clock), timestamp offsets (RFC 7323 section 7.1), where the search for a port
 * begins (RFC 6056 algorithm 4). SipHash with keys per net. Any context.
 */
#include "tcp_int.h"

/* The clock of RFC 9293 3.4.1 with a tick of 64 ns, as Linux: it goes round in 274 s, more than the
 * time a segment may live. */
seq32 tcp_secure_isn(struct netns_tcp *nt, const struct tcp_flow *f)
{
	u32 ports = (u32)f->lport << 16 | f->fport.wire;
	u64 h = siphash_3u32(f->laddr.wire, f->faddr.wire, ports, &nt->isn_key);

	return SEQ32((u32)h + (u32)(ktime_get_real_ns() >> 6));
}

u32 tcp_secure_ts_off(const struct netns_tcp *nt, be32 laddr, be32 faddr)
{
	if (nt->tcp_timestamps != 1)
		return 0;
	return (u32)siphash_2u32(laddr.wire, faddr.wire, &nt->ts_key);
}

u64 tcp_secure_port_offset(struct netns_tcp *nt, be32 laddr, be32 faddr, be16 fport)
{
	return siphash_3u32(laddr.wire, faddr.wire, fport.wire, &nt->port_key);
}

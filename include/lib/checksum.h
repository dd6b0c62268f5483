/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * csum32 is an unfolded sum of 16-bit words taken as they lie in memory (so it has wire order);
 * it counts modulo 0xffff. What a header carries is the complement of the folded sum, a be16.
 * All functions: any context.
 */
#ifndef LIB_CHECKSUM_H
#define LIB_CHECKSUM_H

#include <lib/types.h>

typedef u32 csum32;

static inline csum32 csum_add(csum32 a, csum32 b)
{
	a += b;
	return a + (a < b);
}

static inline csum32 csum_sub(csum32 a, csum32 b)
{
	return csum_add(a, ~b);
}

/* The sum, folded to 16 bits, not complemented. */
static inline u16 csum_fold_sum(csum32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16));
}

/* The checksum for the header: fold and complement. 0 over data that holds a right checksum. */
static inline be16 csum_fold(csum32 sum)
{
	return (be16){(u16)~csum_fold_sum(sum)};
}

/* A folded checksum as a sum again. */
static inline csum32 csum_unfold(be16 csum)
{
	return (u16)~csum.wire;
}

/* Sum of len bytes at any address and of any length, added to sum. An odd last byte counts as the
 * first byte of its word. */
csum32 csum_partial(const void *buf, size_t len, csum32 sum);

/* Copy and sum in one pass. */
csum32 csum_partial_copy(void *dst, const void *src, size_t len, csum32 sum);

/* Append the sum of a block that starts at `offset` of the whole: bytes swap if that is odd. */
static inline csum32 csum_block_add(csum32 sum, csum32 block, size_t offset)
{
	return csum_add(sum, offset & 1 ? (block << 24) | (block >> 8) : block);
}

static inline csum32 csum_block_sub(csum32 sum, csum32 block, size_t offset)
{
	return csum_block_add(sum, ~block, offset);
}

/* The pseudo header of IPv4 (RFC 793 3.1, RFC 768), added to sum. len_bytes: of the segment. */
static inline csum32 csum_tcpudp_nofold(be32 saddr, be32 daddr, u32 len_bytes, u8 proto, csum32 sum)
{
	u64 s = (u64)saddr.wire + daddr.wire + BE32(len_bytes).wire + ((u32)proto << 24) + sum;

	/* 2^32 is 1 modulo 0xffff: add the halves, twice for the carry. */
	s = (s & 0xffffffff) + (s >> 32);
	return (u32)(s + (s >> 32));
}

/* The same as a checksum: what a sender that leaves the rest to the device does not complement. */
static inline be16 csum_tcpudp_magic(be32 saddr, be32 daddr, u32 len_bytes, u8 proto, csum32 sum)
{
	return csum_fold(csum_tcpudp_nofold(saddr, daddr, len_bytes, proto, sum));
}

/* The pseudo header of IPv6 (RFC 8200 8.1); saddr and daddr are 16 bytes each. */
csum32 csum_ipv6_nofold(const void *saddr, const void *daddr, u32 len_bytes, u8 next_hdr,
			csum32 sum);

/* Checksum over an IPv4 header of ihl 32-bit words (5 at least): 0 if it holds a right one. */
static inline be16 ip_fast_csum(const void *hdr, unsigned ihl)
{
	const u8 *p = hdr;
	u64 head[2], s;
	u32 word;

	__builtin_memcpy(head, p, sizeof(head));
	__builtin_memcpy(&word, p + 16, sizeof(word));
	s = head[0] + head[1];
	s += s < head[0]; /* the carry comes back in */
	s = (s & 0xffffffff) + (s >> 32) + word;
	for (unsigned i = 5; i < ihl; i++) {
		__builtin_memcpy(&word, p + (size_t)4 * i, sizeof(word));
		s += word;
	}
	s = (s & 0xffffffff) + (s >> 32);
	return csum_fold((u32)(s + (s >> 32)));
}

/* A header's 16-bit word changes from `from` to `to`: HC' = ~(~HC + ~m + m') (RFC 1624 eqn. 3). */
static inline void csum_replace2(be16 *csum, be16 from, be16 to)
{
	*csum = csum_fold(csum_add(csum_add(csum_unfold(*csum), (u16)~from.wire), to.wire));
}

static inline void csum_replace4(be16 *csum, be32 from, be32 to)
{
	*csum = csum_fold(csum_add(csum_add(csum_unfold(*csum), ~from.wire), to.wire));
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum, eight bytes at a step: sums of 64-bit words with end-around carry fold to
 * the sum of their 16-bit words (RFC 1071 section 2(C)). x86 reads any address; only an odd length
 * needs care, and counts its last byte as if a zero byte followed.
 */
#include <lib/checksum.h>
#include <string.h>

static __always_inline u64 load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* a + b with end-around carry: add, adc $0. */
static __always_inline u64 add64(u64 a, u64 b)
{
	a += b;
	return a + (a < b);
}

/* The last n < 8 bytes, in their places of a little-endian word, zeros behind. */
static __always_inline u64 load_tail(const u8 *p, size_t n)
{
	u64 v = 0;

	if (n & 4) {
		u32 w;

		memcpy(&w, p, 4);
		v = w;
	}
	if (n & 2) {
		u16 w;

		memcpy(&w, p + (n & 4), 2);
		v |= (u64)w << 8 * (n & 4);
	}
	if (n & 1)
		v |= (u64)p[n - 1] << 8 * (n - 1);
	return v;
}

static __always_inline csum32 fold64(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (u32)(sum + (sum >> 32));
}

/* Two chains, so that an addition need not wait for the other's carry. */
csum32 csum_partial(const void *buf, size_t len, csum32 sum)
{
	const u8 *p = buf;
	u64 even = sum, odd = 0;

	for (; len >= 64; len -= 64, p += 64) {
		even = add64(even, load64(p));
		odd = add64(odd, load64(p + 8));
		even = add64(even, load64(p + 16));
		odd = add64(odd, load64(p + 24));
		even = add64(even, load64(p + 32));
		odd = add64(odd, load64(p + 40));
		even = add64(even, load64(p + 48));
		odd = add64(odd, load64(p + 56));
	}
	for (; len >= 8; len -= 8, p += 8)
		even = add64(even, load64(p));
	if (len)
		odd = add64(odd, load_tail(p, len));
	return fold64(add64(even, odd));
}

csum32 csum_partial_copy(void *dst, const void *src, size_t len, csum32 sum)
{
	const u8 *p = src;
	u8 *d = dst;
	u64 even = sum, odd = 0;

	for (; len >= 32; len -= 32, p += 32, d += 32) {
		u64 w0 = load64(p), w1 = load64(p + 8), w2 = load64(p + 16), w3 = load64(p + 24);

		memcpy(d, &w0, 8);
		memcpy(d + 8, &w1, 8);
		memcpy(d + 16, &w2, 8);
		memcpy(d + 24, &w3, 8);
		even = add64(add64(even, w0), w2);
		odd = add64(add64(odd, w1), w3);
	}
	if (len) {
		memcpy(d, p, len);
		even = csum_partial(p, len, fold64(even));
	}
	return fold64(add64(even, odd));
}

csum32 csum_ipv6_nofold(const void *saddr, const void *daddr, u32 len_bytes, u8 next_hdr,
			csum32 sum)
{
	sum = csum_partial(saddr, 16, sum);
	sum = csum_partial(daddr, 16, sum);
	sum = csum_add(sum, BE32(len_bytes).wire);
	return csum_add(sum, (u32)next_hdr << 24);
}

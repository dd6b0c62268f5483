/* SPDX-License-Identifier: MIT */
/*
 * What the compiler calls where the CPU has no instruction: division of 128-bit numbers, counting
 * bits. For bare metal only, where libgcc, built with the red zone, is no choice. Any context.
 */
#include <lib/bitops.h>

__extension__ typedef unsigned __int128 u128;

u128 __udivmodti4(u128 a, u128 b, u128 *rem);
u128 __udivti3(u128 a, u128 b);
u128 __umodti3(u128 a, u128 b);
int __popcountdi2(long v);

/* (hi, lo) / d for hi < d, so that the quotient fits. */
static __always_inline u64 div_128_by_64(u64 hi, u64 lo, u64 d, u64 *rem)
{
	u64 q, r;

	__asm__("divq %4" : "=a"(q), "=d"(r) : "a"(lo), "d"(hi), "rm"(d) : "cc");
	*rem = r;
	return q;
}

/*
 * A divisor of more than 64 bits: its top 64 bits, moved up against the top, give a quotient that
 * is right or one too large (Knuth, TAOCP 4.3.1, theorem B); taking one off makes it right or one
 * too small, which the remainder shows.
 */
static u128 div_by_large(u128 a, u128 b, u128 *rem)
{
	unsigned shift = (unsigned)__builtin_clzll((u64)(b >> 64));
	u64 unused, q;

	q = div_128_by_64((u64)(a >> 65), (u64)(a >> 1), (u64)(b << shift >> 64), &unused);
	q >>= 63 - shift;
	if (q)
		q--;
	a -= q * b;
	if (a >= b) {
		a -= b;
		q++;
	}
	*rem = a;
	return q;
}

u128 __udivmodti4(u128 a, u128 b, u128 *rem)
{
	u64 hi, lo, r;

	if (b >> 64)
		return div_by_large(a, b, rem);
	hi = (u64)(a >> 64) / (u64)b;
	r = (u64)(a >> 64) % (u64)b;
	lo = div_128_by_64(r, (u64)a, (u64)b, &r);
	*rem = r;
	return (u128)hi << 64 | lo;
}

u128 __udivti3(u128 a, u128 b)
{
	u128 rem;

	return __udivmodti4(a, b, &rem);
}

u128 __umodti3(u128 a, u128 b)
{
	u128 rem;

	__udivmodti4(a, b, &rem);
	return rem;
}

int __popcountdi2(long v)
{
	return (int)hweight64((u64)v);
}

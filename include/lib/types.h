/* SPDX-License-Identifier: MIT */
/*
 * Integer types. u64 is `unsigned long long`, as in Linux: print it with %llu, size_t with %zu.
 * Big-endian (wire) integers and TCP sequence numbers are one-member structs, so that mixing
 * them with plain integers, or comparing them with `<`, does not compile.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <lib/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

typedef struct {
	u16 wire;
} be16;
typedef struct {
	u32 wire;
} be32;
typedef struct {
	u64 wire;
} be64;

/* Constants: BE16(80) is a compound literal, good in expressions and in static initialisers. */
#define BE16(x) ((be16){__builtin_bswap16((u16)(x))})
#define BE32(x) ((be32){__builtin_bswap32((u32)(x))})
#define BE64(x) ((be64){__builtin_bswap64((u64)(x))})

/* A value that is in network order already, such as sin_port or s_addr. */
#define BE16_RAW(w) ((be16){(u16)(w)})
#define BE32_RAW(w) ((be32){(u32)(w)})

/* Host value -> wire value. */
static inline be16 be16_make(u16 v)
{
	return (be16){__builtin_bswap16(v)};
}

static inline be32 be32_make(u32 v)
{
	return (be32){__builtin_bswap32(v)};
}

static inline be64 be64_make(u64 v)
{
	return (be64){__builtin_bswap64(v)};
}

/* Wire value -> host value. */
static inline u16 be16_get(be16 b)
{
	return __builtin_bswap16(b.wire);
}

static inline u32 be32_get(be32 b)
{
	return __builtin_bswap32(b.wire);
}

static inline u64 be64_get(be64 b)
{
	return __builtin_bswap64(b.wire);
}

static inline bool be16_eq(be16 a, be16 b)
{
	return a.wire == b.wire;
}

static inline bool be32_eq(be32 a, be32 b)
{
	return a.wire == b.wire;
}

static inline bool be64_eq(be64 a, be64 b)
{
	return a.wire == b.wire;
}

static inline bool be16_is_zero(be16 a)
{
	return a.wire == 0;
}

static inline bool be32_is_zero(be32 a)
{
	return a.wire == 0;
}

/* Bitwise operations do not depend on byte order. */
static inline be16 be16_and(be16 a, be16 b)
{
	return (be16){(u16)(a.wire & b.wire)};
}

static inline be16 be16_or(be16 a, be16 b)
{
	return (be16){(u16)(a.wire | b.wire)};
}

static inline be32 be32_and(be32 a, be32 b)
{
	return (be32){a.wire & b.wire};
}

static inline be32 be32_or(be32 a, be32 b)
{
	return (be32){a.wire | b.wire};
}

static inline be32 be32_xor(be32 a, be32 b)
{
	return (be32){a.wire ^ b.wire};
}

static inline be32 be32_not(be32 a)
{
	return (be32){~a.wire};
}

/* Integers at any address, from and to the wire; le is for PCI, virtio and Intel descriptors. */
static inline u16 get_be16(const void *p)
{
	u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline u32 get_be32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline u64 get_be64(const void *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void put_be16(void *p, u16 v)
{
	v = __builtin_bswap16(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void put_be32(void *p, u32 v)
{
	v = __builtin_bswap32(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void put_be64(void *p, u64 v)
{
	v = __builtin_bswap64(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline u16 get_le16(const void *p)
{
	u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u32 get_le32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 get_le64(const void *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void put_le32(void *p, u32 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void put_le64(void *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

/*
 * A TCP sequence number, host order, modulo 2^32 (RFC 9293 section 3.4). seq_diff is the only
 * comparison; before/after are its signs, right for distances of less than 2^31.
 */
typedef struct {
	u32 v;
} seq32;

#define SEQ32(x) ((seq32){(u32)(x)})

static inline seq32 seq_add(seq32 a, u32 n)
{
	return (seq32){a.v + n};
}

static inline seq32 seq_sub(seq32 a, u32 n)
{
	return (seq32){a.v - n};
}

static inline s32 seq_diff(seq32 a, seq32 b)
{
	return (s32)(a.v - b.v);
}

static inline bool seq_before(seq32 a, seq32 b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_before_eq(seq32 a, seq32 b)
{
	return seq_diff(a, b) <= 0;
}

static inline bool seq_after(seq32 a, seq32 b)
{
	return seq_diff(a, b) > 0;
}

static inline bool seq_after_eq(seq32 a, seq32 b)
{
	return seq_diff(a, b) >= 0;
}

static inline bool seq_eq(seq32 a, seq32 b)
{
	return a.v == b.v;
}

static inline seq32 seq_max(seq32 a, seq32 b)
{
	return seq_after(a, b) ? a : b;
}

static inline seq32 seq_min(seq32 a, seq32 b)
{
	return seq_before(a, b) ? a : b;
}

/* lo <= s < hi, modulo 2^32. */
static inline bool seq_in(seq32 s, seq32 lo, seq32 hi)
{
	return s.v - lo.v < hi.v - lo.v;
}

static inline seq32 seq_from_wire(be32 b)
{
	return (seq32){be32_get(b)};
}

static inline be32 seq_to_wire(seq32 s)
{
	return be32_make(s.v);
}

#endif

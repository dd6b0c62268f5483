/* SPDX-License-Identifier: MIT */
/*
 * Atomics and reference counts, over the compiler's __atomic builtins. refcount_t saturates: a
 * count that would overflow or rise from zero stays at REFCOUNT_SATURATED and is reported, so
 * that a bug leaks an object and never frees it twice.
 */
#ifndef KERNEL_ATOMIC_H
#define KERNEL_ATOMIC_H

#include <lib/compiler.h>
#include <lib/types.h>

typedef struct {
	s32 v;
} atomic_t;
typedef struct {
	s64 v;
} atomic64_t;

#define atomic_read(a)          __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, x)        __atomic_store_n(&(a)->v, (x), __ATOMIC_RELAXED)
#define atomic_inc(a)           ((void)__atomic_fetch_add(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic_dec(a)           ((void)__atomic_fetch_sub(&(a)->v, 1, __ATOMIC_RELAXED))
#define atomic_add(x, a)        ((void)__atomic_fetch_add(&(a)->v, (x), __ATOMIC_RELAXED))
#define atomic_sub(x, a)        ((void)__atomic_fetch_sub(&(a)->v, (x), __ATOMIC_RELAXED))
#define atomic_add_return(x, a) __atomic_add_fetch(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define atomic_sub_return(x, a) __atomic_sub_fetch(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define atomic_xchg(a, x)       __atomic_exchange_n(&(a)->v, (x), __ATOMIC_ACQ_REL)
#define atomic_dec_and_test(a)  (__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_ACQ_REL) == 0)

#define smp_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, x) __atomic_store_n((p), (x), __ATOMIC_RELEASE)
#define cmpxchg(p, old, new)                                                             \
	({                                                                               \
		__typeof__(*(p)) __old = (old);                                          \
		__atomic_compare_exchange_n((p), &__old, (new), false, __ATOMIC_ACQ_REL, \
					    __ATOMIC_ACQUIRE);                           \
		__old;                                                                   \
	})
#define xchg(p, x) __atomic_exchange_n((p), (x), __ATOMIC_ACQ_REL)
#define smp_mb()   __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()  __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()  __atomic_thread_fence(__ATOMIC_RELEASE)

static inline void set_bit(unsigned nr, unsigned long *map)
{
	__atomic_fetch_or(&map[nr / 64], 1ul << (nr % 64), __ATOMIC_RELAXED);
}

static inline void clear_bit(unsigned nr, unsigned long *map)
{
	__atomic_fetch_and(&map[nr / 64], ~(1ul << (nr % 64)), __ATOMIC_RELEASE);
}

static inline bool test_bit(unsigned nr, const unsigned long *map)
{
	return __atomic_load_n(&map[nr / 64], __ATOMIC_RELAXED) >> (nr % 64) & 1;
}

static inline bool test_and_set_bit(unsigned nr, unsigned long *map)
{
	return __atomic_fetch_or(&map[nr / 64], 1ul << (nr % 64), __ATOMIC_ACQ_REL) >> (nr % 64) &
	       1;
}

static inline bool test_and_clear_bit(unsigned nr, unsigned long *map)
{
	return __atomic_fetch_and(&map[nr / 64], ~(1ul << (nr % 64)), __ATOMIC_ACQ_REL) >>
		       (nr % 64) &
	       1;
}

typedef struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_SATURATED (-0x40000000)
#define REFCOUNT_INIT(n)    \
	{                   \
		{           \
			(n) \
		}           \
	}

/* Report a broken count (once a place) and leave it saturated. */
void refcount_warn(refcount_t *r, const char *what);

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline int refcount_read(const refcount_t *r)
{
	return atomic_read(&r->refs);
}

static inline void refcount_add(int n, refcount_t *r)
{
	s32 old = __atomic_fetch_add(&r->refs.v, n, __ATOMIC_RELAXED);

	if (unlikely(old <= 0 || old + n <= 0))
		refcount_warn(r, old ? "overflow" : "increment from zero");
}

static inline void refcount_inc(refcount_t *r)
{
	refcount_add(1, r);
}

/* Take a reference unless the object is already dying. For lookups under rcu_read_lock(). */
static inline __must_check bool refcount_inc_not_zero(refcount_t *r)
{
	s32 old = atomic_read(&r->refs);

	do {
		if (old <= 0)
			return false;
	} while (!__atomic_compare_exchange_n(&r->refs.v, &old, old + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

/* True when the last reference went: the caller frees. */
static inline __must_check bool refcount_sub_and_test(int n, refcount_t *r)
{
	s32 old = __atomic_fetch_sub(&r->refs.v, n, __ATOMIC_ACQ_REL);

	if (unlikely(old < n)) {
		refcount_warn(r, "underflow");
		return false;
	}
	return old == n;
}

static inline __must_check bool refcount_dec_and_test(refcount_t *r)
{
	return refcount_sub_and_test(1, r);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the compiler can do for us, under short names: attributes, typed min/max, alignment
 * arithmetic, volatile access and the lock annotations that clang -Wthread-safety checks.
 * Usable from any context and both homes; depends on nothing but the compiler's own headers.
 */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#include <stddef.h>

#ifndef static_assert
#define static_assert _Static_assert
#endif

#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __must_check   __attribute__((warn_unused_result))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __noreturn     __attribute__((noreturn))
#define __section(s)   __attribute__((section(s)))
#define __weak         __attribute__((weak))
#define __used         __attribute__((used))
#define __maybe_unused __attribute__((unused))
#define __cold         __attribute__((cold, __noinline__)) /* rare: kept out of its callers' pages */
#define __hot          __attribute__((hot))
#define __malloc       __attribute__((malloc))
#define __pure         __attribute__((pure))
#define __retain       __attribute__((used))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef noinline
#define noinline    __attribute__((noinline))
#define fallthrough __attribute__((fallthrough))

/* Size and alignment of one cache line on every x86-64 CPU we run on. */
#define CACHELINE_BYTES      64
#define __cacheline_aligned  __aligned(CACHELINE_BYTES)
#define __cacheline_group(n) /* marks a group of members that are used together */

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Lock annotations. A lock type is declared with __capability("mutex"). */
#ifdef __clang__
#define __capability(name)     __attribute__((capability(name)))
#define __must_hold(...)       __attribute__((requires_capability(__VA_ARGS__)))
#define __acquires(...)        __attribute__((acquire_capability(__VA_ARGS__)))
#define __releases(...)        __attribute__((release_capability(__VA_ARGS__)))
#define __try_acquires(r, ...) __attribute__((try_acquire_capability(r, __VA_ARGS__)))
#define __guarded_by(x)        __attribute__((guarded_by(x)))
#define __no_lock_check        __attribute__((no_thread_safety_analysis))
#else
#define __capability(name)
#define __must_hold(...)
#define __acquires(...)
#define __releases(...)
#define __try_acquires(r, ...)
#define __guarded_by(x)
#define __no_lock_check
#endif

#define __must_be_array(a)                                                               \
	(0 * sizeof(struct {                                                             \
		 int not_an_array                                                        \
		     : !__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0])) \
		       ? 1                                                               \
		       : -1;                                                             \
	 }))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]) + __must_be_array(a))

#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define offsetofend(type, member)  (offsetof(type, member) + sizeof_field(type, member))
/* A static analyser may bring a plainer one. */
#ifndef container_of
#define container_of(p, type, member)                                                          \
	__extension__({                                                                        \
		static_assert(__builtin_types_compatible_p(__typeof__(*(p)),                   \
							   __typeof__(((type *)0)->member)) || \
				      __builtin_types_compatible_p(__typeof__(*(p)), void),    \
			      "container_of: pointer of another type");                        \
		(type *)(__UINTPTR_TYPE__)((__UINTPTR_TYPE__)(p)-offsetof(type, member));      \
	})
#endif

/* A compile error if a and b differ in type, like Linux's: say min_t(type, a, b) to convert. */
#define __cmp_typed(a, b, op, x, y)    \
	__extension__({                \
		__typeof__(a) x = (a); \
		__typeof__(b) y = (b); \
		(void)(&x == &y);      \
		x op y ? x : y;        \
	})
#define __PASTE2(a, b)           a##b
#define __PASTE(a, b)            __PASTE2(a, b)
#define __UNIQUE(prefix)         __PASTE(prefix, __COUNTER__)
#define min(a, b)                __cmp_typed(a, b, <, __UNIQUE(__min_a), __UNIQUE(__min_b))
#define max(a, b)                __cmp_typed(a, b, >, __UNIQUE(__max_a), __UNIQUE(__max_b))
#define min_t(type, a, b)        min((type)(a), (type)(b))
#define max_t(type, a, b)        max((type)(a), (type)(b))
#define min3(a, b, c)            min(min(a, b), c)
#define max3(a, b, c)            max(max(a, b), c)
#define clamp(v, lo, hi)         min(max(v, lo), hi)
#define clamp_t(type, v, lo, hi) clamp((type)(v), (type)(lo), (type)(hi))

#define SWAP(a, b)                             \
	do {                                   \
		__typeof__(a) swap_tmp_ = (a); \
		(a) = (b);                     \
		(b) = swap_tmp_;               \
	} while (0)

/* n is a power of two in ALIGN*, any positive number in DIV_ROUND_UP and ROUND_UP. */
#define ALIGN(x, n)             (((x) + ((__typeof__(x))(n)-1)) & ~((__typeof__(x))(n)-1))
#define ALIGN_DOWN(x, n)        ((x) & ~((__typeof__(x))(n)-1))
#define IS_ALIGNED(x, n)        (((x) & ((__typeof__(x))(n)-1)) == 0)
#define PTR_ALIGN(p, n)         ((__typeof__(p))ALIGN((__UINTPTR_TYPE__)(p), n))
#define DIV_ROUND_UP(x, n)      (((x) + (n)-1) / (n))
#define ROUND_UP(x, n)          (DIV_ROUND_UP(x, n) * (n))
#define DIV_ROUND_CLOSEST(x, n) (((x) + (n) / 2) / (n))
#define IS_POWER_OF_2(x)        ((x) != 0 && ((x) & ((x)-1)) == 0)

/* One access, not torn, not repeated, not left out: for data another context changes. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)(__UINTPTR_TYPE__)(&(x)))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)(__UINTPTR_TYPE__)(&(x)) = (v))
#define barrier()        __asm__ __volatile__("" ::: "memory")
/* The compiler must think that v may have changed here. */
#define OPTIMIZER_HIDE_VAR(v) __asm__("" : "+r"(v))
/* Reached only if our own logic is wrong. */
#define unreachable() __builtin_unreachable()

#define __stringify_1(...) #__VA_ARGS__
#define __stringify(...)   __stringify_1(__VA_ARGS__)

/*
 * Registration without lists: SECTION_ENTRY(pci_drivers, struct pci_driver, name) declares a
 * variable that lands in section "pci_drivers"; section_for_each walks all of them, in link
 * order. Bare metal's linker script keeps them, hosted binaries link --whole-archive.
 * Members of a section must all be of one type, whose size is a multiple of its alignment;
 * register pointers (SECTION_PTR) when the struct is large.
 */
#define SECTION_DECLARE(sect, type)          \
	extern type __start_##sect[] __weak; \
	extern type __stop_##sect[] __weak
#define SECTION_ENTRY(sect, type, name) \
	static type name __used __section(#sect) __aligned(__alignof__(type))
#define section_for_each(p, sect) \
	for ((p) = __start_##sect; (__UINTPTR_TYPE__)(p) < (__UINTPTR_TYPE__)__stop_##sect; (p)++)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Formatted output into a buffer. All of C's integer, string and pointer conversions with flags,
 * width and precision; no floating point, no %n. Extensions after %p, as in Linux:
 *   %pI4  const be32 * or struct in_addr *    10.0.2.15
 *   %pI6  16 bytes, all eight groups          2001:0db8:0000:...
 *   %pI6c 16 bytes, RFC 5952 short form       2001:db8::1
 *   %pM   6 bytes                             52:54:00:12:34:56
 *   %pe   pointer from ERR_PTR                -ENOENT, or the number, or the address
 *   %pS   address of code                     symbol+0x12/0x40 (plain address if unknown)
 * A plain %p prints 16 hex digits.
 *
 * Code of the stack, which is freestanding, calls snprintf and vsnprintf; the functions' real
 * names have a prefix, so that a hosted binary keeps its C library's functions intact.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <lib/compiler.h>
#include <stdarg.h>

/* Return the length that the whole text has; at most size - 1 of it is stored, terminated. */
int lib_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int lib_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* The same, but return the length that was really stored (0 if size is 0). */
int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * Names an address for %pS: writes like "symbol+0x12/0x40" into buf and returns its length, or 0
 * if unknown. Weak here (knows nothing); a home with a symbol table overrides it.
 */
int printf_symbol(char *buf, size_t size, unsigned long addr);

#if !__STDC_HOSTED__
#define vsnprintf lib_vsnprintf
#define snprintf  lib_snprintf
#endif

#endif

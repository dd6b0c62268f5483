/* SPDX-License-Identifier: MIT */
/*
 * Formatted output (C11 7.21.6.1 without floating point and %n), and the kernel's additions to %p.
 * Any context: no lock, no allocation, under 300 bytes of stack. Text goes to a bounded sink that
 * counts what does not fit.
 */
#include <lib/printf.h>

#include <errno.h>
#include <lib/err.h>
#include <lib/inet_text.h>
#include <lib/string.h>

/* room: characters that buf may take, terminator not counted; len counts those that did not fit
 * as well. */
struct sink {
	char *buf;
	size_t room, len;
};

struct spec {
	bool left, plus, space, alt, zero; /* flags - + blank # 0 */
	bool upper, is_signed;
	int width;
	int precision; /* -1: none given */
	unsigned base;
};

static void put(struct sink *s, char c)
{
	if (s->len < s->room)
		s->buf[s->len] = c;
	s->len++;
}

static void put_many(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_bytes(struct sink *s, const char *text, size_t n)
{
	while (n--)
		put(s, *text++);
}

/* Text, padded to the width. */
static void put_field(struct sink *s, const struct spec *sp, const char *text, size_t len)
{
	int pad = sp->width > (int)len ? sp->width - (int)len : 0;

	if (!sp->left)
		put_many(s, ' ', pad);
	put_bytes(s, text, len);
	if (sp->left)
		put_many(s, ' ', pad);
}

static void put_string(struct sink *s, const struct spec *sp, const char *text)
{
	if (!text)
		text = "(null)";
	put_field(s, sp, text,
		  sp->precision < 0 ? strlen(text) : strnlen(text, (size_t)sp->precision));
}

/* Digits of v, last first; returns their number. */
static int digits_reversed(char *out, u64 v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	while (v) {
		out[n++] = set[v % base];
		v /= base;
	}
	return n;
}

/* v is the magnitude; sign, prefix, zeros and padding as the flags say. */
static void put_number(struct sink *s, const struct spec *sp, u64 v, bool negative)
{
	char digits[22], prefix[3];
	int n = digits_reversed(digits, v, sp->base, sp->upper), np = 0, zeros, pad;

	if (sp->is_signed && (negative || sp->plus || sp->space))
		prefix[np++] = negative ? '-' : sp->plus ? '+' : ' ';
	if (sp->alt && sp->base == 16 && v) {
		prefix[np++] = '0';
		prefix[np++] = sp->upper ? 'X' : 'x';
	}
	zeros = (sp->precision < 0 ? 1 : sp->precision) - n;
	if (sp->alt && sp->base == 8 && zeros <= 0)
		zeros = 1;
	if (sp->zero && !sp->left && sp->precision < 0 && sp->width - np - n > zeros)
		zeros = sp->width - np - n;
	if (zeros < 0)
		zeros = 0;
	pad = sp->width - np - zeros - n;
	if (!sp->left)
		put_many(s, ' ', pad);
	put_bytes(s, prefix, (size_t)np);
	put_many(s, '0', zeros);
	while (n)
		put(s, digits[--n]);
	if (sp->left)
		put_many(s, ' ', pad);
}

static void put_address(struct sink *s, struct spec *sp, const void *p)
{
	sp->base = 16;
	sp->precision = 16;
	sp->is_signed = false;
	put_number(s, sp, (uintptr_t)p, false);
}

int __weak printf_symbol(char *buf, size_t size, unsigned long addr)
{
	(void)buf;
	(void)size;
	(void)addr;
	return 0;
}

/* Names of the errors that messages show most; others print as numbers. */
static const char *error_name(long err)
{
#define E(name) [name] = #name
	static const char *const names[] = {
		E(EPERM),        E(ENOENT),       E(EINTR),        E(EIO),
		E(ENXIO),        E(E2BIG),        E(EBADF),        E(EAGAIN),
		E(ENOMEM),       E(EACCES),       E(EFAULT),       E(EBUSY),
		E(EEXIST),       E(ENODEV),       E(ENOTDIR),      E(EISDIR),
		E(EINVAL),       E(ENFILE),       E(EMFILE),       E(EFBIG),
		E(ENOSPC),       E(ESPIPE),       E(EROFS),        E(EPIPE),
		E(ERANGE),       E(ENAMETOOLONG), E(ENOSYS),       E(EPROTO),
		E(EBADMSG),      E(EOVERFLOW),    E(ENOTSOCK),     E(EDESTADDRREQ),
		E(EMSGSIZE),     E(EPROTOTYPE),   E(ENOPROTOOPT),  E(EPROTONOSUPPORT),
		E(EOPNOTSUPP),   E(EAFNOSUPPORT), E(EADDRINUSE),   E(EADDRNOTAVAIL),
		E(ENETDOWN),     E(ENETUNREACH),  E(ECONNABORTED), E(ECONNRESET),
		E(ENOBUFS),      E(EISCONN),      E(ENOTCONN),     E(ETIMEDOUT),
		E(ECONNREFUSED), E(EHOSTUNREACH), E(EALREADY),     E(EINPROGRESS),
	};
#undef E
	return err > 0 && err < (long)ARRAY_SIZE(names) ? names[err] : NULL;
}

static void put_error(struct sink *s, struct spec *sp, const void *p)
{
	const char *name = error_name(-PTR_ERR(p));
	char text[24];

	if (!IS_ERR(p)) {
		put_address(s, sp, p);
	} else if (name) {
		text[0] = '-';
		strscpy(text + 1, name, sizeof(text) - 1);
		put_string(s, sp, text);
	} else {
		sp->base = 10;
		sp->is_signed = true;
		put_number(s, sp, (u64)-PTR_ERR(p), true);
	}
}

static size_t ipv6_print_long(char *buf, const u8 *addr)
{
	static const char set[] = "0123456789abcdef";
	char *p = buf;

	for (int i = 0; i < 16; i++) {
		*p++ = set[addr[i] >> 4];
		*p++ = set[addr[i] & 15];
		if (i % 2 && i < 15)
			*p++ = ':';
	}
	return (size_t)(p - buf);
}

/* What follows %p at ext; returns the number of its characters. */
static int put_pointer(struct sink *s, struct spec *sp, const char *ext, const void *p)
{
	char text[80];
	size_t len;

	if (ext[0] == 'I' && (ext[1] == '4' || ext[1] == '6') && !p) {
		put_string(s, sp, NULL);
		return ext[1] == '6' && ext[2] == 'c' ? 3 : 2;
	}
	if (ext[0] == 'I' && ext[1] == '4') {
		be32 addr;

		memcpy(&addr, p, sizeof(addr));
		len = ipv4_print(text, addr);
		put_field(s, sp, text, len);
		return 2;
	}
	if (ext[0] == 'I' && ext[1] == '6') {
		bool compressed = ext[2] == 'c';

		len = compressed ? ipv6_print(text, p) : ipv6_print_long(text, p);
		put_field(s, sp, text, len);
		return compressed ? 3 : 2;
	}
	if (ext[0] == 'M') {
		if (!p)
			put_string(s, sp, NULL);
		else
			put_field(s, sp, text, mac_print(text, p));
		return 1;
	}
	if (ext[0] == 'e') {
		put_error(s, sp, p);
		return 1;
	}
	if (ext[0] == 'S') {
		len = (size_t)printf_symbol(text, sizeof(text), (unsigned long)p);
		if (len)
			put_field(s, sp, text, len);
		else
			put_address(s, sp, p);
		return 1;
	}
	put_address(s, sp, p);
	return 0;
}

/* A number or `*`; a negative `*` is returned as it is. */
static const char *take_number(const char *f, int *out, va_list *ap)
{
	int v = 0;

	if (*f == '*') {
		*out = va_arg(*ap, int);
		return f + 1;
	}
	while (*f >= '0' && *f <= '9') {
		if (v < 100000)
			v = v * 10 + (*f - '0');
		f++;
	}
	*out = v;
	return f;
}

static const char *take_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			sp->left = true;
			break;
		case '+':
			sp->plus = true;
			break;
		case ' ':
			sp->space = true;
			break;
		case '#':
			sp->alt = true;
			break;
		case '0':
			sp->zero = true;
			break;
		default:
			return f;
		}
	}
}

/* h, hh, l, ll, z, j, t as the operand's bytes. */
static const char *take_length(const char *f, int *bytes)
{
	*bytes = sizeof(int);
	switch (*f) {
	case 'h':
		*bytes = f[1] == 'h' ? 1 : 2;
		return f[1] == 'h' ? f + 2 : f + 1;
	case 'l':
		*bytes = 8;
		return f[1] == 'l' ? f + 2 : f + 1;
	case 'z':
	case 'j':
	case 't':
		*bytes = 8;
		return f + 1;
	}
	return f;
}

static void put_integer(struct sink *s, struct spec *sp, int bytes, va_list *ap)
{
	u64 v = bytes == 8 ? va_arg(*ap, u64) : va_arg(*ap, unsigned);
	unsigned unused_bits = 64 - 8 * (unsigned)bytes;
	s64 as_signed = (s64)(v << unused_bits) >> unused_bits;
	bool negative = sp->is_signed && as_signed < 0;

	v = v << unused_bits >> unused_bits;
	put_number(s, sp, negative ? -(u64)as_signed : v, negative);
}

/* One conversion, f behind its %; returns what follows it. */
static const char *put_conversion(struct sink *s, const char *f, va_list *ap)
{
	struct spec sp = {.precision = -1, .base = 10};
	const char *start = f;
	int bytes;
	char c;

	f = take_flags(f, &sp);
	f = take_number(f, &sp.width, ap);
	if (sp.width < 0) {
		sp.left = true;
		sp.width = sp.width > -100000 ? -sp.width : 100000;
	}
	if (*f == '.')
		f = take_number(f + 1, &sp.precision, ap);
	f = take_length(f, &bytes);
	switch (*f) {
	case 'd':
	case 'i':
		sp.is_signed = true;
		put_integer(s, &sp, bytes, ap);
		break;
	case 'u':
		put_integer(s, &sp, bytes, ap);
		break;
	case 'o':
		sp.base = 8;
		put_integer(s, &sp, bytes, ap);
		break;
	case 'X':
		sp.upper = true;
		fallthrough;
	case 'x':
		sp.base = 16;
		put_integer(s, &sp, bytes, ap);
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_field(s, &sp, &c, 1);
		break;
	case 's':
		put_string(s, &sp, va_arg(*ap, const char *));
		break;
	case 'p':
		f += put_pointer(s, &sp, f + 1, va_arg(*ap, const void *));
		break;
	case '%':
		put(s, '%');
		break;
	default:
		/* Not a conversion: shown as it stands, its arguments can't be known. */
		put(s, '%');
		return start;
	}
	return f + 1;
}

int lib_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = {.buf = buf, .room = size ? size - 1 : 0};
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = put_conversion(&s, fmt + 1, &args);
		else
			put(&s, *fmt++);
	}
	va_end(args);
	if (size)
		buf[s.len < s.room ? s.len : s.room] = '\0';
	return (int)s.len;
}

int lib_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = lib_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = lib_vsnprintf(buf, size, fmt, ap);

	if (!size)
		return 0;
	return n < (int)size ? n : (int)size - 1;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

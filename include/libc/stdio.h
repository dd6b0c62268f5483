/* SPDX-License-Identifier: MIT */
/*
 * Formatted output. Streams are unbuffered names for descriptors 0 to 2; each call is one write,
 * so lines of several threads do not mix. Conversions: see lib/printf.h.
 */
#ifndef _STDIO_H
#define _STDIO_H

#include <lib/printf.h>
#include <stdarg.h>
#include <stddef.h>

typedef const struct __file FILE;
extern FILE __stdin_file, __stdout_file, __stderr_file;
#define stdin  (&__stdin_file)
#define stdout (&__stdout_file)
#define stderr (&__stderr_file)

#define EOF    (-1)
#define BUFSIZ 1024

int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
int fprintf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int vfprintf(FILE *f, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int dprintf(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int vdprintf(int fd, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int puts(const char *s);
int fputs(const char *s, FILE *f);
int putchar(int c);
int fputc(int c, FILE *f);
int fflush(FILE *f);
int fileno(FILE *f);
void perror(const char *prefix);

#endif

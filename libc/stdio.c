/* SPDX-License-Identifier: MIT */
/*
 * Formatted output to descriptors. Each call is one write, so that lines of several threads do not
 * mix: short texts are put together on the stack, long ones on the heap, and cut to what fits the
 * stack if that fails. Thread context.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_TEXT_BYTES 256

struct __file {
	int fd;
};

const struct __file __stdin_file = {STDIN_FILENO};
const struct __file __stdout_file = {STDOUT_FILENO};
const struct __file __stderr_file = {STDERR_FILENO};

/* All of it, unless an error says otherwise. */
static int write_all(int fd, const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return (int)len;
}

int vdprintf(int fd, const char *fmt, va_list ap)
{
	char small[STACK_TEXT_BYTES], *big;
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(small, sizeof(small), fmt, ap);
	if (len < (int)sizeof(small)) {
		va_end(again);
		return write_all(fd, small, (size_t)len);
	}
	big = malloc((size_t)len + 1);
	if (big) {
		vsnprintf(big, (size_t)len + 1, fmt, again);
		len = write_all(fd, big, (size_t)len);
		free(big);
	} else {
		len = write_all(fd, small, sizeof(small) - 1);
	}
	va_end(again);
	return len;
}

int dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}

int vfprintf(FILE *f, const char *fmt, va_list ap)
{
	return vdprintf(f->fd, fmt, ap);
}

int fprintf(FILE *f, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(f->fd, fmt, ap);
	va_end(ap);
	return n;
}

int vprintf(const char *fmt, va_list ap)
{
	return vdprintf(STDOUT_FILENO, fmt, ap);
}

int printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(STDOUT_FILENO, fmt, ap);
	va_end(ap);
	return n;
}

int fputs(const char *s, FILE *f)
{
	return write_all(f->fd, s, strlen(s));
}

int puts(const char *s)
{
	return printf("%s\n", s);
}

int fputc(int c, FILE *f)
{
	char byte = (char)c;

	return write_all(f->fd, &byte, 1) < 0 ? EOF : (unsigned char)byte;
}

int putchar(int c)
{
	return fputc(c, stdout);
}

int fflush(FILE *f)
{
	(void)f;
	return 0;
}

int fileno(FILE *f)
{
	return f->fd;
}

void perror(const char *prefix)
{
	const char *text = strerror(errno);

	if (prefix && *prefix)
		fprintf(stderr, "%s: %s\n", prefix, text);
	else
		fprintf(stderr, "%s\n", text);
}

/* SPDX-License-Identifier: MIT */
/*
 * Text of /proc files: printed whole when the file is first read, into a buffer that doubles.
 */
#include <kernel/mm.h>
#include <kernel/vfs.h>
#include <lib/printf.h>
#include <stdarg.h>
#include <string.h>

#define SEQ_FIRST_SIZE 1024
#define SEQ_MAX_SIZE   (4u << 20) /* the largest kmalloc() */

/* Room for more bytes and a NUL. */
static bool reserve(struct seq_file *m, size_t more)
{
	size_t size = m->size ? m->size : SEQ_FIRST_SIZE;
	char *buf;

	if (m->failed || more >= SEQ_MAX_SIZE - m->len)
		goto fail;
	while (m->len + more + 1 > size)
		size *= 2;
	if (size == m->size)
		return true;
	buf = krealloc(m->buf, size, GFP_KERNEL);
	if (!buf)
		goto fail;
	m->buf = buf;
	m->size = size;
	return true;
fail:
	m->failed = true;
	return false;
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(m, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(m->buf + m->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	m->len += (size_t)n;
}

void seq_write(struct seq_file *m, const void *data, size_t len)
{
	if (!reserve(m, len))
		return;
	memcpy(m->buf + m->len, data, len);
	m->len += len;
}

void seq_puts(struct seq_file *m, const char *s)
{
	seq_write(m, s, strlen(s));
}

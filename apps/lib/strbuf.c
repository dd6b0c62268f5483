/* SPDX-License-Identifier: MIT */
/* Text that grows: contract in strbuf.h. */
#include "strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 512

static bool reserve(struct strbuf *s, size_t more)
{
	size_t size = s->size ? s->size : FIRST_SIZE;
	char *text;

	while (size <= s->len + more)
		size *= 2;
	if (s->failed || size == s->size)
		return !s->failed;
	text = realloc(s->text, size);
	if (!text) {
		s->failed = true;
		return false;
	}
	s->text = text;
	s->size = size;
	return true;
}

void strbuf_add(struct strbuf *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(s, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

void strbuf_add_quoted(struct strbuf *s, const char *text)
{
	strbuf_add(s, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			strbuf_add(s, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			strbuf_add(s, "\\u%04x", (unsigned char)*text);
		else
			strbuf_add(s, "%c", *text);
	}
	strbuf_add(s, "\"");
}

void strbuf_free(struct strbuf *s)
{
	free(s->text);
	*s = (struct strbuf){0};
}

/* SPDX-License-Identifier: MIT */
/* Text that grows. Out of memory is remembered, not reported at each step. */
#ifndef APPS_LIB_STRBUF_H
#define APPS_LIB_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *text; /* NUL-terminated; NULL while empty */
	size_t len, size;
	bool failed;
};

void strbuf_add(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As a JSON string, with its quotes. */
void strbuf_add_quoted(struct strbuf *s, const char *text);
void strbuf_free(struct strbuf *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line: words separated by blanks, `key` or `key=value`, double quotes keep
 * blanks together. Read-only after boot.
 */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include <lib/types.h>

#define CMDLINE_MAX 2048

/* Keep a copy of line and split it. Too long a line is cut, and that is logged. */
void cmdline_init(const char *line);
const char *cmdline_get_all(void);

/* Value of the last word `key=value` ("" for a bare `key`), NULL when absent. */
const char *cmdline_get(const char *key);

/* Call fn for each word in order; value is NULL for a bare key. */
void cmdline_for_each(void (*fn)(const char *key, const char *value, void *arg), void *arg);

/* Mark key as understood, as cmdline_get() does; cmdline_report_unknown() logs the words nobody
 * asked for. */
void cmdline_mark_known(const char *key);
void cmdline_report_unknown(void);

#endif

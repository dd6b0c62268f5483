/* SPDX-License-Identifier: MIT */
/* Small /proc files as text, for the programs that print them their own way. */
#ifndef APPS_TOOLS_TEXT_H
#define APPS_TOOLS_TEXT_H

/* The whole file, NUL-terminated, to be freed; NULL with errno. */
char *read_text(const char *path);

/* The number behind key ("MemTotal:") at a line's start; 0 where there is none. */
unsigned long long text_number(const char *text, const char *key);

#endif

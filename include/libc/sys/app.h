/* SPDX-License-Identifier: MIT */
/* How a program becomes part of the image: APP() in its source is all it takes. An extension. */
#ifndef _SYS_APP_H
#define _SYS_APP_H

#include <stdbool.h>

/* Run by name: from the kernel command line (init="httpd -p 80; echo") or the shell. */
struct app {
	const char *name;
	const char *usage; /* one line: synopsis, a colon, what it does */
	int (*main)(int argc, char **argv);
	bool autostart; /* started at boot unless init= says otherwise */
};

#define APP(nm, fn, help, start)           \
	static const struct app __app_##nm \
		__attribute__((section("apps"), used, aligned(8))) = {#nm, help, fn, start}

/* Run an application by name in this thread; its result, or -1 with errno (ENOENT: none has that
 * name). */
int app_run(int argc, char **argv);

#endif

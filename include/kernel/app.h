/* SPDX-License-Identifier: MIT */
/* How a program becomes part of the image: APP() in its source is all it takes. */
#ifndef KERNEL_APP_H
#define KERNEL_APP_H

#include <stdbool.h>

/* Run by name: from the kernel command line (init="httpd -p 80; echod") or the shell. */
struct app {
	const char *name;
	const char *usage; /* one line: synopsis, a colon, what it does */
	int (*main)(int argc, char **argv);
	bool autostart; /* started at boot unless init= says otherwise */
};

#define APP(nm, fn, help, start)           \
	static const struct app __app_##nm \
		__attribute__((section("apps"), used, aligned(8))) = {#nm, help, fn, start}

#endif

/* SPDX-License-Identifier: MIT */
/* watch: a command again and again, on a clean screen, until Ctrl-C. */
#include <stdio.h>
#include <string.h>
#include <sys/app.h>

#include "../lib/num.h"
#include "../lib/opts.h"
#include "../lib/term.h"

#define MAX_WORDS 64

static int watch_main(int argc, char **argv)
{
	uint64_t ms = 2000;
	int first = 1, status = 0;
	char secs[DECIMAL_BYTES];

	/* Options end at the command: those behind it are its own. */
	if (argc > 2 && !strcmp(argv[1], "-n")) {
		if (!parse_decimal(argv[2], 1000, &ms) || ms < 100 || ms > 86400000)
			return app_usage(argv[0]);
		first = 3;
	}
	if (first >= argc || argv[first][0] == '-' || argc - first >= MAX_WORDS)
		return app_usage(argv[0]);
	do {
		char *words[MAX_WORDS + 1] = {NULL};

		memcpy(words, argv + first, (size_t)(argc - first) * sizeof(*words));
		printf("\x1b[H\x1b[2JEvery %ss:", decimal(secs, ms, 1000, 1));
		for (int i = first; i < argc; i++)
			printf(" %s", argv[i]);
		printf("\n\n");
		status = app_run(argc - first, words);
		if (status < 0) {
			fprintf(stderr, "watch: %s: no such command\n", argv[first]);
			return 127;
		}
	} while (!sleep_or_interrupt((unsigned)ms));
	return status;
}

APP(watch, watch_main, "watch [-n seconds] command...: run it again and again", false);

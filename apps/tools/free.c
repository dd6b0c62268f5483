/* SPDX-License-Identifier: MIT */
/*
 * free: memory. What sockets hold, what packets' pools hold and what files hold have columns of
 * their own (docs/memory.md), so that nobody takes one for the other.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>

#include "../lib/num.h"
#include "../lib/opts.h"
#include "../lib/term.h"

static const struct {
	const char *title, *key; /* of /proc/meminfo; NULL: used */
} columns[] = {
	{"total", "MemTotal:"},         {"used", NULL},
	{"free", "MemFree:"},           {"slab", "Slab:"},
	{"sock-recv", "SockRecv:"},     {"sock-send", "SockSend:"},
	{"skb-pool", "SkbPool:"},       {"buff/cache", "Cached:"},
	{"available", "MemAvailable:"},
};

#define NCOLUMNS (sizeof(columns) / sizeof(columns[0]))

/* KiB as people read them: three digits or so and a unit. */
static void print_human(uint64_t kib)
{
	static const char units[] = "KMGT";
	char text[DECIMAL_BYTES], with_unit[DECIMAL_BYTES + 4];
	uint64_t scaled = kib * 10;
	unsigned u = 0;

	for (; scaled >= 10240 && units[u + 1]; u++)
		scaled /= 1024;
	decimal(text, scaled, 10, scaled < 100 && u ? 1 : 0);
	snprintf(with_unit, sizeof(with_unit), "%s%ci", text, units[u]);
	printf(" %11s", with_unit);
}

/* unit in bytes, 0: for people. */
static bool print_memory(uint64_t unit)
{
	char *t = read_text("/proc/meminfo");

	if (!t) {
		perror("free");
		return false;
	}
	printf("    ");
	for (size_t i = 0; i < NCOLUMNS; i++)
		printf(" %11s", columns[i].title);
	printf("\nMem:");
	for (size_t i = 0; i < NCOLUMNS; i++) {
		uint64_t kib = columns[i].key
				       ? text_number(t, columns[i].key)
				       : text_number(t, "MemTotal:") - text_number(t, "MemFree:");

		if (unit)
			printf(" %11llu", (unsigned long long)(kib * 1024 / unit));
		else
			print_human(kib);
	}
	printf("\n");
	free(t);
	return true;
}

static int free_main(int argc, char **argv)
{
	static const struct long_opt longs[] = {
		{"bytes", 'b', false}, {"kibi", 'k', false},  {"mebi", 'm', false},
		{"gibi", 'g', false},  {"human", 'h', false}, {"seconds", 's', true},
		{"count", 'c', true},  {NULL, 0, false},
	};
	struct opts o = {.argc = argc, .argv = argv, .letters = "bkmghs:c:", .longs = longs};
	uint64_t unit = 1024, every_ms = 0;
	unsigned count = 0;
	int letter;

	while ((letter = opts_next(&o)) != -1) {
		if (letter == 'h')
			unit = 0;
		else if (letter == 's' && parse_decimal(o.arg, 1000, &every_ms) && every_ms &&
			 every_ms < 86400000)
			continue;
		else if (letter == 'c' && parse_uint(o.arg, 1, 1000000, &count))
			continue;
		else if (letter == 'b' || letter == 'k' || letter == 'm' || letter == 'g')
			unit = letter == 'b'   ? 1
			       : letter == 'k' ? 1024
			       : letter == 'm' ? 1024 * 1024
					       : 1024 * 1024 * 1024;
		else
			return app_usage(argv[0]);
	}
	if (o.next < argc)
		return app_usage(argv[0]);
	if (count && !every_ms)
		every_ms = 1000;
	while (print_memory(unit)) {
		if (!every_ms || (count && !--count) || sleep_or_interrupt((unsigned)every_ms))
			return 0;
		printf("\n");
	}
	return 1;
}

APP(free, free_main, "free [-b|-k|-m|-g|-h] [-s seconds] [-c count]: memory, in KiB by default",
    false);

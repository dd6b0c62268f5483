/* SPDX-License-Identifier: MIT */
/* dmesg: the kernel's log, by level, once or as it grows. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <unistd.h>

#include "../lib/opts.h"
#include "../lib/term.h"

#define FOLLOW_MS 200
#define LEVELS    8
#define ALL       0xffu

static const char *const level_names[LEVELS] = {"emerg", "alert",  "crit", "err",
						"warn",  "notice", "info", "debug"};

struct dmesg {
	unsigned levels; /* mask */
	bool follow, raw, decode, no_time;
};

/* "err,warn", "warn+": this and what is more serious. */
static bool parse_levels(const char *s, unsigned *mask)
{
	*mask = 0;
	while (*s) {
		size_t n = strcspn(s, ",");
		size_t len = n && s[n - 1] == '+' ? n - 1 : n;
		unsigned level = 0;

		while (level < LEVELS &&
		       (strlen(level_names[level]) != len || strncmp(level_names[level], s, len)))
			level++;
		if (level == LEVELS)
			return false;
		*mask |= len < n ? (2u << level) - 1 : 1u << level;
		s += n;
		s += *s == ',';
	}
	return *mask != 0;
}

/* One record "<6>[    1.000000] text", without its line end. */
static void print_record(const struct dmesg *d, const char *line, size_t len)
{
	unsigned level = len > 2 && line[0] == '<' ? (unsigned)(line[1] - '0') : 6;
	const char *text = line, *end = line + len;

	if (level >= LEVELS || !(d->levels >> level & 1))
		return;
	if (!d->raw && line[0] == '<')
		text = memchr(line, '>', len) ? (const char *)memchr(line, '>', len) + 1 : line;
	if (d->no_time && text < end && *text == '[') {
		const char *close = memchr(text, ']', (size_t)(end - text));

		text = close && close + 2 <= end ? close + 2 : text;
	}
	if (d->decode)
		printf("kern  :%-6s: %.*s\n", level_names[level], (int)(end - text), text);
	else
		printf("%.*s\n", (int)(end - text), text);
}

static int print_log(const struct dmesg *d)
{
	int fd = open("/dev/kmsg", O_RDONLY);
	char buf[512];

	if (fd < 0) {
		perror("dmesg");
		return 1;
	}
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf)); /* whole records */
		const char *p = buf, *nl;

		if (n <= 0 && (!d->follow || sleep_or_interrupt(FOLLOW_MS)))
			break;
		for (; n > 0 && (nl = memchr(p, '\n', (size_t)n)); p = nl + 1) {
			print_record(d, p, (size_t)(nl - p));
			n -= nl + 1 - p;
		}
	}
	close(fd);
	return 0;
}

static int dmesg_main(int argc, char **argv)
{
	static const struct long_opt longs[] = {
		{"level", 'l', true},   {"follow", 'w', false}, {"raw", 'r', false},
		{"decode", 'x', false}, {"notime", 't', false}, {NULL, 0, false},
	};
	struct opts o = {.argc = argc, .argv = argv, .letters = "l:wrxt", .longs = longs};
	struct dmesg d = {.levels = ALL};
	int letter;

	while ((letter = opts_next(&o)) != -1) {
		d.follow |= letter == 'w';
		d.raw |= letter == 'r';
		d.decode |= letter == 'x';
		d.no_time |= letter == 't';
		if (letter == '?')
			return app_usage(argv[0]);
		if (letter == 'l' && !parse_levels(o.arg, &d.levels)) {
			fprintf(stderr, "dmesg: unknown level '%s'\n", o.arg);
			return 1;
		}
	}
	if (o.next < argc)
		return app_usage(argv[0]);
	return print_log(&d);
}

APP(dmesg, dmesg_main,
    "dmesg [-wrxt] [-l LEVEL[,LEVEL]...]: the kernel's log (levels emerg to debug; err+: and up)",
    false);

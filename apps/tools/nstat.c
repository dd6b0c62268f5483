/* SPDX-License-Identifier: MIT */
/*
 * nstat: the counters of /proc/net/snmp and /proc/net/netstat, what they grew by since the last
 * nstat or since boot, in iproute2's format. Its memory of the last time is the one of the console.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>

#include "../lib/num.h"
#include "../lib/opts.h"

#define NAME_BYTES 64

struct counter {
	char name[NAME_BYTES];
	uint64_t value;
};

struct counters {
	unsigned n, size;
	struct counter *c;
};

/* The values at the last call, by position: the kernel's files keep their order. */
static struct counters history;

/* Settings among the counters. */
static bool is_setting(const char *name)
{
	static const char *const names[] = {"IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm",
					    "TcpRtoMin",    "TcpRtoMax",    "TcpMaxConn",
					    "TcpCurrEstab"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool add(struct counters *all, const char *group, size_t group_len, const char *name,
		size_t len, uint64_t value)
{
	struct counter *c;

	if (all->n == all->size) {
		unsigned size = all->size ? all->size * 2 : 256;

		c = realloc(all->c, size * sizeof(*c));
		if (!c)
			return false;
		all->c = c;
		all->size = size;
	}
	c = &all->c[all->n];
	snprintf(c->name, sizeof(c->name), "%.*s%.*s", (int)group_len, group, (int)len, name);
	c->value = value;
	all->n += !is_setting(c->name);
	return true;
}

/* "Ip: Forwarding DefaultTTL ...\nIp: 2 64 ...\n": one pair of lines. Returns what follows; NULL:
 * nothing does, or there is no memory. */
static const char *read_pair(struct counters *all, const char *text)
{
	const char *group = text, *names, *values = strchr(text, '\n');
	size_t group_len = strcspn(text, ":\n");

	if (!values || text[group_len] != ':')
		return NULL;
	names = text + group_len + 1;
	values += 1 + group_len + 1;
	for (;;) {
		size_t len;
		char *end;

		names += strspn(names, " ");
		len = strcspn(names, " \n");
		if (!len)
			break;
		if (!add(all, group, group_len, names, len, strtoull(values, &end, 10)))
			return NULL;
		names += len;
		values = end;
	}
	values = strchr(values, '\n');
	return values && values[1] ? values + 1 : NULL;
}

static bool read_file(struct counters *all, const char *path)
{
	char *text = read_text(path);

	for (const char *p = text; p;)
		p = read_pair(all, p);
	free(text);
	return text != NULL;
}

/* Shell patterns: * and ?. */
static bool glob(const char *pattern, const char *s)
{
	const char *star = NULL, *retry = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = pattern++;
			retry = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star + 1;
			s = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool wanted(const char *name, int n, char **patterns)
{
	for (int i = 0; i < n; i++)
		if (glob(patterns[i], name))
			return true;
	return !n;
}

static void print_counters(const struct counters *now, bool absolute, bool zeros, int n,
			   char **patterns)
{
	printf("#kernel\n");
	for (unsigned i = 0; i < now->n; i++) {
		const struct counter *c = &now->c[i];
		bool known = !absolute && i < history.n && !strcmp(history.c[i].name, c->name);
		uint64_t v = c->value - (known ? history.c[i].value : 0);

		if ((v || zeros) && wanted(c->name, n, patterns))
			printf("%-32s%-16llu%6s\n", c->name, (unsigned long long)v, "0.0");
	}
}

static int nstat_main(int argc, char **argv)
{
	static const struct long_opt longs[] = {
		{"ignore", 'a', false},   {"zeros", 'z', false}, {"reset", 'r', false},
		{"noupdate", 's', false}, {NULL, 0, false},
	};
	struct opts o = {.argc = argc, .argv = argv, .letters = "azrsn", .longs = longs};
	bool absolute = false, zeros = false, keep = false, silent = false;
	struct counters now = {0};
	int letter;

	while ((letter = opts_next(&o)) != -1) {
		absolute |= letter == 'a' || letter == 'r';
		zeros |= letter == 'z';
		keep |= letter == 's';
		silent |= letter == 'n';
		if (letter == '?')
			return app_usage(argv[0]);
	}
	if (!read_file(&now, "/proc/net/snmp") || !read_file(&now, "/proc/net/netstat")) {
		perror("nstat");
		free(now.c);
		return 1;
	}
	if (!silent)
		print_counters(&now, absolute, zeros, argc - o.next, argv + o.next);
	if (keep) {
		free(now.c);
	} else {
		free(history.c);
		history = now;
	}
	return 0;
}

APP(nstat, nstat_main,
    "nstat [-azrsn] [PATTERN]...: counters, what they grew by since the last time (-a: since boot, "
    "-z: zeros too, -s: don't remember)",
    false);

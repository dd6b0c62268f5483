/* SPDX-License-Identifier: MIT */
/* ps and top: threads and what they cost, since boot or from one look to the next. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/thread.h>

#include "../lib/num.h"
#include "../lib/opts.h"
#include "../lib/term.h"

#define MAX_THREADS 256
#define NAME_BYTES  16

struct sample {
	unsigned tid, cpu, prio;
	char state;
	uint64_t runtime_us, switches;
	char name[NAME_BYTES];
};

struct snapshot {
	uint64_t at_us;
	unsigned n;
	struct sample t[MAX_THREADS];
};

/* A line of /proc/threads: "  PID CPU S P    TIME_US   SWITCHES NAME". */
static bool parse_thread(const char *line, struct sample *t)
{
	char *end;

	t->tid = (unsigned)strtoul(line, &end, 10);
	if (end == line)
		return false;
	t->cpu = (unsigned)strtoul(end, &end, 10);
	end += *end == ' ';
	t->state = *end ? *end++ : '?';
	t->prio = (unsigned)strtoul(end, &end, 10);
	t->runtime_us = strtoull(end, &end, 10);
	t->switches = strtoull(end, &end, 10);
	end += *end == ' ';
	snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(end, "\n"), end);
	return true;
}

static bool take(struct snapshot *s)
{
	char *text = read_text("/proc/threads");

	if (!text)
		return false;
	s->at_us = now_us();
	s->n = 0;
	for (const char *line = strchr(text, '\n'); line && s->n < MAX_THREADS;
	     line = strchr(line + 1, '\n'))
		s->n += parse_thread(line + 1, &s->t[s->n]);
	free(text);
	return true;
}

/* Idle threads all have number 0, one a CPU. */
static uint64_t runtime_before(const struct snapshot *before, const struct sample *t)
{
	for (unsigned i = 0; before && i < before->n; i++)
		if (before->t[i].tid == t->tid && before->t[i].cpu == t->cpu)
			return before->t[i].runtime_us;
	return 0;
}

static int by_runtime(const void *a, const void *b)
{
	uint64_t ra = ((const struct sample *)a)->runtime_us;
	uint64_t rb = ((const struct sample *)b)->runtime_us;

	return ra < rb ? 1 : ra > rb ? -1 : 0;
}

/* now's times are taken relative to before; NULL: to the boot. */
static void print_threads(const struct snapshot *before, struct snapshot *now, bool sort)
{
	static const char *const prios[] = {"high", "norm", "idle"};
	uint64_t span = now->at_us - (before ? before->at_us : 0);
	char percent[DECIMAL_BYTES], time[DECIMAL_BYTES];

	for (unsigned i = 0; i < now->n; i++)
		now->t[i].runtime_us -= runtime_before(before, &now->t[i]);
	if (sort)
		qsort(now->t, now->n, sizeof(now->t[0]), by_runtime);
	printf("  PID CPU S PRI  %%CPU       TIME   SWITCHES COMMAND\n");
	for (unsigned i = 0; i < now->n; i++) {
		const struct sample *t = &now->t[i];

		printf("%5u %3u %c %s %5s %10s %10llu %s\n", t->tid, t->cpu, t->state,
		       t->prio < 3 ? prios[t->prio] : "?",
		       decimal(percent, span ? mul_div(t->runtime_us, 1000, span) : 0, 10, 1),
		       decimal(time, t->runtime_us, 1000000, 3), (unsigned long long)t->switches,
		       t->name);
	}
}

static int ps_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "efaux"};
	struct snapshot *s;
	int letter;

	/* Every thread is shown in any case, whatever letters somebody is used to. */
	while ((letter = opts_next(&o)) != -1)
		if (letter == '?')
			return app_usage(argv[0]);
	if (o.next < argc && strcmp(argv[o.next], "aux") && strcmp(argv[o.next], "ax"))
		return app_usage(argv[0]);
	s = malloc(sizeof(*s));
	if (!s || !take(s)) {
		perror("ps");
		free(s);
		return 1;
	}
	print_threads(NULL, s, false);
	free(s);
	return 0;
}

/* Idle time is what the idle threads took. */
static void print_head(const struct snapshot *before, const struct snapshot *now)
{
	uint64_t idle = 0, span = (now->at_us - before->at_us) * (unsigned)get_nprocs();
	char busy[DECIMAL_BYTES];

	for (unsigned i = 0; i < now->n; i++)
		if (!now->t[i].tid)
			idle += now->t[i].runtime_us - runtime_before(before, &now->t[i]);
	if (idle > span)
		idle = span;
	printf("top: %d CPU%s, %u threads, %s%% busy\n", get_nprocs(), get_nprocs() == 1 ? "" : "s",
	       now->n, decimal(busy, span ? mul_div(span - idle, 1000, span) : 0, 10, 1));
}

static int top(unsigned ms, unsigned count, bool clear)
{
	struct snapshot *s = calloc(3, sizeof(*s)), *before, *now;
	bool ok = s && take(&s[0]);

	for (unsigned i = 0; ok && (!count || i < count) && !sleep_or_interrupt(ms); i++) {
		before = &s[i & 1];
		now = &s[!(i & 1)];
		ok = take(now);
		if (!ok)
			break;
		if (clear)
			printf("\x1b[H\x1b[2J");
		print_head(before, now);
		s[2] = *now; /* the next look needs it as it is */
		print_threads(before, &s[2], true);
	}
	if (!ok)
		perror("top");
	free(s);
	return !ok;
}

static int top_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "bn:d:"};
	uint64_t ms = 2000;
	unsigned count = 0;
	bool batch = false;
	int letter;

	while ((letter = opts_next(&o)) != -1) {
		if (letter == 'b')
			batch = true;
		else if (letter == '?' ||
			 (letter == 'n' && !parse_uint(o.arg, 1, 1000000, &count)) ||
			 (letter == 'd' &&
			  (!parse_decimal(o.arg, 1000, &ms) || ms < 10 || ms > 3600000)))
			return app_usage(argv[0]);
	}
	return o.next < argc ? app_usage(argv[0]) : top((unsigned)ms, count, !batch);
}

APP(ps, ps_main, "ps: threads, their CPU and how much of it they used since boot", false);
APP(top, top_main,
    "top [-b] [-d seconds] [-n count]: threads by the CPU time they use now (-b: without clearing "
    "the screen)",
    false);

/* SPDX-License-Identifier: MIT */
/*
 * httpd: an HTTP/1.1 server for the image's files. This file reads the options and starts a worker
 * on each CPU.
 */
#include "httpd_int.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/thread.h>
#include <unistd.h>

#define SYNOPSIS                                                   \
	"httpd [-p port] [-r root] [-t threads] [-c connections] " \
	"[-k keep-alive-s] [-h head-s] [-s send-s]"
#define LINGER_MS 2000u

static int usage(void)
{
	fprintf(stderr, "usage: " SYNOPSIS "\n");
	return 2;
}

/* A number in lo..hi, or -1 with a message. */
static long number(const char *text, long lo, long hi, const char *what)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (!*text || *end || v < lo || v > hi) {
		fprintf(stderr, "httpd: %s is not %s between %ld and %ld\n", text, what, lo, hi);
		return -1;
	}
	return v;
}

/* n workers, each on a CPU of its own: the caller's, which may be any, has one already. */
static void start_others(struct httpd_config *cfg, long n)
{
	for (int cpu = 0; cpu < get_nprocs() && n > 0; cpu++) {
		if (cpu == sched_getcpu())
			continue;
		if (thread_start("httpd", worker_run, cfg, (unsigned)cpu) < 0)
			fprintf(stderr, "httpd: no thread on CPU %d\n", cpu);
		n--;
	}
}

/* One option into *cfg and *threads; false: it is wrong, which was said. */
static bool take_option(struct httpd_config *cfg, int opt, long *threads)
{
	static const enum conn_wait wait_of[] = {
		['k'] = WAIT_REQUEST, ['h'] = WAIT_HEAD, ['s'] = WAIT_SEND};
	long n = 0;

	switch (opt) {
	case 'p':
		n = number(optarg, 1, 65535, "a port");
		cfg->port = (unsigned)n;
		break;
	case 't':
		n = *threads = number(optarg, 1, get_nprocs(), "a number of threads");
		break;
	case 'c':
		n = number(optarg, 1, 1000000, "a number of connections");
		cfg->max_conns = (unsigned)n;
		break;
	case 'k':
	case 'h':
	case 's':
		n = number(optarg, 1, 86400, "a number of seconds");
		cfg->timeout_ms[wait_of[opt]] = (unsigned)n * 1000;
		break;
	case 'r':
		cfg->root = optarg;
		break;
	default:
		usage();
		n = -1;
	}
	return n >= 0;
}

static int httpd_main(int argc, char **argv)
{
	struct httpd_config *cfg = malloc(sizeof(*cfg));
	long threads = get_nprocs();
	int opt;

	if (!cfg)
		return 1;
	*cfg = (struct httpd_config){
		.root = "/www",
		.port = 80,
		.backlog = 4096,
		.max_conns = 500000,
		.timeout_ms = {[WAIT_REQUEST] = 75000,
			       [WAIT_HEAD] = 10000,
			       [WAIT_SEND] = 30000,
			       [WAIT_LINGER] = LINGER_MS},
	};
	optind = 0;
	while ((opt = getopt(argc, argv, "p:r:t:c:k:h:s:")) != -1) {
		if (!take_option(cfg, opt, &threads)) {
			free(cfg);
			return 2;
		}
	}
	cfg->root = strdup(cfg->root); /* like *cfg for as long as the workers: for ever */
	start_others(cfg, threads - 1);
	return worker_run(cfg);
}

APP(httpd, httpd_main, SYNOPSIS ": HTTP server", true);

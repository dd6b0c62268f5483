/* SPDX-License-Identifier: MIT */
/*
 * httpd: an HTTP/1.1 server for the image's files. `httpd [-p port] [-r root] [-t threads]`. This
 * file reads the options and starts a worker on each CPU.
 */
#include "httpd_int.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/thread.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: httpd [-p port] [-r root] [-t threads] [-c connections]\n");
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

static int httpd_main(int argc, char **argv)
{
	struct httpd_config *cfg = malloc(sizeof(*cfg));
	long threads = get_nprocs(), port = 80, conns = 500000;
	const char *root = "/www";
	int opt;

	if (!cfg)
		return 1;
	optind = 0;
	while ((opt = getopt(argc, argv, "p:r:t:c:")) != -1) {
		if (opt == 'p')
			port = number(optarg, 1, 65535, "a port");
		else if (opt == 't')
			threads = number(optarg, 1, get_nprocs(), "a number of threads");
		else if (opt == 'c')
			conns = number(optarg, 1, 1000000, "a number of connections");
		else if (opt == 'r')
			root = optarg;
		else
			port = -2;
		if (port < 0 || threads < 0 || conns < 0) {
			free(cfg);
			return port == -2 ? usage() : 2;
		}
	}
	/* Lives as long as the workers: for ever. A trailing slash would make every path "//...".
	 */
	*cfg = (struct httpd_config){.root = strdup(root),
				     .port = (unsigned)port,
				     .backlog = 4096,
				     .max_conns = (unsigned)conns};
	start_others(cfg, threads - 1);
	return worker_run(cfg);
}

APP(httpd, httpd_main, "httpd [-p port] [-r root] [-t threads] [-c connections]: HTTP server",
    true);

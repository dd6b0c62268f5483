/* SPDX-License-Identifier: MIT */
/*
 * The simulator's outside: seeds are run each in a process of its own, so that a seed gives the
 * same run alone as among thousands, and one that crashes fails alone. What a seed says is kept,
 * and shown if it fails; it is run again then, with its frames written to a file.
 *
 * usage: sim [--seeds N] [--first S] [--kept FILE] [--jobs N] [--minutes N] [--out FOLDER]
 *        sim --seed N [--pcap FILE] [--verbose]
 */
#include "sim.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host_int.h"

#define REAL_LIMIT_S  120 /* of a seed */
#define VIRTUAL_LIMIT (6ull * 3600 * NSEC_PER_SEC)
#define FAULTS_NS     (1800 * NSEC_PER_SEC)
#define MAX_JOBS      16u
#define MAX_TOLD      20u /* failures shown whole */
#define MAX_KEPT      256u

struct sim_options sim_opt;
static char story[65536];
static size_t story_len;

/* ---- one seed ----------------------------------------------------------------------------------
 */

void sim_note(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(story + story_len, sizeof(story) - story_len, fmt, ap);
	va_end(ap);
	if (n > 0 && story_len + (size_t)n + 2 < sizeof(story)) {
		story_len += (size_t)n;
		story[story_len++] = '\n';
		story[story_len] = '\0';
	}
	if (sim_opt.verbose)
		fprintf(stderr, "%12.6f %s", (double)ktime_get_ns() / 1e9,
			story + story_len - (size_t)n - 1);
}

_Noreturn void sim_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "seed %llu, at %.6f s: ", sim_opt.seed,
		(double)(ktime_get_ns() - world.start_ns) / 1e9);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%s", sim_opt.verbose ? "" : story);
	fflush(NULL);
	if (getenv("SIM_ABORT"))
		abort();
	_exit(1);
}

/* A crash tells the story too. */
void __asan_on_error(void);
void __asan_on_error(void)
{
	fprintf(stderr, "seed %llu crashed\n%s", sim_opt.seed, story);
}

static void check_all(void)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		check_sockets(&world.host[i].net);
}

/* Let everything happen until done() or until limit; the rules are checked after each event. */
static void run_until(bool (*done)(void), u64 limit_ns)
{
	for (;;) {
		host_thread_drain();
		check_all();
		if (done && done())
			return;
		if (!host_advance(limit_ns)) {
			host_now_ns = limit_ns;
			return;
		}
	}
}

static unsigned left_over(bool tell)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SIM_HOSTS; i++)
		n += check_count(&world.host[i].net, tell);
	return n;
}

/* The worst networks lose a third of everything and keep a connection waiting for two minutes at a
 * time. They get better one day; whatever is not over by then has to come to its end. */
static void run_apps(void)
{
	u64 start_ns = ktime_get_ns();

	run_until(apps_done, start_ns + FAULTS_NS);
	if (!apps_done())
		world_heal();
	run_until(apps_done, start_ns + VIRTUAL_LIMIT);
	if (apps_done())
		return;
	apps_tell();
	left_over(true);
	sim_fail("the applications do not come to an end");
}

static bool nothing_left(void)
{
	return !left_over(false);
}

void sim_run_seed(void)
{
	pattern_init();
	world_create();
	apps_create();
	run_apps();
	world_heal();
	apps_destroy();
	/* Orphans end, TIME-WAIT passes. */
	run_until(nothing_left, ktime_get_ns() + 2000 * NSEC_PER_SEC);
	if (left_over(true))
		sim_fail("sockets are left over");
	host_run_for(NSEC_PER_SEC);
	world_destroy();
}

static _Noreturn void seed_process(u64 seed, const char *pcap)
{
	struct host_config config = {.seed = seed};

	sim_opt.seed = seed;
	sim_opt.pcap = pcap;
	alarm(REAL_LIMIT_S);
	config.cpus = 1 + seed % 3 / 2; /* two CPUs for every third */
	config.preempt_percent = seed % 4 ? 0 : 30;
	host_init_config(&config);
	sim_note("seed %llu: %u CPUs, preempt %u %%", seed, config.cpus, config.preempt_percent);
	sim_run_seed();
	if (sim_opt.verbose)
		fprintf(stderr, "seed %llu passed, virtual time %.3f s\n", seed,
			(double)ktime_get_ns() / 1e9);
	fflush(NULL);
	_exit(0);
}

/* ---- many seeds --------------------------------------------------------------------------------
 */

struct job {
	pid_t pid;
	u64 seed;
	int log; /* a file without a name */
};

struct runner {
	u64 next, last;
	u64 kept[MAX_KEPT]; /* run before these */
	unsigned kept_left;
	unsigned jobs, minutes;
	const char *out;
	u64 passed, failed;
	struct job job[MAX_JOBS];
	time_t start;
};

static void start_job(struct job *j, u64 seed, const char *pcap)
{
	fflush(NULL);
	j->seed = seed;
	if (ftruncate(j->log, 0) || lseek(j->log, 0, SEEK_SET))
		perror("log");
	j->pid = fork();
	if (j->pid)
		return;
	dup2(j->log, 1);
	dup2(j->log, 2);
	seed_process(seed, pcap);
}

static void show_log(int log)
{
	static char buf[65536];
	ssize_t n;

	if (lseek(log, 0, SEEK_SET))
		return;
	while ((n = read(log, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
}

static void failed(struct runner *r, struct job *j, int status)
{
	char pcap[256];

	r->failed++;
	printf("-- seed %llu failed", j->seed);
	if (WIFSIGNALED(status))
		printf(WTERMSIG(status) == SIGALRM ? ": out of time" : ": signal %d",
		       WTERMSIG(status));
	printf("\n");
	if (r->failed > MAX_TOLD)
		return;
	show_log(j->log);
	snprintf(pcap, sizeof(pcap), "%s/seed-%llu.pcap", r->out, j->seed);
	start_job(j, j->seed, pcap);
	waitpid(j->pid, &status, 0);
	printf("-- replay: tests/sim/run --seed %llu --pcap FILE%s; written: %s\n", j->seed,
	       status ? "" : " (PASSED this time: not determined by the seed)", pcap);
	fflush(stdout);
}

/* A seed a line, and behind it in words what it has found. */
static void read_kept(struct runner *r, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), f) && r->kept_left < MAX_KEPT) {
		r->kept[r->kept_left] = strtoull(line, NULL, 0);
		r->kept_left += r->kept[r->kept_left] != 0;
	}
	fclose(f);
}

static u64 next_seed(struct runner *r)
{
	return r->kept_left ? r->kept[--r->kept_left] : r->next++;
}

static bool more_seeds(const struct runner *r)
{
	if (r->kept_left)
		return true;
	if (r->minutes)
		return time(NULL) - r->start < (time_t)r->minutes * 60;
	return r->next < r->last;
}

static int run_many(struct runner *r)
{
	unsigned running = 0;
	int status;

	r->start = time(NULL);
	for (unsigned i = 0; i < r->jobs; i++) {
		char name[] = "/tmp/sim-XXXXXX";

		r->job[i].log = mkstemp(name);
		unlink(name);
	}
	for (;;) {
		pid_t pid;

		for (unsigned i = 0; i < r->jobs; i++) {
			if (!r->job[i].pid && more_seeds(r)) {
				start_job(&r->job[i], next_seed(r), NULL);
				running++;
			}
		}
		if (!running)
			break;
		pid = wait(&status);
		for (unsigned i = 0; i < r->jobs; i++) {
			if (r->job[i].pid != pid)
				continue;
			running--;
			if (status)
				failed(r, &r->job[i], status);
			else
				r->passed++;
			r->job[i].pid = 0;
		}
	}
	printf("seeds up to %llu in %ld s\n", r->next - 1, (long)(time(NULL) - r->start));
	printf("sim: %llu passed, %llu failed\n", r->passed, r->failed);
	return r->failed || !r->passed;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seeds", required_argument, NULL, 'n'},   {"first", required_argument, NULL, 'f'},
		{"kept", required_argument, NULL, 'k'},    {"jobs", required_argument, NULL, 'j'},
		{"minutes", required_argument, NULL, 'm'}, {"out", required_argument, NULL, 'o'},
		{"seed", required_argument, NULL, 's'},    {"pcap", required_argument, NULL, 'p'},
		{"verbose", no_argument, NULL, 'v'},       {NULL, 0, NULL, 0},
	};
	struct runner r = {.next = 1, .jobs = 2, .out = "."};
	const char *pcap = NULL;
	u64 count = 2000, seed = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			r.next = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			read_kept(&r, optarg);
			break;
		case 'j':
			r.jobs = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'm':
			r.minutes = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'o':
			r.out = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			pcap = optarg;
			break;
		case 'v':
			sim_opt.verbose = true;
			break;
		default:
			fprintf(stderr, "sim: see the head of tests/sim/main.c\n");
			return 2;
		}
	}
	r.last = r.next + count;
	r.jobs = r.jobs < 1 ? 1 : r.jobs > MAX_JOBS ? MAX_JOBS : r.jobs;
	if (seed)
		seed_process(seed, pcap);
	return run_many(&r);
}

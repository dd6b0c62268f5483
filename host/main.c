/* SPDX-License-Identifier: MIT */
/*
 * The stack as a Linux process: on a TAP, in real time, with the apps, the served files and the
 * command line of the image. For measurements at native speed, debuggers and sanitizers.
 */
#include <errno.h>
#include <getopt.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/host_int.h"
#include "host/netdev.h"

static const char usage[] =
	"usage: sluice [--tap NAME] [--mac MAC] [--append LINE] [--module ARCHIVE] [--mem MIB]\n"
	"              [--cpus N] [--seed N] [--log LEVEL] [--preempt PERCENT]\n"
	"Runs the stack and its apps as a process, on the TAP device NAME. LINE is what the image\n"
	"takes on its kernel command line, for example \"ip=10.0.0.2/24 init='httpd -p 80; "
	"shell'\".\n"
	"--preempt: of the moments when a thread could be preempted, so many are taken; with a\n"
	"sanitized build it shows what relies on luck.\n";

struct options {
	const char *tap;
	u8 mac[6];
	enum log_level log;
	struct host_config config;
};

static bool parse_mac(const char *s, u8 mac[6])
{
	return sscanf(s, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == 6;
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"tap", 1, NULL, 't'},
		{"mac", 1, NULL, 'm'},
		{"append", 1, NULL, 'a'},
		{"module", 1, NULL, 'r'},
		{"mem", 1, NULL, 'M'},
		{"cpus", 1, NULL, 'c'},
		{"seed", 1, NULL, 's'},
		{"preempt", 1, NULL, 'p'},
		{"log", 1, NULL, 'l'},
		{"help", 0, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
		switch (c) {
		case 't':
			o->tap = optarg;
			break;
		case 'm':
			if (!parse_mac(optarg, o->mac)) {
				fprintf(stderr, "sluice: %s is no MAC address\n", optarg);
				exit(2);
			}
			break;
		case 'a':
			o->config.cmdline = optarg;
			break;
		case 'r':
			o->config.archive = optarg;
			break;
		case 'M':
			o->config.mem_bytes = strtoul(optarg, NULL, 0) << 20;
			break;
		case 'c':
			o->config.cpus = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 's':
			o->config.seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			o->config.preempt_percent = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'l':
			o->log = (enum log_level)atoi(optarg);
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (o->config.cpus > MAX_CPUS) {
		fprintf(stderr, "sluice: at most %d CPUs\n", MAX_CPUS);
		exit(2);
	}
	if (o->config.preempt_percent > 100) {
		fprintf(stderr, "sluice: --preempt takes a percentage\n");
		exit(2);
	}
}

static const struct options *options;

/* In the place of the drivers. */
static void make_devices(void)
{
	host_log_level(options->log);
	host_console_init();
	if (options->tap && !tapdev_create(NULL, options->tap, options->mac)) {
		fprintf(stderr, "sluice: no TAP device %s: %s\n", options->tap, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct options o = {
		.mac = {2, 0, 0, 0, 0, 1},
		.log = LOG_INFO,
		.config = {.realtime = true,
			   .boot = true,
			   .devices = make_devices,
			   .archive = "build/rootfs.cpio",
			   .seed = (u64)time(NULL)},
	};

	parse(argc, argv, &o);
	options = &o;
	host_init_config(&o.config);
	for (;;)
		host_run_for(3600 * NSEC_PER_SEC);
}

/* SPDX-License-Identifier: MIT */
/*
 * iperf3: measures how fast TCP and UDP are, with any iperf 3 at the other end. `iperf3d` is its
 * server without a word, which the image starts.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>

#include "../lib/net.h"
#include "../lib/num.h"
#include "../lib/opts.h"

enum { OPT_BIDIR = 256 };

static const struct long_opt long_opts[] = {
	{"server", 's', false},    {"client", 'c', true},
	{"port", 'p', true},       {"udp", 'u', false},
	{"time", 't', true},       {"bytes", 'n', true},
	{"blockcount", 'k', true}, {"bitrate", 'b', true},
	{"bandwidth", 'b', true},  {"length", 'l', true},
	{"window", 'w', true},     {"set-mss", 'M', true},
	{"congestion", 'C', true}, {"parallel", 'P', true},
	{"reverse", 'R', false},   {"bidir", OPT_BIDIR, false},
	{"json", 'J', false},      {"interval", 'i', true},
	{"omit", 'O', true},       {"no-delay", 'N', false},
	{"one-off", '1', false},   {"verbose", 'V', false},
	{"version4", '4', false},  {"zerocopy", 'Z', false},
	{NULL, 0, false},
};

struct command {
	struct iperf_test *t;
	const char *host;
	bool server, once, rate_given, length_given;
};

static bool set_flag(struct command *c, int letter)
{
	struct iperf_settings *s = &c->t->set;

	switch (letter) {
	case 's':
		return c->server = true;
	case 'u':
		return s->udp = true;
	case 'R':
		return s->reverse = true;
	case OPT_BIDIR:
		return s->bidir = true;
	case 'N':
		return s->nodelay = true;
	case 'Z':
		s->zerocopy = 1;
		return true;
	case 'J':
		return c->t->json = true;
	case 'V':
		return c->t->verbose = true;
	case '1':
		return c->once = true;
	case '4':
		return true;
	default:
		return false;
	}
}

static bool set_limited(const char *arg, unsigned step, uint64_t max, uint64_t *v)
{
	return parse_quantity(arg, step, v) && *v <= max;
}

static bool set_value(struct command *c, int letter, const char *arg)
{
	struct iperf_settings *s = &c->t->set;
	uint64_t v;
	bool ok;

	switch (letter) {
	case 'c':
		c->host = arg;
		return true;
	case 'p':
		return parse_uint(arg, 1, 65535, &c->t->port);
	case 't':
		return parse_uint(arg, 0, MAX_TIME_S, &s->time_s);
	case 'O':
		return parse_uint(arg, 0, MAX_OMIT_S, &s->omit_s);
	case 'P':
		return parse_uint(arg, 1, MAX_STREAMS, &s->parallel);
	case 'n':
		return set_limited(arg, 1024, INT64_MAX, &s->bytes);
	case 'k':
		return set_limited(arg, 1024, INT64_MAX, &s->blocks);
	case 'b':
		c->rate_given = true;
		return set_limited(arg, 1000, 1000000000000, &s->rate_bps);
	case 'l':
		ok = set_limited(arg, 1024, MAX_BLOCK, &v) && v;
		s->len = (unsigned)v;
		c->length_given = true;
		return ok;
	case 'w':
		ok = set_limited(arg, 1024, 1u << 29, &v);
		s->window = (uint32_t)v;
		return ok;
	case 'M':
		return parse_uint(arg, 88, 9216, &s->mss);
	case 'C':
		return snprintf(s->congestion, sizeof(s->congestion), "%s", arg) <
		       (int)sizeof(s->congestion);
	case 'i':
		ok = parse_decimal(arg, 1000, &v) && v <= 60000 && (!v || v >= 100);
		c->t->interval_ms = (unsigned)v;
		return ok;
	default:
		return set_flag(c, letter);
	}
}

static int refuse(const struct command *c, const char *why)
{
	fprintf(stderr, "%s: parameter error - %s\n", c->t->app, why);
	return 1;
}

/* What does not go together. */
static int check(struct command *c)
{
	struct iperf_settings *s = &c->t->set;

	if (c->server == (c->host != NULL))
		return refuse(c, "must either be a client (-c) or server (-s)");
	if (c->server)
		return 0;
	if (s->reverse && s->bidir)
		return refuse(c, "cannot be both reverse and bidirectional");
	if (s->bidir && s->parallel * 2 > MAX_STREAMS)
		return refuse(c, "number of parallel streams too large");
	if (s->udp && c->length_given && (s->len < MIN_UDP_BLOCK || s->len > MAX_UDP_BLOCK))
		return refuse(c, "block size invalid (minimum = 16 bytes, maximum = 65507 bytes)");
	if (s->bytes && s->blocks)
		return refuse(c, "only one test end condition may be specified");
	if (s->udp && !c->rate_given)
		s->rate_bps = UDP_RATE_BPS;
	if (s->bytes || s->blocks)
		s->time_s = 0;
	return 0;
}

static int run(struct command *c)
{
	struct iperf_test *t = c->t;

	if (c->server)
		return iperf_server(t, c->once);
	if (!net_address(t->app, c->host, (uint16_t)t->port, &t->address))
		return 1;
	if (!t->json)
		printf("Connecting to host %s, port %u\n", c->host, t->port);
	return iperf_client(t);
}

static struct iperf_test *new_test(const char *app)
{
	struct iperf_test *t = calloc(1, sizeof(*t));

	if (!t) {
		perror(app);
		return NULL;
	}
	t->app = app;
	t->port = IPERF_PORT;
	t->interval_ms = 1000;
	t->set.time_s = 10;
	t->set.parallel = 1;
	return t;
}

static int iperf3_main(int argc, char **argv)
{
	struct opts o = {.argc = argc,
			 .argv = argv,
			 .letters = "sc:p:ut:n:k:b:l:w:M:C:P:RJi:O:N1V4",
			 .longs = long_opts};
	struct command c = {.t = new_test(argv[0])};
	int letter, ret = c.t ? 0 : 1;

	while (!ret && (letter = opts_next(&o)) != -1) {
		if (letter == '?') {
			ret = app_usage(argv[0]);
		} else if (!set_value(&c, letter, o.arg)) {
			fprintf(stderr, "%s: parameter error - invalid value '%s'\n", argv[0],
				o.arg ? o.arg : "");
			ret = 1;
		}
	}
	if (!ret && o.next < argc)
		ret = app_usage(argv[0]);
	if (!ret)
		ret = check(&c);
	if (!ret)
		ret = run(&c);
	free(c.t);
	return ret;
}

static int iperf3d_main(int argc, char **argv)
{
	struct iperf_test *t;
	int ret;

	if (argc > 1)
		return app_usage(argv[0]);
	t = new_test(argv[0]);
	if (!t)
		return 1;
	t->quiet = true;
	ret = iperf_server(t, false);
	free(t);
	return ret;
}

APP(iperf3, iperf3_main,
    "iperf3 -s [-1J] [-p port] | -c address [-uRJNZ] [--bidir] [-p port] [-t secs | -n bytes | -k "
    "blocks] [-b rate] [-l len] [-P streams] [-w window] [-M mss] [-C algorithm] [-O secs] [-i "
    "secs]: network throughput",
    false);
APP(iperf3d, iperf3d_main, "iperf3d: iperf3 -s on port 5201, silent", true);

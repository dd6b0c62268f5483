/* SPDX-License-Identifier: MIT */
/* tc: show and set queueing disciplines: tc [-s] qdisc show|add|replace|change|del. */
#include "../lib/nl.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>

#define OPTION_BYTES 400

struct tc {
	int fd;
	bool stats;
	int ifindex; /* show only that one; 0: all */
};

/* ---- show ----------------------------------------------------------------------------------- */

static void print_parent(const struct tcmsg *t)
{
	if (t->tcm_parent == TC_H_ROOT)
		printf("root ");
	else
		printf("parent %x:%x ", TC_H_MAJ(t->tcm_parent) >> 16, TC_H_MIN(t->tcm_parent));
}

/* The attributes in TCA_STATS2, and the kind's own text. */
static void print_stats(const struct rtattr *nest, const struct rtattr *xstats)
{
	const struct rtattr *a = RTA_DATA(nest);
	const struct gnet_stats_basic *b = NULL;
	const struct gnet_stats_queue *q = NULL;
	const char *x = xstats ? RTA_DATA(xstats) : "";
	int left = RTA_PAYLOAD(nest);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == TCA_STATS_BASIC)
			b = RTA_DATA(a);
		else if (a->rta_type == TCA_STATS_QUEUE)
			q = RTA_DATA(a);
	}
	if (b && q)
		printf(" Sent %llu bytes %u pkt (dropped %u, overlimits %u requeues %u) \n"
		       " backlog %ub %up requeues %u\n",
		       (unsigned long long)b->bytes, b->packets, q->drops, q->overlimits,
		       q->requeues, q->backlog, q->qlen, q->requeues);
	while (*x) {
		size_t n = strcspn(x, "\n");

		printf("  %.*s\n", (int)n, x);
		x += n + (x[n] == '\n');
	}
}

static void print_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtattr *tb[TCA_SLUICE_XSTATS + 1];
	const struct tcmsg *t = NLMSG_DATA(nlh);
	const struct tc *tc = arg;
	char name[IF_NAMESIZE];

	if (nlh->nlmsg_type != RTM_NEWQDISC || (tc->ifindex && t->tcm_ifindex != tc->ifindex))
		return;
	nl_parse(nlh, sizeof(*t), tb, TCA_SLUICE_XSTATS);
	if (!tb[TCA_KIND])
		return;
	printf("qdisc %s %x: dev %s ", (const char *)RTA_DATA(tb[TCA_KIND]),
	       TC_H_MAJ(t->tcm_handle) >> 16,
	       if_indextoname((unsigned)t->tcm_ifindex, name) ? name : "?");
	print_parent(t);
	if (t->tcm_parent == TC_H_ROOT)
		printf("refcnt %u ", t->tcm_info);
	printf("%s\n",
	       tb[TCA_SLUICE_OPTIONS] ? (const char *)RTA_DATA(tb[TCA_SLUICE_OPTIONS]) : "");
	if (tc->stats && tb[TCA_STATS2])
		print_stats(tb[TCA_STATS2], tb[TCA_SLUICE_XSTATS]);
}

static int fail(int err)
{
	if (err)
		fprintf(stderr, "tc: %s\n", strerror(err));
	return err ? 2 : 0;
}

static int show(struct tc *tc)
{
	struct nl_req r;
	struct tcmsg *t = nl_begin(&r, RTM_GETQDISC, NLM_F_REQUEST, sizeof(*t));

	t->tcm_ifindex = tc->ifindex;
	return fail(nl_dump(tc->fd, &r, print_qdisc, tc));
}

/* ---- change --------------------------------------------------------------------------------- */

/* "1:" or "1:2" (hexadecimal): a handle. False where it is malformed. */
static bool parse_handle(const char *s, uint32_t *handle)
{
	char *end;
	unsigned long major = strtoul(s, &end, 16), minor = 0;

	if (*end != ':' || major > 0xffff)
		return false;
	if (end[1])
		minor = strtoul(end + 1, &end, 16);
	else
		end++;
	*handle = (uint32_t)(major << 16 | minor);
	return !*end && minor <= 0xffff;
}

static bool join(char *to, size_t size, int argc, char **argv)
{
	size_t len = 0;

	to[0] = '\0';
	for (int i = 0; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (len + n + 2 > size)
			return false;
		if (len)
			to[len++] = ' ';
		memcpy(to + len, argv[i], n + 1);
		len += n;
	}
	return true;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: tc [-s] qdisc [show] [dev DEV]\n"
		"       tc qdisc add|replace|change|del dev DEV root|parent [H]:N [handle H:]\n"
		"           [pfifo_fast|fq|fq_codel|tbf|prio|netem OPTIONS]\n");
	return 1;
}

static int no_device(const char *name)
{
	fprintf(stderr, "Cannot find device \"%s\"\n", name);
	return 1;
}

/* The words behind the verb: where, then the kind with its options. */
static int change(struct tc *tc, uint16_t type, uint16_t flags, int argc, char **argv)
{
	struct nl_req r;
	struct tcmsg *t = nl_begin(&r, type, (uint16_t)(NLM_F_REQUEST | flags), sizeof(*t));
	char options[OPTION_BYTES];
	int i = 0;

	for (; i < argc; i++) {
		if (!strcmp(argv[i], "root")) {
			t->tcm_parent = TC_H_ROOT;
		} else if (i + 1 == argc) {
			break;
		} else if (!strcmp(argv[i], "dev")) {
			t->tcm_ifindex = (int)if_nametoindex(argv[++i]);
			if (!t->tcm_ifindex)
				return no_device(argv[i]);
		} else if (!strcmp(argv[i], "parent")) {
			if (!parse_handle(argv[++i], &t->tcm_parent))
				return usage();
		} else if (!strcmp(argv[i], "handle")) {
			if (!parse_handle(argv[++i], &t->tcm_handle))
				return usage();
		} else {
			break;
		}
	}
	if (!t->tcm_ifindex || !t->tcm_parent || (type == RTM_NEWQDISC && i >= argc))
		return usage();
	if (i < argc) {
		if (!join(options, sizeof(options), argc - i - 1, argv + i + 1) ||
		    !nl_attr(&r, TCA_KIND, argv[i], strlen(argv[i]) + 1) ||
		    !nl_attr(&r, TCA_SLUICE_OPTIONS, options, strlen(options) + 1))
			return usage();
	}
	return fail(nl_do(tc->fd, &r));
}

static int qdisc(struct tc *tc, int argc, char **argv)
{
	static const struct {
		const char *verb;
		uint16_t type, flags;
	} verbs[] = {
		{"add", RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL},
		{"replace", RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE},
		{"change", RTM_NEWQDISC, 0},
		{"del", RTM_DELQDISC, 0},
		{"delete", RTM_DELQDISC, 0},
	};
	const char *verb = argc ? argv[0] : "show";

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verb, verbs[i].verb))
			return change(tc, verbs[i].type, verbs[i].flags, argc - 1, argv + 1);
	if (!strcmp(verb, "show") || !strcmp(verb, "list") || !strcmp(verb, "ls")) {
		argc -= argc > 0;
		argv++;
	}
	if (argc == 2 && !strcmp(argv[0], "dev")) {
		tc->ifindex = (int)if_nametoindex(argv[1]);
		if (!tc->ifindex)
			return no_device(argv[1]);
		argc = 0;
	}
	return argc ? usage() : show(tc);
}

static int tc_main(int argc, char **argv)
{
	struct tc tc = {0};
	int i = 1, status;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-s"))
			return usage();
		tc.stats = true;
	}
	if (i >= argc || strncmp(argv[i], "qdisc", strlen(argv[i])))
		return usage();
	tc.fd = nl_open(NETLINK_ROUTE, 0);
	if (tc.fd < 0)
		return fail(errno);
	status = qdisc(&tc, argc - i - 1, argv + i + 1);
	nl_close(tc.fd);
	return status;
}

APP(tc, tc_main, "tc [-s] qdisc show|add|replace|change|del: queueing disciplines", false);

/* SPDX-License-Identifier: MIT */
/*
 * The shell commands of a script. What they set in the network namespace is read from there
 * (settings.c); what the namespace can't hold for us is taken from the words themselves:
 *
 *	tc qdisc add|replace dev tun0 root KIND ...	our qdiscs, whichever the host has
 *	tc qdisc del dev tun0 root
 *	ethtool -K tun0 tso|gso off|on			also where the host has no ethtool
 *	ip tcp_metrics flush				Fast Open cookies
 *	nstat						counters.c
 */
#include <net/net.h>
#include <net/netdevice.h>
#include <net/netns_tcp.h>
#include <net/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/packetdrill/pd_int.h"

#define MAX_WORDS 24

static bool ran, segmentation_off;

/* ---- tc ------------------------------------------------------------------------------------- */

static void set_qdisc(int argc, char **argv)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pd_device(), 0);
	int err;

	rtnl_lock();
	err = argc ? qdisc_replace(txq, argv[0], argc - 1, argv + 1) : qdisc_delete(txq);
	rtnl_unlock();
	if (err)
		fprintf(stderr, "sluice: no qdisc %s (%d)\n", argc ? argv[0] : "", err);
}

static long call_qdisc(const union pd_arg *a)
{
	set_qdisc((int)a[0].n, a[1].p);
	return 0;
}

/* Words behind "tc qdisc". */
static void tc_qdisc(int argc, char **argv)
{
	bool del = argc && !strncmp(argv[0], "del", 3);

	if (argc < 4 || strcmp(argv[1], "dev") != 0 || strcmp(argv[2], "tun0") != 0 ||
	    strcmp(argv[3], "root") != 0)
		return;
	if (del)
		argc = 4;
	PD_RUN(call_qdisc, {.n = argc - 4}, {.p = argv + 4});
}

/* ---- ethtool -------------------------------------------------------------------------------- */

/* Words behind "ethtool -K tun0": pairs. */
static void ethtool_features(int argc, char **argv)
{
	for (int i = 0; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "tso") || !strcmp(argv[i], "gso"))
			segmentation_off = !strcmp(argv[i + 1], "off");
	}
}

bool pd_segmentation_off(void)
{
	return segmentation_off;
}

/* ---- a command ------------------------------------------------------------------------------ */

static bool begins(int argc, char **argv, const char *a, const char *b)
{
	return argc >= 2 && !strcmp(argv[0], a) && !strcmp(argv[1], b);
}

static void one(char *text)
{
	char *argv[MAX_WORDS], *save = NULL;
	int argc = 0;

	for (char *w = strtok_r(text, " \t", &save); w && argc < MAX_WORDS && !strpbrk(w, "<>");
	     w = strtok_r(NULL, " \t", &save))
		argv[argc++] = w;
	if (begins(argc, argv, "tc", "qdisc"))
		tc_qdisc(argc - 2, argv + 2);
	else if (begins(argc, argv, "ethtool", "-K") && argc > 2 && !strcmp(argv[2], "tun0"))
		ethtool_features(argc - 3, argv + 3);
	else if (begins(argc, argv, "ip", "tcp_metrics"))
		tcp_fastopen_flush(&init_net);
}

void pd_command(const char *command)
{
	char *copy = strdup(command), *save = NULL;

	ran = true;
	if (strstr(command, "nstat"))
		pd_counters_write();
	for (char *line = copy ? strtok_r(copy, "\n;&|", &save) : NULL; line;
	     line = strtok_r(NULL, "\n;&|", &save))
		one(line);
	free(copy);
}

void pd_follow_commands(void)
{
	if (!ran)
		return;
	ran = false;
	pd_read_sysctls();
	pd_device_set_gso(pd_wants_gso());
}

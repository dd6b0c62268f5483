/* SPDX-License-Identifier: MIT */
/* ip: links, addresses, routes and neighbours, through rtnetlink, with iproute2's words. */
#include "ip_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/app.h>

#include "../lib/opts.h"

static const struct {
	const char *name;
	int (*run)(struct ip_ctx *ip, int argc, char **argv);
} objects[] = {
	{"link", ip_link},       {"address", ip_addr},   {"route", ip_route},
	{"neighbour", ip_neigh}, {"neighbor", ip_neigh},
};

static int ip_main(int argc, char **argv)
{
	struct ip_ctx ip = {.fd = -1};
	int i = 1, ret = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-s") || !strcmp(argv[i], "-stats")) {
			ip.stats = true;
		} else if (strcmp(argv[i], "-4")) {
			fprintf(stderr, "Option \"%s\" is unknown, try \"help ip\".\n", argv[i]);
			return 255;
		}
	}
	for (size_t o = 0; i < argc && *argv[i] && o < sizeof(objects) / sizeof(objects[0]); o++) {
		/* Any beginning of the name will do, as in iproute2: "ip a", "ip r". */
		if (strncmp(argv[i], objects[o].name, strlen(argv[i])))
			continue;
		ip.fd = nl_open(NETLINK_ROUTE, 0);
		if (ip.fd < 0) {
			perror("ip");
			return 1;
		}
		ret = objects[o].run(&ip, argc - i - 1, argv + i + 1);
		nl_close(ip.fd);
		return ret;
	}
	if (i < argc)
		fprintf(stderr, "Object \"%s\" is unknown, try \"help ip\".\n", argv[i]);
	else
		app_usage(argv[0]);
	return ret;
}

APP(ip, ip_main,
    "ip [-s] link|addr|route|neigh [show|add|replace|del|set|get ...]: network configuration, e.g. "
    "ip link set eth0 mtu 1400, ip addr add 10.0.0.3/24 dev eth0, ip route get 10.0.0.1",
    false);

/* SPDX-License-Identifier: MIT */
/* ip: links, addresses, routes and neighbours, through rtnetlink, with iproute2's words. */
#include "ip_int.h"

#include <stdio.h>
#include <string.h>
#include <sys/app.h>

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

	for (; i < argc && argv[i][0] == '-'; i++)
		if (!strcmp(argv[i], "-s"))
			ip.stats = true;
	for (size_t o = 0; i < argc && o < sizeof(objects) / sizeof(objects[0]); o++) {
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
	fprintf(stderr, "usage: ip [-s] link|addr|route|neigh [show|add|del|set|get ...]\n");
	return ret;
}

APP(ip, ip_main, "ip [-s] link|addr|route|neigh [show|add|del|set ...]: network configuration",
    false);

/* SPDX-License-Identifier: MIT */
/* ip route: show, get, add, replace, del. */
#include "ip_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../lib/num.h"

static const char *const type_names[] = {
	[RTN_UNICAST] = "unicast",     [RTN_LOCAL] = "local",
	[RTN_BROADCAST] = "broadcast", [RTN_MULTICAST] = "multicast",
	[RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
};

static const char *proto_name(unsigned proto)
{
	switch (proto) {
	case RTPROT_KERNEL:
		return "kernel";
	case RTPROT_BOOT:
		return "boot";
	case RTPROT_STATIC:
		return "static";
	case RTPROT_DHCP:
		return "dhcp";
	default:
		return NULL;
	}
}

static void print_one(const struct nlmsghdr *nlh)
{
	const struct rtmsg *m = NLMSG_DATA(nlh);
	const struct rtattr *tb[RTA_MAX + 1];
	char text[16];

	nl_parse(nlh, sizeof(*m), tb, RTA_MAX);
	if (m->rtm_type != RTN_UNICAST &&
	    m->rtm_type < sizeof(type_names) / sizeof(type_names[0]) && type_names[m->rtm_type])
		printf("%s ", type_names[m->rtm_type]);
	if (!tb[RTA_DST])
		printf("default");
	else
		printf("%s", inet_ntop(AF_INET, RTA_DATA(tb[RTA_DST]), text, sizeof(text)));
	if (tb[RTA_DST] && m->rtm_dst_len < 32)
		printf("/%u", m->rtm_dst_len);
	if (tb[RTA_GATEWAY])
		printf(" via %s",
		       inet_ntop(AF_INET, RTA_DATA(tb[RTA_GATEWAY]), text, sizeof(text)));
	if (tb[RTA_OIF])
		printf(" dev %s", dev_name(nl_u32(tb[RTA_OIF]), text));
	if (proto_name(m->rtm_protocol))
		printf(" proto %s", proto_name(m->rtm_protocol));
	if (m->rtm_scope == RT_SCOPE_LINK)
		printf(" scope link");
	if (tb[RTA_PREFSRC])
		printf(" src %s",
		       inet_ntop(AF_INET, RTA_DATA(tb[RTA_PREFSRC]), text, sizeof(text)));
	if (tb[RTA_PRIORITY])
		printf(" metric %u", nl_u32(tb[RTA_PRIORITY]));
	printf("\n");
}

struct filter {
	unsigned table; /* 0: all */
};

static void print_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *m = NLMSG_DATA(nlh);
	const struct filter *f = arg;

	if (!f->table || m->rtm_table == f->table)
		print_one(nlh);
}

static void print_answer(const struct nlmsghdr *nlh, void *arg)
{
	(void)arg;
	print_one(nlh);
	printf("    cache\n");
}

static int show(struct ip_ctx *ip, int argc, char **argv)
{
	static const char *const keys[] = {"table", NULL};
	const char *table = word_after(argc, argv, "table");
	struct filter f = {.table = RT_TABLE_MAIN};
	struct nl_req r;

	if (argc && !known_words(argc - 1, argv + 1, keys, NULL))
		return 1;
	if (table && !strcmp(table, "local"))
		f.table = RT_TABLE_LOCAL;
	else if (table && !strcmp(table, "all"))
		f.table = 0;
	else if (table && strcmp(table, "main") && !parse_uint(table, 1, 255, &f.table))
		return wrong(table, "\"table\" value is invalid");
	nl_begin(&r, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	return nl_dump(ip->fd, &r, print_route, &f);
}

static int get(struct ip_ctx *ip, const char *to)
{
	struct nl_req r;
	struct rtmsg *m = nl_begin(&r, RTM_GETROUTE, NLM_F_ACK, sizeof(*m));
	uint32_t addr;
	int err;

	if (!parse_addr(to, &addr))
		return 1;
	m->rtm_family = AF_INET;
	m->rtm_dst_len = 32;
	nl_attr_u32(&r, RTA_DST, addr);
	err = nl_ask(ip->fd, &r, print_answer, NULL);
	if (err)
		fprintf(stderr, "ip: %s\n", strerror(err));
	return err ? 2 : 0;
}

static int change(struct ip_ctx *ip, int argc, char **argv, uint16_t type, uint16_t flags)
{
	const char *via = word_after(argc, argv, "via"), *dev = word_after(argc, argv, "dev");
	const char *metric = word_after(argc, argv, "metric");
	const char *src = word_after(argc, argv, "src");
	static const char *const keys[] = {"via", "dev", "metric", "src", NULL};
	uint32_t addr, gw, index;
	struct nl_req r;
	struct rtmsg *m = nl_begin(&r, type, flags, sizeof(*m));
	unsigned n;

	if (!argc)
		return bad_command("route");
	if (!parse_prefix(argv[0], &addr, &m->rtm_dst_len) ||
	    !known_words(argc - 1, argv + 1, keys, NULL))
		return 1;
	m->rtm_family = AF_INET;
	m->rtm_table = RT_TABLE_MAIN;
	if (type == RTM_NEWROUTE) {
		m->rtm_protocol = RTPROT_STATIC;
		m->rtm_type = RTN_UNICAST;
		m->rtm_scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	} else {
		m->rtm_scope = RT_SCOPE_NOWHERE;
	}
	if (m->rtm_dst_len)
		nl_attr_u32(&r, RTA_DST, addr);
	if (via) {
		if (!parse_addr(via, &gw))
			return 1;
		nl_attr_u32(&r, RTA_GATEWAY, gw);
	}
	if (dev) {
		index = dev_index(dev);
		if (!index)
			return 1;
		nl_attr_u32(&r, RTA_OIF, index);
	}
	if (src) {
		if (!parse_addr(src, &addr))
			return 1;
		nl_attr_u32(&r, RTA_PREFSRC, addr);
	}
	if (metric && !parse_uint(metric, 0, UINT32_MAX, &n))
		return wrong(metric, "invalid \"metric\" value");
	if (metric)
		nl_attr_u32(&r, RTA_PRIORITY, n);
	return ip_do(ip, &r);
}

int ip_route(struct ip_ctx *ip, int argc, char **argv)
{
	if (is_show(argc, argv))
		return show(ip, argc, argv);
	if (!strcmp(argv[0], "get") && argc == 2)
		return get(ip, argv[1]);
	if (!strcmp(argv[0], "add"))
		return change(ip, argc - 1, argv + 1, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	if (!strcmp(argv[0], "replace"))
		return change(ip, argc - 1, argv + 1, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	if (!strcmp(argv[0], "del") || !strcmp(argv[0], "delete"))
		return change(ip, argc - 1, argv + 1, RTM_DELROUTE, 0);
	return bad_command("route");
}

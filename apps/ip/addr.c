/* SPDX-License-Identifier: MIT */
/* ip addr: show, add, del. */
#include "ip_int.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

static const char *scope_name(unsigned scope)
{
	return scope == RT_SCOPE_HOST ? "host" : scope == RT_SCOPE_LINK ? "link" : "global";
}

static void print_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *m = NLMSG_DATA(nlh);
	const struct rtattr *tb[IFA_MAX + 1];
	const struct ip_ctx *ip = arg;
	char text[16], name[16];

	nl_parse(nlh, sizeof(*m), tb, IFA_MAX);
	dev_name(m->ifa_index, name);
	if (!tb[IFA_LOCAL] || (ip->dev && strcmp(ip->dev, name)))
		return;
	printf("    inet %s/%u", inet_ntop(AF_INET, RTA_DATA(tb[IFA_LOCAL]), text, sizeof(text)),
	       m->ifa_prefixlen);
	if (tb[IFA_BROADCAST])
		printf(" brd %s",
		       inet_ntop(AF_INET, RTA_DATA(tb[IFA_BROADCAST]), text, sizeof(text)));
	printf(" scope %s %s\n", scope_name(m->ifa_scope), name);
}

/* Links in order, each with its addresses: one dump of each kind for a device. */
static void print_device(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *m = NLMSG_DATA(nlh);
	struct ip_ctx *outer = arg, one = *outer;
	char name[16], *show[] = {"show", name};
	struct nl_req r;

	dev_name((uint32_t)m->ifi_index, name);
	if (outer->dev && strcmp(outer->dev, name))
		return;
	one.fd = nl_open(NETLINK_ROUTE, 0);
	if (one.fd < 0)
		return;
	one.dev = name;
	ip_link(&one, 2, show);
	nl_begin(&r, RTM_GETADDR, 0, sizeof(struct ifaddrmsg));
	nl_dump(one.fd, &r, print_addr, &one);
	nl_close(one.fd);
}

static int change(struct ip_ctx *ip, int argc, char **argv, uint16_t type)
{
	uint32_t addr, index;
	struct nl_req r;
	struct ifaddrmsg *m =
		nl_begin(&r, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*m));

	static const char *const keys[] = {"dev", "brd", "broadcast", NULL};
	const char *brd;

	m->ifa_family = AF_INET;
	if (argc && !known_words(argc - 1, argv + 1, keys, NULL))
		return 1;
	if (!argc || !parse_prefix(argv[0], &addr, &m->ifa_prefixlen))
		return argc ? 1 : bad_command("addr");
	index = dev_index(word_after(argc, argv, "dev"));
	if (!index)
		return 1;
	m->ifa_index = index;
	nl_attr_u32(&r, IFA_LOCAL, addr);
	nl_attr_u32(&r, IFA_ADDRESS, addr);
	brd = word_after(argc, argv, "brd");
	brd = brd ? brd : word_after(argc, argv, "broadcast");
	if (brd && strcmp(brd, "+")) {
		if (!parse_addr(brd, &addr))
			return 1;
		nl_attr_u32(&r, IFA_BROADCAST, addr);
	} else if (m->ifa_prefixlen < 31) {
		nl_attr_u32(&r, IFA_BROADCAST,
			    addr | htonl((uint32_t)((1ull << (32 - m->ifa_prefixlen)) - 1)));
	}
	return ip_do(ip, &r);
}

int ip_addr(struct ip_ctx *ip, int argc, char **argv)
{
	struct nl_req r;

	if (argc && !strcmp(argv[0], "add"))
		return change(ip, argc - 1, argv + 1, RTM_NEWADDR);
	if (argc && (!strcmp(argv[0], "del") || !strcmp(argv[0], "delete")))
		return change(ip, argc - 1, argv + 1, RTM_DELADDR);
	if (!is_show(argc, argv))
		return bad_command("addr");
	if (!show_only(ip, argc, argv))
		return 1;
	nl_begin(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	return nl_dump(ip->fd, &r, print_device, ip);
}

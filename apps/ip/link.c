/* SPDX-License-Identifier: MIT */
/* ip link: show, and set (up, down, mtu, address). */
#include "ip_int.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "../lib/num.h"

static const struct {
	unsigned flag;
	const char *name;
} flag_names[] = {
	{IFF_LOOPBACK, "LOOPBACK"},
	{IFF_BROADCAST, "BROADCAST"},
	{IFF_MULTICAST, "MULTICAST"},
	{IFF_NOARP, "NOARP"},
	{IFF_PROMISC, "PROMISC"},
	{IFF_ALLMULTI, "ALLMULTI"},
	{IFF_UP, "UP"},
	{IFF_LOWER_UP, "LOWER_UP"},
};

static void print_flags(unsigned flags)
{
	const char *comma = "";

	printf("<");
	if (flags & IFF_UP && !(flags & IFF_RUNNING)) {
		printf("NO-CARRIER");
		comma = ",";
	}
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (flags & flag_names[i].flag) {
			printf("%s%s", comma, flag_names[i].name);
			comma = ",";
		}
	printf(">");
}

static void print_mac(const struct rtattr *a)
{
	const unsigned char *p = a ? RTA_DATA(a) : NULL;

	for (int i = 0; a && i < RTA_PAYLOAD(a); i++)
		printf("%s%02x", i ? ":" : "", p[i]);
}

static void print_stats(const struct rtattr *a)
{
	const struct rtnl_link_stats64 *s = RTA_DATA(a);

	printf("    RX: %12s %9s %7s %7s %7s %7s\n", "bytes", "packets", "errors", "dropped",
	       "missed", "mcast");
	printf("        %12llu %9llu %7llu %7llu %7llu %7llu\n", (unsigned long long)s->rx_bytes,
	       (unsigned long long)s->rx_packets, (unsigned long long)s->rx_errors,
	       (unsigned long long)s->rx_dropped, (unsigned long long)s->rx_missed_errors,
	       (unsigned long long)s->multicast);
	printf("    TX: %12s %9s %7s %7s %7s %7s\n", "bytes", "packets", "errors", "dropped",
	       "carrier", "collsns");
	printf("        %12llu %9llu %7llu %7llu %7llu %7llu\n", (unsigned long long)s->tx_bytes,
	       (unsigned long long)s->tx_packets, (unsigned long long)s->tx_errors,
	       (unsigned long long)s->tx_dropped, (unsigned long long)s->tx_carrier_errors,
	       (unsigned long long)s->collisions);
}

static void print_link(const struct nlmsghdr *nlh, void *arg)
{
	static const char *const oper[] = {"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN",
					   "TESTING", "DORMANT",    "UP"};
	const struct ifinfomsg *m = NLMSG_DATA(nlh);
	const struct rtattr *tb[IFLA_MAX + 1];
	const struct ip_ctx *ip = arg;
	unsigned state;

	nl_parse(nlh, sizeof(*m), tb, IFLA_MAX);
	if (!tb[IFLA_IFNAME] || (ip->dev && strcmp(ip->dev, RTA_DATA(tb[IFLA_IFNAME]))))
		return;
	state = tb[IFLA_OPERSTATE] ? *(const unsigned char *)RTA_DATA(tb[IFLA_OPERSTATE]) : 0;
	printf("%d: %s: ", m->ifi_index, (const char *)RTA_DATA(tb[IFLA_IFNAME]));
	print_flags(m->ifi_flags);
	printf(" mtu %u qdisc %s state %s qlen %u\n", nl_u32(tb[IFLA_MTU]),
	       tb[IFLA_QDISC] ? (const char *)RTA_DATA(tb[IFLA_QDISC]) : "noqueue",
	       oper[state < 7 ? state : 0], nl_u32(tb[IFLA_TXQLEN]));
	printf("    link/%s ", m->ifi_flags & IFF_LOOPBACK ? "loopback" : "ether");
	print_mac(tb[IFLA_ADDRESS]);
	printf(" brd ");
	print_mac(tb[IFLA_BROADCAST]);
	printf("\n");
	if (ip->stats && tb[IFLA_STATS64])
		print_stats(tb[IFLA_STATS64]);
}

static int set_link(struct ip_ctx *ip, int argc, char **argv)
{
	static const char *const keys[] = {"dev", "mtu", "address", "promisc", NULL};
	static const char *const flags[] = {"up", "down", NULL};
	const char *dev = word_after(argc, argv, "dev"), *mtu, *address, *promisc;
	struct nl_req r;
	struct ifinfomsg *m = nl_begin(&r, RTM_SETLINK, 0, sizeof(*m));
	unsigned char mac[6];
	unsigned n;

	if (!dev && argc) {
		dev = argv[0];
		argc--;
		argv++;
	}
	if (!known_words(argc, argv, keys, flags))
		return 1;
	m->ifi_index = (int)dev_index(dev);
	if (!m->ifi_index)
		return 1;
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "up") || !strcmp(argv[i], "down")) {
			m->ifi_change |= IFF_UP;
			m->ifi_flags = argv[i][0] == 'u' ? IFF_UP : 0;
		}
	promisc = word_after(argc, argv, "promisc");
	if (promisc) {
		if (strcmp(promisc, "on") && strcmp(promisc, "off"))
			return wrong(promisc, "\"on\" or \"off\" is expected");
		m->ifi_change |= IFF_PROMISC;
		m->ifi_flags |= promisc[1] == 'n' ? IFF_PROMISC : 0;
	}
	mtu = word_after(argc, argv, "mtu");
	if (mtu && !parse_uint(mtu, 0, INT32_MAX, &n))
		return wrong(mtu, "invalid \"mtu\" value");
	if (mtu)
		nl_attr_u32(&r, IFLA_MTU, n);
	address = word_after(argc, argv, "address");
	if (address && !nl_parse_mac(address, mac))
		return wrong(address, "not a link address");
	if (address)
		nl_attr(&r, IFLA_ADDRESS, mac, sizeof(mac));
	return ip_do(ip, &r);
}

int ip_link(struct ip_ctx *ip, int argc, char **argv)
{
	struct nl_req r;

	if (argc && !strcmp(argv[0], "set"))
		return set_link(ip, argc - 1, argv + 1);
	if (!is_show(argc, argv))
		return bad_command("link");
	if (!show_only(ip, argc, argv))
		return 1;
	nl_begin(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	return nl_dump(ip->fd, &r, print_link, ip);
}

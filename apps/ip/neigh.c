/* SPDX-License-Identifier: MIT */
/* ip neigh: show, add, replace, del. */
#include "ip_int.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

static const struct {
	unsigned state;
	const char *name;
} states[] = {
	{NUD_INCOMPLETE, "INCOMPLETE"}, {NUD_REACHABLE, "REACHABLE"}, {NUD_STALE, "STALE"},
	{NUD_DELAY, "DELAY"},           {NUD_PROBE, "PROBE"},         {NUD_FAILED, "FAILED"},
	{NUD_NOARP, "NOARP"},           {NUD_PERMANENT, "PERMANENT"},
};

static void print_neigh(const struct nlmsghdr *nlh, void *arg)
{
	const struct ndmsg *m = NLMSG_DATA(nlh);
	const struct rtattr *tb[NDA_MAX + 1];
	const struct ip_ctx *ip = arg;
	char text[16], name[16];

	nl_parse(nlh, sizeof(*m), tb, NDA_MAX);
	dev_name((uint32_t)m->ndm_ifindex, name);
	if (!tb[NDA_DST] || m->ndm_state == NUD_NOARP || (ip->dev && strcmp(ip->dev, name)))
		return;
	printf("%s dev %s", inet_ntop(AF_INET, RTA_DATA(tb[NDA_DST]), text, sizeof(text)), name);
	if (tb[NDA_LLADDR]) {
		const unsigned char *p = RTA_DATA(tb[NDA_LLADDR]);

		printf(" lladdr %02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (m->ndm_state & states[i].state)
			printf(" %s", states[i].name);
	printf("\n");
}

static int change(struct ip_ctx *ip, int argc, char **argv, uint16_t type, uint16_t flags)
{
	const char *lladdr = word_after(argc, argv, "lladdr");
	static const char *const keys[] = {"dev", "lladdr", NULL};
	uint32_t addr;
	struct nl_req r;
	struct ndmsg *m = nl_begin(&r, type, flags, sizeof(*m));

	if (!argc)
		return bad_command("neigh");
	if (!parse_addr(argv[0], &addr) || !known_words(argc - 1, argv + 1, keys, NULL))
		return 1;
	m->ndm_family = AF_INET;
	m->ndm_state = NUD_PERMANENT;
	m->ndm_ifindex = (int)dev_index(word_after(argc, argv, "dev"));
	if (!m->ndm_ifindex)
		return 1;
	nl_attr_u32(&r, NDA_DST, addr);
	if (lladdr) {
		unsigned char mac[6];

		if (!nl_parse_mac(lladdr, mac)) {
			fprintf(stderr, "ip: %s is not a link address\n", lladdr);
			return 1;
		}
		nl_attr(&r, NDA_LLADDR, mac, sizeof(mac));
	}
	return ip_do(ip, &r);
}

int ip_neigh(struct ip_ctx *ip, int argc, char **argv)
{
	struct nl_req r;

	if (argc && !strcmp(argv[0], "add"))
		return change(ip, argc - 1, argv + 1, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL);
	if (argc && !strcmp(argv[0], "replace"))
		return change(ip, argc - 1, argv + 1, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	if (argc && !strcmp(argv[0], "del"))
		return change(ip, argc - 1, argv + 1, RTM_DELNEIGH, 0);
	if (!is_show(argc, argv))
		return bad_command("neigh");
	if (!show_only(ip, argc, argv))
		return 1;
	nl_begin(&r, RTM_GETNEIGH, 0, sizeof(struct ndmsg));
	return nl_dump(ip->fd, &r, print_neigh, ip);
}

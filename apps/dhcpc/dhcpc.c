/* SPDX-License-Identifier: MIT */
/*
 * dhcpc: a DHCP client (RFC 2131 section 4.4). Runs for ever in its thread: INIT, SELECTING,
 * REQUESTING, BOUND, RENEWING, REBINDING; a link that comes back asks for the same address again
 * (INIT-REBOOT). What it learns goes to the kernel through rtnetlink. Started at boot where ip=
 * asks for it (/proc/net/ipconfig), or by hand: `dhcpc eth0`.
 */
#include "dhcp_msg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/nl.h"

#define SERVER_PORT    67
#define CLIENT_PORT    68
#define FIRST_RETRY_MS 1000
#define MAX_RETRY_MS   16000

enum state { INIT, SELECTING, REQUESTING, REBOOTING, BOUND, RENEWING, REBINDING, LINK_DOWN };

struct client {
	const char *ifname;
	uint32_t ifindex;
	int udp, route, link; /* sockets: DHCP, rtnetlink requests, link events */
	uint8_t mac[6];
	enum state state;
	uint32_t xid;
	uint64_t started_ms; /* this exchange, for secs */
	uint64_t next_ms;    /* next retransmission or change of state */
	unsigned retry_ms, tries;
	struct dhcp_lease offer, lease; /* chosen; in force (addr 0: none) */
	uint64_t bound_ms;
};

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static const char *text(uint32_t addr, char buf[16])
{
	return inet_ntop(AF_INET, &addr, buf, 16);
}

/* ---- what the kernel is told -------------------------------------------------------------- */

static int change_addr(struct client *c, const struct dhcp_lease *l, uint16_t type)
{
	uint32_t broadcast = l->addr | ~l->mask;
	struct nl_req r;
	struct ifaddrmsg *m =
		nl_begin(&r, type, type == RTM_NEWADDR ? NLM_F_CREATE : 0, sizeof(*m));

	m->ifa_family = AF_INET;
	m->ifa_prefixlen = (uint8_t)dhcp_mask_len(l->mask);
	m->ifa_index = c->ifindex;
	nl_attr_u32(&r, IFA_LOCAL, l->addr);
	nl_attr_u32(&r, IFA_ADDRESS, l->addr);
	if (m->ifa_prefixlen < 31)
		nl_attr_u32(&r, IFA_BROADCAST, broadcast);
	return nl_do(c->route, &r);
}

static int add_default_route(struct client *c, const struct dhcp_lease *l)
{
	struct nl_req r;
	struct rtmsg *m = nl_begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*m));

	m->rtm_family = AF_INET;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_DHCP;
	m->rtm_type = RTN_UNICAST;
	nl_attr_u32(&r, RTA_GATEWAY, l->router);
	nl_attr_u32(&r, RTA_OIF, c->ifindex);
	return nl_do(c->route, &r);
}

static void set_mtu(struct client *c, uint16_t mtu)
{
	struct nl_req r;
	struct ifinfomsg *m = nl_begin(&r, RTM_SETLINK, 0, sizeof(*m));

	m->ifi_index = (int)c->ifindex;
	nl_attr_u32(&r, IFLA_MTU, mtu);
	nl_do(c->route, &r);
}

static int link_up(struct client *c)
{
	struct nl_req r;
	struct ifinfomsg *m = nl_begin(&r, RTM_SETLINK, 0, sizeof(*m));

	m->ifi_index = (int)c->ifindex;
	m->ifi_flags = m->ifi_change = IFF_UP;
	return nl_do(c->route, &r);
}

static void drop_lease(struct client *c)
{
	char a[16];

	if (!c->lease.addr)
		return;
	printf("dhcpc: %s: lease of %s is over\n", c->ifname, text(c->lease.addr, a));
	change_addr(c, &c->lease, RTM_DELADDR);
	c->lease.addr = 0;
}

static void apply_lease(struct client *c, const struct dhcp_lease *l)
{
	bool is_new = l->addr != c->lease.addr || l->mask != c->lease.mask;
	bool new_router = is_new || l->router != c->lease.router;
	char a[16], g[16];
	int err = 0;

	if (is_new)
		drop_lease(c);
	/* First, so that no connection begins with segments that are too large. */
	if (l->mtu >= 576 && l->mtu != c->lease.mtu)
		set_mtu(c, l->mtu);
	if (is_new)
		err = change_addr(c, l, RTM_NEWADDR);
	if (!err && l->router && new_router)
		err = add_default_route(c, l);
	c->lease = *l;
	if (err)
		fprintf(stderr, "dhcpc: %s: %s\n", c->ifname, strerror(err));
	if (is_new)
		printf("dhcpc: %s: address %s/%d, gateway %s, lease %u s\n", c->ifname,
		       text(l->addr, a), dhcp_mask_len(l->mask),
		       l->router ? text(l->router, g) : "none", l->lease_s);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void send_query(struct client *c, const struct dhcp_query *q, uint32_t to)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(SERVER_PORT)};
	uint8_t msg[DHCP_MAX_SIZE];
	size_t len = dhcp_build(msg, q);

	addr.sin_addr.s_addr = to;
	sendto(c->udp, msg, len, 0, (struct sockaddr *)&addr, sizeof(addr));
}

static void transmit(struct client *c)
{
	struct dhcp_query q = {.xid = c->xid, .broadcast = true};
	uint32_t to = INADDR_BROADCAST;

	memcpy(q.mac, c->mac, sizeof(q.mac));
	q.secs = (uint16_t)((clock_ms() - c->started_ms) / 1000);
	q.type = c->state == SELECTING ? DHCPDISCOVER : DHCPREQUEST;
	/* Which fields a request carries depends on the state: RFC 2131 table 5. */
	if (c->state == REQUESTING) {
		q.requested = c->offer.addr;
		q.server = c->offer.server;
	} else if (c->state == REBOOTING) {
		q.requested = c->lease.addr;
	} else if (c->state == RENEWING || c->state == REBINDING) {
		q.ciaddr = c->lease.addr;
		q.broadcast = false;
		if (c->state == RENEWING)
			to = c->lease.server;
	}
	send_query(c, &q, to);
}

static void enter(struct client *c, enum state s)
{
	bool new_exchange = s == SELECTING || s == REBOOTING || s == RENEWING || s == REBINDING;

	c->state = s;
	c->tries = 0;
	c->retry_ms = FIRST_RETRY_MS;
	c->next_ms = clock_ms();
	if (new_exchange) {
		getrandom(&c->xid, sizeof(c->xid), 0);
		c->started_ms = c->next_ms;
	}
}

/* Bound for so many seconds: when the next state begins. */
static uint64_t after_bound(const struct client *c, uint32_t s)
{
	return s == DHCP_FOREVER ? UINT64_MAX : c->bound_ms + (uint64_t)s * 1000;
}

/* ---- time ---------------------------------------------------------------------------------------
 */

/* RFC 2131 section 4.1: double each time, plus or minus up to a second. */
static void back_off(struct client *c)
{
	uint16_t r;

	getrandom(&r, sizeof(r), 0);
	c->next_ms = clock_ms() + c->retry_ms - (c->retry_ms > 1000 ? 1000 : 0) + r % 1000;
	if (c->retry_ms < MAX_RETRY_MS)
		c->retry_ms *= 2;
	c->tries++;
}

/* Section 4.4.5: half of the time that is left, but at least a minute, unless the lease
 * itself is shorter than that. */
static void renew_later(struct client *c, uint64_t until)
{
	uint64_t now = clock_ms(), left = until > now ? until - now : 0, wait = left / 2;

	if (wait < 60000)
		wait = left < 60000 ? (left > 2000 ? left / 2 : left) : 60000;
	c->next_ms = now + (wait ? wait : 1);
}

static void on_time(struct client *c)
{
	uint64_t now = clock_ms();

	switch (c->state) {
	case INIT:
		enter(c, SELECTING);
		break;
	case SELECTING:
		transmit(c);
		back_off(c);
		break;
	case REQUESTING:
	case REBOOTING:
		if (c->tries >= 3) { /* nobody answers: start over */
			drop_lease(c);
			enter(c, INIT);
			break;
		}
		transmit(c);
		back_off(c);
		break;
	case BOUND:
		enter(c, RENEWING);
		break;
	case RENEWING:
		if (now >= after_bound(c, c->lease.t2_s)) {
			enter(c, REBINDING);
			break;
		}
		transmit(c);
		renew_later(c, after_bound(c, c->lease.t2_s));
		break;
	case REBINDING:
		if (now >= after_bound(c, c->lease.lease_s)) {
			drop_lease(c);
			enter(c, INIT);
			break;
		}
		transmit(c);
		renew_later(c, after_bound(c, c->lease.lease_s));
		break;
	case LINK_DOWN:
		c->next_ms = UINT64_MAX;
		break;
	}
}

/* ---- answers
 * ------------------------------------------------------------------------------------- */

static void on_reply(struct client *c, const struct dhcp_reply *r)
{
	bool asked = c->state == REQUESTING || c->state == REBOOTING || c->state == RENEWING ||
		     c->state == REBINDING;

	if (c->state == SELECTING && r->type == DHCPOFFER) {
		c->offer = r->lease;
		enter(c, REQUESTING);
	} else if (asked && r->type == DHCPACK) {
		apply_lease(c, &r->lease);
		c->state = BOUND;
		c->bound_ms = c->started_ms;
		c->next_ms = after_bound(c, c->lease.t1_s);
	} else if (asked && r->type == DHCPNAK) {
		drop_lease(c);
		enter(c, INIT);
	}
}

static void read_dhcp(struct client *c)
{
	uint8_t msg[1500];
	ssize_t n = recv(c->udp, msg, sizeof(msg), MSG_DONTWAIT);
	struct dhcp_reply r;

	if (n > 0 && dhcp_parse(msg, (size_t)n, c->xid, c->mac, &r))
		on_reply(c, &r);
}

static void on_link(struct client *c, bool up)
{
	if (!up && c->state != LINK_DOWN) {
		c->state = LINK_DOWN;
		c->next_ms = UINT64_MAX;
	} else if (up && c->state == LINK_DOWN) {
		/* Perhaps another network: ask whether the address is still good. */
		enter(c, c->lease.addr ? REBOOTING : INIT);
	}
}

static void read_link(struct client *c)
{
	char buf[4096];
	ssize_t n = recv(c->link, buf, sizeof(buf), MSG_DONTWAIT);

	for (struct nlmsghdr *h = (void *)buf; n > 0 && NLMSG_OK(h, (uint32_t)n);
	     h = NLMSG_NEXT(h, n)) {
		const struct ifinfomsg *m = NLMSG_DATA(h);

		if (h->nlmsg_type == RTM_NEWLINK && (uint32_t)m->ifi_index == c->ifindex)
			on_link(c, m->ifi_flags & IFF_RUNNING);
	}
}

/* ---- start
 * ----------------------------------------------------------------------------------------- */

static int open_sockets(struct client *c)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(CLIENT_PORT)};
	int one = 1;

	c->udp = socket(AF_INET, SOCK_DGRAM, 0);
	c->route = nl_open(NETLINK_ROUTE, 0);
	c->link = nl_open(NETLINK_ROUTE, RTMGRP_LINK);
	if (c->udp < 0 || c->route < 0 || c->link < 0)
		return errno;
	setsockopt(c->udp, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	setsockopt(c->udp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (setsockopt(c->udp, SOL_SOCKET, SO_BINDTODEVICE, c->ifname,
		       (socklen_t)strlen(c->ifname)) ||
	    bind(c->udp, (struct sockaddr *)&addr, sizeof(addr)))
		return errno;
	return 0;
}

static int find_interface(struct client *c)
{
	struct ifreq ifr = {0};

	strncpy(ifr.ifr_name, c->ifname, IFNAMSIZ - 1);
	if (ioctl(c->udp, SIOCGIFINDEX, &ifr))
		return errno;
	c->ifindex = (uint32_t)ifr.ifr_ifindex;
	if (ioctl(c->udp, SIOCGIFHWADDR, &ifr))
		return errno;
	memcpy(c->mac, ifr.ifr_hwaddr.sa_data, sizeof(c->mac));
	return link_up(c);
}

static bool link_is_running(struct client *c)
{
	struct ifreq ifr = {0};

	strncpy(ifr.ifr_name, c->ifname, IFNAMSIZ - 1);
	return !ioctl(c->udp, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_RUNNING;
}

static void run(struct client *c)
{
	enter(c, INIT);
	on_link(c, link_is_running(c));
	for (;;) {
		struct pollfd p[2] = {{.fd = c->udp, .events = POLLIN},
				      {.fd = c->link, .events = POLLIN}};
		uint64_t now = clock_ms();
		int timeout = -1;

		if (c->next_ms <= now) {
			on_time(c);
			continue;
		}
		if (c->next_ms != UINT64_MAX)
			timeout = c->next_ms - now > 3600000 ? 3600000 : (int)(c->next_ms - now);
		poll(p, 2, timeout);
		if (p[0].revents)
			read_dhcp(c);
		if (p[1].revents)
			read_link(c);
	}
}

/* The interface for which the command line asks for DHCP: the line "dhcp <device>" of
 * /proc/net/ipconfig. Empty: none. */
static void wanted_interface(char name[IFNAMSIZ])
{
	char buf[256];
	int fd = open("/proc/net/ipconfig", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);
	const char *line;

	name[0] = '\0';
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	buf[n] = '\0';
	line = strstr(buf, "dhcp ");
	for (unsigned i = 0; line && i < IFNAMSIZ - 1 && line[5 + i] > ' '; i++) {
		name[i] = line[5 + i];
		name[i + 1] = '\0';
	}
}

static int dhcpc_main(int argc, char **argv)
{
	struct client *c = calloc(1, sizeof(*c));
	char name[IFNAMSIZ];
	int err;

	if (!c)
		return 1;
	if (argc > 1) {
		strncpy(name, argv[1], sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
	} else {
		wanted_interface(name);
	}
	if (!name[0]) {
		free(c);
		return 0;
	}
	c->ifname = name;
	err = open_sockets(c);
	if (!err)
		err = find_interface(c);
	if (!err)
		run(c);
	fprintf(stderr, "dhcpc: %s: %s\n", name, strerror(err));
	close(c->udp);
	close(c->route);
	close(c->link);
	free(c);
	return 1;
}

APP(dhcpc, dhcpc_main, "dhcpc [device]: DHCP client", true);

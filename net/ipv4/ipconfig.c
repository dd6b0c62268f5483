/* SPDX-License-Identifier: MIT */
/*
 * Addresses from the command line, in the syntax of Linux's nfsroot.rst:
 *
 *	ip=<client>:<server>:<gateway>:<netmask>:<hostname>:<device>:<autoconf>:<dns0>:<dns1>
 *	ip=dhcp   ip=on|any|off|none   ip=10.0.0.2/24 [gw=10.0.0.1]   ip=::::name:eth1:dhcp
 *
 * A static address is set here, once the devices are there; that DHCP is wanted is only written to
 * /proc/net/ipconfig ("dhcp eth0"), for the client to find. A wrong field is named in the log, and
 * the system goes on without the address. Thread context, at the end of the boot.
 */
#define pr_fmt(fmt) "IP-Config: " fmt
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/inet_text.h>
#include <lib/kstrto.h>
#include <lib/string.h>

#include "ipconfig.h"
#include "ipv4_int.h"

enum field {
	CLIENT,
	SERVER,
	GATEWAY,
	NETMASK,
	HOSTNAME,
	DEVICE,
	AUTOCONF,
	DNS0,
	DNS1,
	NTP0,
	NFIELDS
};

static const char *const field_names[NFIELDS] = {
	"client address", "server address", "gateway", "netmask", "host name",
	"device",         "autoconf",       "dns0",    "dns1",    "ntp0"};

static struct ipconfig applied; /* what /proc/net/ipconfig shows; set once */

static int bad(enum field f, const char *text)
{
	pr_err("ip=: bad %s \"%s\"; no address is set", field_names[f], text);
	return -EINVAL;
}

/* An address that may be left out. */
static int parse_addr(enum field f, const char *text, be32 *addr)
{
	const char *end;

	*addr = (be32){0};
	if (!*text)
		return 0;
	end = ipv4_parse(text, addr);
	return end && !*end ? 0 : bad(f, text);
}

static int parse_autoconf(const char *text, struct ipconfig *c)
{
	static const char *const dhcp_words[] = {"dhcp", "on", "any", "both"};
	static const char *const off_words[] = {"off", "none", ""};

	for (unsigned i = 0; i < ARRAY_SIZE(dhcp_words); i++) {
		if (!strcmp(text, dhcp_words[i])) {
			c->dhcp = true;
			return 0;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(off_words); i++) {
		if (!strcmp(text, off_words[i]))
			return 0;
	}
	return bad(AUTOCONF, text); /* bootp and rarp among them: nobody speaks them here */
}

/* "10.0.0.2/24", or an address alone. */
static int parse_client(char *text, struct ipconfig *c)
{
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		if (kstrtou8(slash + 1, 10, &c->prefixlen) || c->prefixlen < 1 ||
		    c->prefixlen > 32) {
			*slash = '/';
			return bad(CLIENT, text);
		}
	}
	if (parse_addr(CLIENT, text, &c->client))
		return -EINVAL;
	if (c->client.wire && (ipv4_is_multicast(c->client) || ipv4_is_zeronet(c->client) ||
			       ipv4_is_lbcast(c->client) || ipv4_is_loopback(c->client)))
		return bad(CLIENT, text);
	return 0;
}

static int parse_netmask(const char *text, struct ipconfig *c)
{
	be32 mask;
	int len;

	if (!*text)
		return 0;
	if (parse_addr(NETMASK, text, &mask))
		return -EINVAL;
	len = ipv4_mask_prefix(mask);
	if (len < 1)
		return bad(NETMASK, text);
	c->prefixlen = (u8)len;
	return 0;
}

/* The prefix of the address classes, where nobody says otherwise (as Linux). */
static u8 class_prefix(be32 a)
{
	u8 top = (u8)(be32_get(a) >> 24);

	return top < 128 ? 8 : top < 192 ? 16 : 24;
}

static int parse_fields(char *field[NFIELDS], struct ipconfig *c)
{
	if (parse_client(field[CLIENT], c) || parse_addr(SERVER, field[SERVER], &c->server) ||
	    parse_addr(GATEWAY, field[GATEWAY], &c->gateway) || parse_netmask(field[NETMASK], c) ||
	    parse_autoconf(field[AUTOCONF], c) || parse_addr(DNS0, field[DNS0], &c->dns[0]) ||
	    parse_addr(DNS1, field[DNS1], &c->dns[1]) || parse_addr(NTP0, field[NTP0], &c->ntp))
		return -EINVAL;
	if (strscpy(c->hostname, field[HOSTNAME], sizeof(c->hostname)) < 0)
		return bad(HOSTNAME, field[HOSTNAME]);
	if (strscpy(c->device, field[DEVICE], sizeof(c->device)) < 0)
		return bad(DEVICE, field[DEVICE]);
	if (c->client.wire && !c->prefixlen)
		c->prefixlen = class_prefix(c->client);
	return 0;
}

int ipconfig_parse(const char *line, struct ipconfig *c)
{
	static char nothing[1];
	char text[256], *field[NFIELDS], *p = text;
	unsigned n = 0;

	memset(c, 0, sizeof(*c));
	if (strscpy(text, line, sizeof(text)) < 0) {
		pr_err("ip= is longer than %zu characters; no address is set", sizeof(text) - 1);
		return -E2BIG;
	}
	if (!*text)
		pr_warn("ip= is empty; no address is set");
	if (!strchr(text, ':') && !strchr(text, '.'))
		return parse_autoconf(text, c); /* ip=dhcp, ip=off */
	for (unsigned i = 0; i < NFIELDS; i++)
		field[i] = nothing;
	while (p && n < NFIELDS) {
		char *colon = strchr(p, ':');

		if (colon)
			*colon = '\0';
		field[n++] = p;
		p = colon ? colon + 1 : NULL;
	}
	if (p) {
		pr_err("ip= has more than %d fields, at \"%s\"; no address is set", NFIELDS, p);
		return -EINVAL;
	}
	return parse_fields(field, c);
}

/* -- applying ------------------------------------------------------------------------------ */

static struct net_device *find_device(struct net *net, const char *name)
{
	struct net_device *dev;

	if (*name)
		return dev_get_by_name(net, name);
	for_each_netdev(net, dev) {
		if (!(dev->flags & IFF_LOOPBACK))
			return dev;
	}
	return NULL;
}

static int add_default_route(struct net *net, const struct net_device *dev, be32 gateway)
{
	struct fib_config cfg = {
		.gateway = gateway,
		.type = RTN_UNICAST,
		.protocol = RTPROT_BOOT,
		.table = RT_TABLE_MAIN,
		.oif = dev->ifindex,
	};
	int err = fib_add(net, &cfg);

	if (err)
		pr_err("ip=: gateway %pI4 cannot be used: %pe", &gateway, ERR_PTR(err));
	return err;
}

/* rtnl held. */
static int apply_static(struct net *net, struct net_device *dev, const struct ipconfig *c)
{
	be32 mask = ipv4_prefix_mask(c->prefixlen);
	be32 bcast = c->prefixlen < 31 ? be32_or(c->client, be32_not(mask)) : (be32){0};
	int err = dev_open(dev);

	if (err) {
		pr_err("ip=: %s cannot be opened: %pe", dev->name, ERR_PTR(err));
		return err;
	}
	err = inet_addr_add(dev, c->client, c->prefixlen, bcast, RT_SCOPE_UNIVERSE);
	if (err && err != -EEXIST) {
		pr_err("ip=: %s: %pI4/%u cannot be set: %pe", dev->name, &c->client, c->prefixlen,
		       ERR_PTR(err));
		return err;
	}
	pr_info("%s: %pI4/%u", dev->name, &c->client, c->prefixlen);
	return c->gateway.wire ? add_default_route(net, dev, c->gateway) : 0;
}

int ipconfig_apply(struct net *net, struct ipconfig *c)
{
	struct net_device *dev;
	int err = 0;

	if (!c->dhcp && !c->client.wire)
		return 0;
	rtnl_lock();
	dev = find_device(net, c->device);
	if (!dev) {
		if (*c->device)
			bad(DEVICE, c->device);
		else
			pr_err("ip=: there is no network device");
		err = -ENODEV;
	} else {
		strscpy(c->device, dev->name, sizeof(c->device));
		if (c->client.wire)
			err = apply_static(net, dev, c);
	}
	rtnl_unlock();
	return err;
}

/* -- /proc/net/ipconfig --------------------------------------------------------------------- */

static void show_addr(struct seq_file *m, const char *key, be32 addr)
{
	char text[IPV4_TEXT_BYTES];

	if (!addr.wire)
		return;
	ipv4_print(text, addr);
	seq_printf(m, "%s %s\n", key, text);
}

static void ipconfig_show(struct seq_file *m)
{
	const struct ipconfig *c = &applied;

	if (c->dhcp)
		seq_printf(m, "dhcp %s\n", c->device);
	else if (c->client.wire)
		seq_printf(m, "static %s\n", c->device);
	else
		seq_puts(m, "off\n");
	show_addr(m, "address", c->client);
	if (c->client.wire)
		seq_printf(m, "prefixlen %u\n", c->prefixlen);
	show_addr(m, "server", c->server);
	show_addr(m, "gateway", c->gateway);
	if (*c->hostname)
		seq_printf(m, "hostname %s\n", c->hostname);
	show_addr(m, "nameserver", c->dns[0]);
	show_addr(m, "nameserver", c->dns[1]);
	show_addr(m, "ntp", c->ntp);
}

static int ipconfig_init(void)
{
	const char *line = cmdline_get("ip"), *gw = cmdline_get("gw");
	struct ipconfig c = {0};
	int err = line ? ipconfig_parse(line, &c) : 0;

	if (line && !*line)
		pr_warn("ip= is empty; no address is set");
	if (!err && gw && !c.gateway.wire)
		err = parse_addr(GATEWAY, gw, &c.gateway);
	if (err || ipconfig_apply(&init_net, &c))
		c.client = (be32){0}; /* said already; the system goes on */
	if (err)
		c.dhcp = false;
	applied = c;
	return proc_net_create(&init_net, "ipconfig", ipconfig_show, NULL, NULL);
}
DEFINE_INITCALL(INIT_LATE, ipconfig_init);

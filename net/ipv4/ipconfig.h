/* SPDX-License-Identifier: MIT */
/*
 * The parsed ip= word of the command line.
 */
#ifndef NET_IPV4_IPCONFIG_H
#define NET_IPV4_IPCONFIG_H

#include <net/if.h>
#include <net/net.h>

struct ipconfig {
	be32 client, server, gateway, dns[2], ntp;
	u8 prefixlen; /* 0: not given */
	bool dhcp;
	char hostname[64];
	char device[IFNAMSIZ]; /* "": the first that is not lo */
};

/* 0, or -EINVAL (-E2BIG) after a message that names the wrong field. */
int ipconfig_parse(const char *line, struct ipconfig *c);
/* Set what is static, fill in the device's name. 0 or -errno after a message. Takes rtnl. */
int ipconfig_apply(struct net *net, struct ipconfig *c);

#endif

/* SPDX-License-Identifier: MIT */
/* Hardware types, ARP operations and the SIOC*ARP request. */
#ifndef _NET_IF_ARP_H
#define _NET_IF_ARP_H

#include <sys/socket.h>

#define ARPOP_REQUEST  1
#define ARPOP_REPLY    2
#define ARPOP_RREQUEST 3
#define ARPOP_RREPLY   4

#define ARPHRD_NETROM   0
#define ARPHRD_ETHER    1
#define ARPHRD_LOOPBACK 772
#define ARPHRD_NONE     0xFFFE
#define ARPHRD_VOID     0xFFFF

#define ATF_COM         0x02
#define ATF_PERM        0x04
#define ATF_PUBL        0x08
#define ATF_USETRAILERS 0x10
#define ATF_NETMASK     0x20
#define ATF_DONTPUB     0x40

struct arpreq {
	struct sockaddr arp_pa;
	struct sockaddr arp_ha;
	int arp_flags;
	struct sockaddr arp_netmask;
	char arp_dev[16];
};

#endif

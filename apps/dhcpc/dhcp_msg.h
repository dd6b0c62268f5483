/* SPDX-License-Identifier: MIT */
/*
 * DHCP messages (RFC 2131 section 2, options of RFC 2132). Pure functions: what a server sent is
 * untrusted and every option's length is checked.
 */
#ifndef DHCPC_DHCP_MSG_H
#define DHCPC_DHCP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dhcp_type {
	DHCPDISCOVER = 1,
	DHCPOFFER,
	DHCPREQUEST,
	DHCPDECLINE,
	DHCPACK,
	DHCPNAK,
	DHCPRELEASE
};

#define DHCP_MAX_SIZE 576
#define DHCP_FOREVER  0xffffffffu

/* What a server granted. Addresses in network order, times in seconds. */
struct dhcp_lease {
	uint32_t addr, mask, router, server, dns[2];
	uint32_t lease_s, t1_s, t2_s;
	uint16_t mtu; /* 0: not given */
};

struct dhcp_reply {
	enum dhcp_type type;
	struct dhcp_lease lease;
};

/* What goes into a request. Zero: left out. */
struct dhcp_query {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs;
	uint8_t mac[6];
	uint32_t ciaddr;    /* the address in use (renewing) */
	uint32_t requested; /* option 50 */
	uint32_t server;    /* option 54 */
	bool broadcast;     /* we cannot receive unicast yet */
	const char *hostname;
};

/* Write the message; returns its length (at least 300, as old relays want). */
size_t dhcp_build(uint8_t out[DHCP_MAX_SIZE], const struct dhcp_query *q);

/* Take apart a server's message for our xid and mac. False: not for us, malformed, or without the
 * options that its type needs. Missing times get the RFC's defaults, T1 and T2 are in order. */
bool dhcp_parse(const uint8_t *msg, size_t len, uint32_t xid, const uint8_t mac[6],
		struct dhcp_reply *r);

/* Prefix length of a netmask in network order; -1 for one with holes. */
int dhcp_mask_len(uint32_t mask);

#endif

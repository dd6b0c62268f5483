/* SPDX-License-Identifier: MIT */
/*
 * A small netlink client: ask, and read answers, for the programs that configure and show the
 * network. Thread context; a connection belongs to one thread.
 */
#ifndef APPS_LIB_NL_H
#define APPS_LIB_NL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_BUF_SIZE 8192

/* A request under construction: header, fixed part, attributes. */
struct nl_req {
	struct nlmsghdr nlh;
	char body[1024 - sizeof(struct nlmsghdr)];
};

/* A netlink socket for protocol, in the groups of that mask. Descriptor, or -1 with errno. */
int nl_open(int protocol, uint32_t groups);
void nl_close(int fd);

/* Begin a request with a fixed part of len bytes; returns it, zeroed. */
void *nl_begin(struct nl_req *r, uint16_t type, uint16_t flags, size_t len);
/* Append an attribute; false where the request is full. */
bool nl_attr(struct nl_req *r, uint16_t type, const void *data, size_t len);
static inline bool nl_attr_u32(struct nl_req *r, uint16_t type, uint32_t v)
{
	return nl_attr(r, type, &v, sizeof(v));
}

/* Send and wait for the acknowledgement. 0, or a positive errno. */
int nl_do(int fd, struct nl_req *r);
/* The same, with fn called for the messages that come before it. */
int nl_ask(int fd, struct nl_req *r, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg);
/* Send a dump request; fn gets each message. 0, or a positive errno. */
int nl_dump(int fd, struct nl_req *r, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg);

/* Attributes behind a message's fixed part of len bytes, sorted by type: tb[0..max]. */
void nl_parse(const struct nlmsghdr *nlh, size_t len, const struct rtattr *tb[], unsigned max);
static inline uint32_t nl_u32(const struct rtattr *a)
{
	return a && RTA_PAYLOAD(a) >= 4 ? *(const uint32_t *)RTA_DATA(a) : 0;
}

/* "52:54:00:12:34:56"; false where it is malformed. */
bool nl_parse_mac(const char *text, unsigned char mac[6]);

#endif

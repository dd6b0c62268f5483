/* SPDX-License-Identifier: MIT */
/*
 * A small netlink client.
 */
#include "nl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int nl_open(int protocol, uint32_t groups)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW, protocol);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

void nl_close(int fd)
{
	close(fd);
}

void *nl_begin(struct nl_req *r, uint16_t type, uint16_t flags, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->nlh.nlmsg_type = type;
	r->nlh.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	r->nlh.nlmsg_len = NLMSG_LENGTH((uint32_t)len);
	return r->body;
}

bool nl_attr(struct nl_req *r, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->nlh.nlmsg_len), size = RTA_LENGTH(len);
	struct rtattr *a = (struct rtattr *)(void *)((char *)r + at);

	if (at + RTA_ALIGN(size) > sizeof(*r))
		return false;
	a->rta_type = type;
	a->rta_len = (unsigned short)size;
	memcpy(RTA_DATA(a), data, len);
	r->nlh.nlmsg_len = (uint32_t)(at + RTA_ALIGN(size));
	return true;
}

/* Hand each message of the answers to fn until an end: NLMSG_DONE or an acknowledgement. */
static int read_answers(int fd, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	char *buf = malloc(NL_BUF_SIZE);
	int err = -1;

	if (!buf)
		return ENOMEM;
	while (err < 0) {
		ssize_t n = recv(fd, buf, NL_BUF_SIZE, 0);
		const struct nlmsghdr *h = (const void *)buf;

		if (n <= 0) {
			err = n ? errno : EPIPE;
			break;
		}
		for (; err < 0 && NLMSG_OK(h, (uint32_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				err = 0;
			else if (h->nlmsg_type == NLMSG_ERROR)
				err = -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			else if (fn)
				fn(h, arg);
		}
	}
	free(buf);
	return err;
}

int nl_ask(int fd, struct nl_req *r, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	r->nlh.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, r, r->nlh.nlmsg_len, 0) < 0)
		return errno;
	return read_answers(fd, fn, arg);
}

int nl_do(int fd, struct nl_req *r)
{
	return nl_ask(fd, r, NULL, NULL);
}

int nl_dump(int fd, struct nl_req *r, void (*fn)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	r->nlh.nlmsg_flags |= NLM_F_DUMP;
	if (send(fd, r, r->nlh.nlmsg_len, 0) < 0)
		return errno;
	return read_answers(fd, fn, arg);
}

void nl_parse(const struct nlmsghdr *nlh, size_t len, const struct rtattr *tb[], unsigned max)
{
	const struct rtattr *a = (const void *)((const char *)NLMSG_DATA(nlh) + NLMSG_ALIGN(len));
	int left = (int)nlh->nlmsg_len - (int)NLMSG_SPACE(len);

	memset(tb, 0, (max + 1) * sizeof(*tb));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type <= max)
			tb[a->rta_type] = a;
}

bool nl_parse_mac(const char *text, unsigned char mac[6])
{
	for (int i = 0; i < 6; i++) {
		char *end;
		unsigned long v = strtoul(text, &end, 16);

		if (end == text || v > 255 || *end != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (unsigned char)v;
		text = end + 1;
	}
	return true;
}

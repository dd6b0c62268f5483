/* SPDX-License-Identifier: MIT */
/* Internet addresses as text, for apps. */
#include <arpa/inet.h>

#include <errno.h>
#include <lib/inet_text.h>
#include <string.h>

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

int inet_aton(const char *text, struct in_addr *addr)
{
	return inet_pton(AF_INET, text, addr) == 1;
}

int inet_pton(int family, const char *restrict text, void *restrict addr)
{
	const char *end;
	be32 v4;
	u8 v6[16];

	switch (family) {
	case AF_INET:
		end = ipv4_parse(text, &v4);
		if (!end || *end)
			return 0;
		memcpy(addr, &v4, sizeof(v4));
		return 1;
	case AF_INET6:
		end = ipv6_parse(text, v6);
		if (!end || *end)
			return 0;
		memcpy(addr, v6, sizeof(v6));
		return 1;
	default:
		errno = EAFNOSUPPORT;
		return -1;
	}
}

const char *inet_ntop(int family, const void *restrict addr, char *restrict buf, socklen_t size)
{
	char text[IPV6_TEXT_BYTES];
	size_t len;
	be32 v4;

	switch (family) {
	case AF_INET:
		memcpy(&v4, addr, sizeof(v4));
		len = ipv4_print(text, v4);
		break;
	case AF_INET6:
		len = ipv6_print(text, addr);
		break;
	default:
		errno = EAFNOSUPPORT;
		return NULL;
	}
	if (len >= size) {
		errno = ENOSPC;
		return NULL;
	}
	memcpy(buf, text, len + 1);
	return buf;
}

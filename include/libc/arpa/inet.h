/* SPDX-License-Identifier: MIT */
/* Internet addresses as text. */
#ifndef _ARPA_INET_H
#define _ARPA_INET_H

#include <netinet/in.h>

/* family: AF_INET or AF_INET6. 1 if text is an address, else 0; -1 with EAFNOSUPPORT. */
int inet_pton(int family, const char *restrict text, void *restrict addr);
/* buf, or NULL with ENOSPC or EAFNOSUPPORT. IPv6 in the form of RFC 5952. */
const char *inet_ntop(int family, const void *restrict addr, char *restrict buf, socklen_t size);
/* 1 if text is a dotted quad, else 0. */
int inet_aton(const char *text, struct in_addr *addr);

#endif

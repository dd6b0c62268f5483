/* SPDX-License-Identifier: MIT */
/* Socket diagnosis through netlink. */
#ifndef _LINUX_SOCK_DIAG_H
#define _LINUX_SOCK_DIAG_H

#include <stdint.h>

struct sock_diag_req {
	uint8_t sdiag_family;
	uint8_t sdiag_protocol;
};

#define SOCK_DIAG_BY_FAMILY 20
#define SOCK_DESTROY        21

/* Words of INET_DIAG_SKMEMINFO */
#define SK_MEMINFO_RMEM_ALLOC  0
#define SK_MEMINFO_RCVBUF      1
#define SK_MEMINFO_WMEM_ALLOC  2
#define SK_MEMINFO_SNDBUF      3
#define SK_MEMINFO_FWD_ALLOC   4
#define SK_MEMINFO_WMEM_QUEUED 5
#define SK_MEMINFO_OPTMEM      6
#define SK_MEMINFO_BACKLOG     7
#define SK_MEMINFO_DROPS       8
#define SK_MEMINFO_VARS        9

#define SKNLGRP_NONE              0
#define SKNLGRP_INET_TCP_DESTROY  1
#define SKNLGRP_INET_UDP_DESTROY  2
#define SKNLGRP_INET6_TCP_DESTROY 3
#define SKNLGRP_INET6_UDP_DESTROY 4
#define SKNLGRP_MAX               4

#endif

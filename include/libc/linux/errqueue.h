/* SPDX-License-Identifier: MIT */
/* What a socket's error queue holds (IP_RECVERR, MSG_ERRQUEUE). */
#ifndef _LINUX_ERRQUEUE_H
#define _LINUX_ERRQUEUE_H

#include <stdint.h>
#include <sys/socket.h>

struct sock_extended_err {
	uint32_t ee_errno;
	uint8_t ee_origin;
	uint8_t ee_type;
	uint8_t ee_code;
	uint8_t ee_pad;
	uint32_t ee_info;
	uint32_t ee_data;
};

#define SO_EE_ORIGIN_NONE               0
#define SO_EE_ORIGIN_LOCAL              1
#define SO_EE_ORIGIN_ICMP               2
#define SO_EE_ORIGIN_ICMP6              3
#define SO_EE_ORIGIN_TXSTATUS           4
#define SO_EE_ORIGIN_ZEROCOPY           5
#define SO_EE_ORIGIN_TXTIME             6
#define SO_EE_ORIGIN_TIMESTAMPING       4
#define SO_EE_CODE_ZEROCOPY_COPIED      1
#define SO_EE_CODE_TXTIME_INVALID_PARAM 1
#define SO_EE_CODE_TXTIME_MISSED        2

/* The address of who sent the error, behind the struct. */
#define SO_EE_OFFENDER(e) ((struct sockaddr *)((e) + 1))

#endif

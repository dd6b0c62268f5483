/* SPDX-License-Identifier: MIT */
/* Attributes of an address. */
#ifndef _LINUX_IF_ADDR_H
#define _LINUX_IF_ADDR_H

#include <stdint.h>

struct ifaddrmsg {
	uint8_t ifa_family;
	uint8_t ifa_prefixlen;
	uint8_t ifa_flags; /* the low bits of IFA_FLAGS */
	uint8_t ifa_scope; /* RT_SCOPE_* */
	uint32_t ifa_index;
};

struct ifa_cacheinfo {
	uint32_t ifa_prefered; /* seconds, ~0: for ever */
	uint32_t ifa_valid;
	uint32_t cstamp; /* hundredths of a second after boot */
	uint32_t tstamp;
};

/* Attributes of RTM_NEWADDR */
#define IFA_UNSPEC         0
#define IFA_ADDRESS        1
#define IFA_LOCAL          2
#define IFA_LABEL          3
#define IFA_BROADCAST      4
#define IFA_ANYCAST        5
#define IFA_CACHEINFO      6
#define IFA_MULTICAST      7
#define IFA_FLAGS          8
#define IFA_RT_PRIORITY    9
#define IFA_TARGET_NETNSID 10
#define IFA_PROTO          11
#define IFA_MAX            11

/* IFA_FLAGS */
#define IFA_F_SECONDARY      0x1
#define IFA_F_TEMPORARY      0x1
#define IFA_F_NODAD          0x2
#define IFA_F_OPTIMISTIC     0x4
#define IFA_F_DADFAILED      0x8
#define IFA_F_HOMEADDRESS    0x10
#define IFA_F_DEPRECATED     0x20
#define IFA_F_TENTATIVE      0x40
#define IFA_F_PERMANENT      0x80
#define IFA_F_MANAGETEMPADDR 0x100
#define IFA_F_NOPREFIXROUTE  0x200
#define IFA_F_MCAUTOJOIN     0x400

#endif

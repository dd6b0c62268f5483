/* SPDX-License-Identifier: MIT */
/* Attributes and states of a neighbour. */
#ifndef _LINUX_NEIGHBOUR_H
#define _LINUX_NEIGHBOUR_H

#include <stdint.h>

struct ndmsg {
	uint8_t ndm_family;
	uint8_t ndm_pad1;
	uint16_t ndm_pad2;
	int32_t ndm_ifindex;
	uint16_t ndm_state; /* NUD_* */
	uint8_t ndm_flags;  /* NTF_* */
	uint8_t ndm_type;   /* RTN_* */
};

struct nda_cacheinfo {
	uint32_t ndm_confirmed; /* hundredths of a second ago, as the next two */
	uint32_t ndm_used;
	uint32_t ndm_updated;
	uint32_t ndm_refcnt;
};

#define NDA_UNSPEC         0
#define NDA_DST            1
#define NDA_LLADDR         2
#define NDA_CACHEINFO      3
#define NDA_PROBES         4
#define NDA_VLAN           5
#define NDA_PORT           6
#define NDA_VNI            7
#define NDA_IFINDEX        8
#define NDA_MASTER         9
#define NDA_LINK_NETNSID   10
#define NDA_SRC_VNI        11
#define NDA_PROTOCOL       12
#define NDA_NH_ID          13
#define NDA_FDB_EXT_ATTRS  14
#define NDA_FLAGS_EXT      15
#define NDA_NDM_STATE_MASK 16
#define NDA_NDM_FLAGS_MASK 17
#define NDA_MAX            17

#define NTF_USE         0x1
#define NTF_SELF        0x2
#define NTF_MASTER      0x4
#define NTF_PROXY       0x8
#define NTF_EXT_LEARNED 0x10
#define NTF_OFFLOADED   0x20
#define NTF_STICKY      0x40
#define NTF_ROUTER      0x80
#define NTF_EXT_MANAGED 0x1

#define NUD_INCOMPLETE 0x1
#define NUD_REACHABLE  0x2
#define NUD_STALE      0x4
#define NUD_DELAY      0x8
#define NUD_PROBE      0x10
#define NUD_FAILED     0x20
#define NUD_NOARP      0x40
#define NUD_PERMANENT  0x80
#define NUD_NONE       0x0

#endif

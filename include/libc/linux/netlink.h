/* SPDX-License-Identifier: MIT */
/* Netlink: messages with attributes between apps and the stack. */
#ifndef _LINUX_NETLINK_H
#define _LINUX_NETLINK_H

#include <stdint.h>
#include <sys/socket.h>

/* Protocols of AF_NETLINK */
#define NETLINK_ROUTE          0
#define NETLINK_UNUSED         1
#define NETLINK_USERSOCK       2
#define NETLINK_FIREWALL       3
#define NETLINK_SOCK_DIAG      4
#define NETLINK_NFLOG          5
#define NETLINK_XFRM           6
#define NETLINK_SELINUX        7
#define NETLINK_ISCSI          8
#define NETLINK_AUDIT          9
#define NETLINK_FIB_LOOKUP     10
#define NETLINK_CONNECTOR      11
#define NETLINK_NETFILTER      12
#define NETLINK_IP6_FW         13
#define NETLINK_DNRTMSG        14
#define NETLINK_KOBJECT_UEVENT 15
#define NETLINK_GENERIC        16
#define NETLINK_INET_DIAG      4

/* Options of SOL_NETLINK */
#define NETLINK_ADD_MEMBERSHIP   1
#define NETLINK_DROP_MEMBERSHIP  2
#define NETLINK_PKTINFO          3
#define NETLINK_BROADCAST_ERROR  4
#define NETLINK_NO_ENOBUFS       5
#define NETLINK_LISTEN_ALL_NSID  8
#define NETLINK_LIST_MEMBERSHIPS 9
#define NETLINK_CAP_ACK          10
#define NETLINK_EXT_ACK          11
#define NETLINK_GET_STRICT_CHK   12

struct sockaddr_nl {
	sa_family_t nl_family;
	unsigned short nl_pad;
	uint32_t nl_pid;
	uint32_t nl_groups;
};

struct nlmsghdr {
	uint32_t nlmsg_len; /* with this header */
	uint16_t nlmsg_type;
	uint16_t nlmsg_flags;
	uint32_t nlmsg_seq;
	uint32_t nlmsg_pid;
};

struct nlmsgerr {
	int error;
	struct nlmsghdr msg;
};

struct nlattr {
	uint16_t nla_len; /* with this header */
	uint16_t nla_type;
};

/* nlmsg_type below the protocols' own */
#define NLMSG_NOOP     1
#define NLMSG_ERROR    2
#define NLMSG_DONE     3
#define NLMSG_OVERRUN  4
#define NLMSG_MIN_TYPE 16

/* nlmsg_flags */
#define NLM_F_REQUEST       0x1
#define NLM_F_MULTI         0x2
#define NLM_F_ACK           0x4
#define NLM_F_ECHO          0x8
#define NLM_F_DUMP_INTR     0x10
#define NLM_F_DUMP_FILTERED 0x20
#define NLM_F_ROOT          0x100
#define NLM_F_MATCH         0x200
#define NLM_F_ATOMIC        0x400
#define NLM_F_DUMP          0x300
#define NLM_F_REPLACE       0x100
#define NLM_F_EXCL          0x200
#define NLM_F_CREATE        0x400
#define NLM_F_APPEND        0x800
#define NLM_F_NONREC        0x100
#define NLM_F_BULK          0x200
#define NLM_F_CAPPED        0x100
#define NLM_F_ACK_TLVS      0x200

/* Attributes of an error or acknowledgement */
#define NLMSGERR_ATTR_UNUSED    0
#define NLMSGERR_ATTR_MSG       1
#define NLMSGERR_ATTR_OFFS      2
#define NLMSGERR_ATTR_COOKIE    3
#define NLMSGERR_ATTR_POLICY    4
#define NLMSGERR_ATTR_MISS_TYPE 5
#define NLMSGERR_ATTR_MISS_NEST 6
#define NLMSGERR_ATTR_MAX       6

#define NLMSG_ALIGNTO     4U
#define NLMSG_ALIGN(len)  (((len) + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1))
#define NLMSG_HDRLEN      ((int)NLMSG_ALIGN(sizeof(struct nlmsghdr)))
#define NLMSG_LENGTH(len) ((len) + NLMSG_HDRLEN)
#define NLMSG_SPACE(len)  NLMSG_ALIGN(NLMSG_LENGTH(len))
#define NLMSG_DATA(n)     ((void *)((uintptr_t)(n) + NLMSG_HDRLEN))
#define NLMSG_NEXT(n, len)                     \
	((len) -= NLMSG_ALIGN((n)->nlmsg_len), \
	 (struct nlmsghdr *)((uintptr_t)(n) + NLMSG_ALIGN((n)->nlmsg_len)))
#define NLMSG_OK(n, len)                                                                       \
	((len) >= (int)sizeof(struct nlmsghdr) && (n)->nlmsg_len >= sizeof(struct nlmsghdr) && \
	 (n)->nlmsg_len <= (unsigned)(len))
#define NLMSG_PAYLOAD(n, len) ((n)->nlmsg_len - NLMSG_SPACE(len))

#define NLA_F_NESTED        (1 << 15)
#define NLA_F_NET_BYTEORDER (1 << 14)
#define NLA_TYPE_MASK       (~(NLA_F_NESTED | NLA_F_NET_BYTEORDER))
#define NLA_ALIGNTO         4
#define NLA_ALIGN(len)      (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
#define NLA_HDRLEN          ((int)NLA_ALIGN(sizeof(struct nlattr)))

#endif

/* SPDX-License-Identifier: MIT */
/* Attributes and counters of a link. */
#ifndef _LINUX_IF_LINK_H
#define _LINUX_IF_LINK_H

#include <stdint.h>

struct rtnl_link_stats64 {
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t rx_dropped;
	uint64_t tx_dropped;
	uint64_t multicast;
	uint64_t collisions;
	uint64_t rx_length_errors;
	uint64_t rx_over_errors;
	uint64_t rx_crc_errors;
	uint64_t rx_frame_errors;
	uint64_t rx_fifo_errors;
	uint64_t rx_missed_errors;
	uint64_t tx_aborted_errors;
	uint64_t tx_carrier_errors;
	uint64_t tx_fifo_errors;
	uint64_t tx_heartbeat_errors;
	uint64_t tx_window_errors;
	uint64_t rx_compressed;
	uint64_t tx_compressed;
	uint64_t rx_nohandler;
	uint64_t rx_otherhost_dropped;
};

struct rtnl_link_stats {
	uint32_t rx_packets;
	uint32_t tx_packets;
	uint32_t rx_bytes;
	uint32_t tx_bytes;
	uint32_t rx_errors;
	uint32_t tx_errors;
	uint32_t rx_dropped;
	uint32_t tx_dropped;
	uint32_t multicast;
	uint32_t collisions;
	uint32_t rx_length_errors;
	uint32_t rx_over_errors;
	uint32_t rx_crc_errors;
	uint32_t rx_frame_errors;
	uint32_t rx_fifo_errors;
	uint32_t rx_missed_errors;
	uint32_t tx_aborted_errors;
	uint32_t tx_carrier_errors;
	uint32_t tx_fifo_errors;
	uint32_t tx_heartbeat_errors;
	uint32_t tx_window_errors;
	uint32_t rx_compressed;
	uint32_t tx_compressed;
	uint32_t rx_nohandler;
};

/* Attributes of RTM_NEWLINK */
#define IFLA_UNSPEC              0
#define IFLA_ADDRESS             1
#define IFLA_BROADCAST           2
#define IFLA_IFNAME              3
#define IFLA_MTU                 4
#define IFLA_LINK                5
#define IFLA_QDISC               6
#define IFLA_STATS               7
#define IFLA_COST                8
#define IFLA_PRIORITY            9
#define IFLA_MASTER              10
#define IFLA_WIRELESS            11
#define IFLA_PROTINFO            12
#define IFLA_TXQLEN              13
#define IFLA_MAP                 14
#define IFLA_WEIGHT              15
#define IFLA_OPERSTATE           16
#define IFLA_LINKMODE            17
#define IFLA_LINKINFO            18
#define IFLA_NET_NS_PID          19
#define IFLA_IFALIAS             20
#define IFLA_NUM_VF              21
#define IFLA_VFINFO_LIST         22
#define IFLA_STATS64             23
#define IFLA_VF_PORTS            24
#define IFLA_PORT_SELF           25
#define IFLA_AF_SPEC             26
#define IFLA_GROUP               27
#define IFLA_NET_NS_FD           28
#define IFLA_EXT_MASK            29
#define IFLA_PROMISCUITY         30
#define IFLA_NUM_TX_QUEUES       31
#define IFLA_NUM_RX_QUEUES       32
#define IFLA_CARRIER             33
#define IFLA_PHYS_PORT_ID        34
#define IFLA_CARRIER_CHANGES     35
#define IFLA_PHYS_SWITCH_ID      36
#define IFLA_LINK_NETNSID        37
#define IFLA_PHYS_PORT_NAME      38
#define IFLA_PROTO_DOWN          39
#define IFLA_GSO_MAX_SEGS        40
#define IFLA_GSO_MAX_SIZE        41
#define IFLA_PAD                 42
#define IFLA_XDP                 43
#define IFLA_EVENT               44
#define IFLA_NEW_NETNSID         45
#define IFLA_IF_NETNSID          46
#define IFLA_TARGET_NETNSID      46
#define IFLA_CARRIER_UP_COUNT    47
#define IFLA_CARRIER_DOWN_COUNT  48
#define IFLA_NEW_IFINDEX         49
#define IFLA_MIN_MTU             50
#define IFLA_MAX_MTU             51
#define IFLA_PROP_LIST           52
#define IFLA_ALT_IFNAME          53
#define IFLA_PERM_ADDRESS        54
#define IFLA_PROTO_DOWN_REASON   55
#define IFLA_PARENT_DEV_NAME     56
#define IFLA_PARENT_DEV_BUS_NAME 57
#define IFLA_GRO_MAX_SIZE        58
#define IFLA_TSO_MAX_SIZE        59
#define IFLA_TSO_MAX_SEGS        60
#define IFLA_ALLMULTI            61
#define IFLA_MAX                 61

/* Nested in IFLA_LINKINFO */
#define IFLA_INFO_UNSPEC     0
#define IFLA_INFO_KIND       1
#define IFLA_INFO_DATA       2
#define IFLA_INFO_XSTATS     3
#define IFLA_INFO_SLAVE_KIND 4

/* IFLA_OPERSTATE (RFC 2863) */
#define IF_OPER_UNKNOWN        0
#define IF_OPER_NOTPRESENT     1
#define IF_OPER_DOWN           2
#define IF_OPER_LOWERLAYERDOWN 3
#define IF_OPER_TESTING        4
#define IF_OPER_DORMANT        5
#define IF_OPER_UP             6

#endif

/* SPDX-License-Identifier: MIT */
/* Ethernet's constants. */
#ifndef _LINUX_IF_ETHER_H
#define _LINUX_IF_ETHER_H

#define ETH_ALEN      6
#define ETH_TLEN      2
#define ETH_HLEN      14
#define ETH_ZLEN      60
#define ETH_DATA_LEN  1500
#define ETH_FRAME_LEN 1514
#define ETH_FCS_LEN   4
#define ETH_MIN_MTU   68
#define ETH_MAX_MTU   65535

/* Ethertypes */
#define ETH_P_IP        0x800
#define ETH_P_ARP       0x806
#define ETH_P_TEB       0x6558
#define ETH_P_RARP      0x8035
#define ETH_P_8021Q     0x8100
#define ETH_P_IPV6      0x86dd
#define ETH_P_PAUSE     0x8808
#define ETH_P_SLOW      0x8809
#define ETH_P_MPLS_UC   0x8847
#define ETH_P_MPLS_MC   0x8848
#define ETH_P_PAE       0x888e
#define ETH_P_8021AD    0x88a8
#define ETH_P_LLDP      0x88cc
#define ETH_P_1588      0x88f7
#define ETH_P_LOOPBACK  0x9000
#define ETH_P_802_3_MIN 0x600

/* Not on the wire: */
#define ETH_P_802_3 0x1
#define ETH_P_ALL   0x3
#define ETH_P_802_2 0x4
#define ETH_P_SNAP  0x5

struct ethhdr {
	unsigned char h_dest[ETH_ALEN];
	unsigned char h_source[ETH_ALEN];
	unsigned short h_proto; /* network order */
} __attribute__((packed));

#endif

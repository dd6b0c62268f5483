/* SPDX-License-Identifier: MIT */
/*
 * virtio-net (virtio 1.2 section 5.1): what net.c (device, open and stop, link), net_rx.c,
 * net_tx.c and net_ctrl.c share. All state of packets is by queue pair; pair i works on CPU i.
 *
 * Serialisation: a receive queue belongs to its NAPI, a transmit queue to the xmit_lock of its
 * netdev_queue, the control queue and everything of vnet_up() and vnet_down() to rtnl.
 */
#ifndef DRIVERS_VIRTIO_NET_INT_H
#define DRIVERS_VIRTIO_NET_INT_H

#include <kernel/timer.h>
#include <lib/types.h>
#include <net/dim.h>
#include <net/netdevice.h>
#include <net/skbuff.h>

#include "virtio.h"

/* Feature bits, section 5.1.3 */
#define VIRTIO_NET_F_CSUM                0
#define VIRTIO_NET_F_GUEST_CSUM          1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU                 3
#define VIRTIO_NET_F_MAC                 5
#define VIRTIO_NET_F_GUEST_TSO4          7
#define VIRTIO_NET_F_GUEST_TSO6          8
#define VIRTIO_NET_F_GUEST_ECN           9
#define VIRTIO_NET_F_HOST_TSO4           11
#define VIRTIO_NET_F_HOST_TSO6           12
#define VIRTIO_NET_F_HOST_ECN            13
#define VIRTIO_NET_F_MRG_RXBUF           15
#define VIRTIO_NET_F_STATUS              16
#define VIRTIO_NET_F_CTRL_VQ             17
#define VIRTIO_NET_F_CTRL_RX             18
#define VIRTIO_NET_F_GUEST_ANNOUNCE      21
#define VIRTIO_NET_F_MQ                  22
#define VIRTIO_NET_F_CTRL_MAC_ADDR       23
#define VIRTIO_NET_F_VQ_NOTF_COAL        52
#define VIRTIO_NET_F_NOTF_COAL           53
#define VIRTIO_NET_F_HOST_USO            56
#define VIRTIO_NET_F_HASH_REPORT         57
#define VIRTIO_NET_F_RSS                 60
#define VIRTIO_NET_F_SPEED_DUPLEX        63

/* struct virtio_net_config, section 5.1.4: offsets */
#define VNET_CFG_MAC       0
#define VNET_CFG_STATUS    6
#define VNET_CFG_MAX_PAIRS 8
#define VNET_CFG_MTU       10
#define VNET_CFG_SPEED     12
#define VNET_CFG_DUPLEX    16
#define VNET_CFG_RSS_KEY   17 /* rss_max_key_size */
#define VNET_CFG_RSS_TABLE 18 /* rss_max_indirection_table_length */
#define VNET_CFG_RSS_TYPES 20 /* supported_hash_types */

#define VIRTIO_NET_S_LINK_UP  1u
#define VIRTIO_NET_S_ANNOUNCE 2u

/* Section 5.1.6: in front of every packet. num_buffers is there with MRG_RXBUF or VERSION_1 only,
 * what follows it with HASH_REPORT. */
struct virtio_net_hdr {
	u8 flags;
	u8 gso_type;
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
	u16 num_buffers;
	u32 hash_value;
	u16 hash_report;
	u16 padding;
} __packed;
static_assert(sizeof(struct virtio_net_hdr) == 20, "virtio 1.2 section 5.1.6");
#define VNET_HDR_LEGACY_BYTES 10
#define VNET_HDR_BYTES        12
#define VNET_HDR_HASH_BYTES   20

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u

#define VIRTIO_NET_HDR_GSO_NONE   0u
#define VIRTIO_NET_HDR_GSO_TCPV4  1u
#define VIRTIO_NET_HDR_GSO_TCPV6  4u
#define VIRTIO_NET_HDR_GSO_UDP_L4 5u
#define VIRTIO_NET_HDR_GSO_ECN    0x80u

/* Section 5.1.6.4.3: what is hashed over, and the reports of hashes that cover ports. */
#define VIRTIO_NET_HASH_TYPES        0x3fu /* IP, TCP and UDP, versions 4 and 6 */
#define VIRTIO_NET_HASH_TCPV4        2u
#define VIRTIO_NET_HASH_REPORT_TCPV4 2
#define VIRTIO_NET_HASH_REPORT_UDPV4 3
#define VIRTIO_NET_HASH_REPORT_TCPV6 5
#define VIRTIO_NET_HASH_REPORT_UDPV6 6

#define VNET_MAX_PAIRS 32u
#define VNET_LINK_HLEN 14u
#define VNET_VLAN_HLEN 4u

/* Ring entries that one packet needs at most: header, linear part, fragments. */
#define VNET_TX_SEGS (2 + MAX_SKB_FRAGS)
static_assert(VNET_TX_SEGS <= VQ_MAX_SEGS, "a packet fits an indirect table");

struct vnet;

struct vnet_rq {
	struct virtqueue *vq; /* NULL while down */
	struct vnet *vn;
	struct vnet_sq *sq; /* [I] of the same pair */
	u16 index;          /* [I] of the pair */
	struct napi_struct napi;
	struct timer refill_timer; /* memory was short: try again */
	u8 *half;                  /* second half of a page whose first half is in use, or NULL */
	u32 avg_bytes;             /* moving average of packets' lengths, times 16 */
	u32 fill_max;              /* buffers to have in the ring at most ... */
	u32 long_max;              /* ... while they are long ones; 0: those are not used */
	u32 fill_step;             /* and not more than that, which grows with each poll */
	struct {
		u64 packets, kicks, copied, chained, alloc_failed;
		u64 length_errors, frame_errors, missed;
	} stats;
	char row_name[24]; /* ethtool -S, filled in when it asks */
	/* Where its interrupts are held back by the traffic. */
	struct spinlock dim_lock;
	struct dim dim;     /* [dim_lock] */
	u32 dim_told_usecs; /* [rtnl] to the device */
} __aligned(64);

struct vnet_sq {
	struct virtqueue *vq; /* NULL while down */
	struct vnet *vn;
	struct netdev_queue *txq;
	struct napi_struct napi;
	u16 room;   /* free ring entries below which the queue is stopped */
	bool owned; /* a packet is in the ring that somebody waits for */
	struct {
		u64 packets, kicks, stops, linearized, errors;
	} stats;
	char row_name[24];
} __aligned(64);

/* Buffers of the control queue, in memory of the device's own: a command that the device is late
 * with must not find them reused. */
#define VNET_CTRL_DATA_BYTES 512
struct vnet_ctrl {
	struct {
		u8 class, command;
	} __packed hdr;
	u8 ack;
	u8 data[VNET_CTRL_DATA_BYTES] __aligned(8);
};

struct vnet {
	struct virtio_device *vdev;
	struct net_device *dev;
	u16 hdr_bytes;    /* [I after negotiation] */
	u16 pairs;        /* set up while the device is up */
	u16 used_pairs;   /* in use, the first of them [rtnl] */
	u16 max_pairs;    /* of the device */
	bool mergeable;   /* MRG_RXBUF */
	bool any_layout;  /* the header may share a descriptor with the packet */
	bool hash_report; /* the header has the packet's hash */
	bool rss;         /* flows go to queues by rss_key and rss_entries of a table */
	u16 rss_entries;  /* a power of two */
	u32 rss_types;    /* what is hashed over */
	u8 rss_key[NETDEV_RSS_KEY];
	u16 rss_queue[NETDEV_RSS_ENTRIES]; /* the pair that gets what falls into an entry */
	u8 rx_pages;                       /* pages of one receive buffer without MRG_RXBUF */
	u32 lro_types;                     /* SKB_GSO_* that the device may send */
	struct virtqueue *cvq;             /* [rtnl] NULL: none */
	bool cvq_stuck; /* [rtnl] a command was not answered: no more until the next reset */
	struct vnet_ctrl *ctrl;
	struct netdev_coalesce coal; /* [rtnl] as ethtool -C wants it */
	struct virtio_work config_work, reset_work, rx_mode_work, dim_work;
	u32 resets;         /* [rtnl] since the device was found */
	u64 first_reset_ns; /* [rtnl] of the present series */
	u32 reset_series;   /* [rtnl] */
	struct vnet_rq *rq; /* [I] `pairs` of them */
	struct vnet_sq *sq; /* [I] likewise */
};

/* net_rx.c */
void vnet_rx_callback(struct virtqueue *vq);
int vnet_rx_poll(struct napi_struct *napi, int budget);
/* Give the device buffers; false: memory ran out before the ring was full. */
bool vnet_rx_fill(struct vnet_rq *rq);
/* Tell the device of them: not before DRIVER_OK (section 3.1.1). */
void vnet_rx_kick(struct vnet_rq *rq);
void vnet_rx_timer(struct timer *t);
/* The device is reset: free what it had. */
void vnet_rx_purge(struct vnet_rq *rq);
/* Set rx_pages and fill_max for the negotiated features and the MTU. */
void vnet_rx_layout(struct vnet *vn);

/* net_tx.c */
void vnet_tx_callback(struct virtqueue *vq);
int vnet_tx_poll(struct napi_struct *napi, int budget);
/* Set `room` for the ring there is. */
void vnet_tx_layout(struct vnet_sq *sq);
netdev_tx_t vnet_start_xmit(struct sk_buff *skb, struct net_device *dev);
void vnet_tx_bell(struct net_device *dev, unsigned queue);
void vnet_tx_purge(struct vnet_sq *sq);
/* From the receive poll of the same pair: take back what was sent, if nobody else is at it. */
void vnet_tx_clean_opportunistic(struct vnet_sq *sq);

/* net_ctrl.c: rtnl held, may sleep. 0 or -errno (-EOPNOTSUPP: the device has no such command). */
int vnet_ctrl_set_pairs(struct vnet *vn, u16 pairs);
int vnet_ctrl_set_rss(struct vnet *vn);
int vnet_ctrl_set_mac(struct vnet *vn, const u8 *mac);
int vnet_ctrl_announce_ack(struct vnet *vn);
int vnet_ctrl_guest_offloads(struct vnet *vn, u64 offloads);
void vnet_ctrl_rx_mode(struct vnet *vn);
/* How long, and for how many packets, notifications are held back: of all queues of a direction,
 * or of one by its number. */
int vnet_ctrl_coal(struct vnet *vn, bool rx, u32 usecs, u32 packets);
int vnet_ctrl_coal_vq(struct vnet *vn, u16 vq, u32 usecs, u32 packets);

/* net_coal.c */
/* Tell a device that has been reset; what ethtool asks for. rtnl held. */
int vnet_coal_tell(struct vnet *vn);
bool vnet_get_coalesce(struct net_device *dev, struct netdev_coalesce *c);
int vnet_set_coalesce(struct net_device *dev, const struct netdev_coalesce *c);
void vnet_coal_init(struct vnet *vn);

/* Mask the queue's interrupts and have NAPI poll it. */
static inline void vnet_napi_schedule(struct napi_struct *napi, struct virtqueue *vq)
{
	if (napi_schedule_prep(napi)) {
		virtqueue_disable_cb(vq);
		__napi_schedule(napi);
	}
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The control queue of virtio-net (virtio 1.2 section 5.1.6.5): one command at a time, its end
 * waited for. Context: thread, rtnl held. A device that does not answer within CTRL_WAIT_NS is
 * not asked again until the next reset.
 */
#define pr_fmt(fmt) "virtio_net: " fmt
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/thread.h>
#include <lib/err.h>
#include <lib/string.h>

#include "net_int.h"

#define CTRL_WAIT_NS (2 * NSEC_PER_SEC)
#define CTRL_STEP_NS (50 * NSEC_PER_USEC)
#define CTRL_SPINS   64
#define CTRL_OK      0u
#define CTRL_UNSET   0xffu

/* Classes and commands, section 5.1.6.5; holding back one queue is of virtio 1.3 */
#define CTRL_RX                 0
#define CTRL_RX_PROMISC         0
#define CTRL_RX_ALLMULTI        1
#define CTRL_MAC                1
#define CTRL_MAC_TABLE_SET      0
#define CTRL_MAC_ADDR_SET       1
#define CTRL_ANNOUNCE           3
#define CTRL_ANNOUNCE_ACK       0
#define CTRL_MQ                 4
#define CTRL_MQ_VQ_PAIRS_SET    0
#define CTRL_MQ_RSS_CONFIG      1
#define CTRL_GUEST_OFFLOADS     5
#define CTRL_GUEST_OFFLOADS_SET 0
#define CTRL_NOTF_COAL          6
#define CTRL_NOTF_COAL_TX_SET   0
#define CTRL_NOTF_COAL_RX_SET   1
#define CTRL_NOTF_COAL_VQ_SET   2

#define MAC_BYTES 6u
/* Two tables, each a count and addresses: ours has no unicast ones. */
#define MAC_TABLE_MAX ((VNET_CTRL_DATA_BYTES - 2 * (u32)sizeof(u32)) / MAC_BYTES)

/* Most devices are done when the notification returns; give the others the CPU. */
static bool wait_done(struct virtqueue *vq)
{
	u64 end = ktime_get_ns() + CTRL_WAIT_NS;
	unsigned spins = 0;
	u32 len;

	while (!virtqueue_get_buf(vq, &len)) {
		if (vq->broken || ktime_get_ns() > end)
			return false;
		if (++spins < CTRL_SPINS)
			udelay(1);
		else
			thread_sleep_ns(CTRL_STEP_NS);
	}
	return true;
}

/* Send a command whose data, len bytes, is in vn->ctrl->data. */
static int command(struct vnet *vn, u8 class, u8 cmd, u32 len)
{
	struct vnet_ctrl *c = vn->ctrl;
	struct vq_seg seg[3];
	unsigned n = 0;
	int err;

	if (!vn->cvq)
		return -EOPNOTSUPP;
	if (vn->cvq_stuck)
		return -EIO;
	c->hdr.class = class;
	c->hdr.command = cmd;
	c->ack = CTRL_UNSET;
	seg[n++] = (struct vq_seg){&c->hdr, sizeof(c->hdr)};
	if (len)
		seg[n++] = (struct vq_seg){c->data, len};
	seg[n] = (struct vq_seg){&c->ack, sizeof(c->ack)};
	err = virtqueue_add(vn->cvq, seg, n, 1, c, GFP_KERNEL);
	if (err)
		return err;
	virtqueue_kick(vn->cvq);
	if (!wait_done(vn->cvq)) {
		pr_err("%s: command %u.%u is not answered\n", vn->dev->name, class, cmd);
		vn->cvq_stuck = true;
		return -ETIMEDOUT;
	}
	return READ_ONCE(c->ack) == CTRL_OK ? 0 : -EIO;
}

static int command_u8(struct vnet *vn, u8 class, u8 cmd, u8 v)
{
	vn->ctrl->data[0] = v;
	return command(vn, class, cmd, sizeof(v));
}

int vnet_ctrl_set_pairs(struct vnet *vn, u16 pairs)
{
	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_MQ))
		return -EOPNOTSUPP;
	memcpy(vn->ctrl->data, &pairs, sizeof(pairs));
	return command(vn, CTRL_MQ, CTRL_MQ_VQ_PAIRS_SET, sizeof(pairs));
}

static u8 *put(u8 *p, const void *v, size_t n)
{
	memcpy(p, v, n);
	return p + n;
}

/* Section 5.1.6.5.7: hash types, mask and table, the queue of what has no hash, the number of
 * pairs, the key. */
int vnet_ctrl_set_rss(struct vnet *vn)
{
	u16 mask = (u16)(vn->rss_entries - 1), unclassified = 0;
	u8 *p = vn->ctrl->data, key_bytes = sizeof(vn->rss_key);

	static_assert(4 + 3 * 2 + 1 + 2 * NETDEV_RSS_ENTRIES + NETDEV_RSS_KEY <=
			      VNET_CTRL_DATA_BYTES,
		      "fits");
	p = put(p, &vn->rss_types, sizeof(vn->rss_types));
	p = put(p, &mask, sizeof(mask));
	p = put(p, &unclassified, sizeof(unclassified));
	p = put(p, vn->rss_queue, vn->rss_entries * sizeof(vn->rss_queue[0]));
	p = put(p, &vn->used_pairs, sizeof(vn->used_pairs));
	p = put(p, &key_bytes, sizeof(key_bytes));
	p = put(p, vn->rss_key, sizeof(vn->rss_key));
	return command(vn, CTRL_MQ, CTRL_MQ_RSS_CONFIG, (u32)(p - vn->ctrl->data));
}

int vnet_ctrl_set_mac(struct vnet *vn, const u8 *mac)
{
	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return -EOPNOTSUPP;
	memcpy(vn->ctrl->data, mac, MAC_BYTES);
	return command(vn, CTRL_MAC, CTRL_MAC_ADDR_SET, MAC_BYTES);
}

int vnet_ctrl_announce_ack(struct vnet *vn)
{
	return command(vn, CTRL_ANNOUNCE, CTRL_ANNOUNCE_ACK, 0);
}

int vnet_ctrl_guest_offloads(struct vnet *vn, u64 offloads)
{
	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		return -EOPNOTSUPP;
	memcpy(vn->ctrl->data, &offloads, sizeof(offloads));
	return command(vn, CTRL_GUEST_OFFLOADS, CTRL_GUEST_OFFLOADS_SET, sizeof(offloads));
}

/* Packets come first. */
static u8 *put_coal(u8 *p, u32 usecs, u32 packets)
{
	p = put(p, &packets, sizeof(packets));
	return put(p, &usecs, sizeof(usecs));
}

int vnet_ctrl_coal(struct vnet *vn, bool rx, u32 usecs, u32 packets)
{
	u8 *p = put_coal(vn->ctrl->data, usecs, packets);

	return command(vn, CTRL_NOTF_COAL, rx ? CTRL_NOTF_COAL_RX_SET : CTRL_NOTF_COAL_TX_SET,
		       (u32)(p - vn->ctrl->data));
}

int vnet_ctrl_coal_vq(struct vnet *vn, u16 vq, u32 usecs, u32 packets)
{
	u16 reserved = 0;
	u8 *p = put(vn->ctrl->data, &vq, sizeof(vq));

	p = put(p, &reserved, sizeof(reserved));
	p = put_coal(p, usecs, packets);
	return command(vn, CTRL_NOTF_COAL, CTRL_NOTF_COAL_VQ_SET, (u32)(p - vn->ctrl->data));
}

/* Section 5.1.6.5.2: unicast table (empty), then the groups. Returns how many bytes, 0 when there
 * are more groups than the table holds. */
static u32 mac_table(struct vnet *vn)
{
	u8 *p = vn->ctrl->data + 2 * sizeof(u32);
	struct net_device *dev = vn->dev;
	struct netdev_hw_addr *ha;
	u32 n = 0, none = 0;

	spin_lock_bh(&dev->addr_lock);
	list_for_each_entry(ha, &dev->mc_list, list) {
		if (n < MAC_TABLE_MAX)
			memcpy(p + n * MAC_BYTES, ha->addr, MAC_BYTES);
		n++;
	}
	spin_unlock_bh(&dev->addr_lock);
	if (n > MAC_TABLE_MAX)
		return 0;
	memcpy(vn->ctrl->data, &none, sizeof(none));
	memcpy(vn->ctrl->data + sizeof(none), &n, sizeof(n));
	return 2 * (u32)sizeof(u32) + n * MAC_BYTES;
}

void vnet_ctrl_rx_mode(struct vnet *vn)
{
	struct net_device *dev = vn->dev;
	bool promisc = dev->flags & IFF_PROMISC || dev->promiscuity;
	bool allmulti = dev->flags & IFF_ALLMULTI || dev->allmulti;
	u32 len;

	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_CTRL_RX) || !vn->cvq)
		return;
	len = mac_table(vn);
	if (!len)
		allmulti = true;
	if (command_u8(vn, CTRL_RX, CTRL_RX_PROMISC, promisc) ||
	    command_u8(vn, CTRL_RX, CTRL_RX_ALLMULTI, allmulti))
		pr_warn("%s: the device refuses the receive mode\n", dev->name);
	len = mac_table(vn);
	if (len && command(vn, CTRL_MAC, CTRL_MAC_TABLE_SET, len))
		pr_warn("%s: the device refuses the group addresses\n", dev->name);
}

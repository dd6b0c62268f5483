/* SPDX-License-Identifier: MIT */
/*
 * virtio-net (virtio 1.2 section 5.1): finding out what the device can, the net_device, open and
 * stop, link changes, recovery. Packets are in net_rx.c and net_tx.c, commands in net_ctrl.c.
 *
 * The device lives between vnet_up() and vnet_down(); while down it is reset, has no queue and
 * no interrupt. A device found broken, or one that asks for it, is taken down and up again.
 */
#define pr_fmt(fmt) "virtio_net: " fmt
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <net/if.h>

#include "net_int.h"

#define VNET_MIN_MTU     68u /* RFC 791 */
#define VNET_ETH_MTU     1500u
#define VNET_MAX_MTU     65535u
#define VNET_WATCHDOG_NS (5 * NSEC_PER_SEC)
/* That many resets within the time are survived; then the device is left alone. */
#define VNET_RESET_SERIES 5u
#define VNET_RESET_NS     (10 * NSEC_PER_SEC)
#define VNET_SPEED_MAX    0x7fffffffu

#define GUEST_TSO_BITS                                                               \
	(VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | \
	 VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN))
#define HOST_TSO_BITS                                                              \
	(VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | \
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | VIRTIO_BIT(VIRTIO_NET_F_HOST_USO))
#define RSS_BITS  (VIRTIO_BIT(VIRTIO_NET_F_RSS) | VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT))
#define COAL_BITS (VIRTIO_BIT(VIRTIO_NET_F_NOTF_COAL) | VIRTIO_BIT(VIRTIO_NET_F_VQ_NOTF_COAL))
#define CTRL_BITS                                                                     \
	(VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
	 VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |       \
	 VIRTIO_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | RSS_BITS | COAL_BITS)
#define VNET_FEATURES                                                                           \
	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |                  \
	 VIRTIO_BIT(VIRTIO_NET_F_MTU) | VIRTIO_BIT(VIRTIO_NET_F_MAC) | GUEST_TSO_BITS |         \
	 HOST_TSO_BITS | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) | \
	 VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | CTRL_BITS | VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX))

/* Section 5.1.4.2: a key of 40 bytes and tables of 128 entries is the least a device must take; TCP
 * is what we hash for. One that says less has it wrong, and is left to its own ways. */
static bool rss_sane(struct virtio_device *d)
{
	u8 key;

	virtio_config_read(d, VNET_CFG_RSS_KEY, &key, sizeof(key));
	return key >= NETDEV_RSS_KEY &&
	       virtio_config_u16(d, VNET_CFG_RSS_TABLE) >= NETDEV_RSS_ENTRIES &&
	       virtio_config_u32(d, VNET_CFG_RSS_TYPES) & VIRTIO_NET_HASH_TCPV4;
}

/* Section 5.1.3.1. Guest TSO without mergeable buffers would ask for 64 KiB of memory for each
 * ring entry: it is not taken. More pairs than CPUs are of no use. */
static u64 vnet_prune(struct virtio_device *d, u64 f)
{
	if (!(f & VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM)) || !(f & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)))
		f &= ~GUEST_TSO_BITS;
	if (!(f & (VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6))))
		f &= ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN);
	if (!(f & VIRTIO_BIT(VIRTIO_NET_F_CSUM)))
		f &= ~HOST_TSO_BITS;
	if (!(f & (VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6))))
		f &= ~VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN);
	if (!(f & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)))
		f &= ~CTRL_BITS;
	if (!(f & VIRTIO_BIT(VIRTIO_NET_F_STATUS)))
		f &= ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
	if (num_online_cpus() == 1)
		f &= ~VIRTIO_BIT(VIRTIO_NET_F_MQ);
	/* Hashes are of use where they spread flows. */
	if (!(f & VIRTIO_BIT(VIRTIO_NET_F_MQ)) || !(f & VIRTIO_BIT(VIRTIO_NET_F_RSS)) ||
	    !rss_sane(d))
		f &= ~RSS_BITS;
	return f;
}

/* What follows from the features for packets. Also after each restart: the device may have
 * changed its mind. */
static void take_features(struct vnet *vn)
{
	struct virtio_device *d = vn->vdev;
	bool modern = virtio_has_feature(d, VIRTIO_F_VERSION_1);

	vn->mergeable = virtio_has_feature(d, VIRTIO_NET_F_MRG_RXBUF);
	vn->any_layout = modern || virtio_has_feature(d, VIRTIO_F_ANY_LAYOUT);
	vn->hash_report = modern && virtio_has_feature(d, VIRTIO_NET_F_HASH_REPORT);
	vn->hdr_bytes = vn->hash_report           ? VNET_HDR_HASH_BYTES
			: modern || vn->mergeable ? VNET_HDR_BYTES
						  : VNET_HDR_LEGACY_BYTES;
	vn->rss = virtio_has_feature(d, VIRTIO_NET_F_RSS) && vn->pairs > 1;
	if (vn->rss)
		vn->rss_types = virtio_config_u32(d, VNET_CFG_RSS_TYPES) & VIRTIO_NET_HASH_TYPES;
	vn->lro_types = 0;
	if (virtio_has_feature(d, VIRTIO_NET_F_GUEST_TSO4))
		vn->lro_types |= SKB_GSO_TCPV4;
	if (virtio_has_feature(d, VIRTIO_NET_F_GUEST_TSO6))
		vn->lro_types |= SKB_GSO_TCPV6;
	if (virtio_has_feature(d, VIRTIO_NET_F_GUEST_ECN))
		vn->lro_types |= SKB_GSO_TCP_ECN;
}

static u32 netdev_features(const struct virtio_device *d)
{
	static const struct {
		u8 bit;
		u32 flags;
	} map[] = {
		{VIRTIO_NET_F_CSUM, NETIF_F_HW_CSUM | NETIF_F_SG},
		{VIRTIO_NET_F_GUEST_CSUM, NETIF_F_RXCSUM},
		{VIRTIO_NET_F_HOST_TSO4, NETIF_F_TSO},
		{VIRTIO_NET_F_HOST_TSO6, NETIF_F_TSO6},
		{VIRTIO_NET_F_HOST_ECN, NETIF_F_TSO_ECN},
		{VIRTIO_NET_F_HOST_USO, NETIF_F_GSO_UDP_L4},
		{VIRTIO_NET_F_GUEST_TSO4, NETIF_F_GRO_HW},
		{VIRTIO_NET_F_HASH_REPORT, NETIF_F_RXHASH},
	};
	u32 f = NETIF_F_HIGHDMA;

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
		if (virtio_has_feature(d, map[i].bit))
			f |= map[i].flags;
	return f;
}

/* -- link ------------------------------------------------------------------------------------ */

static void check_speed(struct vnet *vn)
{
	u32 speed;
	u8 duplex;

	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_SPEED_DUPLEX))
		return;
	speed = virtio_config_u32(vn->vdev, VNET_CFG_SPEED);
	virtio_config_read(vn->vdev, VNET_CFG_DUPLEX, &duplex, sizeof(duplex));
	vn->dev->speed_mbps = speed <= VNET_SPEED_MAX ? speed : 0;
	vn->dev->full_duplex = duplex == 1;
}

/* Returns the status word. Without VIRTIO_NET_F_STATUS the link counts as up: section 5.1.5. */
static u16 check_link(struct vnet *vn)
{
	u16 status = VIRTIO_NET_S_LINK_UP;

	if (virtio_has_feature(vn->vdev, VIRTIO_NET_F_STATUS))
		status = virtio_config_u16(vn->vdev, VNET_CFG_STATUS);
	check_speed(vn);
	if (status & VIRTIO_NET_S_LINK_UP)
		netif_carrier_on(vn->dev);
	else
		netif_carrier_off(vn->dev);
	return status;
}

static void config_work(struct virtio_work *w)
{
	struct vnet *vn = container_of(w, struct vnet, config_work);

	rtnl_lock();
	if (netif_running(vn->dev) && vn->vdev->ready && check_link(vn) & VIRTIO_NET_S_ANNOUNCE) {
		netdev_notify_peers(vn->dev);
		vnet_ctrl_announce_ack(vn);
	}
	rtnl_unlock();
}

/* Hardirq. */
static void vnet_config_changed(struct virtio_device *d)
{
	struct vnet *vn = d->priv;

	virtio_work_queue(&vn->config_work);
}

/* -- up and down ------------------------------------------------------------------------------ */

/* Queues are receive 0, transmit 0, receive 1 ...; the control queue comes after all that the
 * device has (section 5.1.2). */
static int make_queues(struct vnet *vn)
{
	unsigned n_pairs = virtio_has_feature(vn->vdev, VIRTIO_NET_F_MQ) ? vn->max_pairs : 1;
	bool ctrl = virtio_has_feature(vn->vdev, VIRTIO_NET_F_CTRL_VQ);
	unsigned n = 2 * n_pairs + ctrl;
	struct vq_spec *spec = kcalloc(n, sizeof(*spec), GFP_KERNEL);
	int err;

	if (!spec)
		return -ENOMEM;
	for (u16 i = 0; i < vn->pairs; i++) {
		spec[2 * i] = (struct vq_spec){"rx", vnet_rx_callback, i, i};
		spec[2 * i + 1] = (struct vq_spec){"tx", vnet_tx_callback, i, i};
	}
	if (ctrl)
		spec[2 * n_pairs] = (struct vq_spec){"ctrl", NULL, 0, 0};
	err = virtio_find_vqs(vn->vdev, n, spec);
	kfree(spec);
	if (err)
		return err;
	for (u16 i = 0; i < vn->pairs; i++) {
		vn->rq[i].vq = vn->vdev->vqs[2 * i];
		vn->rq[i].vq->priv = &vn->rq[i];
		vn->sq[i].vq = vn->vdev->vqs[2 * i + 1];
		vn->sq[i].vq->priv = &vn->sq[i];
	}
	vn->cvq = ctrl ? vn->vdev->vqs[2 * n_pairs] : NULL;
	vn->cvq_stuck = false;
	return 0;
}

/* Flows by their hash, else as the device sees fit, to the pairs in use. 0 or -errno. */
static int tell_pairs(struct vnet *vn)
{
	if (vn->rss)
		return vnet_ctrl_set_rss(vn);
	return vnet_ctrl_set_pairs(vn, vn->used_pairs);
}

/* What a device was reset from, it has to be told again. */
static void use_pairs(struct vnet *vn)
{
	if (vn->rss && vnet_ctrl_set_rss(vn)) {
		pr_warn("%s: receive side scaling refused\n", vn->dev->name);
		vn->rss = false;
	}
	if (!vn->rss && vn->used_pairs > 1 && vnet_ctrl_set_pairs(vn, vn->used_pairs)) {
		pr_warn("%s: %u queue pairs refused, using one\n", vn->dev->name, vn->used_pairs);
		vn->used_pairs = 1;
	}
	netif_set_real_num_queues(vn->dev, vn->used_pairs);
}

static void free_queues(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++) {
		if (!vn->rq[i].vq)
			continue;
		vnet_rx_purge(&vn->rq[i]);
		vnet_tx_purge(&vn->sq[i]);
		vn->rq[i].vq = NULL;
		vn->sq[i].vq = NULL;
	}
	while (vn->cvq && virtqueue_detach_unused_buf(vn->cvq))
		;
	vn->cvq = NULL;
	virtio_del_vqs(vn->vdev);
}

/* Receive offloads on and off; section 5.1.6.5.6. After a reset all that was agreed is on. */
static int set_guest_offloads(struct vnet *vn, u32 features)
{
	u64 on = vn->vdev->features & (GUEST_TSO_BITS | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM));

	if (!(features & NETIF_F_RXCSUM))
		on = 0;
	if (!(features & NETIF_F_GRO_HW))
		on &= ~GUEST_TSO_BITS;
	return vnet_ctrl_guest_offloads(vn, on);
}

/* From a reset device to one that carries packets. 0, or -errno with all undone. rtnl held. What
 * it listens to is as a reset leaves it; when opening, ndo_set_rx_mode follows. */
static int vnet_up(struct vnet *vn)
{
	int err = virtio_device_restart(vn->vdev);

	if (err)
		return err;
	take_features(vn);
	err = make_queues(vn);
	if (err)
		return err;
	vnet_rx_layout(vn);
	for (unsigned i = 0; i < vn->pairs; i++) {
		vnet_tx_layout(&vn->sq[i]);
		if (!vnet_rx_fill(&vn->rq[i]) && !vn->rq[i].vq->inflight) {
			pr_err("%s: no memory for receive buffers\n", vn->dev->name);
			virtio_device_reset(vn->vdev);
			free_queues(vn);
			return -ENOMEM;
		}
	}
	for (unsigned i = 0; i < vn->pairs; i++) {
		napi_enable(&vn->rq[i].napi);
		napi_enable(&vn->sq[i].napi);
	}
	virtio_device_ready(vn->vdev);
	for (unsigned i = 0; i < vn->pairs; i++)
		vnet_rx_kick(&vn->rq[i]);
	use_pairs(vn);
	if (~vn->dev->features & vn->dev->hw_features & (NETIF_F_RXCSUM | NETIF_F_GRO_HW))
		set_guest_offloads(vn, vn->dev->features);
	if (vnet_coal_tell(vn))
		pr_warn("%s: holding notifications back refused\n", vn->dev->name);
	check_link(vn);
	return 0;
}

/* And back. The stack has stopped its transmit queues; polls end here. rtnl held. */
static void vnet_down(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++) {
		napi_disable(&vn->rq[i].napi);
		napi_disable(&vn->sq[i].napi);
		timer_del_sync(&vn->rq[i].refill_timer);
	}
	virtio_device_reset(vn->vdev);
	free_queues(vn);
}

/* -- channels --------------------------------------------------------------------------------- */

#define CHANNELS_WAIT_NS NSEC_PER_SEC

/* Nobody sends by sq any more: let the device finish, and take back what it was given. */
static void settle(struct vnet_sq *sq)
{
	u64 until_ns = ktime_get_ns() + CHANNELS_WAIT_NS;

	for (;;) {
		local_bh_disable();
		vnet_tx_clean_opportunistic(sq);
		local_bh_enable();
		if (!READ_ONCE(sq->vq->inflight) || ktime_get_ns() >= until_ns)
			return;
		thread_sleep_ns(50 * NSEC_PER_USEC);
	}
}

/* Section 5.1.6.5.5. All pairs stay set up, so packets that came by one before it went are still
 * taken from it. */
static int vnet_set_channels(struct net_device *dev, unsigned n)
{
	struct vnet *vn = netdev_priv(dev);
	u16 old = vn->used_pairs;
	int err;

	for (unsigned i = n; vn->rq[0].vq && i < old; i++)
		settle(&vn->sq[i]);
	vn->used_pairs = (u16)n;
	netdev_rss_default(dev, vn->rss_queue, vn->rss_entries, n);
	err = vn->cvq ? tell_pairs(vn) : 0;
	if (err) {
		vn->used_pairs = old;
		netdev_rss_default(dev, vn->rss_queue, vn->rss_entries, old);
	}
	return err;
}

/* -- recovery --------------------------------------------------------------------------------- */

static bool may_reset(struct vnet *vn)
{
	u64 now = ktime_get_ns();

	if (now - vn->first_reset_ns > VNET_RESET_NS) {
		vn->first_reset_ns = now;
		vn->reset_series = 0;
	}
	return ++vn->reset_series <= VNET_RESET_SERIES;
}

/* No CPU is in vnet_start_xmit() or vnet_tx_bell() any more, or will be, when this returns. */
static void hold_transmit(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++) {
		struct netdev_queue *txq = vn->sq[i].txq;

		spin_lock_bh(&txq->xmit_lock);
		netif_tx_stop_queue(txq);
		spin_unlock_bh(&txq->xmit_lock);
		netdev_tx_bell_settle(txq);
	}
}

static void release_transmit(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++)
		netif_tx_wake_queue(vn->sq[i].txq);
}

static void vnet_reset(struct vnet *vn)
{
	int err;

	hold_transmit(vn);
	vnet_down(vn);
	vn->resets++;
	if (!may_reset(vn)) {
		pr_err("%s: broken again and again: left alone until opened anew\n", vn->dev->name);
		netif_carrier_off(vn->dev);
		virtio_device_fail(vn->vdev);
		return;
	}
	err = vnet_up(vn);
	if (err) {
		pr_err("%s: does not come back: %pe\n", vn->dev->name, ERR_PTR(err));
		netif_carrier_off(vn->dev);
		return;
	}
	vnet_ctrl_rx_mode(vn);
	pr_info("%s: reset, and in service again\n", vn->dev->name);
	release_transmit(vn);
}

static void reset_work(struct virtio_work *w)
{
	struct vnet *vn = container_of(w, struct vnet, reset_work);

	rtnl_lock();
	if (netif_running(vn->dev) && vn->rq[0].vq)
		vnet_reset(vn);
	rtnl_unlock();
}

/* Any context. */
static void vnet_broken(struct virtio_device *d)
{
	struct vnet *vn = d->priv;

	virtio_work_queue(&vn->reset_work);
}

/* -- net_device ------------------------------------------------------------------------------- */

static int vnet_open(struct net_device *dev)
{
	struct vnet *vn = netdev_priv(dev);
	int err;

	vn->reset_series = 0;
	err = vnet_up(vn);
	if (!err)
		netif_tx_start_all_queues(dev);
	return err;
}

static int vnet_stop(struct net_device *dev)
{
	struct vnet *vn = netdev_priv(dev);

	/* The control queue is gone with the device in the middle of a failed reset. */
	if (vn->rq[0].vq)
		vnet_down(vn);
	return 0;
}

static void rx_mode_work(struct virtio_work *w)
{
	struct vnet *vn = container_of(w, struct vnet, rx_mode_work);

	rtnl_lock();
	if (netif_running(vn->dev))
		vnet_ctrl_rx_mode(vn);
	rtnl_unlock();
}

/* May be called with locks held: the commands wait, so a thread sends them. */
static void vnet_set_rx_mode(struct net_device *dev)
{
	struct vnet *vn = netdev_priv(dev);

	virtio_work_queue(&vn->rx_mode_work);
}

static int vnet_set_mac_address(struct net_device *dev, const void *addr)
{
	struct vnet *vn = netdev_priv(dev);
	int err = vnet_ctrl_set_mac(vn, addr);

	/* Section 5.1.4.2: before VERSION_1 the address is writable configuration. */
	if (err == -EOPNOTSUPP && !virtio_has_feature(vn->vdev, VIRTIO_F_VERSION_1) &&
	    virtio_has_feature(vn->vdev, VIRTIO_NET_F_MAC)) {
		vn->vdev->ops->set_config(vn->vdev, VNET_CFG_MAC, addr, 6);
		err = 0;
	}
	if (!err)
		memcpy(dev->dev_addr, addr, 6);
	return err;
}

/* Without mergeable buffers the size of a buffer follows the MTU, so a running device is set up
 * anew. */
static int vnet_change_mtu(struct net_device *dev, int mtu)
{
	struct vnet *vn = netdev_priv(dev);

	dev->mtu = (u32)mtu;
	if (netif_running(dev) && vn->rq[0].vq && !vn->mergeable)
		virtio_work_queue(&vn->reset_work);
	return 0;
}

static void vnet_tx_timeout(struct net_device *dev, unsigned queue)
{
	struct vnet *vn = netdev_priv(dev);
	struct virtqueue *vq = vn->sq[queue < vn->pairs ? queue : 0].vq;

	if (!vq)
		return;
	pr_err("%s: transmit queue %u is stuck: %u under way, last used %u of %u\n", dev->name,
	       queue, vq->inflight, vq->last_used, READ_ONCE(vq->used->idx));
	virtio_work_queue(&vn->reset_work);
}

static int vnet_set_features(struct net_device *dev, u32 features)
{
	struct vnet *vn = netdev_priv(dev);

	if (!((dev->features ^ features) & (NETIF_F_RXCSUM | NETIF_F_GRO_HW)) || !vn->rq[0].vq)
		return 0;
	return set_guest_offloads(vn, features);
}

static void vnet_get_ringparam(struct net_device *dev, struct netdev_ringparam *r)
{
	const struct vnet *vn = netdev_priv(dev);

	if (vn->rq[0].vq)
		*r = (struct netdev_ringparam){vn->rq[0].vq->num, vn->sq[0].vq->num,
					       vn->rq[0].fill_max, vn->sq[0].vq->num};
}

static void vnet_get_stats64(struct net_device *dev, struct rtnl_link_stats64_k *s)
{
	struct vnet *vn = netdev_priv(dev);

	for (unsigned i = 0; i < vn->pairs; i++) {
		const struct vnet_rq *rq = &vn->rq[i];

		s->rx_length_errors += rq->stats.length_errors;
		s->rx_frame_errors += rq->stats.frame_errors;
		s->rx_errors += rq->stats.length_errors + rq->stats.frame_errors;
		s->rx_missed_errors += rq->stats.missed;
		s->rx_dropped += rq->stats.missed;
		s->tx_errors += vn->sq[i].stats.errors;
	}
}

/* Each pair's packets, behind the other rows. Returns how many rows they are. */
static int queue_rows(struct vnet *vn, struct netdev_stat_row *rows, int n, int at)
{
	for (unsigned i = 0; i < vn->pairs; i++, at += 2) {
		if (at + 2 > n)
			continue;
		scnprintf(vn->rq[i].row_name, sizeof(vn->rq[i].row_name), "rx_queue_%u_packets", i);
		rows[at] = (struct netdev_stat_row){vn->rq[i].row_name, vn->rq[i].stats.packets};
		scnprintf(vn->sq[i].row_name, sizeof(vn->sq[i].row_name), "tx_queue_%u_packets", i);
		rows[at + 1] =
			(struct netdev_stat_row){vn->sq[i].row_name, vn->sq[i].stats.packets};
	}
	return 2 * vn->pairs;
}

static int vnet_get_ethtool_stats(struct net_device *dev, struct netdev_stat_row *rows, int n)
{
	struct vnet *vn = netdev_priv(dev);
	struct netdev_stat_row row[] = {
		{"queue_pairs", vn->used_pairs},
		{"rx_kicks", 0},
		{"rx_interrupts", 0},
		{"rx_copied", 0},
		{"rx_chained", 0},
		{"rx_alloc_failed", 0},
		{"rx_length_errors", 0},
		{"rx_frame_errors", 0},
		{"rx_buffers", 0},
		{"tx_kicks", 0},
		{"tx_interrupts", 0},
		{"tx_stops", 0},
		{"tx_indirect", 0},
		{"tx_linearized", 0},
		{"tx_errors", 0},
		{"tx_in_flight", 0},
		{"broken", vn->vdev->broken},
		{"resets", vn->resets},
	};

	for (unsigned i = 0; i < vn->pairs; i++) {
		const struct vnet_rq *rq = &vn->rq[i];
		const struct vnet_sq *sq = &vn->sq[i];
		u64 v[] = {
			rq->stats.kicks,
			rq->vq ? rq->vq->stats.interrupts : 0,
			rq->stats.copied,
			rq->stats.chained,
			rq->stats.alloc_failed,
			rq->stats.length_errors,
			rq->stats.frame_errors,
			rq->vq ? rq->vq->inflight : 0,
			sq->stats.kicks,
			sq->vq ? sq->vq->stats.interrupts : 0,
			sq->stats.stops,
			sq->vq ? sq->vq->stats.indirect : 0,
			sq->stats.linearized,
			sq->stats.errors,
			sq->vq ? sq->vq->inflight : 0,
		};

		for (unsigned k = 0; k < ARRAY_SIZE(v); k++)
			row[1 + k].value += v[k];
	}
	for (int i = 0; i < n && i < (int)ARRAY_SIZE(row); i++)
		rows[i] = row[i];
	return ARRAY_SIZE(row) + queue_rows(vn, rows, n, ARRAY_SIZE(row));
}

static bool vnet_get_rss(struct net_device *dev, struct netdev_rss *rss)
{
	const struct vnet *vn = netdev_priv(dev);

	if (!vn->rss)
		return false;
	rss->entries = vn->rss_entries;
	rss->key_bytes = sizeof(vn->rss_key);
	memcpy(rss->queue, vn->rss_queue, sizeof(vn->rss_queue));
	memcpy(rss->key, vn->rss_key, sizeof(vn->rss_key));
	return true;
}

/* A device that refuses keeps what it had, and so do we. */
static int vnet_set_rss(struct net_device *dev, const struct netdev_rss *rss)
{
	struct vnet *vn = netdev_priv(dev);
	struct netdev_rss old;
	int err = 0;

	if (!vnet_get_rss(dev, &old))
		return -EOPNOTSUPP;
	memcpy(vn->rss_queue, rss->queue, sizeof(vn->rss_queue));
	memcpy(vn->rss_key, rss->key, sizeof(vn->rss_key));
	if (vn->cvq)
		err = vnet_ctrl_set_rss(vn);
	if (err) {
		memcpy(vn->rss_queue, old.queue, sizeof(vn->rss_queue));
		memcpy(vn->rss_key, old.key, sizeof(vn->rss_key));
	}
	return err;
}

static const struct net_device_ops vnet_ops = {
	.ndo_open = vnet_open,
	.ndo_stop = vnet_stop,
	.ndo_start_xmit = vnet_start_xmit,
	.ndo_tx_bell = vnet_tx_bell,
	.ndo_set_rx_mode = vnet_set_rx_mode,
	.ndo_set_mac_address = vnet_set_mac_address,
	.ndo_change_mtu = vnet_change_mtu,
	.ndo_tx_timeout = vnet_tx_timeout,
	.ndo_set_features = vnet_set_features,
	.ndo_get_stats64 = vnet_get_stats64,
	.ndo_get_ethtool_stats = vnet_get_ethtool_stats,
	.ndo_get_ringparam = vnet_get_ringparam,
	.ndo_get_coalesce = vnet_get_coalesce,
	.ndo_set_coalesce = vnet_set_coalesce,
	.ndo_get_rss = vnet_get_rss,
	.ndo_set_rss = vnet_set_rss,
	.ndo_set_channels = vnet_set_channels,
};

/* -- probe ------------------------------------------------------------------------------------ */

static void read_mac(struct vnet *vn)
{
	u8 *mac = vn->dev->dev_addr;

	if (virtio_has_feature(vn->vdev, VIRTIO_NET_F_MAC))
		virtio_config_read(vn->vdev, VNET_CFG_MAC, mac, 6);
	else
		get_random_bytes(mac, 6);
	/* A group address, or none at all, cannot be ours: make it a locally administered one. */
	if (mac[0] & 1 || !memchr_inv(mac, 0, 6) ||
	    !virtio_has_feature(vn->vdev, VIRTIO_NET_F_MAC)) {
		get_random_bytes(mac, 6);
		mac[0] = (mac[0] & 0xfe) | 2;
		pr_info("%s: no address of its own, using %pM\n", vn->vdev->name, mac);
	}
	memcpy(vn->dev->perm_addr, mac, 6);
}

static int read_mtu(struct vnet *vn)
{
	struct net_device *dev = vn->dev;
	u32 mtu;

	dev->min_mtu = VNET_MIN_MTU;
	dev->max_mtu = VNET_MAX_MTU;
	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_MTU))
		return 0;
	mtu = virtio_config_u16(vn->vdev, VNET_CFG_MTU);
	if (mtu < VNET_MIN_MTU) {
		pr_err("%s: an MTU of %u is less than IPv4 needs\n", vn->vdev->name, mtu);
		return -EINVAL;
	}
	dev->max_mtu = mtu;
	dev->mtu = mtu;
	return 0;
}

static unsigned count_pairs(struct virtio_device *d, u16 *max_pairs)
{
	*max_pairs = 1;
	if (!virtio_has_feature(d, VIRTIO_NET_F_MQ))
		return 1;
	*max_pairs = virtio_config_u16(d, VNET_CFG_MAX_PAIRS);
	/* Section 5.1.5: 1 to 0x8000. Beyond 256 the table of queues would be mostly holes. */
	if (*max_pairs < 1 || *max_pairs > 256) {
		pr_warn("%s: %u queue pairs make no sense\n", d->name, *max_pairs);
		d->features &= ~VIRTIO_BIT(VIRTIO_NET_F_MQ);
		*max_pairs = 1;
	}
	return min3((unsigned)*max_pairs, num_online_cpus(), VNET_MAX_PAIRS);
}

static void free_pairs(struct vnet *vn)
{
	kvfree(vn->rq, vn->pairs * sizeof(*vn->rq));
	kvfree(vn->sq, vn->pairs * sizeof(*vn->sq));
	kfree(vn->ctrl);
}

static int alloc_pairs(struct vnet *vn)
{
	vn->rq = kvzalloc(vn->pairs * sizeof(*vn->rq), GFP_KERNEL);
	vn->sq = kvzalloc(vn->pairs * sizeof(*vn->sq), GFP_KERNEL);
	vn->ctrl = kzalloc(sizeof(*vn->ctrl), GFP_KERNEL);
	if (vn->rq && vn->sq && vn->ctrl)
		return 0;
	free_pairs(vn);
	return -ENOMEM;
}

static void init_pairs(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++) {
		struct vnet_rq *rq = &vn->rq[i];
		struct vnet_sq *sq = &vn->sq[i];

		rq->vn = vn;
		rq->sq = sq;
		rq->index = (u16)i;
		sq->vn = vn;
		sq->txq = netdev_get_tx_queue(vn->dev, i);
		timer_setup(&rq->refill_timer, vnet_rx_timer);
		netif_napi_add(vn->dev, &rq->napi, vnet_rx_poll);
		netif_napi_add(vn->dev, &sq->napi, vnet_tx_poll);
	}
}

static void init_netdev(struct vnet *vn)
{
	struct net_device *dev = vn->dev;

	dev->netdev_ops = &vnet_ops;
	dev->driver_name = "virtio_net";
	strscpy(dev->bus_info, vn->vdev->where, sizeof(dev->bus_info));
	dev->features = netdev_features(vn->vdev);
	dev->hw_features = dev->features;
	if (!virtio_has_feature(vn->vdev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		dev->hw_features &= ~(NETIF_F_RXCSUM | NETIF_F_GRO_HW);
	dev->watchdog_timeo_ns = VNET_WATCHDOG_NS;
	dev->needed_headroom = vn->hdr_bytes;
	virtio_work_init(&vn->config_work, config_work);
	virtio_work_init(&vn->reset_work, reset_work);
	virtio_work_init(&vn->rx_mode_work, rx_mode_work);
}

static int vnet_probe(struct virtio_device *d)
{
	struct net_device *dev;
	struct vnet *vn;
	u16 max_pairs;
	unsigned pairs = count_pairs(d, &max_pairs);
	int err;

	dev = alloc_etherdev_mqs(sizeof(struct vnet), pairs, pairs);
	if (!dev)
		return -ENOMEM;
	vn = netdev_priv(dev);
	vn->vdev = d;
	vn->dev = dev;
	vn->pairs = vn->used_pairs = (u16)pairs;
	vn->max_pairs = max_pairs;
	d->priv = vn;
	err = alloc_pairs(vn);
	if (err)
		goto free_dev;
	take_features(vn);
	vn->rss_entries = NETDEV_RSS_ENTRIES;
	get_random_bytes(vn->rss_key, sizeof(vn->rss_key));
	netdev_rss_default(dev, vn->rss_queue, vn->rss_entries, pairs);
	read_mac(vn);
	err = read_mtu(vn);
	if (err)
		goto free_pairs;
	check_speed(vn);
	init_netdev(vn);
	init_pairs(vn);
	vnet_coal_init(vn);
	/* Down until it is opened: coming up is then an event, and said. */
	netif_carrier_off(dev);
	err = register_netdev(dev, NULL);
	if (err)
		goto free_pairs;
	pr_info("%s: %s at %s, %pM, %u queue pair%s%s%s\n", dev->name, d->name, d->where,
		dev->dev_addr, pairs, pairs == 1 ? "" : "s", vn->rss ? " by hash" : "",
		vn->mergeable ? ", mergeable buffers" : "");
	return 0;

free_pairs:
	free_pairs(vn);
free_dev:
	d->priv = NULL;
	free_netdev(dev);
	return err;
}

static const struct virtio_driver virtio_net = {
	.name = "virtio_net",
	.type = VIRTIO_ID_NET,
	.features = VNET_FEATURES,
	.prune = vnet_prune,
	.probe = vnet_probe,
	.config_changed = vnet_config_changed,
	.broken = vnet_broken,
};
VIRTIO_DRIVER(virtio_net);

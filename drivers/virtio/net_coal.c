/* SPDX-License-Identifier: MIT */
/*
 * virtio-net's notifications held back (virtio 1.3 section 5.1.6.5): ethtool -C. Fixed times and
 * numbers of packets, or receive queues each by their traffic (<net/dim.h>): their polls then go
 * through adaptive_poll(), and a thread tells the device what they decide. Nothing of this is in
 * the poll that others use.
 */
#include <kernel/time.h>
#include <lib/err.h>

#include "net_int.h"

/* So many packets are told of at once, however long the others wait. */
#define DIM_FRAMES 64u

static bool has_all(const struct vnet *vn)
{
	return virtio_has_feature(vn->vdev, VIRTIO_NET_F_NOTF_COAL);
}

static bool has_each(const struct vnet *vn)
{
	return virtio_has_feature(vn->vdev, VIRTIO_NET_F_VQ_NOTF_COAL);
}

static u16 vq_number(unsigned pair, bool rx)
{
	return (u16)(2 * pair + !rx);
}

static int tell(struct vnet *vn, bool rx, u32 usecs, u32 frames)
{
	int err = 0;

	if (has_all(vn))
		return vnet_ctrl_coal(vn, rx, usecs, frames);
	for (unsigned i = 0; i < vn->pairs && !err; i++)
		err = vnet_ctrl_coal_vq(vn, vq_number(i, rx), usecs, frames);
	return err;
}

/* What its polls found is due to the device, unless that knows it. */
static int tell_dim(struct vnet *vn, struct vnet_rq *rq)
{
	u32 usecs;
	int err;

	spin_lock_bh(&rq->dim_lock);
	usecs = dim_usecs(&rq->dim);
	spin_unlock_bh(&rq->dim_lock);
	if (usecs == rq->dim_told_usecs)
		return 0;
	err = vnet_ctrl_coal_vq(vn, vq_number(rq->index, true), usecs, DIM_FRAMES);
	if (!err)
		rq->dim_told_usecs = usecs;
	return err;
}

static void dim_work(struct virtio_work *w)
{
	struct vnet *vn = container_of(w, struct vnet, dim_work);

	rtnl_lock();
	for (unsigned i = 0; vn->cvq && vn->coal.adaptive_rx && i < vn->pairs; i++)
		tell_dim(vn, &vn->rq[i]);
	rtnl_unlock();
}

/* The next poll may have begun on another CPU already: it has nothing to add, then. */
static int adaptive_poll(struct napi_struct *napi, int budget)
{
	struct vnet_rq *rq = container_of(napi, struct vnet_rq, napi);
	int done = vnet_rx_poll(napi, budget);
	bool changed;

	if (done == budget || !spin_trylock(&rq->dim_lock))
		return done;
	changed = dim_poll_ended(&rq->dim, (u32)done, ktime_get_ns());
	spin_unlock(&rq->dim_lock);
	if (changed)
		virtio_work_queue(&rq->vn->dim_work);
	return done;
}

static void start(struct vnet *vn)
{
	for (unsigned i = 0; i < vn->pairs; i++) {
		struct vnet_rq *rq = &vn->rq[i];

		spin_lock_bh(&rq->dim_lock);
		dim_start(&rq->dim, vn->coal.rx_usecs);
		spin_unlock_bh(&rq->dim_lock);
		WRITE_ONCE(rq->napi.poll, vn->coal.adaptive_rx ? adaptive_poll : vnet_rx_poll);
	}
}

/* A reset leaves the device without. Of all first: that stands for each of them. */
int vnet_coal_tell(struct vnet *vn)
{
	const struct netdev_coalesce *c = &vn->coal;
	int err = 0;

	for (unsigned i = 0; i < vn->pairs; i++)
		vn->rq[i].dim_told_usecs = 0;
	if (c->tx_usecs || c->tx_frames)
		err = tell(vn, false, c->tx_usecs, c->tx_frames);
	if (!err && !c->adaptive_rx && (c->rx_usecs || c->rx_frames))
		err = tell(vn, true, c->rx_usecs, c->rx_frames);
	for (unsigned i = 0; c->adaptive_rx && !err && i < vn->pairs; i++)
		err = tell_dim(vn, &vn->rq[i]);
	return err;
}

bool vnet_get_coalesce(struct net_device *dev, struct netdev_coalesce *c)
{
	const struct vnet *vn = netdev_priv(dev);

	if (!has_all(vn) && !has_each(vn))
		return false;
	*c = vn->coal;
	if (c->adaptive_rx)
		c->rx_usecs = dim_usecs(&vn->rq[0].dim);
	return true;
}

/* From what the device does to what is wanted. */
static int change(struct vnet *vn, const struct netdev_coalesce *was)
{
	const struct netdev_coalesce *c = &vn->coal;
	int err = 0;

	start(vn);
	if (!vn->cvq)
		return 0;
	if (c->tx_usecs != was->tx_usecs || c->tx_frames != was->tx_frames)
		err = tell(vn, false, c->tx_usecs, c->tx_frames);
	for (unsigned i = 0; i < vn->pairs; i++)
		vn->rq[i].dim_told_usecs = 0;
	if (!err && !c->adaptive_rx)
		err = tell(vn, true, c->rx_usecs, c->rx_frames);
	for (unsigned i = 0; c->adaptive_rx && !err && i < vn->pairs; i++)
		err = tell_dim(vn, &vn->rq[i]);
	return err;
}

/* A queue at a time is what adapting takes, as in Linux. */
int vnet_set_coalesce(struct net_device *dev, const struct netdev_coalesce *c)
{
	struct vnet *vn = netdev_priv(dev);
	struct netdev_coalesce was = vn->coal, refused;
	int err;

	if ((!has_all(vn) && !has_each(vn)) || (c->adaptive_rx && !has_each(vn)))
		return -EOPNOTSUPP;
	vn->coal = *c;
	err = change(vn, &was);
	if (err) { /* what it took of it is taken back */
		refused = vn->coal;
		vn->coal = was;
		change(vn, &refused);
	}
	return err;
}

void vnet_coal_init(struct vnet *vn)
{
	virtio_work_init(&vn->dim_work, dim_work);
	for (unsigned i = 0; i < vn->pairs; i++)
		spin_lock_init(&vn->rq[i].dim_lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * SIOCETHTOOL: a device's driver, link, rings, queues, statistics and offloads, as ethtool(8) asks
 * for them. Called by the socket layer with rtnl not held; thread context. Sizes that the caller
 * wrote into its structures bound what is written back.
 */
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/string.h>
#include <linux/ethtool.h>

#include "core_int.h"

#define MAX_STATS 128

/* Linux's names, at the position of the bit. */
static const char feature_names[][ETH_GSTRING_LEN] = {
	"tx-scatter-gather",
	"tx-checksum-ip-generic",
	"tx-checksum-ipv4",
	"tx-checksum-ipv6",
	"rx-checksum",
	"tx-tcp-segmentation",
	"tx-tcp6-segmentation",
	"tx-tcp-ecn-segmentation",
	"tx-generic-segmentation",
	"tx-udp-segmentation",
	"rx-gro",
	"rx-hashing",
	"tx-scatter-gather-fraglist",
	"highdma",
	"loopback",
	"rx-gro-hw",
	"tx-lockless",
};
static_assert(1u << (ARRAY_SIZE(feature_names) - 1) == NETIF_F_LLTX, "a name a bit");

static int get_settings(const struct net_device *dev, struct ethtool_cmd *c)
{
	u32 speed = netif_carrier_ok(dev) && dev->speed_mbps ? dev->speed_mbps : (u32)SPEED_UNKNOWN;

	*c = (struct ethtool_cmd){
		.cmd = ETHTOOL_GSET,
		.speed = (u16)speed,
		.speed_hi = (u16)(speed >> 16),
		.duplex = speed == (u32)SPEED_UNKNOWN ? DUPLEX_UNKNOWN
			  : dev->full_duplex          ? DUPLEX_FULL
						      : DUPLEX_HALF,
		.port = PORT_OTHER,
		.autoneg = AUTONEG_DISABLE,
	};
	return 0;
}

static u32 count_stats(struct net_device *dev)
{
	int n = 0;

	if (dev->netdev_ops->ndo_get_ethtool_stats)
		n = dev->netdev_ops->ndo_get_ethtool_stats(dev, NULL, 0);
	return n > 0 ? min((u32)n, (u32)MAX_STATS) : 0;
}

static int get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *d)
{
	*d = (struct ethtool_drvinfo){.cmd = ETHTOOL_GDRVINFO, .n_stats = count_stats(dev)};
	if (dev->driver_name)
		strscpy(d->driver, dev->driver_name, sizeof(d->driver));
	strscpy(d->bus_info, dev->bus_info, sizeof(d->bus_info));
	return 0;
}

static int get_ring(struct net_device *dev, struct ethtool_ringparam *r)
{
	struct netdev_ringparam p = {0};

	if (!dev->netdev_ops->ndo_get_ringparam)
		return -EOPNOTSUPP;
	dev->netdev_ops->ndo_get_ringparam(dev, &p);
	*r = (struct ethtool_ringparam){.cmd = ETHTOOL_GRINGPARAM,
					.rx_max_pending = p.rx_max,
					.tx_max_pending = p.tx_max,
					.rx_pending = p.rx,
					.tx_pending = p.tx};
	return 0;
}

static int get_coalesce(struct net_device *dev, struct ethtool_coalesce *e)
{
	struct netdev_coalesce c = {0};

	if (!dev->netdev_ops->ndo_get_coalesce || !dev->netdev_ops->ndo_get_coalesce(dev, &c))
		return -EOPNOTSUPP;
	*e = (struct ethtool_coalesce){.cmd = ETHTOOL_GCOALESCE,
				       .rx_coalesce_usecs = c.rx_usecs,
				       .rx_max_coalesced_frames = c.rx_frames,
				       .tx_coalesce_usecs = c.tx_usecs,
				       .tx_max_coalesced_frames = c.tx_frames,
				       .use_adaptive_rx_coalesce = c.adaptive_rx};
	return 0;
}

/* All that is not of ours must be 0. */
static int set_coalesce(struct net_device *dev, const struct ethtool_coalesce *e)
{
	struct netdev_coalesce c = {.rx_usecs = e->rx_coalesce_usecs,
				    .rx_frames = e->rx_max_coalesced_frames,
				    .tx_usecs = e->tx_coalesce_usecs,
				    .tx_frames = e->tx_max_coalesced_frames,
				    .adaptive_rx = e->use_adaptive_rx_coalesce};
	struct ethtool_coalesce rest = *e;

	if (!dev->netdev_ops->ndo_set_coalesce)
		return -EOPNOTSUPP;
	rest.cmd = rest.rx_coalesce_usecs = rest.rx_max_coalesced_frames = 0;
	rest.tx_coalesce_usecs = rest.tx_max_coalesced_frames = 0;
	rest.use_adaptive_rx_coalesce = 0;
	if (memchr_inv(&rest, 0, sizeof(rest)))
		return -EOPNOTSUPP;
	return dev->netdev_ops->ndo_set_coalesce(dev, &c);
}

/* Receive and transmit queue i share an interrupt or at least a CPU. */
static int get_channels(const struct net_device *dev, struct ethtool_channels *c)
{
	*c = (struct ethtool_channels){
		.cmd = ETHTOOL_GCHANNELS,
		.max_combined = dev->num_tx_queues,
		.combined_count = dev->real_num_tx_queues,
	};
	return 0;
}

/* Pairs only. */
static int set_channels(struct net_device *dev, const struct ethtool_channels *c)
{
	if (!dev->netdev_ops->ndo_set_channels)
		return -EOPNOTSUPP;
	if (c->rx_count || c->tx_count || c->other_count)
		return -EINVAL;
	return netdev_set_channels(dev, c->combined_count);
}

/* Without receive side scaling all rings the device has are used all the same. */
static int get_rx_rings(const struct net_device *dev, struct ethtool_rxnfc *r)
{
	r->data = netdev_rx_queues_used(dev);
	return 0;
}

/* What there is no room for is left out, and its size told. */
static int get_rss(struct net_device *dev, struct ethtool_rxfh *r)
{
	struct netdev_rss *rss = kzalloc(sizeof(*rss), GFP_KERNEL);
	u32 room = r->indir_size, key_room = r->key_size;
	int err = -EOPNOTSUPP;

	if (!rss)
		return -ENOMEM;
	if (r->rss_context)
		err = -EINVAL;
	else if (dev->netdev_ops->ndo_get_rss && dev->netdev_ops->ndo_get_rss(dev, rss))
		err = 0;
	if (!err) {
		r->indir_size = rss->entries;
		r->key_size = rss->key_bytes;
		r->hfunc = ETH_RSS_HASH_TOP;
		for (u32 i = 0; room >= rss->entries && i < rss->entries; i++)
			r->rss_config[i] = rss->queue[i];
		if (key_room >= rss->key_bytes)
			memcpy(r->rss_config + (room >= rss->entries ? rss->entries : 0), rss->key,
			       rss->key_bytes);
	}
	kfree(rss);
	return err;
}

/* The table into rss: n entries, none for the default, in which all queues take turns. */
static int take_table(const struct net_device *dev, struct netdev_rss *rss, const u32 *queue, u32 n)
{
	u32 queues = netdev_rx_queues_used(dev);

	if (n && n != rss->entries)
		return -EINVAL;
	for (u32 i = 0; i < rss->entries; i++) {
		u32 q = n ? queue[i] : i % queues;

		if (q >= queues)
			return -EINVAL;
		rss->queue[i] = (u16)q;
	}
	return 0;
}

static int set_rss(struct net_device *dev, const struct ethtool_rxfh *r)
{
	struct netdev_rss *rss = kzalloc(sizeof(*rss), GFP_KERNEL);
	bool table = r->indir_size != ETH_RXFH_INDIR_NO_CHANGE;
	int err = 0;

	if (!rss)
		return -ENOMEM;
	if (!dev->netdev_ops->ndo_set_rss || !dev->netdev_ops->ndo_get_rss(dev, rss))
		err = -EOPNOTSUPP;
	else if (r->rss_context || (r->hfunc && r->hfunc != ETH_RSS_HASH_TOP) ||
		 (r->key_size && r->key_size != rss->key_bytes))
		err = -EINVAL;
	if (!err && table)
		err = take_table(dev, rss, r->rss_config, r->indir_size);
	if (!err && r->key_size)
		memcpy(rss->key, r->rss_config + (table ? r->indir_size : 0), r->key_size);
	if (!err && (table || r->key_size))
		err = dev->netdev_ops->ndo_set_rss(dev, rss);
	if (!err && table)
		dev->rxfh_configured = r->indir_size;
	kfree(rss);
	return err;
}

static struct netdev_stat_row *read_stats(struct net_device *dev, u32 n)
{
	struct netdev_stat_row *rows = kcalloc(max(n, 1u), sizeof(*rows), GFP_KERNEL);

	if (rows && n)
		dev->netdev_ops->ndo_get_ethtool_stats(dev, rows, (int)n);
	return rows;
}

static int get_stats(struct net_device *dev, struct ethtool_stats *s)
{
	u32 n = min(s->n_stats, count_stats(dev));
	struct netdev_stat_row *rows = read_stats(dev, n);

	if (!rows)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		s->data[i] = rows[i].value;
	s->n_stats = n;
	kfree(rows);
	return 0;
}

static int stat_strings(struct net_device *dev, struct ethtool_gstrings *g)
{
	u32 n = min(g->len, count_stats(dev));
	struct netdev_stat_row *rows = read_stats(dev, n);

	if (!rows)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		char *to = (char *)g->data + (size_t)i * ETH_GSTRING_LEN;

		memset(to, 0, ETH_GSTRING_LEN);
		strscpy(to, rows[i].name, ETH_GSTRING_LEN);
	}
	g->len = n;
	kfree(rows);
	return 0;
}

static int get_strings(struct net_device *dev, struct ethtool_gstrings *g)
{
	if (g->string_set == ETH_SS_STATS)
		return stat_strings(dev, g);
	if (g->string_set != ETH_SS_FEATURES)
		return -EOPNOTSUPP;
	g->len = min(g->len, (u32)ARRAY_SIZE(feature_names));
	memcpy(g->data, feature_names, (size_t)g->len * ETH_GSTRING_LEN);
	return 0;
}

/* One number for each set that was asked for and exists, in the order of their bits. */
static int get_sset_info(struct net_device *dev, struct ethtool_sset_info *s)
{
	u64 have = 0;
	u32 n = 0;

	for (unsigned set = 0; set < 64; set++) {
		if (!(s->sset_mask >> set & 1))
			continue;
		if (set == ETH_SS_FEATURES)
			s->data[n++] = ARRAY_SIZE(feature_names);
		else if (set == ETH_SS_STATS && count_stats(dev))
			s->data[n++] = count_stats(dev);
		else
			continue;
		have |= 1ull << set;
	}
	s->sset_mask = have;
	return 0;
}

static int get_perm_addr(const struct net_device *dev, struct ethtool_perm_addr *p)
{
	if (p->size < dev->addr_len)
		return -EINVAL;
	p->size = dev->addr_len;
	memcpy(p->data, dev->perm_addr, dev->addr_len);
	return 0;
}

static int get_features(const struct net_device *dev, struct ethtool_gfeatures *g)
{
	if (g->size)
		g->features[0] = (struct ethtool_get_features_block){
			.available = dev->hw_features,
			.requested = dev->wanted_features,
			.active = dev->features,
			.never_changed = NETIF_F_NEVER_CHANGE,
		};
	g->size = 1;
	return 0;
}

/* Returns 0 or ETHTOOL_F_* that say why not all is as wished. */
static int set_features(struct net_device *dev, const struct ethtool_sfeatures *s)
{
	u32 valid, wanted;
	int ret = 0, err;

	if (s->size != 1 || s->features[0].valid >> ARRAY_SIZE(feature_names))
		return -EINVAL;
	valid = s->features[0].valid & dev->hw_features;
	if (valid != s->features[0].valid)
		ret |= ETHTOOL_F_UNSUPPORTED;
	wanted = (dev->wanted_features & ~valid) | (s->features[0].requested & valid);
	err = netdev_change_features(dev, wanted);
	if (err)
		return err;
	return (dev->features ^ wanted) & valid ? ret | ETHTOOL_F_WISH : ret;
}

static int ethtool_command(struct net_device *dev, void *data)
{
	switch (*(const u32 *)data) {
	case ETHTOOL_GSET:
		return get_settings(dev, data);
	case ETHTOOL_GDRVINFO:
		return get_drvinfo(dev, data);
	case ETHTOOL_GLINK:
		((struct ethtool_value *)data)->data = netif_running(dev) && netif_carrier_ok(dev);
		return 0;
	case ETHTOOL_GRINGPARAM:
		return get_ring(dev, data);
	case ETHTOOL_GCOALESCE:
		return get_coalesce(dev, data);
	case ETHTOOL_SCOALESCE:
		return set_coalesce(dev, data);
	case ETHTOOL_GSTRINGS:
		return get_strings(dev, data);
	case ETHTOOL_GSTATS:
		return get_stats(dev, data);
	case ETHTOOL_GPERMADDR:
		return get_perm_addr(dev, data);
	case ETHTOOL_GSSET_INFO:
		return get_sset_info(dev, data);
	case ETHTOOL_GFEATURES:
		return get_features(dev, data);
	case ETHTOOL_SFEATURES:
		return set_features(dev, data);
	case ETHTOOL_GRXRINGS:
		return get_rx_rings(dev, data);
	case ETHTOOL_GRSSH:
		return get_rss(dev, data);
	case ETHTOOL_SRSSH:
		return set_rss(dev, data);
	case ETHTOOL_GCHANNELS:
		return get_channels(dev, data);
	case ETHTOOL_SCHANNELS:
		return set_channels(dev, data);
	default:
		return -EOPNOTSUPP;
	}
}

int dev_ethtool(struct net *net, const char *name, void *data)
{
	struct net_device *dev;
	int err = -ENODEV;

	if (!data)
		return -EFAULT;
	rtnl_lock();
	dev = dev_get_by_name(net, name);
	if (dev)
		err = ethtool_command(dev, data);
	rtnl_unlock();
	return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * Offload features: which may be on together, and which hold for a given packet. The rules are
 * those of Linux's netdev_fix_features(): scatter-gather needs a checksum offload (else every
 * fragmented packet would be summed by walking it), segmentation needs both.
 */
#include <lib/err.h>
#include <linux/if_ether.h>

#include "core_int.h"

#define NETIF_F_ALL_TSO (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN)

u32 netdev_fix_features(struct net_device *dev, u32 f)
{
	if ((f & NETIF_F_HW_CSUM) && (f & (NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM)))
		f &= ~(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM); /* HW_CSUM says it all */
	if ((f & NETIF_F_SG) && !(f & NETIF_F_CSUM_MASK))
		f &= ~NETIF_F_SG;
	if ((f & NETIF_F_TSO) && (!(f & NETIF_F_SG) || !(f & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM))))
		f &= ~(NETIF_F_TSO | NETIF_F_TSO_ECN);
	if ((f & NETIF_F_TSO6) &&
	    (!(f & NETIF_F_SG) || !(f & (NETIF_F_HW_CSUM | NETIF_F_IPV6_CSUM))))
		f &= ~NETIF_F_TSO6;
	if (!(f & (NETIF_F_TSO | NETIF_F_TSO6)))
		f &= ~NETIF_F_TSO_ECN;
	if (!(f & NETIF_F_SG))
		f &= ~(NETIF_F_FRAGLIST | NETIF_F_GSO_UDP_L4);
	if (!(f & NETIF_F_CSUM_MASK))
		f &= ~NETIF_F_GSO_UDP_L4;
	if (!(f & NETIF_F_RXCSUM))
		f &= ~NETIF_F_GRO_HW;
	return f;
}

int netdev_change_features(struct net_device *dev, u32 wanted)
{
	u32 features = dev->features & ~dev->hw_features; /* cannot be switched */
	int err = 0;

	/* A wish that something else forbids comes true when that is switched on again. */
	dev->wanted_features = wanted & dev->hw_features;
	features = netdev_fix_features(dev, features | dev->wanted_features);
	if (features == dev->features)
		return 0;
	if (dev->netdev_ops->ndo_set_features)
		err = dev->netdev_ops->ndo_set_features(dev, features);
	if (err)
		return err;
	WRITE_ONCE(dev->features, features);
	call_netdevice_notifiers(dev, NETDEV_FEAT_CHANGE);
	return 0;
}

/* What the device must do to cut a packet of these types. */
static u32 gso_type_features(u16 type)
{
	u32 f = 0;

	if (type & SKB_GSO_TCPV4)
		f |= NETIF_F_TSO;
	if (type & SKB_GSO_TCPV6)
		f |= NETIF_F_TSO6;
	if (type & SKB_GSO_TCP_ECN)
		f |= NETIF_F_TSO_ECN;
	if (type & SKB_GSO_UDP_L4)
		f |= NETIF_F_GSO_UDP_L4;
	return f;
}

u32 netif_skb_features(struct sk_buff *skb, const struct net_device *dev)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	u32 f = READ_ONCE(dev->features), need, csum = NETIF_F_HW_CSUM;

	if (skb->protocol.wire == BE16(ETH_P_IP).wire)
		csum |= NETIF_F_IP_CSUM;
	else if (skb->protocol.wire == BE16(ETH_P_IPV6).wire)
		csum |= NETIF_F_IPV6_CSUM;
	if (!(f & csum))
		f &= ~(NETIF_F_CSUM_MASK | NETIF_F_SG | NETIF_F_ALL_TSO | NETIF_F_GSO_UDP_L4);
	if (!shinfo->gso_size)
		return f;
	need = gso_type_features(shinfo->gso_type);
	if (!need || (f & need) != need || skb->len > dev->gso_max_size ||
	    shinfo->gso_segs > dev->gso_max_segs || (shinfo->gso_type & SKB_GSO_DODGY))
		f &= ~(NETIF_F_ALL_TSO | NETIF_F_GSO_UDP_L4);
	return f;
}

/* SPDX-License-Identifier: MIT */
/*
 * Ethernet II framing: the header on both ways. Frames with an 802.3 length in place of a type
 * are nobody's and dropped above as an unhandled protocol. Context: any.
 */
#include <lib/string.h>
#include <net/if_arp.h>
#include <net/netdevice.h>

#define ETH_ALEN        6
#define ETH_DATA_LEN    1500
#define ETH_MIN_MTU     68
#define ETH_P_802_2     0x0004
#define ETH_P_802_3_MIN 0x0600 /* smaller: a length */

struct ethhdr {
	u8 dst[ETH_ALEN], src[ETH_ALEN];
	be16 proto;
} __packed;
static_assert(sizeof(struct ethhdr) == 14, "IEEE 802.3");

static int eth_header(struct sk_buff *skb, struct net_device *dev, u16 type, const void *daddr,
		      const void *saddr, unsigned len)
{
	struct ethhdr *eth = skb_push(skb, sizeof(*eth));

	eth->proto = be16_make(type);
	memcpy(eth->src, saddr ? saddr : dev->dev_addr, ETH_ALEN);
	if (daddr) {
		memcpy(eth->dst, daddr, ETH_ALEN);
		return (int)sizeof(*eth);
	}
	memset(eth->dst, 0, ETH_ALEN);
	/* A device that asks nobody (loopback) is content with zeros. */
	return dev->flags & (IFF_LOOPBACK | IFF_NOARP) ? (int)sizeof(*eth) : -(int)sizeof(*eth);
}

const struct header_ops eth_header_ops = {.create = eth_header};

static u8 eth_pkt_type(const struct ethhdr *eth, const struct net_device *dev)
{
	if (eth->dst[0] & 1)
		return memcmp(eth->dst, dev->broadcast, ETH_ALEN) ? PACKET_MULTICAST
								  : PACKET_BROADCAST;
	return memcmp(eth->dst, dev->dev_addr, ETH_ALEN) ? PACKET_OTHERHOST : PACKET_HOST;
}

be16 eth_type_trans(struct sk_buff *skb, struct net_device *dev)
{
	const struct ethhdr *eth;

	skb->dev = dev;
	skb_reset_mac_header(skb);
	if (!pskb_may_pull(skb, sizeof(*eth)))
		return BE16(0);
	eth = skb_mac_header(skb);
	skb_pull(skb, sizeof(*eth));
	skb->pkt_type = eth_pkt_type(eth, dev) & 7;
	return be16_get(eth->proto) >= ETH_P_802_3_MIN ? eth->proto : BE16(ETH_P_802_2);
}

void ether_setup(struct net_device *dev)
{
	dev->type = ARPHRD_ETHER;
	dev->header_ops = &eth_header_ops;
	dev->hard_header_len = sizeof(struct ethhdr);
	dev->addr_len = ETH_ALEN;
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_DATA_LEN;
	dev->tx_queue_len = 1000;
	dev->flags = IFF_BROADCAST | IFF_MULTICAST;
	memset(dev->broadcast, 0xff, ETH_ALEN);
}

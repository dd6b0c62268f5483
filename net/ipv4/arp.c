/* SPDX-License-Identifier: MIT */
/*
 * ARP (RFC 826, RFC 5227): IPv4's part of the neighbour table. Requests are answered for own
 * addresses, answers update entries that exist: nobody can make one by telling us what we did not
 * ask (arp_accept 0). An address that somebody else uses too is reported, and announced anew.
 * Context: softirq in, any out.
 */
#include <kernel/log.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/inet_text.h>
#include <lib/string.h>
#include <net/if_arp.h>

#include "ipv4_int.h"

#define ETH_ALEN           6
#define DEFEND_INTERVAL_NS (10 * NSEC_PER_SEC) /* RFC 5227 section 2.4 */

struct arp_packet {
	be16 htype, ptype;
	u8 hlen, plen;
	be16 op;
	u8 sha[ETH_ALEN];
	be32 spa;
	u8 tha[ETH_ALEN];
	be32 tpa;
} __packed;
static_assert(sizeof(struct arp_packet) == 28, "RFC 826 over Ethernet");

struct neigh_table *arp_table(struct net *net)
{
	return &net->ipv4->arp;
}

/* -- sending -------------------------------------------------------------------------------- */

/* daddr: link address that gets it; tha: in the packet, NULL: zero. */
static void arp_send(u16 op, struct net_device *dev, be32 tpa, be32 spa, const void *daddr,
		     const u8 *tha)
{
	struct arp_packet *arp;
	struct sk_buff *skb;

	if (dev->flags & IFF_NOARP || dev->addr_len != ETH_ALEN || !dev->header_ops)
		return;
	skb = alloc_skb(MAX_HEADER + sizeof(*arp), GFP_ATOMIC);
	if (!skb)
		return;
	skb_reserve(skb, MAX_HEADER);
	arp = skb_put(skb, sizeof(*arp));
	arp->htype = BE16(ARPHRD_ETHER);
	arp->ptype = BE16(ETH_P_IP);
	arp->hlen = ETH_ALEN;
	arp->plen = 4;
	arp->op = be16_make(op);
	memcpy(arp->sha, dev->dev_addr, ETH_ALEN);
	arp->spa = spa;
	if (tha)
		memcpy(arp->tha, tha, ETH_ALEN);
	else
		memset(arp->tha, 0, ETH_ALEN);
	arp->tpa = tpa;
	skb->dev = dev;
	skb->protocol = BE16(ETH_P_ARP);
	skb_reset_network_header(skb);
	if (dev->header_ops->create(skb, dev, ETH_P_ARP, daddr, NULL, skb->len) < 0) {
		kfree_skb_reason(skb, SKB_DROP_REASON_ARP_INVALID);
		return;
	}
	dev_queue_xmit(skb);
}

void arp_announce(struct net_device *dev, be32 addr)
{
	arp_send(ARPOP_REQUEST, dev, addr, addr, dev->broadcast, NULL);
}

/* The address that asks for target, as arp_announce wants it. */
static be32 solicit_source(struct neighbour *n, const struct sk_buff *skb, be32 target)
{
	const struct in_device *idev = in_dev_get_rcu(n->dev);
	u8 level = idev ? idev->arp_announce : 0;
	be32 saddr = {0};

	if (skb && level < 2) {
		saddr = ip_hdr(skb)->saddr;
		if (!inet_addr_is_local(dev_net(n->dev), saddr))
			saddr = (be32){0};
		else if (level == 1 && idev && !inet_addr_onlink(idev, saddr, target))
			saddr = (be32){0};
	}
	return saddr.wire ? saddr : inet_select_addr(n->dev, target, RT_SCOPE_LINK);
}

static void arp_solicit(struct neighbour *n, struct sk_buff *skb)
{
	u8 ha[MAX_ADDR_LEN];
	be32 target, saddr;
	bool unicast;

	memcpy(&target, n->primary_key, sizeof(target));
	rcu_read_lock();
	saddr = solicit_source(n, skb, target);
	rcu_read_unlock();
	spin_lock_bh(&n->lock);
	/* First the address known so far is asked directly, then everybody. */
	unicast = (n->nud_state & NUD_VALID) && n->probes <= (u32)n->tbl->parms.ucast_solicit;
	memcpy(ha, n->ha, sizeof(ha));
	spin_unlock_bh(&n->lock);
	arp_send(ARPOP_REQUEST, n->dev, target, saddr, unicast ? ha : n->dev->broadcast, NULL);
}

static void arp_error_report(struct neighbour *n, struct sk_buff *skb)
{
	rcu_read_lock();
	icmp_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
	rcu_read_unlock();
	kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
}

/* RFC 1112 section 6.4 */
static void multicast_mac(be32 group, u8 *ha)
{
	u32 g = be32_get(group);

	ha[0] = 0x01;
	ha[1] = 0x00;
	ha[2] = 0x5e;
	ha[3] = (u8)(g >> 16 & 0x7f);
	ha[4] = (u8)(g >> 8);
	ha[5] = (u8)g;
}

static int arp_constructor(struct neighbour *n)
{
	struct net_device *dev = n->dev;
	be32 addr;

	memcpy(&addr, n->primary_key, sizeof(addr));
	rcu_read_lock();
	n->type = inet_addr_type(dev_net(dev), addr);
	rcu_read_unlock();
	if (n->type == RTN_MULTICAST) {
		n->nud_state = NUD_NOARP;
		multicast_mac(addr, n->ha);
	} else if (dev->flags & (IFF_NOARP | IFF_LOOPBACK)) {
		n->nud_state = NUD_NOARP;
		memcpy(n->ha, dev->dev_addr, dev->addr_len);
	} else if (n->type == RTN_BROADCAST) {
		n->nud_state = NUD_NOARP;
		memcpy(n->ha, dev->broadcast, dev->addr_len);
	}
	return 0;
}

/* -- receiving -------------------------------------------------------------------------------- */

/* Is it an ARP packet that could be meant seriously? */
static bool arp_valid(const struct arp_packet *arp, const struct net_device *dev)
{
	u16 op = be16_get(arp->op);

	if (!be16_eq(arp->htype, BE16(ARPHRD_ETHER)) || !be16_eq(arp->ptype, BE16(ETH_P_IP)) ||
	    arp->hlen != dev->addr_len || arp->plen != 4)
		return false;
	if (op != ARPOP_REQUEST && op != ARPOP_REPLY)
		return false;
	if (ipv4_is_multicast(arp->tpa) || ipv4_is_loopback(arp->tpa) ||
	    ipv4_is_multicast(arp->spa) || ipv4_is_loopback(arp->spa) || ipv4_is_lbcast(arp->spa))
		return false;
	/* A group address, or none, is nobody's link address. */
	return !(arp->sha[0] & 1) && memchr_inv(arp->sha, 0, ETH_ALEN);
}

/* May we answer sip's question for tip? (arp_ignore) */
static bool arp_may_answer(const struct in_device *idev, be32 sip, be32 tip)
{
	const struct in_ifaddr *ifa;

	if (!idev || !inet_addr_is_local(dev_net(idev->dev), tip))
		return false;
	switch (idev->arp_ignore) {
	case 0:
		return true;
	case 1: /* only for addresses of the device that was asked */
	case 2: /* and to those in its subnet */
		list_for_each_entry_rcu(ifa, &idev->addr_list, list) {
			if (ifa->local.wire == tip.wire)
				return idev->arp_ignore == 1 || inet_addr_onlink(idev, tip, sip);
		}
		return false;
	default:
		return false;
	}
}

static void arp_conflict(struct net_device *dev, const struct arp_packet *arp)
{
	static struct ratelimit rl;

	if (!ratelimit_ok(&rl, 1, DEFEND_INTERVAL_NS))
		return;
	pr_warn("%s: IPv4 address %pI4 is also used by %pM", dev->name, &arp->spa, arp->sha);
	arp_announce(dev, arp->spa);
}

/* What the packet says of its sender: for an entry that exists, or that we are about to need. */
static void arp_learn(struct net_device *dev, const struct arp_packet *arp, u8 pkt_type,
		      bool create)
{
	struct netns_ipv4 *ip4 = dev_net(dev)->ipv4;
	struct neighbour *n = neigh_lookup(&ip4->arp, &arp->spa, dev);
	bool reply = be16_eq(arp->op, BE16(ARPOP_REPLY)), override;
	u8 state;

	if (!n && create)
		n = neigh_create(&ip4->arp, &arp->spa, dev);
	if (!n)
		return;
	/* Of several answers within locktime the first one counts. */
	override = ktime_get_ns() > n->updated_ns + (u64)ip4->arp_locktime_ms * NSEC_PER_MSEC ||
		   !(n->nud_state & NUD_VALID) || arp->spa.wire == arp->tpa.wire;
	/* Only a unicast answer proves that the way there works. */
	state = reply && pkt_type == PACKET_HOST ? NUD_REACHABLE : NUD_STALE;
	neigh_update(n, arp->sha, state, override ? NEIGH_UPDATE_F_OVERRIDE : 0);
	neigh_release(n);
}

static void arp_process(struct net_device *dev, const struct arp_packet *arp, u8 pkt_type)
{
	struct net *net = dev_net(dev);
	const struct in_device *idev = in_dev_get_rcu(dev);
	bool request = be16_eq(arp->op, BE16(ARPOP_REQUEST)), answer;

	if (be32_is_zero(arp->spa)) { /* a probe before use (RFC 5227 section 2.1.1) */
		if (request && arp_may_answer(idev, arp->spa, arp->tpa))
			arp_send(ARPOP_REPLY, dev, arp->spa, arp->tpa, arp->sha, arp->sha);
		return;
	}
	if (inet_addr_is_local(net, arp->spa)) {
		if (memcmp(arp->sha, dev->dev_addr, ETH_ALEN))
			arp_conflict(dev, arp);
		return;
	}
	answer = request && arp_may_answer(idev, arp->spa, arp->tpa);
	arp_learn(dev, arp, pkt_type, answer || (idev && idev->arp_accept));
	if (answer)
		arp_send(ARPOP_REPLY, dev, arp->spa, arp->tpa, arp->sha, arp->sha);
}

static int arp_rcv(struct sk_buff *skb, struct net_device *dev)
{
	enum skb_drop_reason why = SKB_DROP_REASON_ARP_INVALID;

	if (skb->pkt_type == PACKET_OTHERHOST) {
		why = SKB_DROP_REASON_OTHERHOST;
		goto drop;
	}
	if (dev->flags & (IFF_NOARP | IFF_LOOPBACK) || skb->pkt_type == PACKET_LOOPBACK ||
	    dev->addr_len != ETH_ALEN || !pskb_may_pull(skb, sizeof(struct arp_packet)))
		goto drop;
	if (!arp_valid(skb_network_header(skb), dev))
		goto drop;
	arp_process(dev, skb_network_header(skb), skb->pkt_type);
	consume_skb(skb);
	return 0;
drop:
	kfree_skb_reason(skb, why);
	return 0;
}

static const struct packet_type arp_packet_type = {.type = ETH_P_ARP, .func = arp_rcv};
PACKET_TYPE(arp_packet_type);

/* -- /proc/net/arp ------------------------------------------------------------------------------
 */

static void arp_show_one(struct neighbour *n, void *arg)
{
	char addr[IPV4_TEXT_BYTES];
	u8 state = n->nud_state, flags = 0;
	be32 key;

	if (state & NUD_NOARP)
		return;
	memcpy(&key, n->primary_key, sizeof(key));
	ipv4_print(addr, key);
	if (state & NUD_PERMANENT)
		flags = ATF_PERM | ATF_COM;
	else if (state & NUD_VALID)
		flags = ATF_COM;
	seq_printf(arg, "%-16s 0x%-10x0x%-10x%pM     *        %s\n", addr, n->dev->type, flags,
		   n->ha, n->dev->name);
}

static void arp_show(struct seq_file *m)
{
	struct net *net = m->private;

	seq_puts(m, "IP address       HW type     Flags       HW address            Mask     "
		    "Device\n");
	neigh_for_each(&net->ipv4->arp, arp_show_one, m);
}

int arp_net_init(struct net *net)
{
	struct neigh_table *t = &net->ipv4->arp;
	int err;

	t->family = AF_INET;
	t->key_len = 4;
	t->net = net;
	t->parms = (struct neigh_parms){
		.mcast_solicit = 3,
		.ucast_solicit = 3,
		.retrans_time_ms = 1000,
		.base_reachable_time_ms = 30000,
		.delay_first_probe_time_s = 5,
		.gc_stale_time_s = 60,
		.queue_len_bytes = 212992,
	};
	t->gc_thresh1 = 128;
	t->gc_thresh2 = 512;
	t->gc_thresh3 = 1024;
	t->solicit = arp_solicit;
	t->constructor = arp_constructor;
	t->error_report = arp_error_report;
	err = neigh_table_init(t);
	return err ? err : proc_net_create(net, "arp", arp_show, NULL, NULL);
}

void arp_net_exit(struct net *net)
{
	proc_net_remove(net, "arp");
	neigh_table_exit(&net->ipv4->arp);
}

/* SPDX-License-Identifier: MIT */
/*
 * A device's IPv4 data: its addresses and per-device settings.
 */
#ifndef NET_INETDEVICE_H
#define NET_INETDEVICE_H

#include <net/netdevice.h>

struct in_ifaddr {
	struct list_head list;  /* [rtnl, rcu] */
	struct hlist_node hash; /* [rtnl, rcu] by local */
	struct in_device *idev;
	be32 local, address, mask,
		broadcast; /* address: the peer's on point-to-point, else local */
	u8 prefixlen, scope;
	u8 flags; /* IFA_F_* */
	u8 proto;
	u64 valid_until_ns; /* 0: for ever */
	struct rcu_head rcu;
	char label[IFNAMSIZ];
};

struct in_device {
	struct net_device *dev;
	struct list_head addr_list; /* of in_ifaddr */
	struct list_head mc_list;   /* [rtnl, rcu] of ip_mc_list: groups we are in */
	u8 arp_ignore, arp_announce, arp_notify, arp_accept, rp_filter, accept_source_route,
		log_martians;
	struct rcu_head rcu;
};

static inline struct in_device *in_dev_get_rcu(const struct net_device *dev)
{
	return rcu_dereference(((struct net_device *)(uintptr_t)dev)->ip_ptr);
}

/* A multicast group that the device receives. */
struct ip_mc_list {
	struct list_head list;
	be32 multiaddr;
	u32 users;
	struct rcu_head rcu;
};

/* rtnl held. Adds the local, broadcast and connected-prefix routes too. 0, -EEXIST, -ENOMEM,
 * -EINVAL. */
int inet_addr_add(struct net_device *dev, be32 local, u8 prefixlen, be32 broadcast, u8 scope);
int inet_addr_del(struct net_device *dev, be32 local, u8 prefixlen);
/* Is addr one of ours (any device)? rcu. */
bool inet_addr_is_local(struct net *net, be32 addr);
/* RTN_* of addr as seen by net: unicast, local, broadcast, multicast. rcu. */
u8 inet_addr_type(struct net *net, be32 addr);
/* A source address on dev for talking to dst, of at most that scope; 0: none. rcu. */
be32 inet_select_addr(const struct net_device *dev, be32 dst, u8 scope);
/* Be a member of a group on dev (counted): 0, -EINVAL, -ENODEV, -ENOMEM. rtnl. */
int ip_mc_inc_group(struct net_device *dev, be32 group);
void ip_mc_dec_group(struct net_device *dev, be32 group);
/* Is a datagram to group on dev for us? rcu. */
bool ip_check_mc_rcu(const struct in_device *idev, be32 group);

#endif

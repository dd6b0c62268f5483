/* SPDX-License-Identifier: MIT */
/*
 * What the files of net/core share with each other.
 */
#ifndef NET_CORE_INT_H
#define NET_CORE_INT_H

#include <kernel/sysctl.h>
#include <net/netdevice.h>

/* init_net's values, or the defaults while it is not set up: for what is per CPU, not per net. */
const struct netns_core *net_core_params(void);

/* rtnl.c */
void rtnl_init(void);

/* link_watch.c */
void linkwatch_init(void);
/* Say in the log that dev's link is up or down. */
void linkwatch_log(const struct net_device *dev, bool up);
/* Forget dev's events: it is going away. rtnl held. */
void linkwatch_forget(struct net_device *dev);

/* loopback.c: the net's lo, registered and up. */
int loopback_net_init(struct net *net);

/* napi.c */
/* Count what came in. The link header is pulled. */
void dev_count_rx(struct sk_buff *skb);
/* Up the stack: to the handler of the packet's EtherType. Softirq. */
int netif_receive_skb_core(struct sk_buff *skb);
/* Handler of an EtherType; NULL: none. */
const struct packet_type *packet_type_get(be16 protocol);
/* Copies to those that want every packet (ETH_P_ALL). */
void packet_taps_deliver(struct sk_buff *skb, struct net_device *dev);

/* n->poll() of a NAPI that is the caller's, and what belongs around it: its value. Bottom halves
 * off. */
int napi_poll_once(struct napi_struct *n, int budget);
/* NULL: none of that id. Rcu. */
struct napi_struct *napi_by_id(u32 id);

/* rps.c: the CPU that is to take skb (network header set) up the stack. Where *tail is set, the
 * input_queue_tail of that CPU behind skb is to be noted there. Rcu read side. */
unsigned rps_cpu(struct sk_buff *skb, u32 **tail);
/* A packet of that hash, for a backlog of at most max: has its flow more than its share of it? The
 * backlog's lock held. */
bool rps_flow_limit(struct softnet_data *sd, u32 hash, u32 max);
void rps_flows_free(struct rps_flows *flows);
extern const struct ctl_ops ctl_rps_mask, ctl_rps_flows;
/* A device's receive queues get the defaults, and their files; and lose them. rtnl held. */
void rps_register(struct net_device *dev);
void rps_unregister(struct net_device *dev);
/* From so many receive queues to so many: their settings and files. */
void rps_resize(struct net_device *dev, unsigned from, unsigned to);
/* Hexadecimal as Linux has it, with or without a comma every 32 bits. 0 or -EINVAL. */
int cpumask_parse(const char *text, size_t len, u64 *mask);

/* xps.c: the transmit queue for skb from this CPU; a device's default and its files, rtnl held. */
u16 xps_queue(const struct net_device *dev, struct sk_buff *skb);
void xps_register(struct net_device *dev);
void xps_unregister(struct net_device *dev);
void xps_resize(struct net_device *dev, unsigned from, unsigned to);

/* napi.c: the poll is over, and GRO's held packets are seen to: as napi_complete_done(). */
bool napi_release(struct napi_struct *n);

/* napi_defer.c: napi_complete_done() of a NAPI whose interrupt may be put off, or that a thread
 * polls. / What napi_enable() sets. / Put the interrupt off when this poll ends. */
bool napi_complete_deferred(struct napi_struct *n, int work_done);
unsigned long napi_defer_state(const struct napi_struct *n);
bool napi_defer_for_thread(struct napi_struct *n);
void napi_defer_init(struct napi_struct *n);
/* rtnl. 0 or -ERANGE. */
int netdev_set_defer_hard_irqs(struct net_device *dev, u64 n);
void netdev_set_gro_flush_timeout(struct net_device *dev, u64 ns);
void napi_defer_register(struct net_device *dev);
void napi_defer_unregister(struct net_device *dev);

/* gro.c */
void napi_gro_init(struct napi_struct *n);
/* Forget what is held: the device goes. */
void napi_gro_drop(struct napi_struct *n);

/* features.c: what the device may switch on, given what depends on what. */
u32 netdev_fix_features(struct net_device *dev, u32 features);

/* dev_mcast.c */
void dev_mc_flush(struct net_device *dev);
void dev_set_rx_mode(struct net_device *dev);

/* dql.c */
void dql_init(struct dql *d);
void dql_reset(struct dql *d);
void dql_queued(struct dql *d, u32 bytes);
/* Bytes that may still be queued; negative: too many are. */
int dql_avail(const struct dql *d);
void dql_completed(struct dql *d, u32 bytes);

/* xmit.c */
void __dev_xmit_later_flush(struct xmit_later *later);
static inline void dev_xmit_later_flush(void)
{
	struct xmit_later *later = &this_cpu(softnet_data).xmit_later;

	if (unlikely(later->first))
		__dev_xmit_later_flush(later);
}
/* Bottom halves off, no lock held. */
void netdev_tx_bells_ring(struct softnet_data *sd);
void dev_watchdog_setup(struct net_device *dev);
void dev_watchdog_arm(struct net_device *dev);

/* proc.c */
int net_core_proc_init(struct net *net);
void net_core_proc_exit(struct net *net);

#endif

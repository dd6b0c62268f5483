/* SPDX-License-Identifier: MIT */
/*
 * Network devices, NAPI, and the way between drivers and protocols.
 *
 * A driver makes a device (alloc_netdev), fills in ops and features, registers it. Receive: its
 * interrupt masks the queue and calls napi_schedule(); poll() then hands up to budget packets to
 * napi_gro_receive() and, when it did less than budget, calls napi_complete_done() and, where that
 * returned true, unmasks. Transmit: ndo_start_xmit() is called with the queue's lock held, bottom
 * halves off, by one CPU at a time a queue; it stops the queue (netif_tx_stop_queue) before its
 * ring is full, never after. rtnl is the mutex of configuration: open, stop, addresses, MTU.
 */
#ifndef NET_NETDEVICE_H
#define NET_NETDEVICE_H

#include <kernel/log.h>
#include <kernel/rculist.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>
#include <kernel/wait.h>
#include <net/if.h>
#include <net/net.h>
#include <net/skbuff.h>

#define MAX_ADDR_LEN     8
#define NAPI_POLL_WEIGHT 64

/* ---- features (ethtool -k) ------------------------------------------------------------ */
#define NETIF_F_SG         (1u << 0) /* page fragments on transmit */
#define NETIF_F_HW_CSUM    (1u << 1) /* CHECKSUM_PARTIAL for any protocol */
#define NETIF_F_IP_CSUM    (1u << 2) /* ... for TCP and UDP over IPv4 */
#define NETIF_F_IPV6_CSUM  (1u << 3)
#define NETIF_F_RXCSUM     (1u << 4)
#define NETIF_F_TSO        (1u << 5)
#define NETIF_F_TSO6       (1u << 6)
#define NETIF_F_TSO_ECN    (1u << 7)
#define NETIF_F_GSO        (1u << 8) /* software segmentation just before the driver */
#define NETIF_F_GSO_UDP_L4 (1u << 9)
#define NETIF_F_GRO        (1u << 10)
#define NETIF_F_RXHASH     (1u << 11)
#define NETIF_F_FRAGLIST   (1u << 12)
#define NETIF_F_HIGHDMA    (1u << 13)
#define NETIF_F_LOOPBACK   (1u << 14)
#define NETIF_F_GRO_HW     (1u << 15)
#define NETIF_F_LLTX       (1u << 16) /* no transmit lock: loopback */
/* Not a matter of taste: no command switches them. */
#define NETIF_F_NEVER_CHANGE (NETIF_F_HIGHDMA | NETIF_F_LOOPBACK | NETIF_F_LLTX)
#define NETIF_F_CSUM_MASK    (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM)

typedef enum { NETDEV_TX_OK, NETDEV_TX_BUSY } netdev_tx_t; /* BUSY: the skb is still the caller's */

/* ---- byte queue limits (dynamic, as Linux's dql) --------------------------------------- */
struct dql {
	u32 num_queued;    /* [tx lock] bytes given to the device, ever */
	u32 num_completed; /* [completion] */
	u32 limit, adj_limit, last_obj_cnt, prev_num_queued, prev_ovlimit, prev_last_obj_cnt;
	u32 lowest_slack, num_completed_prev;
	u64 slack_start_ns;
	u32 min_limit, max_limit;
};

struct Qdisc;

#define QUEUE_STATE_DRV_XOFF   0 /* driver: ring (nearly) full */
#define QUEUE_STATE_STACK_XOFF 1 /* byte queue limit reached */

struct netdev_queue {
	struct net_device *dev;
	struct Qdisc *qdisc;          /* [rcu] */
	struct Qdisc *qdisc_sleeping; /* configured one, while the device is down */
	struct spinlock xmit_lock;
	unsigned xmit_lock_owner; /* cpu + 1 */
	u64 trans_start_ns;       /* when the driver last had taken a packet and was full */
	unsigned long state;      /* QUEUE_STATE_* bits */
	struct dql dql;
	u64 trans_timeout;
	u16 index;
	/* [xmit_lock] cpu + 1 that is to ring the doorbell, and what else it is to ring [o] */
	unsigned bell_cpu;
	struct netdev_queue *bell_next;
} __aligned(64);

/* ---- NAPI ------------------------------------------------------------------------------- */
#define NAPI_STATE_SCHED            0 /* on a poll list, or being polled: the scheduler owns it */
#define NAPI_STATE_MISSED           1 /* scheduled again meanwhile */
#define NAPI_STATE_DISABLE          2
#define NAPI_STATE_IN_BUSY_POLL     3 /* a thread has it, who needs no interrupts: busy_poll.c */
#define NAPI_STATE_DEFER            4 /* its interrupt may be put off: napi_defer.c */
#define NAPI_STATE_PREFER_BUSY_POLL 5 /* a thread waits for it, who polls better than a softirq */

#define GRO_HASH_BUCKETS 8

struct gro_list {
	struct list_head list; /* of held skbs */
	int count;
};

struct napi_struct {
	struct list_head poll_list; /* [o] */
	unsigned long state;
	int weight;
	/* Handle up to budget packets; returns how many. Softirq context, own CPU. budget 0: only
	 * transmit completions. Returning budget means "more to do": NAPI stays scheduled. */
	int (*poll)(struct napi_struct *n, int budget);
	struct net_device *dev;
	struct list_head dev_list;
	struct gro_list gro_hash[GRO_HASH_BUCKETS];
	unsigned long gro_bitmask;
	unsigned cpu;              /* that polls it */
	u16 napi_id;               /* [I] 0: cannot be polled by threads */
	struct hlist_node id_node; /* [napi_id_lock, rcu] */
	struct call_single_data *csd;
	u32 defer_count;            /* polls that may still find nothing [o] */
	struct hrtimer defer_timer; /* polls, the interrupt being put off */
};

void netif_napi_add(struct net_device *dev, struct napi_struct *n,
		    int (*poll)(struct napi_struct *n, int budget));
void netif_napi_del(struct napi_struct *n); /* may sleep */
void napi_enable(struct napi_struct *n);
void napi_disable(struct napi_struct *n); /* sleeps until no poll runs */
/* From the interrupt handler, the queue's interrupt masked. */
bool napi_schedule_prep(struct napi_struct *n);
void __napi_schedule(struct napi_struct *n);
static inline bool napi_schedule(struct napi_struct *n)
{
	if (!napi_schedule_prep(n))
		return false;
	__napi_schedule(n);
	return true;
}
/* The poll is over: flush GRO. False: it was scheduled again meanwhile, keep interrupts masked. */
bool napi_complete_done(struct napi_struct *n, int work_done);

/* A received packet, link header already pulled by eth_type_trans(). Takes it over. */
void napi_gro_receive(struct napi_struct *n, struct sk_buff *skb);
/* Hand all held packets up (done by napi_complete_done()); only those held since before before_ns.
 */
void napi_gro_flush(struct napi_struct *n, u64 before_ns);
/* Without GRO, from softirq / from any context (queued on the CPU's backlog). */
int netif_receive_skb(struct sk_buff *skb);
int netif_rx(struct sk_buff *skb);
/* Free from any context: in hardirq, or with interrupts off, it waits for NET_TX_SOFTIRQ. */
void dev_kfree_skb_any_reason(struct sk_buff *skb, enum skb_drop_reason reason);
#define dev_consume_skb_any(skb) dev_kfree_skb_any_reason(skb, SKB_CONSUMED)

/* ---- statistics --------------------------------------------------------------------------- */
struct rtnl_link_stats64_k {
	u64 rx_packets, tx_packets, rx_bytes, tx_bytes;
	u64 rx_errors, tx_errors, rx_dropped, tx_dropped, multicast, collisions;
	u64 rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors, rx_fifo_errors,
		rx_missed_errors;
	u64 tx_aborted_errors, tx_carrier_errors, tx_fifo_errors, tx_heartbeat_errors,
		tx_window_errors;
	u64 rx_compressed, tx_compressed, rx_nohandler;
};

/* Per-CPU software counters of a device: the stack counts, drivers count errors. */
struct pcpu_sw_netstats {
	u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
	u64 rx_dropped, tx_dropped, rx_nohandler, multicast;
	u64 rx_errors, tx_errors;
};

struct netdev_ringparam { /* descriptors, for ethtool -g */
	u32 rx_max, tx_max, rx, tx;
};

/* Receive side scaling: the queue of each part of the hash's values, and the hash's key. */
#define NETDEV_RSS_ENTRIES 128
#define NETDEV_RSS_KEY     40
struct netdev_rss { /* for ethtool -x, -X */
	u16 entries, key_bytes;
	u16 queue[NETDEV_RSS_ENTRIES];
	u8 key[NETDEV_RSS_KEY];
};

/* How long, or for how many frames (0: no bound), interrupts wait for company. */
struct netdev_coalesce { /* for ethtool -c, -C */
	u32 rx_usecs, rx_frames;
	u32 tx_usecs, tx_frames;
	bool adaptive_rx; /* rx_usecs follows the traffic (<net/dim.h>) */
};

struct netdev_stat_row { /* driver's own, for ethtool -S */
	const char *name;
	u64 value;
};

/* ---- the device ------------------------------------------------------------------------- */
struct net_device_ops {
	int (*ndo_open)(struct net_device *dev); /* rtnl; may sleep */
	int (*ndo_stop)(struct net_device *dev);
	netdev_tx_t (*ndo_start_xmit)(struct sk_buff *skb, struct net_device *dev);
	/* Tell the device what netdev_tx_bell_later() put off; as ndo_start_xmit(), under its lock.
	 */
	void (*ndo_tx_bell)(struct net_device *dev, unsigned queue);
	void (*ndo_set_rx_mode)(struct net_device *dev);
	int (*ndo_set_mac_address)(struct net_device *dev, const void *addr);
	int (*ndo_change_mtu)(struct net_device *dev, int mtu);
	void (*ndo_tx_timeout)(struct net_device *dev, unsigned queue);
	int (*ndo_set_features)(struct net_device *dev, u32 features);
	/* Add the driver's error counters to what the stack counted. */
	void (*ndo_get_stats64)(struct net_device *dev, struct rtnl_link_stats64_k *s);
	/* Up to n rows; returns how many there are. */
	int (*ndo_get_ethtool_stats)(struct net_device *dev, struct netdev_stat_row *rows, int n);
	void (*ndo_get_ringparam)(struct net_device *dev, struct netdev_ringparam *r);
	/* False: it holds no interrupts back. */
	bool (*ndo_get_coalesce)(struct net_device *dev, struct netdev_coalesce *c);
	/* 0, or -EINVAL, -EOPNOTSUPP for what the device cannot, with nothing changed. */
	int (*ndo_set_coalesce)(struct net_device *dev, const struct netdev_coalesce *c);
	/* False: it does no receive side scaling (now). */
	bool (*ndo_get_rss)(struct net_device *dev, struct netdev_rss *rss);
	/* The whole of it anew: as many entries and bytes of key as it has, queues that exist. */
	int (*ndo_set_rss)(struct net_device *dev, const struct netdev_rss *rss);
	/* Use the first n queue pairs, 1 to num_tx_queues: netdev_set_channels(). 0, or -errno with
	 * nothing changed. Where there are fewer now, nobody sends by the others any more; what
	 * they have been given is sent, and taken back, before the device does without them. */
	int (*ndo_set_channels)(struct net_device *dev, unsigned n);
};

/* Link-layer header: Ethernet's is eth_header_ops. */
struct header_ops {
	/* Push a header; daddr/saddr NULL: unknown / the device's. Returns its length, or minus it
	 * where daddr is missing. */
	int (*create)(struct sk_buff *skb, struct net_device *dev, u16 type, const void *daddr,
		      const void *saddr, unsigned len);
};

/* A link-level multicast address that is listened to; on net_device.mc_list [addr_lock]. */
struct netdev_hw_addr {
	struct list_head list;
	int refcount;
	u8 addr[MAX_ADDR_LEN];
};
/* For ndo_set_rx_mode(), which runs with addr_lock held. */
#define netdev_for_each_mc_addr(ha, dev) list_for_each_entry(ha, &(dev)->mc_list, list)
#define netdev_mc_empty(dev)             list_empty(&(dev)->mc_list)

#define __LINK_STATE_START     0
#define __LINK_STATE_PRESENT   1
#define __LINK_STATE_NOCARRIER 2

struct in_device;
struct inet6_dev;

struct net_device {
	char name[IFNAMSIZ];
	struct net *net;
	struct list_head dev_list; /* [rtnl, rcu] */
	u32 ifindex;
	refcount_t refs;
	unsigned long state; /* __LINK_STATE_* */
	u32 flags;           /* IFF_* [rtnl] */
	u32 mtu, min_mtu, max_mtu;
	u16 type; /* ARPHRD_* */
	u16 hard_header_len, needed_headroom;
	u8 addr_len;
	u8 dev_addr[MAX_ADDR_LEN], broadcast[MAX_ADDR_LEN], perm_addr[MAX_ADDR_LEN];
	/* In force; those that can be switched; what the user wants of them, some of which may have
	 * to wait for what they depend on. [rtnl] */
	u32 features, hw_features, wanted_features;
	u32 gso_max_size, gso_max_segs;
	u32 promiscuity, allmulti;
	u32 speed_mbps; /* 0: unknown */
	u8 full_duplex;
	bool rxfh_configured; /* somebody set the table of receive side scaling [rtnl] */
	bool xps_configured;  /* ... which CPU sends by which queues [rtnl] */
	bool rx_sink; /* what is received ends in the poll, counted: to measure the device [a] */
	u32 tx_queue_len;
	const struct net_device_ops *netdev_ops;
	const struct header_ops *header_ops;
	struct netdev_queue *tx;
	struct netdev_rx_queue *rx; /* num_rx_queues of them */
	u16 num_tx_queues, real_num_tx_queues, num_rx_queues;
	struct list_head napi_list;
	struct pcpu_sw_netstats *stats[MAX_CPUS];
	u64 xps_queues[MAX_CPUS];  /* transmit queues that a CPU uses, a bit each [rtnl] */
	struct in_device *ip_ptr;  /* [rcu] IPv4's data */
	struct inet6_dev *ip6_ptr; /* [rcu] */
	struct list_head mc_list;  /* of struct netdev_hw_addr [addr_lock] */
	struct spinlock addr_lock;
	struct timer watchdog_timer;
	u64 watchdog_timeo_ns;
	u64 carrier_up_count, carrier_down_count;
	const char *driver_name;
	char bus_info[24]; /* "0000:00:03.0" */
	void (*priv_destructor)(struct net_device *dev);
	void *ml_priv;
	struct list_head link_watch_list; /* [linkwatch lock] waits for the link thread */
	u32 link_watch_events;            /* [linkwatch lock] */
	u32 gflags;                       /* [rtnl] IFF_* that the user asked for */
	u32 napi_defer_hard_irqs;         /* polls without packets before interrupts [rtnl, a] */
	u64 gro_flush_timeout_ns;         /* until the next of them [rtnl, a] */
	size_t alloc_bytes;               /* [I] of the whole block, for free_netdev() */
	_Alignas(64) u8 priv[];           /* netdev_priv() */
};

static inline void *netdev_priv(struct net_device *dev)
{
	return dev->priv;
}
static inline struct net *dev_net(const struct net_device *dev)
{
	return dev->net;
}

/* A device with sizeof_priv bytes for the driver and so many queues; name may hold "%d". setup
 * fills in the kind's defaults (ether_setup). NULL: no memory. Freed by free_netdev() after
 * unregister. */
struct net_device *alloc_netdev_mqs(size_t sizeof_priv, const char *name,
				    void (*setup)(struct net_device *dev), unsigned txqs,
				    unsigned rxqs);
struct net_device *alloc_etherdev_mqs(size_t sizeof_priv, unsigned txqs, unsigned rxqs);
#define alloc_etherdev(sz) alloc_etherdev_mqs(sz, 1, 1)
void free_netdev(struct net_device *dev);
/* net NULL: init_net. The device appears, down. 0 or -errno. Takes rtnl. */
int register_netdev(struct net_device *dev, struct net *net);
void unregister_netdev(struct net_device *dev);
static inline void dev_hold(struct net_device *dev)
{
	refcount_inc(&dev->refs);
}
static inline void dev_put(struct net_device *dev)
{
	WARN_ON_ONCE(refcount_sub_and_test(1, &dev->refs)); /* unregister holds the last one */
}
/* Lookups: under rcu_read_lock() or rtnl; the _get form with a reference. */
struct net_device *dev_get_by_name(struct net *net, const char *name);
struct net_device *dev_get_by_index(struct net *net, u32 ifindex);
#define for_each_netdev_rcu(net, d) list_for_each_entry_rcu(d, &(net)->dev_base_head, dev_list)
#define for_each_netdev(net, d)     list_for_each_entry(d, &(net)->dev_base_head, dev_list)

void rtnl_lock(void);
void rtnl_unlock(void);
bool rtnl_is_locked(void);

/* With rtnl held. */
int dev_open(struct net_device *dev);
int dev_close(struct net_device *dev);
int dev_change_flags(struct net_device *dev, u32 flags);
int dev_set_mtu(struct net_device *dev, u32 mtu);
int dev_set_mac_address(struct net_device *dev, const void *addr);
int dev_set_promiscuity(struct net_device *dev, int inc);
int dev_mc_add(struct net_device *dev, const void *addr);
int dev_mc_del(struct net_device *dev, const void *addr);
/* Switch offloads; dependencies (TSO needs SG and checksum) are resolved. */
int netdev_change_features(struct net_device *dev, u32 wanted);
/* Use the first n queue pairs: 0, -EINVAL (none, more than there are, or the table of receive side
 * scaling names one that would go), or what the driver says. / For drivers: n are in use from now
 * on. / The table that n queues share, unless somebody set another. / Receive queues in use. */
int netdev_set_channels(struct net_device *dev, unsigned n);
void netif_set_real_num_queues(struct net_device *dev, unsigned n);
void netdev_rss_default(const struct net_device *dev, u16 *queue, unsigned entries, unsigned n);
unsigned netdev_rx_queues_used(const struct net_device *dev);
/* SIOCETHTOOL (<linux/ethtool.h>) on the device of that name; data begins with the command. Takes
 * rtnl. 0, -errno, or what the command says. */
int dev_ethtool(struct net *net, const char *name, void *data);

static inline bool netif_running(const struct net_device *dev)
{
	return test_bit(__LINK_STATE_START, &dev->state);
}
static inline bool netif_carrier_ok(const struct net_device *dev)
{
	return !test_bit(__LINK_STATE_NOCARRIER, &dev->state);
}
/* From drivers, any context: logs, and tells listeners (NETDEV_CHANGE) from a thread. */
void netif_carrier_on(struct net_device *dev);
void netif_carrier_off(struct net_device *dev);
/* Ask for a gratuitous ARP (virtio announce, link up). */
void netdev_notify_peers(struct net_device *dev);

enum netdev_event {
	NETDEV_UP,
	NETDEV_DOWN,
	NETDEV_CHANGE,
	NETDEV_REGISTER,
	NETDEV_UNREGISTER,
	NETDEV_CHANGEMTU,
	NETDEV_CHANGEADDR,
	NETDEV_NOTIFY_PEERS,
	NETDEV_FEAT_CHANGE
};
const char *netdev_event_name(enum netdev_event ev);
struct netdev_notifier {
	void (*fn)(struct net_device *dev, enum netdev_event ev); /* thread, rtnl held */
};
#define NETDEV_NOTIFIER(sym)                                   \
	static const struct netdev_notifier *const sym##_entry \
		__attribute__((section("netdev_notifiers"), used)) = &(sym)

/* ---- transmit ------------------------------------------------------------------------------ */
/* Queue a packet with its link header in place on skb->dev. Takes it over. 0, NET_XMIT_DROP,
 * NET_XMIT_CN or -errno; bottom halves may be on or off. */
#define NET_XMIT_SUCCESS 0
#define NET_XMIT_DROP    1
#define NET_XMIT_CN      2
int dev_queue_xmit(struct sk_buff *skb);
/* For qdiscs. First, without a lock: what the device cannot do is done in software (checksum,
 * linearizing, GSO): the list of packets to hand over, NULL when all were dropped. Then to the
 * driver, txq's xmit_lock held; returns those that did not fit, to be sent again first. */
struct sk_buff *validate_xmit_skb_list(struct sk_buff *skb, struct net_device *dev);
struct sk_buff *dev_hard_start_xmit(struct sk_buff *first, struct net_device *dev,
				    struct netdev_queue *txq, int *ret);
/* Both at once, xmit_lock taken here; validated: the first was done before. */
struct sk_buff *dev_xmit_list(struct sk_buff *skb, struct netdev_queue *txq, bool validated);

static inline struct netdev_queue *netdev_get_tx_queue(const struct net_device *dev, unsigned i)
{
	return &dev->tx[i];
}
static inline bool netif_xmit_stopped(const struct netdev_queue *q)
{
	return READ_ONCE(q->state);
}
static inline void netif_tx_stop_queue(struct netdev_queue *q)
{
	set_bit(QUEUE_STATE_DRV_XOFF, &q->state);
}
static inline bool netif_tx_queue_stopped(const struct netdev_queue *q)
{
	return test_bit(QUEUE_STATE_DRV_XOFF, &q->state);
}
/* Doorbells: an exit from the machine each, and rung under whatever locks a packet came through. So
 * ndo_start_xmit() may put them off: true: ndo_tx_bell() follows before this bottom half ends, once
 * for all its packets; false: another CPU is to ring this queue's, or nobody: ring now. Who calls
 * dev_hard_start_xmit() calls netdev_tx_bells() after that, xmit_lock released and bottom halves
 * still off. */
bool netdev_tx_bell_later(struct netdev_queue *q);
void __netdev_tx_bells(void);
/* The current thread sends more in a moment (MSG_BATCH): bells for it wait until thread_unplug(),
 * which comes before it sleeps, or for eight packets, or for the next softirq. Thread context. */
void netdev_tx_hold(void);
/* With the queue stopped for good: wait until nobody is going to ring it. */
void netdev_tx_bell_settle(struct netdev_queue *q);
/* Does anybody wait to hear that skb, just given to the device, is sent? */
bool skb_completion_awaited(const struct sk_buff *skb);
void netif_tx_start_all_queues(struct net_device *dev);
void netif_tx_stop_all_queues(struct net_device *dev);
/* Ring space again: let the qdisc run (softirq). Any context. */
void netif_tx_wake_queue(struct netdev_queue *q);
/* The stack will call again at once: the doorbell can wait (skb->xmit_more). */
static inline bool netdev_xmit_more(const struct sk_buff *skb)
{
	return skb->xmit_more;
}
/* Byte queue limits: bytes given to the device (returns whether to ring the doorbell now); bytes it
 * has sent; forget all (ring reset). */
bool __netdev_tx_sent_queue(struct netdev_queue *q, u32 bytes, bool xmit_more);
void netdev_tx_sent_queue(struct netdev_queue *q, u32 bytes);
void netdev_tx_completed_queue(struct netdev_queue *q, u32 pkts, u32 bytes);
void netdev_tx_reset_queue(struct netdev_queue *q);

void dev_get_stats(struct net_device *dev, struct rtnl_link_stats64_k *s);
/* Tell all listeners; rtnl held. */
void call_netdevice_notifiers(struct net_device *dev, enum netdev_event ev);
#define dev_stats_inc(dev, field) ((dev)->stats[smp_processor_id()]->field++)

/* ---- Ethernet (net/ethernet) --------------------------------------------------------------- */
void ether_setup(struct net_device *dev);
extern const struct header_ops eth_header_ops;
/* What eth_header_ops.create() does, in line; dst: an address as struct neighbour has it. */
static inline void eth_push_header(struct sk_buff *skb, const struct net_device *dev, be16 proto,
				   u64 dst)
{
	u8 *eth = skb_push(skb, 14);

	__builtin_memcpy(eth, &dst, sizeof(dst)); /* two bytes more: the source is next */
	__builtin_memcpy(eth + 6, dev->dev_addr, 6);
	__builtin_memcpy(eth + 12, &proto, sizeof(proto));
}
/* Pull the Ethernet header; sets dev, mac_header, pkt_type. Returns the EtherType for
 * skb->protocol; a frame too short gives 0 (dropped above as DEV_HDR). */
be16 eth_type_trans(struct sk_buff *skb, struct net_device *dev);

/* ---- packet types (EtherType handlers) ------------------------------------------------------- */
struct packet_type {
	u16 type; /* host order */
	/* Takes the skb over. Softirq, rcu read side. Network header set. */
	int (*func)(struct sk_buff *skb, struct net_device *dev);
	struct sk_buff *(*gro_receive)(struct list_head *held, struct sk_buff *skb);
	int (*gro_complete)(struct sk_buff *skb, int nhoff);
	struct sk_buff *(*gso_segment)(struct sk_buff *skb, u32 features);
	/* While net->rx_early: skb as the device gave it, data behind the link header. True: it is
	 * dealt with. False: it is unchanged and goes the usual way. */
	bool (*rx_early)(struct sk_buff *skb);
};
/* Is there a handler that wants to see every packet (ETH_P_ALL)? */
bool packet_taps_active(void);
#define PACKET_TYPE(sym)                                   \
	static const struct packet_type *const sym##_entry \
		__attribute__((section("packet_types"), used)) = &(sym)

/* Split by gso_size into a list linked by next, each with a complete set of headers; skb itself is
 * left to the caller. features: what the device can do for the pieces. ERR_PTR on failure. The
 * layers' gso_segment callbacks do their headers and end in skb_segment() (<net/gro.h>). */
struct sk_buff *skb_gso_segment(struct sk_buff *skb, u32 features);
/* What the device can do for this packet: features less what does not fit it. */
u32 netif_skb_features(struct sk_buff *skb, const struct net_device *dev);

struct rps_flows;

/* What steers the packets of a device's receive queue (net/core/rps.c). */
struct netdev_rx_queue {
	struct net_device *dev; /* [I] */
	u64 rps_mask;           /* CPUs that take flows from the one that polls; 0: none [a] */
	u32 rps_flow_cnt;       /* 0: packets don't follow their sockets [a] */
};

/* net/core sysctls and per-CPU receive state. */
struct netns_core {
	int somaxconn, netdev_max_backlog, netdev_budget, netdev_budget_usecs, dev_weight;
	int busy_read, busy_poll; /* us: for new sockets, for poll() and epoll_wait() */
	int rmem_default, rmem_max, wmem_default, wmem_max, optmem_max;
	char default_qdisc[16];
	struct net *net;             /* [I] */
	u64 rps_default_mask;        /* of queues to come, and when written of all [rtnl] */
	u32 rps_default_flow_cnt;    /* the same */
	struct rps_flows *rps_flows; /* [rcu] sockets' CPUs by flow; NULL: packets don't follow */
};

/* May packets be steered to other CPUs? */
bool rps_active(void);

/* Whose packets came to a backlog of late, while it was nearly full. */
#define FLOW_HISTORY 128
struct flow_limit {
	u8 history[FLOW_HISTORY]; /* buckets, by flow hash, of the last packets ... */
	u8 count[256];            /* ... and how many of them each has */
	u8 head;
};

struct softnet_data {                        /* per CPU, as /proc/net/softnet_stat prints */
	struct list_head poll_list;          /* [irqs off] */
	struct sk_buff_head input_pkt_queue; /* [its lock] backlog: netif_rx(), other CPUs' RPS */
	struct sk_buff_head process_queue;   /* [o] taken from there, to be handled now */
	struct call_single_data rps_csd;     /* others have the backlog scheduled here */
	struct napi_struct backlog;          /* polls it */
	struct Qdisc *output_queue;          /* [irqs off] to be run by NET_TX_SOFTIRQ */
	struct sk_buff *completion_queue;    /* [irqs off] to be freed there */
	u64 busy_since_ns; /* [o] no rest from NET_RX_SOFTIRQ since; 0: there was */
	struct xmit_later {
		struct sk_buff *first, *last;
	} xmit_later; /* [o] answers that go together when the poll ends */
	u32 polls;    /* [o] odd: the number of the NAPI poll under way, which is one rcu section */
	u32 processed, dropped, time_squeeze, received_rps, cpu_collision, flow_limit_count;
	u32 input_queue_head;         /* packets taken out of the backlog, ever [o] */
	u32 input_queue_tail;         /* ... and put in [lock of input_pkt_queue] */
	struct flow_limit flow_limit; /* [lock of input_pkt_queue] */
	u8 xmit_recursion;
	bool bells_gather;          /* [o] within a poll, which rings them at its end */
	u8 bells_held;              /* [o] packets since a thread holds bells */
	struct netdev_queue *bells; /* [o] queues whose doorbells were put off */
};
DECLARE_PER_CPU(struct softnet_data, softnet_data);

/* dev_queue_xmit() from within a NAPI poll, when that ends: what goes to one queue goes together.
 */
static inline void dev_queue_xmit_later(struct sk_buff *skb)
{
	struct xmit_later *later = &this_cpu(softnet_data).xmit_later;

	skb_reset_mac_header(skb);
	skb->next = NULL;
	if (later->first)
		later->last->next = skb;
	else
		later->first = skb;
	later->last = skb;
}

static inline void netdev_tx_bells(void)
{
	if (this_cpu(softnet_data).bells)
		__netdev_tx_bells();
}

void net_dev_init(void);

#endif

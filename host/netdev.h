/* SPDX-License-Identifier: MIT */
/*
 * Network devices of the hosted home: one whose wire is the test, a link that joins two of them
 * with a rate, a delay and faults, and a TAP of Linux. A frame is bytes in memory of their own,
 * with what a virtio header would say beside it.
 */
#ifndef HOST_NETDEV_H
#define HOST_NETDEV_H

#include <lib/list.h>
#include <lib/types.h>

struct net;
struct net_device;

struct host_frame {
	struct list_head list;
	u64 time_ns; /* when it was sent, or is to arrive */
	u16 queue;
	u16 gso_size, gso_type; /* a super-packet, where the device offers TSO */
	u16 hdr_len;            /* of a super-packet's headers */
	bool csum_valid;        /* received: the checksum was looked at */
	bool csum_partial;      /* csum_start: from the first byte of the frame */
	u16 csum_start, csum_offset;
	size_t len;
	u8 data[];
};

/* A copy of the bytes; free with host_frame_free(). Not counted by host_memory_in_use(). */
struct host_frame *host_frame_make(const void *data, size_t len);
void host_frame_free(struct host_frame *f);

/* --- the device ---------------------------------------------------------------------------- */

struct fakedev_config {
	const char *name; /* NULL: "eth%d" */
	u8 mac[6];        /* all zeros: 02:00:00:00:00:<n> */
	u32 mtu;          /* 0: 1500 */
	u32 features;     /* NETIF_F_* that the device offers */
	unsigned queues;  /* 0: one; queue n interrupts CPU n */
	unsigned tx_ring; /* frames a queue takes before it is stopped; 0: each completes at once */
	unsigned rx_ring; /* 0: 1024 */
	/* Bytes of a received frame in the skb's head; the rest comes in page fragments of at most
	 * rx_frag (0: 1024) bytes. 0: all in the head. */
	unsigned rx_linear, rx_frag;
	/* What a frame of a page and more costs (skb->truesize) is its pages, and the skb: as a TUN
	 * of Linux has it. */
	bool rx_cost_pages;
};

/* A registered device, down, of net (NULL: init_net); aborts if that fails. */
struct net_device *fakedev_create(struct net *net, const struct fakedev_config *config);
/* Unregister and free; frames not fetched are dropped. */
void fakedev_destroy(struct net_device *dev);

/* What the stack sent, oldest first; the caller frees. NULL: nothing (more). */
struct host_frame *fakedev_tx_next(struct net_device *dev);
unsigned fakedev_tx_count(const struct net_device *dev);
void fakedev_tx_discard(struct net_device *dev);

/* Give each frame sent to fn (which takes it over) instead of keeping it. Any context. */
void fakedev_on_tx(struct net_device *dev, void (*fn)(struct host_frame *f, void *arg), void *arg);

/* With a tx_ring: the device has sent n more frames of queue. */
void fakedev_tx_complete(struct net_device *dev, unsigned queue, unsigned n);
unsigned fakedev_tx_in_ring(const struct net_device *dev, unsigned queue);

/* A frame arrives at queue (the second form copies it; queue 0). False: the ring is full, or the
 * device is down; the frame is freed in any case. Any context; from a thread, all of the receive
 * path has run when it returns. */
bool fakedev_rx_frame(struct net_device *dev, unsigned queue, struct host_frame *f);
bool fakedev_rx(struct net_device *dev, const void *data, size_t len);

void fakedev_set_carrier(struct net_device *dev, bool up);

/* --- a link between two ---------------------------------------------------------------------- */

struct link_config {
	u64 rate_bps;  /* 0: no limit */
	u64 delay_ns;  /* one way */
	u64 jitter_ns; /* up to that much more, each frame for itself: may reorder */
	u32 loss_ppm, duplicate_ppm, corrupt_ppm; /* chance of each frame, in a million */
	u32 reorder_ppm; /* chance of coming jitter_ns later than the rest */
	unsigned queue;  /* frames that wait for the rate, 0: 1000; more are dropped */
};

struct link;

/* Join a and b; config holds for both ways and is copied. Destroy before the devices. */
struct link *link_create(struct net_device *a, struct net_device *b,
			 const struct link_config *config);
void link_destroy(struct link *l);
/* Change what link_create() was given, for one way (from a or b) or both (NULL). */
void link_set(struct link *l, const struct net_device *from, const struct link_config *config);
/* Both ends lose, or get back, their carrier; frames under way are lost. */
void link_set_carrier(struct link *l, bool up);

struct link_stats {
	u64 sent, delivered, lost, queue_dropped, duplicated, corrupted;
};
void link_get_stats(const struct link *l, const struct net_device *from, struct link_stats *s);

/* Called for each frame that enters the link; false: lose it. For tests that pick the victim. */
void link_set_filter(struct link *l,
		     bool (*fn)(struct net_device *from, struct host_frame *f, void *arg),
		     void *arg);

/* --- capture and TAP ------------------------------------------------------------------------- */

/* Write what dev sends and receives to a pcap file (nanosecond resolution). NULL: stop. */
void fakedev_capture(struct net_device *dev, const char *path);

/* A device over Linux's TAP ifname, which must exist or be creatable; real-time mode. NULL with
 * errno set where that fails. */
struct net_device *tapdev_create(struct net *net, const char *ifname, const u8 mac[6]);

#endif

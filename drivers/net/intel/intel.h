/* SPDX-License-Identifier: MIT */
/*
 * What e1000 and e1000e share: nearly everything. The two families have the same registers for
 * MAC, PHY and rings, the same transmit descriptors, and differ in receive descriptors, in how
 * interrupts arrive and in a few fields: struct intel_family holds those differences.
 *
 * Locks: [tx] the stack's transmit queue lock, [poll] NAPI (one CPU at a time), [rtnl], [stats]
 * stats_lock, [I] constant after probe.
 */
#ifndef DRIVERS_NET_INTEL_H
#define DRIVERS_NET_INTEL_H

#include "regs.h"

#include <kernel/io.h>
#include <kernel/pci.h>
#include <net/dim.h>
#include <net/netdevice.h>

/* Ring sizes: powers of two, multiples of 8 ([S] 13.4.27). Small machines take the smaller. */
#define INTEL_RING_SIZE       256u
#define INTEL_RING_SIZE_SMALL 64u
#define INTEL_SMALL_BYTES     (24ull << 20)

/* What the device may write into one receive buffer, and the page fragment around it. */
#define INTEL_RX_BUF_BYTES  2048u
#define INTEL_RX_PAD        (NET_SKB_PAD + NET_IP_ALIGN)
#define INTEL_RX_FRAG_BYTES (SKB_DATA_ALIGN(INTEL_RX_PAD + INTEL_RX_BUF_BYTES) + SKB_OVERHEAD)
/* Frames up to this long are copied, and the buffer stays. */
#define INTEL_RX_COPY_BYTES 256u

/* The longest piece of memory one transmit descriptor is given. */
#define INTEL_TX_PIECE_BYTES 8192u
/* Descriptors one packet may take: a context, the head, each fragment, cuts every 8 KiB. */
#define INTEL_TX_MAX_DESC (1 + 1 + MAX_SKB_FRAGS + GSO_MAX_SIZE / INTEL_TX_PIECE_BYTES + 1)

#define INTEL_MAX_MTU    9000u
#define INTEL_MAX_QUEUES 2
#define INTEL_MAX_VECS   (2 * INTEL_MAX_QUEUES + 1)

/* Receive side scaling ([D] 7.1.2.8): entries of the indirection table, bytes of the hash's key. */
#define INTEL_RETA_ENTRIES 128u
#define INTEL_RSS_KEY      40u

/* Interrupts no closer than that, unless told otherwise. [S] 13.4.18: unit 256 ns, 16 bits. */
#define INTEL_ITR_USECS     25u
#define INTEL_ITR_MAX_USECS 16000u
#define INTEL_ITR_UNITS(us) ((us)*1000u / 256u)
#define INTEL_ITR           INTEL_ITR_UNITS(INTEL_ITR_USECS)

struct intel_nic;
struct intel_queue;

/* How causes become interrupts. */
struct intel_irq_ops {
	/* Attach the handlers to their queues' CPUs, counting them in nic->nvecs. 0 or -errno. */
	int (*request)(struct intel_nic *nic);
	/* Program what a reset lost, or NULL: nothing. */
	void (*setup)(struct intel_nic *nic);
	/* Least time between the queue's receive interrupts; NULL: REG_ITR has it. */
	void (*set_itr)(struct intel_queue *q, u32 units);
	/* What is unmasked while the device is up: by each queue's NAPI, of those of transmit by
	 * who waits for them, and the rest always. */
	u32 ims_rx[INTEL_MAX_QUEUES], ims_tx[INTEL_MAX_QUEUES];
	u32 ims_other;
};

struct intel_family {
	const char *name;   /* of the driver */
	bool extended_rx;   /* extended receive descriptors */
	bool pcie;          /* has the bus master handshake and NVM auto-read flag of [D] */
	u8 eerd_addr_shift; /* EEPROM read register: address and done bit */
	u32 eerd_done;
	u32 tipg;
	u32 tctl;                         /* bits beside the common ones */
	u32 features;                     /* NETIF_F_* beside the common ones */
	u8 nqueues;                       /* with MSI-X; 0: one in any case */
	const struct intel_irq_ops *msix; /* NULL: not there, or not to be used */
};

struct intel_rx_ring {
	union rx_desc *desc;
	u8 **buf;            /* page fragment of each descriptor, never NULL [poll] */
	u16 count;           /* [I] */
	u16 next;            /* descriptor the device fills next [poll] */
	u16 told;            /* `next` when it was last given descriptors back [poll] */
	struct sk_buff *skb; /* frame whose end has not come yet [poll] */
	bool discard;        /* throw away up to the end of the frame [poll] */
	u64 packets, copied, chained, bad_length, no_memory, errors, csum_good,
		csum_bad; /* [poll] */
};

struct intel_tx_buf {
	struct sk_buff *skb; /* at a packet's first descriptor */
	u32 bytes;
	u16 last; /* its last descriptor: the one that reports */
};

struct intel_tx_ring {
	union tx_desc *desc;
	struct intel_tx_buf *buf;
	u16 count;         /* [I] */
	u16 next;          /* where the next descriptor is written [tx] */
	u16 next_to_use;   /* the same, once the packet is complete [tx] */
	u16 tail;          /* what the device was told last [tx] */
	u16 next_to_clean; /* [tx] */
	bool awaited;      /* a socket waits for a packet in the ring [tx] */
	bool irq_on;       /* the interrupt is unmasked, or a poll runs that sees to it [tx] */
	struct tx_desc_context context; /* what the device remembers [tx] */
	bool context_valid;             /* [tx] */
	u64 packets, contexts, tso, busy, restarts;
};

/* A receive and a transmit ring, served by one CPU. */
struct intel_queue {
	struct intel_nic *nic; /* [I] */
	unsigned index, cpu;   /* [I] */
	unsigned regs;         /* [I] what to add to the first queue's ring registers */
	struct napi_struct napi;
	struct intel_rx_ring rx;
	struct intel_tx_ring tx;
	struct dim dim; /* [poll] where nic->adaptive */
} __aligned(64);

/* Counters that the device clears when they are read. */
struct intel_hw_stats {
	u64 crc_errors, rx_errors, missed, no_buffer, collisions, length_errors, undersize,
		oversize, fragments, jabber, rx_good, tx_good, broadcast, multicast,
		late_collisions, excess_collisions;
};

struct intel_nic {
	u8 *regs; /* [I] */
	struct net_device *dev;
	struct pci_dev *pdev;
	const struct intel_family *family; /* [I] */
	const struct intel_irq_ops *irq;   /* [I] */
	u8 nqueues;                        /* [I] */
	u8 nvecs;                          /* vectors attached [rtnl] */
	bool up;                           /* rings exist and the device may use them [rtnl, tx] */
	bool reset_wanted; /* [a] polls leave the rings alone, the last of them resets the device */
	u32 reset_parked;  /* [a] the queues whose polls have seen that */
	u32 rctl;          /* [rtnl, addr_lock] */
	u32 link_status;   /* STATUS bits last told */
	u32 rx_usecs;      /* least time between receive interrupts [rtnl] */
	bool adaptive;     /* ... follows the traffic [a] */
	u64 resets;
	struct spinlock stats_lock;
	struct intel_hw_stats hw_stats; /* [stats] */
	u8 reta[INTEL_RETA_ENTRIES];    /* the queue of each part of the hash's values [I] */
	u8 rss_key[INTEL_RSS_KEY];      /* [rtnl] */
	void *irq_arg[INTEL_MAX_VECS];
	char irq_name[INTEL_MAX_VECS][IFNAMSIZ + 8];
	struct intel_queue queue[INTEL_MAX_QUEUES];
};

#define intel_for_each_queue(q, nic) \
	for (struct intel_queue *q = (nic)->queue; q < (nic)->queue + (nic)->nqueues; q++)

static inline u32 intel_rd(const struct intel_nic *nic, unsigned reg)
{
	return readl(nic->regs + reg);
}

static inline void intel_wr(struct intel_nic *nic, unsigned reg, u32 v)
{
	writel(v, nic->regs + reg);
}

/* Wait for the writes before to have reached the device. */
static inline void intel_flush(struct intel_nic *nic)
{
	intel_rd(nic, REG_STATUS);
}

/* A register of a queue's own ring, named by the first queue's. */
static inline void intel_wr_ring(const struct intel_queue *q, unsigned reg, u32 v)
{
	intel_wr(q->nic, reg + q->regs, v);
}

static inline u32 intel_ims_rx(const struct intel_queue *q)
{
	return q->nic->irq->ims_rx[q->index];
}

static inline u32 intel_ims_tx(const struct intel_queue *q)
{
	return q->nic->irq->ims_tx[q->index];
}

/* Only where it changes: QEMU's 82540EM takes no frame for a second after each write of RCTL. */
static inline void intel_wr_rctl(struct intel_nic *nic, u32 v)
{
	if (intel_rd(nic, REG_RCTL) != v)
		intel_wr(nic, REG_RCTL, v);
}

/* ---- hw.c: the device without its rings. Thread or softirq. ------------------------------- */

/* Stop everything and bring all registers to their initial state. 0 or -ETIMEDOUT. */
int intel_hw_reset(struct intel_nic *nic);
/* Find the station address, the device being fresh from reset. 0 or -EADDRNOTAVAIL. */
int intel_hw_read_mac(struct intel_nic *nic, u8 mac[6]);
/* Link, filters, inter-packet gap: what does not concern rings. */
void intel_hw_setup(struct intel_nic *nic);
void intel_hw_set_mac(struct intel_nic *nic, const u8 mac[6]);
/* Receive filter from the device's flags and list. addr_lock held. */
void intel_hw_set_rx_mode(struct intel_nic *nic);
/* Tell the stack when the link changed. Any context. */
void intel_link_update(struct intel_nic *nic);
/* Add the device's counters to hw_stats. stats_lock held. */
void intel_hw_stats_read(struct intel_nic *nic);

/* ---- rx.c, tx.c: the rings ------------------------------------------------------------------- */

int intel_rx_alloc(struct intel_queue *q, unsigned count);
void intel_rx_free(struct intel_queue *q);
/* Give all descriptors to a device that has just been reset, and start the receiver. */
void intel_rx_start(struct intel_nic *nic);
/* Tell the device how flows go to queues: table and key. */
void intel_rss_start(struct intel_nic *nic);
/* Hand up to budget frames to the stack; returns how many. [poll] */
int intel_rx_poll(struct intel_queue *q, int budget);

int intel_tx_alloc(struct intel_queue *q, unsigned count);
void intel_tx_free(struct intel_queue *q);
void intel_tx_start(struct intel_nic *nic);
/* Take back what was sent. budget as in napi_struct. Returns the causes to unmask when the poll
 * ends, for who waits for the rest. [poll] */
u32 intel_tx_poll(struct intel_queue *q, int budget);
/* Forget what was not sent; the device is stopped, and so is the queue. */
void intel_tx_drop_all(struct intel_queue *q);
netdev_tx_t intel_start_xmit(struct sk_buff *skb, struct net_device *dev);
void intel_tx_bell(struct net_device *dev, unsigned queue);

/* ---- netdev.c: the net_device, probe and remove ------------------------------------------------
 */

int intel_probe(struct pci_dev *pdev, const struct intel_family *family, const char *model);
void intel_remove(struct pci_dev *pdev);
/* Causes of a queue came: poll. The caller made sure that they are masked. */
static inline void intel_irq_poll(struct intel_queue *q)
{
	napi_schedule(&q->napi);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The net_device of an Intel controller: life cycle, NAPI, interrupts that carry all causes, and
 * the reset after a hang. Open, stop and configuration come from threads with rtnl held.
 *
 * A hung transmitter is noticed by the stack's watchdog, on any CPU. From then on a poll leaves its
 * rings alone and says so; the last queue's to do that resets the device, alone with the rings once
 * it has stopped the transmit queues.
 */
#include "intel.h"

#include <errno.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/printf.h>
#include <lib/string.h>

/* Features of every model. */
#define INTEL_FEATURES (NETIF_F_SG | NETIF_F_RXCSUM | NETIF_F_HIGHDMA | NETIF_F_TSO)

/* ---- interrupts and polling ---------------------------------------------------------------- */

/* With INTx and MSI there is one queue, and its causes are these. */
#define SINGLE_POLL (ICR_TXDW | ICR_RXDMT0 | ICR_RXO | ICR_RXT0)

static enum irqreturn single_interrupt(int irq, void *arg)
{
	struct intel_nic *nic = arg;
	u32 icr = intel_rd(nic, REG_ICR);

	/* All ones: the device is gone. Nothing of ours: the line is shared. */
	if (icr == ICR_ALL || !(icr & (SINGLE_POLL | ICR_LSC)))
		return IRQ_NONE;
	if (icr & ICR_LSC)
		intel_link_update(nic);
	/* Reading took the causes away, so the poll must come whether they were masked or not. */
	if (icr & SINGLE_POLL) {
		intel_wr(nic, REG_IMC, SINGLE_POLL);
		intel_irq_poll(&nic->queue[0]);
	}
	return IRQ_HANDLED;
}

static int single_request(struct intel_nic *nic)
{
	int err = request_irq(pci_irq_vector(nic->pdev, 0), single_interrupt,
			      pci_irq_flags(nic->pdev), nic->dev->name, nic, nic->queue[0].cpu);

	if (err)
		return err;
	nic->irq_arg[0] = nic;
	nic->nvecs = 1;
	return 0;
}

/* INTx or MSI: one handler for all causes, ICR clears as it is read. */
static const struct intel_irq_ops single_irq = {
	.request = single_request,
	.ims_rx = {SINGLE_POLL & ~ICR_TXDW},
	.ims_tx = {ICR_TXDW},
	.ims_other = ICR_LSC,
};

static void irqs_free(struct intel_nic *nic)
{
	for (; nic->nvecs; nic->nvecs--)
		free_irq(pci_irq_vector(nic->pdev, nic->nvecs - 1u), nic->irq_arg[nic->nvecs - 1]);
}

static void set_usecs(struct intel_queue *q, u32 usecs)
{
	u32 units = INTEL_ITR_UNITS(usecs);

	if (q->nic->irq->set_itr)
		q->nic->irq->set_itr(q, units);
	else
		intel_wr(q->nic, REG_ITR, units);
}

static void moderate(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic)
		set_usecs(q, nic->adaptive ? dim_usecs(&q->dim) : nic->rx_usecs);
}

static void device_start(struct intel_nic *nic)
{
	intel_hw_setup(nic);
	intel_tx_start(nic);
	intel_rx_start(nic);
	if (nic->irq->setup)
		nic->irq->setup(nic);
	moderate(nic);
}

/* No CPU is in intel_start_xmit() any more when this returns; a doorbell may still be rung. */
static void transmit_stop(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic) {
		struct netdev_queue *txq = netdev_get_tx_queue(nic->dev, q->index);

		spin_lock_bh(&txq->xmit_lock);
		netif_tx_stop_queue(txq);
		spin_unlock_bh(&txq->xmit_lock);
	}
}

static void transmit_wake(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic)
		netif_tx_wake_queue(netdev_get_tx_queue(nic->dev, q->index));
}

/* In the poll, those of the other queues and the transmitters being held off. */
static void reset_after_hang(struct intel_nic *nic)
{
	struct net_device *dev = nic->dev;
	int err;

	spin_lock(&nic->stats_lock);
	intel_hw_stats_read(nic); /* the reset clears them */
	spin_unlock(&nic->stats_lock);
	nic->resets++;
	err = intel_hw_reset(nic);
	intel_for_each_queue(q, nic)
		intel_tx_drop_all(q);
	if (err) {
		nic->up = false;
		pr_err("%s: does not answer after a reset, switched off\n", dev->name);
		netif_carrier_off(dev);
		return;
	}
	device_start(nic);
	spin_lock(&dev->addr_lock);
	intel_hw_set_rx_mode(nic);
	spin_unlock(&dev->addr_lock);
	pr_warn("%s: reset after a hang\n", dev->name);
	/* The queues' own causes follow when their polls end. */
	intel_wr(nic, REG_IMS, nic->irq->ims_other);
	intel_link_update(nic);
}

/* A reset is wanted, and q's poll holds off. The last queue's does it. */
static void reset_when_alone(struct intel_queue *q)
{
	struct intel_nic *nic = q->nic;
	u32 mine = 1u << q->index, all = (1u << nic->nqueues) - 1;
	u32 parked = __atomic_fetch_or(&nic->reset_parked, mine, __ATOMIC_ACQ_REL);

	if (parked == all || (parked | mine) != all)
		return;
	transmit_stop(nic);
	reset_after_hang(nic);
	smp_store_release(&nic->reset_wanted, false);
	/* A hang found between the two finds nobody parked when the polls are run now. */
	smp_store_release(&nic->reset_parked, 0u);
	transmit_wake(nic);
	intel_for_each_queue(other, nic)
		intel_irq_poll(other);
}

static int intel_poll(struct napi_struct *napi, int budget)
{
	struct intel_queue *q = container_of(napi, struct intel_queue, napi);
	struct intel_nic *nic = q->nic;
	u32 ims;
	int done;

	if (unlikely(smp_load_acquire(&nic->reset_wanted))) {
		reset_when_alone(q);
		napi_complete_done(napi, 0);
		return 0;
	}
	ims = intel_ims_rx(q) | intel_tx_poll(q, budget);
	done = intel_rx_poll(q, budget);
	if (READ_ONCE(nic->adaptive) && done < budget &&
	    dim_poll_ended(&q->dim, (u32)done, ktime_get_ns()))
		set_usecs(q, dim_usecs(&q->dim));
	if (done < budget && napi_complete_done(napi, done) && nic->up)
		intel_wr(nic, REG_IMS, ims);
	return done;
}

static void intel_tx_timeout(struct net_device *dev, unsigned queue)
{
	struct intel_nic *nic = netdev_priv(dev);
	const struct intel_queue *q = &nic->queue[queue < nic->nqueues ? queue : 0];

	pr_warn("%s: transmit queue %u hangs: head %u, tail %u, next to clean %u\n", dev->name,
		q->index, intel_rd(nic, REG_TDH + q->regs), intel_rd(nic, REG_TDT + q->regs),
		READ_ONCE(q->tx.next_to_clean));
	smp_store_release(&nic->reset_wanted, true);
	intel_for_each_queue(each, nic)
		intel_irq_poll(each);
}

/* ---- open and stop ------------------------------------------------------------------------------
 */

static unsigned ring_size(void)
{
	struct meminfo mi;

	meminfo_get(&mi);
	return mi.total * PAGE_SIZE < INTEL_SMALL_BYTES ? INTEL_RING_SIZE_SMALL : INTEL_RING_SIZE;
}

static void rings_free(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic) {
		intel_tx_free(q);
		intel_rx_free(q);
	}
}

static int rings_alloc(struct intel_nic *nic)
{
	unsigned count = ring_size();

	intel_for_each_queue(q, nic) {
		int err = intel_tx_alloc(q, count);

		if (!err)
			err = intel_rx_alloc(q, count);
		if (err) {
			rings_free(nic);
			return err;
		}
	}
	return 0;
}

static u32 ims_all(const struct intel_nic *nic)
{
	u32 ims = nic->irq->ims_other;

	for (unsigned i = 0; i < nic->nqueues; i++)
		ims |= nic->irq->ims_rx[i];
	return ims;
}

static int intel_open(struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);
	int err;

	err = rings_alloc(nic);
	if (err)
		return err;
	err = intel_hw_reset(nic);
	if (err)
		goto free_rings;
	pci_set_master(nic->pdev);
	err = nic->irq->request(nic);
	if (err)
		goto undo_irqs;
	device_start(nic);
	spin_lock_bh(&dev->addr_lock);
	intel_hw_set_rx_mode(nic);
	spin_unlock_bh(&dev->addr_lock);
	nic->reset_wanted = false;
	nic->reset_parked = 0;
	nic->up = true;
	intel_for_each_queue(q, nic)
		napi_enable(&q->napi);
	netif_tx_start_all_queues(dev);
	intel_wr(nic, REG_IMS, ims_all(nic));
	nic->link_status = ~0u; /* unlike any: the first look is told */
	intel_link_update(nic);
	return 0;

undo_irqs:
	irqs_free(nic);
	pci_clear_master(nic->pdev);
free_rings:
	rings_free(nic);
	return err;
}

static int intel_stop(struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);

	nic->up = false;
	transmit_stop(nic);
	intel_for_each_queue(q, nic)
		napi_disable(&q->napi);
	spin_lock_bh(&nic->stats_lock);
	intel_hw_stats_read(nic);
	spin_unlock_bh(&nic->stats_lock);
	/* Once reset, and no bus master any more, the device reaches none of our memory. */
	if (intel_hw_reset(nic) != 0)
		pr_err("%s: does not stop\n", dev->name);
	pci_clear_master(nic->pdev);
	irqs_free(nic);
	netif_carrier_off(dev);
	intel_for_each_queue(q, nic)
		intel_tx_drop_all(q);
	rings_free(nic);
	return 0;
}

/* ---- configuration
 * ------------------------------------------------------------------------------- */

static void intel_set_rx_mode(struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);

	if (nic->up)
		intel_hw_set_rx_mode(nic);
}

static int intel_set_mac(struct net_device *dev, const void *addr)
{
	struct intel_nic *nic = netdev_priv(dev);

	memcpy(dev->dev_addr, addr, 6);
	if (nic->up)
		intel_hw_set_mac(nic, addr);
	return 0;
}

/* Buffers are chained, so only the receiver's length limit changes. */
static int intel_change_mtu(struct net_device *dev, int mtu)
{
	struct intel_nic *nic = netdev_priv(dev);

	dev->mtu = (u32)mtu;
	if (!nic->up)
		return 0;
	spin_lock_bh(&dev->addr_lock);
	nic->rctl = mtu > 1500 ? nic->rctl | RCTL_LPE : nic->rctl & ~RCTL_LPE;
	intel_wr_rctl(nic, nic->rctl);
	spin_unlock_bh(&dev->addr_lock);
	return 0;
}

static void intel_get_stats(struct net_device *dev, struct rtnl_link_stats64_k *s)
{
	struct intel_nic *nic = netdev_priv(dev);
	struct intel_hw_stats *h = &nic->hw_stats;

	spin_lock_bh(&nic->stats_lock);
	if (nic->up)
		intel_hw_stats_read(nic);
	/* Not the undersized: emulated controllers count what they padded and delivered. */
	s->rx_crc_errors += h->crc_errors;
	s->rx_length_errors += h->length_errors + h->oversize;
	intel_for_each_queue(q, nic)
		s->rx_length_errors += q->rx.bad_length;
	s->rx_frame_errors += h->fragments + h->jabber;
	s->rx_missed_errors += h->missed;
	s->rx_errors += h->crc_errors + h->rx_errors + h->length_errors + h->oversize +
			h->fragments + h->jabber;
	s->multicast += h->multicast;
	s->collisions += h->collisions;
	s->tx_aborted_errors += h->excess_collisions;
	s->tx_window_errors += h->late_collisions;
	s->tx_errors += h->excess_collisions + h->late_collisions;
	spin_unlock_bh(&nic->stats_lock);
}

static void rings_sum(struct intel_nic *nic, struct intel_rx_ring *rx, struct intel_tx_ring *tx)
{
	*rx = (struct intel_rx_ring){0};
	*tx = (struct intel_tx_ring){0};
	intel_for_each_queue(q, nic) {
		rx->copied += q->rx.copied;
		rx->chained += q->rx.chained;
		rx->bad_length += q->rx.bad_length;
		rx->errors += q->rx.errors;
		rx->no_memory += q->rx.no_memory;
		rx->csum_good += q->rx.csum_good;
		rx->csum_bad += q->rx.csum_bad;
		tx->contexts += q->tx.contexts;
		tx->tso += q->tx.tso;
		tx->busy += q->tx.busy;
		tx->restarts += q->tx.restarts;
	}
}

/* The device's, sums over its rings, each queue's packets. */
static int stat_rows(const struct intel_nic *nic, const struct intel_rx_ring *rx,
		     const struct intel_tx_ring *tx, struct netdev_stat_row *rows, int n)
{
	const struct intel_hw_stats *h = &nic->hw_stats;
	const struct netdev_stat_row all[] = {
		{"rx_good", h->rx_good},
		{"tx_good", h->tx_good},
		{"rx_broadcast", h->broadcast},
		{"rx_multicast", h->multicast},
		{"rx_crc_errors", h->crc_errors},
		{"rx_missed", h->missed},
		{"rx_no_buffer", h->no_buffer},
		{"rx_undersize", h->undersize},
		{"rx_oversize", h->oversize},
		{"rx_copied", rx->copied},
		{"rx_chained", rx->chained},
		{"rx_bad_length", rx->bad_length},
		{"rx_bad_frame", rx->errors},
		{"rx_no_memory", rx->no_memory},
		{"rx_csum_good", rx->csum_good},
		{"rx_csum_bad", rx->csum_bad},
		{"tx_contexts", tx->contexts},
		{"tx_tso", tx->tso},
		{"tx_busy", tx->busy},
		{"tx_restarts", tx->restarts},
		{"resets", nic->resets},
		{"rx_queue_0_packets", nic->queue[0].rx.packets},
		{"tx_queue_0_packets", nic->queue[0].tx.packets},
		{"rx_queue_1_packets", nic->queue[1].rx.packets},
		{"tx_queue_1_packets", nic->queue[1].tx.packets},
	};
	int have = (int)ARRAY_SIZE(all) - 2 * (INTEL_MAX_QUEUES - nic->nqueues);

	for (int i = 0; i < n && i < have; i++)
		rows[i] = all[i];
	return have;
}

static int intel_get_ethtool_stats(struct net_device *dev, struct netdev_stat_row *rows, int n)
{
	struct intel_nic *nic = netdev_priv(dev);
	struct intel_rx_ring rx;
	struct intel_tx_ring tx;

	spin_lock_bh(&nic->stats_lock);
	if (nic->up)
		intel_hw_stats_read(nic);
	spin_unlock_bh(&nic->stats_lock);
	rings_sum(nic, &rx, &tx);
	return stat_rows(nic, &rx, &tx, rows, n);
}

static void intel_get_ringparam(struct net_device *dev, struct netdev_ringparam *r)
{
	const struct intel_nic *nic = netdev_priv(dev);

	*r = (struct netdev_ringparam){INTEL_RING_SIZE, INTEL_RING_SIZE, nic->queue[0].rx.count,
				       nic->queue[0].tx.count};
}

static bool intel_get_coalesce(struct net_device *dev, struct netdev_coalesce *c)
{
	const struct intel_nic *nic = netdev_priv(dev);

	c->adaptive_rx = nic->adaptive;
	c->rx_usecs = nic->adaptive ? dim_usecs(&nic->queue[0].dim) : nic->rx_usecs;
	return true;
}

/* The polls are held off while what they decide by is set up. */
static int intel_set_coalesce(struct net_device *dev, const struct netdev_coalesce *c)
{
	struct intel_nic *nic = netdev_priv(dev);

	if (c->rx_frames || c->tx_usecs || c->tx_frames || c->rx_usecs > INTEL_ITR_MAX_USECS)
		return -EINVAL;
	intel_for_each_queue(q, nic) {
		if (nic->up)
			napi_disable(&q->napi);
	}
	nic->rx_usecs = c->rx_usecs;
	intel_for_each_queue(q, nic)
		dim_start(&q->dim, c->rx_usecs);
	WRITE_ONCE(nic->adaptive, c->adaptive_rx);
	if (nic->up)
		moderate(nic);
	intel_for_each_queue(q, nic) {
		if (nic->up) {
			napi_enable(&q->napi);
			intel_irq_poll(q); /* what came meanwhile, and the interrupt's unmasking */
		}
	}
	return 0;
}

/* The table as n queues share it, unless somebody set another. */
static void rss_table(struct intel_nic *nic, unsigned n)
{
	u16 queue[INTEL_RETA_ENTRIES];

	for (unsigned i = 0; i < INTEL_RETA_ENTRIES; i++)
		queue[i] = nic->reta[i];
	netdev_rss_default(nic->dev, queue, INTEL_RETA_ENTRIES, n);
	for (unsigned i = 0; i < INTEL_RETA_ENTRIES; i++)
		nic->reta[i] = (u8)queue[i];
}

static bool intel_get_rss(struct net_device *dev, struct netdev_rss *rss)
{
	const struct intel_nic *nic = netdev_priv(dev);

	static_assert(INTEL_RETA_ENTRIES <= NETDEV_RSS_ENTRIES && INTEL_RSS_KEY <= NETDEV_RSS_KEY,
		      "fits");
	if (nic->nqueues == 1)
		return false;
	rss->entries = INTEL_RETA_ENTRIES;
	rss->key_bytes = INTEL_RSS_KEY;
	for (unsigned i = 0; i < INTEL_RETA_ENTRIES; i++)
		rss->queue[i] = nic->reta[i];
	memcpy(rss->key, nic->rss_key, INTEL_RSS_KEY);
	return true;
}

static int intel_set_rss(struct net_device *dev, const struct netdev_rss *rss)
{
	struct intel_nic *nic = netdev_priv(dev);

	for (unsigned i = 0; i < INTEL_RETA_ENTRIES; i++)
		nic->reta[i] = (u8)rss->queue[i];
	memcpy(nic->rss_key, rss->key, INTEL_RSS_KEY);
	if (netif_running(dev))
		intel_rss_start(nic);
	return 0;
}

#define CHANNELS_WAIT_NS NSEC_PER_SEC

/* Nobody sends by q any more: its poll takes back what it was given, as it is sent. */
static void settle(struct intel_queue *q)
{
	u64 until_ns = ktime_get_ns() + CHANNELS_WAIT_NS;

	while (READ_ONCE(q->tx.next_to_clean) != READ_ONCE(q->tx.next_to_use) &&
	       ktime_get_ns() < until_ns) {
		intel_irq_poll(q);
		thread_sleep_ns(50 * NSEC_PER_USEC);
	}
}

/* All queues stay set up: what the table sends to one that goes stops coming, no more. */
static int intel_set_channels(struct net_device *dev, unsigned n)
{
	struct intel_nic *nic = netdev_priv(dev);

	intel_for_each_queue(q, nic) {
		if (nic->up && q->index >= n)
			settle(q);
	}
	rss_table(nic, n);
	if (nic->up)
		intel_rss_start(nic);
	return 0;
}

static const struct net_device_ops intel_netdev_ops = {
	.ndo_open = intel_open,
	.ndo_stop = intel_stop,
	.ndo_start_xmit = intel_start_xmit,
	.ndo_tx_bell = intel_tx_bell,
	.ndo_set_rx_mode = intel_set_rx_mode,
	.ndo_set_mac_address = intel_set_mac,
	.ndo_change_mtu = intel_change_mtu,
	.ndo_tx_timeout = intel_tx_timeout,
	.ndo_get_stats64 = intel_get_stats,
	.ndo_get_ethtool_stats = intel_get_ethtool_stats,
	.ndo_get_ringparam = intel_get_ringparam,
	.ndo_get_coalesce = intel_get_coalesce,
	.ndo_set_coalesce = intel_set_coalesce,
	.ndo_get_rss = intel_get_rss,
	.ndo_set_rss = intel_set_rss,
	.ndo_set_channels = intel_set_channels,
};

/* ---- probe and remove
 * ----------------------------------------------------------------------------- */

static void netdev_fill(struct intel_nic *nic, const u8 mac[6])
{
	struct net_device *dev = nic->dev;

	dev->netdev_ops = &intel_netdev_ops;
	dev->driver_name = nic->family->name;
	pci_name(nic->pdev, dev->bus_info, sizeof(dev->bus_info));
	memcpy(dev->dev_addr, mac, 6);
	memcpy(dev->perm_addr, mac, 6);
	dev->min_mtu = 68;
	dev->max_mtu = INTEL_MAX_MTU;
	dev->hw_features = INTEL_FEATURES | nic->family->features;
	if (nic->nqueues > 1)
		dev->hw_features |= NETIF_F_RXHASH;
	dev->features |= dev->hw_features;
	intel_for_each_queue(q, nic)
		netif_napi_add(dev, &q->napi, intel_poll);
	netif_carrier_off(dev);
}

/* Try n queues, with two vectors each and one more. */
static int msix_alloc(struct intel_nic *nic, unsigned n)
{
	unsigned cpu_of[INTEL_MAX_VECS], vecs = 2 * n + 1;

	for (unsigned i = 0; i < vecs; i++)
		cpu_of[i] = nic->queue[i < 2 * n ? i / 2 : 0].cpu;
	return pci_alloc_irq_vectors(nic->pdev, vecs, vecs, PCI_IRQ_MSIX, cpu_of);
}

/* All vectors of a queue go to one CPU: they end in one NAPI. As many queues as there are CPUs and
 * vectors for. */
static int vectors_alloc(struct intel_nic *nic)
{
	const struct intel_family *family = nic->family;
	unsigned most = min((unsigned)family->nqueues, num_online_cpus());
	unsigned kinds = family->pcie ? PCI_IRQ_MSI | PCI_IRQ_INTX : PCI_IRQ_INTX;

	nic->irq = family->msix;
	for (unsigned n = most; n; n--) {
		nic->nqueues = (u8)n;
		if (msix_alloc(nic, n) >= 0)
			return 0;
	}
	nic->irq = &single_irq;
	nic->nqueues = 1;
	return min(pci_alloc_irq_vectors(nic->pdev, 1, 1, kinds, &nic->queue[0].cpu), 0);
}

/* Several devices take turns with the CPUs. */
static void queues_init(struct intel_nic *nic)
{
	static unsigned turn;

	for (unsigned i = 0; i < INTEL_MAX_QUEUES; i++) {
		struct intel_queue *q = &nic->queue[i];

		q->nic = nic;
		q->index = i;
		q->regs = RING_REGS(i);
		q->cpu = (turn + i) % num_online_cpus();
	}
	turn++;
}

/* A key that nobody knows, so that nobody can have all flows on one queue. */
static void rss_init(struct intel_nic *nic)
{
	get_random_bytes(nic->rss_key, sizeof(nic->rss_key));
	rss_table(nic, nic->nqueues);
}

static struct net_device *netdev_alloc(const struct intel_family *family)
{
	unsigned n = clamp(num_online_cpus(), 1u, max((unsigned)family->nqueues, 1u));

	return alloc_etherdev_mqs(sizeof(struct intel_nic), n, n);
}

static void napi_del_all(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic)
		netif_napi_del(&q->napi);
}

int intel_probe(struct pci_dev *pdev, const struct intel_family *family, const char *model)
{
	static const char *const mode_name[] = {"no interrupt", "INTx", "MSI", "MSI-X"};
	struct net_device *dev;
	struct intel_nic *nic;
	u8 mac[6];
	int err;

	if (pdev->bar[0].size < REG_BYTES)
		return -ENODEV;
	dev = netdev_alloc(family);
	if (!dev)
		return -ENOMEM;
	nic = netdev_priv(dev);
	nic->dev = dev;
	nic->pdev = pdev;
	nic->family = family;
	queues_init(nic);
	spin_lock_init(&nic->stats_lock);
	pci_enable_device(pdev);
	err = -ENOMEM;
	nic->regs = pci_iomap(pdev, 0);
	if (!nic->regs)
		goto free_dev;
	err = intel_hw_reset(nic);
	if (!err)
		err = intel_hw_read_mac(nic, mac);
	if (!err)
		err = vectors_alloc(nic);
	if (err)
		goto unmap;
	rss_init(nic);
	nic->rx_usecs = INTEL_ITR_USECS;
	dev->num_tx_queues = dev->real_num_tx_queues = dev->num_rx_queues = nic->nqueues;
	netdev_fill(nic, mac);
	err = register_netdev(dev, NULL);
	if (err)
		goto free_vectors;
	pdev->drvdata = nic;
	pr_info("%s: %s at %s, %pM, %s%s\n", dev->name, model, dev->bus_info, dev->dev_addr,
		mode_name[pdev->irq_mode], nic->nqueues > 1 ? ", two queues" : "");
	return 0;

free_vectors:
	napi_del_all(nic);
	pci_free_irq_vectors(pdev);
unmap:
	pci_iounmap(pdev, 0, nic->regs);
free_dev:
	free_netdev(dev);
	return err;
}

void intel_remove(struct pci_dev *pdev)
{
	struct intel_nic *nic = pdev->drvdata;

	unregister_netdev(nic->dev);
	napi_del_all(nic);
	pci_free_irq_vectors(pdev);
	pci_iounmap(pdev, 0, nic->regs);
	pdev->drvdata = NULL;
	free_netdev(nic->dev);
}

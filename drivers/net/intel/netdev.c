/* SPDX-License-Identifier: MIT */
/*
 * The net_device of an Intel controller: life cycle, NAPI, interrupts that carry all causes, and
 * the reset after a hang. Open, stop and configuration come from threads with rtnl held.
 *
 * A hung transmitter is noticed by the stack's watchdog, on any CPU; the reset itself is done by
 * the next poll, which already excludes receive and completion, under the transmit queue's lock.
 */
#include "intel.h"

#include <errno.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/printf.h>
#include <lib/string.h>

/* Features of every model. */
#define INTEL_FEATURES (NETIF_F_SG | NETIF_F_RXCSUM | NETIF_F_HIGHDMA | NETIF_F_TSO)

/* ---- interrupts and polling ---------------------------------------------------------------- */

void intel_irq_poll(struct intel_nic *nic)
{
	napi_schedule(&nic->napi);
}

static enum irqreturn single_interrupt(int irq, void *arg)
{
	struct intel_nic *nic = arg;
	u32 icr = intel_rd(nic, REG_ICR);

	/* All ones: the device is gone. Nothing of ours: the line is shared. */
	if (icr == ICR_ALL || !(icr & nic->irq->ims_all))
		return IRQ_NONE;
	if (icr & ICR_LSC)
		intel_link_update(nic);
	/* Reading took the causes away, so the poll must come whether they were masked or not. */
	if (icr & nic->irq->ims_poll) {
		intel_wr(nic, REG_IMC, nic->irq->ims_poll);
		intel_irq_poll(nic);
	}
	return IRQ_HANDLED;
}

static int single_request(struct intel_nic *nic)
{
	int err = request_irq(pci_irq_vector(nic->pdev, 0), single_interrupt,
			      pci_irq_flags(nic->pdev), nic->dev->name, nic, nic->cpu);

	if (!err)
		nic->nvecs = 1;
	return err;
}

/* INTx or MSI: one handler for all causes, ICR clears as it is read. */
static const struct intel_irq_ops single_irq = {
	.request = single_request,
	.ims_all = ICR_TXDW | ICR_LSC | ICR_RXDMT0 | ICR_RXO | ICR_RXT0,
	.ims_poll = ICR_TXDW | ICR_RXDMT0 | ICR_RXO | ICR_RXT0,
};

static void irqs_free(struct intel_nic *nic)
{
	for (; nic->nvecs; nic->nvecs--)
		free_irq(pci_irq_vector(nic->pdev, nic->nvecs - 1u), nic);
}

static void device_start(struct intel_nic *nic)
{
	intel_hw_setup(nic);
	intel_tx_start(nic);
	intel_rx_start(nic);
	if (nic->irq->setup)
		nic->irq->setup(nic);
}

/* In the poll: nothing else touches the rings but a transmitter, which the lock holds off. */
static void reset_after_hang(struct intel_nic *nic)
{
	struct net_device *dev = nic->dev;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	int err;

	spin_lock(&nic->stats_lock);
	intel_hw_stats_read(nic); /* the reset clears them */
	spin_unlock(&nic->stats_lock);
	spin_lock(&txq->xmit_lock);
	nic->resets++;
	err = intel_hw_reset(nic);
	intel_tx_drop_all(nic);
	if (err == 0) {
		device_start(nic);
		spin_lock(&dev->addr_lock);
		intel_hw_set_rx_mode(nic);
		spin_unlock(&dev->addr_lock);
	} else {
		nic->up = false;
	}
	spin_unlock(&txq->xmit_lock);
	if (err) {
		pr_err("%s: does not answer after a reset, switched off\n", dev->name);
		netif_carrier_off(dev);
		return;
	}
	pr_warn("%s: reset after a hang\n", dev->name);
	/* The poll's own causes follow when it ends. */
	intel_wr(nic, REG_IMS, nic->irq->ims_all & ~nic->irq->ims_poll);
	intel_link_update(nic);
	netif_tx_wake_queue(txq);
}

static int intel_poll(struct napi_struct *napi, int budget)
{
	struct intel_nic *nic = container_of(napi, struct intel_nic, napi);
	int done;

	if (unlikely(xchg(&nic->reset_wanted, false)))
		reset_after_hang(nic);
	intel_tx_poll(nic, budget);
	done = intel_rx_poll(nic, budget);
	if (done < budget && napi_complete_done(napi, done) && nic->up)
		intel_wr(nic, REG_IMS, nic->irq->ims_poll);
	return done;
}

static void intel_tx_timeout(struct net_device *dev, unsigned queue)
{
	struct intel_nic *nic = netdev_priv(dev);

	pr_warn("%s: transmit queue hangs: head %u, tail %u, next to clean %u\n", dev->name,
		intel_rd(nic, REG_TDH), intel_rd(nic, REG_TDT), READ_ONCE(nic->tx.next_to_clean));
	WRITE_ONCE(nic->reset_wanted, true);
	intel_irq_poll(nic);
}

/* ---- open and stop ------------------------------------------------------------------------------
 */

static unsigned ring_size(void)
{
	struct meminfo mi;

	meminfo_get(&mi);
	return mi.total * PAGE_SIZE < INTEL_SMALL_BYTES ? INTEL_RING_SIZE_SMALL : INTEL_RING_SIZE;
}

static int intel_open(struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);
	unsigned count = ring_size();
	int err;

	err = intel_tx_alloc(nic, count);
	if (err)
		return err;
	err = intel_rx_alloc(nic, count);
	if (err)
		goto free_tx;
	err = intel_hw_reset(nic);
	if (err)
		goto free_rx;
	pci_set_master(nic->pdev);
	err = nic->irq->request(nic);
	if (err)
		goto undo_irqs;
	device_start(nic);
	spin_lock_bh(&dev->addr_lock);
	intel_hw_set_rx_mode(nic);
	spin_unlock_bh(&dev->addr_lock);
	nic->reset_wanted = false;
	nic->up = true;
	napi_enable(&nic->napi);
	netif_tx_start_all_queues(dev);
	intel_wr(nic, REG_IMS, nic->irq->ims_all);
	nic->link_status = ~0u; /* unlike any: the first look is told */
	intel_link_update(nic);
	return 0;

undo_irqs:
	irqs_free(nic);
	pci_clear_master(nic->pdev);
free_rx:
	intel_rx_free(nic);
free_tx:
	intel_tx_free(nic);
	return err;
}

static int intel_stop(struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);

	netif_tx_stop_all_queues(dev);
	spin_lock_bh(&txq->xmit_lock);
	nic->up = false;
	spin_unlock_bh(&txq->xmit_lock);
	napi_disable(&nic->napi);
	spin_lock_bh(&nic->stats_lock);
	intel_hw_stats_read(nic);
	spin_unlock_bh(&nic->stats_lock);
	/* Once reset, and no bus master any more, the device reaches none of our memory. */
	if (intel_hw_reset(nic) != 0)
		pr_err("%s: does not stop\n", dev->name);
	pci_clear_master(nic->pdev);
	irqs_free(nic);
	netif_carrier_off(dev);
	spin_lock_bh(&txq->xmit_lock);
	intel_tx_drop_all(nic);
	spin_unlock_bh(&txq->xmit_lock);
	intel_tx_free(nic);
	intel_rx_free(nic);
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
	s->rx_length_errors += h->length_errors + h->oversize + nic->rx.bad_length;
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

static int stat_rows(const struct intel_nic *nic, struct netdev_stat_row *rows, int n)
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
		{"rx_copied", nic->rx.copied},
		{"rx_chained", nic->rx.chained},
		{"rx_bad_length", nic->rx.bad_length},
		{"rx_bad_frame", nic->rx.errors},
		{"rx_no_memory", nic->rx.no_memory},
		{"rx_csum_good", nic->rx.csum_good},
		{"rx_csum_bad", nic->rx.csum_bad},
		{"tx_contexts", nic->tx.contexts},
		{"tx_tso", nic->tx.tso},
		{"tx_busy", nic->tx.busy},
		{"tx_restarts", nic->tx.restarts},
		{"resets", nic->resets},
	};

	for (int i = 0; i < n && i < (int)ARRAY_SIZE(all); i++)
		rows[i] = all[i];
	return ARRAY_SIZE(all);
}

static int intel_get_ethtool_stats(struct net_device *dev, struct netdev_stat_row *rows, int n)
{
	struct intel_nic *nic = netdev_priv(dev);

	spin_lock_bh(&nic->stats_lock);
	if (nic->up)
		intel_hw_stats_read(nic);
	spin_unlock_bh(&nic->stats_lock);
	return stat_rows(nic, rows, n);
}

static void intel_get_ringparam(struct net_device *dev, struct netdev_ringparam *r)
{
	const struct intel_nic *nic = netdev_priv(dev);

	*r = (struct netdev_ringparam){INTEL_RING_SIZE, INTEL_RING_SIZE, nic->rx.count,
				       nic->tx.count};
}

static const struct net_device_ops intel_netdev_ops = {
	.ndo_open = intel_open,
	.ndo_stop = intel_stop,
	.ndo_start_xmit = intel_start_xmit,
	.ndo_set_rx_mode = intel_set_rx_mode,
	.ndo_set_mac_address = intel_set_mac,
	.ndo_change_mtu = intel_change_mtu,
	.ndo_tx_timeout = intel_tx_timeout,
	.ndo_get_stats64 = intel_get_stats,
	.ndo_get_ethtool_stats = intel_get_ethtool_stats,
	.ndo_get_ringparam = intel_get_ringparam,
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
	dev->features |= dev->hw_features;
	netif_napi_add(dev, &nic->napi, intel_poll);
	netif_carrier_off(dev);
}

/* All vectors go to one CPU: they end in one NAPI. Several devices take turns. */
static int vectors_alloc(struct intel_nic *nic)
{
	static unsigned turn;
	unsigned cpu_of[INTEL_MAX_VECS];
	int n = -ENOSPC;

	nic->cpu = turn++ % num_online_cpus();
	for (unsigned i = 0; i < INTEL_MAX_VECS; i++)
		cpu_of[i] = nic->cpu;
	nic->irq = nic->family->msix;
	if (nic->irq)
		n = pci_alloc_irq_vectors(nic->pdev, INTEL_MAX_VECS, INTEL_MAX_VECS, PCI_IRQ_MSIX,
					  cpu_of);
	if (n < 0) {
		unsigned kinds = nic->family->pcie ? PCI_IRQ_MSI | PCI_IRQ_INTX : PCI_IRQ_INTX;

		nic->irq = &single_irq;
		n = pci_alloc_irq_vectors(nic->pdev, 1, 1, kinds, cpu_of);
	}
	return n < 0 ? n : 0;
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
	dev = alloc_etherdev(sizeof(*nic));
	if (!dev)
		return -ENOMEM;
	nic = netdev_priv(dev);
	nic->dev = dev;
	nic->pdev = pdev;
	nic->family = family;
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
	netdev_fill(nic, mac);
	err = register_netdev(dev, NULL);
	if (err)
		goto free_vectors;
	pdev->drvdata = nic;
	pr_info("%s: %s at %s, %pM, %s\n", dev->name, model, dev->bus_info, dev->dev_addr,
		mode_name[pdev->irq_mode]);
	return 0;

free_vectors:
	netif_napi_del(&nic->napi);
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
	netif_napi_del(&nic->napi);
	pci_free_irq_vectors(pdev);
	pci_iounmap(pdev, 0, nic->regs);
	pdev->drvdata = NULL;
	free_netdev(nic->dev);
}

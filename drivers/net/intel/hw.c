/* SPDX-License-Identifier: MIT */
/*
 * The controller without its rings: reset, station address, PHY, receive filter, link, counters.
 * Called at probe and open (thread) and by a reset after a hang (softirq). Nothing here waits
 * longer than a few milliseconds for a device that does not answer.
 * Sections in brackets: [S] and [D] as in regs.h.
 */
#include "intel.h"

#include <errno.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/string.h>

#define RESET_US       10000u
#define DMA_DRAIN_US   1000u
#define MASTER_WAIT_US 1000u
#define EEPROM_US      10000u
#define MDIC_US        1000u

/* Poll reg until the bits of mask read as want. */
static bool wait_for(struct intel_nic *nic, unsigned reg, u32 mask, u32 want, unsigned us)
{
	for (;;) {
		if ((intel_rd(nic, reg) & mask) == want)
			return true;
		if (us == 0)
			return false;
		udelay(1);
		us--;
	}
}

int intel_hw_reset(struct intel_nic *nic)
{
	bool running;

	/* [S] 14.3, [D] 4.6: no interrupts, receiver and transmitter off, then the reset. */
	intel_wr(nic, REG_IMC, ICR_ALL);
	running = intel_rd(nic, REG_RCTL) & RCTL_EN || intel_rd(nic, REG_TCTL) & TCTL_EN;
	intel_wr_rctl(nic, 0);
	intel_wr(nic, REG_TCTL, TCTL_PSP);
	intel_flush(nic);
	/* A transfer that is on its way to memory ends before the reset. */
	if (running)
		udelay(DMA_DRAIN_US);
	/* [D] 4.6: no new requests on the link first, so that none is cut off half way. */
	if (nic->family->pcie) {
		intel_wr(nic, REG_CTRL, intel_rd(nic, REG_CTRL) | CTRL_GIO_MASTER_DISABLE);
		if (!wait_for(nic, REG_STATUS, STATUS_GIO_MASTER_ENABLE, 0, MASTER_WAIT_US))
			pr_debug("%s: bus master requests still pending\n", nic->dev->name);
	}
	intel_wr(nic, REG_CTRL, intel_rd(nic, REG_CTRL) | CTRL_RST);
	/* [S] 13.4.1: registers must be left alone for a microsecond. */
	udelay(2);
	if (!wait_for(nic, REG_CTRL, CTRL_RST, 0, RESET_US))
		return -ETIMEDOUT;
	/* [D] 4.6: registers are loaded from the NVM. */
	if (nic->family->pcie && !wait_for(nic, REG_EECD, EECD_AUTO_RD, EECD_AUTO_RD, EEPROM_US))
		return -ETIMEDOUT;
	intel_wr(nic, REG_IMC, ICR_ALL);
	intel_rd(nic, REG_ICR);
	return 0;
}

/* ---- station address ------------------------------------------------------------------------ */

static bool mac_valid(const u8 mac[6])
{
	static const u8 zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, 6) != 0;
}

/* One word: start, poll done ([S] 13.4.4). */
static int eeprom_read(struct intel_nic *nic, unsigned word, u16 *v)
{
	u32 done = nic->family->eerd_done;

	intel_wr(nic, REG_EERD, word << nic->family->eerd_addr_shift | EERD_START);
	if (!wait_for(nic, REG_EERD, done, done, EEPROM_US))
		return -ETIMEDOUT;
	*v = (u16)(intel_rd(nic, REG_EERD) >> EERD_DATA_SHIFT);
	return 0;
}

/* The reset loads the first receive address from the EEPROM; where a model leaves that to the
 * driver, words 0 to 2 hold it ([S] 5.6.1). */
int intel_hw_read_mac(struct intel_nic *nic, u8 mac[6])
{
	u32 low = intel_rd(nic, REG_RAL(0)), high = intel_rd(nic, REG_RAH(0));
	u16 w;

	put_le32(mac, low);
	mac[4] = (u8)high;
	mac[5] = (u8)(high >> 8);
	if ((high & RAH_AV) && mac_valid(mac))
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		if (eeprom_read(nic, i, &w) != 0)
			return -EADDRNOTAVAIL;
		mac[2 * i] = (u8)w;
		mac[2 * i + 1] = (u8)(w >> 8);
	}
	return mac_valid(mac) ? 0 : -EADDRNOTAVAIL;
}

void intel_hw_set_mac(struct intel_nic *nic, const u8 mac[6])
{
	intel_wr(nic, REG_RAL(0), get_le32(mac));
	intel_wr(nic, REG_RAH(0), get_le16(mac + 4) | RAH_AV);
}

/* ---- PHY ------------------------------------------------------------------------------------ */

static bool phy_access(struct intel_nic *nic, unsigned reg, u32 cmd, u16 *v)
{
	intel_wr(nic, REG_MDIC, cmd | reg << MDIC_REG_SHIFT | MDIC_PHY << MDIC_PHY_SHIFT | *v);
	if (!wait_for(nic, REG_MDIC, MDIC_READY, MDIC_READY, MDIC_US))
		return false;
	*v = (u16)intel_rd(nic, REG_MDIC);
	return !(intel_rd(nic, REG_MDIC) & MDIC_ERROR);
}

/* The PHY negotiates by itself after power-up; all it may need is to be woken. Restarting what
 * works would only take the link away for a while. */
static void phy_wake(struct intel_nic *nic)
{
	u16 control = 0, wanted;

	if (!phy_access(nic, PHY_CONTROL, MDIC_READ, &control))
		return;
	wanted = (control & ~(PHY_CONTROL_PDOWN | PHY_CONTROL_ISOLATE)) | PHY_CONTROL_AUTONEG;
	if (wanted == control)
		return;
	wanted |= PHY_CONTROL_RESTART;
	phy_access(nic, PHY_CONTROL, MDIC_WRITE, &wanted);
}

void intel_link_update(struct intel_nic *nic)
{
	static const u16 speed_mbps[] = {10, 100, 1000, 1000};
	const u32 bits = STATUS_LU | STATUS_FD | 3u << STATUS_SPEED_SHIFT;
	struct net_device *dev = nic->dev;
	u32 status = intel_rd(nic, REG_STATUS) & bits;

	if (status == xchg(&nic->link_status, status))
		return;
	if (status & STATUS_LU) {
		dev->speed_mbps = speed_mbps[status >> STATUS_SPEED_SHIFT & 3];
		dev->full_duplex = status & STATUS_FD ? 1 : 0;
		netif_carrier_on(dev);
	} else {
		netif_carrier_off(dev);
	}
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

void intel_hw_setup(struct intel_nic *nic)
{
	u32 ctrl = intel_rd(nic, REG_CTRL);

	/* [S] 14.3, [D] 4.6: link up, speed and duplex as negotiated, no flow control. */
	ctrl &= ~(CTRL_FRCSPD | CTRL_FRCDPX | CTRL_RFCE | CTRL_TFCE | CTRL_GIO_MASTER_DISABLE);
	ctrl |= CTRL_SLU;
	if (nic->family->pcie)
		intel_wr(nic, REG_CTRL_EXT, intel_rd(nic, REG_CTRL_EXT) | CTRL_EXT_DRV_LOAD);
	else
		ctrl = (ctrl & ~(CTRL_LRST | CTRL_ILOS | CTRL_PHY_RST)) | CTRL_ASDE;
	intel_wr(nic, REG_CTRL, ctrl);
	phy_wake(nic);
	intel_wr(nic, REG_FCAL, 0);
	intel_wr(nic, REG_FCAH, 0);
	intel_wr(nic, REG_FCT, 0);
	intel_wr(nic, REG_FCTTV, 0);
	intel_wr(nic, REG_TIPG, nic->family->tipg);
	/* [S] 14.4: the other address registers and the multicast table hold junk after power-on.
	 */
	intel_hw_set_mac(nic, nic->dev->dev_addr);
	for (unsigned i = 1; i < RAR_ENTRIES; i++)
		intel_wr(nic, REG_RAH(i), 0);
}

/* [S] 13.5.1 with MO 0: bits 47 to 36 of the address choose one of 4096 bits. */
static unsigned multicast_hash(const u8 *mac)
{
	return (mac[4] >> 4 | mac[5] << 4) & 0xfff;
}

void intel_hw_set_rx_mode(struct intel_nic *nic)
{
	struct net_device *dev = nic->dev;
	struct netdev_hw_addr *ha;
	u32 mta[MTA_ENTRIES] = {0};

	nic->rctl &= ~(RCTL_UPE | RCTL_MPE);
	if (dev->flags & IFF_PROMISC)
		nic->rctl |= RCTL_UPE | RCTL_MPE;
	else if (dev->flags & IFF_ALLMULTI)
		nic->rctl |= RCTL_MPE;
	netdev_for_each_mc_addr(ha, dev)
	{
		unsigned h = multicast_hash(ha->addr);

		mta[h / 32] |= 1u << h % 32;
	}
	for (unsigned i = 0; i < MTA_ENTRIES; i++)
		intel_wr(nic, REG_MTA + 4 * i, mta[i]);
	intel_wr_rctl(nic, nic->rctl);
}

/* ---- counters ---------------------------------------------------------------------------------
 */

void intel_hw_stats_read(struct intel_nic *nic)
{
	struct intel_hw_stats *s = &nic->hw_stats;
	const struct {
		u64 *sum;
		unsigned reg;
	} row[] = {
		{&s->crc_errors, REG_CRCERRS},
		{&s->rx_errors, REG_RXERRC},
		{&s->missed, REG_MPC},
		{&s->no_buffer, REG_RNBC},
		{&s->collisions, REG_COLC},
		{&s->length_errors, REG_RLEC},
		{&s->undersize, REG_RUC},
		{&s->oversize, REG_ROC},
		{&s->fragments, REG_RFC},
		{&s->jabber, REG_RJC},
		{&s->rx_good, REG_GPRC},
		{&s->tx_good, REG_GPTC},
		{&s->broadcast, REG_BPRC},
		{&s->multicast, REG_MPRC},
		{&s->late_collisions, REG_LATECOL},
		{&s->excess_collisions, REG_ECOL},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		*row[i].sum += intel_rd(nic, row[i].reg);
}

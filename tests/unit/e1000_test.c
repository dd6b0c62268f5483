/* SPDX-License-Identifier: MIT */
/*
 * The Intel drivers against a model of the controller: registers with their side effects, rings
 * that move packets, both descriptor formats, INTx and MSI-X. The stack above is the real one. Then
 * controllers that lie about lengths, never end a packet, hang, or do not come out of reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include <kernel/io.h>

static u32 model_readl(const volatile void *addr);
static void model_writel(u32 v, volatile void *addr);
#define readl  model_readl
#define writel model_writel

static unsigned model_cpus(void);
#define num_online_cpus model_cpus

#include "drivers/net/e1000/e1000.c"
#include "drivers/net/e1000e/e1000e.c"
#include "drivers/net/intel/hw.c"
#include "drivers/net/intel/netdev.c"
#include "drivers/net/intel/rx.c"
#include "drivers/net/intel/tx.c"
#include "host/host.h"

#define TEST_ETHERTYPE 0x88b5 /* IEEE 802: local experiments */
#define ETH_HEAD       14

static const u8 station[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/* ---- the controller ---------------------------------------------------------------------------
 */

struct frame {
	u32 len;
	u8 data[66000];
};

static struct {
	u32 reg[REG_BYTES / 4];
	bool ext, pcie;
	bool stuck_in_reset, hangs, no_rar;
	unsigned resets, rx_doorbells, tx_doorbells;
	u16 eeprom[64];
	/* transmit */
	struct frame out;
	unsigned sent, sent_by[2];
	u32 sent_bytes;
	bool slow; /* reports what it sent only when model_write_back() says so */
	struct tx_desc_context context;
	unsigned contexts;
	bool last_tse, last_txsm;
	void (*on_sent)(const struct frame *f);
} model;

static struct {
	irq_handler_t fn;
	void *arg;
} handlers[8];
static bool msix_on, master_on;
static unsigned msix_vectors, cpus = 1;

static unsigned model_cpus(void)
{
	return cpus;
}

static u32 *reg(unsigned off)
{
	return &model.reg[off / 4];
}

/* Descriptors before these were reported. */
static unsigned write_back_at[2];

static void model_raise(u32 causes)
{
	*reg(REG_ICR) |= causes;
}

static void model_link(bool up)
{
	*reg(REG_STATUS) = up ? STATUS_LU | STATUS_FD | 2u << STATUS_SPEED_SHIFT : 0;
	model_raise(ICR_LSC | (msix_on ? ICR_OTHER : 0));
}

static void model_reset(void)
{
	u32 status = *reg(REG_STATUS);

	memset(model.reg, 0, sizeof(model.reg));
	memset(write_back_at, 0, sizeof(write_back_at));
	*reg(REG_STATUS) = status;
	model.resets++;
	*reg(REG_EECD) = EECD_AUTO_RD;
	if (!model.no_rar) {
		*reg(REG_RAL(0)) = get_le32(station);
		*reg(REG_RAH(0)) = get_le16(station + 4) | RAH_AV;
	}
}

static void model_checksum(struct frame *f)
{
	const struct tx_desc_context *c = &model.context;
	be16 sum;

	memcpy(&sum, f->data + c->tucso, 2);
	sum = csum_fold(csum_partial(f->data + c->tucss, f->len - c->tucss, 0));
	memcpy(f->data + c->tucso, &sum, 2);
}

static union tx_desc *model_tx_ring(unsigned q)
{
	return (void *)((uintptr_t)*reg(REG_TDBAL + RING_REGS(q)) |
			(uintptr_t)*reg(REG_TDBAH + RING_REGS(q)) << 32);
}

/* Tell the driver what was sent. */
static void model_write_back(unsigned q)
{
	while (write_back_at[q] != *reg(REG_TDH + RING_REGS(q))) {
		union tx_desc *d = &model_tx_ring(q)[write_back_at[q]];

		if (d->data.lower & TXD_DTYP_DATA && d->data.lower & TXD_RS) {
			d->data.upper |= TXD_DD;
			model_raise(msix_on ? ICR_TXQ(q) : ICR_TXDW);
		}
		write_back_at[q] = (write_back_at[q] + 1) % (*reg(REG_TDLEN + RING_REGS(q)) / 16);
	}
}

static void model_data(const union tx_desc *d, unsigned q)
{
	u32 len = d->data.lower & 0xfffff;

	if (model.out.len == 0) {
		model.last_txsm = d->data.upper & TXD_POPTS_TXSM;
		model.last_tse = d->data.lower & TXD_TSE;
	}
	assert_true(model.out.len + len <= sizeof(model.out.data));
	memcpy(model.out.data + model.out.len, (void *)(uintptr_t)d->data.addr, len);
	model.out.len += len;
	if (!(d->data.lower & TXD_EOP))
		return;
	if (model.last_txsm && !model.last_tse)
		model_checksum(&model.out);
	model.sent++;
	model.sent_by[q]++;
	model.sent_bytes += model.out.len;
	if (model.on_sent)
		model.on_sent(&model.out);
	model.out.len = 0;
}

static void model_transmit(unsigned q)
{
	union tx_desc *ring = model_tx_ring(q);
	u32 *head = reg(REG_TDH + RING_REGS(q)), n = *reg(REG_TDLEN + RING_REGS(q)) / 16;

	assert_true(master_on);
	while (*head != *reg(REG_TDT + RING_REGS(q))) {
		union tx_desc *d = &ring[*head];

		assert_true(d->data.lower & TXD_DEXT);
		if (d->data.lower & TXD_DTYP_DATA) {
			model_data(d, q);
		} else {
			model.context = d->context;
			model.contexts++;
		}
		*head = (*head + 1) % n;
	}
	if (!model.slow)
		model_write_back(q);
}

static u32 model_readl(const volatile void *addr)
{
	unsigned off = (unsigned)((const volatile u8 *)addr - (const volatile u8 *)model.reg);
	u32 v = *reg(off);

	assert_true(off < REG_BYTES);
	if (off == REG_ICR && !msix_on)
		*reg(REG_ICR) = 0;
	if (off == REG_STATUS && model.pcie && !(*reg(REG_CTRL) & CTRL_GIO_MASTER_DISABLE))
		v |= STATUS_GIO_MASTER_ENABLE;
	if (off >= REG_CRCERRS && off < 0x4100)
		*reg(off) = 0;
	return v;
}

static void model_writel(u32 v, volatile void *addr)
{
	unsigned off = (unsigned)((volatile u8 *)addr - (volatile u8 *)model.reg);

	assert_true(off < REG_BYTES);
	switch (off) {
	case REG_CTRL:
		*reg(off) = v;
		if (v & CTRL_RST && !model.stuck_in_reset)
			model_reset();
		break;
	case REG_ICR:
		*reg(off) &= ~v;
		break;
	case REG_IMS:
		*reg(off) |= v;
		break;
	case REG_IMC:
		*reg(REG_IMS) &= ~v;
		break;
	case REG_MDIC:
		*reg(off) = (v & 0xffff0000u) | PHY_CONTROL_AUTONEG | MDIC_READY;
		break;
	case REG_EERD:
		*reg(off) = (u32)model.eeprom[v >> (model.pcie ? 2 : 8) & 63] << 16 |
			    (model.pcie ? 2u : 16u);
		break;
	case REG_RDT:
	case REG_RDT + RING_REGS(1):
		*reg(off) = v;
		model.rx_doorbells++;
		break;
	case REG_TDT:
	case REG_TDT + RING_REGS(1):
		*reg(off) = v;
		model.tx_doorbells++;
		if (*reg(REG_TCTL) & TCTL_EN && !model.hangs)
			model_transmit(off != REG_TDT);
		break;
	default:
		*reg(off) = v;
	}
}

/* The queue that frames go to, and the hash that descriptors report. */
static unsigned rx_queue;
static u32 rx_hash, rx_hash_type;

static u32 *rx_reg(unsigned off)
{
	return reg(off + RING_REGS(rx_queue));
}

static union rx_desc *model_rx_desc(void)
{
	union rx_desc *ring =
		(void *)((uintptr_t)*rx_reg(REG_RDBAL) | (uintptr_t)*rx_reg(REG_RDBAH) << 32);

	return &ring[*rx_reg(REG_RDH)];
}

/* Write one descriptor back and move on. False: the driver gave us none. */
static bool model_rx_desc_done(u32 len, u32 status, u32 errors)
{
	union rx_desc *d = model_rx_desc();

	if (*rx_reg(REG_RDH) == *rx_reg(REG_RDT) || !(*reg(REG_RCTL) & RCTL_EN))
		return false;
	if (model.ext) {
		memset(&d->wb, 0x5a, sizeof(d->wb));
		d->wb.length = (u16)len;
		d->wb.mrq = rx_hash_type;
		d->wb.hash = rx_hash;
		d->wb.status_error = status | RXD_DD | errors << RXD_EXT_ERR_SHIFT;
	} else {
		d->legacy.length = (u16)len;
		d->legacy.errors = (u8)errors;
		d->legacy.status = (u8)(status | RXD_DD);
	}
	*rx_reg(REG_RDH) = (*rx_reg(REG_RDH) + 1) % (*rx_reg(REG_RDLEN) / 16);
	model_raise(msix_on ? ICR_RXQ(rx_queue) : ICR_RXT0);
	return true;
}

/* Receive a frame, over as many buffers as it takes. */
static bool model_receive(const u8 *data, u32 len, u32 status)
{
	u32 off = 0;

	for (;;) {
		u32 n = min(len - off, INTEL_RX_BUF_BYTES);
		bool last = off + n == len;

		if (*rx_reg(REG_RDH) == *rx_reg(REG_RDT))
			return false;
		memcpy((void *)(uintptr_t)model_rx_desc()->read.addr, data + off, n);
		if (!model_rx_desc_done(n, last ? RXD_EOP | status : 0, 0))
			return false;
		off += n;
		if (last)
			return true;
	}
}

static void call_handler(void *arg)
{
	unsigned *irq = arg;

	assert_int_equal(handlers[*irq].fn((int)*irq, handlers[*irq].arg), IRQ_HANDLED);
}

static void fire(unsigned irq)
{
	host_interrupt(0, call_handler, &irq);
}

/* Deliver what is pending, until nothing is. */
static void model_interrupts(void)
{
	for (int round = 0; round < 100; round++) {
		u32 due = *reg(REG_ICR) & *reg(REG_IMS);

		if (!due) {
			host_run_for(1000);
			if (!(*reg(REG_ICR) & *reg(REG_IMS)))
				return;
		} else if (!msix_on) {
			fire(0);
		} else {
			u32 automatic = due & *reg(REG_EIAC);

			*reg(REG_ICR) &= ~automatic;
			if (*reg(REG_CTRL_EXT) & CTRL_EXT_EIAME)
				*reg(REG_IMS) &= ~(automatic & *reg(REG_IAM));
			for (unsigned q = 0; q < 2; q++) {
				if (due & ICR_RXQ(q))
					fire(*reg(REG_IVAR) >> IVAR_RXQ_SHIFT(q) & 7);
				if (due & ICR_TXQ(q))
					fire(*reg(REG_IVAR) >> IVAR_TXQ_SHIFT(q) & 7);
			}
			if (due & ICR_OTHER)
				fire(*reg(REG_IVAR) >> IVAR_OTHER_SHIFT & 7);
		}
	}
	fail_msg("interrupt storm: ICR %#x IMS %#x", *reg(REG_ICR), *reg(REG_IMS));
}

/* ---- what the bus and the interrupt controller would do
 * ------------------------------------------- */

void pci_name(const struct pci_dev *d, char *buf, size_t size)
{
	lib_snprintf(buf, size, "0000:00:03.0");
}

void pci_enable_device(struct pci_dev *d)
{
}

void pci_set_master(struct pci_dev *d)
{
	master_on = true;
}

void pci_clear_master(struct pci_dev *d)
{
	master_on = false;
}

void *pci_iomap(struct pci_dev *d, unsigned bar)
{
	return model.reg;
}

void pci_iounmap(struct pci_dev *d, unsigned bar, void *addr)
{
}

int pci_alloc_irq_vectors(struct pci_dev *d, unsigned min_vecs, unsigned max_vecs, unsigned flags,
			  const unsigned *cpu_of)
{
	if (flags & PCI_IRQ_MSIX && max_vecs > msix_vectors)
		return -ENOSPC;
	d->irq_mode = flags & PCI_IRQ_MSIX ? PCI_IRQ_MODE_MSIX : PCI_IRQ_MODE_INTX;
	msix_on = flags & PCI_IRQ_MSIX;
	return (int)max_vecs;
}

void pci_free_irq_vectors(struct pci_dev *d)
{
	d->irq_mode = PCI_IRQ_MODE_NONE;
}

int pci_irq_vector(const struct pci_dev *d, unsigned i)
{
	return (int)i;
}

unsigned pci_irq_flags(const struct pci_dev *d)
{
	return IRQF_SHARED;
}

__weak int request_irq(int irq, irq_handler_t fn, unsigned flags, const char *name, void *arg,
		       unsigned cpu)
{
	handlers[irq].fn = fn;
	handlers[irq].arg = arg;
	return 0;
}

__weak void free_irq(int irq, void *arg)
{
	handlers[irq].fn = NULL;
}

/* ---- the stack's side
 * ------------------------------------------------------------------------------- */

static struct sk_buff *got[512];
static unsigned ngot;

static int take_frame(struct sk_buff *skb, struct net_device *dev)
{
	if (ngot == ARRAY_SIZE(got)) {
		consume_skb(skb);
		return 0;
	}
	got[ngot++] = skb;
	return 0;
}

static const struct packet_type test_type = {.type = TEST_ETHERTYPE, .func = take_frame};
PACKET_TYPE(test_type);

static void got_clear(void)
{
	while (ngot)
		consume_skb(got[--ngot]);
}

static void frame_make(u8 *buf, u32 len, u8 seed)
{
	memcpy(buf, station, 6);
	memset(buf + 6, 0x02, 6);
	put_be16(buf + 12, TEST_ETHERTYPE);
	for (u32 i = ETH_HEAD; i < len; i++)
		buf[i] = (u8)(seed + i * 7);
}

static void frame_expect(const struct sk_buff *skb, u32 len, u8 seed)
{
	static u8 want[16384], have[16384];

	frame_make(want, len, seed);
	assert_int_equal(skb->len, len - ETH_HEAD);
	assert_int_equal(skb_copy_bits(skb, 0, have, skb->len), 0);
	assert_memory_equal(have, want + ETH_HEAD, skb->len);
}

/* A frame to send: head of head_len bytes, the rest in fragments of up to frag_len. */
static struct sk_buff *packet_make(struct net_device *dev, u32 len, u32 head_len, u32 frag_len,
				   u8 seed)
{
	static u8 bytes[66000];
	struct sk_buff *skb = alloc_skb(MAX_HEADER + head_len, GFP_KERNEL);
	u32 off = head_len;

	assert_non_null(skb);
	frame_make(bytes, len, seed);
	skb_reserve(skb, MAX_HEADER);
	memcpy(skb_put(skb, head_len), bytes, head_len);
	while (off < len) {
		u32 n = min(len - off, frag_len);
		struct page *page = alloc_pages(n > PAGE_SIZE ? 3 : 0, GFP_KERNEL);

		memcpy(page_address(page), bytes + off, n);
		skb_add_rx_frag(skb, page, 0, n, n);
		off += n;
	}
	skb->dev = dev;
	skb->protocol = BE16(TEST_ETHERTYPE);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HEAD);
	return skb;
}

static netdev_tx_t send_raw(struct net_device *dev, struct sk_buff *skb, bool more)
{
	struct netdev_queue *txq = netdev_get_tx_queue(dev, skb->queue_mapping);
	netdev_tx_t rc;

	skb->xmit_more = more;
	local_bh_disable();
	spin_lock(&txq->xmit_lock);
	rc = dev->netdev_ops->ndo_start_xmit(skb, dev);
	spin_unlock(&txq->xmit_lock);
	netdev_tx_bells();
	local_bh_enable();
	return rc;
}

static struct pci_dev pdev;

static struct intel_nic *nic_of(void)
{
	return pdev.drvdata;
}

static struct net_device *dev_of(void)
{
	return nic_of()->dev;
}

static int probe(bool e1000e)
{
	pdev = (struct pci_dev){.vendor = 0x8086, .device = e1000e ? 0x10d3 : 0x100e, .dev = 3};
	pdev.bar[0] = (struct pci_bar){.type = PCI_BAR_MEM, .base = 1, .size = REG_BYTES};
	model.ext = model.pcie = e1000e;
	return e1000e ? e1000e_probe(&pdev, &e1000e_ids[0]) : e1000_probe(&pdev, &e1000_ids[0]);
}

static u64 memory_before;

static int nothing(void **state)
{
	memset(&model, 0, sizeof(model));
	memset(handlers, 0, sizeof(handlers));
	msix_vectors = 5;
	cpus = 1;
	rx_queue = 0;
	rx_hash = rx_hash_type = 0;
	model_link(true);
	model_reset();
	msix_on = master_on = false;
	host_init(1);
	memory_before = host_memory_in_use();
	return 0;
}

static int start_with(bool e1000e, unsigned n)
{
	int err;

	nothing(NULL);
	cpus = n;
	if (probe(e1000e) != 0)
		return -1;
	rtnl_lock();
	err = dev_open(dev_of());
	rtnl_unlock();
	host_run_for(1000000);
	got_clear();
	return err;
}

static int start_e1000(void **state)
{
	return start_with(false, 2);
}

static int start_e1000e(void **state)
{
	return start_with(true, 1);
}

static int start_two(void **state)
{
	return start_with(true, 2);
}

/* Take it away; nothing may be left of it. */
static int stop(void **state)
{
	got_clear();
	intel_remove(&pdev);
	host_run_for(20000000);
	host_check();
	if (master_on || *reg(REG_RCTL) || *reg(REG_TCTL) & TCTL_EN)
		return -1;
	return host_memory_in_use() <= memory_before ? 0 : -1;
}

/* ---- receive
 * ------------------------------------------------------------------------------------------ */

/* Frames of all sizes through several rounds of the ring; few doorbells. */
static void rx_wraps(void **state)
{
	u8 buf[1600];
	unsigned n = 0;

	for (unsigned round = 0; round < 60; round++) {
		unsigned batch = 1 + round % 29;

		for (unsigned i = 0; i < batch; i++, n++) {
			u32 len = 60 + n * 37 % 1455;

			frame_make(buf, len, (u8)n);
			assert_true(model_receive(buf, len, 0));
		}
		model_interrupts();
		assert_int_equal(ngot, batch);
		for (unsigned i = 0; i < batch; i++) {
			unsigned k = n - batch + i;

			frame_expect(got[i], 60 + k * 37 % 1455, (u8)k);
		}
		got_clear();
	}
	/* Descriptors go back in parts of the ring, not one by one. */
	assert_in_range(model.rx_doorbells, n / 64, n / 32 + 1);
	assert_true(nic_of()->queue[0].rx.copied > 0);
	assert_int_equal(nic_of()->queue[0].rx.no_memory, 0);
}

/* The device may fill all descriptors but one before we look; budget by budget all arrive. */
static void rx_full_ring(void **state)
{
	unsigned n = 0;
	u8 buf[64];

	for (;;) {
		frame_make(buf, 64, (u8)n);
		if (!model_receive(buf, 64, 0))
			break;
		n++;
	}
	assert_int_equal(n, nic_of()->queue[0].rx.count - 1);
	model_interrupts();
	assert_int_equal(ngot, n);
	for (unsigned i = 0; i < n; i++)
		frame_expect(got[i], 64, (u8)i);
	assert_true(((*reg(REG_RDT) - *reg(REG_RDH)) & n) >= n - n / 8 - 1);
}

/* A jumbo frame over five buffers is one packet, its bytes in order. */
static void rx_jumbo(void **state)
{
	static u8 buf[9014];

	rtnl_lock();
	assert_int_equal(dev_set_mtu(dev_of(), 9000), 0);
	rtnl_unlock();
	assert_true(*reg(REG_RCTL) & RCTL_LPE);
	for (unsigned i = 0; i < 100; i++) {
		u32 len = 2040 + i * 70;

		frame_make(buf, len, (u8)i);
		assert_true(model_receive(buf, len, 0));
		model_interrupts();
		assert_int_equal(ngot, 1);
		frame_expect(got[0], len, (u8)i);
		got_clear();
	}
	assert_true(nic_of()->queue[0].rx.chained > 100);
}

/* Lengths beyond the buffer or of nothing, error flags, packets without end: each is counted and
 * dropped, and the next good frame arrives. */
static void rx_hostile(void **state)
{
	static const struct {
		u32 len, status, errors;
		unsigned times;
	} row[] = {
		{0, RXD_EOP, 0, 1},
		{2049, RXD_EOP, 0, 1},
		{0xffff, RXD_EOP, 0, 1},
		{0xffff, 0, 0, 3},
		{100, RXD_EOP, RXD_ERR_CE, 1},
		{100, RXD_EOP, RXD_ERR_RXE, 1},
		{2048, 0, 0, 40}, /* no end in sight */
		{2048, 0, 0, 200},
		{0, 0, 0, 10},
		{1, RXD_EOP, 0, 1}, /* shorter than a header */
		{13, RXD_EOP, 0, 1},
	};
	struct intel_rx_ring *rx = &nic_of()->queue[0].rx;
	u8 buf[128];

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		u64 before = rx->bad_length + rx->errors;

		for (unsigned n = 0; n < row[i].times; n++) {
			assert_true(model_rx_desc_done(row[i].len, row[i].status, row[i].errors));
			if (n % 50 == 49)
				model_interrupts();
		}
		/* The end of what was begun. */
		if (!(row[i].status & RXD_EOP))
			assert_true(model_rx_desc_done(60, RXD_EOP, 0));
		frame_make(buf, 128, (u8)i);
		assert_true(model_receive(buf, 128, 0));
		model_interrupts();
		assert_int_equal(ngot, 1);
		frame_expect(got[0], 128, (u8)i);
		got_clear();
		if (row[i].len == 0 || row[i].len > 13)
			assert_int_equal(rx->bad_length + rx->errors, before + 1);
	}
}

/* Without memory frames are dropped and counted; the ring keeps its buffers and recovers. */
static void rx_out_of_memory(void **state)
{
	u8 buf[1000];
	u64 lost;

	mm_fail_every(1);
	for (unsigned i = 0; i < 600; i++) {
		frame_make(buf, i & 1 ? 1000 : 100, 0);
		assert_true(model_receive(buf, i & 1 ? 1000 : 100, 0));
		if (i % 100 == 99)
			model_interrupts();
	}
	mm_fail_every(0);
	lost = nic_of()->queue[0].rx.no_memory;
	assert_true(lost > 0);
	assert_true(ngot + lost == 600);
	got_clear();
	frame_make(buf, 1000, 9);
	assert_true(model_receive(buf, 1000, 0));
	model_interrupts();
	assert_int_equal(ngot, 1);
	frame_expect(got[0], 1000, 9);
	assert_int_equal(nic_of()->queue[0].rx.no_memory, lost);
}

/* The device's word on checksums is taken only where it says that it looked and found no error. */
static void rx_checksum(void **state)
{
	static const struct {
		u32 status, errors;
		int ip_summed;
	} row[] = {
		{0, 0, CHECKSUM_NONE},
		{RXD_TCPCS, 0, CHECKSUM_UNNECESSARY},
		{RXD_TCPCS | RXD_IXSM, 0, CHECKSUM_NONE},
		{RXD_TCPCS, RXD_ERR_TCPE, CHECKSUM_NONE},
		{RXD_TCPCS, RXD_ERR_IPE, CHECKSUM_NONE},
	};
	u8 buf[100];

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		frame_make(buf, 100, (u8)i);
		memcpy((void *)(uintptr_t)model_rx_desc()->read.addr, buf, 100);
		model_rx_desc_done(100, RXD_EOP | row[i].status, row[i].errors);
		model_interrupts();
		assert_int_equal(ngot, 1);
		assert_int_equal(got[0]->ip_summed, row[i].ip_summed);
		got_clear();
	}
}

/* ---- transmit
 * ------------------------------------------------------------------------------------------ */

static struct {
	u32 len, head, frag;
	unsigned n;
} expect_out;

static void check_sent(const struct frame *f)
{
	static u8 want[66000];

	frame_make(want, f->len, (u8)expect_out.n++);
	assert_memory_equal(f->data, want, f->len);
}

/* Linear packets and packets in pieces, over several rounds of the ring, in order and whole. */
static void tx_wraps(void **state)
{
	struct net_device *dev = dev_of();

	expect_out.n = 0;
	model.on_sent = check_sent;
	for (unsigned i = 0; i < 2000; i++) {
		u32 len = 60 + i * 41 % 1455, head = 60 + i % 3 * (len - 60) / 2;
		struct sk_buff *skb = packet_make(dev, len, min(head, len), 300, (u8)i);

		assert_int_equal(dev_queue_xmit(skb), 0);
		if (i % 7 == 0)
			model_interrupts();
	}
	model_interrupts();
	assert_int_equal(model.sent, 2000);
	assert_int_equal(nic_of()->queue[0].tx.next_to_clean, nic_of()->queue[0].tx.next_to_use);
}

/* More to come: the doorbell waits for the last; but not if that one turns out unsendable. */
static void tx_batches(void **state)
{
	struct net_device *dev = dev_of();

	model.tx_doorbells = 0;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_raw(dev, packet_make(dev, 100, 100, 0, 0), i < 4),
				 NETDEV_TX_OK);
	assert_int_equal(model.tx_doorbells, 1);
	assert_int_equal(model.sent, 5);
	model_interrupts(); /* byte queue limits would ring otherwise */
	assert_int_equal(send_raw(dev, packet_make(dev, 100, 100, 0, 0), true), NETDEV_TX_OK);
	assert_int_equal(model.sent, 5);
	assert_int_equal(send_raw(dev, packet_make(dev, 100, 10, 90, 0), false), NETDEV_TX_OK);
	assert_int_equal(model.sent, 6);
	model_interrupts();
}

/* The queue stops while the largest packet still fits and wakes when the device has caught up. */
static void tx_stops_and_wakes(void **state)
{
	struct net_device *dev = dev_of();
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	struct intel_tx_ring *tx = &nic_of()->queue[0].tx;
	unsigned sent = 0, left;

	model.hangs = true;
	while (!netif_tx_queue_stopped(txq)) {
		assert_int_equal(send_raw(dev, packet_make(dev, 700, 60, 40, 0), false),
				 NETDEV_TX_OK);
		assert_true(++sent < 100);
	}
	left = (tx->next_to_clean - tx->next_to_use - 1u) & (tx->count - 1u);
	assert_true(left < INTEL_TX_MAX_DESC);
	assert_true(left + 18 >= INTEL_TX_MAX_DESC);
	model.hangs = false;
	model_transmit(0);
	model_interrupts();
	assert_false(netif_tx_queue_stopped(txq));
	assert_int_equal(model.sent, sent);
	assert_int_equal(nic_of()->queue[0].tx.busy, 0);
}

/* A stack that sends into a stopped queue gets its packet back, unharmed. */
static void tx_busy(void **state)
{
	struct net_device *dev = dev_of();
	struct sk_buff *skb = NULL;
	netdev_tx_t rc = NETDEV_TX_OK;

	model.hangs = true;
	for (unsigned i = 0; i < 1000 && rc == NETDEV_TX_OK; i++) {
		skb = packet_make(dev, 700, 60, 40, 0);
		rc = send_raw(dev, skb, false);
	}
	assert_int_equal(rc, NETDEV_TX_BUSY);
	assert_int_equal(skb->len, 700);
	kfree_skb(skb);
	model.hangs = false;
	model_transmit(0);
	model_interrupts();
}

static void check_udp_sum(const struct frame *f)
{
	/* Pseudo header's sum was in place, so a right sum over it all folds to zero. */
	csum32 sum = csum_partial(f->data + 34, f->len - 34, 0);

	sum = csum_add(sum, 0x1234);
	assert_int_equal(csum_fold(sum).wire, 0);
}

/* Checksum offload: the device gets start and place; a context once for many packets alike. */
static void tx_checksum(void **state)
{
	struct net_device *dev = dev_of();

	model.on_sent = check_udp_sum;
	for (unsigned i = 0; i < 20; i++) {
		struct sk_buff *skb = packet_make(dev, 400, 100, 150, (u8)i);

		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + 34);
		skb->csum_offset = 6;
		memcpy(skb->data + 40, &(u16){0x1234}, 2);
		send_raw(dev, skb, false);
	}
	assert_int_equal(model.sent, 20);
	assert_int_equal(model.contexts, 1);
	assert_int_equal(model.context.tucss, 34);
	assert_int_equal(model.context.tucso, 40);
	assert_true(model.last_txsm);
	/* A place outside of the packet's head is not for the device: the packet is dropped. */
	{
		struct sk_buff *skb = packet_make(dev, 400, 100, 150, 0);

		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + 399);
		skb->csum_offset = 60;
		assert_int_equal(send_raw(dev, skb, false), NETDEV_TX_OK);
		assert_int_equal(model.sent, 20);
	}
	model_interrupts();
}

/* Segmentation: header lengths, MSS and payload in the context; lengths zeroed, pseudo header's sum
 * without length, the rest of the packet as it was ([S] 3.5). */
static void tx_segmentation(void **state)
{
	struct net_device *dev = dev_of();
	struct sk_buff *skb = packet_make(dev, 54 + 60000, 54, 8192, 0);
	u8 *ip = skb->data + 14, *tcp = skb->data + 34;
	be16 want;

	memset(ip, 0, 40);
	ip[0] = 0x45;
	put_be16(ip + 2, 40 + 60000);
	put_be16(ip + 10, 0xaaaa);
	put_be32(ip + 12, 0x0a000001);
	put_be32(ip + 16, 0x0a000002);
	tcp[12] = 5 << 4;
	skb_set_transport_header(skb, 34);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb_shinfo(skb)->gso_size = 1460;
	skb_shinfo(skb)->gso_segs = 42;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	want = csum_tcpudp_magic(BE32(0x0a000001), BE32(0x0a000002), 0, 6, 0);
	expect_out.n = 0;
	assert_int_equal(send_raw(dev, skb, false), NETDEV_TX_OK);
	assert_int_equal(model.sent, 1);
	assert_true(model.last_tse);
	assert_int_equal(model.context.mss, 1460);
	assert_int_equal(model.context.hdr_len, 54);
	assert_int_equal(model.context.lower & 0xfffff, 60000);
	assert_true(model.context.lower & TXD_TSE && model.context.lower & TXD_TUCMD_IPV4);
	assert_int_equal(model.context.ipcso, 24);
	assert_int_equal(model.context.ipcse, 33);
	assert_int_equal(model.context.tucso, 50);
	assert_int_equal(get_be16(model.out.data + 16), 0);
	assert_int_equal(get_be16(model.out.data + 24), 0);
	assert_int_equal(get_be16(model.out.data + 50), (u16)~be16_get(want));
	model_interrupts();
}

/* The device stops working: the watchdog resets it, what was in the ring is dropped, and packets
 * flow both ways again. */
static void tx_hang(void **state)
{
	struct net_device *dev = dev_of();
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	unsigned resets = model.resets;
	u8 buf[100];

	model.hangs = true;
	for (unsigned i = 0; i < 300; i++)
		dev_queue_xmit(packet_make(dev, 700, 60, 40, 0));
	assert_true(netif_xmit_stopped(txq));
	host_run_for(12ull * NSEC_PER_SEC);
	assert_true(nic_of()->resets >= 1);
	assert_int_equal(model.resets - resets, nic_of()->resets);
	model.hangs = false;
	host_run_for(12ull * NSEC_PER_SEC);
	model_interrupts();
	host_run_for(1000000);
	assert_false(netif_xmit_stopped(txq));
	model.sent = 0;
	dev_queue_xmit(packet_make(dev, 700, 60, 40, 0));
	model_interrupts();
	assert_true(model.sent >= 1);
	frame_make(buf, 100, 1);
	assert_true(model_receive(buf, 100, 0));
	model_interrupts();
	assert_int_equal(ngot, 1);
}

/* ---- interrupts of transmit, two queues
 * ------------------------------------------------------------------------------------ */

static void sent_and_freed(struct sk_buff *skb)
{
}

/* A device that takes its time is asked to interrupt only for a packet that somebody waits for; the
 * others are taken back by whoever comes by. */
static void tx_interrupts(void **state)
{
	struct net_device *dev = dev_of();
	struct intel_tx_ring *tx = &nic_of()->queue[0].tx;
	u32 cause = msix_on ? ICR_TXQ(0) : ICR_TXDW;
	struct dql *d = &netdev_get_tx_queue(dev, 0)->dql;
	struct sk_buff *skb;

	model.slow = true;
	d->min_limit = d->limit = d->adj_limit = 100000; /* the qdisc waits for nothing */
	for (unsigned i = 0; i < 2; i++)
		send_raw(dev, packet_make(dev, 100, 100, 0, 0), false);
	assert_int_equal(*reg(REG_IMS) & cause, 0);
	model_write_back(0);
	send_raw(dev, packet_make(dev, 100, 100, 0, 0), false); /* takes back the two */
	assert_int_equal(tx->next_to_use - tx->next_to_clean, 1);
	skb = packet_make(dev, 100, 100, 0, 0);
	skb->destructor = sent_and_freed;
	send_raw(dev, skb, false);
	assert_int_equal(*reg(REG_IMS) & cause, cause);
	model_interrupts(); /* nothing yet */
	assert_int_equal(tx->next_to_use - tx->next_to_clean, 2);
	model_write_back(0);
	model_interrupts();
	assert_int_equal(tx->next_to_use, tx->next_to_clean);
	assert_false(tx->irq_on);
	/* A ring that fills is watched too. */
	for (unsigned i = 0; i < tx->count / 8u + 1; i++)
		send_raw(dev, packet_make(dev, 100, 100, 0, 0), false);
	assert_true(tx->irq_on);
	model_write_back(0);
	model_interrupts();
	assert_int_equal(tx->next_to_use, tx->next_to_clean);
}

/* [D] 10.2.9: a vector for each ring, the table and the key in place, hashes in descriptors. */
static void two_queues_set_up(void **state)
{
	const struct intel_nic *nic = nic_of();
	u32 key = 0;

	assert_int_equal(nic->nqueues, 2);
	assert_int_equal(dev_of()->real_num_tx_queues, 2);
	assert_int_equal(*reg(REG_IVAR), 0x000cb9a8);
	assert_int_equal(*reg(REG_EIAC), 0xf00000);
	assert_int_equal(*reg(REG_MRQC), 0x00170001);
	assert_int_equal(*reg(REG_RXCSUM), RXCSUM_IPOFLD | RXCSUM_TUOFLD | RXCSUM_PCSD);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(*reg(REG_RETA(i)), 0x80008000);
	for (unsigned i = 0; i < 10; i++)
		key |= *reg(REG_RSSRK(i));
	assert_int_not_equal(key, 0);
	assert_true(*reg(REG_TARC + RING_REGS(1)) & TARC_EN);
	assert_int_equal(*reg(REG_RDT + RING_REGS(1)), nic->queue[1].rx.count - 1);
	assert_int_equal(*reg(REG_IMS), ICR_RXQ(0) | ICR_RXQ(1) | ICR_OTHER | ICR_LSC);
	assert_int_equal(*reg(REG_EITR(VEC_RX(1))), 97); /* 25 us */
	assert_int_equal(*reg(REG_EITR(VEC_TX(1))), 97);
}

/* Each queue's vector gets the time; what the device cannot is refused. */
static void two_queues_held_back(void **state)
{
	const struct net_device_ops *ops = dev_of()->netdev_ops;
	struct netdev_coalesce c = {.rx_usecs = 100};

	assert_int_equal(ops->ndo_set_coalesce(dev_of(), &c), 0);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(*reg(REG_EITR(VEC_RX(n))), 390);
	c = (struct netdev_coalesce){.rx_usecs = 0, .adaptive_rx = true};
	assert_int_equal(ops->ndo_set_coalesce(dev_of(), &c), 0);
	assert_int_equal(*reg(REG_EITR(VEC_RX(0))), 31); /* 8 us */
	c = (struct netdev_coalesce){.rx_usecs = 16001};
	assert_int_equal(ops->ndo_set_coalesce(dev_of(), &c), -EINVAL);
	c = (struct netdev_coalesce){.rx_usecs = 1, .rx_frames = 4};
	assert_int_equal(ops->ndo_set_coalesce(dev_of(), &c), -EINVAL);
	ops->ndo_get_coalesce(dev_of(), &c);
	assert_int_equal(c.rx_usecs, 8);
	assert_true(c.adaptive_rx);
	c = (struct netdev_coalesce){.rx_usecs = 25};
	assert_int_equal(ops->ndo_set_coalesce(dev_of(), &c), 0);
	assert_int_equal(*reg(REG_EITR(VEC_RX(0))), 97);
}

/* Frames of both queues arrive by both; a hash is believed where it covers ports and is wanted. */
static void two_queues_receive(void **state)
{
	static const struct {
		u32 type;
		bool taken;
	} row[] = {{0, false}, {1, true},  {2, false}, {3, true},
		   {4, false}, {5, false}, {15, false}};
	u8 buf[700];

	for (unsigned i = 0; i < 4 * ARRAY_SIZE(row); i++) {
		u32 len = 60 + i * 20;
		bool taken = row[i / 4].taken;

		rx_queue = i & 1;
		rx_hash_type = row[i / 4].type;
		rx_hash = 0x12345678 + i;
		frame_make(buf, len, (u8)i);
		assert_true(model_receive(buf, len, 0));
		model_interrupts();
		assert_int_equal(ngot, 1);
		frame_expect(got[0], len, (u8)i);
		assert_int_equal(got[0]->queue_mapping, rx_queue);
		assert_int_equal(got[0]->hash, taken ? rx_hash : 0);
		assert_int_equal(got[0]->l4_hash, taken);
		assert_false(got[0]->sw_hash);
		got_clear();
	}
	assert_int_equal(nic_of()->queue[0].rx.packets, nic_of()->queue[1].rx.packets);
	rtnl_lock();
	netdev_change_features(dev_of(), dev_of()->features & ~NETIF_F_RXHASH);
	rtnl_unlock();
	rx_hash_type = 1;
	assert_true(model_receive(buf, 100, 0));
	model_interrupts();
	assert_int_equal(got[0]->hash, 0);
}

/* Each queue stops, completes and wakes for itself. */
static void two_queues_send(void **state)
{
	struct net_device *dev = dev_of();

	for (unsigned i = 0; i < 1000; i++) {
		struct sk_buff *skb = packet_make(dev, 300, 100, 100, (u8)i);

		skb->queue_mapping = i % 3 == 0;
		assert_int_equal(send_raw(dev, skb, false), NETDEV_TX_OK);
	}
	assert_int_equal(model.sent_by[0], 666);
	assert_int_equal(model.sent_by[1], 334);
	for (unsigned q = 0; q < 2; q++) {
		const struct intel_tx_ring *tx = &nic_of()->queue[q].tx;

		assert_int_equal(tx->next_to_clean, tx->next_to_use);
		assert_int_equal(dev->tx[q].dql.num_queued, dev->tx[q].dql.num_completed);
	}
}

static int set_channels(unsigned n)
{
	int err;

	rtnl_lock();
	err = netdev_set_channels(dev_of(), n);
	rtnl_unlock();
	return err;
}

/* One queue and two again: the table sends nothing to one that is not in use. */
static void two_queues_and_one(void **state)
{
	struct netdev_rss rss;

	assert_int_equal(set_channels(1), 0);
	assert_int_equal(dev_of()->real_num_tx_queues, 1);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(*reg(REG_RETA(i)), 0);
	assert_int_equal(set_channels(0), -EINVAL);
	assert_int_equal(set_channels(3), -EINVAL);
	assert_int_equal(set_channels(2), 0);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(*reg(REG_RETA(i)), 0x80008000);
	assert_true(dev_of()->netdev_ops->ndo_get_rss(dev_of(), &rss));
	assert_int_equal(rss.queue[1], 1);
	dev_of()->rxfh_configured = true;
	assert_int_equal(set_channels(1), -EINVAL);
	assert_int_equal(dev_of()->real_num_tx_queues, 2);
}

/* What the controller has not sent yet is taken back before its queue goes. */
static void two_queues_and_one_late(void **state)
{
	struct sk_buff *skb = packet_make(dev_of(), 300, 100, 100, 1);
	const struct intel_tx_ring *tx = &nic_of()->queue[1].tx;

	model.slow = true;
	skb->queue_mapping = 1;
	assert_int_equal(send_raw(dev_of(), skb, false), NETDEV_TX_OK);
	assert_int_not_equal(tx->next_to_clean, tx->next_to_use);
	model_write_back(1);
	assert_int_equal(set_channels(1), 0);
	assert_int_equal(tx->next_to_clean, tx->next_to_use);
}

/* Too few vectors for two queues: one. Too few for MSI-X: INTx, and one. */
static void few_vectors(void **state)
{
	static const unsigned vectors[] = {4, 3, 2, 0};

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		nothing(NULL);
		cpus = 2;
		msix_vectors = vectors[i];
		assert_int_equal(probe(true), 0);
		assert_int_equal(nic_of()->nqueues, 1);
		assert_int_equal(dev_of()->num_tx_queues, 1);
		assert_false(dev_of()->features & NETIF_F_RXHASH);
		assert_int_equal(msix_on, vectors[i] >= 3);
		intel_remove(&pdev);
		host_run_for(20000000);
		assert_true(host_memory_in_use() <= memory_before);
	}
}

/* ---- link, filter, life
 * ------------------------------------------------------------------------------------ */

static void link_changes(void **state)
{
	struct net_device *dev = dev_of();

	assert_true(netif_carrier_ok(dev));
	assert_int_equal(dev->speed_mbps, 1000);
	assert_int_equal(dev->full_duplex, 1);
	model_link(false);
	model_interrupts();
	assert_false(netif_carrier_ok(dev));
	model_link(true);
	model_interrupts();
	assert_true(netif_carrier_ok(dev));
}

/* A group address sets its bit of the table, and clears it; the flags open the filter. */
static void receive_filter(void **state)
{
	const u8 group[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x7b};
	const unsigned hash = 0x7b0; /* 0x00 >> 4 | 0x7b << 4 */
	struct net_device *dev = dev_of();
	u32 *word = reg(REG_MTA + 4 * (hash / 32));

	rtnl_lock();
	assert_int_equal(dev_mc_add(dev, group), 0);
	assert_true(*word & 1u << hash % 32);
	dev_set_promiscuity(dev, 1);
	assert_true(*reg(REG_RCTL) & RCTL_UPE && *reg(REG_RCTL) & RCTL_MPE);
	dev_set_promiscuity(dev, -1);
	assert_false(*reg(REG_RCTL) & (RCTL_UPE | RCTL_MPE));
	assert_int_equal(dev_mc_del(dev, group), 0);
	assert_false(*word & 1u << hash % 32);
	rtnl_unlock();
}

/* Down and up again, many times: memory neither leaks nor is reached by a device that is down. */
static void down_and_up(void **state)
{
	struct net_device *dev = dev_of();
	u8 buf[64];
	u64 memory = 0;

	for (unsigned i = 0; i < 20; i++) {
		rtnl_lock();
		dev_close(dev);
		assert_false(master_on);
		assert_int_equal(*reg(REG_RCTL) & RCTL_EN, 0);
		assert_int_equal(*reg(REG_RDLEN), 0);
		assert_null(handlers[0].fn);
		assert_int_equal(dev_open(dev), 0);
		rtnl_unlock();
		host_run_for(1000000);
		got_clear();
		frame_make(buf, 64, 1);
		assert_true(model_receive(buf, 64, 0));
		model_interrupts();
		assert_int_equal(ngot, 1);
		got_clear();
		if (i == 2)
			memory = host_memory_in_use();
	}
	assert_true(host_memory_in_use() <= memory);
}

/* A shared line: not our interrupt is not our interrupt; a device that is gone reads as ones. */
static void shared_line(void **state)
{
	*reg(REG_ICR) = 0;
	assert_int_equal(handlers[0].fn(0, handlers[0].arg), IRQ_NONE);
	*reg(REG_ICR) = 0xffffffff;
	assert_int_equal(handlers[0].fn(0, handlers[0].arg), IRQ_NONE);
}

static void counters(void **state)
{
	struct rtnl_link_stats64_k s;
	struct netdev_stat_row rows[4];

	*reg(REG_CRCERRS) = 3;
	*reg(REG_MPC) = 2;
	dev_get_stats(dev_of(), &s);
	assert_int_equal(s.rx_crc_errors, 3);
	assert_int_equal(s.rx_missed_errors, 2);
	*reg(REG_CRCERRS) = 4;
	dev_get_stats(dev_of(), &s);
	assert_int_equal(s.rx_crc_errors, 7);
	assert_true(intel_get_ethtool_stats(dev_of(), rows, 4) > 4);
}

/* Memory runs out at any point of opening: an error, nothing lost, and it opens later. */
static void open_without_memory(void **state)
{
	struct net_device *dev = dev_of();

	rtnl_lock();
	dev_close(dev);
	for (unsigned n = 1; n < 40; n++) {
		int err;

		mm_fail_every(n);
		err = dev_open(dev);
		mm_fail_every(0);
		assert_true(err == 0 || err == -ENOMEM);
		if (!err)
			dev_close(dev);
		assert_false(master_on);
	}
	assert_int_equal(dev_open(dev), 0);
	rtnl_unlock();
}

/* A controller that never comes out of reset, or has no address, is refused; one whose reset does
 * not load the address has it in its EEPROM. */
static void probe_refuses(void **state)
{
	for (int e1000e = 0; e1000e <= 1; e1000e++) {
		nothing(NULL);
		model.stuck_in_reset = true;
		assert_int_equal(probe(e1000e), -ETIMEDOUT);
		nothing(NULL);
		model.no_rar = true;
		assert_int_equal(probe(e1000e), -EADDRNOTAVAIL);
		memset(model.eeprom, 0xff, 6); /* multicast */
		assert_int_equal(probe(e1000e), -EADDRNOTAVAIL);
		memcpy(model.eeprom, station, 6);
		assert_int_equal(probe(e1000e), 0);
		assert_memory_equal(dev_of()->dev_addr, station, 6);
		intel_remove(&pdev);
		host_run_for(20000000);
		assert_true(host_memory_in_use() <= memory_before);
	}
}

int main(void)
{
#define T(f)                                                \
	{#f " (e1000)", f, start_e1000, stop, NULL},        \
	{                                                   \
#f " (e1000e)", f, start_e1000e, stop, NULL \
	}
#define T2(f)                                                \
	{                                                    \
#f " (two queues)", f, start_two, stop, NULL \
	}
	const struct CMUnitTest tests[] = {
		T(rx_wraps),
		T(rx_full_ring),
		T(rx_jumbo),
		T(rx_hostile),
		T(rx_out_of_memory),
		T(rx_checksum),
		T(tx_wraps),
		T(tx_batches),
		T(tx_stops_and_wakes),
		T(tx_busy),
		T(tx_checksum),
		T(tx_segmentation),
		T(tx_hang),
		T(link_changes),
		T(receive_filter),
		T(down_and_up),
		T(counters),
		T(open_without_memory),
		T(tx_interrupts),
		T2(two_queues_set_up),
		T2(two_queues_held_back),
		T2(two_queues_receive),
		T2(two_queues_send),
		T2(two_queues_and_one),
		T2(two_queues_and_one_late),
		T2(rx_wraps),
		T2(tx_wraps),
		T2(tx_interrupts),
		T2(tx_hang),
		T2(down_and_up),
		T2(open_without_memory),
		cmocka_unit_test(few_vectors),
		cmocka_unit_test_setup_teardown(shared_line, start_e1000, stop),
		cmocka_unit_test(probe_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

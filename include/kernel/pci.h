/* SPDX-License-Identifier: MIT */
/*
 * PCI as drivers see it. The bus is scanned once at boot (configuration mechanism 1, or ECAM where
 * the MCFG table gives it); each function found is offered to the drivers of section
 * pci_drivers. Offsets and sizes in bytes. PCI Local Bus 3.0, PCI Express Base.
 */
#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include <kernel/irq.h>
#include <lib/compiler.h>
#include <lib/list.h>
#include <lib/types.h>

#define PCI_ANY      0xffffu
#define PCI_MAX_BARS 6

enum pci_bar_type { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM };

struct pci_bar {
	enum pci_bar_type type;
	u8 flags; /* low bits of the register: I/O, 64 bits, prefetchable */
	u64 base, size;
};

enum pci_irq_mode { PCI_IRQ_MODE_NONE, PCI_IRQ_MODE_INTX, PCI_IRQ_MODE_MSI, PCI_IRQ_MODE_MSIX };

struct pci_driver;

struct pci_dev {
	struct list_head list;
	u16 segment;
	u8 bus, dev, fn;
	u8 revision, header_type, irq_pin;
	u16 vendor, device, subvendor, subdevice;
	u32 class;                        /* 24 bits: class, subclass, interface */
	struct pci_bar bar[PCI_MAX_BARS]; /* filled in when a driver is offered the device */
	bool bars_known;
	struct pci_dev *bridge;                 /* above its bus, NULL on a root bus */
	unsigned irq_flags;                     /* that go with irq */
	int irq;                                /* INTx as request_irq() takes it, -1 for none */
	u16 cap_msi, cap_msix, cap_exp, cap_pm; /* offsets, 0 for none */
	enum pci_irq_mode irq_mode;
	int nvecs; /* vectors in use; INTx counts as one */
	int *vec_irq;
	void *msix_table; /* mapped while MSI-X is in use */
	const struct pci_driver *driver;
	void *drvdata;
};

struct pci_id {
	u16 vendor, device;
};

struct pci_driver {
	const char *name;
	const struct pci_id *ids; /* ended by {0, 0} */
	/* Take the device: 0, or -errno to leave it to others. Thread context. */
	int (*probe)(struct pci_dev *dev, const struct pci_id *id);
	void (*remove)(struct pci_dev *dev);
	const char *nics; /* the network controllers that it drives, for people; may be NULL */
};

#define PCI_DRIVER(sym)                                   \
	static const struct pci_driver *const sym##_entry \
		__attribute__((section("pci_drivers"), used)) = &(sym)

u8 pci_read8(const struct pci_dev *d, unsigned off);
u16 pci_read16(const struct pci_dev *d, unsigned off);
u32 pci_read32(const struct pci_dev *d, unsigned off);
void pci_write8(const struct pci_dev *d, unsigned off, u8 v);
void pci_write16(const struct pci_dev *d, unsigned off, u16 v);
void pci_write32(const struct pci_dev *d, unsigned off, u32 v);

/* Offset of the next capability with that id after pos (0: from the start); 0 for none. The walk
 * is bounded: a looping list from a broken device ends. */
unsigned pci_find_capability(const struct pci_dev *d, unsigned id, unsigned pos);

/* Bring the device to D0, decode memory and I/O, and (set_master) let it master the bus;
 * clear_master ends its DMA. */
void pci_enable_device(struct pci_dev *d);
void pci_set_master(struct pci_dev *d);
void pci_clear_master(struct pci_dev *d);

/* Map a memory BAR whole; NULL if it is none, or has no address. */
void *pci_iomap(struct pci_dev *d, unsigned bar);
void pci_iounmap(struct pci_dev *d, unsigned bar, void *addr);

#define PCI_IRQ_INTX 1u
#define PCI_IRQ_MSI  2u
#define PCI_IRQ_MSIX 4u
#define PCI_IRQ_ALL  7u

/* Get between min and max vectors of the kinds in flags, the best kind first. cpu_of[i] names the
 * CPU vector i is aimed at (NULL: round robin). Returns the number, or -ENOSPC. With INTx, one. */
int pci_alloc_irq_vectors(struct pci_dev *d, unsigned min, unsigned max, unsigned flags,
			  const unsigned *cpu_of);
void pci_free_irq_vectors(struct pci_dev *d);
/* irq number of vector i, for request_irq(). */
int pci_irq_vector(const struct pci_dev *d, unsigned i);
/* Flags that request_irq() needs for those vectors: IRQF_SHARED and level for INTx, else 0. */
unsigned pci_irq_flags(const struct pci_dev *d);
bool pci_has_msix_enabled(const struct pci_dev *d);

/* "0000:00:03.0" into buf of at least 13 bytes. */
void pci_name(const struct pci_dev *d, char *buf, size_t size);

/* Scan all buses, then bind drivers. Runs by itself, at INIT_DRIVER; only the first call does. */
void pci_init(void);
void pci_for_each(void (*fn)(struct pci_dev *d, void *arg), void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/* Registers of configuration space, and what the files of this folder share. */
#ifndef DRIVERS_PCI_INT_H
#define DRIVERS_PCI_INT_H

#include <kernel/pci.h>

/* PCI Local Bus 3.0, 6.1 */
#define PCI_VENDOR_ID       0x00
#define PCI_DEVICE_ID       0x02
#define PCI_COMMAND         0x04
#define PCI_STATUS          0x06
#define PCI_REVISION        0x08
#define PCI_HEADER_TYPE     0x0e
#define PCI_BAR0            0x10
#define PCI_SUBSYS_VENDOR   0x2c
#define PCI_SUBSYS_ID       0x2e
#define PCI_CAPABILITY_LIST 0x34
#define PCI_INTERRUPT_LINE  0x3c
#define PCI_INTERRUPT_PIN   0x3d
/* PCI-to-PCI Bridge 1.2, 3.2 */
#define PCI_SECONDARY_BUS   0x19
#define PCI_SUBORDINATE_BUS 0x1a

#define PCI_COMMAND_IO           (1u << 0)
#define PCI_COMMAND_MEMORY       (1u << 1)
#define PCI_COMMAND_MASTER       (1u << 2)
#define PCI_COMMAND_INTX_DISABLE (1u << 10)
#define PCI_STATUS_CAP_LIST      (1u << 4)
#define PCI_HEADER_MULTI         0x80
#define PCI_HEADER_NORMAL        0
#define PCI_HEADER_BRIDGE        1
#define PCI_CLASS_NETWORK        0x02
#define PCI_CLASS_BRIDGE_PCI     0x0604

#define PCI_BAR_FLAG_IO      1u
#define PCI_BAR_TYPE_MASK    6u
#define PCI_BAR_TYPE_64      4u
#define PCI_BAR_IO_MASK      (~3ull)
#define PCI_BAR_MEM_MASK     (~0xfull)
#define PCI_CONFIG_BYTES     256u
#define PCI_CONFIG_EXT_BYTES 4096u

/* Capability ids (6.7) and their registers, from the capability's own offset. */
#define PCI_CAP_PM   0x01
#define PCI_CAP_MSI  0x05
#define PCI_CAP_EXP  0x10
#define PCI_CAP_MSIX 0x11

#define PCI_PM_CTRL          4
#define PCI_PM_STATE_MASK    3u
#define PCI_PM_D3HOT         3u
#define PCI_PM_D3HOT_WAIT_US 10000u

#define PCI_MSI_CTRL        2
#define PCI_MSI_CTRL_ENABLE (1u << 0)
#define PCI_MSI_CTRL_COUNT  (7u << 4) /* log2 of the vectors enabled */
#define PCI_MSI_CTRL_64BIT  (1u << 7)
#define PCI_MSI_ADDR        4
#define PCI_MSI_ADDR_HIGH   8
#define PCI_MSI_DATA_32     8
#define PCI_MSI_DATA_64     12

#define PCI_MSIX_CTRL         2
#define PCI_MSIX_CTRL_SIZE    0x7ffu /* entries - 1 */
#define PCI_MSIX_CTRL_MASK    (1u << 14)
#define PCI_MSIX_CTRL_ENABLE  (1u << 15)
#define PCI_MSIX_TABLE        4
#define PCI_MSIX_BIR          7u
#define PCI_MSIX_ENTRY_BYTES  16u
#define PCI_MSIX_ENTRY_ADDR   0
#define PCI_MSIX_ENTRY_DATA   8
#define PCI_MSIX_ENTRY_CTRL   12
#define PCI_MSIX_ENTRY_MASKED 1u

/*
 * Raw configuration access (access.c): size is 1, 2 or 4 bytes, off a multiple of it. What does not
 * exist reads as ones. Any context.
 */
int pci_conf_init(void); /* 0, or -ENODEV where the machine has no PCI */
u32 pci_conf_read(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size);
void pci_conf_write(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size, u32 v);
/* Root buses: the index-th segment and its first bus; false past the last. */
bool pci_root_bus(unsigned index, u16 *segment, u8 *bus);

/* All functions found, in the order of the scan (scan.c). */
extern struct list_head pci_devices;
void pci_scan(void);
/* Find out type, address and size of the BARs, once; the device must be idle. Boot, or locked. */
void pci_bars_read(struct pci_dev *d);
struct pci_dev *pci_find(u16 segment, u8 bus, u8 dev, u8 fn);

/* Find out which line the device's interrupt pin drives: fills irq and irq_flags (route.c). */
void pci_route_init(void);
void pci_route_intx(struct pci_dev *d);

void pci_proc_init(void);

#endif

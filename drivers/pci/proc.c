/* SPDX-License-Identifier: MIT */
/*
 * /proc/bus/pci/devices, with the columns of Linux: bus and devfn, vendor and device, interrupt,
 * seven base addresses with their low bits, seven sizes, driver; all hexadecimal. And
 * /proc/bus/pci/classes: address and class code, which the former lacks. Thread context.
 */
#include "pci_int.h"

#include <kernel/vfs.h>
#include <kernel/wait.h>

/* The expansion ROM is the seventh; it is never mapped here. */
#define RESOURCES (PCI_MAX_BARS + 1)

static struct mutex bars_lock;

/* Those that no driver has looked at yet; nobody uses them. */
static void bars_complete(void)
{
	struct pci_dev *d;

	mutex_lock(&bars_lock);
	list_for_each_entry(d, &pci_devices, list) {
		pci_bars_read(d);
	}
	mutex_unlock(&bars_lock);
}

static void devices_show(struct seq_file *m)
{
	const struct pci_dev *d;

	bars_complete();
	list_for_each_entry(d, &pci_devices, list) {
		int irq = d->nvecs ? pci_irq_vector(d, 0) : d->irq;

		seq_printf(m, "%02x%02x\t%04x%04x\t%x", d->bus, d->dev << 3 | d->fn, d->vendor,
			   d->device, irq < 0 ? 0 : irq);
		for (unsigned i = 0; i < RESOURCES; i++) {
			u64 base = i < PCI_MAX_BARS ? d->bar[i].base | d->bar[i].flags : 0;

			seq_printf(m, "\t%16llx", base);
		}
		for (unsigned i = 0; i < RESOURCES; i++)
			seq_printf(m, "\t%16llx", i < PCI_MAX_BARS ? d->bar[i].size : 0ull);
		seq_printf(m, "\t%s\n", d->driver ? d->driver->name : "");
	}
}

static void classes_show(struct seq_file *m)
{
	static const char *const mode_name[] = {"none", "intx", "msi", "msi-x"};
	const struct pci_dev *d;

	list_for_each_entry(d, &pci_devices, list) {
		seq_printf(m, "%04x:%02x:%02x.%x\t%06x\t%04x%04x\t%02x\t%04x%04x\t%s\n", d->segment,
			   d->bus, d->dev, d->fn, d->class, d->vendor, d->device, d->revision,
			   d->subvendor, d->subdevice, mode_name[d->irq_mode]);
	}
}

void pci_proc_init(void)
{
	mutex_init(&bars_lock);
	proc_create("/proc/bus/pci/devices", devices_show, NULL, NULL);
	proc_create("/proc/bus/pci/classes", classes_show, NULL, NULL);
}

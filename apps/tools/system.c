/* SPDX-License-Identifier: MIT */
/* The machine in a few lines: uptime, lspci; its end: reboot, poweroff. */
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/reboot.h>
#include <sys/thread.h>
#include <time.h>

#include "../lib/opts.h"

static int uptime_main(int argc, char **argv)
{
	char *t = argc == 1 ? read_text("/proc/uptime") : NULL;
	time_t now = time(NULL);
	unsigned long long s;
	struct tm tm;

	if (argc > 1)
		return app_usage(argv[0]);
	if (!t) {
		perror(argv[0]);
		return 1;
	}
	s = strtoull(t, NULL, 10);
	free(t);
	gmtime_r(&now, &tm);
	printf(" %02d:%02d:%02d up ", tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (s >= 86400)
		printf("%llu day%s, ", s / 86400, s / 86400 == 1 ? "" : "s");
	printf("%2llu:%02llu:%02llu, %d CPU%s\n", s / 3600 % 24, s / 60 % 60, s % 60, get_nprocs(),
	       get_nprocs() == 1 ? "" : "s");
	return 0;
}

static const struct {
	unsigned vendor, device;
	const char *name;
} pci_names[] = {
	{0x8086, 0x100e, "Intel 82540EM Gigabit Ethernet Controller"},
	{0x8086, 0x100f, "Intel 82545EM Gigabit Ethernet Controller"},
	{0x8086, 0x10d3, "Intel 82574L Gigabit Network Connection"},
	{0x8086, 0x1237, "Intel 440FX PCI and Memory Controller"},
	{0x8086, 0x29c0, "Intel 82G33/G31/P35/P31 DRAM Controller"},
	{0x8086, 0x2918, "Intel 82801IB (ICH9) LPC Interface Controller"},
	{0x8086, 0x2922, "Intel 82801IR/IO/IH (ICH9R/DO/DH) SATA Controller"},
	{0x8086, 0x2930, "Intel 82801I (ICH9 Family) SMBus Controller"},
	{0x8086, 0x7000, "Intel 82371SB PIIX3 ISA"},
	{0x8086, 0x7010, "Intel 82371SB PIIX3 IDE"},
	{0x8086, 0x7113, "Intel 82371AB/EB/MB PIIX4 ACPI"},
	{0x1af4, 0x1000, "Virtio network device (transitional)"},
	{0x1af4, 0x1041, "Virtio 1.0 network device"},
	{0x1af4, 0x1005, "Virtio RNG (transitional)"},
	{0x1af4, 0x1044, "Virtio 1.0 RNG"},
	{0x10ec, 0x8139, "Realtek RTL-8100/8101L/8139 Fast Ethernet"},
	{0x1234, 0x1111, "QEMU standard VGA"},
};

static const char *pci_name(unsigned id)
{
	for (size_t i = 0; i < sizeof(pci_names) / sizeof(pci_names[0]); i++)
		if (pci_names[i].vendor == id >> 16 && pci_names[i].device == (id & 0xffff))
			return pci_names[i].name;
	return "Device";
}

static const struct {
	unsigned class; /* class and subclass */
	const char *name;
} pci_classes[] = {
	{0x0100, "SCSI storage controller"},
	{0x0101, "IDE interface"},
	{0x0106, "SATA controller"},
	{0x0108, "Non-Volatile memory controller"},
	{0x0200, "Ethernet controller"},
	{0x0280, "Network controller"},
	{0x0300, "VGA compatible controller"},
	{0x0403, "Audio device"},
	{0x0500, "RAM memory"},
	{0x0600, "Host bridge"},
	{0x0601, "ISA bridge"},
	{0x0604, "PCI bridge"},
	{0x0680, "Bridge"},
	{0x0780, "Communication controller"},
	{0x0c03, "USB controller"},
	{0x0c05, "SMBus"},
};

/* classes: /proc/bus/pci/classes, "segment:bus:dev.fn", class and more, in the same order. */
static const char *pci_class(const char *classes, unsigned row)
{
	unsigned class;

	while (classes && row--) {
		classes = strchr(classes, '\n');
		classes += classes ? 1 : 0;
	}
	classes = classes ? strchr(classes, '\t') : NULL;
	class = classes ? (unsigned)strtoul(classes, NULL, 16) >> 8 : 0;
	for (size_t i = 0; i < sizeof(pci_classes) / sizeof(pci_classes[0]); i++)
		if (pci_classes[i].class == class)
			return pci_classes[i].name;
	return "Unclassified device";
}

/* Lines of /proc/bus/pci/devices: bus and devfn, vendor and device, irq ..., driver last. */
static void lspci_line(const char *line, const char *class)
{
	char *end;
	unsigned bdf = (unsigned)strtoul(line, &end, 16);
	unsigned id = (unsigned)strtoul(end, &end, 16);
	const char *driver = NULL;

	for (const char *p = end; *p && *p != '\n'; p++)
		if (*p == '\t' || *p == ' ')
			driver = p + 1;
	printf("%02x:%02x.%x %s: %s [%04x:%04x]", bdf >> 8, bdf >> 3 & 31, bdf & 7, class,
	       pci_name(id), id >> 16, id & 0xffff);
	if (driver && *driver > '9')
		printf(" driver %.*s", (int)strcspn(driver, "\n"), driver);
	printf("\n");
}

static int lspci_main(int argc, char **argv)
{
	char *t = argc == 1 ? read_text("/proc/bus/pci/devices") : NULL, *line = t;
	char *classes;

	if (argc > 1)
		return app_usage(argv[0]);
	if (!t) {
		perror(argv[0]);
		return 1;
	}
	classes = read_text("/proc/bus/pci/classes");
	for (unsigned row = 0; line && *line; row++) {
		lspci_line(line, pci_class(classes, row));
		line = strchr(line, '\n');
		line += line ? 1 : 0;
	}
	free(classes);
	free(t);
	return 0;
}

static int end(int argc, char **argv, int how)
{
	if (argc > 1)
		return app_usage(argv[0]);
	reboot(how);
	perror(argv[0]);
	return 1;
}

static int reboot_main(int argc, char **argv)
{
	return end(argc, argv, RB_AUTOBOOT);
}

static int poweroff_main(int argc, char **argv)
{
	return end(argc, argv, RB_POWER_OFF);
}

APP(uptime, uptime_main, "uptime: time since boot", false);
APP(lspci, lspci_main, "lspci: PCI devices and their drivers", false);
APP(reboot, reboot_main, "reboot: start again", false);
APP(poweroff, poweroff_main, "poweroff: switch off", false);

/* SPDX-License-Identifier: MIT */
/* The machine in a few lines: free, uptime, ps, dmesg, lspci; its end: reboot, poweroff. */
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/reboot.h>
#include <sys/thread.h>

static int no_file(const char *program)
{
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	return 1;
}

/* "Buffers" of Linux's free are file pages; what sockets and packets hold has columns of its own.
 */
static int free_main(int argc, char **argv)
{
	char *t = read_text("/proc/meminfo");
	unsigned long long total, unused;

	(void)argc;
	(void)argv;
	if (!t)
		return no_file("free");
	total = text_number(t, "MemTotal:");
	unused = text_number(t, "MemFree:");
	printf("%15s %11s %11s %11s %11s %11s %11s\n", "total", "used", "free", "slab", "skb pages",
	       "stacks", "dma");
	printf("Mem: %10llu %11llu %11llu %11llu %11llu %11llu %11llu\n", total, total - unused,
	       unused, text_number(t, "Slab:"), text_number(t, "SkbPages:"),
	       text_number(t, "KernelStack:"), text_number(t, "DMA:"));
	free(t);
	return 0;
}

static int uptime_main(int argc, char **argv)
{
	char *t = read_text("/proc/uptime");
	unsigned long long s;

	(void)argc;
	(void)argv;
	if (!t)
		return no_file("uptime");
	s = strtoull(t, NULL, 10);
	printf("up %llu days, %02llu:%02llu:%02llu, %d CPU%s\n", s / 86400, s / 3600 % 24,
	       s / 60 % 60, s % 60, get_nprocs(), get_nprocs() == 1 ? "" : "s");
	free(t);
	return 0;
}

static int print_file(const char *program, const char *path)
{
	char *t = read_text(path);

	if (!t)
		return no_file(program);
	fputs(t, stdout);
	free(t);
	return 0;
}

static int ps_main(int argc, char **argv)
{
	(void)argc;
	return print_file(argv[0], "/proc/threads");
}

static int dmesg_main(int argc, char **argv)
{
	(void)argc;
	return print_file(argv[0], "/proc/kmsg");
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

/* Lines of /proc/bus/pci/devices: bus and devfn, vendor and device, irq ..., driver last. */
static void lspci_line(const char *line)
{
	char *end;
	unsigned bdf = (unsigned)strtoul(line, &end, 16);
	unsigned id = (unsigned)strtoul(end, &end, 16);
	const char *driver = NULL;

	for (const char *p = end; *p && *p != '\n'; p++)
		if (*p == '\t' || *p == ' ')
			driver = p + 1;
	printf("%02x:%02x.%x %s [%04x:%04x]", bdf >> 8, bdf >> 3 & 31, bdf & 7, pci_name(id),
	       id >> 16, id & 0xffff);
	if (driver && *driver > '9')
		printf(" driver %.*s", (int)strcspn(driver, "\n"), driver);
	printf("\n");
}

static int lspci_main(int argc, char **argv)
{
	char *t = read_text("/proc/bus/pci/devices"), *line = t;

	(void)argc;
	if (!t)
		return no_file(argv[0]);
	while (line && *line) {
		lspci_line(line);
		line = strchr(line, '\n');
		line += line ? 1 : 0;
	}
	free(t);
	return 0;
}

static int reboot_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return reboot(RB_AUTOBOOT);
}

static int poweroff_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return reboot(RB_POWER_OFF);
}

APP(free, free_main, "free: memory, in KiB", false);
APP(uptime, uptime_main, "uptime: time since boot", false);
APP(ps, ps_main, "ps: threads, their CPU and how much of it they used", false);
APP(dmesg, dmesg_main, "dmesg: the kernel's log", false);
APP(lspci, lspci_main, "lspci: PCI devices and their drivers", false);
APP(reboot, reboot_main, "reboot: start again", false);
APP(poweroff, poweroff_main, "poweroff: switch off", false);

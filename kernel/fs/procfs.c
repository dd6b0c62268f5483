/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own files in /proc, with Linux's names and columns where it has them.
 */
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/meminfo.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>
#include <kernel/softirq.h>
#include <kernel/sysctl.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/vfs.h>

#include <errno.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <string.h>

#include "vnode.h"

#define PATH_SIZE  160
#define KMSG_CHUNK 512u

static void kib_row(struct seq_file *m, const char *name, u64 bytes)
{
	seq_printf(m, "%-16s%8llu kB\n", name, (unsigned long long)(bytes / 1024));
}

extern const struct meminfo_row __start_meminfo_rows[] __weak, __stop_meminfo_rows[] __weak;

/* docs/memory.md says what the rows mean, and which of them hold parts of others. */
static void meminfo_show(struct seq_file *m)
{
	const struct meminfo_row *r;
	struct meminfo mi;

	meminfo_get(&mi);
	kib_row(m, "MemTotal:", mi.total * PAGE_SIZE);
	kib_row(m, "MemFree:", mi.free * PAGE_SIZE);
	kib_row(m, "MemAvailable:", mi.free * PAGE_SIZE);
	kib_row(m, "Buffers:", 0);
	kib_row(m, "Cached:", mi.owner[PAGES_FILE] * PAGE_SIZE);
	kib_row(m, "Slab:", mi.owner[PAGES_SLAB] * PAGE_SIZE);
	kib_row(m, "SlabUsed:", mi.slab_bytes_used);
	kib_row(m, "KernelStack:", mi.owner[PAGES_STACK] * PAGE_SIZE);
	kib_row(m, "SkbPool:", mi.owner[PAGES_SKB] * PAGE_SIZE);
	kib_row(m, "DMA:", mi.owner[PAGES_DMA] * PAGE_SIZE);
	kib_row(m, "Other:", mi.owner[PAGES_OTHER] * PAGE_SIZE);
	kib_row(m, "Reserve:", mi.reserved * PAGE_SIZE);
	for (r = __start_meminfo_rows; r < __stop_meminfo_rows; r++)
		kib_row(m, r->name, r->bytes());
	seq_printf(m, "%-16s%8llu\n", "AllocFailed:", (unsigned long long)mi.alloc_failed);
}

static void slab_row(const char *name, u64 objs, u64 total, size_t size, u64 pages, void *arg)
{
	seq_printf(arg, "%-20s %8llu %8llu %6zu %6llu\n", name, (unsigned long long)objs,
		   (unsigned long long)total, size, (unsigned long long)pages);
}

static void slabinfo_show(struct seq_file *m)
{
	seq_printf(m, "%-20s %8s %8s %6s %6s\n", "# name", "active", "objs", "size", "pages");
	kmem_cache_for_each(slab_row, m);
}

static void uptime_show(struct seq_file *m)
{
	u64 cs = ktime_get_ns() / (10 * NSEC_PER_MSEC);

	seq_printf(m, "%llu.%02llu 0.00\n", (unsigned long long)(cs / 100),
		   (unsigned long long)(cs % 100));
}

static void version_show(struct seq_file *m)
{
	seq_printf(m, "Sluice (x86-64, clock %s)\n", clocksource_name());
}

static void cmdline_show(struct seq_file *m)
{
	seq_printf(m, "%s\n", cmdline_get_all());
}

static void cpuinfo_show(struct seq_file *m)
{
	for_each_cpu(cpu)
		seq_printf(m, "processor\t: %u\n", cpu);
}

static void softirqs_show(struct seq_file *m)
{
	seq_puts(m, "          ");
	for_each_cpu(cpu)
		seq_printf(m, "      CPU%-2u", cpu);
	seq_puts(m, "\n");
	for (unsigned nr = 0; nr < NR_SOFTIRQS; nr++) {
		seq_printf(m, "%9s:", softirq_names[nr]);
		for_each_cpu(cpu)
			seq_printf(m, " %10llu", (unsigned long long)softirq_count(nr, cpu));
		seq_puts(m, "\n");
	}
}

static void irq_row(int irq, const char *chip, const char *name, const u64 *per_cpu, void *arg)
{
	seq_printf(arg, "%4d:", irq);
	for_each_cpu(cpu)
		seq_printf(arg, " %10llu", (unsigned long long)per_cpu[cpu]);
	seq_printf(arg, "  %-10s %s\n", chip, name);
}

static void interrupts_show(struct seq_file *m)
{
	seq_puts(m, "     ");
	for_each_cpu(cpu)
		seq_printf(m, "      CPU%-2u", cpu);
	seq_puts(m, "\n");
	irq_for_each(irq_row, m);
}

static void kmsg_show(struct seq_file *m)
{
	char buf[512];
	u64 seq = 0;
	size_t n;

	while ((n = log_read(&seq, buf, sizeof(buf), false)))
		seq_write(m, buf, n);
}

/* /dev/kmsg gives the records from where the reader is, with their levels, and then an end which is
 * none: reading on gives what was logged since. */
static ssize_t kmsg_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	u64 seq = (u64)*pos;
	char buf[KMSG_CHUNK];
	size_t n = log_read(&seq, buf, min(sizeof(buf), iov_iter_count(to)), true);

	*pos = (s64)seq;
	return (ssize_t)copy_to_iter(buf, n, to);
}

/* As on Linux what an application writes becomes a record of the log. */
static ssize_t kmsg_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	char buf[KMSG_CHUNK];
	size_t len = copy_from_iter(buf, sizeof(buf), from), n = len;

	while (n && buf[n - 1] == '\n')
		n--;
	pr_info("%.*s", (int)n, buf);
	n = iov_iter_count(from); /* a longer text is cut, not spread over records */
	iov_iter_advance(from, n);
	return (ssize_t)(len + n);
}

static const struct file_ops kmsg_ops = {.read = kmsg_read, .write = kmsg_write};

static void thread_row(struct thread *t, void *arg)
{
	static const char state[] = {
		[THREAD_RUNNING] = 'R', [THREAD_SLEEPING] = 'S', [THREAD_DEAD] = 'X'};

	seq_printf(arg, "%5u %3u %c %d %10llu %10llu %s\n", t->tid, t->cpu, state[t->state],
		   t->prio, (unsigned long long)(t->runtime_ns / NSEC_PER_USEC),
		   (unsigned long long)t->nr_switches, t->name);
}

static void threads_show(struct seq_file *m)
{
	seq_puts(m, "  PID CPU S P    TIME_US   SWITCHES NAME\n");
	thread_for_each(thread_row, m);
}

/* "echo c" panics on purpose: the way to see what a panic looks like. */
static ssize_t sysrq_write(void *private, const char *text, size_t len)
{
	(void)private;
	if (len && text[0] == 'c')
		panic("sysrq triggered crash");
	return -EINVAL;
}

/* ---- /proc/sys ---------------------------------------------------------------------------------
 */

/* Row and folder name a variable; both are static. */
struct sysctl_node {
	const char *dir;
	const struct ctl_table *table;
};

static void sysctl_show(struct seq_file *m)
{
	const struct sysctl_node *n = m->private;
	char name[PATH_SIZE], text[256];

	snprintf(name, sizeof(name), "%s/%s", n->dir, n->table->name);
	if (sysctl_read(name, NULL, text, sizeof(text)) >= 0)
		seq_printf(m, "%s\n", text);
}

static ssize_t sysctl_store(void *private, const char *text, size_t len)
{
	const struct sysctl_node *n = private;
	char name[PATH_SIZE];
	int err;

	snprintf(name, sizeof(name), "%s/%s", n->dir, n->table->name);
	err = sysctl_write(name, NULL, text);
	return err ? err : (ssize_t)len;
}

static void sysctl_add(const char *dir, const struct ctl_table *t, void *base, void *arg)
{
	struct sysctl_node *n = kzalloc(sizeof(*n), GFP_KERNEL);
	char path[PATH_SIZE + 16];

	if (!n)
		return;
	n->dir = dir;
	n->table = t;
	snprintf(path, sizeof(path), "proc/sys/%s/%s", dir, t->name);
	if (proc_create(path, sysctl_show, t->mode & 0200 ? sysctl_store : NULL, n))
		kfree(n); /* another net's row of that name is there already */
}

static void sysctl_populate(void)
{
	sysctl_for_each(sysctl_add, NULL);
}

static void sysctl_folder(struct vnode *v, const void *arg)
{
	v->populate = sysctl_populate;
}

static int procfs_init(void)
{
	static const struct {
		const char *path;
		void (*show)(struct seq_file *m);
	} files[] = {
		{"proc/meminfo", meminfo_show},       {"proc/slabinfo", slabinfo_show},
		{"proc/uptime", uptime_show},         {"proc/version", version_show},
		{"proc/cmdline", cmdline_show},       {"proc/softirqs", softirqs_show},
		{"proc/interrupts", interrupts_show}, {"proc/kmsg", kmsg_show},
		{"proc/threads", threads_show},       {"proc/cpuinfo", cpuinfo_show},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		int err = proc_create(files[i].path, files[i].show, NULL, NULL);

		if (err)
			return err;
	}
	if (dev_create("dev/kmsg", &kmsg_ops, NULL))
		return -ENOMEM;
	/* More than a hundred files, and seldom does anybody look. */
	if (IS_ERR(vnode_create("proc/sys", 8, VNODE_DIR, false, sysctl_folder, NULL)))
		return -ENOMEM;
	return proc_create("proc/sysrq-trigger", NULL, sysrq_write, NULL);
}

DEFINE_INITCALL(INIT_DRIVER, procfs_init);

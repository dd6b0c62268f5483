/* SPDX-License-Identifier: MIT */
/*
 * Transmit packet steering: which of a device's queues a CPU sends by. By default CPU i has queue
 * i, counted around, so that no two CPUs meet in a queue where there are enough, and completions
 * come back to who sent. /sys/class/net/DEV/queues/tx-N/xps_cpus changes it: the CPUs that may use
 * queue N. A CPU of several queues, or of none, chooses among those, or all, by the packet's flow.
 *
 * Context: the choice is made in any that sends, bottom halves off; files under rtnl.
 */
#include <kernel/percpu.h>
#include <kernel/vfs.h>
#include <lib/bitops.h>
#include <lib/hash.h>
#include <lib/printf.h>

#include "core_int.h"

#define XPS_QUEUES 64u /* a bit each; further ones are of no CPU */

u16 xps_queue(const struct net_device *dev, struct sk_buff *skb)
{
	unsigned n = dev->real_num_tx_queues;
	u64 all = n < XPS_QUEUES ? (1ull << n) - 1 : ~0ull;
	u64 mask = READ_ONCE(dev->xps_queues[smp_processor_id()]) & all;

	if (unlikely(!mask))
		mask = all;
	if (unlikely(mask & (mask - 1))) {
		n = reciprocal_scale(skb_get_hash(skb), hweight64(mask));
		while (n--)
			mask &= mask - 1;
	}
	return (u16)(bit_ffs(mask) - 1);
}

static void cpus_show(struct seq_file *m)
{
	const struct netdev_queue *q = m->private;
	u64 cpus = 0;

	for_each_cpu(cpu)
		cpus |= (u64)(q->dev->xps_queues[cpu] >> q->index & 1) << cpu;
	seq_printf(m, "%llx\n", cpus);
}

static ssize_t cpus_write(void *private, const char *text, size_t len)
{
	struct netdev_queue *q = private;
	u64 cpus;
	int err = cpumask_parse(text, len, &cpus);

	if (err)
		return err;
	rtnl_lock();
	q->dev->xps_configured = true;
	for_each_cpu(cpu) {
		u64 *mask = &q->dev->xps_queues[cpu], bit = 1ull << q->index;

		WRITE_ONCE(*mask, cpus >> cpu & 1 ? *mask | bit : *mask & ~bit);
	}
	rtnl_unlock();
	return (ssize_t)len;
}

static void queue_path(const struct net_device *dev, unsigned i, const char *file, char *path,
		       size_t size)
{
	snprintf(path, size, "/sys/class/net/%s/queues/tx-%u%s", dev->name, i, file);
}

/* Queues that go are no CPU's any more. Those that nobody chose for are shared out anew. Only the
 * image's own net shows there; without memory for a file there is none, no more. */
void xps_resize(struct net_device *dev, unsigned from, unsigned to)
{
	unsigned shown = min(from, XPS_QUEUES), show = min(to, XPS_QUEUES);
	char path[80];

	for_each_cpu(cpu) {
		u64 *mask = &dev->xps_queues[cpu];

		if (!dev->xps_configured)
			WRITE_ONCE(*mask, 1ull << cpu % show);
		else if (show < 64)
			WRITE_ONCE(*mask, *mask & ((1ull << show) - 1));
	}
	if (dev->net != &init_net)
		return;
	for (unsigned i = shown; i < show; i++) {
		queue_path(dev, i, "/xps_cpus", path, sizeof(path));
		proc_create(path, cpus_show, cpus_write, &dev->tx[i]);
	}
	for (unsigned i = show; i < shown; i++) {
		queue_path(dev, i, "/xps_cpus", path, sizeof(path));
		proc_remove(path);
		queue_path(dev, i, "", path, sizeof(path));
		proc_remove(path);
	}
}

void xps_register(struct net_device *dev)
{
	xps_resize(dev, 0, dev->real_num_tx_queues);
}

void xps_unregister(struct net_device *dev)
{
	char path[80];

	if (dev->net != &init_net)
		return;
	for (unsigned i = 0; i < min((unsigned)dev->num_tx_queues, XPS_QUEUES); i++) {
		queue_path(dev, i, "/xps_cpus", path, sizeof(path));
		proc_remove(path);
		queue_path(dev, i, "", path, sizeof(path));
		proc_remove(path);
	}
	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", dev->name);
	proc_remove(path);
	snprintf(path, sizeof(path), "/sys/class/net/%s", dev->name);
	proc_remove(path);
}

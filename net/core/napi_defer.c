/* SPDX-License-Identifier: MIT */
/*
 * Interrupts put off (Linux's napi_defer_hard_irqs and gro_flush_timeout, files of
 * /sys/class/net/DEV): a poll that found packets ends without unmasking the interrupt, and a timer
 * polls again. So it goes until that many polls in a row found nothing. Meanwhile a thread that
 * polls by itself finds the NAPI free. With the time alone, what GRO holds waits for company that
 * long, and not for the end of the poll.
 *
 * NAPI_STATE_DEFER is set in the NAPIs of devices that want any of it; others never come here.
 * Context: softirq; files under rtnl.
 */
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "core_int.h"

#define GRO_OLD_NS NSEC_PER_MSEC /* what has been held so long waits no longer */

/* Not as an interrupt would: whoever has the NAPI polls anyway, so nothing is missed. */
static u64 poll_again(struct hrtimer *t)
{
	struct napi_struct *n = container_of(t, struct napi_struct, defer_timer);

	if (!test_bit(NAPI_STATE_DISABLE, &n->state) &&
	    !test_and_set_bit(NAPI_STATE_SCHED, &n->state)) {
		clear_bit(NAPI_STATE_PREFER_BUSY_POLL, &n->state);
		__napi_schedule(n);
	}
	return 0;
}

bool napi_complete_deferred(struct napi_struct *n, int work_done)
{
	u64 timeout_ns = 0, limit_ns = READ_ONCE(n->dev->gro_flush_timeout_ns);
	bool hold = false;

	if (test_bit(NAPI_STATE_IN_BUSY_POLL, &n->state)) {
		if (n->gro_bitmask)
			napi_gro_flush(n, ~0ull);
		return false;
	}
	if (work_done) {
		if (n->gro_bitmask)
			timeout_ns = limit_ns;
		n->defer_count = READ_ONCE(n->dev->napi_defer_hard_irqs);
	}
	if (n->defer_count) {
		n->defer_count--;
		timeout_ns = limit_ns;
		hold = timeout_ns;
	}
	if (n->gro_bitmask)
		napi_gro_flush(n, timeout_ns ? ktime_get_ns() - GRO_OLD_NS : ~0ull);
	if (timeout_ns)
		hrtimer_start(&n->defer_timer, ktime_get_ns() + timeout_ns);
	return napi_release(n) && !hold;
}

/* Its thread comes back before long: as if packets had been found. False: nothing is put off. */
bool napi_defer_for_thread(struct napi_struct *n)
{
	if (!READ_ONCE(n->dev->napi_defer_hard_irqs) || !READ_ONCE(n->dev->gro_flush_timeout_ns))
		return false;
	n->defer_count = n->dev->napi_defer_hard_irqs;
	return true;
}

void napi_defer_init(struct napi_struct *n)
{
	n->defer_count = 0;
	hrtimer_setup(&n->defer_timer, poll_again);
}

unsigned long napi_defer_state(const struct napi_struct *n)
{
	return n->dev && (n->dev->napi_defer_hard_irqs || n->dev->gro_flush_timeout_ns)
		       ? 1ul << NAPI_STATE_DEFER
		       : 0;
}

/* -- /sys/class/net/DEV ---------------------------------------------------------------------------
 */

static void apply(struct net_device *dev)
{
	struct napi_struct *n;

	list_for_each_entry(n, &dev->napi_list, dev_list) {
		if (napi_defer_state(n))
			set_bit(NAPI_STATE_DEFER, &n->state);
		else
			clear_bit(NAPI_STATE_DEFER, &n->state); /* its timer is the last */
	}
}

static int parse(const char *text, size_t len, u64 *v)
{
	char digits[24] = "";

	while (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	return kstrtou64(digits, 0, v);
}

static void irqs_show(struct seq_file *m)
{
	const struct net_device *dev = m->private;

	seq_printf(m, "%u\n", READ_ONCE(dev->napi_defer_hard_irqs));
}

int netdev_set_defer_hard_irqs(struct net_device *dev, u64 n)
{
	if (n > INT32_MAX)
		return -ERANGE;
	WRITE_ONCE(dev->napi_defer_hard_irqs, (u32)n);
	apply(dev);
	return 0;
}

void netdev_set_gro_flush_timeout(struct net_device *dev, u64 ns)
{
	WRITE_ONCE(dev->gro_flush_timeout_ns, ns);
	apply(dev);
}

static ssize_t irqs_write(void *private, const char *text, size_t len)
{
	u64 v;
	int err = parse(text, len, &v);

	if (err)
		return err;
	rtnl_lock();
	err = netdev_set_defer_hard_irqs(private, v);
	rtnl_unlock();
	return err ? err : (ssize_t)len;
}

static void timeout_show(struct seq_file *m)
{
	const struct net_device *dev = m->private;

	seq_printf(m, "%llu\n", (unsigned long long)READ_ONCE(dev->gro_flush_timeout_ns));
}

static ssize_t timeout_write(void *private, const char *text, size_t len)
{
	u64 v;
	int err = parse(text, len, &v);

	if (err)
		return err;
	rtnl_lock();
	netdev_set_gro_flush_timeout(private, v);
	rtnl_unlock();
	return (ssize_t)len;
}

static const char path_irqs[] = "/sys/class/net/%s/napi_defer_hard_irqs";
static const char path_timeout[] = "/sys/class/net/%s/gro_flush_timeout";

/* Only the image's own net shows there. Without memory for a file there is none, no more. */
void napi_defer_register(struct net_device *dev)
{
	char path[80];

	if (dev->net != &init_net)
		return;
	snprintf(path, sizeof(path), path_irqs, dev->name);
	proc_create(path, irqs_show, irqs_write, dev);
	snprintf(path, sizeof(path), path_timeout, dev->name);
	proc_create(path, timeout_show, timeout_write, dev);
}

void napi_defer_unregister(struct net_device *dev)
{
	char path[80];

	if (dev->net != &init_net)
		return;
	snprintf(path, sizeof(path), path_irqs, dev->name);
	proc_remove(path);
	snprintf(path, sizeof(path), path_timeout, dev->name);
	proc_remove(path);
}

/* SPDX-License-Identifier: MIT */
/*
 * Receive packet steering: where a device has fewer receive queues than there are CPUs, the CPU
 * that polls it hands each flow, by its hash, to a CPU of the queue's mask, whose backlog takes it
 * up the stack: /sys/class/net/DEV/queues/rx-N/rps_cpus. A mask of 0 (the default) leaves packets
 * where they arrived. net.core.rps_default_mask, written, is the mask of all queues there are and
 * to come.
 *
 * Receive flow steering goes before: with net.core.rps_sock_flow_entries the CPU on which a flow's
 * socket was last read or written takes its packets, of queues whose rps_flow_cnt is not 0. A flow
 * changes CPU only when the old one has none of its packets left, so they stay in order. One table
 * serves all queues; the sysctl sets their rps_flow_cnt to its size.
 *
 * Context: softirq. The hash is keyed, and the same for both directions of a flow.
 */
#include <kernel/atomic.h>
#include <kernel/mm.h>
#include <kernel/rcu.h>
#include <kernel/vfs.h>
#include <lib/bitops.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <linux/if_ether.h>
#include <net/sock.h>

#include "core_int.h"

#define RPS_FLOWS_MAX 65536u

static u64 online_mask(void)
{
	unsigned n = num_online_cpus();

	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

/* -- by socket -------------------------------------------------------------------------------- */

/* A slot, shared by the flows whose hash leads to it. CPUs count from 1 here; 0: none. */
struct rps_flow {
	u16 want;      /* where a socket of it was used last [a] */
	u16 cpu;       /* where its packets go [a] */
	u32 last_tail; /* input_queue_tail of that CPU behind the last of them [a] */
};

struct rps_flows {
	u32 mask;
	struct rps_flow flow[];
};

bool rfs_wanted;
static bool rps_wanted; /* somebody has set a mask, or the table, once [a] */

static size_t flows_bytes(u32 entries)
{
	return sizeof(struct rps_flows) + entries * sizeof(struct rps_flow);
}

/* A CPU counted from 1, or 0. *tail: where to note how far its queue is with this packet. */
static unsigned flow_cpu(struct rps_flow *f, u32 **tail)
{
	u16 want = READ_ONCE(f->want), cpu = READ_ONCE(f->cpu);

	if (!want)
		return 0;
	if (cpu != want) {
		const struct softnet_data *sd = cpu ? &per_cpu(softnet_data, cpu - 1) : NULL;

		if (!sd || (s32)(READ_ONCE(sd->input_queue_head) - READ_ONCE(f->last_tail)) >= 0) {
			cpu = want;
			WRITE_ONCE(f->last_tail,
				   READ_ONCE(per_cpu(softnet_data, cpu - 1).input_queue_head));
			WRITE_ONCE(f->cpu, cpu);
		}
	}
	*tail = &f->last_tail;
	return cpu;
}

void rps_record_sock(const struct sock *sk)
{
	struct rps_flows *t;
	u16 cpu = (u16)(smp_processor_id() + 1);

	if (sk->sk_family != AF_INET || be32_is_zero(sk->sk_daddr))
		return;
	rcu_read_lock();
	t = rcu_dereference(sock_net(sk)->core->rps_flows);
	if (t) {
		u32 hash = flow_hash_ipv4(sk->sk_daddr, sk->sk_rcv_saddr, sk->sk_dport,
					  be16_make(sk->sk_num), sk->sk_protocol);
		struct rps_flow *f = &t->flow[hash & t->mask];

		if (READ_ONCE(f->want) != cpu)
			WRITE_ONCE(f->want, cpu);
	}
	rcu_read_unlock();
}

static int entries_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	const struct rps_flows *flows;
	u32 n;

	rcu_read_lock();
	flows = rcu_dereference(*(struct rps_flows **)data);
	n = flows ? flows->mask + 1 : 0;
	rcu_read_unlock();
	return scnprintf(text, size, "%u", n);
}

static void set_flow_cnt(struct netdev_rx_queue *q, u32 n)
{
	if (n)
		WRITE_ONCE(rps_wanted, true);
	WRITE_ONCE(q->rps_flow_cnt, n);
}

/* Rounded up to a power of two. */
static int entries_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	struct netns_core *core =
		container_of((struct rps_flows **)data, struct netns_core, rps_flows);
	struct rps_flows *new = NULL, *old;
	struct net_device *dev;
	u32 n;

	if (kstrtou32(text, 10, &n) || n > RPS_FLOWS_MAX)
		return -EINVAL;
	if (n) {
		n = (u32)roundup_pow_of_two(n);
		new = kvzalloc(flows_bytes(n), GFP_KERNEL);
		if (!new)
			return -ENOMEM;
		new->mask = n - 1;
	}
	rtnl_lock();
	old = xchg(&core->rps_flows, new);
	WRITE_ONCE(rfs_wanted, new != NULL);
	core->rps_default_flow_cnt = n;
	for_each_netdev(core->net, dev) {
		for (unsigned i = 0; i < dev->num_rx_queues; i++)
			set_flow_cnt(&dev->rx[i], n);
	}
	rtnl_unlock();
	synchronize_rcu();
	if (old)
		kvfree(old, flows_bytes(old->mask + 1));
	return 0;
}

const struct ctl_ops ctl_rps_flows = {entries_read, entries_write};

void rps_flows_free(struct rps_flows *flows)
{
	if (flows)
		kvfree(flows, flows_bytes(flows->mask + 1));
}

/* -- the choice ------------------------------------------------------------------------------- */

bool rps_active(void)
{
	return READ_ONCE(rps_wanted);
}

unsigned rps_cpu(struct sk_buff *skb, u32 **tail)
{
	const struct net_device *dev = skb->dev;
	const struct netdev_rx_queue *q;
	struct rps_flows *flows = NULL;
	unsigned n;
	u64 mask;

	if (likely(!READ_ONCE(rps_wanted)))
		return smp_processor_id();
	q = &dev->rx[skb->queue_mapping < dev->num_rx_queues ? skb->queue_mapping : 0];
	mask = READ_ONCE(q->rps_mask) & online_mask();
	if (READ_ONCE(q->rps_flow_cnt))
		flows = rcu_dereference(dev_net(dev)->core->rps_flows);
	if ((!mask && !flows) || (skb->protocol.wire != BE16(ETH_P_IP).wire &&
				  skb->protocol.wire != BE16(ETH_P_IPV6).wire))
		return smp_processor_id();
	/* Sockets note their flows by our own hash, whatever a device has computed. */
	n = flows ? flow_cpu(&flows->flow[skb_flow_hash(skb) & flows->mask], tail) : 0;
	if (n)
		return n - 1;
	if (!mask)
		return smp_processor_id();
	n = reciprocal_scale(skb_get_hash(skb), hweight64(mask));
	while (n--)
		mask &= mask - 1;
	return bit_ffs(mask) - 1;
}

/* -- a full backlog --------------------------------------------------------------------------- */

/*
 * One flow that comes faster than its CPU can take must not cost the others their packets. Of the
 * packets that found the backlog's last quarter begun, a flow may have the part of that quarter
 * that is still free: all of them at first, less the fuller it gets. So the heavy ones are cut,
 * and there is room for who sends little.
 */
bool rps_flow_limit(struct softnet_data *sd, u32 hash, u32 max)
{
	struct flow_limit *fl = &sd->flow_limit;
	u32 len = sd->input_pkt_queue.qlen, n;
	u8 bucket = (u8)hash_32(hash, 8), *slot = &fl->history[fl->head];

	if (likely(len < max - max / 4) || len >= max)
		return false;
	if (fl->count[*slot])
		fl->count[*slot]--;
	*slot = bucket;
	fl->head = (fl->head + 1) % FLOW_HISTORY;
	n = ++fl->count[bucket];
	if (n == 1 || (u64)n * max <= (u64)FLOW_HISTORY * 4 * (max - len))
		return false;
	sd->flow_limit_count++;
	return true;
}

/* -- masks, in hexadecimal as Linux has them ----------------------------------------------------
 */

int cpumask_parse(const char *text, size_t len, u64 *mask)
{
	char digits[20];
	size_t n = 0;

	for (size_t i = 0; i < len && text[i] != '\n'; i++) {
		if (text[i] == ',') /* groups of 32 bits */
			continue;
		if (n == sizeof(digits) - 1)
			return -EINVAL;
		digits[n++] = text[i];
	}
	digits[n] = '\0';
	return kstrtou64(digits, 16, mask) ? -EINVAL : 0;
}

static void set_mask(struct netdev_rx_queue *q, u64 mask)
{
	if (mask)
		WRITE_ONCE(rps_wanted, true);
	WRITE_ONCE(q->rps_mask, mask);
}

static void set_masks(struct net_device *dev, u64 mask)
{
	for (unsigned i = 0; i < dev->num_rx_queues; i++)
		set_mask(&dev->rx[i], mask);
}

static int default_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	return scnprintf(text, size, "%llx", READ_ONCE(*(u64 *)data));
}

static int default_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	struct netns_core *core = container_of((u64 *)data, struct netns_core, rps_default_mask);
	struct net_device *dev;
	u64 v;
	int err = cpumask_parse(text, len, &v);

	if (err)
		return err;
	rtnl_lock();
	WRITE_ONCE(core->rps_default_mask, v);
	for_each_netdev(core->net, dev)
		set_masks(dev, v);
	rtnl_unlock();
	return 0;
}

const struct ctl_ops ctl_rps_mask = {default_read, default_write};

/* -- /sys/class/net/DEV/queues/rx-N --------------------------------------------------------------
 */

static void cpus_show(struct seq_file *m)
{
	const struct netdev_rx_queue *q = m->private;

	seq_printf(m, "%llx\n", READ_ONCE(q->rps_mask));
}

static ssize_t cpus_write(void *private, const char *text, size_t len)
{
	u64 mask;
	int err = cpumask_parse(text, len, &mask);

	if (err)
		return err;
	set_mask(private, mask);
	return (ssize_t)len;
}

static void flow_cnt_show(struct seq_file *m)
{
	const struct netdev_rx_queue *q = m->private;

	seq_printf(m, "%u\n", READ_ONCE(q->rps_flow_cnt));
}

static ssize_t flow_cnt_write(void *private, const char *text, size_t len)
{
	struct netdev_rx_queue *q = private;
	char digits[12] = "";
	u32 n;

	while (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	if (kstrtou32(digits, 10, &n) || n > RPS_FLOWS_MAX)
		return -EINVAL;
	set_flow_cnt(q, n ? (u32)roundup_pow_of_two(n) : 0);
	return (ssize_t)len;
}

static void queue_path(const struct net_device *dev, unsigned i, const char *file, char *path,
		       size_t size)
{
	snprintf(path, size, "/sys/class/net/%s/queues/rx-%u%s", dev->name, i, file);
}

static void rps_remove(const struct net_device *dev, unsigned i)
{
	static const char *const files[] = {"/rps_cpus", "/rps_flow_cnt", ""};
	char path[80];

	for (unsigned k = 0; k < ARRAY_SIZE(files); k++) {
		queue_path(dev, i, files[k], path, sizeof(path));
		proc_remove(path);
	}
}

/* A queue that comes has the defaults. Only the image's own net shows there; without memory for a
 * file there is none, no more. */
void rps_resize(struct net_device *dev, unsigned from, unsigned to)
{
	const struct netns_core *core = dev->net->core;
	char path[80];

	for (unsigned i = from; i < to; i++) {
		set_mask(&dev->rx[i], core->rps_default_mask);
		set_flow_cnt(&dev->rx[i], core->rps_default_flow_cnt);
	}
	if (dev->net != &init_net)
		return;
	for (unsigned i = from; i < to; i++) {
		queue_path(dev, i, "/rps_cpus", path, sizeof(path));
		proc_create(path, cpus_show, cpus_write, &dev->rx[i]);
		queue_path(dev, i, "/rps_flow_cnt", path, sizeof(path));
		proc_create(path, flow_cnt_show, flow_cnt_write, &dev->rx[i]);
	}
	for (unsigned i = to; i < from; i++)
		rps_remove(dev, i);
}

void rps_register(struct net_device *dev)
{
	rps_resize(dev, 0, netdev_rx_queues_used(dev));
}

void rps_unregister(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_rx_queues && dev->net == &init_net; i++)
		rps_remove(dev, i);
}

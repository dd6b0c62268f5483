/* SPDX-License-Identifier: MIT */
/*
 * Receive packet steering: where a device has fewer receive queues than there are CPUs, the CPU
 * that polls it hands each flow, by its hash, to a CPU of the mask net.core.rps_default_mask, whose
 * backlog takes it up the stack. A mask of 0 (the default) leaves packets where they arrived.
 *
 * Receive flow steering goes before: with net.core.rps_sock_flow_entries the CPU on which a flow's
 * socket was last read or written takes its packets. A flow changes CPU only when the old one has
 * none of its packets left, so they stay in order.
 *
 * Context: softirq. The hash is keyed, and the same for both directions of a flow.
 */
#include <kernel/atomic.h>
#include <kernel/mm.h>
#include <kernel/rcu.h>
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
	t = rcu_dereference(net_core_params()->rps_flows);
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

/* Rounded up to a power of two. */
static int entries_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	struct rps_flows **slot = data, *new = NULL, *old;
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
	old = xchg(slot, new);
	WRITE_ONCE(rfs_wanted, new != NULL);
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

unsigned rps_cpu(struct sk_buff *skb, u32 **tail)
{
	const struct netns_core *params = net_core_params();
	u64 mask = READ_ONCE(params->rps_default_mask) & online_mask();
	struct rps_flows *flows = rcu_dereference(params->rps_flows);
	unsigned n;

	if (likely(!mask && !flows) || (skb->protocol.wire != BE16(ETH_P_IP).wire &&
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

/* -- the mask, in hexadecimal as Linux has it ----------------------------------------------------
 */

static int mask_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	return scnprintf(text, size, "%llx", READ_ONCE(*(u64 *)data));
}

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

static int mask_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	u64 v;
	int err = cpumask_parse(text, len, &v);

	if (!err)
		WRITE_ONCE(*(u64 *)data, v);
	return err;
}

const struct ctl_ops ctl_cpumask = {mask_read, mask_write};

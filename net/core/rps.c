/* SPDX-License-Identifier: MIT */
/*
 * Receive packet steering: where a device has fewer receive queues than there are CPUs, the CPU
 * that polls it hands each flow, by its hash, to a CPU of the mask net.core.rps_default_mask, whose
 * backlog takes it up the stack. A mask of 0 (the default) leaves packets where they arrived.
 *
 * Context: softirq. The hash is keyed, and the same for both directions of a flow.
 */
#include <kernel/atomic.h>
#include <lib/bitops.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <linux/if_ether.h>

#include "core_int.h"

static u64 online_mask(void)
{
	unsigned n = num_online_cpus();

	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

unsigned rps_cpu(struct sk_buff *skb)
{
	u64 mask = READ_ONCE(net_core_params()->rps_default_mask) & online_mask();
	unsigned n;

	if (likely(!mask) || (skb->protocol.wire != BE16(ETH_P_IP).wire &&
			      skb->protocol.wire != BE16(ETH_P_IPV6).wire))
		return smp_processor_id();
	n = reciprocal_scale(skb_get_hash(skb), hweight64(mask));
	while (n--)
		mask &= mask - 1;
	return bit_ffs(mask) - 1;
}

/* -- the mask, in hexadecimal as Linux has it ----------------------------------------------------
 */

static int mask_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	return scnprintf(text, size, "%llx", READ_ONCE(*(u64 *)data));
}

static int mask_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	char digits[20];
	size_t n = 0;
	u64 v;

	for (size_t i = 0; i < len && text[i] != '\n'; i++) {
		if (text[i] == ',') /* groups of 32 bits */
			continue;
		if (n == sizeof(digits) - 1)
			return -EINVAL;
		digits[n++] = text[i];
	}
	digits[n] = '\0';
	if (kstrtou64(digits, 16, &v))
		return -EINVAL;
	WRITE_ONCE(*(u64 *)data, v);
	return 0;
}

const struct ctl_ops ctl_cpumask = {mask_read, mask_write};

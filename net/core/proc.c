/* SPDX-License-Identifier: MIT */
/*
 * /proc/net files of the core, in Linux's formats: dev, softnet_stat, ptype; and drop_reasons, our
 * own: name, count and sentence of each reason that occurred. Thread context.
 */
#include <kernel/vfs.h>
#include <lib/err.h>
#include <linux/if_ether.h>

#include "core_int.h"

static void dev_show_one(struct seq_file *m, struct net_device *dev)
{
	struct rtnl_link_stats64_k s;

	dev_get_stats(dev, &s);
	seq_printf(m,
		   "%6s: %7llu %7llu %4llu %4llu %4llu %5llu %10llu %9llu "
		   "%8llu %7llu %4llu %4llu %4llu %5llu %7llu %10llu\n",
		   dev->name, s.rx_bytes, s.rx_packets, s.rx_errors,
		   s.rx_dropped + s.rx_missed_errors, s.rx_fifo_errors,
		   s.rx_length_errors + s.rx_over_errors + s.rx_crc_errors + s.rx_frame_errors,
		   s.rx_compressed, s.multicast, s.tx_bytes, s.tx_packets, s.tx_errors,
		   s.tx_dropped, s.tx_fifo_errors, s.collisions,
		   s.tx_carrier_errors + s.tx_aborted_errors + s.tx_window_errors +
			   s.tx_heartbeat_errors,
		   s.tx_compressed);
}

static void dev_show(struct seq_file *m)
{
	struct net *net = m->private;
	struct net_device *dev;

	seq_puts(m, "Inter-|   Receive                                                |"
		    "  Transmit\n"
		    " face |bytes    packets errs drop fifo frame compressed multicast|"
		    "bytes    packets errs drop fifo colls carrier compressed\n");
	rtnl_lock();
	for_each_netdev(net, dev)
		dev_show_one(m, dev);
	rtnl_unlock();
}

static void softnet_show(struct seq_file *m)
{
	for_each_cpu(cpu) {
		const struct softnet_data *sd = &per_cpu(softnet_data, cpu);

		seq_printf(m,
			   "%08x %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x %08x "
			   "%08x %08x\n",
			   sd->processed, sd->dropped, sd->time_squeeze, 0, 0, 0, 0, 0,
			   sd->cpu_collision, sd->received_rps, sd->flow_limit_count,
			   sd->input_pkt_queue.qlen + sd->process_queue.qlen, cpu,
			   sd->input_pkt_queue.qlen, sd->process_queue.qlen);
	}
}

extern const struct packet_type *const __start_packet_types[] __weak;
extern const struct packet_type *const __stop_packet_types[] __weak;

static void ptype_show(struct seq_file *m)
{
	const struct packet_type *const *p;

	seq_puts(m, "Type Device      Function\n");
	section_for_each(p, packet_types) {
		if ((*p)->type == ETH_P_ALL)
			seq_puts(m, "ALL ");
		else
			seq_printf(m, "%04x", (*p)->type);
		seq_printf(m, " %-8s    %pS\n", "", (void *)(uintptr_t)(*p)->func);
	}
}

#define X(name, text) text,
static const char *const drop_texts[] = {DROP_REASONS(X)};
#undef X

static void drops_show(struct seq_file *m)
{
	for (unsigned r = SKB_DROP_REASON_NOT_SPECIFIED; r < NR_SKB_DROP_REASONS; r++) {
		u64 n = skb_drop_count((enum skb_drop_reason)r);

		if (n)
			seq_printf(m, "%-24s %10llu  %s\n",
				   skb_drop_reason_name((enum skb_drop_reason)r), n,
				   drop_texts[r - SKB_DROP_REASON_NOT_SPECIFIED]);
	}
}

static const struct {
	const char *name;
	void (*show)(struct seq_file *m);
} files[] = {
	{"dev", dev_show},
	{"softnet_stat", softnet_show},
	{"ptype", ptype_show},
	{"drop_reasons", drops_show},
};

int net_core_proc_init(struct net *net)
{
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		int err = proc_net_create(net, files[i].name, files[i].show, NULL, NULL);

		if (err)
			return err;
	}
	return 0;
}

void net_core_proc_exit(struct net *net)
{
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		proc_net_remove(net, files[i].name);
}

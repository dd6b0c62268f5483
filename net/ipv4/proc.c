/* SPDX-License-Identifier: MIT */
/*
 * /proc/net/snmp, netstat and sockstat, in Linux's formats: pairs of lines, names and values.
 */
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "ipv4_int.h"

#define X(id, text) text,
static const char *const ip_names[] = {IPSTATS_MIB(X)};
static const char *const ipext_names[] = {IPEXT_MIB(X)};
static const char *const icmp_names[] = {ICMP_MIB(X)};
static const char *const udp_names[] = {UDP_MIB(X)};
static const char *const tcp_names[] = {TCP_MIB(X)};
static const char *const linux_names[] = {LINUX_MIB(X)};
#undef X

static u64 mib_sum(const struct net *net, size_t offset)
{
	u64 sum = 0;

	for_each_cpu(cpu)
		sum += *(const u64 *)(const void *)((const u8 *)net->mib[cpu] + offset);
	return sum;
}

/* prefix: names and values of what precedes the counters in the line. */
static void show_block(struct seq_file *m, const char *label, const char *const *names, unsigned n,
		       size_t offset, const char *pre_names, const char *pre_values)
{
	const struct net *net = m->private;

	seq_printf(m, "%s:%s", label, pre_names);
	for (unsigned i = 0; i < n; i++)
		seq_printf(m, " %s", names[i]);
	seq_printf(m, "\n%s:%s", label, pre_values);
	for (unsigned i = 0; i < n; i++)
		seq_printf(m, " %lld", (s64)mib_sum(net, offset + i * sizeof(u64)));
	seq_puts(m, "\n");
}

#define SHOW(m, label, names, member, pre_n, pre_v)                                             \
	show_block(m, label, names, ARRAY_SIZE(names), offsetof(struct net_mib, member), pre_n, \
		   pre_v)

#define ICMPMSG_ROWS 512 /* 256 types in, 256 out */

static u64 icmpmsg(const struct net *net, unsigned i)
{
	size_t base = i < 256 ? offsetof(struct net_mib, icmpmsg_in)
			      : offsetof(struct net_mib, icmpmsg_out);

	return mib_sum(net, base + (i & 255) * sizeof(u64));
}

/* The types that were seen; no block at all where none was: nstat takes no empty one. */
static void show_icmpmsg(struct seq_file *m)
{
	bool any = false;

	for (unsigned i = 0; i < ICMPMSG_ROWS; i++) {
		if (icmpmsg(m->private, i)) {
			seq_printf(m, "%s %sType%u", any ? "" : "IcmpMsg:", i < 256 ? "In" : "Out",
				   i & 255);
			any = true;
		}
	}
	if (!any)
		return;
	seq_puts(m, "\nIcmpMsg:");
	for (unsigned i = 0; i < ICMPMSG_ROWS; i++) {
		u64 v = icmpmsg(m->private, i);

		if (v)
			seq_printf(m, " %llu", v);
	}
	seq_puts(m, "\n");
}

static void snmp_show(struct seq_file *m)
{
	const struct net *net = m->private;
	char values[32];

	snprintf(values, sizeof(values), " %d %d", net->ipv4->ip_forward ? 1 : 2,
		 ip_default_ttl(net));
	SHOW(m, "Ip", ip_names, ip, " Forwarding DefaultTTL", values);
	SHOW(m, "Icmp", icmp_names, icmp, "", "");
	show_icmpmsg(m);
	SHOW(m, "Tcp", tcp_names, tcp, " RtoAlgorithm RtoMin RtoMax MaxConn", " 1 200 120000 -1");
	SHOW(m, "Udp", udp_names, udp, "", "");
}

static void netstat_show(struct seq_file *m)
{
	SHOW(m, "TcpExt", linux_names, linux_, "", "");
	SHOW(m, "IpExt", ipext_names, ipext, "", "");
}

static void frag_show(struct seq_file *m)
{
	const struct net *net = m->private;

	seq_printf(m, "FRAG: inuse %u memory %d\n", net->ipv4->frag_queues,
		   atomic_read(&net->ipv4->frag_mem));
}

/* Linux's columns, a line a CPU; what there is nothing of is 0, in Linux too. */
static void rt_cache_show(struct seq_file *m)
{
	enum { NONE = __RT_MIB_MAX };
	static const u8 column[] = {NONE,
				    NONE,
				    RT_MIB_IN_SLOW_TOT,
				    RT_MIB_IN_SLOW_MC,
				    RT_MIB_IN_NO_ROUTE,
				    RT_MIB_IN_BRD,
				    RT_MIB_IN_MARTIAN_DST,
				    RT_MIB_IN_MARTIAN_SRC,
				    NONE,
				    RT_MIB_OUT_SLOW_TOT,
				    RT_MIB_OUT_SLOW_MC,
				    NONE,
				    NONE,
				    NONE,
				    NONE,
				    NONE,
				    NONE};
	const struct net *net = m->private;

	seq_puts(m, "entries in_hit in_slow_tot in_slow_mc in_no_route in_brd in_martian_dst "
		    "in_martian_src out_hit out_slow_tot out_slow_mc gc_total gc_ignored "
		    "gc_goal_miss gc_dst_overflow in_hlist_search out_hlist_search\n");
	for_each_cpu(cpu) {
		u64 count[NONE + 1] = {0};

		memcpy(count, net->mib[cpu]->rt, sizeof(net->mib[cpu]->rt));
		for (unsigned i = 0; i < ARRAY_SIZE(column); i++)
			seq_printf(m, "%08x%c", (u32)count[column[i]],
				   i + 1 < ARRAY_SIZE(column) ? ' ' : '\n');
	}
}

static const struct {
	const char *name;
	void (*show)(struct seq_file *m);
} files[] = {{"snmp", snmp_show},
	     {"netstat", netstat_show},
	     {"ip_frag", frag_show},
	     {"stat/rt_cache", rt_cache_show}};

int ip_proc_init(struct net *net)
{
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		int err = proc_net_create(net, files[i].name, files[i].show, NULL, NULL);

		if (err)
			return err;
	}
	return 0;
}

void ip_proc_exit(struct net *net)
{
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		proc_net_remove(net, files[i].name);
}

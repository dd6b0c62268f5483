/* SPDX-License-Identifier: MIT */
/*
 * struct net: one network stack's whole state (Linux's network namespace): devices, addresses,
 * routes, neighbours, sockets, sysctls, counters. Bare metal has init_net; the simulator makes
 * several in one process. Each protocol declares its part in include/net/netns_*.h and fills it
 * in by its pernet init function.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <lib/list.h>
#include <net/snmp.h>
#include <sys/types.h>

struct net_device;
struct netns_core;
struct netns_ipv4;
struct netns_tcp;
struct netns_udp;
struct netns_ipv6;

struct net {
	const char *name;
	struct list_head list;          /* [net_list lock] all nets */
	struct list_head dev_base_head; /* [rcu, rtnl] */
	u32 ifindex_next;
	u32 dev_base_seq;
	struct net_device *loopback_dev;
	bool rx_early; /* [a] packets are shown to struct packet_type's rx_early first */
	struct net_mib *mib[MAX_CPUS]; /* [I] counters, a copy a CPU */
	/* Parts, allocated by their owners' pernet init. */
	struct netns_core *core;
	struct netns_ipv4 *ipv4;
	struct netns_udp *udp;
	struct netns_tcp *tcp;
	struct netns_ipv6 *ipv6;
};

extern struct net init_net;

/* A protocol's hooks, run for each net in the order of `order` (exit: in reverse). init: 0 or
 * -errno, after which the net is torn down again. */
struct pernet_ops {
	int order; /* PERNET_* */
	const char *name;
	int (*init)(struct net *net);
	void (*exit)(struct net *net);
};
enum {
	PERNET_CORE = 0,
	PERNET_NEIGH = 10,
	PERNET_IP = 20,
	PERNET_TRANSPORT = 30,
	PERNET_LATE = 40
};

#define PERNET_OPS(sym)                                   \
	static const struct pernet_ops *const sym##_entry \
		__attribute__((section("pernet_ops"), used)) = &(sym)

/* Set up a net (counters, loopback device, every pernet part) / tear it down: all its devices must
 * be unregistered and sockets closed; what is left over is reported. Thread context. */
int net_init(struct net *net, const char *name);
void net_exit(struct net *net);

/* A synthetic file /proc/net/<name> of this net (of nets other than init_net:
 * /proc/netns/<net's name>/<name>); show finds priv, or net where priv is NULL, in m->private. */
struct seq_file;
int proc_net_create(struct net *net, const char *name, void (*show)(struct seq_file *m),
		    ssize_t (*write)(void *private, const char *text, size_t len), void *priv);
void proc_net_remove(struct net *net, const char *name);

/* Counters: NET_INC_STATS(net, LINUX_MIB_X), see snmp.h. */
#define NET_MIB(net) ((net)->mib[smp_processor_id()])

#endif

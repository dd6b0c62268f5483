/* SPDX-License-Identifier: MIT */
/*
 * struct net: set up and torn down, part by part in the order that the parts ask for. Bare metal
 * has init_net only; tests and the simulator make several. Thread context.
 */
#include <net/net.h>

#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/sysctl.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <net/netdevice.h>

#include "core_int.h"

struct net init_net;

extern const struct pernet_ops *const __start_pernet_ops[] __weak;
extern const struct pernet_ops *const __stop_pernet_ops[] __weak;

static LIST_HEAD(net_list); /* [rtnl] */

/* -- sysctls of net.core -------------------------------------------------------------------- */

/* net->core, with what is nobody else's business. */
struct core_state {
	struct netns_core core; /* first */
	struct ctl_header ctl;
};

static const struct netns_core core_defaults = {
	.somaxconn = 4096,
	.netdev_max_backlog = 1000,
	.netdev_budget = 300,
	.netdev_budget_usecs = 2000,
	.dev_weight = NAPI_POLL_WEIGHT,
	.rmem_default = 212992,
	.rmem_max = 212992,
	.wmem_default = 212992,
	.wmem_max = 212992,
	.optmem_max = 131072,
	.default_qdisc = "pfifo_fast",
};

#define CORE_INT(field, lo, hi)                                                           \
	{                                                                                 \
		.name = #field, .offset = offsetof(struct netns_core, field), .count = 1, \
		.mode = 0644, .min = (lo), .max = (hi), .ops = &ctl_int                   \
	}
static const struct ctl_table core_table[] = {
	CORE_INT(somaxconn, 0, 65535),
	CORE_INT(netdev_max_backlog, 0, INT32_MAX),
	CORE_INT(netdev_budget, 1, INT32_MAX),
	CORE_INT(netdev_budget_usecs, 1, INT32_MAX),
	CORE_INT(dev_weight, 1, INT32_MAX),
	CORE_INT(busy_read, 0, INT32_MAX),
	CORE_INT(busy_poll, 0, INT32_MAX),
	CORE_INT(rmem_default, 256, INT32_MAX),
	CORE_INT(rmem_max, 256, INT32_MAX),
	CORE_INT(wmem_default, 4608, INT32_MAX),
	CORE_INT(wmem_max, 4608, INT32_MAX),
	CORE_INT(optmem_max, 0, INT32_MAX),
	{.name = "rps_default_mask",
	 .offset = offsetof(struct netns_core, rps_default_mask),
	 .count = 1,
	 .mode = 0644,
	 .ops = &ctl_rps_mask},
	{.name = "rps_sock_flow_entries",
	 .offset = offsetof(struct netns_core, rps_flows),
	 .count = 1,
	 .mode = 0644,
	 .ops = &ctl_rps_flows},
	{.name = "default_qdisc",
	 .offset = offsetof(struct netns_core, default_qdisc),
	 .count = 1,
	 .mode = 0644,
	 .max = sizeof_field(struct netns_core, default_qdisc),
	 .ops = &ctl_string},
};

const struct netns_core *net_core_params(void)
{
	return init_net.core ? init_net.core : &core_defaults;
}

static int core_net_init(struct net *net)
{
	struct core_state *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->core = core_defaults;
	s->core.net = net;
	net->core = &s->core;
	sysctl_register(&s->ctl, "net/core", core_table, ARRAY_SIZE(core_table), net->core);
	return net_core_proc_init(net);
}

static void core_net_exit(struct net *net)
{
	struct core_state *s = container_of(net->core, struct core_state, core);

	net_core_proc_exit(net);
	sysctl_unregister(&s->ctl);
	rps_flows_free(s->core.rps_flows);
	net->core = NULL;
	kfree(s);
}

static const struct pernet_ops core_pernet = {
	.order = PERNET_CORE, .name = "core", .init = core_net_init, .exit = core_net_exit};
PERNET_OPS(core_pernet);

/* After every protocol: they learn of lo by its notifications, like of any other device. */
static const struct pernet_ops loopback_pernet = {
	.order = PERNET_LATE, .name = "loopback", .init = loopback_net_init};
PERNET_OPS(loopback_pernet);

/* -- /proc/net -------------------------------------------------------------------------------- */

static void proc_net_path(const struct net *net, const char *name, char *path, size_t size)
{
	if (net == &init_net)
		snprintf(path, size, "/proc/net/%s", name);
	else
		snprintf(path, size, "/proc/netns/%s/%s", net->name, name);
}

int proc_net_create(struct net *net, const char *name, void (*show)(struct seq_file *m),
		    ssize_t (*write)(void *private, const char *text, size_t len), void *priv)
{
	char path[96];

	proc_net_path(net, name, path, sizeof(path));
	return proc_create(path, show, write, priv ? priv : net);
}

void proc_net_remove(struct net *net, const char *name)
{
	char path[96];

	proc_net_path(net, name, path, sizeof(path));
	proc_remove(path);
}

/* -- nets ----------------------------------------------------------------------------------------
 */

static bool pernet_before(const struct pernet_ops *a, const struct pernet_ops *b)
{
	return a->order < b->order || (a->order == b->order && a < b);
}

/* The parts in order, one after prev (NULL: the first); or, backward, the one before. */
static const struct pernet_ops *pernet_step(const struct pernet_ops *prev, bool backward)
{
	const struct pernet_ops *best = NULL, *const * p;

	section_for_each(p, pernet_ops) {
		const struct pernet_ops *o = *p;

		if (backward) {
			if ((!prev || pernet_before(o, prev)) && (!best || pernet_before(best, o)))
				best = o;
		} else {
			if ((!prev || pernet_before(prev, o)) && (!best || pernet_before(o, best)))
				best = o;
		}
	}
	return best;
}

/* Undo the parts before stop (NULL: all). */
static void pernet_undo(struct net *net, const struct pernet_ops *stop)
{
	for (const struct pernet_ops *o = pernet_step(stop, true); o; o = pernet_step(o, true)) {
		if (o->exit)
			o->exit(net);
	}
}

static void net_free_mibs(struct net *net)
{
	for_each_cpu(cpu) {
		kfree(net->mib[cpu]);
		net->mib[cpu] = NULL;
	}
}

int net_init(struct net *net, const char *name)
{
	int err = 0;

	memset(net, 0, sizeof(*net));
	net->name = name;
	INIT_LIST_HEAD(&net->dev_base_head);
	for_each_cpu(cpu) {
		net->mib[cpu] = kzalloc(sizeof(struct net_mib), GFP_KERNEL);
		if (!net->mib[cpu]) {
			net_free_mibs(net);
			return -ENOMEM;
		}
	}
	rtnl_lock();
	list_add_tail(&net->list, &net_list);
	rtnl_unlock();
	for (const struct pernet_ops *o = pernet_step(NULL, false); o; o = pernet_step(o, false)) {
		err = o->init ? o->init(net) : 0;
		if (!err)
			continue;
		pr_err("net %s: %s: error %d", name, o->name, -err);
		pernet_undo(net, o);
		rtnl_lock();
		list_del(&net->list);
		rtnl_unlock();
		net_free_mibs(net);
		return err;
	}
	return 0;
}

void net_exit(struct net *net)
{
	struct net_device *dev, *lo = net->loopback_dev;

	for_each_netdev(net, dev) {
		if (dev != lo)
			pr_err("net %s: device %s is still registered", net->name, dev->name);
	}
	if (lo) {
		net->loopback_dev = NULL;
		unregister_netdev(lo);
		free_netdev(lo);
	}
	pernet_undo(net, NULL);
	synchronize_rcu();
	rtnl_lock();
	list_del(&net->list);
	rtnl_unlock();
	net_free_mibs(net);
}

/* Before every initcall of a driver: devices register in init_net. */
static int net_subsys_init(void)
{
	skbuff_init();
	rtnl_init();
	net_dev_init();
	return net_init(&init_net, "init_net");
}
DEFINE_INITCALL(INIT_NET, net_subsys_init);

/* SPDX-License-Identifier: MIT */
/* One stack with one device: a host of the seeds' world, or an end of the flows that are measured.
 */
#include "sim.h"

#include <net/inetdevice.h>

struct net_device *sim_stack_up(struct net *net, const char *name, u32 ip,
				const struct fakedev_config *config)
{
	struct net_device *dev;
	int err;

	if (net_init(net, name))
		sim_fail("net_init");
	dev = fakedev_create(net, config);
	rtnl_lock();
	err = dev_open(dev);
	if (!err)
		err = inet_addr_add(dev, be32_make(ip), 24, be32_make(SIM_SUBNET + 255),
				    RT_SCOPE_UNIVERSE);
	rtnl_unlock();
	if (err)
		sim_fail("device: %d", err);
	return dev;
}

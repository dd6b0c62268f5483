/* SPDX-License-Identifier: MIT */
/*
 * rtnl: the mutex of network configuration. Devices, addresses and routes are changed by its
 * holder only; readers on the data path use RCU. One for all nets, as in Linux. Thread context.
 */
#include "core_int.h"

static struct mutex rtnl_mutex;

void rtnl_lock(void)
{
	mutex_lock(&rtnl_mutex);
}

void rtnl_unlock(void)
{
	mutex_unlock(&rtnl_mutex);
}

bool rtnl_is_locked(void)
{
	return mutex_is_mine(&rtnl_mutex);
}

void rtnl_init(void)
{
	mutex_init(&rtnl_mutex);
}

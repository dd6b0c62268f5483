/* SPDX-License-Identifier: MIT */
/*
 * packetdrill's wire: raw IP packets in and out of a device that needs no address resolution and
 * takes super-packets, as Linux's tun does. Who the script is to be is not told to the stack, so
 * every address that a script is seen to use is made one of ours.
 */
#include <arpa/inet.h>
#include <kernel/time.h>
#include <lib/checksum.h>
#include <net/inetdevice.h>
#include <net/ip_route.h>
#include <net/net.h>
#include <net/netdevice.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_int.h"
#include "host/netdev.h"
#include "host/packetdrill/pd_int.h"

#define DEFAULT_LOCAL  "192.168.0.1"
#define DEFAULT_PREFIX 16
#define NEVER_NS       (24 * 3600 * NSEC_PER_SEC)
#define ETH_BYTES      14

static struct net_device *dev;

/* --- addresses -------------------------------------------------------------------------------- */

void pd_device_address(u32 addr)
{
	be32 a = {addr};

	if (!addr || inet_addr_is_local(&init_net, a) || (ntohl(addr) >> 28) == 14)
		return;
	rtnl_lock();
	inet_addr_add(dev, a, DEFAULT_PREFIX, (be32){0}, RT_SCOPE_UNIVERSE);
	rtnl_unlock();
}

/* Everything else is behind the device. */
static void default_route(void)
{
	struct fib_config route = {.type = RTN_UNICAST,
				   .scope = RT_SCOPE_LINK,
				   .protocol = RTPROT_STATIC,
				   .table = RT_TABLE_MAIN,
				   .oif = (u32)dev->ifindex};

	rtnl_lock();
	if (fib_add(&init_net, &route))
		host_die("no default route");
	rtnl_unlock();
}

struct net_device *pd_device(void)
{
	return dev;
}

void pd_device_set_gso(bool on)
{
	const u32 tso = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN;

	if (on)
		dev->features |= tso;
	else
		dev->features &= ~(tso | NETIF_F_GSO);
}

void pd_device_init(void)
{
	const struct fakedev_config config = {.name = "tun0",
					      .features = NETIF_F_SG | NETIF_F_HW_CSUM |
							  NETIF_F_TSO | NETIF_F_TSO6 |
							  NETIF_F_TSO_ECN | NETIF_F_GRO,
					      .rx_cost_pages = true};
	const char *local = pd_option("local_ip");

	dev = fakedev_create(&init_net, &config);
	dev->flags |= IFF_NOARP;
	rtnl_lock();
	if (dev_open(dev))
		host_die("the device does not open");
	rtnl_unlock();
	host_run_for(0);
	pd_device_address(inet_addr(local && strchr(local, '.') ? local : DEFAULT_LOCAL));
	default_route();
	host_run_for(NSEC_PER_MSEC);
}

/* --- in --------------------------------------------------------------------------------------- */

/* The script's --mss: longer packets are super-packets of segments of that size, as on the TUN that
 * packetdrill writes to otherwise. */
static void mark_super_packet(struct host_frame *f, size_t len)
{
	static size_t mss = SIZE_MAX; /* not asked for yet; 0: no such option */
	const u8 *ip = f->data + ETH_BYTES;
	const char *option;
	size_t headers;

	if (mss == SIZE_MAX) {
		option = pd_option("mss");
		mss = option ? strtoul(option, NULL, 10) : 0;
	}
	if (!mss || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP || len < 40)
		return;
	headers = (ip[0] & 15u) * 4u;
	headers += (size_t)(ip[headers + 12] >> 4) * 4u;
	if (len <= headers + mss)
		return;
	f->gso_size = (u16)mss;
	f->gso_type = SKB_GSO_TCPV4;
	f->hdr_len = (u16)(ETH_BYTES + headers);
}

int pd_netdev_send(void *user, const void *packet, size_t len)
{
	const u8 *p = packet;
	u8 *frame = calloc(1, ETH_BYTES + len);
	bool v6 = len && p[0] >> 4 == 6;
	struct host_frame *f;
	u32 daddr;

	if (!frame)
		return -1;
	memcpy(frame, dev->dev_addr, 6);
	frame[12] = v6 ? 0x86 : 0x08;
	frame[13] = v6 ? 0xdd : 0x00;
	memcpy(frame + ETH_BYTES, packet, len);
	pd_enter();
	pd_follow_commands();
	if (!v6 && len >= 20) {
		memcpy(&daddr, p + 16, sizeof(daddr));
		pd_device_address(daddr);
	}
	f = host_frame_make(frame, ETH_BYTES + len);
	mark_super_packet(f, len);
	fakedev_rx_frame(dev, 0, f);
	host_run_for(0);
	pd_leave();
	free(frame);
	return 0;
}

/* --- out -------------------------------------------------------------------------------------- */

/* What a device that offers it would do: finish the checksum. */
static void finish_checksum(struct host_frame *f)
{
	be16 sum;

	if (!f->csum_partial)
		return;
	sum = csum_fold(csum_partial(f->data + f->csum_start, f->len - f->csum_start, 0));
	memcpy(f->data + f->csum_start + f->csum_offset, &sum, sizeof(sum));
}

static struct host_frame *next_frame(void)
{
	u64 end_ns = ktime_get_ns() + NEVER_NS;
	struct host_frame *f;

	for (;;) {
		host_thread_drain();
		f = fakedev_tx_next(dev);
		if (f || !host_advance(end_ns))
			return f;
	}
}

int pd_netdev_receive(void *user, void *packet, size_t *len, long long *time_us)
{
	u64 epoch_ns = ktime_get_real_ns() - ktime_get_ns();
	struct host_frame *f;

	pd_enter();
	f = next_frame();
	if (f && f->len > ETH_BYTES && f->len - ETH_BYTES <= *len) {
		finish_checksum(f);
		*len = f->len - ETH_BYTES;
		memcpy(packet, f->data + ETH_BYTES, *len);
		*time_us = (long long)((f->time_ns + epoch_ns) / NSEC_PER_USEC);
	} else {
		*len = 0;
		*time_us = (long long)(ktime_get_real_ns() / NSEC_PER_USEC);
	}
	host_frame_free(f);
	pd_leave();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A device over a TAP of Linux, for the hosted program: the fake device with the TAP as its wire.
 * Checksums and segmentation are left to Linux through the virtio header in front of each frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/netdevice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/netdev.h"

#define MAX_FRAME    (65536u + 64u)
#define READ_AT_ONCE 64 /* frames taken in one interrupt */
#define OFFLOADS     (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define TAP_FEATURES (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_TSO | NETIF_F_TSO6)

struct tap {
	int fd;
	struct net_device *dev;
	u64 tx_dropped;
};

static u8 gso_to_virtio(u16 type)
{
	if (type & SKB_GSO_TCPV4)
		return VIRTIO_NET_HDR_GSO_TCPV4;
	return type & SKB_GSO_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_NONE;
}

static u16 gso_from_virtio(u8 type)
{
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return SKB_GSO_TCPV4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return SKB_GSO_TCPV6;
	default:
		return 0;
	}
}

static void tap_tx(struct host_frame *f, void *arg)
{
	struct tap *t = arg;
	struct virtio_net_hdr head = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[2] = {{&head, sizeof(head)}, {f->data, f->len}};

	if (f->csum_partial) {
		head.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		head.csum_start = f->csum_start;
		head.csum_offset = f->csum_offset;
	}
	if (f->gso_size) {
		head.gso_type = gso_to_virtio(f->gso_type);
		head.gso_size = f->gso_size;
		head.hdr_len = f->hdr_len;
	}
	if (writev(t->fd, iov, 2) < 0)
		t->tx_dropped++;
	host_frame_free(f);
}

/* Linux says what it wants done to the frame, in terms that must fit the frame. */
static bool take_header(struct host_frame *f, const struct virtio_net_hdr *head)
{
	f->csum_valid = head->flags & VIRTIO_NET_HDR_F_DATA_VALID;
	if (head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (head->csum_start + head->csum_offset + 2u > f->len)
			return false;
		f->csum_partial = true;
		f->csum_start = head->csum_start;
		f->csum_offset = head->csum_offset;
	}
	if (head->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		f->gso_type = gso_from_virtio(head->gso_type);
		f->gso_size = head->gso_size;
		if (!f->gso_type || !f->gso_size)
			return false;
	}
	return true;
}

static void tap_readable(void *arg)
{
	static u8 buf[MAX_FRAME];
	struct tap *t = arg;

	for (int i = 0; i < READ_AT_ONCE; i++) {
		struct virtio_net_hdr head;
		struct iovec iov[2] = {{&head, sizeof(head)}, {buf, sizeof(buf)}};
		ssize_t n = readv(t->fd, iov, 2);
		struct host_frame *f;

		if (n <= (ssize_t)sizeof(head))
			return;
		f = host_frame_make(buf, (size_t)n - sizeof(head));
		if (take_header(f, &head))
			fakedev_rx_frame(t->dev, 0, f);
		else
			host_frame_free(f);
	}
}

static int tap_open(const char *ifname)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETOFFLOAD, OFFLOADS)) {
		close(fd);
		return -1;
	}
	return fd;
}

struct net_device *tapdev_create(struct net *net, const char *ifname, const u8 mac[6])
{
	struct fakedev_config config = {
		.features = TAP_FEATURES, .rx_linear = 256, .rx_frag = PAGE_SIZE};
	struct tap *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fd = tap_open(ifname);
	if (t->fd < 0) {
		free(t);
		return NULL;
	}
	memcpy(config.mac, mac, sizeof(config.mac));
	t->dev = fakedev_create(net, &config);
	t->dev->driver_name = "tap";
	fakedev_on_tx(t->dev, tap_tx, t);
	host_watch_fd(t->fd, tap_readable, t);
	return t->dev;
}

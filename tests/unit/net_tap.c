/* SPDX-License-Identifier: MIT */
#include "net_tap.h"

#include <arpa/inet.h>
#include <lib/checksum.h>
#include <net/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

static struct tap *tap_of(struct net_device *dev)
{
	return *(struct tap **)netdev_priv(dev);
}

void tap_receive(struct tap *t, const void *data, u32 len)
{
	struct sk_buff *skb;

	local_bh_disable();
	skb = napi_alloc_skb(t->dev, len);
	assert_non_null(skb);
	memcpy(skb_put(skb, len), data, len);
	if (t->csum_done)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->protocol = eth_type_trans(skb, t->dev);
	if (t->use_poll) {
		__skb_queue_tail(&t->received, skb);
		napi_schedule(&t->napi);
	} else if (t->use_gro) {
		napi_gro_receive(&t->napi, skb);
	} else {
		netif_rx(skb);
	}
	local_bh_enable();
}

static netdev_tx_t tap_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct tap *t = tap_of(dev);
	struct tap_frame *f = malloc(sizeof(*f) + skb->len);

	assert_non_null(f);
	f->len = skb->len;
	assert_int_equal(skb_copy_bits(skb, 0, f->data, skb->len), 0);
	t->total_sent++;
	free(t->sent[t->nsent % TAP_FRAMES]);
	t->sent[t->nsent % TAP_FRAMES] = f;
	t->nsent++;
	if (t->nsent - t->next > TAP_FRAMES)
		t->next = t->nsent - TAP_FRAMES;
	consume_skb(skb);
	if (t->peer && (!t->pass || t->pass(t, f->data, f->len)))
		tap_receive(t->peer, f->data, f->len);
	return NETDEV_TX_OK;
}

static const struct net_device_ops tap_ops = {.ndo_start_xmit = tap_xmit};

static int tap_poll(struct napi_struct *n, int budget)
{
	struct tap *t = container_of(n, struct tap, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && (skb = __skb_dequeue(&t->received))) {
		napi_gro_receive(n, skb);
		done++;
	}
	if (done < budget)
		napi_complete_done(n, done);
	return done;
}

struct tap *tap_new(struct net *net, u8 last, const char *addr, u8 prefixlen)
{
	struct tap *t = calloc(1, sizeof(*t));
	static const u8 mac[6] = {2};

	assert_non_null(t);
	t->dev = alloc_etherdev(sizeof(t));
	assert_non_null(t->dev);
	*(struct tap **)netdev_priv(t->dev) = t;
	memcpy(t->dev->dev_addr, mac, 6);
	t->dev->dev_addr[5] = last;
	t->dev->netdev_ops = &tap_ops;
	assert_int_equal(register_netdev(t->dev, net), 0);
	skb_queue_head_init(&t->received);
	netif_napi_add(t->dev, &t->napi, tap_poll);
	napi_enable(&t->napi);
	rtnl_lock();
	assert_int_equal(dev_open(t->dev), 0);
	if (addr)
		assert_int_equal(inet_addr_add(t->dev, be32_make(tap_ip(addr)), prefixlen,
					       (be32){0}, RT_SCOPE_UNIVERSE),
				 0);
	rtnl_unlock();
	host_run_for(NSEC_PER_MSEC);
	return t;
}

void tap_free(struct tap *t)
{
	if (t->peer)
		t->peer->peer = NULL;
	napi_disable(&t->napi);
	netif_napi_del(&t->napi);
	unregister_netdev(t->dev);
	free_netdev(t->dev);
	for (unsigned i = 0; i < TAP_FRAMES; i++)
		free(t->sent[i]);
	free(t);
}

void tap_wire(struct tap *a, struct tap *b)
{
	a->peer = b;
	b->peer = a;
}

void tap_inject(struct tap *t, const void *frame, u32 len)
{
	tap_receive(t, frame, len);
	host_run_for(0);
}

const struct tap_frame *tap_next(struct tap *t)
{
	return t->next == t->nsent ? NULL : t->sent[t->next++ % TAP_FRAMES];
}

void tap_forget(struct tap *t)
{
	t->next = t->nsent;
}

u32 tap_ip(const char *dotted)
{
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, dotted, &a), 1);
	return ntohl(a.s_addr);
}

/* Plain and slow, on purpose: not the code under test. */
u16 tap_csum(const void *data, u32 len, u32 start)
{
	const u8 *p = data;
	u64 sum = start;

	for (u32 i = 0; i < len; i++)
		sum += (u64)p[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

u32 tap_make_ip(u8 *frame, const struct tap *to, u8 from_last, u32 saddr, u32 daddr, u8 proto,
		u16 id, u16 frag, const void *payload, u32 len)
{
	u8 *ip = frame + 14;

	memcpy(frame, to->dev->dev_addr, 6);
	memset(frame + 6, 0, 6);
	frame[6] = 2;
	frame[11] = from_last;
	put_be16(frame + 12, ETH_P_IP);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put_be16(ip + 2, (u16)(20 + len));
	put_be16(ip + 4, id);
	put_be16(ip + 6, frag);
	ip[8] = 64;
	ip[9] = proto;
	put_be32(ip + 12, saddr);
	put_be32(ip + 16, daddr);
	put_be16(ip + 10, tap_csum(ip, 20, 0));
	memcpy(ip + 20, payload, len);
	return 34 + len;
}

void tap_arp(struct tap *t, u16 op, u8 last)
{
	u8 f[60] = {0};

	memcpy(f, t->dev->dev_addr, 6);
	f[6] = 2;
	f[11] = last;
	put_be16(f + 12, ETH_P_ARP);
	put_be16(f + 14, 1);
	put_be16(f + 16, ETH_P_IP);
	f[18] = 6;
	f[19] = 4;
	put_be16(f + 20, op);
	memcpy(f + 22, f + 6, 6);
	put_be32(f + 28, tap_ip("10.0.0.0") + last);
	put_be32(f + 38, tap_ip("10.0.0.1"));
	tap_inject(t, f, sizeof(f));
}

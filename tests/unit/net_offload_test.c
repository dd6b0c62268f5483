/* SPDX-License-Identifier: MIT */
/*
 * Whatever a device can do itself, the same bytes come out at the other end: TCP between two stacks
 * and super-packets of up to 64 KiB, over every combination of checksum offload, scatter-gather,
 * segmentation, receive checksums, GRO and buffer layout. The "device" here finishes checksums and
 * cuts segments with code of its own, and checks each frame that reaches the wire.
 */
/* Ours, not the host's: the stack's own struct tcphdr follows. */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/uio.h>
#include <lib/err.h>
#include <net/gro.h>
#include <net/inetdevice.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "host/netdev.h"
#include "net_tap.h"

#define PORT  80
#define BYTES 150000
#define HDR   54 /* Ethernet, IPv4 and TCP without options */

static struct net net_a, net_b;
static struct net_device *dev_a, *dev_b;
static u8 out[BYTES], in[BYTES];
static bool say_valid; /* the receiving device says that it looked at checksums */
static unsigned frames, partials, supers;

/* -- the device's part ------------------------------------------------------------------------ */

static u16 sum_at(const u8 *p, size_t len, u32 start)
{
	return tap_csum(p, (u32)len, start);
}

static u32 pseudo_sum(const u8 *ip, u32 len)
{
	u8 p[12];

	memcpy(p, ip + 12, 8);
	p[8] = 0;
	p[9] = ip[9];
	put_be16(p + 10, (u16)len);
	return (u16)~sum_at(p, 12, 0);
}

/* A frame as it is on the wire must be right in every length and sum. */
static void check_wire(const u8 *f, size_t len)
{
	const u8 *ip = f + 14;
	u32 ihl = (ip[0] & 15u) * 4, total = get_be16(ip + 2);

	if (get_be16(f + 12) != 0x0800)
		return;
	assert_true(len <= 1514);
	assert_int_equal(total, len - 14);
	assert_int_equal(sum_at(ip, ihl, 0), 0);
	if (ip[9] == 6)
		assert_int_equal(sum_at(ip + ihl, total - ihl, pseudo_sum(ip, total - ihl)), 0);
}

static void finish_csum(struct host_frame *f)
{
	u16 sum;

	assert_true((size_t)f->csum_start + f->csum_offset + 2 <= f->len);
	sum = sum_at(f->data + f->csum_start, f->len - f->csum_start, 0);
	put_be16(f->data + f->csum_start + f->csum_offset, sum);
	f->csum_partial = false;
	partials++;
}

static void to_peer(struct net_device *peer, struct host_frame *f)
{
	check_wire(f->data, f->len);
	frames++;
	f->csum_valid = say_valid;
	f->queue = 0;
	fakedev_rx_frame(peer, 0, f);
}

/* Segmentation as a controller does it: headers copied, numbers and lengths mended, sums made. */
static void cut(struct net_device *peer, struct host_frame *f)
{
	const u8 *ip = f->data + 14, *tcp = ip + (ip[0] & 15) * 4;
	u32 hlen = (u32)(tcp - f->data) + (tcp[12] >> 4) * 4u, seq = get_be32(tcp + 4), i = 0;

	assert_true(f->csum_partial && f->gso_type & SKB_GSO_TCPV4);
	supers++;
	for (u32 at = hlen; at < f->len; at += f->gso_size, i++) {
		u32 n = min((u32)f->len - at, (u32)f->gso_size);
		struct host_frame *s = host_frame_make(f->data, hlen + n);
		u8 *sip = s->data + 14, *stcp = s->data + (tcp - f->data);

		memcpy(s->data + hlen, f->data + at, n);
		put_be16(sip + 2, (u16)(s->len - 14));
		put_be16(sip + 4, (u16)(get_be16(ip + 4) + i));
		put_be16(sip + 10, 0);
		put_be16(sip + 10, sum_at(sip, (sip[0] & 15) * 4, 0));
		put_be32(stcp + 4, seq + at - hlen);
		if (at + n < f->len)
			stcp[13] &= (u8)~0x09; /* FIN and PSH belong to the last */
		put_be16(stcp + 16, 0);
		put_be16(stcp + 16, sum_at(stcp, s->len - (size_t)(stcp - s->data),
					   pseudo_sum(sip, (u32)(s->len - 14 - 20))));
		to_peer(peer, s);
	}
	host_frame_free(f);
}

static void wire(struct host_frame *f, void *arg)
{
	struct net_device *peer = arg;

	if (f->gso_size) {
		cut(peer, f);
		return;
	}
	if (f->csum_partial)
		finish_csum(f);
	to_peer(peer, f);
}

/* -- two stacks ------------------------------------------------------------------------------- */

static void give_address(struct net_device *dev, const char *ip)
{
	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	assert_int_equal(
		inet_addr_add(dev, be32_make(tap_ip(ip)), 24, (be32){0}, RT_SCOPE_UNIVERSE), 0);
	rtnl_unlock();
}

static void begin(u32 features, bool frags)
{
	struct fakedev_config c = {.features = features};

	if (frags) {
		c.rx_linear = 60;
		c.rx_frag = 700;
	}
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	dev_a = fakedev_create(&net_a, &c);
	dev_b = fakedev_create(&net_b, &c);
	fakedev_on_tx(dev_a, wire, dev_b);
	fakedev_on_tx(dev_b, wire, dev_a);
	give_address(dev_a, "10.0.0.1");
	give_address(dev_b, "10.0.0.2");
	frames = partials = supers = 0;
}

static void end(void)
{
	host_run_for(200 * NSEC_PER_SEC); /* TIME-WAIT ends */
	fakedev_destroy(dev_a);
	fakedev_destroy(dev_b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check();
}

static void features_set(u32 wanted)
{
	rtnl_lock();
	assert_int_equal(netdev_change_features(dev_a, wanted), 0);
	assert_int_equal(netdev_change_features(dev_b, wanted), 0);
	rtnl_unlock();
}

static struct sockaddr_in addr_of(const char *ip)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(PORT).wire,
				    .sin_addr.s_addr = be32_make(tap_ip(ip)).wire};
}

static ssize_t move(struct socket *s, void *data, size_t len, bool send)
{
	struct iovec v = {data, len};
	struct msghdr m = {0};
	struct iov_iter it;

	iov_iter_init(&it, &v, 1, len);
	return send ? s->ops->sendmsg(s, &m, &it, MSG_DONTWAIT)
		    : s->ops->recvmsg(s, &m, &it, MSG_DONTWAIT);
}

/* All of out from b to a. */
static void transfer(void)
{
	struct sockaddr_in to = addr_of("10.0.0.1"), any = addr_of("0.0.0.0");
	struct socket *l, *c, *s;
	size_t sent = 0, got = 0;
	struct sock *sk;

	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &l), 0);
	assert_int_equal(l->ops->bind(l, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(l->ops->listen(l, 4), 0);
	assert_int_equal(sock_create_kern(&net_b, AF_INET, SOCK_STREAM, 0, &c), 0);
	c->ops->connect(c, (const void *)&to, sizeof(to), O_NONBLOCK);
	host_run_for(10 * NSEC_PER_MSEC);
	sk = tcp_prot.accept(l->sk, O_NONBLOCK);
	assert_false(IS_ERR(sk));
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &s), 0);
	sk->sk_prot->close(s->sk, 0);
	sock_graft(sk, s);
	s->state = SS_CONNECTED;
	memset(in, 0, sizeof(in));
	for (unsigned turn = 0; got < sizeof(in) && turn < 20000; turn++) {
		ssize_t n = sent < sizeof(out) ? move(c, out + sent, sizeof(out) - sent, true) : 0;

		sent += n > 0 ? (size_t)n : 0;
		host_run_for(NSEC_PER_MSEC / 10);
		n = move(s, in + got, sizeof(in) - got, false);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	sock_release(c);
	sock_release(s);
	sock_release(l);
	host_run_for(NSEC_PER_SEC);
}

static const u32 kinds_of_csum[] = {0, NETIF_F_IP_CSUM, NETIF_F_HW_CSUM};

/* Every set of offloads, chosen when the device is made. */
static void all_combinations(void **state)
{
	for (unsigned i = 0; i < 3 * 2 * 2 * 2 * 2 * 2; i++) {
		u32 f = kinds_of_csum[i % 3], k = i / 3;

		f |= (k & 1 ? NETIF_F_SG : 0) | (k & 2 ? NETIF_F_TSO : 0);
		f |= k & 4 ? NETIF_F_RXCSUM : 0;
		say_valid = k & 8;
		begin(f, k & 16);
		transfer();
		if (!(f & NETIF_F_CSUM_MASK))
			assert_int_equal(partials + supers, 0);
		if (!(f & NETIF_F_TSO) || !(f & NETIF_F_SG))
			assert_int_equal(supers, 0);
		end();
	}
}

/* Switched at run time, in the middle of things, in an order that meets every dependency. */
static void switched_at_run_time(void **state)
{
	const u32 all = NETIF_F_HW_CSUM | NETIF_F_SG | NETIF_F_TSO | NETIF_F_RXCSUM;
	static const u32 off[] = {0,
				  NETIF_F_TSO,
				  NETIF_F_SG,
				  NETIF_F_HW_CSUM,
				  NETIF_F_GRO,
				  NETIF_F_GSO,
				  NETIF_F_RXCSUM,
				  NETIF_F_GRO | NETIF_F_TSO,
				  NETIF_F_GRO | NETIF_F_HW_CSUM,
				  ~0u};

	say_valid = true;
	begin(all, false);
	for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
		features_set(~off[i]);
		supers = partials = 0;
		transfer();
		if (off[i] & (NETIF_F_TSO | NETIF_F_SG | NETIF_F_HW_CSUM))
			assert_int_equal(supers, 0);
	}
	end();
}

/* A wish waits for what it rests on. */
static void wishes_are_kept(void **state)
{
	const u32 all = NETIF_F_HW_CSUM | NETIF_F_SG | NETIF_F_TSO;

	begin(all, false);
	features_set(~NETIF_F_HW_CSUM);
	assert_int_equal(dev_a->features & all, 0);
	assert_int_equal(dev_a->wanted_features & all, all & ~NETIF_F_HW_CSUM);
	features_set(dev_a->wanted_features | NETIF_F_HW_CSUM);
	assert_int_equal(dev_a->features & all, all);
	end();
}

/* -- super-packets made by hand --------------------------------------------------------------- */

static u8 wire_seen[65536];
static u32 wire_got;

static void collect(struct host_frame *f, void *arg)
{
	if (get_be16(f->data + 12) == 0x0800 && f->gso_size) {
		u32 at = (u32)f->len - HDR;

		assert_true(f->csum_partial);
		memcpy(wire_seen + wire_got, f->data + HDR, at);
		wire_got += at;
	} else if (get_be16(f->data + 12) == 0x0800) {
		if (f->csum_partial)
			finish_csum(f);
		check_wire(f->data, f->len);
		assert_int_equal(get_be32(f->data + 38), wire_got);
		assert_int_equal(f->data[14 + 20 + 13] & 0x08,
				 wire_got + f->len - HDR == *(u32 *)arg ? 0x08 : 0);
		memcpy(wire_seen + wire_got, f->data + HDR, f->len - HDR);
		wire_got += (u32)f->len - HDR;
	}
	host_frame_free(f);
}

/* payload bytes: some behind the headers, the rest in fragments of frag bytes. */
static struct sk_buff *super(u32 payload, u32 linear, u32 frag, u16 mss)
{
	struct sk_buff *skb = alloc_skb(128 + HDR + linear, GFP_KERNEL);
	u8 *h;

	skb_reserve(skb, 128);
	h = skb_put(skb, HDR + linear);
	memset(h, 0, HDR);
	memcpy(h, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0\x45", 15);
	put_be16(h + 16, (u16)(40 + payload));
	h[20] = 0x40; /* DF */
	h[22] = 64;
	h[23] = 6;
	put_be32(h + 26, tap_ip("10.0.0.1"));
	put_be32(h + 30, tap_ip("10.0.0.2"));
	put_be16(h + 24, tap_csum(h + 14, 20, 0));
	put_be16(h + 34, 1);
	put_be16(h + 36, 2);
	h[46] = 0x50;
	h[47] = 0x18;
	put_be16(h + 50, (u16)pseudo_sum(h + 14, 20 + payload));
	memcpy(h + HDR, out, linear);
	for (u32 at = linear; at < payload; at += frag) {
		u32 n = min(frag, payload - at);
		u8 *p = page_frag_alloc(n, 64, GFP_KERNEL);
		struct page *page = virt_to_head_page(p);

		memcpy(p, out + at, n);
		skb_add_rx_frag(skb, page, (u32)(p - (u8 *)page_address(page)), n, n);
	}
	skb->dev = dev_a;
	skb->protocol = BE16(0x0800);
	skb_set_network_header(skb, 14);
	skb_set_transport_header(skb, 34);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + 34);
	skb->csum_offset = 16;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	skb_shinfo(skb)->gso_size = mss;
	skb_shinfo(skb)->gso_segs = (u16)DIV_ROUND_UP(payload, mss);
	return skb;
}

/* Up to 64 KiB, in up to MAX_SKB_FRAGS fragments and behind the headers, through any device. */
static void supers_of_any_shape(void **state)
{
	static const struct {
		u32 payload, linear, frag;
		u16 mss;
	} shape[] = {
		{65495, 0, 4096, 1460},  {65495, 65495, 1, 1460}, {65495, 200, 16000, 1448},
		{65495, 1, 4095, 536},   {3000, 1500, 750, 1000}, {1461, 0, 1461, 1460},
		{40000, 39999, 1, 1460}, {20000, 0, 1200, 88},
	};
	static u32 want;

	for (unsigned i = 0; i < ARRAY_SIZE(shape) * 12; i++) {
		u32 k = i / 8, f = kinds_of_csum[k % 3];

		f |= (k / 3 & 1 ? NETIF_F_SG : 0) | (k / 6 & 1 ? NETIF_F_TSO : 0);
		begin(f, false);
		fakedev_on_tx(dev_a, collect, &want);
		want = shape[i % 8].payload;
		wire_got = 0;
		assert_int_equal(dev_queue_xmit(super(want, shape[i % 8].linear, shape[i % 8].frag,
						      shape[i % 8].mss)),
				 0);
		host_run_for(NSEC_PER_MSEC);
		assert_int_equal(wire_got, want);
		assert_memory_equal(wire_seen, out, want);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_combinations),
		cmocka_unit_test(switched_at_run_time),
		cmocka_unit_test(wishes_are_kept),
		cmocka_unit_test(supers_of_any_shape),
	};

	host_init(11);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)host_random();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Whole flows between two stacks over a link with a rate and a delay, in virtual time: default
 * settings fill 1 Gbit/s over 100 ms (receive and send autotuning); each congestion control does
 * what it is for; marks of ECN are echoed and answered; a path without ICMP is probed for its MTU.
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "host/netdev.h"
#include "net_tap.h"

#define PORT     80
#define CHUNK    (256u << 10)
#define OFFLOADS (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_TSO)
#define MBIT     1000000ull
#define NOT_TEXT 200u /* bytes: frames below carry none */

static struct net net_a, net_b;
static struct net_device *dev_a, *dev_b;
static struct link *wire;
static struct socket *listener, *client, *server;
static u8 chunk[CHUNK];

static struct net_device *device(struct net *net, u8 last, const char *addr)
{
	struct fakedev_config c = {.mac = {2, 0, 0, 0, 0, last},
				   .features = OFFLOADS,
				   .rx_linear = 256,
				   .rx_frag = 4096};
	struct net_device *dev = fakedev_create(net, &c);

	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	assert_int_equal(
		inet_addr_add(dev, be32_make(tap_ip(addr)), 24, (be32){0}, RT_SCOPE_UNIVERSE), 0);
	rtnl_unlock();
	return dev;
}

static int setup(void **state)
{
	struct link_config c = {0};

	(void)state;
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	dev_a = device(&net_a, 1, "10.0.0.1");
	dev_b = device(&net_b, 2, "10.0.0.2");
	wire = link_create(dev_a, dev_b, &c);
	host_run_for(NSEC_PER_MSEC);
	listener = client = server = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sock_release(client);
	sock_release(listener);
	if (server)
		sock_release(server);
	link_set(wire, NULL, &(struct link_config){0});
	host_run_for(200 * NSEC_PER_SEC); /* orphans and TIME-WAIT records end */
	link_destroy(wire);
	fakedev_destroy(dev_a);
	fakedev_destroy(dev_b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check();
	return 0;
}

static struct sockaddr_in addr_of(const char *ip)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(PORT).wire,
				    .sin_addr.s_addr = be32_make(tap_ip(ip)).wire};
}

static void establish(void)
{
	struct sockaddr_in any = addr_of("0.0.0.0"), to = addr_of("10.0.0.1");
	struct sock *sk;

	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &listener), 0);
	assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(listener->ops->listen(listener, 4), 0);
	assert_int_equal(sock_create_kern(&net_b, AF_INET, SOCK_STREAM, 0, &client), 0);
	assert_int_equal(client->ops->connect(client, (const void *)&to, sizeof(to), O_NONBLOCK),
			 -EINPROGRESS);
	host_run_for(500 * NSEC_PER_MSEC);
	assert_int_equal(client->sk->sk_state, TCP_ESTABLISHED);
	sk = tcp_prot.accept(listener->sk, O_NONBLOCK);
	assert_false(IS_ERR(sk));
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &server), 0);
	sk->sk_prot->close(server->sk, 0);
	sock_graft(sk, server);
	server->state = SS_CONNECTED;
}

static void wire_is(u64 mbit, u64 rtt_ms, u32 loss_ppm, unsigned queue)
{
	struct link_config c = {
		.rate_bps = mbit * MBIT, .delay_ns = rtt_ms * NSEC_PER_MSEC / 2, .queue = queue};

	link_set(wire, NULL, &c);
	c.loss_ppm = loss_ppm; /* of what the client sends */
	link_set(wire, dev_b, &c);
}

static ssize_t move(struct socket *s, bool out, size_t len)
{
	struct iovec v = {chunk, len};
	struct msghdr m = {0};
	struct iov_iter it;

	iov_iter_init(&it, &v, 1, len);
	return out ? s->ops->sendmsg(s, &m, &it, MSG_DONTWAIT)
		   : s->ops->recvmsg(s, &m, &it, MSG_DONTWAIT);
}

/* The client writes all it can for ms, the server reads; bytes that arrived. */
static u64 flow(u32 ms)
{
	u64 got = 0;
	ssize_t n;

	for (u32 t = 0; t < ms; t++) {
		while (move(client, true, CHUNK) > 0)
			;
		host_run_for(NSEC_PER_MSEC);
		while ((n = move(server, false, CHUNK)) > 0)
			got += (u64)n;
	}
	return got;
}

/* Per cent of the link that the payload of `bytes` in ms is. */
static u64 percent(u64 bytes, u32 ms, u64 mbit)
{
	return bytes * 8 * 1000 / ms * 100 / (mbit * MBIT);
}

static u64 counter(struct net *net, unsigned id)
{
	u64 sum = 0;

	for_each_cpu(cpu)
		sum += net->mib[cpu]->linux_[id];
	return sum;
}

static void use(const char *name)
{
	net_b.tcp->tcp_congestion_control = tcp_ca_find(name);
	assert_non_null(net_b.tcp->tcp_congestion_control);
}

/* ---- buffers ----------------------------------------------------------------------------------
 */

static void test_gigabit_over_100_ms(void **state)
{
	(void)state;
	wire_is(1000, 100, 0, 20000);
	establish();
	flow(3000);
	assert_true(percent(flow(1000), 1000, 1000) >= 90);
	assert_true(client->sk->sk_sndbuf > 12 << 20);
	assert_true(server->sk->sk_rcvbuf > 12 << 20);
	assert_int_equal(tcp_sk(client->sk)->total_retrans, 0);
}

static void test_buffers_of_an_idle_connection_stay_small(void **state)
{
	(void)state;
	wire_is(1000, 20, 0, 0);
	establish();
	host_run_for(NSEC_PER_SEC);
	assert_true(server->sk->sk_rcvbuf <= 131072);
	assert_int_equal(atomic_read(&server->sk->sk_rmem_alloc), 0);
	assert_int_equal(server->sk->sk_forward_alloc, 0);
}

static void test_locked_buffer_does_not_grow(void **state)
{
	(void)state;
	wire_is(1000, 20, 0, 0);
	establish();
	server->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	flow(1000);
	assert_int_equal(server->sk->sk_rcvbuf, 131072);
}

/* ---- congestion control -----------------------------------------------------------------------
 */

static void test_cubic_fills_the_link(void **state)
{
	(void)state;
	use("cubic");
	wire_is(100, 20, 0, 200);
	establish();
	flow(4000);
	assert_true(percent(flow(2000), 2000, 100) >= 85);
}

static void test_hystart_leaves_slow_start_before_a_loss(void **state)
{
	(void)state;
	use("cubic");
	wire_is(20, 40, 0, 5000); /* a queue that would hold seconds */
	establish();
	flow(4000);
	assert_int_equal(counter(&net_b, LINUX_MIB_TCPHYSTARTDELAYDETECT), 1);
	assert_true(tcp_sk(client->sk)->snd_ssthresh < TCP_INFINITE_SSTHRESH);
	assert_int_equal(tcp_sk(client->sk)->total_retrans, 0);
}

static void test_reno_halves(void **state)
{
	(void)state;
	use("reno");
	wire_is(20, 40, 0, 60);
	establish();
	flow(3000);
	assert_true(counter(&net_b, LINUX_MIB_TCPSACKRECOVERY) >= 1);
	assert_true(percent(flow(2000), 2000, 20) >= 75);
}

/* A loss is no congestion to BBR: 3 per cent of it cost next to nothing. */
static void test_bbr_over_loss(void **state)
{
	(void)state;
	use("bbr");
	wire_is(50, 20, 0, 300);
	establish();
	wire_is(50, 20, 30000, 300);
	flow(2000);
	assert_int_equal(client->sk->sk_pacing_status, SK_PACING_NEEDED);
	assert_true(percent(flow(3000), 3000, 50) >= 80);
}

/* ---- ECN --------------------------------------------------------------------------------------
 */

static unsigned mark_every, texts, ce_sent, ece_seen, cwr_seen;

static void set_ce(u8 *ip)
{
	u32 sum = 0;

	ip[1] |= 3;
	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (u32)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (u8)(sum >> 8);
	ip[11] = (u8)sum;
}

static bool mark(struct net_device *from, struct host_frame *f, void *arg)
{
	u8 *ip = f->data + 14, *th = ip + 20;

	(void)arg;
	if (f->data[12] != 8 || f->data[13] || ip[9] != IPPROTO_TCP)
		return true;
	if (from == dev_a) {
		ece_seen += th[13] & TCPHDR_ECE && !(th[13] & TCPHDR_SYN);
		return true;
	}
	cwr_seen += th[13] & TCPHDR_CWR && !(th[13] & TCPHDR_SYN);
	if (f->len > NOT_TEXT && (ip[1] & 3) == 2 && ++texts % mark_every == 0) {
		set_ce(ip);
		ce_sent++;
	}
	return true;
}

static void establish_with_ecn(unsigned every)
{
	mark_every = every;
	texts = ce_sent = ece_seen = cwr_seen = 0;
	net_b.tcp->tcp_ecn = 1;
	link_set_filter(wire, mark, NULL);
	establish();
	assert_true(tcp_sk(client->sk)->ecn_flags & TCP_ECN_OK);
	assert_true(tcp_sk(server->sk)->ecn_flags & TCP_ECN_OK);
}

static void test_mark_halves_without_a_loss(void **state)
{
	(void)state;
	use("reno");
	wire_is(100, 20, 0, 5000);
	establish_with_ecn(100);
	flow(1000);
	assert_true(ce_sent >= 1 && ece_seen >= 1);
	/* Once a window, however often it is echoed. */
	assert_true(cwr_seen >= 1 && cwr_seen <= ce_sent);
	assert_true(tcp_sk(client->sk)->snd_ssthresh < TCP_INFINITE_SSTHRESH);
	assert_int_equal(tcp_sk(client->sk)->total_retrans, 0);
}

static void test_nobody_asks_for_ecn_by_default(void **state)
{
	(void)state;
	wire_is(100, 20, 0, 0);
	establish();
	assert_int_equal(tcp_sk(client->sk)->ecn_flags, 0);
	assert_int_equal(inet_sk(client->sk)->tos & 3, 0);
}

/* alpha settles at the share of marks, and the window is reduced by half of that only. */
static void test_dctcp_follows_the_share_of_marks(void **state)
{
	union tcp_cc_info info;
	int attr = 0;

	(void)state;
	use("dctcp");
	net_a.tcp->tcp_congestion_control = tcp_ca_find("dctcp");
	wire_is(100, 10, 0, 5000);
	establish_with_ecn(20);
	flow(3000);
	assert_true(ce_sent > 10);
	assert_int_equal(tcp_sk(client->sk)->ca_ops->get_info(client->sk, ~0u, &attr, &info),
			 sizeof(info.dctcp));
	assert_int_equal(attr, INET_DIAG_DCTCPINFO);
	assert_in_range(info.dctcp.dctcp_alpha, 5, 300);
	assert_int_equal(tcp_sk(client->sk)->total_retrans, 0);
	/* About 2 / alpha segments; Reno would be left with a handful. */
	assert_in_range(tcp_sk(client->sk)->snd_cwnd, 15, 60);
}

/* ---- path MTU ---------------------------------------------------------------------------------
 */

static bool black_hole(struct net_device *from, struct host_frame *f, void *arg)
{
	u32 carries = *(u32 *)arg;

	(void)from;
	return (f->gso_size ? f->gso_size + 52u : (u32)f->len - 14) <= carries;
}

static void test_probing_finds_the_mtu_of_a_black_hole(void **state)
{
	static u32 carries = 1300;

	(void)state;
	net_b.tcp->tcp_mtu_probing = 2;
	net_a.tcp->tcp_mtu_probing = 2;
	wire_is(100, 10, 0, 0);
	link_set_filter(wire, black_hole, &carries);
	establish();
	assert_true(flow(3000) > 10 << 20);
	assert_true(counter(&net_b, LINUX_MIB_TCPMTUPSUCCESS) >= 1);
	assert_true(counter(&net_b, LINUX_MIB_TCPMTUPFAIL) >= 1);
	assert_in_range(tcp_sk(client->sk)->mss_cache, 1100, 1300 - 52);
	assert_int_equal(counter(&net_b, LINUX_MIB_TCPTIMEOUTS), 0);
}

#define FLOW_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(test_gigabit_over_100_ms),
		FLOW_TEST(test_buffers_of_an_idle_connection_stay_small),
		FLOW_TEST(test_locked_buffer_does_not_grow),
		FLOW_TEST(test_cubic_fills_the_link),
		FLOW_TEST(test_hystart_leaves_slow_start_before_a_loss),
		FLOW_TEST(test_reno_halves),
		FLOW_TEST(test_bbr_over_loss),
		FLOW_TEST(test_mark_halves_without_a_loss),
		FLOW_TEST(test_nobody_asks_for_ecn_by_default),
		FLOW_TEST(test_dctcp_follows_the_share_of_marks),
		FLOW_TEST(test_probing_finds_the_mtu_of_a_black_hole),
	};

	host_init_config(&(struct host_config){.seed = 1, .mem_bytes = 512 << 20});
	return cmocka_run_group_tests(tests, NULL, NULL);
}

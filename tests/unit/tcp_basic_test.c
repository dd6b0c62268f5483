/* SPDX-License-Identifier: MIT */
/*
 * TCP between two stacks over a wire that loses frames when told to: the handshake, data both ways,
 * recovery from loss by fast retransmit and by time-out, FIN and TIME-WAIT, refusal, a full accept
 * queue, a closed window; and options as bytes (RFC 9293 section 3.1, RFC 7323).
 */
/* Ours, not the host's: the stack's own struct tcphdr follows. */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "net_tap.h"

#define PORT 80

static struct net net_a, net_b;
static struct tap *a, *b;
static struct socket *listener, *client, *server;
static u8 out[300000], in[300000];

/* Frames of b that carry text are lost while these are not zero / from that number on. */
static unsigned lose_nth, text_frames;
static bool cut;

static bool pass_some(struct tap *t, u8 *data, u32 len)
{
	(void)t;
	(void)data;
	if (cut)
		return false;
	if (len < 200)
		return true;
	return ++text_frames != lose_nth;
}

static void run_ms(u64 ms)
{
	host_run_for(ms * NSEC_PER_MSEC);
}

static struct sockaddr_in addr_of(const char *ip, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(port).wire,
				    .sin_addr.s_addr = be32_make(tap_ip(ip)).wire};
}

static int connect_to(struct socket *s, u16 port)
{
	struct sockaddr_in to = addr_of("10.0.0.1", port);

	return s->ops->connect(s, (const void *)&to, sizeof(to), O_NONBLOCK);
}

static ssize_t put(struct socket *s, const void *data, size_t len)
{
	struct iovec v = {(void *)(uintptr_t)data, len};
	struct msghdr m = {0};
	struct iov_iter it;

	iov_iter_init(&it, &v, 1, len);
	return s->ops->sendmsg(s, &m, &it, MSG_DONTWAIT);
}

static ssize_t take(struct socket *s, void *data, size_t len)
{
	struct iovec v = {data, len};
	struct msghdr m = {0};
	struct iov_iter it;

	iov_iter_init(&it, &v, 1, len);
	return s->ops->recvmsg(s, &m, &it, MSG_DONTWAIT);
}

static u64 counter(struct net *net, unsigned id)
{
	return net->mib[0]->linux_[id];
}

static int setup(void **state)
{
	struct sockaddr_in any = addr_of("0.0.0.0", PORT);

	(void)state;
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	a = tap_new(&net_a, 1, "10.0.0.1", 24);
	b = tap_new(&net_b, 2, "10.0.0.2", 24);
	/* The wire takes no time: tail loss probes would be faster than delayed ACKs. */
	net_a.tcp->tcp_early_retrans = net_b.tcp->tcp_early_retrans = 0;
	tap_wire(a, b);
	b->pass = pass_some;
	lose_nth = text_frames = 0;
	cut = false;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 31 + (i >> 9));
	server = NULL;
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &listener), 0);
	assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(listener->ops->listen(listener, 4), 0);
	assert_int_equal(sock_create_kern(&net_b, AF_INET, SOCK_STREAM, 0, &client), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sock_release(client);
	sock_release(listener);
	if (server)
		sock_release(server);
	cut = false;
	run_ms(200000); /* orphans and TIME-WAIT records end */
	tap_free(a);
	tap_free(b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check();
	return 0;
}

static void accept_one(void)
{
	struct sock *sk = tcp_prot.accept(listener->sk, O_NONBLOCK);

	assert_false(IS_ERR(sk));
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &server), 0);
	sk->sk_prot->close(server->sk, 0);
	sock_graft(sk, server);
	server->state = SS_CONNECTED;
}

static void establish(void)
{
	assert_int_equal(connect_to(client, PORT), -EINPROGRESS);
	run_ms(50);
	assert_int_equal(client->sk->sk_state, TCP_ESTABLISHED);
	accept_one();
	assert_int_equal(server->sk->sk_state, TCP_ESTABLISHED);
}

/* Write all of out at `from`, read it at `to`, within that time. */
static void transfer(struct socket *from, struct socket *to, size_t len, unsigned max_ms)
{
	size_t sent = 0, got = 0;

	memset(in, 0, len);
	for (unsigned ms = 0; got < len && ms < max_ms; ms += 5) {
		ssize_t n = sent < len ? put(from, out + sent, len - sent) : 0;

		sent += n > 0 ? (size_t)n : 0;
		run_ms(5);
		n = take(to, in + got, len - got);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, len);
	assert_memory_equal(in, out, len);
}

/* A flow's hash is the same whether it is remembered or not: flows that come again and again, some
 * once, in two nets with keys of their own, and the flow of zeros that nothing was remembered of.
 */
static void test_remembered_hashes(void **state)
{
	struct net *nets[] = {&net_a, &net_b};

	(void)state;
	for (u32 i = 0, seed = 1; i < 20000; i++) {
		struct net *net = nets[i % 2];
		u32 n = (seed = seed * 1664525 + 1013904223) >> 8 & (i & 4 ? 63 : 0xffff);
		struct tcp_flow f = {
			BE32(n & 3), BE32(n >> 2 & 1), (u16)(n & 8), BE16(n >> 3), 0, 0};

		f.hash = tcp_flow_hash(net->tcp, &f);
		assert_int_equal(tcp_flow_hash_again(net->tcp, &f), f.hash);
		assert_int_equal(tcp_flow_hash_again(net->tcp, &f), f.hash);
	}
}

static void test_data_both_ways(void **state)
{
	(void)state;
	establish();
	assert_int_equal(tcp_sk(client->sk)->rx_opt.tstamp_ok, 1);
	assert_int_equal(tcp_sk(client->sk)->rx_opt.wscale_ok, 1);
	assert_int_equal(tcp_sk(client->sk)->mss_cache, 1448);
	transfer(client, server, 200000, 5000);
	transfer(server, client, 200000, 5000);
	assert_int_equal(tcp_sk(client->sk)->total_retrans, 0);
}

static void test_fast_retransmit(void **state)
{
	(void)state;
	establish();
	lose_nth = 5;
	transfer(client, server, 100000, 5000);
	/* On a wire that takes no time the retransmission itself may look overtaken. */
	assert_in_range(tcp_sk(client->sk)->total_retrans, 1, 2);
	assert_true(counter(&net_b, LINUX_MIB_TCPSACKRECOVERY) == 1);
	assert_true(counter(&net_b, LINUX_MIB_TCPTIMEOUTS) == 0);
	assert_true(counter(&net_a, LINUX_MIB_TCPOFOQUEUE) >= 3);
}

static void test_timeout(void **state)
{
	(void)state;
	establish();
	lose_nth = 1;
	assert_int_equal(put(client, out, 500), 500);
	run_ms(100);
	assert_int_equal(take(server, in, sizeof(in)), -EAGAIN);
	run_ms(400);
	assert_int_equal(take(server, in, sizeof(in)), 500);
	assert_true(counter(&net_b, LINUX_MIB_TCPTIMEOUTS) == 1);
}

static void test_gives_up(void **state)
{
	(void)state;
	establish();
	net_b.tcp->tcp_retries2 = 3;
	cut = true;
	assert_int_equal(put(client, out, 500), 500);
	run_ms(20000);
	assert_int_equal(client->sk->sk_state, TCP_CLOSE);
	assert_true(tcp_prot.poll(client->sk) & EPOLLERR);
	assert_int_equal(put(client, out, 1), -ETIMEDOUT);
}

static void test_close_and_time_wait(void **state)
{
	(void)state;
	establish();
	assert_int_equal(client->ops->shutdown(client, SHUT_WR), 0);
	run_ms(100);
	assert_int_equal(client->sk->sk_state, TCP_FIN_WAIT2);
	assert_int_equal(server->sk->sk_state, TCP_CLOSE_WAIT);
	assert_int_equal(take(server, in, 10), 0);
	assert_int_equal(put(server, out, 100), 100);
	run_ms(100);
	assert_int_equal(take(client, in, 1000), 100);
	assert_int_equal(server->ops->shutdown(server, SHUT_WR), 0);
	run_ms(100);
	assert_int_equal(server->sk->sk_state, TCP_CLOSE);
	assert_int_equal(client->sk->sk_state, TCP_CLOSE);
	assert_int_equal(atomic_read(&net_b.tcp->tw_count), 1);
	run_ms(62000);
	assert_int_equal(atomic_read(&net_b.tcp->tw_count), 0);
}

static void test_close_with_unread_data_resets(void **state)
{
	(void)state;
	establish();
	assert_int_equal(put(client, out, 500), 500);
	run_ms(50);
	sock_release(server);
	server = NULL;
	run_ms(50);
	assert_int_equal(client->sk->sk_state, TCP_CLOSE);
	assert_int_equal(take(client, in, 10), -ECONNRESET);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(connect_to(client, PORT + 1), -EINPROGRESS);
	run_ms(50);
	assert_int_equal(client->sk->sk_err, ECONNREFUSED);
}

static void test_syn_is_retransmitted(void **state)
{
	(void)state;
	cut = true;
	assert_int_equal(connect_to(client, PORT), -EINPROGRESS);
	run_ms(500);
	cut = false;
	run_ms(700);
	assert_int_equal(client->sk->sk_state, TCP_ESTABLISHED);
}

/* An accepted socket's writer is told of room when bytes are acknowledged, as TCP counts it,
 * whatever the driver still holds. */
static void test_accepted_writer_is_woken(void **state)
{
	const s32 held = 16 << 20; /* bytes in the driver: more than any send buffer */
	size_t sent = 0, got = 0;
	ssize_t n;

	(void)state;
	establish();
	server->sk->sk_sndbuf = 64 << 10; /* and no autotuning */
	server->sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	while ((n = put(server, out + sent, sizeof(out) - sent)) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(sock_flag(server->sk, SOCK_NOSPACE));
	atomic_add(held, &server->sk->sk_wmem_alloc);
	for (unsigned i = 0; i < 2000 && got < sent; i++) {
		n = take(client, in + got, sent - got);
		got += n > 0 ? (size_t)n : 0;
		run_ms(5);
	}
	assert_int_equal(got, sent);
	assert_false(sock_flag(server->sk, SOCK_NOSPACE));
	atomic_sub(held, &server->sk->sk_wmem_alloc);
}

static void test_zero_window(void **state)
{
	size_t sent = 0, got = 0;

	(void)state;
	establish();
	for (unsigned i = 0; i < 400 && sent < sizeof(out); i++) {
		ssize_t n = put(client, out + sent, sizeof(out) - sent);

		sent += n > 0 ? (size_t)n : 0;
		run_ms(5);
	}
	run_ms(5000);
	assert_true(counter(&net_b, LINUX_MIB_TCPWINPROBE) > 0);
	assert_int_equal(client->sk->sk_state, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 2000 && got < sent; i++) {
		ssize_t n = take(server, in + got, sent - got);

		got += n > 0 ? (size_t)n : 0;
		run_ms(5);
	}
	assert_int_equal(got, sent);
	assert_memory_equal(in, out, got);
}

static void test_options(void **state)
{
	struct tcp_options o = {.has = TCP_OPT_MSS | TCP_OPT_TS | TCP_OPT_WSCALE,
				.mss = 1460,
				.tsval = 0x01020304,
				.tsecr = 5,
				.wscale = 7},
			   r;
	static const u8 wire[] = {2, 4, 5, 0xb4, 1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 5, 1, 3, 3, 7};
	static const u8 bad[] = {2, 4, 5, 0xb4, 8, 10, 1};
	u8 buf[40];

	(void)state;
	assert_int_equal(tcp_options_emit(buf, &o), sizeof(wire));
	assert_int_equal(tcp_options_size(&o), sizeof(wire));
	assert_memory_equal(buf, wire, sizeof(wire));
	assert_true(tcp_options_parse(wire, sizeof(wire), &r));
	assert_int_equal(r.has, o.has);
	assert_int_equal(r.tsval, o.tsval);
	assert_int_equal(r.wscale, 7);
	assert_false(tcp_options_parse(bad, sizeof(bad), &r));
	assert_int_equal(r.has, TCP_OPT_MSS);
	for (u32 len = 0; len <= sizeof(wire); len++)
		tcp_options_parse(wire, len, &r);
}

/* What Linux's SYN has is read at one glance: as if it were read one by one, which it is with
 * anything behind it or a byte changed. */
static void test_usual_options(void **state)
{
	u8 wire[24] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 5, 1, 3, 3, 7, 1, 1, 1, 1};
	struct tcp_options short_o, long_o;

	(void)state;
	for (u32 i = 0; i < 20 * 256; i++) {
		u8 was = wire[i / 256];
		bool good;

		wire[i / 256] = (u8)i;
		memset(&short_o, 0, sizeof(short_o));
		memset(&long_o, 0, sizeof(long_o));
		good = tcp_options_parse(wire, 20, &short_o);
		if (good) {
			assert_true(tcp_options_parse(wire, 24, &long_o));
			assert_memory_equal(&short_o, &long_o, sizeof(short_o));
		}
		wire[i / 256] = was;
		assert_true(good || i / 256 != 3);
	}
}

static void test_acceptable_sequence(void **state)
{
	seq32 nxt = SEQ32(0xfffffff0u);

	(void)state;
	assert_true(tcp_seq_acceptable(nxt, nxt, nxt, 0));
	assert_false(tcp_seq_acceptable(nxt, seq_add(nxt, 1), nxt, 0));
	assert_true(tcp_seq_acceptable(seq_sub(nxt, 5), seq_add(nxt, 1), nxt, 100));
	assert_false(tcp_seq_acceptable(seq_sub(nxt, 5), nxt, nxt, 100));
	assert_true(tcp_seq_acceptable(seq_add(nxt, 99), seq_add(nxt, 120), nxt, 100));
	assert_false(tcp_seq_acceptable(seq_add(nxt, 100), seq_add(nxt, 120), nxt, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_usual_options),
		cmocka_unit_test(test_acceptable_sequence),
		cmocka_unit_test_setup_teardown(test_remembered_hashes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fast_retransmit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_and_time_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_with_unread_data_resets, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_syn_is_retransmitted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accepted_writer_is_woken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zero_window, setup, teardown),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

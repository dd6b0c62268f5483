/* SPDX-License-Identifier: MIT */
/*
 * Two stacks over a wire with a delay that loses, reorders and repeats frames by chance: what is
 * written is what is read, byte for byte, with SACK and without, with and without timestamps, for
 * each congestion control; the scoreboard's invariants are checked by the stack after each event.
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "net_tap.h"

#define PORT     80
#define LEN      400000u
#define MAX_FLY  4096
#define DELAY_NS (10 * NSEC_PER_MSEC)

/* A frame under way. */
struct flying {
	struct tap *to;
	u64 at_ns;
	u32 len;
	u8 *data;
};

/* What the wire does, in thousandths of the frames. */
struct weather {
	u32 lose, reorder, repeat;
	bool sack, timestamps;
	const char *cc;
	u32 slow_ms; /* longer under way, during the handshake */
};

static struct net net_a, net_b;
static struct tap *a, *b;
static struct socket *listener, *client, *server;
static struct flying fly[MAX_FLY];
static unsigned nfly;
static struct weather weather;
static u64 rnd_state;
static u8 out[LEN], in[LEN];

static u32 rnd(u32 below)
{
	rnd_state = rnd_state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(rnd_state >> 33) % below;
}

static void launch(struct tap *to, const u8 *data, u32 len, u64 delay_ns)
{
	struct flying *f;

	assert_true(nfly < MAX_FLY);
	f = &fly[nfly++];
	*f = (struct flying){to, ktime_get_ns() + delay_ns, len, malloc(len)};
	assert_non_null(f->data);
	memcpy(f->data, data, len);
}

static bool into_the_air(struct tap *t, u8 *data, u32 len)
{
	bool tcp = get_be16(data + 12) == ETH_P_IP;
	u64 delay_ns = DELAY_NS;

	if (tcp && rnd(1000) < weather.lose)
		return false;
	if (tcp)
		delay_ns += weather.slow_ms * NSEC_PER_MSEC;
	if (tcp && rnd(1000) < weather.reorder)
		delay_ns += (1 + rnd(8)) * NSEC_PER_MSEC;
	launch(t->peer, data, len, delay_ns);
	if (tcp && rnd(1000) < weather.repeat)
		launch(t->peer, data, len, delay_ns + rnd(3) * NSEC_PER_MSEC);
	return false;
}

/* The frame that lands first, within a time; NULL: none. */
static struct flying *first_landing(u64 until_ns)
{
	struct flying *first = NULL;

	for (unsigned i = 0; i < nfly; i++)
		if (fly[i].at_ns <= until_ns && (!first || fly[i].at_ns < first->at_ns))
			first = &fly[i];
	return first;
}

/* Less than the wire's delay: what is sent meanwhile lands later. */
static void step(u64 ms)
{
	u64 until = ktime_get_ns() + ms * NSEC_PER_MSEC;
	struct flying *f, now;

	while ((f = first_landing(until))) {
		now = *f;
		memmove(f, f + 1, (size_t)(&fly[nfly] - (f + 1)) * sizeof(*f));
		nfly--;
		host_run_until(max(now.at_ns, ktime_get_ns()));
		tap_inject(now.to, now.data, now.len);
		free(now.data);
	}
	host_run_until(until);
}

static void run_ms(u64 ms)
{
	for (; ms > 5; ms -= 5)
		step(5);
	step(ms);
}

static struct sockaddr_in addr_of(const char *ip, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(port).wire,
				    .sin_addr.s_addr = be32_make(tap_ip(ip)).wire};
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

static void settings(struct net *net)
{
	net->tcp->tcp_sack = weather.sack;
	net->tcp->tcp_timestamps = weather.timestamps;
	net->tcp->tcp_congestion_control = tcp_ca_find(weather.cc);
}

static void begin(u64 seed)
{
	struct sockaddr_in any = addr_of("0.0.0.0", PORT), to = addr_of("10.0.0.1", PORT);
	struct sock *sk = NULL;

	rnd_state = seed;
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	a = tap_new(&net_a, 1, "10.0.0.1", 24);
	b = tap_new(&net_b, 2, "10.0.0.2", 24);
	tap_wire(a, b);
	a->pass = b->pass = into_the_air;
	settings(&net_a);
	settings(&net_b);
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &listener), 0);
	assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(listener->ops->listen(listener, 4), 0);
	assert_int_equal(sock_create_kern(&net_b, AF_INET, SOCK_STREAM, 0, &client), 0);
	client->ops->connect(client, (const void *)&to, sizeof(to), O_NONBLOCK);
	for (unsigned i = 0; i < 2000 && !sk; i++) {
		run_ms(10);
		sk = tcp_prot.accept(listener->sk, O_NONBLOCK);
		sk = IS_ERR(sk) ? NULL : sk;
	}
	assert_non_null(sk);
	assert_int_equal(sock_create_kern(&net_a, AF_INET, SOCK_STREAM, 0, &server), 0);
	sk->sk_prot->close(server->sk, 0);
	sock_graft(sk, server);
	server->state = SS_CONNECTED;
	weather.slow_ms = 0;
}

static void end(void)
{
	sock_release(client);
	sock_release(server);
	sock_release(listener);
	weather.lose = 0;
	run_ms(300000); /* orphans and TIME-WAIT records end */
	assert_int_equal(nfly, 0);
	tap_free(a);
	tap_free(b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check();
}

/* All of out from client to server, and an answer now and then. */
static void transfer(void)
{
	size_t sent = 0, got = 0, answered = 0;
	u8 answer[100];

	memset(in, 0, sizeof(in));
	for (unsigned ms = 0; got < LEN && ms < 900000; ms += 5) {
		ssize_t n = sent < LEN ? put(client, out + sent, min(LEN - sent, 30000ul)) : 0;

		sent += n > 0 ? (size_t)n : 0;
		run_ms(5);
		n = take(server, in + got, min(LEN - got, 20000ul));
		got += n > 0 ? (size_t)n : 0;
		if (got > answered + 30000 && put(server, answer, sizeof(answer)) > 0)
			answered = got;
		take(client, answer, sizeof(answer));
	}
	assert_int_equal(got, LEN);
	assert_memory_equal(in, out, LEN);
}

static void play(struct weather w, unsigned seeds)
{
	for (unsigned seed = 1; seed <= seeds; seed++) {
		weather = w;
		begin(seed);
		transfer();
		end();
	}
}

static void test_few_losses(void **state)
{
	(void)state;
	play((struct weather){10, 0, 0, true, true, "cubic"}, 6);
	play((struct weather){10, 0, 0, true, false, "bbr"}, 4);
	play((struct weather){10, 0, 0, true, true, "reno"}, 4);
}

static void test_many_losses(void **state)
{
	(void)state;
	play((struct weather){100, 0, 0, true, true, "cubic"}, 6);
	play((struct weather){100, 0, 0, true, true, "bbr"}, 4);
	play((struct weather){200, 0, 0, true, false, "reno"}, 3);
}

static void test_without_sack(void **state)
{
	(void)state;
	play((struct weather){30, 0, 0, false, true, "cubic"}, 5);
	play((struct weather){30, 30, 10, false, false, "reno"}, 5);
}

static void test_reordering_and_repetition(void **state)
{
	(void)state;
	play((struct weather){0, 100, 0, true, true, "cubic"}, 4);
	play((struct weather){0, 0, 100, true, true, "cubic"}, 4);
	play((struct weather){30, 200, 100, true, true, "cubic"}, 6);
	play((struct weather){30, 200, 100, true, false, "bbr"}, 4);
}

/* The SYN goes out several times before its answer comes. By the echoed timestamp that was
 * needless, and the window is as ever; without timestamps it is one segment (RFC 5681 section 3.1).
 */
static void test_late_answer_to_a_syn(void **state)
{
	(void)state;
	for (int timestamps = 0; timestamps < 2; timestamps++) {
		weather = (struct weather){.sack = true, .timestamps = timestamps, .cc = "reno"};
		weather.slow_ms = 1300;
		begin(1);
		assert_true(tcp_sk(client->sk)->total_retrans > 1);
		assert_int_equal(tcp_sk(client->sk)->snd_cwnd, timestamps ? TCP_INIT_CWND : 1);
		transfer();
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_answer_to_a_syn),
		cmocka_unit_test(test_few_losses),
		cmocka_unit_test(test_many_losses),
		cmocka_unit_test(test_without_sack),
		cmocka_unit_test(test_reordering_and_repetition),
	};

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 31 + (i >> 9));
	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

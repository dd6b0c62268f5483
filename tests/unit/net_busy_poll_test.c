/* SPDX-License-Identifier: MIT */
/*
 * Busy polling: who would sleep for packets polls the NAPI that brings them, for as long as it was
 * told to, and its interrupt stays masked meanwhile; afterwards it is as it was. The device is a
 * receive queue into which frames come at given instants; between two looks virtual time passes.
 */
#include <errno.h>
#include <kernel/syscalls.h>
#include <kernel/sysctl.h>
#include <kernel/thread.h>
#include <kernel/timer.h>
#include <net/busy_poll.h>
#include <net/snmp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "host/host.h"
#include "net/core/core_int.h"
#include "net_tap.h"

#define US     NSEC_PER_USEC
#define FRAMES 32

/* Linux's number; the host's headers may be older. */
#define OPT_PREFER_BUSY_POLL 69
#define OPT_BUSY_POLL_BUDGET 70
#define OPT_NAPI_ID          56

static struct net net;
static struct tap *tap;
static int fd;

static struct {
	struct napi_struct napi;
	u64 due_ns[FRAMES]; /* when frame i comes */
	unsigned n, taken;
	bool irq_on;
	unsigned interrupts, polls;
	int budget; /* the last poll's */
	struct hrtimer line;
} nic;

static u64 now(void)
{
	return ktime_get_ns();
}

static bool frame_there(void)
{
	return nic.taken < nic.n && nic.due_ns[nic.taken] <= now();
}

/* The device: a frame has come, and the interrupt is on. */
static void raise_line(void)
{
	if (!nic.irq_on || !frame_there())
		return;
	nic.irq_on = false;
	nic.interrupts++;
	napi_schedule(&nic.napi);
}

static u64 line_timer(struct hrtimer *t)
{
	raise_line();
	return 0;
}

static void receive_one(void)
{
	u8 udp[12] = {0x10, 0, 0x20, 0, 0, 12, 0, 0, 'd', 'a', 't', 'a'}, frame[64];
	u32 len = tap_make_ip(frame, tap, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), 17, 1, 0, udp,
			      sizeof(udp));
	struct sk_buff *skb = napi_alloc_skb(tap->dev, len);

	assert_non_null(skb);
	memcpy(skb_put(skb, len), frame, len);
	skb->protocol = eth_type_trans(skb, tap->dev);
	napi_gro_receive(&nic.napi, skb);
	nic.taken++;
}

static int nic_poll(struct napi_struct *n, int budget)
{
	int done = 0;

	nic.polls++;
	nic.budget = budget;
	nic.irq_on = false; /* as virtio does, whoever polls */
	for (; done < budget && frame_there(); done++)
		receive_one();
	if (done < budget && napi_complete_done(n, done)) {
		nic.irq_on = true;
		raise_line();
	}
	return done;
}

/* n frames arrive after_ns from now. */
static void arrive(unsigned n, u64 after_ns)
{
	nic.n = nic.taken = nic.interrupts = nic.polls = 0;
	for (; nic.n < n; nic.n++)
		nic.due_ns[nic.n] = now() + after_ns;
	hrtimer_start(&nic.line, now() + after_ns);
}

static int set_option(int name, int val)
{
	return sys_setsockopt(fd, SOL_SOCKET, name, &val, sizeof(val));
}

static int get_option(int name)
{
	socklen_t len = sizeof(int);
	int val = -1;

	assert_int_equal(sys_getsockopt(fd, SOL_SOCKET, name, &val, &len), 0);
	return val;
}

static ssize_t receive(int flags)
{
	char got[16];

	return sys_recvfrom(fd, got, sizeof(got), flags, NULL, NULL);
}

static u64 counted(void)
{
	return net.mib[0]->linux_[LINUX_MIB_BUSYPOLLRXPACKETS];
}

static void at_rest(void)
{
	host_run_for(0);
	assert_int_equal(nic.napi.state, 0);
	assert_true(nic.irq_on);
}

static int setup(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = BE16(0x2000).wire};

	(void)state;
	memset(&nic, 0, sizeof(nic));
	assert_int_equal(net_init(&net, "busy"), 0);
	tap = tap_new(&net, 1, "10.0.0.1", 24);
	netif_napi_add(tap->dev, &nic.napi, nic_poll);
	napi_enable(&nic.napi);
	nic.irq_on = true;
	hrtimer_setup(&nic.line, line_timer);
	set_current_net(&net);
	fd = sys_socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(sys_bind(fd, (void *)&any, sizeof(any)), 0);
	/* The first one tells the socket where its packets come from. */
	arrive(1, 0);
	assert_int_equal(receive(0), 4);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(get_option(OPT_NAPI_ID), nic.napi.napi_id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hrtimer_cancel(&nic.line);
	sysctl_write("net.core.busy_poll", net.core, "0");
	sys_close(fd);
	set_current_net(&init_net);
	napi_disable(&nic.napi);
	netif_napi_del(&nic.napi);
	tap_free(tap);
	net_exit(&net);
	host_check();
	return 0;
}

/* Within its time the datagram is there as soon as it arrives, and interrupts nobody. */
static void test_read_polls(void **state)
{
	u64 start, before = counted();

	(void)state;
	assert_int_equal(set_option(SO_BUSY_POLL, 100), 0);
	assert_int_equal(get_option(SO_BUSY_POLL), 100);
	arrive(1, 30 * US);
	start = now();
	assert_int_equal(receive(0), 4);
	assert_in_range(now() - start, 30 * US, 32 * US);
	assert_true(nic.polls > 20);
	assert_int_equal(nic.interrupts, 0);
	assert_int_equal(counted() - before, 1);
	at_rest();
}

/* After its time it sleeps, and is woken by an interrupt. */
static void test_read_gives_up(void **state)
{
	u64 start, before = counted();

	(void)state;
	assert_int_equal(set_option(SO_BUSY_POLL, 100), 0);
	arrive(1, 500 * US);
	start = now();
	assert_int_equal(receive(0), 4);
	assert_int_equal(now() - start, 500 * US);
	assert_true(nic.polls > 80 && nic.polls < 110);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(counted() - before, 0);
	at_rest();
}

/* Without SO_BUSY_POLL nobody looks; who does not want to wait looks once. */
static void test_once_and_not_at_all(void **state)
{
	(void)state;
	arrive(1, 0);
	hrtimer_cancel(&nic.line); /* the interrupt is late */
	assert_int_equal(receive(MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(nic.polls, 0);
	assert_int_equal(set_option(SO_BUSY_POLL, 100), 0);
	assert_int_equal(receive(MSG_DONTWAIT), 4);
	assert_in_range(nic.polls, 1, 2);
	at_rest();
	nic.polls = 0;
	assert_int_equal(receive(MSG_DONTWAIT), -EAGAIN);
	assert_in_range(nic.polls, 1, 2);
	at_rest();
}

/* New sockets begin with net.core.busy_read. */
static void test_busy_read(void **state)
{
	int was = fd;

	(void)state;
	net.core->busy_read = 70;
	fd = sys_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(get_option(SO_BUSY_POLL), 70);
	sys_close(fd);
	fd = was;
	assert_int_equal(get_option(SO_BUSY_POLL), 0);
	assert_int_equal(set_option(SO_BUSY_POLL, -1), -EINVAL);
}

/* A look takes as many as the socket says; what is more than that is for the softirq. */
static void test_budget(void **state)
{
	(void)state;
	assert_int_equal(get_option(OPT_BUSY_POLL_BUDGET), BUSY_POLL_BUDGET);
	assert_int_equal(set_option(OPT_BUSY_POLL_BUDGET, 0), -EINVAL);
	assert_int_equal(set_option(OPT_BUSY_POLL_BUDGET, 65), -EINVAL);
	assert_int_equal(set_option(OPT_BUSY_POLL_BUDGET, 3), 0);
	assert_int_equal(set_option(SO_BUSY_POLL, 100), 0);
	arrive(20, 0);
	hrtimer_cancel(&nic.line);
	assert_int_equal(receive(0), 4);
	assert_int_equal(nic.taken, 20); /* the softirq ran when preemption was on again */
	for (unsigned i = 1; i < 20; i++)
		assert_int_equal(receive(MSG_DONTWAIT), 4);
	at_rest();
}

/* poll() looks at the devices of sockets that may be busy. */
static void test_poll(void **state)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	u64 start;

	(void)state;
	assert_int_equal(sysctl_write("net.core.busy_poll", net.core, "50"), 0);
	arrive(1, 20 * US);
	assert_int_equal(sys_poll(&p, 1, 10), 1); /* SO_BUSY_POLL is not set */
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(receive(0), 4);
	assert_int_equal(set_option(SO_BUSY_POLL, 1), 0);
	arrive(1, 20 * US);
	start = now();
	assert_int_equal(sys_poll(&p, 1, 10), 1);
	assert_in_range(now() - start, 20 * US, 22 * US);
	assert_int_equal(nic.interrupts, 0);
	assert_int_equal(receive(0), 4);
	arrive(1, 200 * US);
	start = now();
	assert_int_equal(sys_poll(&p, 1, 10), 1);
	assert_int_equal(now() - start, 200 * US);
	assert_in_range(nic.polls, 40, 110);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(receive(0), 4);
	nic.polls = 0;
	assert_int_equal(sys_poll(&p, 1, 0), 0);
	assert_int_equal(nic.polls, 0);
	at_rest();
}

/* epoll_wait() looks at the device that brought what was ready last. */
static void test_epoll(void **state)
{
	struct epoll_event ev = {.events = EPOLLIN}, got;
	int ep = sys_epoll_create1(0);
	u64 start;

	(void)state;
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
	assert_int_equal(sysctl_write("net.core.busy_poll", net.core, "50"), 0);
	for (unsigned i = 0; i < 3; i++) {
		arrive(1, 20 * US);
		start = now();
		assert_int_equal(sys_epoll_wait(ep, &got, 1, 10), 1);
		assert_in_range(now() - start, 20 * US, 22 * US);
		assert_int_equal(nic.interrupts, i ? 0 : 1); /* then it knows the device */
		assert_int_equal(receive(0), 4);
	}
	arrive(1, 200 * US);
	start = now();
	assert_int_equal(sys_epoll_wait(ep, &got, 1, 10), 1);
	assert_int_equal(now() - start, 200 * US);
	assert_int_equal(nic.interrupts, 1);
	assert_int_equal(receive(0), 4);
	sys_close(ep);
	at_rest();
}

static u64 other_ran_ns;

static int other(void *arg)
{
	other_ran_ns = now();
	return 0;
}

/* Another thread that wants the CPU has it in between. */
static void test_others_run(void **state)
{
	struct thread *t = thread_create("other", other, NULL, CPU_ANY, PRIO_NORMAL);
	u64 start = now();

	(void)state;
	other_ran_ns = 0;
	assert_int_equal(set_option(SO_BUSY_POLL, 1000), 0);
	arrive(1, 900 * US);
	assert_int_equal(receive(0), 4);
	assert_in_range(now() - start, 900 * US, 902 * US);
	assert_true(other_ran_ns && other_ran_ns - start < 10 * US);
	assert_int_equal(nic.interrupts, 0);
	thread_join(t);
	thread_put(t);
	at_rest();
}

/* A NAPI that is gone is not found, and no id is given twice. */
static void test_ids(void **state)
{
	struct napi_struct more[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		netif_napi_add(tap->dev, &more[i], nic_poll);
		assert_true(more[i].napi_id && more[i].napi_id != nic.napi.napi_id);
		assert_true(!i || more[i].napi_id != more[i - 1].napi_id);
	}
	for (unsigned i = 0; i < 3; i++)
		netif_napi_del(&more[i]);
	nic.polls = 0;
	napi_busy_loop(more[0].napi_id, 100 * US, 8, false, NULL, NULL);
	napi_busy_loop(0, 100 * US, 8, false, NULL, NULL);
	assert_int_equal(nic.polls, 0);
}

static void put_off(u64 polls, u64 timeout_ns)
{
	rtnl_lock();
	assert_int_equal(netdev_set_defer_hard_irqs(tap->dev, polls), 0);
	netdev_set_gro_flush_timeout(tap->dev, timeout_ns);
	rtnl_unlock();
}

/* napi_defer_hard_irqs: what comes while the interrupt is put off is found by a timer; so many
 * polls that find nothing, and it is on again. */
static void test_interrupts_put_off(void **state)
{
	(void)state;
	put_off(2, 100 * US);
	arrive(4, 0);
	for (unsigned i = 1; i < 4; i++)
		nic.due_ns[i] = now() + i * 150 * US;
	host_run_for(10 * US);
	assert_int_equal(nic.taken, 1);
	assert_false(nic.irq_on);
	assert_false(test_bit(NAPI_STATE_SCHED, &nic.napi.state)); /* a thread may poll it */
	host_run_for(500 * US);
	assert_int_equal(nic.taken, 4); /* at 200, 300 and 500 us */
	assert_int_equal(nic.interrupts, 1);
	assert_false(nic.irq_on);
	host_run_for(100 * US); /* 600: the second poll of those that find nothing comes then */
	assert_false(nic.irq_on);
	host_run_for(200 * US);
	assert_true(nic.irq_on);
	nic.polls = 0;
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(nic.polls, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(receive(MSG_DONTWAIT), 4);
	/* One of the two alone puts nothing off. */
	put_off(0, 100 * US);
	arrive(1, 0);
	host_run_for(10 * US);
	assert_true(nic.irq_on);
	put_off(2, 0);
	arrive(1, 0);
	host_run_for(10 * US);
	assert_true(nic.irq_on);
	put_off(0, 0);
	at_rest();
	rtnl_lock();
	assert_int_equal(netdev_set_defer_hard_irqs(tap->dev, 1ull << 31), -ERANGE);
	rtnl_unlock();
}

/* Switched off, or the NAPI disabled, while the interrupt is put off: it is not for long. */
static void test_put_off_no_more(void **state)
{
	(void)state;
	put_off(100, 100 * US);
	arrive(1, 0);
	host_run_for(10 * US);
	assert_false(nic.irq_on);
	put_off(0, 0);
	host_run_for(100 * US);
	assert_true(nic.irq_on);
	put_off(100, 100 * US);
	arrive(1, 0);
	host_run_for(10 * US);
	nic.polls = 0;
	napi_disable(&nic.napi);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(nic.polls, 0);
	napi_enable(&nic.napi);
	nic.irq_on = true; /* as a driver that opens does */
	assert_true(test_bit(NAPI_STATE_DEFER, &nic.napi.state));
	put_off(0, 0);
	at_rest();
}

/* SO_PREFER_BUSY_POLL: the thread comes back before the time is over, again and again, and no
 * interrupt comes between; without the option each sleep costs one. */
static void test_prefer_busy_poll(void **state)
{
	(void)state;
	assert_int_equal(get_option(OPT_PREFER_BUSY_POLL), 0);
	assert_int_equal(set_option(OPT_PREFER_BUSY_POLL, 2), -EINVAL);
	assert_int_equal(set_option(SO_BUSY_POLL, 50), 0);
	for (int prefer = 1; prefer >= 0; prefer--) {
		unsigned interrupts = 0;

		assert_int_equal(set_option(OPT_PREFER_BUSY_POLL, prefer), 0);
		assert_int_equal(get_option(OPT_PREFER_BUSY_POLL), prefer);
		put_off(1, 500 * US);
		for (unsigned i = 0; i < 10; i++) {
			/* It looks in vain, does something else, and then there is one. */
			arrive(1, 100 * US);
			assert_int_equal(receive(MSG_DONTWAIT), -EAGAIN);
			host_run_for(150 * US);
			assert_int_equal(nic.irq_on, !prefer && !nic.interrupts);
			assert_int_equal(receive(MSG_DONTWAIT), 4);
			interrupts += nic.interrupts;
			nic.n = nic.taken;
			if (!prefer)
				host_run_for(2 *
					     NSEC_PER_MSEC); /* what followed the packet is over */
		}
		assert_int_equal(interrupts, prefer ? 0 : 10);
		put_off(0, 0);
		host_run_for(NSEC_PER_MSEC);
		at_rest();
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_read_polls),
		TEST(test_read_gives_up),
		TEST(test_once_and_not_at_all),
		TEST(test_busy_read),
		TEST(test_budget),
		TEST(test_poll),
		TEST(test_epoll),
		TEST(test_others_run),
		TEST(test_ids),
		TEST(test_interrupts_put_off),
		TEST(test_put_off_no_more),
		TEST(test_prefer_busy_poll),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

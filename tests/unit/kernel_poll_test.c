/* SPDX-License-Identifier: MIT */
/*
 * poll() and epoll: level and edge, one-shot, exclusive, time-outs, wake-ups from other threads,
 * and the end of what is watched or of who watches.
 */
#include <errno.h>
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "host/host.h"

static void put(int fd, const char *text)
{
	assert_int_equal(sys_write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void take(int fd, size_t n)
{
	char buf[64];

	assert_int_equal(sys_read(fd, buf, n), (ssize_t)n);
}

struct later {
	int fd;
	u64 after_ns;
};

static int write_later(void *arg)
{
	const struct later *l = arg;
	u64 one = 1;

	thread_sleep_ns(l->after_ns);
	return (int)sys_write(l->fd, &one, sizeof(one));
}

static struct thread *start_later(struct later *l)
{
	return thread_create("later", write_later, l, CPU_ANY, PRIO_NORMAL);
}

static void finish(struct thread *t)
{
	thread_join(t);
	thread_put(t);
}

static void poll_tells_what_is_ready(void **state)
{
	struct pollfd p[4];
	int fd[2];

	sys_pipe2(fd, 0);
	p[0] = (struct pollfd){.fd = fd[0], .events = POLLIN};
	p[1] = (struct pollfd){.fd = fd[1], .events = POLLOUT};
	p[2] = (struct pollfd){.fd = -5, .events = POLLIN};
	p[3] = (struct pollfd){.fd = 9999, .events = POLLIN};
	assert_int_equal(sys_poll(p, 4, -1), 2);
	assert_int_equal(p[0].revents, 0);
	assert_int_equal(p[1].revents, POLLOUT);
	assert_int_equal(p[2].revents, 0);
	assert_int_equal(p[3].revents, POLLNVAL);
	put(fd[1], "x");
	assert_int_equal(sys_poll(p, 1, 0), 1);
	assert_int_equal(p[0].revents, POLLIN);
	sys_close(fd[1]);
	take(fd[0], 1);
	assert_int_equal(sys_poll(p, 1, -1), 1);
	assert_int_equal(p[0].revents, POLLHUP);
	sys_close(fd[0]);
}

static void poll_sleeps_until_woken_or_late(void **state)
{
	u64 before = host_memory_in_use();
	int fd = sys_eventfd2(0, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct later l = {.fd = fd, .after_ns = 5 * NSEC_PER_MSEC};
	u64 start_ns = ktime_get_ns();
	struct thread *t;

	assert_int_equal(sys_poll(&p, 1, 30), 0);
	assert_int_equal(ktime_get_ns() - start_ns, 30 * NSEC_PER_MSEC);
	t = start_later(&l);
	start_ns = ktime_get_ns();
	assert_int_equal(sys_poll(&p, 1, 1000), 1);
	assert_int_equal(ktime_get_ns() - start_ns, 5 * NSEC_PER_MSEC);
	finish(t);
	start_ns = ktime_get_ns();
	assert_int_equal(sys_poll(NULL, 0, 7), 0);
	assert_int_equal(ktime_get_ns() - start_ns, 7 * NSEC_PER_MSEC);
	sys_close(fd);
	assert_int_equal(host_memory_in_use(), before);
}

static int watch(int ep, int fd, u32 events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void level_triggered_tells_while_it_holds(void **state)
{
	int ep = sys_epoll_create1(0), fd[2];
	struct epoll_event ev[4];

	sys_pipe2(fd, 0);
	assert_int_equal(watch(ep, fd[0], EPOLLIN), 0);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	put(fd[1], "ab");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 1);
		assert_int_equal(ev[0].events, EPOLLIN);
		assert_int_equal(ev[0].data.fd, fd[0]);
	}
	take(fd[0], 2);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	sys_close(fd[1]);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 1);
	assert_int_equal(ev[0].events, EPOLLHUP);
	sys_close(fd[0]);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	sys_close(ep);
}

static void edge_triggered_tells_once_an_event(void **state)
{
	int ep = sys_epoll_create1(0), fd[2];
	struct epoll_event ev[4];

	sys_pipe2(fd, 0);
	put(fd[1], "a");
	assert_int_equal(watch(ep, fd[0], EPOLLIN | EPOLLET), 0);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 1);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	put(fd[1], "b");
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 1);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	sys_close(fd[0]);
	sys_close(fd[1]);
	sys_close(ep);
}

static void one_shot_is_armed_again_by_mod(void **state)
{
	int ep = sys_epoll_create1(0), fd[2];
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 77}, got;

	sys_pipe2(fd, 0);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &ev), 0);
	put(fd[1], "a");
	assert_int_equal(sys_epoll_wait(ep, &got, 1, 0), 1);
	assert_int_equal(got.data.u64, 77);
	put(fd[1], "b");
	sys_close(fd[1]);
	assert_int_equal(sys_epoll_wait(ep, &got, 1, 0), 0);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd[0], &ev), 0);
	assert_int_equal(sys_epoll_wait(ep, &got, 1, 0), 1);
	assert_int_equal(got.events, EPOLLIN | EPOLLHUP);
	sys_close(fd[0]);
	sys_close(ep);
}

struct waiter {
	int ep, fd;
	unsigned *served;
	unsigned woken;
};

static int epoll_waiter(void *arg)
{
	struct waiter *w = arg;
	struct epoll_event ev;

	while (sys_epoll_wait(w->ep, &ev, 1, 100) == 1) {
		u64 v;

		w->woken++;
		if (sys_read(w->fd, &v, sizeof(v)) == sizeof(v))
			++*w->served;
	}
	return 0;
}

/* With EPOLLEXCLUSIVE, one of several sets is woken by one event. */
static void exclusive_wakes_one(void **state)
{
	int fd = sys_eventfd2(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	struct waiter w[4];
	struct thread *t[4];
	unsigned served = 0, woken = 0;

	for (int i = 0; i < 4; i++) {
		w[i] = (struct waiter){sys_epoll_create1(0), fd, &served, 0};
		assert_int_equal(watch(w[i].ep, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE), 0);
		t[i] = thread_create("waiter", epoll_waiter, &w[i], CPU_ANY, PRIO_NORMAL);
	}
	for (int i = 0; i < 20; i++) {
		u64 one = 1;

		host_run_for(NSEC_PER_MSEC);
		assert_int_equal(sys_write(fd, &one, sizeof(one)), 8);
	}
	for (int i = 0; i < 4; i++) {
		finish(t[i]);
		woken += w[i].woken;
		sys_close(w[i].ep);
	}
	assert_int_equal(served, 20);
	assert_int_equal(woken, 20);
	sys_close(fd);
}

static void many_are_reported_in_turn(void **state)
{
	int ep = sys_epoll_create1(0), fd[100];
	struct epoll_event ev[10];
	unsigned seen[100] = {0};

	for (int i = 0; i < 100; i++) {
		struct epoll_event add = {.events = EPOLLIN, .data.u32 = (u32)i};

		fd[i] = sys_eventfd2(1, EFD_NONBLOCK);
		assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &add), 0);
	}
	for (int i = 0; i < 30; i++) {
		assert_int_equal(sys_epoll_wait(ep, ev, 10, 0), 10);
		for (int j = 0; j < 10; j++)
			seen[ev[j].data.u32]++;
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(seen[i], 3);
		sys_close(fd[i]);
	}
	assert_int_equal(sys_epoll_wait(ep, ev, 10, 0), 0);
	sys_close(ep);
}

/* Becomes ready again at the very moment it is asked, as a socket does whose packets come in on
 * another CPU. */
static u32 restless_poll(struct file *f, struct poll_table *pt)
{
	struct wait_queue *wq = f->private;

	poll_wait(f, wq, pt);
	wake_up_poll(wq, EPOLLIN);
	return EPOLLIN;
}

/* Its user may be freed after the first event, so a second one in the same call would be a trap. */
static void one_call_reports_an_item_once(void **state)
{
	static const struct file_ops ops = {.poll = restless_poll};
	int ep = sys_epoll_create1(0), fd;
	struct epoll_event ev[4];
	struct wait_queue wq;

	wait_queue_init(&wq);
	fd = fd_install(file_alloc(&ops, &wq, 0));
	assert_int_equal(watch(ep, fd, EPOLLIN), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 1);
	sys_close(fd);
	assert_int_equal(sys_epoll_wait(ep, ev, 4, 0), 0);
	sys_close(ep);
}

static void wrong_uses_are_refused(void **state)
{
	int ep = sys_epoll_create1(0), dir = sys_open("/", O_RDONLY, 0), fd = sys_eventfd2(0, 0);
	struct epoll_event ev = {.events = EPOLLIN};

	assert_int_equal(sys_epoll_create1(1), -EINVAL);
	assert_int_equal(watch(ep, 9999, EPOLLIN), -EBADF);
	assert_int_equal(watch(fd, fd, EPOLLIN), -EINVAL);
	assert_int_equal(watch(ep, ep, EPOLLIN), -EINVAL);
	assert_int_equal(watch(ep, dir, EPOLLIN), -EPERM);
	assert_int_equal(watch(ep, fd, EPOLLIN), 0);
	assert_int_equal(watch(ep, fd, EPOLLIN), -EEXIST);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), -ENOENT);
	assert_int_equal(sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), -ENOENT);
	assert_int_equal(sys_epoll_ctl(ep, 9, fd, &ev), -EINVAL);
	assert_int_equal(sys_epoll_wait(fd, &ev, 1, 0), -EINVAL);
	assert_int_equal(sys_epoll_wait(ep, &ev, 0, 0), -EINVAL);
	sys_close(ep);
	sys_close(dir);
	sys_close(fd);
}

static void epoll_sleeps_until_woken_or_late(void **state)
{
	u64 before = host_memory_in_use();
	int ep = sys_epoll_create1(0), fd = sys_eventfd2(0, 0);
	struct later l = {.fd = fd, .after_ns = 3 * NSEC_PER_MSEC};
	u64 start_ns = ktime_get_ns();
	struct epoll_event ev;
	struct thread *t;

	watch(ep, fd, EPOLLIN);
	assert_int_equal(sys_epoll_wait(ep, &ev, 1, 20), 0);
	assert_int_equal(ktime_get_ns() - start_ns, 20 * NSEC_PER_MSEC);
	t = start_later(&l);
	start_ns = ktime_get_ns();
	assert_int_equal(sys_epoll_wait(ep, &ev, 1, -1), 1);
	assert_int_equal(ktime_get_ns() - start_ns, 3 * NSEC_PER_MSEC);
	finish(t);
	/* The watched file may go first, or the watcher. */
	sys_close(fd);
	assert_int_equal(sys_epoll_wait(ep, &ev, 1, 0), 0);
	fd = sys_eventfd2(1, 0);
	watch(ep, fd, EPOLLIN);
	sys_close(ep);
	sys_close(fd);
	assert_int_equal(host_memory_in_use(), before);
}

static int start(void **state)
{
	host_init_config(&(struct host_config){.seed = 2, .cpus = 2, .preempt_percent = 30});
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poll_tells_what_is_ready),
		cmocka_unit_test(poll_sleeps_until_woken_or_late),
		cmocka_unit_test(level_triggered_tells_while_it_holds),
		cmocka_unit_test(edge_triggered_tells_once_an_event),
		cmocka_unit_test(one_shot_is_armed_again_by_mod),
		cmocka_unit_test(exclusive_wakes_one),
		cmocka_unit_test(many_are_reported_in_turn),
		cmocka_unit_test(one_call_reports_an_item_once),
		cmocka_unit_test(wrong_uses_are_refused),
		cmocka_unit_test(epoll_sleeps_until_woken_or_late),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and the file tree: the lowest free number, sharing by dup(), names that cannot leave
 * the root, archives of any kind of brokenness, text files of /proc, pipes and eventfds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/handoff.h>
#include <kernel/init.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/vfs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"

/* --- archives ------------------------------------------------------------------------------------
 */

struct archive {
	u8 *data;
	size_t len;
};

static void add_bytes(struct archive *a, const void *p, size_t n)
{
	a->data = realloc(a->data, a->len + n + 4);
	memcpy(a->data + a->len, p, n);
	a->len += n;
	while (a->len % 4)
		a->data[a->len++] = 0;
}

static void add_file(struct archive *a, const char *name, unsigned mode, const void *data, size_t n)
{
	char head[256];
	int len = snprintf(head, sizeof(head),
			   "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s", 1, mode,
			   0, 0, 1, 1700000000, (unsigned)n, 0, 0, 0, 0, (unsigned)strlen(name) + 1,
			   0, name);

	add_bytes(a, head, (size_t)len + 1);
	if (n)
		add_bytes(a, data, n);
}

static struct archive make_archive(void)
{
	struct archive a = {NULL, 0};

	add_file(&a, "www", S_IFDIR | 0755, NULL, 0);
	add_file(&a, "www/index.html", S_IFREG | 0644, "<h1>hello</h1>\n", 15);
	add_file(&a, "./www/empty", S_IFREG | 0600, NULL, 0);
	add_file(&a, "deep/er/file", S_IFREG | 0644, "x", 1);
	add_file(&a, "TRAILER!!!", 0, NULL, 0);
	return a;
}

static struct archive mounted;

static void files_of_an_archive_are_read(void **state)
{
	struct stat st;
	char buf[64] = "";
	int fd;

	fd = sys_open("/www/index.html", O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_int_equal(sys_read(fd, buf, sizeof(buf)), 15);
	assert_string_equal(buf, "<h1>hello</h1>\n");
	assert_int_equal(sys_read(fd, buf, sizeof(buf)), 0);
	assert_int_equal(sys_lseek(fd, 4, SEEK_SET), 4);
	assert_int_equal(sys_read(fd, buf, 5), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(sys_lseek(fd, -1, SEEK_END), 14);
	assert_int_equal(sys_lseek(fd, -1, SEEK_SET), -EINVAL);
	assert_int_equal(sys_lseek(fd, INT64_MAX, SEEK_END), -EOVERFLOW);
	assert_int_equal(sys_pread64(fd, buf, 3, 1), 3);
	assert_memory_equal(buf, "h1>", 3);
	assert_int_equal(sys_pread64(fd, buf, 3, 1l << 40), 0);
	assert_int_equal(sys_write(fd, buf, 1), -EBADF);
	assert_int_equal(sys_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 15);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_mtime, 1700000000);
	assert_int_equal(sys_close(fd), 0);
	assert_int_equal(sys_stat("/www/empty", &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(sys_stat("deep/er", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void names_do_not_leave_the_root(void **state)
{
	struct stat st;
	char longname[600];

	assert_int_equal(sys_stat("/../../www/./../www/index.html", &st), 0);
	assert_int_equal(sys_stat("/", &st), 0);
	assert_int_equal(sys_stat("//www///index.html", &st), 0);
	assert_int_equal(sys_open("/www/none", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_open("/www/none", O_RDWR | O_CREAT, 0), -EROFS);
	assert_int_equal(sys_open("/www/index.html", O_RDWR, 0), -EROFS);
	assert_int_equal(sys_open("/www", O_WRONLY, 0), -EISDIR);
	assert_int_equal(sys_open("/www/index.html/x", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(sys_open("/www/index.html/", O_RDONLY, 0), -ENOTDIR);
	memset(longname, 'a', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	assert_int_equal(sys_open(longname, O_RDONLY, 0), -ENAMETOOLONG);
}

static void folders_are_listed(void **state)
{
	int fd = sys_open("/www", O_RDONLY, 0);
	u64 space[8]; /* two names at a time */
	char *buf = (char *)space;
	char names[200] = "";
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(sys_read(fd, buf, 1), -EISDIR);
	assert_int_equal(sys_getdents64(fd, buf, 10), -EINVAL);
	while ((n = sys_getdents64(fd, buf, sizeof(space))) > 0) {
		for (ssize_t at = 0; at < n;) {
			strcat(names, buf + at + offsetof(struct dirent, d_name));
			strcat(names, buf[at + (ssize_t)offsetof(struct dirent, d_type)] == DT_DIR
					      ? "/ "
					      : " ");
			at += get_le16(buf + at + offsetof(struct dirent, d_reclen));
		}
	}
	assert_string_equal(names, "./ ../ index.html empty ");
	sys_close(fd);
	fd = sys_open("/www/index.html", O_RDONLY, 0);
	assert_int_equal(sys_getdents64(fd, buf, sizeof(space)), -ENOTDIR);
	sys_close(fd);
}

/* Every byte changed, every length cut: an answer each time, and never a read outside (the copy is
 * of exactly the length, watched by the sanitizer). */
static void broken_archives_are_refused(void **state)
{
	struct archive good = make_archive();
	unsigned refused = 0;

	for (size_t len = 0; len < good.len; len += 1 + host_random_below(3)) {
		u8 *copy = malloc(len ? len : 1);

		memcpy(copy, good.data, len);
		if (len < good.len - 4)
			assert_int_equal(rootfs_mount(copy, len), -EINVAL);
		free(copy);
	}
	for (int i = 0; i < 3000; i++) {
		/* What is mounted is served for ever. */
		static u8 *kept[3000];
		u8 *copy = malloc(good.len);

		memcpy(copy, good.data, good.len);
		for (u32 n = 1 + host_random_below(3); n; n--)
			copy[host_random_below((u32)good.len)] = (u8)host_random();
		if (rootfs_mount(copy, good.len)) {
			refused++;
			free(copy);
		} else {
			kept[i] = copy;
		}
		(void)kept;
	}
	assert_in_range(refused, 300, 2950);
	assert_int_equal(rootfs_mount(good.data, good.len), 0);
	files_of_an_archive_are_read(state);
}

static void absurd_headers_are_refused(void **state)
{
	static const struct {
		size_t at;
		const char *text;
	} bad[] = {
		{0, "070707"},            /* the old kind */
		{6 + 8 * 6, "ffffffff"},  /* size beyond everything */
		{6 + 8 * 11, "ffffffff"}, /* name beyond everything */
		{6 + 8 * 11, "00000000"}, /* no name */
		{6 + 8 * 11, "00000001"}, /* name not terminated where it says */
		{6 + 8 * 1, "00zz41ed"},  /* no number */
		{6 + 8 * 6, "7fffffff"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct archive a = make_archive();

		memcpy(a.data + bad[i].at, bad[i].text, strlen(bad[i].text));
		assert_int_equal(rootfs_mount(a.data, a.len), -EINVAL);
		free(a.data);
	}
	assert_int_equal(rootfs_mount("", 0), -EINVAL);
}

/* --- descriptors ---------------------------------------------------------------------------------
 */

static void the_lowest_descriptor_is_taken(void **state)
{
	int fd[300], base = sys_open("/", O_RDONLY, 0);
	unsigned open_before = fd_count();

	for (int i = 0; i < 300; i++) {
		fd[i] = sys_open("/www", O_RDONLY, 0);
		assert_int_equal(fd[i], base + 1 + i);
	}
	sys_close(fd[250]);
	sys_close(fd[7]);
	assert_int_equal(sys_dup(fd[0]), fd[7]);
	assert_int_equal(sys_fcntl(fd[0], F_DUPFD, (unsigned long)fd[200]), fd[250]);
	assert_int_equal(sys_fcntl(fd[0], F_DUPFD, 1000), 1000);
	sys_close(1000);
	for (int i = 0; i < 300; i++)
		assert_int_equal(sys_close(fd[i]), 0);
	assert_int_equal(fd_count(), open_before);
	assert_int_equal(sys_close(fd[0]), -EBADF);
	assert_int_equal(sys_close(-1), -EBADF);
	assert_int_equal(sys_read(1 << 30, NULL, 0), -EBADF);
	sys_close(base);
}

static void duplicates_share_the_position(void **state)
{
	int a = sys_open("/www/index.html", O_RDONLY, 0), b = sys_dup(a);
	char buf[8] = "";

	assert_int_equal(sys_read(a, buf, 4), 4);
	assert_int_equal(sys_read(b, buf, 5), 5);
	assert_memory_equal(buf, "hello", 5);
	sys_close(a);
	assert_int_equal(sys_read(b, buf, 1), 1);
	sys_close(b);
}

/* --- text files
 * ------------------------------------------------------------------------------------ */

static int shown;
static char written[64];

static void show(struct seq_file *m)
{
	shown++;
	for (int i = 0; i < 2000; i++)
		seq_printf(m, "%d of %s\n", i, (const char *)m->private);
}

static ssize_t store(void *private, const char *text, size_t len)
{
	snprintf(written, sizeof(written), "%s", text);
	return text[0] == '!' ? -EINVAL : (ssize_t)len;
}

static void text_files_are_made_when_read(void **state)
{
	static char tag[] = "it";
	char buf[100];
	ssize_t n;
	size_t total = 0;
	int fd;

	assert_int_equal(proc_create("/proc/test/text", show, store, tag), 0);
	assert_int_equal(proc_create("/proc/test/text", show, store, tag), -EEXIST);
	fd = sys_open("/proc/test/text", O_RDWR, 0);
	while ((n = sys_read(fd, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	assert_int_equal(shown, 1);
	assert_int_equal(total, 10 * 8 + 90 * 9 + 900 * 10 + 1000 * 11);
	sys_lseek(fd, 0, SEEK_SET);
	sys_read(fd, buf, 8);
	assert_memory_equal(buf, "0 of it\n", 8);
	assert_int_equal(shown, 2);
	assert_int_equal(sys_write(fd, "abc", 3), 3);
	assert_string_equal(written, "abc");
	assert_int_equal(sys_write(fd, "!", 1), -EINVAL);
	proc_remove("/proc/test/text");
	assert_int_equal(sys_open("/proc/test/text", O_RDONLY, 0), -ENOENT);
	sys_close(fd);
}

/* --- pipes, eventfds
 * -------------------------------------------------------------------------------- */

static int pipe_writer(void *arg)
{
	int fd = *(int *)arg;
	u8 buf[3000];

	for (unsigned i = 0; i < 100; i++) {
		memset(buf, (int)i, sizeof(buf));
		assert_int_equal(sys_write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	return sys_close(fd);
}

static void a_pipe_carries_bytes_in_order(void **state)
{
	u64 before = host_memory_in_use();
	struct thread *t;
	size_t total = 0;
	u8 buf[7000];
	ssize_t n;
	int fd[2];

	assert_int_equal(sys_pipe2(fd, 0), 0);
	t = thread_create("writer", pipe_writer, &fd[1], CPU_ANY, PRIO_NORMAL);
	while ((n = sys_read(fd[0], buf, 1 + host_random_below(sizeof(buf)))) > 0) {
		for (ssize_t i = 0; i < n; i++, total++)
			assert_int_equal(buf[i], total / 3000);
		if (host_random_below(4) == 0)
			thread_yield();
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, 300000);
	thread_join(t);
	thread_put(t);
	sys_close(fd[0]);
	assert_int_equal(host_memory_in_use(), before);
}

static void a_pipe_knows_when_it_would_wait(void **state)
{
	char big[5000] = "";
	int fd[2], queued, n = 0;

	assert_int_equal(sys_pipe2(fd, O_NONBLOCK), 0);
	assert_int_equal(sys_read(fd[0], big, 1), -EAGAIN);
	assert_int_equal(sys_read(fd[1], big, 1), -EBADF);
	while (sys_write(fd[1], big, 4096) == 4096)
		n++;
	assert_int_equal(n, 16);
	assert_int_equal(sys_read(fd[0], big, 5000), 5000);
	assert_int_equal(sys_write(fd[1], big, 4096), 4096);
	assert_int_equal(sys_write(fd[1], big, 4096), -EAGAIN); /* all or nothing */
	assert_int_equal(sys_write(fd[1], big, 5000), 904);
	assert_int_equal(sys_ioctl(fd[0], FIONREAD, &queued), 0);
	assert_int_equal(queued, 65536);
	sys_close(fd[0]);
	assert_int_equal(sys_write(fd[1], big, 1), -EPIPE);
	sys_close(fd[1]);
}

static int late_writer(void *arg)
{
	u64 one = 1;

	thread_sleep_ns(NSEC_PER_MSEC);
	return sys_write(*(int *)arg, &one, sizeof(one)) == sizeof(one) ? 0 : 1;
}

static void an_eventfd_counts(void **state)
{
	int fd = sys_eventfd2(3, EFD_NONBLOCK), sem = sys_eventfd2(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	u64 v = 39, most = ~0ull - 1;
	struct thread *t;

	assert_int_equal(sys_write(fd, &v, 8), 8);
	assert_int_equal(sys_read(fd, &v, 8), 8);
	assert_int_equal(v, 42);
	assert_int_equal(sys_read(fd, &v, 8), -EAGAIN);
	assert_int_equal(sys_read(fd, &v, 4), -EINVAL);
	assert_int_equal(sys_write(fd, &most, 8), 8);
	v = 1;
	assert_int_equal(sys_write(fd, &v, 8), -EAGAIN);
	v = ~0ull;
	assert_int_equal(sys_write(fd, &v, 8), -EINVAL);
	assert_int_equal(sys_read(sem, &v, 8), 8);
	assert_int_equal(v, 1);
	assert_int_equal(sys_read(sem, &v, 8), 8);
	assert_int_equal(sys_read(sem, &v, 8), -EAGAIN);
	sys_fcntl(sem, F_SETFL, 0);
	t = thread_create("late", late_writer, &sem, CPU_ANY, PRIO_NORMAL);
	assert_int_equal(sys_read(sem, &v, 8), 8);
	assert_int_equal(thread_join(t), 0);
	thread_put(t);
	sys_close(fd);
	sys_close(sem);
}

static void devices_of_code_alone(void **state)
{
	char buf[600];
	int fd;

	do_initcalls(INIT_DRIVER);
	fd = sys_open("/dev/zero", O_RDWR, 0);
	memset(buf, 1, sizeof(buf));
	assert_int_equal(sys_read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
	sys_close(fd);
	fd = sys_open("/dev/null", O_RDWR, 0);
	assert_int_equal(sys_write(fd, buf, 10), 10);
	assert_int_equal(sys_read(fd, buf, 10), 0);
	sys_close(fd);
	fd = sys_open("/dev/full", O_RDWR, 0);
	assert_int_equal(sys_write(fd, buf, 10), -ENOSPC);
	sys_close(fd);
	fd = sys_open("/dev/urandom", O_RDWR, 0);
	assert_int_equal(sys_read(fd, buf, sizeof(buf)), sizeof(buf));
	assert_true(memcmp(buf, buf + 300, 300) != 0);
	sys_close(fd);
}

static void sendfile_copies_where_it_must(void **state)
{
	int in = sys_open("/www/index.html", O_RDONLY, 0), fd[2];
	off_t off = 4;
	char buf[32];

	sys_pipe2(fd, O_NONBLOCK);
	assert_int_equal(sys_sendfile(fd[1], in, &off, 5), 5);
	assert_int_equal(off, 9);
	assert_int_equal(sys_sendfile(fd[1], in, NULL, 1000), 15);
	assert_int_equal(sys_sendfile(fd[1], in, NULL, 1000), 0);
	assert_int_equal(sys_read(fd[0], buf, sizeof(buf)), 20);
	assert_memory_equal(buf, "hello<h1>hello</h1>\n", 20);
	assert_int_equal(sys_sendfile(fd[1], fd[0], NULL, 10), -EINVAL);
	assert_int_equal(sys_sendfile(in, in, NULL, 10), -EINVAL);
	sys_close(fd[0]);
	sys_close(fd[1]);
	sys_close(in);
}

static int start(void **state)
{
	host_init(9);
	console_set_loglevel(LOG_EMERG);
	mounted = make_archive();
	return rootfs_mount(mounted.data, mounted.len);
}

/* What a CPU found taken is shown with the place that wanted it; places beyond the table together.
 */
static void taken_locks_are_shown_by_place(void **state)
{
	char text[4096] = "";
	u64 before = per_cpu(handoffs, 0).contended;
	ssize_t n;
	int fd;

	for (uintptr_t place = 1; place <= 100; place++)
		lock_contended((void *)(0x1000 * place));
	lock_contended((void *)0x1000);
	assert_int_equal(per_cpu(handoffs, 0).contended, before + 101);
	fd = sys_open("/proc/lock_stat", O_RDONLY, 0);
	n = sys_read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	sys_close(fd);
	assert_non_null(strstr(text, "0               2  0000000000001000"));
	assert_non_null(strstr(text, "0              69  elsewhere"));
	fd = sys_open("/proc/handoffs", O_RDONLY, 0);
	memset(text, 0, sizeof(text));
	assert_true(sys_read(fd, text, sizeof(text) - 1) > 0);
	sys_close(fd);
	assert_non_null(strstr(text, "CPU"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_an_archive_are_read),
		cmocka_unit_test(names_do_not_leave_the_root),
		cmocka_unit_test(folders_are_listed),
		cmocka_unit_test(absurd_headers_are_refused),
		cmocka_unit_test(the_lowest_descriptor_is_taken),
		cmocka_unit_test(duplicates_share_the_position),
		cmocka_unit_test(text_files_are_made_when_read),
		cmocka_unit_test(a_pipe_carries_bytes_in_order),
		cmocka_unit_test(a_pipe_knows_when_it_would_wait),
		cmocka_unit_test(an_eventfd_counts),
		cmocka_unit_test(devices_of_code_alone),
		cmocka_unit_test(taken_locks_are_shown_by_place),
		cmocka_unit_test(sendfile_copies_where_it_must),
		cmocka_unit_test(broken_archives_are_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

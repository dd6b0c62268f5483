/* SPDX-License-Identifier: MIT */
/* The devices that are only kernel code: /dev/null, /dev/zero, /dev/full, /dev/random, urandom. */
#include <kernel/init.h>
#include <kernel/random.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <poll.h>

static ssize_t nothing(struct file *f, struct iov_iter *to, s64 *pos)
{
	return 0;
}

static ssize_t swallow(struct file *f, struct iov_iter *from, s64 *pos)
{
	size_t n = iov_iter_count(from);

	iov_iter_advance(from, n);
	return (ssize_t)n;
}

static ssize_t no_space(struct file *f, struct iov_iter *from, s64 *pos)
{
	return -ENOSPC;
}

static ssize_t zeros(struct file *f, struct iov_iter *to, s64 *pos)
{
	static const char zero[256];
	size_t done = 0, n;

	while ((n = copy_to_iter(zero, sizeof(zero), to)))
		done += n;
	return (ssize_t)done;
}

static ssize_t random_numbers(struct file *f, struct iov_iter *to, s64 *pos)
{
	u8 buf[256];
	size_t done = 0;

	while (iov_iter_count(to)) {
		size_t n = min(iov_iter_count(to), sizeof(buf));

		get_random_bytes(buf, n);
		done += copy_to_iter(buf, n, to);
	}
	return (ssize_t)done;
}

/* What is written is mixed in, and credited with nothing. */
static ssize_t stir(struct file *f, struct iov_iter *from, s64 *pos)
{
	u8 buf[256];
	size_t done = 0, n;

	while ((n = copy_from_iter(buf, sizeof(buf), from))) {
		add_entropy(buf, n, 0);
		done += n;
	}
	return (ssize_t)done;
}

static u32 always_ready(struct file *f, struct poll_table *pt)
{
	return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static const struct file_ops null_ops = {.read = nothing, .write = swallow, .poll = always_ready};
static const struct file_ops zero_ops = {.read = zeros, .write = swallow, .poll = always_ready};
static const struct file_ops full_ops = {.read = zeros, .write = no_space, .poll = always_ready};
static const struct file_ops random_ops = {
	.read = random_numbers, .write = stir, .poll = always_ready};

static int devices_init(void)
{
	static const struct {
		const char *path;
		const struct file_ops *ops;
	} devices[] = {
		{"/dev/null", &null_ops},      {"/dev/zero", &zero_ops},
		{"/dev/full", &full_ops},      {"/dev/random", &random_ops},
		{"/dev/urandom", &random_ops},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		int err = dev_create(devices[i].path, devices[i].ops, NULL);

		if (err)
			return err;
	}
	return 0;
}

DEFINE_INITCALL(INIT_DRIVER, devices_init);

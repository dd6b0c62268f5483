/* SPDX-License-Identifier: MIT */
/*
 * Open files, the descriptor table, and the system calls that any file answers.
 *
 * Lookup takes no lock: the table is read under RCU, and struct file's memory stays one until a
 * grace period after it was freed, so a reference is taken unless the file is dying, and kept if
 * the table still names it. Changes are made under the table's lock, by threads only. The table
 * grows by doubling; a bitmap finds the lowest free descriptor.
 */
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/rcu.h>
#include <kernel/syscalls.h>
#include <kernel/sysctl.h>
#include <kernel/vfs.h>
#include <lib/bitops.h>
#include <lib/err.h>
#include <lib/string.h>
#include <limits.h>
#include <sys/ioctl.h>

#include "fs_int.h"

#define FIRST_FDS 512u      /* a page of pointers */
#define MOST_FDS  (1 << 19) /* the largest block of pages holds their pointers */
#define MAX_IOV   1024
#define MAX_RW    0x7ffff000ul /* bytes of one call, as on Linux */

struct fd_table {
	struct rcu_head rcu;
	unsigned size;       /* [I] a multiple of 64 */
	unsigned long *used; /* [lock] one bit a descriptor */
	struct file **file;  /* [lock] for writing, RCU for reading */
};

static struct {
	struct spinlock lock;
	struct fd_table *table; /* [rcu] */
	unsigned open;          /* [lock] for writing */
	unsigned lowest_free;   /* [lock] nothing below is free */
} fds = {.lock = SPINLOCK_INIT(fds)};

static struct kmem_cache *file_cache;
static int nr_open; /* most descriptors, rounded up as the table grows: fs.nr_open */
static struct ctl_header nr_open_ctl;
static const struct ctl_table nr_open_row = {.name = "nr_open",
					     .count = 1,
					     .mode = 0644,
					     .min = FIRST_FDS,
					     .max = MOST_FDS,
					     .ops = &ctl_int};

void file_init(void)
{
	struct meminfo mi;

	/* None is of use with less than a KiB behind it. */
	meminfo_get(&mi); /* pages */
	nr_open = (int)clamp_t(u64, rounddown_pow_of_two(mi.total) * (PAGE_SIZE / 1024), FIRST_FDS,
			       MOST_FDS);
	sysctl_register(&nr_open_ctl, "fs", &nr_open_row, 1, &nr_open);
	file_cache = kmem_cache_create("file", sizeof(struct file), 0, SLAB_TYPESAFE_BY_RCU, NULL);
}

struct file *file_alloc(const struct file_ops *ops, void *private, unsigned flags)
{
	struct file *f = kmem_cache_alloc(file_cache, GFP_KERNEL);
	struct mutex *pos_lock = NULL;

	if (!f)
		return NULL;
	if (ops->llseek || ops->getdents) {
		pos_lock = kmalloc(sizeof(*pos_lock), GFP_KERNEL);
		if (!pos_lock) {
			kmem_cache_free(file_cache, f);
			return NULL;
		}
		mutex_init(pos_lock);
	}
	/* Readers of a stale table entry look at ref alone, and leave a file of 0 references be. */
	f->flags = flags;
	f->ops = ops;
	f->private = private;
	f->pos = 0;
	f->ep_wq = NULL;
	f->pos_lock = pos_lock;
	INIT_LIST_HEAD(&f->ep_links);
	spin_lock_init(&f->ep_lock);
	__atomic_store_n(&f->ref.refs.v, 1, __ATOMIC_RELEASE);
	return f;
}

/* With the lock: who takes the last epoll item off has let go of it then, and of f. */
static bool file_is_watched(struct file *f)
{
	bool watched;

	spin_lock_bh(&f->ep_lock);
	watched = !list_empty(&f->ep_links);
	spin_unlock_bh(&f->ep_lock);
	return watched;
}

static noinline void file_free(struct file *f)
{
	if (file_is_watched(f))
		eventpoll_release(f);
	if (f->ops->release)
		f->ops->release(f);
	kfree(f->pos_lock);
	kmem_cache_free(file_cache, f);
}

void fput(struct file *f)
{
	if (unlikely(refcount_dec_and_test(&f->ref)))
		file_free(f);
}

/* --- the table ---------------------------------------------------------------------------- */

static void table_free(struct fd_table *t)
{
	kvfree(t->file, t->size * sizeof(t->file[0]));
	kfree(t->used);
	kfree(t);
}

static void table_free_rcu(struct rcu_head *head)
{
	table_free(container_of(head, struct fd_table, rcu));
}

static struct fd_table *table_alloc(unsigned size)
{
	struct fd_table *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->size = size;
	t->used = kzalloc(size / 8, GFP_KERNEL);
	t->file = kvzalloc(size * sizeof(t->file[0]), GFP_KERNEL);
	if (t->used && t->file)
		return t;
	table_free(t);
	return NULL;
}

/* Make room for at least one more descriptor than `old` has. */
static int table_grow(struct fd_table *old)
{
	unsigned size = old ? old->size * 2 : FIRST_FDS;
	struct fd_table *t;

	if (size > (unsigned)READ_ONCE(nr_open))
		return -EMFILE;
	t = table_alloc(size);
	if (!t)
		return -ENOMEM;
	spin_lock(&fds.lock);
	if (fds.table == old) {
		if (old) {
			memcpy(t->file, old->file, old->size * sizeof(t->file[0]));
			memcpy(t->used, old->used, old->size / 8);
		}
		rcu_assign_pointer(fds.table, t);
		t = old;
	}
	spin_unlock(&fds.lock);
	if (t)
		call_rcu(&t->rcu, table_free_rcu);
	return 0;
}

/* Lowest free descriptor from `from` on, or the table's size; lock held. */
static unsigned find_free(const struct fd_table *t, unsigned from)
{
	for (unsigned w = from / 64; w < t->size / 64; w++) {
		unsigned long map = ~t->used[w];

		if (w == from / 64)
			map &= ~0ul << from % 64;
		if (map)
			return w * 64 + (unsigned)__builtin_ctzl(map);
	}
	return t->size;
}

/* Put f at the lowest free descriptor that is not below `from`. NULL: it is taken all the same. */
static int fd_install_from(struct file *f, unsigned from)
{
	for (;;) {
		struct fd_table *t;
		unsigned fd = 0;
		int err;

		spin_lock(&fds.lock);
		t = fds.table;
		if (t)
			fd = find_free(t, max(from, fds.lowest_free));
		if (t && fd < t->size) {
			rcu_assign_pointer(t->file[fd], f);
			t->used[fd / 64] |= 1ul << fd % 64;
			fds.open++;
			if (from <= fds.lowest_free)
				fds.lowest_free = fd + 1;
			spin_unlock(&fds.lock);
			return (int)fd;
		}
		spin_unlock(&fds.lock);
		err = table_grow(t);
		if (err)
			return err;
	}
}

int fd_install(struct file *f)
{
	return fd_install_from(f, 0);
}

int fd_reserve(void)
{
	return fd_install_from(NULL, 0);
}

void fd_attach(int fd, struct file *f)
{
	spin_lock(&fds.lock);
	rcu_assign_pointer(fds.table->file[fd], f);
	spin_unlock(&fds.lock);
}

/* Descriptor fd is free again; lock held. */
static void mark_free(struct fd_table *t, int fd)
{
	t->used[fd / 64] &= ~(1ul << fd % 64);
	fds.lowest_free = min(fds.lowest_free, (unsigned)fd);
	fds.open--;
}

void fd_unreserve(int fd)
{
	spin_lock(&fds.lock);
	mark_free(fds.table, fd);
	spin_unlock(&fds.lock);
}

/* The object was freed, and made into another file, while we took a reference. */
static noinline struct file *fget_other(struct file *f)
{
	rcu_read_unlock();
	fput(f);
	return NULL;
}

struct file *fget(int fd)
{
	struct file *f = NULL;
	const struct fd_table *t;

	rcu_read_lock();
	t = rcu_dereference(fds.table);
	if (likely(t && (unsigned)fd < t->size))
		f = rcu_dereference(t->file[fd]);
	if (unlikely(!f || !refcount_inc_not_zero(&f->ref))) {
		rcu_read_unlock();
		return NULL;
	}
	if (unlikely(f != rcu_dereference(t->file[fd])))
		return fget_other(f);
	rcu_read_unlock();
	return f;
}

int fd_close(int fd)
{
	struct file *f = NULL;
	struct fd_table *t;

	spin_lock(&fds.lock);
	t = fds.table;
	if (t && fd >= 0 && (unsigned)fd < t->size)
		f = t->file[fd];
	if (f) {
		rcu_assign_pointer(t->file[fd], NULL);
		mark_free(t, fd);
	}
	spin_unlock(&fds.lock);
	if (!f)
		return -EBADF;
	fput(f);
	return 0;
}

unsigned fd_count(void)
{
	return READ_ONCE(fds.open);
}

void fd_for_each(void (*fn)(int fd, struct file *f, void *arg), void *arg)
{
	unsigned size;

	spin_lock(&fds.lock);
	size = fds.table ? fds.table->size : 0;
	spin_unlock(&fds.lock);
	for (unsigned fd = 0; fd < size; fd++) {
		struct file *f = fget((int)fd);

		if (f) {
			fn((int)fd, f, arg);
			fput(f);
		}
	}
}

/* --- reading and writing ------------------------------------------------------------------ */

/* Total length of the buffers, or -EINVAL. */
static ssize_t iov_total(const struct iovec *iov, int n)
{
	ssize_t total = n < 0 || n > MAX_IOV ? -EINVAL : iov_length(iov, (size_t)n);

	return min(total, (ssize_t)MAX_RW);
}

/* A file with a position is read by one thread at a time; streams lock for themselves. */
static bool has_position(const struct file *f)
{
	return f->ops->llseek;
}

static ssize_t file_read_iter(struct file *f, struct iov_iter *to, s64 *pos)
{
	if ((f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!f->ops->read)
		return f->ops->getdents ? -EISDIR : -EINVAL;
	return f->ops->read(f, to, pos);
}

static ssize_t file_write_iter(struct file *f, struct iov_iter *from, s64 *pos)
{
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	return f->ops->write(f, from, pos);
}

static ssize_t file_rw(int fd, const struct iovec *iov, int n,
		       ssize_t (*rw)(struct file *f, struct iov_iter *i, s64 *pos))
{
	ssize_t len = iov_total(iov, n);
	struct iov_iter iter;
	struct file *f;

	if (len < 0)
		return len;
	f = fget(fd);
	if (!f)
		return -EBADF;
	iov_iter_init(&iter, iov, (unsigned)n, (size_t)len);
	if (has_position(f))
		mutex_lock(f->pos_lock);
	len = rw(f, &iter, &f->pos);
	if (has_position(f))
		mutex_unlock(f->pos_lock);
	fput(f);
	return len;
}

ssize_t sys_read(int fd, void *buf, size_t len)
{
	struct iovec iov = {.iov_base = buf, .iov_len = min(len, (size_t)MAX_RW)};

	return file_rw(fd, &iov, 1, file_read_iter);
}

ssize_t sys_write(int fd, const void *buf, size_t len)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf,
			    .iov_len = min(len, (size_t)MAX_RW)};

	return file_rw(fd, &iov, 1, file_write_iter);
}

ssize_t sys_readv(int fd, const struct iovec *iov, int n)
{
	return file_rw(fd, iov, n, file_read_iter);
}

ssize_t sys_writev(int fd, const struct iovec *iov, int n)
{
	return file_rw(fd, iov, n, file_write_iter);
}

ssize_t sys_pread64(int fd, void *buf, size_t len, off_t off)
{
	struct iovec iov = {.iov_base = buf, .iov_len = min(len, (size_t)MAX_RW)};
	struct iov_iter iter;
	ssize_t done;
	struct file *f;
	s64 pos = off;

	if (off < 0)
		return -EINVAL;
	f = fget(fd);
	if (!f)
		return -EBADF;
	iov_iter_init(&iter, &iov, 1, iov.iov_len);
	done = has_position(f) ? file_read_iter(f, &iter, &pos) : -ESPIPE;
	fput(f);
	return done;
}

off_t sys_lseek(int fd, off_t off, int whence)
{
	struct file *f = fget(fd);
	s64 pos = -ESPIPE;

	if (!f)
		return -EBADF;
	if (has_position(f)) {
		mutex_lock(f->pos_lock);
		pos = f->ops->llseek(f, off, whence);
		mutex_unlock(f->pos_lock);
	}
	fput(f);
	return (off_t)pos;
}

s64 llseek_within(struct file *f, s64 off, int whence, s64 size)
{
	s64 base, pos;

	switch (whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &pos))
		return -EOVERFLOW;
	if (pos < 0)
		return -EINVAL;
	f->pos = pos;
	return pos;
}

/* --- the rest ------------------------------------------------------------------------------ */

int sys_open(const char *path, int flags, mode_t mode)
{
	struct file *f = vfs_open(path, (unsigned)flags);
	int fd;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	fd = fd_install(f);
	if (fd < 0)
		fput(f);
	return fd;
}

int sys_close(int fd)
{
	return fd_close(fd);
}

int file_stat(struct file *f, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_blksize = (blksize_t)PAGE_SIZE;
	if (f->ops->stat)
		return f->ops->stat(f, st);
	st->st_mode = S_IFCHR | 0600;
	return 0;
}

int sys_fstat(int fd, struct stat *st)
{
	struct file *f = fget(fd);
	int err;

	if (!f)
		return -EBADF;
	err = file_stat(f, st);
	fput(f);
	return err;
}

int sys_stat(const char *path, struct stat *st)
{
	return vfs_stat(path, st);
}

ssize_t sys_getdents64(int fd, void *buf, size_t len)
{
	struct file *f = fget(fd);
	ssize_t n = -ENOTDIR;

	if (!f)
		return -EBADF;
	if (f->ops->getdents) {
		mutex_lock(f->pos_lock);
		n = f->ops->getdents(f, buf, len);
		mutex_unlock(f->pos_lock);
	}
	fput(f);
	return n;
}

static int dup_from(int fd, unsigned from)
{
	struct file *f = fget(fd);
	int copy;

	if (!f)
		return -EBADF;
	copy = fd_install_from(f, from);
	if (copy < 0)
		fput(f);
	return copy;
}

int sys_dup(int fd)
{
	return dup_from(fd, 0);
}

/* Flags that F_SETFL may change. */
#define SETFL_FLAGS ((u32)(O_NONBLOCK | O_APPEND))

int sys_fcntl(int fd, int cmd, unsigned long arg)
{
	struct file *f;
	int result = 0;

	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return arg < (unsigned)READ_ONCE(nr_open) ? dup_from(fd, (unsigned)arg) : -EINVAL;
	f = fget(fd);
	if (!f)
		return -EBADF;
	switch (cmd) {
	case F_GETFD: /* nothing is ever executed: close-on-exec is accepted and means nothing */
	case F_SETFD:
		break;
	case F_GETFL:
		result = (int)READ_ONCE(f->flags);
		break;
	case F_SETFL:
		WRITE_ONCE(f->flags, (f->flags & ~SETFL_FLAGS) | ((u32)arg & SETFL_FLAGS));
		break;
	default:
		result = -EINVAL;
	}
	fput(f);
	return result;
}

int sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	struct file *f = fget(fd);
	int result;

	if (!f)
		return -EBADF;
	if (cmd == FIONBIO) {
		u32 flags = f->flags & ~(u32)O_NONBLOCK;

		WRITE_ONCE(f->flags, *(const int *)arg ? flags | (u32)O_NONBLOCK : flags);
		result = 0;
	} else {
		result = f->ops->ioctl ? (int)f->ops->ioctl(f, (unsigned)cmd, arg) : -ENOTTY;
	}
	fput(f);
	return result;
}

/* SPDX-License-Identifier: MIT */
/*
 * Open files and the descriptor table. A struct file is counted; its operations are given by what
 * it is (socket, regular file, /proc file, epoll, eventfd, console). One table for the whole
 * image: threads share it.
 */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include <kernel/atomic.h>
#include <kernel/uio.h>
#include <kernel/wait.h>
#include <sys/stat.h>
#include <sys/types.h>

struct file;
struct page;

/* poll: the file's poll method calls poll_wait() for each wait queue that could change its
 * answer, then returns the events that hold now (EPOLLIN ...). pt may be NULL: only the answer. */
struct poll_table {
	/* May be NULL: the queues are not asked for. */
	void (*queue)(struct poll_table *pt, struct file *f, struct wait_queue *wq);
	/* From the file: the receive queue that feeds it (<kernel/busy_poll.h>), 0: none; and
	 * whether poll() may look at that in place of sleeping. */
	u32 napi_id;
	bool may_busy_poll;
};

static inline void poll_wait(struct file *f, struct wait_queue *wq, struct poll_table *pt)
{
	if (pt && pt->queue)
		pt->queue(pt, f, wq);
}

struct file_ops {
	/* Bytes moved, 0 at the end, -errno. *pos is read and moved by files that have a position.
	 */
	ssize_t (*read)(struct file *f, struct iov_iter *to, s64 *pos);
	ssize_t (*write)(struct file *f, struct iov_iter *from, s64 *pos);
	u32 (*poll)(struct file *f, struct poll_table *pt);
	long (*ioctl)(struct file *f, unsigned cmd, void *arg);
	s64 (*llseek)(struct file *f, s64 off, int whence);
	int (*stat)(struct file *f, struct stat *st);
	ssize_t (*getdents)(struct file *f, void *buf, size_t len);
	/* Memory of a regular file's bytes at off, for sendfile() without a copy: returns how many
	 * bytes follow at *addr. They are real pages (virt_to_page() works) that stay for ever, so
	 * who refers to several need hold the first one only. NULL where not offered. */
	ssize_t (*map)(struct file *f, s64 off, size_t len, void **addr);
	/* Append len bytes of page, and of those behind it, from off on without a copy (sockets):
	 * returns bytes taken, the file then holds references of its own. MSG_* flags. NULL where
	 * not offered. */
	ssize_t (*sendpage)(struct file *f, struct page *page, u32 off, size_t len, int flags);
	/* The last reference went: free what belongs to f. */
	void (*release)(struct file *f);
};

struct file {
	refcount_t ref;
	u32 flags; /* O_* as in <fcntl.h> [a] */
	const struct file_ops *ops;
	void *private;
	s64 pos;                   /* [f_lock] */
	struct mutex *pos_lock;    /* of files that have a position, else NULL */
	struct wait_queue *ep_wq;  /* unused by files without epoll interest */
	struct list_head ep_links; /* epoll items that watch this file */
	struct spinlock ep_lock;
};

/* A new open file with one reference, or NULL. */
struct file *file_alloc(const struct file_ops *ops, void *private, unsigned flags);
static inline struct file *get_file(struct file *f)
{
	refcount_inc(&f->ref);
	return f;
}
void fput(struct file *f);

/* Descriptor table. fd_install() takes over the reference; returns the lowest free descriptor or
 * -EMFILE. fget() gives a new reference, NULL for a bad descriptor. */
int fd_install(struct file *f);
/* The number first, the file later: what fd_reserve() gave (or -EMFILE) is a bad descriptor for
 * everybody until fd_attach() takes over a reference to its file, or fd_unreserve() gives it up. */
int fd_reserve(void);
void fd_attach(int fd, struct file *f);
void fd_unreserve(int fd);
struct file *fget(int fd);
int fd_close(int fd);
unsigned fd_count(void);
void fd_for_each(void (*fn)(int fd, struct file *f, void *arg), void *arg);

#endif

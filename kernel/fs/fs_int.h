/* SPDX-License-Identifier: MIT */
/* Between the parts of kernel/fs only. */
#ifndef KERNEL_FS_INT_H
#define KERNEL_FS_INT_H

#include <kernel/file.h>

void file_init(void);

/* What a file with a position of 0 .. size answers to lseek(); f->pos_lock held. */
s64 llseek_within(struct file *f, s64 off, int whence, s64 size);

int file_stat(struct file *f, struct stat *st);

/* f is going: take it out of every epoll set that watches it. */
void eventpoll_release(struct file *f);
void eventpoll_init(void);

/* Is f the reading (writing) end of a pipe? */
bool pipe_is_end(const struct file *f, bool reading);
/* Move up to len bytes out of a pipe's reading end, none of which is lost where out takes fewer.
 * Bytes moved, 0 at the end of file, -errno; waits for the first unless nonblock. */
ssize_t pipe_give(struct file *in, struct file *out, size_t len, bool nonblock);

#endif

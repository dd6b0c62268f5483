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

#endif

/* SPDX-License-Identifier: MIT */
/* Scatter and gather input and output. */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <sys/types.h>

#define UIO_MAXIOV 1024

struct iovec {
	void *iov_base;
	size_t iov_len;
};

ssize_t readv(int fd, const struct iovec *iov, int n);
ssize_t writev(int fd, const struct iovec *iov, int n);

#endif

/* SPDX-License-Identifier: MIT */
/* Descriptors and files: POSIX names over the system calls. Thread context. */
#include <dirent.h>
#include <fcntl.h>
#include <kernel/syscalls.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libc_int.h"

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return (int)libc_ret(sys_open(path, flags, mode));
}

int close(int fd)
{
	return (int)libc_ret(sys_close(fd));
}

ssize_t read(int fd, void *buf, size_t len)
{
	return libc_ret(sys_read(fd, buf, len));
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return libc_ret(sys_write(fd, buf, len));
}

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return libc_ret(sys_readv(fd, iov, n));
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return libc_ret(sys_writev(fd, iov, n));
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
	return libc_ret(sys_pread64(fd, buf, len, off));
}

off_t lseek(int fd, off_t off, int whence)
{
	return libc_ret(sys_lseek(fd, off, whence));
}

int fstat(int fd, struct stat *st)
{
	return (int)libc_ret(sys_fstat(fd, st));
}

int stat(const char *path, struct stat *st)
{
	return (int)libc_ret(sys_stat(path, st));
}

int dup(int fd)
{
	return (int)libc_ret(sys_dup(fd));
}

int fcntl(int fd, int cmd, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	return (int)libc_ret(sys_fcntl(fd, cmd, arg));
}

int ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (int)libc_ret(sys_ioctl(fd, request, arg));
}

int pipe2(int fds[2], int flags)
{
	return (int)libc_ret(sys_pipe2(fds, flags));
}

int pipe(int fds[2])
{
	return pipe2(fds, 0);
}

ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
	return libc_ret(sys_sendfile(out, in, off, len));
}

ssize_t splice(int in, off_t *off_in, int out, off_t *off_out, size_t len, unsigned flags)
{
	return libc_ret(sys_splice(in, off_in, out, off_out, len, flags));
}

ssize_t getdents64(int fd, void *buf, size_t len)
{
	return libc_ret(sys_getdents64(fd, buf, len));
}

/* Entries at..len of buf are still to be returned. */
struct __dirstream {
	int fd;
	size_t at, len;
	char buf[1024] __attribute__((aligned(8)));
};

DIR *opendir(const char *path)
{
	DIR *dir = malloc(sizeof(*dir));

	if (!dir) {
		errno = ENOMEM;
		return NULL;
	}
	dir->at = 0;
	dir->len = 0;
	dir->fd = open(path, O_RDONLY | O_DIRECTORY);
	if (dir->fd >= 0)
		return dir;
	free(dir);
	return NULL;
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *entry;

	if (dir->at == dir->len) {
		ssize_t n = getdents64(dir->fd, dir->buf, sizeof(dir->buf));

		if (n <= 0)
			return NULL;
		dir->at = 0;
		dir->len = (size_t)n;
	}
	entry = (struct dirent *)(dir->buf + dir->at);
	dir->at += entry->d_reclen;
	return entry;
}

int closedir(DIR *dir)
{
	int fd = dir->fd;

	free(dir);
	return close(fd);
}

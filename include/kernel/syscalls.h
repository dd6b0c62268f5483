/* SPDX-License-Identifier: MIT */
/*
 * System calls: what the libc wraps and hosted tests call. Linux's names, argument order, types
 * and constants (x86-64); failure is -errno. Thread context; those that block say so by taking the
 * descriptor's O_NONBLOCK and the socket's time-outs into account.
 */
#ifndef KERNEL_SYSCALLS_H
#define KERNEL_SYSCALLS_H

#include <lib/types.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* Files */
int sys_open(const char *path, int flags, mode_t mode);
int sys_close(int fd);
ssize_t sys_read(int fd, void *buf, size_t len);
ssize_t sys_write(int fd, const void *buf, size_t len);
ssize_t sys_readv(int fd, const struct iovec *iov, int n);
ssize_t sys_writev(int fd, const struct iovec *iov, int n);
ssize_t sys_pread64(int fd, void *buf, size_t len, off_t off);
off_t sys_lseek(int fd, off_t off, int whence);
int sys_fstat(int fd, struct stat *st);
int sys_stat(const char *path, struct stat *st);
ssize_t sys_getdents64(int fd, void *buf, size_t len);
int sys_dup(int fd);
int sys_fcntl(int fd, int cmd, unsigned long arg);
int sys_ioctl(int fd, unsigned long cmd, void *arg);
int sys_pipe2(int fds[2], int flags);
int sys_eventfd2(unsigned initval, int flags);

/* Waiting */
int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int sys_epoll_create1(int flags);
int sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int sys_epoll_wait(int epfd, struct epoll_event *evs, int max, int timeout_ms);
int sys_nanosleep(const struct timespec *req, struct timespec *rem);
int sys_clock_gettime(clockid_t clk, struct timespec *ts);

/* Sockets */
int sys_socket(int family, int type, int protocol);
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sys_listen(int fd, int backlog);
int sys_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
int sys_shutdown(int fd, int how);
int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int sys_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
int sys_setsockopt(int fd, int level, int name, const void *val, socklen_t len);
ssize_t sys_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		   socklen_t tolen);
ssize_t sys_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		     socklen_t *fromlen);
ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t sys_sendfile(int out, int in, off_t *off, size_t len);
/* One of the two is a pipe. off_out: not offered (NULL). SPLICE_F_* flags. */
ssize_t sys_splice(int in, off_t *off_in, int out, off_t *off_out, size_t len, unsigned flags);

/* Threads and the machine */
int sys_gettid(void);
int sys_sched_yield(void);
int sys_reboot(int cmd);
ssize_t sys_getrandom(void *buf, size_t len, unsigned flags);
/* Start a thread that runs fn(arg) on cpu (or CPU_ANY); returns its tid. Wait: its result. */
int sys_thread_create(const char *name, int (*fn)(void *), void *arg, unsigned cpu);
int sys_thread_join(int tid, int *result);
/* Run an application by name in this thread; its result, or -ENOENT. */
int sys_app_run(int argc, char **argv);

#endif

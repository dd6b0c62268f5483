/* SPDX-License-Identifier: MIT */
/* The POSIX calls that programs use most. */
#ifndef _UNISTD_H
#define _UNISTD_H

#include <sys/types.h>

#define STDIN_FILENO  0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

int close(int fd);
ssize_t read(int fd, void *buf, size_t len);
ssize_t write(int fd, const void *buf, size_t len);
ssize_t pread(int fd, void *buf, size_t len, off_t off);
off_t lseek(int fd, off_t off, int whence);
int dup(int fd);
int pipe(int fds[2]);
int pipe2(int fds[2], int flags);
unsigned int sleep(unsigned int seconds);
int usleep(useconds_t us);
pid_t getpid(void);
pid_t gettid(void);

extern char *optarg;
extern int optind, opterr, optopt;
int getopt(int argc, char *const argv[], const char *optstring);

#endif

/* SPDX-License-Identifier: MIT */
/* Between the files of packetdrill's module. */
#ifndef HOST_PACKETDRILL_PD_INT_H
#define HOST_PACKETDRILL_PD_INT_H

#include <lib/types.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/packetdrill/interface.h"

struct net_device;

/* --- machine.c: whose turn it is, and virtual time ------------------------------------------ */
/* One thread of packetdrill is inside the stack at a time. */
void pd_enter(void);
void pd_leave(void);

/* A system call runs on a thread of the stack, so that it may sleep there. */
union pd_arg {
	long n;
	void *p;
	const void *cp;
};
typedef long (*pd_call)(const union pd_arg *a);
/* Result of fn(a), or -1 and errno. Where it sleeps, packetdrill's second thread waits until the
 * first has moved time on far enough; the first moves it on itself. */
long pd_run(pd_call fn, const union pd_arg *a);
#define PD_RUN(fn, ...) pd_run(fn, (const union pd_arg[]){__VA_ARGS__})

/* -1 with errno where a result of the stack's is an error. */
long pd_result(long result);

int pd_usleep(void *user, useconds_t us);
int pd_gettimeofday(void *user, struct timeval *tv, struct timezone *tz);

/* --- device.c: the wire ----------------------------------------------------------------------- */
void pd_device_init(void);
int pd_netdev_send(void *user, const void *packet, size_t len);
int pd_netdev_receive(void *user, void *packet, size_t *len, long long *time_us);
struct net_device *pd_device(void);
/* Take super-packets, or leave them to be cut above. */
void pd_device_set_gso(bool on);
/* Have addr (network order) as an address of ours. */
void pd_device_address(u32 addr);

/* --- fds.c: descriptors of the host that stand for ours ------------------------------------- */
/* A new descriptor for the stack's fd; negative errors pass through. */
long pd_fd_new(long fd);
/* The stack's descriptor behind it; -1 where it is none of ours. */
int pd_fd_get(int host_fd);
void pd_fd_drop(int host_fd);

/* --- settings.c ------------------------------------------------------------------------------- */
/* Value of --name=value on packetdrill's command line, or NULL; till the next call. */
const char *pd_option(const char *name);
void pd_settings_init(void);
/* Has tun0 software segmentation on? It has not, where a script switched it off by ethtool. */
bool pd_wants_gso(void);
/* Take over the sysctls of the network namespace. */
void pd_read_sysctls(void);

/* --- commands.c: what a script's shell commands mean for us ---------------------------------- */
/* A command is about to run. */
void pd_command(const char *command);
/* Take over what commands have changed in the namespace, if any ran since the last time. */
void pd_follow_commands(void);
/* Did one switch segmentation offload off? */
bool pd_segmentation_off(void);

/* --- counters.c: for a script's nstat ----------------------------------------------------------
 */
void pd_counters_init(void);
/* Before a command of the script: the counters as they are now. */
void pd_counters_write(void);

/* --- calls.c ---------------------------------------------------------------------------------- */
void pd_fill_table(struct packetdrill_table *table);
int pd_getsockopt(void *user, int fd, int level, int name, void *val, socklen_t *len);
int pd_close(void *user, int fd);
ssize_t pd_sendfile(int out, int in, off_t *off, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The stack's counters for the commands of a script. nstat reads /proc/net/snmp and netstat, or
 * what its environment names instead: here files in memory, which hold what the stack's own /proc
 * does.
 */
#include <fcntl.h>
#include <kernel/syscalls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/packetdrill/pd_int.h"

static struct {
	const char *from, *variable;
	int fd;
} tables[] = {
	{"/proc/net/snmp", "PROC_NET_SNMP", -1},
	{"/proc/net/netstat", "PROC_NET_NETSTAT", -1},
};
static char history[256]; /* nstat's: by default all users of a name share one */

static void forget_history(void)
{
	unlink(history);
}

static void name_history(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(history, sizeof(history), "%s/sluice-nstat-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(history);
	if (fd < 0)
		return;
	close(fd);
	setenv("NSTAT_HISTORY", history, 1);
	atexit(forget_history);
}

void pd_counters_init(void)
{
	char path[64];

	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		tables[i].fd = memfd_create(tables[i].from, MFD_CLOEXEC);
		if (tables[i].fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), tables[i].fd);
		setenv(tables[i].variable, path, 1);
	}
	name_history();
}

static long call_copy(const union pd_arg *a)
{
	char text[8192];
	off_t at = 0;
	ssize_t n;
	int fd = sys_open(tables[a[0].n].from, O_RDONLY, 0);

	if (fd < 0)
		return fd;
	if (ftruncate(tables[a[0].n].fd, 0))
		at = -1;
	while (at >= 0 && (n = sys_read(fd, text, sizeof(text))) > 0) {
		if (pwrite(tables[a[0].n].fd, text, (size_t)n, at) != n)
			break;
		at += n;
	}
	return sys_close(fd);
}

void pd_counters_write(void)
{
	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].fd >= 0)
			PD_RUN(call_copy, {.n = (long)i});
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * What a script was started with: packetdrill's command line, and the sysctls that its shell
 * commands have set in the network namespace.
 */
#include <fcntl.h>
#include <kernel/sysctl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/net.h>
#include <net/netns_tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/packetdrill/pd_int.h"

/* Length of a file of /proc in text, without the newline at its end; -1: not there. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return n;
}

/* A script may begin with options of packetdrill, a line each. */
static const char *script_option(const char *path, const char *name)
{
	static char text[4096];
	char line[64], *at;

	if (read_file(path, text + 1, sizeof(text) - 1) < 0)
		return NULL;
	text[0] = '\n';
	snprintf(line, sizeof(line), "\n--%s=", name);
	at = strstr(text, line);
	if (!at)
		return NULL;
	at += strlen(line);
	at[strcspn(at, " \t\n")] = '\0';
	return at;
}

const char *pd_option(const char *name)
{
	const char *script = NULL;
	static char line[16384];
	ssize_t len = read_file("/proc/self/cmdline", line, sizeof(line));
	size_t name_len = strlen(name);

	for (const char *p = line; len > 0 && p < line + len; p += strlen(p) + 1) {
		if (!strncmp(p, "--", 2) && !strncmp(p + 2, name, name_len) &&
		    p[2 + name_len] == '=')
			return p + 3 + name_len;
		if (strlen(p) > 4 && !strcmp(p + strlen(p) - 4, ".pkt"))
			script = p;
	}
	return script ? script_option(script, name) : NULL;
}

/* Those that tell of the host's size, not of the script's wishes. */
static bool belongs_to_host(const char *dir, const char *name)
{
	return strcmp(dir, "net/ipv4") || !strcmp(name, "tcp_mem") || !strcmp(name, "udp_mem");
}

#define CONGESTION_CONTROL "tcp_congestion_control"

static char first_congestion[32]; /* that of the namespace before the script began */

/* A script may choose reno, but hardly anything else: Linux lets a namespace that is not the first
 * have only what is open to all. What a namespace has from its host is no wish of the script's. */
static bool is_wish(const char *name, const char *value)
{
	return strcmp(name, CONGESTION_CONTROL) != 0 || strcmp(value, first_congestion) != 0 ||
	       !strcmp(value, "reno");
}

/* The host's value of one of our rows, if it is another one. */
static void take_over(const char *dir, const struct ctl_table *t, void *base, void *arg)
{
	char path[256], theirs[512], ours[512];

	if (!(t->mode & 0222) || belongs_to_host(dir, t->name))
		return;
	snprintf(path, sizeof(path), "/proc/sys/%s/%s", dir, t->name);
	if (read_file(path, theirs, sizeof(theirs)) < 0 || !is_wish(t->name, theirs))
		return;
	if (t->ops->read(t, (char *)base + t->offset, ours, sizeof(ours)) >= 0 &&
	    !strcmp(theirs, ours))
		return;
	t->ops->write(t, (char *)base + t->offset, theirs, strlen(theirs));
}

void pd_settings_init(void)
{
	if (read_file("/proc/sys/net/ipv4/" CONGESTION_CONTROL, first_congestion,
		      sizeof(first_congestion)) < 0)
		first_congestion[0] = '\0';
}

bool pd_wants_gso(void)
{
	struct ethtool_value gso = {.cmd = ETHTOOL_GGSO, .data = 1};
	struct ifreq ifr = {.ifr_name = "tun0", .ifr_data = (char *)&gso};
	int s = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	if (s >= 0) {
		ioctl(s, SIOCETHTOOL, &ifr);
		close(s);
	}
	return gso.data && !pd_segmentation_off();
}

/* CUBIC leaves slow start as Linux does by default (tcp_cubic.hystart_detect), which is what
 * scripts are written for, not by HyStart++. */
#define LINUX_HYSTART "3"

void pd_read_sysctls(void)
{
	sysctl_write("net.ipv4.tcp_cubic_hystart", NULL, LINUX_HYSTART);
	sysctl_for_each(take_over, NULL);
}

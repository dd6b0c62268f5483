/* SPDX-License-Identifier: MIT */
/*
 * The sysctl tree: Linux's names, /proc/sys as files, `sysctl.a.b=c` on the command line. A table
 * row names a variable, its kind and its bounds; a struct net's variables are registered once per
 * net, with data given as the offset in it.
 */
#ifndef KERNEL_SYSCTL_H
#define KERNEL_SYSCTL_H

#include <lib/list.h>
#include <lib/types.h>

struct ctl_table;

/* Text to value and back. write: parse text (len bytes, NUL-terminated) and store, 0 or -EINVAL
 * with the variable unchanged; read: print into text (size bytes), returns the length. */
struct ctl_ops {
	int (*read)(const struct ctl_table *t, void *data, char *text, size_t size);
	int (*write)(const struct ctl_table *t, void *data, const char *text, size_t len);
};

struct ctl_table {
	const char *name; /* last component: "tcp_syncookies" */
	size_t offset;    /* of the variable in the base object */
	u16 count;        /* how many values in a row (tcp_rmem: 3) */
	u16 mode;         /* 0644, 0444 */
	s64 min, max;     /* bounds of each value; both 0: none */
	const struct ctl_ops *ops;
};

extern const struct ctl_ops ctl_int;  /* int, decimal */
extern const struct ctl_ops ctl_bool; /* u8 or bool, 0 or 1 within min..max */
extern const struct ctl_ops ctl_u8;
extern const struct ctl_ops ctl_ulong;  /* unsigned long */
extern const struct ctl_ops ctl_string; /* char[], max = its size */

struct ctl_header {
	struct list_head list;
	const char *dir; /* "net/ipv4" */
	const struct ctl_table *table;
	unsigned n;
	void *base;
};

/* Add n rows under dir for the object base; header is the caller's and lives until unregistered.
 * Values that the command line set for these names are applied at once. */
void sysctl_register(struct ctl_header *h, const char *dir, const struct ctl_table *table,
		     unsigned n, void *base);
void sysctl_unregister(struct ctl_header *h);

/* By dotted or slashed name ("net.ipv4.tcp_rmem"). base selects among several objects (NULL: the
 * first registered). Read: length, or -ENOENT. Write: 0, -ENOENT, -EACCES, -EINVAL. */
int sysctl_read(const char *name, const void *base, char *text, size_t size);
int sysctl_write(const char *name, const void *base, const char *text);

/* Each name in order: for `sysctl -a` and the /proc/sys folders. */
void sysctl_for_each(void (*fn)(const char *dir, const struct ctl_table *t, void *base, void *arg),
		     void *arg);

#endif

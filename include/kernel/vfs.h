/* SPDX-License-Identifier: MIT */
/*
 * The file tree: the image's root file system (a newc cpio archive, built in or given as a boot
 * module; read-only, served in place) and the synthetic files of /proc, /sys and /dev. Paths are
 * absolute, or relative to /; `.` and `..` are resolved, and cannot leave the root.
 */
#ifndef KERNEL_VFS_H
#define KERNEL_VFS_H

#include <kernel/file.h>
#include <lib/compiler.h>

/* Text being produced for one open /proc file; grows as needed, marks itself failed when out of
 * memory. */
struct seq_file {
	char *buf;
	size_t len, size;
	bool failed;
	void *private; /* as given to proc_create() */
};
void seq_printf(struct seq_file *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void seq_puts(struct seq_file *m, const char *s);
void seq_write(struct seq_file *m, const void *data, size_t len);

/* Make a synthetic file at path (folders are made). show prints the whole content at open (and at a
 * rewind); write (or NULL) takes one write's bytes, returns len or -errno. -EEXIST, -ENOMEM. */
int proc_create(const char *path, void (*show)(struct seq_file *m),
		ssize_t (*write)(void *private, const char *text, size_t len), void *private);
void proc_remove(const char *path);

/* A device-like file under /dev: every open makes a file with these operations. */
int dev_create(const char *path, const struct file_ops *ops, void *private);

/* Mount an archive lying in memory at the root; later mounts replace earlier entries of the same
 * name. 0, or -EINVAL with a message that says what is wrong where. */
int rootfs_mount(const void *archive, size_t len);

/* Open by path: a file (put into no table) or ERR_PTR(-ENOENT, -EISDIR, -EACCES, -EROFS ...). */
struct file *vfs_open(const char *path, unsigned flags);
int vfs_stat(const char *path, struct stat *st);
void vfs_init(void);

#endif

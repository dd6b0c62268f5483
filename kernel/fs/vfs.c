/* SPDX-License-Identifier: MIT */
/*
 * Opening names: regular files of the archive, folders, /proc files, devices. Thread context.
 */
#include "fs_int.h"
#include "vnode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lib/err.h>
#include <stddef.h>
#include <string.h>

/* ---- regular files ------------------------------------------------------------------------ */

static ssize_t reg_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	const struct vnode *v = f->private;
	size_t n;

	if (*pos < 0 || (u64)*pos >= v->size)
		return 0;
	n = copy_to_iter(v->data + *pos, min(v->size - (size_t)*pos, iov_iter_count(to)), to);
	*pos += (s64)n;
	return (ssize_t)n;
}

static s64 reg_llseek(struct file *f, s64 off, int whence)
{
	return llseek_within(f, off, whence, (s64)((struct vnode *)f->private)->size);
}

/* In place where each page of the archive is a page of the allocator's (bare metal). */
static ssize_t reg_map(struct file *f, s64 off, size_t len, void **addr)
{
	const struct vnode *v = f->private;

	if (off < 0)
		return -EINVAL;
	if ((u64)off >= v->size)
		return 0;
	if (!virt_addr_valid(v->data) || !refcount_read(&virt_to_page(v->data)->refs))
		return -EOPNOTSUPP;
	*addr = (void *)(uintptr_t)(v->data + off);
	return (ssize_t)min(len, v->size - (size_t)off);
}

static int node_stat(struct file *f, struct stat *st)
{
	vnode_stat(f->private, st);
	return 0;
}

static void node_release(struct file *f)
{
	vnode_put(f->private);
}

static const struct file_ops reg_ops = {
	.read = reg_read,
	.llseek = reg_llseek,
	.map = reg_map,
	.stat = node_stat,
	.release = node_release,
};

/* ---- folders -------------------------------------------------------------------------------- */

static unsigned char dirent_type(const struct vnode *v)
{
	return v->kind == VNODE_DIR ? DT_DIR : v->kind == VNODE_DEV ? DT_CHR : DT_REG;
}

/* Positions 0 and 1 are "." and "..", n + 2 the n-th child. */
static ssize_t dir_getdents(struct file *f, void *buf, size_t len)
{
	struct vnode *dir = f->private;
	size_t done = 0;

	for (;;) {
		struct vnode *child = f->pos >= 2 ? vnode_child(dir, (u64)f->pos - 2) : NULL;
		const char *name = f->pos == 0   ? "."
				   : f->pos == 1 ? ".."
				   : child       ? child->name
						 : NULL;
		struct dirent *d = (void *)((u8 *)buf + done);
		size_t reclen;

		if (!name)
			return (ssize_t)done;
		reclen = ALIGN(offsetof(struct dirent, d_name) + strlen(name) + 1, 8ul);
		if (reclen > len - done) {
			if (child)
				vnode_put(child);
			return done ? (ssize_t)done : -EINVAL;
		}
		d->d_ino = child ? child->ino : dir->ino;
		d->d_off = ++f->pos;
		d->d_reclen = (unsigned short)reclen;
		d->d_type = child ? dirent_type(child) : DT_DIR;
		strcpy(d->d_name, name);
		done += reclen;
		if (child)
			vnode_put(child);
	}
}

static s64 dir_llseek(struct file *f, s64 off, int whence)
{
	return llseek_within(f, off, whence, 0);
}

static ssize_t dir_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	(void)f;
	(void)to;
	(void)pos;
	return -EISDIR;
}

static const struct file_ops dir_ops = {
	.read = dir_read,
	.getdents = dir_getdents,
	.llseek = dir_llseek,
	.stat = node_stat,
	.release = node_release,
};

/* ---- by name ----------------------------------------------------------------------------------
 */

static struct file *open_with(struct vnode *v, const struct file_ops *ops, unsigned flags)
{
	struct file *f = file_alloc(ops, v, flags);

	if (!f) {
		vnode_put(v);
		return ERR_PTR(-ENFILE);
	}
	return f;
}

static struct file *open_device(struct vnode *v, unsigned flags)
{
	struct file *f = file_alloc(v->dev_ops, v->dev_private, flags);

	vnode_put(v); /* a device outlives its name */
	return f ? f : ERR_PTR(-ENFILE);
}

struct file *vfs_open(const char *path, unsigned flags)
{
	struct vnode *v = vnode_lookup(path);
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (IS_ERR(v))
		return ERR_PTR(flags & O_CREAT && PTR_ERR(v) == -ENOENT ? -EROFS : PTR_ERR(v));
	switch (v->kind) {
	case VNODE_DIR:
		if (!writes)
			return open_with(v, &dir_ops, flags);
		vnode_put(v);
		return ERR_PTR(-EISDIR);
	case VNODE_REG:
		if (!writes)
			return open_with(v, &reg_ops, flags);
		vnode_put(v);
		return ERR_PTR(-EROFS);
	case VNODE_PROC:
		if (!writes || v->write)
			return procfile_open(v, flags);
		vnode_put(v);
		return ERR_PTR(-EACCES);
	case VNODE_DEV:
		return open_device(v, flags);
	}
	return ERR_PTR(-EINVAL);
}

int vfs_stat(const char *path, struct stat *st)
{
	struct vnode *v = vnode_lookup(path);

	if (IS_ERR(v))
		return (int)PTR_ERR(v);
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_blksize = (blksize_t)PAGE_SIZE;
	vnode_stat(v, st);
	vnode_put(v);
	return 0;
}

struct dev_fill {
	const struct file_ops *ops;
	void *private;
};

static void fill_dev(struct vnode *v, const void *arg)
{
	const struct dev_fill *d = arg;

	v->mode = 0600;
	v->dev_ops = d->ops;
	v->dev_private = d->private;
}

int dev_create(const char *path, const struct file_ops *ops, void *private)
{
	struct dev_fill d = {ops, private};
	struct vnode *v = vnode_create(path, strlen(path), VNODE_DEV, false, fill_dev, &d);

	return IS_ERR(v) ? (int)PTR_ERR(v) : 0;
}

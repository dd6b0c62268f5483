/* SPDX-License-Identifier: MIT */
/*
 * Synthetic files: making them, reading and writing them. The text is produced at the first read
 * from position 0 and stays the same until the reader goes back there.
 */
#include "fs_int.h"
#include "vnode.h"

#include <errno.h>
#include <lib/err.h>
#include <string.h>

#define PROC_WRITE_MAX 4096

struct procfile {
	struct vnode *vnode;
	struct seq_file text; /* [pos_lock] */
};

static int produce(struct procfile *p)
{
	p->text.len = 0;
	p->text.failed = false;
	p->text.private = p->vnode->proc_private;
	p->vnode->show(&p->text);
	return p->text.failed ? -ENOMEM : 0;
}

static ssize_t proc_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	struct procfile *p = f->private;
	size_t n;
	int err;

	if (!p->vnode->show)
		return -EACCES;
	if (*pos < 0)
		return -EINVAL;
	if (!*pos) {
		err = produce(p);
		if (err)
			return err;
	}
	if ((u64)*pos >= p->text.len)
		return 0;
	n = copy_to_iter(p->text.buf + *pos, min(p->text.len - (size_t)*pos, iov_iter_count(to)),
			 to);
	*pos += (s64)n;
	return (ssize_t)n;
}

static ssize_t proc_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	struct procfile *p = f->private;
	size_t len = iov_iter_count(from);
	ssize_t ret;
	char *text;

	(void)pos;
	if (!p->vnode->write)
		return -EACCES;
	if (len > PROC_WRITE_MAX)
		return -EINVAL;
	text = kmalloc(len + 1, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	len = copy_from_iter(text, len, from);
	text[len] = '\0';
	ret = p->vnode->write(p->vnode->proc_private, text, len);
	kfree(text);
	return ret;
}

static s64 proc_llseek(struct file *f, s64 off, int whence)
{
	return llseek_within(f, off, whence, (s64)((struct procfile *)f->private)->text.len);
}

static int proc_stat(struct file *f, struct stat *st)
{
	vnode_stat(((struct procfile *)f->private)->vnode, st);
	return 0;
}

static void proc_release(struct file *f)
{
	struct procfile *p = f->private;

	vnode_put(p->vnode);
	kfree(p->text.buf);
	kfree(p);
}

static const struct file_ops proc_ops = {
	.read = proc_read,
	.write = proc_write,
	.llseek = proc_llseek,
	.stat = proc_stat,
	.release = proc_release,
};

struct file *procfile_open(struct vnode *v, unsigned flags)
{
	struct procfile *p = kzalloc(sizeof(*p), GFP_KERNEL);
	struct file *f = p ? file_alloc(&proc_ops, p, flags) : NULL;

	if (!f) {
		kfree(p);
		vnode_put(v);
		return ERR_PTR(-ENOMEM);
	}
	p->vnode = v;
	return f;
}

struct proc_fill {
	void (*show)(struct seq_file *m);
	ssize_t (*write)(void *private, const char *text, size_t len);
	void *private;
};

static void fill_proc(struct vnode *v, const void *arg)
{
	const struct proc_fill *p = arg;

	v->mode = (p->show ? 0444u : 0) | (p->write ? 0200u : 0);
	v->show = p->show;
	v->write = p->write;
	v->proc_private = p->private;
}

int proc_create(const char *path, void (*show)(struct seq_file *m),
		ssize_t (*write)(void *private, const char *text, size_t len), void *private)
{
	struct proc_fill p = {show, write, private};
	struct vnode *v = vnode_create(path, strlen(path), VNODE_PROC, false, fill_proc, &p);

	return IS_ERR(v) ? (int)PTR_ERR(v) : 0;
}

/* An open file of it goes on until it is closed; what it shows must outlive that. */
void proc_remove(const char *path)
{
	struct vnode *v = vnode_lookup(path);

	if (IS_ERR(v))
		return;
	vnode_unlink(v);
	vnode_put(v);
}

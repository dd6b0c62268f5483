/* SPDX-License-Identifier: MIT */
/*
 * The tree of names behind vfs.h. A vnode is counted: once by the tree while it is linked, once by
 * each open file.
 */
#ifndef KERNEL_FS_VNODE_H
#define KERNEL_FS_VNODE_H

#include <kernel/mm.h>
#include <kernel/vfs.h>
#include <lib/list.h>

enum vnode_kind { VNODE_DIR, VNODE_REG, VNODE_PROC, VNODE_DEV };

struct vnode {
	refcount_t ref;
	enum vnode_kind kind;      /* [I] */
	struct vnode *parent;      /* [I] NULL: the root */
	struct list_head sibling;  /* [tree lock] */
	struct list_head children; /* [tree lock] of a folder */
	u64 ino;
	u32 mode;
	u32 mtime_s;
	union {
		/* VNODE_DIR: makes its content when somebody first looks; NULL: it is there [a] */
		void (*populate)(void);
		struct { /* VNODE_REG: bytes of a mounted archive, which stays for ever */
			const u8 *data;
			size_t size;
		};
		struct { /* VNODE_PROC */
			void (*show)(struct seq_file *m);
			ssize_t (*write)(void *private, const char *text, size_t len);
			void *proc_private;
		};
		struct { /* VNODE_DEV */
			const struct file_ops *dev_ops;
			void *dev_private;
		};
	};
	u8 name_len;
	char name[]; /* [I] */
};

/* Find by path: a reference, or ERR_PTR(-ENOENT, -ENOTDIR, -ENAMETOOLONG). */
struct vnode *vnode_lookup(const char *path);
void vnode_put(struct vnode *v);

/* Link a new vnode at path, making the folders on the way. replace: an existing file of that name
 * goes. The vnode with the tree's reference, or ERR_PTR(-EEXIST, -ENOTDIR, -ENOMEM, -ENAMETOOLONG).
 * fill (may be NULL) sets it up before it can be found. */
struct vnode *vnode_create(const char *path, size_t len, enum vnode_kind kind, bool replace,
			   void (*fill)(struct vnode *v, const void *arg), const void *arg);
void vnode_unlink(struct vnode *v);

/* The n-th child of a folder, with a reference; NULL: fewer. */
struct vnode *vnode_child(struct vnode *dir, u64 n);
void vnode_stat(const struct vnode *v, struct stat *st);

/* Open files of each kind (they take over the caller's reference to v). */
struct file *regfile_open(struct vnode *v, unsigned flags);
struct file *procfile_open(struct vnode *v, unsigned flags);
struct file *dirfile_open(struct vnode *v, unsigned flags);

#endif

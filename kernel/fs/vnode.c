/* SPDX-License-Identifier: MIT */
/*
 * The tree of names: folders with lists of children under one lock, held for the length of one
 * path at most.
 */
#include "vnode.h"

#include <errno.h>
#include <kernel/spinlock.h>
#include <lib/err.h>
#include <string.h>

#define MAX_NAME 255

static DEFINE_SPINLOCK(tree_lock);
static struct vnode root = {
	.ref = REFCOUNT_INIT(1),
	.kind = VNODE_DIR,
	.children = LIST_HEAD_INIT(root.children),
	.ino = 1,
	.mode = 0755,
};
static u64 next_ino = 2; /* [tree_lock] */

void vnode_put(struct vnode *v)
{
	if (refcount_dec_and_test(&v->ref))
		kfree(v);
}

static struct vnode *find_child(struct vnode *dir, const char *name, size_t len)
{
	struct vnode *v;

	list_for_each_entry(v, &dir->children, sibling)
		if (v->name_len == len && !memcmp(v->name, name, len))
			return v;
	return NULL;
}

/* Cut the next component off path[0..*len). Its length, 0 at the end. */
static size_t next_component(const char **path, size_t *len)
{
	size_t n = 0;

	while (*len && **path == '/') {
		(*path)++;
		(*len)--;
	}
	while (n < *len && (*path)[n] != '/')
		n++;
	return n;
}

static bool is_dot(const char *name, size_t n)
{
	return n == 1 && name[0] == '.';
}

static bool is_dotdot(const char *name, size_t n)
{
	return n == 2 && name[0] == '.' && name[1] == '.';
}

/* One step from dir. tree_lock held. */
static struct vnode *step(struct vnode *dir, const char *name, size_t n)
{
	struct vnode *v;

	if (n > MAX_NAME)
		return ERR_PTR(-ENAMETOOLONG);
	if (dir->kind != VNODE_DIR)
		return ERR_PTR(-ENOTDIR);
	if (is_dot(name, n))
		return dir;
	if (is_dotdot(name, n))
		return dir->parent ? dir->parent : dir;
	v = find_child(dir, name, n);
	return v ? v : ERR_PTR(-ENOENT);
}

/* v was found. If its content was put off until now: make it, without the lock. Two may do so at
 * once: what is there already is not made again. */
static void populate(struct vnode *v) __must_hold(tree_lock)
{
	void (*fn)(void) = v->kind == VNODE_DIR ? v->populate : NULL;

	if (likely(!fn))
		return;
	spin_unlock_bh(&tree_lock);
	fn();
	spin_lock_bh(&tree_lock);
	v->populate = NULL;
}

struct vnode *vnode_lookup(const char *path)
{
	size_t len = strlen(path), n;
	bool wants_dir = len && path[len - 1] == '/';
	struct vnode *v = &root;

	spin_lock_bh(&tree_lock);
	while ((n = next_component(&path, &len))) {
		v = step(v, path, n);
		if (IS_ERR(v))
			break;
		populate(v);
		path += n;
		len -= n;
	}
	if (!IS_ERR(v) && wants_dir && v->kind != VNODE_DIR)
		v = ERR_PTR(-ENOTDIR);
	if (!IS_ERR(v))
		refcount_inc(&v->ref);
	spin_unlock_bh(&tree_lock);
	return v;
}

static struct vnode *vnode_new(enum vnode_kind kind, const char *name, size_t n)
{
	struct vnode *v = kzalloc(sizeof(*v) + n + 1, GFP_ATOMIC);

	if (!v)
		return NULL;
	refcount_set(&v->ref, 1);
	v->kind = kind;
	v->mode = kind == VNODE_DIR ? 0755 : 0444;
	INIT_LIST_HEAD(&v->children);
	v->name_len = (u8)n;
	memcpy(v->name, name, n);
	return v;
}

static void link_child(struct vnode *dir, struct vnode *v)
{
	v->parent = dir;
	v->ino = next_ino++;
	list_add_tail(&v->sibling, &dir->children);
}

/* The folder in which the last component of *path is to be, made where it is missing. */
static struct vnode *make_parents(const char **path, size_t *len)
{
	struct vnode *dir = &root;

	for (;;) {
		size_t n = next_component(path, len);
		const char *rest = *path + n;
		size_t rest_len = *len - n;
		struct vnode *v;

		if (!next_component(&rest, &rest_len)) {
			*len = n;
			return dir;
		}
		v = step(dir, *path, n);
		if (IS_ERR(v) && PTR_ERR(v) == -ENOENT) {
			v = vnode_new(VNODE_DIR, *path, n);
			if (!v)
				return ERR_PTR(-ENOMEM);
			link_child(dir, v);
		}
		if (IS_ERR(v))
			return v;
		dir = v;
		*path = rest;
		*len = rest_len;
	}
}

static void unlink_locked(struct vnode *v)
{
	list_del(&v->sibling);
	vnode_put(v);
}

static struct vnode *create_locked(const char *path, size_t len, enum vnode_kind kind, bool replace,
				   void (*fill)(struct vnode *v, const void *arg), const void *arg)
{
	struct vnode *dir = make_parents(&path, &len), *v, *old;

	if (IS_ERR(dir))
		return dir;
	if (!len || is_dot(path, len) || is_dotdot(path, len))
		return ERR_PTR(-EEXIST);
	if (len > MAX_NAME)
		return ERR_PTR(-ENAMETOOLONG);
	if (dir->kind != VNODE_DIR)
		return ERR_PTR(-ENOTDIR);
	old = find_child(dir, path, len);
	if (old && (!replace || old->kind == VNODE_DIR || kind == VNODE_DIR))
		return old->kind == VNODE_DIR && kind == VNODE_DIR && replace ? old
									      : ERR_PTR(-EEXIST);
	v = vnode_new(kind, path, len);
	if (!v)
		return ERR_PTR(-ENOMEM);
	if (fill)
		fill(v, arg);
	if (old)
		unlink_locked(old);
	link_child(dir, v);
	return v;
}

struct vnode *vnode_create(const char *path, size_t len, enum vnode_kind kind, bool replace,
			   void (*fill)(struct vnode *v, const void *arg), const void *arg)
{
	struct vnode *v;

	spin_lock_bh(&tree_lock);
	v = create_locked(path, len, kind, replace, fill, arg);
	spin_unlock_bh(&tree_lock);
	return v;
}

void vnode_unlink(struct vnode *v)
{
	spin_lock_bh(&tree_lock);
	unlink_locked(v);
	spin_unlock_bh(&tree_lock);
}

struct vnode *vnode_child(struct vnode *dir, u64 n)
{
	struct vnode *v, *found = NULL;

	spin_lock_bh(&tree_lock);
	list_for_each_entry(v, &dir->children, sibling)
		if (!n--) {
			found = v;
			refcount_inc(&v->ref);
			break;
		}
	spin_unlock_bh(&tree_lock);
	return found;
}

void vnode_stat(const struct vnode *v, struct stat *st)
{
	static const u32 type[] = {[VNODE_DIR] = S_IFDIR,
				   [VNODE_REG] = S_IFREG,
				   [VNODE_PROC] = S_IFREG,
				   [VNODE_DEV] = S_IFCHR};

	st->st_ino = v->ino;
	st->st_mode = type[v->kind] | v->mode;
	st->st_mtime = v->mtime_s;
	st->st_size = v->kind == VNODE_REG ? (off_t)v->size : 0;
	st->st_blocks = (st->st_size + 511) / 512;
}

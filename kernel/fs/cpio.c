/* SPDX-License-Identifier: MIT */
/*
 * The root file system: a cpio archive of the "newc" kind, served where it lies. The archive is
 * untrusted: every field is digits within bounds, in all of it, before any of it is mounted.
 */
#include "vnode.h"

#include <errno.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/err.h>
#include <string.h>

#define NEWC_HEADER 110
#define NEWC_MAGIC  "070701"
#define NEWC_CRC    "070702"
#define TRAILER     "TRAILER!!!"

/* Fields of eight hexadecimal digits, by number behind the magic. */
enum { F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_FILESIZE, F_NAMESIZE = 11 };

struct entry {
	const char *name; /* NUL-terminated */
	size_t name_len;
	const u8 *data;
	u32 size, mode, mtime_s;
	size_t next; /* offset of the next header */
};

static int hex_digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool field(const u8 *header, unsigned n, u32 *v)
{
	const u8 *p = header + 6 + 8 * n;

	*v = 0;
	for (unsigned i = 0; i < 8; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return false;
		*v = *v << 4 | (u32)digit;
	}
	return true;
}

/* Take the entry at offset at apart. NULL, or what is wrong with it. */
static const char *parse_entry(const u8 *archive, size_t len, size_t at, struct entry *e)
{
	const u8 *h = archive + at;
	size_t name_at, data_at;
	u32 namesize;

	if (len - at < NEWC_HEADER)
		return "it is cut short in a header";
	if (memcmp(h, NEWC_MAGIC, 6) != 0 && memcmp(h, NEWC_CRC, 6) != 0)
		return "it is no cpio archive of the newc kind";
	if (!field(h, F_MODE, &e->mode) || !field(h, F_MTIME, &e->mtime_s) ||
	    !field(h, F_FILESIZE, &e->size) || !field(h, F_NAMESIZE, &namesize))
		return "a header field is not a number";
	name_at = at + NEWC_HEADER;
	if (!namesize || namesize > 4096 || namesize > len - name_at)
		return "a name's length is impossible";
	if (archive[name_at + namesize - 1])
		return "a name is not terminated";
	data_at = ALIGN(name_at + namesize, 4ul);
	if (data_at > len || e->size > len - data_at)
		return "a file is cut short";
	e->name = (const char *)archive + name_at;
	e->name_len = strlen(e->name);
	e->data = archive + data_at;
	e->next = min(ALIGN(data_at + e->size, 4ul), len);
	return NULL;
}

static void fill_entry(struct vnode *v, const void *arg)
{
	const struct entry *e = arg;

	v->mode = e->mode & 0777;
	v->mtime_s = e->mtime_s;
	if (v->kind == VNODE_REG) {
		v->data = e->data;
		v->size = e->size;
	}
}

static int add_entry(const struct entry *e)
{
	enum vnode_kind kind;
	struct vnode *v;

	if (!strcmp(e->name, "."))
		return 0;
	if (S_ISDIR(e->mode))
		kind = VNODE_DIR;
	else if (S_ISREG(e->mode))
		kind = VNODE_REG;
	else {
		pr_warn("rootfs: %s is neither a file nor a folder: left out", e->name);
		return 0;
	}
	v = vnode_create(e->name, e->name_len, kind, true, fill_entry, e);
	if (IS_ERR(v) && PTR_ERR(v) != -ENOMEM) {
		pr_warn("rootfs: %s collides with another entry: left out", e->name);
		return 0;
	}
	return IS_ERR(v) ? (int)PTR_ERR(v) : 0;
}

/* Walk the archive; with `add`, link what it holds. 0, -EINVAL with a message, or -ENOMEM. */
static int walk(const u8 *archive, size_t len, bool add, unsigned *entries)
{
	struct entry e;

	*entries = 0;
	for (size_t at = 0;; at = e.next, ++*entries) {
		const char *wrong = at >= len ? "it has no end" : parse_entry(archive, len, at, &e);
		int err;

		if (wrong) {
			pr_err("rootfs: broken archive at byte %zu: %s", at, wrong);
			return -EINVAL;
		}
		if (!strcmp(e.name, TRAILER))
			return 0;
		err = add ? add_entry(&e) : 0;
		if (err) {
			pr_err("rootfs: out of memory at %s", e.name);
			return err;
		}
	}
}

int rootfs_mount(const void *archive, size_t len)
{
	unsigned entries;
	/* All of it is looked at before any of it is used. */
	int err = walk(archive, len, false, &entries);

	if (!err)
		err = walk(archive, len, true, &entries);
	if (err)
		return err;
	page_hold_range(archive, len);
	pr_info("rootfs: %u entries, %zu KiB", entries, len / 1024);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Where the root file system comes from: a boot module that is a good archive, else the archive
 * that is linked into the image.
 */
#include "fs_int.h"

#include <kernel/bootinfo.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/vfs.h>

extern const u8 rootfs_start[] __weak, rootfs_end[] __weak;
extern struct bootinfo bootinfo __weak; /* the hosted home has none */

static bool mount_modules(void)
{
	bool mounted = false;

	if (!&bootinfo)
		return false;
	for (unsigned i = 0; i < bootinfo.nmodules; i++) {
		const struct boot_module *m = &bootinfo.module[i];

		pr_info("rootfs: boot module %u, %lu KiB", i, (m->end - m->start) / 1024);
		if (!rootfs_mount((const void *)m->start, m->end - m->start))
			mounted = true;
	}
	return mounted;
}

void vfs_init(void)
{
	file_init();
	eventpoll_init();
	if (mount_modules())
		return;
	if (&bootinfo && bootinfo.nmodules)
		pr_warn("rootfs: no boot module is usable, the built-in files are served");
	if (&rootfs_start[0] != &rootfs_end[0])
		rootfs_mount(rootfs_start, (uintptr_t)rootfs_end - (uintptr_t)rootfs_start);
}

static int fs_initcall(void)
{
	vfs_init();
	return 0;
}

DEFINE_INITCALL(INIT_CORE, fs_initcall);

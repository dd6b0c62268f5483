/* SPDX-License-Identifier: MIT */
/* The built-in root file system archive. */
	.section .rodata.rootfs, "a"
	.balign 16
	.globl rootfs_start, rootfs_end
rootfs_start:
	.incbin "build/rootfs.cpio"
rootfs_end:
	.balign 16
	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/* How the boot protocols name themselves. For assembly and C. */
#ifndef BOOT_MAGIC_H
#define BOOT_MAGIC_H

/* What eax holds at entry. PVH has no such word: entry.S puts in the magic of its structure. */
#define MB1_BOOT_MAGIC 0x2BADB002
#define MB2_BOOT_MAGIC 0x36D76289
#define PVH_MAGIC      0x336EC578

#endif

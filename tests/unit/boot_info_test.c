/* SPDX-License-Identifier: MIT */
/*
 * The parsers of what a loader leaves in memory: multiboot 1, multiboot 2 and PVH, right ones,
 * broken ones and random ones. A model of 64 KiB of physical memory stands for the machine's;
 * reading outside it fails as it would there, reading outside the C array is the sanitizer's.
 */
#include "boot/bootinfo.c" /* what it tests has no other way in */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PHYS  0x10000u
#define BYTES 0x10000u
#define INFO  (PHYS + 0x100)

static u8 memory[BYTES];
static struct bootinfo bi;

static const void *model_read(const struct boot_reader *r, u64 phys, size_t len)
{
	if (phys < PHYS || phys >= PHYS + BYTES || len > PHYS + BYTES - phys)
		return NULL;
	return memory + (phys - PHYS);
}

static const struct boot_reader reader = {model_read};

static void put32(u64 phys, u32 v)
{
	put_le32(memory + (phys - PHYS), v);
}

static void put64(u64 phys, u64 v)
{
	put_le64(memory + (phys - PHYS), v);
}

static u32 put_text(u64 phys, const char *s)
{
	memcpy(memory + (phys - PHYS), s, strlen(s) + 1);
	return (u32)phys;
}

static int clean(void **state)
{
	memset(memory, 0, sizeof(memory));
	return 0;
}

static void expect_range(unsigned i, u64 start, u64 end, enum boot_mem_type type)
{
	assert_true(i < bi.nranges);
	assert_true(bi.range[i].start == start);
	assert_true(bi.range[i].end == end);
	assert_int_equal(bi.range[i].type, type);
}

/* --- multiboot 1 ------------------------------------------------------------------------------ */

static u64 mb1_entry(u64 at, u64 base, u64 len, u32 type)
{
	put32(at, 20);
	put64(at + 4, base);
	put64(at + 12, len);
	put32(at + 20, type);
	return at + 24;
}

/* Everything that multiboot 1 can say arrives; the file's name before the arguments does not. */
static void mb1_whole(void **state)
{
	u64 end;

	put32(INFO, MB1_FLAG_CMDLINE | MB1_FLAG_MODULES | MB1_FLAG_MMAP | MB1_FLAG_LOADER);
	put32(INFO + 16, put_text(PHYS + 0x1000, "/boot/sluice.elf  ip=dhcp panic=1"));
	put32(INFO + 64, put_text(PHYS + 0x1100, "GRUB 2.06"));
	put32(INFO + 20, 1);
	put32(INFO + 24, PHYS + 0x1200);
	put32(PHYS + 0x1200, 0x400000);
	put32(PHYS + 0x1204, 0x412345);
	put32(PHYS + 0x1208, put_text(PHYS + 0x1300, "rootfs.cpio"));
	end = mb1_entry(PHYS + 0x2000, 0, 0x9fc00, 1);
	end = mb1_entry(end, 0xf0000, 0x10000, 2);
	end = mb1_entry(end, 0x100000, 0x1f00000, 1);
	put32(INFO + 48, PHYS + 0x2000);
	put32(INFO + 44, (u32)(end - PHYS - 0x2000));

	assert_int_equal(boot_parse(&bi, &reader, MB1_BOOT_MAGIC, INFO), 0);
	assert_string_equal(bi.protocol, "multiboot");
	assert_string_equal(bi.cmdline, "ip=dhcp panic=1");
	assert_string_equal(bi.loader, "GRUB 2.06");
	assert_int_equal(bi.nmodules, 1);
	assert_true(bi.module[0].start == 0x400000 && bi.module[0].end == 0x412345);
	assert_string_equal(bi.module[0].cmdline, "rootfs.cpio");
	assert_int_equal(bi.nranges, 3);
	expect_range(0, 0, 0x9fc00, BOOT_MEM_USABLE);
	expect_range(1, 0xf0000, 0x100000, BOOT_MEM_RESERVED);
	expect_range(2, 0x100000, 0x2000000, BOOT_MEM_USABLE);
}

/* Without a memory map, the two sizes in KiB serve (multiboot 3.3). */
static void mb1_sizes_only(void **state)
{
	put32(INFO, MB1_FLAG_MEMORY);
	put32(INFO + 4, 639);
	put32(INFO + 8, 15360);
	assert_int_equal(boot_parse(&bi, &reader, MB1_BOOT_MAGIC, INFO), 0);
	assert_int_equal(bi.nranges, 2);
	expect_range(0, 0, 639 * 1024, BOOT_MEM_USABLE);
	expect_range(1, 0x100000, 16u << 20, BOOT_MEM_USABLE);
	assert_string_equal(bi.cmdline, "");
}

/* An entry that says it has no size ends the map; it is not looked at for ever. */
static void mb1_zero_entry(void **state)
{
	u64 end = mb1_entry(PHYS + 0x2000, 0x100000, 0x100000, 1);

	put32(end, 0);
	put32(INFO, MB1_FLAG_MMAP);
	put32(INFO + 48, PHYS + 0x2000);
	put32(INFO + 44, 0xffffffff);
	assert_int_equal(boot_parse(&bi, &reader, MB1_BOOT_MAGIC, INFO), 0);
	assert_int_equal(bi.nranges, 1);
}

/* --- multiboot 2 ------------------------------------------------------------------------------ */

static u64 mb2_tag(u64 at, u32 type, u32 payload)
{
	put32(at, type);
	put32(at + 4, 8 + payload);
	return at + 8;
}

static u64 mb2_text(u64 at, u32 type, const char *text)
{
	u32 len = (u32)strlen(text) + 1;

	put_text(mb2_tag(at, type, len), text);
	return ALIGN(at + 8 + len, 8);
}

static u64 mb2_map(u64 at, u64 base, u64 len, u32 type)
{
	u64 p = mb2_tag(at, MB2_TAG_MMAP, 8 + 24);

	put32(p, 24);
	put64(p + 8, base);
	put64(p + 16, len);
	put32(p + 24, type);
	return at + 16 + 24;
}

/* Everything that multiboot 2 can say arrives; of two root pointers the newer is kept, a copy. */
static void mb2_whole(void **state)
{
	u64 at = INFO + 8, p;

	at = mb2_text(at, MB2_TAG_CMDLINE, "a=b c");
	at = mb2_text(at, MB2_TAG_LOADER, "GRUB 2.06");
	p = mb2_tag(at, MB2_TAG_MODULE, 8 + 4);
	put32(p, 0x300000);
	put32(p + 4, 0x300010);
	put_text(p + 8, "mod");
	at += 24;
	mb2_tag(at, MB2_TAG_RSDP_NEW, 36);
	put_text(at + 8, "RSD PTR new");
	at += 48;
	mb2_tag(at, MB2_TAG_RSDP_OLD, 20);
	put_text(at + 8, "RSD PTR old");
	at += 32;
	at = mb2_map(at, 0x100000, 0x700000, 1);
	mb2_tag(at, MB2_TAG_END, 0);
	put32(INFO, (u32)(at + 8 - INFO));

	assert_int_equal(boot_parse(&bi, &reader, MB2_BOOT_MAGIC, INFO), 0);
	assert_string_equal(bi.protocol, "multiboot2");
	assert_string_equal(bi.cmdline, "a=b c");
	assert_string_equal(bi.loader, "GRUB 2.06");
	assert_int_equal(bi.nmodules, 1);
	assert_true(bi.module[0].start == 0x300000 && bi.module[0].end == 0x300010);
	assert_string_equal(bi.module[0].cmdline, "mod");
	memset(memory, 0xaa, sizeof(memory));
	assert_memory_equal((const void *)(uintptr_t)bi.rsdp, "RSD PTR new", 11);
	expect_range(0, 0x100000, 0x800000, BOOT_MEM_USABLE);
}

/* A tag that reaches past the end of the structure, or is shorter than its head, ends the walk. */
static void mb2_bad_tags(void **state)
{
	static const u32 sizes[] = {0, 7, 4096, 0xfffffff8, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 at = mb2_map(INFO + 8, 0x100000, 0x100000, 1);

		put32(at, MB2_TAG_CMDLINE);
		put32(at + 4, sizes[i]);
		put_text(at + 8, "never");
		put32(INFO, (u32)(at + 64 - INFO));
		assert_int_equal(boot_parse(&bi, &reader, MB2_BOOT_MAGIC, INFO), 0);
		assert_string_equal(bi.cmdline, "");
		assert_int_equal(bi.nranges, 1);
	}
}

/* --- PVH ----------------------------------------------------------------------------------------
 */

static void pvh_head(u32 nmodules, u64 modules, u64 cmdline, u32 nmap, u64 map)
{
	put32(INFO, PVH_MAGIC);
	put32(INFO + 4, 1);
	put32(INFO + 12, nmodules);
	put64(INFO + 16, modules);
	put64(INFO + 24, cmdline);
	put64(INFO + 32, 0xf5a00);
	put64(INFO + 40, map);
	put32(INFO + 48, nmap);
}

static void pvh_map(u64 at, u64 base, u64 len, u32 type)
{
	put64(at, base);
	put64(at + 8, len);
	put32(at + 16, type);
}

/* Everything that PVH can say arrives. */
static void pvh_whole(void **state)
{
	pvh_head(1, PHYS + 0x1000, put_text(PHYS + 0x1100, "init=shell"), 2, PHYS + 0x2000);
	put64(PHYS + 0x1000, 0x500000);
	put64(PHYS + 0x1008, 0x1234);
	pvh_map(PHYS + 0x2000, 0x100000, 0x3f00000, 1);
	pvh_map(PHYS + 0x2018, 0x100000000, 0x100000000, 1);
	assert_int_equal(boot_parse(&bi, &reader, PVH_MAGIC, INFO), 0);
	assert_string_equal(bi.protocol, "pvh");
	assert_string_equal(bi.cmdline, "init=shell");
	assert_true(bi.rsdp == 0xf5a00);
	assert_int_equal(bi.nmodules, 1);
	assert_true(bi.module[0].start == 0x500000 && bi.module[0].end == 0x501234);
	expect_range(0, 0x100000, 0x4000000, BOOT_MEM_USABLE);
	expect_range(1, 0x100000000, 0x200000000, BOOT_MEM_USABLE);
}

/* Counts and addresses that no machine has are bounded. */
static void pvh_absurd(void **state)
{
	pvh_head(0xffffffff, ~0ull - 8, ~0ull, 0xffffffff, PHYS + BYTES - 24);
	pvh_map(PHYS + BYTES - 24, 0x100000, ~0ull, 1);
	assert_int_equal(boot_parse(&bi, &reader, PVH_MAGIC, INFO), 0);
	assert_int_equal(bi.nmodules, 0);
	assert_string_equal(bi.cmdline, "");
	expect_range(0, 0x100000, PHYS_LIMIT, BOOT_MEM_USABLE);
}

/* --- the map -------------------------------------------------------------------------------------
 */

/* Unsorted and overlapping entries come out sorted, without overlap; the less usable kind wins,
 * neighbours of a kind are one, kinds that nobody knows are reserved. */
static void map_is_normalised(void **state)
{
	pvh_head(0, 0, 0, 6, PHYS + 0x2000);
	pvh_map(PHYS + 0x2000, 0x800000, 0x100000, 1);
	pvh_map(PHYS + 0x2018, 0x100000, 0x300000, 1);
	pvh_map(PHYS + 0x2030, 0x400000, 0x400000, 1);
	pvh_map(PHYS + 0x2048, 0x200000, 0x1000, 2);
	pvh_map(PHYS + 0x2060, 0x8ff000, 0x2000, 77);
	pvh_map(PHYS + 0x2078, 0x300000, 0, 2);
	assert_int_equal(boot_parse(&bi, &reader, PVH_MAGIC, INFO), 0);
	assert_int_equal(bi.nranges, 4);
	expect_range(0, 0x100000, 0x200000, BOOT_MEM_USABLE);
	expect_range(1, 0x200000, 0x201000, BOOT_MEM_RESERVED);
	expect_range(2, 0x201000, 0x8ff000, BOOT_MEM_USABLE);
	expect_range(3, 0x8ff000, 0x901000, BOOT_MEM_RESERVED);
}

/* A loader that is none of the three, or has no map, is refused. */
static void refused(void **state)
{
	assert_int_equal(boot_parse(&bi, &reader, 0x12345678, INFO), -EINVAL);
	assert_int_equal(boot_parse(&bi, &reader, MB1_BOOT_MAGIC, INFO), -EINVAL);
	assert_int_equal(boot_parse(&bi, &reader, MB2_BOOT_MAGIC, 0), -EINVAL);
	assert_int_equal(boot_parse(&bi, &reader, PVH_MAGIC, ~0ull), -EINVAL);
}

/* A command line without an end is cut, and ends. */
static void endless_cmdline(void **state)
{
	memset(memory + 0x1000, 'x', BYTES - 0x1000);
	pvh_head(0, 0, PHYS + 0x1000, 0, 0);
	(void)boot_parse(&bi, &reader, PVH_MAGIC, INFO);
	assert_int_equal(strlen(bi.cmdline), CMDLINE_MAX);
}

static void check_invariants(void)
{
	assert_true(bi.nranges <= BOOT_MAX_RANGES && bi.nmodules <= BOOT_MAX_MODULES);
	assert_true(strlen(bi.cmdline) <= CMDLINE_MAX && strlen(bi.loader) <= 64);
	for (unsigned i = 0; i < bi.nranges; i++) {
		assert_true(bi.range[i].start < bi.range[i].end && bi.range[i].end <= PHYS_LIMIT);
		assert_true(bi.range[i].type >= BOOT_MEM_USABLE &&
			    bi.range[i].type <= BOOT_MEM_BAD);
		assert_true(!i || bi.range[i - 1].end <= bi.range[i].start);
	}
	for (unsigned i = 0; i < bi.nmodules; i++)
		assert_true(bi.module[i].start < bi.module[i].end);
}

/* Whatever lies in memory, what comes out is well-formed. */
static void random_structures(void **state)
{
	static const u32 magics[] = {MB1_BOOT_MAGIC, MB2_BOOT_MAGIC, PVH_MAGIC};

	srandom(1);
	for (unsigned round = 0; round < 600; round++) {
		for (unsigned i = 0; i < BYTES; i += 4)
			put32(PHYS + i, (u32)random() & (random() & 1 ? 0x1ffff : 0xff));
		if (round % 3 == 2)
			put32(INFO, PVH_MAGIC);
		(void)boot_parse(&bi, &reader, magics[round % 3], INFO);
		check_invariants();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(mb1_whole, clean),
		cmocka_unit_test_setup(mb1_sizes_only, clean),
		cmocka_unit_test_setup(mb1_zero_entry, clean),
		cmocka_unit_test_setup(mb2_whole, clean),
		cmocka_unit_test_setup(mb2_bad_tags, clean),
		cmocka_unit_test_setup(pvh_whole, clean),
		cmocka_unit_test_setup(pvh_absurd, clean),
		cmocka_unit_test_setup(map_is_normalised, clean),
		cmocka_unit_test_setup(refused, clean),
		cmocka_unit_test_setup(endless_cmdline, clean),
		cmocka_unit_test_setup(random_structures, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What the loader left in memory, turned into struct bootinfo. Runs once, first thing on the boot
 * CPU; pure over the bytes that a boot_reader gives, so that tests can feed it anything. Nothing
 * of the loader's structures is needed afterwards but the modules themselves.
 * Multiboot 0.6.96 section 3.3, Multiboot2 2.0 section 3.6, Xen's hvm/start_info.h (PVH).
 */
#include "bootinfo_int.h"
#include "magic.h"

#include <errno.h>
#include <kernel/cmdline.h>
#include <lib/string.h>

#define RAW_RANGES    256
#define STRING_BYTES  (CMDLINE_MAX + 2048)
#define PHYS_LIMIT    (1ull << 47)
#define MB2_MAX_BYTES (1u << 20)
#define RSDP_BYTES    36

struct raw_range {
	u64 start, end;
	u32 type;
};

static struct {
	const struct boot_reader *r;
	struct bootinfo *bi;
	unsigned nraw, nstring;
	struct raw_range raw[RAW_RANGES];
	char string[STRING_BYTES];
	u8 rsdp[RSDP_BYTES];
} parse;

static u32 read32(u64 phys)
{
	const void *p = parse.r->read(parse.r, phys, 4);

	return p ? get_le32(p) : 0;
}

static u64 read64(u64 phys)
{
	const void *p = parse.r->read(parse.r, phys, 8);

	return p ? get_le64(p) : 0;
}

/* A copy of the string at phys, of at most max characters; "" where there is none. */
static const char *keep_string(u64 phys, size_t max)
{
	size_t room = sizeof(parse.string) - parse.nstring;
	char *copy = parse.string + parse.nstring;
	size_t n = 0;

	if (!phys || room < 2)
		return "";
	while (n < max && n + 1 < room) {
		const char *c = parse.r->read(parse.r, phys + n, 1);

		if (!c || !*c)
			break;
		copy[n++] = *c;
	}
	copy[n++] = '\0';
	parse.nstring += n;
	return copy;
}

static void add_raw(u64 base, u64 len, u32 type)
{
	struct raw_range *last = parse.nraw ? &parse.raw[parse.nraw - 1] : NULL;
	u64 end = base + len;

	if (!len || base >= PHYS_LIMIT)
		return;
	if (end < base || end > PHYS_LIMIT)
		end = PHYS_LIMIT;
	if (type < BOOT_MEM_USABLE || type > BOOT_MEM_BAD)
		type = BOOT_MEM_RESERVED;
	/* UEFI maps have many small entries in a row that are the same to us. */
	if (last && last->end == base && last->type == type)
		last->end = end;
	else if (parse.nraw < RAW_RANGES)
		parse.raw[parse.nraw++] = (struct raw_range){base, end, type};
}

static void add_module(u64 start, u64 end, const char *cmdline)
{
	struct bootinfo *bi = parse.bi;

	if (start >= end || end > PHYS_LIMIT || bi->nmodules == BOOT_MAX_MODULES)
		return;
	bi->module[bi->nmodules++] = (struct boot_module){start, end, cmdline};
}

/* The type of elementary interval [start, ...): the least usable of those that cover it, 0: none.
 */
static u32 type_at(u64 start)
{
	u32 type = 0;

	for (unsigned i = 0; i < parse.nraw; i++)
		if (parse.raw[i].start <= start && start < parse.raw[i].end)
			type = max(type, parse.raw[i].type);
	return type;
}

/* The next place after pos where an entry begins or ends. */
static u64 next_edge(u64 pos)
{
	u64 edge = PHYS_LIMIT;

	for (unsigned i = 0; i < parse.nraw; i++) {
		if (parse.raw[i].start > pos)
			edge = min(edge, parse.raw[i].start);
		if (parse.raw[i].end > pos)
			edge = min(edge, parse.raw[i].end);
	}
	return edge;
}

/* Sweep from edge to edge: sorted, without overlaps, equal neighbours joined. */
static void normalise(struct bootinfo *bi)
{
	bi->nranges = 0;
	for (u64 pos = 0, next; pos < PHYS_LIMIT; pos = next) {
		struct boot_range *last = bi->nranges ? &bi->range[bi->nranges - 1] : NULL;
		u32 type = type_at(pos);

		next = next_edge(pos);
		if (!type)
			continue;
		if (last && last->end == pos && last->type == type)
			last->end = next;
		else if (bi->nranges < BOOT_MAX_RANGES)
			bi->range[bi->nranges++] = (struct boot_range){pos, next, type};
	}
}

/* Some loaders put the name of the file before the arguments. */
static const char *skip_file_name(const char *cmdline)
{
	if (*cmdline != '/')
		return cmdline;
	while (*cmdline && *cmdline != ' ')
		cmdline++;
	while (*cmdline == ' ')
		cmdline++;
	return cmdline;
}

#define MB1_FLAG_MEMORY  (1u << 0)
#define MB1_FLAG_CMDLINE (1u << 2)
#define MB1_FLAG_MODULES (1u << 3)
#define MB1_FLAG_MMAP    (1u << 6)
#define MB1_FLAG_LOADER  (1u << 9)

static void parse_mb1_mmap(u64 at, u32 len)
{
	u64 end = at + len;

	while (at + 24 <= end) {
		u32 size = read32(at);

		if (size < 20)
			return;
		add_raw(read64(at + 4), read64(at + 12), read32(at + 20));
		at += size + 4ull;
	}
}

static void parse_mb1(u64 info)
{
	struct bootinfo *bi = parse.bi;
	u32 flags = read32(info);

	bi->protocol = "multiboot";
	if (flags & MB1_FLAG_CMDLINE)
		bi->cmdline = skip_file_name(keep_string(read32(info + 16), CMDLINE_MAX));
	if (flags & MB1_FLAG_LOADER)
		bi->loader = keep_string(read32(info + 64), 64);
	if (flags & MB1_FLAG_MODULES) {
		u32 n = min(read32(info + 20), (u32)BOOT_MAX_MODULES);
		u64 mod = read32(info + 24);

		for (u32 i = 0; i < n; i++, mod += 16)
			add_module(read32(mod), read32(mod + 4), keep_string(read32(mod + 8), 128));
	}
	if (flags & MB1_FLAG_MMAP) {
		parse_mb1_mmap(read32(info + 48), min(read32(info + 44), 1u << 16));
	} else if (flags & MB1_FLAG_MEMORY) {
		add_raw(0, read32(info + 4) * 1024ull, BOOT_MEM_USABLE);
		add_raw(1u << 20, read32(info + 8) * 1024ull, BOOT_MEM_USABLE);
	}
}

enum mb2_tag {
	MB2_TAG_END = 0,
	MB2_TAG_CMDLINE = 1,
	MB2_TAG_LOADER = 2,
	MB2_TAG_MODULE = 3,
	MB2_TAG_MMAP = 6,
	MB2_TAG_RSDP_OLD = 14,
	MB2_TAG_RSDP_NEW = 15,
};

static void parse_mb2_mmap(u64 tag, u32 size)
{
	u32 entry_bytes = read32(tag + 8);

	if (entry_bytes < 20)
		return;
	for (u64 at = tag + 16; at + entry_bytes <= tag + size; at += entry_bytes)
		add_raw(read64(at), read64(at + 8), read32(at + 16));
}

/* The tag holds a copy of the root pointer, and lies in memory that is soon used for other things:
 * keep the bytes. The newer kind wins over the older. */
static void keep_rsdp(u64 tag, u32 size)
{
	size_t len = min((size_t)size - 8, sizeof(parse.rsdp));
	const void *copy = parse.r->read(parse.r, tag + 8, len);

	if (!copy || len < 20)
		return;
	memset(parse.rsdp, 0, sizeof(parse.rsdp));
	memcpy(parse.rsdp, copy, len);
	parse.bi->rsdp = (uintptr_t)parse.rsdp;
}

static void parse_mb2_tag(u32 type, u64 tag, u32 size)
{
	struct bootinfo *bi = parse.bi;

	switch (type) {
	case MB2_TAG_CMDLINE:
		bi->cmdline = skip_file_name(keep_string(tag + 8, min(size - 8, (u32)CMDLINE_MAX)));
		break;
	case MB2_TAG_LOADER:
		bi->loader = keep_string(tag + 8, min(size - 8, 64u));
		break;
	case MB2_TAG_MODULE:
		if (size >= 16)
			add_module(read32(tag + 8), read32(tag + 12),
				   keep_string(tag + 16, min(size - 16, 128u)));
		break;
	case MB2_TAG_MMAP:
		if (size >= 16)
			parse_mb2_mmap(tag, size);
		break;
	case MB2_TAG_RSDP_OLD:
		if (!bi->rsdp)
			keep_rsdp(tag, size);
		break;
	case MB2_TAG_RSDP_NEW:
		keep_rsdp(tag, size);
		break;
	}
}

static void parse_mb2(u64 info)
{
	u64 end = info + min(read32(info), MB2_MAX_BYTES);
	u64 tag = info + 8;

	parse.bi->protocol = "multiboot2";
	while (tag + 8 <= end) {
		u32 type = read32(tag), size = read32(tag + 4);

		if (type == MB2_TAG_END || size < 8 || size > end - tag)
			return;
		parse_mb2_tag(type, tag, size);
		tag += ALIGN((u64)size, 8);
	}
}

static void parse_pvh(u64 info)
{
	struct bootinfo *bi = parse.bi;
	u32 nmodules = min(read32(info + 12), (u32)BOOT_MAX_MODULES);
	u64 mod = read64(info + 16);

	bi->protocol = "pvh";
	if (read32(info) != PVH_MAGIC)
		return;
	bi->cmdline = keep_string(read64(info + 24), CMDLINE_MAX);
	for (u32 i = 0; i < nmodules; i++, mod += 32) {
		u64 start = read64(mod), len = read64(mod + 8);

		if (len < PHYS_LIMIT)
			add_module(start, start + len, keep_string(read64(mod + 16), 128));
	}
	bi->rsdp = read64(info + 32);
	/* Version 0 has no memory map. */
	if (read32(info + 4) >= 1) {
		u32 n = min(read32(info + 48), (u32)RAW_RANGES);
		u64 at = read64(info + 40);

		for (u32 i = 0; i < n; i++, at += 24)
			add_raw(read64(at), read64(at + 8), read32(at + 16));
	}
}

int boot_parse(struct bootinfo *bi, const struct boot_reader *r, u32 magic, u64 info)
{
	memset(bi, 0, sizeof(*bi));
	bi->protocol = "unknown";
	bi->cmdline = bi->loader = "";
	parse.bi = bi;
	parse.r = r;
	parse.nraw = parse.nstring = 0;

	if (magic == MB1_BOOT_MAGIC)
		parse_mb1(info);
	else if (magic == MB2_BOOT_MAGIC)
		parse_mb2(info);
	else if (magic == PVH_MAGIC)
		parse_pvh(info);
	normalise(bi);
	return bi->nranges ? 0 : -EINVAL;
}

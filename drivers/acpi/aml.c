/* SPDX-License-Identifier: MIT */
/*
 * A look at AML without interpreting it. Virtual machines describe a few things only there, always
 * as constants: the sleep values of \_S5, the memory and interrupt of a virtio-mmio device, the
 * event device of a hardware-reduced machine. These are found by their byte patterns: an opcode,
 * then a length that must fit into what encloses it, then a name. Runs once at boot.
 *
 * Invariant: every read goes through a cursor that knows where the table ends; the work is linear
 * in the table's size, as a device's body is searched up to the next device only.
 * ACPI 6.5 section 20.2 (AML encoding), 6.4 (resource descriptors).
 */
#include "acpi_int.h"

#include <kernel/irq.h>
#include <lib/string.h>

#define AML_ZERO          0x00
#define AML_ONE           0x01
#define AML_NAME          0x08
#define AML_BYTE          0x0a
#define AML_WORD          0x0b
#define AML_DWORD         0x0c
#define AML_STRING        0x0d
#define AML_QWORD         0x0e
#define AML_BUFFER        0x11
#define AML_PACKAGE       0x12
#define AML_DUAL_NAME     0x2e
#define AML_MULTI         0x2f
#define AML_EXT           0x5b
#define AML_ROOT          0x5c
#define AML_PARENT        0x5e
#define AML_ONES          0xff
#define AML_EXT_REGION    0x80
#define AML_EXT_DEVICE    0x82
#define AML_REGION_MEMORY 0

#define NAME_SEG_BYTES 4

#define CRS_END            0x79
#define CRS_SMALL_TAG_MASK 0x78
#define CRS_MEMORY32_FIXED 0x86
#define CRS_EXT_INTERRUPT  0x89
#define CRS_IRQ_EDGE       0x02
#define CRS_IRQ_LOW        0x04
#define CRS_IRQ_SHARED     0x08

struct cursor {
	const u8 *p, *end;
};

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* Next byte, or -1 at the end. */
static int get_byte(struct cursor *c)
{
	return c->p < c->end ? *c->p++ : -1;
}

/* 20.2.4 PkgLength: the enclosed bytes, its own included. Narrows *c to what follows it. */
static bool enter_package(struct cursor *c)
{
	const u8 *start = c->p;
	int lead = get_byte(c);
	size_t len;

	if (lead < 0)
		return false;
	if (lead >> 6 == 0) {
		len = lead & 0x3f;
	} else {
		len = lead & 0x0f;
		for (int i = 0; i < lead >> 6; i++) {
			int b = get_byte(c);

			if (b < 0)
				return false;
			len |= (size_t)b << (4 + 8 * i);
		}
	}
	if (len < (size_t)(c->p - start) || len > (size_t)(c->end - start))
		return false;
	c->end = start + len;
	return true;
}

static bool get_integer(struct cursor *c, u64 *v)
{
	unsigned bytes;

	switch (get_byte(c)) {
	case AML_ZERO:
		*v = 0;
		return true;
	case AML_ONE:
		*v = 1;
		return true;
	case AML_ONES:
		*v = ~0ull;
		return true;
	case AML_BYTE:
		bytes = 1;
		break;
	case AML_WORD:
		bytes = 2;
		break;
	case AML_DWORD:
		bytes = 4;
		break;
	case AML_QWORD:
		bytes = 8;
		break;
	default:
		return false;
	}
	if (left(c) < bytes)
		return false;
	*v = 0;
	memcpy(v, c->p, bytes);
	c->p += bytes;
	return true;
}

static bool is_name_seg(const u8 *p)
{
	for (int i = 0; i < NAME_SEG_BYTES; i++) {
		bool letter = (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_';

		if (!letter && (i == 0 || p[i] < '0' || p[i] > '9'))
			return false;
	}
	return true;
}

/* 20.2.2 NameString. Leaves the last segment in *seg. */
static bool get_name(struct cursor *c, const u8 **seg)
{
	unsigned n = 1;
	int b;

	while (left(c) && (*c->p == AML_ROOT || *c->p == AML_PARENT))
		c->p++;
	if (!left(c))
		return false;
	if (*c->p == AML_DUAL_NAME) {
		n = 2;
		c->p++;
	} else if (*c->p == AML_MULTI) {
		c->p++;
		b = get_byte(c);
		if (b <= 0)
			return false;
		n = b;
	}
	for (; n; n--) {
		if (left(c) < NAME_SEG_BYTES || !is_name_seg(c->p))
			return false;
		*seg = c->p;
		c->p += NAME_SEG_BYTES;
	}
	return true;
}

/* Find `Name(<name>, ...)` from c on; leaves c at the object. */
static bool find_named(struct cursor *c, const char name[NAME_SEG_BYTES])
{
	while (left(c) > NAME_SEG_BYTES) {
		const u8 *seg;

		if (*c->p++ == AML_NAME) {
			struct cursor t = *c;

			if (get_name(&t, &seg) && memcmp(seg, name, NAME_SEG_BYTES) == 0) {
				*c = t;
				return true;
			}
		}
	}
	return false;
}

bool aml_find_s5(const u8 *aml, size_t len, struct aml_s5 *s5)
{
	struct cursor c = {aml, aml + len};

	while (find_named(&c, "_S5_")) {
		struct cursor p = c;
		u64 a, b = 0;

		if (get_byte(&p) != AML_PACKAGE || !enter_package(&p))
			continue;
		/* One byte: the number of elements. */
		int n = get_byte(&p);

		if (n < 1 || !get_integer(&p, &a) || (n > 1 && !get_integer(&p, &b)))
			continue;
		/* SLP_TYP is three bits wide (4.8.3.2.1). */
		if (a > 7 || b > 7)
			continue;
		*s5 = (struct aml_s5){(u8)a, (u8)b};
		return true;
	}
	return false;
}

/* At `5b 82`: the body of the device up to the next device nested in it. */
static bool enter_device(struct cursor *c)
{
	const u8 *seg;

	c->p += 2;
	if (!enter_package(c) || !get_name(c, &seg))
		return false;
	for (const u8 *p = c->p; p + 1 < c->end; p++) {
		if (p[0] == AML_EXT && p[1] == AML_EXT_DEVICE) {
			struct cursor nested = {p + 2, c->end};

			if (enter_package(&nested) && get_name(&nested, &seg)) {
				c->end = p;
				break;
			}
		}
	}
	return true;
}

static bool has_hid(struct cursor c, const char *hid)
{
	size_t n = strlen(hid) + 1;

	return find_named(&c, "_HID") && get_byte(&c) == AML_STRING && left(&c) >= n &&
	       memcmp(c.p, hid, n) == 0;
}

unsigned aml_for_each_device(const u8 *aml, size_t len, const char *hid,
			     void (*fn)(const u8 *body, size_t len, void *arg), void *arg)
{
	struct cursor c = {aml, aml + len};
	unsigned found = 0;

	while (left(&c) > 2) {
		struct cursor dev = c;

		if (c.p[0] != AML_EXT || c.p[1] != AML_EXT_DEVICE || !enter_device(&dev)) {
			c.p++;
			continue;
		}
		if (has_hid(dev, hid)) {
			fn(dev.p, left(&dev), arg);
			found++;
		}
		c.p = dev.end;
	}
	return found;
}

/* 6.4.3.4 and 6.4.3.6 */
static void crs_large(u8 tag, const u8 *p, size_t len, struct aml_resources *res)
{
	if (tag == CRS_MEMORY32_FIXED && len >= 9 && !res->has_mem) {
		res->mem_base = get_le32(p + 1);
		res->mem_size = get_le32(p + 5);
		res->has_mem = true;
	} else if (tag == CRS_EXT_INTERRUPT && len >= 6 && p[1] >= 1 && !res->has_irq) {
		res->gsi = get_le32(p + 2);
		res->irqf = (p[0] & CRS_IRQ_EDGE ? 0 : IRQF_TRIGGER_LEVEL) |
			    (p[0] & CRS_IRQ_LOW ? IRQF_TRIGGER_LOW : 0) |
			    (p[0] & CRS_IRQ_SHARED ? IRQF_SHARED : 0);
		res->has_irq = true;
	}
}

bool aml_crs(const u8 *body, size_t len, struct aml_resources *res)
{
	struct cursor c = {body, body + len};
	u64 size;
	int tag;

	*res = (struct aml_resources){0};
	if (!find_named(&c, "_CRS") || get_byte(&c) != AML_BUFFER || !enter_package(&c) ||
	    !get_integer(&c, &size))
		return false;
	while ((tag = get_byte(&c)) >= 0) {
		size_t n = tag & 7;

		if (tag & 0x80) {
			if (left(&c) < 2)
				return false;
			n = get_le16(c.p);
			c.p += 2;
		}
		if (left(&c) < n)
			return false;
		if ((tag & 0x80) == 0 &&
		    (tag & CRS_SMALL_TAG_MASK) == (CRS_END & CRS_SMALL_TAG_MASK))
			return true;
		if (tag & 0x80)
			crs_large(tag, c.p, n, res);
		c.p += n;
	}
	return true;
}

bool aml_memory_region(const u8 *body, size_t len, u64 size, u64 *base)
{
	struct cursor c = {body, body + len};

	for (; left(&c) > 2; c.p++) {
		struct cursor t = {c.p + 2, c.end};
		const u8 *seg;
		u64 region_len;

		if (c.p[0] != AML_EXT || c.p[1] != AML_EXT_REGION || !get_name(&t, &seg))
			continue;
		if (get_byte(&t) == AML_REGION_MEMORY && get_integer(&t, base) &&
		    get_integer(&t, &region_len) && region_len >= size)
			return true;
	}
	return false;
}

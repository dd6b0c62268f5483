/* SPDX-License-Identifier: MIT */
/* Addresses as text: RFC 4291 section 2.2 to read IPv6, RFC 5952 to write it. Any context. */
#include <lib/inet_text.h>

#include <errno.h>
#include <lib/bitops.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

/* 0..15, or -1 */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *ipv4_parse(const char *s, be32 *addr)
{
	u32 v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned octet = 0;
		const char *start = s;

		while (is_digit(*s) && s - start < 3)
			octet = octet * 10 + (unsigned)(*s++ - '0');
		if (s == start || octet > 255 || (*start == '0' && s - start > 1) || is_digit(*s))
			return NULL;
		if (i < 3 && *s++ != '.')
			return NULL;
		v = v << 8 | octet;
	}
	*addr = be32_make(v);
	return s;
}

const char *mac_parse(const char *s, u8 mac[6])
{
	u8 out[6];
	char sep = 0;

	for (int i = 0; i < 6; i++) {
		int hi = hex_value(s[0]), lo = hi < 0 ? -1 : hex_value(s[1]);

		if (lo < 0)
			return NULL;
		out[i] = (u8)(hi << 4 | lo);
		s += 2;
		if (i == 5)
			break;
		if ((*s != ':' && *s != '-') || (sep && *s != sep))
			return NULL;
		sep = *s++;
	}
	memcpy(mac, out, sizeof(out));
	return s;
}

/* One to four hex digits; NULL if there are none or more. */
static const char *parse_group(const char *s, u16 *group)
{
	unsigned v = 0, n = 0;

	for (; hex_value(*s) >= 0; s++, n++) {
		if (n == 4)
			return NULL;
		v = v << 4 | (unsigned)hex_value(*s);
	}
	*group = (u16)v;
	return n ? s : NULL;
}

/* Where the groups go: `n` are stored, the gap ("::") comes before group number `gap`, or -1. */
struct ipv6_groups {
	u16 group[8];
	int n, gap;
};

/* A dotted quad as the last two groups. */
static const char *parse_quad(const char *s, struct ipv6_groups *g)
{
	be32 quad;

	if (g->n > 6)
		return NULL;
	s = ipv4_parse(s, &quad);
	if (!s)
		return NULL;
	g->group[g->n++] = (u16)(be32_get(quad) >> 16);
	g->group[g->n++] = (u16)be32_get(quad);
	return s;
}

static const char *parse_groups(const char *s, struct ipv6_groups *g)
{
	if (s[0] == ':') {
		if (s[1] != ':')
			return NULL;
		g->gap = 0;
		s += 2;
		if (hex_value(*s) < 0)
			return s;
	}
	for (;;) {
		const char *end = parse_group(s, &g->group[g->n]);

		if (end && *end == '.')
			return parse_quad(s, g);
		if (!end)
			return NULL;
		s = end;
		if (++g->n == 8 || *s != ':')
			return s;
		if (s[1] == ':') {
			if (g->gap >= 0)
				return NULL;
			g->gap = g->n;
			s++;
			if (hex_value(s[1]) < 0)
				return s + 1;
		}
		s++;
	}
}

const char *ipv6_parse(const char *s, u8 addr[16])
{
	struct ipv6_groups g = {.gap = -1};
	int skipped;

	s = parse_groups(s, &g);
	if (!s || (g.gap < 0 && g.n < 8))
		return NULL;
	/* "::" stands for at least one group; after eight there may be none left for it */
	if (g.gap >= 0 && g.n == 8)
		return NULL;
	skipped = 8 - g.n;
	for (int i = 0, k = 0; i < 8; i++) {
		bool zero = g.gap >= 0 && i >= g.gap && i < g.gap + skipped;

		put_be16(addr + 2 * i, zero ? 0 : g.group[k++]);
	}
	return s;
}

static char *put_decimal(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

size_t ipv4_print(char buf[IPV4_TEXT_BYTES], be32 addr)
{
	u32 v = be32_get(addr);
	char *p = buf;

	for (int shift = 24; shift >= 0; shift -= 8) {
		p = put_decimal(p, v >> shift & 255);
		*p++ = '.';
	}
	*--p = '\0';
	return (size_t)(p - buf);
}

size_t mac_print(char buf[MAC_TEXT_BYTES], const u8 mac[6])
{
	char *p = buf;

	for (int i = 0; i < 6; i++) {
		*p++ = hex_digits[mac[i] >> 4];
		*p++ = hex_digits[mac[i] & 15];
		*p++ = ':';
	}
	*--p = '\0';
	return (size_t)(p - buf);
}

static char *put_group(char *p, u16 v)
{
	for (int shift = v ? (int)ilog2(v) / 4 * 4 : 0; shift >= 0; shift -= 4)
		*p++ = hex_digits[v >> shift & 15];
	return p;
}

/* The run of two or more zero groups to cut, the first of the longest; *len 0 if there is none. */
static int longest_zero_run(const u8 addr[16], int *len)
{
	int best = 0, run = 0;

	*len = 0;
	for (int i = 0; i < 8; i++) {
		run = get_be16(addr + 2 * i) ? 0 : run + 1;
		if (run > 1 && run > *len) {
			*len = run;
			best = i - run + 1;
		}
	}
	return best;
}

size_t ipv6_print(char buf[IPV6_TEXT_BYTES], const u8 addr[16])
{
	static const u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	int zeros, start = longest_zero_run(addr, &zeros);
	char *p = buf;

	if (!memcmp(addr, mapped, sizeof(mapped))) {
		memcpy(p, "::ffff:", 7);
		return 7 + ipv4_print(p + 7, BE32(get_be32(addr + 12)));
	}
	for (int i = 0; i < 8; i++) {
		if (zeros && i == start) {
			*p++ = ':';
			i += zeros - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = put_group(p, get_be16(addr + 2 * i));
	}
	*p = '\0';
	return (size_t)(p - buf);
}

be32 ipv4_prefix_mask(unsigned prefix_len)
{
	return be32_make(prefix_len ? ~0u << (32 - prefix_len) : 0);
}

int ipv4_mask_prefix(be32 mask)
{
	u32 inverse = ~be32_get(mask);

	if (inverse & (inverse + 1))
		return -EINVAL;
	return 32 - (int)bit_fls(inverse);
}

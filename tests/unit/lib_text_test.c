/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: numbers and addresses are read strictly and printed in their one form: IPv6 as
 * RFC 5952 wants it and as glibc reads it (RFC 4291 section 2.2).
 */
#include "lib_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lib/inet_text.h>
#include <lib/kstrto.h>
#include <stdio.h>

static void strict_numbers(void **state)
{
	u64 v = 1;
	s64 s;
	u32 w;
	u16 h;
	u8 b;
	s32 i;

	assert_int_equal(kstrtou64("18446744073709551615", 10, &v), 0);
	assert_true(v == ~0ull);
	assert_int_equal(kstrtou64("18446744073709551616", 10, &v), -ERANGE);
	assert_int_equal(kstrtou64("99999999999999999999999", 10, &v), -ERANGE);
	assert_int_equal(kstrtou64("0x1F\n", 0, &v), 0);
	assert_true(v == 31);
	assert_int_equal(kstrtou64("017", 0, &v), 0);
	assert_true(v == 15);
	assert_int_equal(kstrtou64("0", 0, &v), 0);
	assert_true(v == 0);
	assert_int_equal(kstrtou64("+5", 10, &v), 0);
	assert_true(v == 5);
	for (const char *const *bad = (const char *const[]){"", " 1", "1 ", "1x", "0x", "-1", "\n",
							    "1\n\n", "08", "+", NULL};
	     *bad; bad++)
		assert_int_equal(kstrtou64(*bad, 0, &v), -EINVAL);
	assert_true(v == 5);

	assert_int_equal(kstrtos64("-9223372036854775808", 10, &s), 0);
	assert_true(s == INT64_MIN);
	assert_int_equal(kstrtos64("-9223372036854775809", 10, &s), -ERANGE);
	assert_int_equal(kstrtos64("9223372036854775808", 10, &s), -ERANGE);
	assert_int_equal(kstrtos64("-+1", 10, &s), -EINVAL);
	assert_int_equal(kstrtou32("4294967295", 10, &w), 0);
	assert_int_equal(kstrtou32("4294967296", 10, &w), -ERANGE);
	assert_int_equal(kstrtou16("65536", 10, &h), -ERANGE);
	assert_int_equal(kstrtou16("65535", 10, &h), 0);
	assert_int_equal(kstrtou8("256", 10, &b), -ERANGE);
	assert_int_equal(kstrtos32("-2147483648", 10, &i), 0);
	assert_int_equal(kstrtos32("-2147483649", 10, &i), -ERANGE);
}

static void booleans(void **state)
{
	bool b = false;

	assert_int_equal(kstrtobool("Yes\n", &b), 0);
	assert_true(b);
	assert_int_equal(kstrtobool("off", &b), 0);
	assert_false(b);
	assert_int_equal(kstrtobool("1", &b), 0);
	assert_true(b);
	assert_int_equal(kstrtobool("2", &b), -EINVAL);
	assert_int_equal(kstrtobool("", &b), -EINVAL);
	assert_int_equal(kstrtobool("yesno", &b), -EINVAL);
}

static void lenient_numbers(void **state)
{
	const char *end, *text;

	text = "123abc";
	assert_true(simple_strtoull(text, &end, 10) == 123);
	assert_string_equal(end, "abc");
	text = "xyz";
	assert_true(simple_strtoull(text, &end, 0) == 0);
	assert_ptr_equal(end, text);
	text = "0xg";
	assert_true(simple_strtoull(text, &end, 0) == 0);
	assert_string_equal(end, "xg");
	assert_true(memparse("16M,x", &end) == 16 << 20);
	assert_string_equal(end, ",x");
	assert_true(memparse("0x10k", &end) == 16384);
	assert_true(memparse("20000000T", &end) == ~0ull);
	assert_true(memparse("k", &end) == 0);
	assert_string_equal(end, "k");
}

static void ipv4(void **state)
{
	static const char *const bad[] = {"",          "1",        "1.2.3",      "1.2.3.",
					  "1.2.3.256", "01.2.3.4", "1.2.3.4444", "1..2.3",
					  "a.b.c.d",   " 1.2.3.4", "1.2.3.-4",   "1,2.3.4"};
	char text[IPV4_TEXT_BYTES];
	be32 a = BE32(7);
	const char *end = ipv4_parse("10.0.2.15:80", &a);

	assert_string_equal(end, ":80");
	assert_int_equal(be32_get(a), 0x0a00020f);
	assert_string_equal(ipv4_parse("255.255.255.255", &a), "");
	assert_int_equal(be32_get(a), 0xffffffff);
	assert_string_equal(ipv4_parse("0.0.0.0/0", &a), "/0");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(ipv4_parse(bad[i], &a));
	assert_int_equal(be32_get(a), 0);
	for (int i = 0; i < 2000; i++) {
		be32 in = be32_make((u32)test_random()), out;

		size_t len = ipv4_print(text, in);

		assert_int_equal(len, strlen(text));
		assert_string_equal(ipv4_parse(text, &out), "");
		assert_true(be32_eq(in, out));
	}
}

static void netmasks(void **state)
{
	for (unsigned i = 0; i <= 32; i++)
		assert_int_equal(ipv4_mask_prefix(ipv4_prefix_mask(i)), i);
	assert_int_equal(be32_get(ipv4_prefix_mask(24)), 0xffffff00);
	assert_int_equal(ipv4_mask_prefix(BE32(0xff00ff00)), -EINVAL);
	assert_int_equal(ipv4_mask_prefix(BE32(0x00ffffff)), -EINVAL);
}

static void mac(void **state)
{
	static const char *const bad[] = {"",
					  "52:54:00:12:34",
					  "52:54:00:12:34:5",
					  "52:54-00:12:34:56",
					  "5254:00:12:34:56",
					  "g2:54:00:12:34:56"};
	u8 m[6];
	char text[MAC_TEXT_BYTES];

	assert_string_equal(mac_parse("52:54:00:aB:cD:eF,x", m), ",x");
	assert_int_equal(mac_print(text, m), 17);
	assert_string_equal(text, "52:54:00:ab:cd:ef");
	assert_string_equal(mac_parse("52-54-00-ab-cd-ef", m), "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(mac_parse(bad[i], m));
}

static void ipv6_form(const char *in, const char *want)
{
	u8 addr[16];
	char text[IPV6_TEXT_BYTES];

	assert_string_equal(ipv6_parse(in, addr), "");
	assert_int_equal(ipv6_print(text, addr), strlen(want));
	assert_string_equal(text, want);
}

/* RFC 5952 sections 4 and 5 */
static void ipv6_one_form(void **state)
{
	ipv6_form("2001:0DB8:0:0:0:0:2:1", "2001:db8::2:1");
	ipv6_form("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	ipv6_form("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	ipv6_form("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	ipv6_form("0:0:0:0:0:0:0:0", "::");
	ipv6_form("::1", "::1");
	ipv6_form("1::", "1::");
	ipv6_form("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
	ipv6_form("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8");
	ipv6_form("::ffff:192.0.2.1", "::ffff:192.0.2.1");
	ipv6_form("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
	ipv6_form("fe80::0000:00ff", "fe80::ff");
}

static void ipv6_refuses(void **state)
{
	static const char *const bad[] = {"",
					  ":",
					  "1",
					  ":::",
					  "1::2::3",
					  "1:2:3:4:5:6:7",
					  "12345::",
					  ":1",
					  "1:2:3:4:5:6:7:1.2.3.4",
					  "::1.2.3",
					  "g::",
					  "1:2:3:4:5:6:7:8::",
					  "::1:2:3:4:5:6:7:8",
					  "1.2.3.4",
					  "1:2:3:4:5:6:1.2.3.256"};
	u8 addr[16];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *end = ipv6_parse(bad[i], addr);

		assert_false(end && !*end);
	}
	assert_string_equal(ipv6_parse("fe80::1%eth0", addr), "%eth0");
	assert_string_equal(ipv6_parse("2001:db8::/32", addr), "/32");
	assert_string_equal(ipv6_parse("::/0", addr), "/0");
}

/* Random text of the alphabet: what glibc takes, we take, with the same meaning; and the reverse.
 */
static void ipv6_agrees_with_glibc(void **state)
{
	unsigned accepted = 0;

	for (int i = 0; i < 300000; i++) {
		char text[48];
		u8 ours[16], theirs[16];
		size_t n = 0;
		unsigned groups = (unsigned)test_random() % 9;
		const char *end;
		bool ok;

		for (unsigned g = 0; g < groups; g++) {
			unsigned kind = (unsigned)(test_random() >> 20) % 16;

			if (kind < 3 || (g == 0 && kind < 6))
				text[n++] = ':';
			else
				n += (size_t)sprintf(text + n, "%x",
						     (unsigned)test_random() &
							     (kind & 1 ? 0xffff : 0xf));
			if (g + 1 < groups || kind == 15)
				text[n++] = ':';
		}
		if (i % 5 == 0 && n < 30)
			n += (size_t)sprintf(text + n, "%d.2.3.4", (int)(test_random() % 300));
		text[n] = '\0';
		end = ipv6_parse(text, ours);
		ok = end && !*end;
		assert_int_equal(ok, inet_pton(AF_INET6, text, theirs) == 1);
		if (ok) {
			assert_memory_equal(ours, theirs, 16);
			accepted++;
		}
	}
	assert_true(accepted > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_numbers),
		cmocka_unit_test(booleans),
		cmocka_unit_test(lenient_numbers),
		cmocka_unit_test(ipv4),
		cmocka_unit_test(netmasks),
		cmocka_unit_test(mac),
		cmocka_unit_test(ipv6_one_form),
		cmocka_unit_test(ipv6_refuses),
		cmocka_unit_test(ipv6_agrees_with_glibc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

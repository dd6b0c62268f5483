/* SPDX-License-Identifier: MIT */
/*
 * The parser of HTTP request heads under what clients send and what attackers do: each buffer has
 * exactly its length, so that the sanitizer sees a read beyond it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apps/httpd/request.h"

#define HOST "Host: a\r\n"

static uint64_t seed = 42;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* Parse a copy of exactly that size and check what must hold for any input. */
static int parse(const char *data, size_t len, struct http_request *req)
{
	char *buf = malloc(len ? len : 1);
	int n;

	memcpy(buf, data, len);
	n = http_parse_request(buf, len, req);
	if (n > 0) {
		assert_true((size_t)n <= len && n <= HTTP_MAX_HEAD);
		assert_true(buf[n - 1] == '\n');
		assert_true(req->target_len && req->target_len <= HTTP_MAX_TARGET);
		assert_true(req->target[0] == '/' || req->target[0] == '*');
		if (req->if_none_match_len)
			assert_true(req->if_none_match > buf &&
				    req->if_none_match + req->if_none_match_len < buf + n);
	} else {
		assert_true(!n || n == -400 || n == -414 || n == -431 || n == -501 || n == -505);
	}
	free(buf);
	return n;
}

static int parse_text(const char *text)
{
	struct http_request req;

	return parse(text, strlen(text), &req);
}

static const char *const whole[] = {
	"GET / HTTP/1.1\r\n" HOST "\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"\r\n\r\nHEAD /a/b?c=d HTTP/1.1\r\nhOsT:\ta \t\r\nConnection: close, x\r\n\r\n",
	"GET http://b/x HTTP/1.1\n" HOST "Range: bytes=5-9\nIf-None-Match: \"1-2\"\n\n",
	"POST /f HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n",
	"POST /f HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
};

/* A head that comes in any two pieces is incomplete, then whole; what follows it is left alone. */
static void a_head_arrives_byte_by_byte(void **state)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		size_t len = strlen(whole[i]);
		struct http_request req;
		char more[400];

		for (size_t part = 0; part < len; part++)
			assert_int_equal(parse(whole[i], part, &req), 0);
		assert_int_equal(parse(whole[i], len, &req), len);
		snprintf(more, sizeof(more), "%s\1\2 any", whole[i]);
		assert_int_equal(parse(more, len + 7, &req), len);
	}
}

static void pipelined_heads_are_found_one_by_one(void **state)
{
	char buf[4096] = "";
	size_t used = 0, len, found = 0;
	struct http_request req;
	int n;

	for (unsigned round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
			strcat(buf, whole[i]);
	len = strlen(buf);
	while ((n = parse(buf + used, len - used, &req)) > 0) {
		assert_int_equal(n, strlen(whole[found++ % (sizeof(whole) / sizeof(whole[0]))]));
		used += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(used, len);
	assert_int_equal(found, 3 * sizeof(whole) / sizeof(whole[0]));
}

static void fields_are_understood(void **state)
{
	struct http_request req;
	const char *text =
		"GET /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nRange: bytes=-7\r\n"
		"Connection: Keep-Alive\r\nIf-Range: x\r\n\r\n";

	assert_true(http_parse_request(text, strlen(text), &req) > 0);
	assert_int_equal(req.method, HTTP_GET);
	assert_int_equal(req.target_len, 2);
	assert_memory_equal(req.target, "/p", 2);
	assert_true(req.has_host && req.has_length && req.if_range && req.keep_alive);
	assert_int_equal(req.content_length, 10);
	assert_int_equal(req.range, RANGE_SUFFIX);
	assert_int_equal(req.range_last, 7);
	text = "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\nRange: bytes=3-\r\n\r\n";
	assert_true(http_parse_request(text, strlen(text), &req) > 0);
	assert_true(req.http10 && req.keep_alive && !req.has_host);
	assert_int_equal(req.range, RANGE_FROM);
	assert_int_equal(req.range_first, 3);
}

/* RFC 9112 sections 2.2, 3, 5.1, 6.1 and 11.2: what could be read in two ways is refused. */
static void ambiguous_heads_are_refused(void **state)
{
	static const struct {
		int status;
		const char *text;
	} refused[] = {
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
		{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n" HOST "X: \1\r\n\r\n"},
		{400, "GET  / HTTP/1.1\r\n" HOST "\r\n"},
		{400, "GET /\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\n" HOST "\r\n"},
		{400, "GET x HTTP/1.1\r\n" HOST "\r\n"},
		{400, "G(T / HTTP/1.1\r\n" HOST "\r\n"},
		{400, "GET / http/1.1\r\n" HOST "\r\n"},
		{400, "GET / HTTP/1.1 \r\n" HOST "\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\n" HOST
		      "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\n" HOST "\r\n"},
		{501, "BREW / HTTP/1.1\r\n" HOST "\r\n"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(parse_text(refused[i].text), -refused[i].status);
}

/* However large it grows, a head is either refused or waits for less than HTTP_MAX_HEAD bytes. */
static void large_heads_are_refused_in_time(void **state)
{
	char *buf = malloc(100000);
	struct http_request req;
	int n, at;

	memset(buf, 'a', 100000);
	memcpy(buf, "GET /", 5);
	assert_int_equal(parse(buf, HTTP_MAX_TARGET, &req), 0);
	assert_int_equal(parse(buf, HTTP_MAX_TARGET + 100, &req), -414);
	assert_int_equal(parse(buf, 100000, &req), -414);

	at = sprintf(buf, "GET / HTTP/1.1\r\n" HOST "X: ");
	buf[at] = 'a';
	assert_int_equal(parse(buf, HTTP_MAX_HEAD - 1, &req), 0);
	assert_int_equal(parse(buf, HTTP_MAX_HEAD, &req), -431);
	memcpy(buf + 90000, "\r\n\r\n", 4);
	assert_int_equal(parse(buf, 100000, &req), -431);

	at = sprintf(buf, "GET / HTTP/1.1\r\n" HOST);
	for (n = 0; n < HTTP_MAX_FIELDS - 1; n++)
		at += sprintf(buf + at, "X: %d\r\n", n);
	assert_int_equal(parse(strcat(buf, "\r\n"), (size_t)at + 2, &req), at + 2);
	at += sprintf(buf + at, "X: more\r\nX: more\r\n\r\n");
	assert_int_equal(parse(buf, (size_t)at, &req), -431);
	free(buf);
}

static void noise_is_refused_or_waited_for(void **state)
{
	struct http_request req;
	char buf[300];

	for (unsigned round = 0; round < 20000; round++) {
		size_t len = rnd(sizeof(buf));

		for (size_t i = 0; i < len; i++)
			buf[i] = (char)rnd(256);
		assert_true(parse(buf, len, &req) <= 0);
	}
}

/* Heads with some bytes changed, put in or left out. A refused beginning stays refused. */
static void damaged_heads_do_no_harm(void **state)
{
	static const char odd[] = "\r\n\t :,/?*%\0\x7f\xff-=0A\"";
	struct http_request req;
	char buf[400];

	for (unsigned round = 0; round < 60000; round++) {
		size_t len = strlen(strcpy(buf, whole[rnd(sizeof(whole) / sizeof(whole[0]))]));
		int n;

		for (unsigned i = rnd(4); i; i--) {
			size_t at = rnd((uint32_t)len);

			switch (rnd(3)) {
			case 0:
				buf[at] = odd[rnd(sizeof(odd))];
				break;
			case 1:
				memmove(buf + at + 1, buf + at, len - at);
				buf[at] = odd[rnd(sizeof(odd))];
				len++;
				break;
			default:
				memmove(buf + at, buf + at + 1, len - at - 1);
				len--;
			}
		}
		n = parse(buf, len, &req);
		if (parse(buf, rnd((uint32_t)len), &req) < 0)
			assert_true(n < 0);
	}
}

static void path_is(const char *target, const char *path)
{
	char buf[64];
	int n = http_target_to_path(target, strlen(target), buf, sizeof(buf));

	if (path) {
		assert_int_equal(n, strlen(path));
		assert_string_equal(buf, path);
	} else {
		assert_int_equal(n, -1);
	}
}

static void targets_become_paths_below_the_root(void **state)
{
	path_is("/", "/");
	path_is("/a/./b//c/../d", "/a/b/d");
	path_is("/a/..", "/");
	path_is("/%41%2fb", "/A/b");
	path_is("/..", NULL);
	path_is("/a/../..", NULL);
	path_is("/%2e%2e/etc", NULL);
	path_is("/a%2f..%2f..%2fetc", NULL);
	path_is("/%00", NULL);
	path_is("/%4", NULL);
	path_is("/%zz", NULL);
	path_is("*", NULL);
	path_is("/0123456789012345678901234567890123456789012345678901234567890123456789", NULL);
}

static void any_target_stays_below_the_root(void **state)
{
	static const char *const piece[] = {"/",   "..",  ".",   "%2e", "%2F", "a", "%",
					    "%41", "%00", "...", "//",  "b.",  ".c"};
	char target[128], path[48];

	for (unsigned round = 0; round < 100000; round++) {
		char *slash = path;
		int n;

		strcpy(target, "/");
		for (unsigned i = rnd(20); i; i--)
			strcat(target, piece[rnd(sizeof(piece) / sizeof(piece[0]))]);
		n = http_target_to_path(target, strlen(target), path, sizeof(path));
		if (n < 0)
			continue;
		assert_int_equal(n, strlen(path));
		assert_true(path[0] == '/' && n < (int)sizeof(path));
		while ((slash = strchr(slash, '/'))) {
			size_t len = strcspn(++slash, "/");

			assert_false(len == 1 && slash[0] == '.');
			assert_false(len == 2 && slash[0] == '.' && slash[1] == '.');
			assert_true(len || !*slash); /* no empty one but at the end */
		}
	}
}

static void ranges_lie_inside_the_file(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct http_request req = {.range = (enum http_range)rnd(4),
					   .range_first = rnd(40),
					   .if_range = !rnd(8)};
		uint64_t size = rnd(32), first, last;
		int status;

		req.range_last = req.range_first + rnd(40);
		status = http_resolve_range(&req, size, &first, &last);
		if (status == 206)
			assert_true(first <= last && last < size);
		else
			assert_true(status == 416 || (status == 200 && !first));
		if (req.range == RANGE_FROM_TO && status == 206)
			assert_int_equal(first, req.range_first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_arrives_byte_by_byte),
		cmocka_unit_test(pipelined_heads_are_found_one_by_one),
		cmocka_unit_test(fields_are_understood),
		cmocka_unit_test(ambiguous_heads_are_refused),
		cmocka_unit_test(large_heads_are_refused_in_time),
		cmocka_unit_test(noise_is_refused_or_waited_for),
		cmocka_unit_test(damaged_heads_do_no_harm),
		cmocka_unit_test(targets_become_paths_below_the_root),
		cmocka_unit_test(any_target_stays_below_the_root),
		cmocka_unit_test(ranges_lie_inside_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

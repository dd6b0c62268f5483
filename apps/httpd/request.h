/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.x request, parsed (RFC 9112). Pure functions over untrusted bytes: no
 * allocation, no I/O; what they return points into the caller's buffer.
 */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_HEAD   8192 /* bytes of request line and fields: more is answered 431 */
#define HTTP_MAX_TARGET 4096 /* bytes of the request target: more is answered 414 */
#define HTTP_MAX_FIELDS 100

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_KNOWN_METHOD, HTTP_UNKNOWN_METHOD };

/* Bytes wanted of the file, as the Range field gave them. */
enum http_range { RANGE_NONE, RANGE_FROM_TO, RANGE_FROM, RANGE_SUFFIX };

struct http_request {
	enum http_method method;
	const char *target; /* origin form: starts with '/', without the query */
	size_t target_len;
	bool http10;
	bool keep_alive;
	bool expect_continue;
	bool chunked;
	bool has_host;
	bool has_length;
	bool has_range;
	uint64_t content_length;
	enum http_range range;
	uint64_t range_first, range_last; /* of RANGE_SUFFIX: range_last is the length */
	const char *if_none_match;
	size_t if_none_match_len;
	bool if_range; /* a Range that holds only for an unchanged file */
};

/* Parse the head at buf[0..len). Returns
 *   n > 0: the head is n bytes long, *req is filled in;
 *   0: it is not complete yet (and within the limits);
 *   -status: refuse with this HTTP status (400, 414, 431, 501, 505) and close. */
int http_parse_request(const char *buf, size_t len, struct http_request *req);

/* Decode a target's %XX and resolve "." and ".." into path (size bytes, NUL-terminated). Length,
 * or -1: malformed, above the root, holding a NUL, or too long. */
int http_target_to_path(const char *target, size_t len, char *path, size_t size);

/* The bytes [*first, *last] of a file of size bytes that the request asks for. 200: all of it, 206:
 * a part, 416: none that exists. */
int http_resolve_range(const struct http_request *req, uint64_t size, uint64_t *first,
		       uint64_t *last);

#endif

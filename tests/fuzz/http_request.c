/* SPDX-License-Identifier: MIT */
/*
 * A request's head and target (RFC 9112): any bytes are parsed, refused or waited for; whether a
 * head is complete does not depend on what follows it; a path never leaves the root.
 */
#include <stdlib.h>
#include <string.h>

#include "apps/httpd/request.h"
#include "wire.h"

static void check_path(const struct http_request *req)
{
	char path[512];
	uint64_t first, last;
	int n = http_target_to_path(req->target, req->target_len, path, sizeof(path));

	if (n >= 0 && (path[n] || strlen(path) != (size_t)n || path[0] != '/' ||
		       strstr(path, "/../") || (n >= 3 && !strcmp(path + n - 3, "/.."))))
		abort();
	if (http_resolve_range(req, 1000, &first, &last) == 206 && (first > last || last >= 1000))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct http_request req = {0}, shorter;
	char *copy = malloc(size);
	int n;

	memcpy(copy, data, size);
	n = http_parse_request(copy, size, &req);
	if (n > 0) {
		if ((size_t)n > size)
			abort();
		check_path(&req);
		if (http_parse_request(copy, (size_t)n, &shorter) != n)
			abort();
		if (http_parse_request(copy, (size_t)n - 1, &shorter) > 0)
			abort();
	}
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Response heads and error pages (RFC 9110 section 15).
 */
#include "httpd_int.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{414, "URI Too Long"},
	{416, "Range Not Satisfiable"},
	{431, "Request Header Fields Too Large"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static size_t clip(int n, size_t size)
{
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

size_t http_error_response(char *out, size_t size, int status, bool close, bool head_only,
			   const char *location, const char *date)
{
	const char *reason = http_reason(status);
	char body[256];
	int body_len = 0, n;

	if (status != 304)
		body_len = snprintf(body, sizeof(body),
				    "<!DOCTYPE html><title>%d %s</title><h1>%d %s</h1>\n", status,
				    reason, status, reason);
	n = snprintf(out, size,
		     "HTTP/1.1 %d %s\r\nServer: Sluice\r\nDate: %s\r\n%s%s%s%s%s"
		     "Content-Type: text/html\r\nContent-Length: %d\r\n\r\n%s",
		     status, reason, date, close ? "Connection: close\r\n" : "",
		     status == 405 ? "Allow: GET, HEAD\r\n" : "", location ? "Location: " : "",
		     location ? location : "", location ? "/\r\n" : "", body_len,
		     head_only || !body_len ? "" : body);
	return clip(n, size);
}

size_t http_file_head(char *out, size_t size, int status, const struct http_file *f, uint64_t first,
		      uint64_t last, bool close, bool http10, const char *date)
{
	uint64_t len = status == 200 ? f->size : last - first + 1;
	const char *conn = close    ? "Connection: close\r\n"
			   : http10 ? "Connection: keep-alive\r\n"
				    : "";
	char range[80] = "";

	if (status == 206)
		snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%llu\r\n",
			 (unsigned long long)first, (unsigned long long)last,
			 (unsigned long long)f->size);
	if (status == 304)
		return clip(snprintf(out, size,
				     "HTTP/1.1 304 Not Modified\r\nServer: Sluice\r\nDate: %s\r\n"
				     "%sETag: %s\r\n\r\n",
				     date, conn, f->etag),
			    size);
	return clip(
		snprintf(out, size,
			 "HTTP/1.1 %d %s\r\nServer: Sluice\r\nDate: %s\r\n%sContent-Type: %s\r\n"
			 "Content-Length: %llu\r\n%sAccept-Ranges: bytes\r\n"
			 "Last-Modified: %s\r\nETag: %s\r\n\r\n",
			 status, http_reason(status), date, conn, f->type, (unsigned long long)len,
			 range, f->last_modified, f->etag),
		size);
}

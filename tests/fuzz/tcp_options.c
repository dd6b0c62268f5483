/* SPDX-License-Identifier: MIT */
/*
 * TCP options: any bytes parse without reading past their end, and what was understood survives
 * being written and parsed again (RFC 9293 section 3.1).
 */
#include "../../include/libc/netinet/tcp.h"

#include <stdlib.h>
#include <string.h>

#include "../../net/tcp/tcp_int.h"
#include "wire.h"

static bool same(const struct tcp_options *a, const struct tcp_options *b)
{
	return a->has == b->has && a->tsval == b->tsval && a->tsecr == b->tsecr &&
	       a->mss == b->mss && a->wscale == b->wscale && a->cookie_len == b->cookie_len &&
	       a->cookie_exp == b->cookie_exp && !memcmp(a->cookie, b->cookie, a->cookie_len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct tcp_options seen = {0}, again = {0};
	u8 out[40 + 16], *copy;

	if (size > 40)
		return -1;
	copy = malloc(size); /* so that the sanitizer knows its end */
	memcpy(copy, data, size);
	if (tcp_options_parse(copy, (u32)size, &seen)) {
		u32 len;

		seen.has &=
			~TCP_OPT_SACK; /* parsing keeps the place of the blocks, not the blocks */
		len = tcp_options_size(&seen);

		/* More than fits a header cannot have come in one. */
		if (len > 40 || tcp_options_emit(out, &seen) != len)
			abort();
		if (!tcp_options_parse(out, len, &again) || !same(&seen, &again))
			abort();
	}
	free(copy);
	return 0;
}

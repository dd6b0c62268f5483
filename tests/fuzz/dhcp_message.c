/* SPDX-License-Identifier: MIT */
/*
 * A DHCP server's message (RFC 2131): any bytes are refused or give a lease whose times are in
 * order and whose address can be used.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "apps/dhcpc/dhcp_msg.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct dhcp_reply r = {0};
	u8 *copy = malloc(size);
	uint32_t xid = 0;

	memcpy(copy, data, size);
	if (size >= 34) { /* most inputs should get past the first two checks */
		memcpy(&xid, copy + 4, 4);
		memcpy(copy + 28, mac, 6);
	}
	if (dhcp_parse(copy, size, ntohl(xid), mac, &r) && r.type != DHCPNAK &&
	    (r.lease.t1_s > r.lease.t2_s || r.lease.t2_s > r.lease.lease_s || !r.lease.addr))
		abort();
	free(copy);
	return 0;
}

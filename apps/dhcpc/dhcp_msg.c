/* SPDX-License-Identifier: MIT */
/*
 * DHCP messages: build and parse.
 */
#include "dhcp_msg.h"

#include <netinet/in.h>
#include <string.h>

#define MAGIC      0x63825363u
#define OPTIONS_AT 240 /* behind the fixed part and the magic */

enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_HOSTNAME = 12,
	OPT_MTU = 26,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_PARAMETERS = 55,
	OPT_MAX_SIZE = 57,
	OPT_T1 = 58,
	OPT_T2 = 59,
	OPT_CLIENT_ID = 61,
	OPT_END = 255,
};

static void put32(uint8_t *p, uint32_t host)
{
	host = htonl(host);
	memcpy(p, &host, 4);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return ntohl(v);
}

/* Append an option; the caller's total stays far below DHCP_MAX_SIZE. */
static size_t put_option(uint8_t *out, size_t n, uint8_t code, const void *data, size_t len)
{
	out[n] = code;
	out[n + 1] = (uint8_t)len;
	memcpy(out + n + 2, data, len);
	return n + 2 + len;
}

size_t dhcp_build(uint8_t out[DHCP_MAX_SIZE], const struct dhcp_query *q)
{
	static const uint8_t wanted[] = {OPT_MASK,  OPT_ROUTER, OPT_DNS, OPT_MTU,
					 OPT_LEASE, OPT_T1,     OPT_T2};
	uint8_t type = (uint8_t)q->type, id[7] = {1},
		max[2] = {DHCP_MAX_SIZE >> 8, DHCP_MAX_SIZE & 0xff};
	size_t n = OPTIONS_AT;

	memset(out, 0, DHCP_MAX_SIZE);
	out[0] = 1; /* BOOTREQUEST */
	out[1] = 1; /* Ethernet */
	out[2] = 6;
	put32(out + 4, q->xid);
	out[8] = (uint8_t)(q->secs >> 8);
	out[9] = (uint8_t)q->secs;
	out[10] = q->broadcast ? 0x80 : 0;
	memcpy(out + 12, &q->ciaddr, 4);
	memcpy(out + 28, q->mac, 6);
	put32(out + 236, MAGIC);
	n = put_option(out, n, OPT_TYPE, &type, 1);
	memcpy(id + 1, q->mac, 6);
	n = put_option(out, n, OPT_CLIENT_ID, id, sizeof(id));
	if (q->requested)
		n = put_option(out, n, OPT_REQUESTED, &q->requested, 4);
	if (q->server)
		n = put_option(out, n, OPT_SERVER, &q->server, 4);
	if (q->hostname && q->hostname[0] && strlen(q->hostname) < 64)
		n = put_option(out, n, OPT_HOSTNAME, q->hostname, strlen(q->hostname));
	if (q->type == DHCPDISCOVER || q->type == DHCPREQUEST) {
		n = put_option(out, n, OPT_MAX_SIZE, max, 2);
		n = put_option(out, n, OPT_PARAMETERS, wanted, sizeof(wanted));
	}
	out[n++] = OPT_END;
	return n < 300 ? 300 : n;
}

static void parse_option(struct dhcp_reply *r, uint8_t code, const uint8_t *p, uint8_t len)
{
	struct dhcp_lease *l = &r->lease;

	switch (code) {
	case OPT_TYPE:
		if (len == 1)
			r->type = p[0];
		break;
	case OPT_MASK:
		if (len == 4)
			memcpy(&l->mask, p, 4);
		break;
	case OPT_ROUTER:
		if (len >= 4)
			memcpy(&l->router, p, 4);
		break;
	case OPT_SERVER:
		if (len == 4)
			memcpy(&l->server, p, 4);
		break;
	case OPT_DNS:
		for (unsigned i = 0; i < 2 && (i + 1) * 4 <= len; i++)
			memcpy(&l->dns[i], p + 4 * i, 4);
		break;
	case OPT_MTU:
		if (len == 2)
			l->mtu = (uint16_t)(p[0] << 8 | p[1]);
		break;
	case OPT_LEASE:
		if (len == 4)
			l->lease_s = get32(p);
		break;
	case OPT_T1:
		if (len == 4)
			l->t1_s = get32(p);
		break;
	case OPT_T2:
		if (len == 4)
			l->t2_s = get32(p);
		break;
	default:
		break;
	}
}

/* RFC 2131 section 4.4.5: T1 half of the lease, T2 seven eighths, unless the server says other
 * times that make sense. */
static void settle_times(struct dhcp_lease *l)
{
	if (l->lease_s == DHCP_FOREVER) {
		l->t1_s = l->t2_s = DHCP_FOREVER;
		return;
	}
	if (!l->t2_s || l->t2_s >= l->lease_s)
		l->t2_s = (uint32_t)((uint64_t)l->lease_s * 7 / 8);
	if (!l->t1_s || l->t1_s >= l->t2_s)
		l->t1_s = l->lease_s / 2 < l->t2_s ? l->lease_s / 2 : l->t2_s;
}

int dhcp_mask_len(uint32_t mask)
{
	uint32_t host = ntohl(mask);
	int n = 0;

	while (n < 32 && host >> (31 - n) & 1)
		n++;
	return n == 32 || !(host << n) ? n : -1;
}

/* Has an offer or grant what is needed to use it? */
static bool usable(const struct dhcp_lease *l)
{
	uint32_t addr = ntohl(l->addr);

	return l->server && l->lease_s && addr >> 24 && addr >> 24 != 127 && addr >> 28 < 14 &&
	       (!l->mask || dhcp_mask_len(l->mask) > 0);
}

/* A mask that was not given follows from the address's class, as in old days. */
static uint32_t class_mask(uint32_t addr)
{
	uint8_t first = (uint8_t)(ntohl(addr) >> 24);

	return htonl(first < 128 ? 0xff000000u : first < 192 ? 0xffff0000u : 0xffffff00u);
}

bool dhcp_parse(const uint8_t *msg, size_t len, uint32_t xid, const uint8_t mac[6],
		struct dhcp_reply *r)
{
	memset(r, 0, sizeof(*r));
	if (len < OPTIONS_AT || msg[0] != 2 || msg[1] != 1 || msg[2] != 6 ||
	    get32(msg + 4) != xid || memcmp(msg + 28, mac, 6) != 0 || get32(msg + 236) != MAGIC)
		return false;
	memcpy(&r->lease.addr, msg + 16, 4);
	for (size_t i = OPTIONS_AT; i < len && msg[i] != OPT_END;) {
		if (msg[i] == OPT_PAD) {
			i++;
			continue;
		}
		if (len - i < 2 || len - i - 2 < msg[i + 1])
			return false;
		parse_option(r, msg[i], msg + i + 2, msg[i + 1]);
		i += 2u + msg[i + 1];
	}
	if (r->type == DHCPNAK)
		return true;
	if ((r->type != DHCPOFFER && r->type != DHCPACK) || !usable(&r->lease))
		return false;
	if (!r->lease.mask)
		r->lease.mask = class_mask(r->lease.addr);
	settle_times(&r->lease);
	return true;
}

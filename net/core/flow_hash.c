/* SPDX-License-Identifier: MIT */
/*
 * Hash of a packet's flow (addresses, protocol, ports), computed once and kept in skb->hash: for
 * the choice of a queue or CPU. Keyed, so that nobody outside can pile flows on one queue; the
 * same for both directions. Fragments hash by addresses only, so that they stay together.
 */
#include <kernel/random.h>
#include <lib/string.h>
#include <linux/if_ether.h>
#include <net/skbuff.h>
#include <netinet/in.h>

static u64 flow_key[2];
static bool flow_key_made;

/* "More fragments" and the offset (RFC 791 section 3.1): ports are in an unfragmented packet only.
 */
#define IPV4_FRAGMENT 0x3fff

struct flow_keys {
	u32 addr[2]; /* IPv6 addresses are folded */
	u32 ports, proto;
};

static void dissect_ports(const struct sk_buff *skb, u32 off, struct flow_keys *k)
{
	u8 buf[4], *p;

	if (k->proto != IPPROTO_TCP && k->proto != IPPROTO_UDP)
		return;
	p = skb_header_pointer(skb, off, sizeof(buf), buf);
	if (p)
		memcpy(&k->ports, p, sizeof(k->ports));
}

static void dissect(const struct sk_buff *skb, struct flow_keys *k)
{
	u32 off = (u32)skb_network_offset(skb);
	u8 buf[40], *h;

	memset(k, 0, sizeof(*k));
	if (skb->protocol.wire == BE16(ETH_P_IP).wire) {
		h = skb_header_pointer(skb, off, 20, buf);
		if (!h)
			return;
		memcpy(k->addr, h + 12, 8);
		k->proto = h[9];
		if (!(get_be16(h + 6) & IPV4_FRAGMENT))
			dissect_ports(skb, off + (h[0] & 15u) * 4, k);
	} else if (skb->protocol.wire == BE16(ETH_P_IPV6).wire) {
		h = skb_header_pointer(skb, off, 40, buf);
		if (!h)
			return;
		for (unsigned i = 0; i < 4; i++) {
			k->addr[0] = k->addr[0] * 31 + get_be32(h + 8 + 4 * i);
			k->addr[1] = k->addr[1] * 31 + get_be32(h + 24 + 4 * i);
		}
		k->proto = h[6];
		dissect_ports(skb, off + 40, k);
	}
}

/* Both directions of a connection look alike. */
static void flow_consistent(struct flow_keys *k)
{
	u16 a = (u16)k->ports, b = (u16)(k->ports >> 16);

	if (k->addr[0] < k->addr[1] || (k->addr[0] == k->addr[1] && a <= b))
		return;
	SWAP(k->addr[0], k->addr[1]);
	k->ports = (u32)a << 16 | b;
}

/* A multiplication of two secrets mixed with the flow: quick, and out of reach for a peer, who sees
 * no hash. What a collision costs is bounded (a queue, a CPU, a GRO list). */
static u32 mix(const struct flow_keys *k)
{
	u64 a = ((u64)k->addr[0] << 32 | k->addr[1]) ^ flow_key[0];
	u64 b = ((u64)k->ports << 32 | k->proto) ^ flow_key[1];
	unsigned __int128 p = (unsigned __int128)a * b;

	return (u32)((u64)p ^ (u64)(p >> 64));
}

static u32 keys_hash(struct flow_keys *k)
{
	u32 h;

	if (unlikely(!flow_key_made)) {
		get_random_bytes(flow_key, sizeof(flow_key));
		flow_key_made = true;
	}
	flow_consistent(k);
	h = mix(k);
	return h + !h; /* 0 says "not computed" */
}

u32 skb_get_hash(struct sk_buff *skb)
{
	struct flow_keys k;

	if (skb->hash)
		return skb->hash;
	dissect(skb, &k);
	skb->hash = keys_hash(&k);
	skb->sw_hash = 1;
	skb->l4_hash = k.ports != 0;
	return skb->hash;
}

u32 skb_flow_hash(struct sk_buff *skb)
{
	struct flow_keys k;

	if (!skb->hash || skb->sw_hash)
		return skb_get_hash(skb);
	dissect(skb, &k);
	return keys_hash(&k);
}

u32 flow_hash_ipv4(be32 saddr, be32 daddr, be16 sport, be16 dport, u8 proto)
{
	struct flow_keys k = {.addr = {saddr.wire, daddr.wire},
			      .ports = (u32)dport.wire << 16 | sport.wire,
			      .proto = proto};

	return keys_hash(&k);
}

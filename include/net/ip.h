/* SPDX-License-Identifier: MIT */
/*
 * IPv4 (RFC 791, 1122): wire format and the functions between IP and its neighbours.
 */
#ifndef NET_IP_H
#define NET_IP_H

#include <lib/checksum.h>
#include <lib/compiler.h>
#include <linux/if_ether.h>
#include <net/inetdevice.h>
#include <net/ip_route.h>
#include <net/protocol.h>

struct iphdr {
	u8 ver_ihl; /* version 4 in the high nibble, header length in words in the low one */
	u8 tos;
	be16 tot_len, id, frag_off;
	u8 ttl, protocol;
	be16 check;
	be32 saddr, daddr;
} __packed;
static_assert(sizeof(struct iphdr) == 20, "RFC 791 section 3.1");

#define IP_CE     0x8000
#define IP_DF     0x4000
#define IP_MF     0x2000
#define IP_OFFSET 0x1fff

static inline struct iphdr *ip_hdr(const struct sk_buff *skb)
{
	return skb_network_header(skb);
}
static inline u32 ip_hdrlen(const struct sk_buff *skb)
{
	return (ip_hdr(skb)->ver_ihl & 15u) * 4;
}

/* Options of a packet, parsed and checked (RFC 791 section 3.1; source routes are refused). */
struct ip_options {
	be32 faddr;
	u8 optlen;
	u8 srr, rr, ts, router_alert; /* offsets from the IP header, 0: absent */
	u8 is_changed, rr_needaddr, ts_needtime, ts_needaddr;
	u8 data[40];
};

/* skb->cb of a packet within IP. TCP's own cb begins with the same so that they coexist. */
struct inet_skb_parm {
	u32 iif;
	u16 flags;
#define IPSKB_FORWARDED     1
#define IPSKB_FRAG_COMPLETE 2
#define IPSKB_DOREDIRECT    4
#define IPSKB_IGNORE_DF     8 /* fragment although DF is set (a socket that asks no discovery) */
	u16 frag_max_size;
	u8 optlen, srr, rr, ts; /* short form of the options seen */
};
#define IPCB(skb) ((struct inet_skb_parm *)(void *)(skb)->cb)

/* EtherType handler. */
int ip_rcv(struct sk_buff *skb, struct net_device *dev);
int ip_local_deliver(struct sk_buff *skb);

/* Sending. skb->data at the transport header; takes the skb. 0 or -errno (NET_XMIT_CN: 0). */
/* For a socket with a cached route (TCP): route checked or made, header built from the socket. What
 * the qdisc says of it, NET_XMIT_CN and DROP, is passed on. */
int ip_queue_xmit(struct sock *sk, struct sk_buff *skb);
/* A packet with given addresses and route (which the skb holds): SYN-ACK, ICMP, reset. */
int ip_build_and_send_pkt(struct sk_buff *skb, const struct sock *sk, be32 saddr, be32 daddr,
			  const struct ip_options *opt, u8 protocol, u8 ttl, u8 tos);
/* The way past the stack of struct net_protocol's rx_early (ip_early.c). What IP knows of the
 * packets of one poll; all zero when that begins. */
#define IP_EARLY_WAYS 8
struct ip_early_poll {
	be32 laddr; /* an address of ours */
	struct ip_early_way {
		u32 addr, shift;   /* peers that differ from it in so many low bits at most ... */
		struct rtable *rt; /* ... are answered by that; NULL: the usual way */
	} way[IP_EARLY_WAYS];      /* by a peer's highest bits */
};
/* An answer to one peer, kept for the rest of the poll to be sent to others by the same next hop.
 */
#define IP_EARLY_BYTES 80
struct ip_early_answer {
	u8 frame[IP_EARLY_BYTES] __aligned(8); /* link, IP (destination 0) and transport header */
	u16 link, len;                         /* bytes of the link header, of all; len 0: none */
	u16 headroom;                          /* before the IP header */
	csum32 sum;                            /* of the IP header but for its checksum */
	u32 priority, mark;
};
/* Is skb sound, for us, and can it be answered the way it came? The rtable to do that by, borrowed
 * for the poll; NULL: not, or not known here. / Count it as received. / Send the answer, skb->data
 * at its transport header, with what else the poll answers, and keep it in *a; takes skb. */
struct rtable *ip_early_check(struct sk_buff *skb, struct ip_early_poll *poll);
void ip_early_accept(const struct sk_buff *skb);
void ip_early_reply(struct sk_buff *skb, const struct sock *sk, struct rtable *rt, be32 saddr,
		    be32 daddr, u8 ttl, u8 tos, struct ip_early_answer *a);
/* Make of the received skb, whose headers are set, an answer like *a to daddr, and count both; it
 * leaves when the poll ends. Its transport header, to be completed; NULL: no room in skb, nothing
 * was done. */
void *ip_early_repeat(struct sk_buff *skb, const struct ip_early_answer *a, be32 daddr);
/* In GRO, which found the header sound and does not hold skb: would ip_rcv() hand it to its
 * protocol without any question? True: it is counted as received, skb->data is at its transport
 * header. False: unchanged. */
bool ip_early_take(struct sk_buff *skb);
/* ip_build_and_send_pkt() of an answer by rt, without options; within a poll it leaves with the
 * other answers, when that ends. True: so it will, and may be looked at until then. sk may be NULL.
 * rcu; takes skb. */
bool ip_answer(struct sk_buff *skb, const struct sock *sk, struct rtable *rt, be32 saddr,
	       be32 daddr, u8 ttl, u8 tos);
/* The header is complete but for length, id and checksum. */
int ip_local_out(struct net *net, struct sock *sk, struct sk_buff *skb);
int ip_output(struct net *net, struct sock *sk, struct sk_buff *skb);
int ip_fragment(struct net *net, struct sock *sk, struct sk_buff *skb,
		int (*output)(struct net *, struct sock *, struct sk_buff *));
void ip_select_ident(struct net *net, struct sk_buff *skb, const struct sock *sk, unsigned segs);
void ip_send_check(struct iphdr *ip);
/* Fragment reassembly: NULL while incomplete or dropped (the skb is taken), else the whole packet.
 */
struct sk_buff *ip_defrag(struct net *net, struct sk_buff *skb, u32 user);

/* Parse and check the options of skb's header (data at the network header, options linear). 0, or
 * -EINVAL with the offset of the offending byte in *bad. */
int ip_options_compile(struct net *net, struct ip_options *opt, struct sk_buff *skb, u32 *bad);
/* Blank the options that only the first fragment carries (RFC 791: copied flag). */
void ip_options_fragment(u8 *opt, u32 len);

/* net.ipv4.ip_default_ttl. */
u8 ip_default_ttl(const struct net *net);

/* Sum of the TCP/UDP pseudo-header. */
u32 inet_pseudo(const struct sk_buff *skb, u8 proto);

/* ICMP (RFC 792, 1122, 1812): an error about skb, rate limited; does not take skb. */
#define ICMP_ECHOREPLY      0
#define ICMP_DEST_UNREACH   3
#define ICMP_SOURCE_QUENCH  4
#define ICMP_REDIRECT       5
#define ICMP_ECHO           8
#define ICMP_TIME_EXCEEDED  11
#define ICMP_PARAMETERPROB  12
#define ICMP_TIMESTAMP      13
#define ICMP_TIMESTAMPREPLY 14
#define ICMP_NET_UNREACH    0
#define ICMP_HOST_UNREACH   1
#define ICMP_PROT_UNREACH   2
#define ICMP_PORT_UNREACH   3
#define ICMP_FRAG_NEEDED    4
#define ICMP_EXC_TTL        0
#define ICMP_EXC_FRAGTIME   1
void icmp_send(struct sk_buff *skb, u8 type, u8 code, u32 info);
/* errno for an ICMP unreachable code, and whether a connection should end by it (RFC 1122 4.2.3.9).
 */
struct icmp_err {
	int errno_;
	bool fatal;
};
extern const struct icmp_err icmp_err_convert[16];

struct netns_ipv4;
struct neigh_table *arp_table(struct net *net);
/* Announce an address (gratuitous ARP, RFC 5227 section 3). */
void arp_announce(struct net_device *dev, be32 addr);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * inet_sock: a socket of the IP families: what IP needs to know to send for it.
 */
#ifndef NET_INET_SOCK_H
#define NET_INET_SOCK_H

#include <net/ip.h>
#include <net/sock.h>

struct inet_sock {
	struct sock sk;  /* first */
	be32 inet_saddr; /* source on the wire; sk_rcv_saddr is what it is bound to */
	be16 inet_sport;
	atomic_t inet_id; /* next IP id, for packets that are not atomic (RFC 6864) */
	s16 uc_ttl;       /* -1: the default */
	u8 tos, min_ttl, mc_ttl, pmtudisc;
	bool recverr, freebind, mc_loop, mc_all, nodefrag, transparent, bind_address_no_port;
	u8 cmsg_flags; /* IP_CMSG_*: what recvmsg() adds (PKTINFO, TTL, TOS ...) */
	u32 mc_index, uc_index;
	be32 mc_addr;
	struct ip_options *inet_opt; /* [rcu] */
	struct list_head mc_list;
};

static inline struct inet_sock *inet_sk(const struct sock *sk)
{
	return (struct inet_sock *)(uintptr_t)sk;
}

/* SipHash of a flow, keyed per net: nobody outside can choose a chain. */
u32 inet_ehashfn(const struct net *net, be32 laddr, u16 lport, be32 faddr, be16 fport);

/* IPPROTO_IP options, shared by all inet protocols (net/ipv4/ip_sockglue.c). */
int ip_setsockopt(struct sock *sk, int level, int name, const void *val, socklen_t len);
int ip_getsockopt(struct sock *sk, int level, int name, void *val, socklen_t *len);
/* Ancillary data of a received packet, as cmsg_flags asks. */
void ip_cmsg_recv(struct sock *sk, struct sk_buff *skb, struct msghdr *msg);
/* Queue an ICMP error, or a local one, for MSG_ERRQUEUE. */
void ip_icmp_error(struct sock *sk, struct sk_buff *skb, int err, be16 port, u32 info, u8 *payload);
void ip_local_error(struct sock *sk, int err, be32 daddr, be16 port, u32 info);
ssize_t ip_recv_error(struct sock *sk, struct msghdr *msg, struct iov_iter *to);
/* Append to msg's control buffer; sets MSG_CTRUNC where it does not fit. */
int put_cmsg(struct msghdr *msg, int level, int type, size_t len, const void *data);

/* Leave all groups: the socket is being closed. Takes rtnl if there are any. */
void ip_mc_drop_socket(struct sock *sk);

/* Local port range (RFC 6056), reserved ports; sysctl net.ipv4.ip_local_port_range. */
void inet_get_local_port_range(const struct net *net, u16 *low, u16 *high);
bool inet_is_local_reserved_port(const struct net *net, u16 port);

/* connect() of a datagram socket: choose the route and source, remember the peer. Socket locked.
 * / Forget the peer. / A datagram's headers from IP on, then out: skb->data at the transport
 * header, dst set. 0 or -errno; takes skb. (net/ipv4/datagram.c) */
int ip4_datagram_connect(struct sock *sk, const struct sockaddr *addr, socklen_t len);
int ip4_datagram_disconnect(struct sock *sk, int flags);
int ip4_datagram_send(struct sock *sk, struct sk_buff *skb, const struct flowi4 *fl, u8 ttl);
/* recvmsg() of a datagram: its bytes, and the sender's address with this port in the name; cmsg,
 * where given, adds a protocol's own messages. */
ssize_t ip4_datagram_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags,
			     be16 (*source_port)(const struct sk_buff *skb),
			     void (*cmsg)(struct sock *sk, const struct sk_buff *skb,
					  struct msghdr *msg));
/* The route of a datagram to daddr:dport as the socket's options want it; fl is filled in. A
 * reference, or ERR_PTR. Any socket state; takes the socket's lock for the cached one. */
struct rtable *ip4_datagram_route(struct sock *sk, struct flowi4 *fl, be32 daddr, be16 dport);

extern const struct proto_ops inet_stream_ops, inet_dgram_ops;

#endif

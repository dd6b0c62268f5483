/* SPDX-License-Identifier: MIT */
/*
 * Netlink inside the kernel: how a subsystem answers requests (RTM_*, SOCK_DIAG_*) and announces
 * changes. A message is a header and attributes (RFC 3549); what a user sent is untrusted and is
 * read through nla_parse() only. Thread context throughout.
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <linux/netlink.h>
#include <net/sock.h>

/* ---- building ---------------------------------------------------------------------------- */

/* Start a message of payload bytes (zeroed, follows the header). NULL: no room left in skb. */
struct nlmsghdr *nlmsg_put(struct sk_buff *skb, u32 pid, u32 seq, u16 type, u32 payload, u16 flags);
static inline void *nlmsg_data(const struct nlmsghdr *nlh)
{
	return (u8 *)(uintptr_t)nlh + NLMSG_HDRLEN;
}
/* Append an attribute. 0, or -EMSGSIZE where the skb is full. */
int nla_put(struct sk_buff *skb, u16 type, size_t len, const void *data);
static inline int nla_put_u8(struct sk_buff *skb, u16 type, u8 v)
{
	return nla_put(skb, type, sizeof(v), &v);
}
static inline int nla_put_u32(struct sk_buff *skb, u16 type, u32 v)
{
	return nla_put(skb, type, sizeof(v), &v);
}
static inline int nla_put_be32(struct sk_buff *skb, u16 type, be32 v)
{
	return nla_put(skb, type, sizeof(v), &v);
}
int nla_put_string(struct sk_buff *skb, u16 type, const char *s);
/* Open an attribute that holds others; NULL: full. Close it by nla_nest_end(). */
struct nlattr *nla_nest_start(struct sk_buff *skb, u16 type);
void nla_nest_end(struct sk_buff *skb, struct nlattr *nest);
/* The message is complete: write its length. / Take it back whole. */
void nlmsg_end(struct sk_buff *skb, struct nlmsghdr *nlh);
void nlmsg_cancel(struct sk_buff *skb, struct nlmsghdr *nlh);

/* ---- reading ------------------------------------------------------------------------------- */

/* Sort the attributes in [data, data + len) by type into tb[0..max]; unknown types are passed over.
 * 0, or -EINVAL: a length is impossible. */
int nla_parse(const struct nlattr *tb[], unsigned max, const void *data, u32 len);
static inline const void *nla_data(const struct nlattr *a)
{
	return (const u8 *)a + NLMSG_ALIGN(sizeof(*a));
}
static inline u32 nla_len(const struct nlattr *a)
{
	return a->nla_len - (u32)NLMSG_ALIGN(sizeof(*a));
}
/* Attribute's u32; def where it is absent or too short. */
u32 nla_get_u32(const struct nlattr *a, u32 def);
be32 nla_get_be32(const struct nlattr *a);
/* Copy a string attribute, cut to size - 1. False: absent. */
bool nla_get_string(const struct nlattr *a, char *to, size_t size);

/* ---- handlers -------------------------------------------------------------------------------- */

/* A request being served. */
struct nl_request {
	struct net *net;
	const struct nlmsghdr *nlh;
	u32 pid; /* of the asking socket */
	struct sock *sk;
};

/* A dump in progress: args say where to go on; zero at first. */
struct netlink_callback {
	struct nlmsghdr nlh; /* of the request */
	u8 request[128];     /* its payload, zero-padded */
	u32 request_len;
	bool (*dump)(struct sk_buff *skb, struct netlink_callback *cb);
	struct net *net;
	u32 pid;
	u64 args[6];
};

struct netlink_handler {
	u8 protocol; /* NETLINK_ROUTE ... */
	u16 type;    /* RTM_GETLINK ... */
	bool rtnl;   /* call doit with rtnl held */
	/* Do it: 0 or -errno, which the ACK carries. An answer goes out by netlink_unicast(). */
	int (*doit)(struct nl_request *req);
	/* May this request begin a dump? 0 or -errno; NULL: any may. */
	int (*check_dump)(const struct nlmsghdr *nlh);
	/* Fill skb with as many messages as fit. Returns true when there is more: called again with
	 * the next skb. */
	bool (*dump)(struct sk_buff *skb, struct netlink_callback *cb);
};
#define NETLINK_HANDLER(sym)                                   \
	static const struct netlink_handler *const sym##_entry \
		__attribute__((section("netlink_handlers"), used)) = &(sym)

/* Give skb to the asking socket. Takes it. 0 or -ENOBUFS. */
int netlink_unicast(struct sock *sk, struct sk_buff *skb);
/* A copy to each socket of net that is in group (1...). Takes skb. */
void netlink_broadcast(struct net *net, u8 protocol, unsigned group, struct sk_buff *skb);
/* Is anybody listening? Saves building the message. */
bool netlink_has_listeners(struct net *net, u8 protocol, unsigned group);

/* Linear room of a dump's skb, which a reader's buffer of 8 KiB must hold: with its overhead it is
 * exactly two pages, so that the allocator gives no more. */
#define NLMSG_GOODSIZE (8192u - SKB_OVERHEAD)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Netlink messages and attributes: building into an skb's tailroom, reading with every length
 * checked.
 */
#include <net/netlink.h>

#include <errno.h>
#include <string.h>

struct nlmsghdr *nlmsg_put(struct sk_buff *skb, u32 pid, u32 seq, u16 type, u32 payload, u16 flags)
{
	u32 len = NLMSG_LENGTH(payload);
	struct nlmsghdr *nlh;

	if (skb_tailroom(skb) < NLMSG_ALIGN(len))
		return NULL;
	nlh = skb_put(skb, NLMSG_ALIGN(len));
	memset(nlh, 0, NLMSG_ALIGN(len));
	nlh->nlmsg_len = len;
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = seq;
	nlh->nlmsg_pid = pid;
	return nlh;
}

int nla_put(struct sk_buff *skb, u16 type, size_t len, const void *data)
{
	u32 size = NLMSG_ALIGN(sizeof(struct nlattr)) + (u32)len;
	struct nlattr *a;

	if (len > 0xffff - sizeof(*a) || skb_tailroom(skb) < NLMSG_ALIGN(size))
		return -EMSGSIZE;
	a = skb_put(skb, NLMSG_ALIGN(size));
	memset(a, 0, NLMSG_ALIGN(size));
	a->nla_type = type;
	a->nla_len = (u16)size;
	if (len)
		memcpy(a + 1, data, len);
	return 0;
}

int nla_put_string(struct sk_buff *skb, u16 type, const char *s)
{
	return nla_put(skb, type, strlen(s) + 1, s);
}

struct nlattr *nla_nest_start(struct sk_buff *skb, u16 type)
{
	struct nlattr *a = (struct nlattr *)(void *)skb_tail_pointer(skb);

	return nla_put(skb, type, 0, NULL) ? NULL : a;
}

void nla_nest_end(struct sk_buff *skb, struct nlattr *nest)
{
	nest->nla_len = (u16)(skb_tail_pointer(skb) - (u8 *)nest);
}

void nlmsg_end(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	nlh->nlmsg_len = (u32)(skb_tail_pointer(skb) - (u8 *)nlh);
}

void nlmsg_cancel(struct sk_buff *skb, struct nlmsghdr *nlh)
{
	u32 cut = (u32)(skb_tail_pointer(skb) - (u8 *)nlh);

	skb->tail -= cut;
	skb->len -= cut;
}

int nla_parse(const struct nlattr *tb[], unsigned max, const void *data, u32 len)
{
	const u8 *p = data;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (len >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const void *)p;
		u32 step;

		if (a->nla_len < sizeof(*a) || a->nla_len > len)
			return -EINVAL;
		if ((a->nla_type & 0x3fff) <= max)
			tb[a->nla_type & 0x3fff] = a;
		step = min(NLMSG_ALIGN((u32)a->nla_len), len);
		p += step;
		len -= step;
	}
	return 0;
}

u32 nla_get_u32(const struct nlattr *a, u32 def)
{
	u32 v;

	if (!a || nla_len(a) < sizeof(v))
		return def;
	memcpy(&v, nla_data(a), sizeof(v));
	return v;
}

be32 nla_get_be32(const struct nlattr *a)
{
	return (be32){nla_get_u32(a, 0)};
}

bool nla_get_string(const struct nlattr *a, char *to, size_t size)
{
	size_t n;

	if (!a)
		return false;
	n = strnlen(nla_data(a), nla_len(a));
	n = min(n, size - 1);
	memcpy(to, nla_data(a), n);
	to[n] = '\0';
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * ICMP datagram sockets, socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP): echo requests out, echo replies
 * in, without a raw socket. The ICMP id plays the part of the port: a reply goes to the socket with
 * that id, and nothing but echo can be sent.
 */
#include <kernel/random.h>
#include <kernel/rculist.h>
#include <kernel/uio.h>
#include <kernel/vfs.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/inet_sock.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "ipv4_int.h"

#define PING_MAX_LEN (65535 - 20)

static struct hlist_head *ping_chain(struct net *net, u16 id)
{
	return &net->ipv4->ping_hash[id % ARRAY_SIZE(net->ipv4->ping_hash)];
}

static struct sock *ping_find(struct net *net, u16 id, be32 daddr, u32 dif)
{
	struct sock *sk;

	hlist_for_each_entry_rcu(sk, ping_chain(net, id), sk_node) {
		if (sk->sk_num == id &&
		    (!sk->sk_rcv_saddr.wire || !daddr.wire ||
		     sk->sk_rcv_saddr.wire == daddr.wire) &&
		    (!sk->sk_bound_dev_if || !dif || sk->sk_bound_dev_if == dif))
			return sk;
	}
	return NULL;
}

/* -- ids --------------------------------------------------------------------------------------- */

static bool ping_try_id(struct sock *sk, u16 id)
{
	struct net *net = sock_net(sk);
	bool ok;

	spin_lock_bh(&net->ipv4->ping_lock);
	ok = !ping_find(net, id, (be32){0}, 0);
	if (ok) {
		sk->sk_num = id;
		hlist_add_head_rcu(&sk->sk_node, ping_chain(net, id));
	}
	spin_unlock_bh(&net->ipv4->ping_lock);
	return ok;
}

static int ping_get_port(struct sock *sk, u16 id)
{
	u16 start;

	if (id)
		return ping_try_id(sk, id) ? 0 : -EADDRINUSE;
	start = (u16)get_random_u32();
	for (u32 i = 0; i < 65536; i++) {
		id = (u16)(start + i);
		if (id && ping_try_id(sk, id))
			return 0;
	}
	return -EADDRINUSE;
}

static void ping_unhash(struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (!sk->sk_num)
		return;
	spin_lock_bh(&net->ipv4->ping_lock);
	hlist_del_rcu(&sk->sk_node);
	spin_unlock_bh(&net->ipv4->ping_lock);
	sk->sk_num = 0;
	inet_sk(sk)->inet_sport = (be16){0};
}

/* -- input
 * ----------------------------------------------------------------------------------------- */

/* An echo reply, skb->data at the ICMP header. True: taken over. */
bool ping_rcv(struct sk_buff *skb)
{
	const struct icmphdr *icmp = (const void *)skb->data;
	enum skb_drop_reason why = SKB_DROP_REASON_SOCKET_RCVBUFF;
	struct sock *sk = ping_find(dev_net(skb->dev), be16_get(BE16_RAW(icmp->un.echo.id)),
				    ip_hdr(skb)->daddr, skb->dev->ifindex);

	if (!sk)
		return false;
	if (sock_queue_rcv_skb(sk, skb, &why))
		kfree_skb_reason(skb, why);
	return true;
}

/* An error about an ICMP message of ours, skb->data at the quoted IP header. */
void ping_err(struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	const struct iphdr *inner = (const void *)skb->data;
	const struct icmphdr *icmp = (const void *)(skb->data + (inner->ver_ihl & 15u) * 4);
	struct net *net = dev_net(skb->dev);
	struct sock *sk;
	int err = EHOSTUNREACH;

	if (icmp->type != ICMP_ECHO)
		return;
	sk = ping_find(net, be16_get(BE16_RAW(icmp->un.echo.id)), inner->saddr, 0);
	if (!sk)
		return;
	if (type == ICMP_DEST_UNREACH) {
		err = icmp_err_convert[code & 15].errno_;
		if (code == ICMP_FRAG_NEEDED)
			ipv4_update_pmtu(net, inner->daddr, info);
	} else if (type == ICMP_PARAMETERPROB) {
		err = EPROTO;
	} else if (type != ICMP_TIME_EXCEEDED) {
		return;
	}
	if (inet_sk(sk)->recverr)
		ip_icmp_error(sk, skb, err, (be16){0}, info, (u8 *)(uintptr_t)icmp);
	else if (sk->sk_state != TCP_ESTABLISHED)
		return;
	sk->sk_err = err;
	sk->sk_error_report(sk);
}

/* -- calls
 * ------------------------------------------------------------------------------------------- */

static int ping_destination(const struct sock *sk, const struct msghdr *msg, be32 *daddr)
{
	struct sockaddr_in to;

	if (!msg->msg_name) {
		*daddr = sk->sk_daddr;
		return sk->sk_state == TCP_ESTABLISHED ? 0 : -EDESTADDRREQ;
	}
	if (msg->msg_namelen < sizeof(to))
		return -EINVAL;
	memcpy(&to, msg->msg_name, sizeof(to));
	if (to.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*daddr = BE32_RAW(to.sin_addr.s_addr);
	return 0;
}

static int ping_push(struct sock *sk, struct rtable *rt, const struct flowi4 *fl,
		     struct iov_iter *from, u32 len, int flags)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct icmphdr *icmp;
	struct sk_buff *skb;
	int err, ttl;

	if (len + 20 > dst_mtu(&rt->dst) && inet->pmtudisc >= IP_PMTUDISC_DO) {
		ip_local_error(sk, EMSGSIZE, fl->daddr, (be16){0}, dst_mtu(&rt->dst));
		return -EMSGSIZE;
	}
	skb = sock_alloc_send_skb(sk, MAX_HEADER + 20 + len, flags & MSG_DONTWAIT, &err);
	if (!skb)
		return err;
	skb_reserve(skb, MAX_HEADER + 20);
	icmp = skb_put(skb, len);
	if (copy_from_iter(icmp, len, from) != len) {
		consume_skb(skb);
		return -EFAULT;
	}
	if (icmp->type != ICMP_ECHO || icmp->code) {
		consume_skb(skb);
		return -EINVAL;
	}
	icmp->un.echo.id = inet->inet_sport.wire;
	icmp->checksum = 0;
	icmp->checksum = csum_fold(csum_partial(icmp, len, 0)).wire;
	skb_reset_transport_header(skb);
	skb_dst_set(skb, dst_hold(&rt->dst));
	ICMP_INC_STATS(sock_net(sk), OUTMSGS);
	ICMP_INC_STATS(sock_net(sk), OUTECHOS);
	NET_MIB(sock_net(sk))->icmpmsg_out[ICMP_ECHO]++;
	ttl = rt->type == RTN_MULTICAST ? inet->mc_ttl : inet->uc_ttl;
	return ip4_datagram_send(sk, skb, fl, (u8)(ttl < 0 ? ip_default_ttl(sock_net(sk)) : ttl));
}

static ssize_t ping_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from,
			    int flags)
{
	size_t len = iov_iter_count(from);
	struct flowi4 fl;
	struct rtable *rt;
	be32 daddr;
	int err;

	if (len > PING_MAX_LEN)
		return -EMSGSIZE;
	if (len < sizeof(struct icmphdr))
		return -EINVAL;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	err = ping_destination(sk, msg, &daddr);
	if (err)
		return err;
	rt = ip4_datagram_route(sk, &fl, daddr, (be16){0});
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	err = ping_push(sk, rt, &fl, from, (u32)len, flags);
	dst_release(&rt->dst);
	return err ? err : (ssize_t)len;
}

static be16 no_port(const struct sk_buff *skb)
{
	(void)skb;
	return (be16){0};
}

static ssize_t ping_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags)
{
	return ip4_datagram_recvmsg(sk, msg, to, flags, no_port, NULL);
}

static u32 ping_poll(struct sock *sk)
{
	u32 mask = 0;

	if (sk->sk_err || !skb_queue_empty(&sk->sk_error_queue))
		mask |= EPOLLERR;
	if (!skb_queue_empty(&sk->sk_receive_queue) || (sk->sk_shutdown & RCV_SHUTDOWN))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (atomic_read(&sk->sk_wmem_alloc) < sk->sk_sndbuf)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static void ping_close(struct sock *sk, u64 timeout_ns)
{
	sk_common_release(sk);
}

static int ping_disconnect(struct sock *sk, int flags)
{
	ip4_datagram_disconnect(sk, flags);
	if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
		ping_unhash(sk);
	return 0;
}

static struct proto ping_prot = {
	.name = "PING",
	.obj_size = sizeof(struct inet_sock),
	.max_header = MAX_HEADER + 28,
	.close = ping_close,
	.get_port = ping_get_port,
	.unhash = ping_unhash,
	.connect = ip4_datagram_connect,
	.disconnect = ping_disconnect,
	.setsockopt = ip_setsockopt,
	.getsockopt = ip_getsockopt,
	.sendmsg = ping_sendmsg,
	.recvmsg = ping_recvmsg,
	.poll = ping_poll,
};

static const struct inet_protosw ping_protosw = {
	.family = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_ICMP, .prot = &ping_prot};
INET_PROTOSW(ping_protosw);

void ping_net_init(struct net *net)
{
	spin_lock_init(&net->ipv4->ping_lock);
}

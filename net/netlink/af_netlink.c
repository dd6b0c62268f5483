/* SPDX-License-Identifier: MIT */
/*
 * AF_NETLINK sockets (RFC 3549). A request is served in the sender's thread; its answers wait in
 * the sender's own receive queue. A dump fills one skb at a time and goes on when the reader has
 * taken what was there, so that its memory stays bounded. A slow listener of a group loses
 * messages and is told so by ENOBUFS.
 */
#include <net/netlink.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

struct netlink_sock {
	struct sock sk;        /* first */
	struct list_head list; /* [nl_lock] all netlink sockets */
	u32 portid, groups;
	struct mutex mutex; /* one request or dump step at a time */
	bool dumping;       /* [mutex] */
	struct netlink_callback cb;
};

static DEFINE_SPINLOCK(nl_lock);
static LIST_HEAD(nl_socks);
static u32 next_portid = 1;

extern const struct netlink_handler *const __start_netlink_handlers[] __weak;
extern const struct netlink_handler *const __stop_netlink_handlers[] __weak;

static struct netlink_sock *nl_sk(struct sock *sk)
{
	return container_of(sk, struct netlink_sock, sk);
}

static const struct netlink_handler *find_handler(u8 protocol, u16 type)
{
	const struct netlink_handler *const *h;

	for (h = __start_netlink_handlers; h < __stop_netlink_handlers; h++)
		if ((*h)->protocol == protocol && (*h)->type == type)
			return *h;
	return NULL;
}

/* ---- to sockets ---------------------------------------------------------------------------- */

int netlink_unicast(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why;

	if (!sock_queue_rcv_skb(sk, skb, &why))
		return 0;
	kfree_skb_reason(skb, why);
	return -ENOBUFS;
}

bool netlink_has_listeners(struct net *net, u8 protocol, unsigned group)
{
	struct netlink_sock *n;
	bool found = false;

	spin_lock_bh(&nl_lock);
	list_for_each_entry(n, &nl_socks, list)
		if (sock_net(&n->sk) == net && n->sk.sk_protocol == protocol &&
		    n->groups >> (group - 1) & 1)
			found = true;
	spin_unlock_bh(&nl_lock);
	return found;
}

void netlink_broadcast(struct net *net, u8 protocol, unsigned group, struct sk_buff *skb)
{
	struct netlink_sock *n;

	spin_lock_bh(&nl_lock);
	list_for_each_entry(n, &nl_socks, list) {
		struct sk_buff *copy;

		if (sock_net(&n->sk) != net || n->sk.sk_protocol != protocol ||
		    !(n->groups >> (group - 1) & 1))
			continue;
		copy = skb_copy(skb, GFP_ATOMIC);
		if (!copy || netlink_unicast(&n->sk, copy)) {
			n->sk.sk_err = ENOBUFS;
			n->sk.sk_error_report(&n->sk);
		}
	}
	spin_unlock_bh(&nl_lock);
	consume_skb(skb);
}

/* ---- serving ----------------------------------------------------------------------------------
 */

static void send_ack(struct netlink_sock *n, const struct nlmsghdr *req, int err)
{
	u32 quoted = err ? req->nlmsg_len - NLMSG_HDRLEN : 0; /* an error quotes the request */
	u32 payload = sizeof(struct nlmsgerr) + quoted;
	struct sk_buff *skb = alloc_skb(NLMSG_SPACE(payload), GFP_KERNEL);
	struct nlmsghdr *nlh;
	struct nlmsgerr *e;

	nlh = skb ? nlmsg_put(skb, n->portid, req->nlmsg_seq, NLMSG_ERROR, payload,
			      err ? 0 : NLM_F_CAPPED)
		  : NULL;
	if (!nlh) {
		n->sk.sk_err = ENOBUFS;
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return;
	}
	e = nlmsg_data(nlh);
	e->error = err;
	memcpy(&e->msg, req, sizeof(*req) + quoted);
	netlink_unicast(&n->sk, skb);
}

/* Queue the dump's next skb; the last one ends with NLMSG_DONE. mutex held. */
static int dump_step(struct netlink_sock *n)
{
	struct sk_buff *skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	bool more;

	if (!skb)
		return -ENOBUFS;
	more = n->cb.dump(skb, &n->cb);
	if (!more) {
		/* The handlers leave no guarantee of room for the end: without it, one step more.
		 */
		struct nlmsghdr *nlh = nlmsg_put(skb, n->portid, n->cb.nlh.nlmsg_seq, NLMSG_DONE,
						 sizeof(int), NLM_F_MULTI);

		n->dumping = !nlh;
	}
	return netlink_unicast(&n->sk, skb);
}

static int start_dump(struct netlink_sock *n, const struct netlink_handler *h,
		      const struct nlmsghdr *nlh)
{
	u32 len = nlh->nlmsg_len - NLMSG_HDRLEN;

	int err;

	if (n->dumping)
		return -EBUSY;
	err = h->check_dump ? h->check_dump(nlh) : 0;
	if (err)
		return err;
	memset(&n->cb, 0, sizeof(n->cb));
	n->cb.nlh = *nlh;
	n->cb.request_len = min(len, (u32)sizeof(n->cb.request));
	memcpy(n->cb.request, nlmsg_data(nlh), n->cb.request_len);
	n->cb.dump = h->dump;
	n->cb.net = sock_net(&n->sk);
	n->cb.pid = n->portid;
	n->dumping = true;
	return dump_step(n);
}

static int serve_one(struct netlink_sock *n, const struct nlmsghdr *nlh)
{
	const struct netlink_handler *h = find_handler(n->sk.sk_protocol, nlh->nlmsg_type);
	struct nl_request req = {sock_net(&n->sk), nlh, n->portid, &n->sk};
	int err;

	if (!(nlh->nlmsg_flags & NLM_F_REQUEST) || nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	if (!h)
		return -EOPNOTSUPP;
	if (h->dump && (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
		err = start_dump(n, h, nlh);
		return err ? err : -EINTR; /* no ACK: the dump's end is one */
	}
	if (!h->doit)
		return -EOPNOTSUPP;
	if (h->rtnl)
		rtnl_lock();
	err = h->doit(&req);
	if (h->rtnl)
		rtnl_unlock();
	return err;
}

static void serve(struct netlink_sock *n, const u8 *data, u32 len)
{
	while (len >= (u32)NLMSG_HDRLEN) {
		const struct nlmsghdr *nlh = (const void *)data;
		u32 step;
		int err;

		if (nlh->nlmsg_len < (u32)NLMSG_HDRLEN || nlh->nlmsg_len > len)
			return;
		err = serve_one(n, nlh);
		if (err != -EINTR && (err || nlh->nlmsg_flags & NLM_F_ACK))
			send_ack(n, nlh, err);
		step = min(NLMSG_ALIGN(nlh->nlmsg_len), len);
		data += step;
		len -= step;
	}
}

/* ---- the socket's calls
 * -------------------------------------------------------------------------- */

static int netlink_release(struct socket *s)
{
	struct sock *sk = s->sk;

	if (!sk)
		return 0;
	s->sk = NULL;
	spin_lock_bh(&nl_lock);
	list_del(&nl_sk(sk)->list);
	spin_unlock_bh(&nl_lock);
	sock_orphan(sk);
	sock_put(sk);
	return 0;
}

static bool portid_in_use(u8 protocol, const struct net *net, u32 portid)
{
	struct netlink_sock *n;

	list_for_each_entry(n, &nl_socks, list)
		if (n->portid == portid && n->sk.sk_protocol == protocol && sock_net(&n->sk) == net)
			return true;
	return false;
}

static int netlink_bind(struct socket *s, const struct sockaddr *a, socklen_t len)
{
	struct netlink_sock *n = nl_sk(s->sk);
	struct sockaddr_nl addr;
	int err = 0;

	if (len < sizeof(addr))
		return -EINVAL;
	memcpy(&addr, a, sizeof(addr));
	if (addr.nl_family != AF_NETLINK)
		return -EINVAL;
	spin_lock_bh(&nl_lock);
	if (addr.nl_pid && addr.nl_pid != n->portid) {
		if (portid_in_use(s->sk->sk_protocol, sock_net(s->sk), addr.nl_pid))
			err = -EADDRINUSE;
		else
			n->portid = addr.nl_pid;
	}
	if (!err)
		n->groups = addr.nl_groups;
	spin_unlock_bh(&nl_lock);
	return err;
}

static int netlink_connect(struct socket *s, const struct sockaddr *a, socklen_t len, int flags)
{
	(void)s;
	(void)flags;
	return a->sa_family == AF_NETLINK && len >= sizeof(struct sockaddr_nl) ? 0 : -EINVAL;
}

static int netlink_getname(struct socket *s, struct sockaddr_storage *a, int who)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};

	if (who == SOCKNAME_OWN) {
		addr.nl_pid = nl_sk(s->sk)->portid;
		addr.nl_groups = nl_sk(s->sk)->groups;
	}
	memcpy(a, &addr, sizeof(addr));
	return sizeof(addr);
}

static u32 netlink_poll(struct file *f, struct socket *s, struct poll_table *pt)
{
	poll_wait(f, &s->wq, pt);
	return EPOLLOUT | EPOLLWRNORM |
	       (skb_queue_empty(&s->sk->sk_receive_queue) ? 0u : EPOLLIN | EPOLLRDNORM) |
	       (s->sk->sk_err ? EPOLLERR : 0u);
}

static int netlink_setsockopt(struct socket *s, int level, int name, const void *val, socklen_t len)
{
	struct netlink_sock *n = nl_sk(s->sk);
	u32 group;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len < sizeof(group))
		return -EINVAL;
	memcpy(&group, val, sizeof(group));
	switch (name) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (group < 1 || group > 32)
			return -EINVAL;
		spin_lock_bh(&nl_lock);
		if (name == NETLINK_ADD_MEMBERSHIP)
			n->groups |= 1u << (group - 1);
		else
			n->groups &= ~(1u << (group - 1));
		spin_unlock_bh(&nl_lock);
		return 0;
	case NETLINK_EXT_ACK:
	case NETLINK_CAP_ACK:
	case NETLINK_GET_STRICT_CHK:
		return 0; /* what they ask for is allowed to be left out */
	default:
		return -ENOPROTOOPT;
	}
}

static int netlink_getsockopt(struct socket *s, int level, int name, void *val, socklen_t *len)
{
	(void)s;
	(void)level;
	(void)name;
	(void)val;
	(void)len;
	return -ENOPROTOOPT;
}

#define NETLINK_REQUEST_MAX 16384

static ssize_t netlink_sendmsg(struct socket *s, const struct msghdr *m, struct iov_iter *from,
			       int flags)
{
	size_t len = iov_iter_count(from);
	u8 *data;

	(void)m;
	(void)flags;
	if (len > NETLINK_REQUEST_MAX)
		return -EMSGSIZE;
	data = kmalloc(len ? len : 1, GFP_KERNEL);
	if (!data)
		return -ENOBUFS;
	copy_from_iter(data, len, from);
	mutex_lock(&nl_sk(s->sk)->mutex);
	serve(nl_sk(s->sk), data, (u32)len);
	mutex_unlock(&nl_sk(s->sk)->mutex);
	kfree(data);
	return (ssize_t)len;
}

static ssize_t netlink_recvmsg(struct socket *s, struct msghdr *m, struct iov_iter *to, int flags)
{
	struct netlink_sock *n = nl_sk(s->sk);
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK};
	struct sk_buff *skb;
	u32 len, copied;
	int err;

	skb = skb_recv_datagram(s->sk, flags, &err);
	if (!skb)
		return err;
	len = skb->len;
	copied = min(len, (u32)iov_iter_count(to));
	skb_copy_datagram_iter(skb, 0, to, copied);
	if (copied < len)
		m->msg_flags |= MSG_TRUNC;
	if (m->msg_name) {
		memcpy(m->msg_name, &addr, min(m->msg_namelen, (socklen_t)sizeof(addr)));
		m->msg_namelen = sizeof(addr);
	}
	consume_skb(skb);
	if (!(flags & MSG_PEEK)) {
		mutex_lock(&n->mutex);
		if (n->dumping && skb_queue_empty(&s->sk->sk_receive_queue))
			dump_step(n);
		mutex_unlock(&n->mutex);
	}
	return (ssize_t)(flags & MSG_TRUNC ? len : copied);
}

static const struct proto_ops netlink_ops = {
	.family = AF_NETLINK,
	.release = netlink_release,
	.bind = netlink_bind,
	.connect = netlink_connect,
	.getname = netlink_getname,
	.poll = netlink_poll,
	.setsockopt = netlink_setsockopt,
	.getsockopt = netlink_getsockopt,
	.sendmsg = netlink_sendmsg,
	.recvmsg = netlink_recvmsg,
};

static struct proto netlink_proto = {
	.name = "NETLINK",
	.obj_size = sizeof(struct netlink_sock),
};

static int netlink_create(struct net *net, struct socket *s, int protocol, bool kern)
{
	struct netlink_sock *n;
	struct sock *sk;

	if (s->type != SOCK_RAW && s->type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG)
		return -EPROTONOSUPPORT;
	sk = sk_alloc(net, AF_NETLINK, &netlink_proto, GFP_KERNEL);
	if (!sk)
		return -ENOBUFS;
	n = nl_sk(sk);
	mutex_init(&n->mutex);
	sk->sk_type = s->type;
	sk->sk_protocol = (u8)protocol;
	sk->sk_kern_sock = kern;
	s->ops = &netlink_ops;
	sock_graft(sk, s);
	spin_lock_bh(&nl_lock);
	while (!next_portid || portid_in_use((u8)protocol, net, next_portid))
		next_portid++;
	n->portid = next_portid++;
	list_add_tail(&n->list, &nl_socks);
	spin_unlock_bh(&nl_lock);
	return 0;
}

static const struct net_proto_family netlink_family = {.family = AF_NETLINK,
						       .create = netlink_create};
NET_PROTO_FAMILY(netlink_family);

/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets: the calls, options, /proc/net/udp and the protocol's registration.
 */
#include "udp_int.h"

#include <errno.h>
#include <kernel/random.h>
#include <kernel/sysctl.h>
#include <kernel/vfs.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

/* Socket locked, or closing. */
static void set_gro(struct sock *sk, bool on)
{
	if (udp_sk(sk)->gro == on)
		return;
	udp_sk(sk)->gro = on;
	atomic_add(on ? 1 : -1, &sock_net(sk)->udp->gro_sockets);
}

static void udp_close(struct sock *sk, u64 timeout_ns)
{
	(void)timeout_ns;
	set_gro(sk, false);
	sk_common_release(sk);
}

static int udp_disconnect(struct sock *sk, int flags)
{
	ip4_datagram_disconnect(sk, flags);
	if (!(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
		udp_unhash(sk);
	return 0;
}

static be16 source_port(const struct sk_buff *skb)
{
	return udp_hdr(skb)->source;
}

/* A super-packet tells of what size its datagrams were. */
static void gro_cmsg(struct sock *sk, const struct sk_buff *skb, struct msghdr *msg)
{
	int size = skb_shinfo(skb)->gso_size;

	if (udp_sk(sk)->gro && skb_is_gso(skb))
		put_cmsg(msg, SOL_UDP, UDP_GRO, sizeof(size), &size);
}

static ssize_t udp_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags)
{
	return ip4_datagram_recvmsg(sk, msg, to, flags, source_port, gro_cmsg);
}

static u32 udp_poll(struct sock *sk)
{
	u32 mask = 0;

	if (sk->sk_err || !skb_queue_empty(&sk->sk_error_queue))
		mask |= EPOLLERR;
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (sk->sk_shutdown == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (!skb_queue_empty(&sk->sk_receive_queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (atomic_read(&sk->sk_wmem_alloc) < sk->sk_sndbuf)
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

static int udp_ioctl(struct sock *sk, unsigned cmd, void *arg)
{
	struct sk_buff *skb;

	switch (cmd) {
	case SIOCOUTQ:
		*(int *)arg = atomic_read(&sk->sk_wmem_alloc) - 1;
		return 0;
	case SIOCINQ:
		spin_lock_bh(&sk->sk_receive_queue.lock);
		skb = skb_peek(&sk->sk_receive_queue);
		*(int *)arg = skb ? (int)skb->len : 0;
		spin_unlock_bh(&sk->sk_receive_queue.lock);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int udp_setsockopt(struct sock *sk, int level, int name, const void *val, socklen_t len)
{
	int v, err = 0;

	if (level != SOL_UDP)
		return ip_setsockopt(sk, level, name, val, len);
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	lock_sock(sk);
	if (name == UDP_SEGMENT && (u32)v <= UINT16_MAX)
		WRITE_ONCE(udp_sk(sk)->gso_size, (u16)v);
	else if (name == UDP_GRO)
		set_gro(sk, v);
	else
		err = name == UDP_SEGMENT ? -EINVAL : -ENOPROTOOPT;
	release_sock(sk);
	return err;
}

static int udp_getsockopt(struct sock *sk, int level, int name, void *val, socklen_t *len)
{
	int v;

	if (level != SOL_UDP)
		return ip_getsockopt(sk, level, name, val, len);
	if (name != UDP_SEGMENT && name != UDP_GRO)
		return -ENOPROTOOPT;
	v = name == UDP_GRO ? udp_sk(sk)->gro : udp_sk(sk)->gso_size;
	*len = min(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}

static atomic64_t udp_memory_allocated; /* pages, of all nets */
static long udp_mem[3];                 /* net.ipv4.udp_mem */
static struct ctl_header udp_mem_ctl;
static const struct ctl_table udp_mem_row = {
	.name = "udp_mem", .count = 3, .mode = 0644, .max = SOCK_MEM_MARK_MAX, .ops = &ctl_ulong};

struct proto udp_prot = {
	.name = "UDP",
	.obj_size = sizeof(struct udp_sock),
	.max_header = MAX_HEADER + 28,
	.close = udp_close,
	.get_port = udp_get_port,
	.unhash = udp_unhash,
	.connect = ip4_datagram_connect,
	.disconnect = udp_disconnect,
	.setsockopt = udp_setsockopt,
	.getsockopt = udp_getsockopt,
	.memory_allocated = &udp_memory_allocated,
	.mem_account = SK_MEM_UDP,
	.sysctl_mem = udp_mem,
	.sendmsg = udp_sendmsg,
	.recvmsg = udp_recvmsg,
	.poll = udp_poll,
	.ioctl = udp_ioctl,
};

static const struct inet_protosw udp_protosw = {
	.family = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP, .prot = &udp_prot};
INET_PROTOSW(udp_protosw);

static const struct net_protocol udp_protocol = {.protocol = IPPROTO_UDP,
						 .family = AF_INET,
						 .handler = udp_rcv,
						 .err_handler = udp_err,
						 .gro_receive = udp4_gro_receive,
						 .gro_complete = udp4_gro_complete,
						 .gso_segment = udp4_gso_segment,
						 .early_demux = udp4_early_demux,
						 .demux_bytes = sizeof(struct udphdr)};
NET_PROTOCOL(udp_protocol);

/* ---- /proc/net/udp: Linux's columns --------------------------------------------------------- */

static void show_one(struct sock *sk, void *arg)
{
	seq_printf(arg,
		   "%5u: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5d %8d %llu %d "
		   "%p %d\n",
		   (unsigned)(sk->sk_num % UDP_HTABLE_SIZE), sk->sk_rcv_saddr.wire, sk->sk_num,
		   sk->sk_daddr.wire, be16_get(sk->sk_dport), sk->sk_state,
		   (unsigned)atomic_read(&sk->sk_wmem_alloc) - 1,
		   (unsigned)atomic_read(&sk->sk_rmem_alloc), 0, 0, (unsigned long long)sk->sk_ino,
		   refcount_read(&sk->sk_refcnt), NULL, atomic_read(&sk->sk_drops));
}

static void udp_show(struct seq_file *m)
{
	seq_puts(m,
		 "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		 "uid  timeout inode ref pointer drops\n");
	udp_for_each(m->private, show_one, m);
}

/* ---- per net -----------------------------------------------------------------------------------
 */

static int udp_net_init(struct net *net)
{
	if (!udp_mem[2]) { /* the first net */
		sock_mem_marks(udp_mem);
		sysctl_register(&udp_mem_ctl, "net/ipv4", &udp_mem_row, 1, udp_mem);
	}
	net->udp = kvzalloc(sizeof(*net->udp), GFP_KERNEL);
	if (!net->udp)
		return -ENOMEM;
	for (unsigned i = 0; i < UDP_HTABLE_SIZE; i++)
		spin_lock_init(&net->udp->slot[i].lock);
	get_random_bytes(&net->udp->port_key, sizeof(net->udp->port_key));
	return proc_net_create(net, "udp", udp_show, NULL, NULL);
}

static void udp_net_exit(struct net *net)
{
	proc_net_remove(net, "udp");
	kvfree(net->udp, sizeof(*net->udp));
	net->udp = NULL;
}

static const struct pernet_ops udp_net_ops = {
	.order = PERNET_TRANSPORT, .name = "udp", .init = udp_net_init, .exit = udp_net_exit};
PERNET_OPS(udp_net_ops);

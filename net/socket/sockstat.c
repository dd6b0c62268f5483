/* SPDX-License-Identifier: MIT */
/*
 * /proc/net/sockstat in Linux's format, and what sockets hold of memory for /proc/meminfo. Both
 * are counted by walking the sockets when somebody reads: the path of a packet keeps no extra
 * totals. Thread context.
 */
#include <kernel/meminfo.h>
#include <kernel/vfs.h>
#include <net/netns_ipv4.h>
#include <net/tcp.h>
#include <net/udp.h>

extern const struct inet_protosw *const __start_inet_protosw[] __weak;
extern const struct inet_protosw *const __stop_inet_protosw[] __weak;

/* ---- counting -------------------------------------------------------------------------------- */

struct totals {
	u64 recv_bytes, send_bytes;
	u32 inuse;
};

/* Unlocked: a moment's view. */
static void add_sock(struct totals *t, const struct sock *sk)
{
	t->inuse++;
	t->recv_bytes += (u32)atomic_read(&sk->sk_rmem_alloc) + sk->sk_backlog.len;
	/* TCP charges what it has queued; a datagram is with the device until it is sent. */
	t->send_bytes += (u32)max(sk->sk_wmem_queued, atomic_read(&sk->sk_wmem_alloc) - 1);
}

static void add_tcp(const struct sock_key *key, void *arg)
{
	if (key->state != TCP_TIME_WAIT && key->state != TCP_NEW_SYN_RECV)
		add_sock(arg, tcp_key_sock(key));
}

static void add_udp(struct sock *sk, void *arg)
{
	add_sock(arg, sk);
}

static void count(struct net *net, struct totals *tcp, struct totals *udp)
{
	*tcp = *udp = (struct totals){0};
	tcp_for_each(net, add_tcp, tcp);
	udp_for_each(net, add_udp, udp);
}

/* ---- /proc/net/sockstat ------------------------------------------------------------------------
 */

/* Sockets that an application holds, of all protocols. */
static long sockets_used(void)
{
	const struct inet_protosw *const *p;
	long n = 0;

	for (p = __start_inet_protosw; p < __stop_inet_protosw; p++)
		n += atomic_read(&(*p)->prot->sockets_allocated) -
		     atomic_read(&(*p)->prot->orphan_count);
	return n;
}

static void sockstat_show(struct seq_file *m)
{
	struct net *net = m->private;
	struct totals tcp, udp;

	count(net, &tcp, &udp);
	seq_printf(m, "sockets: used %ld\n", sockets_used());
	seq_printf(m, "TCP: inuse %u orphan %d tw %d alloc %d mem %ld\n", tcp.inuse,
		   atomic_read(&tcp_prot.orphan_count), atomic_read(&net->tcp->tw_count),
		   atomic_read(&tcp_prot.sockets_allocated), sk_memory_allocated(&tcp_prot));
	seq_printf(m, "UDP: inuse %u mem %ld\n", udp.inuse, sk_memory_allocated(&udp_prot));
	seq_puts(m, "UDPLITE: inuse 0\nRAW: inuse 0\n");
	seq_printf(m, "FRAG: inuse %u memory %d\n", net->ipv4->frag_queues,
		   atomic_read(&net->ipv4->frag_mem));
}

static int sockstat_init(struct net *net)
{
	return proc_net_create(net, "sockstat", sockstat_show, NULL, NULL);
}

static void sockstat_exit(struct net *net)
{
	proc_net_remove(net, "sockstat");
}

static const struct pernet_ops sockstat_pernet = {
	.order = PERNET_LATE, .name = "sockstat", .init = sockstat_init, .exit = sockstat_exit};
PERNET_OPS(sockstat_pernet);

/* ---- /proc/meminfo
 * ------------------------------------------------------------------------------- */

static u64 meminfo_recv(void)
{
	struct totals tcp, udp;

	count(&init_net, &tcp, &udp);
	return tcp.recv_bytes + udp.recv_bytes;
}

static u64 meminfo_send(void)
{
	struct totals tcp, udp;

	count(&init_net, &tcp, &udp);
	return tcp.send_bytes + udp.send_bytes;
}

MEMINFO_ROW(SockRecv, meminfo_recv);
MEMINFO_ROW(SockSend, meminfo_send);

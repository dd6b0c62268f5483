/* SPDX-License-Identifier: MIT */
/*
 * UDP and ping sockets between two stacks on one wire, and through loopback: data, sizes, errors,
 * binding, groups, ancillary data.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <kernel/syscalls.h>
#include <kernel/sysctl.h>
#include <net/netns_ipv4.h>
#include <net/sock.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

extern struct proto
	udp_prot; /* <net/udp.h> and the host's <netinet/udp.h> both define the header */

static struct net net_a, net_b;
static struct tap *a, *b;
static u8 data[66000], got[66000];

static int setup(void **state)
{
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	a = tap_new(&net_a, 1, "10.0.0.1", 24);
	b = tap_new(&net_b, 2, "10.0.0.2", 24);
	tap_wire(a, b);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 13 + (i >> 8));
	return 0;
}

static int teardown(void **state)
{
	set_current_net(&init_net);
	tap_free(a);
	tap_free(b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check();
	return 0;
}

static struct sockaddr_in addr_of(const char *ip, u16 port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	sin.sin_addr.s_addr = htonl(tap_ip(ip));
	return sin;
}

static int udp_socket(struct net *net, const char *ip, u16 port)
{
	struct sockaddr_in sin = addr_of(ip, port);
	int fd;

	set_current_net(net);
	fd = sys_socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	if (port)
		assert_int_equal(sys_bind(fd, (void *)&sin, sizeof(sin)), 0);
	return fd;
}

static ssize_t send_to(int fd, const char *ip, u16 port, size_t len)
{
	struct sockaddr_in sin = addr_of(ip, port);

	return sys_sendto(fd, data, len, 0, (void *)&sin, sizeof(sin));
}

static ssize_t recv_now(int fd, struct sockaddr_in *from)
{
	socklen_t len = sizeof(*from);

	return sys_recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, (void *)from, from ? &len : NULL);
}

/* Datagrams of every interesting size arrive whole, from 0 to the largest. */
static void sizes(void **state)
{
	static const size_t sizes[] = {0,    1,    100,  1471,  1472,  1473,
				       2000, 4096, 8192, 32000, 65506, 65507};
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	struct sockaddr_in from;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(got, 0, sizeof(got));
		assert_int_equal(send_to(sa, "10.0.0.2", 2000, sizes[i]), sizes[i]);
		host_run_for(NSEC_PER_MSEC);
		assert_int_equal(recv_now(sb, &from), sizes[i]);
		assert_memory_equal(got, data, sizes[i]);
		assert_int_equal(ntohl(from.sin_addr.s_addr), tap_ip("10.0.0.1"));
		assert_int_equal(ntohs(from.sin_port), 1000);
	}
	assert_int_equal(send_to(sa, "10.0.0.2", 2000, 65508), -EMSGSIZE);
	sys_close(sa);
	sys_close(sb);
}

/* The same through lo, where packets up to 64 KiB go in one piece. */
static void loopback(void **state)
{
	int sa = udp_socket(&net_a, "127.0.0.1", 1000), sb = udp_socket(&net_a, "0.0.0.0", 2000);

	assert_int_equal(send_to(sa, "127.0.0.1", 2000, 65507), 65507);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 65507);
	assert_memory_equal(got, data, 65507);
	/* Our own address on the wire is reached through lo too. */
	tap_forget(a);
	assert_int_equal(send_to(sb, "10.0.0.1", 2000, 10), 10);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 10);
	assert_null(tap_next(a));
	sys_close(sa);
	sys_close(sb);
}

/* Nobody listens: the connected sender learns it by ECONNREFUSED. */
static void refused(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000);
	struct sockaddr_in to = addr_of("10.0.0.2", 9);

	assert_int_equal(sys_connect(sa, (void *)&to, sizeof(to)), 0);
	assert_int_equal(sys_sendto(sa, data, 5, 0, NULL, 0), 5);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sa, NULL), -ECONNREFUSED);
	assert_int_equal(recv_now(sa, NULL), -EAGAIN);
	assert_int_equal(net_b.mib[0]->udp[UDP_MIB_NOPORTS], 1);
	sys_close(sa);
}

/* With IP_RECVERR the error queue tells who sent which error about what. */
static void error_queue(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), one = 1;
	struct iovec iov = {got, sizeof(got)};
	u8 control[256];
	struct sockaddr_in name;
	struct msghdr msg = {.msg_name = &name,
			     .msg_namelen = sizeof(name),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	assert_int_equal(sys_setsockopt(sa, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)), 0);
	assert_int_equal(send_to(sa, "10.0.0.2", 9, 5), 5);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(sys_recvmsg(sa, &msg, MSG_ERRQUEUE), 5);
	assert_true(msg.msg_flags & MSG_ERRQUEUE);
	assert_memory_equal(got, data, 5);
	assert_int_equal(ntohs(name.sin_port), 9);
	c = CMSG_FIRSTHDR(&msg);
	assert_non_null(c);
	assert_int_equal(c->cmsg_type, IP_RECVERR);
	assert_int_equal(*(u32 *)(void *)CMSG_DATA(c), ECONNREFUSED);
	assert_int_equal(CMSG_DATA(c)[5], ICMP_DEST_UNREACH);
	assert_int_equal(sys_recvmsg(sa, &msg, MSG_ERRQUEUE), -EAGAIN);
	sys_close(sa);
}

/* Who may share a port, and who gets what is sent there. */
static void binding(void **state)
{
	int s1 = udp_socket(&net_b, "10.0.0.2", 2000), s2, sa = udp_socket(&net_a, "0.0.0.0", 0);
	struct sockaddr_in sin = addr_of("0.0.0.0", 2000);

	set_current_net(&net_b);
	s2 = sys_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(sys_bind(s2, (void *)&sin, sizeof(sin)), -EADDRINUSE);
	sin = addr_of("10.0.0.99", 2000);
	assert_int_equal(sys_bind(s2, (void *)&sin, sizeof(sin)), -EADDRNOTAVAIL);
	sin = addr_of("127.0.0.1", 2000);
	assert_int_equal(sys_bind(s2, (void *)&sin, sizeof(sin)), 0);
	send_to(sa, "10.0.0.2", 2000, 3);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(s2, NULL), -EAGAIN);
	assert_int_equal(recv_now(s1, NULL), 3);
	sys_close(s1);
	sys_close(s2);
	sys_close(sa);
}

/* MSG_PEEK leaves the datagram, MSG_TRUNC tells its real size. */
static void peek_and_truncate(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);

	send_to(sa, "10.0.0.2", 2000, 100);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(sys_recvfrom(sb, got, 10, MSG_PEEK | MSG_DONTWAIT, NULL, NULL), 10);
	assert_int_equal(sys_recvfrom(sb, got, 10, MSG_TRUNC | MSG_DONTWAIT, NULL, NULL), 100);
	assert_int_equal(recv_now(sb, NULL), -EAGAIN);
	sys_close(sa);
	sys_close(sb);
}

/* Above the protocol's high mark (net.ipv4.udp_mem) datagrams are refused, whosever they are. */
static void protocol_memory(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	u64 before = skb_drop_count(SKB_DROP_REASON_PROTO_MEM);
	char marks[64];
	unsigned n = 0;

	assert_true(sysctl_read("net.ipv4.udp_mem", NULL, marks, sizeof(marks)) > 0);
	assert_int_equal(sysctl_write("net.ipv4.udp_mem", NULL, "1 2 4"), 0);
	for (unsigned i = 0; i < 20; i++) {
		send_to(sa, "10.0.0.2", 2000, 1000);
		host_run_for(NSEC_PER_USEC);
	}
	assert_true(sk_memory_allocated(&udp_prot) > 0 && sk_memory_allocated(&udp_prot) <= 4);
	while (recv_now(sb, NULL) == 1000)
		n++;
	assert_true(n >= 1 && n <= 4);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_PROTO_MEM) - before, 20 - n);
	assert_int_equal(net_b.mib[0]->udp[UDP_MIB_MEMERRORS], 20 - n);
	assert_int_equal(sk_memory_allocated(&udp_prot), 0);
	assert_int_equal(sysctl_write("net.ipv4.udp_mem", NULL, marks), 0);
	sys_close(sa);
	sys_close(sb);
}

/* What the receive buffer does not hold is dropped, counted, and given back in the end. */
static void receive_buffer(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	u64 before = skb_drop_count(SKB_DROP_REASON_SOCKET_RCVBUFF);
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++) {
		send_to(sa, "10.0.0.2", 2000, 1000);
		host_run_for(NSEC_PER_USEC);
	}
	while (recv_now(sb, NULL) == 1000)
		n++;
	assert_true(n > 50 && n < 1000);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_SOCKET_RCVBUFF) - before, 1000 - n);
	assert_int_equal(net_b.mib[0]->udp[UDP_MIB_RCVBUFERRORS], 1000 - n);
	sys_close(sa);
	sys_close(sb);
}

/* A damaged datagram is dropped and counted; one without checksum is taken. */
static bool damage(struct tap *t, u8 *p, u32 len)
{
	if (len > 42 && p[23] == 17)
		p[len - 1] ^= 1;
	return true;
}

static void checksum(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	int one = 1;

	a->pass = damage;
	send_to(sa, "10.0.0.2", 2000, 100);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), -EAGAIN);
	assert_int_equal(net_b.mib[0]->udp[UDP_MIB_CSUMERRORS], 1);
	sys_setsockopt(sa, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one));
	send_to(sa, "10.0.0.2", 2000, 100);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 100);
	sys_close(sa);
	sys_close(sb);
}

/* A group is received by its members only, and by the sender's own host where it is one. */
static void multicast(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 5000), sb = udp_socket(&net_b, "0.0.0.0", 5000);
	struct ip_mreqn mr = {.imr_ifindex = (int)b->dev->ifindex};
	struct in_addr ifaddr = {htonl(tap_ip("10.0.0.1"))};

	mr.imr_multiaddr.s_addr = htonl(tap_ip("239.1.2.3"));
	assert_int_equal(sys_setsockopt(sa, IPPROTO_IP, IP_MULTICAST_IF, &ifaddr, sizeof(ifaddr)),
			 0);
	assert_int_equal(send_to(sa, "239.1.2.3", 5000, 7), 7);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), -EAGAIN);
	assert_int_equal(sys_setsockopt(sb, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr)), 0);
	assert_int_equal(sys_setsockopt(sb, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr)),
			 -EADDRINUSE);
	assert_int_equal(send_to(sa, "239.1.2.3", 5000, 8), 8);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 8);
	assert_int_equal(recv_now(sa, NULL), -EAGAIN);
	mr.imr_ifindex = (int)a->dev->ifindex;
	assert_int_equal(sys_setsockopt(sa, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr)), 0);
	assert_int_equal(send_to(sa, "239.1.2.3", 5000, 9), 9);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sa, NULL), 9);
	assert_int_equal(recv_now(sb, NULL), 9);
	sys_close(sa);
	sys_close(sb);
	assert_false(ip_check_mc_rcu(b->dev->ip_ptr, be32_make(tap_ip("239.1.2.3"))));
}

/* A broadcast needs SO_BROADCAST and reaches the other side. */
static void broadcast(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 68), sb = udp_socket(&net_b, "0.0.0.0", 67), one = 1;

	assert_int_equal(send_to(sa, "10.0.0.255", 67, 7), -EACCES);
	sys_setsockopt(sa, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	assert_int_equal(send_to(sa, "10.0.0.255", 67, 7), 7);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 7);
	sys_close(sa);
	sys_close(sb);
}

/* IP_PKTINFO, IP_RECVTTL and IP_RECVTOS tell how the datagram came. */
static void ancillary(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	int one = 1, ttl = 33, tos = 0x10, seen = 0;
	struct iovec iov = {got, sizeof(got)};
	u8 control[256];
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	sys_setsockopt(sb, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	sys_setsockopt(sb, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one));
	sys_setsockopt(sb, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one));
	sys_setsockopt(sa, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	sys_setsockopt(sa, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	send_to(sa, "10.0.0.2", 2000, 9);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(sys_recvmsg(sb, &msg, MSG_DONTWAIT), 9);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == IP_TTL)
			assert_int_equal(*(int *)(void *)CMSG_DATA(c), 33);
		if (c->cmsg_type == IP_TOS)
			assert_int_equal(*CMSG_DATA(c), 0x10);
		if (c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			assert_int_equal(info.ipi_ifindex, b->dev->ifindex);
			assert_int_equal(ntohl(info.ipi_addr.s_addr), tap_ip("10.0.0.2"));
		}
		seen++;
	}
	assert_int_equal(seen, 3);
	sys_close(sa);
	sys_close(sb);
}

/* A ping socket: its echo comes back to it; nothing but an echo can be sent. */
static void ping_socket(void **state)
{
	struct sockaddr_in to = addr_of("10.0.0.2", 0), from;
	static const u8 echo[8] = {ICMP_ECHO, 0, 0, 0, 0, 0, 0, 3};
	int fd;

	set_current_net(&net_a);
	fd = sys_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	assert_true(fd >= 0);
	memcpy(data, echo, sizeof(echo));
	assert_int_equal(sys_sendto(fd, data, 64, 0, (void *)&to, sizeof(to)), 64);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(fd, &from), 64);
	assert_int_equal(ntohl(from.sin_addr.s_addr), tap_ip("10.0.0.2"));
	assert_int_equal(got[0], ICMP_ECHOREPLY);
	assert_int_equal(get_be16(got + 6), 3);
	assert_memory_equal(got + 8, data + 8, 56);
	data[0] = ICMP_TIMESTAMP;
	assert_int_equal(sys_sendto(fd, data, 64, 0, (void *)&to, sizeof(to)), -EINVAL);
	data[0] = ICMP_ECHO;
	assert_int_equal(sys_sendto(fd, data, 7, 0, (void *)&to, sizeof(to)), -EINVAL);
	sys_close(fd);
}

/* A router's "fragmentation needed" lowers the path MTU: later datagrams are cut to it. */
static void path_mtu(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000);
	const struct tap_frame *f;
	u8 msg[64], frame[128];

	tap_forget(a);
	send_to(sa, "10.0.0.2", 2000, 1472);
	host_run_for(NSEC_PER_MSEC);
	do
		f = tap_next(a);
	while (f && f->data[23] != 17);
	assert_non_null(f);
	assert_int_equal(get_be16(f->data + 20), IP_DF);
	memset(msg, 0, sizeof(msg));
	msg[0] = 3;
	msg[1] = 4;
	put_be16(msg + 6, 1000);
	memcpy(msg + 8, f->data + 14, 28);
	put_be16(msg + 2, tap_csum(msg, 36, 0));
	tap_inject(
		a, frame,
		tap_make_ip(frame, a, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), 1, 9, 0, msg, 36));
	tap_forget(a);
	send_to(sa, "10.0.0.2", 2000, 1472);
	host_run_for(NSEC_PER_MSEC);
	f = tap_next(a);
	assert_non_null(f);
	assert_true(f->len <= 1014);
	assert_int_equal(get_be16(f->data + 20), IP_MF);
	sys_close(sa);
}

static void set_udp(int fd, int name, int v)
{
	assert_int_equal(sys_setsockopt(fd, SOL_UDP, name, &v, sizeof(v)), 0);
}

/* Wait for a datagram; its length, and in *size that of its parts where they were merged. */
static ssize_t recv_merged(int fd, int *size)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {got, sizeof(got)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = sys_recvmsg(fd, &m, MSG_DONTWAIT);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*size = 0;
	if (n >= 0 && m.msg_controllen && c && c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
		memcpy(size, CMSG_DATA(c), sizeof(*size));
	return n;
}

/* UDP_SEGMENT: one call, many datagrams of one size, whatever the device can do. */
static void segments(void **state)
{
	static const u32 features[] = {0, NETIF_F_HW_CSUM, NETIF_F_HW_CSUM | NETIF_F_SG,
				       NETIF_F_IP_CSUM | NETIF_F_SG};
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000);
	int v;
	socklen_t len = sizeof(v);

	set_current_net(&net_a);
	set_udp(sa, UDP_SEGMENT, 1000);
	assert_int_equal(sys_getsockopt(sa, SOL_UDP, UDP_SEGMENT, &v, &len), 0);
	assert_int_equal(v, 1000);
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		a->dev->features = features[i];
		b->csum_done = features[i] != 0; /* what the device would finish */
		assert_int_equal(send_to(sa, "10.0.0.2", 2000, 20300), 20300);
		host_run_for(NSEC_PER_MSEC);
		for (unsigned k = 0; k <= 20; k++) {
			assert_int_equal(recv_now(sb, NULL), k < 20 ? 1000 : 300);
			assert_memory_equal(got, data + k * 1000, k < 20 ? 1000 : 300);
		}
		assert_int_equal(recv_now(sb, NULL), -EAGAIN);
	}
	assert_int_equal(send_to(sa, "10.0.0.2", 2000, 700), 700); /* one is enough */
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_now(sb, NULL), 700);
	set_udp(sa, UDP_SEGMENT, 100);
	assert_int_equal(send_to(sa, "10.0.0.2", 2000, 128 * 100 + 1), -EINVAL);
	set_udp(sa, UDP_SEGMENT, 1473); /* longer than a frame */
	assert_int_equal(send_to(sa, "10.0.0.2", 2000, 3000), -EINVAL);
	sys_close(sa);
	sys_close(sb);
}

/* UDP_GRO: datagrams of a flow come as one, with their size; a shorter one is the last. */
static void merged(void **state)
{
	int sa = udp_socket(&net_a, "0.0.0.0", 1000), sb = udp_socket(&net_b, "0.0.0.0", 2000),
	    size;

	b->use_gro = true;
	set_current_net(&net_b);
	set_udp(sb, UDP_GRO, 1);
	for (unsigned k = 0; k < 5; k++)
		assert_int_equal(send_to(sa, "10.0.0.2", 2000, 1000), 1000);
	assert_int_equal(send_to(sa, "10.0.0.2", 2000, 300), 300);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_merged(sb, &size), 5300);
	assert_int_equal(size, 1000);
	for (unsigned k = 0; k < 5; k++)
		assert_memory_equal(got + k * 1000, data, 1000);
	assert_memory_equal(got + 5000, data, 300);
	/* A longer one cannot follow. */
	send_to(sa, "10.0.0.2", 2000, 500);
	send_to(sa, "10.0.0.2", 2000, 501);
	local_bh_disable();
	napi_gro_flush(&b->napi, ~0ull);
	local_bh_enable();
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_merged(sb, &size), 500);
	assert_int_equal(size, 0);
	assert_int_equal(recv_merged(sb, &size), 501);
	/* Who does not ask gets them one by one, at once. */
	set_udp(sb, UDP_GRO, 0);
	for (unsigned k = 0; k < 3; k++)
		send_to(sa, "10.0.0.2", 2000, 400);
	host_run_for(NSEC_PER_MSEC);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(recv_merged(sb, &size), 400);
	b->use_gro = false;
	sys_close(sa);
	sys_close(sb);
}

/* On lo a super-packet arrives as it is: whole for who asks, in parts for others. */
static void segments_on_loopback(void **state)
{
	int sa = udp_socket(&net_a, "127.0.0.1", 1000), sb = udp_socket(&net_a, "0.0.0.0", 2000),
	    size;

	set_udp(sa, UDP_SEGMENT, 1200);
	assert_int_equal(send_to(sa, "127.0.0.1", 2000, 30001), 30001);
	host_run_for(NSEC_PER_MSEC);
	for (unsigned k = 0; k <= 25; k++) {
		struct sockaddr_in from;

		assert_int_equal(recv_now(sb, &from), k < 25 ? 1200 : 1);
		assert_memory_equal(got, data + k * 1200, k < 25 ? 1200 : 1);
		assert_int_equal(ntohs(from.sin_port), 1000);
	}
	set_udp(sb, UDP_GRO, 1);
	assert_int_equal(send_to(sa, "127.0.0.1", 2000, 30001), 30001);
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(recv_merged(sb, &size), 30001);
	assert_int_equal(size, 1200);
	assert_memory_equal(got, data, 30001);
	sys_close(sa);
	sys_close(sb);
}

static u64 in_use;

static void nothing_leaks(void **state)
{
	for (int i = 0; i < 3; i++) {
		u64 now;

		setup(NULL);
		sizes(NULL);
		refused(NULL);
		multicast(NULL);
		segments(NULL);
		merged(NULL);
		segments_on_loopback(NULL);
		teardown(NULL);
		host_run_for(60 * NSEC_PER_SEC);
		now = host_memory_in_use();
		if (i)
			assert_int_equal(now, in_use);
		in_use = now;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sizes),
		T(loopback),
		T(refused),
		T(error_queue),
		T(binding),
		T(peek_and_truncate),
		T(protocol_memory),
		T(receive_buffer),
		T(checksum),
		T(multicast),
		T(broadcast),
		T(ancillary),
		T(ping_socket),
		T(path_mtu),
		T(segments),
		T(merged),
		T(segments_on_loopback),
		cmocka_unit_test(nothing_leaks),
	};

	host_init(3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

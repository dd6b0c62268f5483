/* SPDX-License-Identifier: MIT */
/* Sockets: families, types, options and calls; constants and layouts of Linux on x86-64. */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <sys/types.h>
#include <sys/uio.h>

typedef unsigned int socklen_t;
typedef unsigned short sa_family_t;

struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};

struct sockaddr_storage {
	sa_family_t ss_family;
	char __ss_padding[118];
	unsigned long __ss_align;
};

struct linger {
	int l_onoff;
	int l_linger; /* seconds */
};

struct msghdr {
	void *msg_name;
	socklen_t msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	int msg_flags;
};

struct mmsghdr {
	struct msghdr msg_hdr;
	unsigned int msg_len;
};

struct cmsghdr {
	size_t cmsg_len; /* with this header */
	int cmsg_level;
	int cmsg_type;
};

struct ucred {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

#define CMSG_ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_SPACE(len) (CMSG_ALIGN(sizeof(struct cmsghdr)) + CMSG_ALIGN(len))
#define CMSG_LEN(len)   (CMSG_ALIGN(sizeof(struct cmsghdr)) + (len))
#define CMSG_DATA(c)    ((unsigned char *)((struct cmsghdr *)(c) + 1))
#define CMSG_FIRSTHDR(m)                                                                    \
	((m)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(m)->msg_control \
						       : (struct cmsghdr *)0)

/* The next control message in m, or NULL if what follows c does not hold a whole one. */
static inline struct cmsghdr *__cmsg_nxthdr(struct msghdr *m, struct cmsghdr *c)
{
	unsigned char *end = (unsigned char *)m->msg_control + m->msg_controllen;
	size_t left = (size_t)(end - (unsigned char *)c), step;

	if (c->cmsg_len < sizeof(*c) || c->cmsg_len > left)
		return 0;
	step = CMSG_ALIGN(c->cmsg_len);
	if (step > left || left - step < sizeof(*c))
		return 0;
	return (struct cmsghdr *)((unsigned char *)c + step);
}
#define CMSG_NXTHDR(m, c) __cmsg_nxthdr(m, c)

#define AF_UNSPEC  0
#define AF_UNIX    1
#define AF_LOCAL   AF_UNIX
#define AF_INET    2
#define AF_BRIDGE  7
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_ROUTE   AF_NETLINK
#define AF_PACKET  17
#define AF_MAX     46

#define PF_UNSPEC  AF_UNSPEC
#define PF_UNIX    AF_UNIX
#define PF_LOCAL   AF_LOCAL
#define PF_INET    AF_INET
#define PF_INET6   AF_INET6
#define PF_NETLINK AF_NETLINK
#define PF_ROUTE   AF_ROUTE
#define PF_PACKET  AF_PACKET
#define PF_MAX     AF_MAX

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_RDM       4
#define SOCK_SEQPACKET 5
#define SOCK_DCCP      6
#define SOCK_PACKET    10
#define SOCK_NONBLOCK  04000
#define SOCK_CLOEXEC   02000000

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 4096

/* setsockopt() levels other than the IPPROTO_* ones. */
#define SOL_SOCKET  1
#define SOL_RAW     255
#define SOL_PACKET  263
#define SOL_NETLINK 270

#define SO_DEBUG                 1
#define SO_REUSEADDR             2
#define SO_TYPE                  3
#define SO_ERROR                 4
#define SO_DONTROUTE             5
#define SO_BROADCAST             6
#define SO_SNDBUF                7
#define SO_RCVBUF                8
#define SO_KEEPALIVE             9
#define SO_OOBINLINE             10
#define SO_NO_CHECK              11
#define SO_PRIORITY              12
#define SO_LINGER                13
#define SO_BSDCOMPAT             14
#define SO_REUSEPORT             15
#define SO_PASSCRED              16
#define SO_PEERCRED              17
#define SO_RCVLOWAT              18
#define SO_SNDLOWAT              19
#define SO_RCVTIMEO              20
#define SO_SNDTIMEO              21
#define SO_BINDTODEVICE          25
#define SO_ATTACH_FILTER         26
#define SO_DETACH_FILTER         27
#define SO_GET_FILTER            SO_ATTACH_FILTER
#define SO_PEERNAME              28
#define SO_TIMESTAMP             29
#define SO_ACCEPTCONN            30
#define SO_PEERSEC               31
#define SO_SNDBUFFORCE           32
#define SO_RCVBUFFORCE           33
#define SO_PASSSEC               34
#define SO_TIMESTAMPNS           35
#define SO_MARK                  36
#define SO_TIMESTAMPING          37
#define SO_PROTOCOL              38
#define SO_DOMAIN                39
#define SO_RXQ_OVFL              40
#define SO_WIFI_STATUS           41
#define SO_PEEK_OFF              42
#define SO_NOFCS                 43
#define SO_LOCK_FILTER           44
#define SO_SELECT_ERR_QUEUE      45
#define SO_BUSY_POLL             46
#define SO_MAX_PACING_RATE       47
#define SO_BPF_EXTENSIONS        48
#define SO_INCOMING_CPU          49
#define SO_ATTACH_BPF            50
#define SO_ATTACH_REUSEPORT_CBPF 51
#define SO_ATTACH_REUSEPORT_EBPF 52
#define SO_CNX_ADVICE            53
#define SO_MEMINFO               55
#define SO_INCOMING_NAPI_ID      56
#define SO_COOKIE                57
#define SO_PEERGROUPS            59
#define SO_ZEROCOPY              60
#define SO_TXTIME                61
#define SO_BINDTOIFINDEX         62
#define SO_TIMESTAMP_NEW         63
#define SO_TIMESTAMPNS_NEW       64
#define SO_TIMESTAMPING_NEW      65
#define SO_RCVTIMEO_NEW          66
#define SO_SNDTIMEO_NEW          67
#define SO_DETACH_REUSEPORT_BPF  68
#define SO_PREFER_BUSY_POLL      69
#define SO_BUSY_POLL_BUDGET      70
#define SO_NETNS_COOKIE          71
#define SO_BUF_LOCK              72
#define SO_RESERVE_MEM           73

#define SCM_RIGHTS       1
#define SCM_CREDENTIALS  2
#define SCM_TIMESTAMP    SO_TIMESTAMP
#define SCM_TIMESTAMPNS  SO_TIMESTAMPNS
#define SCM_TIMESTAMPING SO_TIMESTAMPING

#define MSG_OOB          0x1
#define MSG_PEEK         0x2
#define MSG_DONTROUTE    0x4
#define MSG_CTRUNC       0x8
#define MSG_PROXY        0x10
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_EOR          0x80
#define MSG_WAITALL      0x100
#define MSG_FIN          0x200
#define MSG_SYN          0x400
#define MSG_CONFIRM      0x800
#define MSG_RST          0x1000
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_BATCH        0x40000
#define MSG_ZEROCOPY     0x4000000
#define MSG_FASTOPEN     0x20000000
#define MSG_CMSG_CLOEXEC 0x40000000

int socket(int family, int type, int protocol);
int bind(int fd, const struct sockaddr *addr, socklen_t len);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *addr, socklen_t *len);
int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int connect(int fd, const struct sockaddr *addr, socklen_t len);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int getsockopt(int fd, int level, int name, void *val, socklen_t *len);
int setsockopt(int fd, int level, int name, const void *val, socklen_t len);
ssize_t send(int fd, const void *buf, size_t len, int flags);
ssize_t recv(int fd, void *buf, size_t len, int flags);
ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
	       socklen_t tolen);
ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		 socklen_t *fromlen);
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t recvmsg(int fd, struct msghdr *msg, int flags);

#endif

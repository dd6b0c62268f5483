/* SPDX-License-Identifier: MIT */
/*
 * struct sock: a socket as protocols see it; struct socket: as the system calls see it.
 *
 * Locking, as in Linux: a thread owns the socket between lock_sock() and release_sock(); a softirq
 * takes bh_lock_sock() and, where a thread owns it, leaves the packet on the backlog, which
 * release_sock() works off through sk_prot->backlog_rcv. Timers that find it owned set a bit of
 * tsq_flags and leave the work to release_cb.
 *
 * Memory is charged by truesize: receive to sk_rmem_alloc and sk_forward_alloc, send to
 * sk_wmem_queued (TCP) or sk_wmem_alloc (in qdisc and driver), and per protocol to memory_allocated
 * (pages).
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <kernel/file.h>
#include <kernel/rcu.h>
#include <kernel/timer.h>
#include <kernel/wait.h>
#include <linux/errqueue.h>
#include <net/dst.h>
#include <net/skbuff.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct proto;
struct socket;
struct sock;

/* What a lookup needs: the head of a socket, and of TCP's request and TIME-WAIT records, which
 * share its hash table and have nothing else in common with it. */
struct sock_key {
	struct hlist_node node; /* established or bound hash chain */
	u32 hash;
	be32 daddr, rcv_saddr; /* IPv4; 0: any */
	be16 dport;
	u16 num; /* local port, host order */
	u32 bound_dev_if;
	u16 family;
	u8 state; /* TCP states are used by all, as in Linux */
	u8 reuse : 4, reuseport : 1, ipv6only : 1;
	refcount_t refcnt;
	union {
		u32 incoming_cpu; /* of a socket */
		struct {
			u16 wheel_cpu, wheel_tick; /* of a half-open request (tcp_reqsk.c) */
		};
	};
};
static_assert(sizeof(struct sock_key) <= 48, "paid for by every TIME-WAIT record");

struct sock_common {
	struct sock_key skc_key; /* first */
	union {
		struct hlist_node skc_bind_node; /* bind hash */
		struct rcu_head skc_rcu;         /* once it is in no table any more */
	};
	struct proto *skc_prot;
	struct net *skc_net;
};

struct sock {
	struct sock_common __sk_common;
#define sk_node         __sk_common.skc_key.node
#define sk_hash         __sk_common.skc_key.hash
#define sk_daddr        __sk_common.skc_key.daddr
#define sk_rcv_saddr    __sk_common.skc_key.rcv_saddr
#define sk_dport        __sk_common.skc_key.dport
#define sk_num          __sk_common.skc_key.num
#define sk_bound_dev_if __sk_common.skc_key.bound_dev_if
#define sk_family       __sk_common.skc_key.family
#define sk_state        __sk_common.skc_key.state
#define sk_reuse        __sk_common.skc_key.reuse
#define sk_reuseport    __sk_common.skc_key.reuseport
#define sk_ipv6only     __sk_common.skc_key.ipv6only
#define sk_net          __sk_common.skc_net
#define sk_refcnt       __sk_common.skc_key.refcnt
#define sk_incoming_cpu __sk_common.skc_key.incoming_cpu
#define sk_bind_node    __sk_common.skc_bind_node
#define sk_prot         __sk_common.skc_prot
#define sk_rcu          __sk_common.skc_rcu
/* Called as sk->sk_data_ready(sk), and the same for all sockets of a protocol. */
#define sk_state_change sk_prot->state_change
#define sk_data_ready   sk_prot->data_ready
#define sk_write_space  sk_prot->write_space
#define sk_error_report sk_prot->error_report

	/* receive side */
	struct {
		struct spinlock slock;
		bool owned; /* [slock] */
		struct wait_queue wq;
	} sk_lock;
	struct sk_buff_head sk_receive_queue; /* [socket lock for TCP, own lock for datagrams] */
	struct sk_buff_head sk_error_queue;
	struct {
		atomic_t rmem_alloc;
		u32 len; /* bytes of truesize on the backlog */
		struct sk_buff *head, *tail;
	} sk_backlog; /* [slock] */
#define sk_rmem_alloc sk_backlog.rmem_alloc
	int sk_rcvbuf;
	int sk_rcvlowat;
	atomic_t sk_drops;
	u32 sk_ll_usec, sk_napi_id;

	/* send side */
	atomic_t sk_wmem_alloc; /* truesize in qdisc and driver, plus 1 while open */
	int sk_wmem_queued;
	int sk_sndbuf;
	int sk_forward_alloc;
	u32 sk_tsflags; /* SO_TIMESTAMPING: SOF_TIMESTAMPING_* */
	struct sk_buff_head sk_write_queue;
	struct rb_root tcp_rtx_queue;
	struct sk_buff *sk_send_head;
	unsigned long sk_tsq_flags;
	u64 sk_pacing_rate, sk_max_pacing_rate; /* bytes a second; ~0: none */
	u8 sk_pacing_status, sk_pacing_shift;
	bool sk_dst_pending_confirm;
	u32 sk_gso_max_size, sk_gso_max_segs;
	u32 sk_route_caps;              /* NETIF_F_* of the route's device */
	struct dst_entry *sk_dst_cache; /* [rcu, socket lock] */
	struct timer sk_timer;          /* keepalive and friends */

	/* state for the calls */
	int sk_err, sk_err_soft; /* positive errno */
	u8 sk_shutdown;          /* RCV_SHUTDOWN | SEND_SHUTDOWN */
	u8 sk_protocol;
	u16 sk_type;
	u8 sk_userlocks;        /* SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK | SOCK_BINDADDR_LOCK ... */
	u8 sk_busy_poll_budget; /* SO_BUSY_POLL_BUDGET, 0: the default */
	u8 sk_no_check_tx : 1, sk_no_check_rx : 1, sk_kern_sock : 1, sk_prefer_busy_poll : 1;
	u32 sk_priority, sk_mark;
	u64 sk_rcvtimeo_ns, sk_sndtimeo_ns; /* WAIT_FOREVER: none */
	u64 sk_lingertime_ns;
	unsigned long sk_flags;                 /* enum sock_flags bits */
	u32 sk_ack_backlog, sk_max_ack_backlog; /* accept queue: waiting, limit */
	u32 sk_tskey;                           /* what a packet's timestamps are numbered from */
	u32 sk_zckey;                           /* number of the next send with MSG_ZEROCOPY */
	atomic_t sk_omem_alloc;                 /* truesize of reports that are not read yet */
	u32 sk_rx_way; /* the input route its packets passed by (ip_demux.c) [a]; 0: not known */
	struct socket *sk_socket;
	struct wait_queue *sk_wq;
	u64 sk_ino;
};

/* sk_pacing_status: does the protocol pace by itself (NEEDED), or the fq qdisc? */
enum { SK_PACING_NONE, SK_PACING_NEEDED, SK_PACING_FQ };

#define RCV_SHUTDOWN  1
#define SEND_SHUTDOWN 2
#define SHUTDOWN_MASK 3

#define SOCK_SNDBUF_LOCK   1
#define SOCK_RCVBUF_LOCK   2
#define SOCK_BINDADDR_LOCK 4
#define SOCK_BINDPORT_LOCK 8

enum sock_flags {
	SOCK_DEAD, /* no struct socket any more: orphan */
	SOCK_DONE,
	SOCK_URGINLINE,
	SOCK_KEEPOPEN,
	SOCK_LINGER,
	SOCK_BROADCAST,
	SOCK_TIMESTAMP,
	SOCK_USE_WRITE_QUEUE,
	SOCK_RCU_FREE,
	SOCK_ZEROCOPY,
	SOCK_NOSPACE,
};
static inline bool sock_flag(const struct sock *sk, enum sock_flags f)
{
	return test_bit(f, &sk->sk_flags);
}
static inline void sock_set_flag(struct sock *sk, enum sock_flags f)
{
	set_bit(f, &sk->sk_flags);
}
static inline void sock_reset_flag(struct sock *sk, enum sock_flags f)
{
	clear_bit(f, &sk->sk_flags);
}
static inline struct net *sock_net(const struct sock *sk)
{
	return sk->sk_net;
}

/* One transport protocol: TCP, UDP, ping. */
struct proto {
	const char *name;
	u16 obj_size;
	u32 slab_flags;
	struct kmem_cache *slab;
	int max_header;
	/* All: thread context, socket unlocked unless said. 0 or -errno. */
	int (*init)(struct sock *sk);
	void (*destroy)(struct sock *sk);
	void (*close)(struct sock *sk, u64 timeout_ns);
	int (*bind_check)(struct sock *sk, const struct sockaddr *addr);
	int (*get_port)(struct sock *sk, u16 port); /* claim; 0: choose one. locked */
	void (*hash)(struct sock *sk);
	void (*unhash)(struct sock *sk);
	void (*free)(struct sock *sk); /* what hangs on sk, after its grace period; may be NULL */
	int (*connect)(struct sock *sk, const struct sockaddr *addr, socklen_t len); /* locked */
	int (*disconnect)(struct sock *sk, int flags);                               /* locked */
	int (*listen)(struct sock *sk, int backlog);                                 /* locked */
	/* The next established child, locked by nobody; ERR_PTR(-EAGAIN, -EINVAL ...). */
	struct sock *(*accept)(struct sock *sk, int flags);
	void (*shutdown)(struct sock *sk, int how); /* locked */
	int (*setsockopt)(struct sock *sk, int level, int name, const void *val, socklen_t len);
	int (*getsockopt)(struct sock *sk, int level, int name, void *val, socklen_t *len);
	ssize_t (*sendmsg)(struct sock *sk, const struct msghdr *msg, struct iov_iter *from,
			   int flags);
	ssize_t (*recvmsg)(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags);
	/* Append file memory without a copy: len bytes of page at off; takes a page reference
	 * itself. NULL: not offered. */
	ssize_t (*sendpage)(struct sock *sk, struct page *page, u32 off, size_t len, int flags);
	u32 (*poll)(struct sock *sk); /* events that hold now */
	int (*ioctl)(struct sock *sk, unsigned cmd, void *arg);
	int (*backlog_rcv)(struct sock *sk, struct sk_buff *skb); /* socket lock held */
	void (*release_cb)(struct sock *sk); /* in release_sock(): for bits of sk_tsq_flags */
	void (*enter_memory_pressure)(struct sock *sk);
	void (*keepalive)(struct sock *sk, int on); /* SO_KEEPALIVE changed. locked */
	/* Tell who waits, any context. NULL: sk_alloc() puts in what suits most protocols. */
	void (*state_change)(struct sock *sk);
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*error_report)(struct sock *sk);
	/* memory account: see sk_mem_schedule() */
	atomic64_t *memory_allocated; /* pages; NULL: nobody counts */
	u8 mem_account;               /* which of them it is: SK_MEM_TCP ... */
	bool *memory_pressure;        /* with both functions, or NULL */
	void (*leave_memory_pressure)(struct sock *sk);
	long *sysctl_mem; /* three: low, pressure, high, in pages */
	u32 rmem_min, wmem_min;
	atomic_t sockets_allocated, orphan_count;
};

/* Which proto serves socket(family, type, protocol). */
struct inet_protosw {
	u16 family, type;
	u8 protocol; /* protocol 0 means TCP for SOCK_STREAM, UDP for SOCK_DGRAM */
	bool privileged;
	struct proto *prot;
};
#define INET_PROTOSW(sym)                                   \
	static const struct inet_protosw *const sym##_entry \
		__attribute__((section("inet_protosw"), used)) = &(sym)

/* ---- life ------------------------------------------------------------------------------- */
/* A sock of prot with one reference, callbacks and queues set up; NULL: no memory. */
struct sock *sk_alloc(struct net *net, u16 family, struct proto *prot, unsigned gfp);
/* A child of a listener for a handshake that completed: a copy with fresh queues, locked
 * (bh_lock_sock), two references. */
struct sock *sk_clone_lock(const struct sock *sk, unsigned gfp);

/* Receive flow steering (net/core/rps.c): sk is used on this CPU, where its packets are to go. */
extern bool rfs_wanted;
void rps_record_sock(const struct sock *sk);
static inline void sock_rps_record_flow(const struct sock *sk)
{
	if (unlikely(READ_ONCE(rfs_wanted)))
		rps_record_sock(sk);
}

static inline void sock_hold(struct sock *sk)
{
	refcount_inc(&sk->sk_refcnt);
}
void sock_put(struct sock *sk);
void sk_common_release(struct sock *sk);
/* Detach from its struct socket: an orphan from now on. */
void sock_orphan(struct sock *sk);
void sock_graft(struct sock *sk, struct socket *sock);

/* ---- lock ------------------------------------------------------------------------------- */
void lock_sock(struct sock *sk);
void release_sock(struct sock *sk);
static inline __no_lock_check void bh_lock_sock(struct sock *sk)
{
	spin_lock(&sk->sk_lock.slock);
}
static inline __no_lock_check void bh_unlock_sock(struct sock *sk)
{
	spin_unlock(&sk->sk_lock.slock);
}
static inline bool sock_owned_by_user(const struct sock *sk)
{
	return sk->sk_lock.owned;
}
/* Leave skb for the owner. False: the backlog is full (limit in bytes), skb still the caller's.
 * slock held. */
bool sk_add_backlog(struct sock *sk, struct sk_buff *skb, u32 limit) __must_check;
/* Timer helpers that hold a reference while pending. */
void sk_reset_timer(struct sock *sk, struct timer *t, u64 expires_ns);
void sk_stop_timer(struct sock *sk, struct timer *t);

/* ---- memory ------------------------------------------------------------------------------- */
#define SK_MEM_QUANTUM  PAGE_SIZE
#define SOCK_MIN_SNDBUF 4608
#define SK_MEM_SEND     0
#define SK_MEM_RECV     1
enum { SK_MEM_TCP, SK_MEM_UDP, NR_SK_MEM_ACCOUNTS };
/* The marks that a protocol starts with, by the size of the memory: a unikernel has it for little
 * else, so they are Linux's of old, an eighth for pressure. */
void sock_mem_marks(long marks[3]);
#define SOCK_MEM_MARK_MAX INT32_MAX /* pages */
/* Pages that prot's sockets hold, of all CPUs together. */
long sk_memory_allocated(const struct proto *prot);
/* Is sk's protocol below its high mark, as far as a look without cost can tell? */
bool sk_under_memory_limit(const struct sock *sk);
/* May there be one more? Above the high mark each has a first packet each way; an eighth is for
 * that. */
bool sk_memory_admits(const struct sock *sk);
/* Have at least size bytes of forward allocation: false when the protocol's limits refuse. */
bool __sk_mem_schedule(struct sock *sk, int size, int kind);
static inline bool sk_wmem_schedule(struct sock *sk, int size)
{
	return size <= sk->sk_forward_alloc || __sk_mem_schedule(sk, size, SK_MEM_SEND);
}
static inline bool sk_rmem_schedule(struct sock *sk, int size)
{
	return size <= sk->sk_forward_alloc || __sk_mem_schedule(sk, size, SK_MEM_RECV);
}
/* The same whatever the limits are: for what must not fail. */
void sk_forced_mem_schedule(struct sock *sk, int size);
/* Give whole unused quanta back. */
void sk_mem_reclaim(struct sock *sk);
static inline void sk_mem_charge(struct sock *sk, int size)
{
	sk->sk_forward_alloc -= size;
}
static inline void sk_mem_uncharge(struct sock *sk, int size)
{
	sk->sk_forward_alloc += size;
	if (sk->sk_forward_alloc >= (int)SK_MEM_QUANTUM)
		sk_mem_reclaim(sk);
}
/* Charge skb to the receive side until freed (destructor sock_rfree) / to the send side
 * (sock_wfree). */
void skb_set_owner_r(struct sk_buff *skb, struct sock *sk);
void skb_set_owner_w(struct sk_buff *skb, struct sock *sk);
void sock_rfree(struct sk_buff *skb);
/* Charge a datagram to sk and to its protocol's account; false, with nothing done, where that is
 * above its high mark. The socket need not be locked. */
bool skb_set_owner_datagram(struct sk_buff *skb, struct sock *sk) __must_check;
void sock_wfree(struct sk_buff *skb);
/* Early demux: skb, on its way up, carries the socket it is for, with a reference. / Take both off
 * it. / Destructor meanwhile. */
void skb_set_demuxed(struct sk_buff *skb, struct sock *sk);
struct sock *skb_steal_sock(struct sk_buff *skb);
void sock_edemux(struct sk_buff *skb);
/* Of so many bytes below it a socket does not wait to hear that they are sent: no sender sleeps,
 * and no poll() or small segment is held back for them. */
#define SOCK_TX_UNAWAITED 4096
static inline int sk_tx_unawaited(const struct sock *sk)
{
	return min(SOCK_TX_UNAWAITED, sk->sk_sndbuf >> 2);
}
/* Datagram send buffer: waits for room unless noblock. NULL with *err. */
struct sk_buff *sock_alloc_send_skb(struct sock *sk, u32 size, bool noblock, int *err);
/* Queue a received datagram: 0, or a negative errno with the drop reason in *why. */
int sock_queue_rcv_skb(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason *why);
struct sk_buff *skb_recv_datagram(struct sock *sk, int flags, int *err);

/* ---- error queue --------------------------------------------------------------------------- */
/* In skb->cb of an error; skb->tstamp_ns: when it was, if it tells of that. */
struct sock_exterr_skb {
	struct sock_extended_err ee;
	be32 addr; /* destination of the packet that failed */
	be32 offender;
	be16 port;
};
#define SKB_EXT_ERR(skb) ((struct sock_exterr_skb *)(uintptr_t)(skb)->cb)
/* Append an error: 0, or -ENOMEM with skb still the caller's. */
int sock_queue_err_skb(struct sock *sk, struct sk_buff *skb) __must_check;
/* Report to sk that skb, which it sent, is now at the stage what (SCM_TSTAMP_*). */
void sock_tstamp_tx(struct sock *sk, const struct sk_buff *skb, u32 what);

/* ---- MSG_ZEROCOPY (net/core/zerocopy.c) -------------------------------------------------------
 */
/* A send of so many bytes begins: its number, as the next of those that last (NULL, or the ubuf of
 * the packet that it goes on with) stands for, or of a new one. Ended by ubuf_put(), or where
 * nothing was sent by ubuf_abort(). NULL: the socket has net.core.optmem_max of reports under way:
 * -ENOBUFS. Socket locked. */
struct ubuf *ubuf_get(struct sock *sk, size_t bytes, struct ubuf *last);
static inline void ubuf_put(struct ubuf *u)
{
	__skb_ubuf_put(u);
}
void ubuf_abort(struct sock *sk, struct ubuf *u);
/* Some of it was copied, which the report is to say. */
void ubuf_copied(struct ubuf *u);
/* skb has, or is to get, parts of it. */
void ubuf_attach(struct sk_buff *skb, struct ubuf *u);
/* Append to skb what comes next in from: at most n bytes, of one buffer, and of one block of
 * memory. What a reference does not keep (stacks, small allocations), or all where it may not be
 * referred to, is copied to a fragment of its own. Bytes, or 0: no memory. The caller accounts. */
u32 ubuf_append(struct sk_buff *skb, struct iov_iter *from, u32 n, struct ubuf *u, bool refer);

/* ---- waiting ------------------------------------------------------------------------------- */
static inline u64 sock_rcvtimeo(const struct sock *sk, bool noblock)
{
	return noblock ? 0 : sk->sk_rcvtimeo_ns;
}
static inline u64 sock_sndtimeo(const struct sock *sk, bool noblock)
{
	return noblock ? 0 : sk->sk_sndtimeo_ns;
}
/* With the socket locked: release it, sleep until cond or the time runs out, lock it again. cond
 * is evaluated with the lock held. Value: cond at the end; *timeo is what is left. */
#define sk_wait_event(sk, timeo, cond) __sk_wait_event(sk, timeo, false, cond)
/* The same; where several wait, one is woken at a time: what it waits for is one waiter's. */
#define sk_wait_event_exclusive(sk, timeo, cond) __sk_wait_event(sk, timeo, true, cond)
#define __sk_wait_event(sk, timeo, exclusive, cond)                     \
	({                                                              \
		bool __ok = (cond);                                     \
		while (!__ok && *(timeo)) {                             \
			struct wait_entry __we = {0};                   \
			prepare_to_wait((sk)->sk_wq, &__we, exclusive); \
			release_sock(sk);                               \
			*(timeo) = schedule_timeout_ns(*(timeo));       \
			finish_wait((sk)->sk_wq, &__we);                \
			lock_sock(sk);                                  \
			__ok = (cond);                                  \
		}                                                       \
		__ok;                                                   \
	})
/* Pending error as -errno, cleared; 0: none. */
static inline int sock_error(struct sock *sk)
{
	return sk->sk_err ? -xchg(&sk->sk_err, 0) : 0;
}

/* ---- route -------------------------------------------------------------------------------- */
/* Cached route if still valid, else NULL. Socket locked, or rcu. */
struct dst_entry *sk_dst_check(struct sock *sk);
void sk_dst_set(struct sock *sk, struct dst_entry *dst); /* takes the reference */
static inline void sk_dst_reset(struct sock *sk)
{
	sk_dst_set(sk, NULL);
}
void sk_setup_caps(struct sock *sk, struct dst_entry *dst);

/* ---- struct socket: what a descriptor refers to ---------------------------------------------- */
enum { SS_FREE, SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING };

struct socket {
	u8 state; /* SS_* */
	u16 type;
	struct sock *sk;
	union {
		struct {
			struct file *file;
			const struct proto_ops *ops;
		};
		struct rcu_head rcu; /* released: softirqs may still look at wq */
	};
	struct wait_queue wq;
};

/* Whose name getname() wants; that of the peer of a socket just accepted is told even when the
 * connection is over already, as in Linux. */
enum { SOCKNAME_OWN, SOCKNAME_PEER, SOCKNAME_ACCEPTED };

/* A family's system calls. Thread context. */
struct proto_ops {
	u16 family;
	int (*release)(struct socket *s);
	int (*bind)(struct socket *s, const struct sockaddr *a, socklen_t len);
	int (*connect)(struct socket *s, const struct sockaddr *a, socklen_t len, int flags);
	/* ... with the socket locked; sending: on behalf of a sendto() that connects. */
	int (*connect_locked)(struct socket *s, const struct sockaddr *a, socklen_t len, int flags,
			      bool sending);
	int (*listen)(struct socket *s, int backlog);
	int (*accept)(struct socket *s, struct socket *newsock, int flags);
	int (*getname)(struct socket *s, struct sockaddr_storage *a, int who); /* length */
	u32 (*poll)(struct file *f, struct socket *s, struct poll_table *pt);
	int (*ioctl)(struct socket *s, unsigned cmd, void *arg);
	int (*shutdown)(struct socket *s, int how);
	int (*setsockopt)(struct socket *s, int level, int name, const void *val, socklen_t len);
	int (*getsockopt)(struct socket *s, int level, int name, void *val, socklen_t *len);
	ssize_t (*sendmsg)(struct socket *s, const struct msghdr *m, struct iov_iter *from,
			   int flags);
	ssize_t (*recvmsg)(struct socket *s, struct msghdr *m, struct iov_iter *to, int flags);
	ssize_t (*sendpage)(struct socket *s, struct page *p, u32 off, size_t len, int flags);
};

/* socket(2) of a family: AF_INET's is in net/socket/af_inet.c, AF_NETLINK's in net/netlink. */
struct net_proto_family {
	u16 family;
	int (*create)(struct net *net, struct socket *s, int protocol, bool kern);
};
#define NET_PROTO_FAMILY(sym)                                   \
	static const struct net_proto_family *const sym##_entry \
		__attribute__((section("net_families"), used)) = &(sym)

/* Sockets for the kernel's own use (no descriptor), and in a net other than the caller's (tests).
 * 0 or -errno. sock_release() ends one. */
int sock_create_kern(struct net *net, int family, int type, int protocol, struct socket **res);
void sock_release(struct socket *s);
/* Descriptor for s, which it takes over. */
int sock_map_fd(struct socket *s, int flags);
/* Net that sys_socket() uses: the current thread's (init_net unless a test chose another). */
struct net *current_net(void);
void set_current_net(struct net *net);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Diagnosis of TCP and UDP sockets (`ss`): SOCK_DIAG_BY_FAMILY on NETLINK_SOCK_DIAG, as a dump or
 * for one socket. What is read of a socket without its lock is a moment's view, as on Linux. A
 * filter program (INET_DIAG_REQ_BYTECODE) is refused: whoever asks can filter. Thread context.
 */
#include <net/netlink.h>

#include <errno.h>
#include <lib/string.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <net/tcp.h>
#include <net/udp.h>

#define BATCH 16 /* records taken from the hash at once */

/* A dump's args. */
enum { ARG_CHAIN, ARG_INDEX };

struct diag_out {
	struct sk_buff *skb;
	u32 pid, seq;
	u16 flags;
	u8 ext; /* attributes asked for */
};

static bool wants(const struct diag_out *o, unsigned attr)
{
	return o->ext & (1u << (attr - 1));
}

/* ---- one socket ------------------------------------------------------------------------------ */

static void fill_id(struct inet_diag_msg *m, const struct sock_key *key, u64 cookie)
{
	m->idiag_family = (u8)key->family;
	m->id.idiag_sport = be16_make(key->num).wire;
	m->id.idiag_dport = key->dport.wire;
	m->id.idiag_src[0] = key->rcv_saddr.wire;
	m->id.idiag_dst[0] = key->daddr.wire;
	m->id.idiag_if = key->bound_dev_if;
	m->id.idiag_cookie[0] = (u32)cookie;
	m->id.idiag_cookie[1] = (u32)(cookie >> 32);
}

static int put_meminfo(const struct diag_out *o, const struct sock *sk)
{
	u32 mem[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_RMEM_ALLOC] = (u32)atomic_read(&sk->sk_rmem_alloc),
		[SK_MEMINFO_RCVBUF] = (u32)sk->sk_rcvbuf,
		[SK_MEMINFO_WMEM_ALLOC] = (u32)atomic_read(&sk->sk_wmem_alloc) - 1,
		[SK_MEMINFO_SNDBUF] = (u32)sk->sk_sndbuf,
		[SK_MEMINFO_FWD_ALLOC] = (u32)sk->sk_forward_alloc,
		[SK_MEMINFO_WMEM_QUEUED] = (u32)sk->sk_wmem_queued,
		[SK_MEMINFO_BACKLOG] = sk->sk_backlog.len,
		[SK_MEMINFO_DROPS] = (u32)atomic_read(&sk->sk_drops),
	};
	struct inet_diag_meminfo old = {
		.idiag_rmem = mem[SK_MEMINFO_RMEM_ALLOC],
		.idiag_wmem = mem[SK_MEMINFO_WMEM_QUEUED],
		.idiag_fmem = mem[SK_MEMINFO_FWD_ALLOC],
		.idiag_tmem = mem[SK_MEMINFO_WMEM_ALLOC],
	};

	if (wants(o, INET_DIAG_MEMINFO) && nla_put(o->skb, INET_DIAG_MEMINFO, sizeof(old), &old))
		return -EMSGSIZE;
	if (wants(o, INET_DIAG_SKMEMINFO) && nla_put(o->skb, INET_DIAG_SKMEMINFO, sizeof(mem), mem))
		return -EMSGSIZE;
	return 0;
}

/* What full sockets of both protocols tell. */
static int put_common(const struct diag_out *o, const struct sock *sk)
{
	if (nla_put_u8(o->skb, INET_DIAG_SHUTDOWN, sk->sk_shutdown) || put_meminfo(o, sk))
		return -EMSGSIZE;
	if (wants(o, INET_DIAG_TOS) && nla_put_u8(o->skb, INET_DIAG_TOS, inet_sk(sk)->tos))
		return -EMSGSIZE;
	return sk->sk_mark ? nla_put_u32(o->skb, INET_DIAG_MARK, sk->sk_mark) : 0;
}

/* Takes the socket's lock. */
static int put_tcp(const struct diag_out *o, struct sock *sk)
{
	char name[TCP_CA_NAME_MAX] = "";
	struct tcp_info info;
	socklen_t len = sizeof(name);

	if (wants(o, INET_DIAG_CONG) &&
	    !sk->sk_prot->getsockopt(sk, SOL_TCP, TCP_CONGESTION, name, &len)) {
		name[sizeof(name) - 1] = '\0';
		if (nla_put_string(o->skb, INET_DIAG_CONG, name))
			return -EMSGSIZE;
	}
	if (!wants(o, INET_DIAG_INFO))
		return 0;
	lock_sock(sk);
	tcp_get_info(sk, &info);
	release_sock(sk);
	return nla_put(o->skb, INET_DIAG_INFO, sizeof(info), &info);
}

static void fill_tcp_queues(struct inet_diag_msg *m, const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	m->idiag_inode = (u32)sk->sk_ino;
	if (sk->sk_state == TCP_LISTEN) {
		m->idiag_rqueue = READ_ONCE(sk->sk_ack_backlog);
		m->idiag_wqueue = READ_ONCE(sk->sk_max_ack_backlog);
	} else {
		m->idiag_rqueue = (u32)max(seq_diff(tp->rcv_nxt, tp->copied_seq), 0);
		m->idiag_wqueue = (u32)max(seq_diff(tp->write_seq, tp->snd_una), 0);
	}
}

static bool fill_tcp(const struct diag_out *o, struct sock_key *key)
{
	struct nlmsghdr *nlh = nlmsg_put(o->skb, o->pid, o->seq, SOCK_DIAG_BY_FAMILY,
					 sizeof(struct inet_diag_msg), o->flags);
	bool full = key->state != TCP_TIME_WAIT && key->state != TCP_NEW_SYN_RECV;
	struct sock *sk = full ? container_of(key, struct sock, __sk_common.skc_key) : NULL;
	struct tcp_timer_view timer;
	struct inet_diag_msg *m;

	if (!nlh)
		return false;
	m = nlmsg_data(nlh);
	fill_id(m, key, full ? sk->sk_ino : (u64)(uintptr_t)key);
	tcp_timer_view(key, &timer);
	m->idiag_state = tcp_key_state(key);
	m->idiag_timer = timer.active;
	m->idiag_retrans = timer.retransmits;
	m->idiag_expires = timer.when_ms;
	if (full) {
		fill_tcp_queues(m, sk);
		if (put_common(o, sk) || put_tcp(o, sk)) {
			nlmsg_cancel(o->skb, nlh);
			return false;
		}
	}
	nlmsg_end(o->skb, nlh);
	return true;
}

static bool fill_udp(const struct diag_out *o, const struct sock *sk)
{
	struct nlmsghdr *nlh = nlmsg_put(o->skb, o->pid, o->seq, SOCK_DIAG_BY_FAMILY,
					 sizeof(struct inet_diag_msg), o->flags);
	struct inet_diag_msg *m;

	if (!nlh)
		return false;
	m = nlmsg_data(nlh);
	fill_id(m, &sk->__sk_common.skc_key, sk->sk_ino);
	m->idiag_state = sk->sk_state;
	m->idiag_rqueue = (u32)atomic_read(&sk->sk_rmem_alloc);
	m->idiag_wqueue = (u32)atomic_read(&sk->sk_wmem_alloc) - 1;
	m->idiag_inode = (u32)sk->sk_ino;
	if (put_common(o, sk)) {
		nlmsg_cancel(o->skb, nlh);
		return false;
	}
	nlmsg_end(o->skb, nlh);
	return true;
}

/* ---- dumps ----------------------------------------------------------------------------------- */

/* Ports and the states are the filters a dump may carry, as on Linux. */
static bool selected(const struct inet_diag_req_v2 *r, const struct sock_key *key)
{
	u8 state = tcp_key_state(key);

	return r->idiag_states >> state & 1 &&
	       (r->sdiag_family == AF_UNSPEC || r->sdiag_family == key->family) &&
	       (!r->id.idiag_sport || r->id.idiag_sport == be16_make(key->num).wire) &&
	       (!r->id.idiag_dport || r->id.idiag_dport == key->dport.wire);
}

static bool dump_tcp(const struct diag_out *o, struct netlink_callback *cb,
		     const struct inet_diag_req_v2 *r)
{
	struct tcp_walk w = {(u32)cb->args[ARG_CHAIN], (u32)cb->args[ARG_INDEX]};
	struct sock_key *keys[BATCH];
	bool full = false;
	unsigned n;

	while (!full && (n = tcp_collect(cb->net, &w, keys, BATCH))) {
		for (unsigned i = 0; i < n; i++) {
			full = full || (selected(r, keys[i]) && !fill_tcp(o, keys[i]));
			w.index += !full;
			tcp_key_put(keys[i]);
		}
	}
	cb->args[ARG_CHAIN] = w.chain;
	cb->args[ARG_INDEX] = w.index;
	return full;
}

struct udp_dump {
	const struct diag_out *o;
	const struct inet_diag_req_v2 *r;
	u64 i, done;
	bool full;
};

static void dump_udp_one(struct sock *sk, void *arg)
{
	struct udp_dump *d = arg;

	if (d->full || d->i++ < d->done)
		return;
	d->full = selected(d->r, &sk->__sk_common.skc_key) && !fill_udp(d->o, sk);
	d->done += !d->full;
}

static bool dump_udp(const struct diag_out *o, struct netlink_callback *cb,
		     const struct inet_diag_req_v2 *r)
{
	struct udp_dump d = {.o = o, .r = r, .done = cb->args[ARG_INDEX]};

	udp_for_each(cb->net, dump_udp_one, &d);
	cb->args[ARG_INDEX] = d.done;
	return d.full;
}

static bool dump_sockets(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct inet_diag_req_v2 r;
	struct diag_out o = {skb, cb->pid, cb->nlh.nlmsg_seq, NLM_F_MULTI, 0};

	static_assert(sizeof(r) <= sizeof(cb->request), "a dump keeps its request");
	if (cb->request_len < sizeof(r))
		return false;
	memcpy(&r, cb->request, sizeof(r));
	o.ext = r.idiag_ext;
	if (r.sdiag_protocol == IPPROTO_TCP)
		return dump_tcp(&o, cb, &r);
	return r.sdiag_protocol == IPPROTO_UDP && dump_udp(&o, cb, &r);
}

/* What a dump cannot say once it has begun. */
static int check_dump(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[INET_DIAG_REQ_PROTOCOL + 1];
	const u32 fixed = NLMSG_SPACE(sizeof(struct inet_diag_req_v2));
	const struct inet_diag_req_v2 *r = nlmsg_data(nlh);

	if (nlh->nlmsg_len < fixed)
		return -EINVAL;
	if (nla_parse(tb, INET_DIAG_REQ_PROTOCOL, r + 1, nlh->nlmsg_len - fixed))
		return -EINVAL;
	if (tb[INET_DIAG_REQ_BYTECODE])
		return -EOPNOTSUPP;
	if (r->sdiag_family != AF_INET && r->sdiag_family != AF_UNSPEC)
		return -ENOENT; /* as Linux without that family */
	return r->sdiag_protocol == IPPROTO_TCP || r->sdiag_protocol == IPPROTO_UDP ? 0 : -ENOENT;
}

/* ---- one socket by its addresses ------------------------------------------------------------- */

static bool is_it(const struct inet_diag_req_v2 *r, const struct sock_key *key)
{
	return r->id.idiag_sport == be16_make(key->num).wire &&
	       r->id.idiag_dport == key->dport.wire && r->id.idiag_src[0] == key->rcv_saddr.wire &&
	       r->id.idiag_dst[0] == key->daddr.wire &&
	       (!r->id.idiag_if || r->id.idiag_if == key->bound_dev_if);
}

static bool find_tcp(struct net *net, const struct diag_out *o, const struct inet_diag_req_v2 *r)
{
	struct sock_key *keys[BATCH];
	struct tcp_walk w = {0};
	bool found = false;
	unsigned n;

	while (!found && (n = tcp_collect(net, &w, keys, BATCH))) {
		for (unsigned i = 0; i < n; i++) {
			found = found || (is_it(r, keys[i]) && fill_tcp(o, keys[i]));
			tcp_key_put(keys[i]);
		}
		w.index += n;
	}
	return found;
}

struct udp_find {
	const struct diag_out *o;
	const struct inet_diag_req_v2 *r;
	bool found;
};

static void find_udp_one(struct sock *sk, void *arg)
{
	struct udp_find *f = arg;

	f->found = f->found || (is_it(f->r, &sk->__sk_common.skc_key) && fill_udp(f->o, sk));
}

static bool find_udp(struct net *net, const struct diag_out *o, const struct inet_diag_req_v2 *r)
{
	struct udp_find f = {o, r, false};

	udp_for_each(net, find_udp_one, &f);
	return f.found;
}

static int get_socket(struct nl_request *req)
{
	struct diag_out o = {NULL, req->pid, req->nlh->nlmsg_seq, 0, 0};
	struct inet_diag_req_v2 r;
	int err = check_dump(req->nlh);
	bool found;

	if (err)
		return err;
	memcpy(&r, nlmsg_data(req->nlh), sizeof(r));
	o.ext = r.idiag_ext;
	o.skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!o.skb)
		return -ENOBUFS;
	found = r.sdiag_protocol == IPPROTO_TCP ? find_tcp(req->net, &o, &r)
						: find_udp(req->net, &o, &r);
	if (found)
		return netlink_unicast(req->sk, o.skb);
	consume_skb(o.skb);
	return -ENOENT;
}

static const struct netlink_handler inet_diag = {.protocol = NETLINK_SOCK_DIAG,
						 .type = SOCK_DIAG_BY_FAMILY,
						 .doit = get_socket,
						 .check_dump = check_dump,
						 .dump = dump_sockets};
NETLINK_HANDLER(inet_diag);

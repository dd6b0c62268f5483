/* SPDX-License-Identifier: MIT */
/*
 * SOL_SOCKET options, with the values, units and refusals of socket(7). Thread context.
 */
#include "socket_int.h"

#include <errno.h>
#include <lib/compiler.h>
#include <limits.h>
#include <linux/net_tstamp.h>
#include <net/busy_poll.h>
#include <net/inet_sock.h>
#include <net/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>

#define SOCK_MIN_RCVBUF 2304

/* Options that are a bit of sk_flags. */
static const struct {
	int name;
	enum sock_flags flag;
} switches[] = {
	{SO_KEEPALIVE, SOCK_KEEPOPEN},  {SO_BROADCAST, SOCK_BROADCAST},
	{SO_OOBINLINE, SOCK_URGINLINE}, {SO_TIMESTAMP, SOCK_TIMESTAMP},
	{SO_ZEROCOPY, SOCK_ZEROCOPY},
};

/* Options that are read as a word of struct sock is. */
static const struct {
	int name;
	size_t offset;
} words[] = {
	{SO_SNDBUF, offsetof(struct sock, sk_sndbuf)},
	{SO_RCVBUF, offsetof(struct sock, sk_rcvbuf)},
	{SO_TIMESTAMPING, offsetof(struct sock, sk_tsflags)},
	{SO_PRIORITY, offsetof(struct sock, sk_priority)},
	{SO_MARK, offsetof(struct sock, sk_mark)},
	{SO_RCVLOWAT, offsetof(struct sock, sk_rcvlowat)},
	{SO_BUSY_POLL, offsetof(struct sock, sk_ll_usec)},
	{SO_INCOMING_NAPI_ID, offsetof(struct sock, sk_napi_id)},
};

/* As in Linux the value is doubled, for the overhead of skbs, and locks out autotuning. */
static void set_sndbuf(struct sock *sk, int val, int limit)
{
	val = min(val, limit);
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf, max(min(val, INT_MAX / 2) * 2, SOCK_MIN_SNDBUF));
	sk->sk_write_space(sk);
}

static void set_rcvbuf(struct sock *sk, int val, int limit)
{
	val = min(val, limit);
	sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	WRITE_ONCE(sk->sk_rcvbuf, max(min(val, INT_MAX / 2) * 2, SOCK_MIN_RCVBUF));
}

static int set_timeout(u64 *timeo_ns, const void *val, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= (long)USEC_PER_SEC)
		return -EDOM;
	if (tv.tv_sec < 0)
		*timeo_ns = 0;
	else if (!tv.tv_sec && !tv.tv_usec)
		*timeo_ns = WAIT_FOREVER;
	else if ((u64)tv.tv_sec >= WAIT_FOREVER / NSEC_PER_SEC - 1)
		*timeo_ns = WAIT_FOREVER;
	else
		*timeo_ns = (u64)tv.tv_sec * NSEC_PER_SEC + (u64)tv.tv_usec * NSEC_PER_USEC;
	return 0;
}

static int set_linger(struct sock *sk, const void *val, socklen_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -EINVAL;
	memcpy(&l, val, sizeof(l));
	if (!l.l_onoff) {
		sock_reset_flag(sk, SOCK_LINGER);
		return 0;
	}
	sk->sk_lingertime_ns = (u64)(u32)l.l_linger * NSEC_PER_SEC;
	sock_set_flag(sk, SOCK_LINGER);
	return 0;
}

static int set_bindtodevice(struct sock *sk, const void *val, socklen_t len)
{
	char name[IFNAMSIZ] = "";
	struct net_device *dev;
	int err = 0;

	memcpy(name, val, min((size_t)len, sizeof(name) - 1));
	if (!name[0]) {
		sk->sk_bound_dev_if = 0;
		sk_dst_reset(sk);
		return 0;
	}
	rcu_read_lock();
	dev = dev_get_by_name(sock_net(sk), name);
	if (dev)
		sk->sk_bound_dev_if = dev->ifindex;
	else
		err = -ENODEV;
	rcu_read_unlock();
	if (!err)
		sk_dst_reset(sk);
	return err;
}

/* -ENOPROTOOPT: no switch. */
static int set_switch(struct sock *sk, int name, int on)
{
	if (name == SO_ZEROCOPY && (on < 0 || on > 1))
		return -EINVAL;
	if (name == SO_KEEPALIVE && sk->sk_prot->keepalive)
		sk->sk_prot->keepalive(sk, on); /* it looks at the flag as it was */
	for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
		if (switches[i].name != name)
			continue;
		if (on)
			sock_set_flag(sk, switches[i].flag);
		else
			sock_reset_flag(sk, switches[i].flag);
		return 0;
	}
	return -ENOPROTOOPT;
}

/* From now on timestamps are numbered by the bytes (TCP) or datagrams sent after this. */
static int start_tskey(struct sock *sk, u32 flags)
{
	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM) {
		sk->sk_tskey = 0;
		return 0;
	}
	if (sk->sk_state == TCP_CLOSE || sk->sk_state == TCP_LISTEN)
		return -EINVAL;
	sk->sk_tskey = flags & SOF_TIMESTAMPING_OPT_ID_TCP ? tcp_sk(sk)->write_seq.v
							   : tcp_sk(sk)->snd_una.v;
	return 0;
}

static int set_timestamping(struct sock *sk, int val)
{
	u32 flags = (u32)val;
	int err = 0;

	if (flags >= SOF_TIMESTAMPING_OPT_ID_TCP << 1)
		return -EINVAL;
	if (flags & SOF_TIMESTAMPING_OPT_ID_TCP && !(flags & SOF_TIMESTAMPING_OPT_ID))
		return -EINVAL;
	if (flags & SOF_TIMESTAMPING_OPT_ID && !(sk->sk_tsflags & SOF_TIMESTAMPING_OPT_ID))
		err = start_tskey(sk, flags);
	if (!err)
		WRITE_ONCE(sk->sk_tsflags, flags);
	return err;
}

/* Options that are one int. -ENOPROTOOPT: not one of them. */
static int set_int_option(struct sock *sk, int name, int val)
{
	const struct netns_core *core = sock_net(sk)->core;

	switch (name) {
	case SO_REUSEADDR:
		sk->sk_reuse = val ? 1 : 0;
		return 0;
	case SO_REUSEPORT:
		sk->sk_reuseport = val ? 1 : 0;
		return 0;
	case SO_SNDBUF:
		set_sndbuf(sk, val, core->wmem_max);
		return 0;
	case SO_SNDBUFFORCE:
		set_sndbuf(sk, max(val, 0), INT_MAX);
		return 0;
	case SO_RCVBUF:
		set_rcvbuf(sk, val, core->rmem_max);
		return 0;
	case SO_RCVBUFFORCE:
		set_rcvbuf(sk, max(val, 0), INT_MAX);
		return 0;
	case SO_TIMESTAMPING:
		return set_timestamping(sk, val);
	case SO_NO_CHECK:
		sk->sk_no_check_tx = val ? 1 : 0;
		return 0;
	case SO_PRIORITY:
		sk->sk_priority = (u32)val;
		return 0;
	case SO_MARK:
		sk->sk_mark = (u32)val;
		sk_dst_reset(sk);
		return 0;
	case SO_RCVLOWAT:
		if (val < 0)
			val = INT_MAX;
		WRITE_ONCE(sk->sk_rcvlowat, val ? val : 1);
		return 0;
	case SO_BUSY_POLL:
		if (val < 0)
			return -EINVAL;
		WRITE_ONCE(sk->sk_ll_usec, (u32)val);
		return 0;
	case SO_PREFER_BUSY_POLL:
		if (val < 0 || val > 1)
			return -EINVAL;
		sk->sk_prefer_busy_poll = (u8)val & 1;
		return 0;
	case SO_BUSY_POLL_BUDGET:
		if (val < 1 || val > NAPI_POLL_WEIGHT)
			return -EINVAL;
		WRITE_ONCE(sk->sk_busy_poll_budget, (u8)val);
		return 0;
	case SO_INCOMING_CPU:
		sk->sk_incoming_cpu = (u32)val;
		return 0;
	case SO_DONTROUTE:
	case SO_DEBUG:
		return 0; /* accepted and without effect, as for most of Linux's protocols */
	default:
		return set_switch(sk, name, val);
	}
}

static int set_max_pacing_rate(struct sock *sk, const void *val, socklen_t len)
{
	u64 rate;

	if (len == sizeof(u64)) {
		memcpy(&rate, val, sizeof(rate));
	} else {
		u32 rate32;

		memcpy(&rate32, val, sizeof(rate32));
		rate = rate32 == ~0u ? ~0ull : rate32;
	}
	if (rate != ~0ull && sk->sk_pacing_status == SK_PACING_NONE)
		sk->sk_pacing_status = SK_PACING_NEEDED;
	sk->sk_max_pacing_rate = rate;
	sk->sk_pacing_rate = min(sk->sk_pacing_rate, rate);
	return 0;
}

/* Options that are more than an int. -ENOPROTOOPT: not one of them. */
static int set_wide_option(struct sock *sk, int name, const void *val, socklen_t len)
{
	switch (name) {
	case SO_LINGER:
		return set_linger(sk, val, len);
	case SO_RCVTIMEO:
		return set_timeout(&sk->sk_rcvtimeo_ns, val, len);
	case SO_SNDTIMEO:
		return set_timeout(&sk->sk_sndtimeo_ns, val, len);
	case SO_BINDTODEVICE:
		return set_bindtodevice(sk, val, len);
	case SO_MAX_PACING_RATE:
		return len < sizeof(u32) ? -EINVAL : set_max_pacing_rate(sk, val, len);
	default:
		return -ENOPROTOOPT;
	}
}

int sock_setsockopt(struct socket *s, int name, const void *val, socklen_t len)
{
	struct sock *sk = s->sk;
	int err, v;

	lock_sock(sk);
	err = set_wide_option(sk, name, val, len);
	if (err == -ENOPROTOOPT) {
		err = -EINVAL;
		if (len >= sizeof(int)) {
			memcpy(&v, val, sizeof(v));
			err = set_int_option(sk, name, v);
		}
	}
	release_sock(sk);
	return err;
}

static struct timeval timeout_to_timeval(u64 timeo_ns)
{
	if (timeo_ns == WAIT_FOREVER)
		return (struct timeval){0};
	return (struct timeval){.tv_sec = (time_t)(timeo_ns / NSEC_PER_SEC),
				.tv_usec = (suseconds_t)(timeo_ns % NSEC_PER_SEC / NSEC_PER_USEC)};
}

/* SO_MEMINFO: the skmem line of ss -m. */
static void get_meminfo(const struct sock *sk, u32 mem[9])
{
	mem[0] = (u32)atomic_read(&sk->sk_rmem_alloc);
	mem[1] = (u32)sk->sk_rcvbuf;
	mem[2] = (u32)atomic_read(&sk->sk_wmem_alloc) - 1;
	mem[3] = (u32)sk->sk_sndbuf;
	mem[4] = (u32)sk->sk_forward_alloc;
	mem[5] = (u32)sk->sk_wmem_queued;
	mem[6] = 0; /* option memory: not charged */
	mem[7] = sk->sk_backlog.len;
	mem[8] = (u32)atomic_read(&sk->sk_drops);
}

/* -ENOPROTOOPT: neither a switch nor a word. */
static int get_by_table(const struct sock *sk, int name, int *val)
{
	for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
		if (switches[i].name == name) {
			*val = sock_flag(sk, switches[i].flag);
			return 0;
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].name == name) {
			memcpy(val, (const u8 *)sk + words[i].offset, sizeof(*val));
			return 0;
		}
	}
	return -ENOPROTOOPT;
}

/* SO_ERROR: read once. */
static int take_error(struct sock *sk)
{
	int err = -sock_error(sk);

	return err ? err : xchg(&sk->sk_err_soft, 0);
}

static int get_int_option(struct sock *sk, int name, int *val)
{
	switch (name) {
	case SO_TYPE:
		*val = sk->sk_type;
		break;
	case SO_PROTOCOL:
		*val = sk->sk_protocol;
		break;
	case SO_DOMAIN:
		*val = sk->sk_family;
		break;
	case SO_ERROR:
		*val = take_error(sk);
		break;
	case SO_ACCEPTCONN:
		*val = sk->sk_state == TCP_LISTEN;
		break;
	case SO_REUSEADDR:
		*val = sk->sk_reuse;
		break;
	case SO_REUSEPORT:
		*val = sk->sk_reuseport;
		break;
	case SO_NO_CHECK:
		*val = sk->sk_no_check_tx;
		break;
	case SO_PREFER_BUSY_POLL:
		*val = sk->sk_prefer_busy_poll;
		break;
	case SO_BUSY_POLL_BUDGET:
		*val = sk->sk_busy_poll_budget ? sk->sk_busy_poll_budget : BUSY_POLL_BUDGET;
		break;
	case SO_INCOMING_CPU:
		*val = (int)sk->sk_incoming_cpu;
		break;
	case SO_SNDLOWAT:
		*val = 1;
		break;
	case SO_DONTROUTE:
	case SO_DEBUG:
		*val = 0;
		break;
	default:
		return get_by_table(sk, name, val);
	}
	return 0;
}

static int give(void *val, socklen_t *len, const void *from, size_t size)
{
	*len = min(*len, (socklen_t)size);
	memcpy(val, from, *len);
	return 0;
}

int sock_getsockopt(struct socket *s, int name, void *val, socklen_t *len)
{
	struct sock *sk = s->sk;
	int err, v;

	switch (name) {
	case SO_LINGER: {
		struct linger l = {.l_onoff = sock_flag(sk, SOCK_LINGER),
				   .l_linger = (int)(sk->sk_lingertime_ns / NSEC_PER_SEC)};
		return give(val, len, &l, sizeof(l));
	}
	case SO_RCVTIMEO: {
		struct timeval tv = timeout_to_timeval(sk->sk_rcvtimeo_ns);
		return give(val, len, &tv, sizeof(tv));
	}
	case SO_SNDTIMEO: {
		struct timeval tv = timeout_to_timeval(sk->sk_sndtimeo_ns);
		return give(val, len, &tv, sizeof(tv));
	}
	case SO_MEMINFO: {
		u32 mem[9];

		get_meminfo(sk, mem);
		return give(val, len, mem, sizeof(mem));
	}
	case SO_MAX_PACING_RATE:
		if (*len >= sizeof(u64))
			return give(val, len, &sk->sk_max_pacing_rate, sizeof(u64));
		v = (int)min(sk->sk_max_pacing_rate, (u64)~0u);
		return give(val, len, &v, sizeof(v));
	default:
		err = get_int_option(sk, name, &v);
		return err ? err : give(val, len, &v, sizeof(v));
	}
}

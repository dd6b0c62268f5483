/* SPDX-License-Identifier: MIT */
/*
 * Local ports: who holds which (bind hash), bind()'s rules about sharing (SO_REUSEADDR,
 * SO_REUSEPORT), and the choice of a port for an active open (RFC 6056, algorithm 4: double hash).
 * A bucket lives while sockets or TIME-WAIT records own it. Lock order: bind chain, then
 * established chain. Context: thread or softirq.
 */
#include <kernel/mm.h>

#include "tcp_int.h"

struct kmem_cache *tcp_bind_cache;

static u32 bhash_slot(const struct netns_tcp *nt, u16 port)
{
	return port & nt->bhash.mask;
}

static struct spinlock *bhash_lockp(struct netns_tcp *nt, u16 port)
{
	return &nt->bhash_lock[bhash_slot(nt, port) % TCP_HASH_LOCKS];
}

static struct tcp_bind_bucket *bucket_find(struct netns_tcp *nt, u16 port)
{
	struct tcp_bind_bucket *tb;

	hlist_for_each_entry(tb, &nt->bhash.chain[bhash_slot(nt, port)], node)
		if (tb->port == port)
			return tb;
	return NULL;
}

static struct tcp_bind_bucket *bucket_create(struct netns_tcp *nt, u16 port, bool connect_only)
{
	struct tcp_bind_bucket *tb = kmem_cache_alloc(tcp_bind_cache, GFP_ATOMIC);

	if (!tb)
		return NULL;
	*tb = (struct tcp_bind_bucket){.port = port, .connect_only = connect_only};
	hlist_add_head(&tb->node, &nt->bhash.chain[bhash_slot(nt, port)]);
	return tb;
}

static void bucket_free_if_unused(struct tcp_bind_bucket *tb)
{
	if (!hlist_empty(&tb->owners) || !hlist_empty(&tb->tw_owners))
		return;
	hlist_del(&tb->node);
	kmem_cache_free(tcp_bind_cache, tb);
}

static void bucket_own(struct sock *sk, struct tcp_bind_bucket *tb)
{
	hlist_add_head(&sk->sk_bind_node, &tb->owners);
	tcp_sk(sk)->tb = tb;
	sk->sk_num = tb->port;
	inet_sk(sk)->inet_sport = be16_make(tb->port);
}

/* ---- bind -------------------------------------------------------------------------------------
 */

static bool addr_overlap(be32 a, be32 b)
{
	return be32_is_zero(a) || be32_is_zero(b) || be32_eq(a, b);
}

/* May sk share the port with an owner of these properties? Linux's rules: both said REUSEADDR and
 * it does not listen, both said REUSEPORT, or their addresses differ. */
static bool owners_conflict(const struct sock *sk, const struct sock_key *owner)
{
	if (sk->sk_bound_dev_if && owner->bound_dev_if &&
	    sk->sk_bound_dev_if != owner->bound_dev_if)
		return false;
	if (sk->sk_reuse && owner->reuse && owner->state != TCP_LISTEN)
		return false;
	if (sk->sk_reuseport && (owner->reuseport || owner->state == TCP_TIME_WAIT))
		return false;
	return addr_overlap(sk->sk_rcv_saddr, owner->rcv_saddr);
}

static bool bind_conflict(const struct sock *sk, const struct tcp_bind_bucket *tb)
{
	const struct tcp_tw_sock *tw;
	const struct sock *other;

	hlist_for_each_entry(other, &tb->owners, sk_bind_node)
		if (other != sk && owners_conflict(sk, &other->__sk_common.skc_key))
			return true;
	hlist_for_each_entry(tw, &tb->tw_owners, bind_node)
		if (owners_conflict(sk, &tw->key))
			return true;
	return false;
}

/* Claim port: 0, -EADDRINUSE, -ENOMEM. */
static int claim_port(struct sock *sk, u16 port)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct spinlock *lock = bhash_lockp(nt, port);
	struct tcp_bind_bucket *tb;
	int err = 0;

	spin_lock_bh(lock);
	tb = bucket_find(nt, port);
	if (tb && bind_conflict(sk, tb)) {
		err = -EADDRINUSE;
	} else {
		if (!tb)
			tb = bucket_create(nt, port, false);
		if (!tb)
			err = -ENOMEM;
		else if (!tcp_sk(sk)->tb)
			bucket_own(sk, tb);
		if (tb)
			tb->connect_only = false;
	}
	spin_unlock_bh(lock);
	return err;
}

bool tcp_port_may_listen(struct sock *sk)
{
	struct spinlock *lock = bhash_lockp(tcp_net(sk), sk->sk_num);
	bool ok;

	spin_lock_bh(lock);
	ok = !bind_conflict(sk, tcp_sk(sk)->tb);
	spin_unlock_bh(lock);
	return ok;
}

static bool port_in_use(struct netns_tcp *nt, u16 port)
{
	struct spinlock *lock = bhash_lockp(nt, port);
	bool used;

	spin_lock_bh(lock);
	used = bucket_find(nt, port);
	spin_unlock_bh(lock);
	return used;
}

/* The i-th of n ports from low on, beginning at start: every second one, then those between. */
static u16 port_at(u16 low, u32 n, u32 start, u32 i)
{
	return (u16)(low + (start + 2 * i + (n % 2 == 0 && 2 * i >= n)) % n);
}

/* Any free port: those of odd offset first, active opens prefer even ones. A port in use is taken
 * only when none is free and sharing is allowed. */
static int claim_any_port(struct sock *sk)
{
	struct net *net = sock_net(sk);
	u16 low, high;
	u32 n, start;

	inet_get_local_port_range(net, &low, &high);
	n = (u32)high - low + 1;
	start = get_random_u32_below(n) | 1;
	for (unsigned share = 0; share < 2; share++) {
		for (u32 i = 0; i < n; i++) {
			u16 port = port_at(low, n, start, i);

			if (inet_is_local_reserved_port(net, port))
				continue;
			if (!share && port_in_use(net->tcp, port))
				continue;
			if (claim_port(sk, port) == 0)
				return 0;
		}
	}
	return -EADDRINUSE;
}

int tcp_get_port(struct sock *sk, u16 port)
{
	return port ? claim_port(sk, port) : claim_any_port(sk);
}

void tcp_put_port(struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct tcp_bind_bucket *tb = tcp_sk(sk)->tb;
	struct spinlock *lock;

	if (!tb)
		return;
	lock = bhash_lockp(nt, tb->port);
	spin_lock_bh(lock);
	hlist_del(&sk->sk_bind_node);
	tcp_sk(sk)->tb = NULL;
	sk->sk_num = 0;
	bucket_free_if_unused(tb);
	spin_unlock_bh(lock);
}

bool tcp_inherit_port(const struct sock *parent, struct sock *child)
{
	struct netns_tcp *nt = tcp_net(child);
	struct spinlock *lock = bhash_lockp(nt, child->sk_num);
	struct tcp_bind_bucket *tb;

	spin_lock(lock);
	tb = tcp_sk(parent)->tb;
	/* A listener bound elsewhere in between: the child's port is what its peer knows. */
	if (tb && tb->port != child->sk_num) {
		tb = bucket_find(nt, child->sk_num);
		if (!tb)
			tb = bucket_create(nt, child->sk_num, false);
	}
	if (tb)
		bucket_own(child, tb);
	spin_unlock(lock);
	return tb;
}

/* ---- active open --------------------------------------------------------------------------------
 */

/* Enter sk with this local port into the established hash. A TIME-WAIT record in the way that may
 * be taken over leaves the hash and is put into *old. */
static bool enter_unique(struct sock *sk, u16 port, struct tcp_tw_sock **old)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct sock_key *key = &sk->__sk_common.skc_key, *there;
	struct tcp_flow f = {sk->sk_rcv_saddr, sk->sk_daddr,        port,
			     sk->sk_dport,     sk->sk_bound_dev_if, 0};

	sk->sk_num = port;
	sk->sk_hash = f.hash = tcp_flow_hash(nt, &f);
	if (tcp_sk(sk)->hash_moved)
		__atomic_fetch_add(&nt->ehash.rehash_gen, 1, __ATOMIC_SEQ_CST);
	if (tcp_ehash_insert(nt, key, NULL))
		return true;
	rcu_read_lock();
	there = tcp_lookup_established(nt, &f);
	rcu_read_unlock();
	if (!there)
		return tcp_ehash_insert(nt, key, NULL);
	if (there->state == TCP_TIME_WAIT && tcp_tw_may_reuse(sk, tcp_twsk(there)) &&
	    tcp_ehash_insert(nt, key, there)) {
		*old = tcp_twsk(there);
		return true;
	}
	tcp_key_put(there);
	return false;
}

/* Try one port for an active open: 0, -EADDRNOTAVAIL, -ENOMEM. */
static int connect_port(struct sock *sk, u16 port)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct spinlock *lock = bhash_lockp(nt, port);
	struct tcp_bind_bucket *tb;
	struct tcp_tw_sock *old = NULL;
	int err = -EADDRNOTAVAIL;

	spin_lock_bh(lock);
	tb = bucket_find(nt, port);
	if (!tb) {
		tb = bucket_create(nt, port, true);
		err = tb ? err : -ENOMEM;
	} else if (!tb->connect_only) {
		tb = NULL;
	}
	if (tb && enter_unique(sk, port, &old)) {
		bucket_own(sk, tb);
		err = 0;
	} else if (tb) {
		sk->sk_num = 0;
		bucket_free_if_unused(tb);
	}
	spin_unlock_bh(lock);
	if (old) {
		tcp_tw_kill(nt, old);
		tcp_tw_put(old);
	}
	return err;
}

/* The port is bound already: only the flow must be new. */
static int connect_bound(struct sock *sk)
{
	struct tcp_tw_sock *old = NULL;

	if (!enter_unique(sk, sk->sk_num, &old))
		return -EADDRNOTAVAIL;
	if (old) {
		tcp_tw_kill(tcp_net(sk), old);
		tcp_tw_put(old);
	}
	return 0;
}

int tcp_hash_connect(struct sock *sk)
{
	struct net *net = sock_net(sk);
	struct netns_tcp *nt = net->tcp;
	u64 hash = tcp_secure_port_offset(nt, sk->sk_rcv_saddr, sk->sk_daddr, sk->sk_dport);
	u32 *step = &nt->port_offset[hash % ARRAY_SIZE(nt->port_offset)];
	u32 n, start;
	u16 low, high;

	if (sk->sk_num)
		return connect_bound(sk);
	inet_get_local_port_range(net, &low, &high);
	n = (u32)high - low + 1;
	start = (u32)((READ_ONCE(*step) + (hash >> 32)) % n) & ~1u;
	for (u32 i = 0; i < n; i++) {
		u16 port = port_at(low, n, start, i);
		int err;

		if (inet_is_local_reserved_port(net, port))
			continue;
		err = connect_port(sk, port);
		if (err != -EADDRNOTAVAIL) {
			/* A random stride hides how many connections were made (RFC 6056 3.3.5). */
			WRITE_ONCE(*step, *step + 2 * i + 2 + 2 * get_random_u32_below(4));
			return err;
		}
	}
	return -EADDRNOTAVAIL;
}

/* ---- TIME-WAIT
 * ------------------------------------------------------------------------------------ */

void tcp_tw_take_port(struct sock *sk, struct tcp_tw_sock *tw)
{
	struct spinlock *lock = bhash_lockp(tcp_net(sk), tw->key.num);

	spin_lock_bh(lock);
	tw->tb = tcp_sk(sk)->tb;
	if (tw->tb)
		hlist_add_head(&tw->bind_node, &tw->tb->tw_owners);
	spin_unlock_bh(lock);
}

void tcp_tw_put_port(struct netns_tcp *nt, struct tcp_tw_sock *tw)
{
	struct spinlock *lock = bhash_lockp(nt, tw->key.num);

	spin_lock_bh(lock);
	if (tw->tb) {
		hlist_del(&tw->bind_node);
		bucket_free_if_unused(tw->tb);
		tw->tb = NULL;
	}
	spin_unlock_bh(lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * Finding the socket of a segment. Connections, half-open requests and TIME-WAIT records share one
 * table by 4-tuple (SipHash, keyed per net: no peer can choose a chain); listeners are in a table
 * by local port. Readers run under rcu and take a reference; records are freed after a grace
 * period. A socket that moves between chains (disconnect, connect again) could lead a reader into
 * the wrong chain: the table's rehash_gen tells a reader who found nothing to look again.
 */
#include <kernel/mm.h>

#include "tcp_int.h"

#define TCP_EHASH_MIN   256u
#define TCP_EHASH_MAX   (1u << 19)
#define TCP_EHASH_OTHER 1024u /* in a net other than init_net */

/* ---- chains under rcu ------------------------------------------------------------------------ */

static void chain_add(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node *first = h->first;

	n->next = first;
	WRITE_ONCE(n->pprev, &h->first);
	rcu_assign_pointer(h->first, n);
	if (first)
		WRITE_ONCE(first->pprev, &n->next);
}

/* n->next stays for readers that stand on n. */
static void chain_del(struct hlist_node *n)
{
	struct hlist_node *next = n->next, **pprev = n->pprev;

	WRITE_ONCE(*pprev, next);
	if (next)
		WRITE_ONCE(next->pprev, pprev);
	WRITE_ONCE(n->pprev, NULL);
}

#define chain_for_each(pos, head) \
	for (pos = rcu_dereference((head)->first); pos; pos = rcu_dereference(pos->next))

static struct sock_key *key_of(struct hlist_node *n)
{
	return container_of(n, struct sock_key, node);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

#define HASHES_REMEMBERED 512u

/* A flow and its hash, which nothing but the flow and the net's key decide: never out of date. */
struct flow_hash {
	be32 laddr, faddr;
	u32 ports, hash;
};

u32 tcp_flow_hash_again(const struct netns_tcp *nt, const struct tcp_flow *f)
{
	struct flow_hash *h = alloc_percpu_ptr(nt->flow_hash, smp_processor_id());
	u32 ports = (u32)f->lport << 16 | f->fport.wire;

	h += (f->faddr.wire ^ ports) * 0x9e3779b1u / (u32)(0x100000000ull / HASHES_REMEMBERED);
	if (h->ports == ports && be32_eq(h->faddr, f->faddr) && be32_eq(h->laddr, f->laddr))
		return h->hash;
	*h = (struct flow_hash){f->laddr, f->faddr, ports, tcp_flow_hash(nt, f)};
	return h->hash;
}

static int flow_hash_init(struct netns_tcp *nt)
{
	struct tcp_flow none = {0};

	nt->flow_hash = alloc_percpu(HASHES_REMEMBERED * sizeof(struct flow_hash),
				     __alignof__(struct flow_hash));
	if (!nt->flow_hash)
		return -ENOMEM;
	for_each_cpu(cpu) {
		struct flow_hash *h = alloc_percpu_ptr(nt->flow_hash, cpu);

		for (unsigned i = 0; i < HASHES_REMEMBERED; i++)
			h[i].hash = tcp_flow_hash(nt, &none);
	}
	return 0;
}

/* ---- established ----------------------------------------------------------------------------- */

static bool key_matches(const struct sock_key *k, const struct tcp_flow *f)
{
	return be32_eq(k->daddr, f->faddr) && be32_eq(k->rcv_saddr, f->laddr) &&
	       be16_eq(k->dport, f->fport) && k->num == f->lport &&
	       (!k->bound_dev_if || k->bound_dev_if == f->dif);
}

static struct sock_key *chain_lookup(struct hlist_head *h, u32 hash, const struct tcp_flow *f)
{
	struct hlist_node *n;

	chain_for_each(n, h)
	{
		struct sock_key *k = key_of(n);

		if (k->hash != hash || !key_matches(k, f))
			continue;
		if (refcount_inc_not_zero(&k->refcnt))
			return k;
	}
	return NULL;
}

struct sock_key *tcp_lookup_established(struct netns_tcp *nt, const struct tcp_flow *f)
{
	struct sock_key *k;
	u32 gen;

	do {
		gen = smp_load_acquire(&nt->ehash.rehash_gen);
		k = chain_lookup(&nt->ehash.chain[f->hash & nt->ehash.mask], f->hash, f);
		if (likely(k))
			return k;
		smp_rmb();
	} while (unlikely(gen != READ_ONCE(nt->ehash.rehash_gen)));
	return NULL;
}

struct spinlock *tcp_ehash_lockp(struct netns_tcp *nt, u32 hash)
{
	return &nt->ehash_lock[(hash & nt->ehash.mask) % TCP_HASH_LOCKS];
}

/* The same flow already there, other than `except`? Chain locked. */
static struct sock_key *chain_find_dup(struct hlist_head *h, const struct sock_key *key,
				       const struct sock_key *except)
{
	struct tcp_flow f = {key->rcv_saddr, key->daddr,        key->num,
			     key->dport,     key->bound_dev_if, 0};
	struct hlist_node *n;

	for (n = h->first; n; n = n->next) {
		struct sock_key *k = key_of(n);

		if (k != except && k->hash == key->hash && key_matches(k, &f))
			return k;
	}
	return NULL;
}

bool tcp_ehash_insert(struct netns_tcp *nt, struct sock_key *key, struct sock_key *replace)
{
	struct hlist_head *h = &nt->ehash.chain[key->hash & nt->ehash.mask];
	struct spinlock *lock = tcp_ehash_lockp(nt, key->hash);
	bool ok;

	spin_lock_bh(lock);
	if (replace)
		ok = !hlist_unhashed(&replace->node);
	else
		ok = !chain_find_dup(h, key, NULL);
	if (ok) {
		chain_add(&key->node, h);
		if (replace)
			chain_del(&replace->node);
	}
	spin_unlock_bh(lock);
	return ok;
}

bool tcp_ehash_remove(struct netns_tcp *nt, struct sock_key *key)
{
	struct spinlock *lock = tcp_ehash_lockp(nt, key->hash);
	bool was_in;

	spin_lock_bh(lock);
	was_in = !hlist_unhashed(&key->node);
	if (was_in)
		chain_del(&key->node);
	spin_unlock_bh(lock);
	return was_in;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static struct hlist_head *lhash_chain(struct netns_tcp *nt, u16 port)
{
	return &nt->lhash[hash_32(port, 6) % TCP_LHASH_SIZE];
}

void tcp_listen_hash(struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);

	spin_lock_bh(&nt->lhash_lock);
	chain_add(&sk->sk_node, lhash_chain(nt, sk->sk_num));
	spin_unlock_bh(&nt->lhash_lock);
}

/* How well a listener fits: the more it names, the better; -1: not at all. Of those that share a
 * port the one whose thread runs on the CPU that the SYN came to, where SYNs come to several. */
static int listener_score(const struct sock *sk, const struct tcp_flow *f, u32 cpu)
{
	int score = 2;

	if (sk->sk_num != f->lport || sk->sk_state != TCP_LISTEN)
		return -1;
	if (!be32_is_zero(sk->sk_rcv_saddr)) {
		if (!be32_eq(sk->sk_rcv_saddr, f->laddr))
			return -1;
		score += 8;
	}
	if (sk->sk_bound_dev_if) {
		if (sk->sk_bound_dev_if != f->dif)
			return -1;
		score += 8;
	}
	if (sk->sk_family == AF_INET)
		score += 4;
	if (READ_ONCE(sk->sk_incoming_cpu) == smp_processor_id())
		score += 2; /* SO_INCOMING_CPU */
	if (sk->sk_reuseport && tcp_sk(sk)->accept_queue.cpu == cpu)
		score++;
	return score;
}

/* Among listeners of equal fit that share the port (SO_REUSEPORT), the flow's hash chooses: each of
 * n candidates is kept with probability 1/n. */
struct sock *tcp_lookup_listener(struct netns_tcp *nt, const struct tcp_flow *f, u32 cpu,
				 bool *by_hash)
{
	struct sock *best = NULL;
	struct hlist_node *n;
	int best_score = 0;
	u32 matches = 0, phash = 0;

	chain_for_each(n, lhash_chain(nt, f->lport))
	{
		struct sock *sk = container_of(key_of(n), struct sock, __sk_common.skc_key);
		int score = listener_score(sk, f, cpu);

		if (score > best_score) {
			best = sk;
			best_score = score;
			matches = 1;
			phash = f->hash;
		} else if (score == best_score && sk->sk_reuseport && best && best->sk_reuseport) {
			matches++;
			if (reciprocal_scale(phash, matches) == 0)
				best = sk;
			phash = phash * 1664525u + 1013904223u;
		}
	}
	if (by_hash)
		*by_hash = matches > 1;
	return best;
}

/* ---- struct proto's hash and unhash -----------------------------------------------------------
 */

void tcp_hash(struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);

	if (sk->sk_state == TCP_LISTEN) {
		tcp_listen_hash(sk);
		return;
	}
	if (sk->sk_state == TCP_CLOSE)
		return;
	tcp_ehash_insert(nt, &sk->__sk_common.skc_key, NULL);
}

/* Which table it is in is told by its state at the time of entering, kept until it left. */
void tcp_unhash(struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);

	if (hlist_unhashed(&sk->sk_node))
		return;
	if (sk->sk_state == TCP_LISTEN) {
		spin_lock_bh(&nt->lhash_lock);
		if (!hlist_unhashed(&sk->sk_node))
			chain_del(&sk->sk_node);
		spin_unlock_bh(&nt->lhash_lock);
	} else {
		tcp_ehash_remove(nt, &sk->__sk_common.skc_key);
	}
	tcp_sk(sk)->hash_moved = true;
}

void tcp_for_each(struct net *net, void (*fn)(const struct sock_key *key, void *arg), void *arg)
{
	struct netns_tcp *nt = net->tcp;
	struct hlist_node *n;

	for (u32 i = 0; i < TCP_LHASH_SIZE; i++) {
		spin_lock_bh(&nt->lhash_lock);
		for (n = nt->lhash[i].first; n; n = n->next)
			fn(key_of(n), arg);
		spin_unlock_bh(&nt->lhash_lock);
	}
	for (u32 i = 0; i <= nt->ehash.mask; i++) {
		if (hlist_empty(&nt->ehash.chain[i]))
			continue;
		spin_lock_bh(tcp_ehash_lockp(nt, i));
		for (n = nt->ehash.chain[i].first; n; n = n->next)
			fn(key_of(n), arg);
		spin_unlock_bh(tcp_ehash_lockp(nt, i));
	}
}

/* Chain i of the two tables, and its lock. */
static struct hlist_head *walk_chain(struct netns_tcp *nt, u32 i, struct spinlock **lock)
{
	if (i < TCP_LHASH_SIZE) {
		*lock = &nt->lhash_lock;
		return &nt->lhash[i];
	}
	*lock = tcp_ehash_lockp(nt, i - TCP_LHASH_SIZE);
	return &nt->ehash.chain[i - TCP_LHASH_SIZE];
}

static unsigned collect_chain(struct netns_tcp *nt, const struct tcp_walk *w,
			      struct sock_key **keys, unsigned max)
{
	struct spinlock *lock;
	const struct hlist_head *h = walk_chain(nt, w->chain, &lock);
	struct hlist_node *node;
	unsigned n = 0;
	u32 i = 0;

	if (hlist_empty(h))
		return 0;
	spin_lock_bh(lock);
	for (node = h->first; node && n < max; node = node->next)
		if (i++ >= w->index && refcount_inc_not_zero(&key_of(node)->refcnt))
			keys[n++] = key_of(node);
	spin_unlock_bh(lock);
	return n;
}

unsigned tcp_collect(struct net *net, struct tcp_walk *w, struct sock_key **keys, unsigned max)
{
	struct netns_tcp *nt = net->tcp;
	unsigned n = 0;

	while (w->chain <= TCP_LHASH_SIZE + nt->ehash.mask) {
		n = collect_chain(nt, w, keys, max);
		if (n)
			break;
		w->chain++;
		w->index = 0;
	}
	return n;
}

/* ---- tables -------------------------------------------------------------------------------------
 */

/* One chain for two pages of memory, so that 100,000 connections in 512 MiB keep chains short. */
static u32 ehash_size(const struct net *net)
{
	struct meminfo mi;

	if (net != &init_net)
		return TCP_EHASH_OTHER;
	meminfo_get(&mi);
	return clamp_t(u32, roundup_pow_of_two(mi.total / 2), TCP_EHASH_MIN, TCP_EHASH_MAX);
}

int tcp_hash_init(struct netns_tcp *nt)
{
	u32 n = ehash_size(nt->net), b = clamp_t(u32, n / 4, 64, 16384);

	nt->ehash.chain = kvzalloc(n * sizeof(*nt->ehash.chain), GFP_KERNEL);
	nt->bhash.chain = kvzalloc(b * sizeof(*nt->bhash.chain), GFP_KERNEL);
	if (!nt->ehash.chain || !nt->bhash.chain) {
		nt->ehash.mask = n - 1;
		nt->bhash.mask = b - 1;
		tcp_hash_exit(nt);
		return -ENOMEM;
	}
	nt->ehash.mask = n - 1;
	nt->bhash.mask = b - 1;
	spin_lock_init(&nt->lhash_lock);
	spin_lock_init(&nt->cookie_lock);
	for (unsigned i = 0; i < TCP_HASH_LOCKS; i++) {
		spin_lock_init(&nt->ehash_lock[i]);
		spin_lock_init(&nt->bhash_lock[i]);
	}
	get_random_bytes(&nt->hash_key, sizeof(nt->hash_key));
	get_random_bytes(&nt->isn_key, sizeof(nt->isn_key));
	get_random_bytes(&nt->ts_key, sizeof(nt->ts_key));
	get_random_bytes(&nt->port_key, sizeof(nt->port_key));
	get_random_bytes(nt->port_offset, sizeof(nt->port_offset));
	if (flow_hash_init(nt)) {
		tcp_hash_exit(nt);
		return -ENOMEM;
	}
	return 0;
}

void tcp_hash_exit(struct netns_tcp *nt)
{
	if (nt->ehash.chain)
		kvfree(nt->ehash.chain, (nt->ehash.mask + 1) * sizeof(*nt->ehash.chain));
	if (nt->bhash.chain)
		kvfree(nt->bhash.chain, (nt->bhash.mask + 1) * sizeof(*nt->bhash.chain));
	nt->ehash.chain = nt->bhash.chain = NULL;
	free_percpu(nt->flow_hash);
	nt->flow_hash = NULL;
}

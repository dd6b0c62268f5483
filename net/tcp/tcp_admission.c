/* SPDX-License-Identifier: MIT */
/*
 * Who may have how much of a listener: limits on the half-open requests and on the connections of
 * one source, by sysctl, off unless asked for. What is counted for a source is in an entry that
 * lives as long as one of its requests or connections, so that the table is bounded by what they
 * are bounded by. Each of these remembers by how many bits of the address it was counted: the
 * sysctl may change meanwhile. And when a CPU has no rest from receiving, new SYNs are shed before
 * what is established suffers. Softirq or thread; the lock is that of an entry's chain.
 */
#include "tcp_int.h"

struct tcp_source {
	struct hlist_node node;
	u32 prefix; /* host order */
	u32 count[TCP_SOURCE_KINDS];
	u8 bits;
};

static_assert(sizeof(struct tcp_source) <= TCP_SOURCE_BYTES, "as its cache has it");

struct kmem_cache *tcp_source_cache;

static u32 prefix_of(be32 addr, u8 bits)
{
	return be32_get(addr) & ~0u << (32 - bits);
}

static struct tcp_source_chain *chain_of(struct netns_tcp *nt, u32 prefix, u8 bits)
{
	return &nt->source[hsiphash_2u32(prefix, bits, &nt->hash_key) % TCP_SOURCE_CHAINS];
}

static struct tcp_source *find(const struct tcp_source_chain *c, u32 prefix, u8 bits)
{
	struct tcp_source *s;

	hlist_for_each_entry(s, &c->head, node)
		if (s->prefix == prefix && s->bits == bits)
			return s;
	return NULL;
}

static struct tcp_source *add(struct tcp_source_chain *c, u32 prefix, u8 bits)
{
	struct tcp_source *s = kmem_cache_alloc(tcp_source_cache, GFP_ATOMIC | GFP_ZERO);

	if (!s)
		return NULL;
	s->prefix = prefix;
	s->bits = bits;
	hlist_add_head(&s->node, &c->head);
	return s;
}

static u32 limit_of(const struct netns_tcp *nt, enum tcp_source_kind kind)
{
	return (u32)(kind == TCP_SOURCE_SYN ? READ_ONCE(nt->tcp_max_syn_per_source)
					    : READ_ONCE(nt->tcp_max_conn_per_source));
}

static bool refuse(struct netns_tcp *nt, enum tcp_source_kind kind)
{
	if (kind == TCP_SOURCE_SYN)
		NET_INC_STATS(nt->net, LINUX_MIB_TCPSOURCESYNLIMIT);
	else
		NET_INC_STATS(nt->net, LINUX_MIB_TCPSOURCECONNLIMIT);
	return false;
}

bool tcp_source_get(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind, u8 *bits)
{
	u32 limit = limit_of(nt, kind), prefix;
	struct tcp_source_chain *c;
	struct tcp_source *s;
	bool ok;

	*bits = 0;
	if (likely(!limit))
		return true;
	*bits = (u8)READ_ONCE(nt->tcp_source_prefix);
	prefix = prefix_of(addr, *bits);
	c = chain_of(nt, prefix, *bits);
	spin_lock_bh(&c->lock);
	s = find(c, prefix, *bits);
	if (!s)
		s = add(c, prefix, *bits);
	ok = s && s->count[kind] < limit;
	if (ok)
		s->count[kind]++;
	spin_unlock_bh(&c->lock);
	return ok || refuse(nt, kind);
}

bool tcp_source_full(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind)
{
	u32 limit = limit_of(nt, kind), prefix;
	u8 bits = (u8)READ_ONCE(nt->tcp_source_prefix);
	struct tcp_source_chain *c;
	const struct tcp_source *s;
	bool full;

	if (likely(!limit))
		return false;
	prefix = prefix_of(addr, bits);
	c = chain_of(nt, prefix, bits);
	spin_lock_bh(&c->lock);
	s = find(c, prefix, bits);
	full = s && s->count[kind] >= limit;
	spin_unlock_bh(&c->lock);
	return full && !refuse(nt, kind);
}

void __tcp_source_put(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind, u8 bits)
{
	u32 prefix = prefix_of(addr, bits);
	struct tcp_source_chain *c = chain_of(nt, prefix, bits);
	struct tcp_source *s;

	spin_lock_bh(&c->lock);
	s = find(c, prefix, bits);
	s->count[kind]--;
	if (!s->count[TCP_SOURCE_SYN] && !s->count[TCP_SOURCE_CONN])
		hlist_del(&s->node);
	else
		s = NULL;
	spin_unlock_bh(&c->lock);
	if (s)
		kmem_cache_free(tcp_source_cache, s);
}

bool __tcp_syn_shed(struct netns_tcp *nt)
{
	u32 limit_ms = (u32)READ_ONCE(nt->tcp_syn_shed_ms);
	u64 since_ns = this_cpu(softnet_data).busy_since_ns;

	if (!since_ns || ktime_get_ns() - since_ns < (u64)limit_ms * NSEC_PER_MSEC)
		return false;
	NET_INC_STATS(nt->net, LINUX_MIB_TCPSYNSHED);
	NET_INC_STATS(nt->net, LINUX_MIB_LISTENDROPS);
	return true;
}

void tcp_admission_init(struct netns_tcp *nt)
{
	for (unsigned i = 0; i < TCP_SOURCE_CHAINS; i++)
		spin_lock_init(&nt->source[i].lock);
	nt->tcp_source_prefix = 32;
}

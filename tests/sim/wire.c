/* SPDX-License-Identifier: MIT */
/*
 * What every TCP segment on the wire must keep to, whoever sends it: its bytes are those of the
 * stream at that place (also when sent again), no data beyond the window that was offered, no ACK
 * of what was not sent, no window taken back (RFC 9293 section 3.8.6).
 */
#include "sim.h"

#include <lib/siphash.h>
#include <net/ip.h>
#include <string.h>

#define PERIOD    65521u /* prime: a shift by any power of two shows */
#define MAX_WAYS  1024u
#define WINDOW_WS 14

static u8 table[PERIOD + PATTERN_MAX];

void pattern_init(void)
{
	for (u32 i = 0; i < PERIOD; i++)
		table[i] = (u8)(i * 2654435761u >> 13 ^ i >> 8);
	for (u32 i = 0; i < PATTERN_MAX; i++)
		table[PERIOD + i] = table[i % PERIOD];
}

const u8 *pattern_at(const struct stream_key *k, u64 offset, u32 len)
{
	u64 start = k->saddr * 7u + k->sport * 31u + k->daddr * 3u + k->dport;

	if (len > PATTERN_MAX)
		sim_fail("%u bytes of pattern", len);
	return table + (start + offset) % PERIOD;
}

/* One direction of a connection, by what its sender sent. */
struct way {
	struct stream_key key;
	bool used, syn, wscale, fin, edge_known, before;
	u8 shift;
	bool has_other;
	u32 isn, other; /* the latter by another cookie */
	u32 end;        /* behind the last number sent */
	u32 end_before; /* the same of the connection before this one, if there was any */
	u32 edge;       /* right edge of the window that the sender offered */
};
static struct way ways[MAX_WAYS];

static struct way *way_of(const struct stream_key *k)
{
	u32 i = (k->sport * 2654435761u ^ k->dport * 40503u ^ k->saddr) % MAX_WAYS;

	for (u32 n = 0; n < MAX_WAYS; n++, i = (i + 1) % MAX_WAYS) {
		if (!ways[i].used) {
			ways[i].used = true;
			ways[i].key = *k;
			return &ways[i];
		}
		if (!memcmp(&ways[i].key, k, sizeof(*k)))
			return &ways[i];
	}
	sim_fail("too many connections to watch");
}

static bool after(u32 a, u32 b)
{
	return (s32)(a - b) > 0;
}

struct segment {
	const struct tcphdr *th;
	const u8 *data;
	u32 len, seq, ack;
	u8 flags;
};

static void syn_seen(struct way *w, struct way *back, const struct segment *s)
{
	const struct tcphdr *th = s->th;
	struct tcp_options_view {
		const u8 *p;
		u32 left;
	} o = {(const u8 *)(th + 1), tcp_hdrlen_bytes(th) - 20};

	if (w->syn && w->isn == s->seq)
		return;
	*w = (struct way){.key = w->key,
			  .used = true,
			  .syn = true,
			  .isn = s->seq,
			  .end = s->seq + 1,
			  .before = w->syn,
			  .end_before = w->end};
	if (!(s->flags & TCPHDR_ACK))
		*back = (struct way){.key = back->key, .used = true};
	while (o.left && *o.p) {
		u32 n = *o.p == 1 ? 1 : o.left > 1 ? o.p[1] : 0;

		if (n < 1 || n > o.left)
			sim_fail("options of a SYN are malformed");
		if (*o.p == 3) {
			w->wscale = true;
			w->shift = o.p[2];
		}
		o.p += n;
		o.left -= n;
	}
}

/* The answer to a SYN that came twice, the second time with another MSS? A cookie has that in its
 * number. The first answer counts, which is the first to arrive: where there are cookies, nothing
 * is lost and nothing overtakes (apps.c); but a peer may have no memory for it,
 * and take the other. */
static bool second_cookie(const struct host *from, const struct way *w, const struct way *back,
			  const struct segment *s)
{
	return from->net.tcp->tcp_syncookies && s->flags & TCPHDR_ACK && w->syn &&
	       w->isn != s->seq && back->syn && s->ack == back->isn + 1;
}

/* Which of the two cookies it was is told by the ACK. */
static void choose_cookie(struct way *w, u32 ack)
{
	if (!w->has_other || ack != w->other + 1)
		return;
	w->isn = w->other;
	w->end = w->other + 1;
	w->has_other = false;
}

static void check_data(struct way *w, const struct way *back, const struct segment *s)
{
	u32 first = s->seq + !!(s->flags & TCPHDR_SYN), end = first + s->len;

	if (s->len && memcmp(s->data, pattern_at(&w->key, first - w->isn - 1, s->len), s->len))
		sim_fail("%x:%u sends wrong bytes: %u at offset %u", w->key.saddr, w->key.sport,
			 s->len, first - w->isn - 1);
	if (s->len && back->edge_known && after(end, back->edge))
		sim_fail("%x:%u sends up to %u, the window ends at %u", w->key.saddr, w->key.sport,
			 end - w->isn, back->edge - w->isn);
	if (s->flags & TCPHDR_FIN) {
		end++;
		w->fin = true;
	}
	if (after(end, w->end))
		w->end = end;
}

static void check_ack(struct way *w, const struct way *back, const struct segment *s)
{
	u32 shift = s->flags & TCPHDR_SYN || !w->wscale || !back->wscale ? 0 : w->shift;
	u32 edge = s->ack + ((u32)be16_get(s->th->window) << shift), slack = 0;

	/* A late SYN may be answered after all is over: TIME-WAIT knows the numbers of before. */
	if (after(s->ack, back->end) && !(back->before && !after(s->ack, back->end_before)))
		sim_fail("%x:%u acknowledges %u, %u was sent", w->key.saddr, w->key.sport,
			 s->ack - back->isn, back->end - back->isn);
	/* A half-open record keeps the field, not the window it came from. */
	if (!after(s->ack, back->isn + 1))
		slack = (1u << shift) - 1;
	/* A SYN's field is not scaled: it may have to say less than an ACK before it. */
	if (w->edge_known && !(s->flags & TCPHDR_SYN) && after(w->edge, edge + slack))
		sim_fail("%x:%u takes %u bytes of its window back: from %u to %u", w->key.saddr,
			 w->key.sport, w->edge - edge, w->edge - back->isn, edge - back->isn);
	if (!w->edge_known || after(edge, w->edge))
		w->edge = edge;
	w->edge_known = true;
}

static bool dissect(const u8 *frame, size_t len, struct stream_key *k, struct segment *s)
{
	const struct iphdr *ip = (const void *)(frame + 14);
	u32 ihl, total, thl;

	if (len < 54 || get_be16(frame + 12) != 0x0800 || ip->protocol != IPPROTO_TCP)
		return false;
	ihl = (ip->ver_ihl & 15u) * 4;
	total = be16_get(ip->tot_len);
	/* A super-packet may be longer than its field can say. */
	if (total < len - 14 && len - 14 > 65535)
		total = (u32)len - 14;
	s->th = (const void *)(frame + 14 + ihl);
	thl = tcp_hdrlen_bytes(s->th);
	if (thl < 20 || ihl + thl > total || total > len - 14)
		sim_fail("a TCP segment is malformed: IP %u of %zu, header %u", total, len - 14,
			 thl);
	s->data = (const u8 *)s->th + thl;
	s->len = total - ihl - thl;
	s->seq = be32_get(s->th->seq);
	s->ack = be32_get(s->th->ack_seq);
	s->flags = s->th->flags;
	*k = (struct stream_key){be32_get(ip->saddr), be32_get(ip->daddr), be16_get(s->th->source),
				 be16_get(s->th->dest)};
	return true;
}

void wire_check(const struct host *from, const u8 *frame, size_t len)
{
	struct stream_key k, r;
	struct way *w, *back;
	struct segment s;

	if (!dissect(frame, len, &k, &s))
		return;
	/* Whoever resets owes no window any more: a cookie may open the connection once again. */
	if (s.flags & TCPHDR_RST) {
		way_of(&k)->edge_known = false;
		return;
	}
	r = (struct stream_key){k.daddr, k.saddr, k.dport, k.sport};
	w = way_of(&k);
	back = way_of(&r);
	if (s.flags & TCPHDR_SYN && second_cookie(from, w, back, &s)) {
		w->has_other = true;
		w->other = s.seq;
		return;
	}
	if (s.flags & TCPHDR_ACK)
		choose_cookie(back, s.ack);
	if (s.flags & TCPHDR_SYN)
		syn_seen(w, back, &s);
	if (!w->syn)
		return;
	check_data(w, back, &s);
	if (s.flags & TCPHDR_ACK && back->syn)
		check_ack(w, back, &s);
}

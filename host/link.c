/* SPDX-License-Identifier: MIT */
/*
 * A link between two fake devices. Each way is a transmitter that sends one frame after the other
 * at the link's rate, a wire with a delay, and faults drawn from the seed. Frames under way are
 * kept in the order of their arrival; a timer fires for the first.
 */
#include <kernel/timer.h>
#include <net/netdevice.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_int.h"
#include "host/netdev.h"

#define DEFAULT_QUEUE 1000u
#define WIRE_OVERHEAD 24u /* preamble, frame check sequence and gap, in bytes */
#define MILLION       1000000u

struct way {
	struct link *link;
	struct net_device *from, *to;
	struct link_config config;
	u64 busy_until_ns;       /* of the transmitter */
	struct list_head flying; /* of host_frame, by time_ns */
	unsigned flying_count;
	struct hrtimer timer;
	struct link_stats stats;
};

struct link {
	struct way way[2];
	bool carrier;
	bool (*filter)(struct net_device *from, struct host_frame *f, void *arg);
	void *filter_arg;
};

static bool chance(u32 ppm)
{
	return ppm && host_random_internal() % MILLION < ppm;
}

static u64 up_to(u64 n)
{
	return n ? host_random_internal() % (n + 1) : 0;
}

/* Keep f until its time; frames that arrive at one moment keep their order. */
static void fly(struct way *w, struct host_frame *f)
{
	struct list_head *at = w->flying.prev;

	while (at != &w->flying && list_entry(at, struct host_frame, list)->time_ns > f->time_ns)
		at = at->prev;
	list_add(&f->list, at);
	w->flying_count++;
	if (list_is_first(&f->list, &w->flying))
		hrtimer_start(&w->timer, f->time_ns);
}

static u64 arrive(struct hrtimer *t)
{
	struct way *w = container_of(t, struct way, timer);

	while (!list_empty(&w->flying)) {
		struct host_frame *f = list_first_entry(&w->flying, struct host_frame, list);

		if (f->time_ns > ktime_get_ns())
			return f->time_ns;
		list_del(&f->list);
		w->flying_count--;
		w->stats.delivered++;
		fakedev_rx_frame(w->to, 0, f);
	}
	return 0;
}

static u64 serialise_ns(const struct way *w, size_t len)
{
	return w->config.rate_bps ? (len + WIRE_OVERHEAD) * 8 * NSEC_PER_SEC / w->config.rate_bps
				  : 0;
}

/* Frames that still wait for the transmitter, by its rate. */
static u64 backlog(const struct way *w, u64 now_ns, size_t len)
{
	u64 one_ns = serialise_ns(w, len);

	return one_ns && w->busy_until_ns > now_ns ? (w->busy_until_ns - now_ns) / one_ns : 0;
}

static void corrupt(struct host_frame *f)
{
	size_t at = (size_t)(host_random_internal() % f->len);

	f->data[at] ^= (u8)(1u << host_random_internal() % 8);
}

static void link_tx(struct host_frame *f, void *arg)
{
	struct way *w = arg;
	const struct link_config *c = &w->config;
	u64 now_ns = ktime_get_ns();

	w->stats.sent++;
	if (!w->link->carrier || chance(c->loss_ppm) ||
	    (w->link->filter && !w->link->filter(w->from, f, w->link->filter_arg))) {
		w->stats.lost++;
		host_frame_free(f);
		return;
	}
	if (backlog(w, now_ns, f->len) >= (c->queue ? c->queue : DEFAULT_QUEUE)) {
		w->stats.queue_dropped++;
		host_frame_free(f);
		return;
	}
	w->busy_until_ns = max(w->busy_until_ns, now_ns) + serialise_ns(w, f->len);
	f->time_ns = w->busy_until_ns + c->delay_ns;
	f->time_ns += chance(c->reorder_ppm) ? c->jitter_ns
		      : c->reorder_ppm       ? 0
					     : up_to(c->jitter_ns);
	if (chance(c->corrupt_ppm)) {
		corrupt(f);
		w->stats.corrupted++;
	}
	if (chance(c->duplicate_ppm)) {
		struct host_frame *copy = host_frame_make(f->data, f->len);

		copy->time_ns = f->time_ns;
		copy->csum_partial = f->csum_partial;
		copy->csum_start = f->csum_start;
		copy->csum_offset = f->csum_offset;
		copy->gso_size = f->gso_size;
		copy->gso_type = f->gso_type;
		w->stats.duplicated++;
		fly(w, copy);
	}
	fly(w, f);
}

static void way_init(struct link *l, struct way *w, struct net_device *from, struct net_device *to,
		     const struct link_config *config)
{
	w->link = l;
	w->from = from;
	w->to = to;
	w->config = *config;
	INIT_LIST_HEAD(&w->flying);
	hrtimer_setup(&w->timer, arrive);
	fakedev_on_tx(from, link_tx, w);
}

struct link *link_create(struct net_device *a, struct net_device *b,
			 const struct link_config *config)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		host_die("no memory for a link");
	l->carrier = true;
	way_init(l, &l->way[0], a, b, config);
	way_init(l, &l->way[1], b, a, config);
	return l;
}

static void lose_flying(struct way *w)
{
	hrtimer_cancel(&w->timer);
	while (!list_empty(&w->flying)) {
		struct host_frame *f = list_first_entry(&w->flying, struct host_frame, list);

		list_del(&f->list);
		host_frame_free(f);
		w->stats.lost++;
	}
	w->flying_count = 0;
}

void link_destroy(struct link *l)
{
	for (unsigned i = 0; i < 2; i++) {
		lose_flying(&l->way[i]);
		fakedev_on_tx(l->way[i].from, NULL, NULL);
	}
	free(l);
}

void link_set(struct link *l, const struct net_device *from, const struct link_config *config)
{
	for (unsigned i = 0; i < 2; i++) {
		if (!from || l->way[i].from == from)
			l->way[i].config = *config;
	}
}

void link_set_carrier(struct link *l, bool up)
{
	l->carrier = up;
	for (unsigned i = 0; i < 2; i++) {
		if (!up)
			lose_flying(&l->way[i]);
		fakedev_set_carrier(l->way[i].from, up);
	}
}

void link_get_stats(const struct link *l, const struct net_device *from, struct link_stats *s)
{
	*s = l->way[l->way[1].from == from].stats;
}

void link_set_filter(struct link *l,
		     bool (*fn)(struct net_device *from, struct host_frame *f, void *arg),
		     void *arg)
{
	l->filter = fn;
	l->filter_arg = arg;
}

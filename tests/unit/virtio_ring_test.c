/* SPDX-License-Identifier: MIT */
/*
 * The split virtqueue against a device that follows virtio 1.2 section 2.7 to the letter, and
 * against devices that do not. Shown: nothing is lost, invented or reordered within a buffer over
 * many wraps of the indices; neither side waits for ever for the other; whatever a device writes,
 * the driver's side keeps its tokens and touches no memory that is not its own (the sanitizers
 * watch).
 */
#include <drivers/virtio/ring.c>

#include <host/host.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned broken_told;

void virtio_device_broken(struct virtio_device *d)
{
	broken_told++;
}

/* -- the device's side --------------------------------------------------------------------- */

struct fake {
	struct virtio_device vdev;
	struct virtqueue *vq;
	u16 last_avail, used_idx;
	bool asleep; /* waits for a notification */
	unsigned notified, interrupts;
	bool driver_asleep; /* waits for an interrupt */
};

static struct fake *fake_of(struct virtqueue *vq)
{
	return container_of(vq->vdev, struct fake, vdev);
}

static void on_notify(struct virtqueue *vq)
{
	struct fake *f = fake_of(vq);

	f->notified++;
	f->asleep = false;
}

static void on_interrupt(struct virtqueue *vq)
{
	struct fake *f = fake_of(vq);

	f->interrupts++;
	f->driver_asleep = false;
}

static struct fake *fake_new(unsigned num, bool event, bool indirect)
{
	struct fake *f = calloc(1, sizeof(*f));

	strcpy(f->vdev.name, "virtio9");
	f->vdev.features = (event ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0) |
			   (indirect ? VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) : 0);
	f->vq = virtqueue_create(&f->vdev, 0, num, num & 1 ? 4096 : 64, "test", on_interrupt);
	assert_non_null(f->vq);
	f->vq->notify = on_notify;
	return f;
}

static void fake_free(struct fake *f)
{
	while (virtqueue_detach_unused_buf(f->vq))
		;
	assert_int_equal(f->vq->num_free, f->vq->num);
	assert_int_equal(f->vq->inflight, 0);
	virtqueue_destroy(f->vq);
	free(f);
}

/* A buffer as the device understands it. */
struct popped {
	u16 id;
	unsigned out, in;
	u32 in_bytes, out_bytes;
	u64 sum; /* of the addresses, to tell buffers apart */
};

static void read_table(const struct vring_desc *table, unsigned n, unsigned at, struct popped *p)
{
	for (unsigned steps = 0;; steps++) {
		const struct vring_desc *d = &table[at];

		assert_true(at < n && steps < n);
		assert_false(d->flags & VRING_DESC_F_INDIRECT);
		p->sum += d->addr * (p->in + p->out + 1);
		if (d->flags & VRING_DESC_F_WRITE) {
			p->in++;
			p->in_bytes += d->len;
		} else {
			/* Section 2.7.4.2: what the device reads comes first. */
			assert_int_equal(p->in, 0);
			p->out++;
			p->out_bytes += d->len;
		}
		if (!(d->flags & VRING_DESC_F_NEXT))
			return;
		at = d->next;
	}
}

static bool fake_pop(struct fake *f, struct popped *p)
{
	struct virtqueue *vq = f->vq;
	const struct vring_desc *d;

	if (f->last_avail == vq->avail->idx)
		return false;
	*p = (struct popped){.id = vq->avail->ring[f->last_avail++ % vq->num]};
	assert_true(p->id < vq->num);
	d = &vq->desc[p->id];
	if (d->flags & VRING_DESC_F_INDIRECT) {
		/* Section 2.7.5.3.1 */
		assert_int_equal(d->flags, VRING_DESC_F_INDIRECT);
		assert_int_equal(d->len % sizeof(*d), 0);
		read_table((const struct vring_desc *)(uintptr_t)d->addr,
			   d->len / (unsigned)sizeof(*d), 0, p);
	} else {
		read_table(vq->desc, vq->num, p->id, p);
	}
	return true;
}

/* Section 2.7.10.1: ask to be notified of the next, then look again. */
static void fake_sleep(struct fake *f)
{
	struct virtqueue *vq = f->vq;

	if (vq->event)
		*(u16 *)(void *)&vq->used->ring[vq->num] = f->last_avail; /* avail_event */
	else
		vq->used->flags = 0;
	f->asleep = f->last_avail == vq->avail->idx;
}

static void fake_push(struct fake *f, u32 id, u32 len)
{
	struct virtqueue *vq = f->vq;
	u16 old = f->used_idx;

	vq->used->ring[f->used_idx % vq->num] = (struct vring_used_elem){id, len};
	vq->used->idx = ++f->used_idx;
	if (vq->event ? vring_need_event(*vq->used_event, f->used_idx, old)
		      : !(vq->avail->flags & VRING_AVAIL_F_NO_INTERRUPT))
		virtqueue_interrupt(vq);
}

/* -- tests --------------------------------------------------------------------------------- */

/* Section 2.7.10: an event is due exactly when stepping from old to new passes it. */
static void need_event_counts_steps(void **state)
{
	static const u16 starts[] = {0, 1, 100, 0x7ffe, 0x8000, 0xfff0, 0xfffe, 0xffff};

	for (unsigned s = 0; s < ARRAY_SIZE(starts); s++) {
		for (unsigned steps = 0; steps < 40; steps++) {
			for (int at = -50; at < 50; at++) {
				u16 old = starts[s], event = (u16)(old + at);
				bool passed = false;

				for (unsigned i = 0; i < steps; i++)
					passed |= (u16)(old + i) == event;
				assert_int_equal(vring_need_event(event, (u16)(old + steps), old),
						 passed);
			}
		}
	}
}

struct buffer {
	struct vq_seg seg[VQ_MAX_SEGS];
	unsigned out, in;
	u32 in_bytes, out_bytes, written;
	u64 sum;
	bool under_way;
};

static void buffer_random(struct buffer *b, unsigned max_segs)
{
	static u8 memory[1 << 16];
	unsigned total = 1 + host_random_below(max_segs);

	*b = (struct buffer){.out = host_random_below(total + 1)};
	b->in = total - b->out;
	for (unsigned i = 0; i < total; i++) {
		b->seg[i].addr = &memory[host_random_below(60000)];
		b->seg[i].len = 1 + host_random_below(2000);
		b->sum += virt_to_dma(b->seg[i].addr) * (i + 1);
		if (i < b->out)
			b->out_bytes += b->seg[i].len;
		else
			b->in_bytes += b->seg[i].len;
	}
}

/* Both sides of a run: what each has in hand. */
struct run {
	struct fake *f;
	struct buffer *bufs; /* a pool; free ones are not under_way */
	unsigned nbufs, max_segs;
	struct popped held[1024];
	unsigned nheld, done;
	bool lazy; /* the driver asked for a late interrupt */
};

static void driver_adds(struct run *r)
{
	unsigned batch = 1 + host_random_below(8);

	for (unsigned i = 0; i < r->nbufs && batch; i++) {
		struct buffer *b = &r->bufs[i];
		int err;

		if (b->under_way)
			continue;
		buffer_random(b, r->max_segs);
		err = virtqueue_add(r->f->vq, b->seg, b->out, b->in, b, GFP_ATOMIC);
		if (err) {
			assert_int_equal(err, -ENOSPC);
			break;
		}
		b->under_way = true;
		batch--;
	}
	virtqueue_kick(r->f->vq);
}

static void device_works(struct run *r)
{
	struct popped p;
	unsigned n = host_random_below(10);

	while (n-- && r->nheld < ARRAY_SIZE(r->held) && fake_pop(r->f, &p))
		r->held[r->nheld++] = p;
	n = host_random_below(10);
	while (n-- && r->nheld) {
		unsigned at = host_random_below(r->nheld);
		struct buffer *b = r->f->vq->state[r->held[at].id].token;
		u32 len = r->held[at].in_bytes;

		p = r->held[at];
		r->held[at] = r->held[--r->nheld];
		assert_true(p.sum == b->sum && p.out == b->out && p.in == b->in);
		assert_int_equal(p.out_bytes, b->out_bytes);
		assert_int_equal(p.in_bytes, b->in_bytes);
		b->written = len ? host_random_below(len + 1) : 0;
		/* Legacy devices count what they read; that must not matter. */
		fake_push(r->f, p.id, len ? b->written : p.out_bytes);
	}
	if (!r->nheld)
		fake_sleep(r->f);
}

static void driver_takes(struct run *r)
{
	struct virtqueue *vq = r->f->vq;
	struct buffer *b;
	u32 len;

	virtqueue_disable_cb(vq);
	while ((b = virtqueue_peek_buf(vq, &len))) {
		assert_true(b->under_way);
		assert_int_equal(len, b->written);
		r->done++;
		if (!host_random_below(4)) { /* looked at, and the device gets it again */
			virtqueue_repost(vq);
			continue;
		}
		virtqueue_take(vq);
		b->under_way = false;
	}
	virtqueue_kick(vq);
	/* Sleeps only when enabling callbacks says that nothing came in between. */
	r->lazy = !host_random_below(4);
	r->f->driver_asleep = r->lazy ? virtqueue_enable_cb_delayed(vq) : virtqueue_enable_cb(vq);
}

static void run_many(unsigned num, bool event, bool indirect, unsigned max_segs, unsigned rounds)
{
	struct run *r = calloc(1, sizeof(*r));
	struct virtqueue *vq;

	r->f = fake_new(num, event, indirect);
	r->nbufs = num + 3;
	r->max_segs = max_segs;
	r->bufs = calloc(r->nbufs, sizeof(*r->bufs));
	vq = r->f->vq;
	while (r->done < rounds) {
		if (host_random_below(2))
			driver_adds(r);
		if (!r->f->asleep)
			device_works(r);
		if (!r->f->driver_asleep)
			driver_takes(r);
		/* Nobody sleeps who has work to do. */
		if (r->f->asleep)
			assert_int_equal(r->f->last_avail, vq->avail->idx);
		if (r->f->driver_asleep && !r->lazy)
			assert_int_equal(vq->last_used, vq->used->idx);
		if (r->f->driver_asleep && r->f->asleep)
			assert_true(vq->num_free || !vq->inflight || r->nheld);
	}
	assert_false(vq->broken);
	free(r->bufs);
	fake_free(r->f);
	free(r);
}

static void random_batches_with_event_index(void **state)
{
	run_many(256, true, true, 6, 150000);
	run_many(16, true, false, 5, 80000);
	run_many(2, true, true, 4, 70000);
}

static void random_batches_with_flags(void **state)
{
	run_many(256, false, true, 6, 80000);
	run_many(8, false, false, 3, 70000);
	run_many(1, false, false, 1, 70000);
}

/* Four buffers of one writable segment each are with the device. */
static struct fake *four_under_way(void **tokens)
{
	static u8 memory[4][100];
	struct fake *f = fake_new(8, true, true);

	for (unsigned i = 0; i < 4; i++) {
		struct vq_seg s = {memory[i], sizeof(memory[i])};

		tokens[i] = memory[i];
		assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, memory[i], GFP_ATOMIC), 0);
	}
	broken_told = 0;
	return f;
}

/* The queue is broken, said once, and all tokens come back by detaching. */
static void expect_broken(struct fake *f, void **tokens, unsigned left)
{
	u32 len;
	struct vq_seg s = {tokens[0], 1};

	assert_null(virtqueue_get_buf(f->vq, &len));
	assert_null(virtqueue_get_buf(f->vq, &len));
	assert_true(f->vq->broken);
	assert_int_equal(broken_told, 1);
	assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, tokens[0], GFP_ATOMIC), -EIO);
	assert_false(virtqueue_more_used(f->vq));
	assert_true(virtqueue_enable_cb(f->vq));
	virtqueue_notify(f->vq);
	assert_int_equal(f->notified, 0);
	for (; left; left--)
		assert_non_null(virtqueue_detach_unused_buf(f->vq));
	assert_null(virtqueue_detach_unused_buf(f->vq));
	fake_free(f);
}

static void id_out_of_range_breaks_the_queue(void **state)
{
	static const u32 ids[] = {8, 9, 255, 0x10000, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		void *tokens[4];
		struct fake *f = four_under_way(tokens);

		fake_push(f, ids[i], 0);
		expect_broken(f, tokens, 4);
	}
}

static void id_not_under_way_breaks_the_queue(void **state)
{
	void *tokens[4];
	struct fake *f = four_under_way(tokens);

	fake_push(f, 6, 0);
	expect_broken(f, tokens, 4);
}

static void id_given_twice_breaks_the_queue(void **state)
{
	void *tokens[4];
	struct fake *f = four_under_way(tokens);
	u32 len;

	fake_push(f, 2, 100);
	fake_push(f, 2, 100);
	assert_ptr_equal(virtqueue_get_buf(f->vq, &len), tokens[2]);
	assert_int_equal(len, 100);
	expect_broken(f, tokens, 3);
}

static void too_long_a_length_breaks_the_queue(void **state)
{
	static const u32 lens[] = {101, 4096, 0x80000000, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		void *tokens[4];
		struct fake *f = four_under_way(tokens);

		fake_push(f, 0, lens[i]);
		expect_broken(f, tokens, 4);
	}
}

static void index_that_jumps_breaks_the_queue(void **state)
{
	static const u16 idx[] = {5, 8, 9, 0x7fff, 0x8000, 0xffff};

	for (unsigned i = 0; i < ARRAY_SIZE(idx); i++) {
		void *tokens[4];
		struct fake *f = four_under_way(tokens);

		f->vq->used->idx = idx[i];
		expect_broken(f, tokens, 4);
	}
}

/* A device that writes over all it can reach, at random, gets no further than its own memory. */
static void garbage_never_escapes(void **state)
{
	for (unsigned round = 0; round < 3000; round++) {
		void *tokens[4];
		struct fake *f = four_under_way(tokens);
		struct virtqueue *vq = f->vq;
		u8 *ring = (u8 *)vq->desc;
		unsigned taken = 0;
		u32 len;

		for (unsigned n = host_random_below(40); n; n--)
			ring[host_random_below((u32)vq->ring_bytes)] = (u8)host_random();
		if (host_random_below(2))
			vq->used->idx = (u16)(1 + host_random_below(4));
		for (unsigned k = 0; k < 8; k++) {
			void *t = virtqueue_get_buf(vq, &len);

			if (!t)
				continue;
			assert_true(len <= 100);
			assert_true(t == tokens[0] || t == tokens[1] || t == tokens[2] ||
				    t == tokens[3]);
			taken++;
		}
		virtqueue_enable_cb_delayed(vq);
		virtqueue_kick_prepare(vq);
		while (virtqueue_detach_unused_buf(vq))
			taken++;
		assert_int_equal(taken, 4);
		fake_free(f);
	}
}

/* Section 2.7.8.3: buffers without a writable part have nothing written. */
static void length_of_a_sent_buffer_is_ignored(void **state)
{
	u8 data[10];
	struct vq_seg s = {data, sizeof(data)};
	struct fake *f = fake_new(4, false, false);
	u32 len = 77;

	assert_int_equal(virtqueue_add(f->vq, &s, 1, 0, data, GFP_ATOMIC), 0);
	fake_push(f, 0, 12345);
	assert_ptr_equal(virtqueue_get_buf(f->vq, &len), data);
	assert_int_equal(len, 0);
	fake_free(f);
}

static void disabled_callbacks_do_not_come(void **state)
{
	for (unsigned event = 0; event < 2; event++) {
		u8 data[8];
		struct vq_seg s = {data, 1};
		struct fake *f = fake_new(8, event, false);
		u32 len;

		virtqueue_disable_cb(f->vq);
		for (unsigned i = 0; i < 30000; i++) {
			assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, data, GFP_ATOMIC), 0);
			fake_push(f, f->vq->avail->ring[i % 8], 1);
			assert_non_null(virtqueue_get_buf(f->vq, &len));
		}
		assert_int_equal(f->interrupts, 0);
		/* Enabled: the very next one interrupts. */
		assert_true(virtqueue_enable_cb(f->vq));
		assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, data, GFP_ATOMIC), 0);
		fake_push(f, f->vq->avail->ring[30000 % 8], 1);
		assert_int_equal(f->interrupts, 1);
		/* One used before the request is told of by the return value. */
		assert_false(virtqueue_enable_cb(f->vq));
		fake_free(f);
	}
}

static void delayed_callback_comes_after_three_quarters(void **state)
{
	u8 data[16];
	struct fake *f = fake_new(16, true, false);

	for (unsigned i = 0; i < 12; i++) {
		struct vq_seg s = {&data[i], 1};

		assert_int_equal(virtqueue_add(f->vq, &s, 1, 0, &data[i], GFP_ATOMIC), 0);
	}
	assert_true(virtqueue_enable_cb_delayed(f->vq));
	for (unsigned i = 0; i < 12; i++) {
		fake_push(f, i, 0);
		assert_int_equal(f->interrupts, i >= 9);
	}
	fake_free(f);
}

/* One notification for a batch, none while the device does not want any. */
static void kicks_are_batched(void **state)
{
	u8 data[8];
	struct vq_seg s = {data, 1};
	struct fake *f = fake_new(8, true, false);
	struct popped p;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, data, GFP_ATOMIC), 0);
	virtqueue_kick(f->vq);
	virtqueue_kick(f->vq);
	assert_int_equal(f->notified, 1);
	/* Busy: it has not moved avail_event. */
	assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, data, GFP_ATOMIC), 0);
	virtqueue_kick(f->vq);
	assert_int_equal(f->notified, 1);
	while (fake_pop(f, &p))
		;
	fake_sleep(f);
	assert_int_equal(virtqueue_add(f->vq, &s, 0, 1, data, GFP_ATOMIC), 0);
	virtqueue_kick(f->vq);
	assert_int_equal(f->notified, 2);
	fake_free(f);
}

/* An indirect table is used once the ring is half full; without memory for it the ring serves. */
static void indirect_tables_stretch_the_ring(void **state)
{
	u8 data[64];
	struct vq_seg s[4] = {{data, 1}, {data + 1, 2}, {data + 2, 3}, {data + 3, 4}};
	struct fake *with = fake_new(16, true, true), *without = fake_new(16, true, false);
	unsigned n;

	for (n = 0; !virtqueue_add(with->vq, s, 2, 2, data, GFP_ATOMIC); n++)
		;
	assert_true(n > 8);
	assert_true(with->vq->stats.indirect > 0);
	for (n = 0; !virtqueue_add(without->vq, s, 2, 2, data, GFP_ATOMIC); n++)
		;
	assert_int_equal(n, 4);
	assert_int_equal(without->vq->stats.full, 1);
	fake_free(with);
	fake_free(without);

	with = fake_new(16, true, true);
	mm_fail_every(1);
	for (n = 0; !virtqueue_add(with->vq, s, 2, 2, data, GFP_ATOMIC); n++)
		;
	mm_fail_every(0);
	assert_int_equal(n, 4);
	assert_int_equal(with->vq->stats.indirect, 0);
	fake_free(with);
}

/* Section 2.7.2: where the parts of the legacy layout lie. */
static void legacy_layout(void **state)
{
	struct virtio_device d = {.name = "virtio9"};
	struct virtqueue *vq = virtqueue_create(&d, 0, 256, 4096, "test", NULL);

	assert_non_null(vq);
	assert_int_equal((uintptr_t)vq->desc % 4096, 0);
	assert_int_equal((u8 *)vq->avail - (u8 *)vq->desc, 4096);
	assert_int_equal((u8 *)vq->used - (u8 *)vq->desc, 8192);
	/* No callback: interrupts are off from the start. */
	assert_int_equal(vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	virtqueue_destroy(vq);
}

static void nothing_leaks(void **state)
{
	u64 before;

	run_many(64, true, true, 6, 1000);
	before = host_memory_in_use();
	run_many(64, true, true, 6, 1000);
	assert_true(host_memory_in_use() <= before);
}

static int setup(void **state)
{
	host_init(1);
	host_log_level(LOG_EMERG);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(need_event_counts_steps),
		cmocka_unit_test(random_batches_with_event_index),
		cmocka_unit_test(random_batches_with_flags),
		cmocka_unit_test(id_out_of_range_breaks_the_queue),
		cmocka_unit_test(id_not_under_way_breaks_the_queue),
		cmocka_unit_test(id_given_twice_breaks_the_queue),
		cmocka_unit_test(too_long_a_length_breaks_the_queue),
		cmocka_unit_test(index_that_jumps_breaks_the_queue),
		cmocka_unit_test(garbage_never_escapes),
		cmocka_unit_test(length_of_a_sent_buffer_is_ignored),
		cmocka_unit_test(disabled_callbacks_do_not_come),
		cmocka_unit_test(delayed_callback_comes_after_three_quarters),
		cmocka_unit_test(kicks_are_batched),
		cmocka_unit_test(indirect_tables_stretch_the_ring),
		cmocka_unit_test(legacy_layout),
		cmocka_unit_test(nothing_leaks),
	};

	return cmocka_run_group_tests_name("virtio ring", tests, setup, NULL);
}

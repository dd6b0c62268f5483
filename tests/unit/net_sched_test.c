/* SPDX-License-Identifier: MIT */
/*
 * Queueing disciplines in virtual time: tbf's rate and burst, prio's order, fq's fairness and
 * departure times, fq_codel's fairness, drops and ECN marks, netem's bad weather; options in tc's
 * words, and changes at run time. The device's wire is the test: it notes what left, and when.
 */
#include <errno.h>
#include <kernel/time.h>
#include <net/ip.h>
#include <net/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/netdev.h"
#include "net_tap.h"

#define MAX_SENT 4096

static struct net net_a;
static struct net_device *dev;
static struct netdev_queue *txq;

static struct {
	u64 when_ns;
	u16 flow, id;
	u8 tos;
	size_t len;
	bool csum_ok;
} sent[MAX_SENT];
static unsigned nsent;

/* Ethernet, IPv4, UDP; the flow is the source port, the number the IPv4 id. */
static void note(struct host_frame *f, void *arg)
{
	const u8 *ip = f->data + 14;

	assert_true(nsent < MAX_SENT);
	sent[nsent].when_ns = ktime_get_ns();
	sent[nsent].len = f->len;
	sent[nsent].flow = get_be16(ip + 20);
	sent[nsent].id = get_be16(ip + 4);
	sent[nsent].tos = ip[1];
	sent[nsent].csum_ok = !tap_csum(ip, 20, 0);
	nsent++;
	host_frame_free(f);
}

static int begin(unsigned tx_ring)
{
	struct fakedev_config c = {.tx_ring = tx_ring};

	assert_int_equal(net_init(&net_a, "a"), 0);
	dev = fakedev_create(&net_a, &c);
	txq = &dev->tx[0];
	fakedev_on_tx(dev, note, NULL);
	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	rtnl_unlock();
	nsent = 0;
	return 0;
}

static int setup(void **state)
{
	return begin(0);
}

static int teardown(void **state)
{
	fakedev_destroy(dev);
	net_exit(&net_a);
	host_run_for(5 * NSEC_PER_SEC);
	host_check();
	return 0;
}

/* Words of a line, as tc hands them on. */
static int words(const char *line, char **argv, char *store)
{
	int argc = 0;
	char *save, *w;

	strcpy(store, line);
	for (w = strtok_r(store, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return argc;
}

static int use(const char *kind, const char *options)
{
	char *argv[32], store[256];
	int argc = words(options, argv, store), err;

	rtnl_lock();
	err = qdisc_replace(txq, kind, argc, argv);
	rtnl_unlock();
	return err;
}

static int change(const char *options)
{
	char *argv[32], store[256];
	int argc = words(options, argv, store), err;

	rtnl_lock();
	err = qdisc_change(txq, argc, argv);
	rtnl_unlock();
	return err;
}

static const char *shown(void)
{
	static char text[512];
	struct Qdisc *q = txq->qdisc;

	memset(text, 0, sizeof(text));
	q->ops->dump(q, text, sizeof(text));
	return text;
}

struct pkt {
	u16 flow, id;
	u32 len; /* of the frame */
	u32 priority;
	u64 departure_ns;
	u8 tos;
};

static void put(const struct pkt *p)
{
	struct sk_buff *skb = alloc_skb(64 + p->len, GFP_KERNEL);
	u8 *h;

	skb_reserve(skb, 64);
	h = skb_put(skb, p->len);
	memset(h, 0, p->len);
	put_be16(h + 12, 0x0800);
	h[14] = 0x45;
	h[15] = p->tos;
	put_be16(h + 16, (u16)(p->len - 14));
	put_be16(h + 18, p->id);
	h[22] = 64;
	h[23] = 17;
	put_be32(h + 26, 0x0a000001);
	put_be32(h + 30, 0x0a000002);
	put_be16(h + 24, tap_csum(h + 14, 20, 0));
	put_be16(h + 34, p->flow);
	put_be16(h + 36, 9);
	skb->dev = dev;
	skb->protocol = BE16(0x0800);
	skb_set_network_header(skb, 14);
	skb_set_transport_header(skb, 34);
	skb->priority = p->priority;
	skb->tstamp_ns = p->departure_ns;
	dev_queue_xmit(skb);
}

static void put_n(u16 flow, unsigned n, u32 len)
{
	for (unsigned i = 0; i < n; i++)
		put(&(struct pkt){.flow = flow, .id = (u16)i, .len = len});
}

static void run_ms(u64 ms)
{
	host_run_for(ms * NSEC_PER_MSEC);
}

/* A burst goes at once, the rest at the rate; what does not fit the limit is dropped. */
static void tbf_shapes(void **state)
{
	u64 start;

	assert_int_equal(use("tbf", "rate 8mbit burst 5000 limit 60000"), 0);
	assert_string_equal(shown(), "rate 8Mbit burst 5000b limit 60000b");
	start = ktime_get_ns();
	put_n(1, 100, 1000);
	assert_int_equal(nsent, 5);
	assert_int_equal(txq->qdisc->stats.drops, 100 - 65);
	run_ms(1000);
	assert_int_equal(nsent, 65);
	/* 60 packets of 1000 bytes at 1,000,000 bytes a second */
	assert_in_range(sent[64].when_ns - start, 60 * NSEC_PER_MSEC, 61 * NSEC_PER_MSEC);
	assert_in_range(sent[34].when_ns - start, 30 * NSEC_PER_MSEC, 31 * NSEC_PER_MSEC);
	assert_true(txq->qdisc->stats.overlimits > 0);
	assert_int_equal(txq->qdisc->stats.packets, 65);
	/* the bucket fills again, up to its depth */
	put_n(1, 10, 1000);
	assert_int_equal(nsent, 65 + 5);
	run_ms(10);
	assert_int_equal(nsent, 75);
}

/* Options are checked, and a change takes effect at once. */
static void tbf_options(void **state)
{
	static const char *const bad[] = {"",
					  "rate 1mbit",
					  "rate 1mbit burst 5k",
					  "rate 1mbit burst 5k limit 10k latency 5ms",
					  "rate 0 burst 5k limit 10k",
					  "rate 1mbit burst 5k limit 10k colour red",
					  "rate 1parsec burst 5k limit 10k",
					  "rate 1mbit burst 5k limit"};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(use("tbf", bad[i]), -EINVAL);
	assert_string_equal(txq->qdisc->ops->id, "pfifo_fast");
	assert_int_equal(use("tbf", "rate 8kbit burst 2k latency 100s"), -EINVAL);
	assert_int_equal(use("tbf", "rate 8kbit burst 2000b latency 20s"), 0);
	put_n(1, 4, 1000);
	assert_int_equal(nsent, 2);
	run_ms(500);
	assert_int_equal(nsent, 2);
	assert_int_equal(change("rate 80mbit burst 3000 limit 100k"), 0);
	assert_int_equal(change("rate nonsense"), -EINVAL);
	run_ms(1000);
	assert_int_equal(nsent, 4);
	put(&(struct pkt){.flow = 1, .len = 3001}); /* longer than the bucket */
	assert_int_equal(txq->qdisc->stats.drops, 1);
}

/* Bands in order, each first in first out, with a map of one's own. */
static void prio_orders(void **state)
{
	teardown(state);
	begin(1);
	assert_int_equal(use("prio", "bands 4 priomap 3 2 1 0"), 0);
	assert_string_equal(shown(), "bands 4 priomap  3 2 1 0 1 2 0 0 1 1 1 1 1 1 1 1");
	for (u32 i = 0; i < 9; i++)
		put(&(struct pkt){.flow = 1, .id = (u16)i, .len = 100, .priority = i % 4});
	assert_int_equal(nsent, 1); /* the ring holds one */
	for (int i = 0; i < 9; i++) {
		local_bh_disable();
		fakedev_tx_complete(dev, 0, 1);
		local_bh_enable();
		run_ms(1);
	}
	assert_int_equal(nsent, 9);
	static const u16 want[] = {0, 3, 7, 2, 6, 1, 5, 4, 8};
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(sent[i].id, want[i]);
	assert_int_equal(use("prio", "bands 2"), -EINVAL); /* the map names a third */
	assert_int_equal(use("prio", "bands 17"), -EINVAL);
	assert_int_equal(use("prio", "priomap 5"), -EINVAL);
}

/* Let the device send n packets, one by one. */
static void drain(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		local_bh_disable();
		fakedev_tx_complete(dev, 0, 1);
		local_bh_enable();
		host_run_for(NSEC_PER_USEC);
	}
}

static unsigned sent_of(u16 flow, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to && i < nsent; i++)
		n += sent[i].flow == flow;
	return n;
}

/* A flow that floods does not keep another from being served; equal ones share equally. */
static void shares_fairly(const char *kind, const char *options)
{
	begin(1);
	assert_int_equal(use(kind, options), 0);
	put_n(1, 60, 1000);
	put_n(2, 60, 1000);
	put_n(3, 3, 200);
	drain(40);
	assert_int_equal(sent_of(3, 0, 40), 3);
	assert_in_range(sent_of(1, 0, 40), 12, 25);
	drain(200);
	assert_int_equal(nsent, 123);
	for (u16 flow = 1; flow <= 3; flow++) { /* in order within the flow */
		u16 next = 0;

		for (unsigned i = 0; i < nsent; i++)
			if (sent[i].flow == flow)
				assert_int_equal(sent[i].id, next++);
	}
	assert_int_equal(txq->qdisc->stats.qlen + txq->qdisc->stats.backlog_bytes, 0);
	teardown(NULL);
}

static void fair(void **state)
{
	shares_fairly("fq", "");
	shares_fairly("fq_codel", "");
	shares_fairly("fq_codel", "flows 4096 quantum 300 limit 1000");
}

/* A packet leaves no sooner than its time; other flows pass; order within the flow is kept. */
static void fq_departure_times(void **state)
{
	u64 start = ktime_get_ns();

	assert_int_equal(use("fq", ""), 0);
	for (u16 i = 0; i < 5; i++)
		put(&(struct pkt){.flow = 1,
				  .id = i,
				  .len = 500,
				  .departure_ns = start + i * 2 * NSEC_PER_MSEC});
	put_n(2, 3, 500);
	assert_int_equal(sent_of(1, 0, nsent), 1);
	assert_int_equal(sent_of(2, 0, nsent), 3);
	run_ms(20);
	assert_int_equal(nsent, 8);
	for (u16 i = 1; i < 5; i++) {
		assert_int_equal(sent[3 + i].id, i);
		assert_in_range(sent[3 + i].when_ns - start, i * 2 * NSEC_PER_MSEC,
				i * 2 * NSEC_PER_MSEC + 100000);
	}
	/* beyond the horizon of 10 s: not for ever */
	put(&(struct pkt){.flow = 3, .len = 100, .departure_ns = start + 3600 * NSEC_PER_SEC});
	run_ms(10100);
	assert_int_equal(nsent, 9);
	assert_int_equal(change("nopacing"), 0);
	put(&(struct pkt){.flow = 3, .len = 100, .departure_ns = ktime_get_ns() + NSEC_PER_SEC});
	assert_int_equal(nsent, 10);
}

/* maxrate holds each flow to it, and not the sum. */
static void fq_maxrate(void **state)
{
	u64 start = ktime_get_ns();

	assert_int_equal(use("fq", "maxrate 8mbit flow_limit 50"), 0);
	put_n(1, 60, 1000);
	put_n(2, 10, 1000);
	assert_int_equal(nsent, 2);
	run_ms(100);
	assert_int_equal(sent_of(2, 0, nsent), 10);
	assert_in_range(sent_of(1, 0, nsent), 50, 52); /* and the flow's limit dropped the rest */
	assert_in_range(sent[nsent - 1].when_ns - start, 49 * NSEC_PER_MSEC, 52 * NSEC_PER_MSEC);
	/* control traffic goes ahead */
	put_n(1, 5, 1000);
	put(&(struct pkt){.flow = 1, .id = 99, .len = 60, .priority = 7});
	assert_int_equal(sent[nsent - 1].id, 99);
}

/* Load a slow device (1 packet a ms) with 3 a ms for two seconds. */
static void overload(u8 tos)
{
	for (unsigned ms = 0; ms < 2000; ms++) {
		for (unsigned i = 0; i < 3; i++)
			put(&(struct pkt){
				.flow = 1, .id = (u16)(ms * 3 + i), .len = 1000, .tos = tos});
		drain(1);
		host_run_for(NSEC_PER_MSEC - NSEC_PER_USEC);
	}
}

/* A standing queue makes CoDel drop, ever more often, or mark where the sender knows ECN. */
static void codel_controls(void **state)
{
	struct Qdisc *q;
	unsigned marked = 0;
	char text[512];

	teardown(state);
	begin(1);
	assert_int_equal(use("fq_codel", ""), 0);
	assert_string_equal(shown(), "limit 10240p flows 1024 quantum 1514 target 5ms "
				     "interval 100ms ecn");
	q = txq->qdisc;
	overload(0);
	assert_true(q->stats.drops > 20);
	teardown(state);
	begin(1);
	use("fq_codel", "");
	q = txq->qdisc;
	overload(2); /* ECT(0) */
	assert_int_equal(q->stats.drops, 0);
	for (unsigned i = 0; i < nsent; i++) {
		assert_true(sent[i].csum_ok);
		marked += sent[i].tos == 3;
	}
	assert_true(marked > 20);
	q->ops->dump_stats(q, text, sizeof(text));
	assert_non_null(strstr(text, "ecn_mark"));
	/* at the limit the longest flow pays */
	assert_int_equal(change("limit 100 noecn"), 0);
	assert_in_range(q->stats.qlen, 1, 100);
}

/* Nothing is dropped while the queue is short, however long it lasts. */
static void codel_leaves_good_queues(void **state)
{
	assert_int_equal(use("fq_codel", ""), 0);
	for (unsigned ms = 0; ms < 500; ms++) {
		put_n(1, 2, 1000);
		run_ms(1);
	}
	assert_int_equal(nsent, 1000);
	assert_int_equal(txq->qdisc->stats.drops, 0);
}

static void netem_delays(void **state)
{
	u64 start = ktime_get_ns();

	assert_int_equal(use("netem", "delay 10ms"), 0);
	assert_string_equal(shown(), "limit 1000 delay 10ms");
	put_n(1, 5, 100);
	assert_int_equal(nsent, 0);
	run_ms(20);
	assert_int_equal(nsent, 5);
	for (u16 i = 0; i < 5; i++) {
		assert_int_equal(sent[i].id, i);
		assert_in_range(sent[i].when_ns - start, 10 * NSEC_PER_MSEC,
				10 * NSEC_PER_MSEC + 100000);
	}
	assert_int_equal(change("delay 10ms 5ms"), 0);
	start = ktime_get_ns();
	put_n(2, 500, 100);
	run_ms(50);
	assert_int_equal(nsent, 505);
	for (unsigned i = 5; i < nsent; i++)
		assert_in_range(sent[i].when_ns - start, 5 * NSEC_PER_MSEC,
				15 * NSEC_PER_MSEC + 100000);
	assert_true(sent[504].when_ns - sent[5].when_ns > 8 * NSEC_PER_MSEC);
}

static void netem_damages(void **state)
{
	unsigned bad = 0;

	assert_int_equal(use("netem", "loss 30%"), 0);
	put_n(1, 1000, 100);
	assert_in_range(nsent, 600, 800);
	nsent = 0;
	assert_int_equal(change("duplicate 100%"), 0);
	put_n(1, 50, 100);
	assert_int_equal(nsent, 100);
	nsent = 0;
	assert_int_equal(change("corrupt 50%"), 0);
	put_n(1, 1000, 60);
	assert_int_equal(nsent, 1000);
	for (unsigned i = 0; i < nsent; i++)
		bad += !sent[i].csum_ok;
	assert_in_range(bad, 80, 300); /* half of them, a third of which in the IPv4 header */
	nsent = 0;
	assert_int_equal(change("delay 10ms reorder 25% gap 4"), 0);
	put_n(1, 400, 100);
	assert_in_range(nsent, 10, 60);
	run_ms(20);
	assert_int_equal(nsent, 400);
	nsent = 0;
	assert_int_equal(change("rate 800kbit limit 30"), 0);
	put_n(1, 40, 1000);
	run_ms(105);
	assert_in_range(nsent, 10, 11);
	run_ms(300);
	assert_int_equal(nsent, 30);
	assert_int_equal(change("loss 101%"), -EINVAL);
	assert_int_equal(change("loss many"), -EINVAL);
	assert_int_equal(change("delay"), -EINVAL);
}

/* What waits when the discipline or the device goes is freed; timers do not fire later. */
static void goes_with_packets_waiting(void **state)
{
	static const char *const kinds[][2] = {{"netem", "delay 1s"},
					       {"tbf", "rate 8kbit burst 2000 limit 100k"},
					       {"fq", "maxrate 8kbit"},
					       {"fq_codel", ""},
					       {"prio", ""}};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_int_equal(use(kinds[i][0], kinds[i][1]), 0);
		put_n(1, 20, 1000);
		put_n(2, 20, 1000);
		if (i % 2) {
			rtnl_lock();
			dev_close(dev);
			assert_int_equal(qdisc_configured(txq)->stats.qlen, 0);
			dev_open(dev);
			rtnl_unlock();
			nsent = 0;
			put_n(3, 1, 100);
			run_ms(2000);
			assert_int_equal(nsent, 1);
		}
	}
	rtnl_lock();
	assert_int_equal(qdisc_delete(txq), 0);
	rtnl_unlock();
	assert_string_equal(txq->qdisc->ops->id, "pfifo_fast");
	assert_int_equal(use("nosuch", ""), -ENOENT);
	assert_int_equal(change("limit 5"), -EOPNOTSUPP);
}

/* pfifo counts packets, bfifo bytes; a limit of nothing lets nothing pass, not even by the way. */
static void fifos_are_bounded(void **state)
{
	teardown(state);
	begin(1);
	assert_int_equal(use("pfifo", "limit 3"), 0);
	assert_string_equal(shown(), "limit 3p");
	put_n(1, 10, 100); /* the ring holds one more */
	assert_int_equal(txq->qdisc->stats.qlen, 3);
	assert_int_equal(txq->qdisc->stats.drops, 6);
	assert_int_equal(use("bfifo", "limit 1000"), 0);
	put_n(1, 10, 400);
	assert_int_equal(txq->qdisc->stats.qlen, 2);
	assert_int_equal(txq->qdisc->stats.drops, 8);
	assert_int_equal(change("limit 3000"), 0);
	put_n(1, 10, 400);
	assert_int_equal(txq->qdisc->stats.qlen, 7);
	assert_int_equal(use("pfifo", "limit 0"), 0);
	put_n(1, 2, 100);
	assert_int_equal(txq->qdisc->stats.drops, 2);
	assert_int_equal(use("pfifo", "limit x"), -EINVAL);
}

/* net.core.default_qdisc is what a device gets that comes up for the first time. */
static void default_qdisc(void **state)
{
	strcpy(net_a.core->default_qdisc, "fq_codel");
	rtnl_lock();
	qdisc_delete(txq);
	rtnl_unlock();
	assert_string_equal(txq->qdisc->ops->id, "fq_codel");
	put_n(1, 10, 100);
	assert_int_equal(nsent, 10);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tbf_shapes),         T(tbf_options),
		T(prio_orders),        cmocka_unit_test(fair),
		T(fq_departure_times), T(fq_maxrate),
		T(codel_controls),     T(codel_leaves_good_queues),
		T(netem_delays),       T(netem_damages),
		T(fifos_are_bounded),  T(goes_with_packets_waiting),
		T(default_qdisc),
	};

	host_init(17);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Two stacks with a link between them, and what the link does to frames: drawn from the seed, so
 * that a seed always gives the same network. Frames are looked at in the link's filter, on their
 * way out of the sender.
 */
#include "sim.h"

#include <errno.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <lib/checksum.h>
#include <net/ip.h>
#include <stdio.h>
#include <string.h>

#include "host/host_int.h"

#define MILLION      1000000u
#define BURST_MAX_NS (300 * NSEC_PER_MSEC)
#define ROUTER_NS    (10 * NSEC_PER_USEC)

struct world world;
static const char *const host_name[SIM_HOSTS] = {"a", "b"};

struct host *world_host_of(const struct net *net)
{
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		if (&world.host[i].net == net)
			return &world.host[i];
	return NULL;
}

bool world_lost_frames(void)
{
	struct link_stats a, b;

	link_get_stats(world.link, world.host[0].dev, &a);
	link_get_stats(world.link, world.host[1].dev, &b);
	return a.lost || a.queue_dropped || b.lost || b.queue_dropped;
}

static u64 mib(unsigned id)
{
	u64 n = 0;

	for (unsigned i = 0; i < SIM_HOSTS; i++)
		for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++)
			n += world.host[i].net.mib[cpu]->linux_[id];
	return n;
}

/* By itself; or for a cookie, whose ACK found no memory: the text behind it proves nothing. */
bool world_ran_short(void)
{
	return mib(LINUX_MIB_TCPABORTONMEMORY) ||
	       (world.alloc_failures && mib(LINUX_MIB_SYNCOOKIESFAILED));
}

u64 sim_log_between(u64 lo, u64 hi)
{
	u64 from = lo ? lo : 1;
	u32 octaves = 0;

	while (from << octaves < hi)
		octaves++;
	from <<= sim_below(octaves + 1);
	if (from > hi || (!lo && sim_below(octaves + 1) == 0))
		from = lo;
	return from + host_random() % (min(from, hi - from) + 1);
}

/* ---- faults ------------------------------------------------------------------------------------
 */

static bool chance(u32 ppm)
{
	return ppm && host_random_below(MILLION) < ppm;
}

static bool in_blackout(const struct faults *f)
{
	u64 t = ktime_get_ns() - world.start_ns;

	if (!f->blackout_ns || t < f->blackout_from_ns)
		return false;
	t -= f->blackout_from_ns;
	if (f->blackout_every_ns)
		t %= f->blackout_every_ns;
	return t < f->blackout_ns;
}

/* A burst ends by chance, or by time: else one that a slow retransmission meets never ends. */
static bool burst_loss(const struct faults *f, struct host *h)
{
	if (!f->burst_enter_ppm)
		return false;
	if (h->in_burst)
		h->in_burst = ktime_get_ns() < h->burst_end_ns && !chance(f->burst_leave_ppm);
	else if ((h->in_burst = chance(f->burst_enter_ppm)))
		h->burst_end_ns = ktime_get_ns() + BURST_MAX_NS;
	return h->in_burst;
}

static bool is_ipv4(const struct host_frame *f)
{
	return f->len >= 34 && get_be16(f->data + 12) == 0x0800;
}

/* Write the checksum that a device would have: what is changed after it is found out. */
static void finish_checksum(struct host_frame *f)
{
	be16 sum;

	if (!f->csum_partial)
		return;
	sum = csum_fold(csum_partial(f->data + f->csum_start, f->len - f->csum_start, 0));
	memcpy(f->data + f->csum_start + f->csum_offset, &sum, sizeof(sum));
	f->csum_partial = false;
}

/* One bit of the IP packet: always found by a checksum of 16 bits. The Ethernet header has its
 * own, which no damaged frame passes; ARP has none. */
static void corrupt(struct host_frame *f)
{
	size_t at = 14 + host_random_below((u32)f->len - 14);

	if (!is_ipv4(f) || f->gso_size)
		return;
	finish_checksum(f);
	f->data[at] ^= (u8)(1u << host_random_below(8));
}

static u32 path_mtu(const struct faults *f)
{
	if (f->mtu_change_ns && ktime_get_ns() - world.start_ns > f->mtu_change_ns)
		return f->path_mtu_later;
	return f->path_mtu;
}

/* The router before the narrow link: RFC 792, RFC 1191. */
static void send_frag_needed(struct host *h, const struct host_frame *f, u32 mtu)
{
	u32 quoted = min((u32)f->len - 14, 28u + 20);
	u32 len = 14 + 20 + 8 + quoted;
	struct host_frame *reply;
	u8 p[128] = {0};
	be16 sum;
	struct iphdr *ip = (void *)(p + 14);

	memcpy(p, f->data + 6, 6);
	memcpy(p + 6, f->data, 6);
	put_be16(p + 12, 0x0800);
	*ip = (struct iphdr){.ver_ihl = 0x45, .ttl = 64, .protocol = IPPROTO_ICMP};
	ip->tot_len = be16_make((u16)(len - 14));
	ip->saddr = be32_make(SIM_SUBNET + 254);
	ip->daddr = be32_make(h->ip);
	ip->check = csum_fold(csum_partial(ip, 20, 0));
	p[34] = ICMP_DEST_UNREACH;
	p[35] = ICMP_FRAG_NEEDED;
	put_be16(p + 40, (u16)mtu);
	memcpy(p + 42, f->data + 14, quoted);
	sum = csum_fold(csum_partial(p + 34, 8 + quoted, 0));
	memcpy(p + 36, &sum, sizeof(sum));
	reply = host_frame_make(p, len);
	list_add_tail(&reply->list, &h->icmp);
	hrtimer_start(&h->icmp_timer, ktime_get_ns() + ROUTER_NS);
}

/* Not from within the transmission: another CPU may have to take the socket's lock. */
static u64 icmp_arrives(struct hrtimer *t)
{
	struct host *h = container_of(t, struct host, icmp_timer);

	while (!list_empty(&h->icmp)) {
		struct host_frame *f = list_first_entry(&h->icmp, struct host_frame, list);

		list_del(&f->list);
		fakedev_rx_frame(h->dev, 0, f);
	}
	return 0;
}

static bool too_big(struct host *h, const struct host_frame *f)
{
	u32 mtu = path_mtu(&world.faults), size = (u32)f->len - 14;

	if (!mtu || !is_ipv4(f) || f->data[23] != IPPROTO_TCP)
		return false;
	if (f->gso_size)
		size = f->gso_size + 20u + (u32)(f->data[46] >> 4) * 4;
	if (size <= mtu)
		return false;
	send_frag_needed(h, f, mtu);
	return true;
}

static bool filter(struct net_device *from, struct host_frame *f, void *arg)
{
	struct host *h = &world.host[from == world.host[1].dev];
	const struct faults *faults = &world.faults;

	(void)arg;
	wire_check(h, f->data, f->len);
	if (world.healed)
		return true;
	if (in_blackout(faults) || burst_loss(faults, h) || chance(faults->loss_ppm))
		return false;
	if (too_big(h, f))
		return false;
	if (chance(faults->corrupt_ppm))
		corrupt(f);
	return true;
}

/* ---- drawn from the seed ------------------------------------------------------------------------
 */

static void draw_link(struct link_config *c)
{
	static const u64 rate[] = {256000, 2000000, 10000000, 100000000, 1000000000, 0};

	c->rate_bps = rate[sim_below(ARRAY_SIZE(rate))];
	c->delay_ns = sim_log_between(0, 200 * NSEC_PER_MSEC);
	c->queue = sim_percent(30) ? sim_between(4, 20) : sim_between(50, 1000);
	if (sim_percent(25))
		c->jitter_ns = sim_log_between(NSEC_PER_USEC, 20 * NSEC_PER_MSEC);
	if (c->jitter_ns && sim_percent(50))
		c->reorder_ppm = sim_between(100, 100000);
	if (sim_percent(20))
		c->duplicate_ppm = sim_between(100, 50000);
}

static void draw_faults(struct faults *f)
{
	if (sim_percent(50))
		f->loss_ppm = (u32)sim_log_between(100, 100000);
	if (sim_percent(15)) {
		f->burst_enter_ppm = sim_between(100, 5000);
		f->burst_leave_ppm = sim_between(100000, 500000);
	}
	if (sim_percent(15))
		f->corrupt_ppm = (u32)sim_log_between(100, 30000);
	if (sim_percent(15)) {
		f->blackout_from_ns = sim_log_between(0, 10 * NSEC_PER_SEC);
		f->blackout_ns = sim_log_between(NSEC_PER_MSEC, 15 * NSEC_PER_SEC);
		f->blackout_every_ns = sim_percent(30) ? f->blackout_ns * sim_between(3, 10) : 0;
	}
	if (sim_percent(15)) {
		f->path_mtu = sim_percent(50) ? 0 : sim_between(576, 1499);
		f->mtu_change_ns = sim_log_between(NSEC_PER_MSEC, 5 * NSEC_PER_SEC);
		f->path_mtu_later = sim_between(576, 1499);
	}
}

static void draw_device(struct fakedev_config *c)
{
	if (sim_percent(40))
		c->features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM;
	if (c->features && sim_percent(50))
		c->features |= NETIF_F_TSO;
	if (sim_percent(50))
		c->rx_linear = sim_percent(50) ? 14 : sim_between(54, 256);
	if (sim_percent(30)) /* a frame is at most MAX_SKB_FRAGS of them */
		c->rx_frag = sim_between(max(100u, c->mtu / 10), 2000);
}

static void draw_sysctls(struct netns_tcp *nt)
{
	/* So many attempts that they outlast the faults (FAULTS_NS), which lose up to a half of all
	 * exchanges: only a broken stack runs out of them. */
	nt->tcp_syn_retries = 20;
	nt->tcp_synack_retries = 20;
	nt->tcp_retries2 = 30;
	nt->tcp_orphan_retries = 30;
	if (sim_percent(15))
		nt->tcp_timestamps = 0;
	if (sim_percent(10))
		nt->tcp_window_scaling = 0;
	if (sim_percent(20))
		nt->tcp_slow_start_after_idle = 0;
	if (sim_percent(20))
		nt->tcp_rmem[1] = (int)sim_log_between(4096, 262144);
	if (sim_percent(20))
		nt->tcp_wmem[1] = (int)sim_log_between(8192, 262144);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void host_create(unsigned i, u32 mtu)
{
	struct fakedev_config config = {.mac = {2, 0, 0, 0, 0, (u8)(i + 1)}, .mtu = mtu};
	struct host *h = &world.host[i];

	draw_device(&config);
	INIT_LIST_HEAD(&h->icmp);
	hrtimer_setup(&h->icmp_timer, icmp_arrives);
	h->ip = SIM_SUBNET + i + 1;
	h->dev = sim_stack_up(&h->net, host_name[i], h->ip, &config);
	draw_sysctls(h->net.tcp);
	sim_note(
		"host %s: mtu %u features %#x rx_linear %u rx_frag %u tstamps %d wscale %d rmem %d "
		"wmem %d",
		host_name[i], config.mtu, config.features, config.rx_linear, config.rx_frag,
		h->net.tcp->tcp_timestamps, h->net.tcp->tcp_window_scaling, h->net.tcp->tcp_rmem[1],
		h->net.tcp->tcp_wmem[1]);
}

void world_create(void)
{
	const struct link_config *c = &world.link_config;
	const struct faults *f = &world.faults;
	static const u32 mtus[] = {1500, 1500, 1500, 9000, 1280, 576};
	u32 mtu;

	/* What is allocated once and kept: the table of descriptors, folders of /proc. */
	sys_close(sys_socket(AF_INET, SOCK_STREAM, 0));
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		if (net_init(&world.host[i].net, host_name[i]))
			sim_fail("net_init");
		net_exit(&world.host[i].net);
	}
	world.memory_before = host_memory_in_use();
	mtu = mtus[sim_below(ARRAY_SIZE(mtus))];
	for (unsigned i = 0; i < SIM_HOSTS; i++)
		host_create(i, mtu);
	draw_link(&world.link_config);
	draw_faults(&world.faults);
	sim_note("link: %llu bit/s, %llu us, jitter %llu us, queue %u, reorder %u, duplicate %u",
		 c->rate_bps, c->delay_ns / 1000, c->jitter_ns / 1000, c->queue, c->reorder_ppm,
		 c->duplicate_ppm);
	sim_note("faults: loss %u burst %u/%u corrupt %u ppm, blackout %llu ms at %llu every %llu, "
		 "mtu %u, after %llu ms %u",
		 f->loss_ppm, f->burst_enter_ppm, f->burst_leave_ppm, f->corrupt_ppm,
		 f->blackout_ns / NSEC_PER_MSEC, f->blackout_from_ns / NSEC_PER_MSEC,
		 f->blackout_every_ns / NSEC_PER_MSEC, f->path_mtu,
		 f->mtu_change_ns / NSEC_PER_MSEC, f->path_mtu_later);
	world.link = link_create(world.host[0].dev, world.host[1].dev, &world.link_config);
	link_set_filter(world.link, filter, NULL);
	if (sim_opt.pcap)
		fakedev_capture(world.host[0].dev, sim_opt.pcap);
	host_run_for(NSEC_PER_SEC);
	world.start_ns = ktime_get_ns();
}

void world_heal(void)
{
	world.healed = true;
	mm_fail_every(0);
}

void world_destroy(void)
{
	u64 after;

	link_destroy(world.link);
	for (unsigned i = 0; i < SIM_HOSTS; i++) {
		fakedev_destroy(world.host[i].dev);
		net_exit(&world.host[i].net);
	}
	host_check();
	after = host_memory_in_use();
	if (after != world.memory_before)
		sim_fail("memory: %llu bytes in use, %llu before", after, world.memory_before);
	if (atomic_read(&tcp_prot.sockets_allocated) || atomic_read(&tcp_prot.orphan_count) ||
	    sk_memory_allocated(&tcp_prot))
		sim_fail("accounts: %d sockets, %d orphans, %lld pages",
			 atomic_read(&tcp_prot.sockets_allocated),
			 atomic_read(&tcp_prot.orphan_count),
			 (long long)sk_memory_allocated(&tcp_prot));
}

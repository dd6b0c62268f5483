/* SPDX-License-Identifier: MIT */
/*
 * The packet generator, /proc/net/pktgen: packets straight to a device's transmit ring and, for the
 * other direction, what comes in thrown away by the driver's poll, with no stack on either side.
 * So it tells what device, driver and machine can carry at most. Words as in Linux's pktgen:
 *
 *     eth0 count 100000 pkt_size 60 burst 32 dst_mac 02:00:00:00:00:01
 *     eth0 count 10000 pkt_size 65226 gso_size 1448
 *     eth0 rx off | on                                  off: received packets end in the poll
 *
 * A write returns when the packets have been given to the device; a read tells the last result.
 * Thread context, one run at a time; the transmit queue is shared with the stack by its lock.
 */
#include <kernel/mm.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/vfs.h>
#include <kernel/wait.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <linux/if_ether.h>
#include <net/ip.h>
#include <net/net.h>
#include <net/netdevice.h>
#include <net/tcp.h>
#include <net/udp.h>

#define PAYLOAD_ORDER 3u /* a block that all packets' data refers to */
#define PAYLOAD_BYTES ((u32)PAGE_SIZE << PAYLOAD_ORDER)
#define FRAME_MIN     60u
#define FRAME_MAX     (ETH_HLEN + 65535u)
#define BURST_MAX     64u
#define PORT          9 /* discard */
#define WORD_MAX      24

struct pktgen {
	struct net_device *dev;
	struct page *payload;
	u64 count;
	u32 pkt_size, gso_size, burst;
	u8 dst_mac[ETH_ALEN];
};

/* Of the last run. */
static DEFINE_MUTEX(result_lock);
static struct {
	char dev[IFNAMSIZ];
	u64 ns, sent, bytes, errors;
	u32 pkt_size, frags;
} result; /* [result_lock] */

/* -- packets ---------------------------------------------------------------------------------- */

static void *put_zeros(struct sk_buff *skb, u32 n)
{
	return memset(skb_put(skb, n), 0, n);
}

static u32 transport_bytes(const struct pktgen *pg)
{
	return pg->gso_size ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static void put_transport(const struct pktgen *pg, struct sk_buff *skb, u32 len)
{
	skb_set_transport_header(skb, (int)(ETH_HLEN + sizeof(struct iphdr)));
	if (pg->gso_size) {
		struct tcphdr *th = put_zeros(skb, sizeof(*th));

		th->source = th->dest = be16_make(PORT);
		th->doff_res = sizeof(*th) / 4 << 4;
		th->flags = TCPHDR_ACK;
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb->transport_header;
		skb->csum_offset = offsetof(struct tcphdr, check);
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
		skb_shinfo(skb)->gso_size = (u16)pg->gso_size;
		skb_shinfo(skb)->gso_segs = (u16)DIV_ROUND_UP(len - (u32)sizeof(*th), pg->gso_size);
	} else {
		struct udphdr *uh = put_zeros(skb, sizeof(*uh));

		uh->source = uh->dest = be16_make(PORT);
		uh->len = be16_make((u16)len); /* no checksum: RFC 768 lets it be zero */
	}
}

static void put_headers(const struct pktgen *pg, struct sk_buff *skb)
{
	struct ethhdr *eth = skb_put(skb, ETH_HLEN);
	u32 len = pg->pkt_size - ETH_HLEN;
	struct iphdr *ip;

	memcpy(eth->h_dest, pg->dst_mac, ETH_ALEN);
	memcpy(eth->h_source, pg->dev->dev_addr, ETH_ALEN);
	eth->h_proto = BE16(ETH_P_IP).wire;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	ip = put_zeros(skb, sizeof(*ip));
	ip->ver_ihl = 0x45;
	ip->tot_len = be16_make((u16)len);
	ip->ttl = 64;
	ip->protocol = pg->gso_size ? IPPROTO_TCP : IPPROTO_UDP;
	ip->saddr = BE32(0xc6120001); /* 198.18.0.0/15 is for such tests: RFC 2544 appendix C.2.2 */
	ip->daddr = BE32(0xc6120002);
	ip->check = ip_fast_csum(ip, 5);
	put_transport(pg, skb, len - (u32)sizeof(*ip));
}

static struct sk_buff *make_packet(const struct pktgen *pg)
{
	u32 head = ETH_HLEN + (u32)sizeof(struct iphdr) + transport_bytes(pg);
	u32 left = pg->pkt_size - head;
	struct sk_buff *skb = netdev_alloc_skb(pg->dev, head);

	if (!skb)
		return NULL;
	put_headers(pg, skb);
	while (left) {
		u32 n = min(left, PAYLOAD_BYTES);

		get_page(pg->payload);
		skb_add_rx_frag(skb, pg->payload, 0, n, n);
		left -= n;
	}
	skb->protocol = BE16(ETH_P_IP);
	return skb;
}

/* n packets linked by next, as the device can take them; fewer where memory is short. */
static struct sk_buff *make_burst(const struct pktgen *pg, u64 n)
{
	struct sk_buff *first = NULL, **end = &first;

	while (n--) {
		*end = make_packet(pg);
		if (!*end)
			break;
		end = &(*end)->next;
	}
	return first ? validate_xmit_skb_list(first, pg->dev) : NULL;
}

/* -- a run --------------------------------------------------------------------------------------
 */

/* What the device does not take now. */
static struct sk_buff *send_burst(const struct pktgen *pg, struct sk_buff *skb)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pg->dev, 0);
	int rc;

	local_bh_disable();
	spin_lock(&txq->xmit_lock);
	if (!netif_xmit_stopped(txq))
		skb = dev_hard_start_xmit(skb, pg->dev, txq, &rc);
	spin_unlock(&txq->xmit_lock);
	netdev_tx_bells();
	local_bh_enable();
	return skb;
}

static int run(const struct pktgen *pg)
{
	u64 start = ktime_get_ns(), sent = 0, errors = 0;
	struct sk_buff *skb = NULL;

	while ((sent < pg->count || skb) && netif_running(pg->dev)) {
		u64 n = min(pg->count - sent, (u64)pg->burst);

		if (!skb) {
			skb = make_burst(pg, n);
			errors += !skb;
			sent += n;
		}
		if (skb)
			skb = send_burst(pg, skb);
		if (skb || errors) /* the ring is full, or memory is */
			thread_yield();
	}
	kfree_skb_list_reason(skb, SKB_DROP_REASON_DEV_READY);
	result.ns = ktime_get_ns() - start;
	result.sent = sent;
	result.bytes = sent * pg->pkt_size;
	result.errors = errors;
	result.pkt_size = pg->pkt_size;
	result.frags = DIV_ROUND_UP(pg->pkt_size, PAYLOAD_BYTES);
	strscpy(result.dev, pg->dev->name, sizeof(result.dev));
	return 0;
}

static int prepare_and_run(struct pktgen *pg)
{
	int err;

	if (pg->pkt_size < FRAME_MIN || pg->pkt_size > FRAME_MAX || !pg->burst ||
	    pg->burst > BURST_MAX || pg->gso_size > pg->dev->mtu)
		return -EINVAL;
	if (!pg->gso_size && pg->pkt_size > pg->dev->mtu + ETH_HLEN)
		return -EMSGSIZE;
	if (!netif_running(pg->dev))
		return -ENETDOWN;
	pg->payload = alloc_pages_owner(PAYLOAD_ORDER, GFP_ZERO, PAGES_SKB);
	if (!pg->payload)
		return -ENOMEM;
	mutex_lock(&result_lock);
	err = run(pg);
	mutex_unlock(&result_lock);
	put_page(pg->payload);
	return err;
}

/* -- words --------------------------------------------------------------------------------------
 */

/* The next word of *text, cut off; false: none, or too long. */
static bool next_word(const char **text, char word[WORD_MAX])
{
	size_t n;

	*text += strspn(*text, " \t\n");
	n = strcspn(*text, " \t\n");
	if (!n || n >= WORD_MAX)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n;
	return true;
}

static int parse_mac(const char *s, u8 *mac)
{
	for (unsigned i = 0; i < ETH_ALEN; i++, s += 3) {
		char hex[3] = {s[0], s[0] ? s[1] : '\0'};

		if (!hex[0] || kstrtou8(hex, 16, &mac[i]) ||
		    s[2] != (i < ETH_ALEN - 1 ? ':' : '\0'))
			return -EINVAL;
	}
	return 0;
}

static int set_option(struct pktgen *pg, const char *name, const char *value)
{
	if (!strcmp(name, "count"))
		return kstrtou64(value, 10, &pg->count);
	if (!strcmp(name, "pkt_size"))
		return kstrtou32(value, 10, &pg->pkt_size);
	if (!strcmp(name, "gso_size"))
		return kstrtou32(value, 10, &pg->gso_size);
	if (!strcmp(name, "burst"))
		return kstrtou32(value, 10, &pg->burst);
	if (!strcmp(name, "dst_mac"))
		return parse_mac(value, pg->dst_mac);
	if (!strcmp(name, "rx")) {
		bool on;
		int err = kstrtobool(value, &on);

		if (!err)
			WRITE_ONCE(pg->dev->rx_sink, !on);
		return err;
	}
	return -EINVAL;
}

static int command(struct pktgen *pg, const char *text)
{
	char name[WORD_MAX], value[WORD_MAX];
	int err;

	while (next_word(&text, name)) {
		if (!next_word(&text, value))
			return -EINVAL;
		err = set_option(pg, name, value);
		if (err)
			return err;
	}
	return pg->count ? prepare_and_run(pg) : 0;
}

static ssize_t pktgen_write(void *private, const char *text, size_t len)
{
	struct pktgen pg = {.pkt_size = FRAME_MIN, .burst = 32, .dst_mac = {2, 0, 0, 0, 0, 1}};
	char name[WORD_MAX];
	int err;

	if (!next_word(&text, name))
		return -EINVAL;
	rtnl_lock();
	pg.dev = dev_get_by_name(private, name);
	if (pg.dev)
		dev_hold(pg.dev);
	rtnl_unlock();
	if (!pg.dev)
		return -ENODEV;
	err = command(&pg, text);
	dev_put(pg.dev);
	return err ? err : (ssize_t)len;
}

static void pktgen_show(struct seq_file *m)
{
	u64 us, pps, mbps;

	mutex_lock(&result_lock);
	us = max(result.ns / NSEC_PER_USEC, 1ull);
	pps = result.sent * USEC_PER_SEC / us;
	mbps = result.bytes * 8 / us;
	if (result.sent)
		seq_printf(m,
			   "%s: Result: OK: %llu usec, %llu (%ubyte,%ufrags)\n"
			   "  %llupps %lluMb/sec (%llubps) errors: %llu\n",
			   result.dev, us, result.sent, result.pkt_size, result.frags, pps, mbps,
			   result.bytes * 8 * 1000 / us * 1000, result.errors);
	mutex_unlock(&result_lock);
}

static int pktgen_net_init(struct net *net)
{
	return proc_net_create(net, "pktgen", pktgen_show, pktgen_write, net);
}

static void pktgen_net_exit(struct net *net)
{
	proc_net_remove(net, "pktgen");
}

static const struct pernet_ops pktgen_net_ops = {
	.order = PERNET_LATE, .name = "pktgen", .init = pktgen_net_init, .exit = pktgen_net_exit};
PERNET_OPS(pktgen_net_ops);

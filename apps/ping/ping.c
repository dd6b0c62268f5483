/* SPDX-License-Identifier: MIT */
/*
 * ping: ICMP echo over a datagram socket of IPPROTO_ICMP, with the options and the words of
 * iputils'. Errors that routers report come through the socket's error queue.
 */
#include "../lib/num.h"
#include "../lib/opts.h"
#include "../lib/term.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MAX_DATA      65507u
#define MIN_INTERVAL  2000u /* us */
#define LATE_US       1000000u
#define SENT_SLOTS    256u
#define MTU_OVERHEAD  28u /* IP and ICMP headers */
#define CONTROL_BYTES 256

struct ping {
	int fd;
	struct sockaddr_in to;
	char host[16];
	unsigned count; /* 0: until Ctrl-C */
	unsigned size, ttl;
	uint64_t interval_us, wait_us, deadline_us; /* 0: none */
	bool quiet;
	uint8_t *buf;

	uint64_t begin_us;
	unsigned sent, received, errors, duplicates;
	uint64_t min_us, max_us, sum_us, sum_square;
	uint64_t sent_us[SENT_SLOTS]; /* by sequence number, plus 1; 0: answered */
};

static bool send_one(struct ping *p)
{
	struct icmphdr *icmp = (void *)p->buf;
	unsigned seq = ++p->sent;

	memset(icmp, 0, sizeof(*icmp));
	icmp->type = ICMP_ECHO;
	icmp->un.echo.sequence = htons((uint16_t)seq);
	for (unsigned i = 0; i < p->size; i++)
		p->buf[sizeof(*icmp) + i] = (uint8_t)i;
	p->sent_us[seq % SENT_SLOTS] = now_us() + 1;
	if (sendto(p->fd, p->buf, sizeof(*icmp) + p->size, 0, (struct sockaddr *)&p->to,
		   sizeof(p->to)) >= 0)
		return true;
	fprintf(stderr, "ping: sendmsg: %s\n", strerror(errno));
	return errno != EMSGSIZE && errno != EINVAL;
}

/* Receive a message; its TTL and, from the error queue, what went wrong. */
static ssize_t receive(struct ping *p, int flags, struct sockaddr_in *from, int *ttl,
		       struct sock_extended_err *err, struct sockaddr_in *offender)
{
	union {
		char bytes[CONTROL_BYTES];
		struct cmsghdr align;
	} control;
	struct iovec iov = {p->buf, sizeof(struct icmphdr) + MAX_DATA};
	struct msghdr m = {
		.msg_name = from,
		.msg_namelen = sizeof(*from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(p->fd, &m, flags | MSG_DONTWAIT);

	*ttl = -1;
	if (n < 0)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_TTL)
			memcpy(ttl, CMSG_DATA(c), sizeof(*ttl));
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) {
			memcpy(err, CMSG_DATA(c), sizeof(*err));
			memcpy(offender, CMSG_DATA(c) + sizeof(*err), sizeof(*offender));
		}
	}
	return n;
}

static void count_reply(struct ping *p, uint64_t us)
{
	p->received++;
	p->sum_us += us;
	p->sum_square += us * us;
	p->min_us = us < p->min_us ? us : p->min_us;
	p->max_us = us > p->max_us ? us : p->max_us;
}

static bool read_reply(struct ping *p)
{
	char text[16], ms[DECIMAL_BYTES];
	struct sock_extended_err err;
	struct sockaddr_in from = {0}, offender;
	struct icmphdr icmp;
	uint64_t us, *sent;
	unsigned seq;
	int ttl;
	ssize_t n = receive(p, 0, &from, &ttl, &err, &offender);
	bool duplicate;

	if (n < (ssize_t)sizeof(icmp))
		return false;
	memcpy(&icmp, p->buf, sizeof(icmp));
	seq = ntohs(icmp.un.echo.sequence);
	sent = &p->sent_us[seq % SENT_SLOTS];
	duplicate = !*sent;
	us = duplicate ? 0 : now_us() + 1 - *sent;
	*sent = 0;
	if (duplicate)
		p->duplicates++;
	else
		count_reply(p, us);
	if (p->quiet)
		return true;
	printf("%u bytes from %s: icmp_seq=%u ttl=%d time=%s ms%s\n", (unsigned)n,
	       inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)), seq, ttl,
	       decimal(ms, us, 1000,
		       us < 1000     ? 3
		       : us < 10000  ? 2
		       : us < 100000 ? 1
				     : 0),
	       duplicate ? " (DUP!)" : "");
	return true;
}

static const char *unreachable_text(unsigned code)
{
	static const char *const names[] = {
		[ICMP_NET_UNREACH] = "Destination Net Unreachable",
		[ICMP_HOST_UNREACH] = "Destination Host Unreachable",
		[ICMP_PROT_UNREACH] = "Destination Protocol Unreachable",
		[ICMP_PORT_UNREACH] = "Destination Port Unreachable",
		[ICMP_SR_FAILED] = "Source Route Failed",
		[ICMP_PKT_FILTERED] = "Packet filtered",
	};
	const char *name = code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;

	return name ? name : "Destination Unreachable";
}

static void print_icmp_error(const struct sock_extended_err *e)
{
	if (e->ee_type == ICMP_TIME_EXCEEDED)
		printf("%s\n", e->ee_code == ICMP_EXC_TTL ? "Time to live exceeded"
							  : "Frag reassembly time exceeded");
	else if (e->ee_type == ICMP_DEST_UNREACH && e->ee_code == ICMP_FRAG_NEEDED)
		printf("Frag needed and DF set (mtu = %u)\n", e->ee_info);
	else if (e->ee_type == ICMP_DEST_UNREACH)
		printf("%s\n", unreachable_text(e->ee_code));
	else
		printf("Parameter problem\n");
}

static bool read_error(struct ping *p)
{
	struct sock_extended_err e = {0};
	struct sockaddr_in to = {0}, offender = {0};
	const struct icmphdr *quoted = (const void *)p->buf;
	char text[16];
	int ttl;
	ssize_t n = receive(p, MSG_ERRQUEUE, &to, &ttl, &e, &offender);

	if (n < 0)
		return false;
	p->errors++;
	if (p->quiet)
		return true;
	if (e.ee_origin == SO_EE_ORIGIN_LOCAL) {
		if (e.ee_errno == EMSGSIZE)
			printf("ping: local error: message too long, mtu=%u\n", e.ee_info);
		else
			printf("ping: local error: %s\n", strerror((int)e.ee_errno));
		return true;
	}
	printf("From %s icmp_seq=%u ", inet_ntop(AF_INET, &offender.sin_addr, text, sizeof(text)),
	       n >= (ssize_t)sizeof(*quoted) ? ntohs(quoted->un.echo.sequence) : 0);
	print_icmp_error(&e);
	return true;
}

/* When to give up waiting: the last echo's time is over, or the whole deadline. */
static uint64_t end_us(const struct ping *p, uint64_t last_us)
{
	uint64_t end = UINT64_MAX;

	if (p->count && p->sent >= p->count)
		end = last_us + p->wait_us;
	if (p->deadline_us && p->begin_us + p->deadline_us < end)
		end = p->begin_us + p->deadline_us;
	return end;
}

static void run(struct ping *p)
{
	uint64_t next = now_us(), last = next;
	bool go = true;

	p->begin_us = next;
	while (go && (!p->count || p->received + p->errors < p->count)) {
		struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN}, interrupt_pollfd()};
		uint64_t now = now_us(), end = end_us(p, last), until;

		if (now >= end)
			return;
		if (now >= next && (!p->count || p->sent < p->count)) {
			go = send_one(p);
			last = now;
			next = now + p->interval_us;
			continue;
		}
		until = p->count && p->sent >= p->count ? end : next < end ? next : end;
		poll(fds, 2, (int)((until - now) / 1000 + 1));
		go = !(fds[1].revents & POLLPRI);
		while (fds[0].revents && read_reply(p))
			continue;
		while (fds[0].revents & POLLERR && read_error(p))
			continue;
	}
}

static uint64_t square_root(uint64_t v)
{
	uint64_t r = 0;

	for (uint64_t bit = 1ull << 31; bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= v)
			r |= bit;
	return r;
}

static void summary(const struct ping *p)
{
	char min[DECIMAL_BYTES], avg[DECIMAL_BYTES], max[DECIMAL_BYTES], dev[DECIMAL_BYTES];
	unsigned lost = p->sent > p->received ? p->sent - p->received : 0;
	uint64_t mean;

	printf("\n--- %s ping statistics ---\n%u packets transmitted, %u received", p->host,
	       p->sent, p->received);
	if (p->duplicates)
		printf(", +%u duplicates", p->duplicates);
	if (p->errors)
		printf(", +%u errors", p->errors);
	printf(", %u%% packet loss, time %llums\n", p->sent ? lost * 100 / p->sent : 0,
	       (unsigned long long)(now_us() - p->begin_us) / 1000);
	if (!p->received)
		return;
	mean = p->sum_us / p->received;
	printf("rtt min/avg/max/mdev = %s/%s/%s/%s ms\n", decimal(min, p->min_us, 1000, 3),
	       decimal(avg, mean, 1000, 3), decimal(max, p->max_us, 1000, 3),
	       decimal(dev, square_root(p->sum_square / p->received - mean * mean), 1000, 3));
}

static bool set_option(struct ping *p, int letter, const char *arg)
{
	switch (letter) {
	case 'c':
		return parse_uint(arg, 1, UINT32_MAX, &p->count);
	case 's':
		return parse_uint(arg, 0, MAX_DATA, &p->size);
	case 't':
		return parse_uint(arg, 1, 255, &p->ttl);
	case 'i':
		return parse_decimal(arg, 1000000, &p->interval_us) &&
		       p->interval_us >= MIN_INTERVAL && p->interval_us < 3600000000;
	case 'W':
		return parse_decimal(arg, 1000000, &p->wait_us) && p->wait_us < 3600000000;
	case 'w':
		return parse_decimal(arg, 1000000, &p->deadline_us) && p->deadline_us &&
		       p->deadline_us < 3600000000000;
	case 'q':
		return p->quiet = true;
	case 'n':
		return true; /* there are no names */
	default:
		return false;
	}
}

static bool set_up(struct ping *p)
{
	int one = 1;

	p->fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	p->buf = malloc(sizeof(struct icmphdr) + MAX_DATA);
	if (p->fd < 0 || !p->buf)
		return false;
	setsockopt(p->fd, SOL_IP, IP_RECVERR, &one, sizeof(one));
	setsockopt(p->fd, SOL_IP, IP_RECVTTL, &one, sizeof(one));
	return !p->ttl || !setsockopt(p->fd, SOL_IP, IP_TTL, &p->ttl, sizeof(p->ttl));
}

static int ping_main(int argc, char **argv)
{
	struct ping p = {.size = 56,
			 .interval_us = 1000000,
			 .wait_us = LATE_US,
			 .min_us = UINT64_MAX,
			 .fd = -1,
			 .to = {.sin_family = AF_INET}};
	struct opts o = {.argc = argc, .argv = argv, .letters = "c:s:t:i:W:w:qn"};
	int letter;

	while ((letter = opts_next(&o)) != -1) {
		if (letter == '?')
			return app_usage(argv[0]);
		if (!set_option(&p, letter, o.arg)) {
			fprintf(stderr, "ping: invalid argument: '%s'\n", o.arg);
			return 2;
		}
	}
	if (o.next != argc - 1)
		return app_usage(argv[0]);
	if (inet_pton(AF_INET, argv[o.next], &p.to.sin_addr) != 1) {
		fprintf(stderr, "ping: %s: not an IPv4 address\n", argv[o.next]);
		return 2;
	}
	if (set_up(&p)) {
		inet_ntop(AF_INET, &p.to.sin_addr, p.host, sizeof(p.host));
		printf("PING %s (%s) %u(%u) bytes of data.\n", p.host, p.host, p.size,
		       p.size + MTU_OVERHEAD);
		run(&p);
		summary(&p);
	} else {
		perror("ping");
	}
	if (p.fd >= 0)
		close(p.fd);
	free(p.buf);
	return p.received ? 0 : p.sent ? 1 : 2;
}

APP(ping, ping_main,
    "ping [-nq] [-c count] [-i interval] [-s size] [-t ttl] [-W timeout] [-w deadline] address: "
    "ICMP echo",
    false);

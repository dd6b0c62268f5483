/* SPDX-License-Identifier: MIT */
/*
 * A link in user space: frames go from one file descriptor (a TAP, or a packet socket) to the
 * other. The way from A to B has a rate, a queue and loss by chance; both ways have a delay. Which
 * frames are lost depends on the seed and on how many there were before. A frame is one read():
 * whoever opens the descriptors sees to it that none is a super-packet, and that both do not block.
 *
 * usage: link FD_A FD_B KBIT_S DELAY_US QUEUE_FRAMES LOSS_PPM SEED     until SIGTERM
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_FRAME  2048
#define MAX_FRAMES 8192 /* under way, each way */
#define SECOND_NS  1000000000ull

struct frame {
	uint64_t sent_ns; /* has left the queue */
	uint64_t arrives_ns;
	size_t len;
	uint8_t data[MAX_FRAME];
};

/* One way: a ring of frames, in the order of their arrival. */
struct way {
	int from, to;
	uint64_t rate_bps; /* 0: no limit */
	uint64_t delay_ns, busy_until_ns;
	uint32_t queue, loss_ppm;
	uint64_t random;
	unsigned head, count;
	struct frame *ring;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* splitmix64 */
static bool chance(struct way *w, uint32_t ppm)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31) % 1000000 < ppm;
}

static struct frame *nth(const struct way *w, unsigned n)
{
	return &w->ring[(w->head + n) % MAX_FRAMES];
}

/* Frames that wait for the rate: at the end of the ring. */
static unsigned waiting(const struct way *w, uint64_t now)
{
	unsigned n = 0;

	while (n < w->count && nth(w, w->count - 1 - n)->sent_ns > now)
		n++;
	return n;
}

/* All that there is to read. */
static void take(struct way *w)
{
	uint64_t now = now_ns();

	for (;;) {
		static uint8_t spill[MAX_FRAME];
		struct frame *f = nth(w, w->count);
		ssize_t n;

		/* Too many, or the queue is full: read and forget. */
		n = read(w->from, w->count < MAX_FRAMES ? f->data : spill, MAX_FRAME);
		if (n <= 0)
			return;
		if (w->count == MAX_FRAMES || chance(w, w->loss_ppm) ||
		    (w->rate_bps && waiting(w, now) > w->queue))
			continue;
		f->len = (size_t)n;
		f->sent_ns = now;
		if (w->rate_bps) {
			if (w->busy_until_ns < now)
				w->busy_until_ns = now;
			w->busy_until_ns += f->len * 8 * SECOND_NS / w->rate_bps;
			f->sent_ns = w->busy_until_ns;
		}
		f->arrives_ns = f->sent_ns + w->delay_ns;
		w->count++;
	}
}

/* What has arrived. When does the next one? 0: none is under way. */
static uint64_t give(struct way *w)
{
	uint64_t now = now_ns();

	for (; w->count; w->count--, w->head = (w->head + 1) % MAX_FRAMES) {
		struct frame *f = nth(w, 0);

		if (f->arrives_ns > now)
			return f->arrives_ns;
		if (write(w->to, f->data, f->len) < 0 && errno != EAGAIN && errno != ENOBUFS)
			perror("link: write");
	}
	return 0;
}

static void run(struct way *w)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = w[0].from, .events = POLLIN},
					{.fd = w[1].from, .events = POLLIN}};
		uint64_t next[2] = {give(&w[0]), give(&w[1])}, now = now_ns(), until;
		struct timespec t;

		until = !next[0] || (next[1] && next[1] < next[0]) ? next[1] : next[0];
		if (!until)
			until = now + SECOND_NS;
		until = until > now ? until - now : 0;
		t = (struct timespec){(time_t)(until / SECOND_NS), (long)(until % SECOND_NS)};
		if (ppoll(fds, 2, &t, NULL) < 0 && errno != EINTR) {
			perror("link: ppoll");
			exit(1);
		}
		take(&w[0]);
		take(&w[1]);
	}
}

int main(int argc, char **argv)
{
	struct way w[2] = {{0}};

	if (argc != 8) {
		fprintf(stderr, "link: seven arguments, see the head of link.c\n");
		return 2;
	}
	for (unsigned i = 0; i < 2; i++) {
		w[i].from = atoi(argv[1 + i]);
		w[i].to = atoi(argv[2 - i]);
		w[i].delay_ns = strtoull(argv[4], NULL, 0) * 1000;
		w[i].ring = calloc(MAX_FRAMES, sizeof(struct frame));
		if (!w[i].ring)
			return 1;
	}
	w[0].rate_bps = strtoull(argv[3], NULL, 0) * 1000;
	w[0].queue = (uint32_t)strtoul(argv[5], NULL, 0);
	w[0].loss_ppm = (uint32_t)strtoul(argv[6], NULL, 0);
	w[0].random = strtoull(argv[7], NULL, 0);
	/* On a busy host too it must be there when a frame is due; where that may not be asked for,
	 * the link is a little slower for everybody. */
	prctl(PR_SET_TIMERSLACK, 1000ul);
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
	run(w);
}

/* SPDX-License-Identifier: MIT */
/*
 * Flows over one bottleneck in virtual time: who gets how much. One stack sends as much as it can
 * on each of its connections, another one reads. Prints a line a flow: its payload in bit/s, from
 * the end of the warm-up on; then a line of what was lost. tests/sim/goodput makes tables of it.
 *
 * usage: flows [options] FLOW...      FLOW: cubic, bbr:100 (a round trip of its own in ms)
 *        --rate KBIT --rtt MS --loss PPM --queue FRAMES --qdisc NAME --no-sack
 *        --warmup MS --time MS --seed N --pcap FILE --set NAME=VALUE (a sysctl of both)
 */
#include "flows.h"

#include <errno.h>
#include <getopt.h>
#include <kernel/syscalls.h>
#include <kernel/sysctl.h>
#include <kernel/thread.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT           80
#define CHUNK          65536u
#define START_MS       100 /* flows begin within so many, by the seed */
#define MIN_BDP_FRAMES 20u

struct flow {
	unsigned index;
	const char *cc;
	u64 got, got_before; /* bytes */
};

static struct flow flow[MAX_FLOWS];
static unsigned nflows;
static struct net sender, receiver;
static u8 chunk[CHUNK];

struct run {
	struct path_config path;
	u64 warmup_ns, time_ns, seed;
	const char *pcap, *set[16];
	unsigned nset;
	bool no_sack;
};

_Noreturn void sim_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "flows: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	fflush(NULL);
	_exit(1);
}

static struct sockaddr_in address(u32 ip, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(port).wire,
				    .sin_addr.s_addr = be32_make(ip).wire};
}

static int new_socket(void)
{
	int fd = sys_socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		sim_fail("socket: %d", fd);
	return fd;
}

/* ---- the two ends ------------------------------------------------------------------------------
 */

static int send_all(void *arg)
{
	const struct flow *f = arg;
	struct sockaddr_in me = address(SIM_SUBNET + 1, (u16)(FLOW_PORT + f->index));
	struct sockaddr_in to = address(SIM_SUBNET + 2, PORT);
	int fd, err;

	set_current_net(&sender);
	thread_sleep_ns(host_random_below(START_MS * 1000) * NSEC_PER_USEC);
	fd = new_socket();
	err = sys_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, f->cc, (socklen_t)strlen(f->cc));
	if (err)
		sim_fail("congestion control %s: %d", f->cc, err);
	err = sys_bind(fd, (const void *)&me, sizeof(me));
	if (!err)
		err = sys_connect(fd, (const void *)&to, sizeof(to));
	while (!err) {
		ssize_t n = sys_sendto(fd, chunk, sizeof(chunk), 0, NULL, 0);

		err = n < 0 ? (int)n : 0;
	}
	sim_fail("flow %u: %d", f->index, err);
}

/* Bytes are counted, not copied: that they are right is for the seeds to show. */
static int read_all(void *arg)
{
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	int fd = (int)(long)arg;
	struct flow *f;

	set_current_net(&receiver);
	sys_getpeername(fd, (void *)&from, &len);
	f = &flow[be16_get(BE16_RAW(from.sin_port)) - FLOW_PORT];
	for (;;) {
		ssize_t n = sys_recvfrom(fd, chunk, 1u << 20, MSG_TRUNC, NULL, NULL);

		if (n <= 0)
			sim_fail("flow %u: recv() gave %zd", f->index, n);
		f->got += (u64)n;
	}
	return 0;
}

static int accept_all(void *arg)
{
	struct sockaddr_in any = address(INADDR_ANY, PORT);
	int fd, child;

	(void)arg;
	set_current_net(&receiver);
	fd = new_socket();
	if (sys_bind(fd, (const void *)&any, sizeof(any)) || sys_listen(fd, MAX_FLOWS))
		sim_fail("listen");
	while ((child = sys_accept4(fd, NULL, NULL, 0)) >= 0)
		thread_create("reader", read_all, (void *)(long)child, CPU_ANY, PRIO_NORMAL);
	sim_fail("accept: %d", child);
}

/* ---- the run -----------------------------------------------------------------------------------
 */

static u64 counter(unsigned id)
{
	u64 sum = 0;

	for_each_cpu(cpu)
		sum += sender.mib[cpu]->linux_[id];
	return sum;
}

static void set_sysctl(const char *assignment)
{
	const char *value = strchr(assignment, '=');
	struct net *const nets[] = {&sender, &receiver};
	char name[128];

	if (!value)
		sim_fail("--set NAME=VALUE");
	snprintf(name, sizeof(name), "%.*s", (int)(value - assignment), assignment);
	for (unsigned i = 0; i < ARRAY_SIZE(nets); i++)
		if (sysctl_write(name, nets[i]->tcp, value + 1))
			sim_fail("sysctl %s", assignment);
}

static void stacks_up(const struct run *r)
{
	struct fakedev_config config = {.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM,
					.rx_linear = 66,
					.rx_frag = 2048};
	struct net_device *a, *b;

	config.mac[0] = config.mac[5] = 2;
	b = sim_stack_up(&receiver, "receiver", SIM_SUBNET + 2, &config);
	config.mac[5] = 1;
	a = sim_stack_up(&sender, "sender", SIM_SUBNET + 1, &config);
	path_create(a, b, &r->path);
	if (r->pcap)
		fakedev_capture(a, r->pcap);
	sender.tcp->tcp_sack = receiver.tcp->tcp_sack = !r->no_sack;
	for (unsigned i = 0; i < r->nset; i++)
		set_sysctl(r->set[i]);
}

static void report(const struct run *r)
{
	struct path_stats s;

	for (unsigned i = 0; i < nflows; i++)
		printf("%s %.0f\n", flow[i].cc,
		       (double)(flow[i].got - flow[i].got_before) * 8e9 / (double)r->time_ns);
	path_get_stats(&s);
	printf("lost %llu queue_dropped %llu retransmitted %llu timeouts %llu\n", s.lost,
	       s.queue_dropped, sender.mib[0]->tcp[TCP_MIB_RETRANSSEGS],
	       counter(LINUX_MIB_TCPTIMEOUTS));
}

static void run(const struct run *r)
{
	struct host_config config = {.seed = r->seed, .mem_bytes = 256u << 20};

	host_init_config(&config);
	stacks_up(r);
	thread_create("listener", accept_all, NULL, CPU_ANY, PRIO_NORMAL);
	host_run_for(NSEC_PER_MSEC);
	for (unsigned i = 0; i < nflows; i++)
		thread_create("sender", send_all, &flow[i], CPU_ANY, PRIO_NORMAL);
	host_run_for(r->warmup_ns);
	for (unsigned i = 0; i < nflows; i++)
		flow[i].got_before = flow[i].got;
	host_run_for(r->time_ns);
	report(r);
	fflush(NULL);
	_exit(0);
}

static void add_flow(struct run *r, char *word, u64 rtt_ns)
{
	char *colon = strchr(word, ':');

	if (nflows == MAX_FLOWS)
		sim_fail("at most %u flows", MAX_FLOWS);
	if (colon) {
		*colon = '\0';
		rtt_ns = strtoull(colon + 1, NULL, 0) * NSEC_PER_MSEC;
	}
	flow[nflows] = (struct flow){.index = nflows, .cc = word};
	r->path.rtt_ns[nflows++] = rtt_ns;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"rate", required_argument, NULL, 'r'},   {"rtt", required_argument, NULL, 'd'},
		{"loss", required_argument, NULL, 'l'},   {"queue", required_argument, NULL, 'q'},
		{"qdisc", required_argument, NULL, 'k'},  {"no-sack", no_argument, NULL, 'n'},
		{"warmup", required_argument, NULL, 'w'}, {"time", required_argument, NULL, 't'},
		{"seed", required_argument, NULL, 's'},   {"pcap", required_argument, NULL, 'p'},
		{"set", required_argument, NULL, 'x'},    {NULL, 0, NULL, 0},
	};
	struct run r = {.path = {.rate_bps = 20000000, .queue = 50, .qdisc = "pfifo_fast"},
			.warmup_ns = 2 * NSEC_PER_SEC,
			.time_ns = 10 * NSEC_PER_SEC,
			.seed = 1};
	u64 rtt_ns = 20 * NSEC_PER_MSEC;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		u64 number = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (c) {
		case 'r':
			r.path.rate_bps = number * 1000;
			break;
		case 'd':
			rtt_ns = number * NSEC_PER_MSEC;
			break;
		case 'l':
			r.path.loss_ppm = (u32)number;
			break;
		case 'q':
			r.path.queue = (unsigned)number;
			break;
		case 'k':
			r.path.qdisc = optarg;
			break;
		case 'n':
			r.no_sack = true;
			break;
		case 'w':
			r.warmup_ns = number * NSEC_PER_MSEC;
			break;
		case 't':
			r.time_ns = number * NSEC_PER_MSEC;
			break;
		case 's':
			r.seed = number;
			break;
		case 'p':
			r.pcap = optarg;
			break;
		case 'x':
			if (r.nset < ARRAY_SIZE(r.set))
				r.set[r.nset++] = optarg;
			break;
		default:
			return 2;
		}
	}
	while (optind < argc)
		add_flow(&r, argv[optind++], rtt_ns);
	run(&r);
}

/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: every command of the console survives any arguments, gives its memory back, and
 * refuses what is nonsense with a status; netlink does the same with any message. The stack runs
 * with its loopback device and a wire that leads nowhere. Commands that run until Ctrl-C are given
 * an end.
 */
#include "lib_test.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/init.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define MAX_ARGS 10

static const char *const words[] = {
	"-a",
	"-b",
	"-c",
	"-t",
	"-n",
	"-l",
	"-i",
	"-m",
	"-e",
	"-o",
	"-s",
	"-p",
	"-u",
	"-z",
	"-r",
	"-x",
	"-h",
	"-q",
	"-Z",
	"-4",
	"-P",
	"--",
	"-",
	"--json",
	"--bidir",
	"-t1",
	"-c1",
	"-n1",
	"1",
	"0",
	"-1",
	"65536",
	"99999999999999999999",
	"1.5",
	"x",
	"",
	"lo",
	"eth0",
	"127.0.0.1",
	"127.0.0.1/8",
	"10.0.0.9",
	"0.0.0.0/0",
	"300.1.1.1",
	"default",
	"via",
	"dev",
	"add",
	"del",
	"show",
	"get",
	"set",
	"up",
	"mtu",
	"addr",
	"link",
	"route",
	"neigh",
	"lladdr",
	"02:00:00:00:00:01",
	"metric",
	"table",
	"all",
	"state",
	"established",
	"listening",
	"sport",
	"=",
	":80",
	"dst",
	"or",
	"not",
	"(",
	")",
	"Ip*",
	"*",
	"?",
	"err",
	"warn+",
	"/proc",
	"/proc/net/dev",
	"/nosuch",
	"net.ipv4.ip_default_ttl",
	"net.ipv4.ip_default_ttl=64",
	"http://127.0.0.1:9/",
	"ss",
	"-O",
};

/* Those that end by themselves, and the words in front that see to it. */
static const struct {
	const char *name, *first, *second;
} commands[] = {
	{"ip", NULL, NULL},
	{"ss", NULL, NULL},
	{"nstat", NULL, NULL},
	{"cat", NULL, NULL},
	{"ls", NULL, NULL},
	{"echo", NULL, NULL},
	{"help", NULL, NULL},
	{"sysctl", NULL, NULL},
	{"uptime", NULL, NULL},
	{"lspci", NULL, NULL},
	{"ps", NULL, NULL},
	{"ping", "-c1", "-W0.1"},
	{"wget", "-T1", NULL},
	{"nc", "-w1", "-z"},
	{"free", "-c1", NULL},
	{"top", "-n1", "-d0.1"},
	{"iperf3", "-t0", "-c10.0.0.9"},
	{"shell", "-c", "echo $?; 'x"},
};

static const struct app *find(const char *name)
{
	const struct app *a = app_find(name);

	assert_non_null(a);
	return a;
}

static int run(const char *name, int n, const char *const *args)
{
	char *argv[MAX_ARGS + 4], *copies[MAX_ARGS + 4];
	int argc = 0, status;

	copies[argc] = argv[argc] = strdup(name);
	argc++;
	for (int i = 0; i < n; i++, argc++)
		copies[argc] = argv[argc] = strdup(args[i]);
	argv[argc] = NULL;
	status = find(name)->main(argc, argv);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
	return status;
}

/* "-w", "-f" and such would go on: they are not among the words. A count or an end that a random
 * word takes away again is put behind as well. */
static void any_arguments(void **state)
{
	for (unsigned c = 0; c < ARRAY_SIZE(commands); c++) {
		for (unsigned round = 0; round < 300; round++) {
			const char *args[MAX_ARGS];
			unsigned n = 0, more = host_random_below(MAX_ARGS - 4);

			for (unsigned i = 0; i < more; i++)
				args[n++] = words[host_random_below(ARRAY_SIZE(words))];
			if (commands[c].first)
				args[n++] = commands[c].first;
			if (commands[c].second)
				args[n++] = commands[c].second;
			run(commands[c].name, (int)n, args);
		}
	}
}

static void nonsense_has_a_status(void **state)
{
	static const char *const bad[] = {"-Z"};

	for (unsigned c = 0; c < ARRAY_SIZE(commands); c++)
		if (strcmp(commands[c].name, "echo"))
			assert_int_not_equal(run(commands[c].name, 1, bad), 0);
}

static void statuses(void **state)
{
	static const struct {
		const char *line;
		int status;
	} cases[] = {{"ping -c1 127.0.0.1", 0},          {"ss -tan", 0},
		     {"ip route get 127.0.0.1", 0},      {"cat /nosuch", 1},
		     {"wget http://127.0.0.1:9/", 4},    {"nosuch", 127},
		     {"echo x; cat /nosuch; echo y", 0}, {"'open", 2}};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *args[] = {"-c", cases[i].line};

		int status = run("shell", 2, args);

		if (status != cases[i].status)
			fail_msg("%s: status %d", cases[i].line, status);
	}
}

static void memory_comes_back(void **state)
{
	static const char *const lines[] = {"ss -tanimoep",
					    "ss -s",
					    "ip -s link",
					    "ip addr",
					    "ip route get 127.0.0.1",
					    "ip neigh",
					    "nstat -s",
					    "ps",
					    "free -h",
					    "cat /proc/meminfo",
					    "sysctl -a",
					    "ping -c1 127.0.0.1",
					    "wget -T1 http://127.0.0.1:9/",
					    "nc -z -w1 127.0.0.1 9",
					    "iperf3 -c 127.0.0.1 -p 9",
					    "help",
					    "top -n1 -d0.1",
					    "ls /proc",
					    "uptime"};

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		const char *args[] = {"-c", lines[i]};
		u64 before;

		run("shell", 2, args); /* what is made once */
		host_run_for(NSEC_PER_SEC);
		before = host_memory_in_use();
		for (unsigned n = 0; n < 10; n++)
			run("shell", 2, args);
		host_run_for(NSEC_PER_SEC);
		if (host_memory_in_use() != before)
			fail_msg("%s keeps memory: %llu, now %llu", lines[i],
				 (unsigned long long)before,
				 (unsigned long long)host_memory_in_use());
	}
}

/* ---- netlink
 * ---------------------------------------------------------------------------------------- */

static const u16 types[] = {RTM_GETLINK,         RTM_SETLINK,  RTM_NEWLINK,  RTM_GETADDR,
			    RTM_NEWADDR,         RTM_DELADDR,  RTM_GETROUTE, RTM_NEWROUTE,
			    RTM_DELROUTE,        RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH,
			    SOCK_DIAG_BY_FAMILY, 99,           NLMSG_DONE};

/* A message with a plausible head, attributes of plausible length, and random bytes. */
static u32 random_message(u8 *buf, u32 size)
{
	struct nlmsghdr *nlh = (void *)buf;
	u32 len = NLMSG_HDRLEN + host_random_below(size - NLMSG_HDRLEN);

	for (u32 i = 0; i < len; i++)
		buf[i] = (u8)(host_random_below(3) ? 0 : host_random_below(256));
	for (u32 at = NLMSG_HDRLEN + 4 * host_random_below(20); at + 8 <= len; at += 8) {
		u16 attr[2] = {(u16)(4 + host_random_below(12)), (u16)host_random_below(20)};

		memcpy(buf + at, attr, sizeof(attr));
	}
	if (len > NLMSG_HDRLEN)
		buf[NLMSG_HDRLEN] = host_random_below(4) ? 2 : buf[NLMSG_HDRLEN]; /* AF_INET */
	if (len > NLMSG_HDRLEN + 4 && host_random_below(2))
		buf[NLMSG_HDRLEN + 4] = 1; /* the index of lo */
	nlh->nlmsg_len = host_random_below(8) ? len : host_random_below(len + 20);
	nlh->nlmsg_type = types[host_random_below(ARRAY_SIZE(types))];
	nlh->nlmsg_flags = (u16)(NLM_F_REQUEST | (host_random_below(2) ? NLM_F_DUMP : 0) |
				 (host_random_below(2) ? NLM_F_ACK : 0));
	return len;
}

static void any_netlink_message(void **state)
{
	u8 in[4096];

	for (unsigned round = 0; round < 6000; round++) {
		int protocol = host_random_below(3) ? NETLINK_ROUTE : NETLINK_SOCK_DIAG;
		int fd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
		u32 size = NLMSG_HDRLEN + 1 + host_random_below(180);
		u8 *buf = malloc(size); /* a read too far is seen */
		u32 len = random_message(buf, size);

		assert_true(fd >= 0);
		sys_sendto(fd, buf, len, 0, NULL, 0);
		for (unsigned i = 0; i < 20 && sys_recvfrom(fd, in, sizeof(in), 0, NULL, NULL) > 0;
		     i++)
			continue;
		assert_int_equal(sys_close(fd), 0);
		free(buf);
	}
}

/* The dump of sockets names each once, with its state and queues. */
static void sockets_are_dumped(void **state)
{
	struct {
		struct nlmsghdr nlh;
		struct inet_diag_req_v2 r;
	} req = {.nlh = {sizeof(req), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
		 .r = {.sdiag_family = AF_INET,
		       .sdiag_protocol = IPPROTO_TCP,
		       .idiag_states = ~0u,
		       .idiag_ext = 0xff}};
	int fd = sys_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), listeners[40];
	unsigned seen[40] = {0}, done = 0;
	u8 buf[16384];

	for (unsigned i = 0; i < ARRAY_SIZE(listeners); i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((u16)(5000 + i))};

		listeners[i] = sys_socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(sys_bind(listeners[i], (void *)&a, sizeof(a)), 0);
		assert_int_equal(sys_listen(listeners[i], (int)i + 1), 0);
	}
	assert_int_equal(sys_sendto(fd, &req, sizeof(req), 0, NULL, 0), sizeof(req));
	while (!done) {
		ssize_t n = sys_recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL);
		struct nlmsghdr *h = (void *)buf;

		assert_true(n > 0);
		for (; NLMSG_OK(h, (u32)n); h = NLMSG_NEXT(h, n)) {
			const struct inet_diag_msg *m = NLMSG_DATA(h);
			unsigned i;

			done |= h->nlmsg_type == NLMSG_DONE;
			if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
				continue;
			i = ntohs(m->id.idiag_sport) - 5000u;
			if (i >= ARRAY_SIZE(listeners))
				continue;
			seen[i]++;
			assert_int_equal(m->idiag_state, 10); /* TCP_LISTEN */
			assert_int_equal(m->idiag_wqueue, i + 1);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(listeners); i++) {
		assert_int_equal(seen[i], 1);
		sys_close(listeners[i]);
	}
	sys_close(fd);
}

static int setup(void **state)
{
	host_init_config(&(struct host_config){.seed = 1, .boot = true, .cmdline = "init=help"});
	for (int fd = 0; fd < 3; fd++)
		if (sys_open("/dev/null", O_RDWR, 0) < 0)
			return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_has_a_status), cmocka_unit_test(statuses),
		cmocka_unit_test(memory_comes_back),     cmocka_unit_test(sockets_are_dumped),
		cmocka_unit_test(any_arguments),         cmocka_unit_test(any_netlink_message),
	};

	return cmocka_run_group_tests_name("apps_commands", tests, setup, NULL);
}

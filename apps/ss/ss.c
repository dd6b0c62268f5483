/* SPDX-License-Identifier: MIT */
/*
 * ss: sockets, through NETLINK_SOCK_DIAG, with iproute2's options, columns and words. Ports are
 * printed as numbers always: there is no table of services.
 */
#include "ss_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/nl.h"
#include "../lib/opts.h"
#include "../tools/text.h"

#define EXTRA_BYTES 1536
#define DESCRIPTORS 65536 /* more than there ever are */

#define STATE(name)    (1u << TCP_##name)
#define STATES_LISTEN  (STATE(LISTEN) | STATE(CLOSE))
#define STATES_ALL     0xfffu
#define STATES_DEFAULT (STATES_ALL & ~(STATES_LISTEN | STATE(TIME_WAIT) | STATE(SYN_RECV)))

struct ss {
	bool tcp, udp, info, memory, extended, options, processes, oneline, summary;
	int protocol; /* being asked about */
	struct filter filter;
	struct table table;
	char extra[EXTRA_BYTES];
};

/* ---- one socket --------------------------------------------------------------------------------
 */

static void put_address(char *addr, char *port, const struct inet_diag_msg *m, bool peer)
{
	const uint32_t *a = peer ? m->id.idiag_dst : m->id.idiag_src;
	unsigned p = ntohs(peer ? m->id.idiag_dport : m->id.idiag_sport);
	char text[16], dev[IF_NAMESIZE];
	size_t n;

	n = (size_t)snprintf(addr, CELL_BYTES, "%s",
			     *a ? inet_ntop(AF_INET, a, text, sizeof(text)) : "0.0.0.0");
	if (!peer && m->id.idiag_if && if_indextoname(m->id.idiag_if, dev))
		n += (size_t)snprintf(addr + n, CELL_BYTES - n, "%%%.3s", dev);
	if (n < CELL_BYTES - 1)
		strcpy(addr + n, ":");
	if (p)
		snprintf(port, CELL_BYTES, "%u", p);
	else
		strcpy(port, "*");
}

/* The descriptor of the socket with that inode; -1: none has it (yet, or any more). */
static int descriptor_of(uint32_t inode)
{
	struct stat st;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		if (fstat(fd, &st)) {
			if (fd > 2)
				break;
		} else if (S_ISSOCK(st.st_mode) && st.st_ino == inode) {
			return fd;
		}
	}
	return -1;
}

static void put_extra(struct ss *ss, const struct nlmsghdr *nlh, const struct inet_diag_msg *m,
		      struct row *r)
{
	struct text t = {ss->extra, 0, sizeof(ss->extra)};
	const struct rtattr *tb[INET_DIAG_SKMEMINFO + 1];
	int fd;

	ss->extra[0] = '\0';
	nl_parse(nlh, sizeof(*m), tb, INET_DIAG_SKMEMINFO);
	if (ss->processes && m->idiag_inode && (fd = descriptor_of(m->idiag_inode)) >= 0)
		text_add(&t, " users:((\"sluice\",pid=1,fd=%d))", fd);
	if (ss->options)
		text_timer(&t, m);
	if (ss->extended)
		text_extended(&t, m);
	if (ss->memory || (ss->info && ss->protocol == IPPROTO_TCP)) {
		if (!ss->oneline)
			text_add(&t, "\n\t");
		if (ss->memory)
			text_memory(&t, tb[INET_DIAG_SKMEMINFO]);
		if (ss->info && ss->protocol == IPPROTO_TCP)
			text_tcp_info(&t, tb, m->idiag_state);
	}
	r->extra = t.len ? strdup(ss->extra) : NULL;
}

static void one_socket(const struct nlmsghdr *nlh, void *arg)
{
	const struct inet_diag_msg *m = NLMSG_DATA(nlh);
	struct ss *ss = arg;
	struct row *r;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY || nlh->nlmsg_len < NLMSG_SPACE(sizeof(*m)) ||
	    !filter_match(&ss->filter, m))
		return;
	r = table_row(&ss->table);
	strcpy(r->cell[COL_NETID], ss->protocol == IPPROTO_TCP ? "tcp" : "udp");
	snprintf(r->cell[COL_STATE], CELL_BYTES, "%s", state_name(m->idiag_state));
	snprintf(r->cell[COL_RECVQ], CELL_BYTES, "%u", m->idiag_rqueue);
	snprintf(r->cell[COL_SENDQ], CELL_BYTES, "%u", m->idiag_wqueue);
	put_address(r->cell[COL_LADDR], r->cell[COL_LPORT], m, false);
	put_address(r->cell[COL_PADDR], r->cell[COL_PPORT], m, true);
	put_extra(ss, nlh, m, r);
}

static int ask(struct ss *ss, int protocol)
{
	struct nl_req r;
	struct inet_diag_req_v2 *d = nl_begin(&r, SOCK_DIAG_BY_FAMILY, 0, sizeof(*d));
	int fd = nl_open(NETLINK_SOCK_DIAG, 0), err;

	if (fd < 0)
		return errno;
	ss->protocol = protocol;
	d->sdiag_family = AF_INET;
	d->sdiag_protocol = (uint8_t)protocol;
	d->idiag_states = ss->filter.states;
	if (ss->memory)
		d->idiag_ext |= 1 << (INET_DIAG_SKMEMINFO - 1);
	if (ss->info)
		d->idiag_ext |= 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1);
	err = nl_dump(fd, &r, one_socket, ss);
	nl_close(fd);
	return err;
}

/* ---- -s
 * ------------------------------------------------------------------------------------------
 */

/* The number behind word in the line that begins with label. */
static unsigned long number_in(const char *text, const char *label, const char *word)
{
	const char *line = text ? strstr(text, label) : NULL;
	const char *end = line ? strchrnul(line, '\n') : NULL;
	const char *p = line ? strstr(line, word) : NULL;

	return p && p < end ? strtoul(p + strlen(word), NULL, 10) : 0;
}

static int summary(void)
{
	char *stat = read_text("/proc/net/sockstat"), *snmp = read_text("/proc/net/snmp");
	unsigned long inuse = number_in(stat, "TCP:", "inuse "),
		      tw = number_in(stat, "TCP:", "tw ");
	unsigned long alloc = number_in(stat, "TCP:", "alloc ");
	unsigned long udp = number_in(stat, "UDP:", "inuse ");
	unsigned long raw = number_in(stat, "RAW:", "inuse ");
	unsigned long frag = number_in(stat, "FRAG:", "inuse ");
	const char *tcp = snmp ? strstr(snmp, "\nTcp: RtoAlgorithm") : NULL;
	unsigned long estab = 0;

	tcp = tcp ? strstr(tcp + 1, "\nTcp: ") : NULL;
	for (int field = 0; tcp && field < 9; field++) { /* CurrEstab is the ninth */
		tcp = strchr(tcp + 1, ' ');
		estab = tcp ? strtoul(tcp, NULL, 10) : 0;
	}
	printf("Total: %lu\n", number_in(stat, "sockets:", "used "));
	printf("TCP:   %lu (estab %lu, closed %lu, orphaned %lu, timewait %lu)\n\n", alloc + tw,
	       estab, alloc + tw > inuse ? alloc + tw - inuse : 0,
	       number_in(stat, "TCP:", "orphan "), tw);
	printf("Transport Total     IP        IPv6\n");
	printf("RAW\t  %-9lu %-9lu %-9u\nUDP\t  %-9lu %-9lu %-9u\n", raw, raw, 0u, udp, udp, 0u);
	printf("TCP\t  %-9lu %-9lu %-9u\n", inuse, inuse, 0u);
	printf("INET\t  %-9lu %-9lu %-9u\n", inuse + udp + raw, inuse + udp + raw, 0u);
	printf("FRAG\t  %-9lu %-9lu %-9u\n\n", frag, frag, 0u);
	free(stat);
	free(snmp);
	return 0;
}

/* ---- options
 * -------------------------------------------------------------------------------------
 */

static const struct long_opt long_opts[] = {
	{"all", 'a', false},       {"listening", 'l', false}, {"options", 'o', false},
	{"extended", 'e', false},  {"memory", 'm', false},    {"processes", 'p', false},
	{"info", 'i', false},      {"summary", 's', false},   {"numeric", 'n', false},
	{"tcp", 't', false},       {"udp", 'u', false},       {"ipv4", '4', false},
	{"no-header", 'H', false}, {"oneline", 'O', false},   {"help", 'h', false},
	{NULL, 0, false},
};

static bool set_option(struct ss *ss, int letter)
{
	switch (letter) {
	case 'a':
		ss->filter.states = STATES_ALL;
		return true;
	case 'l':
		ss->filter.states = STATES_LISTEN;
		return true;
	case 'n':
	case '4':
		return true;
	case 't':
		return ss->tcp = true;
	case 'u':
		return ss->udp = true;
	case 'i':
		return ss->info = true;
	case 'm':
		return ss->memory = true;
	case 'e':
		return ss->extended = ss->options = true;
	case 'o':
		return ss->options = true;
	case 'p':
		return ss->processes = true;
	case 's':
		return ss->summary = true;
	case 'H':
		return ss->table.no_header = true;
	case 'O':
		return ss->oneline = true;
	default:
		return false;
	}
}

static bool one_state(uint32_t mask)
{
	return mask && !(mask & (mask - 1));
}

static int list(struct ss *ss)
{
	int err = 0;

	if (!ss->tcp && !ss->udp)
		ss->tcp = ss->udp = true;
	ss->table.hidden[COL_NETID] = ss->tcp != ss->udp;
	ss->table.hidden[COL_STATE] = ss->filter.states_set && one_state(ss->filter.states);
	table_begin(&ss->table);
	if (ss->udp)
		err = ask(ss, IPPROTO_UDP);
	if (ss->tcp && !err)
		err = ask(ss, IPPROTO_TCP);
	table_flush(&ss->table);
	if (err)
		fprintf(stderr, "ss: %s\n", strerror(err));
	return err ? 1 : 0;
}

static int parse(struct ss *ss, int argc, char **argv)
{
	struct opts o = {
		.argc = argc, .argv = argv, .letters = "alnopeistum4HOh", .longs = long_opts};
	const char *bad;
	int letter;

	ss->filter.states = STATES_DEFAULT;
	while ((letter = opts_next(&o)) != -1)
		if (!set_option(ss, letter))
			return app_usage(argv[0]);
	if (!filter_parse(&ss->filter, argc - o.next, argv + o.next, &bad))
		return 0;
	if (bad)
		fprintf(stderr, "ss: the filter is not understood at \"%s\"\n", bad);
	else
		fprintf(stderr, "ss: the filter ends too early\n");
	return 1;
}

static int ss_main(int argc, char **argv)
{
	struct ss *ss = calloc(1, sizeof(*ss));
	int status;

	if (!ss) {
		perror("ss");
		return 1;
	}
	status = parse(ss, argc, argv);
	if (!status)
		status = ss->summary ? summary() : list(ss);
	free(ss);
	return status;
}

APP(ss, ss_main,
    "ss [-alntuimeopsHO] [state STATE | exclude STATE] [EXPRESSION]: sockets, e.g. "
    "ss -ti dst 10.0.0.1 or sport = :80",
    false);

/* SPDX-License-Identifier: MIT */
/*
 * The simulator: hosted stacks in one process, joined by a bad network, with applications that
 * check every byte. All that happens follows from the seed: main.c forks a process a seed, world.c
 * makes the stacks and the faults, wire.c watches what is sent, check.c the sockets after every
 * event, apps.c plays the applications.
 */
#ifndef SIM_H
#define SIM_H

/* Ours, not the host's: the stack's own struct tcphdr follows. */
#include "../../include/libc/netinet/tcp.h"

#include <kernel/timer.h>
#include <lib/types.h>
#include <net/net.h>
#include <net/netdevice.h>
#include <net/tcp.h>

#include "host/host.h"
#include "host/netdev.h"

#define SIM_HOSTS  2
#define SIM_SUBNET 0x0a000000u /* host n is 10.0.0.n+1 */

struct sim_options {
	u64 seed;
	const char *pcap; /* NULL: none */
	bool verbose;
};
extern struct sim_options sim_opt;

/* Report and end the process: this seed failed. */
_Noreturn void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Part of the story that is told with a failure. */
void sim_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Random numbers of the scenario. */
static inline u32 sim_below(u32 n)
{
	return host_random_below(n);
}
static inline u32 sim_between(u32 lo, u32 hi)
{
	return lo + host_random_below(hi - lo + 1);
}
static inline bool sim_percent(u32 p)
{
	return host_random_below(100) < p;
}
/* Evenly in the logarithm: as many small ones as large. */
u64 sim_log_between(u64 lo, u64 hi);

/* --- stack.c ---------------------------------------------------------------------------------- */

/* A stack with one device that is up and has an address. Fails the run where that does not work. */
struct net_device *sim_stack_up(struct net *net, const char *name, u32 ip,
				const struct fakedev_config *config);

/* --- world.c -------------------------------------------------------------------------------- */

/* What the network does to frames, beside what struct link_config says. */
struct faults {
	u32 loss_ppm;
	u32 burst_enter_ppm, burst_leave_ppm; /* Gilbert and Elliott's two states */
	u32 corrupt_ppm;
	u64 blackout_from_ns, blackout_ns, blackout_every_ns;
	u32 path_mtu; /* larger ones are answered by ICMP; 0: none */
	u64 mtu_change_ns;
	u32 path_mtu_later;
};

struct host {
	struct net net;
	struct net_device *dev;
	u32 ip;
	bool in_burst;
	u64 burst_end_ns;
	struct list_head icmp; /* on its way from the router */
	struct hrtimer icmp_timer;
};

struct world {
	struct host host[SIM_HOSTS];
	struct link *link;
	struct link_config link_config;
	struct faults faults;
	bool healed; /* no faults any more */
	bool alloc_failures;
	u64 start_ns, memory_before;
};
extern struct world world;

void world_create(void);
/* No faults from now on. */
void world_heal(void);
/* Take it down and see that nothing is left. */
void world_destroy(void);
struct host *world_host_of(const struct net *net);
/* Has the network lost any frame so far? Has a stack without memory given a connection up? */
bool world_lost_frames(void);
bool world_ran_short(void);

/* --- wire.c ----------------------------------------------------------------------------------- */

/* The stream from one end to the other is a slice of one table: who knows the addresses knows the
 * bytes. */
struct stream_key {
	u32 saddr, daddr;
	u16 sport, dport;
};
#define PATTERN_MAX 65536u
/* len (at most PATTERN_MAX) bytes of the stream from offset on. */
const u8 *pattern_at(const struct stream_key *k, u64 offset, u32 len);
void pattern_init(void);

/* See to a frame that from sends; fails the seed where it breaks a rule. */
void wire_check(const struct host *from, const u8 *frame, size_t len);

/* --- check.c ---------------------------------------------------------------------------------- */

/* The rules that hold whenever nothing runs. */
void check_sockets(struct net *net);
/* Sockets, requests and TIME-WAIT records of net. */
unsigned check_count(struct net *net, bool tell);

/* --- apps.c ----------------------------------------------------------------------------------- */

void apps_create(void);
/* All of them have ended. */
bool apps_done(void);
void apps_tell(void);
void apps_destroy(void);

/* --- scenario --------------------------------------------------------------------------------- */

/* One whole run. */
void sim_run_seed(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * /proc/handoffs: a row for each CPU with what it left to others (see <kernel/handoff.h>).
 * /proc/lock_stat: how often locks were found taken, by the place in the code that wanted one.
 */
#include <kernel/handoff.h>

#include <kernel/atomic.h>
#include <kernel/init.h>
#include <kernel/vfs.h>

#define PLACES 32u /* of each CPU; further ones share the last */

struct contention {
	const void *at;
	u64 times;
};

DEFINE_PER_CPU(struct handoffs, handoffs);
static DEFINE_PER_CPU(struct contention, contention[PLACES]); /* [o] from the first on */

/* An interrupt that comes between the look and the claim may take the same place: then its count is
 * shown under our name. Counters are not worth more. */
void lock_contended(const void *at)
{
	struct contention *c = *this_cpu_ptr(&contention);
	unsigned i = 0;

	handoff_count(contended);
	while (i < PLACES - 1 && c[i].at && c[i].at != at)
		i++;
	if (i < PLACES - 1)
		WRITE_ONCE(c[i].at, at);
	c[i].times++;
}

static void handoffs_show(struct seq_file *m)
{
	seq_printf(m, "%-6s %10s %10s %10s %10s %10s %10s %10s\n", "CPU", "wakes", "reschedule",
		   "calls", "ready", "timers", "slabs", "contended");
	for_each_cpu(cpu) {
		const struct handoffs *h = &per_cpu(handoffs, cpu);

		seq_printf(m, "%-6u %10llu %10llu %10llu %10llu %10llu %10llu %10llu\n", cpu,
			   h->wakes, h->reschedule, h->calls, h->ready, h->timers, h->slabs,
			   h->contended);
	}
}

static void lock_stat_show(struct seq_file *m)
{
	seq_printf(m, "%-6s %10s  %s\n", "CPU", "contended", "at");
	for_each_cpu(cpu) {
		const struct contention *c = *per_cpu_ptr(&contention, cpu);

		for (unsigned i = 0; i < PLACES; i++) {
			if (c[i].at)
				seq_printf(m, "%-6u %10llu  %pS\n", cpu, c[i].times, c[i].at);
			else if (c[i].times)
				seq_printf(m, "%-6u %10llu  elsewhere\n", cpu, c[i].times);
		}
	}
}

static int handoff_init(void)
{
	int err = proc_create("/proc/handoffs", handoffs_show, NULL, NULL);

	return err ? err : proc_create("/proc/lock_stat", lock_stat_show, NULL, NULL);
}

DEFINE_INITCALL(INIT_DRIVER, handoff_init);

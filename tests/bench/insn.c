/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin that counts the guest's instructions: a figure that the machine's noise does
 * not move. A halted CPU runs none, so idle time counts nothing.
 *
 *   -plugin libinsn.so,counts=FILE                 one u64 a CPU, at every STRIDE-th u64 of FILE
 *   -plugin libinsn.so,counts=FILE,apart=FROM-TO   code there (hex) is counted by the u64 after it
 *   -plugin libinsn.so,profile=FILE,symbols=FILE   and a tree of calls, as struct profile
 *
 * Both files are shared memory that the harness (plugin.py) reads at any moment. The tree is exact,
 * not sampled: calls and returns are followed by the stack addresses they touch, so each thread has
 * its own shadow stack whichever CPU switches to it.
 *
 * QEMU's header is in no package, so what is used of its interface is declared here.
 * PLUGIN_API comes from the version of QEMU (see plugin.py).
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT   __attribute__((visibility("default")))
#define MAX_CPUS 64
/* A count is at the line of its CPU, so CPUs don't share cache lines. */
#define STRIDE 8

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int cpu, void *data),
					  enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, qemu_plugin_meminfo_t info,
						 uint64_t vaddr, void *data),
				      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw,
				      void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv);

static uint64_t *counts;
static unsigned long long apart_from, apart_to;

static void *map_shared(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- symbols: lines of "address name", sorted by address ------------------------------------ */

static uint64_t *symbol_at;
static unsigned nsymbols, trap_stubs;

static bool read_symbols(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long long at;
	char name[256];

	if (!f)
		return false;
	while (fscanf(f, "%llx %255s", &at, name) == 2) {
		symbol_at = realloc(symbol_at, (nsymbols + 1) * sizeof(*symbol_at));
		if (!symbol_at)
			abort();
		if (!strcmp(name, "trap_stubs"))
			trap_stubs = nsymbols;
		symbol_at[nsymbols++] = at;
	}
	fclose(f);
	return nsymbols;
}

static unsigned symbol_of(uint64_t addr)
{
	unsigned low = 0, high = nsymbols;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (symbol_at[middle] <= addr)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- the tree of calls --------------------------------------------------------------------- */

#define PROFILE_CPUS 8
#define MAX_NODES    16384
#define MAX_DEPTH    96
#define MAX_STACKS   32

/* parent, child and sibling are indices; node 0 is the root, and "none". */
struct node {
	uint32_t symbol, parent, child, sibling;
	uint64_t instructions, calls;
};

struct profile {
	uint32_t nodes[PROFILE_CPUS]; /* in use */
	struct node node[PROFILE_CPUS][MAX_NODES];
};

/* One call that has not returned: where its return address lies, who called. */
struct frame {
	uint64_t sp;
	uint32_t caller;   /* node */
	bool interrupt;    /* no call: sp is not known */
	bool pending_call; /* what the interrupted code was about to do */
};

struct shadow_stack {
	struct frame frame[MAX_DEPTH];
	unsigned depth;
	uint32_t node; /* that runs */
	uint64_t used; /* when */
};

static struct profile *profile;
static struct cpu_state {
	struct shadow_stack stack[MAX_STACKS];
	unsigned current;
	bool called; /* the next block is a function's first one */
	uint64_t switches;
} cpus[PROFILE_CPUS];

struct block {
	uint32_t symbol, instructions;
	bool irets;
};

static uint32_t child_of(unsigned cpu, uint32_t parent, uint32_t symbol)
{
	struct node *nodes = profile->node[cpu];
	uint32_t n = nodes[parent].child;

	while (n && nodes[n].symbol != symbol)
		n = nodes[n].sibling;
	if (n)
		return n;
	if (profile->nodes[cpu] + 1 >= MAX_NODES)
		return parent;
	n = ++profile->nodes[cpu];
	nodes[n] = (struct node){symbol, parent, 0, nodes[parent].child, 0, 0};
	nodes[parent].child = n;
	return n;
}

static void push(struct shadow_stack *s, struct frame f)
{
	if (s->depth == MAX_DEPTH) /* lost: begin anew */
		s->depth = 0;
	s->frame[s->depth++] = f;
}

static void stack_call(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t sp, void *data)
{
	struct cpu_state *c = &cpus[cpu % PROFILE_CPUS];
	struct shadow_stack *s = &c->stack[c->current];

	(void)info;
	(void)data;
	push(s, (struct frame){.sp = sp, .caller = s->node});
	c->called = true;
}

static bool pop_to(struct shadow_stack *s, uint64_t sp)
{
	for (unsigned i = s->depth; i-- > 0;) {
		if (s->frame[i].sp != sp || s->frame[i].interrupt)
			continue;
		s->depth = i;
		s->node = s->frame[i].caller;
		return true;
	}
	return false;
}

/* A return to what this stack did not call: another thread's stack is in use now. */
static void stack_return(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t sp, void *data)
{
	struct cpu_state *c = &cpus[cpu % PROFILE_CPUS];
	unsigned oldest = 0;

	(void)info;
	(void)data;
	if (pop_to(&c->stack[c->current], sp))
		return;
	c->stack[c->current].used = ++c->switches;
	for (unsigned i = 0; i < MAX_STACKS; i++) {
		if (pop_to(&c->stack[i], sp)) {
			c->current = i;
			return;
		}
		if (c->stack[i].used < c->stack[oldest].used)
			oldest = i;
	}
	c->current = oldest;
	c->stack[oldest].depth = 0;
	c->stack[oldest].node = 0;
}

static void profile_block(unsigned int cpu, const struct block *b)
{
	struct cpu_state *c = &cpus[cpu];
	struct shadow_stack *s = &c->stack[c->current];
	struct node *nodes = profile->node[cpu];

	if (b->symbol == trap_stubs && nodes[s->node].symbol != trap_stubs) {
		push(s, (struct frame){
				.caller = s->node, .interrupt = true, .pending_call = c->called});
		s->node = child_of(cpu, s->node, b->symbol);
		nodes[s->node].calls++;
	} else if (c->called) {
		s->node = child_of(cpu, s->node, b->symbol);
		nodes[s->node].calls++;
	} else if (nodes[s->node].symbol != b->symbol) {
		/* A jump into another function: in its caller's place. */
		s->node = child_of(cpu, nodes[s->node].parent, b->symbol);
		nodes[s->node].calls++;
	}
	c->called = false;
	nodes[s->node].instructions += b->instructions;
	if (!b->irets)
		return;
	while (s->depth && !s->frame[--s->depth].interrupt)
		;
	s->node = s->depth || s->frame[0].interrupt ? s->frame[s->depth].caller : 0;
	c->called = s->frame[s->depth].pending_call;
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

/* One thread runs a CPU, so no atomics. */
static void block_counts(unsigned int cpu, void *data)
{
	counts[cpu % MAX_CPUS * STRIDE] += (uintptr_t)data;
}

static void block_counts_apart(unsigned int cpu, void *data)
{
	counts[cpu % MAX_CPUS * STRIDE + 1] += (uintptr_t)data;
}

static void block_profiles(unsigned int cpu, void *data)
{
	const struct block *b = data;

	block_counts(cpu, (void *)(uintptr_t)b->instructions);
	if (cpu < PROFILE_CPUS)
		profile_block(cpu, b);
}

enum insn_kind { INSN_OTHER, INSN_CALL, INSN_RET, INSN_IRET };

static enum insn_kind kind_of(const struct qemu_plugin_insn *insn)
{
	const uint8_t *p = qemu_plugin_insn_data(insn);
	size_t n = qemu_plugin_insn_size(insn);

	while (n > 1 &&
	       ((*p & 0xf0) == 0x40 || *p == 0x2e || *p == 0x3e || *p == 0xf3 || *p == 0xf2)) {
		p++;
		n--;
	}
	if (*p == 0xe8 || (n > 1 && *p == 0xff && (p[1] >> 3 & 7) == 2))
		return INSN_CALL;
	if (*p == 0xc3 || *p == 0xc2)
		return INSN_RET;
	return *p == 0xcf ? INSN_IRET : INSN_OTHER;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
	struct block *b;
	enum insn_kind kind;

	uint64_t at = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (!profile || at < symbol_at[0] || at > symbol_at[nsymbols - 1]) { /* firmware */
		bool apart = at >= apart_from && at < apart_to;

		qemu_plugin_register_vcpu_tb_exec_cb(tb, apart ? block_counts_apart : block_counts,
						     QEMU_PLUGIN_CB_NO_REGS, (void *)n);
		return;
	}
	b = malloc(sizeof(*b)); /* for good: QEMU may run the block until it ends */
	if (!b)
		abort();
	kind = kind_of(last);
	*b = (struct block){symbol_of(at), (uint32_t)n, kind == INSN_IRET};
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_profiles, QEMU_PLUGIN_CB_NO_REGS, b);
	if (kind == INSN_CALL)
		qemu_plugin_register_vcpu_mem_cb(last, stack_call, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, NULL);
	if (kind == INSN_RET)
		/* RW: asked for reads alone, QEMU 7.2 reports none. */
		qemu_plugin_register_vcpu_mem_cb(last, stack_return, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	bool symbols = false;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "counts=", 7))
			counts = map_shared(argv[i] + 7, MAX_CPUS * STRIDE * sizeof(*counts));
		else if (!strncmp(argv[i], "profile=", 8))
			profile = map_shared(argv[i] + 8, sizeof(*profile));
		else if (!strncmp(argv[i], "symbols=", 8))
			symbols = read_symbols(argv[i] + 8);
		else if (!strncmp(argv[i], "apart=", 6))
			sscanf(argv[i] + 6, "%llx-%llx", &apart_from, &apart_to);
	}
	if (!counts || (profile && !symbols)) {
		fprintf(stderr, "insn: counts=FILE is needed; profile=FILE needs symbols=FILE\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin that counts the guest's instructions: a figure that the machine's noise does
 * not move. It keeps one u64 a CPU in a shared file, which the harness reads at any moment.
 *
 *   -plugin libinsn_count.so,counts=COUNTS
 *
 * QEMU's header is in no package, so what is used of its interface is declared here.
 * PLUGIN_API comes from the version of QEMU (see tests/bench/plugin.py).
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT   __attribute__((visibility("default")))
#define MAX_CPUS 64
/* A block's counter is at the line of its CPU, so CPUs don't share cache lines. */
#define STRIDE 8

typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int cpu, void *data),
					  enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv);

static uint64_t *counts;

/* data: how many instructions the block has. One thread runs a CPU, so no atomics. */
static void block_runs(unsigned int cpu, void *data)
{
	counts[cpu % MAX_CPUS * STRIDE] += (uintptr_t)data;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

static bool map_counts(const char *path)
{
	size_t size = MAX_CPUS * STRIDE * sizeof(*counts);
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		return false;
	counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return counts != MAP_FAILED;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "counts=", 7) != 0 || !map_counts(argv[0] + 7)) {
		fprintf(stderr, "insn_count: counts=COUNTS is needed\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}

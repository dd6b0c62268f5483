/* SPDX-License-Identifier: MIT */
/*
 * What portable kernel code asks of the processor: a pause in a spin loop, hardware random
 * numbers, a cycle counter for entropy. Deterministic here: random numbers come from the run's
 * seed, cycles from virtual time.
 */
#ifndef HOME_CPU_H
#define HOME_CPU_H

#include <lib/types.h>

/* In a loop that waits for another CPU. Reports a loop that can never end. */
void cpu_relax(void);

/* A 64-bit hardware random number (RDSEED, else RDRAND). False where there is none. */
bool cpu_random_u64(u64 *v);

/* A counter that runs fast. */
u64 cpu_cycles(void);

#endif

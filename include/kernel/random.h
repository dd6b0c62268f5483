/* SPDX-License-Identifier: MIT */
/*
 * Randomness: a ChaCha20 generator per CPU with fast key erasure, reseeded from a common pool fed
 * by RDSEED, RDRAND, virtio-rng and interrupt timing. The hosted home seeds it from the run's seed:
 * every run with the same seed draws the same numbers. Any context.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <lib/types.h>

void get_random_bytes(void *buf, size_t len);
u32 get_random_u32(void);
u64 get_random_u64(void);
/* Uniform in [0, ceil); ceil > 0. */
u32 get_random_u32_below(u32 ceil);

/* Mix data into the pool; bits: entropy credited. Reseeds the generators. */
void add_entropy(const void *data, size_t len, unsigned bits);

/* Called by the interrupt code for each interrupt of a device: its timing goes into the pool, with
 * little credit. Hardirq context. */
void add_interrupt_randomness(int irq);

/* Have the sources of entropy so far credited 256 bits (said in the log when they have not)? */
bool random_ready(void);
void random_init(void);

#endif

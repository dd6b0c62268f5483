/* SPDX-License-Identifier: MIT */
/* Giving up the CPU, and which one it is. */
#ifndef _SCHED_H
#define _SCHED_H

int sched_yield(void);
/* Number of the CPU that the caller runs on: the same for a thread's whole life. */
int sched_getcpu(void);

#endif

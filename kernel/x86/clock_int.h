/* SPDX-License-Identifier: MIT */
/* Numbers that the files about time share. */
#ifndef CLOCK_INT_H
#define CLOCK_INT_H

#include "x86_int.h"

#include <kernel/time.h>

#define PIT_HZ      1193182u
#define PIT_CH0     0x40
#define PIT_CH2     0x42
#define PIT_COMMAND 0x43
#define NEVER_NS    (~0ull)

#endif

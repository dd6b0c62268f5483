/* SPDX-License-Identifier: MIT */
/* Locks are functions in the hosted home: host/spinlock.c, which checks how they are used. */

/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C for programs that run long: the shell lets the terminal catch it while a command runs, and
 * a program asks. What is typed ahead stays for the shell.
 */
#ifndef APPS_LIB_TERM_H
#define APPS_LIB_TERM_H

#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

/* Was Ctrl-C typed since the command began that this thread runs for the console? */
bool interrupted(void);

/* For a poll() that Ctrl-C shall end; waits for nothing in a thread that the console doesn't wait
 * for. */
struct pollfd interrupt_pollfd(void);

/* Sleep; true: Ctrl-C came, now or before. */
bool sleep_or_interrupt(unsigned ms);

/* From now on Ctrl-C is an interrupt, for the calling thread (true), or a byte like others; none is
 * pending. */
void catch_interrupts(bool on);

#endif

/* SPDX-License-Identifier: MIT */
/* There are no signals: apps may ask to ignore them, which is granted. */
#ifndef _SIGNAL_H
#define _SIGNAL_H

#define SIGINT  2
#define SIGPIPE 13
#define SIGTERM 15

typedef void (*sighandler_t)(int);
#define SIG_DFL ((sighandler_t)0)
#define SIG_IGN ((sighandler_t)1)

static inline sighandler_t signal(int sig, sighandler_t handler)
{
	(void)sig;
	(void)handler;
	return SIG_DFL;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Requests to a file or device that have no call of their own. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#include <linux/sockios.h>

#define TCGETS     0x5401
#define TCSETS     0x5402
#define TIOCGWINSZ 0x5413
#define FIONREAD   0x541B
#define FIONBIO    0x5421
#define TIOCOUTQ   0x5411
#define TIOCINQ    FIONREAD
#define FIONCLEX   0x5450
#define FIOCLEX    0x5451
#define FIOASYNC   0x5452

struct winsize {
	unsigned short ws_row;
	unsigned short ws_col;
	unsigned short ws_xpixel;
	unsigned short ws_ypixel;
};

int ioctl(int fd, unsigned long request, ...);

#endif

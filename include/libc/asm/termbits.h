/* SPDX-License-Identifier: MIT */
/* A terminal's settings, as TCGETS and TCSETS pass them. */
#ifndef _ASM_TERMBITS_H
#define _ASM_TERMBITS_H

#define NCCS 19

typedef unsigned char cc_t;
typedef unsigned int tcflag_t;

struct termios {
	tcflag_t c_iflag;
	tcflag_t c_oflag;
	tcflag_t c_cflag;
	tcflag_t c_lflag;
	cc_t c_line;
	cc_t c_cc[NCCS];
};

#define OPOST 0x00001
#define ONLCR 0x00004
#define ISIG  0x00001

#endif

/* SPDX-License-Identifier: MIT */
/* SO_TIMESTAMPING: its flags, and what SCM_TIMESTAMPING and the error queue tell. */
#ifndef _LINUX_NET_TSTAMP_H
#define _LINUX_NET_TSTAMP_H

#include <time.h>

#define SOF_TIMESTAMPING_TX_HARDWARE  (1 << 0)
#define SOF_TIMESTAMPING_TX_SOFTWARE  (1 << 1)
#define SOF_TIMESTAMPING_RX_HARDWARE  (1 << 2)
#define SOF_TIMESTAMPING_RX_SOFTWARE  (1 << 3)
#define SOF_TIMESTAMPING_SOFTWARE     (1 << 4)
#define SOF_TIMESTAMPING_SYS_HARDWARE (1 << 5)
#define SOF_TIMESTAMPING_RAW_HARDWARE (1 << 6)
#define SOF_TIMESTAMPING_OPT_ID       (1 << 7)
#define SOF_TIMESTAMPING_TX_SCHED     (1 << 8)
#define SOF_TIMESTAMPING_TX_ACK       (1 << 9)
#define SOF_TIMESTAMPING_OPT_CMSG     (1 << 10)
#define SOF_TIMESTAMPING_OPT_TSONLY   (1 << 11)
#define SOF_TIMESTAMPING_OPT_STATS    (1 << 12)
#define SOF_TIMESTAMPING_OPT_PKTINFO  (1 << 13)
#define SOF_TIMESTAMPING_OPT_TX_SWHW  (1 << 14)
#define SOF_TIMESTAMPING_BIND_PHC     (1 << 15)
#define SOF_TIMESTAMPING_OPT_ID_TCP   (1 << 16)

struct scm_timestamping {
	struct timespec ts[3]; /* software, (unused), hardware */
};

/* ee_info of an error of origin SO_EE_ORIGIN_TIMESTAMPING */
enum { SCM_TSTAMP_SND, SCM_TSTAMP_SCHED, SCM_TSTAMP_ACK };

#endif

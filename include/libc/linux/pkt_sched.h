/* SPDX-License-Identifier: MIT */
/* Names of queueing disciplines in rtnetlink's messages (RTM_*QDISC). */
#ifndef _LINUX_PKT_SCHED_H
#define _LINUX_PKT_SCHED_H

#define TC_H_UNSPEC   (0U)
#define TC_H_ROOT     (0xFFFFFFFFU)
#define TC_H_MAJ_MASK (0xFFFF0000U)
#define TC_H_MIN_MASK (0x0000FFFFU)
#define TC_H_MAJ(h)   ((h)&TC_H_MAJ_MASK)
#define TC_H_MIN(h)   ((h)&TC_H_MIN_MASK)

/* An extension beside TCA_OPTIONS, whose content is different for each kind: the options, and the
 * kind's own statistics, as the words that tc takes and prints. */
#define TCA_SLUICE_OPTIONS 0x100
#define TCA_SLUICE_XSTATS  0x101

#endif

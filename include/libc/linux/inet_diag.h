/* SPDX-License-Identifier: MIT */
/* Diagnosis of TCP and UDP sockets, as ss asks for it. */
#ifndef _LINUX_INET_DIAG_H
#define _LINUX_INET_DIAG_H

#include <stdint.h>

#define INET_DIAG_NOCOOKIE (~0U)

/* Ports and addresses are in network order. */
struct inet_diag_sockid {
	uint16_t idiag_sport;
	uint16_t idiag_dport;
	uint32_t idiag_src[4];
	uint32_t idiag_dst[4];
	uint32_t idiag_if;
	uint32_t idiag_cookie[2];
};

struct inet_diag_req_v2 {
	uint8_t sdiag_family;
	uint8_t sdiag_protocol;
	uint8_t idiag_ext; /* bit n - 1 asks for attribute n */
	uint8_t pad;
	uint32_t idiag_states; /* bit n asks for sockets in TCP state n */
	struct inet_diag_sockid id;
};

struct inet_diag_bc_op {
	unsigned char code;
	unsigned char yes;
	unsigned short no;
};

struct inet_diag_hostcond {
	uint8_t family;
	uint8_t prefix_len;
	int port;
	uint32_t addr[];
};

struct inet_diag_msg {
	uint8_t idiag_family;
	uint8_t idiag_state;
	uint8_t idiag_timer;
	uint8_t idiag_retrans;
	struct inet_diag_sockid id;
	uint32_t idiag_expires; /* milliseconds */
	uint32_t idiag_rqueue;
	uint32_t idiag_wqueue;
	uint32_t idiag_uid;
	uint32_t idiag_inode;
};

struct inet_diag_meminfo {
	uint32_t idiag_rmem;
	uint32_t idiag_wmem;
	uint32_t idiag_fmem;
	uint32_t idiag_tmem;
};

/* What a congestion control tells of itself: INET_DIAG_VEGASINFO, _DCTCPINFO, _BBRINFO, and
 * TCP_CC_INFO. */
struct tcpvegas_info {
	uint32_t tcpv_enabled;
	uint32_t tcpv_rttcnt;
	uint32_t tcpv_rtt;
	uint32_t tcpv_minrtt;
};

struct tcp_dctcp_info {
	uint16_t dctcp_enabled;
	uint16_t dctcp_ce_state;
	uint32_t dctcp_alpha;
	uint32_t dctcp_ab_ecn; /* bytes, of this window of data */
	uint32_t dctcp_ab_tot;
};

struct tcp_bbr_info {
	uint32_t bbr_bw_lo; /* bytes a second, lower half */
	uint32_t bbr_bw_hi;
	uint32_t bbr_min_rtt;     /* microseconds */
	uint32_t bbr_pacing_gain; /* shifted left by 8 */
	uint32_t bbr_cwnd_gain;
};

union tcp_cc_info {
	struct tcpvegas_info vegas;
	struct tcp_dctcp_info dctcp;
	struct tcp_bbr_info bbr;
};

#define INET_DIAG_REQ_NONE            0
#define INET_DIAG_REQ_BYTECODE        1
#define INET_DIAG_REQ_SK_BPF_STORAGES 2
#define INET_DIAG_REQ_PROTOCOL        3

#define INET_DIAG_BC_NOP         0
#define INET_DIAG_BC_JMP         1
#define INET_DIAG_BC_S_GE        2
#define INET_DIAG_BC_S_LE        3
#define INET_DIAG_BC_D_GE        4
#define INET_DIAG_BC_D_LE        5
#define INET_DIAG_BC_AUTO        6
#define INET_DIAG_BC_S_COND      7
#define INET_DIAG_BC_D_COND      8
#define INET_DIAG_BC_DEV_COND    9
#define INET_DIAG_BC_MARK_COND   10
#define INET_DIAG_BC_S_EQ        11
#define INET_DIAG_BC_D_EQ        12
#define INET_DIAG_BC_CGROUP_COND 13

/* Attributes of inet_diag_msg */
#define INET_DIAG_NONE            0
#define INET_DIAG_MEMINFO         1
#define INET_DIAG_INFO            2
#define INET_DIAG_VEGASINFO       3
#define INET_DIAG_CONG            4
#define INET_DIAG_TOS             5
#define INET_DIAG_TCLASS          6
#define INET_DIAG_SKMEMINFO       7
#define INET_DIAG_SHUTDOWN        8
#define INET_DIAG_DCTCPINFO       9
#define INET_DIAG_PROTOCOL        10
#define INET_DIAG_SKV6ONLY        11
#define INET_DIAG_LOCALS          12
#define INET_DIAG_PEERS           13
#define INET_DIAG_PAD             14
#define INET_DIAG_MARK            15
#define INET_DIAG_BBRINFO         16
#define INET_DIAG_CLASS_ID        17
#define INET_DIAG_MD5SIG          18
#define INET_DIAG_ULP_INFO        19
#define INET_DIAG_SK_BPF_STORAGES 20
#define INET_DIAG_CGROUP_ID       21
#define INET_DIAG_SOCKOPT         22

#endif

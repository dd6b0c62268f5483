/* SPDX-License-Identifier: MIT */
/*
 * Counters by the names of RFC 4293, 2012, 4113 (/proc/net/snmp) and Linux's extensions
 * (/proc/net/netstat), a copy a CPU, summed when read. A row is (enum suffix, printed name); new
 * counters are appended to their table and need nothing else.
 */
#ifndef NET_SNMP_H
#define NET_SNMP_H

#include <lib/types.h>

/* One row a line: the formatter would make stairs of them. */
/* clang-format off */
#define IPSTATS_MIB(X) \
	X(INPKTS, "InReceives") \
	X(INHDRERRORS, "InHdrErrors") \
	X(INADDRERRORS, "InAddrErrors") \
	X(FORWDATAGRAMS, "ForwDatagrams") \
	X(INUNKNOWNPROTOS, "InUnknownProtos") \
	X(INDISCARDS, "InDiscards") \
	X(INDELIVERS, "InDelivers") \
	X(OUTREQUESTS, "OutRequests") \
	X(OUTDISCARDS, "OutDiscards") \
	X(OUTNOROUTES, "OutNoRoutes") \
	X(REASMTIMEOUT, "ReasmTimeout") \
	X(REASMREQDS, "ReasmReqds") \
	X(REASMOKS, "ReasmOKs") \
	X(REASMFAILS, "ReasmFails") \
	X(FRAGOKS, "FragOKs") \
	X(FRAGFAILS, "FragFails") \
	X(FRAGCREATES, "FragCreates")

/* Printed in the IpExt line of /proc/net/netstat. */
#define IPEXT_MIB(X) \
	X(INNOROUTES, "InNoRoutes") \
	X(INTRUNCATEDPKTS, "InTruncatedPkts") \
	X(INMCASTPKTS, "InMcastPkts") \
	X(OUTMCASTPKTS, "OutMcastPkts") \
	X(INBCASTPKTS, "InBcastPkts") \
	X(OUTBCASTPKTS, "OutBcastPkts") \
	X(INOCTETS, "InOctets") \
	X(OUTOCTETS, "OutOctets") \
	X(INMCASTOCTETS, "InMcastOctets") \
	X(OUTMCASTOCTETS, "OutMcastOctets") \
	X(INBCASTOCTETS, "InBcastOctets") \
	X(OUTBCASTOCTETS, "OutBcastOctets") \
	X(CSUMERRORS, "InCsumErrors") \
	X(NOECTPKTS, "InNoECTPkts") \
	X(ECT1PKTS, "InECT1Pkts") \
	X(ECT0PKTS, "InECT0Pkts") \
	X(CEPKTS, "InCEPkts") \
	X(REASM_OVERLAPS, "ReasmOverlaps")

#define ICMP_MIB(X) \
	X(INMSGS, "InMsgs") \
	X(INERRORS, "InErrors") \
	X(CSUMERRORS, "InCsumErrors") \
	X(INDESTUNREACHS, "InDestUnreachs") \
	X(INTIMEEXCDS, "InTimeExcds") \
	X(INPARMPROBS, "InParmProbs") \
	X(INSRCQUENCHS, "InSrcQuenchs") \
	X(INREDIRECTS, "InRedirects") \
	X(INECHOS, "InEchos") \
	X(INECHOREPS, "InEchoReps") \
	X(INTIMESTAMPS, "InTimestamps") \
	X(INTIMESTAMPREPS, "InTimestampReps") \
	X(INADDRMASKS, "InAddrMasks") \
	X(INADDRMASKREPS, "InAddrMaskReps") \
	X(OUTMSGS, "OutMsgs") \
	X(OUTERRORS, "OutErrors") \
	X(RATELIMITGLOBAL, "OutRateLimitGlobal") \
	X(RATELIMITHOST, "OutRateLimitHost") \
	X(OUTDESTUNREACHS, "OutDestUnreachs") \
	X(OUTTIMEEXCDS, "OutTimeExcds") \
	X(OUTPARMPROBS, "OutParmProbs") \
	X(OUTSRCQUENCHS, "OutSrcQuenchs") \
	X(OUTREDIRECTS, "OutRedirects") \
	X(OUTECHOS, "OutEchos") \
	X(OUTECHOREPS, "OutEchoReps") \
	X(OUTTIMESTAMPS, "OutTimestamps") \
	X(OUTTIMESTAMPREPS, "OutTimestampReps") \
	X(OUTADDRMASKS, "OutAddrMasks") \
	X(OUTADDRMASKREPS, "OutAddrMaskReps")

#define UDP_MIB(X) \
	X(INDATAGRAMS, "InDatagrams") \
	X(NOPORTS, "NoPorts") \
	X(INERRORS, "InErrors") \
	X(OUTDATAGRAMS, "OutDatagrams") \
	X(RCVBUFERRORS, "RcvbufErrors") \
	X(SNDBUFERRORS, "SndbufErrors") \
	X(CSUMERRORS, "InCsumErrors") \
	X(IGNOREDMULTI, "IgnoredMulti") \
	X(MEMERRORS, "MemErrors")

/* RtoAlgorithm, RtoMin, RtoMax, MaxConn and CurrEstab of the Tcp line are not counters. */
#define TCP_MIB(X) \
	X(ACTIVEOPENS, "ActiveOpens") \
	X(PASSIVEOPENS, "PassiveOpens") \
	X(ATTEMPTFAILS, "AttemptFails") \
	X(ESTABRESETS, "EstabResets") \
	X(CURRESTAB, "CurrEstab") \
	X(INSEGS, "InSegs") \
	X(OUTSEGS, "OutSegs") \
	X(RETRANSSEGS, "RetransSegs") \
	X(INERRS, "InErrs") \
	X(OUTRSTS, "OutRsts") \
	X(CSUMERRORS, "InCsumErrors")

#define LINUX_MIB(X) \
	X(SYNCOOKIESSENT, "SyncookiesSent") \
	X(SYNCOOKIESRECV, "SyncookiesRecv") \
	X(SYNCOOKIESFAILED, "SyncookiesFailed") \
	X(EMBRYONICRSTS, "EmbryonicRsts") \
	X(PRUNECALLED, "PruneCalled") \
	X(RCVPRUNED, "RcvPruned") \
	X(OFOPRUNED, "OfoPruned") \
	X(OUTOFWINDOWICMPS, "OutOfWindowIcmps") \
	X(LOCKDROPPEDICMPS, "LockDroppedIcmps") \
	X(ARPFILTER, "ArpFilter") \
	X(TIMEWAITED, "TW") \
	X(TIMEWAITRECYCLED, "TWRecycled") \
	X(TIMEWAITKILLED, "TWKilled") \
	X(PAWSACTIVEREJECTED, "PAWSActive") \
	X(PAWSESTABREJECTED, "PAWSEstab") \
	X(DELAYEDACKS, "DelayedACKs") \
	X(DELAYEDACKLOCKED, "DelayedACKLocked") \
	X(DELAYEDACKLOST, "DelayedACKLost") \
	X(LISTENOVERFLOWS, "ListenOverflows") \
	X(LISTENDROPS, "ListenDrops") \
	X(TCPHPHITS, "TCPHPHits") \
	X(TCPPUREACKS, "TCPPureAcks") \
	X(TCPHPACKS, "TCPHPAcks") \
	X(TCPRENORECOVERY, "TCPRenoRecovery") \
	X(TCPSACKRECOVERY, "TCPSackRecovery") \
	X(TCPSACKRENEGING, "TCPSACKReneging") \
	X(TCPSACKREORDER, "TCPSACKReorder") \
	X(TCPRENOREORDER, "TCPRenoReorder") \
	X(TCPTSREORDER, "TCPTSReorder") \
	X(TCPFULLUNDO, "TCPFullUndo") \
	X(TCPPARTIALUNDO, "TCPPartialUndo") \
	X(TCPDSACKUNDO, "TCPDSACKUndo") \
	X(TCPLOSSUNDO, "TCPLossUndo") \
	X(TCPLOSTRETRANSMIT, "TCPLostRetransmit") \
	X(TCPRENOFAILURES, "TCPRenoFailures") \
	X(TCPSACKFAILURES, "TCPSackFailures") \
	X(TCPLOSSFAILURES, "TCPLossFailures") \
	X(TCPFASTRETRANS, "TCPFastRetrans") \
	X(TCPSLOWSTARTRETRANS, "TCPSlowStartRetrans") \
	X(TCPTIMEOUTS, "TCPTimeouts") \
	X(TCPLOSSPROBES, "TCPLossProbes") \
	X(TCPLOSSPROBERECOVERY, "TCPLossProbeRecovery") \
	X(TCPRENORECOVERYFAIL, "TCPRenoRecoveryFail") \
	X(TCPSACKRECOVERYFAIL, "TCPSackRecoveryFail") \
	X(TCPRCVCOLLAPSED, "TCPRcvCollapsed") \
	X(TCPBACKLOGCOALESCE, "TCPBacklogCoalesce") \
	X(TCPDSACKOLDSENT, "TCPDSACKOldSent") \
	X(TCPDSACKOFOSENT, "TCPDSACKOfoSent") \
	X(TCPDSACKRECV, "TCPDSACKRecv") \
	X(TCPDSACKOFORECV, "TCPDSACKOfoRecv") \
	X(TCPABORTONDATA, "TCPAbortOnData") \
	X(TCPABORTONCLOSE, "TCPAbortOnClose") \
	X(TCPABORTONMEMORY, "TCPAbortOnMemory") \
	X(TCPABORTONTIMEOUT, "TCPAbortOnTimeout") \
	X(TCPABORTONLINGER, "TCPAbortOnLinger") \
	X(TCPABORTFAILED, "TCPAbortFailed") \
	X(TCPMEMORYPRESSURES, "TCPMemoryPressures") \
	X(TCPMEMORYPRESSURESCHRONO, "TCPMemoryPressuresChrono") \
	X(TCPSACKDISCARD, "TCPSACKDiscard") \
	X(TCPDSACKIGNOREDOLD, "TCPDSACKIgnoredOld") \
	X(TCPDSACKIGNOREDNOUNDO, "TCPDSACKIgnoredNoUndo") \
	X(TCPSPURIOUSRTOS, "TCPSpuriousRTOs") \
	X(SACKSHIFTED, "TCPSackShifted") \
	X(SACKMERGED, "TCPSackMerged") \
	X(SACKSHIFTFALLBACK, "TCPSackShiftFallback") \
	X(TCPBACKLOGDROP, "TCPBacklogDrop") \
	X(PFMEMALLOCDROP, "PFMemallocDrop") \
	X(TCPMINTTLDROP, "TCPMinTTLDrop") \
	X(TCPDEFERACCEPTDROP, "TCPDeferAcceptDrop") \
	X(IPRPFILTER, "IPReversePathFilter") \
	X(TCPTIMEWAITOVERFLOW, "TCPTimeWaitOverflow") \
	X(TCPREQQFULLDOCOOKIES, "TCPReqQFullDoCookies") \
	X(TCPREQQFULLDROP, "TCPReqQFullDrop") \
	X(TCPSOURCESYNLIMIT, "TCPSourceSynLimit") \
	X(TCPSOURCECONNLIMIT, "TCPSourceConnLimit") \
	X(TCPSYNSHED, "TCPSynShed") \
	X(TCPRETRANSFAIL, "TCPRetransFail") \
	X(TCPRCVCOALESCE, "TCPRcvCoalesce") \
	X(TCPOFOQUEUE, "TCPOFOQueue") \
	X(TCPOFODROP, "TCPOFODrop") \
	X(TCPOFOMERGE, "TCPOFOMerge") \
	X(TCPCHALLENGEACK, "TCPChallengeACK") \
	X(TCPSYNCHALLENGE, "TCPSYNChallenge") \
	X(TCPFASTOPENACTIVE, "TCPFastOpenActive") \
	X(TCPFASTOPENACTIVEFAIL, "TCPFastOpenActiveFail") \
	X(TCPFASTOPENPASSIVE, "TCPFastOpenPassive") \
	X(TCPFASTOPENPASSIVEFAIL, "TCPFastOpenPassiveFail") \
	X(TCPFASTOPENLISTENOVERFLOW, "TCPFastOpenListenOverflow") \
	X(TCPFASTOPENCOOKIEREQD, "TCPFastOpenCookieReqd") \
	X(TCPFASTOPENBLACKHOLE, "TCPFastOpenBlackhole") \
	X(TCPSPURIOUS_RTX_HOSTQUEUES, "TCPSpuriousRtxHostQueues") \
	X(BUSYPOLLRXPACKETS, "BusyPollRxPackets") \
	X(TCPAUTOCORKING, "TCPAutoCorking") \
	X(TCPFROMZEROWINDOWADV, "TCPFromZeroWindowAdv") \
	X(TCPTOZEROWINDOWADV, "TCPToZeroWindowAdv") \
	X(TCPWANTZEROWINDOWADV, "TCPWantZeroWindowAdv") \
	X(TCPSYNRETRANS, "TCPSynRetrans") \
	X(TCPORIGDATASENT, "TCPOrigDataSent") \
	X(TCPHYSTARTTRAINDETECT, "TCPHystartTrainDetect") \
	X(TCPHYSTARTTRAINCWND, "TCPHystartTrainCwnd") \
	X(TCPHYSTARTDELAYDETECT, "TCPHystartDelayDetect") \
	X(TCPHYSTARTDELAYCWND, "TCPHystartDelayCwnd") \
	X(TCPACKSKIPPEDSYNRECV, "TCPACKSkippedSynRecv") \
	X(TCPACKSKIPPEDPAWS, "TCPACKSkippedPAWS") \
	X(TCPACKSKIPPEDSEQ, "TCPACKSkippedSeq") \
	X(TCPACKSKIPPEDFINWAIT2, "TCPACKSkippedFinWait2") \
	X(TCPACKSKIPPEDTIMEWAIT, "TCPACKSkippedTimeWait") \
	X(TCPACKSKIPPEDCHALLENGE, "TCPACKSkippedChallenge") \
	X(TCPWINPROBE, "TCPWinProbe") \
	X(TCPKEEPALIVE, "TCPKeepAlive") \
	X(TCPMTUPFAIL, "TCPMTUPFail") \
	X(TCPMTUPSUCCESS, "TCPMTUPSuccess") \
	X(TCPDELIVERED, "TCPDelivered") \
	X(TCPDELIVEREDCE, "TCPDeliveredCE") \
	X(TCPACKCOMPRESSED, "TCPAckCompressed") \
	X(TCPZEROWINDOWDROP, "TCPZeroWindowDrop") \
	X(TCPRCVQDROP, "TCPRcvQDrop") \
	X(TCPWQUEUETOOBIG, "TCPWqueueTooBig") \
	X(TCPFASTOPENPASSIVEALTKEY, "TCPFastOpenPassiveAltKey") \
	X(TCPTIMEOUTREHASH, "TcpTimeoutRehash") \
	X(TCPDUPLICATEDATAREHASH, "TcpDuplicateDataRehash") \
	X(TCPDSACKRECVSEGS, "TCPDSACKRecvSegs") \
	X(TCPDSACKIGNOREDDUBIOUS, "TCPDSACKIgnoredDubious") \
	X(TCPMIGRATEREQSUCCESS, "TCPMigrateReqSuccess") \
	X(TCPMIGRATEREQFAILURE, "TCPMigrateReqFailure") \
	X(TCPPLBREHASH, "TCPPLBRehash") \
	X(BEYOND_WINDOW, "BeyondWindow")


/* /proc/net/stat/rt_cache, by Linux's names: routes that were looked for in the tables. */
#define RT_MIB(X) \
	X(IN_SLOW_TOT, "in_slow_tot") \
	X(IN_SLOW_MC, "in_slow_mc") \
	X(IN_NO_ROUTE, "in_no_route") \
	X(IN_BRD, "in_brd") \
	X(IN_MARTIAN_DST, "in_martian_dst") \
	X(IN_MARTIAN_SRC, "in_martian_src") \
	X(OUT_SLOW_TOT, "out_slow_tot") \
	X(OUT_SLOW_MC, "out_slow_mc")
/* clang-format on */

#define X(id, text) IPSTATS_MIB_##id,
enum { IPSTATS_MIB(X) __IPSTATS_MIB_MAX };
#undef X
#define X(id, text) RT_MIB_##id,
enum { RT_MIB(X) __RT_MIB_MAX };
#undef X
#define X(id, text) IPEXT_MIB_##id,
enum { IPEXT_MIB(X) __IPEXT_MIB_MAX };
#undef X
#define X(id, text) ICMP_MIB_##id,
enum { ICMP_MIB(X) __ICMP_MIB_MAX };
#undef X
#define X(id, text) UDP_MIB_##id,
enum { UDP_MIB(X) __UDP_MIB_MAX };
#undef X
#define X(id, text) TCP_MIB_##id,
enum { TCP_MIB(X) __TCP_MIB_MAX };
#undef X
#define X(id, text) LINUX_MIB_##id,
enum { LINUX_MIB(X) __LINUX_MIB_MAX };
#undef X

/* One CPU's copy. CURRESTAB moves both ways: only the sum over CPUs means something. */
struct net_mib {
	u64 ip[__IPSTATS_MIB_MAX];
	u64 ipext[__IPEXT_MIB_MAX];
	u64 icmp[__ICMP_MIB_MAX];
	u64 icmpmsg_in[256], icmpmsg_out[256];
	u64 udp[__UDP_MIB_MAX];
	u64 tcp[__TCP_MIB_MAX];
	u64 linux_[__LINUX_MIB_MAX];
	u64 rt[__RT_MIB_MAX]; /* last */
};

#define IP_INC_STATS(net, f)       (NET_MIB(net)->ip[IPSTATS_MIB_##f]++)
#define IP_ADD_STATS(net, f, n)    (NET_MIB(net)->ip[IPSTATS_MIB_##f] += (n))
#define RT_INC_STATS(net, f)       (NET_MIB(net)->rt[RT_MIB_##f]++)
#define IPEXT_INC_STATS(net, f)    (NET_MIB(net)->ipext[IPEXT_MIB_##f]++)
#define IPEXT_ADD_STATS(net, f, n) (NET_MIB(net)->ipext[IPEXT_MIB_##f] += (n))
#define ICMP_INC_STATS(net, f)     (NET_MIB(net)->icmp[ICMP_MIB_##f]++)
#define UDP_INC_STATS(net, f)      (NET_MIB(net)->udp[UDP_MIB_##f]++)
#define TCP_INC_STATS(net, f)      (NET_MIB(net)->tcp[TCP_MIB_##f]++)
#define TCP_DEC_STATS(net, f)      (NET_MIB(net)->tcp[TCP_MIB_##f]--)
#define TCP_ADD_STATS(net, f, n)   (NET_MIB(net)->tcp[TCP_MIB_##f] += (n))
/* The enumerator is given whole, as Linux does: NET_INC_STATS(net, LINUX_MIB_LISTENDROPS). */
#define NET_INC_STATS(net, f)    (NET_MIB(net)->linux_[f]++)
#define NET_ADD_STATS(net, f, n) (NET_MIB(net)->linux_[f] += (n))

#endif

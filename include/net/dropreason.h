/* SPDX-License-Identifier: MIT */
/*
 * Why a packet was dropped: one row a reason, with the sentence that /proc/net/drop_reasons and
 * the console show beside its counter. Names follow Linux's enum skb_drop_reason where it has one.
 * Whoever frees a packet that was not consumed names a reason; no packet vanishes nameless.
 */
#ifndef NET_DROPREASON_H
#define NET_DROPREASON_H

#define DROP_REASONS(X)                                                            \
	X(NOT_SPECIFIED, "no reason given: a gap in the code, to be closed")       \
	/* device and link */                                                      \
	X(DEV_READY, "device is down or has no carrier")                           \
	X(DEV_HDR, "link header is cut short or malformed")                        \
	X(DEV_RX_ERROR, "device reported a damaged or oversized frame")            \
	X(TX_BUSY, "driver refused the packet after it was dequeued")              \
	X(CPU_BACKLOG, "per-CPU backlog is full (netdev_max_backlog)")             \
	X(OTHERHOST, "frame is addressed to another host")                         \
	X(UNHANDLED_PROTO, "no handler for this EtherType")                        \
	X(QDISC_DROP, "transmit queue is full or its discipline dropped")          \
	X(FULL_RING, "driver ring is full")                                        \
	X(NOMEM, "out of memory")                                                  \
	X(SKB_CSUM, "checksum could not be computed: packet shorter than it says") \
	X(SKB_GSO_SEG, "segmentation failed")                                      \
	/* neighbours */                                                           \
	X(ARP_INVALID, "ARP packet is malformed or makes no sense")                \
	X(NEIGH_FAILED, "neighbour did not answer")                                \
	X(NEIGH_QUEUEFULL, "too many packets wait for this neighbour")             \
	X(NEIGH_TABLE_FULL, "neighbour table is full")                             \
	/* IP */                                                                   \
	X(IP_INHDR, "IP header is malformed")                                      \
	X(IP_CSUM, "IP header checksum is wrong")                                  \
	X(IP_TRUNCATED, "packet is shorter than its IP length")                    \
	X(IP_OPTIONS, "IP options are malformed or refused")                       \
	X(IP_SADDR_INVALID, "source address cannot be answered (martian)")         \
	X(IP_INADDRERRORS, "destination is not one of ours")                       \
	X(IP_OUTNOROUTES, "no route to the destination")                           \
	X(IP_NOPROTO, "no protocol handles this packet")                           \
	X(IP_TTL, "time to live ran out")                                          \
	X(IP_RPFILTER, "reverse path filter")                                      \
	X(PKT_TOO_BIG, "larger than the path MTU and may not be fragmented")       \
	X(FRAG_OVERLAP, "fragment overlaps another (RFC 5722)")                    \
	X(FRAG_INVALID, "fragment has an impossible offset or length")             \
	X(FRAG_REASM_TIMEOUT, "reassembly timed out")                              \
	X(FRAG_LIMIT, "reassembly memory or count limit")                          \
	/* ICMP */                                                                 \
	X(ICMP_CSUM, "ICMP checksum is wrong")                                     \
	X(ICMP_INVALID, "ICMP message is malformed or of no use to us")            \
	X(ICMP_RATELIMIT, "ICMP rate limit")                                       \
	/* UDP and sockets */                                                      \
	X(UDP_CSUM, "UDP checksum is wrong")                                       \
	X(UDP_INVALID, "UDP length is impossible")                                 \
	X(NO_SOCKET, "no socket listens there")                                    \
	X(SOCKET_RCVBUFF, "socket's receive buffer is full")                       \
	X(SOCKET_FILTER, "socket filter")                                          \
	X(SOCKET_BACKLOG, "socket's backlog is full")                              \
	X(SOCKET_CLOSED, "socket was closed with this packet unread")              \
	X(PROTO_MEM, "protocol's memory limit is reached")                         \
	/* TCP */                                                                  \
	X(TCP_CSUM, "TCP checksum is wrong")                                       \
	X(TCP_INVALID, "TCP header or options are malformed")                      \
	X(TCP_FLAGS, "flags not acceptable in this state")                         \
	X(TCP_ZEROWINDOW, "outside the receive window, which is closed")           \
	X(TCP_OLD_DATA, "wholly received before")                                  \
	X(TCP_OVERWINDOW, "beyond the receive window")                             \
	X(TCP_OFOMERGE, "duplicate of out-of-order data already queued")           \
	X(TCP_OFO_QUEUE_PRUNE, "out-of-order queue pruned for memory")             \
	X(TCP_RFC7323_PAWS, "timestamp older than the last one (PAWS)")            \
	X(TCP_OLD_SEQUENCE, "sequence wholly before the window")                   \
	X(TCP_INVALID_SEQUENCE, "sequence outside the window")                     \
	X(TCP_INVALID_ACK_SEQUENCE, "acknowledges data never sent")                \
	X(TCP_OLD_ACK, "acknowledgement too old (RFC 5961)")                       \
	X(TCP_RESET, "reset by the peer")                                          \
	X(TCP_INVALID_SYN, "SYN on a synchronised connection (challenge ACK)")     \
	X(TCP_CLOSE, "connection is closed")                                       \
	X(TCP_LISTEN_OVERFLOW, "accept queue is full")                             \
	X(TCP_REQQ_FULL, "SYN backlog is full")                                    \
	X(TCP_SOURCE_LIMIT, "its source has as many as it may")                    \
	X(TCP_SYN_SHED, "SYN while receiving takes all of the CPU")                \
	X(TCP_FASTOPEN, "Fast Open data not accepted")                             \
	X(TCP_ABORT_ON_DATA, "data after the application closed")                  \
	X(TCP_TIMEWAIT, "answered from TIME-WAIT")                                 \
	X(TCP_COOKIE_INVALID, "SYN cookie did not verify")                         \
	X(TCP_MD5, "connection signature option unexpected")

#define X(name, text) SKB_DROP_REASON_##name,
enum skb_drop_reason {
	SKB_NOT_DROPPED_YET, /* keep: the packet goes on */
	SKB_CONSUMED,        /* freed after use */
	DROP_REASONS(X) NR_SKB_DROP_REASONS
};
#undef X

#endif

/* SPDX-License-Identifier: MIT */
/* Options of UDP sockets. */
#ifndef _NETINET_UDP_H
#define _NETINET_UDP_H

#define SOL_UDP 17

#define UDP_SEGMENT 103 /* int: cut what is sent into datagrams of that many bytes */
#define UDP_GRO     104 /* int: take merged datagrams; the size of each comes as a control message */

#endif

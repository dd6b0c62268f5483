/* SPDX-License-Identifier: MIT */
/*
 * Connections for programs on the console: everything that waits ends by Ctrl-C or a time-out.
 */
#ifndef APPS_LIB_NET_H
#define APPS_LIB_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* "10.0.0.1", or "localhost": false with a message that begins with app. */
bool net_address(const char *app, const char *text, uint16_t port, struct sockaddr_in *addr);

/* Wait for events (POLLIN, POLLOUT) on fd: 1: they are there; 0: time is over (-1: never); -1 with
 * errno EINTR: Ctrl-C. */
int net_wait(int fd, short events, int timeout_ms);

/* A connected non-blocking TCP socket, or -1 with errno (ETIMEDOUT, EINTR, ECONNREFUSED ...). */
int net_connect(const struct sockaddr_in *addr, int timeout_ms);

/* All of it, or -1 with errno. */
int net_send_all(int fd, const void *data, size_t len, int timeout_ms);
/* Exactly len bytes: 1; 0: the other end closed before; -1 with errno. */
int net_recv_all(int fd, void *data, size_t len, int timeout_ms);

/* A bound socket of that type, listening if it is SOCK_STREAM; -1 with errno. */
int net_listen(int type, uint16_t port, int backlog);

#endif

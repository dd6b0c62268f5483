/* SPDX-License-Identifier: MIT */
/* Between the files of ip: one for each kind of object. */
#ifndef IP_INT_H
#define IP_INT_H

#include "../lib/nl.h"

struct ip_ctx {
	int fd;
	bool stats, details;
	const char *dev; /* show only this one; NULL: all */
};

/* Each takes the words behind the object: "show", "add 10.0.0.2/24 dev eth0" ... 0 or an exit
 * status. */
int ip_link(struct ip_ctx *ip, int argc, char **argv);
int ip_addr(struct ip_ctx *ip, int argc, char **argv);
int ip_route(struct ip_ctx *ip, int argc, char **argv);
int ip_neigh(struct ip_ctx *ip, int argc, char **argv);

/* common.c */
const char *dev_name(uint32_t ifindex, char name[16]);
/* 0 with a message where there is none of that name. */
uint32_t dev_index(const char *name);
/* "10.0.0.2/24", "default": false with a message where it is malformed. A missing length is 32. */
bool parse_prefix(const char *text, uint32_t *addr, uint8_t *len);
bool parse_addr(const char *text, uint32_t *addr);
/* Is each word one of keys (NULL at their end) with a word behind it, or one of flags (or NULL)?
 * False with a message. */
bool known_words(int argc, char **argv, const char *const *keys, const char *const *flags);
/* "ip: argument "x" is wrong: what". Returns 1, an exit status. */
int wrong(const char *arg, const char *what);
/* The word behind key, NULL: it is not there. */
const char *word_after(int argc, char **argv, const char *key);
/* Send a change and say what went wrong. An exit status. */
int ip_do(struct ip_ctx *ip, struct nl_req *r);
int bad_command(const char *object);
/* The words of "show [[dev] NAME]" into ip->dev. False with a message. */
bool show_only(struct ip_ctx *ip, int argc, char **argv);
bool is_show(int argc, char **argv);

#endif

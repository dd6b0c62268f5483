/* SPDX-License-Identifier: MIT */
/* What ip's objects share. */
#include "ip_int.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dev_name(uint32_t ifindex, char name[16])
{
	if (!if_indextoname(ifindex, name))
		snprintf(name, 16, "if%u", ifindex);
	return name;
}

uint32_t dev_index(const char *name)
{
	uint32_t i = name ? if_nametoindex(name) : 0;

	if (!i)
		fprintf(stderr, name ? "ip: there is no device %s\n" : "ip: dev is missing\n",
			name);
	return i;
}

bool parse_addr(const char *text, uint32_t *addr)
{
	if (inet_pton(AF_INET, text, addr) == 1)
		return true;
	fprintf(stderr, "ip: %s is not an address\n", text);
	return false;
}

bool parse_prefix(const char *text, uint32_t *addr, uint8_t *len)
{
	const char *slash = strchr(text, '/');
	char host[20];
	long n = 32;

	if (!strcmp(text, "default")) {
		*addr = 0;
		*len = 0;
		return true;
	}
	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : 19, text);
	if (slash) {
		char *end;

		n = strtol(slash + 1, &end, 10);
		if (*end || end == slash + 1 || n < 0 || n > 32) {
			fprintf(stderr, "ip: %s: the prefix length is not between 0 and 32\n",
				text);
			return false;
		}
	}
	*len = (uint8_t)n;
	return parse_addr(host, addr);
}

static bool among(const char *word, const char *const *words)
{
	for (; words && *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

bool known_words(int argc, char **argv, const char *const *keys, const char *const *flags)
{
	for (int i = 0; i < argc; i++) {
		if (among(argv[i], flags))
			continue;
		if (!among(argv[i], keys)) {
			fprintf(stderr, "ip: \"%s\" is a garbage.\n", argv[i]);
			return false;
		}
		if (++i == argc) {
			fprintf(stderr, "ip: command line is not complete.\n");
			return false;
		}
	}
	return true;
}

int wrong(const char *arg, const char *what)
{
	fprintf(stderr, "ip: argument \"%s\" is wrong: %s\n", arg, what);
	return 1;
}

const char *word_after(int argc, char **argv, const char *key)
{
	for (int i = 0; i + 1 < argc; i++)
		if (!strcmp(argv[i], key))
			return argv[i + 1];
	return NULL;
}

int ip_do(struct ip_ctx *ip, struct nl_req *r)
{
	int err = nl_do(ip->fd, r);

	if (err)
		fprintf(stderr, "ip: %s\n", strerror(err));
	return err ? 2 : 0;
}

int bad_command(const char *object)
{
	fprintf(stderr, "ip: no such command of %s (try help ip)\n", object);
	return 1;
}

bool is_show(int argc, char **argv)
{
	return !argc || !strcmp(argv[0], "show") || !strcmp(argv[0], "list") ||
	       !strcmp(argv[0], "ls");
}

bool show_only(struct ip_ctx *ip, int argc, char **argv)
{
	int i = 1;

	if (argc > 1 && !strcmp(argv[1], "dev"))
		i = 2;
	if (argc > i + 1 || (i == 2 && argc == 2)) {
		fprintf(stderr,
			argc > i + 1 ? "ip: \"%s\" is a garbage.\n"
				     : "ip: command line is not complete%.0s.\n",
			argc > i + 1 ? argv[i + 1] : "");
		return false;
	}
	if (argc > i)
		ip->dev = argv[i];
	return !ip->dev || dev_index(ip->dev);
}

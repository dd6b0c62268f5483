/* SPDX-License-Identifier: MIT */
/*
 * Options of a command line, GNU style: letters, groups of letters, long names, arguments behind
 * or joined, words in between ("ping host -c 3"). All state is the caller's, unlike getopt()'s, so
 * that apps which start together don't disturb each other.
 */
#ifndef APPS_LIB_OPTS_H
#define APPS_LIB_OPTS_H

#include <stdbool.h>

/* "--name" stands for the letter; the last row's name is NULL. */
struct long_opt {
	const char *name;
	int letter; /* above 255: there is no letter for it */
	bool has_arg;
};

struct opts {
	/* Set by the caller. */
	int argc;
	char **argv;
	const char *letters; /* as getopt()'s: "c:n" */
	const struct long_opt *longs;
	/* Found. */
	char *arg; /* of the option last returned */
	/* Progress. */
	int next;   /* argv[1..next): options seen, with their arguments */
	int looked; /* words up to here are looked at */
	char *group;
	bool only_words;
};

/* The next option's letter; -1: there is none, and argv[o->next..argc) are the words; '?': an
 * unknown one, or one without its argument, which has been said on stderr. */
int opts_next(struct opts *o);

/* Print an app's synopsis on stderr. Returns 2, the exit status for it. */
int app_usage(const char *name);

#endif

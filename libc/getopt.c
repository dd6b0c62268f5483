/* SPDX-License-Identifier: MIT */
/*
 * Options of a command line, as POSIX has them. One state for the image, so an app reads its
 * options in one go before it waits for anything; optind = 0 or 1 starts afresh.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *optarg;
int optind = 1, opterr = 1, optopt;

/* Place within a group of letters such as -ab. */
static const char *letters = "";

static int complain(const char *app, const char *what, int letter)
{
	optopt = letter;
	if (opterr)
		fprintf(stderr, "%s: %s -- '%c'\n", app, what, letter);
	return '?';
}

int getopt(int argc, char *const argv[], const char *optstring)
{
	const char *known;
	int letter;

	if (optind <= 1 || optind > argc)
		letters = "";
	if (optind < 1)
		optind = 1;
	if (!*letters) {
		char *arg = optind < argc ? argv[optind] : NULL;

		if (!arg || arg[0] != '-' || !arg[1])
			return -1;
		optind++;
		if (!strcmp(arg, "--"))
			return -1;
		letters = arg + 1;
	}
	letter = *letters++;
	known = letter == ':' ? NULL : strchr(optstring, letter);
	if (!known)
		return complain(argv[0], "invalid option", letter);
	if (known[1] != ':')
		return letter;
	if (*letters) {
		optarg = (char *)(__UINTPTR_TYPE__)letters;
	} else if (optind < argc) {
		optarg = argv[optind++];
	} else {
		letters = "";
		complain(argv[0], "option requires an argument", letter);
		return optstring[0] == ':' ? ':' : '?';
	}
	letters = "";
	return letter;
}

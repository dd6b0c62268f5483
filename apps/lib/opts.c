/* SPDX-License-Identifier: MIT */
/*
 * Options of a command line: contract in opts.h.
 */
#include "opts.h"

#include <stdio.h>
#include <string.h>
#include <sys/app.h>

extern const struct app __start_apps[], __stop_apps[];

/* Move word `from` in front of the words that begin at o->next. */
static void move_up(struct opts *o, int from)
{
	char *word = o->argv[from];

	memmove(&o->argv[o->next + 1], &o->argv[o->next],
		(size_t)(from - o->next) * sizeof(o->argv[0]));
	o->argv[o->next++] = word;
}

static int complain(const struct opts *o, const char *what, const char *name, size_t len)
{
	fprintf(stderr, "%s: %s -- '%.*s'\n", o->argv[0], what, (int)len, name);
	return '?';
}

/* The word behind an option, which becomes its argument. */
static bool take_arg(struct opts *o)
{
	if (o->looked >= o->argc)
		return false;
	o->arg = o->argv[o->looked];
	move_up(o, o->looked++);
	return true;
}

static int long_option(struct opts *o, char *name)
{
	char *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);

	for (const struct long_opt *l = o->longs; l && l->name; l++) {
		if (strncmp(l->name, name, len) || l->name[len])
			continue;
		if (eq && !l->has_arg)
			return complain(o, "option takes no argument", name, len);
		if (eq)
			o->arg = eq + 1;
		else if (l->has_arg && !take_arg(o))
			return complain(o, "option requires an argument", name, len);
		return l->letter;
	}
	return complain(o, "unrecognized option", name, len);
}

static int short_option(struct opts *o)
{
	char letter = *o->group++;
	const char *known = letter == ':' ? NULL : strchr(o->letters, letter);

	if (!known)
		return complain(o, "invalid option", &letter, 1);
	if (known[1] != ':')
		return letter;
	if (*o->group)
		o->arg = o->group;
	else if (!take_arg(o))
		return complain(o, "option requires an argument", &letter, 1);
	o->group = NULL;
	return letter;
}

int opts_next(struct opts *o)
{
	o->arg = NULL;
	if (!o->next)
		o->next = o->looked = 1;
	while (!o->group || !*o->group) {
		char *word;

		if (o->only_words || o->looked >= o->argc)
			return -1;
		word = o->argv[o->looked++];
		if (word[0] != '-' || !word[1])
			continue;
		move_up(o, o->looked - 1);
		if (word[1] != '-') {
			o->group = word + 1;
		} else if (word[2]) {
			return long_option(o, word + 2);
		} else {
			o->only_words = true;
		}
	}
	return short_option(o);
}

int app_usage(const char *name)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++)
		if (!strcmp(a->name, name))
			fprintf(stderr, "usage: %s\n", a->usage);
	return 2;
}

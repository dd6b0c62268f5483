/* SPDX-License-Identifier: MIT */
/*
 * What the word before the cursor may become: a command at the start, a path elsewhere.
 */
#include "shell_int.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/app.h>

extern const struct app __start_apps[], __stop_apps[];

bool is_command(const char *name)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++)
		if (!strcmp(a->name, name))
			return true;
	return false;
}

static bool complete_command(const char *word, size_t len, unsigned i, char *buf, size_t size)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++)
		if (!strncmp(a->name, word, len) && !i--)
			return snprintf(buf, size, "%s", a->name) < (int)size;
	return false;
}

/* The i-th entry of the word's folder whose name begins as the word's last part does. */
static bool complete_path(const char *word, size_t len, unsigned i, char *buf, size_t size)
{
	char folder[LINE_MAX_LEN];
	size_t base = len;
	struct dirent *d;
	bool found = false;
	DIR *dir;

	while (base && word[base - 1] != '/')
		base--;
	if (!base)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)base, word);
	dir = opendir(folder);
	while (dir && !found && (d = readdir(dir)))
		if (d->d_name[0] != '.' && !strncmp(d->d_name, word + base, len - base) && !i--)
			found = snprintf(buf, size, "%s%s%s", folder, d->d_name,
					 d->d_type == DT_DIR ? "/" : "") < (int)size;
	if (dir)
		closedir(dir);
	return found;
}

bool complete_word(const char *word, size_t len, bool command, unsigned i, char *buf, size_t size)
{
	return command ? complete_command(word, len, i, buf, size)
		       : complete_path(word, len, i, buf, size);
}

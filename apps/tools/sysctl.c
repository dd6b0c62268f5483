/* SPDX-License-Identifier: MIT */
/* sysctl: read and set the variables below /proc/sys. */
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <unistd.h>

#include "../lib/opts.h"

#define PATH_SIZE 256

/* net.ipv4.x to /proc/sys/net/ipv4/x; names with slashes are taken as they are. */
static void name_to_path(const char *name, size_t len, char path[PATH_SIZE])
{
	bool slashed = memchr(name, '/', len) != NULL;
	int n = snprintf(path, PATH_SIZE, "/proc/sys/%.*s", (int)len, name);

	for (int i = 10; !slashed && i < n && i < PATH_SIZE; i++)
		if (path[i] == '.')
			path[i] = '/';
}

static void path_to_name(const char *path, char name[PATH_SIZE])
{
	snprintf(name, PATH_SIZE, "%s", path + strlen("/proc/sys/"));
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '.';
}

static int show(const char *path)
{
	char name[PATH_SIZE], *text = read_text(path);

	path_to_name(path, name);
	if (!text) {
		fprintf(stderr, "sysctl: %s: %s\n", name, strerror(errno));
		return 1;
	}
	text[strcspn(text, "\n")] = '\0';
	printf("%s = %s\n", name, text);
	free(text);
	return 0;
}

static void show_all(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char path[PATH_SIZE];

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		if (d->d_type == DT_DIR)
			show_all(path);
		else
			show(path);
	}
	if (dir)
		closedir(dir);
}

static int set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		char name[PATH_SIZE];

		path_to_name(path, name);
		fprintf(stderr, "sysctl: %s: %s\n", name, strerror(errno));
		err = 1;
	}
	if (fd >= 0)
		close(fd);
	return err ? err : show(path);
}

static int sysctl_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "aw"};
	bool all = false;
	int letter, ret = 0;

	while ((letter = opts_next(&o)) != -1) {
		all |= letter == 'a';
		if (letter == '?')
			return app_usage(argv[0]);
	}
	if (all == (o.next < argc))
		return app_usage(argv[0]);
	if (all)
		show_all("/proc/sys");
	for (int i = o.next; i < argc; i++) {
		char path[PATH_SIZE], *eq = strchr(argv[i], '=');

		name_to_path(argv[i], eq ? (size_t)(eq - argv[i]) : strlen(argv[i]), path);
		ret |= eq ? set(path, eq + 1) : show(path);
	}
	return ret;
}

APP(sysctl, sysctl_main, "sysctl -a | name | [-w] name=value: kernel variables", false);

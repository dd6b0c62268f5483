/* SPDX-License-Identifier: MIT */
/* cat, ls: looking into the file tree. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/opts.h"
#include "../lib/term.h"

static int complain(const char *program, const char *path)
{
	fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
	return 1;
}

static int cat_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	char buf[1024];
	ssize_t n;

	if (fd < 0)
		return complain("cat", path);
	while ((n = read(fd, buf, sizeof(buf))) > 0 && !interrupted())
		if (write(STDOUT_FILENO, buf, (size_t)n) < 0)
			break;
	close(fd);
	return n < 0 ? complain("cat", path) : 0;
}

static int cat_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = ""};
	int ret = 0;

	if (opts_next(&o) != -1 || o.next == argc)
		return app_usage(argv[0]);
	for (int i = o.next; i < argc; i++)
		ret |= cat_file(argv[i]);
	return ret;
}

static void list_entry(const char *folder, const struct dirent *d)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
	if (stat(path, &st))
		return;
	printf("%c %10lld %s%s\n",
	       S_ISDIR(st.st_mode)   ? 'd'
	       : S_ISCHR(st.st_mode) ? 'c'
				     : '-',
	       (long long)st.st_size, d->d_name, S_ISDIR(st.st_mode) ? "/" : "");
}

static int ls_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "la"};
	const char *path;
	struct dirent *d;
	DIR *dir;
	int letter;

	while ((letter = opts_next(&o)) != -1)
		if (letter == '?')
			return app_usage(argv[0]);
	if (argc - o.next > 1)
		return app_usage(argv[0]);
	path = o.next < argc ? argv[o.next] : "/";
	dir = opendir(path);
	if (!dir)
		return complain("ls", path);
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			list_entry(path, d);
	closedir(dir);
	return 0;
}

APP(cat, cat_main, "cat file...: print files", false);
APP(ls, ls_main, "ls [folder]: list a folder", false);

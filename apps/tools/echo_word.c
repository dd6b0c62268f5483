/* SPDX-License-Identifier: MIT */
/* echo: print words, or write them into a file of /proc: `echo words > file`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/app.h>
#include <unistd.h>

static int echo_main(int argc, char **argv)
{
	char text[512];
	size_t len = 0;
	int fd = STDOUT_FILENO, n = argc, err = 0;

	if (argc > 2 && !strcmp(argv[argc - 2], ">")) {
		fd = open(argv[argc - 1], O_WRONLY);
		if (fd < 0) {
			fprintf(stderr, "echo: %s: %s\n", argv[argc - 1], strerror(errno));
			return 1;
		}
		n -= 2;
	}
	for (int i = 1; i < n && len < sizeof(text) - 2; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - 1 - len, "%s%s",
					i > 1 ? " " : "", argv[i]);
	if (len > sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	if (write(fd, text, len) < 0) {
		fprintf(stderr, "echo: %s\n", strerror(errno));
		err = 1;
	}
	if (fd != STDOUT_FILENO)
		close(fd);
	return err;
}

APP(echo, echo_main, "echo words [> file]: print, or set a file of /proc", false);

/* SPDX-License-Identifier: MIT */
/* pktgen: have a device send made-up packets, or throw away what it receives, without the stack
 * (/proc/net/pktgen); prints the result of the last run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/app.h>
#include <unistd.h>

#define FILE_NAME "/proc/net/pktgen"

static int fail(void)
{
	fprintf(stderr, "pktgen: %s\n", strerror(errno));
	return 1;
}

/* The words in one line: one write is one command. */
static int run(int argc, char **argv)
{
	char line[256];
	size_t len = 0;
	ssize_t n;
	int fd;

	for (int i = 1; i < argc; i++) {
		int more = snprintf(line + len, sizeof(line) - len, "%s ", argv[i]);

		if (more < 0 || (size_t)more >= sizeof(line) - len) {
			errno = E2BIG;
			return fail();
		}
		len += (size_t)more;
	}
	fd = open(FILE_NAME, O_WRONLY);
	if (fd < 0)
		return fail();
	n = write(fd, line, len);
	if (n < 0)
		fail();
	close(fd);
	return n < 0;
}

static int show(void)
{
	char text[512];
	ssize_t n;
	int fd = open(FILE_NAME, O_RDONLY);

	if (fd < 0)
		return fail();
	while ((n = read(fd, text, sizeof(text))) > 0)
		printf("%.*s", (int)n, text);
	close(fd);
	return n < 0;
}

static int pktgen_main(int argc, char **argv)
{
	if (argc > 1 && run(argc, argv))
		return 1;
	return show();
}

APP(pktgen, pktgen_main,
    "pktgen [dev [count N] [pkt_size N] [gso_size N] [burst N] [dst_mac MAC] [rx on|off]]: what "
    "a device can carry",
    false);

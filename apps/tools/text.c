/* SPDX-License-Identifier: MIT */
/* Small /proc files as text. */
#include "text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *read_text(const char *path)
{
	size_t len = 0, size = 4096;
	int fd = open(path, O_RDONLY);
	char *text = fd < 0 ? NULL : malloc(size);
	ssize_t n = 0;

	while (text && (n = read(fd, text + len, size - len - 1)) > 0) {
		len += (size_t)n;
		if (size - len == 1) {
			char *bigger = realloc(text, size *= 2);

			if (!bigger)
				free(text);
			text = bigger;
		}
	}
	if (text)
		text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

unsigned long long text_number(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text && *text) {
		if (!strncmp(text, key, n))
			return strtoull(text + n, NULL, 10);
		text = strchr(text, '\n');
		text += text ? 1 : 0;
	}
	return 0;
}

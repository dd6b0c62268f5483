/* SPDX-License-Identifier: MIT */
/*
 * A command line cut into words, in place.
 */
#include "shell_int.h"

#include <stdio.h>
#include <string.h>

/* Stands for $? in a word, until its value is put there: shorter, as words are cut in place. */
#define STATUS_MARK   '\x01'
#define STATUS_DIGITS 12

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Copy one word from *from to *to, quotes removed. False: a quote is not closed. */
static bool copy_word(char **from, char **to)
{
	char quote = 0;

	for (; **from; (*from)++) {
		char c = **from;

		if (c == '$' && (*from)[1] == '?' && quote != '\'') {
			++*from;
			c = STATUS_MARK;
		} else if (c == '\\' && quote != '\'' && (*from)[1])
			c = *++*from;
		else if (c == quote) {
			quote = 0;
			continue;
		} else if (!quote && (c == '\'' || c == '"')) {
			quote = c;
			continue;
		} else if (!quote && (is_blank(c) || c == ';' || c == '&'))
			break;
		*(*to)++ = c;
	}
	return !quote;
}

int split_words(char *line, char *argv[MAX_WORDS], char **end, bool *background)
{
	char *from = line, *to = line;
	int n = 0;

	*end = NULL;
	*background = false;
	for (;;) {
		char stop;

		while (is_blank(*from))
			from++;
		if (!*from || *from == '#')
			break;
		if (*from == ';' || *from == '&') {
			*background = *from == '&';
			*end = from + 1;
			break;
		}
		if (n == MAX_WORDS - 1)
			return -1;
		argv[n++] = to;
		if (!copy_word(&from, &to))
			return -1;
		/* The word's end may be where its separator stands: look before writing. */
		stop = *from;
		if (stop)
			from++;
		*to++ = '\0';
		if (stop == ';' || stop == '&') {
			*background = stop == '&';
			*end = from;
			break;
		}
		if (!stop)
			break;
	}
	argv[n] = NULL;
	return n;
}

bool expand_status(char *argv[], int status, char *room, size_t size)
{
	for (; *argv; argv++) {
		const char *from = *argv;
		size_t n = 0;

		if (!strchr(from, STATUS_MARK))
			continue;
		*argv = room;
		for (; *from; from++) {
			if (n + STATUS_DIGITS >= size)
				return false;
			if (*from == STATUS_MARK)
				n += (size_t)snprintf(room + n, size - n, "%d", status);
			else
				room[n++] = *from;
		}
		room[n++] = '\0';
		room += n;
		size -= n;
	}
	return true;
}

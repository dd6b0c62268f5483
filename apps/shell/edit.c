/* SPDX-License-Identifier: MIT */
/*
 * Line editing on a serial terminal: cursor keys, Emacs' keys, history, completion. Speaks ANSI
 * escape sequences; the terminal must not echo by itself.
 */
#include "shell_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CTRL(c) ((c)&0x1f)

enum key {
	KEY_NONE = 256,
	KEY_UP,
	KEY_DOWN,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_CLOSED,
};

static void put(struct editor *e, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(e->out, s, len);

		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

/* Repaint in one write: line start, prompt, text, clear the rest, cursor back to its place. */
static void repaint(struct editor *e)
{
	char buf[LINE_MAX_LEN + 96];
	int n = snprintf(buf, sizeof(buf), "\r%s%.*s\x1b[K", e->prompt, (int)e->len, e->line);

	if (e->pos < e->len)
		n += snprintf(buf + n, sizeof(buf) - (size_t)n, "\x1b[%uD",
			      (unsigned)(e->len - e->pos));
	put(e, buf, (size_t)n);
}

static int read_byte(struct editor *e)
{
	unsigned char c;

	return read(e->in, &c, 1) == 1 ? c : KEY_CLOSED;
}

/* After ESC [ digits ~ */
static int tilde_key(int number)
{
	switch (number) {
	case 1:
	case 7:
		return KEY_HOME;
	case 4:
	case 8:
		return KEY_END;
	case 3:
		return KEY_DELETE;
	default:
		return KEY_NONE;
	}
}

static int escape_key(struct editor *e)
{
	int c = read_byte(e), number = 0;

	if (c != '[' && c != 'O')
		return c == KEY_CLOSED ? c : KEY_NONE;
	for (;;) {
		c = read_byte(e);
		if (c >= '0' && c <= '9')
			number = (number * 10 + c - '0') % 1000;
		else if (c != ';')
			break;
	}
	switch (c) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '~':
		return tilde_key(number);
	default:
		return c == KEY_CLOSED ? c : KEY_NONE;
	}
}

static void erase(struct editor *e, size_t from, size_t to)
{
	memmove(e->line + from, e->line + to, e->len - to);
	e->len -= to - from;
	e->pos = from;
}

static void insert(struct editor *e, const char *s, size_t n)
{
	if (e->len + n >= LINE_MAX_LEN)
		return;
	memmove(e->line + e->pos + n, e->line + e->pos, e->len - e->pos);
	memcpy(e->line + e->pos, s, n);
	e->len += n;
	e->pos += n;
	/* The common case costs one byte on the wire, not a repaint. */
	if (e->pos == e->len)
		put(e, s, n);
	else
		repaint(e);
}

static void set_line(struct editor *e, const char *s)
{
	e->len = e->pos = strlen(s);
	memcpy(e->line, s, e->len);
}

static void show_history(struct editor *e, int step)
{
	unsigned oldest = e->nhistory > HISTORY_LINES ? e->nhistory - HISTORY_LINES : 0;

	if ((step < 0 && e->shown == oldest) || (step > 0 && e->shown == e->nhistory))
		return;
	if (e->shown == e->nhistory) {
		memcpy(e->saved, e->line, e->len);
		e->saved[e->len] = '\0';
	}
	e->shown += (unsigned)step;
	set_line(e, e->shown == e->nhistory ? e->saved : e->history[e->shown % HISTORY_LINES]);
}

static void remember(struct editor *e)
{
	char **slot = &e->history[e->nhistory % HISTORY_LINES];

	if (!e->len ||
	    (e->nhistory && !strcmp(e->line, e->history[(e->nhistory - 1) % HISTORY_LINES])))
		return;
	free(*slot);
	*slot = strdup(e->line);
	if (*slot)
		e->nhistory++;
}

static size_t word_start(const struct editor *e)
{
	size_t i = e->pos;

	while (i && isspace((unsigned char)e->line[i - 1]))
		i--;
	while (i && !isspace((unsigned char)e->line[i - 1]))
		i--;
	return i;
}

/* Is the word that begins at start the first of a command, or one that names a command? */
static bool is_command_place(const struct editor *e, size_t start)
{
	while (start && isspace((unsigned char)e->line[start - 1]))
		start--;
	if (!start || e->line[start - 1] == ';' || e->line[start - 1] == '&')
		return true;
	return (start == 4 && !strncmp(e->line, "help", 4)) ||
	       (start == 5 && !strncmp(e->line, "watch", 5));
}

/* How much of the first candidate all others share; its whole length where it is the only one. */
static size_t common_part(struct editor *e, const char *word, size_t len, bool command,
			  const char *first, unsigned *n)
{
	char c[LINE_MAX_LEN];
	size_t common = strlen(first);

	for (*n = 1; e->complete(word, len, command, *n, c, sizeof(c)); ++*n) {
		size_t same = 0;

		while (same < common && first[same] == c[same])
			same++;
		common = same;
	}
	return common;
}

/* One candidate: insert its rest. Several: insert what they share, or list them. */
static void complete(struct editor *e)
{
	size_t start = e->pos, len, common;
	char c[LINE_MAX_LEN];
	const char *word;
	unsigned n;
	bool command;

	while (start && !isspace((unsigned char)e->line[start - 1]))
		start--;
	word = e->line + start;
	len = e->pos - start;
	command = is_command_place(e, start);
	if (!e->complete || !e->complete(word, len, command, 0, c, sizeof(c)))
		return;
	common = common_part(e, word, len, command, c, &n);
	if (common > len)
		insert(e, c + len, common - len);
	if (n == 1 && c[common - 1] != '/')
		insert(e, " ", 1);
	if (n == 1 || common > len)
		return;
	for (unsigned i = 0; e->complete(word, len, command, i, c, sizeof(c)); i++) {
		put(e, i ? "  " : "\r\n", 2);
		put(e, c, strlen(c));
	}
	put(e, "\r\n", 2);
	repaint(e);
}

/* Keys that move or change. */
static void edit_key(struct editor *e, int key)
{
	switch (key) {
	case KEY_LEFT:
	case CTRL('b'):
		e->pos -= e->pos > 0;
		break;
	case KEY_RIGHT:
	case CTRL('f'):
		e->pos += e->pos < e->len;
		break;
	case KEY_HOME:
	case CTRL('a'):
		e->pos = 0;
		break;
	case KEY_END:
	case CTRL('e'):
		e->pos = e->len;
		break;
	case KEY_UP:
	case CTRL('p'):
		show_history(e, -1);
		break;
	case KEY_DOWN:
	case CTRL('n'):
		show_history(e, 1);
		break;
	case '\b':
	case 0x7f:
		if (e->pos)
			erase(e, e->pos - 1, e->pos);
		break;
	case KEY_DELETE:
	case CTRL('d'):
		if (e->pos < e->len)
			erase(e, e->pos, e->pos + 1);
		break;
	case CTRL('k'):
		e->len = e->pos;
		break;
	case CTRL('u'):
		erase(e, 0, e->pos);
		break;
	case CTRL('w'):
		erase(e, word_start(e), e->pos);
		break;
	case CTRL('l'):
		put(e, "\x1b[H\x1b[2J", 7);
		break;
	default:
		return;
	}
	repaint(e);
}

bool edit_line(struct editor *e)
{
	e->len = e->pos = 0;
	e->shown = e->nhistory;
	put(e, e->prompt, strlen(e->prompt));
	for (;;) {
		int key = read_byte(e);
		char c = (char)key;

		if (key == 0x1b)
			key = escape_key(e);
		if (key == KEY_CLOSED)
			return false;
		/* CR, LF and CR LF end a line each once. */
		if (key == '\n' && e->last_was_cr) {
			e->last_was_cr = false;
			continue;
		}
		e->last_was_cr = key == '\r';
		if (key == '\r' || key == '\n') {
			put(e, "\r\n", 2);
			e->line[e->len] = '\0';
			remember(e);
			return true;
		}
		if (key == CTRL('c')) {
			put(e, "^C\r\n", 4);
			e->line[0] = '\0';
			return true;
		}
		if (key == '\t')
			complete(e);
		else if (key < 256 && isprint(key))
			insert(e, &c, 1);
		else
			edit_key(e, key);
	}
}

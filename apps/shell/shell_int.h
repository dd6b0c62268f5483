/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the shell.
 */
#ifndef SHELL_INT_H
#define SHELL_INT_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_LEN  512
#define MAX_WORDS     64
#define HISTORY_LINES 64

/* ---- edit.c: reading a line --------------------------------------------------------------- */

/* One line being edited, and the lines before it. */
struct editor {
	int in, out;
	const char *prompt;
	char line[LINE_MAX_LEN];
	size_t len, pos;
	char saved[LINE_MAX_LEN]; /* the new line, while history is shown */
	char *history[HISTORY_LINES];
	unsigned nhistory; /* lines ever entered: history[i % HISTORY_LINES] */
	unsigned shown;    /* which one is on the line, nhistory: the new one */
	bool last_was_cr;
	/* Candidates for the word before the cursor (command: the first of its command): the i-th,
	 * in buf, or false. */
	bool (*complete)(const char *word, size_t len, bool command, unsigned i, char *buf,
			 size_t size);
};

/* Print the prompt and read a line into e->line (without its end). False: input is closed. An
 * empty line: also after Ctrl-C. */
bool edit_line(struct editor *e);

/* ---- complete.c: what a word may become ----------------------------------------------------- */

bool is_command(const char *name);
/* An editor's complete(): commands, or what is in a folder. */
bool complete_word(const char *word, size_t len, bool command, unsigned i, char *buf, size_t size);

/* ---- words.c: splitting it ------------------------------------------------------------------ */

/* Split line in place at blanks; '...' and "..." keep blanks, \ takes the next character as it is;
 * # starts a comment. An unquoted ; or & ends a command: *end is set to what follows it (NULL:
 * nothing) and *background tells which it was. Returns the number of words, or -1: a quote is not
 * closed or there are too many. */
int split_words(char *line, char *argv[MAX_WORDS], char **end, bool *background);

/* Put status for each $? of words that split_words() made; those move to room. False: it is too
 * small. */
bool expand_status(char *argv[], int status, char *room, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The console's shell: reads lines, runs the image's applications by name. `a; b` runs one after
 * the other, `a &` in a thread of its own; $? is the status of the command before. Ctrl-C ends the
 * command that runs, and what follows it on the line. There is no file creation and so no
 * redirection.
 */
#include "shell_int.h"

#include "../lib/opts.h"
#include "../lib/term.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/thread.h>
#include <unistd.h>

#define PROMPT "sluice# "

/* As POSIX' shell has them. */
#define STATUS_SYNTAX      2
#define STATUS_NO_COMMAND  127
#define STATUS_INTERRUPTED 130

extern const struct app __start_apps[], __stop_apps[];

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct app *const *)a)->name, (*(const struct app *const *)b)->name);
}

static int help_main(int argc, char **argv)
{
	size_t n = (size_t)(__stop_apps - __start_apps);
	const struct app **sorted;

	if (argc > 2)
		return app_usage(argv[0]);
	if (argc == 2 && !is_command(argv[1])) {
		fprintf(stderr, "help: there is no command %s\n", argv[1]);
		return 1;
	}
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return 1;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &__start_apps[i];
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++)
		if (argc < 2 || !strcmp(argv[1], sorted[i]->name))
			printf("  %s\n", sorted[i]->usage);
	free(sorted);
	if (argc < 2)
		printf("Several commands: a; b. In the background: a &. Status of the last: $?. "
		       "Keys: Tab completes, Up recalls, Ctrl-C stops.\n");
	return 0;
}

/* The words of a command that runs by itself: one allocation, freed by its thread. */
struct background {
	int argc;
	char *argv[MAX_WORDS];
	char text[LINE_MAX_LEN];
};

static int run_background(void *arg)
{
	struct background *bg = arg;
	int ret = app_run(bg->argc, bg->argv);

	free(bg);
	return ret;
}

static void start_background(int argc, char **argv)
{
	struct background *bg = malloc(sizeof(*bg));
	char *to;
	int tid;

	if (!bg) {
		fprintf(stderr, "out of memory\n");
		return;
	}
	bg->argc = argc;
	to = bg->text;
	for (int i = 0; i < argc; i++) {
		bg->argv[i] = strcpy(to, argv[i]);
		to += strlen(argv[i]) + 1;
	}
	bg->argv[argc] = NULL;
	tid = thread_start(argv[0], run_background, bg, THREAD_CPU_ANY);
	if (tid < 0) {
		perror(argv[0]);
		free(bg);
		return;
	}
	printf("[%d]\n", tid);
}

static int run_command(int argc, char **argv, bool background)
{
	if (!is_command(argv[0])) {
		fprintf(stderr, "%s: no such command (try help)\n", argv[0]);
		return STATUS_NO_COMMAND;
	}
	if (!background)
		return app_run(argc, argv) & 0xff;
	start_background(argc, argv);
	return 0;
}

/* line is written to. Returns the last command's status; status is that of the one before. */
static int run_line(char *line, int status)
{
	char room[LINE_MAX_LEN];
	bool stop = false;

	while (line && !stop) {
		char *argv[MAX_WORDS], *rest;
		bool background;
		int argc = split_words(line, argv, &rest, &background);

		if (argc < 0 || !expand_status(argv, status, room, sizeof(room))) {
			fprintf(stderr, "a quote is not closed, or too many words\n");
			return STATUS_SYNTAX;
		}
		if (argc)
			status = run_command(argc, argv, background);
		stop = interrupted();
		line = rest;
	}
	return stop ? STATUS_INTERRUPTED : status;
}

static int shell_main(int argc, char **argv)
{
	struct editor *e = calloc(1, sizeof(*e));
	int status = 0;

	if (!e)
		return 1;
	if (argc > 1) { /* shell -c "line" */
		bool ok = argc == 3 && !strcmp(argv[1], "-c") && strlen(argv[2]) < LINE_MAX_LEN;

		if (ok) {
			strcpy(e->line, argv[2]);
			status = run_line(e->line, 0);
		}
		free(e);
		return ok ? status : app_usage(argv[0]);
	}
	e->in = STDIN_FILENO;
	e->out = STDOUT_FILENO;
	e->prompt = PROMPT;
	e->complete = complete_word;
	while (edit_line(e)) {
		catch_interrupts(true);
		status = run_line(e->line, status);
		catch_interrupts(false);
	}
	for (unsigned i = 0; i < HISTORY_LINES; i++)
		free(e->history[i]);
	free(e);
	return 0;
}

APP(help, help_main, "help [command]: what there is", false);
APP(shell, shell_main, "shell [-c line]: this shell, on the console", true);

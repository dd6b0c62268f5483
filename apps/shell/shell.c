/* SPDX-License-Identifier: MIT */
/*
 * The console's shell: reads lines, runs the image's applications by name. `a; b` runs one after
 * the other, `a &` in a thread of its own. There is no file creation and so no redirection.
 */
#include "shell_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/thread.h>
#include <unistd.h>

#define PROMPT "sluice# "

extern const struct app __start_apps[], __stop_apps[];

static const char *complete_command(const char *word, size_t len, unsigned i)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++)
		if (!strncmp(a->name, word, len) && !i--)
			return a->name;
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct app *const *)a)->name, (*(const struct app *const *)b)->name);
}

static int help_main(int argc, char **argv)
{
	size_t n = (size_t)(__stop_apps - __start_apps);
	const struct app **sorted = malloc(n * sizeof(*sorted));

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
		printf("Several commands: a; b. In the background: a &. Keys: Tab completes, Up "
		       "recalls, "
		       "Ctrl-C stops.\n");
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

static bool is_command(const char *name)
{
	const char *c;

	for (unsigned i = 0; (c = complete_command(name, strlen(name), i)); i++)
		if (!strcmp(c, name))
			return true;
	return false;
}

static void run_line(char *line)
{
	while (line) {
		char *argv[MAX_WORDS], *rest;
		bool background;
		int argc = split_words(line, argv, &rest, &background);

		if (argc < 0) {
			fprintf(stderr, "a quote is not closed, or too many words\n");
			return;
		}
		if (argc && !is_command(argv[0]))
			fprintf(stderr, "%s: no such command (try help)\n", argv[0]);
		else if (argc && background)
			start_background(argc, argv);
		else if (argc)
			app_run(argc, argv);
		line = rest;
	}
}

static int shell_main(int argc, char **argv)
{
	struct editor *e = calloc(1, sizeof(*e));
	bool interactive = argc < 2;

	if (!e)
		return 1;
	if (!interactive) { /* shell -c "line" */
		if (argc == 3 && !strcmp(argv[1], "-c") && strlen(argv[2]) < LINE_MAX_LEN) {
			strcpy(e->line, argv[2]);
			run_line(e->line);
		}
		free(e);
		return 0;
	}
	e->in = STDIN_FILENO;
	e->out = STDOUT_FILENO;
	e->prompt = PROMPT;
	e->complete = complete_command;
	while (edit_line(e))
		run_line(e->line);
	for (unsigned i = 0; i < HISTORY_LINES; i++)
		free(e->history[i]);
	free(e);
	return 0;
}

APP(help, help_main, "help [command]: what there is", false);
APP(shell, shell_main, "shell [-c line]: this shell, on the console", true);

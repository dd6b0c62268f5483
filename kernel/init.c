/* SPDX-License-Identifier: MIT */
/*
 * From a working kernel to running applications: initcalls in the order of their levels, then the
 * apps that the command line names (init="httpd -p 80; echo") or that start by themselves, each
 * in a thread of its own.
 */
#include <fcntl.h>
#include <kernel/cmdline.h>
#include <kernel/file.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/string.h>

#define MAX_ARGS 32

extern const struct initcall __start_initcalls[] __weak, __stop_initcalls[] __weak;
extern const struct app __start_apps[] __weak, __stop_apps[] __weak;

/* One start of an app: argv points into text. */
struct app_start {
	const struct app *app;
	int argc;
	char *argv[MAX_ARGS + 1];
	char text[];
};

void do_initcalls(enum init_level level)
{
	for (const struct initcall *c = __start_initcalls; c < __stop_initcalls; c++) {
		int err;

		if (c->level != level)
			continue;
		err = c->fn();
		if (err)
			pr_err("init: %s failed: error %d", c->name, -err);
	}
}

void app_for_each(void (*fn)(const struct app *a, void *arg), void *arg)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++)
		fn(a, arg);
}

const struct app *app_find(const char *name)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++) {
		if (!strcmp(a->name, name))
			return a;
	}
	return NULL;
}

static int app_thread(void *arg)
{
	struct app_start *s = arg;
	int result = s->app->main(s->argc, s->argv);

	if (result)
		pr_warn("%s ended with status %d", s->app->name, result);
	kfree(s);
	return result;
}

/* Split at blanks; single and double quotes keep blanks together. False: too many words. */
static bool split_args(struct app_start *s)
{
	char *from = s->text, *to = s->text;

	for (;;) {
		char quote = '\0';

		while (*from == ' ' || *from == '\t')
			from++;
		if (!*from)
			break;
		if (s->argc == MAX_ARGS)
			return false;
		s->argv[s->argc++] = to;
		for (; *from && (quote || (*from != ' ' && *from != '\t')); from++) {
			if (quote ? *from == quote : *from == '\'' || *from == '"')
				quote = quote ? '\0' : *from;
			else
				*to++ = *from;
		}
		if (*from)
			from++;
		*to++ = '\0';
	}
	return true;
}

/* Start the app that text (len bytes: name and arguments) calls for. False: none was, which is
 * said unless the text is blank. */
static bool app_start(const char *text, size_t len)
{
	struct app_start *s = kzalloc(sizeof(*s) + len + 1, GFP_KERNEL);
	struct thread *t;

	if (!s) {
		pr_err("init: no memory to start %s", text);
		return false;
	}
	memcpy(s->text, text, len);
	if (!split_args(s)) {
		pr_err("init: more than %d words", MAX_ARGS);
		goto free;
	}
	if (!s->argc)
		goto free;
	s->app = app_find(s->argv[0]);
	if (!s->app) {
		pr_err("init: there is no app \"%s\"", s->argv[0]);
		goto free;
	}
	t = thread_create(s->app->name, app_thread, s, CPU_ANY, PRIO_NORMAL);
	if (!t) {
		pr_err("init: no memory to start %s", s->app->name);
		goto free;
	}
	thread_put(t);
	return true;
free:
	kfree(s);
	return false;
}

/* text is "app args; app args". False: nothing was started. */
static bool start_named(const char *text)
{
	bool any = false;

	while (*text) {
		size_t len = strcspn(text, ";");

		any |= app_start(text, len);
		text += len;
		text += *text == ';';
	}
	return any;
}

static void start_autostarted(void)
{
	for (const struct app *a = __start_apps; a < __stop_apps; a++) {
		if (a->autostart)
			app_start(a->name, strlen(a->name));
	}
}

/* Descriptors 0, 1 and 2 of all applications. The hosted home has no console: none. */
static void open_console(void)
{
	while (fd_count() < 3)
		if (sys_open("/dev/console", O_RDWR, 0) < 0)
			break;
}

void kernel_start(void)
{
	const char *init = cmdline_get("init");

	do_initcalls(INIT_CORE);
	do_initcalls(INIT_NET);
	do_initcalls(INIT_DRIVER);
	do_initcalls(INIT_LATE);
	cmdline_report_unknown();
	open_console();
	/* A machine where nothing runs could not even be asked why. */
	if (!init || !start_named(init))
		start_autostarted();
	pr_info("up after %llu us", ktime_get_us());
}

/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line: kept whole for showing, and split once, in place, into words. Quotes
 * may enclose a whole word or only its value; they are removed. A backslash before a quote or a
 * backslash, as GRUB puts it there, makes it an ordinary character.
 */
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <lib/string.h>

#define MAX_WORDS 128

struct word {
	const char *key;
	const char *value; /* NULL for a bare key */
	bool asked;        /* somebody looked for it */
};

static struct {
	char line[CMDLINE_MAX];
	char split[CMDLINE_MAX];
	struct word word[MAX_WORDS];
	unsigned n;
} cmdline;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_escape(const char *p)
{
	return p[0] == '\\' && (p[1] == '"' || p[1] == '\'' || p[1] == '\\');
}

/* Take one word off *p, removing quotes and splitting at the first =. */
static struct word take_word(char **p)
{
	char *from = *p, *to = *p;
	struct word w = {.key = to};
	bool quoted = false;

	while (*from && (quoted || !is_blank(*from))) {
		if (is_escape(from)) {
			*to++ = *++from;
		} else if (*from == '"') {
			quoted = !quoted;
		} else if (*from == '=' && !w.value) {
			*to++ = '\0';
			w.value = to;
		} else {
			*to++ = *from;
		}
		from++;
	}
	*p = *from ? from + 1 : from;
	*to = '\0';
	if (quoted)
		pr_warn("a quote is not closed in: %s", cmdline.line);
	return w;
}

void cmdline_init(const char *line)
{
	ssize_t len = strscpy(cmdline.line, line, sizeof(cmdline.line));
	char *p = cmdline.split;

	memcpy(cmdline.split, cmdline.line, sizeof(cmdline.split));
	cmdline.n = 0;
	for (;;) {
		while (is_blank(*p))
			p++;
		if (!*p)
			break;
		if (cmdline.n == MAX_WORDS) {
			pr_warn("the command line has more than %u words, the rest is ignored: %s",
				MAX_WORDS, p);
			break;
		}
		cmdline.word[cmdline.n++] = take_word(&p);
	}
	if (len < 0)
		pr_warn("the command line is longer than %u bytes, the rest is ignored",
			CMDLINE_MAX - 1);
}

const char *cmdline_get_all(void)
{
	return cmdline.line;
}

const char *cmdline_get(const char *key)
{
	const char *value = NULL;

	for (unsigned i = 0; i < cmdline.n; i++) {
		struct word *w = &cmdline.word[i];

		if (!strcmp(w->key, key)) {
			w->asked = true;
			value = w->value ? w->value : "";
		}
	}
	return value;
}

void cmdline_mark_known(const char *key)
{
	(void)cmdline_get(key);
}

void cmdline_for_each(void (*fn)(const char *key, const char *value, void *arg), void *arg)
{
	for (unsigned i = 0; i < cmdline.n; i++)
		fn(cmdline.word[i].key, cmdline.word[i].value, arg);
}

void cmdline_report_unknown(void)
{
	for (unsigned i = 0; i < cmdline.n; i++) {
		const struct word *w = &cmdline.word[i];

		/* GRUB's and Linux's names for things that are no business of ours. */
		if (w->asked || !strcmp(w->key, "BOOT_IMAGE") || !strcmp(w->key, "--"))
			continue;
		pr_warn("unknown command line parameter \"%s%s%s\"", w->key, w->value ? "=" : "",
			w->value ? w->value : "");
	}
}

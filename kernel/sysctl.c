/* SPDX-License-Identifier: MIT */
/*
 * The sysctl tree: tables of named variables, read and written as text. A name on the command line
 * (sysctl.net.ipv4.x=1) is applied when its table is registered, so it holds from the first use
 * on. One mutex covers registration and access; a variable is one word that its readers load
 * whenever they need it. A text that is wrong in any of its values changes none of them.
 */
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/sysctl.h>
#include <kernel/wait.h>
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TEXT_MAX       1024
#define VALUES_MAX     16
#define NAME_MAX_BYTES 128

static LIST_HEAD(headers);
static DEFINE_MUTEX(headers_lock);

/* --- values ----------------------------------------------------------------------------- */

/* The values of text, checked against the row's bounds. 0 or -EINVAL. */
static int parse_values(const struct ctl_table *t, const char *text, s64 *values)
{
	char copy[TEXT_MAX];
	char *rest = copy;
	unsigned n = 0;
	char *word;

	if (strscpy(copy, text, sizeof(copy)) < 0 || t->count > VALUES_MAX)
		return -EINVAL;
	while ((word = strsep(&rest, " \t\n"))) {
		if (!*word)
			continue;
		if (n == t->count || kstrtos64(word, 0, &values[n]))
			return -EINVAL;
		if ((t->min || t->max) && (values[n] < t->min || values[n] > t->max))
			return -EINVAL;
		n++;
	}
	return n == t->count ? 0 : -EINVAL;
}

static int print_values(const struct ctl_table *t, const s64 *values, char *text, size_t size)
{
	int len = 0;

	for (unsigned i = 0; i < t->count; i++)
		len += scnprintf(text + len, size - (size_t)len, "%s%lld", i ? "\t" : "",
				 values[i]);
	return len;
}

/* Read and write functions for an integer type of C. */
#define INTEGER_OPS(name, type, lowest, highest)                                               \
	static int name##_read(const struct ctl_table *t, void *data, char *text, size_t size) \
	{                                                                                      \
		const type *v = data;                                                          \
		s64 values[VALUES_MAX];                                                        \
                                                                                               \
		for (unsigned i = 0; i < t->count && i < VALUES_MAX; i++)                      \
			values[i] = (s64)READ_ONCE(v[i]);                                      \
		return print_values(t, values, text, size);                                    \
	}                                                                                      \
                                                                                               \
	static int name##_write(const struct ctl_table *t, void *data, const char *text,       \
				size_t len)                                                    \
	{                                                                                      \
		type *v = data;                                                                \
		s64 values[VALUES_MAX];                                                        \
		int err = parse_values(t, text, values);                                       \
                                                                                               \
		for (unsigned i = 0; !err && i < t->count; i++) {                              \
			if (values[i] < (lowest) || values[i] > (highest))                     \
				err = -EINVAL;                                                 \
		}                                                                              \
		for (unsigned i = 0; !err && i < t->count; i++)                                \
			WRITE_ONCE(v[i], (type)values[i]);                                     \
		return err;                                                                    \
	}                                                                                      \
                                                                                               \
	const struct ctl_ops ctl_##name = {.read = name##_read, .write = name##_write}

INTEGER_OPS(int, int, INT32_MIN, INT32_MAX);
INTEGER_OPS(bool, u8, 0, t->max ? t->max : 1);
INTEGER_OPS(u8, u8, 0, UINT8_MAX);
INTEGER_OPS(ulong, unsigned long, 0, INT64_MAX);

static int string_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	return scnprintf(text, size, "%s", (const char *)data);
}

static int string_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len >= (size_t)t->max)
		return -EINVAL;
	memcpy(data, text, len);
	((char *)data)[len] = '\0';
	return 0;
}

const struct ctl_ops ctl_string = {.read = string_read, .write = string_write};

static void *row_data(const struct ctl_table *t, void *base)
{
	return (char *)base + t->offset;
}

/* --- names ------------------------------------------------------------------------------ */

/* Does name ("a.b.c" or "a/b/c") mean row t of folder dir? A dot stands for a slash, except in an
 * interface's name, where the two may be mixed: both count as equal. */
static bool name_matches(const char *name, const char *dir, const struct ctl_table *t)
{
	char full[NAME_MAX_BYTES];
	const char *p = full;

	scnprintf(full, sizeof(full), "%s/%s", dir, t->name);
	for (; *p && *name; p++, name++) {
		bool separates = *name == '.' || *name == '/';

		if (*p != *name && !(separates && (*p == '/' || *p == '.')))
			return false;
	}
	return !*p && !*name;
}

/* The row that name means, of the first object registered, or of base. Lock held. */
static const struct ctl_table *find(const char *name, const void *base, void **data)
{
	struct ctl_header *h;

	list_for_each_entry(h, &headers, list) {
		if (base && h->base != base)
			continue;
		for (unsigned i = 0; i < h->n; i++) {
			if (!name_matches(name, h->dir, &h->table[i]))
				continue;
			*data = row_data(&h->table[i], h->base);
			return &h->table[i];
		}
	}
	return NULL;
}

int sysctl_read(const char *name, const void *base, char *text, size_t size)
{
	const struct ctl_table *t;
	int len = -ENOENT;
	void *data;

	mutex_lock(&headers_lock);
	t = find(name, base, &data);
	if (t)
		len = t->ops->read(t, data, text, size);
	mutex_unlock(&headers_lock);
	return len;
}

int sysctl_write(const char *name, const void *base, const char *text)
{
	const struct ctl_table *t;
	int err = -ENOENT;
	void *data;

	mutex_lock(&headers_lock);
	t = find(name, base, &data);
	if (t)
		err = t->mode & 0222 && t->ops->write ? t->ops->write(t, data, text, strlen(text))
						      : -EACCES;
	mutex_unlock(&headers_lock);
	return err;
}

void sysctl_for_each(void (*fn)(const char *dir, const struct ctl_table *t, void *base, void *arg),
		     void *arg)
{
	struct ctl_header *h;

	mutex_lock(&headers_lock);
	list_for_each_entry(h, &headers, list) {
		for (unsigned i = 0; i < h->n; i++)
			fn(h->dir, &h->table[i], h->base, arg);
	}
	mutex_unlock(&headers_lock);
}

/* --- the command line --------------------------------------------------------------------- */

/* Apply `sysctl.name=value` to what header h brings. */
static void apply_word(const char *key, const char *value, void *arg)
{
	const struct ctl_header *h = arg;

	if (!str_has_prefix(key, "sysctl.") || !value)
		return;
	for (unsigned i = 0; i < h->n; i++) {
		const struct ctl_table *t = &h->table[i];
		int err = -EACCES;

		if (!name_matches(key + strlen("sysctl."), h->dir, t))
			continue;
		cmdline_mark_known(key);
		if (t->mode & 0222 && t->ops->write)
			err = t->ops->write(t, row_data(t, h->base), value, strlen(value));
		if (err)
			pr_err("%s=%s is refused: %s", key, value,
			       err == -EACCES ? "read-only" : "not a value in its range");
	}
}

void sysctl_register(struct ctl_header *h, const char *dir, const struct ctl_table *table,
		     unsigned n, void *base)
{
	*h = (struct ctl_header){.dir = dir, .table = table, .n = n, .base = base};
	cmdline_for_each(apply_word, h);
	mutex_lock(&headers_lock);
	list_add_tail(&h->list, &headers);
	mutex_unlock(&headers_lock);
}

void sysctl_unregister(struct ctl_header *h)
{
	mutex_lock(&headers_lock);
	list_del(&h->list);
	mutex_unlock(&headers_lock);
}

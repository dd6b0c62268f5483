/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the queueing disciplines: options in tc's words and units, and FIFOs. Rates are in
 * powers of 1000 ("mbit") or 1024 ("mibit"), sizes in powers of 1024, as in iproute2.
 */
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "sched_int.h"

struct unit {
	const char *name;
	u64 mul, div;
};

static const struct unit rate_units[] = {
	{"", 1, 8},
	{"bit", 1, 8},
	{"kbit", 1000, 8},
	{"mbit", 1000000, 8},
	{"gbit", 1000000000, 8},
	{"kibit", 1024, 8},
	{"mibit", 1 << 20, 8},
	{"gibit", 1 << 30, 8},
	{"bps", 1, 1},
	{"kbps", 1000, 1},
	{"mbps", 1000000, 1},
	{"gbps", 1000000000, 1},
};
static const struct unit size_units[] = {
	{"", 1, 1},        {"b", 1, 1},       {"k", 1024, 1},
	{"kb", 1024, 1},   {"m", 1 << 20, 1}, {"mb", 1 << 20, 1},
	{"g", 1 << 30, 1}, {"kbit", 128, 1},  {"mbit", 1 << 17, 1},
};
static const struct unit time_units[] = {
	{"", 1000, 1},        {"s", 1000000000, 1}, {"sec", 1000000000, 1}, {"ms", 1000000, 1},
	{"msec", 1000000, 1}, {"us", 1000, 1},      {"usec", 1000, 1},      {"ns", 1, 1},
};
static const struct unit percent_units[] = {{"%", 10000, 1}, {"", 10000, 1}};

/* A decimal number with up to six places, times the unit's factor. */
static int parse_number(const char *s, const struct unit *units, unsigned n, u64 *out)
{
	u64 whole, frac = 0, scale = 1;
	const char *end;

	whole = simple_strtoull(s, &end, 10);
	if (end == s || whole > 1ull << 40)
		return -EINVAL;
	if (*end == '.') {
		for (end++; *end >= '0' && *end <= '9'; end++) {
			if (scale < 1000000) {
				frac = frac * 10 + (u64)(*end - '0');
				scale *= 10;
			}
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (strcasecmp(units[i].name, end))
			continue;
		if (__builtin_mul_overflow(whole, units[i].mul, out))
			return -EINVAL;
		*out = (*out + frac * units[i].mul / scale) / units[i].div;
		return 0;
	}
	return -EINVAL;
}

static int parse_value(enum qdisc_opt_kind kind, const char *s, u64 *out)
{
	switch (kind) {
	case QOPT_U32:
		return kstrtou64(s, 10, out);
	case QOPT_SIZE:
		return parse_number(s, size_units, ARRAY_SIZE(size_units), out);
	case QOPT_RATE:
		return parse_number(s, rate_units, ARRAY_SIZE(rate_units), out);
	case QOPT_TIME:
		return parse_number(s, time_units, ARRAY_SIZE(time_units), out);
	case QOPT_PERCENT:
		return parse_number(s, percent_units, ARRAY_SIZE(percent_units), out);
	case QOPT_FLAG:
		break;
	}
	return -EINVAL;
}

/* "ecn" or "noecn" for the flag of that name: 1, 0; -1: another word. */
static int flag_word(const char *name, const char *word)
{
	if (!strcmp(name, word))
		return 1;
	return !strncmp(word, "no", 2) && !strcmp(name, word + 2) ? 0 : -1;
}

static int parse_one(const struct qdisc_opt *o, int argc, char **argv, void *params)
{
	u64 *to = (u64 *)(void *)((u8 *)params + o->offset), v;
	int flag;

	if (o->kind == QOPT_FLAG) {
		flag = flag_word(o->name, argv[0]);
		if (flag < 0)
			return 0;
		*to = (u64)flag;
		return 1;
	}
	if (strcmp(o->name, argv[0]))
		return 0;
	if (argc < 2 || parse_value(o->kind, argv[1], &v) || v < o->min || v > o->max)
		return -EINVAL;
	*to = v;
	return 2;
}

int qdisc_parse(const struct qdisc_opt *opts, unsigned n, int argc, char **argv, void *params)
{
	while (argc > 0) {
		int used = 0;

		for (unsigned i = 0; i < n && !used; i++)
			used = parse_one(&opts[i], argc, argv, params);
		if (used <= 0)
			return -EINVAL;
		argc -= used;
		argv += used;
	}
	return 0;
}

/* v in the largest of the units that divides it. */
static char *unit_text(char *text, u64 v, const char *const *names, unsigned n, u64 step)
{
	unsigned i = 0;

	while (i + 1 < n && v && v % step == 0) {
		v /= step;
		i++;
	}
	snprintf(text, QDISC_TEXT, "%llu%s", v, names[i]);
	return text;
}

char *qdisc_rate_text(char *text, u64 bytes_per_s)
{
	static const char *const names[] = {"bit", "Kbit", "Mbit", "Gbit"};

	return unit_text(text, bytes_per_s * 8, names, ARRAY_SIZE(names), 1000);
}

char *qdisc_time_text(char *text, u64 ns)
{
	static const char *const names[] = {"ns", "us", "ms", "s"};

	return unit_text(text, ns, names, ARRAY_SIZE(names), 1000);
}

char *qdisc_size_text(char *text, u64 bytes)
{
	static const char *const names[] = {"b", "Kb", "Mb"};

	return unit_text(text, bytes, names, ARRAY_SIZE(names), 1024);
}

void fifo_purge(struct qdisc_fifo *f)
{
	struct sk_buff *skb;

	while ((skb = fifo_take(f)) != NULL)
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
}

void qdisc_dequeue_drop(struct Qdisc *q, struct sk_buff *skb)
{
	q->stats.qlen--;
	q->stats.backlog_bytes -= qdisc_pkt_len(skb);
	q->stats.drops++;
	kfree_skb_reason(skb, q->ops->drop_reason);
}

/* SPDX-License-Identifier: MIT */
/*
 * The kernel log. printk() formats into a ring of records under the ring's lock, then prints what
 * the consoles have not seen yet, unless somebody else is just doing that: who finds the consoles
 * taken leaves, and the holder looks again after it let go. So printk() never waits for a slow
 * line, works in any context, and a message from inside a console's own write is not lost.
 *
 * Record n is described by desc[n % NR_DESC], its text lies in a ring of bytes. Invariant [ring
 * lock]: the records seq_first .. seq_next - 1 are whole; making room moves seq_first on.
 */
#include <kernel/atomic.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define NR_DESC    512u
#define TEXT_BYTES 24576u
#define TEXT_MAX   480u            /* of one record */
#define LINE_MAX   (TEXT_MAX + 32) /* with level and time in front */

struct log_desc {
	u64 time_ns;
	u64 text; /* offset, only growing; modulo TEXT_BYTES it is the position */
	u16 len;
	u8 level;
};

/* [klog.lock]; apart from klog, which has initial values, so that the image need not hold them. */
static struct log_desc log_desc_ring[NR_DESC];
static char log_text_ring[TEXT_BYTES];

static struct {
	struct spinlock lock;
	u64 seq_first, seq_next; /* [lock] */
	u64 text_next;           /* [lock] */
	u64 seq_printed;         /* [console_busy] next record for the consoles */
	u64 seq_cleared;         /* [lock] what log_clear() hid */
	bool console_busy;       /* [a] */
	bool panicking;          /* [a] */
	enum log_level console_level;
	struct list_head consoles;
} klog = {
	.lock = SPINLOCK_INIT(klog),
	.console_level = LOG_INFO,
	.consoles = LIST_HEAD_INIT(klog.consoles),
};

/* Weak, as panic() below: a home that has registers to show brings its own pair. */
bool __weak panic_in_progress(void)
{
	return READ_ONCE(klog.panicking);
}

/* In a panic the holder may be a CPU that has been stopped: go on without the lock. */
static __no_lock_check irqflags_t ring_lock(bool *locked)
{
	irqflags_t flags;

	*locked = !panic_in_progress();
	if (!*locked)
		return local_irq_save();
	spin_lock_irqsave(&klog.lock, flags);
	return flags;
}

static __no_lock_check void ring_unlock(bool locked, irqflags_t flags)
{
	if (locked)
		spin_unlock_irqrestore(&klog.lock, flags);
	else
		local_irq_restore(flags);
}

static struct log_desc *desc_of(u64 seq)
{
	return &log_desc_ring[seq % NR_DESC];
}

/* The oldest records make way until one more with len bytes of text fits. */
static void make_room(size_t len)
{
	while (klog.seq_first < klog.seq_next &&
	       (klog.seq_next - klog.seq_first == NR_DESC ||
		klog.text_next + len - desc_of(klog.seq_first)->text > TEXT_BYTES))
		klog.seq_first++;
}

static void text_store(u64 at, const char *text, size_t len)
{
	size_t pos = at % TEXT_BYTES;
	size_t n = min(len, TEXT_BYTES - pos);

	memcpy(&log_text_ring[pos], text, n);
	memcpy(log_text_ring, text + n, len - n);
}

static void text_load(u64 at, char *text, size_t len)
{
	size_t pos = at % TEXT_BYTES;
	size_t n = min(len, TEXT_BYTES - pos);

	memcpy(text, &log_text_ring[pos], n);
	memcpy(text + n, log_text_ring, len - n);
}

static void record_store(enum log_level level, const char *text, size_t len)
{
	bool locked;
	irqflags_t flags = ring_lock(&locked);

	make_room(len);
	*desc_of(klog.seq_next) = (struct log_desc){
		.time_ns = ktime_get_ns(), .text = klog.text_next, .len = len, .level = level};
	text_store(klog.text_next, text, len);
	klog.text_next += len;
	WRITE_ONCE(klog.seq_next, klog.seq_next + 1);
	ring_unlock(locked, flags);
}

/* One record as a line into line[LINE_MAX]; lock held. Returns its length. */
static size_t record_format(const struct log_desc *d, char *line, bool raw)
{
	u64 us = d->time_ns / NSEC_PER_USEC;
	size_t n = 0;

	if (raw)
		n = scnprintf(line, LINE_MAX, "<%u>", d->level);
	n += scnprintf(line + n, LINE_MAX - n, "[%5llu.%06llu] ", us / USEC_PER_SEC,
		       us % USEC_PER_SEC);
	text_load(d->text, line + n, d->len);
	line[n + d->len] = '\n';
	return n + d->len + 1;
}

/* --- consoles --------------------------------------------------------------------------- */

/* Next record that is for the consoles, as a line. 0: they have seen all. */
static size_t console_next(char *line)
{
	bool locked;
	irqflags_t flags = ring_lock(&locked);
	size_t len = 0;

	if (klog.seq_printed < klog.seq_first)
		klog.seq_printed = klog.seq_first;
	while (!len && klog.seq_printed < klog.seq_next) {
		const struct log_desc *d = desc_of(klog.seq_printed++);

		if (d->level <= klog.console_level)
			len = record_format(d, line, false);
	}
	ring_unlock(locked, flags);
	return len;
}

static void console_flush(void)
{
	char line[LINE_MAX];

	while (READ_ONCE(klog.seq_printed) < READ_ONCE(klog.seq_next)) {
		struct console *c;
		size_t len;

		if (list_empty(&klog.consoles))
			return;
		if (xchg(&klog.console_busy, true) && !panic_in_progress())
			return;
		while ((len = console_next(line))) {
			list_for_each_entry(c, &klog.consoles, list)
				c->write(c, line, len);
		}
		smp_store_release(&klog.console_busy, false);
		smp_mb(); /* with record_store(): either it sees us busy, or we see its record */
	}
}

/* The new console is told what was logged before it came, unless another one was. */
void register_console(struct console *c)
{
	bool locked;
	irqflags_t flags = ring_lock(&locked);

	list_add_tail(&c->list, &klog.consoles);
	ring_unlock(locked, flags);
	console_flush();
}

void console_set_loglevel(enum log_level max)
{
	klog.console_level = max;
}

/* --- printing and reading ---------------------------------------------------------------- */

void vprintk(enum log_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	size_t len = vscnprintf(text, sizeof(text), fmt, ap);

	if (len && text[len - 1] == '\n')
		len--;
	record_store(level, text, len);
	console_flush();
}

void printk(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(level, fmt, ap);
	va_end(ap);
}

size_t log_read(u64 *seq, char *buf, size_t len, bool raw)
{
	char line[LINE_MAX];
	size_t done = 0;
	bool locked;
	irqflags_t flags = ring_lock(&locked);

	*seq = max3(*seq, klog.seq_first, klog.seq_cleared);
	while (*seq < klog.seq_next) {
		size_t n = record_format(desc_of(*seq), line, raw);

		if (n > len - done)
			break;
		memcpy(buf + done, line, n);
		done += n;
		(*seq)++;
	}
	ring_unlock(locked, flags);
	return done;
}

void log_clear(void)
{
	bool locked;
	irqflags_t flags = ring_lock(&locked);

	klog.seq_cleared = klog.seq_next;
	ring_unlock(locked, flags);
}

bool ratelimit_ok(struct ratelimit *rl, u32 burst, u64 interval_ns)
{
	u64 now_ns = ktime_get_ns();

	if (!rl->begin_ns || now_ns - rl->begin_ns > interval_ns) {
		if (rl->missed)
			printk(LOG_WARNING, "%u messages of this kind were held back", rl->missed);
		rl->begin_ns = now_ns ? now_ns : 1;
		rl->printed = 0;
		rl->missed = 0;
	}
	if (rl->printed >= burst) {
		rl->missed++;
		return false;
	}
	rl->printed++;
	return true;
}

/* --- the end, and nearly ------------------------------------------------------------------ */

void warn_slowpath(const char *file, int line, const char *expr)
{
	printk(LOG_WARNING, "WARNING: %s at %s:%d", expr, file, line);
	dump_stack();
}

void refcount_warn(refcount_t *r, const char *what)
{
	refcount_set(r, REFCOUNT_SATURATED);
	printk(LOG_WARNING, "refcount: %s, object left to leak", what);
	dump_stack();
}

void __weak panic(const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	local_irq_disable();
	if (xchg(&klog.panicking, true))
		panic_end(); /* a panic while panicking, or another CPU's */
	panic_stop_cpus();
	va_start(ap, fmt);
	vscnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk(LOG_EMERG, "Kernel panic: %s", text);
	dump_stack();
	panic_end();
}

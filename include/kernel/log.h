/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: a ring of records (time, level, text) read by dmesg, copied to the consoles as
 * it grows. Any context. panic() prints registers and a backtrace on every console, stops the
 * other CPUs, then does what the command line's panic= says.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <lib/compiler.h>
#include <lib/list.h>
#include <lib/types.h>
#include <stdarg.h>

enum log_level {
	LOG_EMERG,
	LOG_ALERT,
	LOG_CRIT,
	LOG_ERR,
	LOG_WARNING,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

/* A file may define pr_fmt(fmt) before including this header: the prefix of its messages. */
#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif

void printk(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vprintk(enum log_level level, const char *fmt, va_list ap);

#define pr_err(fmt, ...)    printk(LOG_ERR, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)   printk(LOG_WARNING, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(LOG_NOTICE, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)   printk(LOG_INFO, pr_fmt(fmt), ##__VA_ARGS__)
#define pr_debug(fmt, ...)  printk(LOG_DEBUG, pr_fmt(fmt), ##__VA_ARGS__)

/* At most one message a second from each place that uses it; how many were held back is said. */
struct ratelimit {
	u64 begin_ns;
	u32 burst, printed, missed;
};
bool ratelimit_ok(struct ratelimit *rl, u32 burst, u64 interval_ns);
#define net_ratelimited(fn, ...)                            \
	do {                                                \
		static struct ratelimit __rl;               \
		if (ratelimit_ok(&__rl, 10, 5000000000ull)) \
			fn(__VA_ARGS__);                    \
	} while (0)
#define pr_warn_ratelimited(...) net_ratelimited(pr_warn, __VA_ARGS__)
#define pr_info_ratelimited(...) net_ratelimited(pr_info, __VA_ARGS__)
#define pr_info_once(...)                     \
	do {                                  \
		static bool __done;           \
		if (!__done) {                \
			__done = true;        \
			pr_info(__VA_ARGS__); \
		}                             \
	} while (0)

/* A console gets the text of each record as it is logged (raw bytes, "\n" line ends), any context,
 * serialised by the log. */
struct console {
	struct list_head list;
	const char *name;
	void (*write)(struct console *c, const char *s, size_t len);
};
void register_console(struct console *c);
/* Supplied by the home: the console that needs no driver falls silent, one with a driver follows.
 */
void early_console_stop(void);
void console_set_loglevel(enum log_level max);

/* Copy formatted records from sequence number *seq on into buf ("<level>[time] text" without the
 * level when !raw); advances *seq. Returns bytes. */
size_t log_read(u64 *seq, char *buf, size_t len, bool raw);
void log_clear(void);

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Say once where a should-not-happen happened, with a backtrace, and go on. Value: cond. */
void warn_slowpath(const char *file, int line, const char *expr);
#define WARN_ON_ONCE(cond)                                        \
	({                                                        \
		static bool __warned;                             \
		bool __c = !!(cond);                              \
		if (unlikely(__c && !__warned)) {                 \
			__warned = true;                          \
			warn_slowpath(__FILE__, __LINE__, #cond); \
		}                                                 \
		__c;                                              \
	})
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG: %s at %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)

/* Has panic() begun? Then nothing waits for a lock any more. */
bool panic_in_progress(void);

/* Supplied by the home, called by panic() in this order: stop the other CPUs; after the message and
 * the call chain, halt or reboot as the command line's panic= says. */
void panic_stop_cpus(void);
_Noreturn void panic_end(void);

/* Supplied by the home: print the call chain from the caller on through printk(LOG_EMERG). */
void dump_stack(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping and the civil calendar in UTC. Thread context. */
#include <time.h>

#include <kernel/syscalls.h>
#include <sys/time.h>
#include <unistd.h>

#include "libc_int.h"

#define SECONDS_A_DAY 86400

int clock_gettime(clockid_t clk, struct timespec *ts)
{
	return (int)libc_ret(sys_clock_gettime(clk, ts));
}

int nanosleep(const struct timespec *req, struct timespec *rem)
{
	return (int)libc_ret(sys_nanosleep(req, rem));
}

unsigned int sleep(unsigned int seconds)
{
	struct timespec ts = {.tv_sec = seconds};

	nanosleep(&ts, NULL);
	return 0;
}

int usleep(useconds_t us)
{
	struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L};

	return nanosleep(&ts, NULL);
}

time_t time(time_t *t)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;

	(void)tz;
	if (clock_gettime(CLOCK_REALTIME, &ts))
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

/*
 * Days from 1970-01-01 to the first of a month (0: March). The year begins in March, so that the
 * 29th of February is its last day.
 */
static long days_to_month(long march_year, long month)
{
	long era_days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;

	return era_days + (153 * month + 2) / 5 - 719468;
}

time_t timegm(struct tm *tm)
{
	long month = tm->tm_mon - 2, year = tm->tm_year + 1900;
	long days;

	if (month < 0) {
		month += 12;
		year--;
	}
	days = days_to_month(year, month) + tm->tm_mday - 1;
	return days * SECONDS_A_DAY + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
}

/* Times from 1970 on. */
struct tm *gmtime_r(const time_t *t, struct tm *tm)
{
	long days = *t / SECONDS_A_DAY, second = *t % SECONDS_A_DAY;
	long year = (days + 719468) * 400 / 146097, month = 11;

	while (days_to_month(year, 0) > days)
		year--;
	while (days_to_month(year + 1, 0) <= days)
		year++;
	while (days_to_month(year, month) > days)
		month--;
	tm->tm_sec = (int)(second % 60);
	tm->tm_min = (int)(second / 60 % 60);
	tm->tm_hour = (int)(second / 3600);
	tm->tm_mday = (int)(days - days_to_month(year, month)) + 1;
	tm->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
	if (month >= 10)
		year++;
	tm->tm_year = (int)(year - 1900);
	tm->tm_wday = (int)((days + 4) % 7);
	tm->tm_yday = (int)(days - days_to_month(year - 1, 10));
	tm->tm_isdst = 0;
	tm->tm_gmtoff = 0;
	tm->tm_zone = "GMT";
	return tm;
}

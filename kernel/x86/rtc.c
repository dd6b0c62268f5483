/* SPDX-License-Identifier: MIT */
/*
 * The battery-backed clock, read once at boot for the wall time, which it holds to the second.
 * Motorola MC146818 data sheet.
 */
#include "x86_int.h"

#include <home/portio.h>

#define CMOS_INDEX      0x70
#define CMOS_DATA       0x71
#define RTC_SECONDS     0x00
#define RTC_MINUTES     0x02
#define RTC_HOURS       0x04
#define RTC_DAY         0x07
#define RTC_MONTH       0x08
#define RTC_YEAR        0x09
#define RTC_A           0x0A
#define RTC_B           0x0B
#define A_UPDATING      0x80
#define B_24_HOURS      0x02
#define B_BINARY        0x04
#define HOURS_PM        0x80
#define MAX_POLLS       20000
#define SECONDS_PER_DAY 86400

static u8 cmos_read(u8 reg)
{
	outb(reg, CMOS_INDEX);
	return inb(CMOS_DATA);
}

static unsigned from_bcd(unsigned v, bool binary)
{
	return binary ? v : (v >> 4) * 10 + (v & 15);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar, years counted from March. */
static u64 days_since_1970(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

struct rtc_time {
	u8 sec, min, hour, day, month, year;
};

static struct rtc_time read_once(void)
{
	for (unsigned n = 0; n < MAX_POLLS && cmos_read(RTC_A) & A_UPDATING; n++)
		cpu_relax();
	return (struct rtc_time){
		.sec = cmos_read(RTC_SECONDS),
		.min = cmos_read(RTC_MINUTES),
		.hour = cmos_read(RTC_HOURS),
		.day = cmos_read(RTC_DAY),
		.month = cmos_read(RTC_MONTH),
		.year = cmos_read(RTC_YEAR),
	};
}

u64 rtc_read(void)
{
	struct rtc_time t = read_once();
	unsigned sec, min, hour, day, month, year;
	u8 mode = cmos_read(RTC_B);
	bool binary = mode & B_BINARY, pm = !(mode & B_24_HOURS) && t.hour & HOURS_PM;

	if (mode == 0xff)
		return 0; /* nothing answers */
	sec = from_bcd(t.sec, binary);
	min = from_bcd(t.min, binary);
	hour = from_bcd(mode & B_24_HOURS ? t.hour : t.hour & ~HOURS_PM, binary);
	day = from_bcd(t.day, binary);
	month = from_bcd(t.month, binary);
	year = 2000 + from_bcd(t.year, binary);
	if (!(mode & B_24_HOURS))
		hour = hour % 12 + (pm ? 12 : 0);
	if (sec > 59 || min > 59 || hour > 23 || !day || day > 31 || !month || month > 12)
		return 0;
	return days_since_1970(year, month, day) * SECONDS_PER_DAY + hour * 3600 + min * 60 + sec;
}

/* SPDX-License-Identifier: MIT */
/* Memory and load in figures. */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H

struct sysinfo {
	long uptime; /* seconds */
	unsigned long loads[3];
	unsigned long totalram; /* in units of mem_unit bytes, as the next seven */
	unsigned long freeram;
	unsigned long sharedram;
	unsigned long bufferram;
	unsigned long totalswap;
	unsigned long freeswap;
	unsigned short procs;
	unsigned short pad;
	unsigned long totalhigh;
	unsigned long freehigh;
	unsigned int mem_unit;
};

#endif

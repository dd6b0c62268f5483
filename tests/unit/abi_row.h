/* SPDX-License-Identifier: MIT */
/* A row of the ABI tables: a header, one of its expressions, and the value. */
#ifndef ABI_ROW_H
#define ABI_ROW_H

struct abi_row {
	const char *header, *expression;
	long long value;
};

/* Closed by a row of zeros. From our headers, the C library's, the kernel's <linux/tcp.h>. */
extern const struct abi_row abi_ours[], abi_theirs[], abi_tcp[];

#endif

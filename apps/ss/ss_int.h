/* SPDX-License-Identifier: MIT */
/*
 * Between the files of ss: the filter language, the text about one socket, the table of rows.
 */
#ifndef SS_INT_H
#define SS_INT_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtattr;

/* ---- filter.c ------------------------------------------------------------------------------ */

#define FILTER_NODES 64

enum filter_op {
	F_AND,
	F_OR,
	F_NOT,
	F_SRC, /* address prefix and port; either may be absent */
	F_DST,
	F_SPORT, /* port compared with a number */
	F_DPORT,
};

enum filter_cmp { C_EQ, C_NE, C_LT, C_GT, C_LE, C_GE };

struct filter_node {
	uint8_t op, cmp;
	uint8_t prefixlen; /* of addr */
	bool any_port;
	uint16_t port; /* host order */
	uint16_t a, b; /* operands */
	uint32_t addr; /* network order */
};

struct filter {
	uint32_t states; /* bit n: TCP state n */
	bool states_set; /* by a state or exclude word */
	uint16_t n, root;
	bool has_expression;
	struct filter_node node[FILTER_NODES];
};

/* Read the words "[state S | exclude S]... [expression]". 0, or -1 and *bad points to the word that
 * is wrong (NULL: something is missing at the end). states holds the default beforehand. */
int filter_parse(struct filter *f, int n, char **words, const char **bad);
bool filter_match(const struct filter *f, const struct inet_diag_msg *m);
/* "established", "time-wait", "connected" ... as a mask; 0: no such name. */
uint32_t filter_states(const char *name);

/* ---- info.c -------------------------------------------------------------------------------- */

/* A text under construction; what does not fit is left out. */
struct text {
	char *buf;
	size_t len, size;
};
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *state_name(unsigned state);
/* " timer:(on,204ms,0)", " ino:7 sk:7", " skmem:(...)", " ts cubic wscale:7,7 ...". */
void text_timer(struct text *t, const struct inet_diag_msg *m);
void text_extended(struct text *t, const struct inet_diag_msg *m);
void text_memory(struct text *t, const struct rtattr *a);
void text_tcp_info(struct text *t, const struct rtattr *tb[], unsigned state);

/* ---- table.c ------------------------------------------------------------------------------- */

enum column {
	COL_NETID,
	COL_STATE,
	COL_RECVQ,
	COL_SENDQ,
	COL_LADDR,
	COL_LPORT,
	COL_PADDR,
	COL_PPORT,
	NCOLUMNS
};

#define CELL_BYTES 20
#define BATCH_ROWS 64

struct row {
	char cell[NCOLUMNS][CELL_BYTES];
	char *extra; /* to be freed; NULL: nothing */
};

/* Rows are held back until a batch is whole, so that columns are as wide as they need be. */
struct table {
	bool hidden[NCOLUMNS];
	bool no_header;
	unsigned width[NCOLUMNS];
	unsigned n;
	struct row row[BATCH_ROWS];
};

void table_begin(struct table *t);
/* The next row, to be filled in. */
struct row *table_row(struct table *t);
/* Print what is held. */
void table_flush(struct table *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * ss' columns: as wide as the batch of rows needs, addresses to the right of theirs, ports to the
 * left.
 */
#include "ss_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *title;
	bool right;
	char before; /* between it and its left neighbour; '\0': nothing */
} columns[NCOLUMNS] = {
	[COL_NETID] = {"Netid", false, '\0'},        [COL_STATE] = {"State", false, ' '},
	[COL_RECVQ] = {"Recv-Q", false, ' '},        [COL_SENDQ] = {"Send-Q", false, ' '},
	[COL_LADDR] = {"Local Address:", true, ' '}, [COL_LPORT] = {"Port", false, '\0'},
	[COL_PADDR] = {"Peer Address:", true, ' '},  [COL_PPORT] = {"Port", false, '\0'},
};

static void widen(struct table *t, unsigned col, const char *text)
{
	unsigned len = (unsigned)strlen(text);

	if (!t->hidden[col] && len > t->width[col])
		t->width[col] = len;
}

void table_begin(struct table *t)
{
	for (unsigned c = 0; c < NCOLUMNS; c++)
		widen(t, c, columns[c].title);
}

static size_t put_cell(char *to, size_t size, const struct table *t, unsigned c, const char *text,
		       bool first)
{
	char before[2] = {first ? '\0' : columns[c].before, '\0'};

	return (size_t)snprintf(to, size, "%s%*s", before,
				columns[c].right ? (int)t->width[c] : -(int)t->width[c], text);
}

static void print_row(const struct table *t, const struct row *r)
{
	char line[NCOLUMNS * (CELL_BYTES + 2)];
	size_t len = 0;
	bool first = true;

	for (unsigned c = 0; c < NCOLUMNS; c++) {
		if (t->hidden[c])
			continue;
		len += put_cell(line + len, sizeof(line) - len, t, c,
				r ? r->cell[c] : columns[c].title, first);
		first = false;
	}
	printf("%s%s\n", line, r ? (r->extra ? r->extra : "") : " Process");
}

void table_flush(struct table *t)
{
	for (unsigned i = 0; i < t->n; i++)
		for (unsigned c = 0; c < NCOLUMNS; c++)
			widen(t, c, t->row[i].cell[c]);
	if (!t->no_header)
		print_row(t, NULL);
	t->no_header = true; /* once */
	for (unsigned i = 0; i < t->n; i++) {
		print_row(t, &t->row[i]);
		free(t->row[i].extra);
	}
	t->n = 0;
}

struct row *table_row(struct table *t)
{
	struct row *r;

	if (t->n == BATCH_ROWS)
		table_flush(t);
	r = &t->row[t->n++];
	memset(r, 0, sizeof(*r));
	return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: each constant, struct size and member offset of include/libc has the value that
 * the host's headers give it, so programs and captured messages mean the same on both.
 */
#include "lib_test.h"

#include "abi_row.h"
#include <stdio.h>

static const struct abi_row *find(const struct abi_row *table, const struct abi_row *row)
{
	for (; table->header; table++) {
		if (!strcmp(table->expression, row->expression) &&
		    !strcmp(table->header, row->header))
			return table;
	}
	return NULL;
}

static unsigned rows(const struct abi_row *table)
{
	unsigned n = 0;

	while (table[n].header)
		n++;
	return n;
}

static void compare(const struct abi_row *theirs)
{
	unsigned wrong = 0;

	for (; theirs->header; theirs++) {
		const struct abi_row *ours = find(abi_ours, theirs);

		assert_non_null(ours);
		if (ours->value == theirs->value)
			continue;
		print_message("<%s> %s: %lld here, %lld on the host\n", ours->header,
			      ours->expression, ours->value, theirs->value);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void as_the_c_library(void **state)
{
	compare(abi_theirs);
}

static void tcp_as_the_kernel(void **state)
{
	compare(abi_tcp);
}

static void nearly_all_are_known(void **state)
{
	unsigned all = rows(abi_ours), compared = 0;

	for (const struct abi_row *row = abi_ours; row->header; row++) {
		if (find(abi_theirs, row) || find(abi_tcp, row))
			compared++;
		else
			print_message("not compared: <%s> %s\n", row->header, row->expression);
	}
	print_message("%u of %u compared\n", compared, all);
	assert_true(compared > 1000 && compared * 10 > all * 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_c_library),
		cmocka_unit_test(tcp_as_the_kernel),
		cmocka_unit_test(nearly_all_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

# SPDX-License-Identifier: MIT
# Static checks; each prints the offender's name.

ALL_C := $(call rfind,apps boot drivers host kernel lib libc net tests,*.c)
ALL_H := $(call rfind,apps boot drivers host include kernel lib libc net tests,*.h)

.PHONY: check check-format check-floors format
check: check-format check-floors

check-format:
	@clang-format --dry-run -Werror $(ALL_C) $(ALL_H)

format:
	@clang-format -i $(ALL_C) $(ALL_H)

check-floors:
	@if [ -e tests/floors.py ]; then $(PYTHON) tests/floors.py; fi

# SPDX-License-Identifier: MIT
# Measurements: `make bench ARGS="--quick load"`, `make profile LOAD=connection`.

LOAD ?= keepalive_32

.PHONY: bench profile deps-bench
deps-bench:
	@tools/setup build run test bench

bench: deps-bench
	@tests/bench/run $(ARGS)

profile: deps-bench elf
	@tests/bench/profile $(ARGS) $(LOAD)

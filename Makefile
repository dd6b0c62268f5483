# SPDX-License-Identifier: MIT
# Sluice. `make help` lists the targets. Sources are found by folder: a new .c file needs no edit.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

include mk/config.mk
include mk/kernel.mk
include mk/hosted.mk
include mk/unit.mk
include mk/sim.mk
include mk/check.mk
include mk/fuzz.mk
include mk/image.mk
include mk/bench.mk

.PHONY: all elf hosted clean help deps run test soak fuzz

all: elf

help:
	@echo 'make            build/sluice.elf, the bare-metal image (DEBUG=1: with lock checks)'
	@echo 'make run        boot it in QEMU (ARGS="--nic e1000 --cpus 2 ...": see tools/run --help)'
	@echo 'make test       everything: check, unit tests, guests; closes with N passed, N failed'
	@echo 'make check      format, warnings of two compilers, include floors, static analysis'
	@echo 'make unit       unit tests on the host, under sanitizers (UNIT=lib_ selects by name)'
	@echo 'make fuzz       fuzz targets, longer: ARGS="--seconds 600 tcp_segments"'
	@echo 'make hosted     build/host/libsluice.a and build/host-asan/libsluice.a'
	@echo 'make iso        build/sluice.iso, boots by BIOS and UEFI'
	@echo 'make soak       the simulator over new seeds for an hour (MINUTES=N)'
	@echo 'make bench      measurements beside a Linux guest: tables, JSON, plots (ARGS=--help)'
	@echo 'make profile    where the instructions go: functions, flame graph (LOAD=connection)'
	@echo 'make format     let clang-format rewrite all sources'
	@echo 'make clean      remove build/'

# Each target sees to its own packages first: with nothing missing that takes milliseconds.
.PHONY: deps deps-test
deps:
	@tools/setup build run

deps-test:
	@tools/setup test

ARGS ?=
run: deps
	@$(MAKE) --no-print-directory elf
	@tools/run $(if $(DEBUG),--kernel $(ELF)) $(ARGS)

test: deps-test
	@tests/run $(ARGS)

fuzz: deps-test
	@tests/$@/run $(ARGS)

MINUTES ?= 60
soak: deps-test
	@tests/sim/run --minutes $(MINUTES) --first $$(date +%s)000 $(ARGS)

clean:
	rm -rf build

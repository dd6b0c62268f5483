# SPDX-License-Identifier: MIT
# Compilers and flags that both homes share.

CC      := gcc
CLANG   := clang
LD      := ld
NM      := nm
OBJCOPY := objcopy
AR      := ar
PYTHON  ?= python3

WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wundef -Wvla \
	-Wcast-qual -Wpointer-arith -Wformat=2 -Wno-format-nonliteral -Wno-unused-parameter \
	-Wno-missing-field-initializers

# Type punning through pointers is how packet headers are read, so no strict aliasing; pointer and
# signed overflow are left undefined: UBSan watches for them in the hosted build.
COMMON := -std=gnu11 -O2 -g -fno-strict-aliasing -fno-common -fno-omit-frame-pointer \
	-fno-stack-protector -fno-delete-null-pointer-checks $(WARN)

# The stack sees the compiler's own headers, include/ and the ABI headers of include/libc only. Libc
# and apps look into include/libc first: to them <net/route.h> is POSIX's.
GCC_INCLUDE   := $(shell $(CC) -print-file-name=include)
FREESTANDING  := -ffreestanding -nostdinc -isystem $(GCC_INCLUDE)
inc = $(if $(filter libc/% apps/%,$(1)),-Iinclude/libc -Iinclude,-Iinclude -Iinclude/libc)

# What objects depend on beside their sources: their flags may have changed.
MK_FILES := Makefile $(wildcard mk/*.mk)

# rfind(folders, pattern): all matching files below the folders, sorted; none if missing.
rfind = $(sort $(foreach d,$(1),$(foreach f,$(wildcard $(d)/*),$(call rfind,$(f),$(2))) \
	$(filter $(subst *,%,$(2)),$(wildcard $(d)/$(2)))))

# What of kernel/ is for bare metal only: the machine, its threads, its bring-up.
BARE_SRC := kernel/main.c kernel/x86/% kernel/sched/%

# What is the same stack in both homes; tests beside the code are not part of it.
STACK_SRC := $(filter-out %_test.c $(BARE_SRC),$(call rfind,kernel net lib libc apps,*.c))

Q := $(if $(V),,@)
ifeq ($(V),)
say = @printf '  %-7s %s\n' $(1) $(2)
else
say = @:
endif

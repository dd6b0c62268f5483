# SPDX-License-Identifier: MIT
# Static checks. Each prints file and line of an offender; what passed is remembered under
# build/check, so a second run looks only at what changed.

ALL_C := $(call rfind,apps boot drivers host kernel lib libc net tests,*.c)
ALL_H := $(call rfind,apps boot drivers host include kernel lib libc net tests,*.h)

.PHONY: check check-format check-gcc check-clang check-headers check-floors check-static format
check: deps check-format check-floors check-headers check-gcc check-clang check-static
	@echo 'check: passed'

# -- format --------------------------------------------------------------------------------------
FORMATTED := $(addprefix build/check/format/,$(ALL_C) $(ALL_H))
check-format: $(FORMATTED)

$(FORMATTED): build/check/format/%: % .clang-format
	@mkdir -p $(@D)
	$(Q)clang-format --dry-run -Werror $<
	@touch $@

format:
	@clang-format -i $(ALL_C) $(ALL_H)

# -- include floors ------------------------------------------------------------------------------
check-floors:
	@$(PYTHON) tests/floors.py

# -- each header compiles alone ------------------------------------------------------------------
PUBLIC_H := $(call rfind,include,*.h)
HEADER_OK := $(PUBLIC_H:%=build/check/header/%.ok)
check-headers: $(HEADER_OK)

build/check/header/%.ok: %
	@mkdir -p $(@D)
	$(Q)$(CC) $(KFLAGS) $(if $(filter include/libc/%,$<),-Iinclude/libc -Iinclude,-Iinclude \
		-Iinclude/libc) -MMD -MP -MT $@ -MF $@.d -fsyntax-only -include $< -x c /dev/null
	@touch $@

# -- gcc: both homes, as the builds do it, with checks on as well --------------------------------
check-gcc: $(K_OBJ) $(H_STACK:%.c=build/host-asan/stack/%.o) $(H_APP:%.c=build/host-asan/stack/%.o) \
	$(H_GLUE:%.c=build/host-asan/glue/%.o) \
	$(PD_SRC:%.c=build/host-so/glue/%.o) $(UNIT_SRC:tests/unit/%.c=build/unit/obj/%.o)

# -- clang: its warnings and its lock analysis ---------------------------------------------------
CLANG_INCLUDE = $(shell $(CLANG) -print-resource-dir)/include
CLANG_WARN := -Wno-address-of-packed-member -Wno-ignored-optimization-argument -Wno-unknown-warning-option -Wthread-safety -Wno-unused-command-line-argument -Wno-gnu-variable-sized-type-not-at-end

# The kernel's flags, without what clang does not know.
CLANG_KFLAGS = $(filter-out -malign-data=%,$(subst $(GCC_INCLUDE),$(CLANG_INCLUDE),$(KFLAGS))) \
	$(CLANG_WARN)

# Those that make the locks can't be checked by them.
nolockcheck = $(if $(filter %/spinlock.c,$(1)),-Wno-thread-safety)

CLANG_K := $(K_SRC:%=build/check/clang/%.ok)
CLANG_H := $(addprefix build/check/clang/,$(addsuffix .ok,$(H_GLUE) $(PD_SRC) $(UNIT_SRC) $(UNIT_AUX) $(SIM_SRC)))
check-clang: $(CLANG_K) $(CLANG_H)

$(CLANG_K): build/check/clang/%.ok: %
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CLANG_KFLAGS) $(call nolockcheck,$<) $(call inc,$<) -MMD -MP -MT $@ -MF $@.d -fsyntax-only $<
	@touch $@

$(CLANG_H): build/check/clang/%.ok: %
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(HGLUE_FLAGS) $(CLANG_WARN) $(call nolockcheck,$<) -DDEBUG -Itests/unit -MMD -MP -MT $@ -MF $@.d \
		-fsyntax-only $<
	@touch $@

# -- cppcheck: what neither compiler looks for ---------------------------------------------------
STATIC_SRC := $(K_SRC) $(H_GLUE) $(PD_SRC)
CPPCHECK := cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,portability --inline-suppr \
	--suppressions-list=mk/cppcheck.txt --library=mk/cppcheck.cfg --error-exitcode=1 \
	--max-configs=1 -D__GNUC__=12 -D__x86_64__ -D'container_of(p,t,m)=((t *)(void *)(p))' \
	-Iinclude -Iinclude/libc -Ikernel/x86/include \
	--template='{file}:{line}: {severity}: {message} [{id}]'
check-static: build/check/static.ok

build/check/static.ok: $(STATIC_SRC) $(PUBLIC_H) mk/cppcheck.txt mk/cppcheck.cfg
	@mkdir -p build/check/cppcheck
	$(call say,CPPCHK,'$(words $(STATIC_SRC)) files')
	$(Q)$(CPPCHECK) --cppcheck-build-dir=build/check/cppcheck -j 2 $(STATIC_SRC)
	@touch $@

-include $(HEADER_OK:=.d) $(CLANG_K:=.d) $(CLANG_H:=.d)

# SPDX-License-Identifier: MIT
# Unit tests: each tests/unit/*_test.c is a cmocka program, built with sanitizers against the hosted
# stack. Tests of lib/ (lib_*_test.c) link lib/ only, so they build whatever state the rest is in.

UNIT ?=
UNIT_SRC := $(sort $(wildcard tests/unit/$(UNIT)*_test.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=build/unit/%)
# Helpers that several tests share: tests/unit/*.c that are not tests themselves.
UNIT_AUX := $(filter-out %_test.c,$(sort $(wildcard tests/unit/*.c)))
UNIT_FLAGS := $(HGLUE_FLAGS) $(SANITIZE) -Itests/unit

.PHONY: unit unit-build
unit-build: $(UNIT_BIN)

unit: $(UNIT_BIN)
	@$(PYTHON) tests/unit/run.py $(UNIT_BIN)

build/unit/obj/%.o: tests/unit/%.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,HCC,$<)
	$(Q)$(CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

build/unit/lib_%_test: build/unit/obj/lib_%_test.o build/host-asan/liblib.a
	$(call say,HLD,$@)
	$(Q)$(CC) $(SANITIZE) $(HOST_LDFLAGS) -o $@ $< build/host-asan/liblib.a -lcmocka

build/unit/%_test: build/unit/obj/%_test.o $(UNIT_AUX:tests/unit/%.c=build/unit/obj/%.o) \
		build/host-asan/libsluice.a
	$(call say,HLD,$@)
	$(Q)$(CC) $(SANITIZE) $(HOST_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive build/host-asan/libsluice.a -Wl,--no-whole-archive -lcmocka

# Loads packetdrill's module at run time.
build/unit/packetdrill_so_test: | build/libsluice-packetdrill.so

# What include/libc promises, as tables made from our headers and from the host's.
ABI_OBJ := $(addprefix build/unit/obj/abi_,ours.o theirs.o tcp.o)
build/unit/lib_abi_test: build/unit/obj/lib_abi_test.o $(ABI_OBJ)
	$(call say,HLD,$@)
	$(Q)$(CC) $(SANITIZE) $(HOST_LDFLAGS) -o $@ $^ -lcmocka
build/unit/abi_%.c: tests/unit/abi_gen.py $(call rfind,include/libc,*.h)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) $< $* >$@
build/unit/obj/abi_ours.o: build/unit/abi_ours.c tests/unit/abi_row.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -w $(FREESTANDING) $(call inc,libc/) -idirafter tests/unit -c -o $@ $<
build/unit/obj/abi_%.o: build/unit/abi_%.c tests/unit/abi_row.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -w -D_GNU_SOURCE -idirafter tests/unit -c -o $@ $<

.SECONDARY: build/unit/abi_ours.c build/unit/abi_theirs.c build/unit/abi_tcp.c $(UNIT_SRC:tests/unit/%.c=build/unit/obj/%.o) $(UNIT_AUX:tests/unit/%.c=build/unit/obj/%.o)
-include $(UNIT_SRC:tests/unit/%.c=build/unit/obj/%.d) $(UNIT_AUX:tests/unit/%.c=build/unit/obj/%.d)

# SPDX-License-Identifier: MIT
# The simulator: tests/sim/*.c over the hosted stack, with sanitizers; and tests/sim/flows/*.c, flows
# that are measured: without them, for speed.

SEEDS_SRC := $(sort $(wildcard tests/sim/*.c))
SEEDS_OBJ := $(SEEDS_SRC:tests/sim/%.c=build/sim/%.o)
FLOWS_SRC := $(sort $(wildcard tests/sim/flows/*.c)) tests/sim/stack.c
FLOWS_OBJ := $(FLOWS_SRC:tests/sim/%.c=build/sim/plain/%.o)
SIM_SRC := $(sort $(SEEDS_SRC) $(FLOWS_SRC))

.PHONY: sim flows
sim: build/sim/sim
flows: build/sim/flows

build/sim/%.o: tests/sim/%.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,HCC,$<)
	$(Q)$(CC) $(HGLUE_FLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

build/sim/sim: $(SEEDS_OBJ) build/host-asan/libsluice.a
	$(call say,HLD,$@)
	$(Q)$(CC) $(SANITIZE) $(HOST_LDFLAGS) -o $@ $(SEEDS_OBJ) \
		-Wl,--whole-archive build/host-asan/libsluice.a -Wl,--no-whole-archive

build/sim/plain/%.o: tests/sim/%.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,HCC,$<)
	$(Q)$(CC) $(HGLUE_FLAGS) -MMD -MP -c -o $@ $<

build/sim/flows: $(FLOWS_OBJ) build/host/libsluice.a
	$(call say,HLD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -o $@ $(FLOWS_OBJ) \
		-Wl,--whole-archive build/host/libsluice.a -Wl,--no-whole-archive

check-gcc: $(SEEDS_OBJ) $(FLOWS_OBJ)

-include $(SEEDS_OBJ:.o=.d) $(FLOWS_OBJ:.o=.d)

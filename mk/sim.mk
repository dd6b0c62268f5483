# SPDX-License-Identifier: MIT
# The simulator: tests/sim/*.c over the hosted stack, with sanitizers.

SIM_SRC := $(sort $(wildcard tests/sim/*.c))
SIM_OBJ := $(SIM_SRC:tests/sim/%.c=build/sim/%.o)

.PHONY: sim
sim: build/sim/sim

build/sim/%.o: tests/sim/%.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,HCC,$<)
	$(Q)$(CC) $(HGLUE_FLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

build/sim/sim: $(SIM_OBJ) build/host-asan/libsluice.a
	$(call say,HLD,$@)
	$(Q)$(CC) $(SANITIZE) $(HOST_LDFLAGS) -o $@ $(SIM_OBJ) \
		-Wl,--whole-archive build/host-asan/libsluice.a -Wl,--no-whole-archive

check-gcc: $(SIM_OBJ)

-include $(SIM_OBJ:.o=.d)

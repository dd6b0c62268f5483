# SPDX-License-Identifier: MIT
# Fuzz targets: tests/fuzz/*.c, each a libFuzzer program over the hosted stack, all of it built by
# clang with coverage and sanitizers. tests/fuzz/run runs them. Alignment is gcc's sanitizer to check
# (mk/unit.mk): clang's objects to the end of a list, which is no object.

FUZZ_AUX := tests/fuzz/wire.c tests/fuzz/tcp_peer.c
FUZZ_SRC := $(filter-out $(FUZZ_AUX),$(wildcard tests/fuzz/*.c))
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=alignment \
	-fno-sanitize-recover=all -DDEBUG \
	-D__SANITIZE_ADDRESS__ $(CLANG_WARN) -Wno-thread-safety

build/host-fuzz/% build/fuzz/%: CC := $(CLANG)
$(eval $(call hosted-variant,build/host-fuzz,$(FUZZ_SANITIZE)))

.PHONY: fuzz-build
fuzz-build: $(FUZZ_BIN)

build/fuzz/obj/%.o: tests/fuzz/%.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,FCC,$<)
	$(Q)$(CC) $(HGLUE_FLAGS) $(FUZZ_SANITIZE) -Itests/unit -MMD -MP -c -o $@ $<

build/fuzz/obj/net_tap.o: tests/unit/net_tap.c $(MK_FILES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HGLUE_FLAGS) $(FUZZ_SANITIZE) -Itests/unit -MMD -MP -c -o $@ $<

build/fuzz/%: build/fuzz/obj/%.o $(FUZZ_AUX:tests/fuzz/%.c=build/fuzz/obj/%.o) \
		build/fuzz/obj/net_tap.o build/host-fuzz/libsluice.a
	$(call say,FLD,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined $(HOST_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive build/host-fuzz/libsluice.a -Wl,--no-whole-archive -lcmocka

.SECONDARY: $(patsubst tests/fuzz/%.c,build/fuzz/obj/%.o,$(FUZZ_SRC) $(FUZZ_AUX))
-include $(patsubst tests/fuzz/%.c,build/fuzz/obj/%.d,$(FUZZ_SRC) $(FUZZ_AUX))

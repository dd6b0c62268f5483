# SPDX-License-Identifier: MIT
# The hosted home: build/host/libsluice.a, and build/host-asan/libsluice.a with sanitizers. Link it
# with -Wl,--whole-archive: what registers itself through a section has no other reference.

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -DDEBUG
HOST_LDFLAGS := -no-pie -pthread

# The stack is compiled as on bare metal, only <home/...> differs. Sources in host/ and tests see
# glibc and include/, never include/libc.
HSTACK_FLAGS := $(COMMON) $(FREESTANDING) -Ihost/include -fno-pie -pthread
HGLUE_FLAGS  := $(COMMON) -D_GNU_SOURCE -Iinclude -Ihost/include -I. -fno-pie -pthread

# glibc's string functions serve here, for speed and because the sanitizers watch them, and libgcc;
# host/ has its own scheduler and slab allocator.
LIB_BARE := lib/string.c lib/libgcc.c
H_STACK := $(filter-out $(LIB_BARE) kernel/sched/% kernel/mm/slab.c libc/% apps/%,$(STACK_SRC))
H_APP   := $(filter libc/% apps/%,$(STACK_SRC))
PD_SRC  := $(call rfind,host/packetdrill,*.c)
H_GLUE  := $(filter-out %_test.c host/main.c $(PD_SRC),$(call rfind,host,*.c))

hosted: build/host/libsluice.a build/host-asan/libsluice.a build/host/sluice build/host-asan/sluice \
	build/libsluice-packetdrill.so

# hosted-variant(folder, extra flags)
define hosted-variant
$(1)/stack/%.o: %.c $(MK_FILES)
	@mkdir -p $$(@D)
	$$(call say,HCC,$$<)
	$$(Q)$$(CC) $$(HSTACK_FLAGS) $(2) $$(call inc,$$<) -MMD -MP -c -o $$@ $$<

$(1)/glue/%.o: %.c $(MK_FILES)
	@mkdir -p $$(@D)
	$$(call say,HCC,$$<)
	$$(Q)$$(CC) $$(HGLUE_FLAGS) $(2) -MMD -MP -c -o $$@ $$<

# Apps call our libc, which has glibc's names: what libc/ defines gets the prefix sluice_ in both,
# but for the string functions, which are left to glibc.
$(1)/apps.o: $(H_APP:%.c=$(1)/stack/%.o)
	@mkdir -p $$(@D)
	$$(Q)$$(NM) -g --defined-only $$(filter $(1)/stack/libc/%,$$^) /dev/null 2>/dev/null | \
		awk 'NF == 3 { print $$$$3, "sluice_" $$$$3 }' | sort -u >$(1)/redefine.syms
	$$(Q)$$(if $$^,$$(LD) -r -o $$@.tmp $$^,echo | $$(CC) -x c -c -o $$@.tmp -)
	$$(Q)$$(OBJCOPY) --redefine-syms=$(1)/redefine.syms $$@.tmp $$@ && rm $$@.tmp

$(1)/libsluice.a: $(H_STACK:%.c=$(1)/stack/%.o) $(H_GLUE:%.c=$(1)/glue/%.o) $(1)/apps.o
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) qcs $$@ $$^

# The stack and its apps as a process.
$(1)/sluice: $(1)/glue/host/main.o $(1)/libsluice.a
	$$(call say,HLD,$$@)
	$$(Q)$$(CC) $(2) $$(HOST_LDFLAGS) -o $$@ $$< -Wl,--whole-archive $(1)/libsluice.a -Wl,--no-whole-archive

# lib/ alone: its tests need nothing else.
$(1)/liblib.a: $(patsubst %.c,$(1)/stack/%.o,$(filter lib/%,$(H_STACK))) $(1)/lib_ours.o
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) qcs $$@ $$^

# Ours of what glibc and libgcc do here, under another name, so that a test can compare the two.
$(1)/lib_ours.o: $(LIB_BARE:%.c=$(1)/stack/%.o)
	$$(Q)$$(LD) -r -o $$@.tmp $$^
	$$(Q)$$(NM) -g --defined-only $$@.tmp | awk '{ print $$$$3, "ours_" $$$$3 }' >$$@.syms
	$$(Q)$$(OBJCOPY) --redefine-syms=$$@.syms $$@.tmp $$@
$(1)/stack/lib/string.o: HSTACK_FLAGS += -fno-tree-loop-distribute-patterns

-include $(patsubst %.c,$(1)/stack/%.d,$(H_STACK) $(H_APP) $(LIB_BARE)) $(patsubst %.c,$(1)/glue/%.d,$(H_GLUE))
endef

$(eval $(call hosted-variant,build/host,))
$(eval $(call hosted-variant,build/host-asan,$(SANITIZE)))

# packetdrill's module: the stack with its checks on, as a shared object that shows nothing but its
# entry and the calls that it answers as LD_PRELOAD.
$(eval $(call hosted-variant,build/host-so,-fPIC -fvisibility=hidden -DDEBUG))

build/libsluice-packetdrill.so: $(PD_SRC:%.c=build/host-so/glue/%.o) build/host-so/libsluice.a \
		host/packetdrill/exports.map
	$(call say,HLD,$@)
	$(Q)$(CC) -shared -pthread -Wl,-Bsymbolic,-z,defs,--version-script=host/packetdrill/exports.map \
		-o $@ $(filter %.o,$^) -Wl,--whole-archive build/host-so/libsluice.a -Wl,--no-whole-archive

-include $(PD_SRC:%.c=build/host-so/glue/%.d)

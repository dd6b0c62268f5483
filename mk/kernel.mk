# SPDX-License-Identifier: MIT
# build/sluice.elf, the bare-metal image, and build/sluice.elf.debug, the same with symbols for gdb.
# DEBUG=1 builds build/debug/sluice.elf with -DDEBUG.

OUT := $(if $(DEBUG),build/debug,build)
ELF := $(OUT)/sluice.elf

KFLAGS := $(COMMON) $(FREESTANDING) -Ikernel/x86/include -m64 -march=x86-64 -mno-red-zone \
	-mgeneral-regs-only -fno-pic -no-pie -mcmodel=small -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -falign-loops=1 -falign-jumps=1 -falign-labels=1 \
	-malign-data=abi \
	$(if $(DEBUG),-DDEBUG)
# What a packet or a request comes through, without frame pointers, for speed: HOT as one unit, in
# which the compiler takes small functions of one file into another (a call costs as much as what
# most of them do), FAST file by file. The rest, most of the image, is built for size.
HOT := lib/checksum.c lib/siphash.c lib/rbtree.c \
	kernel/softirq.c kernel/timer.c kernel/wait.c kernel/rcu.c kernel/uio.c \
	kernel/mm/page_frag.c kernel/mm/slab.c kernel/sched/sched.c \
	kernel/x86/clock.c kernel/x86/irq.c kernel/fs/file.c kernel/fs/epoll.c \
	drivers/virtio/ring.c drivers/virtio/net_rx.c drivers/virtio/net_tx.c \
	net/core/skbuff.c net/core/skb_data.c net/core/napi.c net/core/xmit.c net/core/gro.c \
	net/core/sock.c net/core/sock_mem.c net/core/neighbour.c net/core/dql.c net/core/rps.c \
	net/ethernet/eth.c net/sched/sch_generic.c \
	net/ipv4/ip_input.c net/ipv4/ip_output.c net/ipv4/route.c net/ipv4/ipv4.c net/ipv4/fib.c \
	net/core/datagram.c net/ipv4/datagram.c net/udp/input.c net/udp/output.c net/udp/hash.c \
	net/ipv4/icmp.c net/ipv4/ip_early.c net/tcp/tcp_early.c net/tcp/tcp_syncookies.c \
	net/tcp/tcp_input.c net/tcp/tcp_ack.c net/tcp/tcp_data.c net/tcp/tcp_output.c \
	net/tcp/tcp_sendmsg.c net/tcp/tcp_short.c net/tcp/tcp_recvmsg.c net/tcp/tcp_hash.c net/tcp/tcp_ipv4.c \
	net/tcp/tcp_timer.c net/tcp/tcp_window.c net/tcp/tcp_rtt.c net/tcp/tcp_cong.c \
	net/tcp/tcp_options.c net/tcp/tcp_minisocks.c net/tcp/tcp_reqsk.c net/tcp/tcp_offload.c \
	net/tcp/tcp_rate.c net/tcp/tcp_castate.c net/tcp/tcp_recovery.c net/tcp/tcp_cc.c \
	net/tcp/tcp_cubic.c net/tcp/tcp_hystart.c net/tcp/tcp_delack.c net/tcp/tcp_rcvbuf.c \
	net/tcp/tcp_tso.c net/tcp/tcp_pacing.c net/tcp/tcp_tlp.c net/tcp/tcp_cwnd.c \
	net/tcp/tcp_mss.c net/tcp/tcp_urg.c net/tcp/tcp_ecn.c net/tcp/tcp_notify.c \
	net/tcp/tcp_sock.c net/tcp/tcp_state.c net/tcp/tcp_listen.c net/tcp/tcp_timewait.c \
	net/tcp/tcp_port.c net/tcp/tcp_secure_seq.c net/tcp/tcp_admission.c \
	net/socket/socket.c net/socket/af_inet.c \
	libc/socket.c apps/httpd/conn.c apps/httpd/worker.c
FAST := lib/string.c kernel/mm/page_alloc.c kernel/sched/% kernel/x86/copy.c \
	kernel/fs/poll.c kernel/fs/sendfile.c drivers/net/intel/rx.c drivers/net/intel/tx.c \
	net/core/gso.c net/core/flow_hash.c net/ethernet/% net/sched/% \
	apps/httpd/request.c $(HOT)
# What unlikely() says is never seems to the compiler to happen one time in ten, and it weighs
# registers and inlining by that; here it means never. Structures are aligned: cleared and copied
# without a look at that, which costs ten instructions.
HOT_FLAGS := -flto --param builtin-expect-probability=100 --param inline-min-speedup=5 \
	--param max-inline-insns-auto=100 --param early-inlining-insns=60 \
	--param inline-unit-growth=100 \
	-mmemset-strategy=rep_8byte:8192:noalign,libcall:-1:noalign \
	-mmemcpy-strategy=rep_8byte:8192:noalign,libcall:-1:noalign
KLDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections \
	--build-id=none --no-warn-rwx-segments -T boot/sluice.ld

K_SRC := $(STACK_SRC) \
	$(filter-out %_test.c,$(call rfind,boot drivers,*.c) $(filter $(BARE_SRC),$(call rfind,kernel,*.c)))
K_ASM := $(call rfind,boot kernel,*.S)
# A debug build keeps its functions apart.
K_HOT := $(if $(DEBUG),,$(filter $(HOT),$(K_SRC)))
K_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out $(K_HOT),$(K_SRC))) $(if $(K_HOT),$(OUT)/obj/hot.o) \
	$(K_ASM:%.S=$(OUT)/obj/%_S.o) $(OUT)/obj/rootfs.o

elf: $(ELF)

# Loops in here must not be turned into calls of themselves.
$(OUT)/obj/lib/string.o: KFLAGS += -fno-tree-loop-distribute-patterns

$(OUT)/obj/%.o: %.c $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(KFLAGS) $(if $(filter $(FAST),$<),-fomit-frame-pointer,-Os) \
		$(if $(filter $(K_HOT),$<),$(HOT_FLAGS)) $(call inc,$<) -MMD -MP -c -o $@ $<

# Warnings have been given, file by file.
$(OUT)/obj/hot.o: $(K_HOT:%.c=$(OUT)/obj/%.o)
	$(call say,LTO,$@)
	$(Q)$(CC) $(KFLAGS) $(HOT_FLAGS) -fomit-frame-pointer -w -flto=2 -r -nostdlib \
		-flinker-output=nolto-rel -o $@ $^

$(OUT)/obj/%_S.o: %.S $(MK_FILES)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(KFLAGS) $(call inc,$<) -D__ASSEMBLER__ -MMD -MP -c -o $@ $<

# The files that the image carries, as a newc archive between rootfs_start and rootfs_end.
build/rootfs.cpio: tools/mkcpio.py $(call rfind,rootfs,*)
	@mkdir -p $(@D)
	$(call say,CPIO,$@)
	$(Q)$(PYTHON) tools/mkcpio.py rootfs $@

$(OUT)/obj/rootfs.o: build/rootfs.cpio mk/rootfs.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(KFLAGS) -c -o $@ mk/rootfs.S

# Linked with an empty symbol table, with one of the right size, and checked: the table is in
# .rodata, behind .text, so the addresses it names do not move when it grows.
$(OUT)/ksyms0.S: tools/mksyms.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/mksyms.py </dev/null >$@

$(OUT)/sluice.0.elf: $(K_OBJ) $(OUT)/ksyms0.o boot/sluice.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(KLDFLAGS) -o $@ $(K_OBJ) $(OUT)/ksyms0.o

$(OUT)/ksyms.S: $(OUT)/sluice.0.elf tools/mksyms.py
	$(Q)$(NM) -n $< | $(PYTHON) tools/mksyms.py >$@

$(OUT)/ksyms%.o: $(OUT)/ksyms%.S
	$(Q)$(CC) $(KFLAGS) -c -o $@ $<
$(OUT)/ksyms.o: $(OUT)/ksyms.S
	$(Q)$(CC) $(KFLAGS) -c -o $@ $<

$(ELF).debug: $(K_OBJ) $(OUT)/ksyms.o boot/sluice.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(KLDFLAGS) -Map $(OUT)/sluice.map -o $@ $(K_OBJ) $(OUT)/ksyms.o
	$(Q)$(NM) -n $@ | $(PYTHON) tools/mksyms.py | cmp - $(OUT)/ksyms.S

# What boots has no debug information, which a loader would have to read; gdb finds it by the link.
$(ELF): $(ELF).debug
	$(Q)$(OBJCOPY) --strip-all --add-gnu-debuglink=$< $< $@.tmp
	$(Q)mv $@.tmp $@

-include $(K_SRC:%.c=$(OUT)/obj/%.d) $(K_OBJ:.o=.d)

# SPDX-License-Identifier: MIT
# build/sluice.iso: GRUB for BIOS and UEFI, booting the image by multiboot.

.PHONY: iso
iso: build/sluice.iso

build/sluice.iso: $(ELF) boot/grub.cfg tools/mkiso
	$(call say,ISO,$@)
	$(Q)tools/setup iso
	$(Q)tools/mkiso -o $@ -k $(ELF)

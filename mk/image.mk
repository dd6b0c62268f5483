# SPDX-License-Identifier: MIT
# build/sluice.iso: GRUB for BIOS and UEFI, booting the image by multiboot.

.PHONY: iso
iso: build/sluice.iso

build/sluice.iso: $(ELF) boot/grub.cfg
	$(call say,ISO,$@)
	$(Q)rm -rf build/iso && mkdir -p build/iso/boot/grub
	$(Q)cp $(ELF) build/iso/boot/sluice.elf
	$(Q)cp boot/grub.cfg build/iso/boot/grub/grub.cfg
	$(Q)grub-mkrescue -o $@ build/iso >build/iso.log 2>&1 || { cat build/iso.log; exit 1; }

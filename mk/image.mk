# SPDX-License-Identifier: MIT
# build/sluice.iso: $(ELF) boot/grub.cfg tools/mkiso
	$(call say,ISO,$@)
	$(Q)tools/setup iso
	$(Q)tools/mkiso -o $@ -k $(ELF)

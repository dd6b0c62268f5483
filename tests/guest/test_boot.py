# SPDX-License-Identifier: MIT
"""Machines that lack what a PC usually has, and processors old and new."""

import pytest


def boots(guest, cpus):
    guest.wait_ready(40)
    assert guest.sh("cat /proc/cpuinfo").count("processor") == cpus
    assert guest.status("/") == 200
    guest.check_alive()


@pytest.mark.parametrize("cpu", ["qemu64", "core2duo", "Nehalem", "max,-x2apic", "max,-tsc-deadline,-rdrand,-rdseed"])
def test_processors(boot, cpu):
    """Each has its features asked for before they are used: x2APIC, TSC deadline, RDRAND."""
    boots(boot(cpus=2, pcap=False, qemu=["-cpu", cpu]), 2)


@pytest.mark.parametrize(
    "machine,nic,cpus",
    [
        ("pc,acpi=off", "e1000", 2),  # the MP table names CPUs and interrupt lines
        ("pc,acpi=off", "virtio", 2),
        ("q35,acpi=off", "e1000e", 2),
        ("microvm,acpi=off", "virtio", 2),
        ("pc,hpet=off", "e1000", 2),  # the clock is measured against the ACPI timer
        ("q35,hpet=off", "virtio", 1),
        ("microvm,pit=off,pic=off,rtc=off", "virtio", 2),  # and against the local APIC's timer
        ("q35,sata=off,smbus=off", "e1000", 1),
    ],
)
def test_bare_machines(boot, machine, nic, cpus):
    """Without ACPI tables, HPET, PIT or RTC it serves with all its CPUs."""
    # SeaBIOS names one CPU of each socket in its MP table
    smp = ["-smp", f"{cpus},sockets={cpus}"]
    boots(boot(machine=machine, nic=nic, cpus=cpus, pcap=False, qemu=smp), cpus)


def test_no_apic(boot):
    """A processor without a local APIC has no others beside it; interrupts come by the 8259s."""
    boots(boot(machine="pc", nic="e1000", pcap=False, qemu=["-cpu", "qemu64,-apic"]), 1)


def test_two_nics_one_unknown(boot):
    """Of two NICs the one with a driver is eth0, wherever it is on the bus."""
    extra = ["-device", "rtl8139,addr=0x10,romfile=", "-device", "pcnet,addr=0x11,romfile="]
    guest = boot(pcap=False, qemu=extra).wait_ready()
    assert guest.log.count("has no driver; supported: ") == 2
    assert guest.status("/") == 200

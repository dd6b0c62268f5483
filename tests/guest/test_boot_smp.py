# SPDX-License-Identifier: MIT
"""Four CPUs under load with the checks of a debug build on: owner and order of locks, invariants."""

import os
import subprocess
import time

import payload
import pytest
from guest import TOP, eventually

SECONDS = int(os.environ.get("SOAK_SECONDS", "90"))
COMMANDS = ["ip neigh flush dev eth0", "cat /proc/net/tcp", "ps", "ip -s link", "free", "cat /proc/interrupts"]


def debug_image():
    done = subprocess.run(["make", "-C", TOP, "DEBUG=1", "elf"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return os.path.join(TOP, "build/debug/sluice.elf")


def loop(guest, body):
    """A shell in the guest's namespace that repeats body until the time is up."""
    script = f"end=$(($(date +%s) + {SECONDS})); while [ $(date +%s) -lt $end ]; do {body}; done"
    return guest.ns.popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.soak
@pytest.mark.limit(600)
@pytest.mark.parametrize("nic,machine", [("virtio", "q35"), ("virtio", "microvm"), ("e1000", "pc"), ("e1000e", "q35")])
def test_debug_build_under_load(boot, nic, machine):
    """Downloads, short requests, echo, a ping flood and the console at once: no check strikes."""
    guest = boot(
        nic=nic, machine=machine, cpus=4, mem=96, pcap=False, append="panic=halt",
        kernel=debug_image(), module=payload.big_archive(),
    )  # fmt: skip
    guest.wait_ready(60)
    free_kib = guest.free_kib()
    url = f"http://{guest.ip}"
    downloads = loop(guest, f"curl -s -m 100 {url}/16m.bin | sha256sum")
    requests = [loop(guest, f"curl -s -m 20 -o /dev/null {url}/[1-50]") for _ in range(4)]
    flood = loop(guest, f"ping -q -f -c 2000 -s 1000 {guest.ip}")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for command in COMMANDS:
            guest.sh(command, 30)
    sums = downloads.communicate(timeout=150)[0].split("\n")
    for process in [flood, *requests]:
        process.communicate(timeout=60)
    whole = [line for line in sums if line]
    assert whole and all(line.startswith(payload.big_sha256()) for line in whole)
    guest.check_alive()
    eventually(lambda: guest.free_kib() > free_kib - 4096, timeout=90, every=2)

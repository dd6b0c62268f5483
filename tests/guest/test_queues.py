# SPDX-License-Identifier: MIT
"""Packets over several CPUs: receive packet steering, and a queue pair a CPU."""

import hashlib
import re
import subprocess

import payload
import pytest
from guest import eventually


def softnet(guest):
    """Of each CPU: packets handled, and times that another CPU gave it some."""
    rows = [li.split() for li in guest.sh("cat /proc/net/softnet_stat").splitlines() if li.strip()]
    assert all(len(r) == 15 for r in rows)
    return {int(r[12], 16): (int(r[0], 16), int(r[9], 16)) for r in rows}


def downloads(guest, count=8):
    url = f"http://{guest.ip}/16m.bin"
    running = [
        guest.ns.popen(["sh", "-c", f"curl -sS --fail -m 50 {url} | head -c 3000000 | sha256sum"],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]  # fmt: skip
    return [p.communicate(timeout=60)[0].split()[0] for p in running]


def settle(guest):
    """Until what downloads that were broken off left under way, resets by the thousand, is over."""
    last = None

    def quiet():
        nonlocal last
        before, last = last, softnet(guest)
        return last == before

    eventually(quiet, every=0.2)


def handled(guest, s, rounds=20):
    """How many packets each CPU handles while the echo service answers so often."""
    before = softnet(guest)
    for _ in range(rounds):
        s.sendall(b"x")
        assert s.recv(10) == b"x"
    after = softnet(guest)
    return {cpu: after[cpu][0] - before[cpu][0] for cpu in after}


@pytest.mark.parametrize("nic", ["virtio", "e1000"])
def test_receive_flow_steering(boot, nic):
    """A flow's packets follow its socket to the CPU where it is used, whatever the mask says."""
    guest = boot(nic=nic, cpus=2, pcap=False).wait_ready()
    entries = "net.core.rps_sock_flow_entries"
    used = int(re.search(r"^.*\binetd\b.*$", guest.sh("cat /proc/threads"), re.M).group().split()[1])
    other = 1 - used
    assert guest.sh(f"sysctl {entries}").strip() == f"{entries} = 0"
    guest.sh(f"sysctl -w net.core.rps_default_mask={1 << other}")
    with guest.connect(7) as s:
        handled(guest, s)
        found = handled(guest, s)
        assert found[other] >= 20 and found[used] < 20, found
        assert guest.sh(f"sysctl -w {entries}=1000").strip() == f"{entries} = 1024"
        handled(guest, s)
        found = handled(guest, s)
        assert found[used] >= 20 and found[other] < 20, found
        guest.sh(f"sysctl -w {entries}=0")
        handled(guest, s)
    assert "nvalid" in guest.sh(f"sysctl -w {entries}=100000")
    guest.check_alive()


@pytest.mark.limit(120)
@pytest.mark.parametrize("nic", ["virtio", "e1000"])
def test_receive_packet_steering(boot, nic):
    """With a mask, flows of one receive queue spread over the CPUs, and every byte is right."""
    guest = boot(nic=nic, cpus=2, pcap=False, module=payload.big_archive()).wait_ready(60)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    assert all(given == 0 for _, given in softnet(guest).values())
    assert guest.sh("sysctl net.core.rps_default_mask").strip() == "net.core.rps_default_mask = 0"
    assert guest.sh("sysctl -w net.core.rps_default_mask=3").strip() == "net.core.rps_default_mask = 3"
    before = softnet(guest)
    for _ in range(4):  # eight flows may all have one CPU: once in 128 times
        assert downloads(guest) == [want] * 8
        after = softnet(guest)
        grown = {cpu: after[cpu][0] - before[cpu][0] for cpu in after}
        if min(grown.values()) > 10:
            break
    assert min(grown.values()) > 10, f"all on one CPU: {grown}"
    assert max(given for _, given in after.values()) > 0
    guest.sh("sysctl -w net.core.rps_default_mask=2")
    assert downloads(guest, 2) == [want] * 2
    assert "nvalid" in guest.sh("sysctl -w net.core.rps_default_mask=xyz")
    settle(guest)
    guest.check_alive()

# SPDX-License-Identifier: MIT
"""tc: disciplines set and shown at run time, and what they do to real traffic."""

import re
import time

import pytest
from guest import STATIC


def test_show(vm):
    """The default, on the device and on loopback, with statistics that count."""
    assert "qdisc noqueue 0: dev lo root refcnt 2" in vm.sh("tc qdisc show")
    assert "qdisc pfifo_fast 0: dev eth0 root refcnt 2 bands 3 priomap" in vm.sh("tc qdisc")

    def sent():
        return int(re.search(r"Sent \d+ bytes (\d+) pkt", vm.sh("tc -s qdisc show dev eth0")).group(1))

    before = sent()
    vm.ping(count=3)
    assert sent() >= before + 3
    assert "dropped 0, overlimits 0" in vm.sh("tc -s qdisc show dev eth0")


KINDS = [
    ("fq", "", r"limit 10000p flow_limit 100p"),
    ("fq_codel", "limit 1000 target 10ms", r"limit 1000p .*target 10ms interval 100ms ecn"),
    ("tbf", "rate 50mbit burst 64k latency 50ms", r"rate 50Mbit burst 64Kb"),
    ("prio", "bands 4", r"bands 4 priomap"),
    ("netem", "delay 5ms", r"limit 1000 delay 5ms"),
    ("pfifo_fast", "", r"bands 3"),
]


@pytest.mark.parametrize("kind,options,shown", KINDS, ids=[k[0] for k in KINDS])
def test_kinds(vm, kind, options, shown):
    """Each kind is added, shown as tc shows it, carries traffic whole, and goes again."""
    assert vm.sh(f"tc qdisc replace dev eth0 root handle 1: {kind} {options}") == ""
    assert re.search(rf"qdisc {kind} 1: dev eth0 root refcnt 2 {shown}", vm.sh("tc qdisc show dev eth0"))
    assert vm.status("/") == 200
    data = bytes(range(256)) * 400
    with vm.connect(7, timeout=20) as s:
        got = b""
        for at in range(0, len(data), 8192):
            s.sendall(data[at : at + 8192])
            while len(got) < min(at + 8192, len(data)):
                got += s.recv(65536)
        assert got == data
    assert "Sent" in vm.sh("tc -s qdisc show dev eth0")
    assert vm.sh("tc qdisc del dev eth0 root") == ""
    assert "qdisc pfifo_fast 0:" in vm.sh("tc qdisc show dev eth0")


def test_netem_delays_and_loses(vm):
    """A delay is seen by ping; all lost is nothing heard; and all is well afterwards."""
    vm.sh("tc qdisc add dev eth0 root netem delay 50ms")
    times = re.findall(r"time=([\d.]+)", vm.ping(count=3).stdout)
    assert len(times) == 3 and all(float(t) >= 50 for t in times)
    vm.sh("tc qdisc change dev eth0 root netem loss 100%")
    assert vm.ping(timeout=1).returncode != 0
    vm.sh("tc qdisc del dev eth0 root")
    assert vm.ping().returncode == 0


def test_tbf_limits_a_download(vm):
    """A rate of 4 Mbit/s is what comes through, not more."""
    vm.sh("tc qdisc add dev eth0 root tbf rate 4mbit burst 16k latency 400ms")
    started = time.monotonic()
    with vm.connect(19) as s:
        n = 0
        while n < 500_000:
            n += len(s.recv(65536))
    took = time.monotonic() - started
    vm.sh("tc qdisc del dev eth0 root")
    assert 0.8 < took < 5, f"{n} bytes in {took:.2f} s"


def test_refusals(vm):
    """Wrong words change nothing and say so."""
    for line, answer in (
        ("tc qdisc add dev eth9 root fq", "Cannot find device"),
        ("tc qdisc add dev eth0 root nosuch", "No such file"),
        ("tc qdisc add dev eth0 root fq colour red", "Invalid argument"),
        ("tc qdisc add dev lo root fq", "not supported"),
        ("tc qdisc del dev eth0 root", "No such file"),
        ("tc qdisc add dev eth0", "usage"),
        ("tc filter show", "usage"),
    ):
        assert answer in vm.sh(line), line
    assert vm.sh("tc qdisc add dev eth0 root fq") == ""
    assert "File exists" in vm.sh("tc qdisc add dev eth0 root fq")
    vm.sh("tc qdisc del dev eth0 root")
    assert "qdisc pfifo_fast 0:" in vm.sh("tc qdisc show dev eth0")


@pytest.mark.parametrize("kind", ["fq", "fq_codel"])
def test_default(boot, kind):
    """net.core.default_qdisc on the command line is what devices get."""
    guest = boot(cmdline=f"{STATIC} console=ttyS0 sysctl.net.core.default_qdisc={kind}", pcap=False)
    guest.wait_ready()
    assert f"qdisc {kind} 0: dev eth0 root" in guest.sh("tc qdisc show")
    assert guest.status("/") == 200

# SPDX-License-Identifier: MIT
"""ethtool, and the right bytes whatever offloads are on."""

import re
import socket

import pytest

DATA = bytes((i * 7 + (i >> 8)) & 255 for i in range(400_000))
COMBINATIONS = [
    "tso off",
    "gro off",
    "sg off",
    "tx off",
    "tx on sg on tso on gro on",
    "gso off tso off",
    "rx off",
    "rx off tx off gro off",
    "rx on tx on sg on gro off gso on tso on",
    "rx-gro-hw off gro on",
    "rx-gro-hw on",
]


def echoes(guest):
    """DATA through the guest's TCP echo and back, and a fragmented datagram."""
    with guest.connect(7, timeout=20) as s:
        s.setblocking(False)
        got, sent = bytearray(), 0
        while len(got) < len(DATA):
            try:
                if sent < len(DATA) and sent - len(got) < 200_000:
                    sent += s.send(DATA[sent : sent + 65536])
            except BlockingIOError:
                pass
            s.settimeout(20 if sent == len(DATA) else 0.01)
            try:
                got += s.recv(65536)
            except (socket.timeout, BlockingIOError):
                pass
            s.setblocking(False)
        assert got == DATA
    with guest.udp() as s:
        s.sendto(DATA[:5000], (guest.ip, 7))
        assert s.recv(65536) == DATA[:5000]


def features(guest):
    return dict(re.findall(r"^\s*([\w-]+): (on|off)", guest.sh("ethtool -k eth0"), re.M))


@pytest.mark.limit(120)
@pytest.mark.parametrize("nic,cpus", [("virtio", 1), ("virtio", 2), ("e1000", 1), ("e1000e", 2)])
def test_switches(boot, nic, cpus):
    """Every offload off and on again, alone and together, with data both ways in each state."""
    guest = boot(nic=nic, cpus=cpus, pcap=False).wait_ready()
    before = features(guest)
    echoes(guest)
    for words in COMBINATIONS:
        changeable = guest.sh("ethtool -k eth0")
        pairs = words.split()
        for word, state in zip(pairs[::2], pairs[1::2]):
            output = guest.sh(f"ethtool -K eth0 {word} {state}")
            assert "Cannot" not in output or "[fixed]" in changeable
        echoes(guest)
    assert features(guest) == before
    guest.check_alive()


@pytest.mark.parametrize("nic,driver", [("virtio", "virtio_net"), ("e1000", "e1000"), ("e1000e", "e1000e")])
def test_ethtool_tells(boot, nic, driver):
    """The driver, rings, queues, link and counters; the counters count."""
    guest = boot(nic=nic, pcap=False).wait_ready()
    assert re.search(rf"^driver: {driver}$", guest.sh("ethtool -i eth0"), re.M)
    assert re.search(r"^RX:\s+\d+\nTX:\s+\d+\nCurrent", guest.sh("ethtool -g eth0"), re.M)
    assert "Combined:\t1" in guest.sh("ethtool -l eth0").replace("        ", "\t")
    assert "Link detected: yes" in guest.sh("ethtool eth0")

    def total():
        return sum(int(n) for n in re.findall(r"^ +\w+: (\d+)", guest.sh("ethtool -S eth0"), re.M))

    first = total()
    assert guest.ping(count=3).returncode == 0
    assert total() > first
    assert "No such device" in guest.sh("ethtool -k eth9")
    assert "bad command line" in guest.sh("ethtool -K eth0 tso maybe")

# SPDX-License-Identifier: MIT
"""The packet generator: what the device is given, and what it may throw away."""

import re
import socket
import struct
import time

import pytest
from raw import checksum

ETH_P_ALL = 3
SOURCE = socket.inet_aton("198.18.0.1")


def sniffer(guest):
    with guest.ns.inside():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.bind((guest.ns.TAP, 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
    return s


def generated(s):
    """The frames of the generator that have come so far."""
    found = []
    s.settimeout(0.5)
    try:
        while True:
            frame = s.recv(1 << 17)
            if frame[12:14] == b"\x08\x00" and frame[26:30] == SOURCE:
                found.append(frame)
    except socket.timeout:
        return found


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e"])
def test_sends_what_was_asked(boot, nic):
    """So many frames of that size, with right headers; cut by the device or by software."""
    guest = boot(nic=nic, pcap=False).wait_ready()
    with sniffer(guest) as s:
        out = guest.sh("pktgen eth0 count 500 pkt_size 200 burst 7 dst_mac 02:00:00:00:00:77")
        assert re.search(r"^eth0: Result: OK: \d+ usec, 500 \(200byte,1frags\)$", out, re.M)
        frames = generated(s)
        assert len(frames) == 500 and {len(f) for f in frames} == {200}
        assert frames[0][:6] == bytes.fromhex("020000000077")
        assert checksum(frames[0][14:34]) == 0
        # UDP to the discard port
        assert struct.unpack("!BHHH", frames[0][23:24] + frames[0][36:40] + b"\0\0")[:3] == (17, 9, 166)

        guest.sh("pktgen eth0 count 20 pkt_size 40054 gso_size 1000")
        frames = generated(s)
        assert sum(len(f) - 54 for f in frames) == 20 * 40000
        assert "Invalid argument" in guest.sh("pktgen eth0 count 1 pkt_size 10")
        assert "Message too long" in guest.sh("pktgen eth0 count 1 pkt_size 2000")
    guest.check_alive()


def test_throws_away(boot):
    """`rx off`: frames are counted and go no further, until `rx on`."""
    guest = boot(pcap=False).wait_ready()
    guest.ping()

    def received():
        return int(re.search(r"eth0: +\d+ +(\d+)", guest.sh("cat /proc/net/dev")).group(1))

    guest.sh("pktgen eth0 rx off")
    before = received()
    with guest.udp() as s:
        for _ in range(10):
            s.sendto(b"x", (guest.ip, 7))
        s.settimeout(0.5)
        with pytest.raises(socket.timeout):
            s.recv(10)
    assert received() >= before + 10
    guest.sh("pktgen eth0 rx on")
    time.sleep(0.1)
    guest.ping()
    guest.check_alive()

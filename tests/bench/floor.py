# SPDX-License-Identifier: MIT
"""What the virtual NIC carries with no stack behind it: a part of `make bench` (see tests/bench/run).

The guest's packet generator fills its transmit ring; the other way a raw socket of the host fills
the receive ring, and the guest's driver throws away what it takes out.
"""

import contextlib
import re
import socket
import struct
import time

import loads

SOL_PACKET, PACKET_VNET_HDR = 263, 15
VNET_NEEDS_CSUM, VNET_TCPV4 = 1, 1


def generate(guest, words):
    """(packets/s, Mbit/s) that the guest's generator gets rid of."""
    out = guest.sh(f"pktgen eth0 {words}", timeout=60)
    return tuple(map(int, re.search(r"(\d+)pps (\d+)Mb/sec", out).groups()))


def flood_frame(guest, size, gso_size):
    """virtio_net_hdr and a frame: UDP, or TCP that the device is to cut."""
    mac = bytes.fromhex(guest.mac.replace(":", ""))
    proto = 6 if gso_size else 17
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size - 14, 0, 0, 64, proto, 0,
                     socket.inet_aton("198.18.0.1"), socket.inet_aton(guest.ip))  # fmt: skip
    ip = ip[:10] + struct.pack("!H", loads.checksum(ip)) + ip[12:]
    head = mac + b"\x02\0\0\0\0\x66\x08\x00" + ip
    if gso_size:
        vnet = struct.pack("<BBHHHH", VNET_NEEDS_CSUM, VNET_TCPV4, 54, gso_size, 34, 16)
        head += struct.pack("!HHIIBBHHH", 9, 9, 0, 0, 0x50, 0x10, 0, 0, 0)
    else:
        vnet = bytes(10)
        head += struct.pack("!HHHH", 9, 9, size - 34, 0)
    return vnet + head + bytes(size - len(head))


def flooded(guest, seconds, size, gso_size=0):
    """(packets/s, Mbit/s) that the guest's driver takes from the ring and throws away."""
    frame = flood_frame(guest, size, gso_size)
    with guest.ns.inside():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    raw.bind((guest.ns.TAP, 0))

    def received():
        row = re.search(r"eth0: +(\d+) +(\d+)", guest.sh("cat /proc/net/dev", timeout=30))
        return int(row.group(1)), int(row.group(2))

    guest.sh("pktgen eth0 rx off")
    bytes_before, packets_before = received()
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        for _ in range(16):
            with contextlib.suppress(OSError):  # the TAP's queue is full
                raw.send(frame)
    spent = time.perf_counter() - start
    raw.close()
    bytes_after, packets_after = received()
    guest.sh("pktgen eth0 rx on")
    mbits = (bytes_after - bytes_before) * 8 / spent / 1e6
    return round((packets_after - packets_before) / spent), round(mbits)


def floor(bench):
    """Frames of three sizes each way, by the packet generator of the guest and one of the host."""
    data, rows = {}, []
    seconds = 1 if bench.options.quick else 3
    for nic in [bench.options.nic] if bench.options.nic else ["virtio", "e1000", "e1000e"]:
        guest = bench.start(machine="q35", nic=nic, cpus=1, mem=128)
        guest.wait_ready()
        n = 20000 * seconds
        found = {
            "sent, 60 bytes": generate(guest, f"count {n}"),
            "sent, 1514 bytes": generate(guest, f"count {n} pkt_size 1514"),
            "sent, 64 KiB": generate(guest, f"count {n // 5} pkt_size 65226 gso_size 1448"),
            "received, 60 bytes": flooded(guest, seconds, 60),
            "received, 1514 bytes": flooded(guest, seconds, 1514),
            "received, 64 KiB": flooded(guest, seconds, 65226, 1448),
        }
        guest.close()
        data[nic] = found
        rows += [[nic, what, *figures] for what, figures in found.items()]
    bench.table("floor: rings without a stack, one CPU", ["NIC", "frames", "packets/s", "Mbit/s"], rows)
    bench.save("floor", data)

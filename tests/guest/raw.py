# SPDX-License-Identifier: MIT
"""A second host on the guest's wire, made of raw frames: whatever a peer could send, and more.

It has an address of its own that this machine's kernel doesn't know, so the kernel neither answers
for it nor resets its connections. It answers ARP while it waits in recv().
"""

import logging
import socket
import struct
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw as Payload  # noqa: E402

__all__ = ["ARP", "Ether", "ICMP", "IP", "Payload", "RawHost", "TCP", "UDP"]

IP_AT, L4_AT = 14, 34  # where headers start in an untagged frame without IP options

ETH_P_ALL = 3
PACKET_OUTGOING = 4


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def patched(frame, offset, data):
    """The frame's bytes with those at offset replaced."""
    raw = bytearray(bytes(frame))
    raw[offset : offset + len(data)] = data
    return bytes(raw)


def ip_checksummed(frame, header_bytes=20):
    """The frame with the checksum of its IP header made right."""
    raw = patched(frame, IP_AT + 10, b"\0\0")
    return patched(raw, IP_AT + 10, struct.pack("!H", checksum(raw[IP_AT : IP_AT + header_bytes])))


def with_ip_options(frame, options):
    """The frame with these bytes (a multiple of 4) as IP options, everything else right."""
    raw = bytes(frame)
    raw = raw[:L4_AT] + options + raw[L4_AT:]
    raw = patched(raw, IP_AT, bytes([0x45 + len(options) // 4]))
    raw = patched(raw, IP_AT + 2, struct.pack("!H", len(raw) - IP_AT))
    return ip_checksummed(raw, 20 + len(options))


class RawHost:
    def __init__(self, guest, ip="10.77.0.66", mac="02:00:00:00:00:66"):
        self.guest_ip, self.guest_mac = guest.ip, guest.mac
        self.ip, self.mac = ip, mac
        with guest.ns.inside():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self._sock.bind((guest.ns.TAP, 0))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)

    def close(self):
        self._sock.close()

    def eth(self):
        return Ether(src=self.mac, dst=self.guest_mac)

    def to_guest(self, **ip_fields):
        """The headers of a packet from this host to the guest."""
        return self.eth() / IP(src=self.ip, dst=self.guest_ip, **ip_fields)

    def tcp_segment(self, header_and_data):
        """A frame around a TCP header given as bytes, its checksum made right."""
        addresses = socket.inet_aton(self.ip) + socket.inet_aton(self.guest_ip)
        pseudo = addresses + struct.pack("!BBH", 0, 6, len(header_and_data))
        segment = header_and_data[:16] + b"\0\0" + header_and_data[18:]
        total = struct.pack("!H", checksum(pseudo + segment))
        return self.to_guest(proto=6) / Payload(segment[:16] + total + segment[18:])

    def send(self, frame):
        self._sock.send(bytes(frame))

    def flush(self):
        """Forget what has arrived so far."""
        self._sock.setblocking(False)
        try:
            while True:
                self._sock.recv(65536)
        except BlockingIOError:
            pass

    def recv(self, match, timeout=2.0):
        """The first frame from the guest that match() accepts, or None when time is up."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                data, address = self._sock.recvfrom(65536)
            except (socket.timeout, BlockingIOError):
                return None
            if address[2] == PACKET_OUTGOING:
                continue
            frame = Ether(data)
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.ip:
                self.announce()
            if match(frame):
                return frame
        return None

    def ask(self, frame, match, timeout=2.0):
        self.flush()
        self.send(frame)
        return self.recv(match, timeout)

    def announce(self):
        """Tell the guest which station has this host's address."""
        self.send(
            self.eth()
            / ARP(op=2, hwsrc=self.mac, psrc=self.ip, hwdst=self.guest_mac, pdst=self.guest_ip)
        )

    def greet(self):
        """Ask for the guest's address: then both know each other."""
        request = Ether(src=self.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(
            op=1, hwsrc=self.mac, psrc=self.ip, pdst=self.guest_ip
        )
        return self.ask(request, lambda f: ARP in f and f[ARP].op == 2 and f[ARP].pdst == self.ip)

    def ping(self, timeout=2.0, **fields):
        """One echo request; the reply, or None."""
        fields.setdefault("id", 0x5155)
        fields.setdefault("seq", 1)
        request = self.to_guest() / ICMP(type=8, **fields) / Payload(b"sluice" * 8)
        return self.ask(
            request,
            lambda f: ICMP in f
            and f[IP].dst == self.ip
            and f[ICMP].type == 0
            and f[ICMP].id == fields["id"],
            timeout,
        )

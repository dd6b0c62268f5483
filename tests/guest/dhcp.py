# SPDX-License-Identifier: MIT
"""A DHCP server that does what a test asks: short leases, refusals, silence (RFC 2131)."""

import socket
import struct
import threading

SUBNET, ROUTER, DNS, HOSTNAME, MTU, REQUESTED, LEASE, TYPE, SERVER, T1, T2 = (
    1, 3, 6, 12, 26, 50, 51, 53, 54, 58, 59,
)  # fmt: skip
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
NAMES = ["", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE"]
MAGIC = b"\x63\x82\x53\x63"


def _options(data):
    found, at = {}, 0
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        length = data[at + 1]
        found[data[at]] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return found


class DhcpServer:
    """Serves one address. seen: the names of all messages in order, both ways. silent, refuse and
    address may change at any time."""

    def __init__(self, guest_ns, address="10.77.0.2", lease_s=3600, extra=None, tap="tap0"):
        self.address, self.lease_s, self.extra = address, lease_s, extra or {}
        self.silent = self.refuse = False
        self.seen = []
        self.requests = []  # (unicast?, options) of each REQUEST
        with guest_ns.inside():
            self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, tap.encode())
        self._sock.bind(("", 67))
        self._host = guest_ns.host_ip
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._stop = True
        self._thread.join(2)
        self._sock.close()

    def _serve(self):
        self._sock.settimeout(0.2)
        while not self._stop:
            try:
                data, source = self._sock.recvfrom(2048)
            except socket.timeout:
                continue
            if len(data) >= 240 and data[236:240] == MAGIC:
                self._handle(data, _options(data[240:]), source[0])

    def _handle(self, data, options, source):
        kind = options.get(TYPE, b"\0")[0]
        self.seen.append(NAMES[kind] if kind < len(NAMES) else str(kind))
        if kind == REQUEST:
            self.requests.append((source != "0.0.0.0", options))
        if self.silent or kind not in (DISCOVER, REQUEST):
            return
        if kind == REQUEST and self.refuse:
            self._answer(data, NAK)
        else:
            self._answer(data, OFFER if kind == DISCOVER else ACK)

    def _answer(self, request, kind):
        yiaddr = socket.inet_aton(self.address if kind != NAK else "0.0.0.0")
        head = struct.pack("!BBBBIHH", 2, 1, 6, 0, *struct.unpack("!IHH", request[4:12]))
        head += request[12:16] + yiaddr + bytes(4) + bytes(4) + request[28:44] + bytes(192)
        options = {TYPE: bytes([kind]), SERVER: socket.inet_aton(self._host)}
        if kind != NAK:
            options |= {
                SUBNET: socket.inet_aton("255.255.255.0"),
                ROUTER: socket.inet_aton(self._host),
                LEASE: struct.pack("!I", self.lease_s),
                **self.extra,
            }
        body = b"".join(bytes([k, len(v)]) + v for k, v in options.items())
        self.seen.append(NAMES[kind])
        self._sock.sendto(head + MAGIC + body + b"\xff", ("255.255.255.255", 68))

# SPDX-License-Identifier: MIT
"""Loads that ask a guest for the same work each time, so that its instructions can be counted.

Each takes a Guest and returns how many units (requests, connections, ...) it moved. Whatever comes
in bunches is sent while the machine stands still (QMP stop), so it always finds the same bunch.
"""

import array
import fcntl
import select
import socket
import struct
import termios
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: 10.77.0.2\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: 10.77.0.2\r\nConnection: close\r\n\r\n"
MIB = 1 << 20


def read_answer(s):
    """One whole answer with a Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += s.recv(65536)
    head, body = got.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200"), head[:80]
    left = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]) - len(body)
    while left:
        left -= len(s.recv(min(left, 65536)))


def keepalive(guest, n=400):
    """Requests one after another on one connection."""
    (s,) = kept(guest, 1)
    for _ in range(n):
        s.sendall(REQUEST)
        read_answer(s)
    return n


def kept(guest, n):
    """n connections that stay from one run to the next."""
    socks = vars(guest).setdefault("kept", [])
    while len(socks) < n:
        socks.append(guest.connect(timeout=30))
    return socks[:n]


def keepalive32(guest, n=40):
    """A request on each of 32 connections at once, n times. The first run makes the connections."""
    return keepalive_many(guest, 32, n)


def keepalive_many(guest, number, n):
    """The same on that number of connections."""
    socks = kept(guest, number)
    for _ in range(n):
        guest.qmp.execute("stop")
        for s in socks:
            s.sendall(REQUEST)
        guest.qmp.execute("cont")
        for s in socks:
            read_answer(s)
    return number * n


def connections(guest, n=256):
    """Connections with a request, 32 in each bunch; the server closes."""
    for _ in range(0, n, 32):
        guest.qmp.execute("stop")
        socks = [guest.connecting() for _ in range(32)]
        guest.qmp.execute("cont")
        for s in socks:
            assert select.select([], [s], [], 30)[1], "a connection was not answered"
            assert not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        guest.qmp.execute("stop")
        for s in socks:
            s.settimeout(30)
            s.sendall(CLOSING)
        guest.qmp.execute("cont")
        for s in socks:
            with s:
                while s.recv(65536):
                    pass
    return n


def ping(guest, n=200):
    guest.ns.run(["ping", "-q", "-n", "-c", str(n), "-i", "0.003", guest.ip], timeout=30)
    return n


def datagrams(port):
    """64 bytes each to that port, 128 in each bunch; what comes back waits unread in a socket."""

    def load(guest, n=2048):
        with guest.udp() as s:
            s.connect((guest.ip, port))
            for _ in range(0, n, 128):
                guest.qmp.execute("stop")
                for _ in range(128):
                    s.send(bytes(64))
                guest.qmp.execute("cont")
                time.sleep(0.02)
        return n

    return load


def receive(guest, n=16):
    """n MiB into the discard service."""
    data = bytes(MIB)
    with guest.connect(9) as s:
        for _ in range(n):
            s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b""
    return n


def send(guest, n=16):
    """A file of n MiB, sent by the HTTP server. The peer reads when all of it is there: what it
    acknowledges then follows from what arrives, not from how fast it reads."""
    s = guest.connecting(receive_buffer=8 * n * MIB)
    with s:
        s.settimeout(30)
        assert select.select([], [s], [], 30)[1], "a connection was not answered"
        s.sendall(REQUEST.replace(b" / ", b" /16m.bin "))
        waiting = array.array("i", [0])
        deadline = time.monotonic() + 60
        while waiting[0] < n * MIB:
            assert time.monotonic() < deadline, f"{waiting[0]} of {n} MiB after 60 s"
            time.sleep(0.005)
            fcntl.ioctl(s, termios.FIONREAD, waiting)
        read_answer(s)
    return n


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn_frames(guest, n, first=0):
    """SYNs to the HTTP port, each from another address far away: those from number `first` on."""
    mac = bytes.fromhex(guest.mac.replace(":", ""))
    to = socket.inet_aton(guest.ip)
    for i in range(first, first + n):
        src = socket.inet_aton(f"198.{18 + (i >> 16 & 1)}.{i >> 8 & 255}.{i & 255}")
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 44, i & 0xFFFF, 0, 64, 6, 0, src, to)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        # 0x60: six words, the header and the MSS option
        port, isn = 1024 + i % 60000, i * 7919 & 0xFFFFFFFF
        tcp = struct.pack("!HHIIBBHHH", port, 80, isn, 0, 0x60, 2, 64240, 0, 0)
        tcp += b"\x02\x04\x05\xb4"
        pseudo = src + to + struct.pack("!HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        yield mac + b"\x02\0\0\0\0\x66\x08\x00" + ip + tcp


flooded = 0  # SYNs sent by syn_flood() so far: none is ever sent twice


def syn_flood(guest, n=1024):
    """SYNs that nobody stands behind, 128 in each bunch. The first call fills the backlog; the
    others find it full."""
    global flooded
    with guest.ns.inside():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with raw:
        raw.bind((guest.ns.TAP, 0))
        for i, frame in enumerate(syn_frames(guest, n, flooded)):
            if i % 128 == 0:
                guest.qmp.execute("cont")
                time.sleep(0.05)
                guest.qmp.execute("stop")
            raw.send(frame)
        guest.qmp.execute("cont")
        time.sleep(0.1)
    flooded += n
    return n


# What a profile's guest gets on its command line: here cookies at once, however long it takes.
CMDLINE = {"syn": "sysctl.net.ipv4.tcp_syncookies=2"}

# name in the table: (load, what one unit is)
COUNTED = {
    "keepalive_1": (keepalive, "HTTP request, 1 connection"),
    "keepalive_32": (keepalive32, "HTTP request, 32 connections"),
    "connection": (connections, "connection with a request, 32 at once"),
    "ping": (ping, "ping answered"),
    "syn": (syn_flood, "flooded SYN"),
    "udp_received": (datagrams(9), "datagram received"),
    "udp_answered": (datagrams(7), "datagram received and answered"),
    "mib_received": (receive, "MiB received by TCP"),
    "mib_sent": (send, "MiB sent by TCP (a file)"),
}

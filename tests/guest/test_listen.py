# SPDX-License-Identifier: MIT
"""A port under pressure: floods of SYNs, connections by the hundred, peers that do not read."""

import contextlib
import random
import re
import socket
import struct
import threading
import time

import pytest
from guest import eventually
from raw import TCP, checksum

FLOOD_SECONDS = 4
FLOOD_RATE = 1500  # a second: what a test can ask of a guest that has neighbours on this machine


class Flood:
    """SYNs with options from addresses that do not exist, sent by a thread at a modest rate."""

    def __init__(self, vm):
        self.peer, self.vm, self.sent, self._stop = vm.raw(), vm, 0, False
        self._frame = bytearray(
            bytes(
                self.peer.to_guest()
                / TCP(sport=1024, dport=80, flags="S", seq=1, window=64240,
                      options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)),
                               ("NOP", None), ("WScale", 7)])
            )
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run)

    def _next(self):
        f = self._frame
        f[26:30] = struct.pack("!I", 0xC6336400 | random.randrange(1, 255))  # 198.51.100.0/24
        f[24:26] = b"\0\0"
        f[24:26] = struct.pack("!H", checksum(bytes(f[14:34])))
        f[34:36] = struct.pack("!H", random.randrange(1024, 65536))
        f[38:42] = random.randbytes(4)
        f[50:52] = b"\0\0"
        pseudo = bytes(f[26:34]) + struct.pack("!BBH", 0, 6, len(f) - 34)
        f[50:52] = struct.pack("!H", checksum(pseudo + bytes(f[34:])))
        return bytes(f)

    def _run(self):
        start = time.monotonic()
        while not self._stop:
            due = int((time.monotonic() - start) * FLOOD_RATE)
            for _ in range(min(due - self.sent, 50)):
                self.peer.send(self._next())
                self.sent += 1
            time.sleep(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop = True
        self._thread.join()
        self.peer.close()


def test_syn_flood(vm):
    """Under a flood of SYNs honest requests succeed, memory stays, and the guest forgets it soon."""
    vm.sh("sysctl -w net.ipv4.tcp_max_syn_backlog=128")
    vm.curl("/")
    before, free = vm.counters(), vm.free_kib()
    with Flood(vm) as flood:
        deadline = time.monotonic() + FLOOD_SECONDS
        requests = 0
        while time.monotonic() < deadline:
            assert vm.status("/", timeout=10) == 200
            requests += 1
        during = vm.free_kib()
    assert requests >= 5 and flood.sent >= 1000
    after = vm.counters()
    assert after["TcpExt.SyncookiesSent"] > before["TcpExt.SyncookiesSent"]
    assert after["TcpExt.ListenDrops"] == before["TcpExt.ListenDrops"]
    assert free - during < 1024, f"{free - during} KiB held under the flood"
    assert vm.status("/") == 200
    assert "LISTEN" in vm.sh("ss -ltn")
    vm.sh("sysctl -w net.ipv4.tcp_max_syn_backlog=1024")


def test_always_cookies(vm):
    """With tcp_syncookies=2 every connection is made by a cookie, and serves as any other."""
    vm.sh("sysctl -w net.ipv4.tcp_syncookies=2")
    before = vm.counters()
    for _ in range(5):
        assert vm.status("/") == 200
    after = vm.counters()
    vm.sh("sysctl -w net.ipv4.tcp_syncookies=1")
    assert after["TcpExt.SyncookiesRecv"] - before["TcpExt.SyncookiesRecv"] == 5
    assert after["TcpExt.SyncookiesFailed"] == before["TcpExt.SyncookiesFailed"]


def test_churn(vm):
    """Connections opened, used and closed one after the other, the end as fast as the start."""
    for _ in range(50):
        vm.http_raw(b"GET / HTTP/1.0\r\n\r\n")
    free, times = vm.free_kib(), []
    for _ in range(4):
        start = time.monotonic()
        for _ in range(75):
            assert b" 200 " in vm.http_raw(b"GET / HTTP/1.0\r\n\r\n")
        times.append(time.monotonic() - start)
    assert times[-1] < 3 * min(times[:-1]) + 1, times
    assert free - vm.free_kib() < 1024


@pytest.mark.limit(90)
def test_holders_of_zero_windows(vm):
    """Peers that ask and never read hold what their windows let out; others are served."""
    free, held = vm.free_kib(), []
    try:
        for _ in range(50):
            s = vm.connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
            held.append(s)
        for _ in range(10):
            assert vm.status("/") == 200
        assert free - vm.free_kib() < 16 << 10
    finally:
        for s in held:
            s.close()
    eventually(lambda: free - vm.free_kib() < 2048, timeout=30, every=0.5)


def httpd_switches(guest):
    """Of each of two CPUs' httpd: how often it came to run."""

    def look():  # a log line may fall into the table
        rows = [li.split() for li in guest.sh("ps").splitlines() if re.search(r"\d httpd$", li)]
        found = {int(r[1]): int(r[6]) for r in rows if len(r) == 8}
        return found if len(found) == 2 else None

    return eventually(look)


@pytest.mark.limit(120)
def test_connections_stay_on_their_cpu(boot):
    """What comes to a CPU is accepted and served by that CPU's thread."""
    guest = boot(cpus=2, pcap=False).wait_ready(60)
    for mask, cpu in ((2, 1), (1, 0)):
        guest.sh(f"sysctl -w net.core.rps_default_mask={mask}")
        before = httpd_switches(guest)
        for _ in range(20):
            assert b" 200 " in guest.http_raw(b"GET / HTTP/1.0\r\n\r\n")
        after = httpd_switches(guest)
        # A thread that has not gone to sleep yet takes the next connection without a switch.
        assert after[cpu] - before[cpu] >= 10, (cpu, before, after)
        # It may yet see the end of a connection made before.
        assert after[1 - cpu] - before[1 - cpu] <= 5, (cpu, before, after)
    guest.check_alive()


def test_limits_of_a_source(vm):
    """A source has as many connections as tcp_max_conn_per_source says, others as before."""
    vm.sh("sysctl -w net.ipv4.tcp_max_conn_per_source=3")
    before, held = vm.counters(), []
    try:
        for _ in range(3):
            held.append(vm.connect())
        with pytest.raises(OSError):
            vm.connect(timeout=1.5)
        assert vm.counters()["TcpExt.TCPSourceConnLimit"] > before["TcpExt.TCPSourceConnLimit"]
        held.pop().close()
        eventually(lambda: vm.connect(timeout=2).close() or True, timeout=20)
    finally:
        for s in held:
            s.close()
        vm.sh("sysctl -w net.ipv4.tcp_max_conn_per_source=0")
    assert vm.status("/") == 200


@pytest.mark.limit(90)
def test_overload_sheds_syns(vm):
    """While receiving takes a whole CPU, new SYNs go first: what is established is served, the
    console answers, and what was shed is counted by reason."""
    vm.sh("sysctl -w net.ipv4.tcp_syn_shed_ms=1")
    flood, before = Flood(vm), vm.counters()
    with vm.connect() as s, contextlib.closing(flood.peer):
        s.settimeout(20)
        for _ in range(20):
            vm.qmp.execute("stop")
            for _ in range(900):
                flood.peer.send(flood._next())
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            vm.qmp.execute("cont")
            assert b" 200 " in s.recv(65536)
            if vm.counters()["TcpExt.TCPSynShed"] > before["TcpExt.TCPSynShed"]:
                break
        after = vm.counters()
    vm.sh("sysctl -w net.ipv4.tcp_syn_shed_ms=0")
    assert after["TcpExt.TCPSynShed"] > before["TcpExt.TCPSynShed"]
    assert "TCP_SYN_SHED" in vm.sh("cat /proc/net/drop_reasons")
    assert vm.status("/") == 200

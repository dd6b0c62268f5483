# SPDX-License-Identifier: MIT
"""Crowds at a guest's port: floods of SYNs (synflood.c) and connections by the thousand (conns.c).

Shared by the measurements (floods.py) and the guest tests. Everything runs in the guest's own
namespace and ends with it.
"""

import json
import os
import re
import statistics
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILES_EACH = 15000  # descriptors that one process may surely have
FIRST_SOURCE = "10.77.0.100"
REQUEST = b"GET / HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n"


def build(folder):
    """Compile both programs into folder, unless they are there."""
    for name in ("synflood", "conns"):
        out = os.path.join(folder, name)
        if not os.path.exists(out):
            flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
            subprocess.run(["gcc", *flags, "-o", out, os.path.join(HERE, f"{name}.c")], check=True)
    return folder


def prepare(guest, sources=0):
    """Make the host's side of the wire fit for a crowd; sources: addresses to call from."""
    guest.ns.sh(f"""
        cd /proc/sys/net/ipv4
        # a client that closes first may take its ports again, as busy clients have it
        echo 1 >tcp_tw_reuse || true
        echo 2000000 >tcp_max_tw_buckets || true
        # its table of neighbours says for good who the guest is
        ip neigh replace {guest.ip} lladdr {guest.mac} dev {guest.ns.TAP} nud permanent
        """)
    first, last = FIRST_SOURCE.rsplit(".", 1)
    script = "".join(
        f"ip addr add {first}.{int(last) + i}/24 dev {guest.ns.TAP} 2>/dev/null\n" for i in range(sources)
    )
    if sources:
        guest.ns.sh(script + "true")


class Conns:
    """conns.c with some options, as many processes as its descriptors take."""

    def __init__(self, tools, guest, mode, n, *options, port=80):
        parts = -(-n // FILES_EACH)
        each = -(-n // parts)
        argv = [os.path.join(tools, "conns"), "-m", mode, "-n", str(each), *map(str, options)]
        self.processes = [
            guest.ns.popen([*argv, guest.ip, str(port)], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
            for _ in range(parts)
        ]  # fmt: skip

    def _lines(self):
        return [json.loads(p.stdout.readline() or "{}") for p in self.processes]

    def up(self):
        """Wait until all that was asked for has been tried: (how many are up, failed, seconds)."""
        lines = self._lines()
        total = [sum(line.get(k, 0) for line in lines) for k in ("up", "failed")]
        return *total, max(line.get("seconds", 0) for line in lines)

    def close(self):
        """End those that stay; the whole report (of the first process, with the sums of all)."""
        for p in self.processes:
            p.stdin.close()
        lines = self._lines()
        for p in self.processes:
            p.stdout.close()
            p.wait(120)
        report = dict(lines[0])
        for key in ("n", "ok", "failed"):
            report[key] = sum(line.get(key, 0) for line in lines)
        # They run side by side, with as many connections each.
        report["tenths"] = [sum(rates) for rates in zip(*(ln["tenths"] for ln in lines if "tenths" in ln))]
        return report

    def kill(self):
        for p in self.processes:
            p.kill()
            p.wait()


def run_conns(tools, guest, mode, n, *options, timeout=300, port=80):
    """A crowd that does not stay, to its end; its report."""
    crowd = Conns(tools, guest, mode, n, *options, port=port)
    timer = threading.Timer(timeout, crowd.kill)
    timer.start()
    try:
        return crowd.close()
    finally:
        timer.cancel()


class SynFlood:
    """with SynFlood(...) as flood: ... ; afterwards flood.sent and flood.lost (at the tap)."""

    def __init__(self, tools, guest, rate, seconds, port=80):
        self.guest, self.sent, self.lost, self.seconds = guest, 0, 0, 0
        argv = ["synflood", guest.ns.TAP, guest.mac, guest.ip, port, rate, seconds]
        self._argv = [os.path.join(tools, argv[0]), *map(str, argv[1:])]

    def __enter__(self):
        self._process = self.guest.ns.popen(self._argv, stdout=subprocess.PIPE, text=True)
        return self

    @property
    def running(self):
        return self._process.poll() is None

    def __exit__(self, *_):
        try:
            out, _ = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        report = json.loads(out)
        self.sent, self.seconds = report["sent"], report["seconds"]
        self.lost = self.sent - report["taken"]


class Typist(threading.Thread):
    """Types an empty line on the console four times a second; .worst_ms is the slowest prompt."""

    def __init__(self, guest):
        super().__init__(daemon=True)
        self.guest, self.times_ms, self._stop_it = guest, [], threading.Event()

    def run(self):
        while not self._stop_it.wait(0.25):
            start = time.monotonic()
            self.guest.console.command("", 30)
            self.times_ms.append((time.monotonic() - start) * 1e3)

    def stop(self):
        self._stop_it.set()
        self.join(35)
        return self.times_ms

    @property
    def worst_ms(self):
        return max(self.times_ms, default=0)

    @property
    def median_ms(self):
        return statistics.median(self.times_ms) if self.times_ms else 0


def free_kib(guest):
    """MemFree, from /proc/meminfo: both kinds of guest have it."""
    return int(re.search(r"^MemFree:\s+(\d+)", guest.sh("cat /proc/meminfo"), re.M).group(1))


def settled_free_kib(guest, limit_s=10, still_kib=64):
    """The same once it stays as it is, as what is freed takes a grace period and caches a second."""
    last, deadline = free_kib(guest), time.monotonic() + limit_s
    while time.monotonic() < deadline:
        time.sleep(1)
        now = free_kib(guest)
        if abs(now - last) <= still_kib:
            return now
        last = now
    return last

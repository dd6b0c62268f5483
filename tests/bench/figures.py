# SPDX-License-Identifier: MIT
"""What `make bench` measures of a guest under load. Each figure is a function of the guest and of
seconds; the guest may be Sluice or Linux. The clients are stock ones: wrk, iperf3, ping."""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

# -- HTTP -------------------------------------------------------------------------------------------


def wrk(guest, connections, seconds, *options):
    """(requests or connections a second, p50 ms, p99 ms)"""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *options]
    out = guest.ns.run([*argv, f"http://{guest.ip}/"], timeout=seconds + 30).stdout
    if errors := re.search(r"(Socket errors.*|Non-2xx.*)", out):
        print(f"  wrk: {errors.group(1)}", file=sys.stderr)
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    found = [re.search(rf"{p}%\s+([\d.]+)(us|ms|s)", out) for p in (50, 99)]
    latency = [float(f.group(1)) * unit[f.group(2)] for f in found]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), *latency


def download(guest, seconds):
    """MB a second of a 16 MiB file, two connections."""
    argv = ["wrk", "-t1", "-c2", f"-d{seconds}s", f"http://{guest.ip}/16m.bin"]
    out = guest.ns.run(argv, timeout=seconds + 30).stdout
    number, unit = re.search(r"Transfer/sec:\s+([\d.]+)(KB|MB|GB|B)", out).groups()
    return float(number) * {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[unit] / 1e6


# -- iperf3 -----------------------------------------------------------------------------------------

# What Linux's server says while it still clears up after the client before, or opens its port anew.
NOT_YET = re.compile("unable to connect|the server is busy")


def iperf3(guest, seconds, *options):
    """The sums at the end of stock iperf3's report, the guest being its server."""
    argv = ["iperf3", "-c", guest.ip, "-t", str(seconds), "-J", *options]
    for _ in range(5):
        report = json.loads(guest.ns.run(argv, timeout=seconds + 30, check=False).stdout)
        if "error" not in report:
            return report["end"]
        if not NOT_YET.search(report["error"]):
            break
        print(f"  iperf3: {report['error']}; once more", file=sys.stderr)
        time.sleep(1)
    raise RuntimeError(f"{' '.join(argv)}: {report['error']}")


def tcp(*options):
    """Gbit a second that the receiver got."""
    return lambda guest, seconds: (
        iperf3(guest, seconds, *options)["sum_received"]["bits_per_second"] / 1e9
    )


def udp(*options):
    """64-byte datagrams a second that the receiver got; the sender sends what it can."""

    def measure(guest, seconds):
        got = iperf3(guest, seconds, "-u", "-b", "0", "-l", "64", *options)["sum"]
        return (got["packets"] - got["lost_packets"]) / got["seconds"]

    return measure


# -- ping -------------------------------------------------------------------------------------------


def rtt(guest, seconds):
    """Average microseconds of a ping."""
    argv = ["ping", "-q", "-n", "-c", str(seconds * 50), "-i", "0.01", guest.ip]
    out = guest.ns.run(argv, timeout=seconds + 30).stdout
    return float(re.search(r"= [\d.]+/([\d.]+)/", out).group(1)) * 1e3


# name: (unit, more is better, function of guest and seconds)
FIGURES = {
    "keep-alive, 1 connection": ("/s", True, lambda g, s: wrk(g, 1, s)[0]),
    "keep-alive, 32 connections": ("/s", True, lambda g, s: wrk(g, 32, s)[0]),
    "keep-alive, 256 connections": ("/s", True, lambda g, s: wrk(g, 256, s)[0]),
    "p50 with 32 connections": ("ms", False, lambda g, s: wrk(g, 32, s)[1]),
    "p99 with 32 connections": ("ms", False, lambda g, s: wrk(g, 32, s)[2]),
    "connections": ("/s", True, lambda g, s: wrk(g, 32, s, "-H", "Connection: close")[0]),
    "16 MiB files": ("MB/s", True, download),
    # CUBIC, whatever this machine prefers: BBR paces the client by what it has measured, and the
    # figure would be BBR's.
    "TCP received, 1 stream": ("Gbit/s", True, tcp("-C", "cubic")),
    "TCP received, 8 streams": ("Gbit/s", True, tcp("-C", "cubic", "-P", "8")),
    "TCP sent, 1 stream": ("Gbit/s", True, tcp("-R")),
    "TCP sent, 8 streams": ("Gbit/s", True, tcp("-R", "-P", "8")),
    "UDP received, 64 bytes": ("/s", True, udp()),
    "UDP sent, 64 bytes": ("/s", True, udp("-R")),
    "ping": ("us", False, rtt),
}


def cpu_seconds(guest):
    """CPU time so far of [the virtual CPUs' threads, QEMU's others: devices and the TAP, clients that
    have ended, all that the host's CPUs did]."""
    virtual = {str(c["thread-id"]) for c in guest.qmp.execute("query-cpus-fast")}
    seconds = [0.0, 0.0]
    tasks = f"/proc/{guest.process.pid}/task"
    for thread in os.listdir(tasks):
        try:
            with open(f"{tasks}/{thread}/stat", encoding="ascii", errors="replace") as f:
                user, system = f.read().rsplit(")", 1)[1].split()[11:13]
        except OSError:  # it has just ended
            continue
        seconds[thread not in virtual] += (int(user) + int(system)) / CLOCK_TICKS
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open("/proc/stat", encoding="ascii") as f:
        ticks = list(map(int, f.readline().split()[1:9]))
    idle = ticks[3] + ticks[4]  # and waiting for a disk
    return [*seconds, clients.ru_utime + clients.ru_stime, (sum(ticks) - idle) / CLOCK_TICKS]


def in_turns(guests, rounds, seconds):
    """{figure: {guest: [values]}}, A B A B; a figure that failed is told, and has no value. Beside
    them in {"busy": {guest: [[virtual CPUs, QEMU's other threads, client, all of the host]]}} the CPUs
    that each run took: where the virtual CPU has time to spare, the host's side is what limits; where
    all of the host's are taken, the machine is full."""
    found = {figure: {name: [] for name in guests} for figure in FIGURES}
    for figure, (_, _, measure) in FIGURES.items():
        busy = {name: [] for name in guests}
        for _ in range(rounds):
            for name, guest in guests.items():
                before, start = cpu_seconds(guest), time.monotonic()
                try:
                    found[figure][name].append(measure(guest, seconds))
                except (AssertionError, RuntimeError, ValueError, subprocess.TimeoutExpired) as why:
                    print(f"  {figure} of {name} failed: {why}", file=sys.stderr)
                    continue
                took = time.monotonic() - start
                busy[name].append([(b - a) / took for a, b in zip(before, cpu_seconds(guest))])
        found[figure]["busy"] = busy
    return found


def medians(values, guests):
    """{guest: median} of one figure; None where every run failed."""
    return {name: statistics.median(values[name]) if values[name] else None for name in guests}


def shares(busy):
    """Medians in per cent of a host CPU, as text: virtual CPUs + QEMU's other threads + client, and
    the host's use, where the rest is the kernel's network."""
    if not busy:
        return "-"
    *parts, host = [f"{100 * statistics.median(column):.0f}" for column in zip(*busy)]
    return f"{' + '.join(parts)} of {host}"

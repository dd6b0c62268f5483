# SPDX-License-Identifier: MIT
"""1, 2, 4 and 8 virtual CPUs without a clock: a part of `make bench` (see tests/bench/run).

The host has too few cores to time eight, so what makes a stack scale is counted: the instructions of
a unit of work over all CPUs, how evenly the CPUs share them, what they hand to each other, and how
often one finds a lock taken. Each load is the same work every time, as for the table of instructions.
"""

import re

import instructions
import loads
import plugin
from guest import KERNEL

CPUS = (1, 2, 4, 8)
RSS = ["-global", "virtio-net-pci.rss=on"]
SYSCTL = "sysctl.net.core.rps_default_mask={mask:x} sysctl.net.core.rps_sock_flow_entries=4096"
# name: (NIC, what else the guest gets for a number of CPUs, least CPUs with which it says something)
NICS = {
    "virtio, a queue a CPU": ("virtio", lambda n: {"queues": n}, 1),
    "virtio, the same, RSS": ("virtio", lambda n: {"queues": n, "qemu": RSS}, 2),
    "virtio, one queue": ("virtio", lambda n: {}, 2),
    "virtio, one queue, RPS + RFS": (
        "virtio", lambda n: {"append": SYSCTL.format(mask=(1 << n) - 1)}, 2),
    "e1000e, two queues": ("e1000e", lambda n: {}, 1),
}  # fmt: skip
LOADS = {
    "keep-alive, 32 connections": lambda g: loads.keepalive_many(g, 32, 40),
    "keep-alive, 256 connections": lambda g: loads.keepalive_many(g, 256, 6),
    "connections": loads.connections,
}
COLUMNS = ("wakes", "reschedule", "calls", "ready", "timers", "slabs")


def rows_of(text):
    """The rows of a table of /proc whose first column is a CPU: {CPU: [numbers]}."""
    rows = re.findall(r"^(\d+)((?: +\d+)+)\s*$", text, re.M)
    return {int(cpu): [int(n) for n in row.split()] for cpu, row in rows}


def handed_over(guest):
    """{counter: sum over the CPUs} of /proc/handoffs; of softnet_stat the times that a backlog was
    given packets; of lock_stat locks found taken, but those of the console that prints all this."""
    rows = rows_of(guest.sh("cat /proc/handoffs"))
    found = {name: sum(row[i] for row in rows.values()) for i, name in enumerate(COLUMNS)}
    soft = [line.split() for line in guest.sh("cat /proc/net/softnet_stat").splitlines()]
    soft = [[int(field, 16) for field in row] for row in soft if len(row) == 15]
    found["rps"] = sum(row[9] for row in soft)
    found["contended"] = sum(contended(guest).values())
    return found


def contended(guest):
    """{function: times that it found a lock taken}"""
    found = {}
    for times, at in re.findall(r"^\d+ +(\d+) +([\w.]+)", guest.sh("cat /proc/lock_stat"), re.M):
        if not re.match("uart|tty", at):
            found[at] = found.get(at, 0) + int(times)
    return found


def between(before, after):
    return {name: after[name] - before[name] for name in after}


def measure(guest, load, rounds):
    """Of the round with the fewest instructions: {"instructions": a unit, "shares": of each CPU,
    "waiting": instructions a unit that waited for locks, counter: a unit}. What looking at the counters costs by itself is taken off."""
    load(guest)
    best = None
    for _ in range(rounds):
        idle = handed_over(guest)
        before = handed_over(guest)
        instructions.settled(guest, guest.counts)
        start, spun = (plugin.read_cpus(guest.counts, apart) for apart in (False, True))
        units = load(guest)
        instructions.settled(guest, guest.counts)
        ran = [b - a for a, b in zip(start, plugin.read_cpus(guest.counts))]
        after = handed_over(guest)
        counted, looking = between(before, after), between(idle, before)
        found = {name: max(0, counted[name] - looking[name]) / units for name in counted}
        found["instructions"] = sum(ran) / units
        found["waiting"] = (sum(plugin.read_cpus(guest.counts, True)) - sum(spun)) / units
        found["shares"] = [n / sum(ran) for n in ran[: guest.cpus]]
        if not best or found["instructions"] < best["instructions"]:
            best = found
    return best


def start(bench, name, cpus):
    nic, more, _ = NICS[name]
    apart = "," + plugin.apart(KERNEL + ".debug", "spin_wait_turn")
    guest = bench.start(machine="q35", nic=nic, cpus=cpus, mem=256, counted=True, apart=apart, **more(cpus))
    guest.cpus = cpus
    guest.wait_ready(60)
    guest.wait_http(port=9)
    return guest


def scaling(bench):
    """Every NIC with every number of CPUs; a guest each."""
    if not bench.plugin:
        print("\nscaling: this QEMU takes no plugins")
        return
    data, rows = {}, []
    numbers = [bench.options.cpus] if bench.options.cpus else CPUS
    for name, (_, _, least) in NICS.items():
        for cpus in [n for n in numbers if n >= least]:
            guest = start(bench, name, cpus)
            for load, run in LOADS.items():
                found = measure(guest, run, 1 if bench.options.quick else 3)
                data.setdefault(name, {}).setdefault(load, {})[cpus] = found
            data[name].setdefault("locks", {})[cpus] = contended(guest)
            guest.close()
        for load in LOADS:
            for cpus, found in data[name].get(load, {}).items():
                shares = found["shares"]
                rows.append([f"{name}: {load}", cpus, f"{found['instructions']:.0f}",
                             f"{100 * min(shares):.0f}-{100 * max(shares):.0f}",
                             *(f"{found[c]:.3f}" for c in ("contended", "rps", *COLUMNS))])  # fmt: skip
    header = ["a unit", "CPUs", "instructions", "share of a CPU, %", "contended", "rps", *COLUMNS]
    bench.table("scaling: q35, guest instructions and hand-offs a unit", header, rows)
    bench.save("scaling", data)

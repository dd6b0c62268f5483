# SPDX-License-Identifier: MIT
"""Guest instructions per request, connection, packet and MiB, against the table in the repository.

The table (instructions.txt) is text: name, instructions, what one unit is. `make test` fails where a
figure has grown by more than GROWTH beyond its line; whoever makes the stack dearer changes the line
in the same commit, and whoever makes it cheaper lowers it:

    tests/bench/run instructions --update
"""

import os
import re
import subprocess
import time

import loads
import payload
import plugin

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "instructions.txt")
GROWTH = 0.05
ROUNDS = 5
CONFIG = {"machine": "q35", "nic": "virtio", "cpus": 1, "mem": 96, "pcap": False}


def compiler():
    """The table holds for one compiler: another one's code has other counts."""
    return subprocess.run(
        ["gcc", "-dumpversion"], capture_output=True, text=True, check=True
    ).stdout.split(".")[0].strip()  # fmt: skip


def guest_config(folder, library):
    os.makedirs(folder, exist_ok=True)
    counts = os.path.join(folder, "counts")
    config = dict(CONFIG, module=payload.big_archive())
    config["qemu"] = ["-plugin", f"{library},counts={counts}"]
    return config, counts


def settled(guest, counts):
    """The count once the guest has nothing left to do."""
    before = plugin.read(counts)
    for _ in range(100):
        time.sleep(0.05)
        after = plugin.read(counts)
        if after - before < 2000:
            break
        before = after
    return after


def measure_one(guest, counts, load):
    """(the least instructions a unit of ROUNDS runs, all of them), after one that warms caches. What
    disturbs a run (a timer, a packet more) only adds."""
    load(guest)
    found = []
    for _ in range(ROUNDS):
        start = settled(guest, counts)
        units = load(guest)
        found.append((settled(guest, counts) - start) / units)
    return min(found), found


def read_table():
    """({name: instructions}, compiler it was made with)."""
    rows, made_with = {}, None
    with open(TABLE, encoding="ascii") as f:
        for line in f:
            if found := re.match(r"# gcc (\d+)", line):
                made_with = found.group(1)
            elif line.strip() and not line.startswith("#"):
                name, count = line.split()[:2]
                rows[name] = int(count)
    return rows, made_with


def write_table(results):
    with open(TABLE, "w", encoding="ascii") as f:
        f.write("# Guest instructions a unit: q35, one CPU, virtio-net, TCG; idle time counts none.\n")
        f.write(f"# gcc {compiler()}\n")
        for name, count in results.items():
            f.write(f"{name:14} {round(count):9}  {loads.COUNTED[name][1]}\n")

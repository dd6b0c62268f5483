# SPDX-License-Identifier: MIT
"""The instruction counter: builds insn.c for the QEMU that is here, reads its counts and profiles."""

import os
import re
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
# the plugin interface's number, by the first QEMU release that has it
API = [((9, 2), 4), ((9, 1), 3), ((9, 0), 2), ((5, 0), 1)]
STRIDE = 64  # bytes from one CPU's count to the next


def build(folder):
    """Path of the plugin, or None where this QEMU takes none."""
    version = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    number = tuple(map(int, re.search(r"version (\d+)\.(\d+)", version).groups()))
    out = os.path.join(folder, "libinsn.so")
    api = next((api for first, api in API if number >= first), None)
    if api is None:
        return None
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-DPLUGIN_API={api}"]
    subprocess.run(["gcc", *flags, "-o", out, os.path.join(HERE, "insn.c")], check=True)
    probe = ["qemu-system-x86_64", "-M", "none", "-accel", "tcg", "-S", "-display", "none"]
    probe += ["-plugin", f"{out},counts={folder}/probe", "-monitor", "stdio", "-serial", "none"]
    done = subprocess.run(
        probe, input="quit\n", capture_output=True, text=True, timeout=20, check=False
    )
    return out if done.returncode == 0 else None


def read(path):
    """Instructions that all CPUs have run so far."""
    return sum(read_cpus(path))


def read_cpus(path, apart=False):
    """Instructions that each CPU has run so far; 0 where there is none. apart: those of the code
    that is counted by itself."""
    with open(path, "rb") as f:
        data = f.read()
    return [struct.unpack_from("<QQ", data, at)[apart] for at in range(0, len(data), STRIDE)]


def apart(elf, name):
    """What has a function of the image counted by itself: words for the plugin."""
    listing = subprocess.run(["nm", "-S", elf], capture_output=True, text=True, check=True).stdout
    found = re.search(rf"^(\w+) (\w+) [tT] {name}(?:\..*)?$", listing, re.M)
    start, size = (int(text, 16) for text in found.groups())
    return f"apart={start:x}-{start + size:x}"


# -- profiles: struct profile of insn.c ------------------------------------------------------------

CPUS, NODES, NODE = 8, 16384, struct.Struct("<IIIIQQ")


def write_symbols(elf, path):
    """The functions of an image, for the plugin; their names by number."""
    listing = subprocess.run(["nm", "-n", elf], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    rows = [(row[0], row[2]) for row in rows if len(row) == 3 and row[1] in "tT"]
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"{at} {name}\n" for at, name in rows)
    # What the linker appends to names that several files have says nothing.
    return [name.split(".lto_priv")[0] for _, name in rows]


def read_profile(path, names):
    """{(outermost function, ..., innermost): (instructions, calls)} so far, of all CPUs."""
    with open(path, "rb") as f:
        data = f.read()
    stacks = {}
    for cpu in range(CPUS):
        used = struct.unpack_from("<I", data, 4 * cpu)[0]
        base = 4 * CPUS + cpu * NODES * NODE.size
        paths = {0: ()}
        for i in range(1, used + 1):  # a parent comes before its children
            symbol, parent, _, _, *counts = NODE.unpack_from(data, base + i * NODE.size)
            paths[i] = paths.get(parent, ()) + (names[symbol],)
            before = stacks.get(paths[i], (0, 0))
            stacks[paths[i]] = tuple(a + b for a, b in zip(before, counts))
    return stacks

# SPDX-License-Identifier: MIT
"""The instruction counter: builds insn_count.c for the QEMU that is here, and reads its counts."""

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
    out = os.path.join(folder, "libinsn_count.so")
    api = next((api for first, api in API if number >= first), None)
    if api is None:
        return None
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-DPLUGIN_API={api}"]
    subprocess.run(["gcc", *flags, "-o", out, os.path.join(HERE, "insn_count.c")], check=True)
    probe = ["qemu-system-x86_64", "-M", "none", "-accel", "tcg", "-S", "-display", "none"]
    probe += ["-plugin", f"{out},counts={folder}/probe", "-monitor", "stdio", "-serial", "none"]
    done = subprocess.run(
        probe, input="quit\n", capture_output=True, text=True, timeout=20, check=False
    )
    return out if done.returncode == 0 else None


def read(path):
    """Instructions that all CPUs have run so far."""
    with open(path, "rb") as f:
        data = f.read()
    return sum(struct.unpack_from("<Q", data, at)[0] for at in range(0, len(data), STRIDE))

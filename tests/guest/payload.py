# SPDX-License-Identifier: MIT
"""Files for guests to serve, and the archives and CDs that carry them. Made once, kept in build/."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile

from guest import KERNEL, STATIC, TOP

FOLDER = os.path.join(TOP, "build/test-payload")
BIG_BYTES = 16 << 20


def big_file():
    """16 MiB that no compression, repetition or truncation leaves unnoticed; always the same."""
    return random.Random(20).randbytes(BIG_BYTES)


def big_sha256():
    return hashlib.sha256(big_file()).hexdigest()


def _make(name, newer_than, build):
    """FOLDER/name, built into place in one step (other processes may want the same file)."""
    path = os.path.join(FOLDER, name)
    stamp = max((os.path.getmtime(f) for f in newer_than), default=0)
    if not os.path.exists(path) or os.path.getmtime(path) < stamp:
        os.makedirs(FOLDER, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as tmp:
            build(os.path.join(tmp, name))
            os.rename(os.path.join(tmp, name), path)
    return path


def archive(name, files):
    """A root file system: that of the image, and files {path: bytes}."""

    def build(out):
        with tempfile.TemporaryDirectory() as tree:
            rootfs = os.path.join(TOP, "rootfs")
            if os.path.isdir(rootfs):
                shutil.copytree(rootfs, tree, dirs_exist_ok=True, symlinks=True)
            for path, data in files.items():
                os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(tree, path), "wb") as f:
                    f.write(data)
            subprocess.run(
                [sys.executable, os.path.join(TOP, "tools/mkcpio.py"), tree, out], check=True
            )

    return _make(name, [], build)


def big_archive():
    # httpd's folder in the image decides where its files live in the archive
    return archive("big.cpio", {web_root() + "16m.bin": big_file()})


def web_root():
    """Where the server's files lie in the root file system."""
    for folder in ("srv/www/", "var/www/", "www/"):
        if os.path.isdir(os.path.join(TOP, "rootfs", folder)):
            return folder
    return ""


def big_iso(dhcp, multiboot1):
    """A CD with the big archive as boot module."""
    cmdline = ("ip=dhcp" if dhcp else STATIC) + " console=ttyS0"
    module = big_archive()

    def build(out):
        command = [os.path.join(TOP, "tools/mkiso"), "-o", out, "-k", KERNEL, "-a", cmdline]
        command += ["-m", module] + (["-1"] if multiboot1 else [])
        subprocess.run(command, check=True)

    name = f"{'dhcp' if dhcp else 'static'}-mb{1 if multiboot1 else 2}.iso"
    return _make(name, [KERNEL, module, os.path.join(TOP, "boot/grub.cfg")], build)

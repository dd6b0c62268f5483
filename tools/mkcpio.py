#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pack a folder into a newc cpio archive that depends on names and contents only.

usage: mkcpio.py FOLDER ARCHIVE        (a missing folder gives an empty archive)
"""

import os
import stat
import sys


def entries(top):
    """(archive name, path) of everything below top, folders before what they hold."""
    for folder, subfolders, files in os.walk(top):
        subfolders.sort()
        for name in sorted(subfolders + files):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), path


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def record(inode, name, mode, data):
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields)
    return padded(head + os.fsencode(name) + b"\0") + padded(data)


def main(top, archive):
    out = b""
    for inode, (name, path) in enumerate(entries(top), 1):
        if os.path.islink(path):
            out += record(inode, name, stat.S_IFLNK | 0o777, os.fsencode(os.readlink(path)))
        elif os.path.isdir(path):
            out += record(inode, name, stat.S_IFDIR | 0o755, b"")
        else:
            executable = os.access(path, os.X_OK)
            with open(path, "rb") as f:
                out += record(inode, name, stat.S_IFREG | (0o755 if executable else 0o644), f.read())
    out += record(0, "TRAILER!!!", 0, b"")
    with open(archive, "wb") as f:
        f.write(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

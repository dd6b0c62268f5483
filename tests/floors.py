#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include-floor check: an include leads to the same floor or further down, never in a circle.

    0 lib   1 kernel interface, kernel, boot   2 net core   3 protocols   4 sockets   5 libc   6 apps

Drivers see lib, the kernel interface and net core, of other drivers' folders what is not *_int.h.
Apps see libc and lib. Headers of include/libc that only declare types and constants of the ABI are open to all; those
whose point is functions belong to floor 5. host/ and tests/ may look everywhere.
"""

import os
import re
import sys

LIB, KERNEL, CORE, PROTOCOL, SOCKET, LIBC, APP, DRIVER, HOME, ABI, COMPILER = (
    "lib", "kernel", "net core", "protocol", "socket", "libc", "app", "driver", "home", "abi",
    "compiler")

# What a file of each kind may include.
MAY = {LIB: {LIB, ABI, COMPILER}}
MAY[HOME] = MAY[LIB] | {HOME, KERNEL}
MAY[KERNEL] = MAY[LIB] | {HOME, KERNEL}
MAY[DRIVER] = MAY[KERNEL] | {CORE, DRIVER}
MAY[CORE] = MAY[LIB] | {KERNEL, CORE}
MAY[PROTOCOL] = MAY[CORE] | {PROTOCOL}
MAY[SOCKET] = MAY[PROTOCOL] | {SOCKET}
MAY[LIBC] = MAY[LIB] | {LIBC, KERNEL}
MAY[APP] = {LIB, ABI, COMPILER, LIBC, APP}
MAY[ABI] = {ABI, COMPILER, LIB}

FOLDERS = (  # the longest match counts
    ("lib", LIB), ("include/lib", LIB),
    ("boot", KERNEL), ("kernel", KERNEL), ("include/kernel", KERNEL),
    ("kernel/x86/include/home", HOME), ("host/include/home", HOME),
    ("drivers", DRIVER),
    ("net/core", CORE), ("net/sched", CORE), ("net/ethernet", CORE), ("include/net", CORE),
    ("net", PROTOCOL),
    ("net/socket", SOCKET), ("net/netlink", SOCKET),
    ("libc", LIBC), ("include/libc", ABI), ("apps", APP),
)

# Headers of include/net that are above net core, by the beginning of their names.
NET_HEADERS = (
    (PROTOCOL, r"(netns_|tcp|udp|ip|icmp|inet|arp|igmp|ndisc|addrconf|raw|ping|protocol)"),
    (SOCKET, r"(netlink|rtnetlink|genetlink|socket)"),
)

# Headers of include/libc that are libc's functions, not the ABI's types.
LIBC_HEADERS = {"stdio.h", "stdlib.h", "unistd.h", "pthread.h", "sched.h", "signal.h", "assert.h",
                "arpa/inet.h", "sys/sendfile.h", "getopt.h", "sys/app.h"}

COMPILER_HEADERS = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdatomic.h", "stdalign.h",
                    "stdnoreturn.h", "float.h", "iso646.h", "cpuid.h", "immintrin.h"}

ROOTS = ("include", "include/libc")
SOURCES = ("apps", "boot", "drivers", "include", "kernel", "lib", "libc", "net")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def kind_of(path):
    best = max((f for f in FOLDERS if path.startswith(f[0] + "/")), key=lambda f: len(f[0]),
               default=None)
    kind = best[1] if best else None
    name = os.path.basename(path)
    if path.startswith("include/net/"):
        kind = next((k for k, rx in NET_HEADERS if re.match(rx, name)), kind)
    if path.startswith("include/libc/") and path[len("include/libc/"):] in LIBC_HEADERS:
        kind = LIBC
    return kind


def resolve(path, quote, name):
    """The included file's path, the compiler's own as None; raises LookupError."""
    if quote == '"':
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if os.path.exists(beside):
            return beside
    roots = reversed(ROOTS) if path.startswith(("apps/", "libc/")) else ROOTS
    if path.startswith("include/libc/"):
        roots = reversed(ROOTS)
    for root in (*roots, "kernel/x86/include", "host/include"):
        if os.path.exists(os.path.join(root, name)):
            return os.path.join(root, name)
    if name in COMPILER_HEADERS:
        return None
    raise LookupError(name)


def top_folder(path):
    """The folder whose private headers path may use: kernel and boot are one, as bring-up is."""
    if path.startswith(("boot/", "kernel/")):
        return "kernel"
    return "/".join(path.split("/")[:2])


def complaint(path, target, shown):
    """What is wrong with path including target, or None."""
    mine, theirs = kind_of(path), kind_of(target)
    if theirs not in MAY[mine]:
        return f"{mine} includes {shown}, which is {theirs}"
    if not target.startswith(("include/", "kernel/x86/include/", "host/include/")):
        near = top_folder(target) == top_folder(path) or \
            target.split("/")[0] == path.split("/")[0] and mine == theirs
        if not near or theirs == DRIVER and target.endswith("_int.h") and \
                top_folder(target) != top_folder(path):
            return f"{shown} is private to {top_folder(target)}/"
    return None


def circles(graph):
    """Each circle of includes once, as a list of paths."""
    state, found = {}, []

    def visit(node, way):
        state[node] = "open"
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                found.append(way[way.index(target):] + [target])
            elif target not in state:
                visit(target, way + [target])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    return found


def main():
    problems, graph, files = [], {}, []
    for top in SOURCES:
        for folder, _, names in os.walk(top):
            files += [os.path.join(folder, n) for n in names if n.endswith((".c", ".h", ".S"))]
    files += [os.path.join("host/include/home", n) for n in sorted(
        os.listdir("host/include/home") if os.path.isdir("host/include/home") else [])]
    for path in sorted(files):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for m in INCLUDE.finditer(text):
            line = text.count("\n", 0, m.start()) + 1 + m.group(0).count("\n")
            try:
                target = resolve(path, m.group(1), m.group(2))
            except LookupError:
                if not path.startswith("host/"):
                    problems.append(f"{path}:{line}: no header {m.group(2)} in this tree")
                continue
            if target is None:
                continue
            if target.endswith(".h") and path.endswith(".h"):
                graph.setdefault(path, set()).add(target)
            wrong = complaint(path, target, m.group(2))
            if wrong:
                problems.append(f"{path}:{line}: {wrong}")
    problems += ["circle: " + " -> ".join(c) for c in circles(graph)]
    print("\n".join(problems) if problems else f"floors: {len(files)} files keep to them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

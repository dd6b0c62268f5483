# SPDX-License-Identifier: MIT
"""Network namespaces for tests: a namespace of its own for each guest, held by a file descriptor.

It has no name, so nothing is left behind when the test process ends, however it ends. Making one
takes root, or root in a user namespace (tests/guest/run sees to that; no password is asked).
"""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _current():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Netns:
    """A namespace with `lo` and one TAP device, whose far end is a guest's NIC."""

    TAP = "tap0"

    def __init__(self, host_ip="10.77.0.1", prefix=24, queues=1):
        self.host_ip = host_ip
        before = _current()
        try:
            _checked(_libc.unshare(CLONE_NEWNET))
            self.fd = _current()
        finally:
            _checked(_libc.setns(before, CLONE_NEWNET))
            os.close(before)
        mode = "multi_queue" if queues > 1 else ""
        self.sh(
            f"""set -e
            ip link set lo up
            ip tuntap add {self.TAP} mode tap vnet_hdr {mode}
            echo 1 > /proc/sys/net/ipv6/conf/{self.TAP}/disable_ipv6 2>/dev/null || true
            ip addr add {host_ip}/{prefix} dev {self.TAP}
            ip link set {self.TAP} up
            # a guest that is just coming up is asked for its address often, not once a second
            echo 50 > /proc/sys/net/ipv4/neigh/{self.TAP}/retrans_time_ms || true
            # hundreds of connections in a row must not run out of ports
            echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range || true"""
        )

    def close(self):
        os.close(self.fd)

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace: sockets made here belong to it for good."""
        before = _current()
        _checked(_libc.setns(self.fd, CLONE_NEWNET))
        try:
            yield
        finally:
            _checked(_libc.setns(before, CLONE_NEWNET))
            os.close(before)

    def command(self, argv):
        """argv as it must be run to run inside; nsenter becomes the program, keeping the PID."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.fd}", *argv]

    def popen(self, argv, **kw):
        """Start inside; it is killed should this process end without ending it."""
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command(argv)], **kw)

    def run(self, argv, timeout=30, check=True, **kw):
        """Run to the end inside, output captured as text."""
        kw.setdefault("text", True)
        done = subprocess.run(
            self.command(argv), timeout=timeout, capture_output=True, check=False, **kw
        )
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def sh(self, script, **kw):
        return self.run(["sh", "-c", script], **kw)

# SPDX-License-Identifier: MIT
"""Sluice and Linux as senders over the same bad link, in turns.

A guest's NIC leads to a packet socket, the link (link.c) to a TAP in a second namespace; there
iperf3 receives with this machine's kernel. Both guests have all offloads of the NIC off, so that a
frame is a packet and the link loses packets. The link is slow enough for an emulated CPU to be no
limit; the seed, and so which packets are lost, changes from round to round, not between the two.
"""

import fcntl
import json
import os
import socket
import statistics
import struct
import subprocess
import time

import linux
from guest import GUEST_IP, LISTENING, Guest
from netns import Netns

HERE = os.path.dirname(os.path.abspath(__file__))
RATE_KBIT, RTT_MS, QUEUE = 20000, 20, 40  # frames: a bandwidth-delay product and a little
LOSSES = (0, 0.1, 1, 3)  # per cent
CONTROLS = ("cubic", "bbr")
PLAIN = "csum gso host_tso4 host_tso6 host_ecn host_ufo guest_csum guest_tso4 guest_tso6 guest_ecn guest_ufo"
ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING, SO_RCVBUFFORCE = 263, 23, 33
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


def build(folder):
    out = os.path.join(folder, "link")
    flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", out, os.path.join(HERE, "link.c")], check=True)
    return out


def guest_end(guest):
    """A packet socket on the TAP of the guest, whose own kernel has no part in it."""
    guest.ns.sh(f"ip addr flush dev {guest.ns.TAP}")
    with guest.ns.inside():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.bind((guest.ns.TAP, 0))
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    s.setblocking(False)
    return s


def peer_end(peer):
    """The file of the receiver's TAP: without the virtio header its frames are whole packets."""
    with peer.inside():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", peer.TAP.encode(), IFF_TAP | IFF_NO_PI))
    return os.fdopen(fd, "rb", buffering=0)


class Sender:
    """A guest, the receiver's namespace, and what the link joins."""

    def __init__(self, bench, **config):
        config["qemu"] = [*config.get("qemu", ()), *sum((["-global", f"virtio-net-pci.{f}=off"]
                                                         for f in PLAIN.split()), [])]  # fmt: skip
        self.guest = bench.start(machine="q35", **config)
        self.peer = Netns()
        self.ends = [guest_end(self.guest), peer_end(self.peer)]

    def close(self):
        self.guest.close()
        for end in self.ends:
            end.close()
        self.peer.close()

    def link(self, program, loss, seed):
        fds = [end.fileno() for end in self.ends]
        argv = [program, *fds, RATE_KBIT, RTT_MS * 500, QUEUE, round(loss * 1e4), seed]
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)], pass_fds=fds)

    def goodput(self, program, control, loss, seconds, seed):
        """Per cent of the link that the receiver gets, the first second left out."""
        link = self.link(program, loss, seed)
        argv = ["iperf3", "-c", GUEST_IP, "-R", "-C", control, "-t", str(seconds), "-O", "1", "-J"]
        try:
            for _ in range(5):  # the control connection may lose its way too
                done = self.peer.run(argv, timeout=seconds + 30, check=False)
                report = json.loads(done.stdout)
                if "error" not in report:
                    break
                time.sleep(1)
            return report["end"]["sum_received"]["bits_per_second"] / RATE_KBIT / 10
        finally:
            link.terminate()
            link.wait()


def senders(bench):
    found = {"sluice": Sender(bench, mem=128)}
    found["sluice"].guest.wait_log(LISTENING, 30)
    if bench.options.linux:
        found["linux"] = Sender(bench, **linux.config("virtio"))
        found["linux"].guest.wait_log("READY", 120)
    return found


def measure(bench):
    """{(control, loss): {guest: [values]}}"""
    program, seconds = build(bench.tmp), 5 if bench.options.quick else 10
    guests, found = senders(bench), {}
    for control in CONTROLS:
        for loss in LOSSES:
            values = {name: [] for name in guests}
            for seed in range(1, bench.options.rounds + 1):
                for name, sender in guests.items():
                    values[name].append(sender.goodput(program, control, loss, seconds, seed))
            found[control, loss] = values
    for sender in guests.values():
        sender.close()
    return found


def lossy(bench):
    """Goodput over loss, beside Linux."""
    found, rows = measure(bench), []
    for (control, loss), values in found.items():
        median = {name: statistics.median(v) for name, v in values.items()}
        ratio = f"{median['sluice'] / median['linux']:.2f}" if "linux" in median else "-"
        rows.append([f"{control}, {loss:g} %", *(f"{m:.1f} %" for m in median.values()), ratio])
    bench.table(f"lossy: per cent of {RATE_KBIT // 1000} Mbit/s, {RTT_MS} ms, medians of "
                f"{bench.options.rounds}", ["loss", *values, "times as good"], rows)  # fmt: skip
    bench.save("lossy", {f"{control} {loss}": values for (control, loss), values in found.items()})

# SPDX-License-Identifier: MIT
"""tools/run's options on real machines: TAP and pcap, gdb, a CD with a module, NIC and sizes."""

import os
import re
import subprocess

import pexpect
import pytest
from console import PROMPT
from guest import ETHERTYPES, GUEST_IP, KERNEL, STATIC, TOP, eventually
from netns import Netns
from payload import archive, web_root


@pytest.fixture
def launch():
    """launch(ns, options...): tools/run on a terminal, inside a namespace of the test's own."""
    running = []

    def start(ns, *options):
        command = [os.path.join(TOP, "tools/run"), "--accel", "tcg", "--kernel", KERNEL, *options]
        argv = ns.command(command)
        child = pexpect.spawn(argv[0], argv[1:], timeout=30, encoding="utf-8")
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


@pytest.fixture
def ns():
    own = Netns()
    yield own
    own.close()


def fetch(ns, url):
    done = ns.run(["curl", "-s", "-m", "2", url], timeout=10, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.mark.parametrize("nic", ["virtio", "e1000e"])
def test_tap_with_pcap(launch, ns, tmp_path, nic):
    """On a TAP the guest is a host of that network; the file holds frames as on a wire."""
    file = tmp_path / "wire.pcap"
    child = launch(ns, "--tap", ns.TAP, "--nic", nic, "--pcap", str(file), "--cmdline", STATIC + " console=ttyS0")
    child.expect_exact(PROMPT)
    eventually(lambda: fetch(ns, f"http://{GUEST_IP}/"), timeout=15)
    child.sendline("poweroff")
    child.expect(pexpect.EOF)
    data, at, frames = file.read_bytes(), 24, []
    while at < len(data):
        kept = int.from_bytes(data[at + 8 : at + 12], "little")
        frames.append(data[at + 16 : at + 16 + kept])
        at += 16 + kept
    assert len(frames) > 5
    assert all(frame[12:14] in ETHERTYPES for frame in frames)


def test_gdb(launch, ns):
    """--gdb waits for a debugger before the first instruction, and goes on when told."""
    child = launch(ns, "--gdb", "--nic", "none")
    script = """import socket, time
for _ in range(100):
    try:
        s = socket.create_connection(("127.0.0.1", 1234), 1)
        break
    except OSError:
        time.sleep(0.1)
s.settimeout(5)
s.sendall(b"$?#3f")
answer = b""
while b"#" not in answer:
    answer += s.recv(100)
s.sendall(b"+$c#63")
print(answer)
time.sleep(1)
"""
    assert child.expect(["Sluice, booted", pexpect.TIMEOUT], timeout=1) == 1
    done = ns.run(["python3", "-c", script], timeout=30)
    assert "T05" in done.stdout
    child.expect_exact(PROMPT)


@pytest.mark.parametrize("options", [["--iso"], ["--machine", "microvm"], ["--machine", "pc", "--nic", "e1000"]])
def test_module(launch, ns, options):
    """--module replaces the files that are served, from a CD as well; user-mode ports reach them."""
    files = archive("launcher.cpio", {web_root() + "hello.txt": b"from the module\n"})
    child = launch(ns, *options, "--module", files, "--cpus", "2", "--mem", "48", "--append", "loglevel=8")
    child.expect_exact(PROMPT)
    eventually(lambda: fetch(ns, "http://127.0.0.1:8080/hello.txt") == "from the module\n", timeout=15)
    child.sendline("cat /proc/cmdline")
    child.expect("loglevel=8")


@pytest.mark.parametrize("command", ["run --module", "run --kernel", "run --iso-file", "mkiso -o x.iso -k"])
def test_missing_file(tmp_path, command):
    """A file that is not there is named before any machine starts."""
    tool, *options = command.split()
    missing = str(tmp_path / "nosuch")
    done = subprocess.run(
        [os.path.join(TOP, "tools", tool), *options, missing], cwd=tmp_path, capture_output=True, text=True, timeout=20,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert re.fullmatch(rf"tools/{tool}: no file {missing}.*\n", done.stderr), done.stderr


def test_make_iso():
    """`make iso` makes a CD that is a hybrid: it has a boot record, and a partition for UEFI."""
    subprocess.run(["make", "-C", TOP, "iso"], check=True, capture_output=True, timeout=50)
    with open(os.path.join(TOP, "build/sluice.iso"), "rb") as f:
        head = f.read(0x8806)
    assert head[510:512] == b"\x55\xaa"
    assert head[0x8001:0x8006] == b"CD001"

# SPDX-License-Identifier: MIT
"""A Sluice guest under test: QEMU in a network namespace of its own, started through tools/run."""

import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import time

from console import PROMPT, Console
from netns import Netns
from qmp import Qmp
from raw import RawHost

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNEL = os.environ.get("SLUICE_KERNEL", os.path.join(TOP, "build/sluice.elf"))
HOST_IP, GUEST_IP, MAC = "10.77.0.1", "10.77.0.2", "52:54:00:12:34:56"
STATIC = f"ip={GUEST_IP}::{HOST_IP}:255.255.255.0:sluice:eth0:none"
LISTENING = r"boot: entry to listening"
# in the log's own lines only: commands may print such words too
COMPLAINT = r"^(?:\[ *\d+\.\d+\].*(?:[Pp]anic(?!=)|BUG|[Aa]ssert|unhandled|lockdep)|[Pp]anic|PANIC).*$"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


ETHERTYPES = (b"\x08\x00", b"\x08\x06", b"\x86\xdd")


def plain_pcap(source, target):
    """Without the virtio header that QEMU before 8.0 leaves before each frame of a TAP's dump."""
    with open(source, "rb") as f:
        data = f.read()
    at, out = 24, [data[:24]]
    while at + 16 <= len(data):
        stamp, kept, length = struct.unpack_from("<8sII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        # its length depends on the NIC
        head = next((n for n in (0, 10, 12) if frame[12 + n : 14 + n] in ETHERTYPES), 0)
        out += [struct.pack("<8sII", stamp, len(frame) - head, length - head), frame[head:]]
    with open(target, "wb") as f:
        f.write(b"".join(out))


class Guest:
    """One boot. cmdline None: a static address, or DHCP with dhcp=True (dnsmasq is started) or
    dhcp="own" (the test has a server of its own)."""

    def __init__(
        self,
        folder,
        machine="q35",
        nic="virtio",
        cpus=1,
        mem=64,
        iso=None,
        iso_file=None,
        cmdline=None,
        append="",
        dhcp=False,
        module=None,
        pcap=True,
        options=(),
        qemu=(),
        kernel=None,
        exact_start=False,
        queues=1,
    ):
        os.makedirs(folder)
        self.folder, self.ip, self.mac = folder, GUEST_IP, MAC
        self.ns = Netns(HOST_IP, queues=queues)
        self.dnsmasq = self._start_dnsmasq() if dhcp is True else None
        if cmdline is None:
            cmdline = ("ip=dhcp" if dhcp else STATIC) + " console=ttyS0"
        ours, theirs = socket.socketpair()
        qmp_ours, qmp_theirs = socket.socketpair()
        fds = (theirs.fileno(), qmp_theirs.fileno())
        command = [os.path.join(TOP, "tools/run"), "--accel", "tcg", "--tap", self.ns.TAP]
        command += ["--machine", machine, "--nic", nic, "--cpus", str(cpus), "--mem", str(mem)]
        command += ["--kernel", kernel or KERNEL, "--cmdline", cmdline, "--serial", "chardev:ser0"]
        for flag, value in (("--iso", iso), ("--iso-file", iso_file), ("--module", module)):
            command += [flag, value] if value else []
        command += ["--append", append] if append else []
        command += ["--queues", str(queues)] if queues > 1 else []
        command += list(options) + ["--"]
        command += ["-chardev", f"socket,id=ser0,fd={fds[0]},logfile={folder}/serial.log"]
        command += ["-chardev", f"socket,id=qmp0,fd={fds[1]}", "-mon", "chardev=qmp0,mode=control"]
        if pcap and nic != "none":
            file = f"{folder}/wire.pcap,maxlen=1600"
            command += ["-object", f"filter-dump,id=dump0,netdev=n0,file={file}"]
        command += list(qemu)
        if exact_start:  # `started` is QEMU's own start, without that of the launcher
            at = command.index("--")
            done = subprocess.run(
                command[:at] + ["--dry-run"] + command[at:], capture_output=True, text=True, check=True
            )
            command = shlex.split(done.stdout)
            neighbour = f"ip neigh replace {GUEST_IP} lladdr {MAC} dev {self.ns.TAP} nud permanent"
            self.ns.sh(neighbour)
        self.started = time.monotonic()
        with open(f"{folder}/qemu.log", "wb") as log:
            self.process = self.ns.popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds
            )
        theirs.close()
        qmp_theirs.close()
        self._sockets = [ours, qmp_ours]
        self.console = Console(ours)
        self.qmp = Qmp(qmp_ours)

    def _start_dnsmasq(self):
        log = open(f"{self.folder}/dnsmasq.log", "wb")
        return self.ns.popen(
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0",
             f"--interface={self.ns.TAP}", "--bind-interfaces", "--no-ping", "--log-dhcp",
             "--log-facility=-", "--dhcp-authoritative", "--pid-file=",
             f"--dhcp-leasefile={self.folder}/leases", f"--dhcp-host={MAC},{GUEST_IP}",
             "--dhcp-range=10.77.0.2,10.77.0.50,255.255.255.0,120s",
             "--dhcp-option=option:router,10.77.0.1"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip

    # -- its life

    @property
    def log(self):
        return self.console.text

    @property
    def alive(self):
        return self.process.poll() is None

    def qemu_log(self):
        with open(f"{self.folder}/qemu.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, timeout=20):
        """Poll the whole log (from the start of QEMU) for pattern."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.log, re.M)):
            assert self.alive, f"QEMU ended ({self.process.returncode}): {self.qemu_log()}"
            assert time.monotonic() < deadline, f"no /{pattern}/ in {timeout} s:\n{self.log[-3000:]}"
            time.sleep(0.01)
        return found

    def wait_prompt(self, timeout=20):
        self.wait_log(rf"^{re.escape(PROMPT)}", timeout)

    def wait_http(self, timeout=20, port=80):
        """Poll until a TCP connection succeeds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.alive, f"QEMU ended ({self.process.returncode}): {self.qemu_log()}"
            with self.ns.inside():
                s = socket.socket()
            try:
                s.settimeout(0.3)
                s.connect((self.ip, port))
                return
            except OSError:
                time.sleep(0.02)
            finally:
                s.close()
        raise AssertionError(f"port {port} not reached in {timeout} s:\n{self.log[-3000:]}")

    def wait_ready(self, timeout=30):
        """Until the prompt is there and port 80 answers."""
        deadline = time.monotonic() + timeout
        self.wait_log(LISTENING, timeout)
        self.wait_prompt(max(1, deadline - time.monotonic()))
        self.wait_http(max(1, deadline - time.monotonic()))
        return self

    def wait_exit(self, timeout=15):
        """Until QEMU ends by itself and its last words are read; its exit status."""
        try:
            status = self.process.wait(timeout)
            self.console.wait_closed(5)
            return status
        except subprocess.TimeoutExpired:
            raise AssertionError(f"QEMU still runs after {timeout} s:\n{self.log[-2000:]}") from None

    def check_alive(self):
        """It answers, and has not complained."""
        assert self.alive, f"QEMU ended ({self.process.returncode}): {self.qemu_log()}"
        assert self.ping().returncode == 0, f"no answer to ping:\n{self.log[-3000:]}"
        bad = re.search(COMPLAINT, self.log, re.M)
        assert not bad, f"the guest complained: {bad.group(0)}\n{self.log[-3000:]}"

    def close(self):
        for process in filter(None, (self.process, self.dnsmasq)):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for s in self._sockets:
            s.close()
        self.ns.close()

    def keep(self, where):
        """Copy its logs to where a person looks for them."""
        if not os.path.isdir(self.folder):  # the whole session has been torn down already
            return
        os.makedirs(where, exist_ok=True)
        for name in os.listdir(self.folder):
            shutil.copy(os.path.join(self.folder, name), where)

    # -- talking to it

    def curl(self, path="/", *options, timeout=30, check=True):
        """curl's finished process, output as bytes."""
        url = path if "://" in path else f"http://{self.ip}{path}"
        return self.ns.run(
            ["curl", "-sS", "-m", str(timeout), *options, url], timeout + 5, check, text=False
        )

    def status(self, path="/", *options, timeout=30):
        """The HTTP status that a request gets."""
        done = self.curl(path, "-o", "/dev/null", "-w", "%{http_code}", *options, timeout=timeout)
        return int(done.stdout)

    def ping(self, *options, count=1, timeout=3):
        argv = ["ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(timeout), *options, self.ip]
        return self.ns.run(argv, timeout=timeout + count + 10, check=False)

    def connect(self, port=80, timeout=5):
        with self.ns.inside():
            s = socket.socket()
        s.settimeout(timeout)
        s.connect((self.ip, port))
        return s

    def connecting(self, port=80, receive_buffer=None):
        """A socket whose connection has begun: it does not block yet, and is writable when it is
        made. receive_buffer (bytes) may be beyond what setsockopt() gives on this host."""
        if receive_buffer:
            limits = f"4096 {receive_buffer} {receive_buffer}"
            self.ns.sh(f"echo {limits} > /proc/sys/net/ipv4/tcp_rmem")
        with self.ns.inside():
            s = socket.socket()
        s.setblocking(False)
        s.connect_ex((self.ip, port))
        return s

    def udp(self, timeout=5):
        with self.ns.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(timeout)
        return s

    def http_raw(self, data, port=80, timeout=5, shut=False):
        """Send bytes to the server; everything it answers until it closes or falls silent."""
        with self.connect(port, timeout) as s:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while chunk := s.recv(65536):
                    answer += chunk
            except (socket.timeout, ConnectionResetError):
                pass
            return answer

    def sh(self, line, timeout=10):
        """A command on the guest's console; what it printed."""
        return self.console.command(line, timeout)

    def raw(self, **kw):
        return RawHost(self, **kw)

    # -- looking inside

    def counters(self, *files):
        """{"Ip.InHdrErrors": 3, ...} from /proc/net/snmp and /proc/net/netstat."""
        found = {}
        for file in files or ("/proc/net/snmp", "/proc/net/netstat"):
            lines = [li for li in self.sh(f"cat {file}").splitlines() if re.match(r"\w+: ", li)]
            for names, values in zip(lines[::2], lines[1::2]):
                group = names.split(":")[0]
                for name, value in zip(names.split()[1:], values.split()[1:]):
                    found[f"{group}.{name}"] = int(value)
        return found

    def free_kib(self):
        """Free memory in KiB, as the console's `free` tells it."""
        row = re.search(r"^Mem:\s+(\d+)\s+(\d+)\s+(\d+)", self.sh("free"), re.M)
        assert row, "free prints no Mem: line"
        return int(row.group(3))

    def cpu_seconds(self):
        """CPU time that QEMU has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def eventually(check, timeout=10, every=0.05):
    """Poll check() until it is true; its value. The last value says what was wrong."""
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, f"still {value!r} after {timeout} s"
        time.sleep(every)
    return value

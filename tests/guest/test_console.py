# SPDX-License-Identifier: MIT
"""The serial console: its commands, its line editor, and the ways the machine ends."""

import os
import re
import subprocess
import time

import pexpect
import pytest
from guest import GUEST_IP, KERNEL, MAC, TOP, eventually

PROMPT = "sluice# "
PANIC = r"(?i)panic(?![=\w])"  # but not the word of the command line
UP, DOWN, LEFT, RIGHT, HOME, END, DELETE = (f"\x1b[{c}" for c in ("A", "B", "D", "C", "H", "F", "3~"))

# command: what its output must hold
COMMANDS = {
    "help": ["ip", "ping", "ss", "free", "dmesg", "lspci", "ps", "uptime", "reboot", "poweroff"],
    "ip addr": [r"lo:.*UP", r"inet 127\.0\.0\.1/8", r"eth0:.*UP", rf"link/ether {MAC}", rf"inet {GUEST_IP}/24"],
    "ip a": [r"inet 127\.0\.0\.1/8"],
    "ip link": [r"eth0: <[^>]*UP[^>]*> mtu 1500"],
    "ip route": [r"default via 10\.77\.0\.1 dev eth0", r"10\.77\.0\.0/24 dev eth0"],
    "ip neigh": [r"10\.77\.0\.1 dev eth0 lladdr ([0-9a-f]{2}:){5}[0-9a-f]{2} (REACHABLE|STALE|DELAY|PROBE)"],
    "ip -s link": [r"RX:\s+bytes\s+packets\s+errors\s+dropped", r"TX:\s+bytes"],
    "ss -ltn": [r"LISTEN.*:80\b"],
    "ss -lun": [r":7\b"],
    "ss": [r"(?i)state|netid"],
    "free": [r"total\s+used\s+free", r"Mem:\s+\d+\s+\d+\s+\d+"],
    "dmesg": [r"\[ +\d+\.\d{6}\] .*", r"boot: entry to listening"],
    "lspci": [r"(?i)ethernet.*virtio|virtio.*(network|ethernet)"],
    "ps": [r"PID", r"httpd|ksoftirqd"],
    "uptime": [r"up "],
    "ping -c 2 10.77.0.1": [r"64 bytes from 10\.77\.0\.1: icmp_seq=1", r"2 packets transmitted, 2 (packets )?received"],
    "cat /proc/net/snmp": [r"^Ip: \w+", r"^Tcp: ", r"^Udp: ", r"^Icmp: "],
    "cat /proc/net/dev": [r"eth0:"],
    "cat /proc/cmdline": [r"console=ttyS0"],
    "cat /proc/cpuinfo": [r"processor"],
    "sysctl net.ipv4.ip_default_ttl": [r"net\.ipv4\.ip_default_ttl = 64"],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_command(vm, command):
    """The command prints what its namesake on Linux prints."""
    vm.ping()  # there is a neighbour
    output = vm.sh(command, 15)
    for pattern in COMMANDS[command]:
        assert re.search(pattern, output, re.M), f"no /{pattern}/ in:\n{output}"


def test_commands_refuse_nonsense(vm):
    """Unknown commands, options and objects are refused in a line or two, and nothing breaks."""
    for line in ("nosuch", "ip nosuch", "ip addr add", "ip addr add nonsense dev eth0", "ping", "ping -c",
                 "ping nosuch.host", "ss -Z", "cat", "cat /nosuch", "sysctl nosuch", "ip -s",
                 "ip route add default via 300.1.1.1", "free -q", "ps x y z", "a" * 2000, "'unclosed"):  # fmt: skip
        output = vm.sh(line)
        assert 0 < len(output.strip().splitlines()) < 40, f"{line!r}: {output!r}"


def test_link_details(vm):
    """`ip -s link` counts the frames that go in and out."""

    def packets():
        rx, tx = re.findall(
            r"^\s+\d+\s+(\d+)\s", vm.sh("ip -s link").split("eth0:")[1], re.M
        )[:2]  # fmt: skip
        return int(rx), int(tx)

    before = packets()
    vm.ping(count=5)
    after = packets()
    assert after[0] - before[0] >= 5 and after[1] - before[1] >= 5


def edit(vm, keys, expected):
    """Type keys, then Enter; the line that ran must have been `echo` with what is expected."""
    output = vm.sh(keys)
    assert output.strip().splitlines()[-1] == expected, f"{keys!r} gave {output!r}"


def test_line_editing(vm):
    """Backspace, arrows, Home, End, Delete, Ctrl-A E K U W and B F edit the line."""
    edit(vm, "echo hellp\x7fo", "hello")
    edit(vm, "echo hell\x08\x08lp" + LEFT + DELETE + "p", "help")
    edit(vm, "cho ab" + HOME + "e" + END + "c", "abc")
    edit(vm, "echo one two" + LEFT * 4 + "X", "oneX two")
    edit(vm, "echo one two" + LEFT * 4 + RIGHT + "Y", "one Ytwo")
    edit(vm, "garbage\x15echo fresh", "fresh")
    edit(vm, "echo keep drop\x17", "keep")
    edit(vm, "xecho a\x01\x04\x05b", "ab")
    edit(vm, "echo cut here\x02\x02\x02\x02\x02\x0b!", "cut!")


def test_history(vm):
    """Up and down walk the history; a line from it can be edited."""
    vm.sh("echo first")
    vm.sh("echo second")
    edit(vm, UP, "second")
    vm.sh("echo alpha")
    vm.sh("echo beta")
    edit(vm, UP + UP, "alpha")
    edit(vm, UP + UP + DOWN + "x", "alphax")


def test_ctrl_c(vm):
    """Ctrl-C drops the line being typed, and ends a command that would run for ever."""
    vm.console.mark()
    vm.console.send("echo never")
    vm.console.expect("echo never")
    vm.console.interrupt()
    vm.console.mark()
    vm.console.send("ping 10.77.0.1\r")
    vm.console.expect(r"icmp_seq=2")
    vm.console.interrupt()
    assert "Mem:" in vm.sh("free")


def test_pasted_lines(vm):
    """Many lines sent at once all run, none loses a character."""
    vm.console.mark()
    vm.console.send("".join(f"echo line-{i}-abcdefghijklmnopqrstuvwxyz\r" for i in range(40)))
    for i in range(40):
        vm.console.expect(rf"[\r\n]line-{i}-abcdefghijklmnopqrstuvwxyz")
    vm.sh("")


def test_boot_log(vm):
    """Every line of the boot log has a timestamp, and time does not go back."""
    log = vm.sh("dmesg")
    times = [float(m) for m in re.findall(r"^\[ *(\d+\.\d{6})\]", log, re.M)]
    assert len(times) > 10 and times == sorted(times)
    assert times[0] < 1


ENDS = [("pc", "kernel"), ("q35", "kernel"), ("microvm", "kernel"), ("q35", "bios"), ("q35", "uefi")]
HOW = {"kernel": {}, "bios": {"iso": "bios"}, "uefi": {"iso": "uefi", "mem": 192}}


@pytest.mark.limit(200)  # firmware takes long where the host is busy
@pytest.mark.parametrize("machine,path", ENDS)
def test_poweroff(boot, machine, path):
    """`poweroff` ends QEMU with status 0, and no panic on the way."""
    guest = boot(machine=machine, cpus=2, **HOW[path]).wait_ready(80)
    guest.console.send("poweroff\r")
    assert guest.wait_exit(10) == 0
    assert not re.search("(?i)panic|exception", guest.log)


@pytest.mark.limit(200)  # firmware takes long where the host is busy
@pytest.mark.parametrize("machine,path", ENDS)
def test_power_button(boot, machine, path):
    """The ACPI power button ends QEMU with status 0 in an orderly way."""
    guest = boot(machine=machine, **HOW[path]).wait_ready(80)
    guest.qmp.power_button()
    assert guest.wait_exit(10) == 0
    assert re.search(r"(?i)power", guest.log[-600:])


@pytest.mark.limit(200)  # firmware takes long where the host is busy
@pytest.mark.parametrize("machine,path", ENDS)
def test_reboot(boot, machine, path):
    """`reboot` boots again, and the second boot serves as the first did."""
    guest = boot(machine=machine, cpus=2, **HOW[path]).wait_ready(80)
    guest.console.send("reboot\r")
    eventually(lambda: guest.log.count("boot: entry to listening") == 2, timeout=80)
    guest.wait_http()
    assert guest.status("/") == 200
    assert not re.search("(?i)panic|exception", guest.log)


@pytest.mark.parametrize("cpus", [1, 4])
def test_panic(boot, cpus):
    """A crash prints registers and a backtrace with names, and halts all CPUs."""
    guest = boot(cpus=cpus, append="panic=halt", pcap=False).wait_ready(40)
    guest.console.send("echo c > /proc/sysrq-trigger\r")
    guest.wait_log(PANIC, 10)
    guest.wait_log(r"(?i)\bRIP[:= ].*", 5)
    guest.wait_log(r"\b[Cc]all [Tt]race|[Bb]acktrace", 5)
    names = guest.wait_log(r"(?:Call Trace|[Bb]acktrace):?(?:.*\n)+?(?:.*\b[a-z_]{4,}\+0x[0-9a-f]+.*\n){2,}", 5)
    assert re.search(r"sysrq|thread", names.group(0) + guest.log[-2000:])
    # certain, without a question mark, through functions with and without frame pointers
    for name in ("sysrq_write", "proc_write", "sys_write", "echo_main"):
        guest.wait_log(rf"\] {name}\+0x", 5)
    before = guest.cpu_seconds()
    time.sleep(1)
    assert guest.cpu_seconds() - before < 0.2, "a halted machine computes"
    assert guest.alive


def test_panic_reboots(boot):
    """With panic=reboot a crash boots again."""
    guest = boot(append="panic=reboot", pcap=False).wait_ready()
    guest.console.send("echo c > /proc/sysrq-trigger\r")
    eventually(lambda: guest.log.count("boot: entry to listening") == 2, timeout=30)


def test_panic_reboots_after_seconds(boot):
    """With panic=2 it boots again after two seconds."""
    guest = boot(append="panic=2", pcap=False).wait_ready()
    guest.console.send("echo c > /proc/sysrq-trigger\r")
    guest.wait_log(PANIC)
    assert guest.log.count("boot: entry to listening") == 1
    eventually(lambda: guest.log.count("boot: entry to listening") == 2, timeout=30)


# -- the launcher, as a person uses it


@pytest.fixture
def launcher(request):
    """launcher(options...): tools/run on a terminal of its own; 18080+ as ports."""
    running = []

    def start(*options):
        port = 18080 + os.getpid() % 1000
        args = ["--accel", "tcg", "--port-http", str(port), "--port-iperf", str(port + 1000)]
        command = [os.path.join(TOP, "tools/run"), "--kernel", KERNEL, *args, *options]
        child = pexpect.spawn(command[0], command[1:], timeout=20, encoding="utf-8")
        child.http_port = port
        running.append(child)
        return child

    yield start
    for child in running:
        child.close(force=True)


def test_launcher_user_network(launcher):
    """tools/run ends in a prompt, DHCP has given an address, localhost reaches the guest."""
    child = launcher()
    child.expect_exact(PROMPT)
    url = f"http://localhost:{child.http_port}/"

    def fetch():
        done = subprocess.run(
            ["curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", url],
            capture_output=True, check=False, timeout=10,
        )  # fmt: skip
        return done.stdout == b"200"

    eventually(fetch, timeout=15)
    child.sendline("ip addr")
    child.expect(r"inet 10\.0\.2\.15/24")
    child.sendline("ping -c 1 10.0.2.2")
    child.expect("1 (packets )?received")
    child.sendline("poweroff")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_launcher_escape(launcher):
    """Ctrl-A x ends QEMU, as the line at the start says."""
    child = launcher("--nic", "e1000", "--cpus", "2")
    child.expect("Ctrl-A x")
    child.expect_exact(PROMPT)
    child.send("\x01x")
    child.expect(pexpect.EOF)


def test_launcher_errors(launcher, tmp_path):
    """What can go wrong before QEMU starts is said in a line."""
    for options, message in (
        (["--kernel", "/nosuch"], "no file /nosuch"),
        (["--module", "/nosuch"], "no file /nosuch"),
        (["--machine", "toaster"], "pc, q35 or microvm"),
        (["--machine", "microvm", "--nic", "e1000"], "no PCI bus"),
        (["--machine", "microvm", "--iso"], "no CD"),
        (["--tap", "nosuch0"], "no network device 'nosuch0'"),
        (["--iso-file", "/nosuch.iso"], "no file /nosuch.iso"),
    ):
        child = launcher(*options)
        child.expect_exact(message)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 1
    first = launcher()
    first.expect_exact(PROMPT)
    second = launcher()
    second.expect(r"host port \d+: Address already in use \(--port-http N takes another\)")


def test_launcher_pcap(launcher, tmp_path):
    """--pcap writes the frames of the boot: at least the DHCP exchange."""
    file = tmp_path / "wire.pcap"
    child = launcher("--pcap", str(file))
    child.expect_exact(PROMPT)
    eventually(lambda: file.exists() and b"\x63\x82\x53\x63" in file.read_bytes(), timeout=10)

# SPDX-License-Identifier: MIT
"""Packets over several CPUs: by software, by the device's hash, and a queue a CPU to send by."""

import hashlib
import re
import socket
import struct
import subprocess
import time

import payload
import pytest
from guest import HOST_IP, eventually


def softnet(guest):
    """Of each CPU: packets handled, and times that another CPU gave it some."""
    rows = [li.split() for li in guest.sh("cat /proc/net/softnet_stat").splitlines() if li.strip()]
    assert all(len(r) == 15 for r in rows)
    return {int(r[12], 16): (int(r[0], 16), int(r[9], 16)) for r in rows}


def downloads(guest, count=8):
    url = f"http://{guest.ip}/16m.bin"
    running = [
        guest.ns.popen(["sh", "-c", f"curl -sS --fail -m 50 {url} | head -c 3000000 | sha256sum"],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]  # fmt: skip
    return [p.communicate(timeout=60)[0].split()[0] for p in running]


def settle(guest):
    """Until what downloads that were broken off left under way, resets by the thousand, is over."""
    last = None

    def quiet():
        nonlocal last
        before, last = last, softnet(guest)
        return last == before

    eventually(quiet, every=0.2)


def handled(guest, s, rounds=20):
    """How many packets each CPU handles while the echo service answers so often."""
    before = softnet(guest)
    for _ in range(rounds):
        s.sendall(b"x")
        assert s.recv(10) == b"x"
    after = softnet(guest)
    return {cpu: after[cpu][0] - before[cpu][0] for cpu in after}


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e"])
def test_receive_flow_steering(boot, nic):
    """A flow's packets follow its socket to the CPU where it is used, whatever the mask says."""
    guest = boot(nic=nic, cpus=2, pcap=False).wait_ready()
    entries = "net.core.rps_sock_flow_entries"
    used = int(re.search(r"^.*\binetd\b.*$", guest.sh("cat /proc/threads"), re.M).group().split()[1])
    other = 1 - used
    assert guest.sh(f"sysctl {entries}").strip() == f"{entries} = 0"
    guest.sh(f"sysctl -w net.core.rps_default_mask={1 << other}")
    with guest.connect(7) as s:
        handled(guest, s)
        found = handled(guest, s)
        assert found[other] >= 20 and found[used] < 20, found
        assert guest.sh(f"sysctl -w {entries}=1000").strip() == f"{entries} = 1024"
        handled(guest, s)
        found = handled(guest, s)
        assert found[used] >= 20 and found[other] < 20, found
        guest.sh(f"sysctl -w {entries}=0")
        handled(guest, s)
    assert "nvalid" in guest.sh(f"sysctl -w {entries}=100000")
    guest.check_alive()


def test_steering_of_a_queue(boot):
    """rps_cpus and rps_flow_cnt of one queue; the sysctls write those of all."""
    guest = boot(cpus=2, pcap=False).wait_ready()
    queue = "/sys/class/net/eth0/queues/rx-0"
    mask, flows = f"{queue}/rps_cpus", f"{queue}/rps_flow_cnt"
    assert guest.sh(f"cat {mask}").strip() == "0" and guest.sh(f"cat {flows}").strip() == "0"
    for cpu in (1, 0):
        guest.sh(f"echo {1 << cpu} > {mask}")
        with guest.connect(7) as s:
            handled(guest, s)
            found = handled(guest, s)
        assert found[cpu] >= 20 and found[1 - cpu] < 20, (cpu, found)
    guest.sh("sysctl -w net.core.rps_sock_flow_entries=1000")
    assert guest.sh(f"cat {flows}").strip() == "1024"
    guest.sh(f"echo 3 > {mask}")
    used = int(re.search(r"^.*\binetd\b.*$", guest.sh("cat /proc/threads"), re.M).group().split()[1])
    with guest.connect(7) as s:
        handled(guest, s)
        found = handled(guest, s)
        assert found[used] >= 20 and found[1 - used] < 20, found
        guest.sh(f"echo {2 - used} > {mask}")
        guest.sh(f"echo 0 > {flows}")
        handled(guest, s)
        found = handled(guest, s)
        assert found[1 - used] >= 20 and found[used] < 20, found
    for file in (mask, flows):
        assert "nvalid" in guest.sh(f"echo xyz > {file}")
    guest.sh("sysctl -w net.core.rps_default_mask=1")
    assert guest.sh(f"cat {mask}").strip() == "1"
    guest.check_alive()


@pytest.mark.limit(120)
@pytest.mark.parametrize("nic", ["virtio", "e1000"])
def test_receive_packet_steering(boot, nic):
    """With a mask, flows of one receive queue spread over the CPUs, and every byte is right."""
    guest = boot(nic=nic, cpus=2, pcap=False, module=payload.big_archive()).wait_ready(60)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    assert all(given == 0 for _, given in softnet(guest).values())
    assert guest.sh("sysctl net.core.rps_default_mask").strip() == "net.core.rps_default_mask = 0"
    assert guest.sh("sysctl -w net.core.rps_default_mask=3").strip() == "net.core.rps_default_mask = 3"
    before = softnet(guest)
    for _ in range(4):  # eight flows may all have one CPU: once in 128 times
        assert downloads(guest) == [want] * 8
        after = softnet(guest)
        grown = {cpu: after[cpu][0] - before[cpu][0] for cpu in after}
        if min(grown.values()) > 10:
            break
    assert min(grown.values()) > 10, f"all on one CPU: {grown}"
    assert max(given for _, given in after.values()) > 0
    guest.sh("sysctl -w net.core.rps_default_mask=2")
    assert downloads(guest, 2) == [want] * 2
    assert "nvalid" in guest.sh("sysctl -w net.core.rps_default_mask=xyz")
    settle(guest)
    guest.check_alive()


@pytest.mark.limit(90)
@pytest.mark.parametrize("nic", ["e1000", "e1000e"])
def test_interrupts_held_back(boot, nic):
    """ethtool -C: a fixed time between interrupts is felt, the adaptive one settles where it is not."""
    guest = boot(nic=nic, cpus=2, pcap=False, module=payload.big_archive()).wait_ready(60)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    shown = guest.sh("ethtool -c eth0")
    assert "Adaptive RX: off" in shown and re.search(r"rx-usecs:\s+25\b", shown)
    if nic == "e1000e":  # what is shown is the first queue's time: that one is to see the packets
        guest.sh("ethtool -X eth0 equal 1")
    guest.sh("ethtool -C eth0 adaptive-rx on rx-usecs 256")
    echoes_from(guest, 20300, 300)
    shown = guest.sh("ethtool -c eth0")
    assert "Adaptive RX: on" in shown and int(re.search(r"rx-usecs:\s+(\d+)", shown).group(1)) < 256
    assert downloads(guest, 2) == [want] * 2
    assert guest.sh("ethtool -C eth0 adaptive-rx off rx-usecs 0").strip() == ""
    assert downloads(guest, 2) == [want] * 2
    for bad in ("rx-usecs 17000", "rx-usecs x", "rx-frames 3", "rx-usecs", "tx-usecs 3"):
        assert guest.sh(f"ethtool -C eth0 {bad}").strip() != ""
    assert re.search(r"rx-usecs:\s+0\b", guest.sh("ethtool -c eth0"))
    guest.sh("ip link set eth0 down")
    guest.sh("ethtool -C eth0 rx-usecs 50")
    guest.sh("ip link set eth0 up")
    guest.wait_http()
    settle(guest)
    guest.check_alive()


def toeplitz(key, data):
    """The hash of receive side scaling: the key's bits from where a bit of data is set."""
    bits, window = int.from_bytes(data, "big"), int.from_bytes(key, "big")
    n, k, found = 8 * len(data), 8 * len(key), 0
    for i in range(n):
        if bits >> (n - 1 - i) & 1:
            found ^= window >> (k - 32 - i) & 0xFFFFFFFF
    return found


def test_toeplitz():
    """This file's own idea of the hash, by the example that Microsoft gives for it."""
    key = bytes.fromhex(
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"
    )
    flow = socket.inet_aton("66.9.149.187") + socket.inet_aton("161.142.100.80")
    assert toeplitz(key, flow + struct.pack(">HH", 2794, 1766)) == 0x51CCC178


def counted(guest, what):
    """Packets of each queue: {0: 12, 1: 5}; what is rx or tx."""
    rows = re.findall(rf"{what}_queue_(\d+)_packets: (\d+)", guest.sh("ethtool -S eth0"))
    return {int(q): int(n) for q, n in rows}


def echoes_from(guest, port, rounds=20):
    with guest.ns.inside():
        s = socket.socket()
    with s:
        s.settimeout(5)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.bind((HOST_IP, port))
        s.connect((guest.ip, 7))
        for _ in range(rounds):
            s.sendall(b"x")
            assert s.recv(10) == b"x"


RSS = {
    "e1000e": {"nic": "e1000e"},
    "virtio": {"queues": 2, "qemu": ["-global", "virtio-net-pci.rss=on"]},
    "virtio-hash": {
        "queues": 2,
        "qemu": ["-global", "virtio-net-pci.rss=on", "-global", "virtio-net-pci.hash=on"],
    },
}


@pytest.mark.limit(120)
@pytest.mark.parametrize("nic", RSS)
def test_receive_side_scaling(boot, nic):
    """A flow comes to the queue that table and key say, each queue to its CPU, every byte right."""
    guest = boot(cpus=2, pcap=False, module=payload.big_archive(), **RSS[nic]).wait_ready(60)
    shown = guest.sh("ethtool -x eth0")
    assert "with 2 RX ring(s)" in shown and "toeplitz: on" in shown
    table = [int(q) for row in re.findall(r"^ +\d+: (.*)$", shown, re.M) for q in row.split()]
    key = bytes.fromhex(re.search(r"^(\w\w:){39}\w\w", shown, re.M).group().replace(":", ""))
    assert len(table) == 128 and set(table) == {0, 1}
    assert "2 RX rings" in guest.sh("ethtool -n eth0")
    assert re.search(r"^Combined:\s+2\n.*\nCombined:\s+2", guest.sh("ethtool -l eth0"), re.M)
    addresses = socket.inet_aton(HOST_IP) + socket.inet_aton(guest.ip)
    for port in range(20000, 20006):
        expected = table[toeplitz(key, addresses + struct.pack(">HH", port, 7)) % 128]
        before, handled_before = counted(guest, "rx"), softnet(guest)
        echoes_from(guest, port)
        after, handled_after = counted(guest, "rx"), softnet(guest)
        grown = {q: after[q] - before[q] for q in after}
        assert grown[expected] >= 20 and grown[1 - expected] < 5, (port, expected, grown)
        cpu = {c: handled_after[c][0] - handled_before[c][0] for c in handled_after}
        assert max(cpu, key=cpu.get) == expected, (port, expected, cpu)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    before = counted(guest, "rx")
    assert downloads(guest) == [want] * 8
    after = counted(guest, "rx")
    assert sum(after.values()) > sum(before.values()) + 100
    assert "offload" not in guest.sh("ethtool -K eth0 rxhash off")
    echoes_from(guest, 20010)
    settle(guest)
    guest.check_alive()


def rss_table(guest):
    shown = guest.sh("ethtool -x eth0")
    return [int(q) for row in re.findall(r"^ +\d+: (.*)$", shown, re.M) for q in row.split()]


@pytest.mark.parametrize("nic", RSS)
def test_receive_side_scaling_is_changed(boot, nic):
    """ethtool -X: flows go where the new table, and key, say; what makes no sense changes nothing."""
    guest = boot(cpus=2, pcap=False, **RSS[nic]).wait_ready()
    for words, want in (("equal 1", [0] * 128), ("start 1 equal 1", [1] * 128), ("equal 2", [0, 1] * 64),
                        ("weight 3 1", [0] * 96 + [1] * 32), ("default", [0, 1] * 64)):  # fmt: skip
        assert guest.sh(f"ethtool -X eth0 {words}").strip() == ""
        assert rss_table(guest) == want
    guest.sh("ethtool -X eth0 start 1 equal 1")
    before = counted(guest, "rx")
    for port in range(20200, 20206):
        echoes_from(guest, port)
    grown = {q: n - before[q] for q, n in counted(guest, "rx").items()}
    assert grown[1] >= 120 and grown[0] < 20, grown
    key = bytes(range(1, 41))
    guest.sh(f"ethtool -X eth0 hkey {key.hex(':')} equal 2")
    assert key.hex(":") in guest.sh("ethtool -x eth0")
    addresses = socket.inet_aton(HOST_IP) + socket.inet_aton(guest.ip)
    for port in range(20210, 20216):
        expected = toeplitz(key, addresses + struct.pack(">HH", port, 7)) % 2
        before = counted(guest, "rx")
        echoes_from(guest, port)
        grown = {q: n - before[q] for q, n in counted(guest, "rx").items()}
        assert grown[expected] >= 20 and grown[1 - expected] < 5, (port, expected, grown)
    for bad in ("equal 3", "equal 0", "weight 0 0", "weight 100 100", "hkey 01:02", "start 1", "equal 1 default", "x"):
        assert guest.sh(f"ethtool -X eth0 {bad}").strip() != ""
    assert rss_table(guest) == [0, 1] * 64
    guest.check_alive()


CHANNELS = {"virtio-mq": {"queues": 2}, **RSS}


@pytest.mark.limit(120)
@pytest.mark.parametrize("nic", CHANNELS)
def test_channels_are_changed(boot, nic):
    """ethtool -L while downloads run: queues, root mq and files follow, and no byte is lost."""
    guest = boot(cpus=2, pcap=False, module=payload.big_archive(), **CHANNELS[nic]).wait_ready(60)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    queues = "/sys/class/net/eth0/queues"

    def shown():
        return tuple(int(n) for n in re.findall(r"^Combined:\s+(\d+)", guest.sh("ethtool -l eth0"), re.M))

    def kinds():
        return re.findall(r"^qdisc (\w+) .*dev eth0", guest.sh("tc qdisc show dev eth0"), re.M)

    def files():
        return re.findall(r"[rt]x-\d+", guest.sh(f"ls {queues}"))

    assert shown() == (2, 2) and kinds()[0] == "mq" and len(kinds()) == 3
    url = f"http://{guest.ip}/16m.bin"
    running = [
        guest.ns.popen(["sh", "-c", f"curl -sS --fail -m 80 {url} | head -c 3000000 | sha256sum"],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(8)
    ]  # fmt: skip
    for n in (1, 2, 1, 2, 1):
        assert guest.sh(f"ethtool -L eth0 combined {n}").strip() == ""
        assert shown() == (2, n)
        time.sleep(0.1)
    assert [p.communicate(timeout=80)[0].split()[0] for p in running] == [want] * 8
    assert len(kinds()) == 1 and kinds() != ["mq"]
    assert files() == ["rx-0", "tx-0"]
    settle(guest)
    before = counted(guest, "rx"), counted(guest, "tx")
    for port in range(20400, 20406):
        echoes_from(guest, port)
    after = counted(guest, "rx"), counted(guest, "tx")
    for was, now in zip(before, after):
        assert now[0] >= was[0] + 120 and now[1] == was[1], (before, after)
    for bad in ("combined 3", "combined 0", "rx 1", "combined x", "combined"):
        assert guest.sh(f"ethtool -L eth0 {bad}").strip() != ""
    assert shown() == (2, 1)
    guest.sh("ethtool -L eth0 combined 2")
    assert kinds()[0] == "mq" and len(files()) == 4
    assert [int(guest.sh(f"cat {queues}/tx-{q}/xps_cpus"), 16) for q in (0, 1)] == [1, 2]
    if nic in RSS:  # somebody's table must not name a queue that goes
        assert rss_table(guest) == [0, 1] * 64
        guest.sh("ethtool -X eth0 weight 3 1")
        assert "nvalid" in guest.sh("ethtool -L eth0 combined 1") and shown() == (2, 2)
        guest.sh("ethtool -X eth0 equal 1")
        assert guest.sh("ethtool -L eth0 combined 1").strip() == "" and rss_table(guest) == [0] * 128
        guest.sh("ethtool -X eth0 default")
    guest.sh("ip link set eth0 down")
    guest.sh("ethtool -L eth0 combined 1")
    guest.sh("ip link set eth0 up")
    guest.wait_http()
    assert shown() == (2, 1)
    settle(guest)
    guest.check_alive()


@pytest.mark.parametrize("nic", ["e1000e", "virtio-hash"])
def test_transmit_packet_steering(boot, nic):
    """A CPU sends by its own queue; the mask of another queue takes it over there."""
    guest = boot(cpus=2, pcap=False, **RSS[nic]).wait_ready()
    files = [f"/sys/class/net/eth0/queues/tx-{q}/xps_cpus" for q in (0, 1)]
    assert [int(guest.sh(f"cat {f}"), 16) for f in files] == [1, 2]
    for turn, queue in enumerate((0, 1, 0)):
        guest.sh(f"echo 3 > {files[queue]}")
        guest.sh(f"echo 0 > {files[1 - queue]}")
        before = counted(guest, "tx")
        for port in range(20020, 20026):
            echoes_from(guest, port + 10 * turn)
        after = counted(guest, "tx")
        grown = {q: after[q] - before[q] for q in after}
        assert grown[queue] >= 120 and grown[1 - queue] == 0, grown
    for f in files:  # each CPU has both: by flow
        guest.sh(f"echo 3 > {f}")
    before = counted(guest, "tx")
    for port in range(20100, 20124):
        echoes_from(guest, port, 1)
    after = counted(guest, "tx")
    assert all(after[q] > before[q] for q in after), (before, after)
    assert "nvalid" in guest.sh(f"echo xyz > {files[0]}")
    assert int(guest.sh(f"cat {files[0]}"), 16) == 3
    guest.check_alive()


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e"])
def test_busy_polling(boot, nic, cpus):
    """Who waits for packets polls the device, by TCP and by UDP; interrupts work as before after."""
    guest = boot(nic=nic, cpus=cpus).wait_ready()

    def echoes(rounds):
        """So many each way, when the guest waits for them; how many came by busy polls. One flow
        after the other: a set polls the queue of its last packet, and an 82574 may give them two."""
        was = guest.counters()["TcpExt.BusyPollRxPackets"]
        with guest.connect(7, timeout=10) as tcp, guest.udp() as udp:
            for i in range(rounds):
                text = b"%4d" % i
                time.sleep(0.002)
                tcp.sendall(text)
                assert tcp.recv(100) == text
            for i in range(rounds):
                text = b"%4d" % i
                time.sleep(0.002)
                udp.sendto(text, (guest.ip, 7))
                assert udp.recv(100) == text
        return guest.counters()["TcpExt.BusyPollRxPackets"] - was

    assert echoes(10) == 0
    guest.sh("sysctl -w net.core.busy_poll=50000")
    assert echoes(50) > 50
    guest.sh("sysctl -w net.core.busy_poll=0")
    eventually(lambda: echoes(10) == 0)
    assert guest.ping().returncode == 0


@pytest.mark.limit(90)
@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e"])
def test_interrupts_put_off(boot, nic):
    """napi_defer_hard_irqs and gro_flush_timeout: a timer polls in place of interrupts, every byte right."""
    guest = boot(nic=nic, cpus=2, pcap=False, module=payload.big_archive()).wait_ready(60)
    want = hashlib.sha256(payload.big_file()[:3000000]).hexdigest()
    polls, timeout = (f"/sys/class/net/eth0/{f}" for f in ("napi_defer_hard_irqs", "gro_flush_timeout"))

    def interrupts():
        """How many come while the echo service answers 30 datagrams."""

        def count():
            rows = [li for li in guest.sh("cat /proc/interrupts").splitlines() if re.search(r"eth0|virtio\d+-\d", li)]
            assert rows
            return sum(int(n) for li in rows for n in re.findall(r"(?<=\s)\d+(?=\s)", li)[:2])

        before = count()
        with guest.udp() as udp:
            for i in range(30):
                udp.sendto(b"%d" % i, (guest.ip, 7))
                assert udp.recv(100) == b"%d" % i
        return count() - before

    assert guest.sh(f"cat {polls}").strip() == "0" and guest.sh(f"cat {timeout}").strip() == "0"
    assert interrupts() >= 30
    guest.sh(f"echo 5 > {polls}")
    guest.sh(f"echo 10000000 > {timeout}")
    assert guest.sh(f"cat {polls}").strip() == "5" and guest.sh(f"cat {timeout}").strip() == "10000000"
    assert interrupts() < 15
    guest.sh(f"echo 200000 > {timeout}")
    assert downloads(guest, 4) == [want] * 4
    for file in (polls, timeout):
        assert "nvalid" in guest.sh(f"echo xyz > {file}")
    guest.sh(f"echo 0 > {polls}")
    assert downloads(guest, 2) == [want] * 2  # what GRO holds still waits
    guest.sh(f"echo 0 > {timeout}")
    settle(guest)
    assert interrupts() >= 30
    guest.check_alive()

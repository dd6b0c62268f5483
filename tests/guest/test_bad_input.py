# SPDX-License-Identifier: MIT
"""Frames that are cut short, malformed or hostile: each is counted by its name, the guest lives."""

import random
import re
import struct
import time

import pytest
from guest import eventually
from raw import (
    ARP,
    ICMP,
    IP,
    IP_AT,
    TCP,
    UDP,
    Ether,
    Payload,
    ip_checksummed,
    patched,
    with_ip_options,
)

BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture
def peer(vm):
    host = vm.raw()
    assert host.greet(), "the guest does not answer ARP"
    yield host
    host.close()


class Moved:
    """with Moved(vm, *names, by=n): one of these counters at least rises by n meanwhile."""

    def __init__(self, vm, *names, by=1):
        self.vm, self.names, self.by = vm, names, by

    def _read(self):
        counters = self.vm.counters()
        missing = [n for n in self.names if n not in counters]
        assert not missing, f"no counter {missing}"
        return [counters[n] for n in self.names]

    def __enter__(self):
        self.before = self._read()

    def __exit__(self, kind, _value, _trace):
        if kind:
            return
        seen = []

        def enough():
            seen[:] = [now - was for now, was in zip(self._read(), self.before)]
            return any(s >= self.by for s in seen)

        try:
            eventually(enough, timeout=4, every=0.2)
        except AssertionError:
            raise AssertionError(f"{self.names} moved by {seen}, not {self.by}") from None


def wrong_checksum(packet, layer):
    """packet with the checksum of that layer off by one."""
    built = Ether(bytes(packet))
    built[layer].chksum = (built[layer].chksum + 1) & 0xFFFF or 1
    return bytes(built)


def test_wrong_ip_checksum(vm, peer):
    """A wrong IP header checksum: Ip.InHdrErrors, IpExt.InCsumErrors."""
    with Moved(vm, "IpExt.InCsumErrors", "Ip.InHdrErrors", by=5):
        for _ in range(5):
            peer.send(wrong_checksum(peer.to_guest() / ICMP(), IP))


def test_wrong_icmp_checksum(vm, peer):
    """A wrong ICMP checksum: Icmp.InCsumErrors, and no reply."""
    with Moved(vm, "Icmp.InCsumErrors", by=5):
        for _ in range(5):
            peer.send(wrong_checksum(peer.to_guest() / ICMP(id=99) / (b"x" * 20), ICMP))
    assert not peer.recv(lambda f: ICMP in f and f[ICMP].id == 99, 0.3)


def test_wrong_udp_checksum(vm, peer):
    """A wrong UDP checksum: Udp.InCsumErrors, and no echo."""
    bad = wrong_checksum(peer.to_guest() / UDP(sport=4000, dport=7) / b"hello", UDP)
    with Moved(vm, "Udp.InCsumErrors", by=5):
        for _ in range(5):
            peer.send(bad)
    assert not peer.recv(lambda f: UDP in f and f[IP].dst == peer.ip, 0.3)


def test_no_udp_checksum(peer):
    """A UDP checksum of zero means that there is none, and is accepted (RFC 768)."""
    frame = peer.to_guest() / UDP(sport=4001, dport=7, chksum=0) / b"hello"
    reply = peer.ask(frame, lambda f: UDP in f and f[UDP].dport == 4001)
    assert reply and bytes(reply[UDP].payload)[:5] == b"hello"


def test_wrong_tcp_checksum(vm, peer):
    """A SYN with a wrong checksum: Tcp.InCsumErrors, and no answer."""
    with Moved(vm, "Tcp.InCsumErrors", by=5):
        for i in range(5):
            peer.send(wrong_checksum(peer.to_guest() / TCP(sport=5000 + i, dport=80, flags="S"), TCP))
    assert not peer.recv(lambda f: TCP in f and f[IP].dst == peer.ip, 0.3)


@pytest.mark.parametrize("length", [0, 1, 13, 14, 15, 20, 33, 34, 35, 41])
def test_truncated_frames(peer, length):
    """Frames cut off at any point, short of Ethernet's minimum too."""
    frame = bytes(peer.to_guest() / UDP(sport=1, dport=7) / b"hello")[:length]
    for _ in range(3):
        try:
            peer.send(frame)
        except OSError:
            return  # this kernel refuses to send so short a frame
    assert peer.ping()


HEADERS = {
    "version 5": (IP_AT, b"\x55"),
    "version 0": (IP_AT, b"\x05"),
    "header length 4": (IP_AT, b"\x41"),
    "header length 0": (IP_AT, b"\x40"),
    "header longer than packet": (IP_AT, b"\x4f"),
    "total length 0": (IP_AT + 2, b"\0\0"),
    "total length under header": (IP_AT + 2, b"\0\x13"),
    "total length over frame": (IP_AT + 2, b"\xff\xff"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_impossible_ip_header(vm, peer, what):
    """Impossible IP version, header length or total length: counted, the checksum being right."""
    frame = ip_checksummed(patched(peer.to_guest() / ICMP(), *HEADERS[what]))
    with Moved(vm, "Ip.InHdrErrors", "IpExt.InTruncatedPkts", by=3):
        for _ in range(3):
            peer.send(frame)
    assert peer.ping()


@pytest.mark.parametrize("length", [0, 7, 9000, 65535])
def test_impossible_udp_length(vm, peer, length):
    """A UDP length under its header or over the packet: Udp.InErrors."""
    frame = peer.to_guest() / UDP(sport=4002, dport=7, len=length, chksum=0) / b"hello"
    with Moved(vm, "Udp.InErrors", by=3):
        for _ in range(3):
            peer.send(frame)


@pytest.mark.parametrize("offset", [0, 4])
def test_impossible_tcp_offset(vm, peer, offset):
    """A TCP data offset under the header's own size: Tcp.InErrs."""
    with Moved(vm, "Tcp.InErrs", by=3):
        for _ in range(3):
            peer.send(peer.to_guest() / TCP(sport=5100, dport=80, flags="S", dataofs=offset))


def test_tcp_offset_over_segment(peer):
    """A SYN whose data offset lies behind the segment's end gets no answer."""
    peer.send(peer.to_guest() / TCP(sport=5101, dport=80, flags="S", dataofs=15))
    assert not peer.recv(lambda f: TCP in f and f[IP].dst == peer.ip, 0.3)


def test_tcp_option_garbage(peer):
    """Options of impossible lengths: the connection is refused or made, and the guest lives."""
    for options in (b"\x02\x00", b"\x02\x01\x05\xb4", b"\x03\xff\x07", b"\x08\x0a\0\0", b"\x01" * 39,
                    b"\xfe\x02", b"\x05\x0a" + b"\xff" * 8, b"\x02\x04\0\0"):  # fmt: skip
        options += b"\0" * (-len(options) % 4)
        header = struct.pack(
            "!HHIIBBHHH", 5200, 80, 1, 0, (5 + len(options) // 4) << 4, 2, 1000, 0, 0
        )
        peer.send(peer.tcp_segment(header + options))
    assert peer.ping()


def test_impossible_flags(peer):
    """Every one of the 256 flag bytes, at an open and at a closed port."""
    for port in (80, 81):
        for flags in range(256):
            peer.send(peer.to_guest() / TCP(sport=6000 + flags, dport=port, flags=flags, seq=7))
    assert peer.ping()


def test_land(peer):
    """A SYN that claims to come from the guest itself (land attack), and from no one."""
    for source in (peer.guest_ip, "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1"):
        frame = peer.eth() / IP(src=source, dst=peer.guest_ip) / TCP(sport=80, dport=80, flags="S")
        peer.send(frame)
        peer.send(peer.eth() / IP(src=source, dst=peer.guest_ip) / UDP(sport=7, dport=7) / b"ping-pong")
    assert peer.ping()


def test_echo_does_not_answer_echo(vm, peer):
    """A datagram from another host's echo port starts no endless exchange."""
    peer.send(peer.to_guest() / UDP(sport=7, dport=7) / b"forever")
    time.sleep(0.2)
    assert vm.alive and peer.ping()


# -- fragments


def fragments(peer, payload, size, ident, proto=17):
    """payload behind an IP header each, cut at multiples of size."""
    out = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        head = peer.to_guest(id=ident, proto=proto, frag=at // 8, flags="MF" if more else 0)
        out.append(head / Payload(payload[at : at + size]))
    return out


def datagram(peer, body, sport):
    return bytes((peer.to_guest() / UDP(sport=sport, dport=7) / body)[UDP])


def echoed(peer, sport, timeout=2.0):
    """The UDP echo to sport, reassembled if the guest fragments it; its length."""
    got = {}

    def collect(f):
        if IP not in f or f[IP].dst != peer.ip or f[IP].proto != 17:
            return False
        at = f[IP].frag * 8
        got[at] = f[IP].len - 4 * f[IP].ihl
        done = [a + n for a, n in got.items() if not f[IP].flags & 1 and a == at]
        return bool(done) and sum(got.values()) == max(a + n for a, n in got.items())

    return sum(got.values()) - 8 if peer.recv(collect, timeout) else None


def test_fragments_in_any_order(peer):
    """Fragments put together whatever their order, twice too."""
    rng = random.Random(1)
    for number in range(6):
        parts = fragments(peer, datagram(peer, bytes(4000), 7000 + number), 800, 100 + number)
        if number == 4:
            parts.reverse()
        elif number:
            rng.shuffle(parts)
        if number == 5:
            parts.insert(2, parts[0])  # an exact copy is no overlap
        peer.flush()
        for part in parts:
            peer.send(part)
        assert echoed(peer, 7000 + number) == 4000, f"order {number}"


def test_overlapping_fragments(vm, peer):
    """A fragment that overlaps another ends the whole datagram (RFC 5722): Ip.ReasmFails."""
    whole = datagram(peer, bytes(2000), 7100)
    parts = fragments(peer, whole, 1000, 200)
    liar = peer.to_guest(id=200, proto=17, frag=500 // 8, flags="MF") / Payload(b"\xee" * 800)
    with Moved(vm, "Ip.ReasmFails"):
        peer.flush()
        for frame in (parts[0], liar, *parts[1:]):
            peer.send(frame)
        assert echoed(peer, 7100, 0.5) is None


def test_impossible_fragments(vm, peer):
    """Fragments beyond 64 KiB (ping of death), of odd length, with two ends: refused, counted."""
    with Moved(vm, "Ip.ReasmFails", "Ip.InHdrErrors"):
        beyond = peer.to_guest(id=300, proto=1, frag=8189) / Payload(bytes(800))
        odd = peer.to_guest(id=301, proto=17, frag=0, flags="MF") / Payload(bytes(801))
        for frame in (beyond, odd, odd):
            peer.send(frame)
        for end in (100, 50):
            peer.send(peer.to_guest(id=302, proto=17, frag=end) / Payload(bytes(64)))
    assert peer.ping()


@pytest.mark.limit(90)
def test_reassembly_times_out(vm, peer):
    """A datagram that never becomes whole is given up, and its sender told (RFC 792)."""
    vm.sh("sysctl -w net.ipv4.ipfrag_time=2")
    first = fragments(peer, datagram(peer, bytes(2000), 7200), 1000, 400)[0]
    try:
        with Moved(vm, "Ip.ReasmTimeout"):
            peer.flush()
            peer.send(first)
            told = peer.recv(lambda f: ICMP in f and f[ICMP].type == 11 and f[ICMP].code == 1, 35)
            assert told, "no ICMP time exceeded"
    finally:
        vm.sh("sysctl -w net.ipv4.ipfrag_time=30")


@pytest.mark.limit(90)
def test_fragment_flood_is_bounded(vm, peer):
    """First fragments of 20,000 datagrams take a bounded amount of memory, and fragments work after."""
    vm.sh("sysctl -w net.ipv4.ipfrag_time=3")
    before = vm.free_kib()
    template = bytes(peer.to_guest(id=0, proto=17, flags="MF") / Payload(bytes(1400)))
    low = before
    for ident in range(20000):
        peer.send(ip_checksummed(patched(template, IP_AT + 4, struct.pack("!H", ident))))
        if ident % 5000 == 4999:
            low = min(low, vm.free_kib())
    assert before - low < 12 << 10, f"{before - low} KiB held by fragments"
    assert peer.ping()
    eventually(lambda: vm.free_kib() >= before - 512, timeout=20, every=0.5)
    peer.flush()
    for part in fragments(peer, datagram(peer, bytes(3000), 7300), 1000, 500):
        peer.send(part)
    assert echoed(peer, 7300) == 3000
    vm.sh("sysctl -w net.ipv4.ipfrag_time=30")


@pytest.mark.parametrize("size", [1472, 1473, 8000, 65000, 65507])
def test_large_ping(vm, size):
    """A ping of up to 64 KiB comes back whole, fragmented both ways."""
    done = vm.ping("-s", str(size), count=3)
    assert done.returncode == 0 and " 3 received" in done.stdout, done.stdout


# -- IP options, ARP, Ethernet, ICMP


@pytest.mark.parametrize(
    "options", [b"\x01" * 40, b"\x07\x27\x04" + bytes(37), b"\x44\x24\x05\0" + b"\0" * 32]
)
def test_ip_options(peer, options):
    """Well-formed options (no-op, record route, timestamp) do not keep an echo from its reply."""
    frame = with_ip_options(peer.to_guest() / ICMP(id=77), options)
    reply = peer.ask(frame, lambda f: ICMP in f and f[ICMP].type == 0 and f[ICMP].id == 77)
    assert reply


def test_ip_option_garbage(vm, peer):
    """Options of impossible lengths: Ip.InHdrErrors. Source routes are not followed."""
    with Moved(vm, "Ip.InHdrErrors", by=3):
        for options in (b"\x07\x00\0\0", b"\x07\xff\x04\0", b"\x44\x01\0\0", b"\x83\x28\x04\0"):
            peer.send(with_ip_options(peer.to_guest() / ICMP(id=78), options))
    assert peer.ping()


def test_bad_arp(vm, peer):
    """ARP of wrong types and lengths, cut short, or claiming the guest's address or broadcast."""
    base = ARP(op=1, hwsrc=peer.mac, psrc=peer.ip, pdst=peer.guest_ip)
    wire = Ether(src=peer.mac, dst=BROADCAST)
    for changed in (
        {"hwtype": 6}, {"ptype": 0x86DD}, {"hwlen": 0}, {"hwlen": 255}, {"plen": 0}, {"plen": 16},
        {"op": 0}, {"op": 99}, {"op": 2, "hwsrc": BROADCAST}, {"op": 2, "hwsrc": "01:00:5e:00:00:01"},
        {"psrc": "255.255.255.255"}, {"psrc": "0.0.0.0"}, {"psrc": "224.0.0.1"},
    ):  # fmt: skip
        arp = base.copy()
        for field, value in changed.items():
            setattr(arp, field, value)
        peer.send(wire / Payload(bytes(arp)[:28]))
        peer.send(patched(wire / Payload(bytes(arp)[:28]), 12, b"\x08\x06"))
    for length in range(0, 28, 5):
        peer.send(bytes(wire / base)[: 14 + length])
    # somebody else says that he is the guest
    peer.send(wire / ARP(op=1, hwsrc=peer.mac, psrc=peer.guest_ip, pdst=peer.guest_ip))
    assert peer.ping()
    neighbours = vm.sh("ip neigh")
    assert "ff:ff:ff:ff:ff:ff" not in neighbours and "01:00:5e" not in neighbours
    assert f"{vm.ip} " not in neighbours


@pytest.mark.limit(90)
def test_arp_flood_is_bounded(vm, peer):
    """Requests from 5,000 addresses don't grow the neighbour table without bound."""
    before = vm.free_kib()
    for i in range(5000):
        source = f"10.77.0.{i % 250 + 3}" if i % 2 else f"10.{i >> 8}.{i & 255}.9"
        peer.send(Ether(src=peer.mac, dst=BROADCAST)
                  / ARP(op=1, hwsrc=peer.mac, psrc=source, pdst=peer.guest_ip))  # fmt: skip
    assert peer.ping()
    assert before - vm.free_kib() < 2048
    assert len(vm.sh("ip neigh").splitlines()) <= 1100


def test_strange_ethernet(peer):
    """Unknown EtherTypes, 802.3 lengths, VLAN tags, jumbo and foreign addresses are passed over."""
    body = Payload(bytes(100))
    for kind in (0x0000, 0x0064, 0x05DC, 0x0600, 0x8100, 0x88A8, 0x88CC, 0x86DD, 0xFFFF):
        peer.send(Ether(src=peer.mac, dst=peer.guest_mac, type=kind) / body)
    peer.send(Ether(src=peer.mac, dst="02:de:ad:be:ef:00") / IP(src=peer.ip, dst=peer.guest_ip) / ICMP())
    peer.send(Ether(src=peer.guest_mac, dst=peer.guest_mac) / IP(dst=peer.guest_ip) / ICMP())
    for size in (1500, 1501, 1504, 2000, 4000, 9000):
        try:
            peer.send(peer.eth() / Payload(bytes(size)))
        except OSError:
            pass  # over this end's MTU
    assert peer.ping()


def test_bad_icmp(vm, peer):
    """Unknown types, cut short, errors about nothing we sent, echo to broadcast."""
    with Moved(vm, "Icmp.InErrors", "Icmp.InMsgs", by=3):
        for kind in (1, 2, 7, 44, 200, 255):
            peer.send(peer.to_guest() / ICMP(type=kind))
        for length in range(8):
            peer.send(peer.to_guest(proto=1) / Payload(b"\x08" + bytes(length)))
        for kind in (3, 4, 5, 11, 12):
            peer.send(peer.to_guest() / ICMP(type=kind) / Payload(b"\x45"))
            quoted = IP(src="8.8.8.8", dst="9.9.9.9") / UDP(sport=1, dport=2)
            peer.send(peer.to_guest() / ICMP(type=kind) / quoted)
    assert peer.ping()


def test_icmp_needs_fragmentation_for_nothing(vm, peer):
    """A forged "fragmentation needed" with an MTU of 68 or 0 doesn't harm a download."""
    for mtu in (0, 1, 68, 65535):
        quoted = IP(src=peer.guest_ip, dst="10.77.0.1") / TCP(sport=80, dport=9, seq=1)
        peer.send(peer.to_guest() / ICMP(type=3, code=4, nexthopmtu=mtu) / quoted)
    assert vm.status("/") == 200


@pytest.mark.limit(120)
def test_random_frames(vm, peer):
    """20,000 frames, each a good one with random bytes changed: the guest serves all the while."""
    rng = random.Random(7)
    seeds = [
        bytes(peer.to_guest() / ICMP() / bytes(64)),
        bytes(peer.to_guest() / UDP(sport=9, dport=7) / bytes(200)),
        bytes(peer.to_guest() / TCP(sport=9, dport=80, flags="S", options=[("MSS", 1460)])),
        bytes(peer.to_guest() / TCP(sport=9, dport=80, flags="PA", seq=1) / b"GET / HTTP/1.1\r\n"),
        bytes(peer.to_guest(flags="MF", frag=3) / UDP(sport=9, dport=7) / bytes(800)),
        bytes(peer.eth() / ARP(op=1, hwsrc=peer.mac, psrc=peer.ip, pdst=peer.guest_ip)),
    ]
    for number in range(20000):
        frame = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            frame[rng.randrange(12, len(frame))] = rng.randrange(256)
        peer.send(bytes(frame[: rng.randrange(14, len(frame))] if rng.random() < 0.1 else frame))
        if number % 5000 == 4999:
            assert vm.status("/") == 200
    assert peer.ping()


# -- the command line and the machine


BAD_CMDLINES = [
    "ip=nonsense", "ip=10.77.0.300", "ip=10.77.0.2::10.77.0.1:255.0.255.0::eth0:none", "ip=:::::::::::",
    "ip=", "ip=dhcp:eth7", "ip=10.77.0.2/99", "sysctl.net.ipv4.nosuch=1", "sysctl.net.ipv4.ip_default_ttl=x",
    "init=nosuchprogram", "what is this \"unclosed", "x" * 3000, "ip=10.77.0.2::10.77.0.1:255.255.255.0::eth5:none",
]  # fmt: skip


@pytest.mark.parametrize("cmdline", BAD_CMDLINES, ids=[c[:40] for c in BAD_CMDLINES])
def test_bad_command_line(boot, cmdline):
    """A wrong word on the command line is told, by name, and the shell works."""
    guest = boot(cmdline=f"console=ttyS0 {cmdline}", pcap=False)
    guest.wait_prompt()
    assert "Mem:" in guest.sh("free")
    log = guest.sh("dmesg")
    about = cmdline.split("=")[0] if cmdline[0] != "x" else "ommand line"
    told = [li for li in log.splitlines() if about in li and "ommand line:" not in li]
    assert told, f"nothing said about {cmdline!r}:\n{log}"


@pytest.mark.parametrize(
    "nic,pci_id",
    [("rtl8139", "10ec:8139"), ("ne2k_pci", "10ec:8029"), ("pcnet", "1022:2000"), ("vmxnet3", "15ad:07b0"),
     ("tulip", "1011:0019"), ("i82559c", "8086:1229")],
)  # fmt: skip
def test_unsupported_nic(boot, nic, pci_id):
    """A NIC without a driver is named, with those that have one, and the shell works."""
    guest = boot(nic=nic, pcap=False)
    guest.wait_prompt()
    told = guest.wait_log(rf".*network controller {pci_id} has no driver.*", 5).group()
    assert all(name in told for name in ("virtio-net", "82540EM", "82574L"))
    assert re.search(rf"Ethernet controller.*{pci_id}", guest.sh("lspci"))
    assert "eth0" not in guest.sh("ip link")


def test_no_nic(boot):
    """A machine without a NIC gets to the shell, and says that there is none."""
    guest = boot(nic="none", dhcp="none", pcap=False)
    guest.wait_prompt()
    assert guest.wait_log(r"(?i)no (network|NIC|ethernet)", 5)
    assert "127.0.0.1" in guest.sh("ip addr")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"070701" + b"zz" * 52, b"070701" * 40])
def test_bad_module(boot, tmp_path, content):
    """A boot module that is no cpio archive is told, and the built-in files are served."""
    module = tmp_path / "module"
    module.write_bytes(content or b"\0")
    guest = boot(module=str(module), pcap=False).wait_ready()
    assert guest.wait_log(r"(?i)(archive|cpio|module|rootfs|initrd).*(bad|invalid|not|no |ignored|corrupt|wrong)", 5)
    assert guest.status("/") == 200


def test_truncated_module(boot, tmp_path):
    """An archive cut off in the middle is told; what is whole, or what is built in, is served."""
    from payload import archive

    with open(archive("small.cpio", {"x.bin": bytes(50000)}), "rb") as f:
        whole = f.read()
    module = tmp_path / "cut.cpio"
    module.write_bytes(whole[: len(whole) // 2])
    guest = boot(module=str(module), pcap=False).wait_ready()
    assert guest.wait_log(r"(?i)(truncated|cut|short|bad|corrupt|end)", 5)
    assert guest.status("/") in (200, 404)

# SPDX-License-Identifier: MIT
"""/proc/net has Linux's formats: the files are compared with those of the kernel the tests run on."""

import re

import pytest
from guest import eventually
from raw import TCP


def host(vm, path):
    return vm.ns.run(["cat", path]).stdout


def cat(vm, path):
    """The guest's file. A log line may have come between the prompt and the echo of the command."""
    return vm.sh(f"cat {path}").split(f"cat {path}\n")[-1]


def pairs(text):
    """{label: names} of a file of pairs of lines; each has as many values as names."""
    found = {}
    lines = [li for li in text.splitlines() if li]
    for names, values in zip(lines[::2], lines[1::2]):
        label = names.split(":")[0]
        assert values.startswith(label + ":")
        assert len(names.split()) == len(values.split()), label
        assert all(v.lstrip("-").isdigit() for v in values.split()[1:])
        found[label] = names.split()[1:]
    return found


# Of limits that Linux does not have (docs/listening.md).
OWN_COUNTERS = ("TCPSourceSynLimit", "TCPSourceConnLimit", "TCPSynShed")


@pytest.mark.parametrize("path,labels", [("/proc/net/snmp", ["Ip", "Icmp", "Tcp", "Udp"]),
                                         ("/proc/net/netstat", ["TcpExt", "IpExt"])])  # fmt: skip
def test_counters(vm, path, labels):
    """Counters have names that Linux has, in its order where the order is that of a standard's MIB."""
    guest, linux = pairs(cat(vm, path)), pairs(host(vm, path))
    for label in labels:
        unknown = [n for n in guest[label] if n not in linux[label] and n not in OWN_COUNTERS]
        assert not unknown, f"{label}: Linux has no {unknown}"
        if path.endswith("snmp"):
            assert guest[label] == [n for n in linux[label] if n in guest[label]]


@pytest.mark.parametrize("name", ["dev", "arp", "route", "tcp", "udp"])
def test_tables(vm, name):
    """Tables have Linux's headings, and rows of as many columns as Linux's."""
    vm.ping()
    guest = cat(vm, f"/proc/net/{name}").rstrip("\n").splitlines()
    linux = host(vm, f"/proc/net/{name}").rstrip("\n").splitlines()
    heads = 2 if name == "dev" else 1
    for ours, theirs in zip(guest[:heads], linux[:heads]):
        assert ours.replace("|", " ").split() == theirs.replace("|", " ").split()
    assert len(guest) > heads
    if name == "tcp":
        assert all(len(li.split()) >= 10 for li in guest[1:])
    elif len(linux) > heads:
        assert {len(li.split()) for li in guest[heads:]} == {len(li.split()) for li in linux[heads:]}


def test_sockstat(vm):
    """/proc/net/sockstat: Linux's rows and keys; a connection is counted while it lasts."""

    def keys(text):
        return {li.split(":")[0]: li.split()[1::2] for li in text.splitlines() if ":" in li}

    def inuse():
        row = [li for li in vm.sh("cat /proc/net/sockstat").splitlines() if li.startswith("TCP:")][0]
        return int(row.split()[2])

    guest, linux = keys(cat(vm, "/proc/net/sockstat")), keys(host(vm, "/proc/net/sockstat"))
    assert guest == {label: linux[label] for label in guest}
    # connections of the tests before may still be closing
    eventually(lambda: not re.search("^(?!State|LISTEN|TIME-WAIT)[A-Z]", vm.sh("ss -tan"), re.M))
    before = inuse()
    with vm.connect(7):
        assert inuse() == before + 1


def test_meminfo_tells_buffers_apart(vm):
    """What sockets hold is a row of its own: a reader that does not read fills SockRecv, not Cached."""

    def kib(key):
        row = [li for li in vm.sh("cat /proc/meminfo").splitlines() if li.startswith(key + ":")][0]
        return int(row.split()[1])

    for key in ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "Slab", "KernelStack", "SkbPool"):
        assert kib(key) >= 0
    cached, held = kib("Cached"), kib("SockSend")
    with vm.connect(19) as s:  # chargen: sends until we read, which we don't
        s.setsockopt(1, 8, 4096)
        eventually(lambda: kib("SockSend") > held + 10)
        assert kib("Cached") == cached


def test_ss_shows_a_connection(vm):
    """ss -tin tells what TCP knows of a connection, with iproute2's words; filters choose."""
    with vm.connect(7) as s:
        s.sendall(b"x" * 1000)
        s.recv(1000)
        port = s.getsockname()[1]
        output = vm.sh(f"ss -tinmoe dst 10.77.0.1:{port}")
        assert f"10.77.0.1:{port}" in output and "ESTAB" in output
        for word in ("skmem:(r", "wscale:", "rto:", "rtt:", "mss:1448", "cwnd:10", "bytes_sent:1000",
                     "bytes_received:1000", "segs_out:", "ino:"):  # fmt: skip
            assert word in output, f"no {word} in {output}"
        assert f":{port}" in vm.sh("ss -tn state established sport = :7")
        assert f":{port}" not in vm.sh(f"ss -tn state established not dport = :{port}")
        assert f":{port}" not in vm.sh("ss -ltn")


def test_ss_shows_half_open_and_closed_connections(vm):
    """SYN-RECV while a handshake hangs, TIME-WAIT with its timer after the guest closed first."""
    host = vm.raw(ip="10.77.0.80")
    try:
        host.greet()
        host.send(host.to_guest() / TCP(sport=4000, dport=7, flags="S", seq=1))
        eventually(lambda: "10.77.0.80:4000" in vm.sh("ss -tan state syn-recv"))
        assert "SYN-RECV" in vm.sh("ss -tan dst 10.77.0.80")
        host.send(host.to_guest() / TCP(sport=4000, dport=7, flags="R", seq=2))
        eventually(lambda: "10.77.0.80:4000" not in vm.sh("ss -tan state syn-recv"))
    finally:
        host.close()
    assert " 200, " in vm.sh("wget http://127.0.0.1/")
    output = vm.sh("ss -tano state time-wait")
    assert "127.0.0.1:80" in output and "timer:(timewait," in output
    assert "timewait 0" not in vm.sh("ss -s")


def test_ip_changes_and_shows(vm):
    """Addresses, routes, neighbours and links are changed and shown with iproute2's words."""
    vm.sh("ip addr add 10.99.0.1/24 dev eth0")
    assert "inet 10.99.0.1/24 brd 10.99.0.255 scope global eth0" in vm.sh("ip addr show dev eth0")
    assert "10.99.0.0/24 dev eth0" in vm.sh("ip route")
    vm.sh("ip route add 10.98.0.0/16 via 10.99.0.9 metric 7")
    assert "10.98.0.0/16 via 10.99.0.9 dev eth0 proto static metric 7" in vm.sh("ip route")
    assert "10.98.1.2 via 10.99.0.9 dev eth0 src 10.99.0.1" in vm.sh("ip route get 10.98.1.2")
    vm.sh("ip neigh add 10.99.0.9 lladdr 02:00:00:00:00:09 dev eth0")
    assert "10.99.0.9 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT" in vm.sh("ip neigh")
    vm.sh("ip neigh del 10.99.0.9 dev eth0; ip route del 10.98.0.0/16; ip addr del 10.99.0.1/24 dev eth0")
    assert "10.99" not in vm.sh("ip addr; ip route") and "10.98" not in vm.sh("ip route")
    vm.sh("ip link set eth0 mtu 1400")
    assert "mtu 1400" in vm.sh("ip link show eth0")
    vm.sh("ip link set dev eth0 mtu 1500")
    assert vm.status("/") == 200


def test_nstat_counts_since_the_last_time(vm):
    """nstat prints what grew since the last nstat; -z zeros too, -a from the boot; patterns choose."""
    vm.sh("nstat")
    vm.ping(count=3)
    assert "IcmpInEchos                     3 " in vm.sh("nstat 'Icmp*'")
    assert "IcmpInEchos " not in vm.sh("nstat 'IcmpInEchos'")
    assert "IcmpInEchos                     0 " in vm.sh("nstat -z 'IcmpInEch*'")
    assert "IcmpInEchos " in vm.sh("nstat -a 'IcmpIn*'")


def test_status_and_watch(vm):
    """$? is the last command's status; watch repeats until Ctrl-C, and so does top."""
    assert vm.sh("cat /nosuch; echo $?").endswith("\n1\n")
    assert vm.sh("echo x; echo $?").endswith("\n0\n")
    for command in ("watch -n 0.2 uptime", "top -b -d 0.2", "dmesg -w"):
        vm.console.mark()
        vm.console.send(command + "\r")
        if command[0] != "d":
            for _ in range(3):
                vm.console.expect(r"up |top: ")
        vm.console.interrupt()
    assert vm.sh("echo $?").endswith("130\n")


def test_nc_and_wget(vm):
    """nc carries lines both ways; wget fetches from the guest's own server and from outside."""
    assert " 200, " in vm.sh("wget http://127.0.0.1/")
    assert "<html" in vm.sh("wget -q -O - http://127.0.0.1/").lower()
    vm.console.mark()
    vm.console.send(f"nc {vm.ip} 7\r")
    vm.console.expect(r"nc .*\n")
    vm.console.send("hello there\r")
    vm.console.expect(r"hello there\r\n[^\n]*hello there")
    vm.console.interrupt()

# SPDX-License-Identifier: MIT
"""iperf3: the guest's server and client with a stock iperf 3 at the other end, both ways."""

import json
import subprocess
import time

import pytest
from guest import HOST_IP, eventually


def run_client(vm, *options, timeout=20):
    """A stock client on the host against the guest's server; its JSON."""
    done = vm.ns.run(["iperf3", "-c", vm.ip, "-J", *options], timeout=timeout, check=False)
    report = json.loads(done.stdout)
    assert "error" not in report, report["error"]
    return report


def ratio(report):
    """Bytes received for each byte sent."""
    end = report["end"]
    return end["sum_received"]["bytes"] / end["sum_sent"]["bytes"]


@pytest.mark.parametrize("options", [[], ["-R"], ["-P", "4"], ["-P", "3", "-R"], ["-N", "-l", "1000"]], ids=" ".join)
def test_tcp(vm, options):
    """TCP in both directions, one stream and several: both ends count the same, within what is on its way."""
    report = run_client(vm, "-t", "1", *options)
    assert report["end"]["sum_received"]["bytes"] > 1 << 14
    assert 0 < ratio(report) <= 1.05
    streams = report["end"]["streams"]
    assert len(streams) == (int(options[1]) if "-P" in options else 1)
    assert all(s["receiver"]["bytes"] > 0 for s in streams)


def test_tcp_bidir(vm):
    """--bidir: streams both ways at once."""
    end = run_client(vm, "-t", "1", "--bidir")["end"]
    assert end["sum_received"]["bytes"] > 1 << 16
    assert end["sum_received_bidir_reverse"]["bytes"] > 1 << 16


def test_tcp_reverse_tells_the_guests_side(vm):
    """With -R the stock client prints the guest's retransmissions, and its congestion control."""
    end = run_client(vm, "-t", "1", "-R")["end"]
    assert end["sum_sent"]["retransmits"] >= 0
    assert end["sender_tcp_congestion"] in ("cubic", "reno", "bbr")


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e"])
def test_zero_copy(boot, nic):
    """-Z: blocks are sent as they lie, and the device's completions free the sender's memory again."""
    guest = boot(nic=nic, cpus=2, pcap=False).wait_ready()
    free = guest.free_kib()
    # by bytes, not by blocks: a block that a full buffer took in part counts as one
    for options in (["-t", "1"], ["-P", "3", "-n", "20M"]):
        end = run_client(guest, "-R", "-Z", *options)["end"]
        assert end["sum_received"]["bytes"] > 1 << 20
    eventually(lambda: guest.free_kib() > free - 1000)
    guest.check_alive()


@pytest.mark.parametrize("reverse", [False, True])
def test_ends_by_amount(vm, reverse):
    """-n and -k end the test after so many bytes or blocks."""
    way = ["-R"] if reverse else []
    end = run_client(vm, "-n", "3M", *way)["end"]
    assert 3 << 20 <= end["sum_sent"]["bytes"] < 40 << 20
    end = run_client(vm, "-k", "20", "-l", "64K", *way)["end"]
    assert 65536 <= end["sum_sent"]["bytes"] < 40 << 20


@pytest.mark.parametrize("reverse", [False, True])
def test_rate(vm, reverse):
    """-b holds a TCP stream at its rate."""
    report = run_client(vm, "-t", "2", "-b", "8M", *(["-R"] if reverse else []))
    assert 4e6 < report["end"]["sum_received"]["bits_per_second"] < 12e6


@pytest.mark.parametrize("options", [[], ["-R"], ["-P", "2"], ["-l", "4000"], ["--bidir"], ["--udp-counters-64bit"]],
                         ids=" ".join)  # fmt: skip
def test_udp(vm, options):
    """UDP: the rate is kept, and the receiver tells loss and jitter. A busy host may lose some."""
    end = run_client(vm, "-u", "-t", "1", "-b", "2M", *options)["end"]
    streams = int(options[1]) if "-P" in options else 1
    assert 0.5 * 2e6 * streams < end["sum"]["bits_per_second"] < 1.5 * 2e6 * streams
    assert end["sum"]["packets"] > 80 * streams / (4 if "-l" in options else 1)
    assert end["sum"]["lost_percent"] < 50
    assert 0 < end["sum"]["jitter_ms"] < 500


@pytest.mark.parametrize("options", [[], ["-R"]], ids=" ".join)
def test_udp_as_fast_as_it_goes(vm, options):
    """Unlimited, many datagrams go down and come up in one call; each is counted, in order."""
    end = run_client(vm, "-u", "-t", "1", "-b", "0", "-l", "64", *options)["end"]
    got = end["sum"]["packets"] - end["sum"]["lost_packets"]
    assert got > 2000
    assert not end["streams"][0]["udp"]["out_of_order"]


def test_udp_on_a_narrow_path(vm):
    """Datagrams that do not fit the device are sent one by one, in fragments."""
    vm.sh("ip link set eth0 mtu 1000")
    try:
        end = run_client(vm, "-u", "-t", "1", "-b", "2M", "-l", "1400", "-R")["end"]
        assert end["sum"]["packets"] > 50
        assert end["sum"]["lost_percent"] < 50
    finally:
        vm.sh("ip link set eth0 mtu 1500")


def test_options_are_taken_over(vm):
    """-M, -w, -C and -O come to the guest, whose next test is not affected."""
    report = run_client(vm, "-t", "1", "-M", "1000", "-w", "128K", "-O", "1")
    assert report["start"]["tcp_mss"] == 1000 if "tcp_mss" in report["start"] else True
    assert run_client(vm, "-t", "1", "-R", "-M", "800")["end"]["sum_received"]["bytes"] > 1 << 16
    assert run_client(vm, "-t", "1")["end"]["sum_received"]["bytes"] > 1 << 16


def test_busy_server(vm):
    """A second client is told that the server is busy; the first goes on."""
    first = vm.ns.popen(["iperf3", "-c", vm.ip, "-t", "2", "-J"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.7)
    second = vm.ns.run(["iperf3", "-c", vm.ip, "-t", "1", "-J"], timeout=10, check=False)
    assert "busy" in json.loads(second.stdout)["error"]
    assert "error" not in json.loads(first.communicate(timeout=10)[0])


def test_rude_clients(vm):
    """Clients that say nothing, nonsense, too much, or leave: the next is served."""
    for data in (b"", b"x" * 37, b"x" * 37 + b"\0\0\0\5hello", b"x" * 37 + b"\xff\xff\xff\xff",
                 b"x" * 37 + b"\0\0\0\2{}", b"x" * 37 + b"\0\0\0\x12{\"parallel\": 99999}"):  # fmt: skip
        with vm.connect(5201) as s:
            s.sendall(data)
            s.settimeout(0.2)
            try:
                s.recv(10)
            except OSError:
                pass
    killed = vm.ns.popen(["iperf3", "-c", vm.ip, "-t", "9"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    killed.kill()
    killed.wait()
    eventually(lambda: vm.ns.run(["iperf3", "-c", vm.ip, "-n", "1M"], timeout=10, check=False).returncode == 0, 25)


@pytest.fixture
def stock_server(vm):
    """A stock server on the host."""
    server = vm.ns.popen(["iperf3", "-s", "-p", "5202"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    yield server
    server.kill()
    server.wait()


@pytest.mark.parametrize("options", ["", "-R", "-P 3", "--bidir", "-u -b 4M", "-u -b 4M -R", "-n 2M", "-k 10 -R"])
def test_guest_as_client(vm, stock_server, options):
    """The guest's client against a stock server, and its table."""
    output = vm.sh(f"iperf3 -c {HOST_IP} -p 5202 -t 1 {options}".replace("-t 1 -n", "-n").replace("-t 1 -k", "-k"), 30)
    assert "iperf Done." in output and "error" not in output
    assert "sender" in output and "receiver" in output and "bits/sec" in output


def test_guest_as_client_json(vm, stock_server):
    """-J gives one JSON object with the keys of iperf 3."""
    output = vm.sh(f"iperf3 -c {HOST_IP} -p 5202 -t 2 -J", 30)
    report = json.loads(output[output.index("{") :])
    assert report["end"]["sum_received"]["bytes"] > 1 << 16
    assert len(report["intervals"]) == 2
    assert report["end"]["sum_sent"]["sender"] and report["start"]["test_start"]["protocol"] == "TCP"


def test_guest_client_says_what_is_wrong(vm):
    """Refused, unreachable, nonsense: a line each."""
    assert "refused" in vm.sh(f"iperf3 -c {HOST_IP} -p 5999 -t 1").lower()
    for options in ("", "-c", "-s -c 10.0.0.1", "-c nosuch", "-c 10.0.0.1 -P 0", "-c 10.0.0.1 -b x", "-q",
                    "-c 10.77.0.1 -R --bidir", "-c 10.77.0.1 -u -l 70000", "-c 10.77.0.1 -n 1 -k 1"):  # fmt: skip
        assert 0 < len(vm.sh(f"iperf3 {options}").strip().splitlines()) < 6

# SPDX-License-Identifier: MIT
"""What `make bench` measures of an open port under pressure, in small: floods, idle crowds, churn, a
full accept queue, peers that take or give too little. Counts and memory only: rates are the host's."""

import os
import socket
import sys
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(TOP, "tests/bench"))

import crowd  # noqa: E402
import floods  # noqa: E402

IDLE = 2000
KEPT_KIB = 1024  # what caches may hold on to after a crowd has gone


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """The folder with both programs."""
    return crowd.build(str(tmp_path_factory.mktemp("crowd")))


@pytest.fixture
def target(vm):
    crowd.prepare(vm, floods.SOURCES)
    return vm


@pytest.mark.limit(120)
def test_flood_by_thousands(target, tools):
    """Spoofed SYNs by the thousand: honest requests succeed, options stay, memory and console too."""
    r = floods.flood_once(tools, target, 3000, 4, honest=40)
    assert r["honest_ok"] == 40, r
    assert r["after_ok"] == 1, r
    assert r["options"] in (None, {"wscale": True, "sack": True, "ts": True}), r
    assert max(r["growth_kib"], r["growth_after_kib"]) < 1024, r
    assert r["counters"]["TcpExt.SyncookiesSent"] > 0, r


def test_accept_queue_fills_and_recovers(target, tools):
    """An app that stops accepting: its queue takes what listen() said, the rest waits outside."""
    r = floods.overflow_once(tools, target, backlog=16, takes=2)
    assert r["send_q"] == 16, r
    assert r["recv_q"] in (16, 17), r  # Linux's queue takes one more than its limit
    assert r["more_up"] == 0, r
    assert r["counters"]["TcpExt.ListenOverflows"] > 0, r
    assert r["recovered_s"] is not None, r


@pytest.mark.limit(120)
def test_idle_connections_are_small(target, tools):
    """A connection that does nothing costs about 2 KiB, all told, and nothing once it is closed."""
    r = floods.idle_once(tools, target, IDLE, at_once=64)
    assert r["up"] == IDLE and r["failed"] == r["broken"] == 0, r
    assert r["others_served"] == 1, r
    # Slabs have 2,001 (TCP 1,638, epitem 129, httpd 98, file 80, socket 56), the table
    # of descriptors up to 16. What packets' memory grows by has nothing to do with their number: the
    # heads of messages that a CPU keeps may hold a block of 32 KiB each.
    assert r["bytes_each"] - r["packets_kib"] * 1024 / IDLE <= 2048, r
    assert r["packets_kib"] <= 256, r
    assert r["kept_after"] < 0.05, r


@pytest.mark.parametrize("mode", ["server-closes", "client-closes"])
def test_churn(target, tools, mode):
    """Connections opened, used and closed as fast as a client can: none fails, nothing piles up."""
    r = floods.churn_once(tools, target, mode, 1500)
    assert r["ok"] == 1500 and r["failed"] == 0, r
    assert r["growth_kib"] < KEPT_KIB, r


@pytest.mark.parametrize("kind", list(floods.KINDS))
def test_awkward_peers(target, tools, kind):
    """Peers that read nothing, or little, or write little, or are gone: bounded, others served, and
    httpd ends those that it should."""
    port = 8001 + list(floods.KINDS).index(kind)
    target.sh(f"httpd -p {port} -t 1 -s 2 &")
    target.wait_http(port=port)
    r = floods.pressed(tools, target, kind, 40, ("-r", 100), honest=50, port=port)
    assert r["up"] == 40 and r["others_ok"] == 50, r
    assert r["held_kib"] < 40 * 128, r
    assert r["tcp_mem_kib"] < r["tcp_mem_high_kib"], r
    assert r["left_kib"] < KEPT_KIB, r


@pytest.mark.limit(90)
def test_exhausted_by_zero_windows(target, tools):
    """Peers that take nothing have all memory that TCP may use: others are served all the same, and
    httpd resets those after its time-out, which gives it back."""
    marks = target.sh("sysctl net.ipv4.tcp_mem").split("=")[1].split()[:3]
    target.sh("httpd -p 8010 -t 1 -s 3 &")
    target.wait_http(port=8010)
    target.sh('sysctl -w net.ipv4.tcp_mem="150 200 300"')
    held, up = floods.hold(tools, target, "hold", 100, ("-r", 100), False, 8010)
    pages, high = floods.tcp_pages(target)
    r = crowd.run_conns(tools, target, "server-closes", 100, "-c", 4, "-t", 5000, port=8010)
    deadline = time.monotonic() + 20
    while floods.tcp_pages(target)[0] and time.monotonic() < deadline:
        time.sleep(0.2)
    left = floods.tcp_pages(target)[0]
    held.close()
    target.sh(f'sysctl -w net.ipv4.tcp_mem="{" ".join(marks)}"')
    assert up == 100 and high == 300 and 150 < pages < 300 * 9 // 8, (up, pages)
    assert r["ok"] == 100, r
    assert left == 0


@pytest.mark.soak
@pytest.mark.limit(150)
def test_slow_reader_is_not_given_up(target):
    """Who takes a little all the time keeps its connection; who takes nothing for 30 s loses it."""
    peers = []
    for _ in range(2):
        with target.ns.inside():
            s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.settimeout(20)
        s.connect((target.ip, 80))
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1500)
        peers.append(s)
    slow, silent = peers
    deadline = time.monotonic() + 70  # the first bytes were taken by the kernels alone
    while time.monotonic() < deadline:
        assert slow.recv(150)
        time.sleep(0.4)
    listing = target.sh("ss -tn state established")
    assert f":{slow.getsockname()[1]}" in listing
    assert f":{silent.getsockname()[1]}" not in listing
    for s in peers:
        s.close()

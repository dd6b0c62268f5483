# SPDX-License-Identifier: MIT
"""The server under ordinary clients, many of them, and clients that get the protocol wrong."""

import os
import socket
import time

import pytest
from guest import eventually

CRLF = b"\r\n"


def request(line="GET / HTTP/1.1", *headers):
    return CRLF.join([line.encode(), b"Host: sluice", *(h.encode() for h in headers), b"", b""])


def status_of(answer):
    """The status codes of all responses in a byte stream that holds no bodies like a status line."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_index(vm):
    """GET / gives the page with its type, length and date."""
    done = vm.curl("/", "-i")
    head, body = done.stdout.split(CRLF + CRLF, 1)
    fields = {k.lower(): v for k, v in (li.split(b": ", 1) for li in head.split(CRLF)[1:])}
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert fields[b"content-type"].startswith(b"text/html")
    assert int(fields[b"content-length"]) == len(body) > 0


@pytest.mark.limit(120)
def test_thousand_sequential_then_200_at_once(vm):
    """1,000 requests one after another and 200 at once, none fails; then memory is as before."""
    for _ in range(20):  # caches and pools reach their working size
        vm.curl("/")
    before = vm.free_kib()
    script = f"""for i in $(seq 1000); do
        curl -sS -m 10 -o /dev/null -w '%{{http_code}}\\n' http://{vm.ip}/ || echo failed
    done | sort | uniq -c"""
    assert vm.ns.sh(script, timeout=100).stdout.split() == ["1000", "200"]
    script = f"""curl -sS -m 60 -Z --parallel-immediate --parallel-max 200 -H 'Connection: close' \\
        -o /dev/null -w '%{{http_code}}\\n' 'http://{vm.ip}/?n=[1-200]' | sort | uniq -c"""
    assert vm.ns.sh(script, timeout=70).stdout.split() == ["200", "200"]
    # closed connections may linger for a moment, pools may keep what a burst needed
    eventually(lambda: vm.free_kib() >= before - 128, timeout=20, every=0.5)


def test_no_descriptor_is_lost(vm):
    """After many connections, also broken ones, the server still has as many descriptors."""
    for i in range(300):
        s = vm.connect()
        if i % 3:
            s.sendall(request()[: i % 30])
        s.close()
    assert vm.status("/") == 200
    assert " 80 " not in "".join(li for li in vm.sh("ss -tn").splitlines() if "CLOSE-WAIT" in li)


def test_keep_alive(vm):
    """Three requests on one connection."""
    with vm.connect() as s:
        for _ in range(3):
            s.sendall(request())
            head = b""
            while CRLF + CRLF not in head:
                head += s.recv(65536)
            head, body = head.split(CRLF + CRLF, 1)
            length = int(head.lower().split(b"content-length: ")[1].split(CRLF)[0])
            while len(body) < length:
                body += s.recv(65536)
            assert head.startswith(b"HTTP/1.1 200")


def test_segments_of_a_connection(vm):
    """A connection with one request costs the server three segments: SYN-ACK, the answer with the
    FIN, the last ACK. The request's ACK rides on the answer."""
    sent = [vm.counters()["Tcp.OutSegs"]]
    for _ in range(5):
        with vm.connect() as s:
            s.sendall(request("GET / HTTP/1.1", "Connection: close"))
            while s.recv(65536):
                pass
        time.sleep(0.05)
        sent.append(vm.counters()["Tcp.OutSegs"])
    # the least: on a slow machine a delayed ACK's time may come
    assert min(after - before for before, after in zip(sent, sent[1:])) == 3


def test_connection_close(vm):
    """The server closes where it is asked to, and where the client speaks HTTP/1.0."""
    for req in (request("GET / HTTP/1.1", "Connection: close"), b"GET / HTTP/1.0\r\n\r\n"):
        start = time.monotonic()
        answer = vm.http_raw(req)
        assert b" 200 OK" in answer[:20]
        assert time.monotonic() - start < 3, "the connection stayed open"


def test_what_comes_behind_the_last_request(vm):
    """Who sends more behind the last request still gets the whole answer: no reset destroys it."""
    last = request("GET / HTTP/1.1", "Connection: close")
    for behind in (b"", last, b"x" * 50000):
        with vm.connect() as s:
            s.sendall(last + behind)
            answer = b"".join(iter(lambda: s.recv(65536), b""))
        assert status_of(answer) == [200] and answer.endswith(b"</html>\n")


def test_asked_again(vm):
    """The same request gets the same answer each time, whether it goes on or closes."""
    for req in (request(), request("GET / HTTP/1.1", "Connection: close")):
        fields = []
        for _ in range(3):
            head, body = vm.http_raw(req, timeout=1).split(CRLF + CRLF, 1)
            fields.append(sorted(li for li in head.split(CRLF) if not li.startswith(b"Date: ")))
            assert body == vm.curl("/").stdout
        assert fields[0] == fields[1] == fields[2]
        assert (b"Connection: close" in fields[0]) == (b"close" in req)


def test_pipelining(vm):
    """Ten requests sent at once are answered in order, and so is one that trickles in."""
    last = request("GET /nosuch HTTP/1.1", "Connection: close")
    answer = vm.http_raw(request("HEAD / HTTP/1.1") * 9 + last)
    assert status_of(answer) == [200] * 9 + [404]
    with vm.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("HEAD / HTTP/1.1", "Connection: close"):
            s.sendall(bytes([byte]))
        assert s.recv(4096).startswith(b"HTTP/1.1 200")


def test_head(vm):
    """HEAD gives the header of GET, without the body."""
    head = vm.http_raw(request("HEAD / HTTP/1.1", "Connection: close"))
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(CRLF + CRLF)
    length = int(head.lower().split(b"content-length: ")[1].split(CRLF)[0])
    assert length == len(vm.curl("/").stdout)


WRONG = [
    (b"GET /nosuch HTTP/1.1\r\nHost: a\r\n\r\n", [404]),
    (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403, 404]),
    (b"GET /%2e%2e/%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", [400, 403, 404]),
    (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", [400, 404]),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    (b"\0\1\2\3\4garbage\r\n\r\n", [400]),
    (b"GET\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\n\r\n", [400]),  # RFC 9112 3.2: no Host
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", [400]),  # RFC 9112 5.1: blank before the colon
    (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", [400]),
    (b"GET nothing HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", [505]),
    (b"GET / JUNK/1.1\r\nHost: a\r\n\r\n", [400]),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", [405]),
    (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", [405]),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", [501]),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", [414]),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 70000 + b"\r\n\r\n", [431]),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5000 + b"\r\n", [431]),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", [400]),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", [400, 405]),
]  # fmt: skip


@pytest.mark.parametrize("data,allowed", WRONG, ids=[repr(d[:30])[2:-1] for d, _ in WRONG])
def test_wrong_requests(vm, data, allowed):
    """A request that is wrong, or asks for what is not there, gets the status that says so."""
    answer = vm.http_raw(data, timeout=3)
    assert status_of(answer)[:1] and status_of(answer)[0] in allowed, answer[:200]
    assert vm.status("/") == 200


def test_leading_empty_line(vm):
    """RFC 9112 2.2: an empty line before the request is passed over."""
    answer = vm.http_raw(CRLF + request("HEAD / HTTP/1.1", "Connection: close"))
    assert status_of(answer) == [200]


def test_garbage(vm):
    """Random bytes, binary protocols, half requests: each connection ends, the server does not."""
    rng_bytes = os.urandom(4096)
    tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng_bytes[:500]
    for data in (rng_bytes, rng_bytes * 50, tls_hello, b"\n" * 10000, b"\r" * 500, b"GET / HTT", b""):
        vm.http_raw(data, timeout=1, shut=True)
    assert vm.status("/") == 200


def test_range(vm):
    """A range gets 206 with those bytes, one behind the end 416; or ranges are ignored with 200."""
    whole = vm.curl("/").stdout
    done = vm.curl("/", "-r", "5-9", "-w", "\n%{http_code}").stdout
    body, code = done.rsplit(b"\n", 1)
    assert (code, body) in ((b"206", whole[5:10]), (b"200", whole))
    assert vm.status("/", "-r", f"{len(whole)}-") in (416, 200)


def test_slow_clients_hinder_nobody(vm):
    """Forty connections that send a byte now and then, and others are served as before."""
    slow = [vm.connect() for _ in range(40)]
    try:
        for _ in range(3):
            for s in slow:
                s.send(b"G")
            start = time.monotonic()
            assert vm.status("/") == 200
            assert time.monotonic() - start < 2
    finally:
        for s in slow:
            s.close()


def test_reader_that_stops(vm):
    """A client that asks for a lot and reads nothing costs others nothing, and its end frees all."""
    before = vm.free_kib()
    stuck = [vm.connect() for _ in range(8)]
    for s in stuck:
        s.sendall(request() * 200)
    assert vm.status("/") == 200
    for s in stuck:
        s.close()
    eventually(lambda: vm.free_kib() >= before - 256, timeout=20, every=0.5)

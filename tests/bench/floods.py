# SPDX-License-Identifier: MIT
"""An open port under pressure: parts of `make bench` (see tests/bench/run), each with its table.

  flood   10 s of spoofed SYNs at 10,000/s, 50,000/s and the host's full rate, 200 honest requests
  idle    100,000 connections that do nothing in 512 MiB, 10,000 in 64 MiB
  churn   200,000 connections opened, used and closed, whoever closes first
  peers   a full accept queue; slow readers and writers, zero windows, peers that vanish
"""

import re
import time

import crowd
import linux

HONEST = 200
RATES = {"10,000/s": 10000, "50,000/s": 50000, "full rate": 0}
COUNTERS = ("Tcp.InSegs", "Tcp.AttemptFails", "TcpExt.SyncookiesSent", "TcpExt.SyncookiesRecv",
            "TcpExt.SyncookiesFailed", "TcpExt.TCPReqQFullDoCookies", "TcpExt.TCPReqQFullDrop",
            "TcpExt.ListenDrops", "TcpExt.ListenOverflows")  # fmt: skip
SEGMENTS = 6  # of one honest request, as the guest receives them
SOURCES = 16
SOURCE = ("-s", f"{crowd.FIRST_SOURCE}/{SOURCES}")


def _names(bench):
    return ["sluice", "linux"] if bench.options.linux else ["sluice"]


def _start(bench, name, mem=128, connections=4096, **config):
    if name == "linux":
        config.update(linux.config("virtio", connections), mem=max(mem, 512))
    guest = bench.start(machine="q35", **{"mem": mem, **config})
    if name == "linux":
        guest.console.prompt = linux.PROMPT
        guest.wait_log("READY", 120)
        guest.sh("")
    else:
        guest.wait_ready()
    crowd.prepare(guest, SOURCES)
    return guest


def counted(guest, names=COUNTERS):
    found = guest.counters()
    return {name: found[name] for name in names if name in found}


# -- SYN floods ------------------------------------------------------------------------------------


def options_kept(guest, port):
    """What `ss -ti` tells of the connection from that port."""
    lines = re.search(rf":{port}\b[^\n]*\n\s+(.*)", guest.sh("ss -tin", 20))
    words = lines.group(1).split() if lines else []
    return {
        "wscale": any(w.startswith("wscale:") for w in words),
        "sack": "sack" in words,
        "ts": "ts" in words,
    }


def flood_once(tools, guest, rate, seconds, honest=HONEST, look_at_options=True):
    """One flood, and what was seen before, during and after it."""

    def requests(n, interval_us):
        return crowd.run_conns(tools, guest, "server-closes", n, "-c", n, "-i", interval_us, "-t",
                               9000, *SOURCE)  # fmt: skip

    # as often as during the flood: who asks seldom waits longer on any host, as all has gone to sleep
    interval_us = int(seconds * 0.7e6 / honest)
    calm = requests(honest, interval_us)
    free, before = crowd.settled_free_kib(guest), counted(guest)
    options = None
    with crowd.SynFlood(tools, guest, rate, seconds) as flood:
        time.sleep(0.2)
        typist = crowd.Typist(guest)
        typist.start()
        during = requests(honest, interval_us)
        typist.stop()
        held = crowd.free_kib(guest)
        if look_at_options and flood.running:
            with guest.connect(timeout=20) as s:
                options = options_kept(guest, s.getsockname()[1])
    time.sleep(0.1)
    soon = requests(20, 5000)
    after = counted(guest)
    change = {name: after[name] - before[name] for name in after}
    taken = change["Tcp.InSegs"] - SEGMENTS * (honest + 20)
    return {
        "sent_per_s": flood.sent / flood.seconds,
        "taken_in_per_s": taken / flood.seconds,
        "lost_at_tap": flood.lost / max(flood.sent, 1),
        "honest": honest,
        "honest_ok": during["ok"],
        "median_ms": during["median_ms"],
        "p99_ms": during["p99_ms"],
        "calm_median_ms": calm["median_ms"],
        "errors": during["errors"],
        "growth_kib": free - held,
        "growth_after_kib": free - crowd.settled_free_kib(guest),
        "console_median_ms": typist.median_ms,
        "console_worst_ms": typist.worst_ms,
        "options": options,
        "after_ok": soon["ok"] / soon["n"],
        "after_median_ms": soon["median_ms"],
        "counters": change,
    }


def flood(bench):
    """SYN floods from addresses that nobody has, at three rates."""
    tools, rows, data = crowd.build(bench.tmp), [], {}
    seconds = 4 if bench.options.quick else 10
    for name in _names(bench):
        guest = _start(bench, name)
        for label, rate in RATES.items():
            r = flood_once(tools, guest, rate, seconds, look_at_options=name == "sluice")
            data.setdefault(name, {})[label] = r
            kept = r["options"] and "+".join(k for k, v in r["options"].items() if v)
            rows.append([f"{name}, {label}", f"{r['sent_per_s']:,.0f}", f"{r['taken_in_per_s']:,.0f}",
                         f"{100 * r['lost_at_tap']:.1f} %", f"{r['honest_ok']}/{r['honest']}",
                         f"{r['median_ms']:.1f} ms", f"{r['calm_median_ms']:.1f} ms",
                         f"{r['growth_kib']:.0f} KiB", f"{r['console_worst_ms']:.0f} ms",
                         f"{100 * r['after_ok']:.0f} %, {r['after_median_ms']:.1f} ms",
                         kept or "-"])  # fmt: skip
        guest.close()
        bench.save("flood", data)
    header = ["", "SYNs sent/s", "taken in/s", "lost at tap", "honest", "median", "without", "memory",
              "console", "100 ms after", "options kept"]  # fmt: skip
    bench.table(f"flood: {seconds} s of spoofed SYNs, {HONEST} honest requests", header, rows)


# -- idle connections ------------------------------------------------------------------------------


KEPT = 0.05  # of the memory that was free before
KEEPALIVE_S = 75  # httpd ends a connection that says nothing for so long


def back_after(guest, before, limit_s):
    """Wait until what was free is free again, but for KEPT; (free KiB, seconds)."""
    start = time.monotonic()
    after = crowd.settled_free_kib(guest)
    while (before - after) / before > KEPT and time.monotonic() < start + limit_s:
        time.sleep(1)
        after = crowd.free_kib(guest)
    return after, time.monotonic() - start


def packet_kib(guest):
    """Pages that packets' memory has, in use or kept."""
    return int(re.search(r"SkbPool: +(\d+)", guest.sh("cat /proc/meminfo")).group(1))


def idle_once(tools, guest, n, at_once=256, killed=False):
    """n connections that have asked for a page and stay: what each holds, and what is left after.

    killed: their clients end all at once, without a look at what the guest takes in. Its queue on
    the host overflows and FINs are lost; whose client forgets them is ended by httpd's time-out.
    """
    crowd.run_conns(tools, guest, "client-closes", 500, "-c", 32, *SOURCE)
    before, packets = crowd.settled_free_kib(guest), packet_kib(guest)
    held = crowd.Conns(tools, guest, "idle", n, "-c", at_once, "-t", 30000, *SOURCE)
    up, failed, seconds = held.up()
    during, packets = crowd.settled_free_kib(guest), packet_kib(guest) - packets
    extra = crowd.run_conns(tools, guest, "server-closes", 50, "-t", 5000)
    start = time.monotonic()
    if killed:
        held.kill()
        broken = 0
    else:
        broken = held.close()["failed"] - failed
    closed = time.monotonic()
    after, _ = back_after(guest, before, KEEPALIVE_S + 30 if killed else 15)
    return {
        "n": n,
        "up": up,
        "failed": failed,
        "broken": broken,
        "seconds": seconds,
        "bytes_each": (before - during) * 1024 / max(up, 1),
        "packets_kib": packets,
        "free_kib": [before, during, after],
        "closed_s": closed - start,
        "returned_after_s": time.monotonic() - closed,
        "kept_after": (before - after) / before,
        "others_served": extra["ok"] / extra["n"],
        "others_median_ms": extra["median_ms"],
    }


def idle(bench):
    """What a connection costs that does nothing."""
    tools, rows, data = crowd.build(bench.tmp), [], {}
    cases = [("sluice", 512, 100000, False), ("sluice", 512, 100000, True), ("sluice", 64, 10000, False)]
    if bench.options.linux:
        cases.append(("linux", 512, 100000, False))
    for name, mem, n, killed in cases:
        n = n // 10 if bench.options.quick else n
        guest = _start(bench, name, mem, connections=2 * n)
        r = idle_once(tools, guest, n, killed=killed)
        guest.close()
        label = f"{name}, {mem} MiB" + (", clients killed" if killed else "")
        data[label] = r
        rows.append([label, f"{r['up']:,}", r["failed"] + r["broken"],
                     f"{r['bytes_each']:.0f} B", f"{100 * r['kept_after']:.1f} %",
                     f"{r['returned_after_s']:.0f} s",
                     f"{100 * r['others_served']:.0f} %, {r['others_median_ms']:.1f} ms",
                     f"{r['up'] / max(r['seconds'], 1e-3):,.0f}/s"])  # fmt: skip
        bench.save("idle", data)
    bench.table("idle: connections that stay after a request",
                ["", "up", "failed", "memory each", "not returned", "after", "others served", "made"], rows)  # fmt: skip


# -- churn -----------------------------------------------------------------------------------------


def churn_once(tools, guest, mode, n, at_once=16, sources=()):
    """n connections as fast as one client can."""
    before = crowd.settled_free_kib(guest)
    r = crowd.run_conns(tools, guest, mode, n, "-c", at_once, "-t", 20000, *sources, timeout=900)
    tenths = r["tenths"]
    r["last_to_first"] = tenths[-1] / tenths[0] if tenths[0] else 0
    r["time_wait"] = int(re.search(r"TCP:.* tw (\d+)", guest.sh("cat /proc/net/sockstat", 20)).group(1))
    r["growth_kib"] = before - crowd.free_kib(guest)
    return r


def churn(bench):
    """Connections opened, used and closed, from one address."""
    tools, rows, data = crowd.build(bench.tmp), [], {}
    n = 20000 if bench.options.quick else 200000
    for name in _names(bench):
        guest = _start(bench, name, 256)
        for mode in ("server-closes", "client-closes"):
            r = churn_once(tools, guest, mode, n)
            data.setdefault(name, {})[mode] = r
            rows.append([f"{name}, {mode.replace('-', ' ')} first", f"{r['ok']:,}", r["failed"],
                         f"{r['ok'] / r['seconds']:,.0f}/s", f"{r['tenths'][0]:,.0f}/s",
                         f"{r['tenths'][-1]:,.0f}/s", f"{r['last_to_first']:.2f}",
                         f"{r['time_wait']:,}", f"{r['growth_kib']:,} KiB"])  # fmt: skip
        guest.close()
        bench.save("churn", data)
    header = ["", "done", "failed", "rate", "first tenth", "last tenth", "ratio", "TIME-WAIT", "memory"]
    bench.table(f"churn: {n:,} connections from one address", header, rows)


# -- peers that misbehave --------------------------------------------------------------------------


def overflow_once(tools, guest, backlog=64, takes=4, port=8000):
    """An app that stops accepting: what its queue took, and how it recovered."""
    guest.sh(f"sysctl -w net.core.somaxconn={backlog}")
    guest.sh(f"httpd -p {port} -c {takes} -t 1 &")
    guest.sh("sysctl -w net.core.somaxconn=4096")
    guest.wait_http(port=port)
    time.sleep(0.5)
    names = ("TcpExt.ListenOverflows", "TcpExt.ListenDrops")
    before = counted(guest, names)
    taken = crowd.Conns(tools, guest, "mute", takes, "-t", 5000, port=port)
    taken.up()
    time.sleep(0.5)
    # one after the other: had all come at once, some would find the queue full before the app's turn
    waiting = crowd.Conns(tools, guest, "mute", backlog + 1, "-t", 5000, port=port)
    up, failed, _ = waiting.up()
    time.sleep(0.5)
    listing = guest.sh("ss -ltn")
    queue = re.search(rf"LISTEN\s+(\d+)\s+(\d+)\s+\S+:{port}\b", listing)
    more = crowd.Conns(tools, guest, "mute", 20, "-c", 1000, "-t", 1500, port=port)
    refused = more.up()
    more.close()
    change = {k: v - before[k] for k, v in counted(guest, names).items()}
    taken.close()
    waiting.close()
    start, served = time.monotonic(), False
    while not served and time.monotonic() < start + 10:
        served = crowd.run_conns(tools, guest, "server-closes", 1, "-t", 500, port=port)["ok"] == 1
    return {
        "takes": takes,
        "backlog": backlog,
        "up": up,
        "failed": failed,
        "recv_q": int(queue.group(1)),
        "send_q": int(queue.group(2)),
        "more_up": refused[0],
        "counters": change,
        "recovered_s": time.monotonic() - start if served else None,
    }


def tcp_pages(guest):
    """(pages that TCP's sockets hold, the high mark of net.ipv4.tcp_mem)"""
    held = re.search(r"^TCP:.* mem (\d+)", guest.sh("cat /proc/net/sockstat", 20), re.M)
    marks = re.search(r"tcp_mem = (\d+)\s+(\d+)\s+(\d+)", guest.sh("sysctl net.ipv4.tcp_mem", 20))
    return int(held.group(1)), int(marks.group(3))


def hold(tools, guest, mode, n, options, vanish, port):
    """(n peers of a kind, how many are up); vanish: they are gone without a word then."""
    if not vanish:
        held = crowd.Conns(tools, guest, mode, n, "-c", 64, *options, *SOURCE, port=port)
        return held, held.up()[0]
    guest.ns.sh(f"ip addr add 10.77.0.90/24 dev {guest.ns.TAP}")
    held = crowd.Conns(tools, guest, mode, n, "-c", 64, *options, "-s", "10.77.0.90/1", port=port)
    up = held.up()[0]
    guest.ns.sh(f"ip addr del 10.77.0.90/24 dev {guest.ns.TAP}")
    return held, up


def pressed(tools, guest, kind, n, options=(), honest=200, port=80, limit_s=10):
    """n peers of a kind at once: memory that they hold, whether others are served, what is left after
    limit_s at most, of the vanished from then on, of the others once they have closed."""
    mode, vanish = KINDS[kind]
    calm = crowd.run_conns(tools, guest, "server-closes", honest, "-c", 4, "-t", 2000, port=port)
    before = crowd.settled_free_kib(guest)
    held, up = hold(tools, guest, mode, n, options, vanish, port)
    start = time.monotonic()
    others = crowd.run_conns(tools, guest, "server-closes", honest, "-c", 4, "-t", 2000, port=port)
    during = crowd.free_kib(guest)
    pages, high = tcp_pages(guest)
    held.close()
    if not vanish:
        start = time.monotonic()
    left = before - crowd.settled_free_kib(guest)
    while left > LEFT_KIB and time.monotonic() < start + limit_s:
        time.sleep(0.5)
        left = before - crowd.free_kib(guest)
    return {
        "n": n,
        "up": up,
        "held_kib": before - during,
        "tcp_mem_kib": 4 * pages,
        "tcp_mem_high_kib": 4 * high,
        "honest": honest,
        "others_ok": others["ok"],
        "others_median_ms": others["median_ms"],
        "others_p99_ms": others["p99_ms"],
        "calm_median_ms": calm["median_ms"],
        "left_kib": left,
        "left_after_s": time.monotonic() - start,
    }


KINDS = {
    "zero windows": ("hold", False),
    "slow readers": ("slow-reader", False),
    "slow writers": ("slow-writer", False),
    "vanished": ("hold", True),
}
LEFT_KIB = 1024  # what caches, and records of the honest, may hold on to
SEND_S = 30  # httpd resets who takes nothing for so long, seen at most twice as late


def peers(bench):
    """A queue that nobody empties, and peers of whom each holds what it can get."""
    tools, data = crowd.build(bench.tmp), {}
    guest = _start(bench, "sluice", 128, module=bench.archive())
    r = data["accept overflow"] = overflow_once(tools, guest)
    bench.table("accept overflow: an app that stops accepting",
                ["app took", "queue", "limit", "of 20 more", "overflows", "serves again after"],
                [[r["takes"], r["recv_q"], r["send_q"], r["more_up"],
                  r["counters"]["TcpExt.ListenOverflows"],
                  "never" if r["recovered_s"] is None else f"{r['recovered_s'] * 1e3:.0f} ms"]])  # fmt: skip
    rows = []
    for kind in KINDS:
        n = 100 if bench.options.quick else 1000
        r = pressed(tools, guest, kind, n, ("-p", "/16m.bin"), limit_s=2 * SEND_S + 10)
        data[kind] = r
        rows.append([kind, r["up"], f"{r['held_kib']:,} KiB", f"{r['held_kib'] * 1024 / n:,.0f} B",
                     f"{r['tcp_mem_kib']:,} of {r['tcp_mem_high_kib']:,} KiB",
                     f"{r['others_ok']}/{r['honest']}",
                     f"{r['others_median_ms']:.1f} ms", f"{r['others_p99_ms']:.1f} ms",
                     f"{r['calm_median_ms']:.1f} ms",
                     f"{r['left_kib']:,} KiB, {r['left_after_s']:.0f} s"])  # fmt: skip
        bench.save("peers", data)
    guest.close()
    bench.table("peers: held by those who take or give too little",
                ["", "up", "memory", "each", "TCP's account", "others served", "median", "p99",
                 "without", "left after"], rows)  # fmt: skip


PARTS = {"flood": flood, "idle": idle, "churn": churn, "peers": peers}

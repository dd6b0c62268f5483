# SPDX-License-Identifier: MIT
"""Every NIC on every machine, every boot path, one to four CPUs; and every size of memory."""

import subprocess

import payload
import pytest

CARDS = [
    ("virtio", "pc"),
    ("virtio", "q35"),
    ("virtio", "microvm"),
    ("e1000", "pc"),
    ("e1000", "q35"),
    ("e1000e", "q35"),
]
PATHS = ["kernel", "bios", "uefi"]
WAYS = [
    (nic, machine, path)
    for path in PATHS
    for nic, machine in CARDS
    if path == "kernel" or machine != "microvm"  # it has neither CD nor firmware to boot from it
]
COUNTS = (4, 2, 1)  # the long ones first: two run at a time
MATRIX = [(*way, cpus) for cpus in COUNTS for way in WAYS]
# `make test` takes each way once, with the CPU counts spread over them; `make soak` takes all.
COVERING = {(*way, COUNTS[i % len(COUNTS)]) for i, way in enumerate(WAYS)}
ROWS = [
    pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[2]}-{row[3]}cpu",
                 marks=[] if row in COVERING else pytest.mark.soak)
    for row in MATRIX
]  # fmt: skip
DOWNLOADS = 8


def boot_by(path, dhcp, multiboot1):
    """What to tell Guest for this boot path, with the big file as a module."""
    if path == "kernel":
        return {"module": payload.big_archive(), "mem": 64}
    # UEFI's own firmware takes most of 128 MiB
    return {
        "iso": path,
        "iso_file": payload.big_iso(dhcp, multiboot1),
        "mem": 192 if path == "uefi" else 64,
    }


def download_all(guest, want):
    """Eight at once, each with its SHA-256 taken on the way."""
    url = f"http://{guest.ip}/16m.bin"
    script = f"curl -sS --fail -m 150 {url} | sha256sum"
    running = [
        guest.ns.popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(DOWNLOADS)
    ]
    results = [p.communicate(timeout=160) for p in running]
    bad = [r for r in results if r[0].split()[:1] != [want]]
    assert not bad, f"{len(bad)} of {DOWNLOADS} downloads differ: {bad}"


@pytest.mark.limit(240)
@pytest.mark.parametrize("nic,machine,path,cpus", ROWS)
def test_boots_and_serves(boot, nic, machine, path, cpus):
    """Boots, has its address, answers ping, serves a 16 MiB file to eight clients at once."""
    index = MATRIX.index((nic, machine, path, cpus))
    dhcp = index % 2 == 0
    how = boot_by(path, dhcp, multiboot1=index % 4 < 2)
    guest = boot(machine=machine, nic=nic, cpus=cpus, dhcp=dhcp, pcap=False, **how)
    guest.wait_ready(80)
    assert guest.ping(count=3).returncode == 0
    assert f"{guest.ip}/24" in guest.sh("ip addr")
    if dhcp:
        assert "default via 10.77.0.1" in guest.sh("ip route")
    online = guest.sh("cat /proc/cpuinfo").count("processor")
    assert online == cpus, f"{online} of {cpus} CPUs are up"
    download_all(guest, payload.big_sha256())
    guest.check_alive()


@pytest.mark.parametrize("cpus", [3, 8])
def test_other_cpu_counts(boot, cpus):
    """Starts an odd number of CPUs, and more of them than the host has."""
    guest = boot(cpus=cpus, pcap=False).wait_ready(40)
    assert guest.sh("cat /proc/cpuinfo").count("processor") == cpus


@pytest.mark.parametrize("nic,machine", [("82545em", "pc"), ("82545em", "q35")])
def test_82545em(boot, nic, machine):
    """The other model of the e1000 family serves as well."""
    guest = boot(nic=nic, machine=machine).wait_ready()
    assert guest.status("/") == 200


MEMORY = ["16", "17", "33", "100", "511", "3072", "3500", "5120", "8192"]


@pytest.mark.parametrize("mem", MEMORY)
@pytest.mark.parametrize("machine", ["q35", "microvm"])
def test_memory_sizes(boot, machine, mem):
    """Serves with this much memory (MiB), and `free` finds nearly all of it."""
    guest = boot(machine=machine, mem=mem, pcap=False).wait_ready(40)
    assert guest.status("/") == 200
    total_kib = int(guest.sh("free").split("Mem:")[1].split()[0])
    assert 0.6 * int(mem) * 1024 < total_kib <= int(mem) * 1024


@pytest.mark.parametrize("mem", ["1536k", "2M", "3M"])
def test_too_little_memory(boot, mem):
    """A machine far too small says so on the serial line, or serves all the same."""
    guest = boot(machine="microvm", mem=mem, pcap=False, options=["--no-reboot"])
    found = guest.wait_log(r"(?i)(memory|boot: entry to listening)", 15)
    assert found


def test_multi_queue_tap_absent(boot):
    """A device that offers four queue pairs works with the one that a plain TAP has."""
    guest = boot(cpus=4, qemu=["-global", "virtio-net-pci.mq=on"]).wait_ready()
    assert guest.status("/") == 200


@pytest.mark.parametrize(
    "flags",
    ["disable-legacy=on", "disable-modern=on", "packed=on,disable-legacy=on", "mrg_rxbuf=off",
     "event_idx=off,indirect_desc=off", "vectors=0", "ctrl_vq=off", "status=off", "csum=off,guest_csum=off",
     "rx_queue_size=1024"],
)  # fmt: skip
def test_virtio_feature_sets(boot, flags):
    """Whatever the device offers or withholds, what is negotiated works."""
    settings = [f for pair in flags.split(",") for f in ("-global", f"virtio-net-pci.{pair}")]
    guest = boot(qemu=settings).wait_ready()
    assert guest.status("/") == 200
    assert guest.ping(count=3).returncode == 0

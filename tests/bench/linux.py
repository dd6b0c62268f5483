# SPDX-License-Identifier: MIT
"""The Linux guest that Sluice is measured beside: Debian's kernel, nginx and iperf3 in an initramfs.

Packages are downloaded with apt-get and unpacked under build/bench/linux, nothing is installed. The
cloud kernel is the leaner one, but it has no e1000: for that NIC the general one is taken.
"""

import glob
import os
import re
import shutil
import subprocess
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(TOP, "build/bench/linux")
KERNELS = {"virtio": "linux-image-cloud-amd64", "e1000": "linux-image-amd64"}
MODULES = {"virtio": ["virtio_pci", "virtio_net", "tcp_bbr"], "e1000": ["e1000"]}
USERLAND = """busybox-static nginx iperf3 libiperf0 libsctp1 libc6 libpcre2-8-0 libssl3 zlib1g
              libcrypt1""".split()  # fmt: skip
APPLETS = "sh mount insmod ip cat dd sleep nproc mkdir chmod grep poweroff echo".split()
LIBS = "lib/x86_64-linux-gnu"
INDEX_BYTES = 612  # as large as nginx's own first page

# Copies by `rep movsb` are done byte by byte in an emulator; without that flag Linux copies by words
# and moves twice as much, so this is its best.
BEST_CPU = "max,erms=off"

PROMPT = "linux# "  # of its console, see INIT
INIT = """#!/bin/sh
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do insmod "$module"; done </modules
ip link set lo up
until ip link set eth0 up 2>/dev/null; do sleep 0.01; done
ip addr add 10.77.0.2/24 dev eth0
ip route add default via 10.77.0.1
echo "worker_processes $(nproc);" >/etc/nginx/workers
connections=4096
for word in $(cat /proc/cmdline); do
    case $word in connections=*) connections=${word#*=} ;; esac
done
echo "worker_connections $connections;" >/etc/nginx/connections
echo "worker_rlimit_nofile $((2 * connections));" >>/etc/nginx/workers
echo $((4 * connections)) >/proc/sys/fs/file-max
nginx
iperf3 -s -D >/dev/null
mount -t tmpfs tmpfs /files
dd if=/dev/zero of=/files/16m.bin bs=1M count=16 2>/dev/null
echo READY >/dev/console
# a console for whoever measures
while :; do
    printf 'linux# '
    if read -r line; then eval "$line"; else sleep 1; fi
done
"""

NGINX = """user root root;
include /etc/nginx/workers;
worker_cpu_affinity auto;
error_log /dev/null crit;
pid /run/nginx.pid;
events { include /etc/nginx/connections; use epoll; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
    types { text/html html; }
    server {
        listen 80 backlog=4096 reuseport;
        root /srv;
        location = /16m.bin { root /files; }
    }
}
"""


def _run(*argv, **kw):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **kw).stdout


def _real_kernel(meta):
    """The package that a meta package stands for today."""
    found = re.search(r"Depends: (linux-image-\S+)", _run("apt-cache", "depends", meta))
    return found.group(1)


def _unpack(package, into):
    debs = os.path.join(FOLDER, "debs")
    os.makedirs(debs, exist_ok=True)
    if not glob.glob(f"{debs}/{package}_*.deb"):
        _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package, cwd=debs)
    _run("dpkg-deb", "-x", glob.glob(f"{debs}/{package}_*.deb")[0], into)


def _needed(program):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", _run("readelf", "-d", program))


def _libraries(user, root, programs):
    """Copy what the programs are linked with, and what that is linked with."""
    todo = list(programs)
    while todo:
        for name in _needed(todo.pop()):
            to = os.path.join(root, LIBS, name)
            if not os.path.exists(to):
                shutil.copy(_run("find", user, "-name", name).split("\n", 1)[0], to)
                todo.append(to)


def _userland(root):
    user = os.path.join(FOLDER, "user")
    for package in USERLAND:
        _unpack(package, user)
    for folder in ("bin sbin lib64 proc dev run tmp srv files etc/nginx var/log/nginx var/lib/nginx "
                   "lib/modules " + LIBS).split():  # fmt: skip
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    shutil.copy(f"{user}/bin/busybox", f"{root}/bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", f"{root}/bin/{applet}")
    shutil.copy(f"{user}/usr/sbin/nginx", f"{root}/sbin/nginx")
    shutil.copy(f"{user}/usr/bin/iperf3", f"{root}/bin/iperf3")
    _libraries(user, root, [f"{root}/sbin/nginx", f"{root}/bin/iperf3"])
    loader = "ld-linux-x86-64.so.2"
    if not os.path.exists(f"{root}/{LIBS}/{loader}"):
        shutil.copy(_run("find", user, "-name", loader, "-type", "f").split("\n")[0], f"{root}/{LIBS}/")
    os.symlink(f"../{LIBS}/{loader}", f"{root}/lib64/{loader}")
    for path, text in (("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"), ("etc/group", "root:x:0:\n"),
                       ("etc/nginx/nginx.conf", NGINX), ("init", INIT),
                       ("srv/index.html", "x" * INDEX_BYTES)):  # fmt: skip
        with open(os.path.join(root, path), "w", encoding="ascii") as f:
            f.write(text)
    os.chmod(f"{root}/init", 0o755)


def _modules(kernel, root, nic):
    """The driver and what it needs, in the order of loading."""
    version = os.listdir(f"{kernel}/lib/modules")[0]
    _run("depmod", "-b", kernel, version)
    with open(f"{root}/modules", "w", encoding="ascii") as order:
        for module in MODULES[nic]:
            listing = _run("modprobe", "-d", kernel, "-S", version, "--show-depends", module)
            for path in re.findall(r"^insmod (\S+)", listing, re.M):
                if not os.path.exists(f"{root}/lib/modules/{os.path.basename(path)}"):
                    shutil.copy(path, f"{root}/lib/modules/")
                    order.write(f"/lib/modules/{os.path.basename(path)}\n")
    return version


def guest_files(nic):
    """(kernel, initramfs) for a NIC; made once."""
    out = os.path.join(FOLDER, nic)
    what = zlib.crc32((INIT + NGINX).encode())
    kernel, initramfs = f"{out}/vmlinuz", f"{out}/initramfs-{what:08x}.gz"
    if os.path.exists(initramfs):
        return kernel, initramfs
    shutil.rmtree(out, ignore_errors=True)
    root, package = f"{out}/root", f"{out}/kernel"
    os.makedirs(root)
    _userland(root)
    _unpack(_real_kernel(KERNELS[nic]), package)
    version = _modules(package, root, nic)
    shutil.copy(f"{package}/boot/vmlinuz-{version}", kernel)
    pack = f"find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0 | gzip -n9 >{initramfs}.new"
    _run("sh", "-c", pack, cwd=root)
    os.rename(f"{initramfs}.new", initramfs)
    shutil.rmtree(package)
    return kernel, initramfs


def config(nic, connections=4096):
    """Guest(**config): the same machine with Linux in it, nginx set up for so many connections."""
    kernel, initramfs = guest_files(nic)
    return {
        "kernel": kernel,
        "module": initramfs,
        "mem": 512,
        "cmdline": f"console=ttyS0 quiet panic=-1 net.ifnames=0 connections={connections}",
        "qemu": ["-cpu", BEST_CPU],
    }

# SPDX-License-Identifier: MIT
"""What every guest test gets: guests, a time limit, and logs kept where it failed."""

import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from guest import KERNEL, TOP, Guest  # noqa: E402

LOGS = os.path.join(TOP, "build/test-logs")
LIMIT_S = 60


def pytest_addoption(parser):
    parser.addoption("--claims", help="folder shared with other processes running this same suite")
    parser.addoption("--soak", action="store_true", help="also the tests that `make test` leaves out")


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: only with --soak, as `make soak` says it")
    config.addinivalue_line("markers", f"limit(seconds): time limit in place of {LIMIT_S} s")
    if os.geteuid() != 0:
        pytest.exit("network namespaces need root: tests/guest/run gets it without a password")
    if not os.path.exists(KERNEL):
        pytest.exit(f"no image {KERNEL}: make builds it")


def _claimed(session, folder):
    """The tests that fall to this process: whoever makes a test's file first runs it."""
    for item in session.items:
        name = hashlib.sha256(item.nodeid.encode()).hexdigest()
        try:
            os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield item


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """pytest's own loop, but over tests that are shared with other processes (--claims). It looks
    one test ahead: what a file's tests share is torn down after the last of them that runs here."""
    folder = session.config.getoption("--claims")
    if not folder or session.config.option.collectonly:
        return None
    items = _claimed(session, folder)
    item = next(items, None)
    while item:
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail or session.shouldstop:
            raise session.Interrupted(session.shouldfail or session.shouldstop)
        item = following
    return True


def pytest_collection_modifyitems(config, items):
    if config.getoption("--soak"):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("limit")
    limit = int(marker.args[0] if marker else LIMIT_S)

    def late(_signal, _frame):
        raise AssertionError(f"out of time: {limit} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep the logs of a failed test's guests while they are still there."""
    report = (yield).get_result()
    if report.failed and call.excinfo:
        name = re.sub(r"[^\w.-]+", "_", item.nodeid.split("/")[-1])
        for number, guest in enumerate(getattr(item, "guests", [])):
            where = os.path.join(LOGS, name, str(number) if number else "")
            guest.keep(where)
            report.sections.append(("guest", f"logs in {os.path.relpath(where, TOP)}"))
            report.sections.append(("end of its serial log", guest.log[-1500:]))


class Machines:
    """Boots guests, remembers which test used them, ends them."""

    def __init__(self):
        self._tmp = tempfile.mkdtemp(prefix="sluice-test-")
        self._made = 0
        self._shared = {}

    def boot(self, item, **config):
        self._made += 1
        guest = Guest(os.path.join(self._tmp, str(self._made)), **config)
        item.guests.append(guest)
        return guest

    def shared(self, item, **config):
        """The guest of this kind that is up already, or a new one."""
        key = repr(sorted(config.items()))
        guest = self._shared.get(key)
        if guest and not guest.alive:
            guest.close()
            guest = None
        if guest:
            item.guests.append(guest)
        else:
            guest = self._shared[key] = self.boot(item, **config)
            guest.wait_ready()
        return guest

    def drop(self, guest):
        """A guest that failed a test serves no other."""
        for key in [k for k, g in self._shared.items() if g is guest]:
            del self._shared[key]
        guest.close()

    def close_shared(self):
        for guest in self._shared.values():
            guest.close()
        self._shared.clear()

    def close(self):
        self.close_shared()
        shutil.rmtree(self._tmp, ignore_errors=True)


@pytest.fixture(scope="session")
def machines():
    m = Machines()
    yield m
    m.close()


@pytest.fixture(scope="module")
def _module_guests(machines):
    yield
    machines.close_shared()


@pytest.fixture
def boot(request, machines):
    """boot(machine=..., nic=..., ...): a guest of this test's own (see Guest)."""
    request.node.guests = getattr(request.node, "guests", [])
    before = len(request.node.guests)
    yield lambda **config: machines.boot(request.node, **config)
    for guest in request.node.guests[before:]:
        guest.close()


@pytest.fixture
def vm(request, machines, _module_guests):
    """A guest that is up, shared by the tests of a file: q35, virtio-net, two CPUs, unless the file
    or the test says otherwise by @pytest.mark.parametrize("vm", [dict(...)], indirect=True). It must be
    well after the test; if it is not, the test fails and the next one gets a new guest."""
    request.node.guests = getattr(request.node, "guests", [])
    config = {"cpus": 2, **getattr(request, "param", {})}
    guest = machines.shared(request.node, **config)
    yield guest
    try:
        guest.check_alive()
        guest.sh("")
    except BaseException:
        request.node.guests = [guest]
        guest.keep(os.path.join(LOGS, re.sub(r"[^\w.-]+", "_", request.node.nodeid.split("/")[-1])))
        machines.drop(guest)
        raise

# SPDX-License-Identifier: MIT
"""The stack gets no dearer unnoticed: guest instructions a unit, against tests/bench/instructions.txt."""

import os
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))

import instructions  # noqa: E402
import loads  # noqa: E402
import plugin  # noqa: E402


@pytest.fixture(scope="module")
def library():
    with tempfile.TemporaryDirectory(prefix="sluice-insn-") as folder:
        yield plugin.build(folder)


@pytest.mark.limit(120)
@pytest.mark.parametrize("name", loads.COUNTED)
def test_instructions(boot, library, name, tmp_path):
    """A unit costs at most 5 % more than the table says."""
    if library is None:
        pytest.skip("this QEMU takes no plugins")
    table, made_with = instructions.read_table()
    if made_with != instructions.compiler():
        pytest.skip(f"the table is of gcc {made_with}")
    config, counts = instructions.guest_config(str(tmp_path), library)
    guest = boot(**config)
    guest.wait_ready()
    guest.wait_http(port=9)  # the discard service, which starts last
    limit = table[name] * (1 + instructions.GROWTH)
    runs = []
    for _ in range(3):  # a busy host makes time-outs, which cost
        runs += instructions.measure_one(guest, counts, loads.COUNTED[name][0])[1]
        if min(runs) <= limit:
            break
    assert min(runs) <= limit, f"{name}: table {table[name]}; runs {[round(r) for r in runs]}"

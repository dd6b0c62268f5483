#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run cmocka programs, one after another, and close with `N passed, N failed`.

A program prints a line of its own; its output follows only if something failed. A crash, a
sanitizer report or a time-out counts as one failure more.
"""

import os
import re
import subprocess
import sys
import time

TIME_LIMIT_S = 120


def run(program):
    """(passed, failed, note, output) of one program."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT",
               UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
               ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1")
    try:
        done = subprocess.run([program], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TIME_LIMIT_S, errors="replace", check=False)
    except subprocess.TimeoutExpired as late:
        return 0, 1, f"no end after {TIME_LIMIT_S} s", (late.output or b"").decode(errors="replace")
    passed = len(re.findall(r"^\[       OK \]", done.stdout, re.M))
    bad = len(re.findall(r"^\[  (?:FAILED|ERROR ) \] [^:\n]*$", done.stdout, re.M))
    summary = re.findall(r"^\[  FAILED  \] (\d+) test\(s\)", done.stdout, re.M)
    failed = sum(map(int, summary)) if summary else bad
    note = ""
    if done.returncode != 0 and failed == 0:
        failed, note = 1, f"ended with status {done.returncode}"
    elif passed + failed == 0:
        failed, note = 1, "ran no test"
    return passed, failed, note, done.stdout


def main(programs):
    total_passed = total_failed = 0
    for program in programs:
        start = time.monotonic()
        passed, failed, note, output = run(program)
        total_passed += passed
        total_failed += failed
        took = time.monotonic() - start
        print(f"{os.path.basename(program):32} {passed:4} passed, {failed} failed  {took:5.1f} s  {note}")
        if failed:
            print(output)
        sys.stdout.flush()
    print(f"unit: {total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

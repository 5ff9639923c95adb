#!/usr/bin/python3
"""Runs test programs and counts the tests inside them, not the programs.

    tests/run.py [--minimum N] PART...

A PART is `ctest:DIR` (each test that CMake registered in the build folder DIR: a cmocka program
counts its tests, any other program counts as one) or `suite:COMMAND` (a program that ends with a
line "N passed, N failed"). Every program's output is kept and shown if something in it failed.
Ends with "N passed, N failed[, N skipped]"; exits 0 only if nothing failed and at least N ran.
"""
from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

PROGRAM_TIMEOUT_S = 900


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Count") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def run(command: list[str], cwd: str | None = None) -> tuple[int, str]:
    """Runs to the end; a program that hangs is ended and has failed. The output goes through a file, for what Wine starts
    on a program's behalf would keep a pipe open long after it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            code, note = process.wait(PROGRAM_TIMEOUT_S), ""
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code, note = -1, f"\nended after {PROGRAM_TIMEOUT_S} s\n"
        output.seek(0)
        return code, output.read().decode(errors="replace") + note


def count_cmocka(output: str) -> Count | None:
    """cmocka's own closing lines, summed over the groups of one program; None if there are none."""
    count, groups = Count(), 0
    for label, number in re.findall(r"^\[  (PASSED|FAILED|SKIPPED) \s*\] (\d+) test\(s\)", output, re.M):
        groups += label == "PASSED"
        setattr(count, label.lower(), getattr(count, label.lower()) + int(number))
    announced = sum(map(int, re.findall(r"^\[==========\] (?:.*: )?Running (\d+) test\(s\)", output, re.M)))
    if not announced:
        return None
    ran = count.passed + count.failed + count.skipped
    if ran < announced:  # The program ended in the middle of a group.
        count.failed += announced - ran
    return count


def count_suite(output: str) -> Count | None:
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    return Count(*(int(n or 0) for n in found[-1])) if found else None


def show(name: str, count: Count, seconds: float, output: str, code: int) -> None:
    bad = count.failed > 0
    print(f"{'FAILED' if bad else 'ok    '}  {name:<58} {count.passed:4d} passed  {seconds:6.1f} s", flush=True)
    if bad:
        print("\n".join(f"    | {line}" for line in output.splitlines()[-120:]))
        print(f"    exit code {code}", flush=True)
    for line in output.splitlines():
        if re.match(r"\s*skipped:?\s", line, re.I):
            print(f"    {line.strip()}")


def run_one(name: str, command: list[str], cwd: str | None, counters) -> Count:
    start = time.monotonic()
    code, output = run(command, cwd)
    count = next((c for c in (counter(output) for counter in counters) if c), None)
    if count is None:
        count = Count(passed=int(code == 0), failed=int(code != 0))
    elif code != 0 and count.failed == 0:
        count.failed = 1
    show(name, count, time.monotonic() - start, output, code)
    return count


def run_ctest(build: str) -> Count:
    listing = json.loads(subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, check=True,
                                        stdout=subprocess.PIPE).stdout)
    total = Count()
    for test in listing["tests"]:
        if "command" not in test:
            print(f"FAILED  {build} {test['name']}: was not built")
            total.failed += 1
            continue
        cwd = next((p["value"] for p in test.get("properties", []) if p["name"] == "WORKING_DIRECTORY"), build)
        total.add(run_one(f"{build} {test['name']}", test["command"], cwd, [count_cmocka]))
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minimum", type=int, default=1, help="fail if fewer tests ran")
    parser.add_argument("parts", nargs="+", metavar="PART")
    arguments = parser.parse_args()
    total = Count()
    for part in arguments.parts:
        kind, _, what = part.partition(":")
        if kind == "ctest":
            total.add(run_ctest(os.path.abspath(what)))
        elif kind == "suite":
            total.add(run_one(what, shlex.split(what), None, [count_suite]))
        else:
            parser.error(f"a PART starts with ctest: or suite:, not '{part}'")
    ran = total.passed + total.failed
    if ran < arguments.minimum:
        print(f"FAILED  only {ran} tests ran, at least {arguments.minimum} must")
        total.failed += 1
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())

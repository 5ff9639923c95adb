#!/usr/bin/python3
"""Runs test programs and counts the tests inside them, not the programs.

    tests/run.py [--minimum N] [--jobs N] [--limit-s S] PART...

A PART is `ctest:DIR` (each test that CMake registered in the build folder DIR: a cmocka program
counts its tests, any other program counts as one) or `suite:COMMAND` (a program that ends with a
line "N passed, N failed"), or `alone:COMMAND`, a suite that keeps every core busy by itself: these
run first, one after the other. Of the rest N programs run at once, started in the order of the
parts; each says its line when it ends. The end of a program's output is shown if something in it failed, and what failed is named
once more at the end; all that it printed stands in build/failed.
Ends with "N passed, N failed[, N skipped]"; exits 0 only if nothing failed and at least N ran.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator

FAILED = os.path.join("build", "failed")


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Count") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def run(command: list[str], limit_s: float, cwd: str | None = None) -> tuple[int, str]:
    """Runs to the end; a program that hangs is ended and has failed. The output goes through a file, for what Wine starts
    on a program's behalf would keep a pipe open long after it."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
        except OSError as error:
            return 127, f"ERROR: it does not start: {error}\n"
        try:
            code, note = process.wait(limit_s), ""
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code, note = -1, f"\nended after {limit_s:.0f} s\n"
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


@dataclasses.dataclass
class Program:
    name: str
    command: list[str]
    cwd: str | None
    counter: Callable[[str], Count | None]


@dataclasses.dataclass
class Result:
    program: Program
    count: Count
    code: int
    output: str
    seconds: float


def run_program(program: Program, limit_s: float) -> Result:
    start = time.monotonic()
    code, output = run(program.command, limit_s, program.cwd)
    count = program.counter(output)
    if count is None:
        count = Count(passed=int(code == 0), failed=int(code != 0))
    elif code != 0 and count.failed == 0:
        count.failed = 1
    return Result(program, count, code, output, time.monotonic() - start)


def keep(result: Result) -> str:
    """Where the whole output stands from now on."""
    os.makedirs(FAILED, exist_ok=True)
    path = os.path.join(FAILED, re.sub(r"[^A-Za-z0-9.]+", "-", result.program.name).strip("-") + ".log")
    with open(path, "w", encoding="utf-8") as log:
        log.write(result.output)
    return path


def show(result: Result) -> None:
    bad = result.count.failed > 0
    print(f"{'FAILED' if bad else 'ok    '}  {result.program.name:<58} {result.count.passed:4d} passed"
          f"  {result.seconds:6.1f} s", flush=True)
    if bad:
        print("\n".join(f"    | {line}" for line in result.output.splitlines()[-120:]))
        print(f"    exit code {result.code}; all of it: {keep(result)}", flush=True)
    for line in result.output.splitlines():
        if re.match(r"\s*skipped:?\s", line, re.I):
            print(f"    {line.strip()}")


def show_again(failed: list[Result]) -> None:
    """A short reminder, for the output may be long and seen only in part."""
    for result in failed:
        print(f"FAILED  {result.program.name}")
        told = [line for line in result.output.splitlines() if re.search(r"\bFAIL|Error\b|ERROR", line)]
        print("\n".join(f"    | {line}" for line in told[-20:]))


def programs_of(part: str) -> list[Program]:
    kind, _, what = part.partition(":")
    if kind in ("suite", "alone"):
        return [Program(what, shlex.split(what), None, count_suite)]
    if kind != "ctest":
        sys.exit(f"a PART starts with ctest:, suite: or alone:, not '{part}'")
    what = os.path.abspath(what)
    listing = json.loads(subprocess.run(["ctest", "--show-only=json-v1"], cwd=what, check=True,
                                        stdout=subprocess.PIPE).stdout)
    programs = []
    for test in listing["tests"]:
        folder = next((p["value"] for p in test.get("properties", []) if p["name"] == "WORKING_DIRECTORY"), what)
        # A test without a command was not built: running the name it lacks says so.
        programs.append(Program(f"{what} {test['name']}", test.get("command", [f"{what}/{test['name']}"]), folder,
                                count_cmocka))
    return programs


def results(parts: list[str], jobs: int, limit_s: float) -> Iterator[Result]:
    """As they come."""
    alone = [part for part in parts if part.startswith("alone:")]
    together = [part for part in parts if not part.startswith("alone:")]
    yield from (run_program(program, limit_s) for part in alone for program in programs_of(part))
    programs = [program for part in together for program in programs_of(part)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_program, p, limit_s) for p in programs]):
            yield done.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minimum", type=int, default=1, help="fail if fewer tests ran")
    parser.add_argument("parts", nargs="+", metavar="PART")
    parser.add_argument("--jobs", type=int, default=1, help="programs that run at once")
    parser.add_argument("--limit-s", type=float, default=900, help="a program that takes longer has failed (default 900)")
    arguments = parser.parse_args()
    total, failed = Count(), []
    for result in results(arguments.parts, arguments.jobs, arguments.limit_s):
        show(result)
        total.add(result.count)
        if result.count.failed:
            failed.append(result)
    show_again(failed)
    ran = total.passed + total.failed
    if ran < arguments.minimum:
        print(f"FAILED  only {ran} tests ran, at least {arguments.minimum} must")
        total.failed += 1
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Holds the finished programs to their hardening: what the linker and the loader are told, and what the compiler has put in.

    tests/hardening.py [CASE...]

Reads build/linux and build/windows. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose  # noqa: E402

GUEST = ROOT / "build/linux/ttyferry"
HOSTS = [ROOT / "build/windows" / name for name in ("ttyferry.exe", "ttyferryw.exe")]
# A program of this size has several hundred functions with a buffer on the stack; a library alone has a few.
GUARDED_MIN = 200


def output(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True, errors="replace").stdout


def expect(pattern: str, text: str, what: str) -> None:
    assert re.search(pattern, text), f"{what}: nothing like {pattern!r}"


def guest_is_position_independent(_: None) -> None:
    expect(r"Type:\s+DYN", output("readelf", "-h", GUEST), "its type")
    expect(r"FLAGS_1.*\bPIE\b", output("readelf", "-d", "--wide", GUEST), "its flags")


def guest_has_no_writable_relocations(_: None) -> None:
    expect(r"GNU_RELRO", output("readelf", "-l", "--wide", GUEST), "its segments")
    expect(r"FLAGS_1.*\bNOW\b", output("readelf", "-d", "--wide", GUEST), "its flags")


def guest_has_no_executable_data(_: None) -> None:
    for line in output("readelf", "-l", "--wide", GUEST).splitlines():
        assert not re.search(r"\bRWE\b", line), f"a segment may be written and run: {line}"


def guest_guards_its_stack(_: None) -> None:
    guarded = output("objdump", "-d", "--no-show-raw-insn", GUEST).count("%fs:0x28")
    assert guarded >= GUARDED_MIN, f"{guarded} uses of the stack's guard"


def guest_needs_no_library(_: None) -> None:
    assert "NEEDED" not in output("readelf", "-d", "--wide", GUEST)
    assert "INTERP" not in output("readelf", "-l", "--wide", GUEST)


def hosts_are_moved_and_their_data_is_not_run(_: None) -> None:
    for program in HOSTS:
        headers = output("x86_64-w64-mingw32-objdump", "-p", program)
        for flag in ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT"):
            expect(flag, headers, program.name)
        # Without relocations Windows could not move it, whatever its flags say.
        expect(r"PE File Base Relocations", headers, program.name)


def hosts_guard_stack_and_buffers(_: None) -> None:
    for program in HOSTS:
        content = program.read_bytes()
        for words in (b"stack smashing detected", b"buffer overflow detected"):
            assert words in content, f"{program.name} lacks the runtime that says {words!r}"


CASES = [
    guest_is_position_independent,
    guest_has_no_writable_relocations,
    guest_has_no_executable_data,
    guest_guards_its_stack,
    guest_needs_no_library,
    hosts_are_moved_and_their_data_is_not_run,
    hosts_guard_stack_and_buffers,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="What the finished programs' headers and code say of their hardening.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    cases: Cases[None] = Cases()
    cases.run(chosen, None)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

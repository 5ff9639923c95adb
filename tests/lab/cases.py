"""Named cases: runs them one after another, prints a line for each, and closes with "N passed, N failed"."""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Context = TypeVar("Context")


class Cases(Generic[Context]):
    """Counts what ran. `on_failure` gets the context when a case failed, to show logs and to clean up for the next."""

    def __init__(self, on_failure: Callable[[Context], None] | None = None) -> None:
        self.passed = 0
        self.failed = 0
        self._on_failure = on_failure

    def run(self, cases: Sequence[Callable[[Context], None]], context: Context) -> None:
        for case in cases:
            self.run_one(case.__name__, case, context)

    def run_one(self, name: str, case: Callable[[Context], None], context: Context) -> None:
        started = time.monotonic()
        try:
            case(context)
        except Exception:  # A case may fail in any way; the others still run.
            self.failed += 1
            traceback.print_exc()
            print(f"FAILED {name}", flush=True)
            if self._on_failure:
                self._on_failure(context)
        else:
            self.passed += 1
            print(f"ok     {name} ({time.monotonic() - started:.2f} s)", flush=True)

    def close(self) -> int:
        """The closing line; returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def choose(parser: argparse.ArgumentParser, cases: Sequence[Callable[[Context], None]], names: Sequence[str]) -> list[Callable[[Context], None]]:
    """The cases of those names, all of them if none is given; a wrong name ends the program."""
    by_name = {case.__name__: case for case in cases}
    wrong = [name for name in names if name not in by_name]
    if wrong:
        parser.error(f"no case {', '.join(wrong)}: {', '.join(by_name)} exist")
    return [by_name[name] for name in names] or list(cases)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Fails with both values."""
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")

#!/usr/bin/python3
"""What the way through the host costs: throughput and round trip of a CDC-ACM board imported directly, through the host over a
connection of its own, and through the host as a stream of a bridge, in one run.

    tests/bench/through_host.py [--bytes N] [--trips N]

Both are what a program in the guest sees at the tty: N bytes to the board and back; single bytes there and back. Prints figures,
passes nothing and fails nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "lab")]

from lab import Lab  # noqa: E402
from rounds import bring_up, take_down  # noqa: E402
from bridged_lab import bridged  # noqa: E402

WAYS = ("direct", "tcp", "bridge")


def measure(way: str, size: int, trips: int) -> None:
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        if way == "bridge":
            stack.enter_context(bridged(lab))
        lab.guest_usbipd = {"import": "direct" if way == "direct" else "through_host"}
        lab.start_service()
        lab.start_agents()
        board, tty, _, ready = bring_up(lab, "leonardo", "1-3")
        _, output = lab.vm.run(f"tty_echo --bytes {size} --timeout-ms 300000 {tty}", timeout=310, check=True)
        taken_ms = json.loads(output)["ms"]
        _, output = lab.vm.run(f"for i in $(seq {trips}); do tty_echo --bytes 1 --timeout-ms 5000 {tty}; done", timeout=300, check=True)
        trips_ms = [json.loads(line)["ms"] for line in output.splitlines()]
        take_down(lab, board, tty)
    print(
        f"figure  {way:<6} {size} bytes and back {size / taken_ms:6.1f} KB/s   single byte and back median {statistics.median(trips_ms):5.2f} ms,"
        f" worst {max(trips_ms):6.2f} ms, of {len(trips_ms)}   import {ready['took_ms']['import']} ms", flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="What the way through the host costs.")
    parser.add_argument("--bytes", type=int, default=1024 * 1024, help="how many go there and back (default 1 MiB)")
    parser.add_argument("--trips", type=int, default=200, help="how many single bytes (default 200)")
    arguments = parser.parse_args()
    for way in WAYS:
        measure(way, arguments.bytes, arguments.trips)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""What the way through the host costs: throughput and round trip of a CDC-ACM board imported directly, through a native relay of
the host agent's code, through the host over a connection of its own, and through the host as a stream of a bridge, in one run.

    tests/bench/through_host.py [--bytes N] [--trips N] [WAY...]

Both are what a program in the guest sees at the tty: N bytes to the board and back; single bytes there and back. Prints figures,
passes nothing and fails nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("e2e", "lab")]

from bridged_lab import bridged  # noqa: E402
from lab import HOST_AGENT_IMAGE, Lab  # noqa: E402
from rounds import bring_up, take_down  # noqa: E402
from wine import pids_of_prefix  # noqa: E402

# "pump" imports through a native relay of the host agent's own code: between "direct" and "pump" lies what one more program costs,
# between "pump" and "tcp" what Wine adds.
WAYS = ("direct", "pump", "tcp", "bridge")
PUMP_RELAY = ROOT / "build/linux/tests/bench/pump_relay"


def cpu_ms(pid: int) -> int:
    """Processor time that the process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")


def parties(lab: Lab) -> dict[str, list[int]]:
    """Whose work an echo through the tty is."""
    assert lab.prefix.path
    wine = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids_of_prefix(lab.prefix.path)}
    return {
        "guest": [lab.vm.qemu_pid],
        "usbipd": [lab.usbipd.pid],
        "wineserver": [pid for pid, name in wine.items() if name.startswith("wineserver")],
        "host agent": [pid for pid, name in wine.items() if name == HOST_AGENT_IMAGE[:15]],
        "wsl.exe": [pid for pid, name in wine.items() if name.startswith("wsl.exe")],
        "the lab's wsl": [os.getpid()],
    }


class Work:
    """How much each party has worked since the start, of so much time."""

    def __init__(self, lab: Lab) -> None:
        self._parties = parties(lab)
        self._started = self._spent()

    def _spent(self) -> dict[str, int]:
        return {name: sum(cpu_ms(pid) for pid in pids) for name, pids in self._parties.items()}

    def __str__(self) -> str:
        spent = self._spent()
        return ", ".join(f"{name} {spent[name] - self._started[name]}" for name in spent if spent[name] > self._started[name])


@contextlib.contextmanager
def pump_relay(lab: Lab) -> Iterator[int]:
    """A relay to usbipd: the port that leads to it."""
    with subprocess.Popen([str(PUMP_RELAY), str(lab.usbipd.port)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.kill()


def measure(way: str, size: int, trips: int) -> None:
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab())
        lab.guest_usbipd = {"import": "direct" if way in ("direct", "pump") else "through_host"}
        if way == "bridge":
            stack.enter_context(bridged(lab))
        if way == "pump":
            lab.guest_usbipd["port"] = stack.enter_context(pump_relay(lab))
        lab.start_service()
        lab.start_agents()
        board, tty, _, ready = bring_up(lab, "leonardo", "1-3")
        work = Work(lab)
        _, output = lab.vm.run(f"tty_echo --bytes {size} --timeout-ms 300000 {tty}", timeout=310, check=True)
        taken_ms = json.loads(output)["ms"]
        print(f"figure  {way:<6} {taken_ms:.0f} ms for {size} bytes and back; processor time in ms: {work}", flush=True)
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
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"only these of {', '.join(WAYS)}")
    arguments = parser.parse_args()
    wrong = [way for way in arguments.ways if way not in WAYS]
    if wrong:
        parser.error(f"no way {', '.join(wrong)}: {', '.join(WAYS)} exist")
    for way in arguments.ways or WAYS:
        measure(way, arguments.bytes, arguments.trips)
    return 0


if __name__ == "__main__":
    sys.exit(main())

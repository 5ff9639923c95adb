#!/usr/bin/python3
"""Random lives of boards: five places at once, at each one board after another, with resets, bootloaders, detaches, failed captures and
a link that is cut now and then. Every line of both streams keeps to the grammar of a board's life, and nothing is left behind.

    tests/e2e/cycles.py [--cycles N] [--seed S]

Prints the seed. Ends with "N passed, N failed", where each completed cycle is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import expect_sound_lives, expect_sound_numbering, show_logs  # noqa: E402
from usbipd_service import Claim, UsbipdService  # noqa: E402

# What may sit at each place. The Leonardo has a serial number, so that there is only one of it.
PLACES = {"1-3": ("nano",), "1-4": ("nano",), "1-5": ("driverless",), "2-1": ("leonardo",), "2-4": ("nano",)}
CLAIM_LIMIT_S = 1.0
BOOTLOADERS = {"leonardo": "leonardo_bootloader", "leonardo_bootloader": "leonardo"}
CUT_PROBABILITY = 0.02
WARM_CYCLES_MIN = 30
MEMORY_MARGIN = 1.05
# Fewer cycles than this may find a heap that still grows to its size, and the stream's last 1,024 lines not all there yet.
LONG_CYCLES = 300
SHORT_SLACK_KB = 64 + 512
REPORT_EVERY_S = 60.0


class Cycles:
    """Counts what was done; any thread may ask whether to go on."""

    def __init__(self, lab: Lab, wanted: int) -> None:
        self.lab = lab
        self.done = 0
        self.rows: dict[str, int] = {}
        self.failure: str | None = None
        self._left = wanted
        self._lock = threading.Lock()

    def begin(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0 and self.failure is None

    def count(self, row: str) -> None:
        with self._lock:
            self.rows[row] = self.rows.get(row, 0) + 1

    def end(self) -> None:
        with self._lock:
            self.done += 1

    def fail(self, what: str) -> None:
        with self._lock:
            self.failure = self.failure or what

    def check(self) -> None:
        """Nothing went wrong, and every line of both streams is sound."""
        if self.failure:
            raise AssertionError(self.failure)
        expect_equal(self.service.errors, [], "errors of the lab's usbipd")
        for stream in (self.lab.windows, self.lab.guest):
            expect_sound_numbering(stream)
            expect_sound_lives(stream)

    @property
    def service(self) -> UsbipdService:
        assert self.lab.service is not None
        return self.lab.service


def wait_both(lab: Lab, name: str, board: Board, marks: dict) -> None:
    for stream, mark in marks.items():
        stream.wait_event(name, board.id, mark)


def plug(cycles: Cycles, busid: str, dice: random.Random) -> Board:
    """Plugs something in and waits until it is ready, however its captures go."""
    lab = cycles.lab
    cycles.service.capture_s = dice.uniform(0, 1)
    claims = dice.choice([[], [], [], [Claim.VETOED], [Claim.FILTER_MISSES]])
    marks = lab.marks()
    board = lab.plug(dice.choice(PLACES[busid]), busid, claims=list(claims))
    cycles.count(f"plug, {claims[0].name.lower()}" if claims else "plug")
    wait_both(lab, "ready", board, marks)
    return board


def reset(cycles: Cycles, board: Board, dice: random.Random) -> Board:
    marks = cycles.lab.marks()
    cycles.service.reset(board, flickers=dice.random() < 0.5)
    wait_both(cycles.lab, "ready", board, marks)
    return board


def switch(cycles: Cycles, board: Board, _: random.Random) -> Board:
    if board.name not in BOOTLOADERS:
        return board
    marks = cycles.lab.marks()
    other = cycles.service.switch(board, BOOTLOADERS[board.name])
    wait_both(cycles.lab, "ready", other, marks)
    return other


def cut_link(cycles: Cycles, board: Board, _: random.Random) -> Board:
    assert cycles.lab.relay is not None
    cycles.lab.relay.cut()
    return board


ROWS = {"reset": reset, "switch": switch}


def detach(cycles: Cycles, board: Board) -> None:
    """Detached at Windows; what comes of it depends on whether the link was up, and either is sound."""
    marks = cycles.lab.marks()
    cycles.service.detach(board)
    wait_both(cycles.lab, "detached", board, marks)


def live(cycles: Cycles, busid: str, dice: random.Random) -> None:
    """One board's life at its place."""
    board = plug(cycles, busid, dice)
    for _ in range(dice.randint(0, 2)):
        row = dice.choice(list(ROWS))
        board = ROWS[row](cycles, board, dice)
        cycles.count(row)
    if dice.random() < CUT_PROBABILITY:
        cut_link(cycles, board, dice)
        cycles.count("cut")
    if dice.random() < 0.2:
        detach(cycles, board)
        cycles.count("detach")
    marks = cycles.lab.marks()
    cycles.lab.unplug(busid)
    wait_both(cycles.lab, "removal", board, marks)


def run_place(cycles: Cycles, busid: str, dice: random.Random) -> None:
    try:
        while cycles.begin():
            live(cycles, busid, dice)
            cycles.end()
    except Exception:  # pylint: disable=broad-except
        cycles.fail(f"at {busid}: {traceback.format_exc()}")


def run_places(cycles: Cycles, seed: int) -> None:
    threads = [
        threading.Thread(target=run_place, args=(cycles, busid, random.Random(f"{seed} {busid}")), daemon=True) for busid in PLACES
    ]
    for thread in threads:
        thread.start()
    reported = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(1.0) if threads[0].is_alive() else time.sleep(0.1)
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            print(f"{cycles.done} cycles, {cycles.rows}", flush=True)


def resident_kb(lab: Lab) -> dict[str, int]:
    """What both agents have in memory."""
    _, guest = lab.vm.run(f"awk '$1 == \"VmRSS:\" {{ print $2 }}' /proc/{lab.guest_agent.pid}/status", check=True)
    host = Path(f"/proc/{lab.host_agent.pid}/status").read_text().split("VmRSS:")[1].split()[0]
    return {"guest": int(guest), "host": int(host)}


def expect_as_before(lab: Lab, before: dict, memory: dict[str, int], slack_kb: int) -> None:
    expect_equal(lab.snapshot(), before, "what both agents and the kernel hold")
    now = resident_kb(lab)
    print(f"figure  memory in kB before {memory}, after {now}")
    for side, kb in now.items():
        assert kb <= memory[side] * MEMORY_MARGIN + slack_kb, f"the {side} agent has {kb} kB, and had {memory[side]} kB"


def main() -> int:
    parser = argparse.ArgumentParser(description="Random lives of boards.")
    parser.add_argument("--cycles", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="to repeat a run")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with Lab() as lab:
        lab.start_service().claim_limit_s = CLAIM_LIMIT_S
        lab.start_agents(relay=True)
        cycles = Cycles(lab, arguments.cycles)
        try:
            # Drivers load, heaps grow to their size.
            warm = Cycles(lab, max(WARM_CYCLES_MIN, arguments.cycles // 10))
            run_places(warm, arguments.seed + 1)
            warm.check()
            before, memory = lab.snapshot(), resident_kb(lab)
            run_places(cycles, arguments.seed)
            cycles.check()
            expect_as_before(lab, before, memory, SHORT_SLACK_KB if arguments.cycles < LONG_CYCLES else 0)
        except Exception:  # The closing line must come whatever went wrong.
            traceback.print_exc()
            show_logs(lab)
            print(f"FAILED with seed {arguments.seed}\n{cycles.done} passed, 1 failed")
            return 1
        print(f"rows    {cycles.rows}")
    print(f"{cycles.done} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The loop that recognition of usbipd-win's doings saves us from: a host agent that takes each removal and arrival of Windows at its word
attaches a board, hears that it went, lets go of it, hears that it came, and so on for ever.

    tests/e2e/naive.py

Ends with "N passed, N failed".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, expect_equal  # noqa: E402
from lab import Lab  # noqa: E402
from rounds import bring_up, echo, show_logs, take_down  # noqa: E402

BELIEVE_WINDOWS = "TTYFERRY_LAB_BELIEVE_WINDOWS"
TIMES_ROUND = 3


def naive_agent_goes_round_and_round(lab: Lab) -> None:
    """Nobody touches the board, which comes, is attached and goes, again and again."""
    board = lab.plug("nano", "1-3")
    mark = 0
    for _ in range(TIMES_ROUND):
        for name in ("arrival", "attaching", "removal"):
            lab.windows.wait_event(name, board.id, mark)
            mark = 1 + next(i for i, e in enumerate(lab.windows.since(0)) if i >= mark and e["event"] == name and e["board"]["id"] == board.id)


def agent_that_recognises_captures_does_not(lab: Lab) -> None:
    marks = lab.marks()
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    for _ in range(TIMES_ROUND):
        echo(lab, board, tty)
    expect_equal(lab.usbipd.board("1-3")["imports"], 1, "imports")
    for stream, mark in marks.items():
        told = [e["event"] for e in stream.since(mark) if e["event"] not in ("update", "link")]
        expect_equal(told, ["arrival", "attaching", "ready"], f"events on the {stream.name} stream")
    take_down(lab, board, tty)


def run_with(believes: bool, case, cases: Cases[Lab]) -> None:
    if believes:
        os.environ[BELIEVE_WINDOWS] = "1"
    else:
        os.environ.pop(BELIEVE_WINDOWS, None)
    with Lab() as lab:
        lab.start_service()
        lab.start_agents()
        cases.run([case], lab)


def main() -> int:
    cases: Cases[Lab] = Cases(show_logs)
    run_with(True, naive_agent_goes_round_and_round, cases)
    run_with(False, agent_that_recognises_captures_does_not, cases)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

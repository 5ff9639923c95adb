#!/usr/bin/python3
"""What is lost is found again: the link, either agent, usbipd's service and the whole VM end at the worst of times, and every
board comes back, or was never away.

    tests/e2e/lost_and_found.py [--figures] [CASE...]

Ends with "N passed, N failed". --figures prints how long each recovery took.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, settled, show_logs, single_tty, take_down, true_tty  # noqa: E402

SIGKILL = 9
QUIET = ("link", "update", "snapshot")
Recovery = Callable[["Found"], None]


class Found:
    """The lab, and how long each recovery took in milliseconds."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.took: dict[str, float] = {}

    def note(self, what: str, started: float) -> None:
        self.took[what] = (time.monotonic() - started) * 1e3


def two_boards(lab: Lab) -> list[tuple[Board, str]]:
    return [bring_up(lab, "nano", "1-3")[:2], bring_up(lab, "leonardo", "2-1")[:2]]


def expect_untouched(lab: Lab, boards: list[tuple[Board, str]], imports: dict[str, int]) -> None:
    """The same ttys still answer, and nobody imported anything anew."""
    for board, tty in boards:
        expect_equal(true_tty(lab, board), tty, f"the tty of {board.name}")
        echo(lab, board, tty)
    expect_equal(imports_of(lab), imports, "imports that the server has served")


def imports_of(lab: Lab) -> dict[str, int]:
    return {entry["busid"]: entry["imports"] for entry in lab.list()}


def news(lab: Lab, marks: dict) -> list[tuple[str, str]]:
    """What either stream said about boards since."""
    return [(s.name, e["event"]) for s, mark in marks.items() for e in s.since(mark) if e["event"] not in QUIET]


def pull_all(lab: Lab, boards: list[tuple[Board, str]]) -> None:
    for board, tty in boards:
        take_down(lab, board, tty)


def link_that_is_cut_loses_no_board(found: Found) -> None:
    lab = found.lab
    boards, imports, marks = two_boards(lab), imports_of(lab), lab.marks()
    assert lab.relay is not None
    for _ in range(3):
        since = lab.marks()
        started = time.monotonic()
        lab.relay.cut()
        lab.wait_link("down", since)
        lab.wait_link("up", since)
        found.note("the link was cut: until it is up again", started)
        expect_untouched(lab, boards, imports_of(lab))
    expect_equal((news(lab, marks), imports_of(lab)), ([], imports), "events about boards, and imports")
    pull_all(lab, boards)


def board_that_comes_while_the_link_is_down_is_told_by_the_snapshot(found: Found) -> None:
    lab = found.lab
    assert lab.relay is not None
    marks = lab.marks()
    lab.relay.refuse(True)
    lab.relay.cut()
    lab.wait_link("down", marks)
    board = lab.plug("nano", "1-3")
    lab.windows.wait_event("arrival", board.id, marks[lab.windows])
    started = time.monotonic()
    lab.relay.refuse(False)
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    found.note("a board came while the link was down: until ready", started)
    echo(lab, board, single_tty(ready, board))
    take_down(lab, board, single_tty(ready, board))


def guest_agent_that_is_killed_takes_over(found: Found) -> None:
    lab = found.lab
    boards, imports = two_boards(lab), imports_of(lab)
    mark = lab.windows.mark()
    lab.guest_agent.send_signal(SIGKILL)
    lab.guest_agent.wait(30)
    started = time.monotonic()
    lab.start_guest_agent()
    for board, tty in boards:
        _, ready = lab.guest.wait_event("ready", board.id)
        expect_equal(single_tty(ready, board), tty, f"the tty of {board.name} after the restart")
    found.note("the guest agent was killed: from its start until both boards are ready", started)
    expect_untouched(lab, boards, imports)
    expect_equal(news(lab, {lab.windows: mark}), [], "events about boards on the Windows stream")
    pull_all(lab, boards)


def guest_agent_that_is_killed_during_an_import_gets_the_board(found: Found) -> None:
    lab = found.lab
    marks = lab.marks()
    board = lab.plug("nano", "1-3")
    lab.windows.wait_event("attaching", board.id, marks[lab.windows])
    lab.guest_agent.send_signal(SIGKILL)
    lab.guest_agent.wait(30)
    started = time.monotonic()
    lab.start_guest_agent()
    _, ready = lab.guest.wait_event("ready", board.id)
    found.note("the guest agent was killed during an import: from its start until ready", started)
    tty = single_tty(ready, board)
    lab.windows.wait_event("ready", board.id, marks[lab.windows])
    echo(lab, board, tty)
    take_down(lab, board, tty)


def host_agent_that_is_killed_detaches_nothing(found: Found) -> None:
    lab = found.lab
    boards, imports = two_boards(lab), imports_of(lab)
    mark = lab.guest.mark()
    lab.stop_host_agent()
    started = time.monotonic()
    lab.start_host_agent()
    lab.guest.wait_link("up", mark)
    for board, tty in boards:
        expect_equal(single_tty(settled(lab.windows, board, "ready"), board), tty, f"the tty of {board.name} after the restart")
    found.note("the host agent was killed: from its start until it tells both boards as ready", started)
    expect_untouched(lab, boards, imports)
    expect_equal(news(lab, {lab.guest: mark}), [], "events about boards on the guest's stream")
    pull_all(lab, boards)


def host_agent_that_is_killed_during_an_import_gets_the_board(found: Found) -> None:
    lab = found.lab
    mark = lab.guest.mark()
    board = lab.plug("nano", "1-3")
    lab.guest.wait_event("attaching", board.id, mark)
    lab.stop_host_agent()
    lab.start_host_agent()
    tty = single_tty(settled(lab.windows, board, "ready"), board)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def usbipd_that_restarts_gives_everything_back(found: Found) -> None:
    lab = found.lab
    boards = two_boards(lab)
    marks = lab.marks()
    started = time.monotonic()
    assert lab.service is not None
    lab.service.restart()
    for board, _ in boards:
        lab.windows.wait_event("detached", board.id, marks[lab.windows])
        lab.windows.wait_event("ready", board.id, marks[lab.windows])
    found.note("usbipd's service was restarted: until both boards are ready", started)
    boards = [(board, true_tty(lab, board)) for board, _ in boards]
    for board, tty in boards:
        echo(lab, board, tty)
    pull_all(lab, boards)


def machine_that_is_killed_gets_everything_back(found: Found) -> None:
    lab = found.lab
    boards = two_boards(lab)
    mark = lab.windows.mark()
    started = time.monotonic()
    lab.restart_guest_machine()
    found.note("the VM was killed: until it runs again", started)
    for board, _ in boards:
        lab.guest.wait_event("ready", board.id)
        lab.windows.wait_event("ready", board.id, mark)
    found.note("the VM was killed: until both boards are ready", started)
    boards = [(board, true_tty(lab, board)) for board, _ in boards]
    for board, tty in boards:
        echo(lab, board, tty)
    pull_all(lab, boards)


def boards_live_as_the_contract_says(found: Found) -> None:
    expect_sound_lives(found.lab.guest)
    expect_sound_lives(found.lab.windows)


CASES: list[Recovery] = [
    link_that_is_cut_loses_no_board,
    board_that_comes_while_the_link_is_down_is_told_by_the_snapshot,
    guest_agent_that_is_killed_takes_over,
    guest_agent_that_is_killed_during_an_import_gets_the_board,
    host_agent_that_is_killed_detaches_nothing,
    host_agent_that_is_killed_during_an_import_gets_the_board,
    usbipd_that_restarts_gives_everything_back,
    boards_live_as_the_contract_says,
    machine_that_is_killed_gets_everything_back,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="What is lost is found again.")
    parser.add_argument("--figures", action="store_true", help="print how long each recovery took")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    with Lab() as lab:
        lab.start_service()
        lab.start_agents(relay=True)
        found = Found(lab)
        cases: Cases[Found] = Cases(lambda failed: show_logs(failed.lab))
        cases.run(chosen, found)
        if arguments.figures:
            for what, took in found.took.items():
                print(f"figure  {what:<80} {took:8.0f} ms")
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

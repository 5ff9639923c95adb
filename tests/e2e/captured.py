#!/usr/bin/python3
"""The whole way with what usbipd-win does to Windows meanwhile: each attach makes Windows show a removal and the arrival of a
stub, each release the reverse. A notifier that takes that at its word lets go of a board as soon as it has it, for ever.

    tests/e2e/captured.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, take_down  # noqa: E402


def expect_quiet(lab: Lab, board: Board, marks: dict, expected: list[str]) -> None:
    """The board's events on both streams; updates left out."""
    assert lab.capture is not None
    expect_equal(lab.capture.errors, [], "errors of the lab's capture")
    for stream, mark in marks.items():
        names = [e["event"] for e in stream.since(mark) if e.get("board", {}).get("id") == board.id and e["event"] != "update"]
        expect_equal(names, expected, f"events on the {stream.name} stream")


def round_of(lab: Lab, model: str) -> None:
    marks = lab.marks()
    board, tty, *_ = bring_up(lab, model, "1-3")
    echo(lab, board, tty)
    expect_quiet(lab, board, marks, ["arrival", "attaching", "ready"])
    take_down(lab, board, tty)


def ch341_board_is_attached_once_and_stays(lab: Lab) -> None:
    for _ in range(2):
        round_of(lab, "nano")


def cdc_acm_board_is_attached_once_and_stays(lab: Lab) -> None:
    for _ in range(2):
        round_of(lab, "leonardo")


def failed_capture_is_tried_again(lab: Lab) -> None:
    marks = lab.marks()
    board = lab.plug("nano", "1-3", fault={"import_status": 1, "times": 1})
    lab.windows.wait_event("failed", board.id, marks[lab.windows])
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    echo(lab, board, ready["ttys"][0]["path"])
    take_down(lab, board, ready["ttys"][0]["path"])


def host_agent_that_is_killed_knows_a_captured_board_again(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    mark = lab.guest.mark()
    lab.stop_host_agent()
    lab.start_host_agent()
    assert lab.capture is not None
    lab.capture.follow_stream()
    lab.guest.wait("a link that is up", lambda e: e["event"] == "link" and e["state"] == "up", mark)
    lab.windows.wait(
        "the board, ready",
        lambda e: any(b["id"] == board.id and b["state"] == "ready" for b in e.get("boards", []))
        or (e["event"] == "ready" and e["board"]["id"] == board.id),
    )
    echo(lab, board, tty)
    names = [e["event"] for e in lab.guest.since(mark) if e["event"] not in ("link", "update")]
    expect_equal(names, [], "events about the board on the guest's stream")
    take_down(lab, board, tty)


def boards_live_as_the_contract_says(lab: Lab) -> None:
    expect_sound_lives(lab.guest)


CASES = [
    ch341_board_is_attached_once_and_stays,
    cdc_acm_board_is_attached_once_and_stays,
    failed_capture_is_tried_again,
    host_agent_that_is_killed_knows_a_captured_board_again,
    boards_live_as_the_contract_says,
]


def show_logs(lab: Lab) -> None:
    for side, log in (("host", lab.host_log.read_text(errors="replace")), ("guest", lab.guest_log())):
        print(f"--- the {side} agent's log\n" + "\n".join(log.splitlines()[-40:]))
    for busid in list(lab.boards):
        lab.unplug(busid)


def main() -> int:
    names = sys.argv[1:]
    with Lab() as lab:
        lab.start_agents()
        lab.start_capture()
        cases = Cases(show_logs)
        cases.run([case for case in CASES if not names or case.__name__ in names], lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

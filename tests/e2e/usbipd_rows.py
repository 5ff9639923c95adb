#!/usr/bin/python3
"""What usbipd-win does to Windows' device tree, row by row, and that both agents take none of it for what it is not. A case is a
row of the table in usbipd-win's PnP behaviour, end to end: PnP driver, exe, link, agent, kernel.

    tests/e2e/usbipd_rows.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, settled, show_logs, single_tty, take_down, true_tty  # noqa: E402
from usbipd_service import Claim, UsbipdService  # noqa: E402

ATTACHED = ["arrival", "attaching", "ready"]
AGAIN = ["detached", "attaching", "ready"]


def service_of(lab: Lab) -> UsbipdService:
    assert lab.service is not None
    return lab.service


def news(lab: Lab, board: Board, marks: dict) -> dict[str, list[str]]:
    """The board's events on both streams since; updates left out."""
    expect_equal(service_of(lab).errors, [], "errors of the lab's usbipd")
    return {
        stream.name: [e["event"] for e in stream.since(mark) if e.get("board", {}).get("id") == board.id and e["event"] != "update"]
        for stream, mark in marks.items()
    }


def expect_news(lab: Lab, board: Board, marks: dict, expected: list[str]) -> None:
    """Both streams told this and nothing else."""
    expect_equal(news(lab, board, marks), {stream.name: expected for stream in marks}, "the events of the board")


def wait_ready(lab: Lab, board: Board, marks: dict) -> str:
    """The board's tty, as told after the marks, and it echoes."""
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    lab.guest.wait_event("ready", board.id, marks[lab.guest])
    tty = single_tty(ready, board)
    expect_equal(tty, true_tty(lab, board), "the tty on the Windows stream")
    echo(lab, board, tty)
    return tty


def wait_both(lab: Lab, name: str, board: Board, marks: dict) -> dict[str, Any]:
    """That event on both streams; returns the one of Windows."""
    lab.guest.wait_event(name, board.id, marks[lab.guest])
    return lab.windows.wait_event(name, board.id, marks[lab.windows])[1]


def wait_board_event(lab: Lab, name: str, board_id: str, marks: dict) -> dict[str, Any]:
    return lab.windows.wait_event(name, board_id, marks[lab.windows])[1]


# Plug in, attach.


def attach_is_no_removal(lab: Lab) -> None:
    """-orig +stub -COM on attach, and the reverse after the end."""
    for model in ("nano", "leonardo"):
        for _ in range(2):
            marks = lab.marks()
            board, tty, *_ = bring_up(lab, model, "1-3")
            echo(lab, board, tty)
            expect_news(lab, board, marks, ATTACHED)
            take_down(lab, board, tty)


def board_that_is_not_shared_is_plugged_and_pulled(lab: Lab) -> None:
    """+orig +COM, -orig -COM: an idle board."""
    marks = lab.marks()
    board = lab.plug("nano", "1-3", bound=False)
    lab.windows.wait_event("needs_sharing", board.id, marks[lab.windows])
    lab.unplug("1-3")
    lab.windows.wait_event("removal", board.id, marks[lab.windows])
    expect_equal(news(lab, board, marks)["Windows"], ["arrival", "needs_sharing", "removal"], "the events on the Windows stream")


def unplug_while_attached_is_a_removal(lab: Lab) -> None:
    """-stub only."""
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    take_down(lab, board, tty)
    expect_news(lab, board, marks, ["detached", "removal"])


def driverless_board_is_captured_too(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "driverless", "1-5")
    echo(lab, board, tty)
    take_down(lab, board, tty)


def slow_capture_only_takes_longer(lab: Lab) -> None:
    """usbipd-win waits for the stub for up to 10 s."""
    service = service_of(lab)
    service.capture_s = 9.0
    try:
        marks = lab.marks()
        board, tty, *_ = bring_up(lab, "nano", "1-3")
        expect_news(lab, board, marks, ATTACHED)
        take_down(lab, board, tty)
    finally:
        service.capture_s = 1.0


# Detach.


def detach_by_hand_in_the_guest_is_attached_again(lab: Lab) -> None:
    """-stub +orig +COM, and nobody's wish has changed."""
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    script = "for s in /sys/devices/platform/vhci_hcd.*/status*; do awk '$3 == \"006\" { print $2 }' $s; done"
    port = int(lab.vm.run(script, check=True)[1])
    lab.vm.run(f"echo {port} >/sys/devices/platform/vhci_hcd.0/detach", check=True)
    tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


def usbipd_detach_is_respected_until_replug(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    service_of(lab).detach(board)
    wait_both(lab, "detached", board, marks)
    yielded = lab.windows.wait_event("yielded", board.id, marks[lab.windows])[1]
    expect_equal(yielded["until"], "replug", "until when")
    imports = lab.usbipd.board(board.busid)["imports"]
    # A board at another place comes and goes, which makes both agents look at everything.
    other, other_tty, *_ = bring_up(lab, "leonardo", "2-1")
    take_down(lab, other, other_tty)
    expect_equal(lab.usbipd.board(board.busid)["imports"], imports, "imports of a board that the user has detached")
    assert "attaching" not in news(lab, board, marks)["Windows"]
    lab.unplug("1-3")
    lab.windows.wait_event("removal", board.id, marks[lab.windows])
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    take_down(lab, board, tty)


def service_that_restarts_takes_a_yielded_board_again(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    service_of(lab).detach(board)
    lab.windows.wait_event("yielded", board.id, marks[lab.windows])
    marks = lab.marks()
    service_of(lab).restart(down_s=8.0)
    tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


def service_that_restarts_gives_everything_back(lab: Lab) -> None:
    """`detach --all`, and it is gone for a while."""
    board, *_ = bring_up(lab, "nano", "1-3")
    other, *_ = bring_up(lab, "leonardo", "2-1")
    marks = lab.marks()
    service_of(lab).restart(down_s=2.0)
    for each in (board, other):
        take_down(lab, each, wait_ready(lab, each, marks))


# Resets.


def reset_with_the_same_ids_comes_back(lab: Lab) -> None:
    """-stub, TCP close, +orig."""
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    service_of(lab).reset(board)
    tty = wait_ready(lab, board, marks)
    expect_news(lab, board, marks, AGAIN)
    take_down(lab, board, tty)


def reset_that_flickers_as_a_stub_comes_back(lab: Lab) -> None:
    """-stub, +stub, -stub, TCP close, +orig."""
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    service_of(lab).reset(board, flickers=True)
    tty = wait_ready(lab, board, marks)
    expect_news(lab, board, marks, AGAIN)
    take_down(lab, board, tty)


def bootloader_takes_the_place_and_gives_it_back(lab: Lab) -> None:
    """-stub, TCP close, +orig with the new PID."""
    board, *_ = bring_up(lab, "leonardo", "1-3")
    for name in ("leonardo_bootloader", "leonardo"):
        marks = lab.marks()
        former, board = board, service_of(lab).switch(board, name)
        tty = wait_ready(lab, board, marks)
        wait_both(lab, "removal", former, marks)
        expect_news(lab, former, marks, ["detached", "removal"])
        expect_news(lab, board, marks, ATTACHED)
    take_down(lab, board, tty)


# Attaches that fail.


def capture_that_the_filter_misses_is_tried_once_more(lab: Lab) -> None:
    """-orig, +orig while the import is pending, reply 3."""
    service = service_of(lab)
    service.claim_limit_s = 1.0
    marks = lab.marks()
    board = plug_with_claims(lab, Claim.FILTER_MISSES)
    failed = wait_both(lab, "failed", board, marks)
    expect_equal(failed["code"], "claim_failed", "code")
    tty = wait_ready(lab, board, marks)
    expect_news(lab, board, marks, ["arrival", "attaching", "failed", "attaching", "ready"])
    take_down(lab, board, tty)


def capture_that_is_missed_twice_waits_for_a_replug(lab: Lab) -> None:
    service_of(lab).claim_limit_s = 1.0
    marks = lab.marks()
    board = plug_with_claims(lab, Claim.FILTER_MISSES, Claim.FILTER_MISSES)
    last = lab.windows.wait("the last failure", lambda e: e["event"] == "failed" and e["retry_in_ms"] is None, marks[lab.windows])[1]
    assert "plug" in last["remedy"], last
    lab.unplug("1-3")
    wait_both(lab, "removal", board, marks)
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    take_down(lab, board, tty)


def orphan_stub_is_told_and_ends_with_a_replug(lab: Lab) -> None:
    """-orig, +stub, reply 3, no +orig."""
    service_of(lab).claim_limit_s = 1.0
    marks = lab.marks()
    board = plug_with_claims(lab, Claim.STUB_UNCLAIMED)
    failed = wait_both(lab, "failed", board, marks)
    assert "plug" in failed["remedy"], failed
    lab.unplug("1-3")
    wait_both(lab, "removal", board, marks)
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    take_down(lab, board, tty)


def identical_board_of_another_hub_is_captured_by_mistake(lab: Lab) -> None:
    """The filter goes by the port's number alone: -orig, +stub, and nobody is behind it."""
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    other = lab.plug("nano", "2-3", bound=False)
    marks = lab.marks()
    service_of(lab).orphan(other)
    lab.windows.wait_event("removal", other.id, marks[lab.windows])
    orphan = other.id.replace("vid_1a86&pid_7523", "vid_80ee&pid_cafe")
    told = wait_board_event(lab, "needs_sharing", orphan, marks)
    assert "unplug it, plug it in again" in told["remedy"] and told["board"]["busid"] == "2-3", told
    marks = lab.marks()
    lab.unplug("2-3")
    wait_board_event(lab, "removal", orphan, marks)
    other, other_tty, *_ = bring_up(lab, "nano", "2-3")
    take_down(lab, other, other_tty)
    take_down(lab, board, tty)


def vetoed_attach_is_blamed_on_a_windows_program(lab: Lab) -> None:
    """Reply 2, and nothing happens in Windows."""
    marks = lab.marks()
    board = plug_with_claims(lab, *[Claim.VETOED] * 40)
    failed = lab.windows.wait("a failure that blames", lambda e: e["event"] == "failed" and e["code"] == "in_use", marks[lab.windows])[1]
    assert "COM" in failed["remedy"], failed
    board.seat.claims.clear()
    tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


def board_attached_elsewhere_is_told_so(lab: Lab) -> None:
    """Reply 2, and the registry names another client."""
    service, marks = service_of(lab), lab.marks()
    board = plug_with_claims(lab, *[Claim.VETOED] * 200, note="192.168.7.9")
    failed = lab.windows.wait(
        "a failure that names it", lambda e: e["event"] == "failed" and e["code"] == "attached_elsewhere", marks[lab.windows]
    )[1]
    assert "usbipd detach" in failed["remedy"], failed
    board.seat.claims.clear()
    service.note(board, None)
    tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


def plug_with_claims(lab: Lab, *claims: Claim, note: str | None = None) -> Board:
    """A nano whose next imports go as the claims say; note: who has it already."""
    board = lab.plug("nano", "1-3", claims=list(claims), attached_to=note)
    return board


def every_status_of_an_import_has_its_code(lab: Lab) -> None:
    codes = {1: "usbipd_monitor", 4: "not_available", 5: "usbipd_failed", 77: "usbipd_status"}
    for status, code in codes.items():
        marks = lab.marks()
        board = lab.plug("nano", "1-3", fault={"import_status": status, "times": 1})
        failed = wait_both(lab, "failed", board, marks)
        expect_equal(failed["code"], code, f"code for status {status}")
        assert failed["message"] and failed["remedy"] and failed["retry_in_ms"] is not None, failed
        take_down(lab, board, wait_ready(lab, board, marks))


# Forced devices.


def forced_board_is_attached_and_given_back(lab: Lab) -> None:
    """-orig, +orig with the same id each time, and no COM port."""
    board = lab.plug("nano", "1-3", bound=False)
    service_of(lab).force(board)
    marks = lab.marks()
    with lab.windows_lock:
        lab.bind(board)
    tty = wait_ready(lab, board, marks)
    service_of(lab).reset(board)
    marks = lab.marks()
    tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


# Which board is which.


def identical_boards_keep_their_places(lab: Lab) -> None:
    boards = [bring_up(lab, "nano", busid)[:2] for busid in ("1-3", "1-4", "2-1")]
    expect_equal(len({tty for _, tty in boards}), 3, "different ttys")
    for board, tty in boards:
        echo(lab, board, tty)
    marks = lab.marks()
    service_of(lab).reset(boards[1][0])
    boards[1] = (boards[1][0], wait_ready(lab, boards[1][0], marks))
    for board, tty in boards:
        echo(lab, board, tty)
        take_down(lab, board, tty)


def board_with_a_serial_moves_to_another_port(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    take_down(lab, board, tty)
    moved, tty, *_ = bring_up(lab, "leonardo", "2-4")
    expect_equal(moved.id, board.id, "the id of the board that moved")
    echo(lab, moved, tty)
    take_down(lab, moved, tty)


def two_boards_are_swapped(lab: Lab) -> None:
    nano, nano_tty, *_ = bring_up(lab, "nano", "1-3")
    leonardo, leonardo_tty, *_ = bring_up(lab, "leonardo", "1-4")
    marks = lab.marks()
    lab.unplug("1-3")
    lab.unplug("1-4")
    nano, leonardo = lab.plug("nano", "1-4"), lab.plug("leonardo", "1-3")
    nano_tty, leonardo_tty = wait_ready(lab, nano, marks), wait_ready(lab, leonardo, marks)
    take_down(lab, nano, nano_tty)
    take_down(lab, leonardo, leonardo_tty)


def host_agent_that_is_killed_knows_a_captured_board_again(lab: Lab) -> None:
    """Also one whose ids do not tell that it is serial."""
    for model in ("nano", "superspeed"):
        board, tty, *_ = bring_up(lab, model, "1-3")
        marks = lab.marks()
        lab.stop_host_agent()
        lab.start_host_agent()
        settled(lab.windows, board, "ready")
        echo(lab, board, tty)
        names = [e["event"] for e in lab.guest.since(marks[lab.guest]) if e["event"] not in ("link", "update")]
        expect_equal(names, [], "events about the board on the guest's stream")
        marks = lab.marks()
        service_of(lab).reset(board)
        take_down(lab, board, wait_ready(lab, board, marks))


# Notices.


def notices_that_come_again_in_lower_case_change_nothing(lab: Lab) -> None:
    """At once, and while the next ones are on their way."""
    service = service_of(lab)
    try:
        for service.repeats, service.repeat_after_s in ((2, 0.0), (1, 0.3)):
            marks = lab.marks()
            board, tty, *_ = bring_up(lab, "nano", "1-3")
            expect_news(lab, board, marks, ATTACHED)
            marks = lab.marks()
            service.reset(board)
            tty = wait_ready(lab, board, marks)
            expect_news(lab, board, marks, AGAIN)
            marks = lab.marks()
            take_down(lab, board, tty)
            expect_news(lab, board, marks, ["detached", "removal"])
    finally:
        service.repeats, service.repeat_after_s = 0, 0.0


def board_that_is_bound_in_lower_case_is_shared(lab: Lab) -> None:
    board = lab.plug("nano", "1-3", bound=False)
    marks = lab.marks()
    lab.bind(board, instance_id=board.id)
    take_down(lab, board, wait_ready(lab, board, marks))
    lab.unbind(board)


def boards_live_as_the_contract_says(lab: Lab) -> None:
    expect_sound_lives(lab.guest)
    expect_sound_lives(lab.windows)


CASES = [
    attach_is_no_removal,
    board_that_is_not_shared_is_plugged_and_pulled,
    unplug_while_attached_is_a_removal,
    driverless_board_is_captured_too,
    slow_capture_only_takes_longer,
    detach_by_hand_in_the_guest_is_attached_again,
    usbipd_detach_is_respected_until_replug,
    service_that_restarts_takes_a_yielded_board_again,
    service_that_restarts_gives_everything_back,
    reset_with_the_same_ids_comes_back,
    reset_that_flickers_as_a_stub_comes_back,
    bootloader_takes_the_place_and_gives_it_back,
    capture_that_the_filter_misses_is_tried_once_more,
    capture_that_is_missed_twice_waits_for_a_replug,
    orphan_stub_is_told_and_ends_with_a_replug,
    identical_board_of_another_hub_is_captured_by_mistake,
    vetoed_attach_is_blamed_on_a_windows_program,
    board_attached_elsewhere_is_told_so,
    every_status_of_an_import_has_its_code,
    forced_board_is_attached_and_given_back,
    identical_boards_keep_their_places,
    board_with_a_serial_moves_to_another_port,
    two_boards_are_swapped,
    notices_that_come_again_in_lower_case_change_nothing,
    board_that_is_bound_in_lower_case_is_shared,
    boards_live_as_the_contract_says,
    host_agent_that_is_killed_knows_a_captured_board_again,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="usbipd-win's rows, end to end.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with Lab() as lab:
        lab.start_service()
        lab.start_agents()
        cases: Cases[Lab] = Cases(show_logs)
        cases.run(chosen, lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

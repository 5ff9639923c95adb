#!/usr/bin/python3
"""No ghosts: a tty whose peer is gone must go, whoever fell silent and however; and a peer that only took its time stays.

    tests/e2e/ghosts.py [--figures] [--pause SECONDS] [CASE...]

Ends with "N passed, N failed". --figures prints how long each ghost stayed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, show_logs, single_tty, take_down  # noqa: E402


class Haunted:
    """The lab, and how long each ghost stayed, in milliseconds."""

    def __init__(self, lab: Lab, pause_s: float) -> None:
        self.lab = lab
        self.pause_s = pause_s
        self.took: dict[str, float] = {}

    def note(self, what: str, started: float) -> None:
        self.took[what] = (time.monotonic() - started) * 1e3


def silent_board(lab: Lab) -> tuple[Board, str]:
    """Attached, and then its peer answers nothing any more."""
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    lab.usbipd.stall("1-3", True)
    return board, tty


def expect_gone_and_back(haunted: Haunted, board: Board, marks: dict, what: str, started: float) -> None:
    """The ghost goes; and once the peer answers again, the board returns."""
    lab = haunted.lab
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    haunted.note(what, started)
    lab.usbipd.stall("1-3", False)
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def host_that_slept_shakes_off_a_silent_board(haunted: Haunted) -> None:
    """Windows' resume notice is passed on."""
    lab = haunted.lab
    other, other_tty, *_ = bring_up(lab, "leonardo", "2-1")
    board, _ = silent_board(lab)
    marks, started = lab.marks(), time.monotonic()
    with lab.windows_lock:
        lab.pnp.resume()
    expect_gone_and_back(haunted, board, marks, "silent board: from Windows' resume notice until it is gone", started)
    expect_equal([e["event"] for e in lab.guest.since(marks[lab.guest]) if e.get("board", {}).get("id") == other.id], [], "events of the other board")
    echo(lab, other, other_tty)
    take_down(lab, other, other_tty)


def clock_that_is_set_shakes_off_a_silent_board(haunted: Haunted) -> None:
    lab = haunted.lab
    board, _ = silent_board(lab)
    marks, started = lab.marks(), time.monotonic()
    lab.vm.run("date -s @$(($(date +%s) + 3600))", check=True)
    expect_gone_and_back(haunted, board, marks, "silent board: from the setting of the guest's clock until it is gone", started)


def lost_link_shakes_off_a_silent_board(haunted: Haunted) -> None:
    lab = haunted.lab
    board, _ = silent_board(lab)
    marks, started = lab.marks(), time.monotonic()
    assert lab.relay is not None
    lab.relay.cut()
    expect_gone_and_back(haunted, board, marks, "silent board: from the end of the link until it is gone", started)


def board_that_falls_silent_without_a_sign_is_noticed(haunted: Haunted) -> None:
    lab = haunted.lab
    board, _ = silent_board(lab)
    marks, started = lab.marks(), time.monotonic()
    expect_gone_and_back(haunted, board, marks, "silent board: until it is noticed without any sign, and gone", started)


def stopped_server_is_noticed(haunted: Haunted) -> None:
    """The process stands still; its kernel goes on answering for it."""
    lab = haunted.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    marks, started = lab.marks(), time.monotonic()
    os.kill(lab.usbipd.pid, signal.SIGSTOP)
    try:
        lab.guest.wait_event("detached", board.id, marks[lab.guest])
    finally:
        os.kill(lab.usbipd.pid, signal.SIGCONT)
    haunted.note("stopped server: until its board is gone", started)
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def cut_connection_is_noticed(haunted: Haunted) -> None:
    """No packet passes between the guest and the world: keepalive and TCP_USER_TIMEOUT end it. Measured by the guest's own clock, for
    nobody can ask it meanwhile."""
    lab = haunted.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    script = f"""(read -r cut _ </proc/uptime; ip link set eth0 down
        while [ -c {tty} ]; do usleep 10000; done
        read -r gone _ </proc/uptime; ip link set eth0 up; ip route add default via 10.0.2.2
        echo "$cut $gone" >/run/cut.new; mv /run/cut.new /run/cut) >/dev/null 2>&1 &"""
    lab.vm.run(script)
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    _, output = lab.vm.run("until [ -e /run/cut ]; do usleep 10000; done; cat /run/cut; rm /run/cut", check=True)
    cut, gone = (float(word) for word in output.split())
    haunted.took["cut connection: until its board is gone"] = (gone - cut) * 1e3
    lab.usbipd.hang_up("1-3")
    assert lab.service is not None
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def machine_that_stood_still_keeps_its_boards(haunted: Haunted) -> None:
    """A VM that is paused, with a peer that is still there afterwards: nothing is lost."""
    lab = haunted.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.vm.pause()
    time.sleep(haunted.pause_s)
    started = time.monotonic()
    lab.vm.resume()
    lab.wait_link("up", marks)
    haunted.note(f"VM paused for {haunted.pause_s:.0f} s: until the link is up again", started)
    echo(lab, board, tty)
    news = [e["event"] for e in lab.guest.since(marks[lab.guest]) if e["event"] not in ("link", "update")]
    expect_equal(news, [], "events about the board")
    take_down(lab, board, tty)


def machine_that_stood_still_shakes_off_a_silent_board(haunted: Haunted) -> None:
    lab = haunted.lab
    board, _ = silent_board(lab)
    marks = lab.marks()
    lab.vm.pause()
    time.sleep(haunted.pause_s)
    started = time.monotonic()
    lab.vm.resume()
    expect_gone_and_back(haunted, board, marks, f"silent board, VM paused for {haunted.pause_s:.0f} s: from its resuming until it is gone", started)


def boards_live_as_the_contract_says(haunted: Haunted) -> None:
    expect_sound_lives(haunted.lab.guest)
    expect_sound_lives(haunted.lab.windows)


CASES: list[Callable[[Haunted], None]] = [
    host_that_slept_shakes_off_a_silent_board,
    clock_that_is_set_shakes_off_a_silent_board,
    lost_link_shakes_off_a_silent_board,
    board_that_falls_silent_without_a_sign_is_noticed,
    stopped_server_is_noticed,
    cut_connection_is_noticed,
    machine_that_stood_still_keeps_its_boards,
    machine_that_stood_still_shakes_off_a_silent_board,
    boards_live_as_the_contract_says,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="No ghosts.")
    parser.add_argument("--figures", action="store_true", help="print how long each ghost stayed")
    parser.add_argument("--pause", type=float, default=15, metavar="SECONDS", help="how long the VM stands still (default 15)")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    with Lab() as lab:
        lab.start_service()
        lab.start_agents(relay=True)
        haunted = Haunted(lab, arguments.pause)
        cases: Cases[Haunted] = Cases(lambda failed: show_logs(failed.lab))
        cases.run(chosen, haunted)
        if arguments.figures:
            for what, took in haunted.took.items():
                print(f"figure  {what:<84} {took:8.0f} ms")
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

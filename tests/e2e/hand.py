#!/usr/bin/python3
"""The user's hand: `yield` and `take` on both sides, over resets, replugs and a lost link, by root and by a user of the group.

    tests/e2e/hand.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, show_logs, take_down, wait_ready  # noqa: E402


def at_windows(lab: Lab, *words: str) -> tuple[int, str]:
    result = lab.prefix.run(lab.host_program, *words, check=False)
    return result.returncode, result.stdout + result.stderr


def in_guest(lab: Lab, *words: str, user: str | None = None) -> tuple[int, str]:
    command = "ttyferry " + shlex.join(words)
    if user:
        command = f"su {user} -s /bin/sh -c {shlex.quote('PATH=$PATH:/usr/local/bin:/bin:/usr/bin ' + command)}"
    code, output = lab.vm.run(f"{command} 2>&1")
    return code, output


def states(lab: Lab) -> tuple[dict[str, str], dict[str, str]]:
    """Each side's boards with their state, by busid."""
    code, windows = at_windows(lab, "list", "--json")
    assert code == 0, windows
    code, guest = in_guest(lab, "list", "--json")
    assert code == 0, guest
    return tuple({b["busid"]: b["state"] for b in json.loads(text)["boards"]} for text in (windows, guest))  # type: ignore[return-value]


def expect_yielded(lab: Lab, board: Board, marks: dict) -> None:
    """Both streams tell first the detachment and its reason, then whose the board is."""
    for stream in (lab.windows, lab.guest):
        _, detached = stream.wait_event("detached", board.id, marks[stream])
        expect_equal(detached["reason"], "yielded", f"the reason on the {stream.name} stream")
        _, yielded = stream.wait_event("yielded", board.id, marks[stream])
        expect_equal((yielded["until"], yielded["board"]["state"]), (None, "yielded"), f"{stream.name}: until when")
        assert yielded["seq"] > detached["seq"], (detached, yielded)


def board_is_yielded_at_windows_and_taken_again(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    expect_equal(at_windows(lab, "yield", "port=1-3"), (0, ""), "yield")
    expect_yielded(lab, board, marks)
    expect_equal(states(lab), ({"1-3": "yielded"}, {"1-3": "yielded"}), "states")
    imports = lab.usbipd.board(board.busid)["imports"]
    # A board at another place comes and goes, which makes both agents look at everything.
    other, other_tty, *_ = bring_up(lab, "leonardo", "2-1")
    take_down(lab, other, other_tty)
    expect_equal(lab.usbipd.board(board.busid)["imports"], imports, "imports of a yielded board")
    marks = lab.marks()
    expect_equal(at_windows(lab, "take", "port=1-3"), (0, ""), "take")
    for stream in (lab.windows, lab.guest):
        stream.wait_event("taken", board.id, marks[stream])
    take_down(lab, board, wait_ready(lab, board, marks))


def board_is_yielded_in_the_guest_by_a_user_of_the_group(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    expect_equal(in_guest(lab, "yield", "port=1-3", user="user"), (0, ""), "yield by user")
    expect_yielded(lab, board, marks)
    marks = lab.marks()
    expect_equal(in_guest(lab, "take", "port=1-3", user="user"), (0, ""), "take by user")
    take_down(lab, board, wait_ready(lab, board, marks))


def user_outside_the_group_may_do_nothing(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    for verb in (("list",), ("yield", "port=1-3")):
        code, output = in_guest(lab, *verb, user="nobody")
        assert code == 1 and "may not read the stream" in output and "usermod -aG dialout $USER" in output, (verb, code, output)
    expect_equal([e["event"] for e in lab.guest.since(marks[lab.guest]) if e["event"] == "yielded"], [], "yielded")
    take_down(lab, board, tty)


def yield_holds_over_a_replug(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    expect_equal(at_windows(lab, "yield", "port=1-3"), (0, ""), "yield")
    expect_yielded(lab, board, marks)
    lab.unplug("1-3")
    lab.windows.wait_event("removal", board.id, marks[lab.windows])
    marks = lab.marks()
    board = lab.plug("nano", "1-3")
    _, arrival = lab.windows.wait_event("arrival", board.id, marks[lab.windows])
    expect_equal(arrival["board"]["state"], "yielded", "the state it arrives with")
    lab.guest.wait_event("yielded", board.id, marks[lab.guest])
    expect_equal(states(lab), ({"1-3": "yielded"}, {"1-3": "yielded"}), "states")
    marks = lab.marks()
    expect_equal(in_guest(lab, "take", "port=1-3"), (0, ""), "take")
    take_down(lab, board, wait_ready(lab, board, marks))


def yield_holds_over_a_lost_link(lab: Lab) -> None:
    """Asked at Windows while the guest is out of reach: it lets go as soon as it hears of it."""
    assert lab.relay is not None
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.relay.refuse(True)
    lab.relay.cut()
    lab.wait_link("down", marks)
    code, output = in_guest(lab, "yield", "port=1-3")
    assert code == 1 and "no host agent is linked" in output, (code, output)
    asking = lab.host_verb("yield", "port=1-3")  # It waits for the guest.
    lab.relay.refuse(False)
    lab.wait_link("up", marks)
    expect_yielded(lab, board, marks)
    expect_equal(asking.wait(30), 0, "yield")
    marks = lab.marks()
    lab.relay.cut()
    lab.wait_link("down", marks)
    lab.wait_link("up", marks)
    expect_equal(states(lab), ({"1-3": "yielded"}, {"1-3": "yielded"}), "states after the link was cut again")
    marks = lab.marks()
    expect_equal(at_windows(lab, "take", "port=1-3"), (0, ""), "take")
    take_down(lab, board, wait_ready(lab, board, marks))


def what_cannot_be_yielded_is_told(lab: Lab) -> None:
    for side in (at_windows, in_guest):
        code, output = side(lab, "yield", "port=9-9")
        assert code == 1 and "no board fits" in output, (code, output)
    board = lab.plug("nano", "1-3", bound=False)
    lab.windows.wait_event("needs_sharing", board.id)
    code, output = at_windows(lab, "yield", "port=1-3")
    assert code == 1 and "Windows has it already" in output, (code, output)
    code, output = in_guest(lab, "take", "port=1-3")
    assert code == 1 and "nobody has yielded" in output, (code, output)
    code, output = at_windows(lab, "status")
    assert code == 0 and "link up" in output and "by tcp" in output and "usbipd bind" in output, (code, output)
    mark = lab.windows.mark()
    lab.unplug("1-3")
    lab.windows.wait_event("removal", board.id, mark)


CASES = [
    board_is_yielded_at_windows_and_taken_again,
    board_is_yielded_in_the_guest_by_a_user_of_the_group,
    user_outside_the_group_may_do_nothing,
    yield_holds_over_a_replug,
    yield_holds_over_a_lost_link,
    what_cannot_be_yielded_is_told,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The user's hand: yield and take.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with Lab(debian=True) as lab:
        lab.start_service()
        lab.start_agents(relay=True)
        cases: Cases[Lab] = Cases(show_logs)
        cases.run(chosen, lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

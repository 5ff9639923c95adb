#!/usr/bin/python3
"""Plants bugs between the agents and into the board, and holds that the round which every end-to-end case is made of turns
red: a test that cannot fail proves nothing. Also what the link's end does, as the same relay can cut it.

Ends with "N passed, N failed".
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, expect_equal  # noqa: E402
from lab import Lab  # noqa: E402
from link_relay import Message, unchanged  # noqa: E402
from rounds import bring_up, echo, run_round, show_logs, take_down  # noqa: E402

# A planted bug shows as something that does not come; this is how long the round then waits for it.
LIMIT_S = 5.0
BUSID = "1-3"


def expect_red(lab: Lab, reason: str, **settings: Any) -> None:
    """The round fails, and for that reason. Afterwards both sides agree again."""
    lab.windows.limit_s = lab.guest.limit_s = LIMIT_S
    try:
        run_round(lab, "nano", BUSID, **settings)
    except AssertionError as error:
        assert reason in str(error), f"red for another reason: {error}"
    else:
        raise AssertionError("the round stayed green")
    finally:
        lab.windows.limit_s = lab.guest.limit_s = 30.0
        recover(lab)


def recover(lab: Lab) -> None:
    """Takes the bug out. A new link's snapshot settles what the bug has left."""
    relay = lab.relay
    assert relay is not None
    relay.from_host = relay.from_guest = unchanged
    if BUSID in lab.boards:
        lab.unplug(BUSID)
    marks = lab.marks()
    relay.cut()
    lab.wait_link("down", marks)
    lab.wait_link("up", marks)


def dropped_removal_turns_the_round_red(lab: Lab) -> None:
    def drop_removals(message: Message) -> Message | None:
        return None if message.get("type") == "removal" else message

    lab.relay.from_host = drop_removals
    expect_red(lab, "without 'removal'")
    run_round(lab, "nano", BUSID)


def wrong_tty_path_turns_the_round_red(lab: Lab) -> None:
    def rewrite_path(message: Message) -> Message | None:
        for tty in message.get("ttys", []):
            tty["path"] = "/dev/ttyUSB7"
        return message

    lab.relay.from_guest = rewrite_path
    expect_red(lab, "the tty on the guest's stream")
    run_round(lab, "nano", BUSID)


def board_without_echo_turns_the_round_red(lab: Lab) -> None:
    expect_red(lab, "bad bytes of the echo", echo="off")
    run_round(lab, "nano", BUSID)


def cut_link_loses_no_attachment(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "nano", BUSID)
    marks = lab.marks()
    lab.relay.cut()
    lab.wait_link("down", marks)
    lab.wait_link("up", marks)
    echo(lab, board, tty)
    quiet = [e["event"] for stream, mark in marks.items() for e in stream.since(mark) if e["event"] not in ("link", "update")]
    expect_equal(quiet, [], "events about the board when the link came back")
    take_down(lab, board, tty)


def board_pulled_while_the_link_is_down_is_let_go(lab: Lab) -> None:
    """The host's news of the removal is lost with the link; its next snapshot tells it."""
    board, tty, *_ = bring_up(lab, "nano", BUSID)
    marks = lab.marks()
    lab.relay.from_host = lambda message: None
    lab.unplug(BUSID)
    lab.windows.wait_event("removal", board.id, marks[lab.windows])
    lab.relay.from_host = unchanged
    lab.relay.cut()
    lab.guest.wait_event("removal", board.id, marks[lab.guest])
    lab.wait_link("up", marks)
    expect_equal(lab.vm.run(f"[ -e {tty} ]")[0], 1, f"exit code of a look for {tty}")


CASES = [
    dropped_removal_turns_the_round_red,
    wrong_tty_path_turns_the_round_red,
    board_without_echo_turns_the_round_red,
    cut_link_loses_no_attachment,
    board_pulled_while_the_link_is_down_is_let_go,
]


def main() -> int:
    with Lab() as lab:
        lab.start_agents(relay=True)
        cases = Cases(show_logs)
        cases.run(CASES, lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The host agent under Wine while Windows switches between users; the guest is a fake.

    tests/host/session_smoke.py [--build build/windows] [CASE...]

Wine has one session, which is always the active one, and tells of no switch. What Windows would say is posted to the window
that the agent has registered for it: WM_WTSSESSION_CHANGE. From there on it is the real ttyferry.exe.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "host")]

from cases import Cases, choose, expect_equal  # noqa: E402
from fake_guest import hello  # noqa: E402
from pnp_smoke import Rig, ch340, detached, ready, show_log  # noqa: E402

WM_WTSSESSION_CHANGE = "0x2b1"
# Its wParam.
CONSOLE_CONNECT, CONSOLE_DISCONNECT, REMOTE_CONNECT, REMOTE_DISCONNECT, LOGON, LOGOFF, LOCK, UNLOCK, REMOTE_CONTROL = range(1, 10)
AWAY, BACK = "another session is the active one", "this session is the active one"


class SessionRig(Rig):
    """The window is the agent's, whose link is up when the case begins."""

    def switch(self, *changes: int) -> None:
        program = self.exe.parent / "tests" / "host" / "wsl_stub" / "post_to_agent.exe"
        self.prefix.run(program, WM_WTSSESSION_CHANGE, *(str(change) for change in changes))

    def go_away(self, change: int = CONSOLE_DISCONNECT) -> None:
        self.switch(change)
        expect_equal(self.guest.next("bye")["code"], "shutdown", "bye")
        self.guest.next("(closed)")
        self.wait_for_link("down")

    def come_back(self, change: int = CONSOLE_CONNECT) -> list[str]:
        """The boards of the snapshot that the guest then gets."""
        self.switch(change)
        present = [message["board"]["id"] for message in self.guest.snapshot()]
        self.wait_for_link("up")
        return sorted(present)

    def wait_for_link(self, state: str) -> None:
        while self.events.next("link")["state"] != state:
            pass


def switch_away_lets_the_link_go_and_back_links_again(rig: SessionRig) -> None:
    for away, back in ((CONSOLE_DISCONNECT, CONSOLE_CONNECT), (REMOTE_DISCONNECT, REMOTE_CONNECT), (CONSOLE_DISCONNECT, REMOTE_CONNECT)):
        rig.go_away(away)
        expect_equal(rig.come_back(back), [], "snapshot")


def attached_board_stays_as_it_was_told(rig: SessionRig) -> None:
    """The guest holds it, whoever sits in front of Windows; what became of it meanwhile is told when the link is back."""
    with ch340(rig, "HELD") as held:
        rig.guest.next("arrival", held)
        rig.guest.send(ready(held, "/dev/ttyUSB0"))
        rig.events.next("ready", held)
        rig.go_away()
        late = rig.read_events()
        expect_equal(late.states(), {held.lower(): "ready"}, "a reader's snapshot while away")
        late.close()
        expect_equal(rig.come_back(), [held.lower()], "snapshot")
        rig.guest.send(detached(held))
        expect_equal(rig.events.next_about(held)["event"], "detached", "the first event about the board")


def what_happens_while_away_is_told_afterwards(rig: SessionRig) -> None:
    """The stream goes on; no arrival and no kick makes the agent look for the guest, which would be the other user's."""
    start = len(rig.log())
    with ch340(rig, "GOES") as gone:
        rig.guest.next("arrival", gone)
        rig.go_away()
    rig.events.next("removal", gone)
    with ch340(rig, "COMES") as come:
        rig.events.next("arrival", come)
        expect_equal(rig.verb("kick").returncode, 0, "exit code of kick")
        rig.wait_for_log("asked to look for the guest", start)
        expect_equal(rig.come_back(), [come.lower()], "snapshot")
    said = rig.log()[start:]
    assert said.index(AWAY) < said.index("asked to look") < said.index(BACK) < said.index("linked with the guest"), said


def other_changes_of_a_session_are_no_switch(rig: SessionRig) -> None:
    start = len(rig.log())
    rig.switch(LOCK, UNLOCK, LOGON, LOGOFF, REMOTE_CONTROL, CONSOLE_CONNECT)
    with ch340(rig, "LOCKED") as board:
        rig.guest.next("arrival", board)
    rig.guest.next("removal", board)
    assert AWAY not in rig.log()[start:] and BACK not in rig.log()[start:], rig.log()[start:]


def switches_in_quick_succession_end_as_the_last_says(rig: SessionRig) -> None:
    start = len(rig.log())
    rig.switch(*[CONSOLE_DISCONNECT, CONSOLE_CONNECT] * 5, CONSOLE_DISCONNECT, REMOTE_DISCONNECT)
    end = start
    for _ in range(6):
        rig.wait_for_log(AWAY, end)
        end = rig.log().index(AWAY, end) + 1
    rig.guest.forget()
    rig.switch(CONSOLE_CONNECT)
    rig.wait_for_log("linked with the guest", end)
    with ch340(rig, "AFTER") as board:
        rig.guest.next("arrival", board)
    assert AWAY not in rig.log()[end:], rig.log()[end:]


def agent_ends_while_away(rig: SessionRig) -> None:
    """The last case: an agent whose link rests has nothing to say goodbye to."""
    rig.go_away()
    rig.prefix.run("taskkill.exe", "/im", rig.agent_exe.name)
    expect_equal(rig.agent.wait(30), 0, "exit code")
    assert "handles still open" not in rig.log()


CASES = [
    switch_away_lets_the_link_go_and_back_links_again,
    attached_board_stays_as_it_was_told,
    what_happens_while_away_is_told_afterwards,
    other_changes_of_a_session_are_no_switch,
    switches_in_quick_succession_end_as_the_last_says,
    agent_ends_while_away,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The host agent while Windows switches between users.")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "windows")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    cases: Cases[SessionRig] = Cases(show_log)
    with contextlib.ExitStack() as stack:
        rig = SessionRig(stack, arguments.build.resolve(), 0)
        rig.guest.greeting = hello()
        cases.run(chosen, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

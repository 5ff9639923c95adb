#!/usr/bin/python3
"""`ttyferry status --watch` as somebody sees it: in tmux, a real terminal, whose screen is read back; an agent that this test plays.

    tests/link/status_tmux.py [--show] [CASE...]

--show prints what the screen shows at each look. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "tests/link")]

from cases import Cases, choose, expect_equal  # noqa: E402
from status_terminal import LIMIT_S, PROGRAM, Agent  # noqa: E402

RED, GREEN, YELLOW = "\x1b[31m", "\x1b[32m", "\x1b[33m"
PROMPT = "prompt> "
EARLIER = "what was there before"
TABLE_LINES = 6  # The link, an empty one, the titles, three boards.
# A window of tmux that nobody looks at has the size that it is told.
COMMON = ["-f", "/dev/null"]
show = False


def board(number: int = 1, state: str = "waiting", **members: Any) -> dict[str, Any]:
    return {
        "id": f"usb\\vid_1a86&pid_7523\\{number}", "name": f"nano{number}", "vid": "1a86", "pid": "7523", "serial": None,
        "description": "USB-SERIAL CH340", "com_port": f"COM{number + 4}", "busid": f"1-{number}", "speed": "full", "kind": "serial", "state": state,
    } | members


def ready(number: int = 1) -> dict[str, Any]:
    path = f"/dev/ttyUSB{number - 1}"
    ttys = [{"path": path, "by_id": None, "link": f"/dev/ttyferry/nano{number}", "interface": 0}]
    took = {"import": 1003, "enumerate": 382, "node": 2, "total": 1387}
    return {"event": "ready", "board": board(number, "ready"), "ttys": ttys, "usb_node": "/dev/bus/usb/001/002", "took_ms": took}


class Tmux:
    """A window with a shell; `with` ends the server. All that the window was ever sent is in self.record."""

    def __init__(self, folder: Path, columns: int = 100, lines: int = 24) -> None:
        self._command = ["tmux", "-S", str(folder / "tmux.sock"), *COMMON]
        self.record = folder / "record"
        self.record.write_bytes(b"")
        environment = {key: value for key, value in os.environ.items() if key not in ("TMUX", "COLUMNS", "NO_COLOR", "ENV")}
        shell = f"PS1={shlex.quote(PROMPT)} exec sh"
        self._run("new-session", "-d", "-x", str(columns), "-y", str(lines), shell, environment=environment)
        self._run("pipe-pane", f"cat >>{shlex.quote(str(self.record))}")
        self.wait(lambda screen: PROMPT.strip() in screen, "a prompt")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._run("kill-server")

    def _run(self, *words: str, environment: dict[str, str] | None = None) -> str:
        return subprocess.run([*self._command, *words], check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=LIMIT_S).stdout

    def type(self, *keys: str) -> None:
        """Names of tmux, such as C-c and Enter, and texts."""
        self._run("send-keys", *keys)

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def fact(self, name: str) -> str:
        """One of tmux's own variables."""
        return self._run("display-message", "-p", f"#{{{name}}}").rstrip("\n")

    def screen(self, colours: bool = False) -> str:
        return self._run("capture-pane", "-p", *(["-e"] if colours else []))

    def rows(self) -> list[str]:
        """What is on the screen, without the empty lines below."""
        return self.screen().rstrip("\n").split("\n")

    def wait(self, condition: Callable[[str], bool], what: str, colours: bool = False) -> str:
        deadline = time.monotonic() + LIMIT_S
        while not condition(screen := self.screen(colours)):
            if time.monotonic() > deadline:
                raise AssertionError(f"the screen never shows {what}:\n{screen}")
            time.sleep(0.02)
        if show:
            print(f"--- {what}\n{screen.rstrip()}\n---", flush=True)
        return screen


def watch(tmux: Tmux, agent: Agent, boards: list[dict[str, Any]], words: str = "", before: str = "") -> None:
    """Types the verb, and waits until the table is there."""
    tmux.type(f"{before}{PROGRAM} status --watch --stream {agent.path} {words}", "Enter")
    agent.accept(boards)
    tmux.wait(lambda screen: screen.startswith("link "), "the table")


def expect_clean(tmux: Tmux) -> None:
    """The shell's own screen is back, with a cursor, and nothing of the table on it."""
    screen = tmux.wait(lambda screen: screen.rstrip().endswith(PROMPT.strip()), "the prompt again")
    expect_equal((tmux.fact("alternate_on"), tmux.fact("cursor_flag"), tmux.fact("wrap_flag")), ("0", "1", "1"), "other screen, cursor, wrapping")
    assert "BUSID" not in screen, screen


def end(tmux: Tmux) -> None:
    tmux.type("C-c")
    expect_clean(tmux)


def table_is_live(tmux: Tmux, agent: Agent) -> None:
    watch(tmux, agent, [])
    tmux.wait(lambda screen: "no boards" in screen, "no boards")
    agent.send({"event": "arrival", "board": board()})
    tmux.wait(lambda screen: f"{YELLOW}waiting" in screen, "a board that waits, in yellow", colours=True)
    agent.send(ready())
    tmux.wait(lambda screen: f"{GREEN}ready" in screen and "/dev/ttyUSB0" in screen, "a board that is ready, in green", colours=True)
    agent.send({"event": "detached", "board": board(1, "detached"), "reason": "lost"})
    agent.send({"event": "removal", "board": board(1, "gone")})
    tmux.wait(lambda screen: "no boards" in screen and "nano1" not in screen, "no boards again")
    end(tmux)


def trouble_and_a_link_that_is_down_are_red(tmux: Tmux, agent: Agent) -> None:
    watch(tmux, agent, [board()])
    failure = {"code": "in_use", "message": "a Windows program holds the board", "remedy": "Close the Windows program that uses the board.", "retry_in_ms": 500}
    agent.send({"event": "failed", "board": board(1, "failed"), **failure})
    screen = tmux.wait(lambda screen: f"{RED}failed" in screen, "a board that has failed, in red", colours=True)
    assert failure["message"] in screen and failure["remedy"] in screen, screen
    agent.send({"event": "link", "state": "down", "peer": "127.0.0.1:24240", "transport": "tcp"})
    tmux.wait(lambda screen: screen.startswith(f"link {RED}down"), "a link that is down, in red", colours=True)
    end(tmux)


def no_color_is_heeded(tmux: Tmux, agent: Agent) -> None:
    watch(tmux, agent, [board()], before="NO_COLOR=1 ")
    expect_equal(tmux.screen(colours=True), tmux.screen(), "the screen with its colours")
    end(tmux)


def pipe_gets_neither_colours_nor_escapes(tmux: Tmux, agent: Agent) -> None:
    tmux.type(f"{PROGRAM} status --watch --stream {agent.path} | cat -v", "Enter")
    agent.accept([board()])
    screen = tmux.wait(lambda screen: "nano1" in screen and "waiting" in screen, "the table behind a pipe", colours=True)
    assert "^[" not in screen and YELLOW not in screen, screen
    expect_equal(tmux.fact("alternate_on"), "0", "the other screen")
    tmux.type("C-c")
    tmux.wait(lambda screen: screen.rstrip().endswith(PROMPT.strip()), "the prompt again")


def every_size_of_window_fits(tmux: Tmux, agent: Agent) -> None:
    """From wide to a slit and back: the state of each board stays readable, no line wraps, nothing scrolls."""
    watch(tmux, agent, [board(number) for number in (1, 2, 3)])
    for number in (1, 2):
        agent.send(ready(number))
    tmux.wait(lambda screen: "/dev/ttyUSB1" in screen, "two boards that are ready")
    for columns, lines in ((40, 24), (20, 24), (12, 24), (40, 5), (20, 3), (100, 24)):
        tmux.resize(columns, lines)
        expected = min(TABLE_LINES, lines)
        tmux.wait(lambda screen: is_whole(screen, columns, expected, lines), f"a whole table in {columns} columns and {lines} lines")
        expect_equal(tmux.fact("history_size"), "0", "lines that have scrolled away")
    screen = tmux.screen()
    assert "/dev/ttyferry/nano2" in screen and "USB-SERIAL CH340" in screen, screen
    end(tmux)


def is_whole(screen: str, columns: int, expected: int, lines: int) -> bool:
    """A window of less than 20 columns shows the left 20 of it."""
    rows = screen.rstrip("\n").split("\n")
    states = sum("ready" in row or "wait" in row for row in rows)
    return (
        len(rows) == expected and rows[0].startswith("link ") and all(len(row) <= columns for row in rows)
        and (rows[-1] == "..." if lines < TABLE_LINES else states == 3 or columns < 20)
    )


def many_changes_leave_no_trace(tmux: Tmux, agent: Agent) -> None:
    """The screen is painted over, never cleared first (that flickers), and nothing scrolls; what was there before is there again."""
    tmux.type(f"echo {EARLIER}", "Enter")
    tmux.wait(lambda screen: f"\n{EARLIER}" in screen, "the earlier output")
    before = tmux.fact("history_size")
    watch(tmux, agent, [board()])
    start = len(tmux.record.read_bytes())
    for number in range(100):
        state = "attaching" if number % 2 else "failed"
        more = {"attempt": number} if number % 2 else {"code": "busy", "message": f"number {number}", "remedy": None, "retry_in_ms": 250}
        agent.send({"event": state, "board": board(1, state), **more})
    agent.send(ready())
    tmux.wait(lambda screen: "/dev/ttyUSB0" in screen, "the last of a hundred changes")
    expect_equal(tmux.fact("history_size"), "0", "lines of the table that have scrolled away")
    end(tmux)
    assert f"\n{EARLIER}" in tmux.screen(), tmux.screen()
    expect_equal(tmux.fact("history_size"), before, "lines that have scrolled away")
    painted = tmux.record.read_bytes()[start:]
    for clearing in (b"\x1b[2J", b"\x1b[H\x1b[J", b"\x1bc", b"\x1b[3J"):
        assert clearing not in painted, f"{clearing!r} clears the screen before it is painted"
    assert painted.count(b"\x1b[H") > 1, "nothing was painted over"


def hostile_texts_do_nothing(tmux: Tmux, agent: Agent) -> None:
    """No escape of a board's reaches the terminal: neither title nor colour nor cursor nor the order of letters."""
    evil = "\x1b]0;owned\x07\x1b[31m\x1b[2J\x1b[10;10H\x9b7m\u202e\u2066\r\nnext\ttab\x7f"
    title = tmux.fact("pane_title")
    watch(tmux, agent, [board(1, description=evil, com_port=None), board(2, "failed", code="busy", message=evil, remedy=evil), board(3, description="\u4e2d\u6587" * 40)])
    screen = tmux.wait(lambda screen: "nano3" in screen, "three boards", colours=True)
    expect_equal(tmux.fact("pane_title"), title, "the title")
    plain = tmux.screen()
    assert not any(character in plain for character in "\u202e\u2066\x1b\x9b\x07\t"), repr(plain)
    assert "next" in plain and plain.startswith("link "), plain
    assert screen.count(RED) == 1, f"colours that are not ours: {screen!r}"  # Of the state "failed".
    end(tmux)


def child_of(parent: int) -> int:
    """The one process that the shell has started."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            if f"\nPPid:\t{parent}\n" in status.read_text():
                return int(status.parent.name)
    raise AssertionError(f"process {parent} has no child")


def signals_and_the_end_of_the_agent_leave_it_clean(tmux: Tmux, agent: Agent) -> None:
    watch(tmux, agent, [board()])
    agent.reader.close()
    expect_clean(tmux)
    assert "has gone" in tmux.screen(), tmux.screen()
    watch(tmux, agent, [board()])
    os.kill(child_of(int(tmux.fact("pane_pid"))), signal.SIGTERM)
    expect_clean(tmux)
    watch(tmux, agent, [board()])
    tmux.type("C-z")
    expect_clean(tmux)
    tmux.type("fg", "Enter")
    tmux.wait(lambda screen: screen.startswith("link "), "the table again")
    end(tmux)


CASES = [
    table_is_live,
    trouble_and_a_link_that_is_down_are_red,
    no_color_is_heeded,
    pipe_gets_neither_colours_nor_escapes,
    every_size_of_window_fits,
    many_changes_leave_no_trace,
    hostile_texts_do_nothing,
    signals_and_the_end_of_the_agent_leave_it_clean,
]


def main() -> int:
    global show  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description="status --watch in a real terminal.")
    parser.add_argument("--show", action="store_true", help="print what the screen shows")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    show = arguments.show
    cases: Cases[None] = Cases()
    for case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            agent = Agent(Path(folder))
            with Tmux(Path(folder)) as tmux:
                cases.run_one(case.__name__, lambda _, case=case: case(tmux, agent), None)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

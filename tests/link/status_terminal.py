#!/usr/bin/python3
"""`ttyferry status` and `list` on a terminal: a pseudo-terminal of a given size, an agent that this test plays.

    tests/link/status_terminal.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402

PROGRAM = ROOT / "build/linux/ttyferry"
LIMIT_S = 20.0
ENTER, LEAVE, HIDE, SHOW, HOME = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h", b"\x1b[H"


def board(state: str = "waiting") -> dict[str, Any]:
    return {
        "id": "usb\\vid_1a86&pid_7523\\5", "name": "nano", "vid": "1a86", "pid": "7523", "serial": None,
        "description": "A \u202econverter\x1b[31m with a name that is longer than any window is wide, and then some more of it",
        "com_port": None, "busid": "3-1", "speed": "full", "kind": "serial", "state": state,
    }


class Agent:
    """Serves the stream to one reader."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.sock"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.listener.settimeout(LIMIT_S)
        self.seq = 0

    def accept(self, boards: list[dict[str, Any]]) -> None:
        self.reader, _ = self.listener.accept()
        self.send({"event": "snapshot", "link": {"state": "up", "peer": "127.0.0.1:24240", "transport": "tcp"}, "boards": boards})

    def line(self, event: dict[str, Any]) -> bytes:
        self.seq += 1
        head = {"v": 1, "run": "8c1f6a0be97d2c43", "seq": self.seq, "time": "2026-11-25T09:30:00.120Z"}
        return json.dumps({**head, **event}).encode() + b"\n"

    def send(self, event: dict[str, Any]) -> None:
        self.reader.sendall(self.line(event))


class Terminal:
    """The program on a pseudo-terminal; what it prints is kept."""

    def __init__(self, *words: str, columns: int, lines: int = 24, **environment: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
            os.execve(PROGRAM, [str(PROGRAM), *words], {**kept, "TERM": "xterm", **environment})
        self.output = b""
        self.code: int | None = None

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait(self, wanted: bytes, since: int = 0) -> int:
        """Until it has printed that; the position after it."""
        deadline = time.monotonic() + LIMIT_S
        while wanted not in self.output[since:]:
            if not self.read(deadline - time.monotonic()):
                raise AssertionError(f"never printed {wanted!r}: {self.output!r}")
        return self.output.index(wanted, since) + len(wanted)

    def read(self, limit_s: float) -> bool:
        if not select.select([self.fd], [], [], max(limit_s, 0))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: the program has ended.
            return False
        self.output += data
        return bool(data)

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def end(self) -> int:
        deadline = time.monotonic() + LIMIT_S
        while self.read(deadline - time.monotonic()):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def rows(output: bytes) -> list[str]:
    """The lines of the last picture, without the escapes that are ours."""
    text = output.decode()
    text = text[text.rfind(HOME.decode()) + len(HOME) if HOME.decode() in text else 0:]
    for escape in ("\x1b[K", "\x1b[J", "\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"):
        text = text.replace(escape, "")
    return text.split("\r\n")


def expect_fits(output: bytes, columns: int) -> None:
    for row in rows(output):
        assert len(row) <= columns, (columns, row)
        assert "\x1b" not in row and "\u202e" not in row, row


def list_fits_the_window_and_has_colours(agent: Agent) -> None:
    for columns in (120, 60, 40, 20):
        terminal = Terminal("list", "--stream", str(agent.path), columns=columns)
        agent.accept([board()])
        expect_equal(terminal.end(), 0, "exit code")
        expect_fits(terminal.output, columns)
        assert b"\x1b[33mwaiting\x1b[0m" in terminal.output, terminal.output
        assert ENTER not in terminal.output


def columns_and_no_color_are_heeded(agent: Agent) -> None:
    terminal = Terminal("list", "--stream", str(agent.path), columns=120, COLUMNS="50", NO_COLOR="1")
    agent.accept([board()])
    expect_equal(terminal.end(), 0, "exit code")
    expect_fits(terminal.output, 50)
    assert b"\x1b" not in terminal.output, terminal.output


def watch_redraws_with_each_event_and_restores_the_terminal(agent: Agent) -> None:
    terminal = Terminal("status", "--watch", "--stream", str(agent.path), columns=60)
    agent.accept([])
    at = terminal.wait(b"no boards")
    assert terminal.output.startswith(ENTER + HIDE), terminal.output
    agent.send({"event": "arrival", "board": board()})
    at = terminal.wait(b"waiting", at)
    agent.send({"event": "link", "state": "down", "peer": None, "transport": None})
    at = terminal.wait(b"\x1b[31mdown", at)
    expect_fits(terminal.output, 60)
    terminal.type(b"\x03")  # Ctrl-C
    expect_equal(terminal.end(), 0, "exit code")
    assert terminal.output.endswith(SHOW + LEAVE), terminal.output[-60:]


def watch_restores_the_terminal_however_it_ends(agent: Agent) -> None:
    for name, end in (
        ("Ctrl-C", lambda terminal: terminal.type(b"\x03")), ("Ctrl-\\", lambda terminal: terminal.type(b"\x1c")),
        ("SIGTERM", lambda terminal: os.kill(terminal.pid, signal.SIGTERM)), ("SIGHUP", lambda terminal: os.kill(terminal.pid, signal.SIGHUP)),
    ):
        terminal = Terminal("status", "--watch", "--stream", str(agent.path), columns=60)
        agent.accept([])
        terminal.wait(b"no boards")
        end(terminal)
        expect_equal(terminal.end(), 0, f"exit code after {name}")
        assert terminal.output.endswith(SHOW + LEAVE), f"{name}: {terminal.output[-60:]!r}"


def watch_follows_the_window(agent: Agent) -> None:
    terminal = Terminal("status", "--watch", "--stream", str(agent.path), columns=100)
    agent.accept([board()])
    at = terminal.wait(b"\x1b[J")
    terminal.resize(30, 4)
    at = terminal.wait(b"\x1b[J", at)
    picture = terminal.output[:at]
    expect_fits(picture, 30)
    assert len(rows(picture)) <= 4, rows(picture)
    terminal.type(b"\x03")
    expect_equal(terminal.end(), 0, "exit code")


def watch_whose_agent_goes_restores_the_terminal(agent: Agent) -> None:
    terminal = Terminal("status", "--watch", "--stream", str(agent.path), columns=60)
    agent.accept([])
    terminal.wait(b"no boards")
    agent.reader.close()
    expect_equal(terminal.end(), 4, "exit code")
    assert LEAVE in terminal.output and b"has gone" in terminal.output[terminal.output.index(LEAVE):], terminal.output


CASES = [
    list_fits_the_window_and_has_colours,
    columns_and_no_color_are_heeded,
    watch_redraws_with_each_event_and_restores_the_terminal,
    watch_restores_the_terminal_however_it_ends,
    watch_follows_the_window,
    watch_whose_agent_goes_restores_the_terminal,
]


def run(description: str, suite: list[Callable[[Agent], None]]) -> int:
    """Those of the cases that the command line names, or all of them, with an agent that is played."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, suite, parser.parse_args().cases)
    with tempfile.TemporaryDirectory() as folder:
        cases: Cases[Agent] = Cases()
        cases.run(chosen, Agent(Path(folder)))
    return cases.close()


if __name__ == "__main__":
    sys.exit(run("status and list on a terminal.", CASES))

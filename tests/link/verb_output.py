#!/usr/bin/python3
"""Where the verbs print to: a stdout that is closed, full, or shared with a program that left it non-blocking; an agent that this test plays.

    tests/link/verb_output.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "link")]

from cases import expect_equal  # noqa: E402
from status_terminal import LIMIT_S, PROGRAM, Agent, board, run  # noqa: E402

STANDARD = (0, 1, 2)
# More than a pipe, a terminal or a socket holds together with what the verb reads at once; the rest stays in the agent's socket.
FLOOD = 200_000


def shell(agent: Agent, arguments: str, closed: str) -> subprocess.Popen[str]:
    """The verb as a shell starts it, with some of its files closed."""
    script = f'exec "$0" {arguments} --stream "$1" {closed}'
    return subprocess.Popen(["bash", "-c", script, PROGRAM, agent.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def a_closed_stdout_is_an_error(agent: Agent) -> None:
    for verb in ("events", "list", "status", "status --watch --json", "wait nano --state gone --json"):
        for closed in (">&-", "<&- >&-"):
            with shell(agent, verb, closed) as process:
                agent.accept([] if verb.startswith("wait") else [board()])
                _, stderr = process.communicate(timeout=LIMIT_S)
                agent.reader.close()
            expect_equal(process.returncode, 1, f"exit code of {verb} {closed}")
            assert "cannot write to stdout" in stderr, f"{verb} {closed}: {stderr!r}"


def so_it_is_for_help(agent: Agent) -> None:
    for arguments in ("--help", "--version", "events --help"):
        result = subprocess.run(["bash", "-c", f'"$0" {arguments} >&-', PROGRAM], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        expect_equal(result.returncode, 1, f"exit code of {arguments}")
        assert "cannot write to stdout" in result.stderr, f"{arguments}: {result.stderr!r}"


def a_closed_file_is_not_taken_for_another(agent: Agent) -> None:
    """What libuv opens would get its number, and what is printed would go there: an agent's log would fill the pipe that its signals need."""
    with shell(agent, "wait nano", "<&- >&- 2>&-") as process:
        agent.accept([])
        names = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in STANDARD]
        agent.reader.close()
        process.communicate(timeout=LIMIT_S)
    expect_equal(names, ["/dev/null"] * len(STANDARD), "what stands where nothing was")
    expect_equal(process.returncode, 4, "exit code")


def what_looks_once_is_ended_by_the_signal_itself(agent: Agent) -> None:
    """So that Ctrl-C ends a shell's loop around it."""
    for verb in ("list", "status", "status --json"):
        with shell(agent, verb, "") as process:
            agent.reader, _ = agent.listener.accept()  # And nothing is said to it.
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=LIMIT_S)
            agent.reader.close()
        expect_equal(process.returncode, -signal.SIGINT, f"exit code of {verb}")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def pipe() -> tuple[int, int]:
    return os.pipe()


def terminal() -> tuple[int, int]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    return master, slave


def stream_socket() -> tuple[int, int]:
    reading, writing = socket.socketpair()
    return reading.detach(), writing.detach()


class Full:
    """A verb whose stdout is full: more has been told than fits, and nobody reads."""

    def __init__(self, agent: Agent, arguments: list[str], kind: Callable[[], tuple[int, int]], blocking: bool) -> None:
        self.name = f"{kind.__name__}, {'blocking' if blocking else 'non-blocking'}"
        self.reading, self._writing = kind()
        self._blocking = blocking
        os.set_blocking(self._writing, blocking)
        self.process = subprocess.Popen([PROGRAM, *arguments, "--stream", agent.path], stdin=subprocess.DEVNULL, stdout=self._writing,
                                        stderr=subprocess.PIPE, text=True)
        agent.accept([])
        self.told = b""
        while len(self.told) < FLOOD:
            self.told += agent.line({"event": "arrival", "board": board()})
        agent.reader.sendall(self.told)
        wait_for(lambda: self._waits(agent.reader), f"{self.name}: the output never became full")

    def _waits(self, told: socket.socket) -> bool:
        """It sleeps, although there is something left for it to read. (A terminal that has no room may well be called writable.)"""
        unread = bytearray(4)
        fcntl.ioctl(told, termios.TIOCOUTQ, unread)
        state = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state == "S" and int.from_bytes(unread, sys.byteorder) > 0

    def end(self, number: int = signal.SIGINT) -> None:
        """The signal must end it well, and stdout must be as it was."""
        self.process.send_signal(number)
        try:
            _, stderr = self.process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name}: goes on for ever") from None
        expect_equal((self.process.returncode, stderr), (0, ""), f"{self.name}: the end")
        expect_equal(os.get_blocking(self._writing), self._blocking, f"{self.name}: stdout blocks")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self.reading)
        os.close(self._writing)


def each_full(agent: Agent, *arguments: str) -> Iterator[Full]:
    for kind in (pipe, terminal, stream_socket):
        for blocking in (True, False):
            with contextlib.closing(Full(agent, list(arguments), kind, blocking)) as full:
                yield full


def events_is_interrupted_while_nobody_reads(agent: Agent) -> None:
    for full in each_full(agent, "events"):
        full.end()


def a_watch_is_ended_while_nobody_reads(agent: Agent) -> None:
    for full in each_full(agent, "status", "--watch", "--json"):
        full.end(signal.SIGTERM)


def a_reader_that_comes_late_gets_every_byte(agent: Agent) -> None:
    """Where its stdout does not block, because another program left it so, too."""
    for full in each_full(agent, "events"):
        text = b""
        while text.count(b"\n") <= full.told.count(b"\n"):
            assert select.select([full.reading], [], [], LIMIT_S)[0], f"{full.name}: {len(text)} bytes came"
            data = os.read(full.reading, 65536)
            assert data, f"{full.name}: the output has ended"
            text += data
        first, rest = text.split(b"\n", 1)
        assert b'"snapshot"' in first, f"{full.name}: {first!r}"
        assert rest == full.told, f"{full.name}: other bytes came"
        full.end()


CASES = [
    a_closed_stdout_is_an_error,
    so_it_is_for_help,
    a_closed_file_is_not_taken_for_another,
    what_looks_once_is_ended_by_the_signal_itself,
    events_is_interrupted_while_nobody_reads,
    a_watch_is_ended_while_nobody_reads,
    a_reader_that_comes_late_gets_every_byte,
]


if __name__ == "__main__":
    sys.exit(run("Where the verbs print to.", CASES))

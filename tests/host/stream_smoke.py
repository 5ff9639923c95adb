#!/usr/bin/python3
"""The event stream of `ttyferry.exe agent` under Wine with many readers at its named pipe: the same lines for all, one that does not read is
sent away and told so, one that was away goes on where it was. tests/link/fan_out.py does the same with the guest's socket, and more.

    tests/host/stream_smoke.py [--build build/windows] [CASE...]

Ends with "N passed, N failed".
"""
from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from fake_guest import Message, line  # noqa: E402
from pnp_smoke import CH340, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, LIMIT_S, Rig, attaching, ch340, detached, failed, ready, show_log, until  # noqa: E402
from stream_schema import fault  # noqa: E402
from wine import LineStream  # noqa: E402

READERS = 8
ROUNDS = 3000  # two events each
BATCH = 250
CROWD_LIMIT_S = 120.0


class Verb:
    """A running `ttyferry.exe events`, its lines as they came."""

    def __init__(self, rig: Rig, *arguments: str, reads: bool = True) -> None:
        self.process = rig.prefix.spawn(rig.exe, "events", *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout and self.process.stderr
        self._lines: LineStream | None = None
        self._errors = LineStream(self.process.stderr)
        if reads:
            self.read()
        else:
            self.process.stdout.peek(1)  # type: ignore[attr-defined]  # Its subscription has begun, and nothing is taken from it.

    def read(self) -> None:
        assert self.process.stdout
        self._lines = LineStream(self.process.stdout)

    def take(self) -> Message:
        assert self._lines
        text = self._lines.next(CROWD_LIMIT_S)
        assert text is not None, f"events has ended: {self.error()}"
        return json.loads(text)

    def error(self) -> str:
        return self._errors.next(LIMIT_S) or ""

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def push(rig: Rig, board: str, rounds: int) -> None:
    rig.guest.send_bytes((line(attaching(board)) + line(failed(board))) * rounds)


@contextlib.contextmanager
def shared_board(rig: Rig, instance: str) -> Iterator[str]:
    """A board that is wanted, and of which nothing more will be told by itself."""
    rig.let_the_first_looks_pass()
    rig.events.close()  # It has every event of the cases before.
    rig.events = rig.read_events()
    rig.pnp.bind(f"{CH340}\\{instance}", "CH340")
    with ch340(rig, instance, com="COM7") as board:
        until(rig.events, board, com_port="COM7", state="waiting")
        push(rig, board, 1)
        rig.events.next("failed", board)
        yield board
    rig.pnp.unbind(f"{CH340}\\{instance}")


def every_reader_gets_the_same_and_one_that_does_not_read_is_told(rig: Rig) -> None:
    with shared_board(rig, "CROWD") as board, contextlib.ExitStack() as stack:
        readers = [Verb(rig) for _ in range(READERS)]
        asleep = Verb(rig, reads=False)
        for reader in (*readers, asleep):
            stack.callback(reader.end)
        snapshots = [reader.take() for reader in readers]
        seq = snapshots[0]["seq"]
        expect_equal([snapshot["seq"] for snapshot in snapshots], [seq] * READERS, "numbers of the snapshots")
        start = len(rig.log())
        words: Message = {}
        for number in range(1, 2 * ROUNDS + 1):
            if number % (2 * BATCH) == 1:
                push(rig, board, BATCH)
            lines = [reader.take() for reader in readers]
            expect_equal((lines[0]["seq"], lines[0]["event"]), (seq + number, "failed" if number % 2 == 0 else "attaching"), "event")
            assert all(other == lines[0] for other in lines), f"readers differ at {lines[0]}"
            assert number % 100 or (wrong := fault(lines[0])) is None, wrong
            if number % (2 * BATCH) == 0 and not words and "reads too slowly" in rig.log()[start:]:
                words = last_words(asleep)
        assert words, f"one that did not read was not sent away: {rig.log()[-2000:]}"
        expect_equal((words["reason"], fault(words)), ("too_slow", None), "its last line")
        expect_equal(asleep.process.wait(LIMIT_S), EXIT_FAILED, "its exit code")
        assert "was too slow" in asleep.error(), "it does not say why"


def last_words(asleep: Verb) -> Message:
    """What the sleeper reads when it wakes up: its snapshot, events without a gap, and the last line."""
    asleep.read()
    snapshot = asleep.take()
    expect_equal(snapshot["event"], "snapshot", "its first line")
    seq = snapshot["seq"]
    while (message := asleep.take())["event"] != "dropped":
        seq += 1
        expect_equal(message["seq"], seq, "number of its next event")
    expect_equal(message["seq"], seq, "number in its last line")
    return message


def a_reader_goes_on_where_it_was(rig: Rig) -> None:
    with shared_board(rig, "RESUME") as board, contextlib.ExitStack() as stack:
        first = Verb(rig)
        stack.callback(first.end)
        snapshot = first.take()
        push(rig, board, 10)
        seen = [first.take() for _ in range(20)]
        first.end()
        push(rig, board, 10)
        third = Verb(rig, "--since", f"{snapshot['run']}:{seen[4]['seq']}")
        stack.callback(third.end)
        again = [third.take() for _ in range(15)]
        expect_equal(again, seen[5:], "what was said again")
        expect_equal([third.take()["seq"] for _ in range(20)], [seen[-1]["seq"] + number for number in range(1, 21)], "what was missed")
        other = Verb(rig, "--since", "0123456789abcdef:1")
        stack.callback(other.end)
        expect_equal(other.take()["event"], "snapshot", "first line where it can't go on")
        assert "(other_run)" in other.error(), "it does not say why"
        expect_equal(rig.verb("events", "--since", "x").returncode, EXIT_USAGE, "exit code of a place that is none")
        push(rig, board, 1)
        expect_equal([third.take()["event"], third.take()["event"]], ["attaching", "failed"], "what happens next")


def lines_end_with_a_line_feed_alone(rig: Rig) -> None:
    with shared_board(rig, "LF") as board:
        process = rig.prefix.spawn(rig.exe, "events", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout
        try:
            text = process.stdout.readline()
            push(rig, board, 1)
            text += process.stdout.readline() + process.stdout.readline()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        assert text.count(b"\n") == 3 and b"\r" not in text and text.isascii(), text
        for arguments in (("list",), ("status",), ("list", "--json")):
            result = rig.verb(*arguments)
            assert result.returncode == EXIT_DONE and "\r" not in result.stdout and result.stdout.endswith("\n"), result


def wait_gives_a_path_to_a_pipe_and_to_cmd(rig: Rig) -> None:
    with shared_board(rig, "WAITED") as board:
        rig.guest.send(attaching(board))
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        process = rig.prefix.spawn(rig.exe, "wait", "serial=WAITED", "--timeout", "15", stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout
        with process.stdout:
            expect_equal((process.stdout.read(), process.wait(LIMIT_S)), (b"/dev/ttyUSB0\n", EXIT_DONE), "what a pipe gets")
        script = Path(rig.folder / "wait.cmd")
        exe = rig.prefix.windows_path(rig.exe)
        for match, expected in (("1a86:7523", "[/dev/ttyUSB0]"), ("ffff:ffff", "")):
            script.write_bytes(f"@for /f \"delims=\" %%p in ('{exe} wait {match} --timeout 0') do @echo [%%p]\r\n".encode())
            result = rig.prefix.run("cmd.exe", "/c", rig.prefix.windows_path(script), check=False)
            expect_equal(result.stdout.strip(), expected, f"what cmd gets for {match}")
        rig.guest.send(detached(board))
        rig.events.next("detached", board)


def a_reader_that_goes_away_costs_nothing(rig: Rig) -> None:
    """Its process ends in the midst of it, over and over, and the agent serves on."""
    with shared_board(rig, "GOES") as board:
        stays = Verb(rig)
        seq = stays.take()["seq"]
        for _ in range(10):
            leaves = Verb(rig)
            leaves.take()
            push(rig, board, 20)
            leaves.end()
        expect_equal([stays.take()["seq"] for _ in range(400)], [seq + number for number in range(1, 401)], "numbers")
        stays.end()


CASES = [
    every_reader_gets_the_same_and_one_that_does_not_read_is_told,
    a_reader_goes_on_where_it_was,
    lines_end_with_a_line_feed_alone,
    wait_gives_a_path_to_a_pipe_and_to_cmd,
    a_reader_that_goes_away_costs_nothing,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The event stream of the host agent under Wine, with many readers.")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "windows")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    chosen: list[Any] = choose(parser, CASES, arguments.cases)
    cases: Cases[Rig] = Cases(show_log)
    with contextlib.ExitStack() as stack:
        cases.run(chosen, Rig(stack, arguments.build.resolve(), 0))
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The event stream under many readers: the real static `ttyferry agent` on this machine, a host that this test plays, and a crowd at the
agent's socket. Nothing of this machine is touched: the agent has a folder of its own for its files, a /dev of its own, and may load no driver.

    tests/link/fan_out.py [--figures] [CASE...]

Ends with "N passed, N failed". --figures prints how long events take to the last of 100 readers, how many a second they are, and the
agent's memory.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "link")]

from cases import Cases, choose, expect_equal  # noqa: E402
from fake_host import FakeHost, arrival, removal  # noqa: E402
from stream_schema import fault  # noqa: E402

PROGRAM = ROOT / "build/linux/ttyferry"
# The agent wants to be root; in a namespace that is enough.
AS_ROOT = ["unshare", "--mount", "--"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount", "--"]
LIMIT_S = 60.0
READERS = 100
EVENTS = 10_000
BATCH = 500  # events that are pushed before everybody has to have them
BOARDS = 60  # that take turns
SUBSCRIBERS_MAX = 256
RESUME_MAX = 1024
REQUEST_LINE_MAX = 4096
# The log of what slow readers lack (8 MiB at most), and what is under way to each of them.
RSS_GROWTH_MAX_KB = 32 * 1024

Line = dict[str, Any]


class Agent:
    """A guest agent in the foreground, linked with a fake host."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.numbers = 0
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o755)
        self.path = str(self.folder / "events.sock")
        self._log = self.folder / "agent.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = self.folder / "config.json"
        config.write_text(json.dumps({"link": {"address": "127.0.0.1", "port": self.port, "auth": "none"}, "access": {"group": "root"}}))
        log = stack.enter_context(open(self._log, "wb"))
        self._process = subprocess.Popen(
            [*AS_ROOT, "sh", "-c", 'mount -t tmpfs none /dev && exec setpriv --bounding-set -sys_module "$@"', "sh",
             str(PROGRAM), "agent", "--config", str(config), "--stream", self.path, "--log-level", "warning"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        stack.callback(self.stop)
        wait_for(lambda: self._answers() or self._process.poll() is not None, "the agent's socket")
        assert self._process.poll() is None, self.log()
        self.pid = self._process.pid
        self.host = stack.enter_context(self._link())
        self._idle_files = self.open_files()
        self.figures: list[str] = []

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), Reader(self.path) as reader:
            return reader.take() != {}
        return False

    def _link(self) -> FakeHost:
        """The agent listens once it has tried to load vhci_hcd."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                return FakeHost(self.port)
            except ConnectionRefusedError:
                assert time.monotonic() < end and self._process.poll() is None, self.log()
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LIMIT_S)

    def log(self) -> str:
        return self._log.read_text()

    def rss_kb(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def cpu_s(self) -> float:
        """Seconds of a processor that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settle(self) -> None:
        """Waits until the agent has noticed that every subscriber has left."""
        wait_for(lambda: self.open_files() <= self._idle_files, "the end of every connection")

    def push(self, events: int) -> None:
        """So many events: boards that come and go."""
        messages = []
        for _ in range(events // 2):
            self.numbers = (self.numbers + 1) % BOARDS
            messages += [arrival(self.numbers), removal(self.numbers)]
        self.host.send(*messages)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {LIMIT_S:.0f} s"
        time.sleep(0.01)


class Reader:
    """A subscriber that reads when it is told to."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(LIMIT_S)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.lines.close()
        self.socket.close()

    def take(self) -> Line:
        """The next line, {} at the end."""
        line = self.lines.readline()
        assert not line or line.endswith(b"\n"), f"half a line: {line!r}"
        return json.loads(line) if line else {}

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.take()

    def rest(self) -> list[Line]:
        """Everything up to the end; half a line there is dropped."""
        return [json.loads(line) for line in self.lines if line.endswith(b"\n")]

    def say(self, data: bytes | Line) -> None:
        self.socket.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")

    def until(self, seq: int) -> list[Line]:
        """The lines up to the event of that number, which must follow on each other; each is held to the schema."""
        lines = [self.take()]
        while lines[-1]["seq"] < seq:
            lines.append(self.take())
            expect_equal(lines[-1]["seq"], lines[-2]["seq"] + 1, "number of the next event")
        return lines

    def resume(self, run: str, seq: int) -> Line:
        """Asks to go on; the answer, and what came before it is thrown away."""
        self.say({"request": "resume", "id": "r", "run": run, "seq": seq})
        while "reply" not in (line := self.take()):
            assert line, "the agent has hung up, and not answered"
        expect_equal((line["reply"], line["id"], fault(line)), ("resume", "r", None), "the answer")
        return line


class Crowd:
    """Many subscribers that all read as fast as they can. The first keeps its lines; the others must get the same bytes."""

    def __init__(self, stack: contextlib.ExitStack, path: str, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        stack.callback(self._selector.close)
        self._buffer = bytearray(256 * 1024)
        self._counts = [0] * count
        self._digests = [hashlib.sha256() for _ in range(count)]
        self.text = bytearray()
        self.runs_and_numbers: list[tuple[str, int]] = []
        for number in range(count):
            reader = stack.enter_context(Reader(path))
            snapshot = reader.take()
            expect_equal(snapshot["event"], "snapshot", "first line")
            self.runs_and_numbers.append((snapshot["run"], snapshot["seq"]))
            reader.socket.setblocking(False)
            self._selector.register(reader.socket, selectors.EVENT_READ, number)

    def read_until(self, lines: int) -> float:
        """Reads until everybody has so many lines; returns when the last one had."""
        end = time.monotonic() + LIMIT_S
        lacking = sum(count < lines for count in self._counts)
        while lacking > 0:
            ready = self._selector.select(max(0.0, end - time.monotonic()))
            assert ready, f"{lacking} readers have not got {lines} events within {LIMIT_S:.0f} s"
            for key, _ in ready:
                number = key.data
                size = key.fileobj.recv_into(self._buffer)  # type: ignore[union-attr]
                assert size > 0, f"reader {number} was sent away"
                before = self._counts[number]
                self._counts[number] += self._buffer.count(b"\n", 0, size)
                self._digests[number].update(memoryview(self._buffer)[:size])
                if number == 0:
                    self.text += memoryview(self._buffer)[:size]
                lacking -= before < lines <= self._counts[number]
        return time.monotonic()

    def expect_the_same_for_all(self, lines: int) -> None:
        expect_equal(set(self._counts), {lines}, "lines that each reader has")
        expect_equal(len({digest.digest() for digest in self._digests}), 1, "streams that differ")


def ordered_lines(text: bytes, first: int) -> list[Line]:
    """The lines, which must have the numbers from `first` on; every 50th is held to the schema."""
    lines = [json.loads(line) for line in text.splitlines()]
    for offset, line in enumerate(lines):
        expect_equal(line["seq"], first + offset, "number of the event")
        assert offset % 50 or (wrong := fault(line)) is None, f"{wrong}: {line}"
    return lines


def expect_drop(lines: list[Line], reason: str) -> None:
    """Events without a gap, and a last line that says why and where."""
    expect_equal((lines[-1]["event"], lines[-1].get("reason"), fault(lines[-1])), ("dropped", reason, None), "the last line")
    for before, line in zip(lines, lines[1:-1]):
        expect_equal(line["seq"], before["seq"] + 1, "number of the next event")
    if len(lines) > 1:
        expect_equal(lines[-1]["seq"], lines[-2]["seq"], "number in the last line")


# The cases ------------------------------------------------------------------------------------------------------------------------


def ten_thousand_events_reach_a_hundred_readers_in_order(agent: Agent) -> None:
    """One that never reads is dropped on the way, told so when it reads at last, and costs the others nothing; another, which came with it and is
    dropped with it, is cut off."""
    agent.settle()
    with contextlib.ExitStack() as stack:
        files = agent.open_files()
        before_kb = agent.rss_kb()
        asleep = Reader(agent.path)
        dead = stack.enter_context(Reader(agent.path))
        crowd = Crowd(stack, agent.path, READERS)
        expect_equal(len(set(crowd.runs_and_numbers)), 1, "places at which the readers began")
        began, cpu_s = time.monotonic(), agent.cpu_s()
        last_words: list[Line] = []
        for pushed in range(BATCH, EVENTS + 1, BATCH):
            agent.push(BATCH)
            crowd.read_until(pushed)
            if not last_words and "reads too slowly" in agent.log():
                last_words = asleep.rest()
                asleep.close()
        took_s, cpu_s = time.monotonic() - began, agent.cpu_s() - cpu_s
        grown_kb = agent.rss_kb() - before_kb
        crowd.expect_the_same_for_all(EVENTS)
        lines = ordered_lines(crowd.text, crowd.runs_and_numbers[0][1] + 1)
        expect_equal([line["event"] for line in lines], ["arrival", "removal"] * (EVENTS // 2), "events")
        expect_equal([line["board"]["serial"] for line in lines[::2]], [line["board"]["serial"] for line in lines[1::2]], "boards")
        assert last_words, f"one that never read was not dropped: {agent.log()}"
        expect_drop(last_words, "too_slow")
        assert grown_kb < RSS_GROWTH_MAX_KB, f"the agent has grown by {grown_kb} KiB"
        # The one that goes on not reading is not waited for for ever: its connection ends under it.
        wait_for(lambda: agent.open_files() == files + READERS, "the end of a connection that nobody reads")
        assert dead.take()["event"] == "snapshot"
        agent.figures.append(f"{EVENTS} events to {READERS} readers in {took_s:.1f} s: {EVENTS / took_s:.0f} events/s, {EVENTS * READERS / took_s:.0f} lines/s; {cpu_s:.1f} s"
                             f" of a processor for the agent;"
                             f" resident memory {before_kb} KiB before, {before_kb + grown_kb} KiB after")


def rubbish_is_answered_and_disturbs_nobody(agent: Agent) -> None:
    with Reader(agent.path) as witness:
        seq = witness.take()["seq"]
        for said, answers in (
            (b"rubbish\n", ["invalid"]), (b"[1]\n", ["invalid"]), (b'{"request":"fly"}\n\n', ["unknown_request", "invalid"]),
            (b'{"request":"resume","id":null,"run":"x","seq":1}\n', ["invalid"]), (b'{"request":"re', []), (b"a\0b\n", []),
            (b"x" * (REQUEST_LINE_MAX + 1), []), (b'{"request":"kick","id":null}\n' * 3 + b"\xff\n", ["not_here"] * 3 + ["invalid"]),
        ):
            with Reader(agent.path) as stranger:
                expect_equal(stranger.take()["event"], "snapshot", "first line")
                stranger.say(said)
                if not said.endswith(b"\n"):
                    stranger.socket.shutdown(socket.SHUT_WR)
                expect_equal([line["code"] for line in stranger.rest()], answers, f"answers to {said[:40]!r}")
        agent.push(2)
        expect_equal([witness.take()["seq"], witness.take()["seq"]], [seq + 1, seq + 2], "what the witness hears")


def one_over_the_limit_is_told(agent: Agent) -> None:
    agent.settle()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(Reader(agent.path)) for _ in range(SUBSCRIBERS_MAX)]
        for reader in readers:
            expect_equal(reader.take()["event"], "snapshot", "first line")
        with Reader(agent.path) as late:
            expect_drop(late.rest(), "too_many")
        run = verb(agent, "events")
        expect_equal(run.returncode, 1, "exit code")
        assert "as many readers as it takes" in run.stderr, run.stderr
        expect_drop([json.loads(line) for line in run.stdout.splitlines()], "too_many")
        readers[7].close()
        wait_for(lambda: is_served(agent), "a place for another one")
        agent.push(2)
        for number, reader in enumerate(readers):
            if number != 7:
                expect_equal(reader.take()["event"], "arrival", "what the others hear")


def is_served(agent: Agent) -> bool:
    with Reader(agent.path) as reader:
        return reader.take()["event"] == "snapshot"


def a_reader_that_comes_and_goes_misses_nothing(agent: Agent) -> None:
    agent.settle()
    with Reader(agent.path) as witness:
        line = witness.take()
        run, now = line["run"], line["seq"]
        seen = [now]
        for missed in (0, 2, 10, 500, RESUME_MAX - 2, RESUME_MAX):
            agent.push(missed)
            witness.skip(missed)
            now += missed + 4
            with Reader(agent.path) as reader:
                expect_equal(reader.resume(run, seen[-1])["code"], None, f"answer after {missed} events")
                agent.push(4)
                seen += [line["seq"] for line in reader.until(now)]
            witness.skip(4)
        expect_equal(seen, list(range(seen[0], now + 1)), "numbers")
        agent.push(RESUME_MAX + 2)
        witness.skip(RESUME_MAX + 2)
        for place, code in (((run, now), "too_old"), (("0" * 16, now), "other_run"), ((run, 1 << 52), "not_yet")):
            with Reader(agent.path) as reader:
                expect_equal(reader.resume(*place)["code"], code, "answer")
        lines = verb_until(agent, 3, "events", "--since", f"{run}:{now + 4}")
        expect_equal([line["seq"] for line in lines], [now + 5, now + 6, now + 7], "what the verb goes on with")
        lines = verb_until(agent, 1, "events", "--since", f"{run}:{now}")
        expect_equal(lines[0]["event"], "snapshot", "first line where it can't go on")


def a_restarted_agent_is_another_run(agent: Agent) -> None:
    with contextlib.ExitStack() as stack, Reader(agent.path) as reader:
        run, seq = (line := reader.take())["run"], line["seq"]
        other = Agent(stack)
        with Reader(other.path) as there:
            expect_equal(there.resume(run, seq)["code"], "other_run", "answer of another agent")
            other.push(2)
            lines = [there.take(), there.take()]
            expect_equal([line["event"] for line in lines], ["arrival", "removal"], "the stream goes on")
        waiting = subprocess.Popen([PROGRAM, "events", "--stream", other.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert waiting.stdout
        waiting.stdout.readline()
        other.stop()
        _, stderr = waiting.communicate(timeout=LIMIT_S)
        expect_equal(waiting.returncode, 4, "exit code of events when its agent ends")
        assert b"has gone" in stderr, stderr


def a_match_picks_out_one_board(agent: Agent) -> None:
    process = subprocess.Popen([PROGRAM, "events", "--match", "serial=7000", "--stream", agent.path], stdout=subprocess.PIPE)
    assert process.stdout
    expect_equal(json.loads(process.stdout.readline())["event"], "snapshot", "first line")
    agent.host.send(arrival(6999), arrival(7000), removal(6999), removal(7000))
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    expect_equal([(line["event"], line["board"]["serial"]) for line in lines], [("arrival", "7000"), ("removal", "7000")], "events")
    process.send_signal(signal.SIGINT)
    expect_equal(process.wait(LIMIT_S), 0, "exit code after Ctrl-C")
    process.stdout.close()
    wrong = verb(agent, "events", "--match", "1a86:75")
    expect_equal((wrong.returncode, wrong.stdout), (2, ""), "a MATCH that is none")


def wait_gives_a_shell_a_path_or_nothing(_: Agent) -> None:
    """As people write it. The board is told by a stream that this test plays, for no agent has one without a kernel that does."""
    ready = {
        "id": "usb\\x", "name": "leo", "vid": "2341", "pid": "8036", "serial": None, "description": "", "com_port": None, "busid": "1-3", "speed": "full",
        "kind": "serial", "state": "ready", "ttys": [{"path": "/dev/ttyACM0", "by_id": None, "link": "/dev/ttyferry/leo", "interface": 0}], "usb_node": None,
    }
    link = {"state": "up", "peer": None, "transport": "tcp"}
    snapshot = {"v": 1, "run": "0" * 16, "seq": 1, "time": "2026-11-25T10:00:00.000Z", "event": "snapshot", "link": link, "boards": [ready]}
    expect_equal(fault(snapshot), None, "what the schema says")
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        path = f"{folder}/events.sock"
        server.bind(path)
        server.listen()
        for script, code, output in (
            ('printf "[%s]" "$(ttyferry wait leo --timeout 10)"', 0, "[/dev/ttyACM0]"),
            ('tty=$(ttyferry wait leo --timeout 10) && printf "[%s]" "$tty"', 0, "[/dev/ttyACM0]"),
            ('tty=$(ttyferry wait other --timeout 0) && printf "[%s]" "$tty"', 3, ""),
            ('tty=$(ttyferry wait 1:2 --timeout 0) && printf "[%s]" "$tty"', 2, ""),
            ("ttyferry wait leo --state gone --timeout 0", 3, ""),
            ("ttyferry wait other --state gone --timeout 0", 0, ""),
        ):
            server.settimeout(LIMIT_S)
            with subprocess.Popen(["bash", "-c", f"ttyferry() {{ '{PROGRAM}' \"$@\" --stream '{path}'; }}; {script}"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shell:
                if code != 2:
                    with server.accept()[0] as reader:
                        reader.sendall(json.dumps(snapshot).encode() + b"\n")
                        stdout, _ = shell.communicate(timeout=LIMIT_S)
                else:
                    stdout, _ = shell.communicate(timeout=LIMIT_S)
            expect_equal((shell.returncode, stdout), (code, output), script)


def a_closed_pipe_is_a_good_end(agent: Agent) -> None:
    """Although nothing happens that would make it write."""
    result = subprocess.run(["bash", "-c", f"set -o pipefail; '{PROGRAM}' events --stream '{agent.path}' | head -n 1"],
                            capture_output=True, timeout=LIMIT_S, check=False)
    expect_equal((result.returncode, result.stderr), (0, b""), "the end of a pipeline")
    expect_equal(json.loads(result.stdout)["event"], "snapshot", "its output")


def verb(agent: Agent, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments, "--stream", agent.path], capture_output=True, text=True, timeout=LIMIT_S, check=False)


def verb_until(agent: Agent, lines: int, *arguments: str) -> list[Line]:
    """The first lines of a verb that goes on for ever."""
    with subprocess.Popen([PROGRAM, *arguments, "--stream", agent.path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        found = [json.loads(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGINT)
    return found


def measure(agent: Agent) -> None:
    """How long a single event takes from the host to the last of all readers."""
    with contextlib.ExitStack() as stack:
        crowd = Crowd(stack, agent.path, READERS)
        took_ms = []
        for number in range(1, 401):
            began = time.monotonic()
            agent.host.send(arrival(0) if number % 2 else removal(0))
            took_ms.append((crowd.read_until(number) - began) * 1000)
            time.sleep(0.01)
    took_ms.sort()
    agent.figures.append(f"one event from the host to the last of {READERS} readers: median {statistics.median(took_ms):.2f} ms,"
                         f" 95 % within {took_ms[len(took_ms) * 95 // 100]:.2f} ms, worst {took_ms[-1]:.2f} ms, of {len(took_ms)}")


CASES = [
    ten_thousand_events_reach_a_hundred_readers_in_order,
    rubbish_is_answered_and_disturbs_nobody,
    one_over_the_limit_is_told,
    a_reader_that_comes_and_goes_misses_nothing,
    a_restarted_agent_is_another_run,
    a_match_picks_out_one_board,
    a_closed_pipe_is_a_good_end,
    wait_gives_a_shell_a_path_or_nothing,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The event stream under many readers.")
    parser.add_argument("--figures", action="store_true", help="print times and memory")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    cases: Cases[Agent] = Cases(on_failure=lambda agent: print(agent.log(), file=sys.stderr))
    with contextlib.ExitStack() as stack:
        agent = Agent(stack)
        cases.run(chosen, agent)
        if arguments.figures:
            measure(agent)
            for figure in agent.figures:
                print(f"figure  {figure}", flush=True)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

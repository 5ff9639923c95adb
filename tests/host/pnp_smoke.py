#!/usr/bin/python3
"""The host agent under Wine, from plug-and-play to its link and its stream; the guest is a fake.

    tests/host/pnp_smoke.py [--build build/windows] [--rounds 50] [CASE...]

Prints one line a case and ends with "N passed, N failed".
"""
from __future__ import annotations

import argparse
import contextlib
import json
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from wine import LineStream, Pnp, WinePrefix  # noqa: E402  (the path is set above)

LIMIT_S = 15.0
EXIT_NO_AGENT = 4
CH340 = r"USB\VID_1A86&PID_7523"
CH340_COMPAT = r"USB\Class_ff&SubClass_01&Prot_02;USB\Class_ff"
CDC_COMPAT = r"USB\Class_02&SubClass_02&Prot_01;USB\Class_02"
HELLO = {"type": "hello", "protocol": 1, "role": "guest", "agent": "fake", "run": "00000000000000aa",
         "auth": {"method": "none"}}

Message = dict[str, Any]


class FakeGuest:
    """Listens as the guest agent does, says hello, and keeps what the host says."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._messages: queue.Queue[Message] = queue.Queue()
        self._connection: socket.socket | None = None
        self.links = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connection = connection
            with contextlib.suppress(OSError):
                self._send_to(connection, HELLO)
                for line in connection.makefile("r", encoding="ascii"):
                    message = json.loads(line)
                    self.links += message["type"] == "hello"
                    self._messages.put(message)
            self._messages.put({"type": "(closed)"})

    @staticmethod
    def _send_to(connection: socket.socket, message: Message) -> None:
        connection.sendall(json.dumps(message).encode() + b"\n")

    def send(self, message: Message) -> None:
        assert self._connection
        self._send_to(self._connection, message)

    def send_bytes(self, data: bytes) -> None:
        assert self._connection
        self._connection.sendall(data)

    def hang_up(self) -> None:
        assert self._connection
        self._connection.shutdown(socket.SHUT_RDWR)

    def next(self, wanted: str, board: str | None = None) -> Message:
        """The next message of that type (and about that board); what comes before is dropped."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the host sent no {wanted} about {board}") from None
            about = message.get("id") or message.get("board", {}).get("id")
            if message["type"] == wanted and (board is None or about == board.lower()):
                return message

    def next_about(self, board: str) -> Message:
        """The next message that tells facts of the board."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the host said nothing more about {board}") from None
            if message.get("board", {}).get("id") == board.lower():
                return message

    def forget(self) -> None:
        """Drops what has come so far."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._messages.get_nowait()

    def close(self) -> None:
        self._server.close()
        if self._connection:
            self._connection.close()


class Rig:
    """A prefix with one running agent, its fake guest, and a reader of its stream."""

    def __init__(self, build: Path) -> None:
        self.exe = build / "ttyferry.exe"
        self._stack = contextlib.ExitStack()
        self.prefix = self._stack.enter_context(WinePrefix())
        try:
            self.pnp = self._stack.enter_context(Pnp(self.prefix, build / "tests" / "lab" / "pnp"))
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            # Under a name of its own, which means it and none of the verbs.
            self.agent_exe = self.folder / "ttyferry-agent.exe"
            shutil.copy(self.exe, self.agent_exe)
            self.pnp.usbipd(folder=r"C:\Program Files\usbipd-win", version="5.3.0")
            self.guest = FakeGuest()
            self._stack.callback(self.guest.close)
            self.agent = self.start_agent()
            self.events = self.read_events()
            self.guest.next("snapshot_end")
        except BaseException:
            self._stack.close()
            raise

    def config(self, text: str | None = None) -> str:
        link = {"address": "127.0.0.1", "port": self.guest.port, "auth": "none"}
        path = self.folder / "config.json"
        path.write_text(text if text is not None else json.dumps({"link": link}), encoding="utf-8")
        return self.prefix.windows_path(path)

    def start_agent(self) -> subprocess.Popen[bytes]:
        log = open(self.folder / "agent.log", "ab")  # pylint: disable=consider-using-with
        self._stack.callback(log.close)
        return self.prefix.spawn(self.agent_exe, "agent", "--config", self.config(), "--log-level", "debug",
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def read_events(self) -> "Events":
        """A new subscriber. The verb says "no agent" as long as the agent is starting."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            process = self.prefix.spawn(self.exe, "events", stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert process.stdout
            if process.stdout.peek(1):  # type: ignore[attr-defined]
                return Events(process)
            assert process.wait(LIMIT_S) == EXIT_NO_AGENT, self.log()
            assert time.monotonic() < deadline and self.agent.poll() is None, self.log()

    def stop_agent(self) -> int:
        """As a user's taskkill does: it asks the agent's hidden window to close."""
        self.prefix.run("taskkill.exe", "/im", self.agent_exe.name)
        return self.agent.wait(LIMIT_S)

    def log(self) -> str:
        return (self.folder / "agent.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        self._stack.close()


class Events:
    """The lines of `ttyferry events`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self.process = process
        self._lines = LineStream(process.stdout)
        self.snapshot = self.take()
        assert self.snapshot["event"] == "snapshot", self.snapshot

    def take(self) -> Message:
        line = self._lines.next(LIMIT_S)
        assert line is not None, "the stream has ended"
        return json.loads(line)

    def next(self, event: str, board: str | None = None) -> Message:
        """The next event of that name (and about that board); what comes before is dropped."""
        while True:
            message = self.take()
            about = message.get("board", {}).get("id")
            if message["event"] == event and (board is None or about == board.lower()):
                return message

    def next_about(self, board: str) -> Message:
        """The next event about the board."""
        while True:
            message = self.take()
            if message.get("board", {}).get("id") == board.lower():
                return message

    def names(self, board: str, last: str) -> list[str]:
        """The names of the events about a board, up to `last`."""
        names: list[str] = []
        while not names or names[-1] != last:
            message = self.take()
            if message.get("board", {}).get("id") == board.lower():
                names.append(message["event"])
        return names


CASES: list[tuple[str, Callable[[Rig], None]]] = []


def case(function: Callable[[Rig], None]) -> Callable[[Rig], None]:
    CASES.append((function.__name__.removeprefix("case_"), function))
    return function


@contextlib.contextmanager
def ch340(rig: Rig, instance: str, **fields: Any) -> Iterator[str]:
    fields = {"port": 3, "compat": CH340_COMPAT, "desc": "USB-SERIAL CH340", **fields}
    with rig.pnp.plugged(CH340, instance, **fields) as board:
        yield board


def expect(message: Message, **facts: Any) -> None:
    board = message["board"]
    told = {key: board.get(key) for key in facts}
    assert told == facts, f"expected {facts}, got {told}"


def until(source: "FakeGuest | Events", board: str, wanted: bool | None = None, **facts: Any) -> Message:
    """The first message that tells these facts. Windows tells what it knows of a board piece by piece, so they may come with
    the arrival or with any update after it."""
    while True:
        message = source.next_about(board)
        told = message.get("board", {})
        if wanted in (None, message.get("wanted")) and all(told.get(key) == value for key, value in facts.items()):
            return message


@case
def case_arrival_and_removal(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&3", com="COM7") as board:
        message = rig.guest.next("arrival", board)
        expect(message, vid="1a86", pid="7523", serial=None, busid="1-3", kind="serial", description="USB-SERIAL CH340")
        assert message["wanted"] is False, message
        expect(rig.events.next("arrival", board), vid="1a86", state="needs_sharing")
        if message["board"]["com_port"] is None:
            until(rig.guest, board, com_port="COM7")
    rig.guest.next("removal", board)
    rig.events.next("removal", board)


@case
def case_serial_number_and_busid(rig: Rig) -> None:
    with ch340(rig, "D83ACDDEF8D410EB", hub=2, port=11) as board:
        expect(rig.guest.next("arrival", board), serial="D83ACDDEF8D410EB", busid="2-11", com_port=None)


@case
def case_incompatible_hub(rig: Rig) -> None:
    with ch340(rig, "HEXPORT", location="Port_#000A.Hub_#0001") as board:
        expect(rig.guest.next("arrival", board), busid=None)
        expect(rig.events.next("arrival", board), state="available")


@case
def case_com_port_on_a_child(rig: Rig) -> None:
    with rig.pnp.plugged(r"USB\VID_2E8A&PID_000A", "E66", port=4, com="COM12", on="child", desc="Pico") as board:
        until(rig.guest, board, com_port="COM12", kind="serial", description="Pico")


@case
def case_late_com_port_is_an_update(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&5") as board:
        expect(rig.events.next("arrival", board), com_port=None)
        rig.pnp.com(board, "COM9")
        until(rig.events, board, com_port="COM9")
        until(rig.guest, board, com_port="COM9")


@case
def case_late_com_port_on_a_child(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&6") as board:
        rig.guest.next("arrival", board)
        rig.pnp.com(board, "COM10", on="child", child=r"FTDIBUS\VID_1A86+PID_7523+X\0000")
        until(rig.guest, board, com_port="COM10")


@case
def case_board_without_driver(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&7", driver="no") as board:
        expect(rig.guest.next("arrival", board), kind="serial", com_port=None, busid="1-3")
    rig.guest.next("removal", board)


@case
def case_kinds(rig: Rig) -> None:
    rows = [("DFU", r"USB\VID_0483&PID_DF11", r"USB\Class_fe&SubClass_01&Prot_02", "dfu", "needs_sharing"),
            ("STLINK", r"USB\VID_0483&PID_3748", r"USB\Class_ff", "debug", "needs_sharing"),
            ("CDC", r"USB\VID_F00D&PID_0001", CDC_COMPAT, "serial", "needs_sharing"),
            ("DISK", r"USB\VID_0781&PID_5581", r"USB\Class_08&SubClass_06", "other", "available")]
    for instance, device, compat, kind, state in rows:
        with rig.pnp.plugged(device, instance, port=6, compat=compat, desc=instance) as board:
            until(rig.events, board, kind=kind, state=state)


@case
def case_hub_and_stub_are_no_boards(rig: Rig) -> None:
    with rig.pnp.plugged(r"USB\VID_05E3&PID_0610", "HUB", port=7, compat=r"USB\Class_09"), \
            rig.pnp.plugged(r"USB\VID_80EE&PID_CAFE", "5&1A2B&0&3", port=8), \
            ch340(rig, "LAST") as board:
        while True:
            message = rig.events.take()
            if message["event"] == "arrival":
                assert message["board"]["id"] == board.lower(), message
                return


@case
def case_control_characters_are_data(rig: Rig) -> None:
    name = "evil\x1b[2J\r\n\x7f\u202e \u00e9\ud83d"
    with ch340(rig, "EVIL", product=name, desc=name) as board:
        told = rig.guest.next("arrival", board)["board"]["description"]
        assert told == "evil\x1b[2J\r\n\x7f\u202e \u00e9\ufffd", repr(told)
        expect(rig.events.next("arrival", board), description=told)
    rig.guest.next("removal", board)
    assert "\x1b" not in rig.log() and "evil\\x1b[2J" in rig.log()


@case
def case_needs_sharing_then_bind(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&8", port=9, com="COM8") as board:
        remedy = rig.events.next("needs_sharing", board)["remedy"]
        assert "usbipd bind --busid 1-9" in remedy, remedy
        assert rig.guest.next("arrival", board)["wanted"] is False
        rig.pnp.bind(board, "CH340")
        until(rig.guest, board, wanted=True)
        rig.pnp.unbind(board)
        until(rig.guest, board, wanted=False)
        rig.events.next("needs_sharing", board)


@case
def case_bound_board_is_wanted_at_once(rig: Rig) -> None:
    board = CH340 + "\\5&1A2B&0&9"
    rig.pnp.bind(board, "CH340")
    with ch340(rig, "5&1A2B&0&9"):
        assert rig.guest.next("arrival", board)["wanted"] is True
        expect(rig.events.next("arrival", board), state="waiting")
    rig.pnp.unbind(board)


@case
def case_ready_reaches_the_pipe_and_wait(rig: Rig) -> None:
    with ch340(rig, "READY", com="COM7") as board:
        rig.guest.next("arrival", board)
        waiting = rig.prefix.spawn(rig.exe, "wait", "serial=READY", "--timeout", "15",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert waiting.stdout
        lines = LineStream(waiting.stdout)
        rig.guest.send({"type": "attaching", "id": board.lower(), "attempt": 1})
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        message = rig.events.next("ready", board)
        assert message["ttys"][0]["path"] == "/dev/ttyUSB0" and message["board"]["state"] == "ready", message
        assert lines.next(LIMIT_S) == "/dev/ttyUSB0"
        assert waiting.wait(LIMIT_S) == 0
        rig.guest.send({"type": "detached", "id": board.lower(), "reason": "lost"})
        assert rig.events.next("detached", board)["reason"] == "lost"


def ready(board: str, path: str) -> Message:
    return {"type": "ready", "id": board.lower(), "usb_node": "/dev/bus/usb/001/002",
            "ttys": [{"path": path, "by_id": None, "link": None, "interface": 0}],
            "took_ms": {"import": 1, "enumerate": 2, "node": 3, "total": 6}}


@case
def case_detached_comes_before_removal(rig: Rig) -> None:
    with ch340(rig, "ORDER") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    rig.guest.next("removal", board)
    rig.guest.send({"type": "detached", "id": board.lower(), "reason": "lost"})
    assert rig.events.names(board, "removal") == ["detached", "removal"]


@case
def case_replug_before_the_guest_has_let_go(rig: Rig) -> None:
    with ch340(rig, "REPLUG") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    with ch340(rig, "REPLUG"):
        rig.guest.next("removal", board)
        rig.guest.next("arrival", board)
        rig.guest.send({"type": "detached", "id": board.lower(), "reason": "lost"})
        assert rig.events.names(board, "arrival") == ["detached", "removal", "arrival"]


@case
def case_silent_guest_does_not_hold_a_removal(rig: Rig) -> None:
    with ch340(rig, "SILENT") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    assert rig.events.names(board, "removal") == ["removal"]


@case
def case_guest_comes_back(rig: Rig) -> None:
    with ch340(rig, "KEEP") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        rig.events.next("ready", board)
        rig.guest.hang_up()
        assert rig.events.next("link")["state"] == "down"
        rig.guest.next("snapshot_begin")
        expect(rig.guest.next("present", board), vid="1a86")
        rig.guest.next("snapshot_end")
        message = rig.events.next("link")
        assert message["state"] == "up" and message["transport"] == "tcp", message
        late = rig.read_events()
        states = [b["state"] for b in late.snapshot["boards"] if b["id"] == board.lower()]
        late.process.kill()
        late.process.wait()
        assert states == ["ready"], late.snapshot  # A lost link loses no attachment.
        rig.guest.send({"type": "detached", "id": board.lower(), "reason": "lost"})


@case
def case_garbage_from_the_guest(rig: Rig) -> None:
    garbage = [b"\x00\xff\xfe\n", b"{]\n", b'{"type":"arrival"}\n', b"[" * 1000 + b"\n", b"x" * 70000,
               b'{"type":"ready","id":"x","ttys":[{"path":1}]}\n', b'{"type":"ready"']
    with ch340(rig, "GARBAGE") as board:
        rig.guest.next("arrival", board)
        for data in garbage:
            with contextlib.suppress(OSError):  # The agent may hang up in the middle of it.
                rig.guest.send_bytes(data)
                if not data.endswith(b"\n"):
                    rig.guest.hang_up()
            rig.guest.next("(closed)")
            rig.guest.next("present", board)
            rig.guest.next("snapshot_end")
        rig.guest.send({"type": "from_the_future", "id": "x"})
        rig.guest.send({"type": "attaching", "id": "nobody", "attempt": 1})
        rig.guest.send({"type": "attaching", "id": board.lower(), "attempt": 1})
        rig.events.next("attaching", board)
    assert rig.agent.poll() is None


@case
def case_second_agent_is_refused(rig: Rig) -> None:
    result = rig.prefix.run(rig.exe, "agent", "--config", rig.config(), check=False)
    assert result.returncode == 1 and "another agent" in result.stderr, result


@case
def case_no_auth_is_refused_with_a_remedy(rig: Rig) -> None:
    result = rig.prefix.run(rig.exe, "agent", "--config", rig.config("{}"), check=False)
    assert result.returncode == 1 and '"auth": "none"' in result.stderr, result
    result = rig.prefix.run(rig.exe, "agent", check=False)  # No configuration at all.
    assert result.returncode == 1 and '"auth": "none"' in result.stderr, result


@case
def case_wrong_arguments(rig: Rig) -> None:
    rows = [(["--config", r"Z:\none\such.json"], 1, "not found"), (["--config", rig.config('{"x":1}')], 1, "unknown key"),
            (["--log-level", "loud"], 2, "log level"), (["--bogus"], 2, "--bogus"), (["extra"], 2, "extra")]
    for arguments, code, text in rows:
        result = rig.prefix.run(rig.exe, "agent", *arguments, check=False)
        assert result.returncode == code and text in result.stderr, (arguments, result)
    assert rig.prefix.run(rig.exe, "agent", "--help").stdout.startswith("Usage: ttyferry agent")


@case
def case_burst_of_boards(rig: Rig) -> None:
    """Each is told once; in which order, a scan that sees several of them decides."""
    boards = [rig.pnp.plug(CH340, f"BURST{i}", port=20 + i, compat=CH340_COMPAT) for i in range(20)]
    expected = {board.lower() for board in boards}

    def drain(kind: str, id_of: Callable[[Message], str]) -> None:
        seen: list[str] = []
        while set(seen) != expected:
            board = id_of(rig.guest.next(kind))
            seen += [board] if board in expected else []
        assert len(seen) == len(expected), f"{kind} told twice: {seen}"

    drain("arrival", lambda message: message["board"]["id"])
    for board in boards:
        rig.pnp.unplug(board)
    drain("removal", lambda message: message["id"])


@case
def case_handles_do_not_grow(rig: Rig) -> None:
    def rounds(count: int) -> None:
        for _ in range(count):
            with ch340(rig, "ROUND", com="COM7") as board:
                rig.guest.next("arrival", board)
                rig.guest.send(ready(board, "/dev/ttyUSB0"))
                rig.events.next("ready", board)
            rig.guest.next("removal", board)
            rig.guest.send({"type": "detached", "id": board.lower(), "reason": "lost"})
            rig.events.next("removal", board)

    rounds(5)  # Whatever Windows' libraries make on first use.
    before = rig.pnp.handles(rig.agent_exe.name)
    started = time.monotonic()
    rounds(ARGUMENTS.rounds)
    print(f"        {ARGUMENTS.rounds} rounds, {(time.monotonic() - started) / ARGUMENTS.rounds * 1000:.0f} ms each")
    # What is being closed just now may still count; a leak stays.
    deadline = time.monotonic() + LIMIT_S
    while (after := rig.pnp.handles(rig.agent_exe.name)) > before and time.monotonic() < deadline:
        pass
    assert after <= before, f"{before} handles before, {after} after"


@case
def case_orderly_end(rig: Rig) -> None:
    assert rig.stop_agent() == 0, rig.log()[-2000:]
    assert rig.guest.next("bye")["code"] == "shutdown"
    rig.guest.next("(closed)")
    assert "handles still open" not in rig.log()


def run(rig: Rig, names: list[str]) -> tuple[int, int]:
    passed = failed = 0
    for name, function in CASES:
        if names and name not in names:
            continue
        started = time.monotonic()
        try:
            rig.guest.forget()
            function(rig)
            passed += 1
            print(f"ok      {name} ({time.monotonic() - started:.1f} s)", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    if failed:
        print("---- the agent's log\n" + "\n".join(rig.log().splitlines()[-80:]))
    return passed, failed


def main() -> int:
    rig = Rig(ARGUMENTS.build.resolve())
    try:
        passed, failed = run(rig, ARGUMENTS.cases)
    finally:
        rig.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="The host agent under Wine.")
    PARSER.add_argument("--build", type=Path, default=ROOT / "build" / "windows")
    PARSER.add_argument("--rounds", type=int, default=50)
    PARSER.add_argument("cases", nargs="*", metavar="CASE")
    ARGUMENTS = PARSER.parse_args()
    sys.exit(main())

#!/usr/bin/python3
"""The host agent under Wine, from plug-and-play to its link and its stream; the guest is a fake.

    tests/host/pnp_smoke.py [--build build/windows] [--rounds 50] [CASE...]

Prints one line a case and ends with "N passed, N failed".
"""
from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from cases import Cases, expect_equal  # noqa: E402  (the path is set above)
from fake_guest import LIMIT_S, FakeGuest, Message, hello  # noqa: E402
from help_text import expect_good_help  # noqa: E402
from stream_schema import fault  # noqa: E402
from wine import LineStream, Pnp, WinePrefix  # noqa: E402

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_TIMED_OUT, EXIT_NO_AGENT = range(5)
CH340 = r"USB\VID_1A86&PID_7523"
CH340_COMPAT = r"USB\Class_ff&SubClass_01&Prot_02;USB\Class_ff"
CDC_COMPAT = r"USB\Class_02&SubClass_02&Prot_01;USB\Class_02"
USBIPD_KEY = r"HKLM\SOFTWARE\usbipd-win"
FIRST_LOOKS_S = 5.0
HANDLE_COUNTS = 50
EVIL = "evil\x1b[2J\r\n\x7f\u202e \u00e9"


class Rig:
    """A prefix with one running agent, its fake guest, and a reader of its stream."""

    def __init__(self, stack: contextlib.ExitStack, build: Path, rounds: int) -> None:
        self._stack = stack
        self.exe = build / "ttyferry.exe"
        self.windowless = build / "ttyferryw.exe"
        self.rounds = rounds
        self.prefix = stack.enter_context(WinePrefix())
        self.pnp = stack.enter_context(Pnp(self.prefix, build / "tests" / "lab" / "pnp"))
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # Under a name of its own, which means it and none of the verbs.
        self.agent_exe = self.folder / "ttyferry-agent.exe"
        shutil.copy(self.exe, self.agent_exe)
        self.install_usbipd()
        self.guest = FakeGuest()
        stack.callback(self.guest.close)
        self.agent = self.start_agent("agent", self.guest)
        self._started = time.monotonic()
        self.events = self.read_events()
        self.guest.snapshot()

    def let_the_first_looks_pass(self) -> None:
        """An agent looks again by itself until 4 s after its start. What it finds later it finds because it was told to look."""
        time.sleep(max(0.0, self._started + FIRST_LOOKS_S - time.monotonic()))

    def install_usbipd(self) -> None:
        self.pnp.usbipd(folder=r"C:\Program Files\usbipd-win", version="5.3.0")

    def config(self, text: str) -> str:
        """A configuration with that text, as the agent's argument."""
        path = Path(tempfile.mkstemp(suffix=".json", dir=self.folder)[1])
        path.write_text(text, encoding="utf-8")
        return self.prefix.windows_path(path)

    def config_for(self, guest: FakeGuest) -> str:
        return self.config(json.dumps({"link": {"address": "127.0.0.1", "port": guest.port, "auth": "none"}}))

    def start_agent(self, name: str, guest: FakeGuest, *arguments: str) -> subprocess.Popen[bytes]:
        log = open(self.folder / f"{name}.log", "ab")  # pylint: disable=consider-using-with
        self._stack.callback(log.close)
        return self.prefix.spawn(self.agent_exe, "agent", "--config", self.config_for(guest), "--log-level", "debug", *arguments,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)

    def read_events(self, *arguments: str) -> "Events":
        """A new subscriber. The verb says "no agent" as long as the agent is starting."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            process = self.prefix.spawn(self.exe, "events", *arguments, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert process.stdout
            if process.stdout.peek(1):  # type: ignore[attr-defined]
                return Events(process)
            expect_equal(process.wait(LIMIT_S), EXIT_NO_AGENT, "exit code of events")
            assert time.monotonic() < deadline, self.log()

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.prefix.run(self.exe, *arguments, check=False)

    def log(self, name: str = "agent") -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def wait_for_log(self, text: str, start: int) -> None:
        """Waits until the log says so after its first `start` characters."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.log()[start:]:
            assert time.monotonic() < deadline, f"the log does not say {text!r}:\n{self.log()[start:]}"
            time.sleep(0.02)


class Events:
    """The lines of `ttyferry events`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self.process = process
        self._lines = LineStream(process.stdout)
        self.snapshot = self.take()
        expect_equal(self.snapshot["event"], "snapshot", "first event")

    def take(self) -> Message:
        line = self._lines.next(LIMIT_S)
        assert line is not None, "the stream has ended"
        message = json.loads(line)
        assert (wrong := fault(message)) is None, f"{wrong}: {line}"
        return message

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
            names.append(self.next_about(board)["event"])
        return names

    def states(self) -> dict[str, str]:
        """The state of each board in the snapshot, by id."""
        return {board["id"]: board["state"] for board in self.snapshot["boards"]}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def ch340(rig: Rig, instance: str, **fields: Any) -> Iterator[str]:
    fields = {"port": 3, "compat": CH340_COMPAT, "desc": "USB-SERIAL CH340", **fields}
    with rig.pnp.plugged(CH340, instance, **fields) as board:
        yield board


def expect(message: Message, **facts: Any) -> None:
    told = {key: message["board"].get(key) for key in facts}
    expect_equal(told, facts, message["board"]["id"])


def until(source: FakeGuest | Events, board: str, wanted: bool | None = None, **facts: Any) -> Message:
    """The first message that tells these facts. Windows tells what it knows of a board piece by piece, so they may come with
    the arrival or with any update after it."""
    while True:
        message = source.next_about(board)
        if wanted in (None, message.get("wanted")) and all(message["board"].get(key) == value for key, value in facts.items()):
            return message


def attaching(board: str) -> Message:
    return {"type": "attaching", "id": board.lower(), "attempt": 1}


def ready(board: str, path: str) -> Message:
    return {"type": "ready", "id": board.lower(), "usb_node": "/dev/bus/usb/001/002",
            "ttys": [{"path": path, "by_id": None, "link": None, "interface": 0}],
            "took_ms": {"import": 1, "enumerate": 2, "node": 3, "total": 6}}


def failed(board: str) -> Message:
    return {"type": "failed", "id": board.lower(), "code": "claim_failed", "message": "no", "remedy": "none", "retry_in_ms": None}


def detached(board: str) -> Message:
    return {"type": "detached", "id": board.lower(), "reason": "lost"}


# What Windows tells of a board ----------------------------------------------------------------------------------------------------


def arrival_and_removal(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&3", com="COM7") as board:
        message = rig.guest.next_about(board)
        expect_equal(message["type"], "arrival", "the first message")
        while message["board"]["com_port"] is None:
            message = rig.guest.next_about(board)
        expect(message, vid="1a86", pid="7523", serial=None, busid="1-3", com_port="COM7", kind="serial", description="USB-SERIAL CH340")
        expect_equal(message["wanted"], False, "wanted")
        expect_equal(rig.events.next_about(board)["event"], "arrival", "the first event")
        until(rig.events, board, vid="1a86", com_port="COM7", state="needs_sharing")
    rig.guest.next("removal", board)
    rig.events.next("removal", board)


def serial_number_and_busid(rig: Rig) -> None:
    with ch340(rig, "D83ACDDEF8D410EB", hub=2, port=11) as board:
        until(rig.guest, board, serial="D83ACDDEF8D410EB", busid="2-11", com_port=None)


def hub_that_usbipd_cannot_serve(rig: Rig) -> None:
    with ch340(rig, "HEXPORT", location="Port_#000A.Hub_#0001", com="COM4") as board:
        until(rig.guest, board, com_port="COM4", busid=None)
        told = rig.events.next("needs_sharing", board)
        assert "another USB port" in told["remedy"], told


def com_port_on_a_child(rig: Rig) -> None:
    rig.let_the_first_looks_pass()
    with rig.pnp.plugged(r"USB\VID_2E8A&PID_000A", "E66", port=4, com="COM12", on="child", desc="Pico") as board:
        until(rig.guest, board, com_port="COM12", kind="serial", description="Pico")


def late_com_port_is_an_update(rig: Rig) -> None:
    rig.let_the_first_looks_pass()
    with ch340(rig, "5&1A2B&0&5") as board:
        expect(rig.events.next("arrival", board), com_port=None)
        rig.pnp.com(board, "COM9")
        until(rig.events, board, com_port="COM9")
        until(rig.guest, board, com_port="COM9")


def late_com_port_on_a_child(rig: Rig) -> None:
    with ch340(rig, "5&1A2B&0&6") as board:
        rig.guest.next("arrival", board)
        rig.pnp.com(board, "COM10", on="child", child=r"FTDIBUS\VID_1A86+PID_7523+X\0000")
        until(rig.guest, board, com_port="COM10")


def board_without_a_driver(rig: Rig) -> None:
    rig.let_the_first_looks_pass()
    with ch340(rig, "5&1A2B&0&7", driver="no") as board:
        until(rig.guest, board, kind="serial", com_port=None, busid="1-3")
    rig.guest.next("removal", board)


def board_goes_although_its_node_lingers(rig: Rig) -> None:
    """As when a program has the port open: Windows tells that the interface has gone, and the node stays for a while."""
    with ch340(rig, "LINGER") as board:
        rig.guest.next("arrival", board)
        rig.pnp.interface(board, "usb", False)
        rig.guest.next("removal", board)
        rig.pnp.interface(board, "usb", True)
        rig.guest.next("arrival", board)
        rig.events.next("removal", board)
        rig.events.next("arrival", board)


def kinds(rig: Rig) -> None:
    rows = [("DFU", r"USB\VID_0483&PID_DF11", r"USB\Class_fe&SubClass_01&Prot_02", "dfu", "needs_sharing"),
            ("STLINK", r"USB\VID_0483&PID_3748", r"USB\Class_ff", "debug", "needs_sharing"),
            ("CDC", r"USB\VID_F00D&PID_0001", CDC_COMPAT, "serial", "needs_sharing"),
            ("DISK", r"USB\VID_0781&PID_5581", r"USB\Class_08&SubClass_06", "other", "available")]
    for instance, device, compat, kind, state in rows:
        with rig.pnp.plugged(device, instance, port=6, compat=compat, desc=instance) as board:
            until(rig.events, board, kind=kind, state=state)


def hub_and_stub_are_no_boards(rig: Rig) -> None:
    with rig.pnp.plugged(r"USB\VID_05E3&PID_0610", "HUB", port=7, compat=r"USB\Class_09"), \
            rig.pnp.plugged(r"USB\VID_80EE&PID_CAFE", "5&1A2B&0&3", port=8), \
            ch340(rig, "LAST", com="COM5") as board:
        until(rig.events, board, com_port="COM5", state="needs_sharing")
        late = rig.read_events()
        expect_equal(late.states(), {board.lower(): "needs_sharing"}, "a late reader's snapshot")
        late.close()


def control_characters_are_data(rig: Rig) -> None:
    name = EVIL + "\ud83d"
    with ch340(rig, "EVIL", product=name, desc=name) as board:
        until(rig.guest, board, description=EVIL + "\ufffd")
        until(rig.events, board, description=EVIL + "\ufffd")
    rig.guest.next("removal", board)
    assert "\x1b" not in rig.log() and "evil\\x1b[2J" in rig.log()


def id_with_control_characters_is_no_board(rig: Rig) -> None:
    with rig.pnp.plugged(CH340, "A\x1b[2J", port=3, compat=CH340_COMPAT), ch340(rig, "GOOD") as board:
        expect_equal(rig.guest.next("arrival")["board"]["id"], board.lower(), "the first board that arrives")


def burst_of_boards(rig: Rig) -> None:
    """Each is told once; in which order, a scan that sees several of them decides."""
    boards = [rig.pnp.plug(CH340, f"BURST{i}", port=20 + i, compat=CH340_COMPAT) for i in range(20)]
    wanted = sorted(board.lower() for board in boards)
    expect_equal(sorted(rig.guest.next("arrival")["board"]["id"] for _ in boards), wanted, "arrivals")
    for board in boards:
        rig.pnp.unplug(board)
    expect_equal(sorted(rig.guest.next("removal")["id"] for _ in boards), wanted, "removals")


# What usbipd-win may export -------------------------------------------------------------------------------------------------------


def needs_sharing_until_it_is_bound(rig: Rig) -> None:
    rig.let_the_first_looks_pass()
    with ch340(rig, "5&1A2B&0&8", port=9, com="COM8") as board:
        remedy = rig.events.next("needs_sharing", board)["remedy"]
        assert "usbipd bind --busid 1-9" in remedy, remedy
        expect_equal(rig.guest.next("arrival", board)["wanted"], False, "wanted")
        rig.pnp.bind(board, "CH340")
        until(rig.guest, board, wanted=True)
        until(rig.events, board, state="waiting")
        rig.pnp.unbind(board)
        until(rig.guest, board, wanted=False)
        rig.events.next("needs_sharing", board)


def bound_board_is_wanted_without_more_ado(rig: Rig) -> None:
    board = CH340 + "\\5&1A2B&0&9"
    rig.pnp.bind(board, "CH340")
    with ch340(rig, "5&1A2B&0&9"):
        until(rig.guest, board, wanted=True)
        told = [rig.events.next_about(board)]
        while told[-1]["board"]["state"] != "waiting":
            told.append(rig.events.next_about(board))
        assert "needs_sharing" not in [event["event"] for event in told], told
    rig.pnp.unbind(board)


def policy_shares_without_bind(rig: Rig) -> None:
    rule = USBIPD_KEY + r"\Policy\{1}"
    for name, text in (("Effect", "Allow"), ("Operation", "AutoBind"), ("HardwareId", "1a86:7523")):
        rig.prefix.run("reg.exe", "add", rule, "/v", name, "/d", text, "/f")
    rig.let_the_first_looks_pass()
    with ch340(rig, "POLICY") as board:
        until(rig.guest, board, wanted=True)
        rig.prefix.run("reg.exe", "delete", rule, "/f")
        until(rig.guest, board, wanted=False)


def usbipd_that_is_missing_is_told_with_the_remedy(rig: Rig) -> None:
    start = len(rig.log())
    rig.prefix.run("reg.exe", "delete", USBIPD_KEY, "/f")
    try:
        rig.wait_for_log("winget install usbipd", start)
        with ch340(rig, "MISSING") as board:
            remedy = rig.events.next("needs_sharing", board)["remedy"]
            assert "winget install usbipd" in remedy, remedy
    finally:
        start = len(rig.log())
        rig.install_usbipd()
    rig.wait_for_log("sc.exe start usbipd", start)  # The lab holds no mutex, so the service does not run.


# What the guest reports -----------------------------------------------------------------------------------------------------------


def ready_reaches_the_stream(rig: Rig) -> None:
    with ch340(rig, "READY", com="COM7") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(attaching(board))
        expect_equal(rig.events.next("attaching", board)["attempt"], 1, "attempt")
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        message = rig.events.next("ready", board)
        expect_equal(message["ttys"], ready(board, "/dev/ttyUSB0")["ttys"], "ttys")
        expect_equal(message["took_ms"], ready(board, "/dev/ttyUSB0")["took_ms"], "took_ms")
        expect(message, state="ready", busid="1-3")
        rig.guest.send(detached(board))
        expect_equal(rig.events.next("detached", board)["reason"], "lost", "reason")


def failed_reaches_the_stream(rig: Rig) -> None:
    with ch340(rig, "FAILED") as board:
        rig.guest.next("arrival", board)
        for retry_in_ms in (500, None):
            rig.guest.send({"type": "failed", "id": board.lower(), "code": "busy", "message": EVIL, "remedy": None, "retry_in_ms": retry_in_ms})
            message = rig.events.next("failed", board)
            expect_equal([message[key] for key in ("code", "message", "remedy", "retry_in_ms")], ["busy", EVIL, None, retry_in_ms], "failed")
            expect(message, state="failed")


def detached_comes_before_removal(rig: Rig) -> None:
    with ch340(rig, "ORDER") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    rig.guest.next("removal", board)
    rig.guest.send(detached(board))
    expect_equal(rig.events.names(board, "removal"), ["detached", "removal"], "events")


def replug_before_the_guest_has_let_go(rig: Rig) -> None:
    with ch340(rig, "REPLUG") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    with ch340(rig, "REPLUG"):
        rig.guest.next("removal", board)
        rig.guest.next("arrival", board)
        rig.guest.send(detached(board))
        expect_equal(rig.events.names(board, "arrival"), ["detached", "removal", "arrival"], "events")


def silent_guest_does_not_hold_a_removal(rig: Rig) -> None:
    with ch340(rig, "SILENT") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB1"))
        rig.events.next("ready", board)
    expect_equal(rig.events.names(board, "removal"), ["detached", "removal"], "events")


# The link -------------------------------------------------------------------------------------------------------------------------


STUB = r"USB\VID_80EE&PID_CAFE"


def captured(rig: Rig, suffix: str) -> str:
    """A CH340 at 1-3 that usbipd-win has captured on the guest's behalf: the board's id. The stub is there."""
    rig.pnp.bind(f"{CH340}\\{suffix}", "CH340")
    board = rig.pnp.plug(CH340, suffix, port=3, compat=CH340_COMPAT, com="COM7")
    until(rig.guest, board, wanted=True, com_port="COM7")
    rig.guest.send(attaching(board))
    rig.events.next("attaching", board)
    rig.pnp.unplug(board)
    rig.pnp.plug(STUB, suffix, port=3, desc="USBIP Shared Device")
    rig.guest.send(ready(board, "/dev/ttyUSB0"))
    expect_equal(rig.events.next("ready", board)["board"]["com_port"], "COM7", "com_port while captured")
    return board


def capture_by_usbipd_is_no_removal(rig: Rig) -> None:
    board = captured(rig, "CAPTURED")
    rig.guest.send(detached(board))
    rig.pnp.unplug(f"{STUB}\\CAPTURED")
    with ch340(rig, "CAPTURED"):
        rig.guest.next("arrival", board)  # It need not wait for its next try.
        rig.guest.send(attaching(board))
        names = [name for name in rig.events.names(board, "attaching") if name != "update"]
        expect_equal(names, ["detached", "attaching"], "events about the board")
        rig.guest.send(failed(board))
        rig.events.next("failed", board)
    rig.guest.next("removal", board)
    rig.events.next("removal", board)


def unplugged_while_captured_is_a_removal(rig: Rig) -> None:
    board = captured(rig, "PULLED")
    rig.pnp.unplug(f"{STUB}\\PULLED")
    rig.guest.send(detached(board))
    expect_equal(rig.events.names(board, "removal"), ["detached", "removal"], "events")
    rig.guest.next("removal", board)


def bootloader_in_place_of_a_captured_board_is_another_board(rig: Rig) -> None:
    board = captured(rig, "SWITCHES")
    rig.pnp.unplug(f"{STUB}\\SWITCHES")
    with rig.pnp.plugged(r"USB\VID_2341&PID_0036", "BOOT", port=3) as bootloader:
        rig.guest.next("removal", board)
        rig.guest.next("arrival", bootloader)
    rig.guest.next("removal", bootloader)


def lost_link_loses_no_board(rig: Rig) -> None:
    with ch340(rig, "KEEP") as board:
        rig.guest.next("arrival", board)
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        rig.events.next("ready", board)
        rig.guest.hang_up()
        message = rig.events.next("link")
        expect_equal((message["state"], message["transport"]), ("down", "tcp"), "link")
        expect_equal([present["board"]["id"] for present in rig.guest.snapshot()], [board.lower()], "snapshot")
        expect_equal(rig.events.next("link")["state"], "up", "link")
        late = rig.read_events()
        expect_equal(late.states(), {board.lower(): "ready"}, "a late reader's snapshot")
        late.close()
        rig.guest.send(ready(board, "/dev/ttyUSB0"))  # As a guest does after each snapshot: nothing new.
        rig.guest.send(detached(board))
        expect_equal(rig.events.next_about(board)["event"], "detached", "event after the link came up")


def agent_that_starts_late_tells_boards_in_its_snapshot(rig: Rig) -> None:
    pipe = r"\\.\pipe\ttyferry-late"
    guest = FakeGuest()
    shared = CH340 + "\\SHARED"
    rig.pnp.bind(shared, "CH340")
    try:
        with contextlib.ExitStack() as stack, ch340(rig, "SHARED", port=4), ch340(rig, "UNSHARED") as unshared:
            agent = stack.enter_context(rig.start_agent("late", guest, "--stream", pipe))
            stack.callback(agent.kill)
            wanted = {present["board"]["id"]: present["wanted"] for present in guest.snapshot()}
            expect_equal(wanted, {shared.lower(): True, unshared.lower(): False}, "snapshot")
            events = rig.read_events("--stream", pipe)
            expect_equal(events.states(), {shared.lower(): "waiting", unshared.lower(): "needs_sharing"}, "stream's snapshot")
            agent.send_signal(signal.SIGINT)
            expect_equal(agent.wait(LIMIT_S), EXIT_DONE, "exit code after Ctrl-C")
            expect_equal(guest.next("bye")["code"], "shutdown", "bye")
            expect_equal(events.process.wait(LIMIT_S), EXIT_NO_AGENT, "exit code of events when its agent ends")
    finally:
        rig.pnp.unbind(shared)
        guest.close()
    assert "handles still open" not in rig.log("late")


def board_that_arrives_ends_the_waiting_for_a_guest(rig: Rig) -> None:
    rig.guest.greeting = None
    rig.guest.hang_up()
    for _ in range(6):  # The link's end, and 5 tries in vain: the agent now waits 8 s.
        rig.guest.next("(closed)")
    rig.guest.greeting = hello()
    with ch340(rig, "KICK") as board:
        rig.guest.next("hello", limit_s=5.0)
        expect_equal([present["board"]["id"] for present in rig.guest.snapshot()], [board.lower()], "snapshot")


def expect_good_guest_is_served(rig: Rig, board: str) -> None:
    """The next link is a sound one, and shows the board."""
    expect_equal([present["board"]["id"] for present in rig.guest.snapshot()], [board.lower()], "snapshot")
    rig.guest.send(attaching(board))
    rig.events.next("attaching", board)
    rig.guest.send(detached(board))
    rig.events.next("detached", board)


def bad_hello_is_refused_and_a_good_guest_served(rig: Rig) -> None:
    rows = [(hello(protocol=2), "version"), (hello(role="host"), "role"), (hello(auth={"method": "hmac-sha256", "nonce": "0a" * 32}), "auth"),
            (hello(auth={"method": "passkey"}), "auth"), (hello(auth={"method": "hmac-sha256"}), "invalid"),
            (b'{"type":"ready"}\n', "invalid"), (b"\xff\xfe\n", "invalid"), (b"HTTP/1.1 400 Bad Request\r\n", "invalid")]
    with ch340(rig, "HELLO") as board:
        for greeting, code in rows:
            rig.guest.greeting = greeting
            rig.guest.hang_up()
            expect_equal((greeting, rig.guest.next("bye")["code"]), (greeting, code), "bye")
            rig.guest.greeting = hello()
            rig.guest.next("(closed)")
            expect_good_guest_is_served(rig, board)


def garbage_ends_the_link_and_a_good_guest_is_served(rig: Rig) -> None:
    rows = [b"\x00\xff\xfe\n", b"{]\n", b"\n", b'{"type":"arrival"}\n', b"[" * 1000 + b"\n", b"x" * 70000, b"x" * 65537 + b"\n",
            b'{"type":"ready","id":"x","ttys":[{"path":1}]}\n', b'{"type":"detached","id":"\xc3\x28","reason":"lost"}\n']
    with ch340(rig, "GARBAGE") as board:
        for data in rows:
            with contextlib.suppress(OSError):  # The agent may hang up in the middle of it.
                rig.guest.send_bytes(data)
            rig.guest.next("(closed)")
            expect_good_guest_is_served(rig, board)


def half_a_line_ends_with_its_link(rig: Rig) -> None:
    with ch340(rig, "HALF") as board:
        rig.guest.next("arrival", board)
        rig.guest.send_bytes(b'{"type":"ready"')
        rig.guest.hang_up()
        expect_good_guest_is_served(rig, board)


def paths_outside_dev_are_refused(rig: Rig) -> None:
    with ch340(rig, "PATHS") as board:
        for path in ("/etc/passwd", "/dev/../etc/passwd", "/dev/tty\x1b[2J", "ttyUSB0"):
            rig.guest.send(ready(board, path))
            expect_equal((path, rig.guest.next("bye")["code"]), (path, "invalid"), "bye")
            rig.guest.next("(closed)")
            expect_good_guest_is_served(rig, board)


def unknown_types_and_boards_are_ignored(rig: Rig) -> None:
    with ch340(rig, "FUTURE") as board:
        rig.guest.next("arrival", board)
        rig.guest.send({"type": "from_the_future", "id": "x"})
        rig.guest.send(attaching("nobody"))
        rig.guest.send({**attaching(board), "from_the_future": [1]})
        rig.events.next("attaching", board)
        rig.guest.send(detached(board))


# The verbs ------------------------------------------------------------------------------------------------------------------------


def help_lists_what_works(rig: Rig) -> None:
    text = rig.verb("--help").stdout
    verbs = [words.split()[0] for words in text.splitlines() if words.startswith("  ")]
    expect_equal(verbs, ["agent", "kick", "install", "uninstall", "pair", "events", "list", "status", "take", "wait", "yield"], "verbs")
    for verb in verbs:
        result = rig.verb(verb, "--help")
        expect_equal(result.returncode, EXIT_DONE, f"exit code of {verb} --help")
        expect_good_help(verb, result.stdout)
    expect_equal(rig.verb("teleport").returncode, EXIT_USAGE, "exit code of a verb that does not exist")


def both_faces_are_one_program(rig: Rig) -> None:
    version = rig.verb("--version").stdout
    assert version.startswith("ttyferry ") and version.endswith("\n") and "\r" not in version, version
    expect_equal(rig.prefix.run(rig.windowless, "--version").stdout, version, "version of the windowless one")
    number = version.split()[1]
    for exe in (rig.exe, rig.windowless):
        image = exe.read_bytes()
        assert b'level="asInvoker"' in image, f"{exe.name} has no manifest"
        assert f"ProductVersion\0{number}\0".encode("utf-16-le") in image.replace(b"\0\0\0\0", b"\0\0"), f"{exe.name} has no version"


def wait_prints_the_path_and_a_line_feed(rig: Rig) -> None:
    with ch340(rig, "WAIT") as board:
        rig.guest.next("arrival", board)
        waiting = rig.prefix.spawn(rig.exe, "wait", "serial=WAIT", "--timeout", "15", stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert waiting.stdout
        lines = LineStream(waiting.stdout)
        rig.guest.send(ready(board, "/dev/ttyUSB0"))
        expect_equal(lines.next(LIMIT_S), "/dev/ttyUSB0", "wait's line")
        expect_equal(waiting.wait(LIMIT_S), EXIT_DONE, "exit code of wait")
        result = rig.verb("wait", "1a86:7523", "--timeout", "15")
        expect_equal((result.stdout, result.stderr, result.returncode), ("/dev/ttyUSB0\n", "", EXIT_DONE), "wait")
        rig.guest.send(detached(board))
        rig.events.next("detached", board)


def wait_times_out(rig: Rig) -> None:
    for seconds in ("0", "0.3"):
        result = rig.verb("wait", "serial=NOBODY", "--timeout", seconds)
        expect_equal((result.stdout, result.returncode), ("", EXIT_TIMED_OUT), "wait")
        assert "is not ready" in result.stderr, result


def wait_for_the_end(rig: Rig) -> None:
    with ch340(rig, "GOING") as board:
        rig.guest.next("arrival", board)
        expect_equal(rig.verb("wait", "serial=GOING", "--state", "gone", "--timeout", "0").returncode, EXIT_TIMED_OUT, "while it is there")
    expect_equal(rig.verb("wait", "serial=GOING", "--state", "gone", "--timeout", "15").returncode, EXIT_DONE, "after it went")


def wait_wants_one_board(rig: Rig) -> None:
    with ch340(rig, "ONE") as one, ch340(rig, "TWO", port=4) as two:
        rig.guest.next("arrival", one)
        rig.guest.next("arrival", two)
        result = rig.verb("wait", "1a86:7523", "--timeout", "15")
        expect_equal(result.returncode, EXIT_USAGE, "exit code")
        assert "serial=ONE" in result.stderr and "serial=TWO" in result.stderr, result


def verbs_without_an_agent(rig: Rig) -> None:
    for verb in (["events"], ["wait", "1a86:7523"]):
        result = rig.verb(*verb, "--stream", r"\\.\pipe\ttyferry-nobody")
        expect_equal(result.returncode, EXIT_NO_AGENT, f"exit code of {verb[0]}")
        assert "ttyferryw agent --supervise" in result.stderr, result


# The agent's start and end --------------------------------------------------------------------------------------------------------


def second_agent_is_refused(rig: Rig) -> None:
    result = rig.verb("agent", "--config", rig.config_for(rig.guest))
    assert result.returncode == EXIT_FAILED and "another agent" in result.stderr, result


def a_missing_key_is_told_with_the_remedy(rig: Rig) -> None:
    for arguments in (["--config", rig.config("{}")], ["--config", rig.config('{"link":{"auth":"key"}}')], []):
        result = rig.verb("agent", *arguments)
        assert result.returncode == EXIT_FAILED and '"auth": "none"' in result.stderr, result
        assert "ttyferry.exe install" in result.stderr and "\\ttyferry\\key" in result.stderr, result


def default_configuration_is_read(rig: Rig) -> None:
    local = rig.prefix.run("cmd.exe", "/c", "echo %LOCALAPPDATA%").stdout.strip()
    assert rig.prefix.path and local.startswith("C:\\"), local
    path = rig.prefix.path / "drive_c" / local[3:].replace("\\", "/") / "ttyferry" / "config.json"
    path.parent.mkdir()
    try:
        path.write_text('{"link": {"auth": "nobody"}}', encoding="utf-8")
        result = rig.verb("agent")
        assert result.returncode == EXIT_FAILED and rf"{local}\ttyferry\config.json" in result.stderr, result
        path.write_text('\ufeff{"link": {"auth": "none"}} // the lab\'s\r\n', encoding="utf-8")
        result = rig.verb("agent")  # It comes as far as there is an agent.
        assert result.returncode == EXIT_FAILED and "another agent" in result.stderr, result
    finally:
        shutil.rmtree(path.parent)


def wrong_arguments(rig: Rig) -> None:
    rows = [(["--config", r"Z:\none\such.json"], EXIT_FAILED, "not found"), (["--config", rig.config('{"x":1}')], EXIT_FAILED, "unknown key"),
            (["--log-level", "loud"], EXIT_USAGE, "log level"), (["--bogus"], EXIT_USAGE, "--bogus"), (["extra"], EXIT_USAGE, "extra")]
    for arguments, code, text in rows:
        result = rig.verb("agent", *arguments)
        assert result.returncode == code and text in result.stderr, (arguments, result)


def handles_do_not_grow(rig: Rig) -> None:
    def run_rounds(count: int) -> None:
        for _ in range(count):
            with ch340(rig, "ROUND", com="COM7") as board:
                rig.guest.next("arrival", board)
                rig.guest.send(ready(board, "/dev/ttyUSB0"))
                rig.events.next("ready", board)
            rig.guest.next("removal", board)
            rig.guest.send(detached(board))
            rig.events.next("removal", board)

    def count() -> int:
        """The lowest of many counts, for a look at the devices or a reader that leaves holds some for a moment."""
        return min(rig.pnp.handles(rig.agent_exe.name) for _ in range(HANDLE_COUNTS))

    run_rounds(5)  # Whatever Windows' libraries make on first use.
    before = count()
    run_rounds(rig.rounds)
    deadline = time.monotonic() + LIMIT_S
    while (after := count()) != before and time.monotonic() < deadline:
        pass
    expect_equal(after, before, f"handles after {rig.rounds} rounds")


def orderly_end(rig: Rig) -> None:
    """As a user's taskkill does it: the agent's hidden window is asked to close."""
    rig.prefix.run("taskkill.exe", "/im", rig.agent_exe.name)
    expect_equal(rig.agent.wait(LIMIT_S), EXIT_DONE, "exit code")
    expect_equal(rig.guest.next("bye")["code"], "shutdown", "bye")
    rig.guest.next("(closed)")
    expect_equal(rig.events.process.wait(LIMIT_S), EXIT_NO_AGENT, "exit code of events")
    assert "handles still open" not in rig.log()


CASES = [
    arrival_and_removal,
    serial_number_and_busid,
    hub_that_usbipd_cannot_serve,
    com_port_on_a_child,
    late_com_port_is_an_update,
    late_com_port_on_a_child,
    board_without_a_driver,
    board_goes_although_its_node_lingers,
    kinds,
    hub_and_stub_are_no_boards,
    control_characters_are_data,
    id_with_control_characters_is_no_board,
    burst_of_boards,
    needs_sharing_until_it_is_bound,
    bound_board_is_wanted_without_more_ado,
    policy_shares_without_bind,
    usbipd_that_is_missing_is_told_with_the_remedy,
    ready_reaches_the_stream,
    failed_reaches_the_stream,
    detached_comes_before_removal,
    replug_before_the_guest_has_let_go,
    silent_guest_does_not_hold_a_removal,
    capture_by_usbipd_is_no_removal,
    unplugged_while_captured_is_a_removal,
    bootloader_in_place_of_a_captured_board_is_another_board,
    lost_link_loses_no_board,
    agent_that_starts_late_tells_boards_in_its_snapshot,
    board_that_arrives_ends_the_waiting_for_a_guest,
    bad_hello_is_refused_and_a_good_guest_served,
    garbage_ends_the_link_and_a_good_guest_is_served,
    half_a_line_ends_with_its_link,
    paths_outside_dev_are_refused,
    unknown_types_and_boards_are_ignored,
    help_lists_what_works,
    both_faces_are_one_program,
    wait_prints_the_path_and_a_line_feed,
    wait_times_out,
    wait_for_the_end,
    wait_wants_one_board,
    verbs_without_an_agent,
    second_agent_is_refused,
    a_missing_key_is_told_with_the_remedy,
    default_configuration_is_read,
    wrong_arguments,
    handles_do_not_grow,
    orderly_end,  # The last: it ends the agent.
]


def run_case(case: Any, rig: Rig) -> None:
    """Whatever a case before it left behind is dropped, and the agent must have survived the case."""
    rig.guest.greeting = hello()
    rig.guest.forget()
    case(rig)
    assert case is orderly_end or rig.agent.poll() is None, "the agent has ended"


def show_log(rig: Rig) -> None:
    print("---- the end of the agent's log\n" + "\n".join(rig.log().splitlines()[-40:]))


def main() -> int:
    by_name = {case.__name__: case for case in CASES}
    parser = argparse.ArgumentParser(description="The host agent under Wine.")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "windows")
    parser.add_argument("--rounds", type=int, default=50, help="rounds between the two counts of handles (default 50)")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    wrong = [name for name in arguments.cases if name not in by_name]
    if wrong:
        parser.error(f"no case {', '.join(wrong)}: {', '.join(by_name)} exist")
    cases = Cases(show_log)
    with contextlib.ExitStack() as stack:
        rig = Rig(stack, arguments.build.resolve(), arguments.rounds)
        for name in arguments.cases or by_name:
            cases.run_one(name, lambda context, case=by_name[name]: run_case(case, context), rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

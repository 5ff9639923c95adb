#!/usr/bin/python3
"""Tests the lab's usbipd-win by itself: what an import, a release and each row do to Windows' device tree and registry, and in
which order. A client of its own speaks USB/IP; no agent and no VM take part.

    tests/lab/usbipd_selftest.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "lab/usbip", "lab/pnp")]

from cases import Cases, choose, expect_equal  # noqa: E402
from selftest import Watch  # noqa: E402
from usbipd_service import Claim, UsbipdService  # noqa: E402
from windows_side import PNP_FOLDER, Board, WindowsSide  # noqa: E402

LIMIT_S = 60.0
VERSION, IMPORT, DEVLIST = 0x0111, 0x8003, 0x8005
RECORD_BYTES = 312
CLOSED = "closed"


class Journal:
    """What happened, in order: requests to Windows that were carried out, and connections that ended."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()

    def put(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def take(self, until: str) -> list[str]:
        """Everything up to the first line that is `until`."""
        deadline = time.monotonic() + LIMIT_S
        with self._changed:
            while until not in self._lines:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no '{until}' in {self._lines}")
            end = self._lines.index(until) + 1
            taken, self._lines = self._lines[:end], self._lines[end:]
        return taken

    def rest(self) -> list[str]:
        with self._changed:
            taken, self._lines = self._lines, []
        return taken


class Rig(WindowsSide):
    """Windows with usbipd-win, a watcher in it, and a journal of both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = Journal()

    def start(self) -> None:
        super().start()
        self.start_service()
        self.watch = Watch(self.prefix, PNP_FOLDER)
        self._stack.callback(self.watch.stop)
        request = self.pnp.request

        def recorded(verb: str, **fields: object) -> Any:
            answer = request(verb, **fields)
            if verb in ("plug", "unplug", "attached", "released"):
                self.journal.put(self._line(verb, fields))
            return answer

        self.pnp.request = recorded  # type: ignore[method-assign]

    @staticmethod
    def _line(verb: str, fields: dict[str, object]) -> str:
        if verb in ("attached", "released"):
            return "+noted" if verb == "attached" else "-noted"
        node = str(fields["id"] if verb == "plug" else fields["instance"])
        sign = "+" if verb == "plug" else "-"
        return sign + ("stub" if "VID_80EE" in node else "orig")

    @property
    def usbipd_win(self) -> UsbipdService:
        assert self.service is not None
        return self.service

    def connect(self, busid: str) -> Client:
        return Client(self, busid)

    def devlist(self) -> list[str]:
        """The busids that the server shows."""
        with socket.create_connection(("127.0.0.1", self.usbipd.port), LIMIT_S) as peer:
            peer.sendall(struct.pack(">HHI", VERSION, DEVLIST, 0))
            reply = b"".join(iter(lambda: peer.recv(65536), b""))
        count, at, busids = struct.unpack_from(">I", reply, 8)[0], 12, []
        for _ in range(count):
            busids.append(reply[at + 256:at + 288].rstrip(b"\0").decode())
            at += RECORD_BYTES + 4 * reply[at + RECORD_BYTES - 1]
        return busids

    def noted(self, board: Board) -> dict[str, str]:
        """The values of the board's Attached key, as reg.exe shows them."""
        text = self.prefix.run("reg.exe", "query", r"HKLM\SOFTWARE\usbipd-win\Devices", "/s", check=False).stdout
        for key, body in re.findall(r"^(HKEY[^\r\n]*)\r?\n((?: {4}[^\r\n]*\r?\n)*)", text, re.M):
            if key.endswith(f"{self.sharing(board)['guid']}\\Attached"):
                return dict(re.findall(r"^ {4}(\w+) +REG_SZ +([^\r\n]*)", body, re.M))
        return {}

    def nodes(self) -> dict[str, dict[str, Any]]:
        """The present USB nodes by instance id in upper case."""
        out = self.prefix.run(PNP_FOLDER / "pnpwatch.exe", "nodes", "USB").stdout
        return {node["instance"].upper(): node for node in json.loads(out)}


class Client:
    """One import, as a guest would make it."""

    def __init__(self, rig: Rig, busid: str) -> None:
        self._journal = rig.journal
        self._seqnum = 0
        self._peer = socket.create_connection(("127.0.0.1", rig.usbipd.port), LIMIT_S)
        self._peer.sendall(struct.pack(">HHI32s", VERSION, IMPORT, 0, busid.encode()))

    def status(self) -> int:
        """Of the reply; if it is 0, the end of the connection goes to the journal from now on."""
        status = struct.unpack(">HHI", self._read(8))[2]
        if status == 0:
            self._read(RECORD_BYTES)
            threading.Thread(target=self._await_end, daemon=True).start()
        return status

    def control(self, kind: int, request: int, value: int, data: bytes = b"") -> None:
        """A control request to the board, after status(); its answer is not awaited."""
        self._submit(0, struct.pack("<BBHHH", kind, request, value, 0, len(data)), data)

    def write(self, endpoint: int, data: bytes) -> None:
        self._submit(endpoint, bytes(8), data)

    def _submit(self, endpoint: int, setup: bytes, data: bytes) -> None:
        self._seqnum += 1
        self._peer.sendall(struct.pack(">IIIIIIIIII8s", 1, self._seqnum, 1, 0, endpoint, 0, len(data), 0, 0, 0, setup) + data)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._peer.recv(count - len(data))
            if not more:
                raise AssertionError(f"the server hung up after {len(data)} of {count} bytes")
            data += more
        return data

    def _await_end(self) -> None:
        self._peer.settimeout(None)
        with contextlib.suppress(OSError):
            while self._peer.recv(4096):
                pass  # answers to control() and write()
        self._journal.put(CLOSED)

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)
        self._peer.close()


@contextlib.contextmanager
def imported(rig: Rig, model: str = "nano", busid: str = "1-3", **settings: Any) -> Iterator[tuple[Board, Client]]:
    """A board that the client has, and that is pulled in the end; the journal is empty."""
    board = rig.plug(model, busid, **settings)
    client = rig.connect(busid)
    try:
        expect_equal(client.status(), 0, "status of the import")
        rig.journal.take("+noted")
        yield board, client
        expect_equal(rig.usbipd_win.errors, [], "errors of the service")
    finally:
        client.hang_up()
        if busid in rig.boards:
            rig.unplug(busid)


@contextlib.contextmanager
def plugged(rig: Rig, model: str = "nano", busid: str = "1-3", **settings: Any) -> Iterator[Board]:
    board = rig.plug(model, busid, **settings)
    rig.journal.rest()
    try:
        yield board
        expect_equal(rig.usbipd_win.errors, [], "errors of the service")
    finally:
        if busid in rig.boards:
            rig.unplug(busid)


# Imports.


def import_shows_the_stub_and_notes_it(rig: Rig) -> None:
    with plugged(rig) as board:
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status")
        expect_equal(rig.journal.take("+noted"), ["-orig", "+stub", "+noted"], "what happened")
        suffix = board.instance_id.rsplit("\\", 1)[1]
        stub = rf"USB\VID_80EE&PID_CAFE\{suffix}"
        expect_equal(rig.noted(board), {"BusId": "1-3", "IPAddress": "10.0.2.15", "InstanceId": stub}, "the note")
        nodes = rig.nodes()
        expect_equal(nodes[stub.upper()]["location"], "Port_#0003.Hub_#0001", "the stub's place")
        assert board.instance_id.upper() not in nodes, "the board itself is still there"
        expect_equal(rig.devlist(), ["1-3"], "DEVLIST while attached")
        client.hang_up()
        rig.journal.take("+orig")


def windows_hears_it_in_that_order(rig: Rig) -> None:
    rig.watch.mark()
    with imported(rig, "nano") as (board, client):
        stub = board.seat.node
        client.hang_up()
        rig.journal.take("+orig")
    orig = board.instance_id
    rig.watch.expect(
        f"arrival usb {orig}", f"arrival com {orig}", f"removal com {orig}", f"removal usb {orig}",
        f"arrival usb {stub}", f"removal usb {stub}", f"arrival usb {orig}", f"arrival com {orig}",
        f"removal com {orig}", f"removal usb {orig}",
    )


def device_in_capture_is_in_no_list_and_refused(rig: Rig) -> None:
    service = rig.usbipd_win
    service.capture_s = LIMIT_S  # until it is pulled
    try:
        with plugged(rig), plugged(rig, "leonardo", "2-1"):
            rig.connect("1-3")
            rig.journal.take("-orig")
            expect_equal(rig.devlist(), ["2-1"], "DEVLIST")
            expect_equal(rig.connect("1-3").status(), 4, "status of a second import")
    finally:
        service.capture_s = 0.0


def second_client_is_told_that_it_is_attached(rig: Rig) -> None:
    with imported(rig) as (board, _):
        expect_equal(rig.connect("1-3").status(), 2, "status")
        assert rig.noted(board), "the first one's note is gone"


def release_by_the_client_gives_it_back(rig: Rig) -> None:
    with imported(rig) as (board, client):
        client.hang_up()
        expect_equal(rig.journal.take("+orig"), [CLOSED, "-noted", "-stub", "+orig"], "what happened")
        expect_equal(rig.noted(board), {}, "the note")
        again = rig.connect("1-3")
        expect_equal(again.status(), 0, "status of the next import")
        again.hang_up()


def import_that_is_abandoned_gives_it_back(rig: Rig) -> None:
    with plugged(rig):
        rig.connect("1-3").hang_up()
        expect_equal(rig.journal.take("+orig"), ["-orig", "+stub", "-stub", "+orig"], "what happened")


def unplug_while_attached_takes_the_stub_only(rig: Rig) -> None:
    with imported(rig) as (board, _):
        rig.unplug("1-3")
        happened = rig.journal.take("-noted")
        expect_equal([line for line in happened if line != CLOSED], ["-stub", "-noted"], "what happened to Windows")
        expect_equal(rig.nodes(), {}, "what is left of it")
        if CLOSED not in happened:
            rig.journal.take(CLOSED)


# Claims that fail.


def filter_that_misses_brings_the_board_back_before_the_refusal(rig: Rig) -> None:
    with plugged(rig, claims=[Claim.FILTER_MISSES]):
        client = rig.connect("1-3")
        expect_equal(rig.journal.take("+orig"), ["-orig", "+orig"], "what happened")
        expect_equal(client.status(), 3, "status")


def stub_that_nobody_claims_stays(rig: Rig) -> None:
    with plugged(rig, claims=[Claim.STUB_UNCLAIMED]) as board:
        expect_equal(rig.connect("1-3").status(), 3, "status")
        expect_equal(rig.journal.rest(), ["-orig", "+stub"], "what happened")
        expect_equal(rig.noted(board), {}, "the note")
        rig.unplug("1-3")
        expect_equal(rig.journal.rest(), ["-stub"], "what the replug begins with")


def vetoed_import_leaves_windows_alone(rig: Rig) -> None:
    with plugged(rig, claims=[Claim.VETOED]):
        expect_equal(rig.connect("1-3").status(), 2, "status")
        expect_equal(rig.journal.rest(), [], "what happened")


def board_that_another_client_has_is_refused(rig: Rig) -> None:
    with plugged(rig, claims=[Claim.VETOED], attached_to="192.168.7.9") as board:
        expect_equal(rig.connect("1-3").status(), 2, "status")
        expect_equal(rig.noted(board)["IPAddress"], "192.168.7.9", "who has it")


# What is exported.


def board_that_is_not_shared_is_in_no_list_and_refused(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        expect_equal(rig.devlist(), [], "DEVLIST")
        expect_equal(rig.connect("1-3").status(), 4, "status")
        rig.bind(board)
        expect_equal(rig.devlist(), ["1-3"], "DEVLIST once it is bound")
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status once it is bound")
        client.hang_up()


def policy_shares_and_binds_at_the_import(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        rig.pnp.policy("Allow", hardware="1a86:7523")
        try:
            client = rig.connect("1-3")
            expect_equal(client.status(), 0, "status")
            assert rig.sharing(board)["guid"], "it was not bound"
            client.hang_up()
            rig.journal.take("+orig")
        finally:
            rig.pnp.forget_policy()
            rig.unbind(board)


def denial_wins(rig: Rig) -> None:
    with plugged(rig, bound=False):
        rig.pnp.policy("Allow", hardware="1A86:7523")
        rig.pnp.policy("Deny", busid="1-3")
        try:
            expect_equal(rig.connect("1-3").status(), 4, "status")
        finally:
            rig.pnp.forget_policy()


# The other rows.


def detach_deletes_the_note_first_and_closes_last(rig: Rig) -> None:
    with imported(rig) as (board, _):
        rig.usbipd_win.detach(board)
        expect_equal(rig.journal.take(CLOSED), ["-noted", "-stub", "+orig", CLOSED], "what happened")


def reset_removes_the_stub_first(rig: Rig) -> None:
    for flickers, before in ((False, ["-stub"]), (True, ["-stub", "+stub", "-stub"])):
        with imported(rig) as (board, _):
            rig.usbipd_win.reset(board, flickers=flickers)
            happened = rig.journal.take("+orig")
            expect_equal([line for line in happened if line != CLOSED], [*before, "-noted", "+orig"], "what happened")
            if CLOSED not in happened:
                rig.journal.take(CLOSED)


def switch_brings_another_board_to_the_same_place(rig: Rig) -> None:
    with imported(rig, "leonardo"):
        board = rig.usbipd_win.switch(rig.boards["1-3"], "leonardo_bootloader")
        happened = rig.journal.take("+orig")
        expect_equal([line for line in happened if line != CLOSED], ["-stub", "-noted", "+orig"], "what happened")
        expect_equal(rig.nodes()[board.instance_id.upper()]["location"], "Port_#0003.Hub_#0001", "the new one's place")


def touch_1200(client: Client) -> None:
    """What a terminal program does that opens a CDC-ACM port at 1200 baud, and closes it."""
    client.control(0x21, 0x22, 3)
    client.control(0x21, 0x20, 0, struct.pack("<IBBB", 1200, 0, 0, 8))
    client.control(0x21, 0x22, 0)


def firmware_that_leaves_returns_as_another_board(rig: Rig) -> None:
    with imported(rig, "leonardo_avr109", delay_us=5) as (board, client):
        com_port = board.com_port
        touch_1200(client)
        happened = rig.journal.take("+orig")
        expect_equal([line for line in happened if line != CLOSED], ["-stub", "-noted", "+orig"], "what happened")
        board = rig.boards["1-3"]
        expect_equal((board.name, board.settings), ("leonardo_boot", {"delay_us": 5}), "what it is now")
        assert board.com_port != com_port, "the bootloader has the sketch's COM port"
        client.hang_up()
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status of the bootloader's import")
        client.write(4, b"E")
        rig.journal.take("+noted")
        rig.journal.take("+orig")
        expect_equal((rig.boards["1-3"].name, rig.boards["1-3"].com_port), ("leonardo_avr109", com_port), "what it is in the end")
        expect_equal(rig.usbipd.board("1-3")["resets"]["bootloader"], 1, "its memory of it")
        client.hang_up()


def firmware_that_resets_returns_as_itself(rig: Rig) -> None:
    with imported(rig, "esp32s3") as (board, client):
        client.control(0x21, 0x22, 2)
        happened = rig.journal.take("+orig")
        expect_equal([line for line in happened if line != CLOSED], ["-stub", "-noted", "+orig"], "what happened")
        again = rig.boards["1-3"]
        expect_equal((again.id, again.com_port), (board.id, board.com_port), "what it is now")
        expect_equal(rig.usbipd.board("1-3")["resets"]["sketch"], 1, "its memory of it")
        expect_equal(rig.usbipd.lines("1-3")[-1]["rts"], True, "the line that did it")


def board_that_is_pulled_while_it_is_away_does_not_return(rig: Rig) -> None:
    with imported(rig, "leonardo_avr109") as (_, client):
        touch_1200(client)
        rig.journal.take("-noted")
        rig.unplug("1-3")
        rig.usbipd_win.settle()
        expect_equal((rig.boards, rig.usbipd.list()["boards"], rig.nodes()), ({}, [], {}), "what is there")


def forced_board_goes_and_comes_under_its_own_id(rig: Rig) -> None:
    with plugged(rig) as board:
        rig.usbipd_win.force(board)
        rig.journal.rest()
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status")
        expect_equal(rig.journal.take("+noted"), ["-orig", "+orig", "+noted"], "what happened")
        expect_equal(rig.noted(board)["InstanceId"], board.instance_id, "the note's stub")
        node = rig.nodes()[board.instance_id.upper()]
        expect_equal(node["port_name"], None, "its COM port")
        client.hang_up()
        expect_equal(rig.journal.take("+orig"), [CLOSED, "-noted", "-orig", "+orig"], "what happened then")


def driverless_board_has_no_interface_and_is_captured(rig: Rig) -> None:
    rig.watch.mark()
    with imported(rig, "driverless", "1-5") as (board, client):
        rig.watch.expect(f"arrival usb {board.seat.node}")
        client.hang_up()
        rig.journal.take("+orig")


def orphan_of_another_hub_is_told_by_its_place(rig: Rig) -> None:
    with plugged(rig, busid="2-3") as board:
        rig.usbipd_win.orphan(board)
        expect_equal(rig.journal.rest(), ["-orig", "+stub"], "what happened")
        expect_equal(rig.nodes()[str(board.seat.node).upper()]["location"], "Port_#0003.Hub_#0002", "its place")
        expect_equal(rig.noted(board), {}, "the note")


def service_that_stops_gives_back_and_refuses(rig: Rig) -> None:
    with imported(rig):
        restart = threading.Thread(target=rig.usbipd_win.restart, args=(0.0,))
        restart.start()
        expect_equal(rig.journal.take(CLOSED), ["-noted", "-stub", "+orig", CLOSED], "what happened")
        restart.join()
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status once it is back")
        rig.journal.take("+noted")
        client.hang_up()
        rig.journal.take("+orig")


# Notices.


def notices_come_again_in_lower_case(rig: Rig) -> None:
    rig.watch.mark()
    service = rig.usbipd_win
    service.repeats = 2
    try:
        with plugged(rig, com=False) as board:
            pass
    finally:
        service.repeats = 0
    for what in ("arrival", "removal"):
        rig.watch.expect(*[f"{what} usb {board.instance_id}"] * 3)


def notices_keep_the_spelling_that_they_are_given(rig: Rig) -> None:
    rig.watch.mark()
    for spelt in ("usb\\vid_1a86&pid_7523\\aBc", "USB\\VID_1A86&PID_7523\\ABC"):
        rig.pnp.notice("arrival", "com", spelt)
        expect_equal(rig.watch.next_interface()[1], f"arrival com {spelt}", "the notice")


def notices_may_come_late(rig: Rig) -> None:
    rig.watch.mark()
    service = rig.usbipd_win
    service.repeats, service.repeat_after_s = 1, 0.5
    try:
        with plugged(rig, com=False) as board:
            pass
    finally:
        service.repeats, service.repeat_after_s = 0, 0.0
    heard = [rig.watch.next_interface()[1].upper() for _ in range(4)]
    expect_equal(sorted(heard), sorted(f"{what} usb {board.instance_id}".upper() for what in ("arrival", "removal") * 2), "the notices")
    expect_equal(heard[1], f"removal usb {board.instance_id}".upper(), "the second notice, before the late ones")


def com_port_that_came_late_comes_with_the_board_from_then_on(rig: Rig) -> None:
    with plugged(rig, com=False) as board:
        rig.give_com_port(board)
        client = rig.connect("1-3")
        expect_equal(client.status(), 0, "status")
        client.hang_up()
        rig.journal.take("+orig")
        expect_equal(rig.nodes()[board.instance_id.upper()]["port_name"], board.com_port, "its COM port")


# usbipd.exe.


def told(rig: Rig, exit_code: int, *words: str) -> str:
    """What it prints, on standard output or on standard error."""
    result = rig.run_usbipd(*words)
    expect_equal(result.returncode, exit_code, f"exit code of usbipd {' '.join(words)}: {result.stdout}{result.stderr}")
    return result.stdout if exit_code == 0 and result.stdout else result.stderr


def state(rig: Rig) -> list[dict[str, Any]]:
    return json.loads(told(rig, 0, "state"))["Devices"]


def state_tells_every_property(rig: Rig) -> None:
    told(rig, 0, "unbind", "--all")
    with plugged(rig, bound=False) as board:
        expected = {
            "BusId": "1-3", "ClientIPAddress": None, "Description": f"{board.model.description} ({board.com_port})",
            "InstanceId": board.instance_id, "IsForced": False, "PersistedGuid": None, "StubInstanceId": None,
        }
        expect_equal(state(rig), [expected], "state")
        rig.bind(board)
        expected["PersistedGuid"] = rig.sharing(board)["guid"].strip("{}")
        expect_equal(state(rig), [expected], "state once it is bound")
    with imported(rig) as (board, client):
        [entry] = state(rig)
        found = [entry[key] for key in ("BusId", "ClientIPAddress", "StubInstanceId", "InstanceId")]
        expect_equal(found, ["1-3", "10.0.2.15", board.seat.node, board.instance_id], "the attached device")
        client.hang_up()
        rig.journal.take("+orig")
    expect_equal([e["BusId"] for e in state(rig)], [None], "the busid of a bound device that is not there")
    rig.unbind(board)
    expect_equal(state(rig), [], "state of nothing")


def state_has_no_busid_during_capture(rig: Rig) -> None:
    told(rig, 0, "unbind", "--all")
    rig.usbipd_win.capture_s = LIMIT_S  # until it is pulled
    try:
        with plugged(rig):
            rig.connect("1-3")
            rig.journal.take("-orig")
            expect_equal([e["BusId"] for e in state(rig)], [None], "busids")
    finally:
        rig.usbipd_win.capture_s = 0.0


def list_tells_each_state(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        for expected, change in (
            ("Not shared", lambda: rig.pnp.policy("Allow", busid="1-3")), ("Allowed", rig.pnp.forget_policy),
            ("Not shared", lambda: rig.bind(board)), ("Shared", lambda: rig.usbipd_win.force(board)), ("Shared (forced)", lambda: None),
        ):
            [line] = [line for line in told(rig, 0, "list").splitlines() if line.startswith("1-3 ")]
            assert re.search(rf"1A86:7523  USB-SERIAL CH340.*  {re.escape(expected)}$", line), (expected, line)
            change()
    with imported(rig):
        assert "Attached" in told(rig, 0, "list")


def bind_and_unbind_share(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        told(rig, 0, "bind", "--busid", "1-3")
        expect_equal(rig.devlist(), ["1-3"], "DEVLIST once it is bound")
        assert "already shared" in told(rig, 0, "bind", "-b", "1-3")
        told(rig, 0, "unbind", "--hardware-id", "1a86:7523")
        expect_equal((rig.devlist(), rig.sharing(board)["guid"]), ([], None), "DEVLIST and entry once it is unbound")
        told(rig, 0, "bind", "--hardware-id", "1A86:7523")
        told(rig, 0, "unbind", "--all")
        expect_equal(rig.sharing(board)["guid"], None, "its entry")


def forced_bind_changes_the_driver_and_unbind_returns_it(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        told(rig, 0, "bind", "--force", "--busid", "1-3")
        assert board.seat.is_forced and state(rig)[0]["IsForced"], state(rig)
        told(rig, 0, "unbind", "--busid", "1-3")
        assert not board.seat.is_forced and not state(rig)[0]["IsForced"], state(rig)


def detach_by_command_is_a_detach(rig: Rig) -> None:
    for words in (("--busid", "1-3"), ("--all",)):
        with imported(rig):
            told(rig, 0, "detach", *words)
            expect_equal(rig.journal.take(CLOSED), ["-noted", "-stub", "+orig", CLOSED], "what happened")
            told(rig, 0, "detach", *words)
            expect_equal(rig.journal.rest(), [], "what a second one does")


def unbind_detaches_first(rig: Rig) -> None:
    with imported(rig) as (board, _):
        guid = rig.sharing(board)["guid"].strip("{}")
        told(rig, 0, "unbind", "--guid", guid)
        expect_equal(rig.journal.take(CLOSED), ["-noted", "-stub", "+orig", CLOSED], "what happened")
        expect_equal(rig.connect("1-3").status(), 4, "status of an import from then on")


def policy_is_listed_added_and_removed(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        told(rig, 0, "policy", "add", "--effect", "Allow", "--operation", "AutoBind", "--hardware-id", "1a86:7523")
        assert rig.sharing(board)["allowed"], "it is not allowed"
        expect_equal(rig.devlist(), ["1-3"], "DEVLIST")
        told(rig, 0, "policy", "add", "-e", "Deny", "-o", "AutoBind", "-b", "1-3")
        expect_equal(rig.devlist(), [], "DEVLIST once it is denied")
        rules = [line.split() for line in told(rig, 0, "policy", "list").splitlines()[2:] if line]
        expect_equal(sorted(rule[1:] for rule in rules), [["Allow", "AutoBind", "1a86:7523"], ["Deny", "AutoBind", "1-3"]], "rules")
        told(rig, 0, "policy", "remove", "--guid", next(rule[0] for rule in rules if rule[1] == "Deny"))
        expect_equal(rig.devlist(), ["1-3"], "DEVLIST once it is not denied")
        told(rig, 0, "policy", "remove", "--all")
        expect_equal(rig.devlist(), [], "DEVLIST without rules")


def each_failure_has_its_exit_code(rig: Rig) -> None:
    for words in (
        ("detach", "--busid", "9-9"), ("bind", "--busid", "9-9"), ("unbind", "--hardware-id", "dead:beef"),
        ("policy", "remove", "--guid", "ad9d8376-6284-495e-a80b-ff1826d7447d"),
    ):
        assert told(rig, 1, *words).startswith("usbipd: error: "), words
    for words in (
        (), ("nonsense",), ("policy",), ("state", "--all"), ("detach",), ("detach", "--all", "--busid", "1-3"), ("bind", "--busid"),
        ("bind", "--busid", "0-3"), ("bind", "--busid", "1-03"), ("bind", "--busid", "1-100"), ("bind", "--busid", "1-3x"),
        ("unbind", "--hardware-id", "1a86"), ("policy", "add", "--effect", "Allow", "--operation", "AutoBind"),
        ("policy", "add", "--effect", "allow", "--operation", "AutoBind", "--busid", "1-3"), ("policy", "add", "--busid", "1-3"),
    ):
        told(rig, 2, *words)


def ordinary_user_may_look_and_detach_only(rig: Rig) -> None:
    rig.pnp.rights("user")
    try:
        with plugged(rig, bound=False):
            told(rig, 3, "bind", "--busid", "1-3")
            told(rig, 3, "policy", "add", "--effect", "Allow", "--operation", "AutoBind", "--busid", "1-3")
            told(rig, 3, "policy", "remove", "--all")
            for words in (("list",), ("state",), ("policy", "list")):
                told(rig, 0, *words)
        with imported(rig):
            told(rig, 3, "unbind", "--all")
            told(rig, 0, "detach", "--busid", "1-3")
            rig.journal.take(CLOSED)
        rig.pnp.rights("cancelled")
        told(rig, 4, "list")
    finally:
        rig.pnp.rights("admin")


def command_without_the_service_warns(rig: Rig) -> None:
    with plugged(rig, bound=False) as board:
        rig.pnp.service(False)
        try:
            assert "not running" in told(rig, 0, "bind", "--busid", "1-3")
        finally:
            rig.usbipd_win.restart(0.0)
        assert rig.sharing(board)["guid"], "it was not bound"


CASES = [
    import_shows_the_stub_and_notes_it,
    windows_hears_it_in_that_order,
    device_in_capture_is_in_no_list_and_refused,
    second_client_is_told_that_it_is_attached,
    release_by_the_client_gives_it_back,
    import_that_is_abandoned_gives_it_back,
    unplug_while_attached_takes_the_stub_only,
    filter_that_misses_brings_the_board_back_before_the_refusal,
    stub_that_nobody_claims_stays,
    vetoed_import_leaves_windows_alone,
    board_that_another_client_has_is_refused,
    board_that_is_not_shared_is_in_no_list_and_refused,
    policy_shares_and_binds_at_the_import,
    denial_wins,
    detach_deletes_the_note_first_and_closes_last,
    reset_removes_the_stub_first,
    switch_brings_another_board_to_the_same_place,
    firmware_that_leaves_returns_as_another_board,
    firmware_that_resets_returns_as_itself,
    board_that_is_pulled_while_it_is_away_does_not_return,
    forced_board_goes_and_comes_under_its_own_id,
    driverless_board_has_no_interface_and_is_captured,
    orphan_of_another_hub_is_told_by_its_place,
    service_that_stops_gives_back_and_refuses,
    notices_come_again_in_lower_case,
    notices_keep_the_spelling_that_they_are_given,
    notices_may_come_late,
    com_port_that_came_late_comes_with_the_board_from_then_on,
    state_tells_every_property,
    state_has_no_busid_during_capture,
    list_tells_each_state,
    bind_and_unbind_share,
    forced_bind_changes_the_driver_and_unbind_returns_it,
    detach_by_command_is_a_detach,
    unbind_detaches_first,
    policy_is_listed_added_and_removed,
    each_failure_has_its_exit_code,
    ordinary_user_may_look_and_detach_only,
    command_without_the_service_warns,
]


def clean_up(rig: Rig) -> None:
    rig.usbipd_win.errors.clear()
    rig.pnp.forget_policy()
    rig.pnp.rights("admin")
    for busid in list(rig.boards):
        rig.unplug(busid)
    rig.journal.rest()


def main() -> int:
    parser = argparse.ArgumentParser(description="The lab's usbipd-win by itself.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with Rig() as rig:
        rig.usbipd_win.capture_s, rig.usbipd_win.claim_limit_s = 0.0, 0.0
        cases: Cases[Rig] = Cases(clean_up)
        cases.run(chosen, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The guest agent in a VM with Debian's kernel, from its link to the tty; the host is a fake.

    tests/guest/vm_smoke.py [CASE...]

Prints one line a case and ends with "N passed, N failed".
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "lab/usbip", "vm")]

from cases import Cases, expect_equal  # noqa: E402
from help_text import expect_good_help  # noqa: E402
from streams import EventStream  # noqa: E402
from usbipd_double import UsbipdDouble  # noqa: E402
from vm import Vm, VmProcess, listening_script  # noqa: E402

GUEST_PROGRAM = ROOT / "build/linux/ttyferry"
USBIPD_PROGRAM = ROOT / "build/linux/tests/lab/usbip/usbipd_double"
LINK_PORT = 24240
LIMIT_S = 30.0
ECHO_BYTES = 4096
STREAM_KEEPS = 1024
LINE_MAX = 64 * 1024
TIMED_OUT = 3

Message = dict[str, Any]

HELLO: Message = {
    "type": "hello", "protocol": 1, "role": "host", "agent": "fake", "run": "00000000000000aa", "auth": {"method": "none"},
}


def facts(board_id: str, busid: str | None) -> Message:
    return {
        "id": board_id, "name": None, "vid": "1a86", "pid": "7523", "serial": None, "description": "a board", "com_port": "COM5",
        "busid": busid, "speed": "full", "kind": "serial",
    }


class FakeHost:
    """Connects as the host agent does; every line that comes is kept."""

    def __init__(self, port: int, hello: Message | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._begin(self._socket.makefile("rb"), hello or HELLO)

    def _begin(self, lines: BinaryIO, hello: Message) -> None:
        self._messages: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        self.send(hello)

    def _read(self, source: BinaryIO) -> None:
        with contextlib.suppress(OSError, ValueError), source as lines:
            for line in lines:
                message = json.loads(line)
                if message["type"] != "heartbeat":
                    self._messages.put(message)
        self._messages.put(None)

    def send(self, message: Message) -> None:
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def end_sending(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def arrival(self, board_id: str, busid: str, wanted: bool = True) -> None:
        self.send({"type": "arrival", "board": facts(board_id, busid), "wanted": wanted})

    def snapshot(self, *boards: tuple[str, str | None]) -> None:
        self.send({"type": "snapshot_begin"})
        for board_id, busid in boards:
            self.send({"type": "present", "board": facts(board_id, busid), "wanted": True})
        self.send({"type": "snapshot_end"})

    def next(self, kind: str) -> Message:
        """The next message of that type; others before it are dropped."""
        deadline = time.monotonic() + LIMIT_S
        seen: list[Message] = []
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no '{kind}' came, only {seen}") from None
            assert message is not None, f"the guest closed without '{kind}', after {seen}"
            if message["type"] == kind:
                return message
            seen.append(message)

    def until(self, kind: str) -> list[Message]:
        """Everything up to the next message of that type."""
        seen: list[Message] = []
        while not seen or seen[-1]["type"] != kind:
            message = self._messages.get(timeout=LIMIT_S)
            assert message is not None, f"the guest closed without '{kind}', after {seen}"
            seen.append(message)
        return seen

    def expect_close(self) -> list[Message]:
        """What came until the guest closed."""
        seen: list[Message] = []
        while (message := self._messages.get(timeout=LIMIT_S)) is not None:
            seen.append(message)
        return seen

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class BridgeHost(FakeHost):
    """Speaks over the stdio of `ttyferry agent --stdio`, as the host agent does through wsl.exe."""

    def __init__(self, vm: Vm) -> None:
        self.relay = vm.popen("exec ttyferry agent --stdio")
        self._begin(self.relay.stdout, HELLO)

    def send_bytes(self, data: bytes) -> None:
        self.relay.write(data)

    def end_sending(self) -> None:
        self.relay.close_stdin()

    def close(self) -> None:
        self.end_sending()
        expect_equal(self.relay.wait(LIMIT_S), 0, "exit code of the relay")
        self.relay.close()


class Rig:
    """A VM with the agent in it, the double of usbipd, and a reader of the stream."""

    def __init__(self, stack: contextlib.ExitStack, modprobe: bool = True) -> None:
        self.usbipd = stack.enter_context(UsbipdDouble(USBIPD_PROGRAM))
        self.vm = stack.enter_context(Vm(modprobe=modprobe))
        self.vm.start(overlay_files={"/bin/ttyferry": GUEST_PROGRAM}, forwards=[(0, LINK_PORT, True)])
        config = {"link": {"auth": "none"}, "usbipd": {"port": self.usbipd.port, "import": "direct"}}  # the script that plays the host relays nothing
        self.vm.run("mkdir -p /etc/ttyferry; cat >/etc/ttyferry/config.json", stdin=json.dumps(config).encode(), check=True)
        self.start_agent()

    def start_agent(self, umask: str = "022") -> None:
        self.agent: VmProcess = self.vm.popen(f"umask {umask}; exec ttyferry agent --log-level debug >>/run/agent.log 2>&1")
        self.vm.run(listening_script(self.agent.pid, LINK_PORT), timeout=LIMIT_S, check=True)
        self.events = EventStream("guest", self.vm.popen("exec ttyferry events").stdout)

    def connect(self, *boards: tuple[str, str | None]) -> FakeHost:
        """A host links, says what it has, and is the one that the cases mean from then on."""
        self.host = FakeHost(self.vm.ports[0])
        self.host.snapshot(*boards)
        return self.host

    def clean_up(self) -> None:
        """After a case that failed: no board stays for the next one."""
        for board in self.usbipd.list()["boards"]:
            self.usbipd.unplug(board["busid"])
        self.connect().close()

    def log(self) -> str:
        return self.vm.run("cat /run/agent.log")[1]

    def echo(self, tty: str, busid: str) -> None:
        before = self.usbipd.board(busid)["rx_bytes"]
        code, output = self.vm.run(f"tty_echo --bytes {ECHO_BYTES} {tty}")
        expect_equal((code, json.loads(output)["bad"]), (0, 0), "exit code and bad bytes of the echo")
        expect_equal(self.usbipd.board(busid)["rx_bytes"] - before, ECHO_BYTES, "bytes that the board counted")

    def busy_ports(self) -> str:
        return self.vm.run("snapshot.sh | grep ^vhci")[1]


def attach(rig: Rig, board_id: str, busid: str, chip: str = "ch341") -> str:
    """Plugs and announces a board; returns its tty."""
    rig.usbipd.plug(busid, chip)
    rig.host.arrival(board_id, busid)
    ready = rig.host.next("ready")
    expect_equal((ready["id"], len(ready["ttys"])), (board_id, 1), "id and number of ttys")
    return ready["ttys"][0]["path"]


def detach(rig: Rig, board_id: str, busid: str) -> None:
    mark = rig.events.mark()
    rig.usbipd.unplug(busid)
    rig.host.send({"type": "removal", "id": board_id})
    expect_equal(rig.host.next("detached")["id"], board_id, "the detached board")
    rig.events.wait_event("removal", board_id, mark)
    rig.host.close()


@contextlib.contextmanager
def attached(rig: Rig, board_id: str, busid: str, chip: str = "ch341") -> Iterator[str]:
    """A host and its attached board, for the length of a block; yields the tty."""
    rig.connect()
    yield attach(rig, board_id, busid, chip)
    detach(rig, board_id, busid)


def expect_still_there(rig: Rig, tty: str) -> None:
    """The board has outlived its host's link, and the next host hears of it."""
    rig.echo(tty, "1-3")
    again = rig.connect(("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")


def needs_no_libraries(rig: Rig) -> None:
    """The initramfs has none at all; that the agent runs in it is the proof."""
    expect_equal(rig.vm.run("find / -xdev -name '*.so*' | grep -v /lib/modules/")[1], "", "libraries in the guest")
    code, output = rig.vm.run("ttyferry --version", check=True)
    assert output.startswith("ttyferry "), output


def help_explains_every_verb(rig: Rig) -> None:
    verbs = [line.split()[0] for line in rig.vm.run("ttyferry --help", check=True)[1].splitlines() if line.startswith("  ")]
    expect_equal(verbs, ["agent", "setup", "kick", "events", "list", "status", "take", "wait", "yield"], "verbs")
    for verb in verbs:
        expect_good_help(verb, rig.vm.run(f"ttyferry {verb} --help", check=True)[1])


def ch341_becomes_a_tty_and_goes(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        assert tty.startswith("/dev/ttyUSB"), tty
        rig.echo(tty, "1-3")
        expect_equal(rig.vm.run(f"stat -c '%U:%G %a' {tty}")[1].strip(), "root:dialout 660", "owner and mode of the tty")
    expect_equal((rig.vm.run(f"[ -e {tty} ]")[0], rig.busy_ports()), (1, ""), "a look for the tty, and ports in use")


def cdc_acm_becomes_a_tty_and_goes(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-4", "cdc_acm") as tty:
        assert tty.startswith("/dev/ttyACM"), tty
        rig.echo(tty, "1-4")
    expect_equal(rig.busy_ports(), "", "ports in use")


def nothing_is_left_after_many_boards(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3"):
        pass

    def snapshot() -> list[str]:
        return [line for line in rig.vm.run(f"snapshot.sh {rig.agent.pid}")[1].splitlines() if not line.startswith("rss_kb")]

    before = snapshot()
    for chip in ("ch341", "cdc_acm") * 3:
        with attached(rig, "usb\\a", "1-3", chip):
            pass
    deadline = time.monotonic() + LIMIT_S
    while (after := snapshot()) != before and time.monotonic() < deadline:
        pass  # The last host's connection may still be closing.
    expect_equal(after, before, "what the agent and the kernel hold")


def unwanted_board_is_left_alone(rig: Rig) -> None:
    host = rig.connect()
    mark = rig.events.mark()
    rig.usbipd.plug("1-3", "ch341")
    host.arrival("usb\\a", "1-3", wanted=False)
    _, arrival = rig.events.wait_event("arrival", "usb\\a", mark)
    expect_equal(arrival["board"]["state"], "available", "state")
    host.send({"type": "update", "board": facts("usb\\a", "1-3"), "wanted": True})
    host.next("ready")
    host.send({"type": "update", "board": facts("usb\\a", "1-3"), "wanted": False})
    expect_equal(host.next("detached")["reason"], "released", "reason")
    host.send({"type": "removal", "id": "usb\\a"})
    rig.usbipd.unplug("1-3")
    host.close()


def lost_link_keeps_the_board_and_ready_is_said_again(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        mark = rig.events.mark()
        rig.host.close()
        rig.events.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
        expect_still_there(rig, tty)


def board_that_a_snapshot_does_not_name_is_let_go(rig: Rig) -> None:
    host = rig.connect()
    tty = attach(rig, "usb\\a", "1-3")
    host.close()
    again = rig.connect()
    expect_equal(again.next("detached")["id"], "usb\\a", "the detached board")
    expect_equal(rig.vm.run(f"[ -e {tty} ]")[0], 1, "a look for the tty")
    rig.usbipd.unplug("1-3")
    again.close()


def newer_host_takes_over(rig: Rig) -> None:
    older = rig.connect()
    older.next("hello")
    rig.connect()
    expect_equal(older.next("bye")["code"], "busy", "what the older one is told")
    older.expect_close()
    tty = attach(rig, "usb\\a", "1-3")
    rig.echo(tty, "1-3")
    detach(rig, "usb\\a", "1-3")


LINK_SOCKET = "/run/ttyferry/link.sock"


def connect_bridge(rig: Rig, *boards: tuple[str, str | None]) -> BridgeHost:
    rig.host = BridgeHost(rig.vm)
    rig.host.snapshot(*boards)
    return rig.host


def end_agent(rig: Rig, number: int = signal.SIGTERM) -> None:
    rig.agent.send_signal(number)
    rig.agent.wait(LIMIT_S)


def end_background_agent(rig: Rig) -> None:
    """Ends the agent that a relay has started; returns when it is gone."""
    script = f"""pid=$(pidof ttyferry | tr ' ' '\\n' | while read pid; do
            tr '\\0' ' ' </proc/$pid/cmdline | grep -q -- --background && echo $pid; done)
        [ -n "$pid" ] || exit 1
        kill $pid; while [ -d /proc/$pid ]; do sleep 0.01; done"""
    rig.vm.run(script, timeout=LIMIT_S, check=True)


def bridge_attaches_a_board(rig: Rig) -> None:
    mark = rig.events.mark()
    connect_bridge(rig)
    _, up = rig.events.wait("a link that is up", lambda e: e["event"] == "link" and e["state"] == "up", mark)
    expect_equal((up["transport"], up["peer"]), ("bridge", LINK_SOCKET), "what the stream says of the link")
    tty = attach(rig, "usb\\a", "1-3")
    rig.echo(tty, "1-3")
    expect_equal(rig.vm.run(f"stat -c '%U:%G %a' {LINK_SOCKET}")[1].strip(), "root:root 600", "owner and mode of the socket")
    detach(rig, "usb\\a", "1-3")


def bridge_and_port_lead_to_one_link(rig: Rig) -> None:
    older = rig.connect()
    older.next("hello")
    connect_bridge(rig)
    expect_equal(older.next("bye")["code"], "busy", "what the older one is told")
    older.expect_close()
    attach(rig, "usb\\a", "1-3")
    detach(rig, "usb\\a", "1-3")


def killed_relay_leaves_the_board_attached(rig: Rig) -> None:
    host = connect_bridge(rig)
    tty = attach(rig, "usb\\a", "1-3")
    mark = rig.events.mark()
    host.relay.send_signal(signal.SIGKILL)
    rig.events.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
    rig.echo(tty, "1-3")
    again = connect_bridge(rig, ("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
    detach(rig, "usb\\a", "1-3")


def killed_agent_ends_its_relay_and_the_next_relay_starts_one(rig: Rig) -> None:
    host = connect_bridge(rig)
    tty = attach(rig, "usb\\a", "1-3")
    end_agent(rig, signal.SIGKILL)
    host.expect_close()
    expect_equal(host.relay.wait(LIMIT_S), 0, "exit code of the relay")
    again = connect_bridge(rig, ("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is taken over")
    rig.echo(tty, "1-3")
    # It outlives the relay, and has its log.
    again.close()
    code, log = rig.vm.run("stat -c %a /var/log/ttyferry/agent.log; cat /var/log/ttyferry/agent.log")
    expect_equal(code, 0, "exit code of a look at the log")
    assert "listens on" in log, log
    other = connect_bridge(rig, ("usb\\a", "1-3"))
    other.next("ready")
    rig.events = EventStream("guest", rig.vm.popen("exec ttyferry events").stdout)
    rig.events.wait("the snapshot", lambda e: e["event"] == "snapshot", 0)
    detach(rig, "usb\\a", "1-3")
    end_background_agent(rig)
    rig.start_agent()


def relay_without_a_possible_agent_says_why(rig: Rig) -> None:
    end_agent(rig)
    rig.vm.run("mv /etc/ttyferry/config.json /run/kept.json; echo '{\"link\": 7}' >/etc/ttyferry/config.json", check=True)
    with rig.vm.popen("exec ttyferry agent --stdio") as relay:
        output, errors = relay.communicate(LIMIT_S)
        code = relay.wait()
    rig.vm.run("mv /run/kept.json /etc/ttyferry/config.json", check=True)
    rig.start_agent()
    expect_equal((code, output), (4, b""), "exit code and stdout")
    assert b"config.json is wrong" in errors and b"no agent serves" in errors, errors


def relay_knows_the_agents_options(rig: Rig) -> None:
    code, output = rig.vm.run("ttyferry agent --stdio --key /etc/ttyferry/key </dev/null 2>&1 >/dev/null")
    expect_equal((code, output), (0, ""), "exit code and stderr with a key")
    code, output = rig.vm.run("ttyferry agent --background --stdio </dev/null 2>&1")
    assert code == 2 and "--background does not go with --stdio" in output, (code, output)


def background_agent_that_is_one_too_many_says_so(rig: Rig) -> None:
    with rig.vm.popen("exec ttyferry agent --background --log-file /run/second.log") as second:
        _, errors = second.communicate(LIMIT_S)
        code = second.wait()
    expect_equal(code, 1, "exit code")
    assert b"the agent has not come up: another agent serves" in errors, errors
    assert "another agent serves" in rig.vm.run("cat /run/second.log")[1]


# A line that never ends is cut off without a word; what can be read but not understood is answered.
BAD_LINES = {
    "over_64_kib": b'{"type":"' + b"x" * LINE_MAX + b'"}\n',
    "no_json": b"hello\n",
    "invalid_utf8": b'{"type":"removal","id":"\xff\xfe"}\n',
    "deep": b"[" * 5000 + b"\n",
    "guests_own_type": b'{"type":"ready","id":"a","ttys":[],"usb_node":null,"took_ms":{"import":1,"enumerate":1,"node":1,"total":3}}\n',
    "busid_that_is_a_path": json.dumps({"type": "arrival", "wanted": True, "board": facts("usb\\b", "../../x")}).encode() + b"\n",
    "id_with_control_characters": json.dumps({"type": "removal", "id": "a\x1b[2J"}).encode() + b"\n",
}


def make_bad_line_case(name: str, line: bytes) -> Any:
    def case(rig: Rig) -> None:
        with attached(rig, "usb\\a", "1-3") as tty:
            rig.host.send_bytes(line)
            told = [m["code"] for m in rig.host.expect_close() if m["type"] == "bye"]
            expect_equal(told, [] if len(line) > LINE_MAX else ["invalid"], "what the host is told")
            expect_still_there(rig, tty)

    case.__name__ = f"bad_line_{name}_loses_no_board"
    return case


def unknown_type_is_ignored(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") :
        rig.host.send({"type": "from_the_future", "id": 7})


def half_a_line_then_close_loses_no_board(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        rig.host.send_bytes(b'{"type":"removal","id":"usb\\\\a"')
        rig.host.end_sending()
        rig.host.expect_close()
        expect_still_there(rig, tty)


def wrong_first_lines_are_refused_with_the_reason(rig: Rig) -> None:
    rows = [
        (HELLO | {"protocol": 2}, "version"), (HELLO | {"role": "guest"}, "role"),
        (HELLO | {"auth": {"method": "hmac-sha256", "nonce": "0a" * 32}}, "auth"), (HELLO | {"auth": {"method": "passkey"}}, "auth"),
        (HELLO | {"auth": {"method": "hmac-sha256"}}, "invalid"), ({"type": "arrival"}, "invalid"),
    ]
    for hello, code in rows:
        peer = FakeHost(rig.vm.ports[0], hello)
        told = peer.expect_close()
        expect_equal([m["code"] for m in told if m["type"] == "bye"], [code], f"bye after {hello}")
        peer.close()


def refused_import_is_told_and_tried_again(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.fault("1-3", import_status=2, times=1)
    host.arrival("usb\\a", "1-3")
    failed = host.next("failed")
    expect_equal(failed["code"], "busy", "code just after the arrival")
    assert failed["remedy"] and failed["retry_in_ms"] > 0, failed
    host.next("ready")
    detach(rig, "usb\\a", "1-3")


def mad_import_reply_is_told_and_tried_again(rig: Rig) -> None:
    """Version, operation, path and busid without an end, a speed that is none."""
    patches = {"version": (0, 1, 9), "operation": (3, 1, 5), "path": (8, 256, 65), "busid": (264, 32, 65), "speed": (307, 1, 99)}
    for what, (at, length, value) in patches.items():
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.usbipd.fault("1-3", patch_at=at, patch_len=length, patch_value=value, times=1)
        host.arrival("usb\\a", "1-3")
        expect_equal(host.next("failed")["code"], "usbipd_protocol", f"code for a mad {what}")
        host.arrival("usb\\a", "1-3")  # Its next try would come after 5 s.
        host.next("ready")
        detach(rig, "usb\\a", "1-3")


def odd_import_reply_is_good_enough(rig: Rig) -> None:
    """A count of interfaces that lies, and a reply that takes 14 s, byte by byte."""
    for fault in ({"patch_at": 319, "patch_len": 1, "patch_value": 255}, {"drip_ms": 45}):
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.usbipd.fault("1-3", times=1, **fault)
        host.arrival("usb\\a", "1-3")
        host.next("ready")
        detach(rig, "usb\\a", "1-3")


def import_reply_that_is_cut_is_told_and_tried_again(rig: Rig) -> None:
    for cut_at in (0, 5, 8, 200, 319):
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.usbipd.fault("1-3", cut_reply_at=cut_at, times=1)
        host.arrival("usb\\a", "1-3")
        expect_equal(host.next("failed")["code"], "usbipd_closed", f"code after {cut_at} bytes")
        host.next("ready")
        detach(rig, "usb\\a", "1-3")


def board_that_goes_during_its_import_leaves_nothing(rig: Rig) -> None:
    host = rig.connect()
    mark = rig.events.mark()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.fault("1-3", import_delay_ms=1000, times=1)
    host.arrival("usb\\a", "1-3")
    host.next("attaching")
    host.send({"type": "removal", "id": "usb\\a"})
    rig.events.wait_event("removal", "usb\\a", mark)
    # Its next life is not met by the late reply to the first import.
    rig.usbipd.unplug("1-3")
    tty = attach(rig, "usb\\a", "1-3")
    rig.echo(tty, "1-3")
    detach(rig, "usb\\a", "1-3")
    told = [event["event"] for event in rig.events.since(mark) if event.get("board", {}).get("id") == "usb\\a"]
    once = ["arrival", "attaching", "ready", "detached", "removal"]
    expect_equal(told, ["arrival", "attaching", "removal", *once], "what the stream said")
    expect_equal(rig.busy_ports(), "", "ports in use")


def board_that_goes_while_the_kernel_brings_it_up_leaves_nothing(rig: Rig) -> None:
    for _ in range(3):
        host = rig.connect()
        mark = rig.events.mark()
        rig.usbipd.plug("1-3", "ch341", delay_us=50_000)
        host.arrival("usb\\a", "1-3")
        rig.vm.run("until snapshot.sh | grep -q ^vhci; do :; done", timeout=LIMIT_S, check=True)
        host.send({"type": "removal", "id": "usb\\a"})
        rig.events.wait_event("removal", "usb\\a", mark)
        rig.usbipd.unplug("1-3")
        expect_equal(rig.busy_ports(), "", "ports in use")
        tty = attach(rig, "usb\\a", "1-3")
        rig.echo(tty, "1-3")
        detach(rig, "usb\\a", "1-3")


def board_that_comes_back_at_once_is_ready_again(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    for _ in range(3):
        host.send({"type": "removal", "id": "usb\\a"})
        rig.usbipd.unplug("1-3")
        rig.usbipd.plug("1-3", "ch341")
        host.arrival("usb\\a", "1-3")
        host.next("detached")
        rig.echo(host.next("ready")["ttys"][0]["path"], "1-3")
    detach(rig, "usb\\a", "1-3")


def two_boards_are_independent(rig: Rig) -> None:
    host = rig.connect()
    first = attach(rig, "usb\\a", "1-3")
    second = attach(rig, "usb\\b", "2-1", "cdc_acm")
    rig.usbipd.unplug("1-3")
    host.send({"type": "removal", "id": "usb\\a"})
    expect_equal(host.next("detached")["id"], "usb\\a", "the detached board")
    expect_equal(rig.vm.run(f"[ -e {first} ]")[0], 1, "a look for the first one's tty")
    rig.echo(second, "2-1")
    detach(rig, "usb\\b", "2-1")


def ports_of_other_programs_are_left_alone(rig: Rig) -> None:
    rig.usbipd.plug("2-2", "cdc_acm")
    _, output = rig.vm.run(f"vhci_attach attach 10.0.2.2 {rig.usbipd.port} 2-2", check=True)
    foreign = json.loads(output)["tty"]
    before = rig.busy_ports()
    with attached(rig, "usb\\a", "1-3"):
        rig.echo(foreign, "2-2")
    expect_equal(rig.busy_ports(), before, "ports in use")
    rig.echo(foreign, "2-2")
    rig.usbipd.unplug("2-2")
    rig.vm.run("vhci_attach wait-free", check=True)


def removed_board_is_let_go_though_usbipd_is_silent(rig: Rig) -> None:
    host = rig.connect()
    tty = attach(rig, "usb\\a", "1-3")
    os.kill(rig.usbipd.pid, signal.SIGSTOP)
    try:
        host.send({"type": "removal", "id": "usb\\a"})
        expect_equal(host.next("detached")["reason"], "lost", "reason")
        expect_equal((rig.vm.run(f"[ -e {tty} ]")[0], rig.busy_ports()), (1, ""), "a look for the tty, and ports in use")
    finally:
        os.kill(rig.usbipd.pid, signal.SIGCONT)
    rig.usbipd.unplug("1-3")
    host.close()


LONG_UEVENT = f"change 00000000-0000-0000-0000-000000000000 X={'x' * 1700}"


def lost_uevents_lose_no_news(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    rig.agent.send_signal(signal.SIGSTOP)
    try:
        # More than the agent's socket holds; and then the board goes.
        flood = f"i=0; while [ $i -lt 4500 ]; do echo {LONG_UEVENT} >/sys/class/mem/null/uevent; i=$((i+1)); done"
        rig.vm.run(flood, timeout=LIMIT_S, check=True)
        rig.usbipd.unplug("1-3")
        rig.vm.run("vhci_attach wait-free", check=True)
    finally:
        rig.agent.send_signal(signal.SIGCONT)
    expect_equal(host.next("detached")["reason"], "server_lost", "reason")
    assert "more events than room" in rig.log(), "the kernel has lost no events"
    # The agent hears on.
    rig.usbipd.plug("1-3", "ch341")
    host.arrival("usb\\a", "1-3")
    host.next("ready")
    detach(rig, "usb\\a", "1-3")


def coming_port(rig: Rig) -> None:
    """Waits until a port has a device that has not answered yet."""
    rig.vm.run("until snapshot.sh | grep -q '^vhci hs [0-9]* 005'; do :; done", timeout=LIMIT_S, check=True)


def device_that_never_answers_is_given_up_and_tried_again(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.stall("1-3", True)
    host.arrival("usb\\a", "1-3")
    failed = host.next("failed")
    expect_equal((failed["code"], failed["retry_in_ms"]), ("no_answer", 1000), "code and retry")
    expect_equal(rig.busy_ports(), "", "ports in use")
    rig.usbipd.stall("1-3", False)
    rig.echo(host.next("ready")["ttys"][0]["path"], "1-3")
    detach(rig, "usb\\a", "1-3")


PORTS_PER_CONTROLLER = 30


def controllers(rig: Rig, state: str) -> list[int]:
    """Where the ports in that state are."""
    rows = [row.split() for row in rig.busy_ports().splitlines()]
    return [int(row[2]) // PORTS_PER_CONTROLLER for row in rows if row[3] == state]


def silent_device_holds_up_no_other_board(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.stall("1-3", True)
    host.arrival("usb\\a", "1-3")
    coming_port(rig)
    stuck = controllers(rig, "005")
    others = [(f"usb\\{i}", f"2-{i}") for i in range(1, 5)]
    for board_id, busid in others:
        rig.usbipd.plug(busid, "cdc_acm")
        host.arrival(board_id, busid)
    for _ in others:
        host.next("ready")
    expect_equal(set(stuck) & set(controllers(rig, "006")), set(), "controllers that are stuck and in use by others")
    remove_all(rig, others)
    rig.usbipd.stall("1-3", False)
    host.next("ready")
    detach(rig, "usb\\a", "1-3")


def server_that_closes_before_the_device_has_answered_is_noticed(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.stall("1-3", True)
    host.arrival("usb\\a", "1-3")
    coming_port(rig)
    rig.usbipd.unplug("1-3")
    expect_equal(host.next("failed")["code"], "server_lost", "code")
    expect_equal(rig.busy_ports(), "", "ports in use")
    tty = attach(rig, "usb\\a", "1-3")
    rig.echo(tty, "1-3")
    detach(rig, "usb\\a", "1-3")


def remove_all(rig: Rig, boards: list[tuple[str, str]]) -> None:
    for board_id, busid in boards:
        rig.usbipd.unplug(busid)
        rig.host.send({"type": "removal", "id": board_id})
    for _ in boards:
        rig.host.next("detached")


def every_refusal_has_its_code(rig: Rig) -> None:
    codes = {1: "usbipd_monitor", 2: "busy", 3: "claim_failed", 4: "not_available", 5: "usbipd_failed", 77: "usbipd_status"}
    for status, code in codes.items():
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.usbipd.fault("1-3", import_status=status, times=1)
        host.arrival("usb\\a", "1-3")
        failed = host.next("failed")
        expect_equal(failed["code"], code, f"code of status {status}")
        assert failed["message"] and failed["remedy"] and failed["retry_in_ms"] > 0, failed
        host.next("ready")
        detach(rig, "usb\\a", "1-3")


def claim_that_fails_twice_waits_for_a_replug(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.fault("1-3", import_status=3, times=2)
    host.arrival("usb\\a", "1-3")
    expect_equal([host.next("failed")["retry_in_ms"] for _ in range(2)], [1000, None], "retries")
    imports = rig.usbipd.list()["connections"]
    host.send({"type": "update", "board": facts("usb\\a", "1-3"), "wanted": True})
    host.close()
    again = rig.connect(("usb\\a", "1-3"))
    expect_equal(again.next("failed")["retry_in_ms"], None, "retry that the next host is told")
    expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
    again.arrival("usb\\a", "1-3")
    again.next("ready")
    detach(rig, "usb\\a", "1-3")


def reply_in_single_bytes_is_only_slow(rig: Rig) -> None:
    host = rig.connect()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.fault("1-3", drip_ms=4, times=1)
    host.arrival("usb\\a", "1-3")
    host.next("attaching")
    rig.usbipd.plug("1-4", "cdc_acm")
    host.arrival("usb\\b", "1-4")
    expect_equal([host.next("ready")["id"] for _ in range(2)], ["usb\\b", "usb\\a"], "who is ready first")
    rig.usbipd.unplug("1-4")
    host.send({"type": "removal", "id": "usb\\b"})
    host.next("detached")
    detach(rig, "usb\\a", "1-3")


# Where a reply is spoilt, how many bytes of it, and with which; the code that comes of it.
BAD_REPLIES = {
    "another_version": (1, 1, 0x06, "usbipd_protocol"),
    "another_operation": (3, 1, 0x05, "usbipd_protocol"),
    "a_path_without_end": (8, 256, 0x41, "usbipd_protocol"),
    "a_busid_without_end": (264, 32, 0x31, "usbipd_protocol"),
    "another_busid": (264, 1, 0x32, "usbipd_protocol"),
    "speed_0": (307, 1, 0, "usbipd_protocol"),
    "speed_99": (307, 1, 99, "usbipd_protocol"),
    "255_interfaces": (319, 1, 255, None),
}


def make_bad_reply_case(name: str, at: int, length: int, value: int, code: str | None) -> Any:
    def case(rig: Rig) -> None:
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        patch = {"patch_at": at, "patch_len": length, "patch_value": value}
        rig.usbipd.fault("1-3", **patch, times=1)
        host.arrival("usb\\a", "1-3")
        if code is not None:
            expect_equal(host.next("failed")["code"], code, "code")
            host.send({"type": "removal", "id": "usb\\a"})
            host.arrival("usb\\a", "1-3")
        rig.echo(host.next("ready")["ttys"][0]["path"], "1-3")
        detach(rig, "usb\\a", "1-3")
        expect_equal(rig.busy_ports(), "", "ports in use")

    case.__name__ = f"reply_with_{name}_costs_a_try_at_most"
    return case


def board_at_another_place_is_attached_there(rig: Rig) -> None:
    host = rig.connect()
    mark = rig.events.mark()
    attach(rig, "usb\\a", "1-3")
    rig.events.wait_event("ready", "usb\\a", mark)
    mark = rig.events.mark()
    rig.usbipd.plug("2-1", "ch341")
    host.send({"type": "update", "board": facts("usb\\a", "2-1"), "wanted": True})
    expect_equal(host.next("detached")["reason"], "lost", "reason")
    rig.echo(host.next("ready")["ttys"][0]["path"], "2-1")
    rig.events.wait_event("ready", "usb\\a", mark)
    told = [event["event"] for event in rig.events.since(mark)]
    expect_equal(told, ["update", "detached", "attaching", "ready"], "what the stream said")
    rig.usbipd.unplug("1-3")
    detach(rig, "usb\\a", "2-1")


def swapped_boards_are_not_mixed_up(rig: Rig) -> None:
    """Each has taken the other's place, and the host's news of that are late."""
    host = rig.connect()
    mark = rig.events.mark()
    ids = ["usb\\vid_1a86&pid_7523\\1", "usb\\vid_1a86&pid_7523\\2"]
    rig.usbipd.plug("1-3", "ch341", instance=ids[1].upper())
    rig.usbipd.plug("1-4", "ch341", instance=ids[0].upper())
    host.arrival(ids[0], "1-3")
    failed = host.next("failed")
    expect_equal((failed["id"], failed["code"]), (ids[0], "other_board"), "who failed, and why")
    host.send({"type": "update", "board": facts(ids[0], "1-4"), "wanted": True})
    rig.echo(host.next("ready")["ttys"][0]["path"], "1-4")
    host.arrival(ids[1], "1-3")
    rig.echo(host.next("ready")["ttys"][0]["path"], "1-3")
    rig.events.wait_event("ready", ids[1], mark)
    expect_equal({e["code"] for e in rig.events.since(mark) if e["event"] == "failed"}, {"other_board"}, "failures")
    rig.usbipd.unplug("1-4")
    host.send({"type": "removal", "id": ids[0]})
    host.next("detached")
    detach(rig, ids[1], "1-3")


def one_id_at_two_places_is_the_later_one(rig: Rig) -> None:
    for busid in ("1-3", "1-4"):
        rig.usbipd.plug(busid, "ch341")
    host = rig.connect(("usb\\a", "1-3"), ("usb\\a", "1-4"))
    rig.echo(host.next("ready")["ttys"][0]["path"], "1-4")
    rig.usbipd.unplug("1-3")
    detach(rig, "usb\\a", "1-4")
    expect_equal(rig.busy_ports(), "", "ports in use")


def board_that_is_lost_without_a_host_is_told_to_the_next(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    mark = rig.events.mark()
    host.close()
    rig.events.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
    rig.usbipd.unplug("1-3")
    rig.events.wait_event("detached", "usb\\a", mark)
    again = rig.connect(("usb\\a", "1-3"))
    expect_equal(again.next("detached")["reason"], "lost", "what the next host is told")
    tty = attach(rig, "usb\\a", "1-3")
    again.close()
    # And once is enough.
    rig.host = FakeHost(rig.vm.ports[0])
    rig.host.snapshot(("usb\\a", "1-3"))
    told = rig.host.until("ready")
    expect_equal([m["type"] for m in told if m["type"] != "hello"], ["ready"], "what the host after that is told")
    rig.echo(tty, "1-3")
    detach(rig, "usb\\a", "1-3")


def board_that_is_lost_and_not_tried_yet_is_told_as_detached(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    rig.usbipd.unplug("1-3")
    host.next("detached")
    again = rig.connect(("usb\\a", "1-3"))
    told = again.next("detached")
    expect_equal(told["reason"], "server_lost", "what the next host is told")
    assert told["leaving_ms"] > 0, f"it has begun some time ago: {told}"
    attach(rig, "usb\\a", "1-3")
    detach(rig, "usb\\a", "1-3")


def restarted_agent_answers_for_each_board_that_it_has_not(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    attach(rig, "usb\\b", "1-4")
    rig.agent.send_signal(9)
    rig.agent.wait(LIMIT_S)
    rig.usbipd.unplug("1-3")
    rig.usbipd.unplug("1-4")
    rig.vm.run("vhci_attach wait-free", check=True)
    host.close()
    rig.start_agent()
    again = FakeHost(rig.vm.ports[0])
    again.send({"type": "snapshot_begin"})
    again.send({"type": "present", "board": facts("usb\\a", "1-3"), "wanted": True})
    again.send({"type": "present", "board": facts("usb\\b", "1-4"), "wanted": False})
    again.send({"type": "snapshot_end"})
    expect_equal([again.next("detached")["id"] for _ in range(2)], ["usb\\a", "usb\\b"], "the boards that it has not")
    rig.host = again
    rig.usbipd.plug("1-3", "ch341")
    rig.echo(again.next("ready")["ttys"][0]["path"], "1-3")
    again.send({"type": "removal", "id": "usb\\b"})
    detach(rig, "usb\\a", "1-3")


def wait(rig: Rig, *words: str) -> tuple[int, str]:
    return rig.vm.run("ttyferry wait " + shlex.join(words) + " 2>&1")


def restarted_agent_calls_no_board_gone_before_windows_has_told(rig: Rig) -> None:
    """Nor is its link up before: who reads that it is has heard of every board."""
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    kill_agent(rig)
    rig.start_agent()
    gone = ("port=1-3", "--state", "gone", "--timeout", "0")
    code, output = wait(rig, *gone)
    expect_equal(code, TIMED_OUT, "exit code of wait --state gone without a link")
    assert "not known to be gone: the link to Windows is down" in output and "ttyferry.exe kick" in output, output
    rig.host = host = FakeHost(rig.vm.ports[0])
    host.send({"type": "snapshot_begin"})
    host.send({"type": "present", "board": facts("usb\\b", "1-4"), "wanted": False})
    rig.events.wait_event("arrival", "usb\\b")
    expect_equal(host.next("detached")["id"], "usb\\b", "the board that it has not")
    expect_equal(wait(rig, *gone)[0], TIMED_OUT, "exit code of wait --state gone within the snapshot")
    host.send({"type": "present", "board": facts("usb\\a", "1-3"), "wanted": True})
    host.send({"type": "snapshot_end"})
    rig.events.wait_link("up")
    told = [(event["event"], event.get("board", {}).get("id")) for event in rig.events.since(0)]
    assert told.index(("link", None)) > told.index(("arrival", "usb\\a")), told
    expect_equal(wait(rig, *gone)[0], TIMED_OUT, "exit code of wait --state gone for a board that is there")
    host.send({"type": "removal", "id": "usb\\b"})
    detach(rig, "usb\\a", "1-3")


def agent_that_is_killed_while_the_kernel_brings_a_board_up_takes_it_over(rig: Rig) -> None:
    """Whose device a port has that is just coming can't be seen yet."""
    for _ in range(2):
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341", delay_us=30_000)
        host.arrival("usb\\a", "1-3")
        coming_port(rig)
        rig.agent.send_signal(9)
        rig.agent.wait(LIMIT_S)
        imports = rig.usbipd.list()["connections"]
        host.close()
        rig.start_agent()
        again = FakeHost(rig.vm.ports[0])
        again.snapshot(("usb\\a", "1-3"))
        told = again.until("ready")
        expect_equal([message["type"] for message in told], ["hello", "attaching", "ready"], "what the host is told")
        expect_equal(len(told[-1]["ttys"]), 1, "number of ttys")
        expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
        rig.host = again
        detach(rig, "usb\\a", "1-3")
    expect_equal(rig.busy_ports(), "", "ports in use")


def kill_agent(rig: Rig) -> None:
    """And the host's link with it."""
    rig.agent.send_signal(9)
    rig.agent.wait(LIMIT_S)
    rig.host.close()


def agent_that_is_killed_leaves_what_is_not_known_to_be_its_own(rig: Rig) -> None:
    rig.connect()
    tty = attach(rig, "usb\\a", "1-3")
    kill_agent(rig)
    rig.vm.run("rm /run/ttyferry/ports", check=True)
    rig.start_agent()
    with attached(rig, "usb\\b", "1-4", "cdc_acm") as other:
        rig.echo(other, "1-4")
        rig.echo(tty, "1-3")
    rig.echo(tty, "1-3")
    rig.usbipd.unplug("1-3")
    rig.vm.run("vhci_attach wait-free", check=True)


def restarted_agent_lets_go_of_what_was_yielded_meanwhile(rig: Rig) -> None:
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    kept = attach(rig, "usb\\b", "1-4", "cdc_acm")
    kill_agent(rig)
    rig.start_agent()
    mark = rig.events.mark()
    yielded = {"type": "yielded", "id": "usb\\a", "until": None}
    rig.host = host = FakeHost(rig.vm.ports[0])
    # As the host agent says it: it can't know which boards the guest knows.
    host.send(yielded)
    host.send({"type": "snapshot_begin"})
    host.send({"type": "present", "board": facts("usb\\a", "1-3"), "wanted": False})
    host.send({"type": "present", "board": facts("usb\\b", "1-4") | {"vid": "2341", "pid": "8036"}, "wanted": True})
    host.send({"type": "snapshot_end"})
    host.send(yielded)
    expect_equal(host.next("detached")["id"], "usb\\a", "who was let go")
    rig.events.wait_event("yielded", "usb\\a", mark)
    rig.vm.run("until [ $(snapshot.sh | grep -c ^vhci) = 1 ]; do :; done", timeout=LIMIT_S, check=True)
    rig.echo(kept, "1-4")
    # And back again.
    host.send({"type": "taken", "id": "usb\\a", "until": None})
    host.send({"type": "update", "board": facts("usb\\a", "1-3"), "wanted": True})
    while (ready := host.next("ready"))["id"] != "usb\\a":
        expect_equal(ready["id"], "usb\\b", "whose ready is said again after the snapshot")
    rig.echo(ready["ttys"][0]["path"], "1-3")
    remove_all(rig, [("usb\\a", "1-3"), ("usb\\b", "1-4")])


def restarted_agent_lets_go_of_what_the_snapshot_does_not_name(rig: Rig) -> None:
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    kill_agent(rig)
    rig.start_agent()
    rig.connect()
    rig.vm.run("vhci_attach wait-free", check=True)
    rig.usbipd.unplug("1-3")
    rig.host.close()


def restarted_agent_leaves_what_another_program_has_put_in_its_place(rig: Rig) -> None:
    """The same board, port and devid; only the device is another to the kernel."""
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    before = rig.busy_ports()
    kill_agent(rig)
    rig.usbipd.unplug("1-3")
    rig.vm.run("vhci_attach wait-free", check=True)
    rig.usbipd.plug("1-3", "ch341")
    _, output = rig.vm.run(f"vhci_attach attach 10.0.2.2 {rig.usbipd.port} 1-3", check=True)
    expect_equal(rig.busy_ports(), before, "ports in use")
    rig.start_agent()
    rig.host = host = FakeHost(rig.vm.ports[0])
    host.send({"type": "snapshot_begin"})
    host.send({"type": "present", "board": facts("usb\\a", "1-3"), "wanted": False})
    host.send({"type": "snapshot_end"})
    attach(rig, "usb\\b", "1-4")  # By then the snapshot has been dealt with.
    rig.echo(json.loads(output)["tty"], "1-3")
    detach(rig, "usb\\b", "1-4")
    rig.usbipd.unplug("1-3")
    rig.vm.run("vhci_attach wait-free", check=True)


def attach_named(rig: Rig, board_id: str, busid: str, name: str) -> str:
    """Plugs and announces a board that has a name; returns its tty."""
    rig.usbipd.plug(busid, "ch341")
    rig.host.send({"type": "arrival", "board": facts(board_id, busid) | {"name": name}, "wanted": True})
    tty = rig.host.next("ready")["ttys"][0]
    expect_equal(tty["link"], f"/dev/ttyferry/{name}", "the stable link")
    return tty["path"]


def names_of(rig: Rig) -> list[str]:
    return rig.vm.run("ls -A /dev/ttyferry")[1].split()


def links_of(rig: Rig) -> list[str]:
    """Those of boards; busybox' `find` has no -printf."""
    return rig.vm.run("find /dev/ttyferry /dev/serial -type l")[1].split()


def board_renamed_over_a_restart_has_one_link(rig: Rig) -> None:
    rig.connect()
    tty = attach_named(rig, "usb\\a", "1-3", "leo")
    kill_agent(rig)
    rig.start_agent()
    expect_equal(names_of(rig), ["leo"], "names while the board's host is not there")
    rig.host = host = FakeHost(rig.vm.ports[0])
    host.send({"type": "snapshot_begin"})
    host.send({"type": "present", "board": facts("usb\\a", "1-3") | {"name": "leonardo"}, "wanted": True})
    host.send({"type": "snapshot_end"})
    expect_equal(host.next("ready")["ttys"][0]["link"], "/dev/ttyferry/leonardo", "the stable link")
    expect_equal(names_of(rig), ["leonardo"], "names")
    rig.echo("/dev/ttyferry/leonardo", "1-3")
    expect_equal(rig.vm.run("readlink -f /dev/ttyferry/leonardo")[1].strip(), tty, "what it leads to")
    detach(rig, "usb\\a", "1-3")
    expect_equal(links_of(rig), [], "links that are left")


def board_that_goes_before_a_host_has_linked_leaves_no_link(rig: Rig) -> None:
    rig.connect()
    attach_named(rig, "usb\\a", "1-3", "leo")
    kill_agent(rig)
    rig.start_agent()
    rig.usbipd.unplug("1-3")
    rig.vm.run("while [ -L /dev/ttyferry/leo ]; do sleep 0.01; done", check=True, timeout=LIMIT_S)
    rig.vm.run("vhci_attach wait-free", check=True)
    expect_equal(links_of(rig), [], "links that are left")


def links_of_a_board_that_went_meanwhile_lead_to_no_other(rig: Rig) -> None:
    """Another program's board has the tty's number by the time that an agent runs again."""
    rig.connect()
    tty = attach_named(rig, "usb\\a", "1-3", "leo")
    expect_equal(len(links_of(rig)), 3, "links by name, id and path")
    kill_agent(rig)
    rig.usbipd.unplug("1-3")
    rig.vm.run("vhci_attach wait-free", check=True)
    rig.usbipd.plug("2-2", "ch341")
    _, output = rig.vm.run(f"vhci_attach attach 10.0.2.2 {rig.usbipd.port} 2-2", check=True)
    expect_equal(json.loads(output)["tty"], tty, "the other board's tty")
    rig.start_agent()
    expect_equal(links_of(rig), [], "links that are left")
    rig.echo(tty, "2-2")
    rig.usbipd.unplug("2-2")
    rig.vm.run("vhci_attach wait-free", check=True)


def restarted_agent_without_a_host_lets_go_at_its_release(rig: Rig) -> None:
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    kill_agent(rig)
    rig.start_agent()
    rig.agent.send_signal(signal.SIGUSR1)
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code")
    rig.vm.run("vhci_attach wait-free", check=True)
    expect_equal(rig.vm.run("ls /run/ttyferry")[1].split(), [], "what is left of the agent")
    rig.usbipd.unplug("1-3")
    rig.start_agent()


def removal_lets_go_of_what_a_dead_agent_had(rig: Rig) -> None:
    rig.connect()
    attach(rig, "usb\\a", "1-3")
    kill_agent(rig)
    rig.vm.run("ttyferry setup --remove", check=True)
    rig.vm.run("vhci_attach wait-free", check=True)
    rig.usbipd.unplug("1-3")
    rig.start_agent()


def nothing_is_left_after_many_failures(rig: Rig) -> None:
    faults: list[dict[str, int]] = [
        {"import_status": 1}, {"cut_reply_at": 7}, {"cut_reply_at": 319}, {"patch_at": 0, "patch_len": 2, "patch_value": 1},
    ]

    def fail_once(fault: dict[str, int]) -> None:
        host = rig.connect()
        rig.usbipd.plug("1-3", "ch341")
        rig.usbipd.fault("1-3", **fault, times=1)
        host.arrival("usb\\a", "1-3")
        host.next("failed")
        host.send({"type": "removal", "id": "usb\\a"})
        rig.usbipd.unplug("1-3")
        host.close()

    def snapshot() -> tuple[Counter[str], int]:
        """How many of each kind the agent and the kernel hold, and the agent's memory."""
        lines = rig.vm.run(f"snapshot.sh {rig.agent.pid}")[1].splitlines()
        held: Counter[str] = Counter()
        for line in lines[:-1]:
            kind, count, name = line.split(" ", 2) if line.startswith("fd ") else ("", "1", line)
            held[f"{kind} {name}"] += int(count)
        return held, int(lines[-1].split()[1])

    def fill_stream() -> None:
        """The agent keeps its last 1,024 events: it has as many before it is measured."""
        host = rig.connect()
        mark = rig.events.mark()
        host.arrival("usb\\a", "1-3", wanted=False)
        update = {"type": "update", "board": facts("usb\\a", "1-3"), "wanted": False}
        host.send_bytes((json.dumps(update).encode() + b"\n") * STREAM_KEEPS)
        host.send({"type": "removal", "id": "usb\\a"})
        rig.events.wait_event("removal", "usb\\a", mark)
        mark = rig.events.mark()
        host.close()
        rig.events.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)

    for fault in faults * 5:
        fail_once(fault)
    fill_stream()
    rig.connect().next("hello")
    before, rss_before = snapshot()
    for fault in faults * 25:
        fail_once(fault)
    rig.connect().next("hello")
    deadline = time.monotonic() + LIMIT_S
    while (after := snapshot())[0] - before and time.monotonic() < deadline:
        pass  # The last host's connection may still be closing.
    # Before, another one may have been: a hundred failures that leave something leave a hundred.
    expect_equal(after[0] - before, Counter(), "what the agent and the kernel hold besides")
    # Of so small a process the C library alone takes and gives back more than 5 %; a failure that leaves 1.3 kB would show.
    assert after[1] <= rss_before + 128, f"{rss_before} kB became {after[1]} kB"


def absent_usbipd_is_told_with_a_remedy(rig: Rig) -> None:
    host = rig.connect()
    rig.vm.run("ip route del default", check=True)
    try:
        host.arrival("usb\\a", "1-3")
        failed = host.next("failed")
        expect_equal(failed["code"], "no_windows_address", "code")
        assert "config.json" in failed["remedy"], failed
    finally:
        rig.vm.run("ip route add default via 10.0.2.2", check=True)
    rig.usbipd.plug("1-3", "ch341")
    host.next("ready")
    detach(rig, "usb\\a", "1-3")


def board_without_a_place_says_so(rig: Rig) -> None:
    host = rig.connect()
    host.send({"type": "arrival", "board": facts("usb\\a", None), "wanted": True})
    failed = host.next("failed")
    expect_equal((failed["code"], failed["retry_in_ms"]), ("no_busid", None), "code and retry")
    host.close()
    # The next host hears it too, though nothing is tried any more.
    again = rig.connect(("usb\\a", None))
    expect_equal(again.next("failed")["code"], "no_busid", "code for the next host")
    again.send({"type": "removal", "id": "usb\\a"})
    again.close()


def snapshot_and_changes_inside_it_are_settled_together(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    attach(rig, "usb\\b", "1-4")
    host.close()
    again = FakeHost(rig.vm.ports[0])
    again.send({"type": "snapshot_begin"})
    again.send({"type": "present", "board": facts("usb\\b", "1-4"), "wanted": True})
    rig.usbipd.plug("2-1", "ch341")
    again.arrival("usb\\c", "2-1")
    again.send({"type": "removal", "id": "usb\\b"})
    again.send({"type": "snapshot_end"})
    expect_equal({again.next("detached")["id"] for _ in range(2)}, {"usb\\a", "usb\\b"}, "the detached boards")
    expect_equal(again.next("ready")["id"], "usb\\c", "the board that has come meanwhile")
    rig.host = again
    rig.usbipd.unplug("1-3")
    rig.usbipd.unplug("1-4")
    detach(rig, "usb\\c", "2-1")


def second_agent_says_what_is_wrong(rig: Rig) -> None:
    code, output = rig.vm.run("ttyferry agent 2>&1")
    assert code == 1 and "another agent serves /run/ttyferry/events.sock" in output, (code, output)
    code, output = rig.vm.run("ttyferry agent --stream /run/other/events.sock 2>&1")
    assert code == 1 and "port 24240" in output, (code, output)


def wait_prints_the_path_and_nothing_else(rig: Rig) -> None:
    rig.connect()
    waiting = rig.vm.popen("exec ttyferry wait 1a86:7523 --timeout 30")
    tty = attach(rig, "usb\\a", "1-3")
    expect_equal((waiting.wait(LIMIT_S), waiting.stdout.read()), (0, f"{tty}\n".encode()), "exit code and output")
    expect_equal(rig.vm.run("ttyferry wait port=1-3 --timeout 30"), (0, f"{tty}\n"), "of one that comes late")
    detach(rig, "usb\\a", "1-3")


def wait_says_by_its_exit_code_why_there_is_no_path(rig: Rig) -> None:
    expect_equal(rig.vm.run("ttyferry wait 1a86:7523 --timeout 0.2 2>/dev/null"), (3, ""), "timed out")
    expect_equal(rig.vm.run("ttyferry wait 2>/dev/null"), (2, ""), "wrong usage")
    nobody = rig.vm.run("ttyferry wait 1a86:7523 --stream /run/nobody.sock --timeout 0.2 2>/dev/null")
    expect_equal(nobody, (4, ""), "without an agent")


def agent_without_a_good_key_says_what_to_do(rig: Rig) -> None:
    start = "ttyferry agent --config /tmp/c.json --key /tmp/key 2>&1"
    code, output = rig.vm.run(f"echo '{{}}' >/tmp/c.json; {start}")
    assert code == 1 and "/tmp/key" in output and "ttyferry.exe install" in output and '"auth": "none"' in output, (code, output)
    code, output = rig.vm.run(f"printf '%064d\\n' 0 >/tmp/key; chmod 644 /tmp/key; {start}")
    assert code == 1 and "chmod 600 /tmp/key" in output, (code, output)
    code, output = rig.vm.run(f"chmod 600 /tmp/key; chown 7 /tmp/key; {start}")
    assert code == 1 and "belongs to user 7" in output, (code, output)
    code, output = rig.vm.run(f"chown 0 /tmp/key; {start}")  # It comes as far as there is an agent.
    assert code == 1 and "another agent" in output, (code, output)


def help_lists_what_works(rig: Rig) -> None:
    _, output = rig.vm.run("ttyferry --help", check=True)
    assert all(verb in output for verb in ("agent", "events", "wait")), output
    for verb in ("agent", "events", "wait"):
        assert rig.vm.run(f"ttyferry {verb} --help", check=True)[1].startswith(f"Usage: ttyferry {verb}")


def killed_agent_takes_over_its_board_when_it_is_back(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        imports = rig.usbipd.list()["connections"]
        rig.agent.send_signal(9)
        rig.agent.wait(LIMIT_S)
        rig.echo(tty, "1-3")
        rig.start_agent()
        again = rig.connect(("usb\\a", "1-3"))
        expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
        expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
        rig.echo(tty, "1-3")
    expect_equal(rig.busy_ports(), "", "ports in use")


def other_device_with_the_same_devid_is_not_taken_over(rig: Rig) -> None:
    with attached(rig, "usb\\a", "1-3") as tty:
        rig.agent.send_signal(9)
        rig.agent.wait(LIMIT_S)
        rig.vm.run("rm /run/ttyferry/ports", check=True)  # The device is another program's.
        rig.start_agent()
        other = rig.connect()
        other.send({"type": "arrival", "board": facts("usb\\b", "1-3") | {"vid": "0403", "pid": "6001"}, "wanted": True})
        expect_equal(other.next("failed")["code"], "busy", "code")
        rig.echo(tty, "1-3")
        other.send({"type": "removal", "id": "usb\\b"})
        expect_still_there(rig, tty)


def agent_ends_in_order_whatever_is_under_way(rig: Rig) -> None:
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.plug("1-4", "ch341", delay_us=50_000)
    rig.usbipd.fault("1-3", import_delay_ms=5000, times=1)
    host = rig.connect()
    host.arrival("usb\\a", "1-3")  # is being imported
    host.arrival("usb\\b", "1-4")  # is being brought up
    host.arrival("usb\\c", "1-5")  # has failed, and waits
    host.next("failed")
    rig.vm.run("until snapshot.sh | grep -q ^vhci; do :; done", timeout=LIMIT_S, check=True)
    rig.agent.send_signal(signal.SIGINT)
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code")
    assert "handles still open" not in rig.log(), "handles were left open"
    rig.start_agent()
    again = rig.connect(("usb\\b", "1-4"))
    tty = again.next("ready")["ttys"][0]["path"]  # too slow a board for an echo
    expect_equal(rig.vm.run(f"[ -c {tty} ]")[0], 0, "a look for the tty")
    detach(rig, "usb\\b", "1-4")
    rig.usbipd.unplug("1-3")


def ended_agent_leaves_the_board_attached(rig: Rig) -> None:
    host = rig.connect()
    tty = attach(rig, "usb\\a", "1-3")
    rig.agent.send_signal(15)
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code")
    expect_equal(host.next("bye")["code"], "shutdown", "what the host is told")
    expect_equal(rig.vm.run("ls /run/ttyferry")[1].split(), ["links", "ports"], "what is left of the agent")
    rig.echo(tty, "1-3")
    host.close()


def agent_keeps_only_the_privileges_it_needs(rig: Rig) -> None:
    """CAP_CHOWN and CAP_SYS_MODULE, in every thread, and for whatever it starts."""
    with attached(rig, "usb\\a", "1-3"):  # So that libuv's threads are there.
        code, output = rig.vm.run(f"cat /proc/{rig.agent.pid}/task/*/status", check=True)
    fields = [line.split() for line in output.splitlines()]
    kept = 1 << 0 | 1 << 16
    wanted = {"CapInh:": 0, "CapPrm:": kept, "CapEff:": kept, "CapBnd:": kept, "CapAmb:": 0, "NoNewPrivs:": 1}
    for name, value in wanted.items():
        found = {int(field[1], 16) for field in fields if field[0] == name}
        expect_equal(found, {value}, f"{name} of all threads")


def released_agent_lets_go_of_every_board_and_ends(rig: Rig) -> None:
    host = rig.connect()
    attach(rig, "usb\\a", "1-3")
    attach(rig, "usb\\b", "1-4", "cdc_acm")
    rig.agent.send_signal(signal.SIGUSR1)
    expect_equal({host.next("detached")["id"] for _ in range(2)}, {"usb\\a", "usb\\b"}, "the detached boards")
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code")
    host.expect_close()
    expect_equal((rig.busy_ports(), rig.vm.run("ls /dev/ttyUSB* /dev/ttyACM* 2>/dev/null")[1]), ("", ""), "ports in use, and ttys")
    assert "handles still open" not in rig.log(), "handles were left open"
    rig.usbipd.unplug("1-3")
    rig.usbipd.unplug("1-4")
    rig.start_agent()
    rig.agent.send_signal(signal.SIGUSR1)
    expect_equal(rig.agent.wait(LIMIT_S), 0, "exit code without a board")
    rig.start_agent()


CASES = [
    needs_no_libraries,
    help_explains_every_verb,
    agent_keeps_only_the_privileges_it_needs,
    released_agent_lets_go_of_every_board_and_ends,
    ch341_becomes_a_tty_and_goes,
    cdc_acm_becomes_a_tty_and_goes,
    nothing_is_left_after_many_boards,
    unwanted_board_is_left_alone,
    lost_link_keeps_the_board_and_ready_is_said_again,
    board_that_a_snapshot_does_not_name_is_let_go,
    newer_host_takes_over,
    *(make_bad_line_case(name, line) for name, line in BAD_LINES.items()),
    unknown_type_is_ignored,
    half_a_line_then_close_loses_no_board,
    wrong_first_lines_are_refused_with_the_reason,
    refused_import_is_told_and_tried_again,
    import_reply_that_is_cut_is_told_and_tried_again,
    mad_import_reply_is_told_and_tried_again,
    odd_import_reply_is_good_enough,
    board_that_goes_during_its_import_leaves_nothing,
    board_that_goes_while_the_kernel_brings_it_up_leaves_nothing,
    board_that_comes_back_at_once_is_ready_again,
    two_boards_are_independent,
    ports_of_other_programs_are_left_alone,
    removed_board_is_let_go_though_usbipd_is_silent,
    lost_uevents_lose_no_news,
    device_that_never_answers_is_given_up_and_tried_again,
    silent_device_holds_up_no_other_board,
    server_that_closes_before_the_device_has_answered_is_noticed,
    every_refusal_has_its_code,
    claim_that_fails_twice_waits_for_a_replug,
    reply_in_single_bytes_is_only_slow,
    *(make_bad_reply_case(name, *row) for name, row in BAD_REPLIES.items()),
    board_at_another_place_is_attached_there,
    swapped_boards_are_not_mixed_up,
    one_id_at_two_places_is_the_later_one,
    board_that_is_lost_without_a_host_is_told_to_the_next,
    board_that_is_lost_and_not_tried_yet_is_told_as_detached,
    restarted_agent_answers_for_each_board_that_it_has_not,
    restarted_agent_calls_no_board_gone_before_windows_has_told,
    agent_that_is_killed_while_the_kernel_brings_a_board_up_takes_it_over,
    agent_that_is_killed_leaves_what_is_not_known_to_be_its_own,
    restarted_agent_lets_go_of_what_was_yielded_meanwhile,
    restarted_agent_lets_go_of_what_the_snapshot_does_not_name,
    restarted_agent_leaves_what_another_program_has_put_in_its_place,
    board_renamed_over_a_restart_has_one_link,
    board_that_goes_before_a_host_has_linked_leaves_no_link,
    links_of_a_board_that_went_meanwhile_lead_to_no_other,
    restarted_agent_without_a_host_lets_go_at_its_release,
    removal_lets_go_of_what_a_dead_agent_had,
    nothing_is_left_after_many_failures,
    absent_usbipd_is_told_with_a_remedy,
    board_without_a_place_says_so,
    snapshot_and_changes_inside_it_are_settled_together,
    second_agent_says_what_is_wrong,
    wait_prints_the_path_and_nothing_else,
    wait_says_by_its_exit_code_why_there_is_no_path,
    agent_without_a_good_key_says_what_to_do,
    help_lists_what_works,
    bridge_attaches_a_board,
    bridge_and_port_lead_to_one_link,
    killed_relay_leaves_the_board_attached,
    killed_agent_ends_its_relay_and_the_next_relay_starts_one,
    relay_without_a_possible_agent_says_why,
    relay_knows_the_agents_options,
    background_agent_that_is_one_too_many_says_so,
    killed_agent_takes_over_its_board_when_it_is_back,
    other_device_with_the_same_devid_is_not_taken_over,
    agent_ends_in_order_whatever_is_under_way,
    ended_agent_leaves_the_board_attached,
]


def guest_without_modprobe_loads_drivers_itself(rig: Rig) -> None:
    for chip in ("ch341", "cdc_acm"):
        with attached(rig, "usb\\a", "1-3", chip) as tty:
            rig.echo(tty, "1-3")


def silent_device_on_the_only_controller_costs_others_a_delay(rig: Rig) -> None:
    host = rig.connect()
    mark = rig.events.mark()
    rig.usbipd.plug("1-3", "ch341")
    rig.usbipd.stall("1-3", True)
    host.arrival("usb\\a", "1-3")
    coming_port(rig)
    others = [(f"usb\\{i}", f"2-{i}") for i in range(1, 3)]
    for board_id, busid in others:
        rig.usbipd.plug(busid, "cdc_acm")
        host.arrival(board_id, busid)
    for _ in others:
        host.next("ready")
    failed = {event["board"]["id"] for event in rig.events.since(mark) if event["event"] == "failed"}
    expect_equal(failed, {"usb\\a"}, "who failed")
    remove_all(rig, others)
    rig.usbipd.stall("1-3", False)
    host.next("ready")
    detach(rig, "usb\\a", "1-3")


def all_ports_in_use_is_told_and_the_next_free_one_taken(rig: Rig) -> None:
    host = rig.connect()
    boards = [(f"usb\\{i}", f"2-{i}") for i in range(1, 16)]
    for board_id, busid in boards:
        rig.usbipd.plug(busid, "cdc_acm")
        host.arrival(board_id, busid)
    for _ in boards:
        host.next("ready")
    rig.usbipd.plug("1-3", "ch341")
    imports = rig.usbipd.list()["connections"]
    host.arrival("usb\\a", "1-3")
    failed = host.next("failed")
    expect_equal((failed["id"], failed["code"]), ("usb\\a", "no_free_port"), "who failed, and why")
    # Windows keeps the board meanwhile.
    expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
    remove_all(rig, boards[:1])
    expect_equal(host.next("ready")["id"], "usb\\a", "who took the port")
    remove_all(rig, boards[1:])
    detach(rig, "usb\\a", "1-3")


def leave_one_controller(rig: Rig) -> None:
    """As on WSL: all boards share it. The ports of the others are shown as broken, for the kernel may hang when those controllers are
    unbound and the first one is used."""
    script = """cd /sys/devices/platform/vhci_hcd.0
        for controller in 1 2 3 4 5 6 7; do
            sed 's/ 004 / 007 /' status.$controller >/run/status.$controller
            mount -o bind /run/status.$controller status.$controller || exit 1
        done"""
    rig.vm.run(script, timeout=LIMIT_S, check=True)


ONE_CONTROLLER_CASES = [
    silent_device_on_the_only_controller_costs_others_a_delay,
    all_ports_in_use_is_told_and_the_next_free_one_taken,
]


def show_log(rig: Rig) -> None:
    print("--- the agent's log\n" + "\n".join(rig.log().splitlines()[-40:]))
    rig.clean_up()


def main() -> int:
    names = sys.argv[1:]
    cases = Cases(show_log)
    machines = ((CASES, True), ([guest_without_modprobe_loads_drivers_itself, agent_keeps_only_the_privileges_it_needs], False), (ONE_CONTROLLER_CASES, True))
    for chosen, modprobe in machines:
        is_wsl = chosen is ONE_CONTROLLER_CASES
        chosen = [case for case in chosen if not names or case.__name__ in names]
        if chosen:
            with contextlib.ExitStack() as stack:
                rig = Rig(stack, modprobe)
                if is_wsl:
                    leave_one_controller(rig)
                cases.run(chosen, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""The link by key: both agents prove it to each other, and whoever can't neither hears nor moves a board, nor makes the guest agent
big or deaf.

    tests/e2e/link_security.py [--figures] [CASE...]

The attackers are Python, against the real guest agent's port. Ends with "N passed, N failed". --figures prints memory and times.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Lab  # noqa: E402
from rounds import bring_up, echo, show_logs, take_down  # noqa: E402

LIMIT_S = 30.0
POURED_BYTES = 200 * 1024 * 1024
POUR_LIMIT_S = 60.0
CROWD = 100
# What the guest agent may grow by while it is attacked: 8 connections of 16 KiB, their lines, and what malloc keeps.
RSS_GROWTH_MAX_KB = 600
PROTOCOL = 1

Message = dict[str, Any]


class Attacked:
    """The lab with a link by key, and what was measured."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.figures: dict[str, str] = {}

    def rss_kb(self) -> int:
        output = self.lab.vm.run(f"snapshot.sh {self.lab.guest_agent.pid}", check=True)[1]
        return int(output.rsplit("rss_kb", 1)[1])


def proof(key: str, role: str, host_nonce: str, guest_nonce: str, connection_import: str = "") -> Message:
    """As docs/protocol.md describes it."""
    text = f"ttyferry link 1 {role}".encode()
    for field in (str(PROTOCOL), connection_import, host_nonce, guest_nonce):
        text += len(field).to_bytes(2, "big") + field.encode()
    return {"type": "proof", "mac": hmac.new(bytes.fromhex(key), text, hashlib.sha256).hexdigest()}


class Stranger:
    """A program that connects to the guest's port and says what a case wants."""

    def __init__(self, lab: Lab) -> None:
        self._socket = socket.create_connection(("127.0.0.1", lab.vm.ports[0]), timeout=LIMIT_S)
        self._lines = self._socket.makefile("rb")
        self.nonce = secrets.token_hex(32)
        self.run = secrets.token_hex(8)

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def send(self, message: Message) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def next(self) -> Message | None:
        """The next line, or None at the end."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def greet(self, role: str = "host", nonce: str | None = None, auth: Message | None = None) -> Message:
        """Both hellos; returns the guest's."""
        greeting = self.next()
        assert greeting is not None and greeting["type"] == "hello" and greeting["role"] == "guest", greeting
        method = auth or {"method": "hmac-sha256", "nonce": nonce or self.nonce}
        self.send({"type": "hello", "protocol": PROTOCOL, "role": role, "agent": "stranger", "run": self.run, "auth": method})
        return greeting

    def expect_bye(self, code: str) -> Message:
        """The guest says nothing but its own proof before the bye, and closes."""
        said: list[Message] = []
        while (message := self.next()) is not None:
            said.append(message)
        assert said and said[-1]["type"] == "bye" and said[-1]["code"] == code, said
        expect_equal([m["type"] for m in said[:-1] if m["type"] != "proof"], [], "what the guest told a stranger")
        return said[-1]

    def prove(self, key: str) -> Message:
        """A whole handshake; returns our proof. The guest's is checked."""
        greeting = self.greet()
        ours = proof(key, "host", self.nonce, greeting["auth"]["nonce"])
        self.send(ours)
        expect_equal(self.next(), proof(key, "guest", self.nonce, greeting["auth"]["nonce"]), "the guest's proof")
        return ours


@contextlib.contextmanager
def untouched(attacked: Attacked) -> Iterator[None]:
    """The link that is up stays up, and no event is told but of boards."""
    lab = attacked.lab
    marks = lab.marks()
    yield
    for stream, mark in marks.items():
        expect_equal([e for e in stream.since(mark) if e["event"] == "link"], [], "events of the link meanwhile")


def restart_host(lab: Lab) -> float:
    """The host agent ends and starts; waits for the link, and returns how long that took from the start."""
    mark = lab.guest.mark()
    lab.stop_host_agent()
    lab.guest.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
    mark, started = lab.guest.mark(), time.monotonic()
    lab.start_host_agent()
    lab.guest.wait_link("up", mark)
    return time.monotonic() - started


def await_text(what: str, text: str, read: Callable[[], str], start: int = 0) -> None:
    deadline = time.monotonic() + LIMIT_S
    while text not in read()[start:]:
        assert time.monotonic() < deadline, f"{what} has no {text!r}:\n{read()[start:]}"
        time.sleep(0.1)


def a_board_becomes_ready_over_a_link_by_key(attacked: Attacked) -> None:
    lab = attacked.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    echo(lab, board, tty)
    take_down(lab, board, tty)


def a_wrong_key_is_refused(attacked: Attacked) -> None:
    with untouched(attacked), Stranger(attacked.lab) as stranger:
        greeting = stranger.greet()
        stranger.send(proof(secrets.token_hex(32), "host", stranger.nonce, greeting["auth"]["nonce"]))
        assert "pair --renew" in stranger.expect_bye("auth")["message"]


def a_second_host_with_the_key_is_refused_and_its_proof_can_not_be_replayed(attacked: Attacked) -> None:
    lab = attacked.lab
    with untouched(attacked), Stranger(lab) as second:
        recorded = second.prove(lab.key)
        said: list[Message] = []
        while (message := second.next()) is not None:
            said.append(message)
        expect_equal([m["type"] for m in said if m["type"] != "heartbeat"], ["bye"], "what the second host was told")
        assert said[-1]["code"] == "busy" and "has the link" in said[-1]["message"], said
    with untouched(attacked), Stranger(lab) as replayer:
        replayer.greet(nonce=second.nonce)
        replayer.send(recorded)
        replayer.expect_bye("auth")


def reflections_are_refused(attacked: Attacked) -> None:
    """The guest's own hello, its nonce in a host's hello, and its own proof."""
    with untouched(attacked), Stranger(attacked.lab) as mirror:
        greeting = mirror.next()
        assert greeting is not None
        mirror.send(greeting)
        mirror.expect_bye("role")
    with untouched(attacked), Stranger(attacked.lab) as mirror:
        greeting = mirror.next()
        assert greeting is not None
        mirror.send({**greeting, "role": "host"})
        own = mirror.next()
        assert own is not None and own["type"] == "proof", own
        mirror.send(own)
        mirror.expect_bye("auth")


def a_downgrade_is_refused(attacked: Attacked) -> None:
    for method in ({"method": "none"}, {"method": "passkey"}):
        with untouched(attacked), Stranger(attacked.lab) as stranger:
            stranger.greet(auth=method)
            stranger.send({"type": "snapshot_begin"})
            stranger.expect_bye("auth")


def messages_before_the_proof_are_refused(attacked: Attacked) -> None:
    with untouched(attacked), Stranger(attacked.lab) as stranger:
        stranger.greet()
        stranger.send({"type": "removal", "id": "usb\\vid_1a86&pid_7523\\1"})
        stranger.expect_bye("invalid")


def who_says_nothing_is_let_go_after_5_s(attacked: Attacked) -> None:
    with untouched(attacked), Stranger(attacked.lab) as silent, Stranger(attacked.lab) as half:
        half.greet()
        half._socket.sendall(b'{"type":"proof","mac":"')
        silent.next()
        silent.expect_bye("timeout")
        half.expect_bye("timeout")


class Crowd:
    """Connections that say nothing; each that is thrown out comes again."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._ended = threading.Event()
        self.thrown_out = 0
        self._threads = [threading.Thread(target=self._stay, daemon=True) for _ in range(CROWD)]

    def _stay(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._lab.vm.ports[0]), timeout=1) as client:
                while not self._ended.is_set():
                    with contextlib.suppress(TimeoutError):
                        if not client.recv(4096):
                            break
                self.thrown_out += 1
            self._ended.wait(0.5)

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def expect_small(attacked: Attacked, before_kb: int, what: str) -> None:
    grown = attacked.rss_kb() - before_kb
    attacked.figures[f"{what}: the guest agent's growth"] = f"{grown} KB"
    assert grown < RSS_GROWTH_MAX_KB, f"{what}: {grown} KB more than before"


def the_real_host_gets_in_among_a_silent_crowd(attacked: Attacked) -> None:
    before = attacked.rss_kb()
    with Crowd(attacked.lab) as crowd:
        took = restart_host(attacked.lab)
        expect_small(attacked, before, f"{CROWD} silent clients that come again")
    assert crowd.thrown_out > 0
    attacked.figures["among them: the host agent's start to the link"] = f"{took * 1e3:.0f} ms"


class Flood:
    """Bytes without end, on connection after connection."""

    FIRSTS = (b"", b"GET / HTTP/1.1\n")  # one line without an end; and a refused one that sends on

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._ended = threading.Event()
        self._changed = threading.Condition()
        self.poured = 0  # bytes that have left this side
        self._threads = [threading.Thread(target=self._pour, args=(first,), daemon=True) for first in self.FIRSTS]

    def _pour(self, first: bytes) -> None:
        chunk = b"x" * 65536
        while not self._ended.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._lab.vm.ports[0]), timeout=5) as client:
                client.sendall(first)
                while not self._ended.is_set():
                    self._count(client.send(chunk))

    def _count(self, sent: int) -> None:
        with self._changed:
            self.poured += sent
            self._changed.notify_all()

    def wait(self, size: int) -> None:
        """So many have been poured."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.poured >= size, POUR_LIMIT_S):
                raise AssertionError(f"{self.poured} bytes of {size} were poured in {POUR_LIMIT_S:.0f} s")

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def one_that_pours_bytes_makes_the_agent_neither_big_nor_deaf(attacked: Attacked) -> None:
    lab = attacked.lab
    before = attacked.rss_kb()
    with Flood(lab) as flood:
        flood.wait(1)
        at_start = flood.poured
        took = restart_host(lab)
        assert flood.poured > at_start, "nothing was poured while the host agent came to its link"
        expect_small(attacked, before, "while bytes pour in")
        flood.wait(max(POURED_BYTES, flood.poured + 1))  # It runs on beside the link.
    expect_small(attacked, before, f"after {POURED_BYTES // 1024 // 1024} MB")
    attacked.figures["meanwhile: the host agent's start to the link"] = f"{took * 1e3:.0f} ms"
    lines = [line for line in lab.guest_log().splitlines() if "was refused" in line]
    assert lines and len(lines) < 20, f"{len(lines)} lines of refusals:\n" + "\n".join(lines[:30])


def a_second_host_takes_over_from_one_that_stopped(attacked: Attacked) -> None:
    lab = attacked.lab
    mark = lab.guest.mark()
    os.kill(lab.host_agent.pid, signal.SIGSTOP)
    try:
        with Stranger(lab) as second:
            second.prove(lab.key)
            # Linked is who has said what boards there are.
            second.send({"type": "snapshot_begin"})
            second.send({"type": "snapshot_end"})
            lab.guest.wait("the first one's link to end", lambda e: e["event"] == "link" and e["state"] == "down", mark)
            lab.guest.wait_link("up", mark)
    finally:
        mark = lab.guest.mark()
        os.kill(lab.host_agent.pid, signal.SIGCONT)
    lab.guest.wait_link("up", mark)


def different_keys_link_nobody_and_the_log_names_the_remedy(attacked: Attacked) -> None:
    """And a key that is renewed counts without a restart of either agent."""
    lab = attacked.lab
    lab.write_host_key(secrets.token_hex(32))
    host_log = len(lab.host_log.read_text(errors="replace"))
    mark = lab.guest.mark()
    lab.stop_host_agent()
    lab.guest.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
    mark = lab.guest.mark()
    lab.start_host_agent()
    await_text("the host agent's log", "pair --renew", lambda: lab.host_log.read_text(errors="replace"), host_log)
    expect_equal([e for e in lab.guest.since(mark) if e["event"] == "link"], [], "links with different keys")
    lab.key = secrets.token_hex(32)
    lab.write_host_key(lab.key)
    lab.write_guest_key(lab.key)
    lab.guest.wait_link("up", mark)


def a_key_that_others_can_read_links_nobody(attacked: Attacked) -> None:
    lab = attacked.lab
    lab.vm.run("chmod 644 /etc/ttyferry/key", check=True)
    try:
        with Stranger(lab) as second:
            second.greet()
            told = second.expect_bye("auth")["message"]
            assert "its log" in told and "/etc" not in told, told
    finally:
        lab.vm.run("chmod 600 /etc/ttyferry/key", check=True)
    restart_host(lab)


CASES: list[Callable[[Attacked], None]] = [
    a_board_becomes_ready_over_a_link_by_key,
    a_wrong_key_is_refused,
    a_second_host_with_the_key_is_refused_and_its_proof_can_not_be_replayed,
    reflections_are_refused,
    a_downgrade_is_refused,
    messages_before_the_proof_are_refused,
    who_says_nothing_is_let_go_after_5_s,
    the_real_host_gets_in_among_a_silent_crowd,
    one_that_pours_bytes_makes_the_agent_neither_big_nor_deaf,
    a_second_host_takes_over_from_one_that_stopped,
    different_keys_link_nobody_and_the_log_names_the_remedy,
    a_key_that_others_can_read_links_nobody,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="The link by key, and who has none.")
    parser.add_argument("--figures", action="store_true", help="print memory and times")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    with Lab(auth="key") as lab:
        lab.start_service()
        lab.start_agents()
        attacked = Attacked(lab)
        cases: Cases[Attacked] = Cases(lambda failed: show_logs(failed.lab))
        cases.run(chosen, attacked)
        if arguments.figures:
            for what, value in attacked.figures.items():
                print(f"figure  {what:<72} {value:>10}")
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

"""The host agent as a test plays it: links with a guest agent without a key, and says whatever a test wants; what the guest says is thrown
away, but for its hello."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

LIMIT_S = 15.0
HEARTBEAT_S = 2.0
PROTOCOL = 1
HELLO = {"type": "hello", "protocol": PROTOCOL, "role": "host", "agent": "fake", "run": "00000000000000bb", "auth": {"method": "none"}}

Message = dict[str, Any]


def board(number: int) -> Message:
    """One that nobody wants in the guest."""
    return {
        "id": f"usb\\vid_f00d&pid_0001\\{number}", "name": None, "vid": "f00d", "pid": "0001", "serial": str(number), "description": "A lamp",
        "com_port": None, "busid": None, "speed": "full", "kind": "other",
    }


def arrival(number: int) -> Message:
    return {"type": "arrival", "wanted": False, "attached_to": None, "board": board(number)}


def removal(number: int) -> Message:
    return {"type": "removal", "id": board(number)["id"]}


class FakeHost:
    """Links at once, and says that no board is there. Threads of its own send the heartbeats and read what comes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._lines = self._socket.makefile("rb")
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.send(HELLO)
        hello = json.loads(self._lines.readline())
        assert hello["type"] == "hello", hello
        self.send({"type": "snapshot_begin"}, {"type": "snapshot_end"})
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()

    def __enter__(self) -> FakeHost:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def send(self, *messages: Message) -> None:
        data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
        with self._lock:
            self._socket.sendall(data)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                self.send({"type": "heartbeat"})

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self._lines.readline():
                pass

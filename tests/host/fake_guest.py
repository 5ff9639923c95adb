"""The guest agent as a test plays it: listens, says hello, keeps what the host says, and sends whatever a test wants."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from typing import Any

LIMIT_S = 15.0
PROTOCOL = 1

Message = dict[str, Any]


def hello(**changes: Any) -> bytes:
    """The line of a good hello, or of one that differs from it."""
    good = {"type": "hello", "protocol": PROTOCOL, "role": "guest", "agent": "fake", "run": "00000000000000aa", "auth": {"method": "none"}}
    return line({**good, **changes})


def line(message: Message) -> bytes:
    return json.dumps(message).encode() + b"\n"


class FakeGuest:
    """`greeting` is what a host gets that connects from now on: bytes, or None to hang up at once. The end of a connection is
    put between the messages as {"type": "(closed)"}."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.greeting: bytes | None = hello()
        self._messages: queue.Queue[Message] = queue.Queue()
        self._connection: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                if self.greeting is not None:
                    self._connection = connection
                    connection.sendall(self.greeting)
                    for text in connection.makefile("r", encoding="ascii"):
                        message = json.loads(text)
                        if message["type"] != "heartbeat":
                            self._messages.put(message)
            self._messages.put({"type": "(closed)"})

    def send(self, message: Message) -> None:
        self.send_bytes(line(message))

    def send_bytes(self, data: bytes) -> None:
        assert self._connection
        self._connection.sendall(data)

    def hang_up(self) -> None:
        assert self._connection
        self._connection.shutdown(socket.SHUT_RDWR)

    def take(self, what: str, limit_s: float = LIMIT_S) -> Message:
        """The next message, whatever it is; `what` says what was hoped for."""
        try:
            return self._messages.get(timeout=limit_s)
        except queue.Empty:
            raise AssertionError(f"the host sent no {what} within {limit_s:.0f} s") from None

    def next(self, wanted: str, board: str | None = None, limit_s: float = LIMIT_S) -> Message:
        """The next message of that type (and about that board); what comes before is dropped."""
        end = time.monotonic() + limit_s
        while True:
            message = self.take(f"{wanted} about {board}" if board else wanted, max(0.0, end - time.monotonic()))
            about = message.get("id") or message.get("board", {}).get("id")
            if message["type"] == wanted and (board is None or about == board.lower()):
                return message

    def next_about(self, board: str) -> Message:
        """The next message that tells facts of the board."""
        end = time.monotonic() + LIMIT_S
        while True:
            message = self.take(f"word about {board}", max(0.0, end - time.monotonic()))
            if message.get("board", {}).get("id") == board.lower():
                return message

    def snapshot(self) -> list[Message]:
        """The `present` messages of the next snapshot."""
        self.next("snapshot_begin")
        present = []
        while (message := self.take("snapshot_end"))["type"] != "snapshot_end":
            assert message["type"] == "present", message
            present.append(message)
        return present

    def forget(self) -> None:
        """Drops what has come so far."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._messages.get_nowait()

    def close(self) -> None:
        # close() alone does not wake a thread that is inside accept().
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._connection:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

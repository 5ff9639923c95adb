"""A relay in the middle of the link, for tests that plant a bug between the agents: each line may be changed or dropped."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
# Takes a message and returns what goes on instead; None drops it.
Edit = Callable[[Message], Message | None]


def unchanged(message: Message) -> Message | None:
    return message


class LinkRelay:
    """Listens on a free port of 127.0.0.1 and carries each connection to `target_port`, line by line. The edits may be
    exchanged at any time."""

    def __init__(self, target_port: int) -> None:
        self.from_host: Edit = unchanged
        self.from_guest: Edit = unchanged
        self._target_port = target_port
        self._refuses = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                host, _ = self._listener.accept()
            except OSError:
                return
            guest = None if self._refuses else self._dial()
            if guest is None:
                host.close()
                continue
            for end in (host, guest):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # As both agents do.
            self._connections += [host, guest]
            for source, target, edit in (
                (host, guest, lambda message: self.from_host(message)),
                (guest, host, lambda message: self.from_guest(message)),
            ):
                threading.Thread(target=self._carry, args=(source, target, edit), daemon=True).start()

    def _dial(self) -> socket.socket | None:
        """A connection to the guest's side, None while nobody listens there: a machine that boots."""
        try:
            return socket.create_connection(("127.0.0.1", self._target_port))
        except OSError:
            return None

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket, edit: Edit) -> None:
        try:
            with source.makefile("rb") as lines:
                for line in lines:
                    message = edit(json.loads(line))
                    if message is not None:
                        target.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The other direction ended it.

    def cut(self) -> None:
        """Ends every connection that stands; new ones are taken."""
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It has ended by itself.
        self._connections.clear()

    def refuse(self, on: bool) -> None:
        """Whether new connections end at once, as WSL's relay ends them while nobody listens in the guest."""
        self._refuses = on

    def close(self) -> None:
        self._listener.close()
        self.cut()

"""A relay in the middle of the link, for tests that plant a bug between the agents: each line may be changed or dropped. A
connection that is for an import is carried byte for byte."""

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
        self._imports: set[socket.socket] = set()
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

    def _carry(self, source: socket.socket, target: socket.socket, edit: Edit) -> None:
        rest = b""
        try:
            while part := source.recv(65536):
                if source in self._imports:  # The other direction has seen it; these bytes need not hold a line.
                    target.sendall(rest + part)
                    self._carry_bytes(source, target)
                    return
                *lines, rest = (rest + part).split(b"\n")
                for number, line in enumerate(lines):
                    if self._is_for_import(source, target, line):
                        target.sendall(b"".join(l + b"\n" for l in lines[number:]) + rest)
                        self._carry_bytes(source, target)
                        return
                    message = edit(json.loads(line))
                    if message is not None:
                        target.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The other direction ended it.

    def _is_for_import(self, source: socket.socket, target: socket.socket, line: bytes) -> bool:
        """The host's hello says so, and nothing but the guest's hello comes before it."""
        if b'"hello"' in line and b'"import"' in line:
            self._imports |= {source, target}
            self._connections = [c for c in self._connections if c not in self._imports]
        return source in self._imports

    @staticmethod
    def _carry_bytes(source: socket.socket, target: socket.socket) -> None:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Ends every link that stands, and no import; new ones are taken."""
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
        self._connections += self._imports
        self.cut()

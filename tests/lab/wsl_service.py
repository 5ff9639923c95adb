"""WSL as the lab has it: serves the stub wsl.exe (wsl/), and plays what it asks for with distributions that are VMs.

    service = WslService([Distribution("Ubuntu", systemd=True), Distribution("docker-desktop", machine=False)])
    service.start()                     # wsl.exe finds it at service.port
    service.faults.append(Fault("list", text="Der Dienst antwortet nicht.", code=-1))

What wsl.exe says of its own is UTF-16LE with CR and LF unless WSL_UTF8 is 1, and errors of its own go to stdout with exit code -1,
as the real one's do. What a Linux program says goes through as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import select
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from wsl_distribution import NO_SUCH_USER, Distribution, VmError, VmProcess  # noqa: E402

FRAME_HEADER = struct.Struct(">cI")
OUTPUT_CHUNK = 16384
FAILED = -1
ENDED = 1  # the exit code of a session whose distribution was ended
# How long a program has to end by itself when its wsl.exe was killed.
HANG_UP_S = 1.0
LIMIT_S = 60.0

TEXTS = {
    "en": {
        "Running": "Running", "Stopped": "Stopped", "Installing": "Installing", "header": ("NAME", "STATE", "VERSION"),
        "distributions": "Windows Subsystem for Linux Distributions:", "default": " (Default)",
        "none": "Windows Subsystem for Linux has no installed distributions.",
        "none running": "There are no running distributions.",
        "unknown": "There is no distribution with the supplied name.\nError code: Wsl/Service/WSL_E_DISTRO_NOT_FOUND",
        "no user": "User not found.\nError code: Wsl/Service/CreateInstance/WSL_E_USER_NOT_FOUND",
        "no start": "The virtual machine could not be started.\nError code: Wsl/Service/CreateInstance/CreateVm/HCS/E_FAIL",
        "invalid": "Invalid command line argument: {}\nPlease use 'wsl.exe --help' to get a list of supported arguments.",
        "status": "Default Distribution: {}\nDefault Version: 2", "done": "The operation completed successfully. ",
        "version": "WSL version: 2.3.26.0\nKernel version: 5.15.167.4-1\nWindows version: 10.0.22631.4602",
    },
    "de": {
        "Running": "Wird ausgeführt", "Stopped": "Beendet", "Installing": "Wird installiert", "header": ("NAME", "STATUS", "VERSION"),
        "distributions": "Windows-Subsystem für Linux-Distributionen:", "default": " (Standard)",
        "none": "Für das Windows-Subsystem für Linux sind keine Distributionen installiert.",
        "none running": "Es werden keine Distributionen ausgeführt.",
        "unknown": "Es ist keine Distribution mit dem angegebenen Namen vorhanden.\nFehlercode: Wsl/Service/WSL_E_DISTRO_NOT_FOUND",
        "no user": "Der Benutzer wurde nicht gefunden.\nFehlercode: Wsl/Service/CreateInstance/WSL_E_USER_NOT_FOUND",
        "no start": "Der virtuelle Computer konnte nicht gestartet werden.\nFehlercode: Wsl/Service/CreateInstance/CreateVm/HCS/E_FAIL",
        "invalid": "Ungültiges Befehlszeilenargument: {}\nVerwenden Sie „wsl.exe --help“, um unterstützte Argumente anzuzeigen.",
        "status": "Standarddistribution: {}\nStandardversion: 2", "done": "Der Vorgang wurde erfolgreich beendet. ",
        "version": "WSL-Version: 2.3.26.0\nKernelversion: 5.15.167.4-1\nWindows-Version: 10.0.22631.4602",
    },
}


@dataclasses.dataclass
class Fault:
    """What goes wrong in each call of a verb (list, status, version, exec, terminate, shutdown; "" is any) as long as it is in
    WslService.faults: it takes delay_s longer; then, with `hangs`, it never answers; with `text`, that is all it says, and `code`
    how it ends."""

    verb: str = ""
    text: str = ""
    code: int = FAILED
    hangs: bool = False
    delay_s: float = 0.0


class Client:
    """One wsl.exe. Frames both ways as wsl/service_link.h has them."""

    def __init__(self, connection: socket.socket, language: str) -> None:
        self.socket = connection
        self._lock = threading.Lock()
        self._texts = TEXTS[language]
        kind, payload = self.receive()
        if kind != b"A":
            raise ConnectionError("no call")
        utf8, *self.words = payload.decode("utf-8", "replace").split("\0")[:-1]
        self.encoding = "utf-8" if utf8 == "1" else "utf-16-le"

    def _receive_exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self.socket.recv(size - len(parts))
            if not part:
                raise ConnectionError("wsl.exe has ended")
            parts += part
        return bytes(parts)

    def receive(self) -> tuple[bytes, bytes]:
        kind, size = FRAME_HEADER.unpack(self._receive_exactly(FRAME_HEADER.size))
        return kind, self._receive_exactly(size)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        with self._lock:
            self.socket.sendall(FRAME_HEADER.pack(kind, len(payload)) + payload)

    def text(self, key: str) -> str:
        return self._texts[key]

    def say(self, text: str) -> None:
        """A message of wsl.exe itself."""
        self.send(b"O", (text + "\n").replace("\n", "\r\n").encode(self.encoding))

    def fail(self, text: str) -> int:
        self.say(text)
        return FAILED

    def wait_gone(self, limit_s: float | None = None) -> bool:
        """Whether wsl.exe ends within that time; what it still sends does not matter."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(None if limit_s is None else limit_s * 1000))


class WslService:
    """start() and stop(). `calls` are the command lines so far. `language` is "en" or "de". `default` is the name of the default
    distribution, or None. idle_s: see set_idle."""

    def __init__(self, distributions: list[Distribution], default: str | None = None) -> None:
        self.distributions = {d.name: d for d in distributions}
        self.default = default or (distributions[0].name if distributions else None)
        self.language = "en"
        self.faults: list[Fault] = []
        self.calls: list[list[str]] = []
        self.changed = threading.Condition()
        self.port = 0
        self._clients: set[socket.socket] = set()
        self._server: socketserver.ThreadingTCPServer | None = None
        for distribution in distributions:
            distribution.on_change = self._notify

    def start(self) -> None:
        service = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    service._serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.server_bind()
        self._server.server_activate()
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Ends every call, and every distribution for good."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for distribution in self.distributions.values():
            distribution.close()

    def set_idle(self, limit_s: float | None) -> None:
        """From now on a distribution without a running wsl.exe is stopped after so long (15 s on Windows); None: never."""
        for distribution in self.distributions.values():
            distribution.set_idle(limit_s)

    def wait(self, what: str, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Waits for a call, a state or the end of a session."""
        with self.changed:
            if not self.changed.wait_for(condition, limit_s):
                states = {d.name: (d.state, d.starts, d.sessions) for d in self.distributions.values()}
                raise AssertionError(f"not {what} within {limit_s} s: {states}, calls {self.calls}")

    def _notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    # One wsl.exe.

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients.add(connection)
        try:
            client = Client(connection, self.language)
            self.calls.append(client.words)
            self._notify()
            code = self._answer(client)
            if code is not None:
                client.send(b"X", str(code).encode())
                client.wait_gone(LIMIT_S)  # It reads everything before it ends.
        finally:
            self._clients.discard(connection)

    def _answer(self, client: Client) -> int | None:
        """The exit code; None if wsl.exe has ended before."""
        verb, rest = self._parse(client.words)
        fault = next((f for f in self.faults if f.verb in ("", verb)), None)
        if fault:
            if client.wait_gone(fault.delay_s) or (fault.hangs and client.wait_gone()):
                return None
            if fault.text:
                client.say(fault.text)
                return fault.code
        return getattr(self, f"_{verb}")(client, rest)

    @staticmethod
    def _parse(words: list[str]) -> tuple[str, list[str]]:
        verbs = {"--list": "list", "-l": "list", "--status": "status", "--version": "version", "-v": "version",
                 "--terminate": "terminate", "-t": "terminate", "--shutdown": "shutdown"}
        if words and words[0] in verbs:
            return verbs[words[0]], words[1:]
        return "exec", words

    def _list(self, client: Client, options: list[str]) -> int:
        names = {"--verbose": "verbose", "-v": "verbose", "--quiet": "quiet", "-q": "quiet", "--running": "running", "--all": "all"}
        wrong = [option for option in options if option not in names]
        if wrong:
            return client.fail(client.text("invalid").format(wrong[0]))
        chosen = {names[option] for option in options}
        shown = sorted(self.distributions.values(), key=lambda d: d.name != self.default)
        if "verbose" in chosen:
            return self._list_verbose(client, shown)
        if "running" in chosen:
            shown = [d for d in shown if d.state == "Running"]
            if not shown and "quiet" not in chosen:
                return client.fail(client.text("none running"))
        if "quiet" not in chosen:
            if not shown:
                return client.fail(client.text("none"))
            client.say(client.text("distributions"))
        for d in shown:
            mark = client.text("default") if d.name == self.default and "quiet" not in chosen else ""
            client.say(d.name + mark)
        return 0

    @staticmethod
    def _columns(width: int, mark: str, name: str, state: str, version: str) -> str:
        return f"{mark} {name:<{width}}{state:<16}{version}"

    def _list_verbose(self, client: Client, shown: list[Distribution]) -> int:
        if not shown:
            return client.fail(client.text("none"))
        width = max(len("NAME"), *(len(d.name) for d in shown)) + 4
        name, state, version = client.text("header")
        client.say(self._columns(width, " ", name, state, version))
        for d in shown:
            client.say(self._columns(width, "*" if d.name == self.default else " ", d.name, client.text(d.state), str(d.version)))
        return 0

    def _status(self, client: Client, _: list[str]) -> int:
        if self.default is None:
            return client.fail(client.text("none"))
        client.say(client.text("status").format(self.default))
        return 0

    def _version(self, client: Client, _: list[str]) -> int:
        client.say(client.text("version"))
        return 0

    def _terminate(self, client: Client, names: list[str]) -> int:
        distribution = self._find(names[0] if names else None)
        if distribution is None:
            return client.fail(client.text("unknown"))
        if distribution.vm is not None:
            distribution.stop()
        client.say(client.text("done"))
        return 0

    def _shutdown(self, _client: Client, _: list[str]) -> int:
        for distribution in self.distributions.values():
            if distribution.vm is not None:
                distribution.stop()
        return 0

    def _find(self, name: str | None) -> Distribution | None:
        """Names do not mind case."""
        wanted = (name or "").lower()
        return next((d for d in self.distributions.values() if d.name.lower() == wanted), None)

    def _exec(self, client: Client, words: list[str]) -> int | None:
        name, user, folder, shell, rest = self.default, None, "~", True, list(words)
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "--":
                break
            if option in ("--exec", "-e"):
                shell = False
                break
            if option not in ("-d", "--distribution", "-u", "--user", "--cd") or not rest:
                return client.fail(client.text("invalid").format(option))
            value = rest.pop(0)
            if option.startswith(("-d", "--d")):
                name = value
            elif option.startswith(("-u", "--u")):
                user = value
            else:
                folder = value
        distribution = self._find(name)
        if distribution is None:
            return client.fail(client.text("unknown"))
        if not rest:
            return client.fail("The lab has no interactive shell.")
        with distribution.session():
            try:
                distribution.start()
            except VmError as error:
                print(f"wsl: {error}", file=sys.stderr)
                return client.fail(client.text("no start"))
            assert distribution.vm is not None
            try:
                process = distribution.vm.popen(distribution.script(user, folder, rest, shell))
            except OSError:
                return ENDED  # It was stopped at this very moment.
            code = Relay(client, process).run()
            return client.fail(client.text("no user")) if code == NO_SUCH_USER else code


class Relay:
    """Joins a wsl.exe to the Linux program that it runs, both ways, each direction in a thread of its own, so that a side that
    takes nothing holds up its own direction only."""

    def __init__(self, client: Client, process: VmProcess) -> None:
        self._client = client
        self._process = process
        self._done = threading.Event()

    def run(self) -> int | None:
        """The program's exit code; None if wsl.exe was killed, and then the program has ended too."""
        outputs = [
            threading.Thread(target=self._pump_output, args=(kind, stream), daemon=True)
            for kind, stream in ((b"O", self._process.stdout), (b"R", self._process.stderr))
        ]
        for output in outputs:
            output.start()
        threading.Thread(target=self._pump_input, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            for output in outputs:
                output.join()
            code = self._process.wait()
        except VmError:
            code = None if self._client.wait_gone(0) else ENDED
        self._done.set()
        self._process.close()
        return code

    def _pump_output(self, kind: bytes, stream: BinaryIO) -> None:
        is_heard = True
        with contextlib.suppress(ValueError):
            while chunk := stream.read1(OUTPUT_CHUNK):  # type: ignore[attr-defined]
                if is_heard:
                    try:
                        self._client.send(kind, chunk)
                    except OSError:
                        is_heard = False  # It is read to its end all the same, or the exit code would not get through.

    def _pump_input(self) -> None:
        with contextlib.suppress(OSError):
            self._client.send(b"G")
            while True:
                kind, payload = self._client.receive()
                if kind == b"E":
                    self._process.close_stdin()
                    return
                self._process.write(payload)

    def _watch(self) -> None:
        """Ends the program when wsl.exe has ended before it. What is on its way to the program's stdin may hide that from
        whoever reads."""
        self._client.wait_gone()
        if self._done.is_set():
            return
        with contextlib.suppress(OSError):
            self._process.send_signal(1)
        if not self._done.wait(HANG_UP_S):
            self._process.hang_up()

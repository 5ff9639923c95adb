#!/usr/bin/python3
"""The lab: a Windows (Wine) with usbipd-win's double, a Linux (QEMU) with Debian's kernel, both agents, and one controller
for all of it.

    with Lab() as lab:
        lab.start_agents()
        board = lab.plug("nano", "1-3")
        received, ready = lab.windows.wait_event("ready", board.id)
        lab.unplug("1-3")

By hand, in one terminal `tests/lab/lab.py up`, and in another:

    tests/lab/lab.py plug nano 1-3       tests/lab/lab.py unplug 1-3        tests/lab/lab.py list
    tests/lab/lab.py row reset 1-3       what a board or usbipd-win does to Windows (ROWS)
    tests/lab/lab.py usbipd state        usbipd.exe under Wine
    tests/lab/lab.py windows events      the verbs of ttyferry.exe under Wine
    tests/lab/lab.py guest wait 1a86:*   the verbs of ttyferry in the VM
    tests/lab/lab.py sh 'dmesg | tail'   any shell script in the VM

docs/testing.md describes it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "lab/usbip", "vm")]

from connections import established, sockets_of  # noqa: E402
from link_relay import LinkRelay  # noqa: E402
from models import MODELS  # noqa: E402
from streams import EventStream  # noqa: E402
from usbipd_service import Claim  # noqa: E402
from vm import Vm, VmProcess, listening_script  # noqa: E402
from windows_side import ROWS, Board, LabError, WindowsSide  # noqa: E402,F401

GUEST_PROGRAM = ROOT / "build/linux/ttyferry"
HOST_PROGRAM = ROOT / "build/windows/ttyferry.exe"
HOST_AGENT_IMAGE = "ttyferry-agent.exe"
LINK_PORT = 24240
START_LIMIT_S = 30.0
EXIT_NO_AGENT = 4


class Lab(WindowsSide):
    """Everything outside the two agents, and the agents. Start with `with`, or start() and stop().

    modprobe: whether the guest has a modprobe (else the agent loads modules by itself); debian: whether it is a whole Debian; systemd:
    with systemd; node: with Node;
    reaches_usbipd: whether the guest reaches usbipd's port, else all that it sends there is lost.
    auth: the configurations' "auth"; with "key" both sides are given the same key before their agents start.
    """

    def __init__(
        self, modprobe: bool = True, debian: bool = False, auth: str = "none", reaches_usbipd: bool = True, systemd: bool = False,
        node: bool = False,
    ) -> None:
        super().__init__()
        self.auth = auth
        self.key = secrets.token_hex(32)
        self.host_program = HOST_PROGRAM
        self.vm = Vm(modprobe=modprobe, debian=debian, systemd=systemd, node=node, reaches_machine=reaches_usbipd)
        self.relay: LinkRelay | None = None
        self.host_config: dict[str, Any] = {}  # sections of the host agent's configuration besides "link" and "usbipd"
        self.link_config: dict[str, Any] = {}  # of the host agent's section "link", besides what the lab says
        self.guest_sections: dict[str, Any] = {}  # sections of the guest agent's configuration besides those
        self.guest_usbipd: dict[str, Any] = {}  # of the guest agent's section "usbipd", besides the port

    @staticmethod
    def programs() -> list[Path]:
        return [GUEST_PROGRAM, HOST_PROGRAM]

    def _start_machines(self) -> None:
        """Wine and the VM come up side by side."""
        # Under a name of its own, so that its handles can be counted while verbs of the same program run.
        self.agent_program = self.folder / HOST_AGENT_IMAGE
        shutil.copy(self.host_program, self.agent_program)
        self._stack.callback(self.vm.stop)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            sides = [pool.submit(self._start_windows), pool.submit(self._start_guest_machine)]
            for side in sides:
                side.result()

    def _start_guest_machine(self) -> None:
        self.vm.start(overlay_files={"/bin/ttyferry": GUEST_PROGRAM}, forwards=[(0, LINK_PORT, True)])

    # The agents.

    def start_agents(self, relay: bool = False) -> None:
        """Starts both agents, subscribes to both streams and waits for the link. relay: put a LinkRelay between them."""
        if relay:
            self.relay = LinkRelay(self.vm.ports[0])
            self._stack.callback(self.relay.close)
        self.start_guest_agent()
        mark = self.guest.mark()
        self.start_host_agent()
        self.guest.wait_link("up", mark)

    def wait_link(self, state: str, marks: dict[EventStream, int] | None = None) -> None:
        """Both streams say that the link is up, or down."""
        for stream in (self.windows, self.guest):
            stream.wait_link(state, (marks or {}).get(stream, 0))

    def marks(self) -> dict[EventStream, int]:
        """Both streams' positions after their last lines so far."""
        return {stream: stream.mark() for stream in (self.windows, self.guest)}

    def write_guest_key(self, key: str) -> None:
        """In one step, as `pair --renew` does it."""
        script = "umask 077; mkdir -p /etc/ttyferry && cat >/etc/ttyferry/key.lab && mv /etc/ttyferry/key.lab /etc/ttyferry/key"
        self.vm.run(script, stdin=f"{key}\n".encode(), check=True)

    def write_host_key(self, key: str) -> None:
        new = self.folder / "key.lab"
        new.write_text(f"{key}\n")
        new.chmod(0o600)
        new.rename(self.folder / "key")

    def start_guest_agent(self) -> None:
        config = {"link": {"auth": self.auth}, "usbipd": {"port": self.usbipd.port, **self.guest_usbipd}, **self.guest_sections}
        self.vm.run("mkdir -p /etc/ttyferry && cat >/etc/ttyferry/config.json", stdin=json.dumps(config).encode(), check=True)
        self.write_guest_key(self.key)
        self.guest_agent = self.vm.popen("exec ttyferry agent --log-level debug >/run/agent.log 2>&1")
        self.vm.run(listening_script(self.guest_agent.pid, LINK_PORT), timeout=START_LIMIT_S, check=True)
        self.subscribe_to_guest()

    def subscribe_to_guest(self) -> None:
        """start_guest_agent has done it; an agent that another starts is heard by this."""
        self.guest = EventStream("guest", self.guest_verb("events").stdout)
        self.guest.wait("a snapshot", lambda e: e["event"] == "snapshot")  # From here on nothing is missed.

    def start_host_agent(self) -> None:
        port = self.relay.port if self.relay else self.vm.ports[0]
        config = self.folder / "config.json"
        link = {"port": port, "auth": self.auth, **self.link_config}
        config.write_text(json.dumps({"link": link, "usbipd": {"port": self.usbipd.port}, **self.host_config}))
        if not (self.folder / "key").exists():
            self.write_host_key(self.key)
        self.host_log = self.folder / "host-agent.log"
        with self.host_log.open("ab") as log:
            self.host_agent = self.prefix.spawn(
                self.agent_program, "agent", "--log-level", "debug", "--config", self.prefix.windows_path(config),
                "--key", self.prefix.windows_path(self.folder / "key"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self._stack.callback(self.stop_host_agent)
        self.windows = self._subscribe_to_windows()

    def _subscribe_to_windows(self) -> EventStream:
        """The verb says "no agent" until the agent serves its pipe."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.host_agent.poll() is None:
            reader = self.host_verb("events")
            assert reader.stdout is not None
            first = reader.stdout.peek(1)  # type: ignore[attr-defined]
            if first:
                return EventStream("Windows", reader.stdout)
            if reader.wait(10) != EXIT_NO_AGENT:
                break
        raise LabError(f"the host agent does not serve its stream:\n{self.host_log.read_text(errors='replace')}")

    def stop_host_agent(self) -> None:
        if self.host_agent.poll() is None:
            self.host_agent.kill()
        self.host_agent.wait()

    def stop_guest_agent(self) -> None:
        self.guest_agent.send_signal(15)
        self.guest_agent.wait(10)

    def restart_guest_machine(self) -> None:
        """The VM loses its power and boots anew; its agent starts with it."""
        self.vm.restart()
        self.start_guest_agent()

    def host_verb(self, *words: str) -> subprocess.Popen[bytes]:
        """A verb of ttyferry.exe."""
        process = self.prefix.spawn(self.host_program, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._stack.callback(_end, process)
        return process

    def guest_verb(self, *words: str) -> VmProcess:
        """A verb of ttyferry in the guest."""
        process = self.vm.popen("exec ttyferry " + shlex.join(words))
        self._stack.callback(process.close)
        return process

    def guest_log(self) -> str:
        return self.vm.run("cat /run/agent.log 2>/dev/null")[1]

    def connections_to_usbipd(self) -> dict[str, int]:
        """How many come from the guest itself, and how many from anybody else on this machine: the host agent."""
        every = established(self.usbipd.port)
        guest = every & sockets_of(self.vm.qemu_pid)
        return {"guest": len(guest), "host": len(every) - len(guest)}

    # What must not leak.

    def snapshot(self) -> dict[str, Any]:
        """What both agents and the guest's kernel hold; equal before and after any number of boards. The guest's line of
        resident memory is left out, as it may differ."""
        _, guest = self.vm.run(f"snapshot.sh {self.guest_agent.pid}", check=True)
        lines = [line for line in guest.splitlines() if not line.startswith("rss_kb")]
        return {"guest": lines, "host_handles": self.pnp.handles(HOST_AGENT_IMAGE)}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


CLAIMS = {"filter": Claim.FILTER_MISSES, "stub": Claim.STUB_UNCLAIMED, "veto": Claim.VETOED}


# The controller by hand: `up` serves the other commands on a Unix socket.

def control_path() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"ttyferry-lab-{os.getuid()}.sock"


class Controller(socketserver.StreamRequestHandler):
    """One request a connection: a JSON list of words; the answer is text, and a last line with the exit code."""

    lab: Lab
    lock = threading.Lock()

    def handle(self) -> None:
        words = json.loads(self.rfile.readline())
        try:
            code = self._run(words[0], words[1:])
        except Exception as error:  # Whatever went wrong is the answer; the lab goes on.
            self._say(f"{error}\n")
            code = 1
        with contextlib.suppress(OSError):
            self.wfile.write(json.dumps({"exit": code}).encode() + b"\n")

    def _say(self, text: str) -> None:
        self.wfile.write(json.dumps({"text": text}).encode() + b"\n")

    def _run(self, verb: str, rest: list[str]) -> int:
        if verb in ("windows", "guest", "sh"):
            return self._stream(verb, rest)
        if verb == "usbipd":
            result = self.lab.run_usbipd(*rest)
            self._say(result.stdout + result.stderr)
            return result.returncode
        with self.lock:
            self._move(verb, rest)
        return 0

    def _move(self, verb: str, rest: list[str]) -> None:
        if verb == "plug":
            options = [word for word in rest if word.startswith("--")]
            name, busid = (word for word in rest if word not in options)
            claims = [CLAIMS[option.removeprefix("--")] for option in options if option != "--unshared"]
            board = self.lab.plug(name, busid, bound="--unshared" not in options, claims=claims)
            self._say(f"{board.instance_id} at {board.busid}\n")
        elif verb == "unplug":
            self.lab.unplug(rest[0])
        elif verb == "row":
            self.lab.row(*rest)
        else:
            self._say("".join(json.dumps(entry) + "\n" for entry in self.lab.list()))

    def _stream(self, verb: str, rest: list[str]) -> int:
        if verb == "windows":
            process: Any = self.lab.host_verb(*rest)
        else:
            process = self.lab.guest_verb(*rest) if verb == "guest" else self.lab.vm.popen(" ".join(rest))
        try:
            for line in process.stdout:
                self._say(line.decode(errors="replace"))
            return process.wait(10)
        finally:
            _end(process) if verb == "windows" else process.close()


def serve() -> int:
    path = control_path()
    path.unlink(missing_ok=True)
    # A shell's background job ignores SIGINT, and SIGTERM would leave Wine and QEMU behind.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), Lab() as lab:
        lab.start_service()
        lab.start_agents()
        Controller.lab = lab
        with socketserver.ThreadingUnixStreamServer(str(path), Controller) as server:
            server.daemon_threads = True
            print("the lab is up; Ctrl-C ends it", flush=True)
            server.serve_forever()
    path.unlink(missing_ok=True)
    return 0


def ask(words: list[str]) -> int:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(control_path()))
        except OSError:
            print("lab: it is not up: run 'tests/lab/lab.py up' in another terminal", file=sys.stderr)
            return 4
        client.sendall(json.dumps(words).encode() + b"\n")
        with client.makefile("r") as answers, contextlib.suppress(KeyboardInterrupt):
            for line in answers:
                answer = json.loads(line)
                if "exit" in answer:
                    return answer["exit"]
                print(answer["text"], end="", flush=True)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description="The lab by hand: a Windows, a Linux, both agents, and boards.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start everything and stay")
    plug = verbs.add_parser("plug", help="plug a board in")
    plug.add_argument("model", choices=sorted(MODELS))
    plug.add_argument("busid", help="hub and port, such as 1-3")
    plug.add_argument("--unshared", action="store_true", help="usbipd-win may not export it")
    for name, text in (("filter", "the board comes back"), ("stub", "an orphan stub"), ("veto", "a program has it")):
        plug.add_argument(f"--{name}", action="store_true", help=f"the first attach fails: {text}")
    row = verbs.add_parser("row", help="what a board or usbipd-win does to Windows")
    row.add_argument("row", choices=ROWS)
    row.add_argument("busid", nargs="?", help="of which board; none for restart")
    row.add_argument("model", nargs="?", choices=sorted(MODELS), help="what it switches to")
    verbs.add_parser("unplug", help="pull a board").add_argument("busid")
    verbs.add_parser("list", help="the boards and what they counted")
    for name, text in (("usbipd", "usbipd.exe"), ("windows", "a verb of ttyferry.exe"), ("guest", "a verb of ttyferry in the VM"), ("sh", "a shell script in the VM")):
        verbs.add_parser(name, help=text).add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.verb == "up":
        return serve()
    return ask(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

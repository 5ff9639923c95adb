"""What the cases of install.py stand on: the lab with its distributions, the exe that somebody has downloaded, and both agents as
they are found from outside."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "e2e")]

from cases import expect_equal  # noqa: E402
from rounds import echo, milliseconds_of, settled  # noqa: E402
from streams import Event, EventStream  # noqa: E402
from windows_side import Board  # noqa: E402
from wsl_lab import Listing, WslLab  # noqa: E402

HOST_PROGRAM = ROOT / "build/windows/ttyferry.exe"
END_PROCESS = ROOT / "build/windows/tests/host/wsl_stub/end_process.exe"
POST_TO_AGENT = ROOT / "build/windows/tests/host/wsl_stub/post_to_agent.exe"
# Messages of Windows: the message, and its wParam.
CONSOLE_CONNECT, CONSOLE_DISCONNECT = ("0x2b1", "1"), ("0x2b1", "2")
RESUME_AUTOMATIC = ("0x218", "0x12")
GUEST_PROGRAM = "/usr/local/bin/ttyferry"
KICK = f"/mnt/c/users/{getpass.getuser()}/AppData/Local/Programs/ttyferry/ttyferry.exe"
SYSTEMD, PLAIN = "Ubuntu", "Debian"
BUSID = "1-3"
LIMIT_S = 60.0
EXIT_NO_AGENT = 4
# Every process that is the installed agent, whatever systemd calls it; a relay for the bridge is none.
AGENTS = (
    f"for p in /proc/[0-9]*; do [ \"$(readlink $p/exe)\" = {GUEST_PROGRAM} ] || continue;"
    " case \"$(tr '\\0' ' ' <$p/cmdline)\" in *'agent '*--stdio*) ;; *' agent '*) basename $p;; esac; done; true"
)
# The busy ports of vhci_hcd, with the devices that they carry.
BUSY_PORTS = "awk '$3 == \"006\" { print $2, $5, $7 }' /sys/devices/platform/vhci_hcd.*/status* 2>/dev/null; true"


def is_link_up(event: Event) -> bool:
    link = event if event["event"] == "link" else event.get("link") or {}
    return link.get("state") == "up"


class Rig:
    """The lab, and the distribution that the cases of the moment are about."""

    def __init__(self, lab: WslLab) -> None:
        self.lab = lab
        self.usbipd = lab.usbipd
        self.distribution = lab.distribution(SYSTEMD)
        self.kicks: list[tuple[list[str], int]] = []  # each run of ttyferry.exe from the guest, and its exit code
        self.before: Listing = {}
        self._stack = contextlib.ExitStack()
        local = lab.user_folder() / "AppData/Local"
        self.programs, self.data = local / "Programs/ttyferry", local / "ttyferry"
        for name in (SYSTEMD, PLAIN):
            lab.distribution(name).run_windows = self._run_from_guest

    def _run_from_guest(self, words: list[str]) -> tuple[int, str]:
        code, output = self.lab.run_from_guest(words)
        self.kicks.append((words, code))
        return code, output

    @property
    def vm(self) -> Any:
        return self.distribution.vm

    @property
    def has_systemd(self) -> bool:
        return self.distribution.name == SYSTEMD

    # Windows.

    def run(self, *words: str) -> tuple[int, str]:
        """A verb of the downloaded ttyferry.exe."""
        result = self.lab.prefix.run(HOST_PROGRAM, *words, check=False, timeout_s=LIMIT_S)
        return result.returncode, result.stdout + result.stderr

    def expect(self, *words: str) -> str:
        code, output = self.run(*words)
        assert code == 0 and "failed" not in output, f"{words}: {code}: {output}"
        return output

    def configure(self, wsl: dict[str, Any] | None = None, **link: Any) -> None:
        """The user's own configuration of the host agent."""
        config = {
            "link": {"port": self.distribution.port, **link}, "usbipd": {"port": self.usbipd.port},
            "wsl": {"distribution": self.distribution.name, **(wsl or {})},
        }
        self.data.mkdir(exist_ok=True)
        (self.data / "config.json").write_text(json.dumps(config))

    def host_agents(self, supervisor: bool) -> list[int]:
        found = []
        for pid in self.lab.prefix.pids():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"ttyferryw.exe" in words and (b"--supervise" in words) == supervisor:
                    found.append(pid)
        return found

    def log_off(self) -> None:
        """Ends the supervisor and its agent as nobody may expect it."""
        for pid in self.host_agents(True) + self.host_agents(False):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.until("the host agent ends", lambda: not self.host_agents(True) + self.host_agents(False))

    def log_on(self) -> None:
        """What the Run key does."""
        line = self.lab.prefix.run("reg.exe", "query", r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run", "/v", "ttyferry").stdout
        words = line.split("REG_SZ", 1)[1].strip().split('"')
        self.lab.prefix.spawn(words[1], *words[2].split(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log_on_with(self, wsl: dict[str, Any] | None = None, **link: Any) -> None:
        """A new logon finds another configuration."""
        self.log_off()
        self.configure(wsl, **link)
        self.log_on()

    def tell_host_agent(self, message: tuple[str, str]) -> None:
        """What Windows would tell it, and Wine never does."""
        self.lab.prefix.run(POST_TO_AGENT, *message)

    def log_size(self) -> int:
        log = self.data / "agent.log"
        return log.stat().st_size if log.exists() else 0

    def stamps(self, start: int, *texts: str) -> list[float]:
        """When the host agent first logged each, in what it has written from that position on; in milliseconds."""
        found: dict[str, float] = {}

        def read() -> bool:
            for line in (self.data / "agent.log").read_bytes()[start:].decode(errors="replace").splitlines():
                for text in texts:
                    if text in line:
                        found.setdefault(text, milliseconds_of(line.split(" ", 1)[0]))
            return len(found) == len(texts)

        self.until(f"the log says {texts}", read)
        return [found[text] for text in texts]

    @staticmethod
    def until(what: str, condition: Callable[[], bool]) -> None:
        """Waits for what nothing tells of."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, f"not within {LIMIT_S} s: {what}"
            time.sleep(0.05)

    # Both streams, each from its snapshot on.

    def watch_windows(self) -> EventStream:
        def start() -> Any:
            return self.lab.prefix.spawn(HOST_PROGRAM, "events", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        process = self._subscribe("Windows", start)
        self._stack.callback(lambda: (process.kill(), process.wait()))
        return EventStream("Windows", process.stdout)

    def watch_guest(self) -> EventStream:
        process = self._subscribe("guest", lambda: self.vm.popen(f"exec {GUEST_PROGRAM} events"))
        self._stack.callback(process.close)
        return EventStream("guest", process.stdout)

    @staticmethod
    def _subscribe(name: str, start: Callable[[], Any]) -> Any:
        """The verb says "no agent" until one serves its stream."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            process = start()
            if process.stdout.peek(1):
                return process
            code = process.wait(10)
            assert code in (EXIT_NO_AGENT, 1, 127), f"{name}: `events` ends with {code}"
        raise AssertionError(f"no agent serves the {name} stream")

    def linked(self) -> tuple[EventStream, EventStream]:
        """New streams of both agents, linked."""
        streams = self.watch_windows(), self.watch_guest()
        for stream in streams:
            stream.wait("a link that is up", is_link_up)
        return streams

    def transport(self) -> str:
        """What `status` says of the link at both ends."""
        self.linked()
        windows = self.expect("status", "--json")
        _, guest = self.vm.run(f"{GUEST_PROGRAM} status --json", check=True)
        links = [json.loads(text)["link"] for text in (windows, guest)]
        expect_equal([link["state"] for link in links], ["up", "up"], "the link at both ends")
        expect_equal(links[0]["transport"], links[1]["transport"], "the transport at both ends")
        assert f"by {links[0]['transport']}" in self.expect("status"), links
        return links[0]["transport"]

    # Installed, and not.

    def install(self, *words: str) -> str:
        return self.expect("install", "--yes", *words)

    def is_installed(self) -> bool:
        note = self.data / "install.json"
        return note.exists() and bool(json.loads(note.read_text())["distribution"])

    def need_installed(self) -> None:
        if not self.is_installed():
            self.configure()
            self.install()

    def need_board(self) -> Board:
        """A board that is ready at both ends."""
        self.need_installed()
        board = self.lab.boards.get(BUSID) or self.lab.plug("nano", BUSID)
        self.expect_ready(board)
        return board

    def expect_ready(self, board: Board) -> None:
        for stream in self.linked():
            tty = settled(stream, board, "ready")["ttys"][0]["path"]
        echo(self, board, tty)  # type: ignore[arg-type]

    def unplug_all(self) -> None:
        for busid in list(self.lab.boards):
            self.lab.unplug(busid)

    def guest_agents(self) -> list[str]:
        return self.vm.run(AGENTS, check=True)[1].split()

    def kill_guest_agent(self) -> None:
        (pid,) = self.guest_agents()
        self.vm.run(f"kill -9 {pid}", check=True)

    def holding(self, board: Board) -> tuple[str, int]:
        """By what an attachment that was let go of would be known: its port of vhci_hcd, and how often it was imported."""
        return self.vm.run(BUSY_PORTS)[1], self.usbipd.board(board.busid)["imports"]

    @contextlib.contextmanager
    def attachment_stays(self) -> Iterator[Board]:
        """Whatever becomes of the agents in the block, the board stays attached, and no stream says otherwise."""
        board = self.need_board()
        streams = self.linked()
        held = self.holding(board)
        assert held[0], "nothing is attached"
        yield board
        self.expect_ready(board)
        expect_equal(self.holding(board), held, "the port of vhci_hcd and the imports")
        for stream in streams:
            told = [e["event"] for e in stream.since(0) if e["event"] in ("detached", "removal", "failed")]
            expect_equal(told, [], f"what the {stream.name} stream told of the board")

    def listing(self) -> Listing:
        return self.lab.windows_listing() | self.lab.guest_listing(self.distribution.name)

    def end_case(self) -> None:
        self._stack.close()

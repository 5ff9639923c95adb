#!/usr/bin/python3
"""`ttyferry.exe install` end to end: the exe under Wine, the lab's wsl.exe, and distributions that are VMs, with systemd and without.

    tests/e2e/install.py [--figures] [PLAN | CASE | CASE.PLAN]...

The cases of a distribution build on one another: whichever is chosen, the product is installed first and purged last. Ends with
"N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "e2e")]

from cases import Cases, expect_equal  # noqa: E402
from rounds import echo, milliseconds_of, settled, single_tty  # noqa: E402
from streams import Event, EventStream  # noqa: E402
from windows_side import Board  # noqa: E402
from wsl_distribution import Distribution, free_port  # noqa: E402
from wsl_lab import Listing, WslLab, differences, expect_same  # noqa: E402

HOST_PROGRAM = ROOT / "build/windows/ttyferry.exe"
END_PROCESS = ROOT / "build/windows/tests/host/wsl_stub/end_process.exe"
GUEST_PROGRAM = "/usr/local/bin/ttyferry"
KICK = f"/mnt/c/users/{getpass.getuser()}/AppData/Local/Programs/ttyferry/ttyferry.exe"
SYSTEMD, PLAIN = "Ubuntu", "Debian"
BUSID = "1-3"
LIMIT_S = 60.0
CAPTURE_S = 0.2
IDLE_S = 4.0
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

    def need_installed(self) -> None:
        if not (self.data / "install.json").exists():
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


# --- Cases of both distributions -----------------------------------------------------------------


def install_links_by_key(rig: Rig) -> None:
    was_running, starts = rig.distribution.state == "Running", rig.distribution.starts
    rig.configure()
    output = rig.install()
    assert "ok      wait for the link" in output, output
    expect_equal(rig.distribution.starts, starts + (0 if was_running else 1), "starts of the distribution")
    expect_equal("does not run and is started" in output, not was_running, "whether the output says that it is started")
    expect_equal(rig.transport(), "tcp", "transport")
    keys = (rig.data / "key").read_text().strip(), rig.vm.run("cat /etc/ttyferry/key")[1].strip()
    assert keys[0] == keys[1] and len(keys[0]) == 64, keys
    if rig.has_systemd:
        expect_equal(rig.vm.run("systemctl is-enabled ttyferry; systemctl is-active ttyferry")[1], "enabled\nactive\n", "the unit")


def shared_board_gets_ready(rig: Rig) -> None:
    rig.need_installed()
    windows, guest = rig.linked()
    board = rig.lab.plug("nano", BUSID)
    tty = single_tty(windows.wait_event("ready", board.id)[1], board)
    expect_equal(single_tty(guest.wait_event("ready", board.id)[1], board), tty, "the tty on the guest's stream")
    echo(rig, board, tty)  # type: ignore[arg-type]


def reboot_links_again(rig: Rig) -> None:
    board = rig.need_board()
    rig.distribution.reboot()
    rig.expect_ready(board)
    expect_equal(len(rig.guest_agents()), 1, "number of agents")


def killed_guest_agent_comes_back(rig: Rig) -> None:
    """By systemd, or by the bridge that the host falls back to."""
    with rig.attachment_stays():
        rig.kill_guest_agent()
    expect_equal(len(rig.guest_agents()), 1, "number of agents")
    rig.transport()
    if rig.has_systemd:
        expect_equal(rig.vm.run("systemctl show -P NRestarts ttyferry")[1], "1\n", "restarts by systemd")


def killed_host_agent_comes_back(rig: Rig) -> None:
    with rig.attachment_stays():
        (supervisor,) = rig.host_agents(True)
        (agent,) = rig.host_agents(False)
        rig.lab.prefix.crash_child("ttyferryw.exe", END_PROCESS)
        rig.until("another host agent runs", lambda: rig.host_agents(False) not in ([], [agent]))
    expect_equal(rig.host_agents(True), [supervisor], "the supervisor")


def upgrade_keeps_the_attachment(rig: Rig) -> None:
    with rig.attachment_stays():
        old = rig.guest_agents(), rig.host_agents(False)
        rig.install()
        new = rig.guest_agents(), rig.host_agents(False)
        assert len(new[0]) == len(new[1]) == 1 and not set(old[0]) & set(new[0]) and not set(old[1]) & set(new[1]), (old, new)


def renewed_key_links_again(rig: Rig) -> None:
    with rig.attachment_stays():
        old = (rig.data / "key").read_text()
        rig.expect("pair", "--renew")
        new = (rig.data / "key").read_text()
        assert new != old
        expect_equal(rig.vm.run("cat /etc/ttyferry/key")[1].strip(), new.strip(), "the guest's key")
        # The link that is up goes on; the next one proves the new key.
        rig.kill_guest_agent()


def kick_links_at_once(rig: Rig) -> None:
    """The guest's agent that starts anew has Windows look for it, though the host's next try may be faster."""
    rig.need_installed()
    rig.linked()
    kick_stamps(rig)
    expect_equal(rig.kicks[0], ([KICK, "kick"], 0), "what the guest ran in Windows, and how it ended")


def kick_stamps(rig: Rig) -> tuple[float, float]:
    """Restarts the guest's agent: when the host's was kicked, and when it linked, by its own log."""
    start, rig.kicks[:] = rig.log_size(), []
    if rig.has_systemd:
        rig.vm.run("systemctl restart ttyferry", check=True, timeout=LIMIT_S)
    else:
        rig.vm.run(f"kill {rig.guest_agents()[0]}; until {GUEST_PROGRAM} agent --background; do :; done", timeout=LIMIT_S, check=True)
    rig.until("the kick is done", lambda: bool(rig.kicks))
    kicked, linked = rig.stamps(start, "asked to look for the guest at once", "linked with the guest")
    return kicked, linked


def unreachable_port_falls_back_to_the_bridge(rig: Rig) -> None:
    with rig.attachment_stays():
        rig.log_on_with(port=free_port())
        rig.linked()
        expect_equal(rig.transport(), "bridge", "transport")
    rig.log_on_with()
    rig.linked()
    expect_equal(rig.transport(), "tcp", "transport")


def uninstall_keeps_key_and_configuration(rig: Rig) -> None:
    rig.need_installed()
    rig.unplug_all()
    rig.expect("uninstall")
    guest = f"{rig.distribution.name}: "
    allowed = ("file AppData/Local/ttyferry/", guest + "file /etc/ttyferry/", guest + "content /etc/ttyferry/", guest + "file /var/log/ttyferry",
               guest + "content /var/log/ttyferry", guest + "file /var/lib/ttyferry")
    left = differences(rig.before, rig.listing())
    wrong = [line for line in left if not line.startswith("+ ") or not line[2:].startswith(allowed)]
    expect_equal(wrong, [], "what is left besides key, configuration and logs")
    names = {Path(line[2:].split(": file ")[-1].removeprefix("file ").split(":")[0]).name for line in left}
    assert {"key", "config.json"} <= names, left
    assert not rig.host_agents(True) + rig.host_agents(False) and not rig.guest_agents()


def purge_leaves_no_trace(rig: Rig) -> None:
    rig.need_installed()
    rig.unplug_all()
    rig.expect("uninstall", "--purge")
    expect_same(rig.before, rig.listing(), "after uninstall --purge")
    assert not rig.host_agents(True) + rig.host_agents(False) and not rig.guest_agents()


# --- Cases of WSL's life, in the distribution without systemd -------------------------------------


def board_keeps_its_distribution_alive(rig: Rig) -> None:
    """WSL stops what nobody works in: not while a board is attached, and then it does."""
    board = rig.need_board()
    starts = rig.distribution.starts
    rig.distribution.set_idle(IDLE_S)
    rig.lab.wsl.wait("the session that keeps it", lambda: rig.distribution.sessions > 0)
    assert rig.distribution.state == "Running"
    rig.expect_ready(board)
    rig.unplug_all()
    rig.lab.wsl.wait("stopped", lambda: rig.distribution.state == "Stopped")
    expect_equal(rig.distribution.starts, starts, "starts of the distribution")


def stopped_distribution_is_not_started_by_looking(rig: Rig) -> None:
    """With the bridge, which would start it, a board that would be glad of it, and `start_wsl` "never"."""
    rig.need_installed()
    rig.unplug_all()
    rig.distribution.set_idle(None)
    rig.log_on_with({"start_wsl": "never"}, transport="bridge")
    rig.distribution.stop()
    starts = rig.distribution.starts
    rig.lab.plug("nano", BUSID)
    looks = len(rig.lab.wsl.calls)
    rig.lab.wsl.wait("looked at three times", lambda: len(rig.lab.wsl.calls) >= looks + 6)
    rig.expect("status")
    expect_equal([call for call in rig.lab.wsl.calls[looks:] if "--list" not in call], [], "calls that are no looks")
    expect_equal((rig.distribution.starts, rig.distribution.state), (starts, "Stopped"), "starts, and the state")


def arrival_starts_the_distribution(rig: Rig) -> None:
    rig.need_installed()
    rig.unplug_all()
    rig.log_on_with({"start_wsl": "on_arrival"})
    rig.distribution.stop()
    starts = rig.distribution.starts
    rig.watch_windows().wait("a snapshot", lambda e: e["event"] == "snapshot")
    expect_equal(rig.distribution.starts, starts, "starts before a board comes")
    board = rig.lab.plug("nano", BUSID)
    rig.lab.wsl.wait("started", lambda: rig.distribution.state == "Running")
    rig.expect_ready(board)
    expect_equal(rig.distribution.starts, starts + 1, "starts")


def logon_starts_the_distribution(rig: Rig) -> None:
    rig.need_installed()
    rig.unplug_all()
    rig.log_off()
    rig.distribution.stop()
    starts = rig.distribution.starts
    rig.configure({"start_wsl": "always"})
    rig.log_on()
    rig.lab.wsl.wait("started", lambda: rig.distribution.starts == starts + 1 and rig.distribution.state == "Running")
    rig.linked()
    rig.log_on_with()
    rig.linked()


# --- Without any configuration of the user's ------------------------------------------------------


def bridge_alone_links(rig: Rig) -> None:
    """No file of the user's on Windows: the installer writes what its options name."""
    output = rig.install("--transport", "bridge", "--distribution", rig.distribution.name)
    assert "ok      configuration" in output, output
    expect_equal(json.loads((rig.data / "config.json").read_text()),
                 {"link": {"transport": "bridge"}, "wsl": {"distribution": rig.distribution.name}}, "the configuration")
    expect_equal(rig.transport(), "bridge", "transport")
    shared_board_gets_ready(rig)


# What is run in which distribution.
COMMON = (
    install_links_by_key, shared_board_gets_ready, killed_guest_agent_comes_back, upgrade_keeps_the_attachment, kick_links_at_once,
    reboot_links_again,
)
LAST = (uninstall_keeps_key_and_configuration, purge_leaves_no_trace)
PLANS: tuple[tuple[str, str, tuple[Callable[[Rig], None], ...]], ...] = (
    ("systemd", SYSTEMD, (*COMMON, *LAST)),
    ("no_systemd", PLAIN, (
        *COMMON, killed_host_agent_comes_back, renewed_key_links_again, unreachable_port_falls_back_to_the_bridge, board_keeps_its_distribution_alive,
        stopped_distribution_is_not_started_by_looking, arrival_starts_the_distribution, logon_starts_the_distribution, *LAST,
    )),
    ("bridge_only", PLAIN, (bridge_alone_links, killed_guest_agent_comes_back, purge_leaves_no_trace)),
)


FIGURE_ROUNDS = 10


def figures(rig: Rig) -> None:
    """From the start of whichever agent is the second, to the link, by the host agent's stamps. Prints rows for docs/testing.md."""
    rig.need_installed()
    rig.linked()
    starts, kicks = [], []
    for _ in range(FIGURE_ROUNDS):
        rig.log_off()
        start = rig.log_size()
        rig.log_on()
        begun, linked = rig.stamps(start, " runs, its stream is ", "linked with the guest")
        starts.append(linked - begun)
    rig.linked()
    for _ in range(FIGURE_ROUNDS):
        kicked, linked = kick_stamps(rig)
        if kicked <= linked:  # Else the host's own next try was faster.
            kicks.append(linked - kicked)
    for what, figure in (("the host agent has started", starts), ("the guest agent's kick has come", kicks)):
        values = f"{statistics.median(figure):.0f} | {max(figure):.0f}" if figure else "- | -"
        print(f"| {what} -> both linked, {len(figure)} of {FIGURE_ROUNDS} | {values} |", flush=True)


def show(rig: Rig) -> None:
    print(f"--- distribution {rig.distribution.name}: {rig.distribution.state}, kicks {rig.kicks}, last calls {rig.lab.wsl.calls[-6:]}")
    log = rig.data / "agent.log"
    print("--- the host agent's log\n" + ("\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else "none"))
    if rig.distribution.state == "Running":
        with contextlib.suppress(Exception):
            print("--- the guest agent's log\n" + rig.vm.run("journalctl -u ttyferry -n 30 --no-pager 2>/dev/null; tail -30 /var/log/ttyferry/agent.log 2>/dev/null")[1])


def begin(rig: Rig, plan: str, name: str) -> None:
    """The distribution before anything is installed, and in the state that an installation finds it in."""
    rig.distribution = rig.lab.distribution(name)
    rig.distribution.set_idle(None)
    is_stopped = rig.distribution.state != "Running"
    rig.distribution.start()
    if plan == "bridge_only":
        shutil.rmtree(rig.data, ignore_errors=True)
        # Where the double of usbipd-win listens, which is no port that an installer could know.
        config = json.dumps({"usbipd": {"port": rig.usbipd.port}})
        rig.vm.run("mkdir -p /etc/ttyferry && cat >/etc/ttyferry/config.json", stdin=config.encode(), check=True)
    else:
        rig.data.mkdir(exist_ok=True)
    rig.before = rig.listing()
    if is_stopped:
        rig.distribution.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Installing, end to end.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these; CASE.PLAN, or a whole PLAN: " + ", ".join(p[0] for p in PLANS))
    parser.add_argument("--figures", action="store_true", help="with the cases of no_systemd, how long linking takes")
    arguments = parser.parse_args()
    names = arguments.cases
    plans = {plan: [case for case in cases if not names or {plan, case.__name__, f"{case.__name__}.{plan}"} & set(names)]
             for plan, _, cases in PLANS}
    known = {name for plan, _, cases in PLANS for case in cases for name in (plan, case.__name__, f"{case.__name__}.{plan}")}
    if wrong := [name for name in names if name not in known]:
        parser.error(f"no case {', '.join(wrong)}: {', '.join(sorted(name for name in known if '.' not in name))} exist")
    distributions = [
        Distribution(SYSTEMD, systemd=True, running=bool(plans["systemd"]), windows_programs=(KICK,)),
        Distribution(PLAIN, windows_programs=(KICK,)),
        Distribution("docker-desktop", machine=False, state="Running"),
    ]
    with WslLab(distributions) as lab:
        service = lab.start_service()
        service.capture_s = CAPTURE_S
        rig = Rig(lab)
        results: Cases[Rig] = Cases(show)
        for plan, name, _ in PLANS:
            if plans[plan]:
                last = [figures] if arguments.figures and plan == "no_systemd" else []
                run_plan(rig, results, plan, name, plans[plan] + last)
    return results.close()


def run_plan(rig: Rig, results: Cases[Rig], plan: str, name: str, chosen: Sequence[Callable[[Rig], None]]) -> None:
    begin(rig, plan, name)
    for case in chosen:
        try:
            results.run_one(f"{case.__name__}.{plan}", case, rig)
        finally:
            rig.end_case()
    if (rig.data / "install.json").exists():
        rig.unplug_all()
        rig.run("uninstall", "--purge")
    rig.log_off()


if __name__ == "__main__":
    sys.exit(main())

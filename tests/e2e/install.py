#!/usr/bin/python3
"""`ttyferry.exe install` end to end: the exe under Wine, the lab's wsl.exe, and distributions that are VMs, with systemd and without.

    tests/e2e/install.py [--figures] [PLAN | CASE | CASE.PLAN]...

The cases of a distribution build on one another: whichever is chosen, the product is installed first and purged last. Ends with
"N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "e2e")]

from cases import Cases, expect_equal  # noqa: E402
from install_rig import AGENTS, BUSID, CONSOLE_CONNECT, CONSOLE_DISCONNECT, END_PROCESS, GUEST_PROGRAM, KICK, LIMIT_S, PLAIN, RESUME_AUTOMATIC, SYSTEMD, Rig  # noqa: E402
from rounds import echo, settled, single_tty  # noqa: E402
from wsl_distribution import Distribution, free_port  # noqa: E402
from wsl_lab import WslLab, differences, expect_same  # noqa: E402

CAPTURE_S = 0.2
IDLE_S = 4.0
DIRECT_TRIES = "grep -c 'usbipd is tried through the host agent' /var/log/ttyferry/agent.log; true"


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


def other_session_lets_the_link_go(rig: Rig) -> None:
    """Somebody switches to another user of Windows: what is attached stays so, in use as it may be, and the link is back afterwards."""
    with rig.attachment_stays() as board:
        streams = rig.linked()
        rig.tell_host_agent(CONSOLE_DISCONNECT)
        for stream in streams:
            stream.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down")
        echo(rig, board, single_tty(settled(rig.watch_guest(), board, "ready"), board))  # type: ignore[arg-type]
        rig.tell_host_agent(CONSOLE_CONNECT)
        for stream in streams:
            stream.wait("a link that is up", lambda e: e["event"] == "link" and e["state"] == "up")


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


def resumed_windows_is_reached_directly_again(rig: Rig) -> None:
    """Where usbipd was not reached the host was asked, and would be for ever; a Windows that has slept may be in another network."""
    rig.need_installed()
    rig.unplug_all()
    rig.vm.run("cp /etc/ttyferry/config.json /root/config.json", check=True)
    config = json.loads(rig.vm.run("cat /etc/ttyferry/config.json", check=True)[1])
    config["usbipd"]["address"] = "127.0.0.1"  # Nobody listens there.
    rig.vm.run("cat >/etc/ttyferry/config.json", stdin=json.dumps(config).encode(), check=True)
    rig.kill_guest_agent()
    try:
        rig.expect_ready(rig.lab.plug("nano", BUSID))
        before = int(rig.vm.run(DIRECT_TRIES, check=True)[1])
        assert before > 0, "the direct way was not tried"
        rig.unplug_all()
        windows = rig.watch_windows()
        rig.tell_host_agent(RESUME_AUTOMATIC)
        board = rig.lab.plug("nano", BUSID)
        windows.wait_event("ready", board.id)
        assert int(rig.vm.run(DIRECT_TRIES, check=True)[1]) > before, "the direct way was not tried again"
        rig.unplug_all()
    finally:
        rig.vm.run("mv /root/config.json /etc/ttyferry/config.json", check=True)
        rig.kill_guest_agent()


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


def other_session_starts_no_distribution(rig: Rig) -> None:
    """A board that comes while another user is in front of Windows is not this one's to start a distribution for, until they are back."""
    rig.need_installed()
    rig.unplug_all()
    rig.log_on_with({"start_wsl": "on_arrival"})
    windows = rig.watch_windows()
    rig.distribution.stop()
    starts, log = rig.distribution.starts, rig.log_size()
    rig.tell_host_agent(CONSOLE_DISCONNECT)
    rig.stamps(log, "another session is the active one")
    board = rig.lab.plug("nano", BUSID)
    windows.wait_event("arrival", board.id)
    rig.expect("kick")
    rig.tell_host_agent(CONSOLE_CONNECT)
    rig.lab.wsl.wait("started", lambda: rig.distribution.state == "Running")
    rig.expect_ready(board)
    expect_equal(rig.distribution.starts, starts + 1, "starts")
    said = (rig.data / "agent.log").read_text(errors="replace")[log:]
    assert said.index("asked to look") < said.index("this session is the active one") < said.index("keeps the distribution"), said


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


def need_bridge_alone(rig: Rig) -> None:
    if not rig.is_installed():
        bridge_alone_links(rig)


def installed_again_is_purged_whole(rig: Rig) -> None:
    """What the first installation has made is the second one's to remove."""
    need_bridge_alone(rig)
    rig.unplug_all()
    rig.expect("uninstall")
    assert "--purge removes" in rig.run("uninstall")[1]
    bridge_alone_links(rig)
    purge_leaves_no_trace(rig)


def purge_comes_after_the_removal(rig: Rig) -> None:
    """The guest's program is not there any more to remove its own configuration."""
    need_bridge_alone(rig)
    rig.unplug_all()
    rig.expect("uninstall")
    rig.expect("uninstall", "--purge")
    expect_same(rig.before, rig.listing(), "after uninstall --purge")


# --- From one distribution to another -------------------------------------------------------------


def other_distribution_takes_over(rig: Rig) -> None:
    """One guest agent at a time, and in the end no trace in either."""
    board = rig.need_board()
    former = rig.distribution
    rig.distribution = rig.lab.distribution(PLAIN)
    rig.distribution.start()
    before = rig.listing()
    rig.configure()
    output = rig.install("--distribution", PLAIN)
    assert f"leave the former distribution: {former.name};" in output, output
    expect_equal(former.vm.run(AGENTS, check=True)[1], "", "agents in the former distribution")
    rig.expect_ready(board)
    rig.unplug_all()
    rig.expect("uninstall", "--purge")
    expect_same({k: v for k, v in before.items() if k.startswith(PLAIN)}, rig.lab.guest_listing(PLAIN), "in the one that it moved to")
    rig.distribution = former
    expect_same(rig.before, rig.listing(), "in Windows and in the former one")


# What is run in which distribution.
COMMON = (
    install_links_by_key, shared_board_gets_ready, killed_guest_agent_comes_back, upgrade_keeps_the_attachment, kick_links_at_once,
    reboot_links_again,
)
LAST = (uninstall_keeps_key_and_configuration, purge_leaves_no_trace)
PLANS: tuple[tuple[str, str, tuple[Callable[[Rig], None], ...]], ...] = (
    ("systemd", SYSTEMD, (
        *COMMON, killed_host_agent_comes_back, renewed_key_links_again, unreachable_port_falls_back_to_the_bridge, other_session_lets_the_link_go, *LAST,
    )),
    ("no_systemd", PLAIN, (
        *COMMON, killed_host_agent_comes_back, renewed_key_links_again, unreachable_port_falls_back_to_the_bridge, resumed_windows_is_reached_directly_again,
        board_keeps_its_distribution_alive,
        other_session_starts_no_distribution, stopped_distribution_is_not_started_by_looking, arrival_starts_the_distribution, logon_starts_the_distribution, *LAST,
    )),
    ("bridge_only", PLAIN, (
        bridge_alone_links, killed_guest_agent_comes_back, installed_again_is_purged_whole, purge_comes_after_the_removal,
    )),
    ("move", SYSTEMD, (other_distribution_takes_over,)),
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

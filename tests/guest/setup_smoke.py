#!/usr/bin/python3
"""`ttyferry setup` in a VM with a whole Debian: installing, upgrading, failing, removing; the host is a fake.

    tests/guest/setup_smoke.py [--quick] [CASE...]

Each case is run on a VM of its own kind, one VM for each kind; the cases leave the guest as they found it. --quick: of those that both
kinds share, only the first with systemd too. Prints one line a case and
ends with "N passed, N failed".
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("guest", "lab", "lab/usbip", "vm")]

from cases import Cases, expect_equal  # noqa: E402
from usbipd_double import UsbipdDouble  # noqa: E402
from vm import Vm  # noqa: E402
from vm_smoke import GUEST_PROGRAM, LIMIT_S, LINK_PORT, USBIPD_PROGRAM, FakeHost, facts  # noqa: E402

NEW_PROGRAM = "/usr/local/bin/.ttyferry.new"
PROGRAM = "/usr/local/bin/ttyferry"
KEY = "00112233445566778899aabbccddeeff" * 2
STREAM = "/run/ttyferry/events.sock"

# What the machine does by itself meanwhile, and the test's own files.
LISTING = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /tmp -o -path /run/udev -o -path '/dev/bus' -o -path '/run/systemd'"
    " -o -path /var/log/journal -o -path /run/log -o -path /var/lib/systemd \\) -prune -o ! -type d -printf '%p %m %u %s %l\\n' -o -printf '%p/ %m %u\\n';"
    "find /run/ttyferry /dev/ttyferry /run/wsl* 2>/dev/null; cat /etc/wsl.conf 2>/dev/null"
)
# Who has called listen() on the stream's socket.
AGENT_PID = "for fd in /proc/[0-9]*/exe; do [ \"$(readlink $fd)\" = " + PROGRAM + " ] && basename $(dirname $fd); done; true"


class Kind(NamedTuple):
    """A kind of distribution."""

    name: str
    systemd: bool


WITHOUT_SYSTEMD = Kind("without_systemd", False)
WITH_SYSTEMD = Kind("with_systemd", True)
KINDS = [WITHOUT_SYSTEMD, WITH_SYSTEMD]


class Rig:
    """A VM of that kind, and the double of usbipd."""

    def __init__(self, stack: contextlib.ExitStack, kind: Kind) -> None:
        self.kind = kind
        self.usbipd = stack.enter_context(UsbipdDouble(USBIPD_PROGRAM))
        self.vm = stack.enter_context(Vm(debian=True, systemd=kind.systemd))
        self.vm.start(overlay_files={"/opt/ttyferry": GUEST_PROGRAM}, forwards=[(0, LINK_PORT, True)])

    def request(self, **members: Any) -> bytes:
        config = {"link": {"auth": "none"}, "usbipd": {"port": self.usbipd.port}}
        return json.dumps({"key": KEY, "config": config, "host_program": "C:\\x\\ttyferry.exe"} | members).encode()

    def setup(self, program: str = "cat /opt/ttyferry") -> tuple[int, str]:
        """What the installer does; `program` is a command that writes the program."""
        self.vm.run(f"{program} >{NEW_PROGRAM} && chmod 0755 {NEW_PROGRAM}", check=True)
        return self.vm.run(f"{NEW_PROGRAM} setup", stdin=self.request(), timeout=LIMIT_S * 2)

    def install(self) -> None:
        code, output = self.setup()
        assert code == 0 and "failed" not in output, (code, output)

    def remove(self) -> None:
        code, output = self.vm.run(f"{PROGRAM} setup --remove --purge", timeout=LIMIT_S * 2)
        assert code == 0 and "failed" not in output, (code, output)

    def listing(self) -> list[str]:
        return sorted(line for line in self.vm.run(LISTING, timeout=LIMIT_S)[1].splitlines())

    def agents(self) -> list[str]:
        return self.vm.run(AGENT_PID)[1].split()

    def attach(self) -> tuple[FakeHost, str]:
        self.usbipd.plug("1-3", "ch341")
        host = FakeHost(self.vm.ports[0])
        host.snapshot(("usb\\a", "1-3"))
        return host, host.next("ready")["ttys"][0]["path"]

    def clean_up(self) -> None:
        print(self.vm.run("cat /var/log/ttyferry/agent.log /etc/wsl.conf; ls -la /run/ttyferry /usr/local/bin /etc/ttyferry; ps ax | tail -15")[1])
        self.vm.run(f"[ ! -x {PROGRAM} ] || {PROGRAM} setup --remove --purge", timeout=LIMIT_S * 2)
        for board in self.usbipd.list()["boards"]:
            self.usbipd.unplug(board["busid"])


def setup_installs_and_purge_leaves_no_trace(rig: Rig) -> None:
    before = rig.listing()
    rig.install()
    expect_equal(len(rig.agents()), 1, "number of agents")
    expect_equal(rig.vm.run("stat -c '%a %U' /etc/ttyferry/key; cat /etc/ttyferry/key")[1], f"600 root\n{KEY}\n", "the key")
    if not rig.kind.systemd:
        wanted = f"command = {PROGRAM} agent --background"
        assert wanted in rig.vm.run("cat /etc/wsl.conf")[1].splitlines(), "no command in wsl.conf"
    else:
        expect_equal(rig.vm.run("systemctl is-enabled ttyferry; systemctl is-active ttyferry")[1], "enabled\nactive\n", "the unit")
    rig.remove()
    expect_equal(rig.agents(), [], "agents")
    expect_equal(sorted(set(rig.listing()) ^ set(before)), [], "what differs in the listing")


def setup_again_upgrades_and_keeps_the_board(rig: Rig) -> None:
    rig.install()
    host, tty = rig.attach()
    first = rig.agents()
    imports = rig.usbipd.list()["connections"]
    rig.install()
    expect_equal(host.expect_close()[-1].get("code"), "shutdown", "what the old agent says")
    second = rig.agents()
    assert len(second) == 1 and second != first, (first, second)
    again = FakeHost(rig.vm.ports[0])
    again.snapshot(("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
    expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
    rig.remove()
    rig.usbipd.unplug("1-3")
    again.close()


def removal_lets_go_of_the_board(rig: Rig) -> None:
    rig.install()
    host, tty = rig.attach()
    rig.remove()
    expect_equal(host.next("detached")["id"], "usb\\a", "the detached board")
    expect_equal(rig.vm.run(f"[ -e {tty} ]")[0], 1, "a look for the tty")
    rig.usbipd.unplug("1-3")
    host.close()


def upgrade_that_fails_leaves_the_old_agent_and_the_board(rig: Rig) -> None:
    """The new program can set itself up, but its agent comes to nothing: the name of its own socket leads nowhere."""
    rig.install()
    host, tty = rig.attach()
    state = f"sha256sum {PROGRAM} /etc/ttyferry/key; cat /etc/wsl.conf /etc/systemd/system/ttyferry.service 2>/dev/null"
    before = rig.vm.run(state)[1]
    code, output = rig.setup("LC_ALL=C sed 's|link[.]sock|l/n/k.soc|g' /opt/ttyferry")
    assert code == 1 and "failed agent: " in output and "/run/ttyferry/l/n/k.soc" in output and "runs again" in output, (code, output)
    expect_equal(rig.vm.run(state)[1], before, "program, key and autostart")
    expect_equal(len(rig.agents()), 1, "number of agents")
    host.expect_close()
    again = FakeHost(rig.vm.ports[0])
    again.snapshot(("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
    rig.remove()
    rig.usbipd.unplug("1-3")
    again.close()


def key_alone_is_replaced_and_the_agent_stays(rig: Rig) -> None:
    rig.install()
    agents = rig.agents()
    code, output = rig.vm.run(f"{PROGRAM} setup --key-only", stdin=json.dumps({"key": "f" * 64}).encode())
    expect_equal((code, output.split()[0]), (0, "ok"), "exit code and answer")
    expect_equal(rig.vm.run("cat /etc/ttyferry/key")[1], "f" * 64 + "\n", "the key")
    expect_equal(rig.agents(), agents, "agents")
    rig.remove()


def bad_requests_change_nothing(rig: Rig) -> None:
    before = rig.listing()
    code, output = rig.vm.run("/opt/ttyferry setup </dev/null")
    assert code == 1 and "failed key: none was given" in output, (code, output)
    for request in (b"[]", b'{"key":"00"}', b'{"config":{"lnk":1}}', b'{"host_program":"C:\\\\..\\\\x"}'):
        code, output = rig.vm.run("/opt/ttyferry setup", stdin=request)
        assert code == 1 and output.startswith("failed "), (request, code, output)
    for arguments in ("--purge", "--key-only --remove", "x"):
        expect_equal(rig.vm.run(f"/opt/ttyferry setup {arguments} 2>/dev/null")[0], 2, f"exit code of {arguments}")
    code, output = rig.vm.run("su user -c '/opt/ttyferry setup' 2>&1 </dev/null")
    assert code == 1 and "sudo" in output, (code, output)
    expect_equal(sorted(set(rig.listing()) ^ set(before)), [], "what differs in the listing")


def kick_says_why_it_fails(rig: Rig) -> None:
    """And says nothing where it is asked not to."""
    for command, part in (("/opt/ttyferry kick", "/etc/ttyferry/host"), ("su user -c '/opt/ttyferry kick'", "sudo ttyferry kick")):
        code, output = rig.vm.run(f"{command} 2>&1")
        assert code == 1 and part in output, (command, code, output)
    expect_equal(rig.vm.run("/opt/ttyferry kick --quiet 2>&1"), (1, ""), "exit code and output")


# --- Where systemd is PID 1 ---------------------------------------------------------------------


def unit_lets_the_agent_do_its_work(rig: Rig) -> None:
    """Drivers that are not loaded yet, the group of the tty, udev's links and ours, all from within the unit's walls."""
    rig.vm.run("modprobe -ra ch341 usbserial vhci_hcd usbip_core 2>/dev/null; ! [ -e /sys/module/vhci_hcd ]", check=True)
    rig.install()
    shown = dict(line.split("=", 1) for line in rig.vm.run(
        "systemctl show -p Type,ActiveState,MainPID,NoNewPrivileges,ProtectSystem ttyferry", check=True)[1].splitlines())
    (agent,) = rig.agents()
    expect_equal(shown, {"Type": "notify", "ActiveState": "active", "MainPID": agent, "NoNewPrivileges": "yes", "ProtectSystem": "strict"},
                 "what systemd says of the unit")
    capabilities = int(rig.vm.run(f"awk '/CapEff/ {{ print $2 }}' /proc/{agent}/status", check=True)[1], 16)
    expect_equal(capabilities & ~(1 << 0 | 1 << 16), 0, "capabilities besides CAP_CHOWN and CAP_SYS_MODULE")
    host, tty = rig.attach()
    expect_equal(rig.vm.run(f"stat -c %G {tty}")[1], "dialout\n", "the tty's group")
    expect_equal(rig.vm.run("udevadm settle; readlink -f /dev/serial/by-id/*")[1], f"{tty}\n", "what by-id leads to")
    host.close()
    rig.remove()
    rig.usbipd.unplug("1-3")


def unit_lets_the_agent_offer_its_stream_to_other_distributions(rig: Rig) -> None:
    rig.vm.run("mkdir -p /mnt/wsl && mount -t tmpfs tmpfs /mnt/wsl", check=True)
    rig.install()
    expect_equal(rig.vm.run("stat -c '%a %U %G' /mnt/wsl/ttyferry/events.sock")[1], "660 root dialout\n", "mode and owners of the socket")
    expect_equal(rig.vm.run(f"{PROGRAM} list --stream /mnt/wsl/ttyferry/events.sock >/dev/null")[0], 0, "exit code of list")
    rig.remove()
    expect_equal(rig.vm.run("ls -A /mnt/wsl; umount /mnt/wsl && rmdir /mnt/wsl"), (0, ""), "what is left there")


def killed_agent_is_started_again_with_its_board(rig: Rig) -> None:
    rig.install()
    host, tty = rig.attach()
    (agent,) = rig.agents()
    imports = rig.usbipd.list()["connections"]
    rig.vm.run(f"kill -9 {agent}; until [ \"$(systemctl show -P NRestarts ttyferry)\" = 1 ] && systemctl -q is-active ttyferry; do sleep 0.1; done",
               timeout=LIMIT_S, check=True)
    assert rig.agents() not in ([], [agent]), rig.agents()
    again = FakeHost(rig.vm.ports[0])
    again.snapshot(("usb\\a", "1-3"))
    expect_equal(again.next("ready")["ttys"][0]["path"], tty, "the tty that is told again")
    expect_equal(rig.usbipd.list()["connections"], imports, "connections to usbipd")
    host.close()
    again.close()
    rig.remove()
    rig.usbipd.unplug("1-3")


def kick_works_outside_of_the_units_walls(rig: Rig) -> None:
    """A program of Windows may write anywhere that root may, unlike the agent."""
    script = "#!/bin/sh\necho \"$1\" >/root/kicked\ngrep CapEff /proc/self/status >>/root/kicked\n"
    rig.vm.run("mkdir -p /mnt/c/x && cat >/mnt/c/x/ttyferry.exe && chmod 755 /mnt/c/x/ttyferry.exe", stdin=script.encode(), check=True)
    rig.install()
    kicked = rig.vm.run("cat /root/kicked; grep CapEff /proc/self/status; rm -rf /root/kicked /mnt/c")[1].splitlines()
    expect_equal((kicked[0], kicked[1]), ("kick", kicked[2]), "the verb, and root's own capabilities")
    rig.remove()


BOUND_UNIT = """[Unit]
BindsTo=dev-ttyferry-leo.device
After=dev-ttyferry-leo.device
[Service]
ExecStart=/bin/sh -c 'readlink -e /dev/ttyferry/leo >/run/bound && exec sleep infinity'
[Install]
WantedBy=dev-ttyferry-leo.device
"""


def unit_is_bound_to_a_named_board(rig: Rig) -> None:
    """By the rules for udev: it starts when the board's link is there, stops with the board, and starts again with the next plug."""
    rig.install()
    rig.vm.run("cat >/run/systemd/system/bound.service; systemctl daemon-reload; systemctl -q enable --runtime bound", stdin=BOUND_UNIT.encode(), check=True)
    host = FakeHost(rig.vm.ports[0])
    host.snapshot()
    for _ in range(2):
        rig.usbipd.plug("1-3", "ch341")
        host.send({"type": "arrival", "board": facts("usb\\a", "1-3") | {"name": "leo"}, "wanted": True})
        ready = host.next("ready")
        wait_for_unit(rig, "bound", "active")
        expect_equal(rig.vm.run("cat /run/bound")[1].strip(), ready["ttys"][0]["path"], "what the unit has found at the link")
        usb_unit = rig.vm.run(f"systemd-escape --path --suffix=device {ready['usb_node']}", check=True)[1].strip()
        for unit in ("dev-ttyferry-leo.device", usb_unit):
            expect_equal(rig.vm.run(f"systemctl is-active {unit}")[1].strip(), "active", unit)
        rig.usbipd.unplug("1-3")
        host.next("detached")
        wait_for_unit(rig, "bound", "inactive")
        expect_equal(rig.vm.run("systemctl is-active dev-ttyferry-leo.device")[1].strip(), "inactive", "the board's unit")
        host.send({"type": "removal", "id": "usb\\a"})
    host.close()
    rig.vm.run("systemctl -q disable --runtime bound; rm -f /run/systemd/system/bound.service /run/bound; systemctl daemon-reload")
    rig.remove()


def wait_for_unit(rig: Rig, unit: str, state: str) -> None:
    rig.vm.run(f"until [ \"$(systemctl is-active {unit})\" = {state} ]; do sleep 0.05; done", timeout=LIMIT_S, check=True)


CASES = [
    setup_installs_and_purge_leaves_no_trace,
    setup_again_upgrades_and_keeps_the_board,
    removal_lets_go_of_the_board,
    upgrade_that_fails_leaves_the_old_agent_and_the_board,
    key_alone_is_replaced_and_the_agent_stays,
    bad_requests_change_nothing,
    kick_says_why_it_fails,
]
SYSTEMD_CASES = [
    unit_lets_the_agent_do_its_work,
    unit_lets_the_agent_offer_its_stream_to_other_distributions,
    killed_agent_is_started_again_with_its_board,
    kick_works_outside_of_the_units_walls,
    unit_is_bound_to_a_named_board,
]


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--quick"]
    is_quick = "--quick" in sys.argv[1:]
    cases = Cases(Rig.clean_up)
    for kind in KINDS:
        common = CASES[:1] if is_quick and kind.systemd else CASES
        chosen = [case for case in common + SYSTEMD_CASES * kind.systemd if not names or case.__name__ in names]
        if not chosen:
            continue
        with contextlib.ExitStack() as stack:
            rig = Rig(stack, kind)
            for case in chosen:
                cases.run_one(f"{case.__name__}, {kind.name}", case, rig)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

"""The cases of docs/ide/systemd.md."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "tests/e2e")]

from cases import expect_equal  # noqa: E402
from desk import HOME, LIMIT_S, Desk  # noqa: E402

UNIT_FILE = ROOT / "docs/ide/nano-log.service"
UNIT = UNIT_FILE.name
LOG = "/var/log/nano/nano.log"


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def unit(desk: Desk) -> None:
    """The page shows the file as it is, and systemd finds nothing wrong with it."""
    expect_equal(directives(desk.blocks["unit"].text), directives(UNIT_FILE.read_text()), "the unit on the page")
    desk.lab.vm.push(UNIT_FILE, f"{HOME}/{UNIT}")
    expect_equal(desk.say(f"systemd-analyze verify {HOME}/{UNIT}", by_root=True), "", "what systemd-analyze says")


def until_state(desk: Desk, state: str) -> None:
    script = f"until [ \"$(systemctl show --value -p ActiveState {UNIT})\" = {state} ]; do sleep 0.1; done"
    code, _ = desk.lab.vm.run(f"timeout {LIMIT_S:.0f} sh -c '{script}'", timeout=LIMIT_S + 5)
    assert code == 0, desk.say(f"systemctl status --no-pager {UNIT} 'dev-tty*.device'; journalctl --no-pager -n 30; true", by_root=True)


def unit_install(desk: Desk) -> None:
    """It starts and stops with the board, twice in the full run; each time it has heard the board meanwhile."""
    desk.pull()
    desk.lab.vm.push(UNIT_FILE, f"{HOME}/{UNIT}")
    desk.say(f"cd {HOME} && {desk.command('unit_install')}", by_root=True)
    try:
        for word in ("first", "second")[: 2 if desk.full else 1]:
            desk.have("nano")
            until_state(desk, "active")
            # Said again until it is heard: a service that is active need not have opened the board yet.
            heard = f"until grep -q {word} {LOG}; do echo {word} >/dev/ttyferry/nano; sleep 0.1; done"
            desk.say(f"timeout {LIMIT_S:.0f} sh -c '{heard}'", by_root=True)
            desk.pull()
            until_state(desk, "inactive")
    finally:
        desk.say(f"systemctl disable --now {UNIT}; rm -f /etc/systemd/system/{UNIT}", by_root=True)


SERVICE_CASES: list[Callable[[Desk], None]] = [unit, unit_install]

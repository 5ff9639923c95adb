#!/usr/bin/python3
"""Imports through the host, end to end: the guest can't reach usbipd's port, whatever it sends there is lost, and everything still
works; over connections of their own beside the link, and as streams of a link that is a bridge (wsl.exe's stdio).

    tests/e2e/through_host.py [--over tcp|bridge|both] [--flash] [CASE...]

--flash also flashes a Nano in a whole Debian. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, show_logs, single_tty, take_down  # noqa: E402
from usbipd_service import UsbipdService  # noqa: E402
from wsl_distribution import Distribution  # noqa: E402
from wsl_lab import PORT_FILE, SYSTEM_FOLDER, WSL_PROGRAM  # noqa: E402
from wsl_service import WslService  # noqa: E402
import wsl_service  # noqa: E402

DISTRIBUTION = "Lab"
END_BRIDGE = r"""for p in /proc/[0-9]*; do tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^[^ ]*ttyferry agent --stdio $' && kill ${p#/proc/} && exit; done; exit 1"""
MANY = [("nano", "1-1"), ("leonardo", "1-2"), ("nano", "1-3"), ("nano", "1-4"), ("cp2102", "2-1"), ("nano", "2-2"), ("ft232r", "2-3"), ("nano", "2-4")]


def as_root(_name: str, _user: str, _folder: str, words: list[str], _shell: bool) -> str:
    """The lab's VM has no users but root, and none of the programs that change to one."""
    return "exec " + shlex.join(words)


class Running(Distribution):
    """The lab's own VM as a distribution: it runs for as long as the lab does."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(DISTRIBUTION, machine=False, state="Running", default_user="root")
        self.vm = lab.vm

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


@contextlib.contextmanager
def bridged(lab: Lab) -> Iterator[None]:
    """wsl.exe leads into the lab's VM."""
    assert lab.prefix.path
    wsl_service.command_script = as_root
    service = WslService([Running(lab)], None)
    service.start()
    (lab.prefix.path / PORT_FILE).write_text(str(service.port))
    shutil.copy(WSL_PROGRAM, lab.prefix.path / SYSTEM_FOLDER / "wsl.exe")
    lab.vm.run("mkdir -p /usr/local/bin && ln -sf /bin/ttyferry /usr/local/bin/ttyferry", check=True)
    lab.link_config = {"transport": "bridge"}
    lab.host_config = {"wsl": {"distribution": DISTRIBUTION}}
    try:
        yield
    finally:
        service.stop()


def service_of(lab: Lab) -> UsbipdService:
    assert lab.service is not None
    return lab.service


def is_bridge(lab: Lab) -> bool:
    return bool(lab.link_config)


def wait_ready(lab: Lab, board: Board, marks: dict) -> str:
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    lab.guest.wait_event("ready", board.id, marks[lab.guest])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    return tty


def one_board(lab: Lab, model: str) -> None:
    asked = lab.host_log.read_text(errors="replace").count("the guest asks for usbipd")
    board, tty, *_ = bring_up(lab, model, "1-3")
    echo(lab, board, tty)
    take_down(lab, board, tty)
    assert lab.host_log.read_text(errors="replace").count("the guest asks for usbipd") > asked, "the host was not asked"


def nano_is_a_tty(lab: Lab) -> None:
    one_board(lab, "nano")


def leonardo_is_a_tty(lab: Lab) -> None:
    one_board(lab, "leonardo")


def what_worked_is_tried_first(lab: Lab) -> None:
    """The direct way takes its 3 s once: the route is remembered."""
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    take_down(lab, board, tty)
    board, tty, _, ready = bring_up(lab, "nano", "1-3")
    assert ready["took_ms"]["import"] < 3000, ready["took_ms"]
    take_down(lab, board, tty)


def board_that_resets_comes_back(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    service_of(lab).reset(board)
    take_down(lab, board, wait_ready(lab, board, marks))


def board_that_becomes_its_bootloader_is_followed(lab: Lab) -> None:
    board, *_ = bring_up(lab, "leonardo", "1-3")
    for name in ("leonardo_bootloader", "leonardo"):
        marks = lab.marks()
        board = service_of(lab).switch(board, name)
        tty = wait_ready(lab, board, marks)
    take_down(lab, board, tty)


def usbipd_that_closes_is_noticed_at_once(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.usbipd.hang_up("1-3")
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    take_down(lab, board, wait_ready(lab, board, marks))


def silent_board_is_found(lab: Lab) -> None:
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.usbipd.stall("1-3", True)
    lab.vm.run("date -s @$(($(date +%s) + 3600))", check=True)  # Whatever asks the boards.
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    lab.usbipd.stall("1-3", False)
    take_down(lab, board, wait_ready(lab, board, marks))


def stuck_board_holds_up_no_other(lab: Lab) -> None:
    """Eight at once, of which one's peer answers nothing while the others echo."""
    boards = [bring_up(lab, model, busid)[:2] for model, busid in MANY]
    lab.usbipd.stall(MANY[0][1], True)
    stuck = lab.vm.popen(f"tty_echo --bytes 65536 --timeout-ms 60000 {boards[0][1]}")
    for board, tty in boards[1:]:
        echo(lab, board, tty)
    stuck.close()
    for board, tty in boards[1:]:
        take_down(lab, board, tty)
    marks = lab.marks()
    lab.unplug(MANY[0][1])  # By now it may have been let go of as silent.
    lab.windows.wait_event("removal", boards[0][0].id, marks[lab.windows])


def lost_link_takes_only_what_goes_over_it(lab: Lab) -> None:
    """Connections of their own outlive the link; streams of a bridge end with it, and the boards come back by themselves."""
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    marks = lab.marks()
    if is_bridge(lab):
        lab.vm.run(END_BRIDGE, check=True)
        lab.guest.wait_event("detached", board.id, marks[lab.guest])
        tty = wait_ready(lab, board, marks)
    else:
        assert lab.relay is not None
        lab.relay.cut()
        lab.wait_link("up", marks)
        echo(lab, board, tty)
        told = [e["event"] for e in lab.guest.since(marks[lab.guest]) if e.get("board", {}).get("id") == board.id and e["event"] != "update"]
        expect_equal(told, [], "events of the board on the guest's stream")
    take_down(lab, board, tty)


def boards_live_as_the_contract_says(lab: Lab) -> None:
    expect_sound_lives(lab.guest)
    expect_sound_lives(lab.windows)


CASES = [
    nano_is_a_tty,
    leonardo_is_a_tty,
    what_worked_is_tried_first,
    board_that_resets_comes_back,
    board_that_becomes_its_bootloader_is_followed,
    usbipd_that_closes_is_noticed_at_once,
    silent_board_is_found,
    stuck_board_holds_up_no_other,
    lost_link_takes_only_what_goes_over_it,
    boards_live_as_the_contract_says,
]


def start(lab: Lab) -> None:
    lab.start_service()
    lab.start_agents(relay=not is_bridge(lab))


def run_over(transport: str, chosen: list, cases: Cases[Lab]) -> None:
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(reaches_usbipd=False))
        if transport == "bridge":
            stack.enter_context(bridged(lab))
        start(lab)
        for case in chosen:
            cases.run_one(f"{transport}: {case.__name__}", case, lab)


def flash_over_host() -> int:
    from flash import FEW, SCRIPTS, Bench, nano  # noqa: PLC0415

    with Lab(debian=True, reaches_usbipd=False) as lab:
        start(lab)
        for script in SCRIPTS:
            lab.vm.push(script, f"/usr/local/bin/{script.name}")
        bench = Bench(lab, FEW)
        nano(bench)
        return bench.cases.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Imports through the host, end to end.")
    parser.add_argument("--over", choices=("tcp", "bridge", "both"), default="both", help="what the link is")
    parser.add_argument("--quick", action="store_true", help=f"without {stuck_board_holds_up_no_other.__name__}, which takes most of a minute")
    parser.add_argument("--flash", action="store_true", help="flash a Nano in a whole Debian instead")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    if arguments.flash:
        return flash_over_host()
    if arguments.quick:
        chosen = [case for case in chosen if case is not stuck_board_holds_up_no_other]
    cases: Cases[Lab] = Cases(show_logs)
    for transport in ("tcp", "bridge") if arguments.over == "both" else (arguments.over,):
        run_over(transport, chosen, cases)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

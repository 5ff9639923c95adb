#!/usr/bin/python3
"""Every chip that the lab emulates, end to end: the kernel's own driver takes it, the right tty is told, and it echoes.

    tests/e2e/chips.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, show_logs, take_down  # noqa: E402

# After what USB/IP calls the speed, the kernel's word for it in megabits.
SUPER_SPEED_MBIT = "5000"


def one_tty(lab: Lab, model: str, **settings: str) -> None:
    board, tty, *_ = bring_up(lab, model, "1-3", **settings)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def cp2102_is_a_tty(lab: Lab) -> None:
    one_tty(lab, "cp2102")


def ft232r_is_a_tty(lab: Lab) -> None:
    """Its COM port sits on a child node of Windows, and its packets have a header."""
    one_tty(lab, "ft232r")


def pl2303_is_a_tty(lab: Lab) -> None:
    one_tty(lab, "pl2303")


def high_speed_board_is_a_tty(lab: Lab) -> None:
    one_tty(lab, "leonardo", speed="high")


def super_speed_board_goes_to_a_super_speed_port(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "superspeed", "1-3")
    _, speeds = lab.vm.run("for d in /sys/bus/usb/devices/*; do [ \"$(cat $d/idVendor 2>/dev/null)\" = 1209 ] && cat $d/speed; done")
    expect_equal(speeds.strip(), SUPER_SPEED_MBIT, "the speed that the kernel sees")
    echo(lab, board, tty)
    take_down(lab, board, tty)


def composite_board_has_two_ttys(lab: Lab) -> None:
    marks = lab.marks()
    board = lab.plug("dual", "1-3")
    for stream, mark in marks.items():
        _, ready = stream.wait_event("ready", board.id, mark)
        expect_equal([tty["interface"] for tty in ready["ttys"]], [0, 2], f"interfaces on the {stream.name} stream")
    ttys = [tty["path"] for tty in ready["ttys"]]
    for tty in ttys:
        echo(lab, board, tty)
    take_down(lab, board, ttys[0])
    expect_equal(lab.vm.run(f"[ -e {ttys[1]} ]")[0], 1, f"exit code of a look for {ttys[1]}")


def board_without_a_tty_is_ready_with_its_usb_node(lab: Lab) -> None:
    marks = lab.marks()
    board = lab.plug("dfu", "1-3")
    for stream, mark in marks.items():
        _, ready = stream.wait_event("ready", board.id, mark)
        expect_equal((ready["ttys"], ready["board"]["kind"]), ([], "dfu"), f"ttys and kind on the {stream.name} stream")
    expect_equal(lab.vm.run(f"[ -c {ready['usb_node']} ]")[0], 0, f"exit code of a look for {ready['usb_node']}")
    take_down(lab, board, ready["usb_node"])


def boards_live_as_the_contract_says(lab: Lab) -> None:
    expect_sound_lives(lab.guest)
    expect_sound_lives(lab.windows)


CASES = [
    cp2102_is_a_tty,
    ft232r_is_a_tty,
    pl2303_is_a_tty,
    high_speed_board_is_a_tty,
    super_speed_board_goes_to_a_super_speed_port,
    composite_board_has_two_ttys,
    board_without_a_tty_is_ready_with_its_usb_node,
    boards_live_as_the_contract_says,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Every chip of the lab, end to end.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with Lab() as lab:
        lab.start_agents()
        cases: Cases[Lab] = Cases(show_logs)
        cases.run(chosen, lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

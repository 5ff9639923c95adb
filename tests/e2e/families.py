#!/usr/bin/python3
"""Boards that the configuration names: the name travels through every identity of a board on both streams, `wait` asks for it, and
/dev/ttyferry/<name> leads to the tty of the moment.

    tests/e2e/families.py [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, settled, show_logs, take_down  # noqa: E402

LEO = {"identities": ["2341:8036", "2341:0036"]}
BOARDS = {
    "leo": LEO,
    "desk": {"identities": ["1a86:7523"]},
    "front": {"identities": ["1a86:7523"], "port": "2-1"},
    "pico": {"identities": ["2e8a:000c"]},
}


def expect_ready(lab: Lab, board: Board, name: str | None, marks: dict) -> dict[str, Any]:
    """Both streams say so with that name and that link, and the link leads to the tty; returns the guest's event."""
    link = f"/dev/ttyferry/{name}" if name else None
    for stream in (lab.windows, lab.guest):
        _, arrival = stream.wait_event("arrival", board.id, marks[stream])
        _, ready = stream.wait_event("ready", board.id, marks[stream])
        names = (arrival["board"]["name"], ready["board"]["name"], ready["ttys"][0]["link"])
        expect_equal(names, (name, name, link), f"names and link on the {stream.name} stream")
    if link:
        expect_link(lab, link, ready["ttys"][0]["path"])
    return ready


def expect_link(lab: Lab, link: str, tty: str | None) -> None:
    """tty None: there is no such link, not even a dangling one."""
    _, target = lab.vm.run(f"if [ -L {link} ]; then readlink -f {link}; fi")
    expect_equal(target.strip(), tty or "", f"what {link} leads to")


def wait_in_guest(lab: Lab, *words: str) -> tuple[int, str]:
    """`ttyferry wait` in the VM, to its end, which comes even if the board never does."""
    verb = lab.guest_verb("wait", *words, *([] if "--timeout" in words else ["--timeout", "60"]))
    output = verb.stdout.read().decode()
    return verb.wait(30), output


def name_follows_a_board_through_its_bootloader(lab: Lab) -> None:
    assert lab.service is not None
    marks = lab.marks()
    board = lab.plug("leonardo", "1-3")
    expect_ready(lab, board, "leo", marks)
    marks = lab.marks()
    bootloader = lab.service.switch(board, "leonardo_bootloader")
    expect_ready(lab, bootloader, "leo", marks)
    marks = lab.marks()
    board = lab.service.switch(bootloader, "leonardo")
    ready = expect_ready(lab, board, "leo", marks)
    echo(lab, board, "/dev/ttyferry/leo")
    take_down(lab, board, ready["ttys"][0]["path"])
    expect_link(lab, "/dev/ttyferry/leo", None)


def wait_asks_for_one_identity_or_for_any(lab: Lab) -> None:
    assert lab.service is not None
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    for match in ("leo", "name=leo", "2341:8036"):
        expect_equal(wait_in_guest(lab, match), (0, f"{tty}\n"), f"exit code and output of wait {match}")
    identity = lab.guest_verb("wait", "2341:0036", "--timeout", "30")
    host = lab.host_verb("wait", "2341:0036", "--timeout", "30")
    bootloader = lab.service.switch(board, "leonardo_bootloader")
    told = settled(lab.guest, bootloader, "ready")["ttys"][0]["path"]
    expect_equal((identity.stdout.read().decode(), identity.wait(30)), (f"{told}\n", 0), "output and exit code of wait 2341:0036")
    output, _ = host.communicate(timeout=30)
    expect_equal((output.decode(), host.returncode), (f"{told}\n", 0), "output and exit code of wait 2341:0036 at Windows")
    expect_equal(wait_in_guest(lab, "leo"), (0, f"{told}\n"), "exit code and output of wait leo in the bootloader")
    take_down(lab, bootloader, told)


def script_of_cmd_prints_the_tty(lab: Lab) -> None:
    """docs/ide/wait-for-board.cmd, as somebody at Windows runs it who has ttyferry.exe in the PATH."""
    script = lab.prefix.windows_path(ROOT / "docs/ide/wait-for-board.cmd")
    path = {"WINEPATH": lab.prefix.windows_path(lab.host_program.parent)}
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    done = lab.prefix.run("cmd", "/c", script, "leo", env=path)
    expect_equal(done.stdout.split(), [tty], "what the script prints")
    take_down(lab, board, tty)
    expect_equal(lab.prefix.run("cmd", "/c", script, check=False, env=path).returncode, 2, "exit code without a board")


def place_tells_two_alike_apart(lab: Lab) -> None:
    marks = lab.marks()
    desk = lab.plug("nano", "1-3")
    expect_ready(lab, desk, "desk", marks)
    marks = lab.marks()
    front = lab.plug("nano", "2-1")
    expect_ready(lab, front, "front", marks)
    for board in (desk, front):
        lab.unplug(board.busid)
    for board in (desk, front):
        for stream, mark in marks.items():
            stream.wait_event("removal", board.id, mark)


def name_is_worn_by_one_board_at_a_time(lab: Lab) -> None:
    first, first_tty, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    second = lab.plug("nano", "1-4")
    ready = expect_ready(lab, second, None, marks)
    assert '"serial" or "port"' in lab.host_log.read_text(errors="replace"), "the host agent does not say what to do"
    expect_link(lab, "/dev/ttyferry/desk", first_tty)
    take_down(lab, first, first_tty)
    take_down(lab, second, ready["ttys"][0]["path"])
    marks = lab.marks()
    second = lab.plug("nano", "1-4")
    ready = expect_ready(lab, second, "desk", marks)
    take_down(lab, second, ready["ttys"][0]["path"])


def further_ttys_have_links_of_their_own(lab: Lab) -> None:
    marks = lab.marks()
    board = lab.plug("dual", "1-3")
    ready = expect_ready(lab, board, "pico", marks)
    first, second = ready["ttys"]
    expect_equal(second["link"], "/dev/ttyferry/pico-if02", "the second tty's link")
    expect_link(lab, second["link"], second["path"])
    take_down(lab, board, first["path"])
    expect_link(lab, second["link"], None)


def link_is_kept_when_the_guest_agent_is_killed(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    lab.guest_agent.send_signal(9)
    lab.guest_agent.wait(10)
    expect_link(lab, "/dev/ttyferry/leo", tty)
    lab.start_guest_agent()
    settled(lab.guest, board, "ready")
    expect_link(lab, "/dev/ttyferry/leo", tty)
    take_down(lab, board, tty)
    expect_link(lab, "/dev/ttyferry/leo", None)


def link_of_a_board_that_went_meanwhile_is_removed(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    lab.guest_agent.send_signal(9)
    lab.guest_agent.wait(10)
    lab.unplug("1-3")
    lab.vm.run(f"until [ ! -e {tty} ]; do usleep 10000; done", timeout=30, check=True)
    lab.start_guest_agent()
    expect_link(lab, "/dev/ttyferry/leo", None)
    lab.guest.wait_link("up")  # the stream of the new agent, which lab.start_guest_agent has opened


def configuration_that_changes_renames_the_board(lab: Lab) -> None:
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    lab.stop_host_agent()
    lab.host_config = {"boards": {"lion": LEO}}
    mark = lab.guest.mark()
    lab.start_host_agent()
    expect_equal(settled(lab.windows, board, "ready")["ttys"][0]["link"], "/dev/ttyferry/lion", "the link on the Windows stream")
    lab.guest.wait("an update with the new name", lambda e: e["event"] == "update" and e["board"]["name"] == "lion", mark)
    expect_link(lab, "/dev/ttyferry/lion", tty)
    expect_link(lab, "/dev/ttyferry/leo", None)
    take_down(lab, board, tty)


def boards_live_as_the_contract_says(lab: Lab) -> None:
    expect_sound_lives(lab.guest)
    expect_sound_lives(lab.windows)


CASES = [
    name_follows_a_board_through_its_bootloader,
    wait_asks_for_one_identity_or_for_any,
    script_of_cmd_prints_the_tty,
    place_tells_two_alike_apart,
    name_is_worn_by_one_board_at_a_time,
    further_ttys_have_links_of_their_own,
    link_is_kept_when_the_guest_agent_is_killed,
    link_of_a_board_that_went_meanwhile_is_removed,
    configuration_that_changes_renames_the_board,
    boards_live_as_the_contract_says,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Named boards, end to end.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    chosen = choose(parser, CASES, parser.parse_args().cases)
    with Lab() as lab:
        lab.start_service()
        lab.host_config = {"boards": BOARDS}
        lab.start_agents()
        cases: Cases[Lab] = Cases(show_logs)
        cases.run(chosen, lab)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Permissions and stable paths, end to end: what an unprivileged user of the group dialout can open, echo and flash, by what path, where
udevd runs with its rules and ours, without any rules, and not at all. The links that the agent makes are compared with a real udevd's.

    tests/e2e/permissions.py [--full] [CASE...]

--full flashes by every path in every situation, and replugs for as long as somebody would in an hour. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, expect_equal  # noqa: E402
from firmware_image import random_image, to_intel_hex  # noqa: E402
from lab import Board, Lab  # noqa: E402
from models import MODELS  # noqa: E402
from rounds import ECHO_BYTES, expect_sound_lives, print_logs, settled  # noqa: E402

RULES = ROOT / "guest-linux/60-ttyferry.rules"
RULES_PLACE = "/etc/udev/rules.d/60-ttyferry.rules"
NAMES = {"nano": {"identities": ["1a86:7523"], "port": "1-3"}, "leo": {"identities": ["2341:8036"]}}
IMAGE_BYTES = 1024
PATHS = ("by_id", "by_path", "link")
REPLUGS, REPLUGS_OF_AN_HOUR = 3, 120
# What udevd would have to replace, cut, leave out, or keep.
STRANGE = [
    {"product": "My  board/2 (rev. B)", "serial": "A B,C"},
    {"product": "Gr\u00fcner K\u00e4fer \u20ac", "serial": "x" * 100},
    {"product": "\\x2f..%s$env{PATH}", "serial": "../../etc"},
    {"product": " " * 5, "serial": "tail "},
    {"product": "p" * 70, "serial": "#+-.:=@_"},
]

Case = Callable[["Bench"], None]


class Bench:
    """The lab with a whole Debian, and what has been found in one situation to be compared with the others."""

    def __init__(self, lab: Lab, is_full: bool) -> None:
        self.lab = lab
        self.is_full = is_full

    def sh(self, script: str, check: bool = True) -> str:
        return self.lab.vm.run(script, check=check, timeout=60)[1].strip()

    def as_user(self, script: str, user: str = "user") -> tuple[int, str]:
        """As somebody with a shell of his own, who is no root; `user` is in the group dialout, `nobody` is not."""
        return self.lab.vm.run(f"setpriv --reuid {user} --regid {user} --init-groups sh -c '{script}' 2>&1"
                               if user != "nobody" else f"setpriv --reuid nobody --regid nogroup --clear-groups sh -c '{script}' 2>&1", timeout=60)

    def restart_agent(self, access: dict[str, str] | None = None) -> None:
        """The agent anew, as it finds the machine now."""
        self.lab.guest_sections = {"access": access} if access else {}
        mark = self.lab.windows.mark()
        self.lab.stop_guest_agent()
        self.lab.start_guest_agent()
        self.lab.windows.wait_link("up", mark)
        self.lab.guest.wait_link("up")

    def log(self) -> str:
        return self.lab.guest_log()


# The situations. Each leaves the agent running in it.

def with_udevd_and_rules(bench: Bench) -> None:
    bench.lab.vm.push(RULES, RULES_PLACE)
    bench.sh("udevadm control --reload")
    bench.restart_agent()


def with_udevd_without_rules(bench: Bench) -> None:
    """Nobody's rules, not even those that load drivers."""
    bench.sh(f"rm {RULES_PLACE}; mount -t tmpfs tmpfs /usr/lib/udev/rules.d; udevadm control --reload")
    bench.restart_agent()


def without_udevd(bench: Bench) -> None:
    bench.sh("umount /usr/lib/udev/rules.d; pid=$(pidof systemd-udevd); udevadm control --exit; while kill -0 $pid 2>/dev/null; do sleep 0.01; done;"
             " rm -f /run/udev/control; ls /run/udev/data | wc -l")
    bench.restart_agent()


def start_udevd(bench: Bench) -> None:
    """A second udevd, such as that of another distribution, sees the same kernel and the same /dev. One tty after the other: all at once
    would leave this slow machine no time to answer for its boards."""
    bench.sh("/lib/systemd/systemd-udevd --daemon --children-max=1; for tty in /sys/class/tty/tty[AU]*; do"
             " udevadm trigger --action=add --settle $(readlink -f $tty) || exit 1; done")


# Boards.

@contextmanager
def plugged(bench: Bench, model: str, busid: str, **settings: Any) -> Iterator[tuple[Board, dict[str, Any]]]:
    """A board and its `ready` in the guest; pulled at the end, when nothing may be left of it below /dev."""
    lab = bench.lab
    marks = lab.marks()
    board = lab.plug(model, busid, **settings)
    _, ready = lab.guest.wait_event("ready", board.id, marks[lab.guest])
    _, told = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    expect_equal(told["ttys"], ready["ttys"], "the ttys that Windows hears of")
    try:
        yield board, ready
    finally:
        pull(bench, board)


def pull(bench: Bench, board: Board) -> None:
    lab = bench.lab
    marks = lab.marks()
    lab.unplug(board.busid)
    for stream, mark in marks.items():
        stream.wait_event("removal", board.id, mark)


def expect_no_links(bench: Bench) -> None:
    """udevd may be a little later than the agent."""
    bench.sh("i=0; while [ -n \"$(find /dev/serial /dev/ttyferry -type l 2>/dev/null)\" ] && [ $((i += 1)) -lt 500 ]; do sleep 0.01; done")
    expect_equal(bench.sh("find /dev/serial /dev/ttyferry -type l -printf '%p -> %l\\n' 2>/dev/null", check=False), "", "links that are left")


def expect_shared(bench: Bench, path: str, group: str = "dialout", mode: str = "660") -> None:
    expect_equal(bench.sh(f"stat -L -c '%U %G %a %t' {path} | cut -d' ' -f1-3"), f"root {group} {mode}", f"owner, group and mode of {path}")


def echo_as_user(bench: Bench, board: Board, path: str) -> None:
    before = bench.lab.usbipd.board(board.busid)["rx_bytes"]
    code, output = bench.as_user(f"tty_echo --bytes {ECHO_BYTES} --timeout-ms 20000 {path}")
    assert code == 0, f"echo through {path} as a user: {output}"
    expect_equal((json.loads(output)["bytes"], json.loads(output)["bad"]), (ECHO_BYTES, 0), f"bytes through {path}")
    expect_equal(bench.lab.usbipd.board(board.busid)["rx_bytes"] - before, ECHO_BYTES, "bytes that the board has had")


def flash_as_user(bench: Bench, board: Board, path: str) -> None:
    image = random_image(IMAGE_BYTES)
    bench.lab.vm.run("cat >/tmp/nano.hex; chmod 644 /tmp/nano.hex", stdin=to_intel_hex(image), check=True)
    code, output = bench.as_user(f"avrdude -q -p atmega328p -c arduino -b 115200 -P {path} -D -U flash:w:/tmp/nano.hex:i")
    assert code == 0, f"avrdude -P {path} as a user ended with {code}:\n{output}"
    expect_equal(bench.lab.usbipd.flash(board.busid)[:IMAGE_BYTES], image, "the memory of the board")


# What holds in every situation.

def user_opens_echoes_and_flashes(bench: Bench, situation: str) -> None:
    """By each of its three paths, and by no other user."""
    with plugged(bench, "nano", "1-3") as (board, ready):
        (tty,) = ready["ttys"]
        expect_equal(tty["link"], "/dev/ttyferry/nano", "the link")
        for key in PATHS:
            assert tty.get(key), f"no {key} in {tty}"
            expect_equal(bench.sh(f"readlink -f {tty[key]}"), tty["path"], f"what {key} leads to")
            echo_as_user(bench, board, tty[key])
        for path in (tty["path"], ready["usb_node"]):
            expect_shared(bench, path)
            expect_equal(bench.as_user(f"test -r {path} || test -w {path}", "nobody")[0], 1, f"whether nobody may open {path}")
    with plugged(bench, "nano_optiboot", "1-3") as (board, ready):
        once = PATHS[SITUATION_NAMES.index(situation)]
        for key in PATHS if bench.is_full else (once,):
            flash_as_user(bench, board, ready["ttys"][0][key])
    expect_no_links(bench)


def user_reads_a_dfu_board(bench: Bench, situation: str) -> None:
    """It has no tty: its USB node is what dfu-util opens, by libusb."""
    with plugged(bench, "stm32_dfu", "1-4") as (_, ready):
        expect_shared(bench, ready["usb_node"])
        code, output = bench.as_user("dfu-util -d 0483:df11 -a 0 -s 0x08000000:64 -U /tmp/dfu.$$ && rm /tmp/dfu.$$")
        assert code == 0, f"dfu-util as a user ended with {code}:\n{output}"


def later_of_two_has_the_name(bench: Bench, situation: str) -> None:
    """Two boards without serial numbers have one name by id: as with udevd the later has it, then the earlier again."""
    with plugged(bench, "nano", "2-1") as (_, first):
        by_id, earlier = first["ttys"][0]["by_id"], first["ttys"][0]["path"]
        with plugged(bench, "nano", "2-2") as (_, second):
            expect_equal(second["ttys"][0]["by_id"], by_id, "the later one's name by id")
            expect_equal(bench.sh(f"readlink -f {by_id}"), second["ttys"][0]["path"], "what the name leads to")
        wait_for_link(bench, by_id, earlier)
    expect_no_links(bench)


def wait_for_link(bench: Bench, link: str, tty: str) -> None:
    """udevd may be a little later than the agent."""
    bench.sh(f"i=0; until [ \"$(readlink -f {link})\" = {tty} ] || [ $((i += 1)) -ge 500 ]; do sleep 0.01; done; readlink -f {link}")
    expect_equal(bench.sh(f"readlink -f {link}"), tty, f"what {link} leads to")


def name_stays_through_replugs(bench: Bench, situation: str) -> None:
    """A board that is held for an hour, replugged every half a minute, while others come and go and take its tty's number."""
    for number in range(REPLUGS_OF_AN_HOUR if bench.is_full else REPLUGS):
        busid = ("1-5", "2-6")[number % 2]  # Into another port each time.
        others = []
        if number % 2:
            others.append(bench.lab.plug("leonardo_bootloader", "3-1"))
            bench.lab.guest.wait_event("ready", others[0].id)
        with plugged(bench, "leonardo", busid) as (board, ready):
            (tty,) = ready["ttys"]
            expect_equal(tty["link"], "/dev/ttyferry/leo", "the link")
            expect_equal(bench.sh("readlink -f /dev/ttyferry/leo; ls /dev/ttyferry"), f"{tty['path']}\nleo", "what it leads to, and what there is")
            if number % 10 == 0:
                echo_as_user(bench, board, "/dev/ttyferry/leo")
        for other in others:
            pull(bench, other)
    expect_no_links(bench)


IN_EACH = [user_opens_echoes_and_flashes, user_reads_a_dfu_board, later_of_two_has_the_name]


# What is about one situation.

def configured_group_and_mode_count(bench: Bench) -> None:
    """The last of its situation: the next starts the agent anew."""
    bench.restart_agent({"group": "plugdev", "mode": "0640"})
    with plugged(bench, "nano", "1-3") as (_, ready):
        for path in (ready["ttys"][0]["path"], ready["usb_node"]):
            expect_shared(bench, path, "plugdev", "640")


def group_that_is_missing_is_told(bench: Bench) -> None:
    """The board is attached all the same, and nobody gets what was not meant for him."""
    bench.restart_agent({"group": "makers"})
    with plugged(bench, "nano", "1-3") as (_, ready):
        expect_shared(bench, ready["ttys"][0]["path"], "root", "600")
    assert 'there is no group "makers"' in bench.log() and "groupadd" in bench.log(), "the log does not say what to do"
    bench.restart_agent()


def what_is_no_link_stays(bench: Bench) -> None:
    """A file where a link should go: told, left alone, and the other links are made."""
    with plugged(bench, "nano", "1-3") as (_, ready):
        by_id = ready["ttys"][0]["by_id"]
    bench.sh(f"mkdir -p /dev/serial/by-id /dev/ttyferry; echo mine >/dev/ttyferry/nano; echo mine >{by_id}")
    with plugged(bench, "nano", "1-3") as (board, ready):
        (tty,) = ready["ttys"]
        expect_equal((tty["link"], tty["by_id"]), (None, None), "the links in whose place there is a file")
        echo_as_user(bench, board, tty["by_path"])
        assert "no link of ours: move it away" in bench.log(), "the log does not say what to do"
    expect_equal(bench.sh(f"cat /dev/ttyferry/nano {by_id}"), "mine\nmine", "the files")
    bench.sh(f"rm /dev/ttyferry/nano {by_id}")


def full_dev_is_told(bench: Bench) -> None:
    """No inode is left for a link; the board is ready nevertheless."""
    bench.sh("mkdir -p /dev/serial /dev/ttyferry; mount -t tmpfs -o nr_inodes=1,mode=755 tmpfs /dev/ttyferry; mount -t tmpfs -o nr_inodes=1,mode=755 tmpfs /dev/serial")
    try:
        with plugged(bench, "nano", "1-3") as (board, ready):
            (tty,) = ready["ttys"]
            expect_equal((tty["link"], tty["by_id"], tty.get("by_path")), (None, None, None), "links without room")
            echo_as_user(bench, board, tty["path"])
            assert "is full: make room there" in bench.log(), "the log does not say what to do"
    finally:
        bench.sh("umount /dev/ttyferry /dev/serial")


def links_of_a_killed_agent_are_taken_over(bench: Bench) -> None:
    """One board stays and is taken over, another goes while no agent runs: none of its links dangles then."""
    lab = bench.lab
    with plugged(bench, "nano", "1-3") as (board, ready):
        other = lab.plug("cp2102", "1-6")
        _, gone = lab.guest.wait_event("ready", other.id)
        lab.guest_agent.send_signal(9)
        lab.guest_agent.wait(10)
        lab.unplug("1-6")
        bench.sh(f"until [ ! -e {gone['ttys'][0]['path']} ]; do sleep 0.01; done")
        lab.start_guest_agent()
        lab.guest.wait_link("up")
        settled(lab.guest, board, "ready")
        links = bench.sh("find /dev/serial /dev/ttyferry -type l -printf '%f -> %l\\n' | sort").splitlines()
        tty = ready["ttys"][0]
        name = Path(tty["path"]).name
        expect_equal(links, sorted(f"{Path(tty[key]).name} -> {'..' if key == 'link' else '../..'}/{name}" for key in PATHS), "the links")
    expect_no_links(bench)


def links_are_those_of_udevd(bench: Bench) -> None:
    """For every board of the lab, and some whose strings are strange: the same names, and a udevd that comes later does no harm."""
    lab = bench.lab
    mark = lab.guest.mark()
    # Of those that Windows would call by one instance id the first is enough: their USB side is the same. A Caterina leaves by itself.
    alike = {(model.device_id, model.serial or name): name for name, model in reversed(MODELS.items())}
    wanted: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in MODELS if name in alike.values() and name != "leonardo_boot"]
    wanted += [("leonardo_bootloader", settings) for settings in STRANGE]
    boards = [lab.plug(model, f"{4 + i // 8}-{1 + i % 8}", **settings) for i, (model, settings) in enumerate(wanted)]
    readies = {board.busid: lab.guest.wait_event("ready", board.id, mark)[1] for board in boards}
    ours = {tty["path"]: {tty["by_id"], tty.get("by_path")} - {None} for ready in readies.values() for tty in ready["ttys"]}
    assert len(ours) >= len(boards) - 2 and all(len(links) == 2 for links in ours.values()), ours
    start_udevd(bench)
    for path, links in ours.items():
        theirs = bench.sh(f"udevadm info --query=symlink --name={path}").split()
        expect_equal({f"/dev/{link}" for link in theirs if "-usbv" not in link}, links, f"udevd's links of {path}")
    marks = lab.marks()
    for board in boards:
        lab.unplug(board.busid)
    for board in boards:
        for stream, position in marks.items():
            stream.wait_event("removal", board.id, position)
    expect_no_links(bench)


def udevd_that_is_stuck_is_not_waited_for(bench: Bench) -> None:
    """The agent's own hand does its part in time, and udevd's late one changes nothing."""
    bench.sh("kill -STOP $(pidof systemd-udevd)")
    try:
        with plugged(bench, "nano", "1-3") as (board, ready):
            (tty,) = ready["ttys"]
            for key in PATHS:
                echo_as_user(bench, board, tty[key])
            assert "is udevd stuck?" in bench.log(), "the log does not say so"
            bench.sh("kill -CONT $(pidof systemd-udevd); udevadm settle")
            expect_shared(bench, tty["path"])
            for key in PATHS:
                expect_equal(bench.sh(f"readlink -f {tty[key]}"), tty["path"], f"what {key} leads to after udevd")
    finally:
        bench.sh("kill -CONT $(pidof systemd-udevd)")
    expect_no_links(bench)


def boards_live_as_the_contract_says(bench: Bench) -> None:
    expect_sound_lives(bench.lab.windows)


SITUATIONS: list[tuple[Case, list[Case]]] = [
    (with_udevd_and_rules, [udevd_that_is_stuck_is_not_waited_for, configured_group_and_mode_count]),
    (with_udevd_without_rules, []),
    (without_udevd, [group_that_is_missing_is_told, what_is_no_link_stays, full_dev_is_told, links_of_a_killed_agent_are_taken_over,
                     links_are_those_of_udevd]),
]
SITUATION_NAMES = [situation.__name__ for situation, _ in SITUATIONS]


def show(bench: Bench) -> None:
    """After a failure; and no board stays for the next case."""
    print_logs(bench.lab)
    print(bench.lab.vm.run("ls -lR /dev/serial /dev/ttyferry; ls -l /dev/tty[AU]*; ls /run/ttyferry")[1])
    for busid in list(bench.lab.boards):
        try:
            bench.lab.unplug(busid)
        except Exception as error:  # The case may have failed in the middle of the plugging.
            print(f"--- {busid} could not be pulled: {error}")


def run(bench: Bench, cases: Cases[Bench], chosen: list[str]) -> None:
    def once(name: str, case: Case) -> None:
        if not chosen or any(word in name for word in chosen):
            cases.run_one(name, case, bench)

    for situation, own in SITUATIONS:
        cases.run_one(situation.__name__, situation, bench)
        for case in [*IN_EACH, *([name_stays_through_replugs] if bench.is_full or situation is without_udevd else [])]:
            once(f"{situation.__name__} {case.__name__}", functools.partial(case, situation=situation.__name__))
        for case in own:
            once(f"{situation.__name__} {case.__name__}", case)
    once(boards_live_as_the_contract_says.__name__, boards_live_as_the_contract_says)


def main() -> int:
    parser = argparse.ArgumentParser(description="Permissions and stable paths, end to end.")
    parser.add_argument("--full", action="store_true", help="every path in every situation, and an hour of replugs")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only those with this in their names")
    arguments = parser.parse_args()
    started = time.monotonic()
    with Lab(debian=True) as lab:
        lab.host_config = {"boards": NAMES}
        lab.start_agents()
        cases: Cases[Bench] = Cases(show)
        run(Bench(lab, arguments.full), cases, arguments.cases)
    print(f"figure  all of it: {time.monotonic() - started:.0f} s")
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

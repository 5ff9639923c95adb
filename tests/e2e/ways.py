#!/usr/bin/python3
"""The same cases over each of the four ways: the link over TCP or over a bridge (wsl.exe's stdio), boards imported directly or
through the host, where whatever the guest sends to usbipd's port is lost.

    tests/e2e/ways.py [--over tcp|bridge] [--import direct|through_host] [--quick] [--flash] [CASE...]

Each case ends with a look at which way was in use: what both streams say of the link, and whose the connections to usbipd are.
--quick runs the few cases in which the ways differ most; --flash flashes a Nano with avrdude in a whole Debian instead. Ends with
"N passed, N failed".
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from bridged_lab import bridged, end_background_agent, end_bridge  # noqa: E402
from cases import Cases, choose, expect_equal  # noqa: E402
from flash import FEW, NANO, SCRIPTS, Bench, flash_nano, plugged  # noqa: E402
from hand import at_windows, expect_yielded, in_guest  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import bring_up, echo, expect_sound_lives, settled, show_logs, single_tty, take_down, true_tty, wait_ready  # noqa: E402
from streams import EventStream  # noqa: E402
from usbipd_service import UsbipdService  # noqa: E402

SIGKILL = 9
# More than the window of a stream over a bridge, both ways.
MANY_BYTES, MANY_LIMIT_S = 256 * 1024, 120
EIGHT = [("nano", "1-1"), ("leonardo", "1-2"), ("nano", "1-3"), ("nano", "1-4"), ("cp2102", "2-1"), ("nano", "2-2"), ("ft232r", "2-3"), ("nano", "2-4")]
NO_NEWS = ("link", "update", "snapshot")


@dataclasses.dataclass(frozen=True)
class Way:
    transport: str
    imports: str

    def __str__(self) -> str:
        return f"{self.transport}, {self.imports}"

    @property
    def through_host(self) -> bool:
        """Every byte of a board passes the host agent."""
        return self.imports == "through_host"

    @property
    def over_link(self) -> bool:
        """And does so over the link itself."""
        return self.through_host and self.transport == "bridge"


WAYS = [Way(transport, imports) for imports in ("direct", "through_host") for transport in ("tcp", "bridge")]


class Passage:
    """The lab while one way is in use."""

    def __init__(self, lab: Lab, way: Way) -> None:
        self.lab = lab
        self.way = way

    @property
    def service(self) -> UsbipdService:
        assert self.lab.service is not None
        return self.lab.service

    def cut_link(self) -> None:
        if self.lab.relay:
            self.lab.relay.cut()
        else:
            end_bridge(self.lab)

    def kill_guest_agent(self) -> None:
        """And another comes in its place: the lab's, or the one that the host's next bridge starts."""
        lab = self.lab
        mark = lab.windows.mark()
        lab.guest_agent.send_signal(SIGKILL)
        lab.guest_agent.wait(30)
        if self.way.transport == "bridge":
            lab.windows.wait_link("down", mark)
            lab.windows.wait_link("up", mark)
            lab.subscribe_to_guest()
        else:
            lab.start_guest_agent()

    def restore_guest_agent(self) -> None:
        """After kill_guest_agent: both agents are the lab's again."""
        if self.way.transport == "bridge":
            self.lab.stop_host_agent()
            end_background_agent(self.lab)
            self.lab.start_agents()

    def expect_in_use(self) -> None:
        """Nothing but this way carries the link, and every board that is attached."""
        for stream in (self.lab.windows, self.lab.guest):
            link = last_link(stream)
            expect_equal((link["state"], link["transport"]), ("up", self.way.transport), f"the link on the {stream.name} stream")
        attached = len(self.lab.boards)
        assert attached, "no board is there to tell by"
        expected = {"guest": 0, "host": attached} if self.way.through_host else {"guest": attached, "host": 0}
        expect_equal(self.lab.connections_to_usbipd(), expected, "connections to usbipd")


def last_link(stream: EventStream) -> dict[str, Any]:
    """The link as the stream told it last."""
    return [e["link"] if e["event"] == "snapshot" else e for e in stream.since(0) if e["event"] in ("snapshot", "link")][-1]


def imports_of(lab: Lab, board: Board) -> int:
    return lab.usbipd.board(board.busid)["imports"]


def expect_untouched(lab: Lab, board: Board, tty: str, imports: int) -> None:
    """The same tty still answers, and nobody imported anything anew."""
    expect_equal(true_tty(lab, board), tty, "the tty")
    echo(lab, board, tty)
    expect_equal(imports_of(lab, board), imports, "imports that the server has served")


# The cases. Each ends with no board in its place.

def board_becomes_ready_and_echoes_until_it_goes(passage: Passage) -> None:
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    echo(lab, board, tty)
    passage.expect_in_use()
    take_down(lab, board, tty)


def two_boards_are_independent(passage: Passage) -> None:
    lab = passage.lab
    nano, nano_tty, *_ = bring_up(lab, "nano", "1-3")
    leonardo, leonardo_tty, *_ = bring_up(lab, "leonardo", "2-1")
    echo(lab, nano, nano_tty)
    echo(lab, leonardo, leonardo_tty)
    passage.expect_in_use()
    take_down(lab, nano, nano_tty)
    echo(lab, leonardo, leonardo_tty)
    passage.expect_in_use()
    take_down(lab, leonardo, leonardo_tty)


def board_that_resets_comes_back(passage: Passage) -> None:
    lab = passage.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    passage.service.reset(board)
    tty = wait_ready(lab, board, marks)
    passage.expect_in_use()
    take_down(lab, board, tty)


def board_that_is_replugged_comes_back(passage: Passage) -> None:
    """At once: nobody waits until its first stay is over."""
    lab = passage.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.unplug(board.busid)
    board = lab.plug("nano", board.busid)
    tty = wait_ready(lab, board, marks)
    passage.expect_in_use()
    take_down(lab, board, tty)


def board_that_becomes_its_bootloader_is_followed(passage: Passage) -> None:
    lab = passage.lab
    board, *_ = bring_up(lab, "leonardo", "1-3")
    for name in ("leonardo_bootloader", "leonardo"):
        marks = lab.marks()
        board = passage.service.switch(board, name)
        tty = wait_ready(lab, board, marks)
        passage.expect_in_use()
    take_down(lab, board, tty)


def many_bytes_are_counted(passage: Passage) -> None:
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    echo(lab, board, tty, MANY_BYTES, MANY_LIMIT_S)
    passage.expect_in_use()
    take_down(lab, board, tty)


def link_that_is_cut_takes_only_what_goes_over_it(passage: Passage) -> None:
    """Streams of a bridge end with it, and their boards come back by themselves; no other board notices."""
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    imports, marks = imports_of(lab, board), lab.marks()
    passage.cut_link()
    lab.wait_link("down", marks)
    if passage.way.over_link:
        lab.guest.wait_event("detached", board.id, marks[lab.guest])
        tty = wait_ready(lab, board, marks)
    else:
        lab.wait_link("up", marks)
        expect_untouched(lab, board, tty, imports)
        news = [(s.name, e["event"]) for s, mark in marks.items() for e in s.since(mark) if e["event"] not in NO_NEWS]
        expect_equal(news, [], "events about the board")
    passage.expect_in_use()
    take_down(lab, board, tty)


def host_agent_that_is_killed_takes_only_what_passes_it(passage: Passage) -> None:
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "leonardo", "1-3")
    imports, mark = imports_of(lab, board), lab.guest.mark()
    lab.stop_host_agent()
    lab.start_host_agent()
    lab.guest.wait_link("up", mark)
    if passage.way.through_host:
        lab.guest.wait_event("detached", board.id, mark)
        tty = wait_ready(lab, board, {lab.guest: mark, lab.windows: 0})
    else:
        expect_equal(single_tty(settled(lab.windows, board, "ready"), board), tty, "the tty after the restart")
        expect_untouched(lab, board, tty, imports)
        expect_equal([e["event"] for e in lab.guest.since(mark) if e["event"] not in NO_NEWS], [], "events about the board")
    passage.expect_in_use()
    take_down(lab, board, tty)


def guest_agent_that_is_killed_takes_over(passage: Passage) -> None:
    """Where the kernel has a socket of its own. The next agent is started by the lab, or by the host's next bridge."""
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    imports, mark = imports_of(lab, board), lab.windows.mark()
    passage.kill_guest_agent()
    lab.windows.wait_link("up", mark)
    if passage.way.over_link:
        tty = single_tty(lab.windows.wait_event("ready", board.id, mark)[1], board)
        echo(lab, board, tty)
    else:
        expect_equal(single_tty(settled(lab.guest, board, "ready"), board), tty, "the tty after the restart")
        expect_untouched(lab, board, tty, imports)
    passage.expect_in_use()
    take_down(lab, board, tty)
    passage.restore_guest_agent()


def board_that_is_yielded_is_taken_again(passage: Passage) -> None:
    lab = passage.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    for yielder, taker in ((at_windows, in_guest), (in_guest, at_windows)):
        marks = lab.marks()
        expect_equal(yielder(lab, "yield", "port=1-3"), (0, ""), "yield")
        expect_yielded(lab, board, marks)
        expect_equal(lab.connections_to_usbipd(), {"guest": 0, "host": 0}, "connections to usbipd")
        marks = lab.marks()
        expect_equal(taker(lab, "take", "port=1-3"), (0, ""), "take")
        tty = wait_ready(lab, board, marks)
    passage.expect_in_use()
    take_down(lab, board, tty)


def usbipd_that_closes_is_noticed_at_once(passage: Passage) -> None:
    lab = passage.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.usbipd.hang_up(board.busid)
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    tty = wait_ready(lab, board, marks)
    passage.expect_in_use()
    take_down(lab, board, tty)


def silent_board_is_found(passage: Passage) -> None:
    lab = passage.lab
    board, *_ = bring_up(lab, "nano", "1-3")
    marks = lab.marks()
    lab.usbipd.stall(board.busid, True)
    lab.vm.run("date -s @$(($(date +%s) + 3600))", check=True)  # Whatever asks the boards.
    lab.guest.wait_event("detached", board.id, marks[lab.guest])
    lab.usbipd.stall(board.busid, False)
    tty = wait_ready(lab, board, marks)
    passage.expect_in_use()
    take_down(lab, board, tty)


def stuck_board_holds_up_no_other(passage: Passage) -> None:
    """Eight at once, of which one's peer answers nothing while the others echo."""
    lab = passage.lab
    boards = [bring_up(lab, model, busid)[:2] for model, busid in EIGHT]
    passage.expect_in_use()
    lab.usbipd.stall(EIGHT[0][1], True)
    stuck = lab.vm.popen(f"tty_echo --bytes 65536 --timeout-ms 60000 {boards[0][1]}")
    for board, tty in boards[1:]:
        echo(lab, board, tty)
    stuck.close()
    for board, tty in boards[1:]:
        take_down(lab, board, tty)
    marks = lab.marks()
    lab.unplug(EIGHT[0][1])  # By now it may have been let go of as silent.
    lab.windows.wait_event("removal", boards[0][0].id, marks[lab.windows])


def what_worked_is_tried_first(passage: Passage) -> None:
    """Where the direct way leads nowhere, it takes its 3 s once: the route is remembered."""
    lab = passage.lab
    board, tty, *_ = bring_up(lab, "nano", "1-3")
    take_down(lab, board, tty)
    board, tty, _, ready = bring_up(lab, "nano", "1-3")
    assert ready["took_ms"]["import"] < 3000, ready["took_ms"]
    take_down(lab, board, tty)


def boards_live_as_the_contract_says(passage: Passage) -> None:
    expect_sound_lives(passage.lab.guest)
    expect_sound_lives(passage.lab.windows)


# The last look is for all before it, and for those of a run whose streams have begun anew.
CASES: list[Callable[[Passage], None]] = [
    board_becomes_ready_and_echoes_until_it_goes,
    two_boards_are_independent,
    board_that_resets_comes_back,
    board_that_is_replugged_comes_back,
    board_that_becomes_its_bootloader_is_followed,
    many_bytes_are_counted,
    link_that_is_cut_takes_only_what_goes_over_it,
    board_that_is_yielded_is_taken_again,
    usbipd_that_closes_is_noticed_at_once,
    silent_board_is_found,
    stuck_board_holds_up_no_other,
    what_worked_is_tried_first,
    host_agent_that_is_killed_takes_only_what_passes_it,
    guest_agent_that_is_killed_takes_over,
    boards_live_as_the_contract_says,
]
QUICK = {
    board_that_becomes_its_bootloader_is_followed,
    many_bytes_are_counted,
    link_that_is_cut_takes_only_what_goes_over_it,
    host_agent_that_is_killed_takes_only_what_passes_it,
    boards_live_as_the_contract_says,
}


def nano_is_flashed(passage: Passage) -> None:
    """By the script of docs/ide, with Debian's avrdude. A Leonardo's bootloader would not wait for a way this slow: it leaves after 8 s."""
    bench = Bench(passage.lab, FEW)
    with plugged(passage.lab, "nano_optiboot", NANO):
        for _ in range(FEW.nano):
            flash_nano(bench)
        passage.expect_in_use()


# The four ways.

@contextlib.contextmanager
def in_use(lab: Lab, way: Way) -> Iterator[Passage]:
    """Both agents run, and are linked by that way's transport."""
    with contextlib.ExitStack() as stack:
        if way.transport == "bridge":
            stack.enter_context(bridged(lab))
            lab.relay = None
            lab.start_agents()
        else:
            lab.link_config = {"transport": "tcp"}
            lab.start_agents(relay=True)
        yield Passage(lab, way)
        lab.stop_host_agent()
        lab.stop_guest_agent()


def passages(ways: Iterable[Way], debian: bool) -> Iterator[Passage]:
    """One way after the other; those that import alike share a lab."""
    for imports, alike in itertools.groupby(ways, lambda way: way.imports):
        with Lab(debian=debian, reaches_usbipd=imports == "direct") as lab:
            lab.start_service()
            if debian:
                for script in SCRIPTS:
                    lab.vm.push(script, f"/usr/local/bin/{script.name}")
            for way in alike:
                with in_use(lab, way) as passage:
                    yield passage


def main() -> int:
    parser = argparse.ArgumentParser(description="The same cases over each of the four ways.")
    parser.add_argument("--over", choices=("tcp", "bridge"), help="only links of that kind")
    parser.add_argument("--import", dest="imports", choices=("direct", "through_host"), help="only imports of that kind")
    parser.add_argument("--quick", action="store_true", help="only the cases in which the ways differ most")
    parser.add_argument("--flash", action="store_true", help="flash a Nano in a whole Debian instead")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = [case for case in choose(parser, CASES, arguments.cases) if case in QUICK or not arguments.quick]
    ways = [way for way in WAYS if arguments.over in (None, way.transport) and arguments.imports in (None, way.imports)]
    cases: Cases[Passage] = Cases(lambda passage: show_logs(passage.lab))
    for passage in passages(ways, arguments.flash):
        for case in [nano_is_flashed] if arguments.flash else chosen:
            if case is not what_worked_is_tried_first or passage.way.through_host:
                cases.run_one(f"{passage.way}: {case.__name__}", case, passage)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

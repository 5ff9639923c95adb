#!/usr/bin/python3
"""The whole way, end to end: ttyferry.exe under Wine, ttyferry in a VM with Debian's kernel, emulated boards between them.

    tests/e2e/chain.py [--rounds N] [--figures] [CASE...]

Each case is a function below; a round counts as none. Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, choose, expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import (  # noqa: E402
    Round, bring_up, echo, expect_sound_lives, expect_sound_numbering, run_round, settled, show_logs, single_tty, take_down, true_tty,
)

NANO, LEONARDO = "nano", "leonardo"
EXIT_TIMED_OUT, EXIT_NO_AGENT = 3, 4


class Chain:
    """The lab with both agents up, and what the cases collect."""

    def __init__(self, lab: Lab, rounds: int) -> None:
        self.lab = lab
        self.rounds = rounds
        self.figures: dict[str, list[Round]] = {}

    def run_rounds(self, model: str) -> None:
        """Rounds that leave nothing behind. The first one warms up: drivers load, Wine's heaps grow to their size."""
        run_round(self.lab, model, "1-3")
        before = self.lab.snapshot()
        self.figures[model] = [run_round(self.lab, model, "1-3") for _ in range(self.rounds)]
        expect_equal(self.lab.snapshot(), before, f"what both agents and the kernel hold after {self.rounds} rounds")


def rounds_with_a_ch341_board(chain: Chain) -> None:
    chain.run_rounds(NANO)


def rounds_with_a_cdc_acm_board(chain: Chain) -> None:
    chain.run_rounds(LEONARDO)


def two_boards_are_independent(chain: Chain) -> None:
    lab = chain.lab
    nano, nano_tty, *_ = bring_up(lab, NANO, "1-3")
    leonardo, leonardo_tty, *_ = bring_up(lab, LEONARDO, "2-1")
    echo(lab, nano, nano_tty)
    echo(lab, leonardo, leonardo_tty)
    take_down(lab, nano, nano_tty)
    echo(lab, leonardo, leonardo_tty)
    take_down(lab, leonardo, leonardo_tty)


def both_boards_plugged_at_once(chain: Chain) -> None:
    lab, marks = chain.lab, chain.lab.marks()
    boards = [lab.plug(NANO, "1-3"), lab.plug(LEONARDO, "2-1"), lab.plug(NANO, "1-4")]
    ttys = []
    for board in boards:
        _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
        expect_equal(single_tty(ready, board), true_tty(lab, board), f"the tty of {board.name}")
        ttys.append(single_tty(ready, board))
    expect_equal(len(set(ttys)), 3, f"different ttys in {ttys}")
    for board, tty in zip(boards, ttys):
        echo(lab, board, tty)
        take_down(lab, board, tty)


def board_without_a_windows_driver_becomes_a_tty(chain: Chain) -> None:
    board, tty, _, ready = bring_up(chain.lab, "driverless", "1-5")
    expect_equal(ready["board"]["com_port"], None, "com_port")
    echo(chain.lab, board, tty)
    take_down(chain.lab, board, tty)


def com_port_that_comes_later_is_an_update(chain: Chain) -> None:
    lab, marks = chain.lab, chain.lab.marks()
    board, tty, _, ready = bring_up(lab, NANO, "1-3", com=False)
    expect_equal(ready["board"]["com_port"], None, "com_port at first")
    lab.give_com_port(board)
    for stream, mark in marks.items():
        stream.wait(
            f"an update with {board.com_port}",
            lambda e: e["event"] == "update" and e["board"]["id"] == board.id and e["board"]["com_port"] == board.com_port, mark,
        )
    echo(lab, board, tty)
    take_down(lab, board, tty)


def unbound_board_needs_sharing_and_comes_once_bound(chain: Chain) -> None:
    lab, marks = chain.lab, chain.lab.marks()
    board = lab.plug(NANO, "1-3", bound=False)
    _, needs = lab.windows.wait_event("needs_sharing", board.id, marks[lab.windows])
    assert "usbipd bind --busid 1-3" in needs["remedy"], needs["remedy"]
    expect_equal(lab.usbipd.list()["connections"], 0, "imports of a board that is not shared")
    lab.bind(board)
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    take_down(lab, board, tty)


def hostile_usb_strings_stay_harmless(chain: Chain) -> None:
    lab = chain.lab
    product = 'x\x1b[31m"\\\n\r\t\x07\u202e\u00e9'
    board, tty, _, ready = bring_up(lab, NANO, "1-3", product=product)
    echo(lab, board, tty)
    take_down(lab, board, tty)
    for name, log in (("host's", lab.host_log.read_bytes()), ("guest's", lab.guest_log().encode())):
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", log), f"a control character in the {name} log"
    assert all(json.dumps(event).isascii() for event in lab.windows.since(0)), "the stream is ASCII"


def wait_prints_the_path_on_both_sides(chain: Chain) -> None:
    lab = chain.lab
    waiting = [lab.host_verb("wait", "1a86:7523", "--timeout", "30"), lab.guest_verb("wait", "port=1-3", "--timeout", "30")]
    board, tty, *_ = bring_up(lab, NANO, "1-3")
    for process in waiting:
        assert process.stdout is not None
        expect_equal(process.stdout.read(), tty.encode() + b"\n", "what wait prints")
        expect_equal(process.wait(10), 0, "wait's exit code")
    # A board that is ready already does not keep anybody waiting.
    late = lab.host_verb("wait", f"com={board.com_port}", "--timeout", "30")
    assert late.stdout is not None
    expect_equal((late.stdout.read(), late.wait(10)), (tty.encode() + b"\n", 0), "a later wait")
    gone = lab.guest_verb("wait", "1a86:*", "--state", "gone", "--timeout", "30")
    take_down(lab, board, tty)
    expect_equal(gone.wait(30), 0, "exit code of wait --state gone")


def wait_times_out_with_exit_code_3(chain: Chain) -> None:
    for process in (chain.lab.host_verb("wait", "ffff:0001", "--timeout", "0.2"), chain.lab.guest_verb("wait", "ffff:0001", "--timeout", "0.2")):
        assert process.stdout is not None
        expect_equal((process.stdout.read(), process.wait(30)), (b"", EXIT_TIMED_OUT), "output and exit code")


def refused_import_says_why_and_is_retried(chain: Chain) -> None:
    """Status 1 is usbipd-win's own trouble, which may pass."""
    failed = chain_failure(chain, import_status=1, times=1)
    assert failed["remedy"] and failed["retry_in_ms"] is not None, failed


def reply_cut_at_any_byte_is_retried(chain: Chain) -> None:
    for position in (0, 1, 7, 8, 9, 319):
        chain_failure(chain, cut_reply_at=position, times=1)


def chain_failure(chain: Chain, **fault: Any) -> dict[str, Any]:
    """A board whose first import goes wrong: `failed` on both streams, and `ready` after it. Returns the Windows event."""
    lab, marks = chain.lab, chain.lab.marks()
    board = lab.plug(NANO, "1-3", fault=fault)
    _, failed = lab.windows.wait_event("failed", board.id, marks[lab.windows])
    lab.guest.wait_event("failed", board.id, marks[lab.guest])
    _, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    echo(lab, board, tty)
    take_down(lab, board, tty)
    return failed


def board_pulled_during_the_import_leaves_nothing(chain: Chain) -> None:
    lab, marks = chain.lab, chain.lab.marks()
    other, other_tty, *_ = bring_up(lab, LEONARDO, "2-1")
    before = lab.snapshot()["guest"]
    board = lab.plug(NANO, "1-3", fault={"import_delay_ms": 5000, "times": 1})
    lab.windows.wait_event("attaching", board.id, marks[lab.windows])
    lab.unplug("1-3")
    for stream, mark in marks.items():
        stream.wait_event("removal", board.id, mark)
    expect_equal(lab.snapshot()["guest"], before, "what the guest holds after the pull")
    echo(lab, other, other_tty)
    take_down(lab, other, other_tty)


def garbage_on_the_link_port_disturbs_nobody(chain: Chain) -> None:
    lab = chain.lab
    board, tty, *_ = bring_up(lab, NANO, "1-3")
    mark = lab.guest.mark()
    for garbage in (b"\xff\xfe\x00garbage\n", b"{" * 70_000 + b"\n", b"x" * 1_000_000, b'{"type":"hello"', b'{"type":"hello","protocol":99}\n'):
        with socket.create_connection(("127.0.0.1", lab.vm.ports[0])) as peer:
            try:
                peer.sendall(garbage)
                peer.shutdown(socket.SHUT_WR)
                peer.settimeout(30)
                while peer.recv(65536):
                    pass
            except ConnectionError:
                pass  # The agent hung up in the middle of it.
    echo(lab, board, tty)
    expect_equal([e["event"] for e in lab.guest.since(mark)], [], "events that garbage made")
    take_down(lab, board, tty)


def host_agent_that_is_killed_loses_no_board(chain: Chain) -> None:
    lab = chain.lab
    board, tty, *_ = bring_up(lab, NANO, "1-3")
    expect_sound_numbering(lab.windows)
    mark = lab.guest.mark()
    lab.stop_host_agent()
    lab.guest.wait("a link that is down", lambda e: e["event"] == "link" and e["state"] == "down", mark)
    echo(lab, board, tty)
    lab.start_host_agent()
    expect_equal(single_tty(settled(lab.windows, board, "ready"), board), tty, "the tty after the restart")
    echo(lab, board, tty)
    expect_equal([e["event"] for e in lab.guest.since(mark) if e["event"] not in ("link", "update")], [], "events about the board meanwhile")
    take_down(lab, board, tty)


def guest_agent_that_is_killed_takes_its_boards_over(chain: Chain) -> None:
    lab = chain.lab
    board, tty, *_ = bring_up(lab, NANO, "1-3")
    mark = lab.windows.mark()
    lab.guest_agent.send_signal(9)
    lab.guest_agent.wait(30)
    lab.start_guest_agent()
    _, ready = lab.guest.wait_event("ready", board.id)
    expect_equal(single_tty(ready, board), tty, "the tty after the restart")
    echo(lab, board, tty)
    expect_equal([e["event"] for e in lab.windows.since(mark) if e["event"] not in ("link", "update")], [], "events on the Windows stream")
    take_down(lab, board, tty)


def board_pulled_while_the_host_agent_is_down_is_let_go(chain: Chain) -> None:
    lab = chain.lab
    board, tty, *_ = bring_up(lab, NANO, "1-3")
    mark = lab.guest.mark()
    lab.stop_host_agent()
    lab.unplug("1-3")
    lab.start_host_agent()
    lab.guest.wait_event("removal", board.id, mark)
    expect_equal(lab.vm.run(f"[ -e {tty} ]")[0], 1, f"exit code of a look for {tty}")
    expect_equal([b["id"] for b in lab.windows.since(0)[0]["boards"] if b["id"] == board.id], [], "the board in the new snapshot")


def second_agents_say_who_is_there(chain: Chain) -> None:
    lab = chain.lab
    code, output = lab.vm.run("ttyferry agent 2>&1")
    assert code == 1 and "already" in output, (code, output)
    config = lab.folder / "second.json"
    config.write_text(json.dumps({"link": {"auth": "none"}}))
    second = lab.prefix.run(lab.host_program, "agent", "--config", lab.prefix.windows_path(config), check=False)
    assert second.returncode == 1 and "already" in second.stderr, (second.returncode, second.stderr)


def a_host_that_is_no_agent_gives_exit_code_4(chain: Chain) -> None:
    lab = chain.lab
    none = lab.prefix.run(lab.host_program, "wait", "1a86:*", "--stream", r"\\.\pipe\ttyferry-nobody", check=False)
    assert none.returncode == EXIT_NO_AGENT and "ttyferryw agent --supervise" in none.stderr, (none.returncode, none.stderr)
    code, output = lab.vm.run("ttyferry wait '1a86:*' --stream /run/nobody.sock 2>&1")
    assert code == EXIT_NO_AGENT and "ttyferry.exe install" in output, (code, output)


def streams_number_without_gaps(chain: Chain) -> None:
    expect_sound_numbering(chain.lab.windows)
    expect_sound_numbering(chain.lab.guest)


def boards_live_as_the_contract_says(chain: Chain) -> None:
    expect_sound_lives(chain.lab.guest)
    expect_sound_lives(chain.lab.windows)


CASES = [
    rounds_with_a_ch341_board,
    rounds_with_a_cdc_acm_board,
    two_boards_are_independent,
    both_boards_plugged_at_once,
    board_without_a_windows_driver_becomes_a_tty,
    com_port_that_comes_later_is_an_update,
    unbound_board_needs_sharing_and_comes_once_bound,
    hostile_usb_strings_stay_harmless,
    wait_prints_the_path_on_both_sides,
    wait_times_out_with_exit_code_3,
    refused_import_says_why_and_is_retried,
    reply_cut_at_any_byte_is_retried,
    board_pulled_during_the_import_leaves_nothing,
    garbage_on_the_link_port_disturbs_nobody,
    streams_number_without_gaps,
    boards_live_as_the_contract_says,
    second_agents_say_who_is_there,
    a_host_that_is_no_agent_gives_exit_code_4,
    host_agent_that_is_killed_loses_no_board,
    guest_agent_that_is_killed_takes_its_boards_over,
    board_pulled_while_the_host_agent_is_down_is_let_go,
]


def show_figures(figures: dict[str, list[Round]]) -> None:
    """Milliseconds, median and worst."""

    def row(model: str, what: str, values: list[float]) -> None:
        print(f"figure  {model:<9} {what:<44} median {statistics.median(values):7.1f} ms   worst {max(values):7.1f} ms   of {len(values)}")

    for model, rounds in figures.items():
        row(model, "plug -> ready read from the Windows stream", [r.plug_to_ready for r in rounds])
        row(model, "arrival -> ready, Windows agent's clock", [r.arrival_to_ready for r in rounds])
        for leg in ("import", "enumerate", "node", "total"):
            row(model, f"guest's own leg '{leg}'", [r.took[leg] for r in rounds])
        row(model, "unplug -> detached read from the Windows stream", [r.unplug_to_detached for r in rounds])


def main() -> int:
    parser = argparse.ArgumentParser(description="The whole way, end to end.")
    parser.add_argument("--rounds", type=int, default=10, help="rounds for each chip (default 10)")
    parser.add_argument("--figures", action="store_true", help="print how long the rounds took")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    with Lab() as lab:
        lab.start_agents()
        chain = Chain(lab, arguments.rounds)
        cases: Cases[Chain] = Cases(lambda failed: show_logs(failed.lab))
        cases.run(chosen, chain)
        if arguments.figures:
            show_figures(chain.figures)
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

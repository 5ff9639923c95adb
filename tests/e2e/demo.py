#!/usr/bin/python3
"""The main job, shown: a board plugged into Windows becomes a tty in a Linux kernel, and both streams say so.

Starts the lab and both agents, plugs a board, prints the two live streams as one timeline, echoes 4 KiB through the tty
that was reported, unplugs, and says how long each leg took. Exits 0 only if all of it held.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import Board, Lab  # noqa: E402
from streams import EventStream  # noqa: E402

ECHO_BYTES = 4096
BUSID = "1-3"


class Colours:
    """Only on a terminal."""

    def __init__(self, wanted: bool) -> None:
        self.bold, self.cyan, self.green, self.red, self.dim, self.plain = (
            ("\x1b[1m", "\x1b[36m", "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m") if wanted else ("",) * 6
        )


def describe(event: dict[str, Any]) -> str:
    """What is worth a person's while in an event."""
    board = event.get("board", {})
    name = event["event"]
    if name == "link":
        return f"{event['state']}, {event.get('transport') or '?'} {event.get('peer') or ''}".rstrip()
    if name in ("arrival", "update"):
        com = board.get("com_port") or "no COM port yet"
        return f"{board['vid']}:{board['pid']} {board['description']}, {com}, busid {board['busid']}, {board['state']}"
    if name == "attaching":
        return f"attempt {event['attempt']}"
    if name == "ready":
        took = event["took_ms"]
        ttys = ", ".join(tty["path"] for tty in event["ttys"])
        return f"{ttys}  (import {took['import']} + enumerate {took['enumerate']} + node {took['node']} ms)"
    if name == "failed":
        return f"{event['code']}: {event['message']} {event['remedy']}"
    if name == "detached":
        return event["reason"]
    return f"{board.get('vid')}:{board.get('pid')}" if board else ""


def show_timeline(title: str, start: float, marks: dict[EventStream, int], colours: Colours) -> None:
    print(f"\n{colours.bold}{title}{colours.plain}")
    lines = [(received, stream.name, event) for stream, mark in marks.items() for received, event in stream.events[mark:]]
    for received, side, event in sorted(lines, key=lambda line: line[0]):
        colour = colours.cyan if side == "Windows" else colours.green
        print(f"{(received - start) * 1e3:9.1f} ms  {colour}{side:<8}{colours.plain} {event['event']:<13} {describe(event)}")


def check(what: str, held: bool, colours: Colours) -> bool:
    mark = f"{colours.green}ok{colours.plain}" if held else f"{colours.red}FAILED{colours.plain}"
    print(f"  {mark}  {what}", flush=True)
    return held


def plug(lab: Lab, model: str, colours: Colours) -> tuple[Board, str, bool]:
    marks = lab.marks()
    start = time.monotonic()
    board = lab.plug(model, BUSID)
    arrived, _ = lab.windows.wait_event("arrival", board.id, marks[lab.windows])
    ready_at, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    _, guest_ready = lab.guest.wait_event("ready", board.id, marks[lab.guest])
    show_timeline(f"plug {model} into port {BUSID} (0 = the plug)", start, marks, colours)
    print(f"  arrival after {(arrived - start) * 1e3:.0f} ms, ready on the Windows stream after {(ready_at - start) * 1e3:.0f} ms")
    paths = [tty["path"] for tty in ready["ttys"]]
    held = check(f"both streams report {', '.join(paths)}", paths == [t["path"] for t in guest_ready["ttys"]] and len(paths) == 1, colours)
    return board, paths[0], held


def echo(lab: Lab, tty: str, colours: Colours) -> bool:
    code, output = lab.vm.run(f"tty_echo --bytes {ECHO_BYTES} {tty}")
    result = json.loads(output)
    counted = lab.usbipd.board(BUSID)
    print(f"\n{colours.bold}echo {ECHO_BYTES} bytes through {tty}{colours.plain}\n  {result['bytes']} bytes came back in {result['ms']} ms")
    held = check("what came back equals what was sent", code == 0 and result["bytes"] == ECHO_BYTES and result["bad"] == 0, colours)
    return check(
        f"the board itself counted {counted['rx_bytes']} bytes in and {counted['tx_bytes']} out",
        (counted["rx_bytes"], counted["tx_bytes"]) == (ECHO_BYTES, ECHO_BYTES), colours,
    ) and held


def unplug(lab: Lab, board: Board, tty: str, colours: Colours) -> bool:
    marks = lab.marks()
    start = time.monotonic()
    lab.unplug(BUSID)
    detached_at, _ = lab.windows.wait_event("detached", board.id, marks[lab.windows])
    for stream, mark in marks.items():
        stream.wait_event("removal", board.id, mark)
    show_timeline("unplug (0 = the pull)", start, marks, colours)
    print(f"  detached on the Windows stream after {(detached_at - start) * 1e3:.0f} ms")
    return check(f"{tty} is gone", lab.vm.run(f"[ ! -e {tty} ]")[0] == 0, colours)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="nano", help="which board (tests/lab/models.py)")
    arguments = parser.parse_args()
    colours = Colours(sys.stdout.isatty())
    start = time.monotonic()
    print(f"{colours.bold}starting{colours.plain} Windows (Wine, the plug-and-play driver) and Linux (QEMU, Debian's kernel)", flush=True)
    with Lab() as lab:
        print(f"  both are up after {time.monotonic() - start:.1f} s (the VM's boot: {lab.vm.boot_seconds:.1f} s)", flush=True)
        lab.start_agents()
        print(f"  both agents are linked after {time.monotonic() - start:.1f} s", flush=True)
        before = lab.snapshot()
        board, tty, held = plug(lab, arguments.model, colours)
        held = echo(lab, tty, colours) and held
        held = unplug(lab, board, tty, colours) and held
        held = check("the guest holds what it held before", lab.snapshot()["guest"] == before["guest"], colours) and held
    print(f"\n{'all of it held' if held else 'NOT all of it held'}; {time.monotonic() - start:.1f} s")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

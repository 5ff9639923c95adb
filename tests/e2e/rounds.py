"""The main job as a round: plug, both streams, ready, echo, unplug. Every end-to-end test and figure is made of it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import expect_equal  # noqa: E402
from lab import Board, Lab  # noqa: E402
from streams import EventStream  # noqa: E402
from vm import VmError  # noqa: E402

ECHO_BYTES = 4096
ECHO_LIMIT_S = 20
TTY_PREFIX = {
    "ch341": "/dev/ttyUSB", "cp2102": "/dev/ttyUSB", "ft232r": "/dev/ttyUSB", "pl2303": "/dev/ttyUSB",
    "cdc_acm": "/dev/ttyACM", "cdc_super": "/dev/ttyACM",
}


@dataclasses.dataclass
class Round:
    """What one round took, in milliseconds. The Windows figures are of one clock, the guest's legs of the other."""

    plug_to_ready: float  # the plug -> `ready` read from the Windows stream, by this program's clock
    arrival_to_ready: float  # the time stamps of both events on the Windows stream
    took: dict[str, int]  # the guest's own legs
    unplug_to_detached: float


def echo(lab: Lab, board: Board, tty: str, size: int = ECHO_BYTES, limit_s: int = ECHO_LIMIT_S) -> None:
    """That many bytes through the tty come back unchanged, and the board itself has counted them."""
    before = lab.usbipd.board(board.busid)
    code, output = lab.vm.run(f"tty_echo --bytes {size} --timeout-ms {limit_s * 1000} {tty}", timeout=limit_s + 10)
    result = json.loads(output)
    expect_equal((code, result["bytes"], result["bad"]), (0, size, 0), "exit code, bytes and bad bytes of the echo")
    after = lab.usbipd.board(board.busid)
    for count in ("rx_bytes", "tx_bytes"):
        expect_equal(after[count] - before[count], size, f"the board's own {count}")


def single_tty(ready: dict[str, Any], board: Board) -> str:
    paths = [tty["path"] for tty in ready["ttys"]]
    expect_equal(len(paths), 1, f"number of ttys of {board.name}")
    assert paths[0].startswith(TTY_PREFIX[board.model.chip]), f"{board.name} has {paths[0]}"
    return paths[0]


def true_tty(lab: Lab, board: Board) -> str:
    """The tty that the guest's kernel has for the board, found without ttyferry: by the devid in vhci's status."""
    hub, port = (int(part) for part in board.busid.split("-"))
    script = (
        f"awk '$3 == \"006\" && $5 == \"{hub << 16 | port:08x}\" {{ print $7 }}' /sys/devices/platform/vhci_hcd.*/status*"
        " | while read -r usb; do ls -d /sys/bus/usb/devices/$usb/$usb:*/tty/tty* /sys/bus/usb/devices/$usb/$usb:*/ttyUSB*; done 2>/dev/null"
    )
    _, found = lab.vm.run(script)
    names = {Path(line).name for line in found.split()}
    expect_equal(len(names), 1, f"ttys that the kernel has for {board.busid} ({found!r})")
    return f"/dev/{names.pop()}"


def bring_up(lab: Lab, model: str, busid: str, **settings: Any) -> tuple[Board, str, float, dict[str, Any]]:
    """Plugs and waits for `ready` on both streams: the board, its tty, the milliseconds, the Windows stream's event."""
    marks = lab.marks()
    started = time.monotonic()
    board = lab.plug(model, busid, **settings)
    received, ready = lab.windows.wait_event("ready", board.id, marks[lab.windows])
    tty = single_tty(ready, board)
    _, guest_ready = lab.guest.wait_event("ready", board.id, marks[lab.guest])
    expect_equal(single_tty(guest_ready, board), tty, "the tty on the guest's stream")
    expect_equal(tty, true_tty(lab, board), "the tty on the Windows stream")
    return board, tty, (received - started) * 1e3, ready


def wait_ready(lab: Lab, board: Board, marks: dict[EventStream, int]) -> str:
    """The board's tty, once both streams have told it as ready and it has echoed."""
    tty = ""
    for stream in (lab.guest, lab.windows):
        tty = single_tty(stream.wait_event("ready", board.id, marks[stream])[1], board)
    echo(lab, board, tty)
    return tty


def take_down(lab: Lab, board: Board, tty: str) -> float:
    """Unplugs and waits for the end on both streams; returns the milliseconds to `detached` on the Windows stream."""
    marks = lab.marks()
    started = time.monotonic()
    lab.unplug(board.busid)
    received, _ = lab.windows.wait_event("detached", board.id, marks[lab.windows])
    for stream, mark in marks.items():
        stream.wait_event("removal", board.id, mark)
        stream.wait_event("detached", board.id, mark)
    expect_equal(lab.vm.run(f"[ -e {tty} ]")[0], 1, f"exit code of a look for {tty}")
    return (received - started) * 1e3


def settled(stream: EventStream, board: Board, state: str) -> dict[str, Any]:
    """What shows the board in that state on a stream that is read from its start: an event, or its entry in the snapshot."""

    def entries(event: dict[str, Any]) -> list[dict[str, Any]]:
        in_snapshot = [b for b in event.get("boards", []) if b["id"] == board.id and b["state"] == state]
        is_event = event["event"] == state and event["board"]["id"] == board.id
        return [event] if is_event else in_snapshot

    _, event = stream.wait(f"{board.name} as {state}", lambda e: bool(entries(e)))
    return entries(event)[0]


def guest_log(lab: Lab) -> str:
    """The guest agent's log, or why it can't be had and what the kernel is at."""
    try:
        return lab.guest_log()
    except VmError as error:
        return f"{error}; the VM:\n{lab.vm.post_mortem()}"


def print_logs(lab: Lab) -> None:
    """What both agents said last."""
    for side, log in (("host", lab.host_log.read_text(errors="replace")), ("guest", guest_log(lab))):
        print(f"--- the {side} agent's log\n" + "\n".join(log.splitlines()[-80:]))


def show_logs(lab: Lab) -> None:
    """After a failure: what both agents said last; and no board stays for the next case."""
    print_logs(lab)
    for busid in list(lab.boards):
        try:
            lab.unplug(busid)
        except Exception as error:  # The case may have failed in the middle of the plugging.
            print(f"--- {busid} could not be pulled: {error}")


def run_round(lab: Lab, model: str, busid: str, **settings: Any) -> Round:
    """The whole main job once; `settings` go to Lab.plug."""
    mark = lab.windows.mark()
    board, tty, plug_to_ready, ready = bring_up(lab, model, busid, **settings)
    _, arrival = lab.windows.wait_event("arrival", board.id, mark)
    echo(lab, board, tty)
    detached = take_down(lab, board, tty)
    between = milliseconds_of(ready["time"]) - milliseconds_of(arrival["time"])
    return Round(plug_to_ready, between, ready["took_ms"], detached)


def milliseconds_of(stamp: str) -> float:
    """A stream's time of day in milliseconds; `2026-11-22T12:00:00.123Z`."""
    hours, minutes, seconds = stamp[11:-1].split(":")
    return (int(hours) * 3600 + int(minutes) * 60) * 1e3 + float(seconds) * 1e3


def expect_sound_numbering(stream: EventStream) -> None:
    """One run, and every event after the snapshot counts one up."""
    events = stream.since(0)
    expect_equal(events[0]["event"], "snapshot", f"first line of the {stream.name} stream")
    for before, after in zip(events, events[1:]):
        expect_equal((after["v"], after["run"]), (1, before["run"]), f"v and run on the {stream.name} stream")
        expect_equal(after["seq"], before["seq"] + 1, f"seq after {before} on the {stream.name} stream")


# A board's life as the contract has it; what may come anywhere in it is left out before.
ANYWHERE = ("link", "update", "yielded", "taken")
FOLLOWERS = {
    None: {"arrival"},
    "arrival": {"needs_sharing", "attaching", "removal"},
    "needs_sharing": {"attaching", "removal"},
    "attaching": {"failed", "ready", "detached", "removal"},
    "failed": {"attaching", "removal", "needs_sharing"},
    "ready": {"detached"},
    "detached": {"attaching", "removal", "needs_sharing"},
    "removal": {"arrival"},
}


# The last event of a board that a snapshot tells in that state; in the others it may have been any.
LAST_EVENT = {"available": "arrival", "needs_sharing": "needs_sharing", "waiting": "arrival", "attaching": "attaching", "ready": "ready",
              "failed": "failed", "detached": "detached", "yielded": "detached"}


def expect_sound_lives(stream: EventStream) -> None:
    """Every board's events follow one another as the contract allows."""
    snapshot, *events = stream.since(0)
    last = {board["id"]: LAST_EVENT[board["state"]] for board in snapshot["boards"]}
    for event in events:
        if event["event"] in ANYWHERE:
            continue
        board, name = event["board"]["id"], event["event"]
        allowed = FOLLOWERS[last.get(board)]
        assert name in allowed, f"{stream.name}: {name} after {last.get(board)} for {board}"
        last[board] = name

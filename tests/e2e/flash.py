#!/usr/bin/python3
"""Flashing with the real programs: Debian's avrdude, dfu-util and pyserial in the VM, the scripts of docs/ide, boards with bootloaders in
the lab, and the whole chain with about 1 s of capture between them. The board's own memory says what was written.

    tests/e2e/flash.py [--full] [PART...]

--full does each as often as docs/testing.md says, and compares with a polling loop over the stock tools. Ends with "N passed, N failed",
where each flash or reset is one.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from cases import Cases, expect_equal  # noqa: E402
from firmware_image import random_image, to_intel_hex  # noqa: E402
from lab import Board, Lab  # noqa: E402
from rounds import expect_sound_lives, print_logs  # noqa: E402

SCRIPTS = [ROOT / "docs/ide" / name for name in ("flash-nano.sh", "flash-leonardo.sh", "flash-stm32.sh", "reset-esp.py")]
POLLING = ROOT / "tests/e2e/polling_attach.sh"
IMAGE_BYTES = 2048
SCRIPT_LIMIT_S = 120.0
NANO, LEONARDO, STM32, ESP32S3, ESP32 = "1-3", "1-4", "2-1", "2-3", "2-4"


@dataclasses.dataclass(frozen=True)
class Counts:
    """How often each is done."""

    nano: int
    leonardo: int
    polling: int
    stm32: int
    esp32s3: int
    esp32: int
    esp32_tries: int  # for each; esptool too resets anew where the chip has missed its 7 ms, as on a machine that does other things meanwhile
    pairs: int


FEW = Counts(nano=2, leonardo=2, polling=0, stm32=1, esp32s3=3, esp32=3, esp32_tries=5, pairs=1)
MANY = Counts(nano=50, leonardo=50, polling=20, stm32=20, esp32s3=100, esp32=100, esp32_tries=1, pairs=10)


class Bench:
    """The lab with its boards, and what was measured."""

    def __init__(self, lab: Lab, counts: Counts) -> None:
        self.lab = lab
        self.counts = counts
        self.cases: Cases[Bench] = Cases(lambda bench: print_logs(bench.lab))
        self.figures: list[str] = []

    def figure(self, what: str, milliseconds: list[float]) -> None:
        self.figures.append(f"figure  {what}: median {statistics.median(milliseconds):.0f} ms, worst {max(milliseconds):.0f} ms, of {len(milliseconds)}")

    def repeat(self, name: str, times: int, once: Callable[[Bench], None]) -> None:
        for number in range(1, times + 1):
            self.cases.run_one(f"{name} {number}", once, self)


# Boards and scripts.

@contextlib.contextmanager
def plugged(lab: Lab, model: str, busid: str, **settings: Any) -> Iterator[Board]:
    """A board in its place, ready; pulled at the end, whatever it is by then. `settings` go to Lab.plug."""
    marks = lab.marks()
    board = lab.plug(model, busid, **settings)
    for stream, mark in marks.items():
        stream.wait_event("ready", board.id, mark)
    try:
        yield board
    finally:
        marks = lab.marks()
        last = lab.boards[busid]
        lab.unplug(busid)
        for stream, mark in marks.items():
            stream.wait_event("removal", last.id, mark)


def put(lab: Lab, image: bytes, path: str) -> None:
    lab.vm.run(f"cat >{path}", stdin=image, check=True)


def run_script(lab: Lab, script: str) -> str:
    """Runs a shell line in the VM; what it said, if it succeeds."""
    code, output = lab.vm.run(f"{{ {script}; }} 2>&1", timeout=SCRIPT_LIMIT_S)
    if code != 0:
        raise AssertionError(f"{script} ended with {code}:\n{output}")
    return output


def expect_written(lab: Lab, busid: str, image: bytes) -> None:
    expect_equal(lab.usbipd.flash(busid)[: len(image)], image, f"the memory of the board at {busid}")


def expect_verified(output: str, size: int) -> None:
    assert f"{size} bytes of flash verified" in output, output


# One flash each.

def flash_nano(bench: Bench, size: int = IMAGE_BYTES) -> None:
    image = random_image(size)
    put(bench.lab, to_intel_hex(image), "/tmp/nano.hex")
    expect_verified(run_script(bench.lab, "flash-nano.sh /tmp/nano.hex"), size)
    expect_written(bench.lab, NANO, image)


def flash_leonardo(bench: Bench) -> None:
    image = random_image(IMAGE_BYTES)
    put(bench.lab, to_intel_hex(image), "/tmp/leonardo.hex")
    expect_verified(run_script(bench.lab, "flash-leonardo.sh /tmp/leonardo.hex"), IMAGE_BYTES)
    expect_written(bench.lab, LEONARDO, image)


def flash_stm32(bench: Bench) -> None:
    image = random_image(IMAGE_BYTES)
    put(bench.lab, image, "/tmp/stm32.bin")
    run_script(bench.lab, "flash-stm32.sh /tmp/stm32.bin")
    expect_written(bench.lab, STM32, image)


def reset_esp32s3(bench: Bench, took_ms: list[float]) -> None:
    """The reset takes the board off the bus; from its return at Windows until `ready` in the guest is what a person waits for."""
    lab = bench.lab
    mark = lab.guest.mark()
    board = lab.boards[ESP32S3]
    run_script(lab, "reset-esp.py \"$(ttyferry wait 303a:1001 --timeout 30)\" application")
    lab.guest.wait_event("detached", board.id, mark)
    received, _ = lab.guest.wait_event("ready", board.id, mark)
    returned = lab.boards[ESP32S3]
    assert returned is not board, "the board has not left the bus"
    took_ms.append((received - returned.seat.shown_s) * 1e3)


# What the circuit of an ESP32 board makes of both lines, in the order of esptool's sequence: held in reset, IO0 low while EN rises, free.
INTO_BOOTLOADER = [(False, True), (True, True), (True, False), (False, False)]
HELD_MS, IO0_MS = 100.0, 50.0


def reset_esp32(bench: Bench, held_ms: list[float], io0_ms: list[float]) -> None:
    lab = bench.lab
    for _ in range(bench.counts.esp32_tries):
        before = len(lab.usbipd.lines(ESP32))
        run_script(lab, "reset-esp.py \"$(ttyferry wait 10c4:ea60 --timeout 30)\" bootloader")
        if lab.usbipd.board(ESP32)["mode"] == "download":
            break
    expect_equal(lab.usbipd.board(ESP32)["mode"], "download", "the mode that the chip has booted into")
    changes = lab.usbipd.lines(ESP32)[before:]
    states = [(change["dtr"], change["rts"]) for change in changes]
    start = next(i for i in range(len(states)) if states[i : i + 4] == INTO_BOOTLOADER)
    held, _, released, free = (change["us"] / 1e3 for change in changes[start : start + 4])
    held_ms.append(released - held)
    io0_ms.append(free - released)


# What we do to a board by ourselves: nothing.

def attaching_touches_no_line(bench: Bench) -> None:
    """From plug to ready DTR and RTS rest: a board that is only attached is not reset."""
    for model, busid in (("nano_optiboot", "3-1"), ("esp32", "3-2"), ("leonardo_avr109", "3-3"), ("esp32s3", "3-4")):
        with plugged(bench.lab, model, busid):
            raised = [change for change in bench.lab.usbipd.lines(busid) if change["dtr"] or change["rts"]]
            expect_equal(raised, [], f"what was done to the lines of {model}")
            expect_equal(sum(bench.lab.usbipd.board(busid)["resets"].values()), 0, f"resets of {model}")


def untouched(bench: Bench) -> None:
    bench.cases.run_one(attaching_touches_no_line.__name__, attaching_touches_no_line, bench)


# Many of them.

def nano(bench: Bench) -> None:
    with plugged(bench.lab, "nano_optiboot", NANO):
        bench.repeat("nano", bench.counts.nano, flash_nano)


def leonardo(bench: Bench) -> None:
    with plugged(bench.lab, "leonardo_avr109", LEONARDO):
        bench.repeat("leonardo", bench.counts.leonardo, flash_leonardo)


def stm32(bench: Bench) -> None:
    with plugged(bench.lab, "stm32", STM32):
        bench.repeat("stm32", bench.counts.stm32, flash_stm32)


def esp32s3(bench: Bench) -> None:
    took_ms: list[float] = []
    with plugged(bench.lab, "esp32s3", ESP32S3):
        bench.repeat("esp32s3", bench.counts.esp32s3, lambda b: reset_esp32s3(b, took_ms))
    bench.figure("ESP32-S3: return -> ready", took_ms)


def esp32(bench: Bench) -> None:
    held_ms: list[float] = []
    io0_ms: list[float] = []
    with plugged(bench.lab, "esp32", ESP32):
        bench.repeat("esp32", bench.counts.esp32, lambda b: reset_esp32(b, held_ms, io0_ms))
    bench.figure(f"ESP32: held in reset, {HELD_MS:.0f} ms asked for", held_ms)
    bench.figure(f"ESP32: IO0 low after it, {IO0_MS:.0f} ms asked for", io0_ms)


# The same by polling, for comparison.

@contextlib.contextmanager
def by_polling(lab: Lab, busid: str) -> Iterator[None]:
    """The host agent rests, so that nobody tells the guest of a board; a loop over the stock tools attaches what it finds."""
    lab.stop_host_agent()
    # Each of the stock tools reads the names of all devices in the world first, a second's work for an emulated processor and none for a real one.
    lab.vm.run(": >/usr/share/misc/usb.ids", check=True)
    loop = lab.vm.popen(f"exec {POLLING.name} 10.0.2.2 {lab.usbipd.port} {busid} >/dev/null 2>&1")
    try:
        yield
    finally:
        loop.send_signal(15)
        loop.wait(30)
        loop.close()


def flash_by_polling(lab: Lab) -> bool:
    image = random_image(IMAGE_BYTES)
    put(lab, to_intel_hex(image), "/tmp/polling.hex")
    code, _ = lab.vm.run("polling_flash.sh /tmp/polling.hex >/tmp/polling.log 2>&1", timeout=SCRIPT_LIMIT_S)
    return code == 0 and lab.usbipd.flash(LEONARDO)[: len(image)] == image


def tty_appears(lab: Lab, identity: str) -> float:
    """When a tty of that VID:PID is there, by this machine's clock."""
    vid, pid = identity.split(":")
    script = (
        "while :; do for tty in /sys/class/tty/ttyACM*; do"
        f" [ \"$(cat $tty/device/../idVendor 2>/dev/null)\" = {vid} ] && [ \"$(cat $tty/device/../idProduct)\" = {pid} ] && echo there && exit;"
        " done; sleep 0.01; done"
    )
    with lab.vm.popen(script) as process:
        assert process.stdout.readline() == b"there\n", "the VM is gone"
        return time.monotonic()


def polling(bench: Bench) -> None:
    """Figures, and no passes: how often a Leonardo is flashed, and how long an ESP32-S3 is away, where a loop looks for them."""
    lab = bench.lab
    if not bench.counts.polling:
        return
    with by_polling(lab, LEONARDO):
        lab.plug("leonardo_avr109", LEONARDO)
        done = [flash_by_polling(lab) for _ in range(bench.counts.polling)]
        lab.unplug(LEONARDO)
    bench.figures.append(f"figure  leonardo by a polling loop: {sum(done)} of {len(done)} flashes came to an end")
    took_ms: list[float] = []
    with by_polling(lab, ESP32S3):
        board = lab.plug("esp32s3", ESP32S3)
        tty_appears(lab, "303a:1001")
        for _ in range(bench.counts.polling):
            lab.vm.run("tty=$(ls /dev/ttyACM*) && reset-esp.py $tty application", timeout=SCRIPT_LIMIT_S, check=True)
            there = tty_appears(lab, "303a:1001")
            returned = lab.boards[ESP32S3]
            assert returned is not board, "the board has not left the bus"
            took_ms.append((there - returned.seat.shown_s) * 1e3)
            board = returned
        lab.unplug(ESP32S3)
    bench.figure("ESP32-S3 by a polling loop: return -> tty", took_ms)
    lab.start_host_agent()


# Several at once.

STREAM_BYTES_PER_S = 115200 // 10


def read_counted(lab: Lab, tty: str, stop: threading.Event, heard: bytearray) -> None:
    with lab.vm.popen(f"stty -F {tty} 115200 raw -echo && exec cat {tty}") as process:
        while not stop.is_set():
            heard += process.stdout.read1(4096)


def together(bench: Bench) -> None:
    """A Leonardo and a Nano at the same time, while a third board sends counted bytes at 115,200 baud and none is lost."""
    lab = bench.lab
    with plugged(lab, "nano_optiboot", NANO), plugged(lab, "leonardo_avr109", LEONARDO), plugged(lab, "counter", STM32):
        tty = run_script(lab, "ttyferry wait port=2-1").strip()
        stop, heard = threading.Event(), bytearray()
        reader = threading.Thread(target=read_counted, args=(lab, tty, stop, heard), daemon=True)
        reader.start()
        bench.repeat("two at once", bench.counts.pairs, flash_both)
        stop.set()
        reader.join()
        bench.cases.run_one("the third board loses no byte", lambda _: expect_counted(bytes(heard)), bench)
    bench.figures.append(f"figure  streamed meanwhile: {len(heard)} bytes")


def expect_counted(heard: bytes) -> None:
    assert heard, "the third board has sent nothing"
    lost = next((i for i in range(1, len(heard)) if heard[i] != (heard[i - 1] + 1) % 256), None)
    assert lost is None, f"after {lost} of {len(heard)} bytes {heard[lost - 1]} is followed by {heard[lost]}"


def flash_both(bench: Bench) -> None:
    failures: list[BaseException] = []

    def guarded(flash: Callable[[Bench], None]) -> None:
        try:
            flash(bench)
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(flash,)) for flash in (flash_nano, flash_leonardo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# Faults while a flash goes on.

LONG_IMAGE_BYTES = 16384
FAULT_AFTER_WRITES = 20


def disturbed(bench: Bench, disturb: Callable[[Lab], None]) -> None:
    """Something happens in the middle of a flash: it goes on, or avrdude says why not; and the next one succeeds without a hand."""
    lab = bench.lab
    image = random_image(LONG_IMAGE_BYTES)
    put(lab, to_intel_hex(image), "/tmp/nano.hex")
    before = lab.usbipd.board(NANO)["flash_writes"]
    flash = lab.vm.popen("flash-nano.sh /tmp/nano.hex 2>&1")
    deadline = time.monotonic() + SCRIPT_LIMIT_S
    while lab.usbipd.board(NANO)["flash_writes"] < before + FAULT_AFTER_WRITES:
        assert time.monotonic() < deadline, "the flash has not begun"
        time.sleep(0.01)
    disturb(lab)
    output, _ = flash.communicate(SCRIPT_LIMIT_S)
    if flash.wait() == 0:
        expect_verified(output.decode(), LONG_IMAGE_BYTES)
        expect_written(lab, NANO, image)
    else:
        assert b"avrdude: " in output, output.decode(errors="replace")
    flash.close()
    flash_nano(bench)


def link_is_lost_while_flashing(bench: Bench) -> None:
    assert bench.lab.relay is not None
    disturbed(bench, lambda lab: lab.relay.cut())


def host_agent_is_killed_while_flashing(bench: Bench) -> None:
    def restart(lab: Lab) -> None:
        lab.stop_host_agent()
        lab.start_host_agent()

    disturbed(bench, restart)


def board_stalls_while_flashing(bench: Bench) -> None:
    def stall(lab: Lab) -> None:
        lab.usbipd.stall(NANO, True)
        time.sleep(0.5)
        lab.usbipd.stall(NANO, False)

    disturbed(bench, stall)


def host_agent_is_killed_before_the_bootloader_comes(bench: Bench) -> None:
    """The flash under way may fail, for nobody tells of the bootloader; the next one succeeds."""
    lab = bench.lab
    lab.stop_host_agent()
    code, output = lab.vm.run("flash-leonardo.sh /tmp/leonardo.hex 2>&1", timeout=SCRIPT_LIMIT_S)
    assert code != 0, output
    lab.start_host_agent()
    flash_leonardo(bench)


def faults(bench: Bench) -> None:
    with plugged(bench.lab, "nano_optiboot", NANO), plugged(bench.lab, "leonardo_avr109", LEONARDO):
        flash_leonardo(bench)
        for case in (link_is_lost_while_flashing, host_agent_is_killed_while_flashing, board_stalls_while_flashing,
                     host_agent_is_killed_before_the_bootloader_comes):
            bench.cases.run_one(case.__name__, case, bench)


def lives(bench: Bench) -> None:
    def sound(bench: Bench) -> None:
        expect_sound_lives(bench.lab.guest)
        expect_sound_lives(bench.lab.windows)

    bench.cases.run_one("boards_live_as_the_contract_says", sound, bench)


PARTS = {part.__name__: part for part in (untouched, nano, leonardo, stm32, esp32s3, esp32, together, faults, lives, polling)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Flashing with the real programs, end to end.")
    parser.add_argument("--full", action="store_true", help="each as often as docs/testing.md says, and the comparison")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    wrong = [name for name in arguments.parts if name not in PARTS]
    if wrong:
        parser.error(f"no part {', '.join(wrong)}: {', '.join(PARTS)} exist")
    with Lab(debian=True) as lab:
        lab.start_service()
        lab.start_agents(relay=True)
        for script in (*SCRIPTS, POLLING, POLLING.with_name("polling_flash.sh")):
            lab.vm.push(script, f"/usr/local/bin/{script.name}")
        bench = Bench(lab, MANY if arguments.full else FEW)
        try:
            for name in arguments.parts or PARTS:
                PARTS[name](bench)
        except BaseException:
            print_logs(lab)
            raise
    for figure in bench.figures:
        print(figure)
    return bench.cases.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Tests the lab's boards with firmware, without the product: Debian's avrdude, dfu-util and pyserial flash and reset them in the VM,
and their memory and the log of their lines tell what has come of it.

usage: tests/vm/flash_selftest.py --usbipd-double PROGRAM [CASE...]

Ends with "N passed, N failed".
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests/lab"), str(ROOT / "tests/lab/usbip")]

from cases import Cases, choose, expect_equal  # noqa: E402
from usbipd_double import UsbipdDouble  # noqa: E402
from vm import Vm  # noqa: E402

BUSID = "1-3"
DRIVERS = "vhci-hcd cdc-acm ch341 cp210x"
IMAGE = random.Random(4).randbytes(3000)  # not a whole number of any chip's pages
IMAGE_PATH = "/tmp/image.bin"
LIMIT_S = 60.0
# A glance at the double, which has no event for boards that it switches by itself.
GLANCE_S = 0.02

# What esptool's tight reset does: both lines at once, into download mode.
ESP32_RESET = """
import fcntl, serial, struct, sys, termios, time
def set_lines(dtr, rts):
    bits = struct.unpack("I", fcntl.ioctl(port, termios.TIOCMGET, bytes(4)))[0]
    bits = bits & ~(termios.TIOCM_DTR | termios.TIOCM_RTS) | dtr * termios.TIOCM_DTR | rts * termios.TIOCM_RTS
    fcntl.ioctl(port, termios.TIOCMSET, struct.pack("I", bits))
port = serial.Serial(sys.argv[1], 115200, timeout=10)
set_lines(0, 0); set_lines(1, 1); set_lines(0, 1)
time.sleep(0.1)
set_lines(1, 0)
time.sleep(0.05)
set_lines(0, 0)
assert port.read_until(b"waiting for download\\r\\n").endswith(b"load\\r\\n"), "no download mode"
port.write(b"\\xc0\\x00\\x08\\x24\\x00\\x00\\x00\\x00\\x00\\x07\\x07\\x12\\x20" + b"\\x55" * 32 + b"\\xc0")
assert port.read(14)[:3] == b"\\xc0\\x01\\x08", "no answer to SYNC"
"""

# Each line by itself, as esptool does with a chip that has USB of its own; it is gone in the middle of that.
ESP32S3_RESET = """
import serial, sys, time
port = serial.Serial(sys.argv[1])
try:
    port.rts = False; port.dtr = False
    time.sleep(0.1)
    if sys.argv[2] == "download":
        port.dtr = True
        time.sleep(0.1)
        port.rts = True
        port.dtr = False
    else:
        port.rts = True
except OSError:
    pass
"""


class Bench:
    """One VM and one server, with at most one board."""

    def __init__(self, vm: Vm, usbipd: UsbipdDouble) -> None:
        self.vm = vm
        self.usbipd = usbipd
        self._boards = 0

    @property
    def hardware(self) -> str:
        """The newest board's."""
        return f"board {self._boards}"

    def attach(self) -> str:
        """Attaches the board and returns its tty."""
        code, output = self.vm.run(f"vhci_attach attach 10.0.2.2 {self.usbipd.port} {BUSID}", timeout=LIMIT_S)
        assert code == 0, f"attach failed: {output}"
        return json.loads(output)["tty"]

    def plug(self, chip: str, firmware: str, **settings: Any) -> str:
        """A new board, attached; returns its tty."""
        self._boards += 1
        self.usbipd.plug(BUSID, chip, firmware=firmware, hardware=self.hardware, **settings)
        return self.attach()

    def returns(self, firmware: str) -> str:
        """Waits until the board is back on the bus with that firmware, and attaches it."""
        self.await_board(lambda board: board["firmware"] == firmware and not board["attached"], f"the board as {firmware}")
        self.vm.run("vhci_attach wait-free", timeout=LIMIT_S, check=True)
        return self.attach()

    def await_board(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT_S
        while True:
            board = self.usbipd.board(BUSID)
            if condition(board):
                return board
            assert time.monotonic() < deadline, f"no sign of {what}: {board}"
            time.sleep(GLANCE_S)

    def tool(self, command: str) -> str:
        """Runs a program in the guest that must succeed; what it said."""
        code, output = self.vm.run(f"{{ {command}; }} 2>&1", timeout=LIMIT_S)
        assert code == 0, f"{command} ended with {code}:\n{output}"
        return output

    def python(self, script: str, *words: str) -> None:
        code, output = self.vm.run(f"python3 - {' '.join(words)} 2>&1", timeout=LIMIT_S, stdin=script.encode())
        assert code == 0, output

    def clean_up(self) -> None:
        if self.usbipd.list()["boards"]:
            self.usbipd.unplug(BUSID)
        self.vm.run("vhci_attach wait-free", timeout=LIMIT_S)

    def expect_image(self) -> None:
        memory = self.usbipd.flash(self.hardware)
        expect_equal(memory[: len(IMAGE)], IMAGE, "the memory's start")
        assert not memory[len(IMAGE) :].strip(b"\xff"), "there is something behind the image"


def avrdude_flashes_optiboot(bench: Bench) -> None:
    tty = bench.plug("ch341", "optiboot")
    output = bench.tool(f"avrdude -c arduino -p atmega328p -P {tty} -b 115200 -U flash:w:{IMAGE_PATH}:r")
    assert f"{len(IMAGE)} bytes of flash verified" in output, output
    bench.expect_image()
    board = bench.await_board(lambda b: b["mode"] == "sketch", "the sketch")
    assert board["resets"]["bootloader"] >= 1 and board["resets"]["sketch"] >= 1, board


def avrdude_flashes_the_leonardo(bench: Bench) -> None:
    tty = bench.plug("cdc_acm", "leonardo")
    bench.tool(f"tty_echo {tty}")
    bench.tool(f"stty -F {tty} 1200")
    tty = bench.returns("caterina")
    output = bench.tool(f"avrdude -c avr109 -p atmega32u4 -P {tty} -U flash:w:{IMAGE_PATH}:r")
    assert f"{len(IMAGE)} bytes of flash verified" in output, output
    bench.expect_image()
    bench.tool(f"tty_echo {bench.returns('leonardo')}")


def a_leonardo_that_nobody_flashes_returns(bench: Bench) -> None:
    tty = bench.plug("cdc_acm", "leonardo")
    bench.tool(f"stty -F {tty} 1200")
    bench.returns("caterina")
    bench.tool(f"tty_echo {bench.returns('leonardo')}")
    expect_equal(bench.usbipd.board(BUSID)["flash_writes"], 0, "what was written")


def dfu_util_flashes_the_stm32(bench: Bench) -> None:
    tty = bench.plug("stm32_vcp", "stm32")
    bench.tool(f"tty_echo {tty}")
    bench.tool(f"stty -F {tty} 1200")
    bench.await_board(lambda board: board["firmware"] == "stm32_dfu", "the bootloader")
    bench.vm.run("vhci_attach wait-free", timeout=LIMIT_S, check=True)
    bench.tool(f"usbip --tcp-port {bench.usbipd.port} attach -r 10.0.2.2 -b {BUSID}")
    output = bench.tool(f"dfu-util -w -a 0 -d 0483:df11 -s 0x08000000:leave -D {IMAGE_PATH}")
    assert "File downloaded successfully" in output, output
    bench.expect_image()
    bench.tool(f"tty_echo {bench.returns('stm32')}")


def esp32s3_leaves_at_each_reset(bench: Bench) -> None:
    tty = bench.plug("esp32s3", "esp32s3", echo="off")
    for number in (1, 2):
        bench.python(ESP32S3_RESET, tty, "sketch")
        tty = bench.returns("esp32s3")
        # pyserial would drop what came before it was open.
        expect_equal(bench.tool(f"timeout 10 head -n 1 {tty}"), f"boot {number}\n", "what it says")
    bench.python(ESP32S3_RESET, tty, "download")
    tty = bench.returns("esp32s3")
    expect_equal(bench.usbipd.board(BUSID)["mode"], "download", "its mode")
    bench.python(ESP32S3_RESET, tty, "sketch")
    bench.returns("esp32s3")
    expect_equal(bench.usbipd.board(BUSID)["resets"], {"sketch": 3, "bootloader": 0, "download": 1, "dfu": 0}, "its resets")


def esp32_waits_for_a_download(bench: Bench) -> None:
    tty = bench.plug("cp2102", "esp32")
    bench.tool(f"tty_echo {tty}")
    expect_equal(bench.usbipd.board(BUSID)["resets"]["sketch"], 0, "resets by an open and a close")
    before = len(bench.usbipd.lines(bench.hardware))
    bench.python(ESP32_RESET, tty)
    changes = [(line["dtr"], line["rts"]) for line in bench.usbipd.lines(bench.hardware)[before:]]
    lines = [now for last, now in zip([(False, False), *changes], changes) if now != last]
    expect_equal(lines, [(True, True), (False, False), (True, True), (False, True), (True, False), (False, False)], "the lines")
    expect_equal(bench.usbipd.board(BUSID)["mode"], "download", "its mode")


CASES = [
    avrdude_flashes_optiboot,
    avrdude_flashes_the_leonardo,
    a_leonardo_that_nobody_flashes_returns,
    dfu_util_flashes_the_stm32,
    esp32s3_leaves_at_each_reset,
    esp32_waits_for_a_download,
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Flashes the lab's boards with the real programs.")
    parser.add_argument("--usbipd-double", type=Path, metavar="PROGRAM", required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    chosen = choose(parser, CASES, arguments.cases)
    with Vm(debian=True) as vm, UsbipdDouble(arguments.usbipd_double) as usbipd:
        vm.start()
        vm.run(f"modprobe -a {DRIVERS}", check=True)
        vm.run(f"cat >{IMAGE_PATH}", stdin=IMAGE, check=True)
        bench = Bench(vm, usbipd)
        cases: Cases[Bench] = Cases()
        for case in chosen:
            cases.run_one(case.__name__, case, bench)
            bench.clean_up()
    return cases.close()


if __name__ == "__main__":
    sys.exit(main())

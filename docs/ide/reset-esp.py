#!/usr/bin/python3
"""Resets an ESP32 by DTR and RTS, into its bootloader or its application, as esptool does it.

    reset-esp.py TTY bootloader|application

TTY is what `ttyferry wait` prints. A chip with USB of its own (ESP32-S3, C3) leaves the bus: wait for it anew.
"""

import sys
import time

import serial


def set_lines(port: serial.Serial, dtr: bool, rts: bool) -> None:
    """Each is a request of its own to the board."""
    port.dtr = dtr
    port.rts = rts


def reset(port: serial.Serial, into_bootloader: bool) -> None:
    set_lines(port, dtr=False, rts=True)  # EN low: held in reset
    time.sleep(0.1)
    if into_bootloader:
        set_lines(port, dtr=True, rts=False)  # IO0 low while EN rises
        time.sleep(0.05)
        port.dtr = False
    else:
        port.rts = False


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[2] not in ("bootloader", "application"):
        print("usage: reset-esp.py TTY bootloader|application", file=sys.stderr)
        return 2
    with serial.Serial(sys.argv[1]) as port:
        try:
            reset(port, sys.argv[2] == "bootloader")
        except OSError:
            pass  # The board has left the bus in the middle of it, as one with USB of its own does.
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Drives usbipd_double, the stand-in for usbipd-win's USB/IP server, from tests.

    with UsbipdDouble(program) as usbipd:
        usbipd.plug("1-3", "ch341", serial="A1")
        usbipd.board("1-3")["rx_bytes"]

Its commands are described in control_channel.h.
"""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote


class UsbipdError(Exception):
    """The server refused a command, or is gone."""


class UsbipdDouble:
    """One running server. It ends with its stdin, so it never outlives this process. Any thread may give commands, but not
    on_event, which the reading thread calls with each event while a controller plays Windows."""

    def __init__(self, program: Path | str, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [str(program), "--port", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.pid = self._process.pid
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        self._lock = threading.Lock()
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        first = self._read_line()
        if not first.startswith("port "):
            raise UsbipdError(f"unexpected first line: {first!r}")
        self.port = int(first.split()[1])

    def __enter__(self) -> UsbipdDouble:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("event "):
                self._answers.put(line.rstrip("\n"))
            elif self.on_event:
                self.on_event(json.loads(line.removeprefix("event ")))
        self._answers.put(None)

    def _read_line(self) -> str:
        line = self._answers.get()
        if line is None:
            self._answers.put(None)
            raise UsbipdError(f"usbipd_double ended with code {self._process.wait()}")
        return line

    def command(self, line: str) -> str:
        """Sends one raw line and returns the answer; raises UsbipdError on "error ..."."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._read_line()
        if answer.startswith("error"):
            raise UsbipdError(f"{line}: {answer}")
        return answer

    def _keyed_command(self, verb: str, values: dict[str, Any]) -> None:
        words = [f"{key}={quote(str(value), safe='')}" for key, value in values.items() if value is not None]
        self.command(" ".join([verb, *words]))

    def plug(self, busid: str, chip: str, **settings: Any) -> None:
        """settings: instance, serial, product, speed, vid, pid, echo ("on" or "off"), delay_us, shared ("yes" or "no"),
        firmware, hardware."""
        self._keyed_command("plug", {"busid": busid, "chip": chip, **settings})

    def unplug(self, busid: str) -> None:
        self._keyed_command("unplug", {"busid": busid})

    def fault(self, busid: str, **settings: Any) -> None:
        """settings: cut_reply_at, import_status, import_delay_ms, drip_ms, patch_at, patch_len, patch_value, times."""
        self._keyed_command("fault", {"busid": busid, **settings})

    def share(self, busid: str, shared: bool) -> None:
        self._keyed_command("share", {"busid": busid, "on": "yes" if shared else "no"})

    def stall(self, busid: str, stalled: bool) -> None:
        """A board that takes URBs and does not answer them."""
        self._keyed_command("stall", {"busid": busid, "on": "yes" if stalled else "no"})

    def service(self, runs: bool) -> None:
        """Down: every connection ends, and new ones are refused."""
        self._keyed_command("service", {"state": "up" if runs else "down"})

    def windows(self, on: bool) -> None:
        """Whether imports and releases wait for a controller, who hears of them by on_event."""
        self._keyed_command("windows", {"on": "yes" if on else "no"})

    def captured(self, busid: str) -> None:
        self._keyed_command("captured", {"busid": busid})

    def refused(self, busid: str, status: int) -> None:
        self._keyed_command("refused", {"busid": busid, "status": status})

    def freed(self, busid: str) -> None:
        self._keyed_command("freed", {"busid": busid})

    def hang_up(self, busid: str) -> None:
        self._keyed_command("hangup", {"busid": busid})

    def flash(self, hardware: str) -> bytes:
        """The flash memory of a board with firmware, by its hardware's name (its busid, unless plug was given another), be it
        plugged in or not."""
        with tempfile.NamedTemporaryFile(prefix="flash-") as file:
            self._keyed_command("flash", {"hardware": hardware, "path": file.name})
            return Path(file.name).read_bytes()

    def lines(self, hardware: str) -> list[dict[str, Any]]:
        """What was done to the lines of a board with firmware: {"us": of CLOCK_MONOTONIC, "dtr", "rts", "baud"}, oldest first."""
        return json.loads(self.command(f"lines hardware={quote(hardware, safe='')}"))["lines"]

    def list(self) -> dict[str, Any]:
        """{"connections": N, "boards": [{"busid": ..., "rx_bytes": ..., ...}]}"""
        return json.loads(self.command("list"))

    def board(self, busid: str) -> dict[str, Any]:
        """One board out of list(); KeyError if it is not plugged in."""
        for board in self.list()["boards"]:
            if board["busid"] == busid:
                return board
        raise KeyError(busid)

    def stop(self) -> int:
        """Ends the server and returns its exit code; harmless when it has ended already."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(10)
        self._reader.join()
        self._process.stdout.close()
        return code

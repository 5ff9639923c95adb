#!/usr/bin/python3
"""Drives usbipd_double, the stand-in for usbipd-win's USB/IP server, from tests.

    with UsbipdDouble(program) as usbipd:
        usbipd.plug("1-3", "ch341", serial="A1")
        usbipd.board("1-3")["rx_bytes"]

Its commands are described in control_channel.h.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote


class UsbipdError(Exception):
    """The server refused a command, or is gone."""


class UsbipdDouble:
    """One running server. It ends with its stdin, so it never outlives this process."""

    def __init__(self, program: Path | str, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [str(program), "--port", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.pid = self._process.pid
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

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UsbipdError(f"usbipd_double ended with code {self._process.wait()}")
        return line.rstrip("\n")

    def command(self, line: str) -> str:
        """Sends one raw line and returns the answer; raises UsbipdError on "error ..."."""
        assert self._process.stdin is not None
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
        """settings: instance, serial, product, speed, vid, pid, echo ("on" or "off"), delay_us."""
        self._keyed_command("plug", {"busid": busid, "chip": chip, **settings})

    def unplug(self, busid: str) -> None:
        self._keyed_command("unplug", {"busid": busid})

    def fault(self, busid: str, **settings: Any) -> None:
        """settings: cut_reply_at, import_status, import_delay_ms, times."""
        self._keyed_command("fault", {"busid": busid, **settings})

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
        self._process.stdout.close()
        return code

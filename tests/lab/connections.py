"""Who is connected to a port of this machine, by the kernel's own tables."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ESTABLISHED = "01"
LOOPBACK = "0100007F"


def established(port: int) -> set[str]:
    """The sockets that are connected to that port of 127.0.0.1, by inode; a half-closed one is not."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {row[9] for row in rows if row[2] == f"{LOOPBACK}:{port:04X}" and row[3] == ESTABLISHED}


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has, by inode."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # It was closed just now.
            target = os.readlink(entry)
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    return found

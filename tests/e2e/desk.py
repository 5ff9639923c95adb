"""Where docs/ide is tried out: the lab, with the pages' boards in the host's configuration, and a user of the group dialout who runs the
pages' blocks in a VM with a whole Debian and its systemd."""

from __future__ import annotations

import contextlib
import queue
import select
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from doc_blocks import parse_jsonc, tested_blocks  # noqa: E402
from lab import Lab  # noqa: E402

PLACE = "1-3"
PAGES = sorted((ROOT / "docs/ide").glob("*.md"))
HOME = "/home/user"
LIMIT_S = 60.0
# The VM has nobody who may become root, and what says `sudo` in a page is run by root here.
SUDO = "#!/bin/sh\nexec \"$@\"\n"
RULES = ROOT / "guest-linux/60-ttyferry.rules"


class Desk:
    """Use with `with`. `blocks` are the pages' blocks that have a test, by its name. There is one place for a board, PLACE: have() and
    pull() see to it, and what one case leaves there the next one takes."""

    def __init__(self, full: bool = False) -> None:
        """full: with Node, and cases do as much as they can."""
        self.full = full
        self.blocks = tested_blocks(PAGES)
        self.lab = Lab(debian=True, systemd=True, node=full)
        self.lab.host_config = parse_jsonc(self.blocks["boards"].text)

    def __enter__(self) -> Self:
        self.lab.start()
        try:
            self.lab.start_service()
            # Where `ttyferry setup` puts them.
            self.lab.vm.push(RULES, f"/etc/udev/rules.d/{RULES.name}")
            self.lab.vm.run("udevadm control --reload", check=True)
            self.lab.start_agents()
            self.lab.vm.run("cat >/usr/local/bin/sudo && chmod 755 /usr/local/bin/sudo", stdin=SUDO.encode(), check=True)
        except BaseException:
            self.lab.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.lab.stop()

    def have(self, model: str) -> None:
        """A board of that model is plugged in and ready, and no other."""
        if PLACE in self.lab.boards and self.lab.boards[PLACE].name == model:
            return
        self.pull()
        marks = self.lab.marks()
        board = self.lab.plug(model, PLACE)
        for stream, mark in marks.items():
            stream.wait_event("ready", board.id, mark)

    def pull(self) -> None:
        """No board is plugged in."""
        if PLACE not in self.lab.boards:
            return
        marks = self.lab.marks()
        board = self.lab.unplug(PLACE)
        for stream, mark in marks.items():
            stream.wait_event("removal", board.id, mark)

    def replug(self) -> None:
        """The board goes and comes back."""
        model = self.lab.boards[PLACE].name
        self.pull()
        self.have(model)

    def command(self, name: str, prelude: str = "") -> str:
        """Puts the block into a file, and says how it is run: by a shell that ends at the first failure."""
        text = f"set -eu\n{prelude}\n{self.blocks[name].text}"
        self.lab.vm.run(f"cat >{HOME}/{name}.sh", stdin=text.encode(), check=True)
        return f"bash {HOME}/{name}.sh"

    @staticmethod
    def as_user(command: str) -> str:
        return f"cd {HOME} && exec runuser -u user -- sh -c {shlex.quote(command)}"

    def try_say(self, command: str, by_root: bool = False) -> tuple[int, str]:
        """Exit code and output, errors included."""
        full = f"{command} 2>&1"
        return self.lab.vm.run(full if by_root else self.as_user(full), timeout=LIMIT_S)

    def say(self, command: str, by_root: bool = False) -> str:
        """The output of a shell command that succeeds."""
        code, output = self.try_say(command, by_root)
        assert code == 0, f"{command} ended with {code}:\n{output}"
        return output

    def try_run(self, name: str, prelude: str = "") -> tuple[int, str]:
        return self.try_say(self.command(name, prelude))

    def run(self, name: str, by_root: bool = False) -> str:
        """The output of a block that succeeds."""
        return self.say(self.command(name), by_root)

    @contextlib.contextmanager
    def background(self, name: str) -> Iterator[None]:
        process = self.lab.vm.popen(self.as_user(self.command(name)))
        try:
            yield
        finally:
            process.close()

    @contextlib.contextmanager
    def stream(self, command: str) -> Iterator[Iterator[str]]:
        """The lines of a command that goes on; one that does not come in time is a failure."""
        process = self.lab.vm.popen(self.as_user(command))
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
        try:
            yield _in_time(command, lines)
        finally:
            process.close()


def _read_lines(pipe: BinaryIO, lines: queue.Queue[str | None]) -> None:
    with contextlib.suppress(ValueError, OSError):  # It is closed under the reader's hands.
        for line in pipe:
            lines.put(line.decode())
    lines.put(None)


def _in_time(command: str, lines: queue.Queue[str | None]) -> Iterator[str]:
    while True:
        try:
            line = lines.get(timeout=LIMIT_S)
        except queue.Empty:
            raise AssertionError(f"{command} says nothing for {LIMIT_S:.0f} s") from None
        if line is None:
            return
        yield line


class Terminal:
    """A block on a terminal of its own, as somebody sits at it."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._name = name
        command = desk.command(name)
        # `script` makes the terminal; its own input is no terminal, and is passed on as it is.
        self._process = desk.lab.vm.popen(desk.as_user(f"TERM=xterm exec script -qefc {shlex.quote(command)} /dev/null 2>&1"))
        self._output = b""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.close()

    def wait(self, word: str) -> None:
        """Until it has shown that, behind what was waited for before."""
        deadline = time.monotonic() + LIMIT_S
        while (at := self._output.find(word.encode(), self._seen)) < 0:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{self._name} never showed {word!r}: {self._output!r}")
        self._seen = at + len(word)

    def type(self, keys: str) -> None:
        self._process.write(keys.encode())

    def expect_echo(self, word: str) -> None:
        """What is typed comes back, from the board: nobody else echoes in a terminal program."""
        self.type(word)
        self.wait(word)

    def end(self) -> int:
        deadline = time.monotonic() + LIMIT_S
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(LIMIT_S)

    def _read(self, limit_s: float) -> bool:
        stdout = self._process.stdout
        if not select.select([stdout], [], [], max(limit_s, 0))[0]:
            return False
        data = stdout.read1(65536)
        self._output += data
        return bool(data)

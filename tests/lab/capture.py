"""What usbipd-win does to Windows' device tree and registry: for each import it takes the device away, shows a stub (80EE:CAFE)
in its place and notes it, and gives the device back when the guest lets go. Here the reports of the guest on the Windows stream start it, and the USB/IP
double's import delay stands for the time that it takes."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab import Board, Lab

STUB = r"USB\VID_80EE&PID_CAFE"
STUB_DESCRIPTION = "USBIP Shared Device"
# usbipd-win takes about a second: 100 ms for its filter, the rest for Windows' enumeration.
IMPORT_DELAY_MS = 1000


class Capture:
    """Captures and releases the lab's boards from start() to stop()."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._captured: set[str] = set()
        self._jobs: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.errors: list[Exception] = []

    def start(self) -> None:
        self.follow_stream()
        self._thread.start()

    def follow_stream(self) -> None:
        """Also after the host agent was started anew, with a new stream."""
        self._lab.windows.on_event = self._hear

    def stop(self) -> None:
        self._lab.windows.on_event = None
        self._jobs.put(None)
        self._thread.join()

    def _hear(self, event: dict) -> None:
        if event["event"] in ("attaching", "detached", "failed"):
            self._jobs.put((event["event"], event["board"]["id"]))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._do(*job)
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(error)  # The case that runs looks here.

    def _do(self, event: str, board_id: str) -> None:
        with self._lab.windows_lock:
            board = next((b for b in self._lab.boards.values() if b.id == board_id), None)
            if board is None:
                return  # It was pulled, and unplug() has seen to what was there.
            if event == "attaching" and board_id not in self._captured:
                self._captured.add(board_id)
                self._lab.pnp.unplug(board.instance_id)
                self._plug_stub(board)
                self._lab.note_attached(board, self._stub_id(board))
            elif event != "attaching" and board_id in self._captured:
                self._captured.remove(board_id)
                self._lab.note_attached(board, None)
                self._lab.pnp.unplug(self._stub_id(board))
                self._lab.plug_node(board)

    def _plug_stub(self, board: Board) -> None:
        hub, port = board.busid.split("-")
        self._lab.pnp.plug(STUB, board.instance_id.rsplit("\\", 1)[1], hub=hub, port=port, desc=STUB_DESCRIPTION)

    @staticmethod
    def _stub_id(board: Board) -> str:
        return f"{STUB}\\" + board.instance_id.rsplit("\\", 1)[1]

    def node_of(self, board: Board) -> str:
        """The node that is there for the board now, for whoever pulls it; with windows_lock held. It is forgotten."""
        if board.id in self._captured:
            self._captured.remove(board.id)
            self._lab.note_attached(board, None)
            return self._stub_id(board)
        return board.instance_id

"""usbipd-win's service as Windows sees it: for each import it takes the device away, brings a stub (80EE:CAFE) in its place and
notes it in the registry; when the client lets go, the other way round. The USB/IP double asks for each step and waits.

Every row of the table in usbipd-win's PnP behaviour that is not a matter of the lab alone is a method here. The short waits are
the real service's own.
"""

from __future__ import annotations

import enum
import threading
import time
from typing import TYPE_CHECKING, Any

from usbipd_double import UsbipdError

if TYPE_CHECKING:
    from lab import Board, Lab

STUB = r"USB\VID_80EE&PID_CAFE"
STUB_DESCRIPTION = "USBIP Shared Device"
GUEST_ADDRESS = "10.0.2.15"
# usbipd-win takes about a second: 100 ms for its filter, the rest for Windows' enumeration.
CAPTURE_S = 1.0
FILTER_S = 0.1
# It polls for a stub that does not come for so long; the real one 10 s.
CLAIM_LIMIT_S = 10.0
STATUS_IN_USE, STATUS_CLAIM_FAILED = 2, 3


class Claim(enum.Enum):
    """How the next import of a board goes."""

    GOES_WELL = enum.auto()
    VETOED = enum.auto()  # a Windows program holds the COM port
    FILTER_MISSES = enum.auto()  # the board itself comes back
    STUB_UNCLAIMED = enum.auto()  # the stub comes and stays, an orphan


class Seat:
    """What Windows has at a board's place. `lock` is held while it changes."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.node: str | None = None  # the instance id that is there now
        self.is_noted = False  # as attached, in the registry
        self.is_forced = False
        self.claims: list[Claim] = []
        self.pulled = threading.Event()


class UsbipdService:
    """Plays that half of usbipd-win for the boards of a lab, from start() to stop()."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._threads: list[threading.Thread] = []
        self.capture_s = CAPTURE_S
        self.claim_limit_s = CLAIM_LIMIT_S
        self.errors: list[Exception] = []

    def start(self) -> None:
        self._lab.usbipd.on_event = self._hear
        self._lab.usbipd.windows(True)

    def stop(self) -> None:
        """Waits for what is under way."""
        self._lab.usbipd.windows(False)
        self._lab.usbipd.on_event = None
        for thread in self._threads:
            thread.join()

    # What the double asks for.

    def _hear(self, event: dict[str, Any]) -> None:
        step = self._capture if event["event"] == "import" else self._release
        thread = threading.Thread(target=self._run, args=(step, event["busid"]), daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _run(self, step: Any, busid: str) -> None:
        board = self._lab.boards.get(busid)
        if board is None:
            return  # It was pulled, and pull() has seen to what was there.
        try:
            with board.seat.lock:
                if not board.seat.pulled.is_set():
                    step(board)
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)  # The case that runs looks here.

    def _capture(self, board: Board) -> None:
        claim = board.seat.claims.pop(0) if board.seat.claims else Claim.GOES_WELL
        if claim is Claim.VETOED:
            self._answer(self._lab.usbipd.refused, board.busid, STATUS_IN_USE)
            return
        self._take_away(board)
        if board.seat.pulled.wait(self.capture_s):
            return
        if claim is Claim.FILTER_MISSES:
            self.show_board(board)
        else:
            self._show_captured(board)
        if claim is Claim.GOES_WELL:
            if self._answer(self._lab.usbipd.captured, board.busid):
                self.note(board, board.seat.node)
        elif not board.seat.pulled.wait(self.claim_limit_s):
            self._answer(self._lab.usbipd.refused, board.busid, STATUS_CLAIM_FAILED)

    @staticmethod
    def _answer(answer: Any, *words: Any) -> bool:
        """False if the client has gone meanwhile; then the board is released next."""
        try:
            answer(*words)
        except UsbipdError:
            return False
        return True

    def _release(self, board: Board) -> None:
        """The client has hung up."""
        self.note(board, None)
        self._give_back(board)
        self._answer(self._lab.usbipd.freed, board.busid)

    # Windows' device tree and registry. The caller holds the seat's lock.

    def _take_away(self, board: Board) -> None:
        if board.seat.node:
            with self._lab.windows_lock:
                self._lab.pnp.unplug(board.seat.node)
            board.seat.node = None

    def show_board(self, board: Board) -> None:
        """Windows enumerates the board itself. One that usbipd-win was forced upon has its driver, and no COM port."""
        node = {k: v for k, v in board.node.items() if not (board.seat.is_forced and k in ("com", "on"))}
        if board.seat.is_forced:
            node["compat"] = STUB
        with self._lab.windows_lock:
            board.seat.node = self._lab.pnp.plug(board.model.device_id, **node)

    def _show_captured(self, board: Board) -> None:
        if board.seat.is_forced:
            self.show_board(board)
            return
        hub, port = board.busid.split("-")
        with self._lab.windows_lock:
            board.seat.node = self._lab.pnp.plug(
                STUB, board.instance_id.rsplit("\\", 1)[1], hub=hub, port=port, desc=STUB_DESCRIPTION
            )

    def _give_back(self, board: Board) -> None:
        self._take_away(board)
        if not board.seat.pulled.wait(FILTER_S):
            self.show_board(board)

    def note(self, board: Board, stub_id: str | None, address: str = GUEST_ADDRESS) -> None:
        """What usbipd-win notes in the registry for as long as a board is attached."""
        with self._lab.windows_lock:
            if stub_id:
                self._lab.pnp.attached(board.instance_id, stub_id, board.busid, address)
            elif board.seat.is_noted:
                self._lab.pnp.released(board.instance_id)
        board.seat.is_noted = stub_id is not None

    # The rows.

    def pull(self, board: Board) -> None:
        """Somebody pulls the board, whatever is going on with it. While it is attached only the stub goes."""
        board.seat.pulled.set()
        self._lab.usbipd.unplug(board.busid)
        with board.seat.lock:
            self._take_away(board)
            self.note(board, None)

    def detach(self, board: Board) -> None:
        """`usbipd detach`: the note goes first, and the connection last."""
        with board.seat.lock:
            self.note(board, None)
            self._give_back(board)
            time.sleep(FILTER_S)
            self._answer(self._lab.usbipd.hang_up, board.busid)

    def reset(self, board: Board, flickers: bool = False) -> None:
        """The board leaves the bus and returns with the same ids. flickers: as a stub at first."""
        with board.seat.lock:
            self._take_away(board)
            if flickers:
                self._show_captured(board)
                self._take_away(board)
            self._answer(self._lab.usbipd.hang_up, board.busid)
            self.note(board, None)
            self.show_board(board)

    def switch(self, board: Board, name: str) -> Board:
        """The board leaves the bus and returns as another one at the same place, as for its bootloader. Returns that."""
        board.seat.pulled.set()
        with board.seat.lock:
            self._take_away(board)
            self._lab.usbipd.unplug(board.busid)
            self.note(board, None)
            del self._lab.boards[board.busid]
        return self._lab.plug(name, board.busid)

    def force(self, board: Board) -> None:
        """`usbipd bind --force`, once: its own driver takes the place of Windows'."""
        with board.seat.lock:
            self._take_away(board)
            board.seat.is_forced = True
            self.show_board(board)

    def restart(self, down_s: float = 1.0) -> None:
        """The service stops, which gives everything back to Windows, and starts again."""
        for board in list(self._lab.boards.values()):
            if board.seat.is_noted:
                self.detach(board)
        self._lab.usbipd.service(False)
        with self._lab.windows_lock:
            self._lab.pnp.service(False)
        time.sleep(down_s)
        with self._lab.windows_lock:
            self._lab.pnp.service(True)
        self._lab.usbipd.service(True)



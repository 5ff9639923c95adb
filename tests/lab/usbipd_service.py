"""usbipd-win's service as Windows sees it: for each import it takes the device away, brings a stub (80EE:CAFE) in its place and
notes it in the registry; when the client lets go, the other way round. The USB/IP double asks for each step and waits.

Every row of the table in usbipd-win's PnP behaviour that is not a matter of the lab alone is a method here. The short waits are
the real service's own. usbipd.exe (tests/lab/usbipd_exe) works on the same registry and asks here for a detach.
"""

from __future__ import annotations

import contextlib
import enum
import socketserver
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models import model_of_firmware
from usbipd_double import UsbipdError

if TYPE_CHECKING:
    from windows_side import Board, WindowsSide

STUB = r"USB\VID_80EE&PID_CAFE"
STUB_DESCRIPTION = "USBIP Shared Device"
GUEST_ADDRESS = "10.0.2.15"
# usbipd-win takes about a second: 100 ms for its filter, the rest for Windows' enumeration.
CAPTURE_S = 1.0
FILTER_S = 0.1
# It polls for a stub that does not come for so long; the real one 10 s.
CLAIM_LIMIT_S = 10.0
STATUS_IN_USE, STATUS_CLAIM_FAILED, STATUS_NOT_THERE = 2, 3, 4


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
        self.shown_s = 0.0  # when Windows last had the board itself, by time.monotonic()
        self.is_noted = False  # as attached, in the registry
        self.is_forced = False
        self.claims: list[Claim] = []
        self.pulled = threading.Event()


class UsbipdService:
    """Plays that half of usbipd-win for the boards of a lab, from start() to stop().

    capture_s: how long Windows takes to show the stub. claim_limit_s: how long the service waits for one that does not come.
    repeats: how often each of Windows' notices about a board's USB node comes again, in lower case; repeat_after_s: how late."""

    def __init__(self, lab: WindowsSide) -> None:
        self._lab = lab
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._front: CommandServer | None = None
        self.capture_s = CAPTURE_S
        self.claim_limit_s = CLAIM_LIMIT_S
        self.repeats = 0
        self.repeat_after_s = 0.0
        self.errors: list[Exception] = []

    def start(self) -> None:
        self._front = CommandServer(self)
        self._lab.pnp.service(True, port=self._front.port)
        self._lab.usbipd.on_event = self._hear
        self._lab.usbipd.windows(True)

    def stop(self) -> None:
        """Waits for what is under way."""
        self._lab.usbipd.windows(False)
        self._lab.usbipd.on_event = None
        self._ending.set()
        if self._front:
            self._front.close()
        self.settle()

    def settle(self) -> None:
        """Returns when nothing is under way."""
        for thread in list(self._threads):
            thread.join()

    def _spawn(self, work: Callable[..., None], *words: Any) -> None:
        thread = threading.Thread(target=self._guarded, args=(work, *words), daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _guarded(self, work: Callable[..., None], *words: Any) -> None:
        try:
            work(*words)
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)  # The case that runs looks here.

    # What the double asks for.

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "leaves":
            self._spawn(self._leave, event)
            return
        self._spawn(self._run, self._capture if event["event"] == "import" else self._release, event["busid"])

    def _run(self, step: Callable[[Board], None], busid: str) -> None:
        board = self._lab.boards.get(busid)
        if board is None:
            return  # It was pulled, and pull() has seen to what was there.
        with board.seat.lock:
            if not board.seat.pulled.is_set():
                step(board)

    def _leave(self, event: dict[str, Any]) -> None:
        """A board's firmware has reset it, and it returns with the same or another one."""
        board = self._lab.boards.get(event["busid"])
        if board is not None:
            self.switch(board, model_of_firmware(event["firmware"]), event["after_ms"] / 1000, bound=board.is_bound, **board.settings)

    def _capture(self, board: Board) -> None:
        if not self._may_export(board):
            self._answer(self._lab.usbipd.refused, board.busid, STATUS_NOT_THERE)
            return
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

    def _may_export(self, board: Board) -> bool:
        """By the registry as it is now. A board that only the policy allows is bound by its first import."""
        sharing = self._lab.sharing(board)
        if not sharing["guid"] and sharing["allowed"]:
            self._lab.bind(board)
        return bool(sharing["guid"] or sharing["allowed"])

    def list_shared(self, *boards: Board) -> None:
        """DEVLIST holds from now on what the registry says, of these boards or of all."""
        for board in boards or list(self._lab.boards.values()):
            sharing = self._lab.sharing(board)
            self._answer(self._lab.usbipd.share, board.busid, bool(sharing["guid"] or sharing["allowed"]))

    @staticmethod
    def _answer(answer: Any, *words: Any) -> bool:
        """False if the client or the board has gone meanwhile; a client's board is released next."""
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
            self._lab.pnp.unplug(board.seat.node)
            self._repeat("removal", board.seat.node)
            board.seat.node = None

    def show_board(self, board: Board) -> None:
        """Windows enumerates the board itself. One that usbipd-win was forced upon has its driver, and no COM port."""
        node = {k: v for k, v in board.node.items() if not (board.seat.is_forced and k in ("com", "on"))}
        if board.seat.is_forced:
            node["compat"] = STUB
        board.seat.shown_s = time.monotonic()
        board.seat.node = self._lab.pnp.plug(board.model.device_id, **node)
        if board.model.driver or board.seat.is_forced:
            self._repeat("arrival", board.seat.node)

    def _show_captured(self, board: Board) -> None:
        if board.seat.is_forced:
            self.show_board(board)
            return
        hub, port = board.busid.split("-")
        board.seat.node = self._lab.pnp.plug(STUB, board.instance_id.rsplit("\\", 1)[1], hub=hub, port=port, desc=STUB_DESCRIPTION)
        self._repeat("arrival", board.seat.node)

    def _repeat(self, what: str, node: str) -> None:
        for _ in range(self.repeats):
            if self.repeat_after_s:
                self._spawn(self._repeat_late, self.repeat_after_s, what, node)
            else:
                self._lab.pnp.notice(what, "usb", node.lower())

    def _repeat_late(self, delay_s: float, what: str, node: str) -> None:
        if not self._ending.wait(delay_s):
            self._lab.pnp.notice(what, "usb", node.lower())

    def _give_back(self, board: Board) -> None:
        self._take_away(board)
        if not board.seat.pulled.wait(FILTER_S):
            self.show_board(board)

    def note(self, board: Board, stub_id: str | None, address: str = GUEST_ADDRESS) -> None:
        """What usbipd-win notes in the registry for as long as a board is attached."""
        if stub_id:
            self._lab.pnp.attached(board.instance_id, stub_id, board.busid, address)
        elif board.seat.is_noted:
            self._lab.pnp.released(board.instance_id)
        board.seat.is_noted = stub_id is not None

    # The rows.

    def pull(self, board: Board) -> None:
        """Somebody pulls the board, whatever is going on with it, or while it is off the bus by itself. While it is attached
        only the stub goes."""
        board.seat.pulled.set()
        self._answer(self._lab.usbipd.unplug, board.busid)
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

    def switch(self, board: Board, name: str, after_s: float = 0.0, **settings: Any) -> Board:
        """The board leaves the bus and returns as another one at the same place, after so long, as for its bootloader; settings
        are those of plug. Returns that, or the board itself if somebody pulls it meanwhile."""
        board.seat.pulled.set()
        with board.seat.lock:
            self._take_away(board)
            self._answer(self._lab.usbipd.unplug, board.busid)
            self.note(board, None)
        self._ending.wait(after_s)
        return self._lab.replace(board, name, **settings)

    def force(self, board: Board, forced: bool = True) -> None:
        """`usbipd bind --force`, once: its own driver takes the place of Windows'. Not forced: `usbipd unbind` of such a board."""
        with board.seat.lock:
            self._take_away(board)
            board.seat.is_forced = forced
            self.show_board(board)

    def orphan(self, board: Board) -> None:
        """The capture hazard: the filter, meant for an identical board on the same port number of another hub, takes this one.
        Its stub stays until it is pulled; nobody has imported it."""
        with board.seat.lock:
            self._take_away(board)
            self._show_captured(board)

    def restart(self, down_s: float = 1.0) -> None:
        """The service stops, which gives everything back to Windows, and starts again."""
        self.detach_all()
        self._lab.usbipd.service(False)
        self._lab.pnp.service(False)
        time.sleep(down_s)
        self._lab.pnp.service(True, port=self._front.port if self._front else None)
        self._lab.usbipd.service(True)

    def detach_all(self) -> None:
        for board in list(self._lab.boards.values()):
            if board.seat.is_noted:
                self.detach(board)

    # What usbipd.exe asks for.

    def command(self, words: list[str]) -> None:
        """One command, done when it returns; ValueError for one that makes no sense."""
        match words:
            case ["detach", busid]:
                if self._board(busid).seat.is_noted:
                    self.detach(self._board(busid))
            case ["force", busid]:
                self.force(self._board(busid))
            case ["unforce", busid]:
                if self._board(busid).seat.is_forced:
                    self.force(self._board(busid), forced=False)
            case ["shared"]:
                self.list_shared()
            case _:
                raise ValueError(f"no command: {' '.join(words)}")

    def _board(self, busid: str) -> Board:
        if busid not in self._lab.boards:
            raise ValueError(f"there is no board at {busid}")
        return self._lab.boards[busid]


class CommandServer(socketserver.ThreadingTCPServer):
    """Hears usbipd.exe at a port of its own of 127.0.0.1: a line with a command, a line with "ok" or "error TEXT"."""

    daemon_threads = True

    def __init__(self, service: UsbipdService) -> None:
        super().__init__(("127.0.0.1", 0), CommandHandler)
        self.service = service
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class CommandHandler(socketserver.StreamRequestHandler):
    server: CommandServer

    def handle(self) -> None:
        words = self.rfile.readline(256).decode(errors="replace").split()
        try:
            self.server.service.command(words)
            answer = "ok"
        except Exception as error:  # pylint: disable=broad-except
            answer = f"error {error}"
        with contextlib.suppress(OSError):
            self.wfile.write(answer.replace("\n", " ").encode() + b"\n")

"""Windows as the lab has it: a Wine prefix, the boards that are plugged into it, and usbipd-win, as the USB/IP double and
(after start_service) as what its service does to Windows.

    with WindowsSide() as windows:
        windows.start_service()
        board = windows.plug("nano", "1-3")
        windows.unplug("1-3")
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "lab/usbip")]

from models import MODELS, Model  # noqa: E402
from usbipd_double import UsbipdDouble  # noqa: E402
from usbipd_service import Claim, Seat, UsbipdService  # noqa: E402
from wine import Pnp, WinePrefix  # noqa: E402

PNP_FOLDER = ROOT / "build/windows/tests/lab/pnp"
USBIPD_PROGRAM = ROOT / "build/linux/tests/lab/usbip/usbipd_double"
USBIPD_COMMAND = ROOT / "build/windows/tests/lab/usbipd_exe/usbipd.exe"
USBIPD_FOLDER = "C:\\Program Files\\usbipd-win\\"


# What a board or usbipd-win does to Windows, by the name of UsbipdService's method; flicker is a reset that does so.
ROWS = ("detach", "flicker", "force", "orphan", "reset", "restart", "switch")


class LabError(Exception):
    """The lab could not do what it was asked."""


@dataclasses.dataclass
class Board:
    """A board that is plugged in. `id` is its key on the streams; `node` is what pnpctl plugs for it, `seat` what is there;
    `is_bound` and `settings` (of UsbipdDouble.plug) go over to what its firmware makes of it."""

    name: str
    model: Model
    busid: str
    instance_id: str
    com_port: str | None
    node: dict[str, Any] = dataclasses.field(default_factory=dict)
    seat: Seat = dataclasses.field(default_factory=Seat)
    is_bound: bool = True
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.instance_id.lower()


class WindowsSide:
    """Start with `with`, or start() and stop()."""

    def __init__(self) -> None:
        for program in (*self.programs(), USBIPD_PROGRAM, USBIPD_COMMAND, PNP_FOLDER / "pnpbus.sys"):
            if not program.exists():
                raise LabError(f"{program} is missing: run scripts/build.sh linux and scripts/build.sh windows")
        self.prefix = WinePrefix()
        self.pnp = Pnp(self.prefix, PNP_FOLDER)
        self.boards: dict[str, Board] = {}
        self.service: UsbipdService | None = None
        self.places_lock = threading.RLock()  # for `boards`, which firmware changes too
        self.windows_lock = threading.RLock()  # for several requests to pnpctl that belong together
        self._stack = contextlib.ExitStack()
        self._next_com = 5
        self._com_ports: dict[str, str] = {}  # of boards with firmware: Windows gives each instance its old one again

    @staticmethod
    def programs() -> list[Path]:
        """What must have been built, besides the lab's own."""
        return []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ttyferry-lab-")))
        self.usbipd = self._stack.enter_context(UsbipdDouble(USBIPD_PROGRAM))
        self._stack.callback(self.prefix.stop)
        self._start_machines()

    def _start_machines(self) -> None:
        self._start_windows()

    def _start_windows(self) -> None:
        self.prefix.start()
        self.pnp.start()
        self._stack.callback(self.pnp.stop)
        self._install_usbipd()

    def _install_usbipd(self) -> None:
        assert self.prefix.path
        folder = self.prefix.path / "drive_c/Program Files/usbipd-win"
        folder.mkdir()
        shutil.copy(USBIPD_COMMAND, folder)
        self.pnp.usbipd(folder=USBIPD_FOLDER, version="5.3.0")
        self.pnp.service(True)

    def run_usbipd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """usbipd.exe of usbipd-win's own folder."""
        return self.prefix.run(USBIPD_FOLDER + "usbipd.exe", *words, check=False)

    def stop(self) -> None:
        self._stack.close()

    def start_service(self) -> UsbipdService:
        """From now on usbipd-win shows in Windows' device tree and registry what it does to a board that a guest imports.
        Before any board is plugged in."""
        self.service = UsbipdService(self)
        self.service.start()
        self._stack.callback(self.service.stop)
        return self.service

    # The boards.

    def plug(
        self, name: str, busid: str, bound: bool = True, com: bool = True, fault: dict[str, Any] | None = None,
        claims: list[Claim] | None = None, attached_to: str | None = None, **usb: Any
    ) -> Board:
        """Plugs a board into port `busid`: it is exportable first and enumerates then, as on Windows. `usb` goes to
        UsbipdDouble.plug (echo, product, serial, delay_us, ...). Without `com` it has no COM port yet (give_com_port);
        `fault` goes to UsbipdDouble.fault before anybody can import it, `claims` say how usbipd-win's captures of it go, and
        another client may have it already. Returns when Windows has enumerated it."""
        with self.places_lock:
            board = self._put(name, busid, bound, com, fault, usb)
        board.seat.claims = claims or []
        with board.seat.lock:
            if attached_to:
                assert self.service is not None
                self.service.note(board, board.instance_id, attached_to)
            self._show(board)
        return board

    def _put(self, name: str, busid: str, bound: bool, com: bool, fault: dict[str, Any] | None, usb: dict[str, Any]) -> Board:
        """A board at its place, which Windows has not enumerated yet."""
        if name not in MODELS:
            raise LabError(f"no model '{name}': {', '.join(MODELS)} exist")
        if busid in self.boards:
            raise LabError(f"there is a board at {busid} already")
        model = MODELS[name]
        hub, port = (int(part) for part in busid.split("-"))
        instance = model.instance(hub, port)
        board = Board(name, model, busid, f"{model.device_id}\\{instance}", None)
        fields: dict[str, Any] = {"hub": hub, "port": port, "desc": model.description, "compat": model.compatible_ids}
        if usb.get("product"):
            fields["product"] = usb["product"]
        if not model.driver:
            fields["driver"] = "no"
        elif com:
            board.com_port = self._com_port_of(board)
            fields |= {"com": board.com_port, "on": model.com_on}
        board.settings = {key: value for key, value in usb.items() if key in ("delay_us", "echo", "hardware")}
        usb.setdefault("serial", model.serial)
        usb.setdefault("firmware", model.firmware)
        self.usbipd.plug(busid, model.chip, instance=board.instance_id, **usb)
        if fault:
            self.usbipd.fault(busid, **fault)
        board.node = {"instance": instance, **fields}
        if bound:
            self.bind(board)
        else:
            self.unbind(board)
        self.boards[busid] = board
        if self.service:
            self.service.list_shared(board)
        return board

    def _show(self, board: Board) -> None:
        """Windows enumerates the board itself."""
        if self.service:
            self.service.show_board(board)
        else:
            self.pnp.plug(board.model.device_id, **board.node)

    def unplug(self, busid: str) -> Board:
        """Pulls the board: its USB/IP connection ends and Windows sees it go."""
        with self.places_lock:
            if busid not in self.boards:
                raise LabError(f"there is no board at {busid}")
            board = self.boards.pop(busid)
        if self.service:
            self.service.pull(board)
            return board
        self.usbipd.unplug(busid)
        self.pnp.unplug(board.instance_id)
        return board

    def replace(self, board: Board, name: str, **settings: Any) -> Board:
        """Another one in the place of a board that has left the bus, unless that was pulled. Returns what is there."""
        with self.places_lock:
            if self.boards.get(board.busid) is not board:
                return board
            del self.boards[board.busid]
            return self.plug(name, board.busid, **settings)

    def row(self, name: str, busid: str | None = None, *words: str) -> None:
        """One of ROWS, after start_service. All but restart take the board at a busid, and switch also a model's name."""
        assert self.service is not None
        if name == "restart":
            self.service.restart()
            return
        if busid not in self.boards:
            raise LabError(f"there is no board at {busid}")
        board = self.boards[busid]
        if name == "flicker":
            self.service.reset(board, flickers=True)
        elif name in ROWS:
            getattr(self.service, name)(board, *words)
        else:
            raise LabError(f"no row '{name}': {', '.join(ROWS)} exist")

    def _new_com_port(self) -> str:
        with self.windows_lock:
            self._next_com += 1
            return f"COM{self._next_com - 1}"

    def _com_port_of(self, board: Board) -> str:
        if not board.model.firmware:
            return self._new_com_port()
        with self.windows_lock:
            if board.instance_id not in self._com_ports:
                self._com_ports[board.instance_id] = self._new_com_port()
            return self._com_ports[board.instance_id]

    def give_com_port(self, board: Board) -> None:
        """Windows' driver makes the COM port, later than the board."""
        board.com_port = self._new_com_port()
        board.node |= {"com": board.com_port, "on": board.model.com_on}
        self.pnp.com(board.instance_id, board.com_port, on=board.model.com_on)

    def bind(self, board: Board, instance_id: str | None = None) -> None:
        """What `usbipd bind` does to the registry; it outlasts the board's stay. instance_id: how it is spelt there."""
        board.is_bound = True
        with self.windows_lock:
            if not self.sharing(board)["guid"]:
                self.pnp.bind(instance_id or board.instance_id, board.model.description)
        if self.service:
            self.service.list_shared(board)

    def unbind(self, board: Board) -> None:
        board.is_bound = False
        with self.windows_lock:
            if self.sharing(board)["guid"]:
                self.pnp.unbind(board.instance_id)
        if self.service:
            self.service.list_shared(board)

    def sharing(self, board: Board) -> dict[str, Any]:
        """Pnp.sharing of a board."""
        return self.pnp.sharing(board.instance_id, board.busid, f"{board.model.vid:04X}:{board.model.pid:04X}")

    def list(self) -> list[dict[str, Any]]:
        """The boards with what the USB/IP double counts."""
        counted = {entry["busid"]: entry for entry in self.usbipd.list()["boards"]}
        return [{"busid": b.busid, "model": b.name, "com": b.com_port, **counted.get(b.busid, {})} for b in list(self.boards.values())]

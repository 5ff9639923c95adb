#!/usr/bin/python3
"""Tests the Windows half of the lab by itself: the bus driver, its control program, the prefix.

usage: selftest.py [FOLDER]    FOLDER holds the programs built from this folder
                               (build/windows/tests/lab/pnp by default)
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wine import LineStream, Pnp, WineError, WinePrefix  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
DEFAULT_FOLDER = ROOT / "build/windows/tests/lab/pnp"

PAIRS = 50
EVENT_LIMIT_S = 10.0

CH340 = r"USB\VID_1A86&PID_7523"
LEONARDO = r"USB\VID_2341&PID_8036"
STM32_DFU = r"USB\VID_0483&PID_DF11"
FTDI = r"USB\VID_0403&PID_6001"
SENTINEL = r"USB\VID_FFFF&PID_0001"


class Failure(Exception):
    """A check that did not hold."""


def check(condition: bool, what: object) -> None:
    if not condition:
        raise Failure(str(what))


def check_equal(actual: object, expected: object, what: str) -> None:
    check(actual == expected, f"{what}: {actual!r}, expected {expected!r}")


class Watch:
    """pnpwatch.exe: what a program in the prefix hears."""

    def __init__(self, prefix: WinePrefix, folder: Path) -> None:
        self.process = prefix.spawn(folder / "pnpwatch.exe", "watch", stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
        assert self.process.stdin and self.process.stdout
        self._stdin = self.process.stdin
        self._lines = LineStream(self.process.stdout)
        check_equal(self._lines.next(EVENT_LIMIT_S), "ready", "pnpwatch's first line")

    def next_interface(self) -> tuple[float, str]:
        """The next arrival or removal, with its time: "arrival usb USB\\VID...\\INSTANCE"."""
        while True:
            at, line = self._lines.next_timed(EVENT_LIMIT_S)
            check(line is not None, "pnpwatch ended")
            assert line
            if line != "devnodes" and not line.startswith("mark"):
                what, kind, path = line.split(" ", 2)
                return at, f"{what} {kind} {instance_of(path)}"

    def expect(self, *events: str) -> None:
        for event in events:
            got = self.next_interface()[1]
            check_equal(got.upper(), event.upper(), "event")

    def mark(self, handles: int = 0) -> list[str]:
        """What has been printed until now; also opens handles in the program."""
        self._stdin.write(b"%d\n" % handles)
        self._stdin.flush()
        lines: list[str] = []
        while True:
            line = self._lines.next(EVENT_LIMIT_S)
            check(line is not None, "pnpwatch ended")
            assert line
            if line == f"mark {handles}":
                return lines
            lines.append(line)

    def stop(self) -> None:
        self._stdin.close()
        check_equal(self.process.wait(EVENT_LIMIT_S), 0, "pnpwatch's exit code")


def instance_of(path: str) -> str:
    """The instance id in an interface path: \\\\?\\USB#VID_...#INSTANCE#{class}."""
    return "\\".join(path[4:].split("#")[:-1])


class Lab:
    """What every case works with."""

    def __init__(self, prefix: WinePrefix, pnp: Pnp, folder: Path) -> None:
        self.prefix = prefix
        self.pnp = pnp
        self.folder = folder
        self.watch = Watch(prefix, folder)

    def connect(self) -> None:
        """Plugs a sentinel until the watcher hears it: Wine lets RegisterDeviceNotification return
        before the events come through."""
        for attempt in range(100):
            name = f"CONNECT{attempt}"
            with self.pnp.plugged(SENTINEL, name):
                pass
            lines = self.watch.mark()
            if any("arrival" in line for line in lines):
                break
        last = f"removal usb {SENTINEL}\\{name}".upper()
        while not any(_event_is(line, last) for line in lines):
            lines = [self.watch.next_interface()[1]]

    def sentinel(self) -> None:
        """Whatever was heard of before must be out: the next event is the sentinel's own."""
        with self.pnp.plugged(SENTINEL, "S") as board:
            self.watch.expect(f"arrival usb {board}")
        self.watch.expect(f"removal usb {board}")

    def nodes(self, enumerator: str = "USB") -> dict[str, dict[str, str]]:
        """The present nodes by instance id, in upper case as Wine gives it."""
        out = self.prefix.run(self.folder / "pnpwatch.exe", "nodes", enumerator).stdout
        return {node["instance"].upper(): node for node in json.loads(out)}

    def interfaces(self, kind: str) -> set[str]:
        out = self.prefix.run(self.folder / "pnpwatch.exe", "interfaces", kind).stdout
        return {entry["instance"].upper() for entry in json.loads(out)}

    def registry(self, key: str) -> str:
        return self.prefix.run("reg.exe", "query", key, "/s", check=False).stdout


def _event_is(line: str, event: str) -> bool:
    what, _, rest = line.partition(" ")
    kind, _, path = rest.partition(" ")
    shown = instance_of(path) if path.startswith("\\\\?\\") else path
    return f"{what} {kind} {shown}".upper() == event


def case_pairs_in_strict_order(lab: Lab) -> None:
    delays_ms = []
    for i in range(PAIRS):
        plugged_at = time.monotonic()
        board = lab.pnp.plug(CH340, f"5&1A2B&0&{i % 7}", port=i % 7 + 1)
        lab.pnp.unplug(board)
        heard_at, event = lab.watch.next_interface()
        delays_ms.append((heard_at - plugged_at) * 1000)
        check_equal(event.upper(), f"arrival usb {board}".upper(), f"event of pair {i}")
        lab.watch.expect(f"removal usb {board}")
    print(f"     plug to arrival: median {statistics.median(delays_ms):.1f} ms, "
          f"worst {max(delays_ms):.1f} ms")
    lab.sentinel()


def case_burst_keeps_order(lab: Lab) -> None:
    boards = [lab.pnp.plug(CH340, f"BURST{i}", port=i + 1) for i in range(PAIRS)]
    for board in boards:
        lab.pnp.unplug(board)
    for what in ("arrival", "removal"):
        lab.watch.expect(*(f"{what} usb {board}" for board in boards))
    lab.sentinel()


def case_com_on_node(lab: Lab) -> None:
    with lab.pnp.plugged(CH340, "5&1A2B&0&3", hub=2, port=13, desc="USB-SERIAL CH340",
                         com="COM7") as board:
        lab.watch.expect(f"arrival usb {board}", f"arrival com {board}")
        node = lab.nodes()[board.upper()]
        check_equal(node["port_name"], "COM7", "PortName")
        check_equal(node["friendly_name"], "USB-SERIAL CH340 (COM7)", "friendly name")
        check(board.upper() in lab.interfaces("com"), "no COM interface on the node")
    lab.watch.expect(f"removal com {board}", f"removal usb {board}")
    check(board.upper() not in lab.nodes(), "the node is still there")


def case_com_on_composite_child(lab: Lab) -> None:
    child = LEONARDO + r"&MI_00\6&2B3C4D&0&0000"
    with lab.pnp.plugged(LEONARDO, "AbC", port=4, com="COM8", on="child", child=child) as board:
        lab.watch.expect(f"arrival usb {board}", f"arrival com {child}")
        nodes = lab.nodes()
        check_equal(nodes[child.upper()]["parent"], board, "the child's parent")
        check_equal(nodes[child.upper()]["port_name"], "COM8", "the child's PortName")
        check_equal(nodes[board.upper()]["port_name"], None, "the board's PortName")
        check("Port_#" not in nodes[child.upper()]["location"], "the child has a hub location")
        check_equal(lab.pnp.list()[-1], {"instance": board, "com": "COM8", "child": child}, "list")
    lab.watch.expect(f"removal com {child}", f"removal usb {board}")
    check(child.upper() not in lab.nodes(), "the child is still there")


def case_com_on_ftdi_child(lab: Lab) -> None:
    child = r"FTDIBUS\VID_0403+PID_6001+A50285BIA\0000"
    with lab.pnp.plugged(FTDI, "A50285BI", com="COM9", on="child", child=child,
                         child_desc="USB Serial Port") as board:
        lab.watch.expect(f"arrival usb {board}", f"arrival com {child}")
        node = lab.nodes("FTDIBUS")[child.upper()]
        check_equal(node["parent"], board, "parent")
        check_equal(node["friendly_name"], "USB Serial Port (COM9)", "friendly name")
    lab.watch.expect(f"removal com {child}", f"removal usb {board}")


def case_com_late_on_node_and_gone(lab: Lab) -> None:
    with lab.pnp.plugged(CH340, "LATE", desc="CH340") as board:
        lab.watch.expect(f"arrival usb {board}")
        check_equal(lab.nodes()[board.upper()]["port_name"], None, "PortName before")
        lab.pnp.com(board, "COM11")
        lab.watch.expect(f"arrival com {board}")
        check_equal(lab.nodes()[board.upper()]["port_name"], "COM11", "PortName after")
        check_equal(lab.nodes()[board.upper()]["friendly_name"], "CH340 (COM11)", "friendly name")
        lab.pnp.com_gone(board)
        lab.watch.expect(f"removal com {board}")
        check_equal(lab.nodes()[board.upper()]["port_name"], None, "PortName at the end")
    lab.watch.expect(f"removal usb {board}")


def case_com_late_on_child(lab: Lab) -> None:
    child = LEONARDO + r"&MI_00\6&LATE&0&0000"
    with lab.pnp.plugged(LEONARDO, "L2") as board:
        lab.watch.expect(f"arrival usb {board}")
        lab.pnp.com(board, "COM12", on="child", child=child)
        lab.watch.expect(f"arrival com {child}")
        check_equal(lab.nodes()[child.upper()]["port_name"], "COM12", "PortName")
    lab.watch.expect(f"removal com {child}", f"removal usb {board}")


def case_driverless_board(lab: Lab) -> None:
    lab.watch.mark()
    with lab.pnp.plugged(STM32_DFU, "357236543131", port=6, driver="no",
                         desc="STM32 BOOTLOADER") as board:
        check("devnodes" in lab.watch.mark(), "no DBT_DEVNODES_CHANGED at the plug")
        node = lab.nodes()[board.upper()]
        check_equal(node["location"], "Port_#0006.Hub_#0001", "location")
        check(board.upper() not in lab.interfaces("usb"), "it has an interface")
        lab.sentinel()
        lab.watch.mark()
    check("devnodes" in lab.watch.mark(), "no DBT_DEVNODES_CHANGED at the unplug")
    check(board.upper() not in lab.nodes(), "the node is still there")
    lab.sentinel()


def case_properties(lab: Lab) -> None:
    with lab.pnp.plugged(CH340, "PROPS", hub=2, port=13, desc="plain", name="My \u00e9 board",
                         product="USB2.0-Serial", hwids="USB\\A&REV_1;USB\\A",
                         compat="USB\\Class_02;USB\\X") as board:
        node = lab.nodes()[board.upper()]
        for key, expected in {
                "description": "plain", "friendly_name": "My \u00e9 board",
                "product": "USB2.0-Serial", "location": "Port_#0013.Hub_#0002",
                "location_information": "Port_#0013.Hub_#0002",
                "location_path": "PCIROOT(0)#PCI(1400)#USBROOT(1)#USB(13)", "address": 13,
                "hardware_id": "USB\\A&REV_1", "compatible_id": "USB\\Class_02",
                "parent": r"USB\ROOT_HUB30\4&1C2D3E4F&0&0"}.items():
            check_equal(node[key], expected, key)
    lab.watch.expect(f"arrival usb {board}", f"removal usb {board}")


def case_hostile_properties(lab: Lab) -> None:
    description = "a\x01\x1b[2J\"\\\n\ud800 \u202e b"
    with lab.pnp.plugged(CH340, "HOSTILE", desc=description, location="../../x") as board:
        node = lab.nodes()[board.upper()]
        check_equal(node["description"], description, "description")
        check_equal(node["location"], "../../x", "location")
    lab.watch.expect(f"arrival usb {board}", f"removal usb {board}")


def case_interface_on_command(lab: Lab) -> None:
    with lab.pnp.plugged(STM32_DFU, "IFACE", driver="no") as board:
        lab.pnp.interface(board, "usb", True)
        lab.watch.expect(f"arrival usb {board}")
        check(board.upper() in lab.interfaces("usb"), "the interface is not there")
        lab.pnp.interface(board, "usb", True)
        lab.pnp.interface(board, "usb", False)
        lab.watch.expect(f"removal usb {board}")
        check(board.upper() not in lab.interfaces("usb"), "the interface is still there")
    lab.sentinel()


def case_same_place_other_identity(lab: Lab) -> None:
    """What usbipd-win does to a board that it captures."""
    stub_id = r"USB\VID_80EE&PID_CAFE"
    original = lab.pnp.plug(CH340, "5&1A2B&0&9", port=9)
    lab.pnp.unplug(original)
    with lab.pnp.plugged(stub_id, "5&1A2B&0&9", port=9) as stub:
        check_equal(lab.nodes()[stub.upper()]["location"], "Port_#0009.Hub_#0001", "location")
    lab.watch.expect(f"arrival usb {original}", f"removal usb {original}",
                     f"arrival usb {stub}", f"removal usb {stub}")


def case_bad_requests(lab: Lab) -> None:
    for line in ("nonsense", "plug id=x", "plug id=USB\\X instance=1 colour=red", "unplug instance=a\\b",
                 'plug id="USB\\q" instance=1', "list now", 'plug id="USB', "plug id=1 id=2",
                 "plug id= instance=1", "com instance=a\\b com=COM1", 'bind instance="\\x00" desc=x',
                 "plug id=USB\\" + "X" * 200 + " instance=1", "handles image=absent.exe"):
        try:
            lab.pnp.request_line(line)
        except WineError:
            continue
        raise Failure(f"accepted: {line}")
    with lab.pnp.plugged(CH340, "ONCE") as board:
        try:
            lab.pnp.plug(CH340.lower(), "once")
            raise Failure("a board was plugged twice")
        except WineError:
            pass
        check(board.upper() in lab.nodes(), "a refused plug took the board's node away")
    lab.watch.expect(f"arrival usb {board}", f"removal usb {board}")
    check_equal(lab.pnp.list(), [], "list")


def case_usbipd_registry(lab: Lab) -> None:
    key = r"HKLM\SOFTWARE\usbipd-win"
    instance = CH340 + r"\5&1A2B&0&3"
    lab.pnp.usbipd(version="5.3.1")
    check("5.3.1" in lab.registry(key) and "APPLICATIONFOLDER" in lab.registry(key), "no installation")
    guid = lab.pnp.bind(instance, "USB-SERIAL CH340")
    bound = lab.registry(f"{key}\\Devices\\{guid}")
    check(instance in bound and "USB-SERIAL CH340" in bound, f"bound: {bound}")
    try:
        lab.pnp.bind(instance.lower(), "again")
        raise Failure("bound twice")
    except WineError:
        pass
    lab.pnp.unbind(instance.lower())
    check(guid not in lab.registry(key), "still bound")


def case_handles_are_counted(lab: Lab) -> None:
    before = lab.pnp.handles("pnpwatch.exe")
    lab.watch.mark(handles=10)
    check_equal(lab.pnp.handles("PNPWATCH.EXE"), before + 10, "handles")


def case_install_again(lab: Lab) -> None:
    """A second start in the same prefix, as after a crash of the first control program."""
    with Pnp(lab.prefix, lab.folder) as again:
        with again.plugged(CH340, "AGAIN") as board:
            lab.watch.expect(f"arrival usb {board}")
        lab.watch.expect(f"removal usb {board}")


CASES: list[Callable[[Lab], None]] = [
    case_pairs_in_strict_order, case_burst_keeps_order, case_com_on_node,
    case_com_on_composite_child, case_com_on_ftdi_child, case_com_late_on_node_and_gone,
    case_com_late_on_child, case_driverless_board, case_properties, case_hostile_properties,
    case_interface_on_command, case_same_place_other_identity, case_bad_requests,
    case_usbipd_registry, case_handles_are_counted, case_install_again,
]


class Tally:
    """Runs named cases and counts them."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def run(self, name: str, case: Callable[[], None]) -> None:
        started = time.monotonic()
        try:
            case()
        except (Failure, WineError, TimeoutError, KeyError) as error:
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
            return
        self.passed += 1
        print(f"ok   {name} ({time.monotonic() - started:.2f} s)", flush=True)


def prefix_ends_clean(prefix: WinePrefix) -> None:
    path = prefix.path
    assert path
    check(len(prefix.pids()) > 0, "no process of the prefix was found: the check is blind")
    prefix.stop()
    check(not path.exists(), f"{path} is still there")
    prefix.path = path
    left = prefix.pids()
    prefix.path = None
    check_equal(left, [], "processes left")


def prefix_does_not_change_its_template() -> None:
    """Two prefixes from one template, one after the other, do not see each other's registry."""
    for _ in range(2):
        with WinePrefix() as prefix:
            query = prefix.run("reg.exe", "query", r"HKCU\Software\ttyferry-selftest", check=False)
            check(query.returncode != 0, "an earlier prefix wrote to the template")
            prefix.run("reg.exe", "add", r"HKCU\Software\ttyferry-selftest", "/v", "x", "/d", "y", "/f")


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER
    tally = Tally()
    started = time.monotonic()
    prefix = WinePrefix()
    with prefix:
        with Pnp(prefix, folder) as pnp:
            lab = Lab(prefix, pnp, folder)
            lab.connect()
            print(f"ready after {time.monotonic() - started:.2f} s", flush=True)
            for case in CASES:
                name = case.__name__.removeprefix("case_")
                tally.run(f"pnp/{name}", lambda current=case: current(lab))
            lab.watch.stop()
        tally.run("pnp/prefix_ends_clean", lambda: prefix_ends_clean(prefix))
    tally.run("pnp/prefix_does_not_change_its_template", prefix_does_not_change_its_template)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""From "the board is there" to "its tty is there": ttyferry's guest agent beside the stock `usbip attach`, turn by turn in
one VM, against the same server and board.

    tests/bench/attach.py [--rounds N]

Both are measured by this program's clock: from the line or the command that starts the attaching to the line that says that the
tty is there. The stock tool does not know about ttys, so a loop in the guest waits for the node. Prints figures, passes nothing
and fails nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("guest", "lab", "lab/usbip", "vm")]

from usbipd_double import UsbipdDouble  # noqa: E402
from vm import Vm, listening_script  # noqa: E402
from vm_smoke import GUEST_PROGRAM, LINK_PORT, USBIPD_PROGRAM, FakeHost  # noqa: E402

BUSID = "1-3"
BOARD = "usb\\bench"
TTY = "/dev/ttyUSB0"


def stock_files(folder: Path) -> dict[str, Path]:
    """Debian's own usbip with the libraries it needs, for the VM; nothing is installed on this machine."""
    subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "usbip"], cwd=folder, check=True)
    package = next(folder.glob("usbip_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "usbip")], check=True)
    program = folder / "usbip/usr/sbin/usbip"
    needed = subprocess.run(["ldd", str(program)], check=True, stdout=subprocess.PIPE, text=True).stdout
    libraries = [word for line in needed.splitlines() for word in line.split() if word.startswith("/")]
    return {"/bin/usbip": program} | {library: Path(library).resolve() for library in libraries}


class Bench:
    """One VM with the agent in it, one board, and a host that a script plays."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.usbipd = stack.enter_context(UsbipdDouble(USBIPD_PROGRAM))
        self.vm = stack.enter_context(Vm())
        self.vm.start(overlay_files={"/bin/ttyferry": GUEST_PROGRAM, **stock_files(folder)}, forwards=[(0, LINK_PORT, True)])
        config = f'{{"link": {{"auth": "none"}}, "usbipd": {{"port": {self.usbipd.port}}}}}'
        self.vm.run("mkdir -p /etc/ttyferry; cat >/etc/ttyferry/config.json", stdin=config.encode(), check=True)
        # What the stock tool wants to find: a list of names (an empty one will do) and a folder for its notes.
        self.vm.run("mkdir -p /usr/share/misc /var && ln -s /run /var/run && : >/usr/share/misc/usb.ids", check=True)
        agent = self.vm.popen("exec ttyferry agent 2>/run/agent.log")
        self.vm.run(listening_script(agent.pid, LINK_PORT), check=True)
        self.host = FakeHost(self.vm.ports[0])
        self.host.snapshot()
        self.usbipd.plug(BUSID, "ch341")

    def ttyferry(self) -> float:
        started = time.monotonic()
        self.host.arrival(BOARD, BUSID)
        self.host.next("ready")
        took = time.monotonic() - started
        self.host.send({"type": "removal", "id": BOARD})
        self.host.next("detached")
        return took * 1e3

    def stock(self) -> float:
        script = f"""usbip --tcp-port {self.usbipd.port} attach -r 10.0.2.2 -b {BUSID} 2>/run/usbip.log || exit 1
            until [ -c {TTY} ]; do usleep 500; done
            echo there"""
        started = time.monotonic()
        with self.vm.popen(script) as process:
            assert process.stdout.readline() == b"there\n", self.vm.run("cat /run/usbip.log")[1]
            took = time.monotonic() - started
        self.vm.run(f"usbip detach -p 0 >/dev/null 2>&1; while [ -c {TTY} ]; do usleep 500; done", check=True)
        return took * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description="ttyferry's guest agent beside the stock usbip attach.")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of each (default 20)")
    arguments = parser.parse_args()
    figures: dict[str, list[float]] = {"ttyferry: arrival -> ready": [], "usbip attach -> tty": []}
    with contextlib.ExitStack() as stack:
        bench = Bench(stack)
        bench.ttyferry()  # The drivers load.
        for _ in range(arguments.rounds):
            for name, run in zip(figures, (bench.ttyferry, bench.stock)):
                figures[name].append(run())
    for name, values in figures.items():
        print(f"figure  {name:<28} median {statistics.median(values):6.1f} ms   worst {max(values):6.1f} ms   of {len(values)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

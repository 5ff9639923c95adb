#!/usr/bin/python3
"""A real Debian kernel under QEMU, for tests.

    with Vm() as vm:
        vm.start(overlay_files={"/bin/ttyferry": "build/linux/ttyferry"}, forwards=[(0, 24240, True)])
        code, output = vm.run("uname -r")
        vm.ports[0]                      # the machine's port that leads to the guest's 127.0.0.1:24240

The guest reaches the machine's 127.0.0.1 as 10.0.2.2. vhci_hcd and the serial drivers lie in the guest's module tree and
are not loaded. As a program, `vm.py shell` boots a VM and runs the lines of stdin in it, `vm.py run SCRIPT` runs one
script and exits with its code; both take --no-modprobe, --debian, --systemd and --file DST=SRC.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import json
import os
import queue
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

HERE = Path(__file__).resolve().parent
READY_MARK = b"TTYFERRY-VM-READY"
EXEC_PORT = 2323
GUEST_ADDRESS = "10.0.2.15"
FRAME_HEADER = struct.Struct(">cI")
FRAME_MAX = 65536
MEMORY_MB = 256
DEBIAN_MEMORY_MB = 512
BOOT_TIMEOUT_S = 60.0
SHUTDOWN_TIMEOUT_S = 30.0
SYNC_TIMEOUT_S = 30.0
JOURNAL_MB = 4
# As long as WSL waits for systemd before it runs commands all the same.
UNITS_TIMEOUT_S = 10.0
KERNEL_COMMAND_LINE = (
    "console=ttyS0 quiet mitigations=off tsc=reliable no_timer_check cryptomgr.notests audit=0 rdinit=/init panic=-1 unknown_nmi_panic"
)
PR_SET_PDEATHSIG = 1
# For a kernel that panics to say why.
POST_MORTEM_S = 10.0


class VmError(Exception):
    """The VM did not start, ended, or a script took too long."""


class Forward(NamedTuple):
    """A port of the machine's 127.0.0.1 that leads into the guest. host_port 0: QEMU picks one, see Vm.ports."""

    host_port: int
    guest_port: int
    to_guest_loopback: bool = False

    def describe(self) -> str:
        address = "127.0.0.1" if self.to_guest_loopback else GUEST_ADDRESS
        return f"tcp:127.0.0.1:{self.host_port}-{address}:{self.guest_port}"


@functools.cache
def build_image() -> Path:
    """The folder of the current image, built first if need be; its progress goes to stderr."""
    done = subprocess.run([str(HERE / "image.sh")], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise VmError("tests/vm/image.sh failed")
    return Path(done.stdout.strip())


@functools.cache
def build_disk(node: bool = False) -> Path:
    """The disk with a whole Debian, built first if need be; its progress goes to stderr."""
    done = subprocess.run([str(HERE / "debian.sh"), *(["node"] if node else [])], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise VmError("tests/vm/debian.sh failed")
    return Path(done.stdout.strip())


def _cpio_entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """One member of a newc archive; the kernel unpacks several archives behind one another."""
    encoded = name.lstrip("/").encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    entry = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    entry += b"\0" * (-len(entry) % 4) + content
    return entry + b"\0" * (-len(entry) % 4)


def make_overlay(files: Mapping[str, Path | str]) -> bytes:
    """An initramfs archive with each dst holding src's content and permission bits, parents included. Its list is for the init of a
    VM with a disk."""
    archive = _cpio_entry("/etc/vm/overlay", stat.S_IFREG | 0o644, "".join(f"{name}\n" for name in files).encode())
    folders: set[str] = set()
    for destination, source in files.items():
        for parent in reversed(Path(destination).parents):
            if str(parent) not in folders | {"/", "."}:
                folders.add(str(parent))
                archive += _cpio_entry(str(parent), stat.S_IFDIR | 0o755)
        mode = stat.S_IFREG | (os.stat(source).st_mode & 0o777)
        archive += _cpio_entry(destination, mode, Path(source).read_bytes())
    return archive + _cpio_entry("TRAILER!!!", 0)


def listening_script(pid: int, port: int) -> str:
    """Waits in the guest until somebody listens on the port; fails when the process ends before."""
    return (
        f"until grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp; do"
        f" [ -d /proc/{pid} ] || {{ echo 'process {pid} has ended'; exit 1; }}; sleep 0.005; done"
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Qmp:
    """QEMU's control socket, used for questions and answers only."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rw", encoding="utf-8")

    def greet(self) -> None:
        if not self._file.readline():
            raise ConnectionError("QEMU is gone")
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        for line in self._file:
            answer = json.loads(line)
            if "error" in answer:
                raise VmError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise ConnectionError("QEMU is gone")

    def monitor(self, command_line: str) -> str:
        """A command of the human monitor, which alone knows of port forwards."""
        return self.execute("human-monitor-command", **{"command-line": command_line})

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class VmProcess:
    """A script that runs in the guest.

    stdout and stderr are pipes to be read as with subprocess: when one is full, the script waits. wait() answers once the
    script has ended; processes that it left in the background live on.
    """

    def __init__(self, port: int, script: str) -> None:
        payload = script.encode()
        if len(payload) > FRAME_MAX:
            raise ValueError(f"a script has at most {FRAME_MAX} bytes")
        self.script = script
        self.pid = 0  # in the guest; known once the script runs
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send_lock = threading.Lock()
        self._exit: queue.Queue[int | None] = queue.Queue()
        self._code: int | None = None
        self.stdout, self._stdout_end = self._make_pipe()
        self.stderr, self._stderr_end = self._make_pipe()
        self._send(b"S", payload)
        kind, text = self._receive()
        if kind != b"P":
            self.close()
            raise VmError("the guest did not start the script")
        self.pid = int(text)
        self._reader = threading.Thread(target=self._read_frames, daemon=True)
        self._reader.start()

    @staticmethod
    def _make_pipe() -> tuple[BinaryIO, BinaryIO]:
        read_end, write_end = os.pipe()
        return os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb", buffering=0)

    def _send(self, kind: bytes, payload: bytes) -> None:
        with self._send_lock:
            self._socket.sendall(FRAME_HEADER.pack(kind, len(payload)) + payload)

    def _receive_exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(size - len(parts))
            if not part:
                raise ConnectionError("the guest hung up")
            parts += part
        return bytes(parts)

    def _receive(self) -> tuple[bytes, bytes]:
        try:
            kind, size = FRAME_HEADER.unpack(self._receive_exactly(FRAME_HEADER.size))
            return kind, self._receive_exactly(size)
        except OSError:
            return b"", b""

    def _read_frames(self) -> None:
        ends = {b"O": self._stdout_end, b"R": self._stderr_end}
        kind, payload = self._receive()
        while kind in ends:
            try:
                ends[kind].write(payload)
            except (BrokenPipeError, ValueError):
                pass  # Nobody reads this stream any more; the script's exit code still matters.
            kind, payload = self._receive()
        for end in ends.values():
            end.close()
        self._exit.put(int(payload) if kind == b"X" else None)

    def write(self, data: bytes) -> None:
        """Bytes for the script's stdin."""
        for start in range(0, len(data), FRAME_MAX):
            self._send(b"I", data[start : start + FRAME_MAX])

    def close_stdin(self) -> None:
        self._send(b"E", b"")

    def send_signal(self, number: int) -> None:
        """To the script's whole process group."""
        self._send(b"K", str(number).encode())

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, 128 + N after signal N. VmError on a timeout or when the VM is gone."""
        if self._code is None:
            try:
                code = self._exit.get(timeout=timeout)
            except queue.Empty:
                raise VmError(f"still running after {timeout} s: {self.script}") from None
            if code is None:
                self._exit.put(None)
                raise VmError(f"the VM is gone, or this was closed: {self.script}")
            self._code = code
        return self._code

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Everything on stdout and stderr; on a timeout the script is killed and VmError raised."""
        errors: list[bytes] = []
        expired = threading.Event()
        error_reader = threading.Thread(target=lambda: errors.append(self.stderr.read()), daemon=True)
        error_reader.start()
        timer = threading.Timer(timeout, lambda: (expired.set(), self.hang_up())) if timeout is not None else None
        if timer:
            timer.start()
        output = self.stdout.read()
        error_reader.join()
        if timer:
            timer.cancel()
        if expired.is_set():
            raise VmError(f"killed after {timeout} s: {self.script}\nstdout: {output!r}\nstderr: {errors[0]!r}")
        self.wait()
        return output, errors[0]

    def hang_up(self) -> None:
        """Kills the script, from any thread; whoever waits for it hears that."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It is closed already.

    def close(self) -> None:
        """Kills the script if it still runs, and frees the pipes."""
        self.hang_up()
        self._socket.close()
        # Closed first, so that a reader thread that waits for room in a pipe gets on.
        self.stdout.close()
        self.stderr.close()

    def __enter__(self) -> VmProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Vm:
    """One virtual machine. Everything it writes on the machine lies in self.folder, which stop() removes unless
    a folder was given; console.log there is the guest's console, also readable while it runs.

    debian: a whole Debian with udevd and flashing programs (debian.sh) in place of busybox; systemd: on it, as PID 1; node: on it, Node.
    Nothing written to its disk outlives the boot, unless persistent: then the disk is a private copy, for as long as the Vm is not
    stopped for good (stop), and overlay_files are put there at the first boot only.
    reaches_machine: whether the guest reaches the machine's 127.0.0.1; without, all that it sends there is lost. The machine
    reaches the guest either way."""

    def __init__(
        self, folder: Path | str | None = None, modprobe: bool = True, memory_mb: int = 0, debian: bool = False,
        systemd: bool = False, persistent: bool = False, reaches_machine: bool = True, node: bool = False,
    ) -> None:
        if (systemd or persistent or node) and not debian:
            raise VmError("only Debian's disk has systemd and Node, and can keep what is written")
        self._keeps_folder = folder is not None
        self.folder = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="ttyferry-vm-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console_log = self.folder / "console.log"
        self.ports: list[int] = []
        self.boot_seconds = 0.0
        self._modprobe = modprobe
        self._debian = debian
        self._systemd = systemd
        self._node = node
        self._persistent = persistent
        self._reaches_machine = reaches_machine
        self._memory_mb = memory_mb or (DEBIAN_MEMORY_MB if debian else MEMORY_MB)
        self._qemu: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._exec_port = 0
        self._overlay_files: Mapping[str, Path | str] = {}
        self._forwards: list[Forward] = []
        self._console: queue.Queue[str] = queue.Queue()  # "started", "ready", "ended", or why it did not start
        self._console_reader: threading.Thread | None = None

    def __enter__(self) -> Vm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self,
        overlay_files: Mapping[str, Path | str] | None = None,
        forwards: Iterable[Forward | tuple[int, int, bool]] = (),
        timeout: float = BOOT_TIMEOUT_S,
    ) -> None:
        """Boots and returns when scripts can be run. self.ports has the machine's port of each forward, in order."""
        self._overlay_files = overlay_files or {}
        self._forwards = [Forward(*forward) for forward in forwards]
        self._boot(timeout)

    def _boot(self, timeout: float) -> None:
        image = build_image()
        overlay = {} if self._own_disk().exists() else self._overlay_files
        wanted = [Forward(0, EXEC_PORT), *self._forwards]
        initramfs = self.folder / "initramfs.cpio"
        initramfs.write_bytes((image / "initramfs.cpio").read_bytes() + make_overlay(overlay))
        ours, qemus = socket.socketpair()
        started = time.monotonic()
        with qemus:
            command = self._qemu_command(image, initramfs, wanted, qemus.fileno())
            self._console_reader = threading.Thread(target=self._own_qemu, args=(command, qemus.fileno()), daemon=True)
            self._console_reader.start()
            self._await_console("started", timeout)
        self._qmp = Qmp(ours)
        try:
            self._qmp.greet()
            self._exec_port, *self.ports = self._actual_ports(wanted)
        except OSError:
            pass  # QEMU is gone, and the console says why.
        self._await_console("ready", timeout)
        if self._systemd:
            # The exit code says whether a unit failed, or is not done yet: nothing that would keep anybody from working here.
            self.run(f"timeout {UNITS_TIMEOUT_S:.0f} systemctl is-system-running --wait >/dev/null 2>&1", timeout=timeout)
        self.boot_seconds = time.monotonic() - started

    def _own_disk(self) -> Path:
        return self.folder / "disk.ext4"

    def _disk_options(self) -> list[str]:
        if not self._debian:
            return []
        if not self._persistent:
            return ["-drive", f"file={build_disk(self._node)},if=virtio,format=raw,snapshot=on"]
        disk = self._own_disk()
        if not disk.exists():
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(build_disk(self._node)), str(disk)], check=True)
            # With a journal the file system is whole after each loss of power.
            command = ["tune2fs", "-J", f"size={JOURNAL_MB}", str(disk)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
        # The machine does not lose its power, only the guest does.
        return ["-drive", f"file={disk},if=virtio,format=raw,cache=unsafe"]

    def _qemu_command(self, image: Path, initramfs: Path, forwards: list[Forward], qmp_fd: int) -> list[str]:
        kernel = image / "vmlinux"
        options = "" if self._modprobe else " ttyferry.modprobe=no"
        if self._debian:
            options += " ttyferry.disk=yes"
        if self._systemd:
            options += " ttyferry.systemd=yes net.ifnames=0 systemd.show_status=false"
        restrict = [] if self._reaches_machine else ["restrict=on"]
        network = ",".join(["user,id=n0", *restrict, *(f"hostfwd={forward.describe()}" for forward in forwards)])
        return [
            *("qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-m", str(self._memory_mb), "-smp", "1"),
            *("-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"),
            *("-kernel", str(kernel if kernel.exists() else image / "vmlinuz"), "-initrd", str(initramfs)),
            *("-append", KERNEL_COMMAND_LINE + options),
            *self._disk_options(),
            *("-netdev", network, "-device", "virtio-net-pci,netdev=n0,romfile="),
            *("-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"),
        ]

    def post_mortem(self) -> str:
        """Of a VM that does not answer: what its processor is at, and what the kernel says to a non-maskable interrupt. It ends by that."""
        assert self._qmp is not None
        places = []
        with contextlib.suppress(VmError, OSError):
            for _ in range(5):
                registers = self._qmp.monitor("info registers")
                places += [line for line in registers.splitlines() if "RIP=" in line]
            state = self._qmp.execute("query-status")["status"]
            places.append(f"{state}\n{self._qmp.monitor('info usernet')}")
            self._qmp.execute("inject-nmi")
            if self._qemu is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._qemu.wait(POST_MORTEM_S)
        return "\n".join([*places, self.console_log.read_text(errors="replace")])

    def _own_qemu(self, command: list[str], qmp_fd: int) -> None:
        """Starts QEMU and copies its console to the log. The kernel ties "die with the parent" to the thread that forked,
        so the thread that starts QEMU is the one that stays until QEMU ends."""
        try:
            self._qemu = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[qmp_fd],
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            self._console.put(f"cannot start QEMU: {error}")
            return
        self._console.put("started")
        assert self._qemu.stdout is not None
        with self.console_log.open("wb", buffering=0) as log, self._qemu.stdout as console:
            for line in console:
                log.write(line)
                if READY_MARK in line:
                    self._console.put("ready")
        self._console.put("ended")

    def _await_console(self, expected: str, timeout: float) -> None:
        try:
            heard = self._console.get(timeout=timeout)
        except queue.Empty:
            heard = f"not {expected} within {timeout} s"
        if heard != expected:
            console = self.console_log.read_text(errors="replace") if self.console_log.exists() else ""
            raise VmError(f"the VM is {heard}\n{console[-4000:]}")

    def _actual_ports(self, forwards: list[Forward]) -> list[int]:
        """QEMU binds port 0 to a free one; only its table of connections tells which."""
        assert self._qmp is not None
        table = self._qmp.monitor("info usernet")
        ports: list[int] = []
        for forward in forwards:
            address = "127.0.0.1" if forward.to_guest_loopback else GUEST_ADDRESS
            row = re.search(
                rf"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+{re.escape(address)}\s+{forward.guest_port}\s", table
            )
            if not row:
                raise VmError(f"no forward to {address}:{forward.guest_port} in:\n{table}")
            ports.append(int(row.group(1)))
        return ports

    def popen(self, script: str) -> VmProcess:
        """Starts a shell script in the guest, as root in /."""
        return VmProcess(self._exec_port, script)

    def run(self, script: str, timeout: float = 30.0, stdin: bytes = b"", check: bool = False) -> tuple[int, str]:
        """Runs a shell script: (exit code, stdout). stderr goes to this program's stderr. check: VmError unless it is 0."""
        with self.popen(script) as process:
            feeder = threading.Thread(target=self._feed, args=(process, stdin), daemon=True)
            feeder.start()
            output, errors = process.communicate(timeout)
            code = process.wait()
        text = output.decode(errors="replace")
        if check and code != 0:
            raise VmError(f"exit code {code}: {script}\n{text}{errors.decode(errors='replace')}")
        sys.stderr.write(errors.decode(errors="replace"))
        return code, text

    @staticmethod
    def _feed(process: VmProcess, data: bytes) -> None:
        try:
            process.write(data)
            process.close_stdin()
        except OSError:
            pass  # The script ended without reading all of it.

    def push(self, source: Path | str, destination: str) -> None:
        """Copies a file of the machine into the guest, permission bits included."""
        mode = os.stat(source).st_mode & 0o777
        target = f"'{destination}'"
        self.run(f"cat >{target} && chmod {mode:o} {target}", stdin=Path(source).read_bytes(), check=True)

    def pull(self, source: str, destination: Path | str) -> None:
        """Copies a file out of the guest."""
        with self.popen(f"cat '{source}'") as process:
            output, errors = process.communicate(30)
            if process.wait() != 0:
                raise VmError(f"pull {source}: {errors.decode(errors='replace')}")
        Path(destination).write_bytes(output)

    def pause(self) -> None:
        """The machine stands still; its clocks do not see that time."""
        assert self._qmp is not None
        self._qmp.execute("stop")

    def resume(self) -> None:
        assert self._qmp is not None
        self._qmp.execute("cont")

    def restart(self, timeout: float = BOOT_TIMEOUT_S) -> None:
        """Pulls the plug and boots anew with the same files, on the same ports of the machine. A persistent disk keeps what has
        been written before."""
        self.power_off()
        self.power_on(timeout)

    def reboot(self, timeout: float = BOOT_TIMEOUT_S) -> None:
        """Shuts the guest down as its users do, so that its services end in order, and boots anew."""
        if self._systemd:
            self.run("systemctl --no-block --job-mode=replace-irreversibly start reboot.target", check=True)
        else:
            # vm_exec is PID 1 and knows no order; a process that hangs costs it its second.
            with contextlib.suppress(VmError):
                self.run("trap '' TERM; kill -TERM -1; sleep 1; sync; mount -o remount,ro / 2>/dev/null; echo b >/proc/sysrq-trigger")
        assert self._qemu is not None
        self._qemu.wait(SHUTDOWN_TIMEOUT_S)
        self._end_qemu()
        self.power_on(timeout)

    def power_off(self) -> None:
        """Ends everything in the guest at once, as `wsl --terminate` does; harmless when it has ended. power_on follows, or stop."""
        if self._persistent and self.is_running():
            with contextlib.suppress(VmError, OSError):  # A guest that cannot do even that loses what it has not written.
                self.run("sync", timeout=SYNC_TIMEOUT_S)
        self._end_qemu()

    def power_on(self, timeout: float = BOOT_TIMEOUT_S) -> None:
        """Boots anew after power_off."""
        self._console = queue.Queue()
        self._forwards = [forward._replace(host_port=port) for forward, port in zip(self._forwards, self.ports)]
        self._boot(timeout)

    @property
    def qemu_pid(self) -> int:
        """QEMU's: what the guest connects to on the machine, this process connects to."""
        assert self._qemu is not None
        return self._qemu.pid

    def is_running(self) -> bool:
        return self._qemu is not None and self._qemu.poll() is None

    def stop(self) -> None:
        """Ends the VM at once; harmless when it has ended."""
        self._end_qemu()
        if not self._keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end_qemu(self) -> None:
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        if self._console_reader is not None:
            self._console_reader.join()
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None


def parse_overlay(items: list[str]) -> dict[str, str]:
    pairs = [item.split("=", 1) for item in items]
    if any(len(pair) != 2 for pair in pairs):
        raise SystemExit("vm.py: --file takes DST=SRC")
    return {destination: source for destination, source in pairs}


def main() -> int:
    parser = argparse.ArgumentParser(description="Boots the test VM.")
    parser.add_argument("--no-modprobe", action="store_true", help="a guest without modprobe")
    parser.add_argument("--debian", action="store_true", help="a whole Debian with udevd and flashing programs")
    parser.add_argument("--systemd", action="store_true", help="that, with systemd")
    parser.add_argument("--file", action="append", default=[], metavar="DST=SRC", help="put a file into the guest")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("shell", help="run each line of stdin in the guest")
    commands.add_parser("run", help="run one script and exit with its code").add_argument("script")
    arguments = parser.parse_args()
    with Vm(modprobe=not arguments.no_modprobe, debian=arguments.debian or arguments.systemd, systemd=arguments.systemd) as vm:
        vm.start(overlay_files=parse_overlay(arguments.file))
        print(f"vm: up after {vm.boot_seconds:.2f} s, console in {vm.console_log}", file=sys.stderr)
        if arguments.command == "run":
            code, output = vm.run(arguments.script, timeout=600)
            sys.stdout.write(output)
            return code
        for line in sys.stdin:
            code, output = vm.run(line, timeout=600)
            print(f"{output}[{code}]", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

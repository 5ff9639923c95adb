#!/usr/bin/python3
"""A Windows for the lab: Wine prefixes that start in seconds, and the boards plugged into them.

    with WinePrefix() as prefix, Pnp(prefix, Path("build/windows/tests/lab/pnp")) as pnp:
        board = pnp.plug(r"USB\\VID_1A86&PID_7523", "5&1A2B&0&3", port=3, com="COM7")
        agent = prefix.spawn("build/windows/ttyferry.exe", "agent", stdout=subprocess.PIPE)
        ...
        pnp.unplug(board)

As a program, `wine.py` makes sure that the template is there, and `wine.py run COMMAND...` runs a
command of this machine in the environment of a prefix of its own.

A prefix is a clone of a template that is made once for each version of Wine and kept in the cache
(TTYFERRY_CACHE, else XDG_CACHE_HOME/ttyferry, else ~/.cache/ttyferry; sub-folder wine/).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any, Iterator

# Rises whenever make_template does something else than before.
TEMPLATE_REVISION = 2

# Files of the template that no prefix writes to, and big enough to be worth a hard link.
LINKED_FOLDERS = ("drive_c/windows", "drive_c/Program Files")
LINKED_MIN_BYTES = 16384

# In each prefix in the cache: locked by the process that uses it.
CLAIM_FILE = "claim"

SERVICES_KEY = r"HKLM\System\CurrentControlSet\Services" + "\\"

ANSWER_LIMIT_S = 30.0


class WineError(Exception):
    """Wine is missing, a command under it failed, or an answer did not come."""


def cache_folder() -> Path:
    """Where everything is kept that is made outside the source tree."""
    named = os.environ.get("TTYFERRY_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ttyferry"


def _find_program(*candidates: str) -> str:
    for candidate in candidates:
        found = shutil.which(candidate)
        if found:
            return found
    raise WineError(f"none of {', '.join(candidates)} is there: install the packages wine and wine64")


class LineStream:
    """The lines of a child's output, read in a thread, each with the time it came."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: queue.Queue[tuple[float, str] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self._lines.put((time.monotonic(), line))
        stream.close()
        self._lines.put(None)

    def next(self, timeout_s: float) -> str | None:
        """The next line; None at the end of the stream. Raises TimeoutError."""
        return self.next_timed(timeout_s)[1]

    def next_timed(self, timeout_s: float) -> tuple[float, str | None]:
        """The next line with the monotonic time it was read at."""
        try:
            item = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no line within {timeout_s} s") from None
        if item is None:
            self._lines.put(None)
            return time.monotonic(), None
        return item


class WinePrefix:
    """One Wine prefix with its own wineserver. Use as a context manager, or start() and stop()."""

    def __init__(self, path: Path | str | None = None) -> None:
        """A prefix at `path`, which must not exist yet, or in the cache next to its template (where
        hard links work). Either way stop() removes it."""
        self._loader = _find_program("/usr/lib/wine/wine64", "wine64", "wine")
        self._server = _find_program("/usr/lib/wine/wineserver64", "wineserver",
                                     "/usr/lib/wine/wineserver")
        self._given_path = Path(path) if path else None
        self._claim: IO[bytes] | None = None
        self.path: Path | None = None

    def __enter__(self) -> WinePrefix:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Clones the template and starts Wine in it, services included."""
        template = self.ensure_template()
        try:
            if self._given_path:
                self._given_path.mkdir(parents=True)
                self.path = self._given_path.resolve()
            else:
                self._make_run_folder(template.parent)
            assert self.path
            _clone(template, self.path)
            self._boot()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every process of this prefix, waits until they have ended, removes the prefix."""
        if not self.path or not self.path.exists():
            return
        self._end_server(self.path)
        # Under the lock of those who clear away: once the claim's file is gone they would take the rest for abandoned.
        with _locked(self.path.parent / "lock") if self._claim else contextlib.nullcontext():
            shutil.rmtree(self.path)
        self.path = None
        if self._claim:
            self._claim.close()
            self._claim = None

    def env(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """The environment for programs in this prefix."""
        if not self.path:
            raise WineError("the prefix is not started")
        return self._env(self.path, extra)

    def run(self, exe: Path | str, *args: str, timeout_s: float = 60.0, check: bool = True,
            env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a Windows program to its end and returns its output as text.

        The output goes through files, never pipes: a service or desktop that Wine starts on the
        program's behalf inherits its handles and would keep a pipe open long after it."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.spawn(exe, *args, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise WineError(f"{exe} {' '.join(args)}: not done after {timeout_s} s") from None
            out.seek(0)
            err.seek(0)
            result = subprocess.CompletedProcess([str(exe), *args], code,
                                                 out.read().decode("utf-8", "replace"),
                                                 err.read().decode("utf-8", "replace"))
        if check and code != 0:
            raise WineError(f"{exe} {' '.join(args)}: exit code {code}: {result.stdout}{result.stderr}")
        return result

    def spawn(self, exe: Path | str, *args: str, env: dict[str, str] | None = None,
              **popen: Any) -> subprocess.Popen[bytes]:
        """Starts a Windows program; keywords as for Popen. The process is the program itself, so
        its pid, kill() and wait() mean it. Do not wait for the end of its output (see run): wait
        for the process."""
        return subprocess.Popen([self._loader, str(exe), *args], env=self.env(env), **popen)

    def crash_child(self, image: str, end_process: Path | str) -> None:
        """Ends the program of that name whose parent has the same name, with an exit code that is not 0: Wine tells 0 of a killed one.
        end_process: build/windows/tests/host/wsl_stub/end_process.exe."""
        said = self.run("wmic.exe", "process", "get", "Name,ParentProcessId,ProcessId").stdout.replace("\0", "")  # UTF-16
        parents = {words[2]: words[1] for row in said.splitlines() if (words := row.split())[:1] == [image]}
        self.run(end_process, next(own for own, parent in parents.items() if parent in parents))

    def windows_path(self, path: Path | str) -> str:
        """A Linux path as a Windows program takes it."""
        return "Z:" + str(Path(path).resolve()).replace("/", "\\")

    def pids(self) -> list[int]:
        """Every Linux process of this prefix: its server, services and programs."""
        return pids_of_prefix(self.path) if self.path else []

    def _env(self, path: Path, extra: dict[str, str] | None = None) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        env.setdefault("WINEDEBUG", "-all")
        env.update(WINEPREFIX=str(path), WINELOADER=self._loader, WINESERVER=self._server,
                   WINEDLLOVERRIDES="mscoree=;mshtml=", LC_ALL="C.UTF-8")
        env.update(extra or {})
        return env

    def _command(self, path: Path, *command: str, timeout_s: float = 120.0) -> None:
        """Runs one command with its output thrown away, as what it starts may live on."""
        result = subprocess.run(command, env=self._env(path), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                timeout=timeout_s, check=False)
        if result.returncode != 0:
            raise WineError(f"{' '.join(command)}: exit code {result.returncode}")

    def _boot(self) -> None:
        """The server must persist before the first program, or kernel drivers end with that."""
        assert self.path
        self._command(self.path, self._server, "-p")
        self._command(self.path, self._loader, "cmd.exe", "/c", "exit")

    def _end_server(self, path: Path) -> None:
        # -k fails when no server runs; -w returns once the server and its processes are gone.
        subprocess.run([self._server, "-k"], env=self._env(path), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        self._command(path, self._server, "-w", timeout_s=60)

    def _make_run_folder(self, folder: Path) -> None:
        """Makes a folder for this prefix and holds a lock in it for as long as this process lives.
        Folders whose lock is free were left by a process that was killed; they are cleared away."""
        with _locked(folder / "lock"):
            for old in folder.glob("run-*"):
                with contextlib.suppress(BlockingIOError), _locked(old / CLAIM_FILE, wait=False):
                    self._end_server(old)
                    shutil.rmtree(old)
            self.path = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
            self._claim = open(self.path / CLAIM_FILE, "wb")
            fcntl.flock(self._claim, fcntl.LOCK_EX)

    def ensure_template(self) -> Path:
        """Makes the template unless the cache has it, one process at a time."""
        version = subprocess.run([self._loader, "--version"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=True).stdout.strip()
        key = hashlib.sha256(f"{version} {TEMPLATE_REVISION}".encode()).hexdigest()[:16]
        folder = cache_folder() / "wine"
        folder.mkdir(parents=True, exist_ok=True)
        template = folder / f"template-{key}"
        with _locked(folder / "lock"):
            if not template.exists():
                for outdated in folder.glob("template-*"):
                    shutil.rmtree(outdated)
                self._make_template(template)
        return template

    def _make_template(self, template: Path) -> None:
        """Builds beside the final place and renames, so that a template is whole or absent."""
        draft = template.parent / "draft"
        if draft.exists():
            self._end_server(draft)
            shutil.rmtree(draft)
        draft.mkdir()
        try:
            self._command(draft, self._loader, "wineboot.exe", "-i")
            # Top-level windows without a display; without a driver they cannot be made at all.
            self._command(draft, self._loader, "reg.exe", "add", r"HKCU\Software\Wine\Drivers",
                          "/v", "Graphics", "/d", "null", "/f")
            self._command(draft, self._loader, "winecfg.exe", "-v", "win10")
            # No real USB or HID device of this machine may show up among the lab's.
            for service in ("winebus", "wineusb"):
                self._command(draft, self._loader, "reg.exe", "add", SERVICES_KEY + service,
                              "/v", "Start", "/t", "REG_DWORD", "/d", "4", "/f")
        finally:
            self._end_server(draft)
        draft.rename(template)


@contextlib.contextmanager
def _locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Holds an exclusive lock on a file; without `wait` raises BlockingIOError if it is taken."""
    with open(path, "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _clone(template: Path, target: Path) -> None:
    """Copies a prefix, with hard links for the programs and libraries of Windows.

    The registry files must be real copies: wineserver rewrites a file with several links in place."""
    linked = [f"{template}/{folder}/" for folder in LINKED_FOLDERS]

    def place(source: str, destination: str) -> None:
        if any(source.startswith(f) for f in linked) and os.stat(source).st_size >= LINKED_MIN_BYTES:
            with contextlib.suppress(OSError):  # another file system: copy
                os.link(source, destination)
                return
        shutil.copy2(source, destination)

    shutil.copytree(template, target, symlinks=True, copy_function=place, dirs_exist_ok=True)


def pids_of_prefix(path: Path) -> list[int]:
    """Every process that runs in the prefix, the wineserver among them."""
    wanted = b"WINEPREFIX=" + os.fsencode(path)
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                pids.append(int(entry.name))
    return pids


def quote(value: object) -> str:
    """A value as pnpctl's grammar takes it, whatever is in it but NUL."""
    units = str(value).encode("utf-16-le", "surrogatepass")
    out = []
    for low, high in zip(units[::2], units[1::2]):
        unit = low | high << 8
        if unit in (0x22, 0x5C):
            out.append("\\" + chr(unit))
        else:
            out.append(chr(unit) if 0x20 <= unit < 0x7F else f"\\u{unit:04x}")
    return '"' + "".join(out) + '"'


class Pnp:
    """The boards of a prefix, and the part of usbipd-win that lives in the registry.

    `folder` holds pnpbus.sys and pnpctl.exe. Keywords of plug and com are those of
    `pnpctl.exe --help`. Every call returns when Windows has acted on it; raises WineError."""

    def __init__(self, prefix: WinePrefix, folder: Path | str) -> None:
        self._prefix = prefix
        self._folder = Path(folder)
        self._server: subprocess.Popen[bytes] | None = None
        self._answers: LineStream | None = None
        self._lock = threading.Lock()  # one request at a time, from whatever thread

    def __enter__(self) -> Pnp:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Installs the driver in the prefix and starts the control program."""
        driver = self._prefix.windows_path(self._folder / "pnpbus.sys")
        self._prefix.run(self._folder / "pnpctl.exe", "install", driver)
        self._server = self._prefix.spawn(self._folder / "pnpctl.exe", "serve", stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._server.stdout
        self._answers = LineStream(self._server.stdout)
        self._answer("serve")

    def stop(self) -> None:
        """Ends the control program. Boards that are plugged in stay until the prefix stops."""
        if not self._server:
            return
        assert self._server.stdin
        with contextlib.suppress(OSError):
            self._server.stdin.close()
        try:
            self._server.wait(ANSWER_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def request(self, verb: str, **fields: object) -> Any:
        """One request; returns its JSON, or None if the answer has none."""
        words = [verb] + [f"{key}={quote(value)}" for key, value in fields.items()]
        return self.request_line(" ".join(words))

    def request_line(self, line: str) -> Any:
        """One request, spelt out by the caller."""
        if not self._server:
            raise WineError("pnpctl is not started")
        assert self._server.stdin
        with self._lock:
            self._server.stdin.write(line.encode() + b"\n")
            self._server.stdin.flush()
            return self._answer(line)

    def plug(self, device_id: str, instance: str, **fields: object) -> str:
        """Plugs a board in; returns its full instance id, which names it from then on."""
        self.request("plug", id=device_id, instance=instance, **fields)
        return f"{device_id}\\{instance}"

    def unplug(self, instance: str) -> None:
        self.request("unplug", instance=instance)

    def com(self, instance: str, port: str, **fields: object) -> None:
        """Gives a board its COM port, later than the board itself."""
        self.request("com", instance=instance, com=port, **fields)

    def com_gone(self, instance: str) -> None:
        self.request("com-gone", instance=instance)

    def interface(self, instance: str, interface_class: str, state: bool) -> None:
        """Switches one interface ("usb" or "com") of any node."""
        self.request("interface", **{"instance": instance, "class": interface_class,
                                     "state": "on" if state else "off"})

    def notice(self, what: str, interface_class: str, instance: str) -> None:
        """Tells every window of an "arrival" or "removal" once more, whatever is true, with the id as it is spelt here."""
        self.request("notice", **{"what": what, "class": interface_class, "instance": instance})

    def list(self) -> list[dict[str, str | None]]:
        return self.request("list")

    def usbipd(self, **fields: object) -> None:
        """Makes usbipd-win look installed."""
        self.request("usbipd", **fields)

    def bind(self, instance: str, description: str) -> str:
        """Shares a board in usbipd-win's registry; returns the guid of its entry."""
        return self.request("bind", instance=instance, desc=description)["guid"]

    def unbind(self, instance: str) -> None:
        self.request("unbind", instance=instance)

    def sharing(self, instance: str, busid: str, hardware: str) -> dict[str, Any]:
        """Whether usbipd-win may export a board: its entry's "guid" or None, and whether the policy has it "allowed"."""
        return self.request("sharing", instance=instance, busid=busid, hardware=hardware)

    def attached(self, instance: str, stub: str, busid: str, address: str) -> None:
        """usbipd-win notes who has a board."""
        self.request("attached", instance=instance, stub=stub, busid=busid, address=address)

    def released(self, instance: str) -> None:
        self.request("released", instance=instance)

    def policy(self, effect: str, **fields: object) -> None:
        """A rule of usbipd-win's policy; fields: busid, hardware."""
        self.request("policy", effect=effect, **fields)

    def forget_policy(self) -> None:
        self.request("policy-forget")

    def service(self, runs: bool, port: int | None = None) -> None:
        """Whether usbipd-win's service seems to run: the mutex that it holds. usbipd.exe finds it at the port."""
        self.request("service", state="on" if runs else "off", **({"port": port} if port else {}))

    def rights(self, who: str) -> None:
        """Who runs usbipd.exe from now on: "admin", "user" (who may not bind) or "cancelled" (whom Ctrl-C ends)."""
        self.request("rights", **{"as": who})

    def resume(self) -> None:
        """Windows tells its programs that the machine slept and is awake again."""
        self.request("resume")

    def handles(self, image: str) -> int:
        """The number of handles that the one process of that image has open."""
        return self.request("handles", image=image)["handles"]

    @contextlib.contextmanager
    def plugged(self, device_id: str, instance: str, **fields: object) -> Iterator[str]:
        """A board that is there for the length of a block."""
        board = self.plug(device_id, instance, **fields)
        try:
            yield board
        finally:
            self.unplug(board)

    def _answer(self, line: str) -> Any:
        assert self._answers
        try:
            answer = self._answers.next(ANSWER_LIMIT_S)
        except TimeoutError:
            raise WineError(f"pnpctl: no answer to {line}") from None
        if answer is None:
            raise WineError(f"pnpctl ended at {line}")
        status, _, rest = answer.partition(" ")
        if status != "ok":
            raise WineError(f"pnpctl: {line}: {rest}")
        return json.loads(rest) if rest else None


def main() -> int:
    parser = argparse.ArgumentParser(description="Wine prefixes for the lab.")
    verbs = parser.add_subparsers(dest="verb")
    run = verbs.add_parser("run", help="run a command in the environment of a prefix of its own")
    run.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.verb:
        WinePrefix().ensure_template()
        return 0
    with WinePrefix() as prefix:
        return subprocess.run(arguments.command, env=prefix.env(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

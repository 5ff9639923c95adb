"""A distribution of the lab's WSL: a name that wsl.exe knows, and a Debian in a VM of its own, whose disk outlives each stop.

What real WSL does when one starts is done here too: the command of /etc/wsl.conf's section [boot] runs as root, and Windows'
programs can be run from /mnt/c. What a stop does is power_off.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "vm")]

from vm import Forward, Vm, VmError, VmProcess  # noqa: E402

START_LIMIT_S = 120.0
INTEROP_LIMIT_S = 60.0
NO_SUCH_USER = 213  # the exit code of a script, and no program's
ARGUMENT_MARK = "\x1f"
INTEROP = "/run/lab-interop"

# A Windows program under /mnt/c. It asks through FIFOs, which work without the network and where the file system is read-only.
INTEROP_SCRIPT = f"""#!/bin/sh
exec 9<{INTEROP}/lock
flock 9
{{
    printf '%s' "$0"
    [ $# -eq 0 ] || printf '\\037%s' "$@"
    echo
}} >{INTEROP}/request
exec <{INTEROP}/reply
read -r code
cat
exit "$code"
"""

# What a program of Windows, named as in the guest, does when the guest runs it: (exit code, output).
RunWindows = Callable[[list[str]], tuple[int, str]]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has. The VM takes it soon after."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def boot_command(wsl_conf: str) -> str | None:
    """The command of the section [boot], as far as WSL's own reader needs to be understood here: quotes around the whole value,
    and a backslash before any character of it."""
    section, command = "", None
    for line in wsl_conf.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]").strip().lower()
            continue
        key, equals, value = line.partition("=")
        if section != "boot" or not equals or key.strip().lower() != "command":
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        command = value
    return command or None


def command_script(name: str, user: str, folder: str, words: list[str], shell: bool) -> str:
    """A script that becomes the command: no shell sees its words unless `shell`. The user's environment is a new one."""
    action = 'exec sh -c "$*"' if shell else (
        'command -v "$1" >/dev/null || { echo "<3>WSL ($$) ERROR: CreateProcessCommon: execvpe($1) failed: No such file or directory"'
        ' >&2; exit 1; }; exec "$@"'
    )
    enter = "cd ~" if folder == "~" else f"cd {shlex.quote(folder)} || cd /"
    inner = shlex.quote(f"{enter}; {action}")
    return (
        f"user={shlex.quote(user)}; entry=$(getent passwd \"$user\") || exit {NO_SUCH_USER}; "
        "home=${entry%:*}; home=${home##*:}; "
        'exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups env -i "HOME=$home" "USER=$user" "LOGNAME=$user" '
        f"SHELL=/bin/bash LANG=C.UTF-8 TERM=xterm PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
        f"WSL_DISTRO_NAME={shlex.quote(name)} sh -c {inner} sh {shlex.join(words)}"
    )


class Distribution:
    """version: 1 or 2. machine: whether a VM is behind it; systemd: whether that has systemd. running: whether it is started with
    the lab. files: what its disk has besides Debian, destination to source. A distribution without a machine is whatever `state`
    says, and nothing can be run in it.

    port: of the machine's 127.0.0.1, which leads to the same port of the guest's 127.0.0.1 while it runs, as WSL's relay does.
    starts: how often it was started. windows_programs: which files below /mnt/c can be run, by their paths in the guest."""

    def __init__(
        self, name: str, version: int = 2, systemd: bool = False, machine: bool = True, running: bool = False,
        state: str = "Stopped", default_user: str = "user", files: Mapping[str, Path | str] | None = None,
        windows_programs: tuple[str, ...] = (), reaches_windows: bool = True,
    ) -> None:
        self.name = name
        self.version = version
        self.starts_with_lab = running and machine
        self.default_user = default_user
        self.windows_programs = windows_programs
        self.run_windows: RunWindows = lambda words: (1, "no Windows is there\n")
        self.port = free_port() if machine else 0
        self.starts = 0
        self.idle_s: float | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.vm = Vm(debian=True, systemd=systemd, persistent=True, reaches_machine=reaches_windows) if machine else None
        self._files = files or {}
        self._state = state
        self._has_booted = False
        self._lock = threading.RLock()  # for starting and stopping
        self._sessions = 0
        self._idle: threading.Timer | None = None
        self._interop: VmProcess | None = None

    @property
    def state(self) -> str:
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        self.on_change()

    @property
    def sessions(self) -> int:
        """How many commands of wsl.exe run in it."""
        return self._sessions

    def start(self) -> None:
        """Boots it unless it runs. Raises VmError if it cannot."""
        with self._lock:
            if self.vm is None:
                self.starts += 1
                raise VmError(f"{self.name} has no machine")
            if self.state == "Running" and self.vm.is_running():
                return
            self.starts += 1
            if self._has_booted:
                self.vm.power_off()  # It may have ended by itself.
                self.vm.power_on(START_LIMIT_S)
            else:
                self.vm.start(self._files, [Forward(self.port, self.port, True)], START_LIMIT_S)
            self._has_booted = True
            self._set_up()
            self.state = "Running"
            self._watch_idle()

    def script(self, user: str | None, folder: str, words: list[str], shell: bool) -> str:
        """What runs in its machine for a command of wsl.exe; user None is the default one."""
        return command_script(self.name, user or self.default_user, folder, words, shell)

    def stop(self) -> None:
        """Ends everything that runs in it. Its disk stays."""
        with self._lock:
            if self._idle:
                self._idle.cancel()
            if self.vm is not None:
                self.vm.power_off()
            if self._interop:
                self._interop.close()
                self._interop = None
            self.state = "Stopped"

    def close(self) -> None:
        """For good: its disk goes too."""
        self.stop()
        if self.vm is not None:
            self.vm.stop()

    def reboot(self) -> None:
        """Ends its services in order and starts it anew, as a restart of Windows does."""
        with self._lock:
            assert self.vm is not None
            self.vm.reboot(START_LIMIT_S)
            self.starts += 1
            self._set_up()

    def _set_up(self) -> None:
        """What WSL does when a distribution has started."""
        assert self.vm is not None
        for program in self.windows_programs:
            # Each in a tmpfs at /mnt/c, so that the disk has none of it.
            self.vm.run(
                "mountpoint -q /mnt/c || { mkdir -p /mnt/c && mount -t tmpfs tmpfs /mnt/c; }; "
                f"mkdir -p {shlex.quote(str(Path(program).parent))} && cat >{shlex.quote(program)} && chmod 755 {shlex.quote(program)}",
                stdin=INTEROP_SCRIPT.encode(), check=True,
            )
        if self.windows_programs:
            self._serve_interop()
        command = boot_command(self.vm.run("cat /etc/wsl.conf 2>/dev/null")[1])
        if command:
            # WSL does not wait for it either.
            self.vm.run(f"setsid sh -c {shlex.quote(command)} </dev/null >/dev/null 2>&1 &", check=True)

    def _serve_interop(self) -> None:
        assert self.vm is not None
        self.vm.run(
            f"mkdir -p {INTEROP} && cd {INTEROP} && rm -f request reply && mkfifo -m 666 request reply && touch lock", check=True
        )
        # Open for both, so that it does not see an end between two requests.
        self._interop = self.vm.popen(f"exec cat 0<>{INTEROP}/request")
        threading.Thread(target=self._answer_interop, args=(self._interop,), daemon=True).start()

    def _answer_interop(self, requests: VmProcess) -> None:
        assert self.vm is not None
        with contextlib.suppress(VmError, OSError, ValueError):
            for line in requests.stdout:
                words = line.decode(errors="replace").rstrip("\n").split(ARGUMENT_MARK)
                try:
                    code, output = self.run_windows(words)
                except Exception as error:  # Whatever went wrong in Windows is what the guest's program is told.
                    code, output = 1, f"{error}\n"
                self.vm.run(f"cat >{INTEROP}/reply", stdin=f"{code}\n{output}".encode(), timeout=INTEROP_LIMIT_S)

    # Sessions, and what a distribution without any comes to.

    @contextlib.contextmanager
    def session(self):
        """A command of wsl.exe runs."""
        with self._lock:
            self._sessions += 1
            if self._idle:
                self._idle.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._sessions -= 1
                self._watch_idle()
            self.on_change()

    def set_idle(self, limit_s: float | None) -> None:
        """Stops it once it has had no session for so long; None: never."""
        with self._lock:
            self.idle_s = limit_s
            self._watch_idle()

    def _watch_idle(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None
        if self.idle_s is not None and self._sessions == 0 and self.state == "Running" and self.vm is not None:
            self._idle = threading.Timer(self.idle_s, self._stop_if_idle)
            self._idle.daemon = True
            self._idle.start()

    def _stop_if_idle(self) -> None:
        with self._lock:
            if self._idle is not None and self._sessions == 0 and self.state == "Running":
                self.stop()

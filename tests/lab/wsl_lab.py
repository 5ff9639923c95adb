"""Windows with WSL in it: a Wine prefix, usbipd-win, wsl.exe, and distributions that are VMs; and listings of what there is, to be
compared before and after something.

    with WslLab([Distribution("Ubuntu", systemd=True, running=True), Distribution("Old", version=1, machine=False)]) as lab:
        before = lab.windows_listing() | lab.guest_listing("Ubuntu")
        lab.prefix.run(program, "install", "--yes", env={"WSL_UTF8": "1"})
        print("\\n".join(differences(before, lab.windows_listing() | lab.guest_listing("Ubuntu"))))

wsl.exe is at C:\\windows\\system32\\wsl.exe. What the guest runs below /mnt/c is run in the prefix.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests/lab")]

from windows_side import LabError, WindowsSide  # noqa: E402
from wsl_distribution import Distribution  # noqa: E402
from wsl_service import Fault, WslService  # noqa: E402,F401

WSL_PROGRAM = ROOT / "build/windows/tests/lab/wsl/wsl.exe"
SYSTEM_FOLDER = "drive_c/windows/system32"
PORT_FILE = "drive_c/windows/wsl-lab-port.txt"
WSL_EXE = "C:\\windows\\system32\\wsl.exe"
NO_SUCH_PROGRAM = 127

# What each item of a listing is called, to what it is like.
Listing = dict[str, str]

# Every file of the distribution's own disk. What programs of Debian keep for themselves is of no interest, nor is the time of a
# folder. The content of small files counts where anybody may write; elsewhere their time tells.
GUEST_SCRIPT = r"""
cd /
find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/lib/systemd -o -path /lost+found \) -prune -o \
    -type f -printf 'file %p\tfile mode %m owner %U:%G size %s\n' -o -type l -printf 'file %p\tlink to %l owner %U:%G\n' -o \
    -printf 'file %p\ttype %y mode %m owner %U:%G\n'
find /usr -xdev -path /usr/local -prune -o -type f -printf 'time %p\t%T@\n'
find /etc /root /home /opt /srv /usr/local /var/log /var/spool -xdev -type f -size -128k -exec sha256sum {} + |
    while read -r hash file; do printf 'content %s\t%s\n' "$file" "$hash"; done
for file in /run/* /dev/ttyferry /dev/ttyferry/*; do
    [ -e "$file" ] && stat -c 'volatile %n%%%F mode %a owner %u:%g' "$file" | tr '%' '\t'
done
[ -d /run/systemd/system ] && systemctl list-unit-files --no-legend --no-pager |
    while read -r unit state; do printf 'unit %s\t%s\n' "$unit" "$state"; done
exit 0
"""


class WslLab(WindowsSide):
    """`with`, or start() and stop(). Only those distributions boot with it that are `running`."""

    def __init__(self, distributions: Sequence[Distribution], default: str | None = None) -> None:
        super().__init__()
        if not WSL_PROGRAM.exists():
            raise LabError(f"{WSL_PROGRAM} is missing: run scripts/build.sh windows")
        self.wsl = WslService(list(distributions), default)
        for distribution in distributions:
            distribution.run_windows = self.run_from_guest

    def _start_machines(self) -> None:
        self._stack.callback(self.wsl.stop)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            sides = [pool.submit(d.start) for d in self.wsl.distributions.values() if d.starts_with_lab]
            sides.append(pool.submit(self._start_windows))
            for side in sides:
                side.result()

    def _start_windows(self) -> None:
        super()._start_windows()
        self.wsl.start()
        self.install_wsl()

    def _in_prefix(self, path: str) -> Path:
        assert self.prefix.path
        return self.prefix.path / path

    def install_wsl(self) -> None:
        self._in_prefix(PORT_FILE).write_text(str(self.wsl.port))
        shutil.copy(WSL_PROGRAM, self._in_prefix(SYSTEM_FOLDER) / "wsl.exe")

    def remove_wsl(self) -> None:
        """A Windows without WSL."""
        (self._in_prefix(SYSTEM_FOLDER) / "wsl.exe").unlink()

    def distribution(self, name: str) -> Distribution:
        return self.wsl.distributions[name]

    def run_from_guest(self, words: list[str]) -> tuple[int, str]:
        """What Linux' /mnt/c/... is in Windows runs there: (exit code, output)."""
        drive_c = words[0].removeprefix("/mnt/c/")
        if drive_c == words[0] or not self._in_prefix("drive_c").joinpath(drive_c).exists():
            return NO_SUCH_PROGRAM, f"{words[0]}: not found\n"
        result = self.prefix.run("C:\\" + drive_c.replace("/", "\\"), *words[1:], check=False)
        return result.returncode, result.stdout + result.stderr

    def user_folder(self) -> Path:
        """C:\\users\\NAME."""
        (folder,) = (f for f in self._in_prefix("drive_c/users").iterdir() if f.name != "Public")
        return folder

    # What there is.

    def windows_listing(self) -> Listing:
        """The user's half of the registry, and the files below the user's folder."""
        return self._registry() | self._user_files()

    def _registry(self) -> Listing:
        with tempfile.TemporaryDirectory() as folder:
            export = Path(folder, "user.reg")
            self.prefix.run("reg.exe", "export", "HKCU", self.prefix.windows_path(export), "/y")
            return parse_registry(export.read_text("utf-16"))

    def _user_files(self) -> Listing:
        listing = {}
        user = self.user_folder()
        # Wine's links into the home of whoever runs this are not followed.
        for folder, folders, files in os.walk(user):
            for name in folders:
                listing[f"file {Path(folder, name).relative_to(user)}"] = "folder"
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    content = path.read_bytes()
                    listing[f"file {path.relative_to(user)}"] = f"size {len(content)} content {hashlib.sha256(content).hexdigest()}"
        return listing

    def guest_listing(self, name: str) -> Listing:
        """The files of a distribution that runs, on its disk and the ways to what it has in /run and /dev, and systemd's unit
        files."""
        vm = self.distribution(name).vm
        assert vm is not None
        _, text = vm.run(GUEST_SCRIPT, timeout=120, check=True)
        return {f"{name}: {item}": state for item, state in (line.split("\t", 1) for line in text.splitlines())}


def parse_registry(text: str) -> Listing:
    """What reg.exe exports, values by key and name; a key by itself is one too."""
    listing: Listing = {}
    key = ""
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("["):
            key = line.strip("[]")
            listing[f"registry {key}"] = "key"
        elif "=" in line:
            name, _, value = line.partition("=")
            listing[f"registry {key} {name}"] = value
    return listing


def differences(before: Listing, after: Listing) -> list[str]:
    """A line for each item that came (+), went (-) or changed (~); none if nothing did."""
    lines = [f"- {item}: {before[item]}" for item in before if item not in after]
    lines += [f"+ {item}: {after[item]}" for item in after if item not in before]
    lines += [f"~ {item}: {before[item]} -> {after[item]}" for item in before if item in after and before[item] != after[item]]
    return sorted(lines, key=lambda line: line[2:])


def expect_same(before: Listing, after: Listing, what: str) -> None:
    """Fails with everything that differs."""
    found = differences(before, after)
    if found:
        raise AssertionError(f"{what}: {len(found)} differences:\n" + "\n".join(found))

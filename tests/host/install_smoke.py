#!/usr/bin/python3
"""ttyferry.exe's install, uninstall and pair under Wine, against a wsl.exe that plays one distribution and a guest that the test plays.

What an installation that fails, or is removed, leaves behind is found by comparing the registry and the files with what was there before.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("lab", "host")]

from fake_guest import FakeGuest  # noqa: E402
from wine import WinePrefix  # noqa: E402

LIMIT_S = 90.0
SYSTEM32 = "drive_c/windows/system32"
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


class Rig:
    def __init__(self, prefix: WinePrefix, guest: FakeGuest, build: Path) -> None:
        assert prefix.path
        self.prefix, self.guest, self.build = prefix, guest, build
        self.drive = prefix.path / "drive_c"
        self.local = next(self.drive.glob("users/*/AppData/Local"))
        self.programs, self.data = self.local / "Programs" / "ttyferry", self.local / "ttyferry"
        stub = prefix.path / SYSTEM32 / "wsl.exe"
        stub.unlink(missing_ok=True)
        shutil.copy2(build / "tests" / "host" / "wsl_stub" / "wsl_stub.exe", stub)
        # As somebody has downloaded it for the second time: alone in its folder, and under another name.
        self.program = self.drive / "Downloads" / "ttyferry (1).exe"
        self.program.parent.mkdir()
        shutil.copy2(build / "ttyferry.exe", self.program)
        self.data.mkdir()
        (self.data / "config.json").write_text(json.dumps({"link": {"auth": "none", "port": guest.port, "transport": "tcp"}}))

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.prefix.run(self.program, *arguments, check=False, timeout_s=LIMIT_S)

    def guest_program(self, distribution: str = "Stub") -> bytes:
        """What is installed in the guest; nothing: b""."""
        path = self.drive / f"wsl-{distribution}-installed.bin"
        return path.read_bytes() if path.exists() else b""

    def guests(self) -> dict[str, bytes]:
        """What both distributions have of ours: the program, and what only a purge removes."""
        return {path.name: path.read_bytes() for path in self.drive.glob("wsl-*-*.bin") if not path.name.endswith("-placed.bin")}

    def fail_at(self, text: str) -> None:
        """The next calls of wsl.exe that have the text in them fail; "" ends that."""
        (self.drive / "wsl-fail.txt").write_text(text)

    def calls(self) -> str:
        path = self.drive / "wsl-calls.txt"
        return path.read_text() if path.exists() else ""

    def files(self) -> dict[str, bytes]:
        """Every file and folder below the user's own, with what is in it (but for the log, to which a running agent adds); the
        Wine server's temporary ones are not ours."""
        return {str(path.relative_to(self.local)): path.read_bytes() if path.is_file() and path.name != "agent.log" else b""
                for path in self.local.rglob("*") if "Temp" not in path.parts and path.name != "config.json"}

    def registry(self) -> list[str]:
        target = self.drive / "export.reg"
        target.unlink(missing_ok=True)
        self.prefix.run("reg.exe", "export", "HKCU", r"C:\export.reg")
        return target.read_text("utf-16").splitlines()

    def agents(self, word: bytes = b"") -> set[int]:
        """The processes of ttyferryw.exe whose command line has the word in it."""
        found = set()
        for pid in self.prefix.pids():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                found |= {pid} if b"ttyferryw.exe" in words and word in words else set()
        return found

    def windowless_programs(self) -> int:
        """How many there are of ttyferryw.exe by what Windows says: a Linux process is none of its own at once."""
        return self.prefix.run("wmic.exe", "process", "get", "Name").stdout.replace("\0", "").count("ttyferryw.exe")

    @contextlib.contextmanager
    def no_note(self):
        """install.json can't be written, which is a step behind the guest's setup."""
        (self.data / "install.new").mkdir()
        try:
            yield
        finally:
            (self.data / "install.new").rmdir()

    def crash_agent(self) -> None:
        self.prefix.crash_child("ttyferryw.exe", self.build / "tests" / "host" / "wsl_stub" / "end_process.exe")

    def expect(self, code: int, *arguments: str) -> str:
        result = self.verb(*arguments)
        assert result.returncode == code, f"{arguments}: {result.returncode}: {result.stdout}{result.stderr}"
        return result.stdout + result.stderr


@contextlib.contextmanager
def nothing_left(rig: Rig):
    files, registry, guests = rig.files(), rig.registry(), rig.guests()
    yield
    assert rig.files().keys() == files.keys(), f"{sorted(rig.files().keys() ^ files.keys())}"
    assert rig.files() == files, "a file has another content"
    assert rig.registry() == registry, f"{set(rig.registry()) ^ set(registry)}"
    assert rig.guests() == guests, f"{sorted(rig.guests())}, not {sorted(guests)}"


def failing_step_leaves_nothing(rig: Rig) -> None:
    for step in ("--list --verbose", "tee", "chmod", "sha256sum", ".ttyferry.new setup"):
        with nothing_left(rig):
            rig.fail_at(step)
            said = rig.expect(1, "install", "--yes")
            assert "failed" in said and "undone" in said, said
    rig.fail_at("")
    assert not rig.agents()


def failing_step_of_windows_leaves_nothing(rig: Rig) -> None:
    """A folder where a file shall be written makes the step fail, after which those before it are taken back."""
    for place in (rig.programs / "ttyferryw.exe.new", rig.programs / "ttyferry.exe.new", rig.data / "key", rig.data / "install.new"):
        made = [folder for folder in (place.parent.parent, place.parent) if not folder.exists()]
        place.mkdir(parents=True)
        with nothing_left(rig):
            said = rig.expect(1, "install", "--yes")
            assert "undone" in said, said
        place.rmdir()
        for folder in reversed(made):
            folder.rmdir()
    assert not rig.guest_program()


def guest_of_before_is_not_removed(rig: Rig) -> None:
    """A guest that was set up by hand: an installation that fails afterwards says that it stays as it has become."""
    installed = rig.drive / "wsl-Stub-installed.bin"
    installed.write_bytes(b"by hand")
    calls = len(rig.calls())
    with rig.no_note():
        said = rig.expect(1, "install", "--yes")
    assert "not everything is as it was before" in said and "set up before" in said and "undone" not in said, said
    assert installed.exists() and "--purge" not in rig.calls()[calls:], rig.calls()[calls:]
    installed.unlink()
    (rig.drive / "wsl-Stub-kept.bin").unlink()


def unknown_distribution_is_told(rig: Rig) -> None:
    with nothing_left(rig):
        said = rig.expect(1, "install", "--yes", "--distribution", "Nowhere")
        assert 'no distribution "Nowhere"' in said, said


def install_links(rig: Rig) -> None:
    said = rig.expect(0, "install", "--yes")
    assert "ok      wait for the link" in said, said
    assert {"ttyferry.exe", "ttyferryw.exe"} == {path.name for path in rig.programs.iterdir()}
    request = json.loads((rig.drive / "wsl-stdin.txt").read_text())
    assert request["key"] + "\n" == (rig.data / "key").read_text().replace("\r", ""), "the guest got another key"
    assert request["host_program"].endswith("ttyferry.exe")
    assert request["config"]["link"] == {"port": rig.guest.port, "auth": "none"}, request["config"]
    run = rig.prefix.run("reg.exe", "query", RUN_KEY, "/v", "ttyferry").stdout
    assert "agent --supervise" in run, run
    assert "Programs\\ttyferry" in rig.prefix.run("reg.exe", "query", r"HKCU\Environment", "/v", "Path").stdout


def install_again_upgrades(rig: Rig) -> None:
    before, key = rig.agents(), (rig.data / "key").read_text()
    rig.expect(0, "install", "--yes")
    assert before and not before & rig.agents(), "the old agent still runs"
    assert (rig.data / "key").read_text() == key
    assert {"ttyferry.exe", "ttyferryw.exe"} == {path.name for path in rig.programs.iterdir()}


def failing_upgrade_leaves_the_old_running(rig: Rig) -> None:
    before = rig.agents()
    with nothing_left(rig):
        rig.fail_at(".ttyferry.new setup")
        rig.expect(1, "install", "--yes")
        rig.fail_at("")
    assert rig.agents() == before, "the agent was touched"


def failing_upgrade_puts_the_old_guest_back(rig: Rig) -> None:
    """The old ttyferry.exe is one with another guest program inside: bytes of the same length, patched in."""
    new = rig.guest_program()
    old = new[:-8] + b"\0old\0old"
    installed = rig.programs / "ttyferry.exe"
    whole = installed.read_bytes()
    assert whole.count(new) == 1
    installed.write_bytes(whole.replace(new, old))
    (rig.drive / "wsl-Stub-installed.bin").write_bytes(old)
    before = rig.agents()
    with rig.no_note(), nothing_left(rig):
        said = rig.expect(1, "install", "--yes")
    assert "undone" in said and rig.guest_program() == old, said
    assert rig.agents() == before
    rig.expect(0, "install", "--yes")
    assert rig.guest_program() == new


def crashed_agent_is_started_again(rig: Rig) -> None:
    supervisor = rig.agents(b"--supervise")
    assert len(supervisor) == 1 and len(rig.agents()) == 2, rig.agents()
    rig.guest.forget()
    rig.crash_agent()
    rig.guest.next("(closed)")
    rig.guest.next("hello")  # The next agent's.
    assert rig.agents(b"--supervise") == supervisor
    log = (rig.data / "agent.log").read_text()
    assert "starting it again in 1000 ms" in log, log


def second_supervisor_ends_with_0(rig: Rig) -> None:
    before = rig.agents()
    rig.prefix.run(rig.programs / "ttyferryw.exe", "agent", "--supervise", timeout_s=LIMIT_S)
    assert rig.agents() == before


def link_that_does_not_come_is_explained(rig: Rig) -> None:
    greeting, rig.guest.greeting = rig.guest.greeting, None
    said = rig.expect(1, "install", "--yes")
    rig.guest.greeting = greeting
    assert "has not found the guest's within 30 s: no guest agent at 127.0.0.1:" in said, said


def config_of_the_user_stays(rig: Rig) -> None:
    before = (rig.data / "config.json").read_bytes()
    said = rig.expect(0, "install", "--yes", "--distribution", "stub")
    assert "left as it is" in said, said
    assert (rig.data / "config.json").read_bytes() == before


def renewal_changes_both_or_none(rig: Rig) -> None:
    before = (rig.data / "key").read_text()
    rig.fail_at("--key-only")
    assert "keep the old" in rig.expect(1, "pair", "--renew")
    assert (rig.data / "key").read_text() == before
    rig.fail_at("")
    rig.expect(0, "pair", "--renew")
    after = (rig.data / "key").read_text()
    assert after != before
    assert json.loads((rig.drive / "wsl-stdin.txt").read_text()) == {"key": after.strip()}


def uninstall_that_fails_goes_on_later(rig: Rig) -> None:
    rig.fail_at("--remove")
    rig.expect(1, "uninstall")
    rig.fail_at("")
    assert (rig.data / "install.json").exists()


def starting_agent_is_ended_too(rig: Rig) -> None:
    """A supervisor that has only just been started has no window and no agent yet: here it waits for the other one to end. The
    program must not stay because of it."""
    before = rig.windowless_programs()
    late = rig.prefix.spawn(rig.programs / "ttyferryw.exe", "agent", "--supervise", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while rig.windowless_programs() == before:
        pass
    assert late.poll() is None, "it has given up already"
    rig.expect(0, "uninstall")
    late.wait(LIMIT_S)
    assert not rig.agents(), "an agent still runs"
    assert not rig.programs.exists(), sorted(path.name for path in rig.programs.iterdir())


def uninstall_keeps_what_a_purge_removes(rig: Rig) -> None:
    assert not rig.agents() and not rig.guest_program(), "not uninstalled"
    assert {"config.json", "install.json", "key"} <= {path.name for path in rig.data.iterdir()}
    assert set(rig.guests()) == {"wsl-Stub-kept.bin"}, rig.guests().keys()
    with nothing_left(rig):
        assert "--purge removes" in rig.expect(1, "uninstall")
        assert "nothing is installed here" in rig.expect(1, "pair", "--renew")
        rig.fail_at(".ttyferry.new setup")
        rig.expect(1, "install", "--yes")
        rig.fail_at("")
    rig.expect(0, "install", "--yes")


def other_distribution_takes_over(rig: Rig) -> None:
    """One guest agent at a time: the former one goes before the new one comes."""
    calls = len(rig.calls())
    said = rig.expect(0, "install", "--yes", "--distribution", "other")
    assert "leave the former distribution: Stub;" in said, said
    assert not rig.guest_program() and rig.guest_program("Other")
    assert set(rig.guests()) == {"wsl-Stub-kept.bin", "wsl-Other-installed.bin", "wsl-Other-kept.bin"}, rig.guests().keys()
    assert said.index("end the agent") < said.index("leave the former"), said
    made = rig.calls()[calls:]
    assert made.index("setup --remove") < made.index(".ttyferry.new setup"), made


def failing_move_goes_back(rig: Rig) -> None:
    """Whether the former guest can't be left, or something fails after it has been. The agent, which was ended, runs again."""
    for fault in ("setup --remove", ""):
        with nothing_left(rig):
            rig.guest.forget()
            rig.fail_at(fault)
            with rig.no_note() if not fault else contextlib.nullcontext():
                said = rig.expect(1, "install", "--yes", "--distribution", "Stub")
            rig.fail_at("")
            assert "undone  everything" in said, said
            rig.guest.next("(closed)")
            rig.guest.next("hello", limit_s=LIMIT_S)


def removal_by_the_installed_program_leaves_what_the_next_removes(rig: Rig) -> None:
    """It can't remove itself while it runs, nor the folder; which is the next installation's to remove, though it was there before."""
    said = rig.prefix.run(rig.programs / "ttyferry.exe", "uninstall", timeout_s=LIMIT_S).stdout
    assert "renamed to *.old-*" in said, said
    assert {"ttyferry.exe.old-0"} == {path.name for path in rig.programs.iterdir()}
    rig.expect(0, "install", "--yes")
    assert {"ttyferry.exe", "ttyferryw.exe"} == {path.name for path in rig.programs.iterdir()}


CASES: tuple[Callable[[Rig], None], ...] = (
    failing_step_leaves_nothing, failing_step_of_windows_leaves_nothing, guest_of_before_is_not_removed, unknown_distribution_is_told, install_links, install_again_upgrades,
    failing_upgrade_leaves_the_old_running, failing_upgrade_puts_the_old_guest_back, crashed_agent_is_started_again, second_supervisor_ends_with_0,
    link_that_does_not_come_is_explained,
    config_of_the_user_stays, renewal_changes_both_or_none, uninstall_that_fails_goes_on_later, starting_agent_is_ended_too,
    uninstall_keeps_what_a_purge_removes, other_distribution_takes_over, failing_move_goes_back,
    removal_by_the_installed_program_leaves_what_the_next_removes,
)


def run_case(name: str, run: Callable[[], object]) -> bool:
    try:
        run()
    except Exception as error:  # noqa: BLE001: the next case shall run
        print(f"FAILED  {name}: {error}")
        return False
    print(f"ok      {name}", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "windows")
    arguments = parser.parse_args()
    passed = 0
    with WinePrefix() as prefix:
        rig = Rig(prefix, FakeGuest(), arguments.build)
        files, registry = rig.files(), rig.registry()

        def purge_leaves_nothing() -> None:
            rig.expect(0, "uninstall", "--purge")
            assert not rig.agents(), "an agent still runs"
            assert not rig.guests(), f"left in the guests: {sorted(rig.guests())}"
            assert rig.files() == files, f"{sorted(rig.files().keys() ^ files.keys())}"
            assert rig.registry() == registry, f"{set(rig.registry()) ^ set(registry)}"
            rig.expect(1, "uninstall")

        for case in CASES:
            passed += run_case(case.__name__, lambda case=case: case(rig))
        passed += run_case("purge_leaves_nothing", purge_leaves_nothing)
    total = len(CASES) + 1
    print(f"{passed} passed, {total - passed} failed")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
